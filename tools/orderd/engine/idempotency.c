/* See idempotency.h. */
#include "tools/orderd/engine/idempotency.h"

#include "tools/orderd/engine/identifier.h"

#include <stdlib.h>
#include <string.h>

static bool request_hash(const json_t *request, char out[DIGEST_HEX_SIZE]) {
    char *text = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);
    bool made = text != NULL && digest_sha256_hex(text, strlen(text), out);
    free(text);
    return made;
}

enum order_error idempotency_find(struct db *db, const struct idempotency *what, int64_t now_ms,
                                  json_t **response) {
    char hash[DIGEST_HEX_SIZE];
    struct db_rows *rows = NULL;
    *response = NULL;
    if (!request_hash(what->request, hash)) {
        return ORDER_INTERNAL;
    }
    enum db_result result = db_query(db, &rows,
                                     "SELECT request_hash, response FROM idempotency WHERE "
                                     "account = $1 AND key = $2 AND expires > $3",
                                     "tti", what->account, what->key, now_ms);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_OK : order_error_of(result);
    if (result == DB_OK && strcmp(db_text(rows, 0), hash) != 0) {
        error = ORDER_IDEMPOTENCY_REUSED;
    } else if (result == DB_OK) {
        *response = json_loads(db_text(rows, 1), 0, NULL);
        error = *response != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    db_end(rows);
    return error;
}

enum order_error idempotency_keep(struct db *db, const struct idempotency *what,
                                  const json_t *response, int64_t now_ms) {
    char hash[DIGEST_HEX_SIZE];
    char *text = json_dumps(response, JSON_COMPACT);
    enum order_error error = ORDER_INTERNAL;
    if (text != NULL && request_hash(what->request, hash)) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO idempotency (account, key, request_hash, response, expires) "
                   "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, key) DO UPDATE SET "
                   "request_hash = $3, response = $4, expires = $5",
                   "tttti", what->account, what->key, hash, text,
                   now_ms + (int64_t)IDEMPOTENCY_HOURS * 3600 * 1000));
    }
    free(text);
    return error;
}
