/* Task documents are JWS in compact form, ES256 (RFC 7515, RFC 7518 3.4), under the service's own P-256 key. */
#ifndef TOOLS_ORDERD_ENGINE_JWS_H
#define TOOLS_ORDERD_ENGINE_JWS_H

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>

enum jws_size { JWS_KID_SIZE = 44 };

/* A new P-256 key and its RFC 7638 thumbprint. *out: EVP_PKEY_free. */
bool jws_key_make(EVP_PKEY **out, char kid[JWS_KID_SIZE]);

/* The same of a private key in PEM, and back. *pem is the caller's, who cleanses and frees it. */
bool jws_key_read(const char *pem, EVP_PKEY **out, char kid[JWS_KID_SIZE]);
bool jws_key_write(EVP_PKEY *key, char **pem);

/* The public key as a JWK {kty, crv, x, y, kid, use, alg}; NULL when it cannot be made. */
json_t *jws_key_public(EVP_PKEY *key, const char *kid);

/* Sign a payload. *out is the caller's (free); false when it cannot be made. */
bool jws_sign(EVP_PKEY *key, const char *kid, const json_t *payload, char **out);

#endif
