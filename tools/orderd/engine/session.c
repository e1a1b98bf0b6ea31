/* See session.h. */
#include "tools/orderd/engine/session.h"

#include <stdio.h>
#include <string.h>

static enum order_error count_nonces(struct db *db, int64_t *count) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, "SELECT COUNT(*) FROM nonces", "");
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    *count = result == DB_OK ? db_int(rows, 0) : 0;
    db_end(rows);
    return order_error_of(result);
}

enum order_error nonce_make(struct db *db, const char *purpose, const char *target, int64_t now_ms,
                            int seconds, char out[SECRET_SIZE]) {
    int64_t waiting = 0;
    out[0] = '\0';
    enum order_error error =
        order_error_of(db_run(db, NULL, "DELETE FROM nonces WHERE expires <= $1", "i", now_ms));
    if (error == ORDER_OK) {
        error = count_nonces(db, &waiting);
    }
    if (error == ORDER_OK && waiting >= NONCES_LIVE_MAX) {
        error = ORDER_TOO_MANY;
    }
    if (error == ORDER_OK && !secret_random(out)) {
        error = ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO nonces (nonce, purpose, target, expires) VALUES ($1, $2, $3, $4)",
                   "ttti", out, purpose, target, now_ms + (int64_t)seconds * 1000));
    }
    return error;
}

enum order_error nonce_use(struct db *db, const char *nonce, const char *purpose, int64_t now_ms,
                           char *target, size_t size) {
    struct db_rows *rows = NULL;
    target[0] = '\0';
    enum db_result result = db_query(
        db, &rows, "DELETE FROM nonces WHERE nonce = $1 AND purpose = $2 RETURNING target, expires",
        "tt", nonce, purpose);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NONCE_INVALID : order_error_of(result);
    if (error == ORDER_OK) {
        snprintf(target, size, "%s", db_text(rows, 0));
        error = db_int(rows, 1) > now_ms ? ORDER_OK : ORDER_NONCE_INVALID;
    }
    /* the statement must be run to its end, or the row is not deleted */
    while (result == DB_OK) {
        result = db_next(rows);
    }
    db_end(rows);
    return error;
}

static const char *const session_kinds[] = {
    [SESSION_KEY] = "KEY", [SESSION_ACCOUNT] = "ACCOUNT", [SESSION_QUERY] = "QUERY"};

struct role_row {
    const char *name;
    const char *actor;
};
static const struct role_row roles[ROLE_NAMES] = {
    [ROLE_USER] = {"USER", "user"},
    [ROLE_REVIEWER] = {"REVIEWER", "reviewer"},
    [ROLE_FINANCE] = {"FINANCE", "finance"},
    [ROLE_OPERATOR] = {"OPERATOR", "operator"},
};

const char *role_name(enum role role) {
    return roles[role].name;
}

const char *role_actor(enum role role) {
    return roles[role].actor;
}

enum role role_of(const char *name) {
    unsigned i = 0;
    while (i < ROLE_NAMES && strcmp(roles[i].name, name) != 0) {
        i++;
    }
    return (enum role)i;
}

static const char *or_null(const char *text) {
    return text[0] != '\0' ? text : NULL;
}

enum order_error session_open(struct db *db, const struct session *session, int64_t now_ms,
                              char secret[SECRET_SIZE]) {
    char hash[DIGEST_HEX_SIZE];
    int64_t seconds =
        session->kind == SESSION_QUERY ? (int64_t)QUERY_SESSION_SECONDS : (int64_t)SESSION_SECONDS;
    if (!secret_random(secret) || !digest_sha256_hex(secret, strlen(secret), hash)) {
        return ORDER_INTERNAL;
    }
    return order_error_of(
        db_run(db, NULL,
               "INSERT INTO sessions (token_hash, kind, role, account, subject, certificate, "
               "token, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
               "tttttttii", hash, session_kinds[session->kind], role_name(session->role),
               or_null(session->account), or_null(session->subject), or_null(session->certificate),
               or_null(session->token), now_ms, now_ms + seconds * 1000));
}

static enum session_kind kind_of_session(const char *name) {
    return strcmp(name, "ACCOUNT") == 0 ? SESSION_ACCOUNT
           : strcmp(name, "QUERY") == 0 ? SESSION_QUERY
                                        : SESSION_KEY;
}

enum order_error session_find(struct db *db, const char *secret, int64_t now_ms,
                              struct session *out) {
    char hash[DIGEST_HEX_SIZE];
    struct db_rows *rows = NULL;
    memset(out, 0, sizeof *out);
    if (!digest_sha256_hex(secret, strlen(secret), hash)) {
        return ORDER_INTERNAL;
    }
    enum db_result result =
        db_query(db, &rows,
                 "SELECT kind, role, account, subject, certificate, token FROM sessions WHERE "
                 "token_hash = $1 AND expires > $2",
                 "ti", hash, now_ms);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        out->kind = kind_of_session(db_text(rows, 0));
        out->role = role_of(db_text(rows, 1));
        snprintf(out->account, sizeof out->account, "%s", db_text(rows, 2));
        snprintf(out->subject, sizeof out->subject, "%s", db_text(rows, 3));
        snprintf(out->certificate, sizeof out->certificate, "%s", db_text(rows, 4));
        snprintf(out->token, sizeof out->token, "%s", db_text(rows, 5));
    }
    db_end(rows);
    if (result == DB_OK && out->role == ROLE_NAMES) {
        return ORDER_INTERNAL;
    }
    return result == DB_DONE ? ORDER_SESSION_INVALID : order_error_of(result);
}

enum order_error session_sweep(struct db *db, int64_t now_ms) {
    enum order_error error =
        order_error_of(db_run(db, NULL, "DELETE FROM nonces WHERE expires <= $1", "i", now_ms));
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL, "DELETE FROM sessions WHERE expires <= $1", "i", now_ms));
    }
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL, "DELETE FROM idempotency WHERE expires <= $1", "i", now_ms));
    }
    return error;
}
