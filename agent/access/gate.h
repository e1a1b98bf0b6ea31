/* Every request's way in: Host, peer, origin, CORS, media type, rate, session, in this order. */
#ifndef AGENT_ACCESS_GATE_H
#define AGENT_ACCESS_GATE_H

#include "agent/http/http.h"

/* The server's `before` hook; its context is the struct agent. False means that the request has been answered. */
bool gate_before(struct http_request *request);

#endif
