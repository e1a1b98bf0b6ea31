/* What every part of the engine works with: the clock, the profile, the CA and the third parties. Made once by
 * main; shared by all threads, none of which changes it. The database is not here: each request brings its own connection. */
#ifndef TOOLS_ORDERD_ENGINE_ENGINE_H
#define TOOLS_ORDERD_ENGINE_ENGINE_H

#include "module/formats/octets.h"
#include "tools/orderd/ca/ca.h"
#include "tools/orderd/clock.h"
#include "tools/orderd/engine/error.h"
#include "tools/orderd/engine/profile.h"
#include "tools/orderd/engine/vault.h"
#include "tools/orderd/store/db.h"
#include "tools/orderd/third/courier.h"
#include "tools/orderd/third/identity.h"
#include "tools/orderd/third/inspector.h"
#include "tools/orderd/third/invoicer.h"
#include "tools/orderd/third/messenger.h"
#include "tools/orderd/third/payment.h"
#include "tools/orderd/third/platform.h"

#include <openssl/x509.h>

struct engine {
    struct service_clock clock;
    const struct profile *profile;
    struct vault *vault;
    const char
        *service; /* the name that login assertions carry: urn:openukey:order-service:PROFILE */
    const char *const *origins; /* page origins that may log in and confirm, ended by NULL */
    const char *public_url;     /* "https://host:port", no trailing slash */
    struct ca *ca;       /* may be used by several threads, and its folder by other programs */
    const char *ca_name; /* stem of the names of a CA that is made; NULL: a demo's */
    const char *
        ca_url; /* where the world finds /ca/..., without trailing slash; certificates say so. NULL: they do not */
    struct octets root_der; /* certificates must chain to it through the issuing CA */
    struct octets issuing_der;
    X509 *root;
    X509 *issuing;
    char issuer[512]; /* the issuing CA's name, as certificate_name.text */
    const struct payment_provider *payments;
    const struct messenger *messenger;
    const struct identity_provider *identity;
    const struct invoicer *invoicer;
    const struct courier *courier;
    const struct platform *platform; /* upstream, that hands people over */
    const char *blobs;               /* folder of documents, vouchers and invoices (blob.h) */
    const char *inspector;           /* the program ukey-inspect */
    int task_key_days;               /* so old the key that signs tasks gets; 0: see task_key.h */
};

/* Milliseconds and seconds by the engine's clock. */
int64_t engine_now_ms(const struct engine *engine);
int64_t engine_now(const struct engine *engine);

/* True when pages of this origin may use the service. */
bool engine_origin_is_allowed(const struct engine *engine, const char *origin);

#endif
