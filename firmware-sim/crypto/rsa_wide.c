/* RSA of several sizes on mbedTLS. */
#include "firmware-sim/crypto/rsa_wide.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/rsa.h>
#include <mbedtls/rsa_internal.h>
#include <string.h>

/* Writes the parts of ctx; 0 on success. */
static int key_write(const mbedtls_rsa_context *ctx, struct rsa_wide_key *key) {
    size_t half = key->modulus / 2;
    int ret = mbedtls_mpi_write_binary(&ctx->N, key->n, key->modulus);
    if (!ret)
        ret = mbedtls_mpi_write_binary(&ctx->P, key->p, half);
    if (!ret)
        ret = mbedtls_mpi_write_binary(&ctx->Q, key->q, half);
    if (!ret)
        ret = mbedtls_mpi_write_binary(&ctx->DP, key->dp, half);
    if (!ret)
        ret = mbedtls_mpi_write_binary(&ctx->DQ, key->dq, half);
    if (!ret)
        ret = mbedtls_mpi_write_binary(&ctx->QP, key->qinv, half);
    return ret;
}

enum rsa_error rsa_wide_generate(struct drbg *rng, struct rsa_wide_key *key) {
    enum rsa_error err = RSA_FAILED;
    mbedtls_rsa_context ctx;
    mbedtls_rsa_init(&ctx, MBEDTLS_RSA_PKCS_V15, 0);
    if (mbedtls_rsa_gen_key(&ctx, drbg_mbedtls, rng, (unsigned)key->modulus * 8, RSA_WIDE_E) == 0 &&
        key_write(&ctx, key) == 0)
        err = RSA_OK;
    mbedtls_rsa_free(&ctx);
    if (err)
        mbedtls_platform_zeroize(key, sizeof *key);
    return err;
}

/* Whether the number is exactly these bytes. */
static bool is(const mbedtls_mpi *number, const uint8_t *bytes, size_t len) {
    mbedtls_mpi other;
    mbedtls_mpi_init(&other);
    bool equal = mbedtls_mpi_read_binary(&other, bytes, len) == 0 &&
                 mbedtls_mpi_cmp_mpi(number, &other) == 0;
    mbedtls_mpi_free(&other);
    return equal;
}

enum rsa_error rsa_wide_complete(struct drbg *rng, struct rsa_wide_key *key) {
    static const uint8_t e[3] = {RSA_WIDE_E >> 16, 0, RSA_WIDE_E & 0xFF};
    enum rsa_error err = RSA_BAD_INPUT;
    size_t half = key->modulus / 2;
    mbedtls_rsa_context ctx;
    mbedtls_rsa_init(&ctx, MBEDTLS_RSA_PKCS_V15, 0);
    if (mbedtls_rsa_import_raw(&ctx, NULL, 0, key->p, half, key->q, half, NULL, 0, e, sizeof e) ==
            0 &&
        mbedtls_rsa_complete(&ctx) == 0 && mbedtls_mpi_bitlen(&ctx.N) == key->modulus * 8 &&
        mbedtls_rsa_validate_params(&ctx.N, &ctx.P, &ctx.Q, &ctx.D, &ctx.E, drbg_mbedtls, rng) ==
            0 &&
        is(&ctx.DP, key->dp, half) && is(&ctx.DQ, key->dq, half) && is(&ctx.QP, key->qinv, half) &&
        mbedtls_mpi_write_binary(&ctx.N, key->n, key->modulus) == 0)
        err = RSA_OK;
    mbedtls_rsa_free(&ctx);
    return err;
}

enum rsa_error rsa_wide_private(struct drbg *rng, const struct rsa_wide_key *key, const uint8_t *in,
                                uint8_t *out) {
    if (memcmp(in, key->n, key->modulus) >= 0)
        return RSA_BAD_INPUT;
    enum rsa_error err = RSA_FAILED;
    size_t half = key->modulus / 2;
    mbedtls_rsa_context ctx;
    mbedtls_rsa_init(&ctx, MBEDTLS_RSA_PKCS_V15, 0);
    ctx.len = key->modulus;
    if (mbedtls_mpi_read_binary(&ctx.N, key->n, key->modulus) == 0 &&
        mbedtls_mpi_lset(&ctx.E, RSA_WIDE_E) == 0 &&
        mbedtls_mpi_read_binary(&ctx.P, key->p, half) == 0 &&
        mbedtls_mpi_read_binary(&ctx.Q, key->q, half) == 0 &&
        mbedtls_mpi_read_binary(&ctx.DP, key->dp, half) == 0 &&
        mbedtls_mpi_read_binary(&ctx.DQ, key->dq, half) == 0 &&
        mbedtls_mpi_read_binary(&ctx.QP, key->qinv, half) == 0 &&
        mbedtls_rsa_private(&ctx, drbg_mbedtls, rng, in, out) == 0)
        err = RSA_OK;
    mbedtls_rsa_free(&ctx);
    return err;
}
