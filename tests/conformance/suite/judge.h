/* A second opinion: OpenSSL, with the public key as the module tells it, judges signatures and makes ciphertexts. */
#ifndef OPENUKEY_CONFORMANCE_JUDGE_H
#define OPENUKEY_CONFORMANCE_JUDGE_H

#include "pkcs11.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

/* The key of `public_key` (RSA, EC on P-256, SM2), to be freed with EVP_PKEY_free; NULL if it is none of these. */
EVP_PKEY *judge_key(const CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session,
                    CK_OBJECT_HANDLE public_key);

/* From the values alone: modulus and exponent, or 04 || X || Y. */
EVP_PKEY *judge_rsa(const unsigned char *n, size_t n_len, const unsigned char *e, size_t e_len);
EVP_PKEY *judge_point(const char *group, const unsigned char *point, size_t len);

/* Is this Cryptoki signature over `data` by `mechanism` good? Knows RSA v1.5 and PSS, ECDSA and SM2, with and without hash. */
bool judge_signature(EVP_PKEY *key, const CK_MECHANISM *mechanism, const unsigned char *data,
                     size_t len, const unsigned char *signature, size_t signature_len);

#endif
