/* What a host of a PIV card computes, by OpenSSL. Failures end the test. */
#ifndef TESTS_PIV_HOST_H
#define TESTS_PIV_HOST_H

#include "firmware-sim/core/wire.h"
#include "tests/unit/firmware-sim/piv_bench.h"

#include <openssl/evp.h>

/* OpenSSL's key from the public key template that the last command gave under that tag. */
EVP_PKEY *piv_host_public_key(const struct piv_bench *b, uint8_t algorithm, uint32_t tag);

/* The raw public operation of an RSA key on in gives out. */
void piv_host_rsa_raw(EVP_PKEY *key, const uint8_t *in, uint8_t *out, size_t len);
/* Whether the last answer is an ECDSA signature over digest. */
bool piv_host_ecdsa_verifies(const struct piv_bench *b, EVP_PKEY *key, const uint8_t *digest,
                             size_t digest_len);

/* An element with a number of the key, named as OpenSSL does. */
void piv_host_put_bn(struct wire_writer *w, uint32_t tag, const EVP_PKEY *key, const char *name);
/* The data of IMPORT KEY for an RSA key, whole; its length. */
size_t piv_host_rsa_parts(const EVP_PKEY *key, uint8_t *data, size_t size);

#endif
