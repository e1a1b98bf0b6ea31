/* OpenSSL 3 as the host. */
#include "tests/unit/firmware-sim/openssl_sm.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "openssl_sm.c:%d: %s\n", __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void cipher(const EVP_CIPHER *algorithm, const uint8_t *key, const uint8_t *iv,
                   const uint8_t *in, size_t len, uint8_t *out, bool encrypt) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    MUST(ctx && EVP_CipherInit_ex(ctx, algorithm, NULL, key, iv, encrypt));
    MUST(EVP_CIPHER_CTX_set_padding(ctx, 0));
    MUST(EVP_CipherUpdate(ctx, out, &n, in, (int)len) && (size_t)n == len);
    EVP_CIPHER_CTX_free(ctx);
}

void openssl_sm4_ecb(const uint8_t key[16], const uint8_t *in, size_t len, uint8_t *out,
                     bool encrypt) {
    cipher(EVP_sm4_ecb(), key, NULL, in, len, out, encrypt);
}

void openssl_sm4_cbc_encrypt(const uint8_t key[16], const uint8_t iv[16], const uint8_t *in,
                             size_t len, uint8_t *out) {
    cipher(EVP_sm4_cbc(), key, iv, in, len, out, true);
}

static EVP_PKEY *make_key(const uint8_t *d, const struct sm2_point *pub) {
    uint8_t point[65] = {4};
    BIGNUM *bn = NULL;
    EVP_PKEY *key = NULL;
    memcpy(point + 1, pub->x, 32);
    memcpy(point + 33, pub->y, 32);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    MUST(build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0));
    MUST(OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point));
    if (d) {
        MUST((bn = BN_bin2bn(d, 32, NULL)) != NULL);
        MUST(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, bn));
    }
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    MUST(params && ctx && EVP_PKEY_fromdata_init(ctx) == 1);
    MUST(EVP_PKEY_fromdata(ctx, &key, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) == 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(bn);
    return key;
}

bool openssl_sm2_verify(const struct sm2_point *pub, const uint8_t e[32],
                        const struct sm2_signature *sig) {
    EVP_PKEY *key = make_key(NULL, pub);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    ECDSA_SIG *pair = ECDSA_SIG_new();
    unsigned char *der = NULL;
    MUST(pair &&
         ECDSA_SIG_set0(pair, BN_bin2bn(sig->r, 32, NULL), BN_bin2bn(sig->s, 32, NULL)) == 1);
    int len = i2d_ECDSA_SIG(pair, &der);
    MUST(len > 0 && ctx && EVP_PKEY_verify_init(ctx) == 1);
    bool good = EVP_PKEY_verify(ctx, der, (size_t)len, e, 32) == 1;
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return good;
}

void openssl_sm2_sign(const uint8_t d[32], const struct sm2_point *pub, const uint8_t e[32],
                      struct sm2_signature *sig) {
    uint8_t der[128];
    size_t len = sizeof der;
    EVP_PKEY *key = make_key(d, pub);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    MUST(ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, der, &len, e, 32) == 1);
    const unsigned char *p = der;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)len);
    MUST(pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig->r, 32) == 32);
    MUST(BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig->s, 32) == 32);
    ECDSA_SIG_free(pair);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static const unsigned char *der_next(const unsigned char **p, const unsigned char *end, int tag,
                                     long *len) {
    int got_tag, got_class;
    MUST((ASN1_get_object(p, len, &got_tag, &got_class, end - *p) & 0x80) == 0 && got_tag == tag);
    const unsigned char *content = *p;
    *p += *len;
    return content;
}

static void der_coordinate(const unsigned char **p, const unsigned char *end, uint8_t out[32]) {
    long len;
    const unsigned char *content = der_next(p, end, V_ASN1_INTEGER, &len);
    for (; len > 32; len--, content++)
        MUST(*content == 0);
    memset(out, 0, 32);
    memcpy(out + 32 - len, content, (size_t)len);
}

void openssl_sm2_encrypt(const struct sm2_point *pub, const uint8_t *plain, size_t len,
                         struct sm2_point *c1, uint8_t c3[32], uint8_t *c2) {
    uint8_t der[1024];
    size_t der_len = sizeof der;
    long n;
    int tag, object_class;
    EVP_PKEY *key = make_key(NULL, pub);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    MUST(ctx && EVP_PKEY_encrypt_init(ctx) == 1);
    MUST(EVP_PKEY_encrypt(ctx, der, &der_len, plain, len) == 1);
    const unsigned char *p = der, *end = der + der_len;
    MUST((ASN1_get_object(&p, &n, &tag, &object_class, (long)der_len) & 0x80) == 0);
    MUST(tag == V_ASN1_SEQUENCE);
    der_coordinate(&p, end, c1->x);
    der_coordinate(&p, end, c1->y);
    const unsigned char *content = der_next(&p, end, V_ASN1_OCTET_STRING, &n);
    MUST(n == 32);
    memcpy(c3, content, 32);
    content = der_next(&p, end, V_ASN1_OCTET_STRING, &n);
    MUST((size_t)n == len);
    memcpy(c2, content, len);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}
