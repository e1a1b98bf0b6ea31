/* RSA of the host's half, by OpenSSL. Failures abort the test, except where a function says that it returns. */
#ifndef TESTS_OPENSSL_RSA_H
#define TESTS_OPENSSL_RSA_H

#include "firmware-sim/crypto/rsa.h"

#include <openssl/evp.h>
#include <stdbool.h>

EVP_PKEY *openssl_rsa_generate(void);
EVP_PKEY *openssl_rsa_public(const uint8_t n[RSA_MODULUS], const uint8_t e[RSA_EXPONENT]);
/* A key of the card as OpenSSL's; d is found from the primes. */
EVP_PKEY *openssl_rsa_private(const struct rsa_key *key);
/* The parts of an OpenSSL key. */
void openssl_rsa_parts(EVP_PKEY *key, uint8_t n[RSA_MODULUS], uint8_t e[RSA_EXPONENT],
                       uint8_t p[RSA_PRIME], uint8_t q[RSA_PRIME]);

/* PKCS#1 v1.5 over a ready digest. */
bool openssl_rsa_verify(EVP_PKEY *key, const EVP_MD *md, const uint8_t *digest, size_t len,
                        const uint8_t sig[RSA_MODULUS]);
void openssl_rsa_sign(EVP_PKEY *key, const EVP_MD *md, const uint8_t *digest, size_t len,
                      uint8_t sig[RSA_MODULUS]);
void openssl_rsa_encrypt(EVP_PKEY *key, const uint8_t *plain, size_t len,
                         uint8_t cipher[RSA_MODULUS]);
/* The length of the plain text. */
size_t openssl_rsa_decrypt(EVP_PKEY *key, const uint8_t cipher[RSA_MODULUS],
                           uint8_t plain[RSA_MODULUS]);

#endif
