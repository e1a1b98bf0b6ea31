/* ukey-agent audit verify|list */
#ifndef AGENT_AUDIT_COMMAND_H
#define AGENT_AUDIT_COMMAND_H

/* The arguments after "audit". Exit status: 0 unbroken, 1 not, or there is no journal, 2 usage. */
int audit_command(int argc, char **argv);

#endif
