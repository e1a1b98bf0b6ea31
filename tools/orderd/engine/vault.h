/* Personal data at rest: sealed under the service's own key, looked up by a keyed hash. Whoever has the database file alone reads neither
 * credential numbers nor phones, and cannot try them out. */
#ifndef TOOLS_ORDERD_ENGINE_VAULT_H
#define TOOLS_ORDERD_ENGINE_VAULT_H

#include "tools/orderd/engine/error.h"
#include "tools/orderd/engine/identifier.h"

#include <jansson.h>

struct vault;

/* Open the vault whose key is in `path` (32 random bytes, mode 0600, made if absent). NULL: cannot be read, made, or is not a key;
 * errno says why. The caller owns it (vault_close). */
struct vault *vault_open(const char *path);
void vault_close(struct vault *vault);

/* Seal text: base64 of nonce, ciphertext and tag (AES-256-GCM). `about` names what it belongs to ("order form", an order's id...) and
 * must be the same when it is opened, so that a value cannot be moved to another row. *out is the caller's (free). */
enum order_error vault_seal(const struct vault *vault, const char *about, const char *text,
                            char **out);

/* Open what vault_seal made; "" opens to "". *out is the caller's (free; it is cleansed by vault_free). ORDER_INTERNAL when it was
 * altered, moved or sealed by another key. */
enum order_error vault_unseal(const struct vault *vault, const char *about, const char *sealed,
                              char **out);

/* The same for a JSON value; "" opens to an empty object. */
enum order_error vault_seal_json(const struct vault *vault, const char *about, const json_t *value,
                                 char **out);
enum order_error vault_unseal_json(const struct vault *vault, const char *about, const char *sealed,
                                   json_t **out);

/* Keyed hash (HMAC-SHA-256, hex) of text for look-up, apart for each `purpose` ("credential", "phone"). */
enum order_error vault_hash(const struct vault *vault, const char *purpose, const char *text,
                            char out[DIGEST_HEX_SIZE]);

/* Cleanse and free text that the vault gave; NULL is allowed. */
void vault_free(char *text);

#endif
