/* OpenSSL 3 as the host. */
#include "tests/unit/firmware-sim/openssl_sm.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
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

static size_t der_integer(uint8_t *out, const uint8_t n[32]) {
    size_t skip = 0, len = 0;
    while (skip < 31 && n[skip] == 0)
        skip++;
    out[len++] = V_ASN1_INTEGER;
    out[len++] = (uint8_t)(32 - skip + (n[skip] >> 7));
    if (n[skip] & 0x80)
        out[len++] = 0;
    memcpy(out + len, n + skip, 32 - skip);
    return len + 32 - skip;
}

static size_t der_length(uint8_t *out, size_t n) {
    size_t len = 0;
    if (n > 255)
        out[len++] = 0x82, out[len++] = (uint8_t)(n >> 8);
    else if (n > 127)
        out[len++] = 0x81;
    out[len++] = (uint8_t)n;
    return len;
}

bool openssl_sm2_decrypt(const uint8_t d[32], const struct sm2_point *pub,
                         const struct sm2_point *c1, const uint8_t c3[32], const uint8_t *c2,
                         size_t len, uint8_t *plain) {
    uint8_t body[4096], der[4200];
    size_t n = der_integer(body, c1->x), der_len = 0, plain_len = len;
    MUST(len < 3000);
    n += der_integer(body + n, c1->y);
    body[n++] = V_ASN1_OCTET_STRING;
    body[n++] = 32;
    memcpy(body + n, c3, 32);
    n += 32;
    body[n++] = V_ASN1_OCTET_STRING;
    n += der_length(body + n, len);
    memcpy(body + n, c2, len);
    n += len;
    der[der_len++] = V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED;
    der_len += der_length(der + der_len, n);
    memcpy(der + der_len, body, n);
    der_len += n;
    EVP_PKEY *key = make_key(d, pub);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    MUST(ctx && EVP_PKEY_decrypt_init(ctx) == 1);
    bool good = EVP_PKEY_decrypt(ctx, plain, &plain_len, der, der_len) == 1 && plain_len == len;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return good;
}

static EC_GROUP *group(void) {
    static EC_GROUP *sm2;
    if (!sm2)
        MUST((sm2 = EC_GROUP_new_by_curve_name(NID_sm2)) != NULL);
    return sm2;
}

static EC_POINT *point_of(const struct sm2_point *p, BN_CTX *ctx) {
    EC_POINT *point = EC_POINT_new(group());
    BIGNUM *x = BN_bin2bn(p->x, 32, NULL), *y = BN_bin2bn(p->y, 32, NULL);
    MUST(point && x && y && EC_POINT_set_affine_coordinates(group(), point, x, y, ctx));
    BN_free(x);
    BN_free(y);
    return point;
}

static void point_out(const EC_POINT *point, struct sm2_point *out, BN_CTX *ctx) {
    BIGNUM *x = BN_new(), *y = BN_new();
    MUST(EC_POINT_get_affine_coordinates(group(), point, x, y, ctx));
    MUST(BN_bn2binpad(x, out->x, 32) == 32 && BN_bn2binpad(y, out->y, 32) == 32);
    BN_free(x);
    BN_free(y);
}

void openssl_sm2_keygen(uint8_t d[32], struct sm2_point *pub) {
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *k = BN_new(), *top = BN_dup(EC_GROUP_get0_order(group()));
    EC_POINT *q = EC_POINT_new(group());
    MUST(BN_sub_word(top, 2) && BN_priv_rand_range(k, top) && BN_add_word(k, 1));
    MUST(EC_POINT_mul(group(), q, k, NULL, NULL, ctx) && BN_bn2binpad(k, d, 32) == 32);
    point_out(q, pub, ctx);
    EC_POINT_free(q);
    BN_free(k);
    BN_free(top);
    BN_CTX_free(ctx);
}

void openssl_sm2_z(const struct sm2_point *pub, const char *id, uint8_t z[32]) {
    BN_CTX *bn = BN_CTX_new();
    BIGNUM *p = BN_new(), *a = BN_new(), *b = BN_new();
    struct sm2_point g;
    uint8_t number[32], entl[2] = {(uint8_t)(strlen(id) * 8 >> 8), (uint8_t)(strlen(id) * 8)};
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    MUST(EC_GROUP_get_curve(group(), p, a, b, bn) && EVP_DigestInit_ex(md, EVP_sm3(), NULL));
    MUST(EVP_DigestUpdate(md, entl, 2) && EVP_DigestUpdate(md, id, strlen(id)));
    MUST(BN_bn2binpad(a, number, 32) == 32 && EVP_DigestUpdate(md, number, 32));
    MUST(BN_bn2binpad(b, number, 32) == 32 && EVP_DigestUpdate(md, number, 32));
    point_out(EC_GROUP_get0_generator(group()), &g, bn);
    MUST(EVP_DigestUpdate(md, &g, sizeof g) && EVP_DigestUpdate(md, pub, sizeof *pub));
    MUST(EVP_DigestFinal_ex(md, z, NULL));
    EVP_MD_CTX_free(md);
    BN_free(p);
    BN_free(a);
    BN_free(b);
    BN_CTX_free(bn);
}

static BIGNUM *half_x(const struct sm2_point *p) {
    BIGNUM *x = BN_bin2bn(p->x, 32, NULL);
    MUST(x && (BN_num_bits(x) <= 127 || BN_mask_bits(x, 127)) && BN_set_bit(x, 127));
    return x;
}

void openssl_sm2_exchange(const uint8_t d[32], const uint8_t r[32], const struct sm2_point *own_r,
                          const struct sm2_point *peer, const struct sm2_point *peer_r,
                          const uint8_t z_initiator[32], const uint8_t z_responder[32],
                          uint8_t key[16]) {
    static const uint8_t counter[4] = {0, 0, 0, 1};
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *t = BN_new(), *bd = BN_bin2bn(d, 32, NULL), *br = BN_bin2bn(r, 32, NULL);
    BIGNUM *own = half_x(own_r), *other = half_x(peer_r);
    EC_POINT *p = point_of(peer, ctx), *q = point_of(peer_r, ctx);
    struct sm2_point u;
    uint8_t digest[32];
    MUST(BN_mod_mul(t, own, br, EC_GROUP_get0_order(group()), ctx));
    MUST(BN_mod_add(t, t, bd, EC_GROUP_get0_order(group()), ctx));
    MUST(EC_POINT_mul(group(), q, NULL, q, other, ctx) && EC_POINT_add(group(), p, p, q, ctx));
    MUST(EC_POINT_mul(group(), p, NULL, p, t, ctx));
    point_out(p, &u, ctx);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    MUST(EVP_DigestInit_ex(md, EVP_sm3(), NULL) && EVP_DigestUpdate(md, &u, sizeof u));
    MUST(EVP_DigestUpdate(md, z_initiator, 32) && EVP_DigestUpdate(md, z_responder, 32));
    MUST(EVP_DigestUpdate(md, counter, 4) && EVP_DigestFinal_ex(md, digest, NULL));
    memcpy(key, digest, 16);
    EVP_MD_CTX_free(md);
    EC_POINT_free(p);
    EC_POINT_free(q);
    BN_free(t);
    BN_free(bd);
    BN_free(br);
    BN_free(own);
    BN_free(other);
    BN_CTX_free(ctx);
}

void openssl_sm4_cbc(const uint8_t key[16], const uint8_t iv[16], bool padded, const uint8_t *in,
                     size_t len, uint8_t *out, size_t *out_len, bool encrypt) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    MUST(ctx && EVP_CipherInit_ex(ctx, EVP_sm4_cbc(), NULL, key, iv, encrypt));
    MUST(EVP_CIPHER_CTX_set_padding(ctx, padded));
    MUST(EVP_CipherUpdate(ctx, out, &n, in, (int)len));
    MUST(EVP_CipherFinal_ex(ctx, out + n, &last));
    *out_len = (size_t)n + (size_t)last;
    EVP_CIPHER_CTX_free(ctx);
}
