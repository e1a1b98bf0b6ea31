/* For tests of what is done with RSA keys, not of how they are found: linked with -Wl,--wrap=mbedtls_rsa_gen_key, every
 * generated key of a size is the same one, by OpenSSL, found once. */
#include <mbedtls/rsa.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>

enum { SIZES = 4 };

int __wrap_mbedtls_rsa_gen_key(mbedtls_rsa_context *ctx,
                               int (*f_rng)(void *, unsigned char *, size_t), void *p_rng,
                               unsigned int nbits, int exponent);

static EVP_PKEY *given(unsigned bits) {
    static EVP_PKEY *keys[SIZES];
    EVP_PKEY **key = keys;
    while (key < keys + SIZES - 1 && *key && EVP_PKEY_get_bits(*key) != (int)bits)
        key++;
    if (!*key)
        *key = EVP_RSA_gen(bits);
    return *key;
}

static int take(EVP_PKEY *key, const char *name, mbedtls_mpi *out) {
    unsigned char bytes[512];
    BIGNUM *bn = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &bn) != 1)
        abort();
    int len = BN_bn2bin(bn, bytes);
    BN_clear_free(bn);
    return mbedtls_mpi_read_binary(out, bytes, (size_t)len);
}

int __wrap_mbedtls_rsa_gen_key(mbedtls_rsa_context *ctx,
                               int (*f_rng)(void *, unsigned char *, size_t), void *p_rng,
                               unsigned int nbits, int exponent) {
    EVP_PKEY *key = given(nbits);
    (void)f_rng, (void)p_rng;
    if (!key || EVP_PKEY_get_bits(key) != (int)nbits || exponent != 65537)
        return MBEDTLS_ERR_RSA_KEY_GEN_FAILED;
    ctx->len = nbits / 8;
    return take(key, OSSL_PKEY_PARAM_RSA_N, &ctx->N) || take(key, OSSL_PKEY_PARAM_RSA_E, &ctx->E) ||
                   take(key, OSSL_PKEY_PARAM_RSA_D, &ctx->D) ||
                   take(key, OSSL_PKEY_PARAM_RSA_FACTOR1, &ctx->P) ||
                   take(key, OSSL_PKEY_PARAM_RSA_FACTOR2, &ctx->Q) ||
                   take(key, OSSL_PKEY_PARAM_RSA_EXPONENT1, &ctx->DP) ||
                   take(key, OSSL_PKEY_PARAM_RSA_EXPONENT2, &ctx->DQ) ||
                   take(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, &ctx->QP)
               ? MBEDTLS_ERR_RSA_KEY_GEN_FAILED
               : 0;
}
