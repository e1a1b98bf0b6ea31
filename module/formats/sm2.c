/* SM2 keys, SM3 digests and SM2 signatures on OpenSSL's providers. */
#include "module/formats/sm2.h"

#include "module/formats/key_names.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

/* GB/T 32918.5: a, b, xG, yG, as they enter Z. */
static const unsigned char curve_constants[4 * SM2_SCALAR] = {
    0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFC,
    0x28, 0xE9, 0xFA, 0x9E, 0x9D, 0x9F, 0x5E, 0x34, 0x4D, 0x5A, 0x9E, 0x4B, 0xCF, 0x65, 0x09, 0xA7,
    0xF3, 0x97, 0x89, 0xF5, 0x15, 0xAB, 0x8F, 0x92, 0xDD, 0xBC, 0xBD, 0x41, 0x4D, 0x94, 0x0E, 0x93,
    0x32, 0xC4, 0xAE, 0x2C, 0x1F, 0x19, 0x81, 0x19, 0x5F, 0x99, 0x04, 0x46, 0x6A, 0x39, 0xC9, 0x94,
    0x8F, 0xE3, 0x0B, 0xBF, 0xF2, 0x66, 0x0B, 0xE1, 0x71, 0x5A, 0x45, 0x89, 0x33, 0x4C, 0x74, 0xC7,
    0xBC, 0x37, 0x36, 0xA2, 0xF4, 0xF6, 0x77, 0x9C, 0x59, 0xBD, 0xCE, 0xE3, 0x6B, 0x69, 0x21, 0x53,
    0xD0, 0xA9, 0x87, 0x7C, 0xC6, 0x2A, 0x47, 0x40, 0x02, 0xDF, 0x32, 0xE5, 0x21, 0x39, 0xF0, 0xA0};

enum formats_error sm2_key_generate(OSSL_LIB_CTX *libctx, EVP_PKEY **out) {
    *out = EVP_PKEY_Q_keygen(libctx, NULL, "SM2");
    return *out != NULL ? FORMATS_OK : FORMATS_CRYPTO;
}

/* Builds a key from a point and, when it is a pair, its scalar. */
static enum formats_error key_from_parts(OSSL_LIB_CTX *libctx, const unsigned char point[65],
                                         const BIGNUM *scalar, EVP_PKEY **out) {
    enum formats_error error = FORMATS_MEMORY;
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = NULL;
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    if (bld == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, 65) != 1 ||
        (scalar != NULL && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, scalar) != 1))
        goto out;
    params = OSSL_PARAM_BLD_to_param(bld);
    ctx = EVP_PKEY_CTX_new_from_name(libctx, KEY_NAME_SM2, NULL);
    if (params == NULL)
        goto out;
    error = FORMATS_CRYPTO;
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1)
        goto out;
    ERR_set_mark();
    error = EVP_PKEY_fromdata(ctx, out, scalar != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                              params) == 1
                ? FORMATS_OK
                : FORMATS_KEY;
    ERR_pop_to_mark();
out:
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    EVP_PKEY_CTX_free(ctx);
    return error;
}

enum formats_error sm2_key_from_point(OSSL_LIB_CTX *libctx, const struct sm2_point *point,
                                      EVP_PKEY **out) {
    unsigned char octets[1 + 2 * SM2_SCALAR];
    octets[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(octets + 1, point->x, SM2_SCALAR);
    memcpy(octets + 1 + SM2_SCALAR, point->y, SM2_SCALAR);
    *out = NULL;
    return key_from_parts(libctx, octets, NULL, out);
}

enum formats_error sm2_key_from_scalar(OSSL_LIB_CTX *libctx, const unsigned char d[SM2_SCALAR],
                                       EVP_PKEY **out) {
    *out = NULL;
    enum formats_error error = FORMATS_MEMORY;
    unsigned char octets[65];
    EC_POINT *point = NULL;
    BIGNUM *limit = NULL;
    EC_GROUP *group = EC_GROUP_new_by_curve_name_ex(libctx, NULL, NID_sm2);
    BN_CTX *bn = BN_CTX_secure_new_ex(libctx);
    BIGNUM *scalar = BN_secure_new();
    if (group == NULL || bn == NULL || scalar == NULL || BN_bin2bn(d, SM2_SCALAR, scalar) == NULL)
        goto out;
    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    point = EC_POINT_new(group);
    limit = BN_dup(EC_GROUP_get0_order(group));
    if (point == NULL || limit == NULL || BN_sub_word(limit, 1) != 1)
        goto out;
    error = FORMATS_KEY;
    if (BN_is_zero(scalar) || BN_cmp(scalar, limit) >= 0)
        goto out;
    error = FORMATS_CRYPTO;
    if (EC_POINT_mul(group, point, scalar, NULL, NULL, bn) != 1 ||
        EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, octets, sizeof octets,
                           bn) != sizeof octets)
        goto out;
    error = key_from_parts(libctx, octets, scalar, out);
out:
    BN_clear_free(scalar);
    BN_free(limit);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    BN_CTX_free(bn);
    return error;
}

bool sm2_key_is_sm2(const EVP_PKEY *key) {
    if (key == NULL)
        return false;
    if (EVP_PKEY_is_a(key, "SM2"))
        return true;
    char group[32] = "";
    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, "SM2") == 0;
}

enum formats_error sm2_key_point(const EVP_PKEY *key, struct sm2_point *out) {
    memset(out, 0, sizeof *out);
    if (!sm2_key_is_sm2(key))
        return FORMATS_KEY;
    BIGNUM *x = NULL;
    BIGNUM *y = NULL;
    bool done = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
                EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
                BN_bn2binpad(x, out->x, SM2_SCALAR) == SM2_SCALAR &&
                BN_bn2binpad(y, out->y, SM2_SCALAR) == SM2_SCALAR;
    BN_free(x);
    BN_free(y);
    return done ? FORMATS_OK : FORMATS_KEY;
}

enum formats_error sm2_key_scalar(const EVP_PKEY *key, unsigned char d[SM2_SCALAR]) {
    memset(d, 0, SM2_SCALAR);
    if (!sm2_key_is_sm2(key))
        return FORMATS_KEY;
    BIGNUM *scalar = NULL;
    bool done = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) == 1 &&
                BN_bn2binpad(scalar, d, SM2_SCALAR) == SM2_SCALAR;
    BN_clear_free(scalar);
    return done ? FORMATS_OK : FORMATS_KEY;
}

enum formats_error sm2_key_from_spki(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                     EVP_PKEY **out) {
    *out = NULL;
    if (der == NULL || len == 0)
        return FORMATS_MALFORMED;
    if (len > 1024)
        return FORMATS_TOO_LARGE;
    const unsigned char *p = der;
    ERR_set_mark();
    EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &p, (long)len, libctx, NULL);
    ERR_pop_to_mark();
    enum formats_error error = FORMATS_MALFORMED;
    struct sm2_point point;
    if (key == NULL || p != der + len)
        goto out;
    if (!sm2_key_is_sm2(key)) {
        error = FORMATS_UNSUPPORTED;
        goto out;
    }
    error = sm2_key_point(key, &point);
    if (error == FORMATS_OK)
        error = sm2_key_from_point(libctx, &point, out);
out:
    EVP_PKEY_free(key);
    return error;
}

/* SubjectPublicKeyInfo up to the 65 bytes of the point: id-ecPublicKey, 1.2.156.10197.1.301. */
static const unsigned char spki_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48,
                                          0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x81, 0x1C,
                                          0xCF, 0x55, 0x01, 0x82, 0x2D, 0x03, 0x42, 0x00, 0x04};

enum formats_error sm2_point_to_spki(const struct sm2_point *point, struct octets *out) {
    unsigned char spki[sizeof spki_head + sizeof *point];
    memcpy(spki, spki_head, sizeof spki_head);
    memcpy(spki + sizeof spki_head, point->x, SM2_SCALAR);
    memcpy(spki + sizeof spki_head + SM2_SCALAR, point->y, SM2_SCALAR);
    return octets_copy(out, spki, sizeof spki);
}

enum formats_error sm2_point_from_spki(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                       struct sm2_point *out) {
    memset(out, 0, sizeof *out);
    EVP_PKEY *key = NULL;
    enum formats_error error = sm2_key_from_spki(libctx, der, len, &key);
    if (error == FORMATS_OK)
        error = sm2_key_point(key, out);
    EVP_PKEY_free(key);
    return error;
}

enum formats_error sm3_digest(OSSL_LIB_CTX *libctx, const void *data, size_t len,
                              unsigned char out[SM3_SIZE]) {
    size_t out_len = 0;
    memset(out, 0, SM3_SIZE);
    if (EVP_Q_digest(libctx, "SM3", NULL, len > 0 ? data : "", len, out, &out_len) != 1)
        return FORMATS_CRYPTO;
    return out_len == SM3_SIZE ? FORMATS_OK : FORMATS_CRYPTO;
}

enum formats_error sm2_message_digest_begin(OSSL_LIB_CTX *libctx, const struct sm2_point *key,
                                            const void *id, size_t id_len, EVP_MD_CTX **out) {
    *out = NULL;
    if (id == NULL) {
        id = SM2_DEFAULT_ID;
        id_len = strlen(SM2_DEFAULT_ID);
    }
    if (id_len > SM2_ID_MAX)
        return FORMATS_TOO_LARGE;
    const unsigned char entl[2] = {(unsigned char)(id_len >> 5), (unsigned char)(id_len << 3)};
    unsigned char z[SM3_SIZE];
    EVP_MD *sm3 = EVP_MD_fetch(libctx, "SM3", NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok =
        sm3 != NULL && ctx != NULL && EVP_DigestInit_ex2(ctx, sm3, NULL) == 1 &&
        EVP_DigestUpdate(ctx, entl, sizeof entl) == 1 && EVP_DigestUpdate(ctx, id, id_len) == 1 &&
        EVP_DigestUpdate(ctx, curve_constants, sizeof curve_constants) == 1 &&
        EVP_DigestUpdate(ctx, key->x, SM2_SCALAR) == 1 &&
        EVP_DigestUpdate(ctx, key->y, SM2_SCALAR) == 1 && EVP_DigestFinal_ex(ctx, z, NULL) == 1 &&
        EVP_DigestInit_ex2(ctx, sm3, NULL) == 1 && EVP_DigestUpdate(ctx, z, sizeof z) == 1;
    EVP_MD_free(sm3);
    if (!ok) {
        EVP_MD_CTX_free(ctx);
        return FORMATS_CRYPTO;
    }
    *out = ctx;
    return FORMATS_OK;
}

enum formats_error sm2_message_digest(OSSL_LIB_CTX *libctx, const struct sm2_point *key,
                                      const void *id, size_t id_len, const void *message,
                                      size_t len, unsigned char e[SM3_SIZE]) {
    memset(e, 0, SM3_SIZE);
    EVP_MD_CTX *ctx;
    enum formats_error error = sm2_message_digest_begin(libctx, key, id, id_len, &ctx);
    if (error != FORMATS_OK)
        return error;
    if ((len > 0 && EVP_DigestUpdate(ctx, message, len) != 1) ||
        EVP_DigestFinal_ex(ctx, e, NULL) != 1)
        error = FORMATS_CRYPTO;
    EVP_MD_CTX_free(ctx);
    return error;
}

/* A context that signs or verifies with SM3 and Z under the default identity. `native` keeps a
 * converted key alive. */
static EVP_MD_CTX *signature_context(OSSL_LIB_CTX *libctx, EVP_PKEY *key, bool sign,
                                     EVP_PKEY **native) {
    EVP_PKEY_CTX *pctx = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    *native = NULL;
    if (!EVP_PKEY_is_a(key, "SM2")) { /* a key that OpenSSL calls EC on this curve */
        struct sm2_point point;
        unsigned char d[SM2_SCALAR];
        enum formats_error error = FORMATS_KEY;
        if (sign && sm2_key_scalar(key, d) == FORMATS_OK)
            error = sm2_key_from_scalar(libctx, d, native);
        else if (!sign && sm2_key_point(key, &point) == FORMATS_OK)
            error = sm2_key_from_point(libctx, &point, native);
        OPENSSL_cleanse(d, sizeof d);
        if (error != FORMATS_OK)
            goto fail;
        key = *native;
    }
    if (ctx == NULL)
        goto fail;
    int ok = sign ? EVP_DigestSignInit_ex(ctx, &pctx, "SM3", libctx, NULL, key, NULL)
                  : EVP_DigestVerifyInit_ex(ctx, &pctx, "SM3", libctx, NULL, key, NULL);
    if (ok == 1 && EVP_PKEY_CTX_set1_id(pctx, SM2_DEFAULT_ID, (int)strlen(SM2_DEFAULT_ID)) == 1)
        return ctx;
fail:
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(*native);
    *native = NULL;
    return NULL;
}

enum formats_error sm2_sign(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const void *message, size_t len,
                            struct octets *out) {
    *out = (struct octets){NULL, 0};
    EVP_PKEY *native = NULL;
    unsigned char signature[128];
    size_t signature_len = sizeof signature;
    enum formats_error error = FORMATS_CRYPTO;
    EVP_MD_CTX *ctx = signature_context(libctx, key, true, &native);
    if (ctx != NULL && EVP_DigestSign(ctx, signature, &signature_len,
                                      len > 0 ? message : (const void *)"", len) == 1)
        error = octets_copy(out, signature, signature_len);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(native);
    return error;
}

enum formats_error sm2_verify(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const void *message, size_t len,
                              const unsigned char *signature, size_t signature_len) {
    unsigned char raw[SM2_RAW_SIGNATURE];
    enum formats_error error = sm2_signature_from_der(signature, signature_len, raw);
    if (error != FORMATS_OK)
        return error;
    if (!sm2_key_is_sm2(key))
        return FORMATS_KEY;
    EVP_PKEY *native = NULL;
    ERR_set_mark();
    EVP_MD_CTX *ctx = signature_context(libctx, key, false, &native);
    if (ctx == NULL)
        error = FORMATS_CRYPTO;
    else if (EVP_DigestVerify(ctx, signature, signature_len, len > 0 ? message : (const void *)"",
                              len) != 1)
        error = FORMATS_SIGNATURE;
    ERR_pop_to_mark();
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(native);
    return error;
}

enum formats_error sm2_verify_raw(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const void *message,
                                  size_t len, const unsigned char signature[SM2_RAW_SIGNATURE]) {
    struct octets der;
    enum formats_error error = sm2_signature_to_der(signature, &der);
    if (error == FORMATS_OK)
        error = sm2_verify(libctx, key, message, len, der.data, der.len);
    octets_free(&der);
    return error;
}

enum formats_error sm2_signature_to_der(const unsigned char raw[SM2_RAW_SIGNATURE],
                                        struct octets *out) {
    *out = (struct octets){NULL, 0};
    unsigned char *der = NULL;
    enum formats_error error = FORMATS_MEMORY;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, SM2_SCALAR, NULL);
    BIGNUM *s = BN_bin2bn(raw + SM2_SCALAR, SM2_SCALAR, NULL);
    if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1)
        goto out;
    r = s = NULL;
    int len = i2d_ECDSA_SIG(sig, &der);
    if (len > 0)
        error = octets_copy(out, der, (size_t)len);
out:
    OPENSSL_free(der);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return error;
}

enum formats_error sm2_signature_from_der(const unsigned char *der, size_t len,
                                          unsigned char raw[SM2_RAW_SIGNATURE]) {
    memset(raw, 0, SM2_RAW_SIGNATURE);
    if (der == NULL || len == 0 || len > SM2_DER_SIGNATURE_MAX)
        return FORMATS_MALFORMED;
    const unsigned char *p = der;
    ERR_set_mark();
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    ERR_pop_to_mark();
    enum formats_error error = FORMATS_MALFORMED;
    if (sig != NULL && p == der + len && !BN_is_zero(ECDSA_SIG_get0_r(sig)) &&
        !BN_is_zero(ECDSA_SIG_get0_s(sig)) &&
        BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, SM2_SCALAR) == SM2_SCALAR &&
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + SM2_SCALAR, SM2_SCALAR) == SM2_SCALAR)
        error = FORMATS_OK;
    ECDSA_SIG_free(sig);
    return error;
}
