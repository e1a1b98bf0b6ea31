/* The service's keys that sign task documents, and their roll-over (order-domain.md 5): the next key is published long before it signs,
 * the last one for as long as what it signed is good. So agents that pin the published keys never meet an unknown one. */
#ifndef TOOLS_ORDERD_ENGINE_TASK_KEY_H
#define TOOLS_ORDERD_ENGINE_TASK_KEY_H

#include "tools/orderd/engine/engine.h"
#include "tools/orderd/engine/error.h"

#include <jansson.h>

/* Make the present and the next key where they are missing; in the caller's transaction. */
enum order_error task_key_ensure(const struct engine *engine, struct db *db);

/* Sign a task's payload with the present key; *jws is the caller's (free). ORDER_INTERNAL when there is none. */
enum order_error task_key_sign(const struct engine *engine, struct db *db, const json_t *payload,
                               char **jws);

/* The JWK set (RFC 7517): the present key, the next one, then the last ones whose tasks have not all expired. */
enum order_error task_key_publish(const struct engine *engine, struct db *db, json_t **set);

/* The next key becomes the present one, another is made as the next, the private key of the old one is forgotten; with an event.
 * `actor` as in event.h. A transaction of its own. */
enum order_error task_key_roll(const struct engine *engine, struct db *db, const char *actor);

/* Roll over when the present key is older than engine->task_key_days (0: never), and drop last keys that nothing needs. */
enum order_error task_key_sweep(const struct engine *engine, struct db *db, bool *rolled);

#endif
