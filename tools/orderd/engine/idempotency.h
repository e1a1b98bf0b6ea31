/* The same request twice has one effect and one answer: Idempotency-Key, kept for a day. Answers hold personal data: they are kept under
 * seal, requests as a keyed hash. */
#ifndef TOOLS_ORDERD_ENGINE_IDEMPOTENCY_H
#define TOOLS_ORDERD_ENGINE_IDEMPOTENCY_H

#include "tools/orderd/engine/engine.h"

#include <jansson.h>
#include <stdint.h>

enum idempotency_size { IDEMPOTENCY_KEY_MAX = 128, IDEMPOTENCY_HOURS = 24 };

struct idempotency {
    const char
        *account; /* keys of different accounts (or of different states of an order) do not meet */
    const char *key;
    const json_t *request; /* what must be the same the second time */
};

/* Inside the caller's transaction. ORDER_OK and *response NULL: not seen before, go on. ORDER_OK with *response: the first answer,
 * the caller's. ORDER_IDEMPOTENCY_REUSED: the key came with another request. */
enum order_error idempotency_find(const struct engine *engine, struct db *db,
                                  const struct idempotency *what, int64_t now_ms,
                                  json_t **response);

/* Keep the answer, in the same transaction as the effect. */
enum order_error idempotency_keep(const struct engine *engine, struct db *db,
                                  const struct idempotency *what, const json_t *response,
                                  int64_t now_ms);

#endif
