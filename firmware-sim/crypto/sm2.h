/* SM2 (GB/T 32918.2 signature, 32918.4 encryption) with the curve of 32918.5. Numbers are 32 bytes, big-endian.
 * Secret scalars go through mbedTLS's blinded comb multiplication; comparisons of secrets take constant time. */
#ifndef FIRMWARE_CRYPTO_SM2_H
#define FIRMWARE_CRYPTO_SM2_H

#include "firmware-sim/crypto/drbg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SM2_NUMBER = 32 };

enum sm2_error {
    SM2_OK = 0,
    SM2_BAD_KEY,   /* not a private key in 1..n-2, or not a point of the curve */
    SM2_BAD_INPUT, /* a ciphertext point off the curve, a length of zero */
    SM2_MISMATCH,  /* the signature does not verify; the ciphertext's hash differs */
    SM2_FAILED     /* random numbers or memory */
};

struct sm2_point {
    uint8_t x[SM2_NUMBER], y[SM2_NUMBER];
};

struct sm2_signature {
    uint8_t r[SM2_NUMBER], s[SM2_NUMBER];
};

/* d in 1..n-2 (GB/T 32918.1 clause 6.1) and its public point. */
enum sm2_error sm2_keygen(struct drbg *rng, uint8_t d[SM2_NUMBER], struct sm2_point *pub);

/* The public point of d; SM2_BAD_KEY unless 1 <= d <= n-2. */
enum sm2_error sm2_public(struct drbg *rng, const uint8_t d[SM2_NUMBER], struct sm2_point *pub);

/* SM2_BAD_KEY unless pub is on the curve. */
enum sm2_error sm2_check_point(const struct sm2_point *pub);

/* Z of clause 5.5 of part 2; id_len at most 8191 bytes (ENTL counts bits in 16 bits). */
void sm2_z(const struct sm2_point *pub, const uint8_t *id, size_t id_len, uint8_t z[SM2_NUMBER]);

/* Signs e = SM3(Z || M). The nonce is hedged: HMAC-DRBG over (d, e, fresh random), so that neither a repeated random
 * number nor a restored snapshot repeats it for another e. */
enum sm2_error sm2_sign(struct drbg *rng, const uint8_t d[SM2_NUMBER], const uint8_t e[SM2_NUMBER],
                        struct sm2_signature *sig);
/* The same with a given nonce: for the standard's example alone. SM2_FAILED where the standard says choose another k. */
enum sm2_error sm2_sign_with_nonce(struct drbg *rng, const uint8_t d[SM2_NUMBER],
                                   const uint8_t e[SM2_NUMBER], const uint8_t k[SM2_NUMBER],
                                   struct sm2_signature *sig);

enum sm2_error sm2_verify(const struct sm2_point *pub, const uint8_t e[SM2_NUMBER],
                          const struct sm2_signature *sig);

/* Decrypts C1 || C3 || C2 given as parts, len > 0 bytes of C2. plain (len bytes, may not overlap c2)
 * holds zeros after a failure. */
enum sm2_error sm2_decrypt(struct drbg *rng, const uint8_t d[SM2_NUMBER],
                           const struct sm2_point *c1, const uint8_t c3[SM2_NUMBER],
                           const uint8_t *c2, size_t len, uint8_t *plain);

/* Encrypts len > 0 bytes to pub (part 4 clause 6.1); c2 gets len bytes, may not overlap plain. SM2_BAD_KEY unless pub is on
 * the curve. */
enum sm2_error sm2_encrypt(struct drbg *rng, const struct sm2_point *pub, const uint8_t *plain,
                           size_t len, struct sm2_point *c1, uint8_t c3[SM2_NUMBER], uint8_t *c2);
/* The same with a given nonce: for the standard's example alone. SM2_FAILED where the standard says choose another k. */
enum sm2_error sm2_encrypt_with_nonce(struct drbg *rng, const struct sm2_point *pub,
                                      const uint8_t *plain, size_t len, const uint8_t k[SM2_NUMBER],
                                      struct sm2_point *c1, uint8_t c3[SM2_NUMBER], uint8_t *c2);

/* One side of a key exchange (part 3): what it holds itself and what it got from the other. */
struct sm2_exchange {
    bool initiator;
    const uint8_t *d, *r;                     /* own private keys: lasting, ephemeral */
    const struct sm2_point *own_r;            /* own ephemeral point */
    const struct sm2_point *peer, *peer_r;    /* the other's lasting and ephemeral points */
    const uint8_t *z_initiator, *z_responder; /* Z of both, SM2_NUMBER bytes */
};

/* Clause 6.1: key_len bytes of key, at most SM2_NUMBER. SM2_BAD_KEY if a point is not on the curve or a private key out of
 * range; SM2_BAD_INPUT if the shared point is at infinity. */
enum sm2_error sm2_exchange_key(struct drbg *rng, const struct sm2_exchange *exchange, uint8_t *key,
                                size_t key_len);

#endif
