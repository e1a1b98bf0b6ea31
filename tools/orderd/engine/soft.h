/* Soft certificates (R037): of an order whose medium is SOFT nothing is sent, and its certificate goes into a file. The holder makes the key
 * pair and sends a PKCS#10, or has the service make both and gets a PKCS#12 under his passphrase, that once and never again. Either is
 * issued at the moment of download (R212), stored before it is signed, and works when its holder has confirmed that he has it. */
#ifndef TOOLS_ORDERD_ENGINE_SOFT_H
#define TOOLS_ORDERD_ENGINE_SOFT_H

#include "module/formats/octets.h"
#include "tools/orderd/engine/caller.h"

#include <jansson.h>

/* How the holder wants it: with `csr` (DER), or else with `passphrase`, and an algorithm or NULL for RSA-2048. */
struct soft_wish {
    const char *code;         /* the mailed download code (R181) */
    const struct octets *csr; /* NULL: the service makes the key */
    const char *passphrase;
    const char *algorithm;
};

/* Issue. The same key again is given the same certificate; another one, or another PKCS#12, revokes what the earlier got. *out is
 * {certificate, chain: [...], pkcs12?}, all base64 DER. `extra` receives `errors` with ORDER_FIELDS_INVALID. ORDER_NOT_OFFERED for an
 * order on a UKey; ORDER_CSR_INVALID for a key that the CA does not certify. */
enum order_error soft_issue(const struct engine *engine, struct db *db, const struct caller *caller,
                            const char *number, const struct soft_wish *wish, json_t **out,
                            json_t *extra);

/* The holder has the certificate of this fingerprint: it is VALID and the order goes on (T19). Again is harmless. */
enum order_error soft_confirm(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *number, const char *sha256,
                              struct order *out);

/* Id of the certificate that a SOFT order has made; ORDER_NOT_FOUND when it has made none. */
enum order_error soft_certificate(struct db *db, const struct order *order, char id[ID_SIZE]);

#endif
