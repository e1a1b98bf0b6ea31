/* OpenSSL 3's RSA. */
#include "tests/unit/firmware-sim/openssl_rsa.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "openssl_rsa.c:%d: %s\n", __LINE__, #condition);                       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

EVP_PKEY *openssl_rsa_generate(void) {
    EVP_PKEY *key = EVP_RSA_gen(RSA_MODULUS * 8);
    MUST(key);
    return key;
}

EVP_PKEY *openssl_rsa_public(const uint8_t n[RSA_MODULUS], const uint8_t e[RSA_EXPONENT]) {
    EVP_PKEY *key = NULL;
    BIGNUM *bn = BN_bin2bn(n, RSA_MODULUS, NULL), *be = BN_bin2bn(e, RSA_EXPONENT, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    MUST(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn));
    MUST(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be));
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    MUST(params && ctx && EVP_PKEY_fromdata_init(ctx) == 1);
    MUST(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(bn);
    BN_free(be);
    return key;
}

/* e^-1 mod (p - 1)(q - 1). */
static BIGNUM *private_exponent(const BIGNUM *e, const BIGNUM *p, const BIGNUM *q) {
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *p1 = BN_dup(p), *q1 = BN_dup(q), *phi = BN_new(), *d = BN_new();
    MUST(ctx && p1 && q1 && phi && d && BN_sub_word(p1, 1) && BN_sub_word(q1, 1));
    MUST(BN_mul(phi, p1, q1, ctx) && BN_mod_inverse(d, e, phi, ctx));
    BN_free(p1);
    BN_free(q1);
    BN_free(phi);
    BN_CTX_free(ctx);
    return d;
}

EVP_PKEY *openssl_rsa_private(const struct rsa_key *key) {
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_N,
                                        OSSL_PKEY_PARAM_RSA_E,
                                        OSSL_PKEY_PARAM_RSA_FACTOR1,
                                        OSSL_PKEY_PARAM_RSA_FACTOR2,
                                        OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                        OSSL_PKEY_PARAM_RSA_EXPONENT2,
                                        OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
                                        OSSL_PKEY_PARAM_RSA_D};
    enum { N, E, P, Q, DP, DQ, QINV, D, PARTS };
    EVP_PKEY *pair = NULL;
    BIGNUM *parts[PARTS] = {
        BN_bin2bn(key->n, RSA_MODULUS, NULL), BN_bin2bn(key->e, RSA_EXPONENT, NULL),
        BN_bin2bn(key->p, RSA_PRIME, NULL),   BN_bin2bn(key->q, RSA_PRIME, NULL),
        BN_bin2bn(key->dp, RSA_PRIME, NULL),  BN_bin2bn(key->dq, RSA_PRIME, NULL),
        BN_bin2bn(key->qinv, RSA_PRIME, NULL)};
    parts[D] = private_exponent(parts[E], parts[P], parts[Q]);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    for (unsigned i = 0; i < PARTS; i++)
        MUST(parts[i] && OSSL_PARAM_BLD_push_BN(build, names[i], parts[i]));
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    MUST(params && ctx && EVP_PKEY_fromdata_init(ctx) == 1);
    MUST(EVP_PKEY_fromdata(ctx, &pair, EVP_PKEY_KEYPAIR, params) == 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    for (unsigned i = 0; i < PARTS; i++)
        BN_clear_free(parts[i]);
    return pair;
}

static void part(EVP_PKEY *key, const char *name, uint8_t *out, int len) {
    BIGNUM *bn = NULL;
    MUST(EVP_PKEY_get_bn_param(key, name, &bn) == 1 && BN_bn2binpad(bn, out, len) == len);
    BN_clear_free(bn);
}

void openssl_rsa_parts(EVP_PKEY *key, uint8_t n[RSA_MODULUS], uint8_t e[RSA_EXPONENT],
                       uint8_t p[RSA_PRIME], uint8_t q[RSA_PRIME]) {
    part(key, OSSL_PKEY_PARAM_RSA_N, n, RSA_MODULUS);
    part(key, OSSL_PKEY_PARAM_RSA_E, e, RSA_EXPONENT);
    part(key, OSSL_PKEY_PARAM_RSA_FACTOR1, p, RSA_PRIME);
    part(key, OSSL_PKEY_PARAM_RSA_FACTOR2, q, RSA_PRIME);
}

bool openssl_rsa_verify(EVP_PKEY *key, const EVP_MD *md, const uint8_t *digest, size_t len,
                        const uint8_t sig[RSA_MODULUS]) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    MUST(ctx && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1);
    bool good = EVP_PKEY_verify(ctx, sig, RSA_MODULUS, digest, len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

void openssl_rsa_sign(EVP_PKEY *key, const EVP_MD *md, const uint8_t *digest, size_t len,
                      uint8_t sig[RSA_MODULUS]) {
    size_t n = RSA_MODULUS;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    MUST(ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1);
    MUST(EVP_PKEY_sign(ctx, sig, &n, digest, len) == 1 && n == RSA_MODULUS);
    EVP_PKEY_CTX_free(ctx);
}

void openssl_rsa_encrypt(EVP_PKEY *key, const uint8_t *plain, size_t len,
                         uint8_t cipher[RSA_MODULUS]) {
    size_t n = RSA_MODULUS;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    MUST(ctx && EVP_PKEY_encrypt_init(ctx) == 1);
    MUST(EVP_PKEY_encrypt(ctx, cipher, &n, plain, len) == 1 && n == RSA_MODULUS);
    EVP_PKEY_CTX_free(ctx);
}

size_t openssl_rsa_decrypt(EVP_PKEY *key, const uint8_t cipher[RSA_MODULUS],
                           uint8_t plain[RSA_MODULUS]) {
    size_t n = RSA_MODULUS;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    MUST(ctx && EVP_PKEY_decrypt_init(ctx) == 1);
    MUST(EVP_PKEY_decrypt(ctx, plain, &n, cipher, RSA_MODULUS) == 1);
    EVP_PKEY_CTX_free(ctx);
    return n;
}
