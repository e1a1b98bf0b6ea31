/* RSA-2048 of the card on mbedTLS: key generation, the raw private operation, PKCS#1 v1.5 signatures. */
#ifndef FIRMWARE_CRYPTO_RSA_H
#define FIRMWARE_CRYPTO_RSA_H

#include "firmware-sim/crypto/rsa_parts.h"

#include <stddef.h>
#include <stdint.h>

enum rsa_size {
    RSA_MODULUS = 256,
    RSA_PRIME = 128,
    RSA_PKCS1_OVERHEAD = 11, /* least padding (RFC 8017 clause 9.2) */
    RSA_PKCS1_MAX = RSA_MODULUS - RSA_PKCS1_OVERHEAD,
    RSA_DIGEST_MAX = 32
};

/* All a CRT operation needs: the parts of rsa_parts.h for one size, by name. Also what the store keeps. */
struct rsa_key {
    uint8_t n[RSA_MODULUS];
    uint8_t e[RSA_EXPONENT]; /* 00010001 */
    uint8_t p[RSA_PRIME], q[RSA_PRIME], dp[RSA_PRIME], dq[RSA_PRIME], qinv[RSA_PRIME];
};
_Static_assert(sizeof(struct rsa_key) == RSA_MODULUS + RSA_EXPONENT + 5 * RSA_PRIME, "parts");

static inline uint8_t *rsa_key_parts(struct rsa_key *key) {
    return (uint8_t *)key;
}

/* Hashes that a DigestInfo can name. */
enum rsa_hash { RSA_HASH_NONE, RSA_HASH_SM3, RSA_HASH_SHA1, RSA_HASH_SHA256 };

enum rsa_error rsa_generate(struct drbg *rng, struct rsa_key *key);

/* out = in^d mod n, blinded, the result checked against e; RSA_BAD_INPUT unless in < n. */
enum rsa_error rsa_private(struct drbg *rng, const struct rsa_key *key,
                           const uint8_t in[RSA_MODULUS], uint8_t out[RSA_MODULUS]);

/* Digest of a message under hash (not RSA_HASH_NONE); returns its size, 0 on failure. */
size_t rsa_digest(enum rsa_hash hash, const uint8_t *msg, size_t len, uint8_t out[RSA_DIGEST_MAX]);

/* The block of modulus bytes before the private operation of a PKCS#1 v1.5 signature (RFC 8017 clause 9.2); errors as below. */
enum rsa_error rsa_pkcs1_block(enum rsa_hash hash, const uint8_t *data, size_t len, uint8_t *block,
                               size_t modulus);

/* PKCS#1 v1.5: data is a digest of hash (its exact size) or, with RSA_HASH_NONE, up to RSA_PKCS1_MAX bytes padded as
 * they are. */
enum rsa_error rsa_pkcs1_sign(struct drbg *rng, const struct rsa_key *key, enum rsa_hash hash,
                              const uint8_t *data, size_t len, uint8_t sig[RSA_MODULUS]);

/* A public key as command data has it. */
struct rsa_public_key {
    uint8_t n[RSA_MODULUS];
    uint8_t e[RSA_EXPONENT];
};

/* out = in^e mod n; RSA_BAD_INPUT unless in < n, n has its full length and is odd, and e is odd and at least 3. */
enum rsa_error rsa_public(const struct rsa_public_key *key, const uint8_t in[RSA_MODULUS],
                          uint8_t out[RSA_MODULUS]);

/* PKCS#1 v1.5, data as for rsa_pkcs1_sign: RSA_FAILED if the signature is not the key's. */
enum rsa_error rsa_pkcs1_verify(const struct rsa_public_key *key, enum rsa_hash hash,
                                const uint8_t *data, size_t len, const uint8_t sig[RSA_MODULUS]);

/* PKCS#1 v1.5 encryption (RFC 8017 clause 7.2) of len <= RSA_PKCS1_MAX bytes. */
enum rsa_error rsa_pkcs1_encrypt(struct drbg *rng, const struct rsa_public_key *key,
                                 const uint8_t *plain, size_t len, uint8_t cipher[RSA_MODULUS]);
/* Decrypts exactly len bytes; the padding is looked at in constant time. RSA_BAD_INPUT if it, or the length, is wrong. */
enum rsa_error rsa_pkcs1_decrypt(struct drbg *rng, const struct rsa_key *key,
                                 const uint8_t cipher[RSA_MODULUS], uint8_t *plain, size_t len);

/* d = e^-1 mod lcm(p-1, q-1) of a key. */
enum rsa_error rsa_private_exponent(const struct rsa_key *key, uint8_t d[RSA_MODULUS]);

/* A key from its two primes (big-endian) and e, every other part computed: RSA_BAD_INPUT unless they are primes that make
 * an RSA_MODULUS modulus and a working key. */
enum rsa_error rsa_from_primes(struct drbg *rng, const uint8_t p[RSA_PRIME],
                               const uint8_t q[RSA_PRIME], const uint8_t e[RSA_EXPONENT],
                               struct rsa_key *key);

#endif
