/* The agent's state folder: one agent at a time works in it, and other programs can find that one. */
#ifndef AGENT_STATE_FOLDER_H
#define AGENT_STATE_FOLDER_H

#include <sys/types.h>

/* Make the folder, check that it is ours alone, and lock it. The lock's descriptor, or -1: the log says why. */
int state_folder_take(const char *folder);

/* The process that has taken the folder, as the kernel knows it; 0: none. */
pid_t state_folder_owner(const char *folder);

#endif
