/* RSA keys on mbedTLS's arithmetic, whatever their size. */
#include "firmware-sim/crypto/rsa_parts.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/rsa.h>
#include <mbedtls/rsa_internal.h>
#include <string.h>

enum { E = 65537 };

size_t rsa_part(size_t modulus, enum rsa_part part, size_t *len) {
    size_t half = modulus / 2;
    *len = part == RSA_N ? modulus : part == RSA_E ? (size_t)RSA_EXPONENT : half;
    return part == RSA_N   ? 0
           : part == RSA_E ? modulus
                           : modulus + RSA_EXPONENT + (size_t)(part - RSA_P) * half;
}

/* A key being worked with; freeing the context cleanses it. */
struct work {
    mbedtls_rsa_context ctx;
    mbedtls_mpi *numbers[RSA_PART_COUNT];
};

static void work_start(struct work *w) {
    mbedtls_rsa_init(&w->ctx, MBEDTLS_RSA_PKCS_V15, 0);
    w->numbers[RSA_N] = &w->ctx.N;
    w->numbers[RSA_E] = &w->ctx.E;
    w->numbers[RSA_P] = &w->ctx.P;
    w->numbers[RSA_Q] = &w->ctx.Q;
    w->numbers[RSA_DP] = &w->ctx.DP;
    w->numbers[RSA_DQ] = &w->ctx.DQ;
    w->numbers[RSA_QINV] = &w->ctx.QP;
}

static bool take(struct work *w, const uint8_t *parts, size_t modulus, enum rsa_part part) {
    size_t len, at = rsa_part(modulus, part, &len);
    return mbedtls_mpi_read_binary(w->numbers[part], parts + at, len) == 0;
}

static bool put(const struct work *w, uint8_t *parts, size_t modulus, enum rsa_part part) {
    size_t len, at = rsa_part(modulus, part, &len);
    return mbedtls_mpi_write_binary(w->numbers[part], parts + at, len) == 0;
}

enum rsa_error rsa_parts_generate(struct drbg *rng, uint8_t *parts, size_t modulus) {
    struct work w;
    work_start(&w);
    bool ok = mbedtls_rsa_gen_key(&w.ctx, drbg_mbedtls, rng, (unsigned)modulus * 8, E) == 0;
    for (unsigned part = RSA_N; part < RSA_PART_COUNT && ok; part++)
        ok = put(&w, parts, modulus, (enum rsa_part)part);
    mbedtls_rsa_free(&w.ctx);
    if (!ok)
        mbedtls_platform_zeroize(parts, rsa_parts_size(modulus));
    return ok ? RSA_OK : RSA_FAILED;
}

/* Writes the part, or compares if it was given. */
static bool fit(const struct work *w, uint8_t *parts, size_t modulus, enum rsa_part part) {
    size_t len, at = rsa_part(modulus, part, &len);
    mbedtls_mpi given;
    mbedtls_mpi_init(&given);
    bool ok = mbedtls_mpi_read_binary(&given, parts + at, len) == 0;
    if (ok && mbedtls_mpi_cmp_int(&given, 0) == 0)
        ok = put(w, parts, modulus, part);
    else
        ok = ok && mbedtls_mpi_cmp_mpi(w->numbers[part], &given) == 0;
    mbedtls_mpi_free(&given);
    return ok;
}

enum rsa_error rsa_parts_complete(struct drbg *rng, uint8_t *parts, size_t modulus) {
    struct work w;
    mbedtls_rsa_context *ctx = &w.ctx;
    work_start(&w);
    bool ok = take(&w, parts, modulus, RSA_P) && take(&w, parts, modulus, RSA_Q) &&
              take(&w, parts, modulus, RSA_E) && mbedtls_rsa_complete(ctx) == 0 &&
              mbedtls_mpi_bitlen(&ctx->N) == modulus * 8 &&
              mbedtls_rsa_validate_params(&ctx->N, &ctx->P, &ctx->Q, &ctx->D, &ctx->E, drbg_mbedtls,
                                          rng) == 0;
    for (unsigned part = RSA_N; part < RSA_PART_COUNT && ok; part++)
        ok = fit(&w, parts, modulus, (enum rsa_part)part);
    mbedtls_rsa_free(ctx);
    if (!ok)
        mbedtls_platform_zeroize(parts, rsa_parts_size(modulus));
    return ok ? RSA_OK : RSA_BAD_INPUT;
}

enum rsa_error rsa_parts_private(struct drbg *rng, const uint8_t *parts, size_t modulus,
                                 const uint8_t *in, uint8_t *out) {
    struct work w;
    if (memcmp(in, parts, modulus) >= 0)
        return RSA_BAD_INPUT;
    work_start(&w);
    w.ctx.len = modulus;
    bool ok = true;
    for (unsigned part = RSA_N; part < RSA_PART_COUNT && ok; part++)
        ok = take(&w, parts, modulus, (enum rsa_part)part);
    ok = ok && mbedtls_rsa_private(&w.ctx, drbg_mbedtls, rng, in, out) == 0;
    mbedtls_rsa_free(&w.ctx);
    return ok ? RSA_OK : RSA_FAILED;
}

enum rsa_error rsa_parts_exponent(const uint8_t *parts, size_t modulus, uint8_t *d) {
    struct work w;
    work_start(&w);
    bool ok = take(&w, parts, modulus, RSA_P) && take(&w, parts, modulus, RSA_Q) &&
              take(&w, parts, modulus, RSA_E) &&
              mbedtls_rsa_deduce_private_exponent(&w.ctx.P, &w.ctx.Q, &w.ctx.E, &w.ctx.D) == 0 &&
              mbedtls_mpi_write_binary(&w.ctx.D, d, modulus) == 0;
    mbedtls_rsa_free(&w.ctx);
    return ok ? RSA_OK : RSA_FAILED;
}
