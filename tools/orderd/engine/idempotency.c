/* See idempotency.h. */
#include "tools/orderd/engine/idempotency.h"

#include "tools/orderd/engine/identifier.h"

#include <stdlib.h>
#include <string.h>

static const char SEALED_AS[] = "answer"; /* what the vault calls it */

static enum order_error request_hash(const struct engine *engine, const json_t *request,
                                     char out[DIGEST_HEX_SIZE]) {
    char *text = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);
    enum order_error error =
        text != NULL ? vault_hash(engine->vault, "request", text, out) : ORDER_INTERNAL;
    vault_free(text);
    return error;
}

enum order_error idempotency_find(const struct engine *engine, struct db *db,
                                  const struct idempotency *what, int64_t now_ms,
                                  json_t **response) {
    char hash[DIGEST_HEX_SIZE];
    struct db_rows *rows = NULL;
    *response = NULL;
    enum order_error error = request_hash(engine, what->request, hash);
    if (error != ORDER_OK) {
        return error;
    }
    enum db_result result = db_query(db, &rows,
                                     "SELECT request_hash, response FROM idempotency WHERE "
                                     "account = $1 AND key = $2 AND expires > $3",
                                     "tti", what->account, what->key, now_ms);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    error = result == DB_DONE ? ORDER_OK : order_error_of(result);
    if (result == DB_OK && strcmp(db_text(rows, 0), hash) != 0) {
        error = ORDER_IDEMPOTENCY_REUSED;
    } else if (result == DB_OK) {
        error = vault_unseal_json(engine->vault, SEALED_AS, db_text(rows, 1), response);
    }
    db_end(rows);
    return error;
}

enum order_error idempotency_keep(const struct engine *engine, struct db *db,
                                  const struct idempotency *what, const json_t *response,
                                  int64_t now_ms) {
    char hash[DIGEST_HEX_SIZE];
    char *sealed = NULL;
    enum order_error error = request_hash(engine, what->request, hash);
    if (error == ORDER_OK) {
        error = vault_seal_json(engine->vault, SEALED_AS, response, &sealed);
    }
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO idempotency (account, key, request_hash, response, expires) "
                   "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, key) DO UPDATE SET "
                   "request_hash = $3, response = $4, expires = $5",
                   "tttti", what->account, what->key, hash, sealed,
                   now_ms + (int64_t)IDEMPOTENCY_HOURS * 3600 * 1000));
    }
    free(sealed);
    return error;
}
