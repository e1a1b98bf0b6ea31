/* Shared by the files of known answers: numbers are text, so that they can be held against the standards. */
#ifndef FIRMWARE_CRYPTO_KNOWN_ANSWERS_INTERNAL_H
#define FIRMWARE_CRYPTO_KNOWN_ANSWERS_INTERNAL_H

#include "firmware-sim/crypto/known_answers.h"

#include <stddef.h>
#include <stdint.h>

/* len bytes from 2 len digits. */
void known_unhex(const char *hex, uint8_t *out, size_t len);
/* Whether the bytes are those digits. */
bool known_is(const uint8_t *bytes, size_t len, const char *hex);

/* NIST CAVP SigGen15_186-2 (CAVS 11.4), the first SHA-256 signature of each modulus; e is 65537. CAVP gives n and d: the primes
 * and the rest follow from them. */
struct known_rsa {
    size_t modulus;
    const char *n, *p, *q, *dp, *dq, *qinv;
    const char *digest; /* SHA-256 of Msg */
    const char *signature;
};
extern const struct known_rsa known_rsa_vectors[3];

typedef bool known_holds(struct drbg *rng);

/* known_answers_sm2.c */
known_holds known_sm2_signature, known_sm2_verification, known_sm2_decryption, known_sm2_exchange;
/* known_answers_ec.c */
known_holds known_p256, known_p384, known_hmac_drbg;
/* known_answers_rsa.c */
known_holds known_rsa2048, known_rsa3072, known_rsa4096;

#endif
