/* GET /v1/events: what happens in the agent, told to the pages that have a session. */
#ifndef AGENT_API_EVENTS_H
#define AGENT_API_EVENTS_H

#include <jansson.h>
#include <stdint.h>

#include "agent/http/http.h"

struct agent;
struct events;

extern const struct http_websocket_route events_websocket_route[];

struct events *events_new(struct agent *agent);
void events_free(struct events *events);

/* Tell every listening session, e.g. {"type":"token","action":"inserted","token":{...}}. Thread-safe, does not block; takes
 * over the reference. */
void event_publish(struct events *events, json_t *message);
/* Tell the listeners of one session only (a job belongs to the session's origin: see event_publish_origin). */
void event_publish_session(struct events *events, uint64_t session_id, json_t *message);
/* Tell the listening sessions of one origin, e.g. {"type":"job","job":{...}}. */
void event_publish_origin(struct events *events, const char *origin, json_t *message);
/* This origin may not listen any more: its connections are closed. */
void events_close_origin(struct events *events, const char *origin);
/* The session has ended: tell its listeners {"type":"session","state":"ended"} and close them. */
void events_session_ended(struct events *events, uint64_t session_id);
/* Close listeners that have not shown a session within 5 s. To be called about once a second. */
void events_expire(struct events *events);

#endif
