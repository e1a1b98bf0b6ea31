/* Reading what a key has signed: GM SignedData over a canonical JSON object, by a certificate that the CA knows. */
#ifndef TOOLS_ORDERD_ENGINE_SIGNED_H
#define TOOLS_ORDERD_ENGINE_SIGNED_H

#include "tools/orderd/engine/base64.h"
#include "tools/orderd/engine/registry.h"

#include <jansson.h>

struct signed_object {
    json_t *content;                  /* the canonical object */
    struct octets bytes;              /* and its bytes */
    struct certificate_record signer; /* as registered */
};

/* Read and verify: the signature, that the content is canonical JSON, that the signer's certificate is registered, for signing, and
 * chains to the CA. ORDER_ASSERTION_INVALID or an ORDER_CERTIFICATE_* otherwise. Says nothing of the certificate's state.
 * The caller ends *out with signed_object_clear, also after an error. */
enum order_error signed_object_read(const struct engine *engine, struct db *db,
                                    const struct octets *der, struct signed_object *out);
void signed_object_clear(struct signed_object *object);

#endif
