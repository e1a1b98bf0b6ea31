/* See task_key.h. */
#include "tools/orderd/engine/task_key.h"

#include "tools/orderd/engine/event.h"
#include "tools/orderd/engine/identifier.h"
#include "tools/orderd/engine/jws.h"
#include "tools/orderd/engine/task.h"

#include <stdio.h>
#include <stdlib.h>

enum { ABOUT_SIZE = 80, DAY_MS = 86400000 };

/* What a key signed last is good for one lease. */
static const int64_t last_ms = (int64_t)TASK_LEASE_SECONDS * 1000;

static void about_of(const char *kid, char about[ABOUT_SIZE]) {
    snprintf(about, ABOUT_SIZE, "task key %s", kid);
}

/* ---- making ---- */

static enum order_error seal_key(const struct engine *engine, EVP_PKEY *key, const char *kid,
                                 char **sealed) {
    char about[ABOUT_SIZE];
    char *pem = NULL;
    about_of(kid, about);
    enum order_error error =
        jws_key_write(key, &pem) ? vault_seal(engine->vault, about, pem, sealed) : ORDER_INTERNAL;
    vault_free(pem);
    return error;
}

static enum order_error make_key(const struct engine *engine, struct db *db, const char *state) {
    char kid[JWS_KID_SIZE];
    EVP_PKEY *key = NULL;
    char *sealed = NULL;
    json_t *jwk = jws_key_make(&key, kid) ? jws_key_public(key, kid) : NULL;
    char *text = jwk != NULL ? json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    enum order_error error = text != NULL ? seal_key(engine, key, kid, &sealed) : ORDER_INTERNAL;
    if (error == ORDER_OK) {
        error = order_error_of(db_run(db, NULL,
                                      "INSERT INTO task_keys (kid, state, jwk, sealed, since) "
                                      "VALUES ($1, $2, $3, $4, $5)",
                                      "tttti", kid, state, text, sealed, engine_now_ms(engine)));
    }
    vault_free(sealed);
    free(text);
    json_decref(jwk);
    EVP_PKEY_free(key);
    return error;
}

/* ORDER_NOT_FOUND when there is no key in this state. */
static enum order_error find_key(struct db *db, const char *state, char kid[JWS_KID_SIZE],
                                 int64_t *since_ms) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, "SELECT kid, since FROM task_keys WHERE state = $1", "t", state);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        snprintf(kid, JWS_KID_SIZE, "%s", db_text(rows, 0));
        *since_ms = db_int(rows, 1);
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

enum order_error task_key_ensure(const struct engine *engine, struct db *db) {
    static const char *const needed[] = {"PRESENT", "NEXT"};
    enum order_error error = ORDER_OK;
    for (size_t i = 0; i < 2 && error == ORDER_OK; i++) {
        char kid[JWS_KID_SIZE];
        int64_t since_ms = 0;
        error = find_key(db, needed[i], kid, &since_ms);
        error = error == ORDER_NOT_FOUND ? make_key(engine, db, needed[i]) : error;
    }
    return error;
}

/* ---- signing ---- */

static enum order_error open_present(const struct engine *engine, struct db *db, EVP_PKEY **key,
                                     char kid[JWS_KID_SIZE]) {
    char about[ABOUT_SIZE];
    char *pem = NULL;
    struct db_rows *rows = NULL;
    enum order_error error = order_error_of(
        db_query(db, &rows, "SELECT kid, sealed FROM task_keys WHERE state = 'PRESENT'", ""));
    if (error != ORDER_OK) {
        return error;
    }
    enum db_result result = db_next(rows);
    error = result == DB_DONE ? ORDER_INTERNAL : order_error_of(result);
    if (error == ORDER_OK) {
        about_of(db_text(rows, 0), about);
        error = vault_unseal(engine->vault, about, db_text(rows, 1), &pem);
    }
    db_end(rows);
    if (error == ORDER_OK && !jws_key_read(pem, key, kid)) {
        error = ORDER_INTERNAL;
    }
    vault_free(pem);
    return error;
}

enum order_error task_key_sign(const struct engine *engine, struct db *db, const json_t *payload,
                               char **jws) {
    EVP_PKEY *key = NULL;
    char kid[JWS_KID_SIZE];
    *jws = NULL;
    enum order_error error = open_present(engine, db, &key, kid);
    if (error == ORDER_OK && !jws_sign(key, kid, payload, jws)) {
        error = ORDER_INTERNAL;
    }
    EVP_PKEY_free(key);
    return error;
}

/* ---- publishing ---- */

enum order_error task_key_publish(const struct engine *engine, struct db *db, json_t **set) {
    struct db_rows *rows = NULL;
    *set = NULL;
    enum order_error error = order_error_of(db_query(
        db, &rows,
        "SELECT jwk FROM task_keys WHERE state <> 'LAST' OR since > $1 ORDER BY CASE state WHEN "
        "'PRESENT' THEN 0 WHEN 'NEXT' THEN 1 ELSE 2 END, since DESC, kid",
        "i", engine_now_ms(engine) - last_ms));
    json_t *keys = json_array();
    enum db_result result = DB_OK;
    while (error == ORDER_OK && (result = db_next(rows)) == DB_OK) {
        json_t *key = json_loads(db_text(rows, 0), JSON_REJECT_DUPLICATES, NULL);
        error = json_array_append_new(keys, key) == 0 ? ORDER_OK : ORDER_INTERNAL;
    }
    if (error == ORDER_OK && result != DB_DONE) {
        error = order_error_of(result);
    }
    db_end(rows);
    if (error == ORDER_OK) {
        *set = json_pack("{s:O}", "keys", keys);
        error = *set != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    json_decref(keys);
    return error;
}

/* ---- rolling over ---- */

static enum order_error move_key(const struct engine *engine, struct db *db, const char *kid,
                                 const char *state) {
    return order_error_of(db_run(
        db, NULL,
        "UPDATE task_keys SET state = $2, since = $3, sealed = CASE WHEN $2 = 'LAST' THEN '' ELSE "
        "sealed END WHERE kid = $1",
        "tti", kid, state, engine_now_ms(engine)));
}

static enum order_error note(const struct engine *engine, struct db *db, const char *actor,
                             const char *from, const char *to) {
    json_t *data = json_pack("{s:s,s:s}", "from", from, "to", to);
    struct event event = {NULL, actor, "task key rolled over", data, engine_now_ms(engine)};
    enum order_error error = data != NULL ? event_append(db, &event) : ORDER_INTERNAL;
    json_decref(data);
    return error;
}

static enum order_error roll(const struct engine *engine, struct db *db, const char *actor) {
    char present[JWS_KID_SIZE];
    char next[JWS_KID_SIZE];
    int64_t since_ms = 0;
    enum order_error error = task_key_ensure(engine, db);
    if (error == ORDER_OK) {
        error = find_key(db, "PRESENT", present, &since_ms);
    }
    if (error == ORDER_OK) {
        error = find_key(db, "NEXT", next, &since_ms);
    }
    if (error == ORDER_OK) {
        error = move_key(engine, db, present, "LAST");
    }
    if (error == ORDER_OK) {
        error = move_key(engine, db, next, "PRESENT");
    }
    if (error == ORDER_OK) {
        error = make_key(engine, db, "NEXT");
    }
    return error == ORDER_OK ? note(engine, db, actor, present, next) : error;
}

enum order_error task_key_roll(const struct engine *engine, struct db *db, const char *actor) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = roll(engine, db, actor);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* Asked again inside the transaction: two services on one store roll over once. */
static enum order_error roll_if_old(const struct engine *engine, struct db *db, bool *rolled) {
    char kid[JWS_KID_SIZE];
    int64_t since_ms = 0;
    int64_t now_ms = engine_now_ms(engine);
    enum order_error error = find_key(db, "PRESENT", kid, &since_ms);
    *rolled = error == ORDER_OK && engine->task_key_days > 0 &&
              now_ms - since_ms >= (int64_t)engine->task_key_days * DAY_MS;
    return *rolled ? roll(engine, db, "scheduler") : error;
}

enum order_error task_key_sweep(const struct engine *engine, struct db *db, bool *rolled) {
    *rolled = false;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = roll_if_old(engine, db, rolled);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(db, NULL,
                                      "DELETE FROM task_keys WHERE state = 'LAST' AND since <= $1",
                                      "i", engine_now_ms(engine) - last_ms));
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error == ORDER_NOT_FOUND ? ORDER_OK : error;
}
