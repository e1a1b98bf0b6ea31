/* A listening unix socket of our own: made over a stale one, refused over a living one, removed at the end. */
#ifndef FIRMWARE_PORTS_LISTENER_H
#define FIRMWARE_PORTS_LISTENER_H

#include <stdbool.h>

/* Listens at path, for our user alone (mode 0600). Returns the descriptor, or -1 with errno (EADDRINUSE: another process
 * answers there). */
int listener_open(const char *path);
void listener_close(int fd, const char *path);

/* Makes the directories of a socket's default place, private to our user. False with errno. */
bool listener_make_directory(const char *path);

#endif
