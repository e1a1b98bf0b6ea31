/* ukey-agent trust install|status|remove */
#ifndef AGENT_TRUST_COMMAND_H
#define AGENT_TRUST_COMMAND_H

/* The arguments after "trust". Exit status: 0 done (status: installed everywhere), 1 not, 2 usage. */
int trust_command(int argc, char **argv);

#endif
