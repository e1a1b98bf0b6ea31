/* RSA keys of any size up to 4096 bits, as bytes: what RSA-2048 of rsa.h and the wider keys of PIV are made of. */
#ifndef FIRMWARE_CRYPTO_RSA_PARTS_H
#define FIRMWARE_CRYPTO_RSA_PARTS_H

#include "firmware-sim/crypto/drbg.h"

#include <stddef.h>
#include <stdint.h>

enum rsa_error { RSA_OK = 0, RSA_BAD_INPUT, RSA_FAILED };

/* A key is its parts one behind another, big-endian: n of modulus bytes, e of RSA_EXPONENT, then p, q, dp, dq and qinv of
 * half as many as n. modulus is 256, 384 or 512. */
enum rsa_part { RSA_N, RSA_E, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_QINV, RSA_PART_COUNT };

enum rsa_parts_size {
    RSA_EXPONENT = 4,
    RSA_MODULUS_MAX = 512,
    RSA_PARTS_MAX = RSA_MODULUS_MAX + RSA_EXPONENT + 5 * (RSA_MODULUS_MAX / 2)
};

static inline size_t rsa_parts_size(size_t modulus) {
    return modulus + RSA_EXPONENT + 5 * (modulus / 2);
}

/* Where a part lies; *len gets its size. */
size_t rsa_part(size_t modulus, enum rsa_part part, size_t *len);

/* A new key with e = 65537. */
enum rsa_error rsa_parts_generate(struct drbg *rng, uint8_t *parts, size_t modulus);

/* Completes a key of which p, q and e are there: a part that is all zeros is computed. RSA_BAD_INPUT, and the key zeroised,
 * unless p and q are primes that make a modulus of exactly that many bits and every part given fits. */
enum rsa_error rsa_parts_complete(struct drbg *rng, uint8_t *parts, size_t modulus);

/* out = in^d mod n, modulus bytes each (they may be the same), blinded, the result checked against e; RSA_BAD_INPUT unless
 * in < n. */
enum rsa_error rsa_parts_private(struct drbg *rng, const uint8_t *parts, size_t modulus,
                                 const uint8_t *in, uint8_t *out);

/* d = e^-1 mod lcm(p-1, q-1), modulus bytes. */
enum rsa_error rsa_parts_exponent(const uint8_t *parts, size_t modulus, uint8_t *d);

#endif
