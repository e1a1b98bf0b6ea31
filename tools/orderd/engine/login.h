/* Logging in with the key: an assertion signed on it, over {type:"login", version:"1", origin, service, nonce, order?} (R206, T25). */
#ifndef TOOLS_ORDERD_ENGINE_LOGIN_H
#define TOOLS_ORDERD_ENGINE_LOGIN_H

#include "tools/orderd/engine/registry.h"
#include "tools/orderd/engine/session.h"

struct login {
    char secret[SECRET_SIZE]; /* the bearer token */
    struct session session;
    struct certificate_record certificate;
    int64_t expires_ms;
};

/* A nonce for one login. */
enum order_error login_challenge(const struct engine *engine, struct db *db,
                                 char nonce[SECRET_SIZE], int64_t *expires_ms);

/* Verify the assertion (DER GM SignedData) and open a session. The nonce is used up by any attempt that carries it. `order` (a public
 * number, may be NULL) must be named by the assertion too and be of this certificate; an order that waits for the key goes on. */
enum order_error login_verify(const struct engine *engine, struct db *db,
                              const struct octets *assertion, const char *order, struct login *out);

#endif
