/* See outbox.h. */
#include "tools/orderd/engine/outbox.h"

#include "tools/orderd/engine/identifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum order_error outbox_put(struct db *db, const char *topic, const json_t *payload,
                            int64_t now_ms) {
    char id[ID_SIZE];
    char *text = json_dumps(payload, JSON_COMPACT | JSON_SORT_KEYS);
    enum order_error error = ORDER_INTERNAL;
    if (text != NULL && identifier_random(id)) {
        error =
            order_error_of(db_run(db, NULL,
                                  "INSERT INTO outbox (id, topic, payload, not_before, created) "
                                  "VALUES ($1, $2, $3, $4, $4)",
                                  "ttti", id, topic, text, now_ms));
    }
    free(text);
    return error;
}

static int64_t delay_ms(int64_t attempts) {
    int64_t seconds = attempts < 8 ? (int64_t)1 << attempts : 300;
    return seconds * 1000;
}

static enum order_error read_due(struct db *db, int64_t now_ms, struct outbox_item *item) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows,
                 "SELECT id, topic, payload, attempts FROM outbox WHERE done = 0 AND "
                 "not_before <= $1 ORDER BY not_before, created LIMIT 1",
                 "i", now_ms);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    if (error == ORDER_OK) {
        snprintf(item->id, sizeof item->id, "%s", db_text(rows, 0));
        snprintf(item->topic, sizeof item->topic, "%s", db_text(rows, 1));
        item->payload = json_loads(db_text(rows, 2), 0, NULL);
        item->attempts = db_int(rows, 3) + 1;
        error = item->payload == NULL ? ORDER_INTERNAL : ORDER_OK;
    }
    db_end(rows);
    return error;
}

enum order_error outbox_take(struct db *db, int64_t now_ms, struct outbox_item *item) {
    memset(item, 0, sizeof *item);
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = read_due(db, now_ms, item);
    }
    if (error == ORDER_OK) {
        /* after the last attempt the item stays, with done = 0 but never due, for an operator to see */
        int64_t next = item->attempts >= OUTBOX_ATTEMPTS_MAX
                           ? INT64_MAX
                           : now_ms + delay_ms(item->attempts - 1);
        error = order_error_of(
            db_run(db, NULL, "UPDATE outbox SET attempts = $2, not_before = $3 WHERE id = $1",
                   "tii", item->id, item->attempts, next));
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    if (error != ORDER_OK) {
        db_rollback(db);
        outbox_item_clear(item);
    }
    return error;
}

enum order_error outbox_done(struct db *db, const char *id) {
    return order_error_of(
        db_run(db, NULL,
               /* what was said to people is not kept, not even sealed (R176) */
               "UPDATE outbox SET done = 1, payload = CASE WHEN topic = 'message' THEN '{}' ELSE "
               "payload END WHERE id = $1",
               "t", id));
}

void outbox_item_clear(struct outbox_item *item) {
    json_decref(item->payload);
    memset(item, 0, sizeof *item);
}

enum order_error outbox_first(struct db *db, const char *id, bool *first) {
    int64_t changed = 0;
    enum order_error error = order_error_of(
        db_run(db, &changed, "UPDATE outbox SET done = 1 WHERE id = $1 AND done = 0", "t", id));
    *first = changed == 1;
    return error;
}
