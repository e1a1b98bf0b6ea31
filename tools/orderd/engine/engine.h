/* What every part of the engine works with: the store, the clock, the profile, the CA and the third parties. Made once by main. */
#ifndef TOOLS_ORDERD_ENGINE_ENGINE_H
#define TOOLS_ORDERD_ENGINE_ENGINE_H

#include "tools/orderd/ca/ca.h"
#include "tools/orderd/clock.h"
#include "tools/orderd/engine/error.h"
#include "tools/orderd/engine/flow.h"
#include "tools/orderd/store/db.h"
#include "tools/orderd/third/payment.h"

#include <openssl/x509.h>
#include <pthread.h>

struct engine {
    struct service_clock clock;
    const struct profile *profile;
    const char
        *service; /* the name that login assertions carry: urn:openukey:order-service:PROFILE */
    const char *const *origins; /* page origins that may log in and confirm, ended by NULL */
    const char *public_url;     /* "https://host:port", no trailing slash */
    struct ca *ca;              /* used under ca_lock */
    pthread_mutex_t ca_lock;
    X509 *root; /* of the CA; certificates must chain to it through `issuing` */
    X509 *issuing;
    const struct payment_provider *payments;
    EVP_PKEY *task_key; /* P-256, signs task documents */
    char task_kid[44];  /* its RFC 7638 thumbprint */
};

/* Milliseconds and seconds by the engine's clock. */
int64_t engine_now_ms(const struct engine *engine);
int64_t engine_now(const struct engine *engine);

/* True when pages of this origin may use the service. */
bool engine_origin_is_allowed(const struct engine *engine, const char *origin);

#endif
