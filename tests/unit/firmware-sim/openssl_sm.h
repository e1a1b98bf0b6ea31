/* The host's half, by OpenSSL: the same algorithms as the card's, from another hand. Failures abort the test. */
#ifndef TESTS_OPENSSL_SM_H
#define TESTS_OPENSSL_SM_H

#include "firmware-sim/crypto/sm2.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void openssl_sm4_ecb(const uint8_t key[16], const uint8_t *in, size_t len, uint8_t *out,
                     bool encrypt);
void openssl_sm4_cbc_encrypt(const uint8_t key[16], const uint8_t iv[16], const uint8_t *in,
                             size_t len, uint8_t *out);

/* Over a ready digest e, without Z. */
bool openssl_sm2_verify(const struct sm2_point *pub, const uint8_t e[32],
                        const struct sm2_signature *sig);
void openssl_sm2_sign(const uint8_t d[32], const struct sm2_point *pub, const uint8_t e[32],
                      struct sm2_signature *sig);
/* cipher: len bytes. */
void openssl_sm2_encrypt(const struct sm2_point *pub, const uint8_t *plain, size_t len,
                         struct sm2_point *c1, uint8_t c3[32], uint8_t *c2);
/* False if OpenSSL refuses the ciphertext. */
bool openssl_sm2_decrypt(const uint8_t d[32], const struct sm2_point *pub,
                         const struct sm2_point *c1, const uint8_t c3[32], const uint8_t *c2,
                         size_t len, uint8_t *plain);
void openssl_sm2_keygen(uint8_t d[32], struct sm2_point *pub);
/* Z with the default identity, by OpenSSL's digest. */
void openssl_sm2_z(const struct sm2_point *pub, const char *id, uint8_t z[32]);
/* One side of the key exchange on OpenSSL's points; 16 bytes of key. */
void openssl_sm2_exchange(const uint8_t d[32], const uint8_t r[32], const struct sm2_point *own_r,
                          const struct sm2_point *peer, const struct sm2_point *peer_r,
                          const uint8_t z_initiator[32], const uint8_t z_responder[32],
                          uint8_t key[16]);

void openssl_sm4_cbc(const uint8_t key[16], const uint8_t iv[16], bool padded, const uint8_t *in,
                     size_t len, uint8_t *out, size_t *out_len, bool encrypt);

#endif
