/* SM2 encryption to a public key (GB/T 32918.4 clause 6.1). */
#include "firmware-sim/crypto/sm2_internal.h"
#include "firmware-sim/crypto/sm3.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* One attempt, steps A2 to A7; SM2_MISMATCH where the standard says choose another k. */
static enum sm2_error encrypt_once(struct drbg *rng, const struct sm2_point *pub,
                                   const uint8_t *plain, size_t len, const mbedtls_mpi *k,
                                   struct sm2_point *c1, uint8_t c3[SM2_NUMBER], uint8_t *c2) {
    struct sm2_point shared;
    struct sm3 h;
    mbedtls_ecp_point p;
    mbedtls_ecp_point_init(&p);
    enum sm2_error err = sm2_base_multiply(rng, k, c1);
    if (err)
        goto out;
    TRY(sm2_point_read(&p, pub));
    TRY(mbedtls_ecp_mul(sm2_curve(), &p, k, &p, drbg_mbedtls, rng));
    TRY(sm2_point_write(&p, &shared));
    if (!sm2_kdf_xor(&shared, plain, len, c2)) {
        err = SM2_MISMATCH;
        goto out;
    }
    sm3_init(&h);
    sm3_update(&h, shared.x, SM2_NUMBER);
    sm3_update(&h, plain, len);
    sm3_update(&h, shared.y, SM2_NUMBER);
    sm3_final(&h, c3);
out:
    mbedtls_platform_zeroize(&shared, sizeof shared);
    mbedtls_ecp_point_free(&p);
    return err;
}

enum sm2_error sm2_encrypt_with_nonce(struct drbg *rng, const struct sm2_point *pub,
                                      const uint8_t *plain, size_t len, const uint8_t k[SM2_NUMBER],
                                      struct sm2_point *c1, uint8_t c3[SM2_NUMBER], uint8_t *c2) {
    mbedtls_mpi nonce;
    if (len == 0)
        return SM2_BAD_INPUT;
    if (sm2_check_point(pub) != SM2_OK)
        return SM2_BAD_KEY;
    mbedtls_mpi_init(&nonce);
    enum sm2_error err = SM2_FAILED;
    if (mbedtls_mpi_read_binary(&nonce, k, SM2_NUMBER) == 0 &&
        encrypt_once(rng, pub, plain, len, &nonce, c1, c3, c2) == SM2_OK)
        err = SM2_OK;
    mbedtls_mpi_free(&nonce);
    return err;
}

enum sm2_error sm2_encrypt(struct drbg *rng, const struct sm2_point *pub, const uint8_t *plain,
                           size_t len, struct sm2_point *c1, uint8_t c3[SM2_NUMBER], uint8_t *c2) {
    mbedtls_mpi k;
    if (len == 0)
        return SM2_BAD_INPUT;
    if (sm2_check_point(pub) != SM2_OK)
        return SM2_BAD_KEY;
    mbedtls_mpi_init(&k);
    enum sm2_error err;
    do {
        TRY(mbedtls_ecp_gen_privkey(sm2_curve(), &k, drbg_mbedtls, rng));
        err = encrypt_once(rng, pub, plain, len, &k, c1, c3, c2);
    } while (err == SM2_MISMATCH);
out:
    mbedtls_mpi_free(&k);
    return err;
}
