/* What must be said to the outside because of a transition: written in the same transaction, delivered afterwards, at least once. */
#ifndef TOOLS_ORDERD_ENGINE_OUTBOX_H
#define TOOLS_ORDERD_ENGINE_OUTBOX_H

#include "tools/orderd/engine/error.h"
#include "tools/orderd/store/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum outbox_size { OUTBOX_TOPIC_SIZE = 48, OUTBOX_ATTEMPTS_MAX = 50 };

struct outbox_item {
    char id[33];
    char topic[OUTBOX_TOPIC_SIZE];
    json_t *payload; /* owned: outbox_item_clear */
    int64_t attempts;
};

/* Put an item into the caller's transaction. `payload` is borrowed. */
enum order_error outbox_put(struct db *db, const char *topic, const json_t *payload,
                            int64_t now_ms);

/* Take the oldest due item for one attempt: its next attempt is set ahead first (1 s, 2 s, 4 s ... 5 min), so that a crash during
 * the delivery only delays. ORDER_NOT_FOUND when none is due. The caller clears *item. */
enum order_error outbox_take(struct db *db, int64_t now_ms, struct outbox_item *item);

/* Is this item being delivered for the first time? It is noted as delivered in the caller's transaction, together with what it does. */
enum order_error outbox_first(struct db *db, const char *id, bool *first);

/* The item has been delivered (or never can be). */
enum order_error outbox_done(struct db *db, const char *id);

void outbox_item_clear(struct outbox_item *item);

#endif
