/* The parts of an RSA key from one another. */
#include "firmware-sim/crypto/rsa.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/rsa.h>
#include <mbedtls/rsa_internal.h>

enum rsa_error rsa_private_exponent(const struct rsa_key *key, uint8_t d[RSA_MODULUS]) {
    enum rsa_error err = RSA_FAILED;
    mbedtls_mpi p, q, e, result;
    mbedtls_mpi_init(&p);
    mbedtls_mpi_init(&q);
    mbedtls_mpi_init(&e);
    mbedtls_mpi_init(&result);
    if (mbedtls_mpi_read_binary(&p, key->p, RSA_PRIME) == 0 &&
        mbedtls_mpi_read_binary(&q, key->q, RSA_PRIME) == 0 &&
        mbedtls_mpi_read_binary(&e, key->e, RSA_EXPONENT) == 0 &&
        mbedtls_rsa_deduce_private_exponent(&p, &q, &e, &result) == 0 &&
        mbedtls_mpi_write_binary(&result, d, RSA_MODULUS) == 0)
        err = RSA_OK;
    mbedtls_mpi_free(&p);
    mbedtls_mpi_free(&q);
    mbedtls_mpi_free(&e);
    mbedtls_mpi_free(&result);
    return err;
}

enum rsa_error rsa_from_primes(struct drbg *rng, const uint8_t p[RSA_PRIME],
                               const uint8_t q[RSA_PRIME], const uint8_t e[RSA_EXPONENT],
                               struct rsa_key *key) {
    enum rsa_error err = RSA_BAD_INPUT;
    mbedtls_rsa_context ctx;
    mbedtls_rsa_init(&ctx, MBEDTLS_RSA_PKCS_V15, 0);
    if (mbedtls_rsa_import_raw(&ctx, NULL, 0, p, RSA_PRIME, q, RSA_PRIME, NULL, 0, e,
                               RSA_EXPONENT) == 0 &&
        mbedtls_rsa_complete(&ctx) == 0 && mbedtls_mpi_bitlen(&ctx.N) == (size_t)RSA_MODULUS * 8 &&
        mbedtls_rsa_validate_params(&ctx.N, &ctx.P, &ctx.Q, &ctx.D, &ctx.E, drbg_mbedtls, rng) ==
            0 &&
        mbedtls_mpi_write_binary(&ctx.N, key->n, sizeof key->n) == 0 &&
        mbedtls_mpi_write_binary(&ctx.E, key->e, sizeof key->e) == 0 &&
        mbedtls_mpi_write_binary(&ctx.P, key->p, sizeof key->p) == 0 &&
        mbedtls_mpi_write_binary(&ctx.Q, key->q, sizeof key->q) == 0 &&
        mbedtls_mpi_write_binary(&ctx.DP, key->dp, sizeof key->dp) == 0 &&
        mbedtls_mpi_write_binary(&ctx.DQ, key->dq, sizeof key->dq) == 0 &&
        mbedtls_mpi_write_binary(&ctx.QP, key->qinv, sizeof key->qinv) == 0)
        err = RSA_OK;
    mbedtls_rsa_free(&ctx);
    if (err)
        mbedtls_platform_zeroize(key, sizeof *key);
    return err;
}
