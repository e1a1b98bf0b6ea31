/* Challenges and sessions. A nonce is used once; a session token is known to its holder alone, the store keeps its hash. */
#ifndef TOOLS_ORDERD_ENGINE_SESSION_H
#define TOOLS_ORDERD_ENGINE_SESSION_H

#include "tools/orderd/engine/engine.h"
#include "tools/orderd/engine/identifier.h"

enum session_limit {
    NONCE_LOGIN_SECONDS = 300,
    NONCE_CONFIRM_SECONDS = 1800,
    NONCES_LIVE_MAX = 10000,
    SESSION_SECONDS = 3600,
    QUERY_SESSION_SECONDS = 900
};

enum session_kind {
    SESSION_KEY,     /* the key has signed a challenge: subject, certificate, token */
    SESSION_ACCOUNT, /* somebody with a password: account, role */
    SESSION_QUERY /* a credential's number and a code sent to its handler: subject; may only look (R230) */
};

enum role { ROLE_USER, ROLE_REVIEWER, ROLE_FINANCE, ROLE_OPERATOR, ROLE_NAMES };

struct session {
    enum session_kind kind;
    enum role role;
    char account[ID_SIZE];
    char subject[ID_SIZE];
    char certificate[ID_SIZE]; /* the certificate that logged in */
    char token[65];            /* the key it is on */
};

/* "USER", "REVIEWER", ... and back (ROLE_NAMES: none); the word that events carry. */
const char *role_name(enum role role);
enum role role_of(const char *name);
const char *role_actor(enum role role);

/* A fresh nonce for one purpose ("login", "confirm") and target (an order's number and language, or ""). ORDER_TOO_MANY when
 * NONCES_LIVE_MAX are waiting. */
enum order_error nonce_make(struct db *db, const char *purpose, const char *target, int64_t now_ms,
                            int seconds, char out[SECRET_SIZE]);

/* Use a nonce up: ORDER_NONCE_INVALID when it is unknown, of another purpose, used or expired. `target` (`size` bytes) receives what
 * it was made for. */
enum order_error nonce_use(struct db *db, const char *nonce, const char *purpose, int64_t now_ms,
                           char *target, size_t size);

/* Open a session, of SESSION_SECONDS or, of a query, QUERY_SESSION_SECONDS; `secret` is the bearer token, to be given out once. */
enum order_error session_open(struct db *db, const struct session *session, int64_t now_ms,
                              char secret[SECRET_SIZE]);

/* The session of a bearer token; ORDER_SESSION_INVALID when there is none or it has ended. */
enum order_error session_find(struct db *db, const char *secret, int64_t now_ms,
                              struct session *out);

/* Forget nonces, sessions and idempotency rows that have ended. */
enum order_error session_sweep(struct db *db, int64_t now_ms);

#endif
