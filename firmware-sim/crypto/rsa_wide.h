/* RSA of 2048, 3072 and 4096 bits for the applications that need more than rsa.h's one size: keys in parts whose sizes
 * follow from the modulus. */
#ifndef FIRMWARE_CRYPTO_RSA_WIDE_H
#define FIRMWARE_CRYPTO_RSA_WIDE_H

#include "firmware-sim/crypto/drbg.h"
#include "firmware-sim/crypto/rsa.h"

enum { RSA_WIDE_MODULUS = 512, RSA_WIDE_PRIME = RSA_WIDE_MODULUS / 2, RSA_WIDE_E = 65537 };

/* Big-endian parts; the first modulus bytes of n, half as many of each other part. e is RSA_WIDE_E. */
struct rsa_wide_key {
    size_t modulus; /* bytes: 256, 384 or 512 */
    uint8_t n[RSA_WIDE_MODULUS];
    uint8_t p[RSA_WIDE_PRIME], q[RSA_WIDE_PRIME];
    uint8_t dp[RSA_WIDE_PRIME], dq[RSA_WIDE_PRIME], qinv[RSA_WIDE_PRIME];
};

/* key->modulus is set by the caller. */
enum rsa_error rsa_wide_generate(struct drbg *rng, struct rsa_wide_key *key);

/* Fills in n. RSA_BAD_INPUT unless p and q are primes that make a modulus of exactly that many bits, and dp, dq and qinv are
 * theirs for e. */
enum rsa_error rsa_wide_complete(struct drbg *rng, struct rsa_wide_key *key);

/* out = in^d mod n, key->modulus bytes each, blinded, the result checked against e; RSA_BAD_INPUT unless in < n. */
enum rsa_error rsa_wide_private(struct drbg *rng, const struct rsa_wide_key *key, const uint8_t *in,
                                uint8_t *out);

#endif
