/* The append-only record of everything that happened to orders: a hash chain (SM3), so that a changed or cut history shows. */
#ifndef TOOLS_ORDERD_ENGINE_EVENT_H
#define TOOLS_ORDERD_ENGINE_EVENT_H

#include "tools/orderd/engine/error.h"
#include "tools/orderd/store/db.h"

#include <jansson.h>
#include <stdint.h>

struct event {
    const char *order; /* internal id, or NULL for what belongs to no order */
    const char *actor; /* "user", "agent", "provider", "scheduler", "operator" */
    const char *type;  /* the transition's row and name, "T06 confirm" */
    json_t
        *data; /* strings and integers only; no secret, no personal data; borrowed, may be NULL */
    int64_t at_ms;
};

/* Append inside the caller's transaction. The row's hash covers every column and the hash before it. */
enum order_error event_append(struct db *db, const struct event *event);

/* Walk the whole chain. ORDER_OK with *count events; else ORDER_CONFLICT with *count the number of the first event that does not
 * verify (one more than the last event when the tail is missing). */
enum order_error event_verify(struct db *db, int64_t *count);

#endif
