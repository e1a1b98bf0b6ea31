/* Where the agent listens: the first port of its list that it can have, on both loopback addresses. */
#ifndef AGENT_PORT_H
#define AGENT_PORT_H

#include "agent/config.h"
#include "agent/http/http.h"

/* Start the server on the first free port of the configuration (0 there: any free port). A port that another UKey agent holds
 * (another user's) is passed over quietly, one that a stranger holds loudly. On success *port is set. `options->listen` is
 * filled in here. -1: no port could be had, or the server cannot start; the log says why. */
int port_listen(const struct agent_config *config, struct http_server_options *options,
                struct http_server **server, uint16_t *port);

#endif
