/* Task documents are JWS in compact form, ES256 (RFC 7515, RFC 7518 3.4), under the service's own P-256 key. */
#ifndef TOOLS_ORDERD_ENGINE_JWS_H
#define TOOLS_ORDERD_ENGINE_JWS_H

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>

enum jws_size { JWS_KID_SIZE = 44 };

/* The P-256 key in the PEM file `path`, made with mode 0600 if it is absent, and its RFC 7638 thumbprint. *out: EVP_PKEY_free. */
bool jws_key_load(const char *path, EVP_PKEY **out, char kid[JWS_KID_SIZE]);

/* The public key as a JWK {kty, crv, x, y, kid, use, alg}; NULL when it cannot be made. */
json_t *jws_key_public(EVP_PKEY *key, const char *kid);

/* Sign a payload. *out is the caller's (free); false when it cannot be made. */
bool jws_sign(EVP_PKEY *key, const char *kid, const json_t *payload, char **out);

#endif
