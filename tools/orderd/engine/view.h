/* Orders, certificates and sessions as the API shows them. */
#ifndef TOOLS_ORDERD_ENGINE_VIEW_H
#define TOOLS_ORDERD_ENGINE_VIEW_H

#include "tools/orderd/engine/caller.h"

#include <jansson.h>

/* The order object of docs/api/orderd.yaml, in the caller's language, and masked where the caller may not see personal data; *out is the
 * caller's. */
enum order_error view_order(const struct engine *engine, struct db *db, const struct order *order,
                            const struct caller *caller, json_t **out);

/* {id, serial, subject, notBefore, notAfter, state}; NULL when memory is out. */
json_t *view_certificate(const struct certificate_record *record);

/* What the portal offers: {id, title, flows: [{kind, subjects, gates: [{name, title, asked}]}]}; NULL when memory is out. */
json_t *view_portal(const struct engine *engine, enum language language);

/* A state as the portal calls it; of an order that waits at a gate, and whose portal has no word for that, the gate's (R054). */
const char *view_order_words(const struct engine *engine, const struct order *order,
                             enum language language);
const char *view_state_words(const struct engine *engine, enum order_state state,
                             enum language language);

/* RFC 3339 of a time as a JSON string. */
json_t *view_time(int64_t seconds);

/* "YYYY-MM-DD" of the Shanghai day. */
json_t *view_date(int64_t seconds);

#endif
