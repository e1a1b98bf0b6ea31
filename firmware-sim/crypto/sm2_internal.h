/* Shared by the rooms of SM2: numbers and points between bytes and mbedTLS, multiplication, key derivation. */
#ifndef FIRMWARE_CRYPTO_SM2_INTERNAL_H
#define FIRMWARE_CRYPTO_SM2_INTERNAL_H

#include "firmware-sim/crypto/sm2.h"
#include "firmware-sim/crypto/sm2_curve.h"

/* Leaves through out: with SM2_FAILED when an mbedTLS call fails. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        if ((call) != 0) {                                                                         \
            err = SM2_FAILED;                                                                      \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

/* Both return mbedTLS's errors. */
int sm2_point_read(mbedtls_ecp_point *p, const struct sm2_point *in);
int sm2_point_write(const mbedtls_ecp_point *p, struct sm2_point *out);

/* SM2_BAD_KEY unless 1 <= d <= n-2: n-1 has no inverse of 1+d. */
enum sm2_error sm2_scalar_read(mbedtls_mpi *d, const uint8_t in[SM2_NUMBER]);

/* Q = k G, written out; k is blinded by mbedTLS with rng. */
enum sm2_error sm2_base_multiply(struct drbg *rng, const mbedtls_mpi *k, struct sm2_point *out);

/* out = in xor KDF(x2 || y2), part 4 clause 5.4.3. False if the whole key stream was zero. */
bool sm2_kdf_xor(const struct sm2_point *shared, const uint8_t *in, size_t len, uint8_t *out);

#endif
