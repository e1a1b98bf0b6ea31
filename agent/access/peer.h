/* Which user is at the other end of a loopback connection: asked of the kernel. */
#ifndef AGENT_ACCESS_PEER_H
#define AGENT_ACCESS_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Find the connection's other end (its socket is bound to `address`:`port` and connected to our loopback address at
 * `local_port`) in /proc/net/tcp and tcp6, and write its owner's uid. False when it is not there, is closing without an owner, or
 * the tables cannot be read: the caller then refuses the connection. `address` is numeric, "127.0.0.1" or "::1". */
bool peer_find_uid(const char *address, uint16_t port, uint16_t local_port, uid_t *uid);

#endif
