/* The Host header, against DNS rebinding. */
#ifndef AGENT_ACCESS_HOST_H
#define AGENT_ACCESS_HOST_H

#include <stdbool.h>
#include <stdint.h>

/* True if `host` (NULL: missing) is exactly "localhost", "127.0.0.1" or "[::1]", and ":port". */
bool host_is_ours(const char *host, uint16_t port);

#endif
