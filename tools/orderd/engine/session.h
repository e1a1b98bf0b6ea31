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
};

struct session {
    char subject[ID_SIZE];
    char certificate[ID_SIZE]; /* the certificate that logged in */
    char token[65];            /* the key it is on */
};

/* A fresh nonce for one purpose ("login", "confirm") and target (an order's number and language, or ""). ORDER_TOO_MANY when
 * NONCES_LIVE_MAX are waiting. */
enum order_error nonce_make(struct db *db, const char *purpose, const char *target, int64_t now_ms,
                            int seconds, char out[SECRET_SIZE]);

/* Use a nonce up: ORDER_NONCE_INVALID when it is unknown, of another purpose, used or expired. `target` (`size` bytes) receives what
 * it was made for. */
enum order_error nonce_use(struct db *db, const char *nonce, const char *purpose, int64_t now_ms,
                           char *target, size_t size);

/* Open a session; `secret` is the bearer token, to be given out once. */
enum order_error session_open(struct db *db, const struct session *session, int64_t now_ms,
                              char secret[SECRET_SIZE]);

/* The session of a bearer token; ORDER_SESSION_INVALID when there is none or it has ended. */
enum order_error session_find(struct db *db, const char *secret, int64_t now_ms,
                              struct session *out);

/* Forget nonces, sessions and idempotency rows that have ended. */
enum order_error session_sweep(struct db *db, int64_t now_ms);

#endif
