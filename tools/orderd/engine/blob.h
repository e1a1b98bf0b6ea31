/* Bytes by their SHA-256: documents, vouchers, invoices. Outside the database, written whole or not at all, never changed. */
#ifndef TOOLS_ORDERD_ENGINE_BLOB_H
#define TOOLS_ORDERD_ENGINE_BLOB_H

#include "module/formats/octets.h"
#include "tools/orderd/engine/error.h"
#include "tools/orderd/engine/identifier.h"

/* Keep `len` bytes in the folder `store` (made when absent). The same bytes again are the same blob. */
enum order_error blob_put(const char *store, const void *data, size_t len,
                          char sha256[DIGEST_HEX_SIZE]);

/* Read a blob of at most `max` bytes; ORDER_NOT_FOUND, or ORDER_INTERNAL when it is not what its name says. *out is the caller's. */
enum order_error blob_get(const char *store, const char *sha256, size_t max, struct octets *out);

#endif
