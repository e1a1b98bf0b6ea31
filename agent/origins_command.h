/* ukey-agent origins list|revoke|deny|forget */
#ifndef AGENT_ORIGINS_COMMAND_H
#define AGENT_ORIGINS_COMMAND_H

/* The arguments after "origins". Exit status: 0 done, 1 not, 2 usage. */
int origins_command(int argc, char **argv);

#endif
