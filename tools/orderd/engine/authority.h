/* The CA as the engine holds it: opened at start, and what it says of the certificates that it has issued. */
#ifndef TOOLS_ORDERD_ENGINE_AUTHORITY_H
#define TOOLS_ORDERD_ENGINE_AUTHORITY_H

#include "tools/orderd/ca/ca.h"
#include "tools/orderd/engine/engine.h"

/* At start: open the CA in `directory`, made if it is absent, and read its public certificates into the engine. ORDER_CA_FAILED, with the
 * reason in the log, also when a CA of another algorithm is there. */
enum order_error authority_load(struct engine *engine, const char *directory,
                                enum ca_algorithm algorithm);

/* Close it again. */
void authority_unload(struct engine *engine);

/* The addresses that certificates state, in room of the caller's. False: they state none. */
struct authority_urls {
    char crl[512], ocsp[512], issuer[512];
};
bool authority_urls_of(const struct engine *engine, struct authority_urls *out);

/* What changes whenever a certificate is revoked, held or released: a CRL with the same mark says the same. */
struct authority_mark {
    int64_t count, latest, reasons;
};
enum order_error authority_mark_of(struct db *db, struct authority_mark *out);

/* The CRL now: every REVOKED or HELD certificate of the store with its reason; one that was released is not on it any more (RFC 5280
 * 5.3.1: removeFromCRL is for delta CRLs). Numbers grow with each. *out is the caller's. */
enum order_error authority_crl(const struct engine *engine, struct db *db, struct octets *out);

/* Answers an OCSP request of whatever bytes; *out is the caller's. */
enum order_error authority_ocsp(const struct engine *engine, struct db *db, const void *request,
                                size_t len, struct octets *out);

#endif
