/* ukey sim exec: a program with ready keys. */
#ifndef TOOLS_UKEY_SIM_EXEC_H
#define TOOLS_UKEY_SIM_EXEC_H

#include <stdbool.h>
#include <stddef.h>

/* Runs what follows "exec" on the command line. Returns the exit status; when the command was ended by a signal, ends by
 * the same. */
int sim_exec(char **argv);

/* `relative` to the folder of this program. False: the folder is not known. */
bool sim_beside(const char *relative, char *out, size_t size);

#endif
