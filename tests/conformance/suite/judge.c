/* Signatures judged by OpenSSL. */
#include "tests/conformance/suite/judge.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *builder) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

EVP_PKEY *judge_rsa(const unsigned char *n, size_t n_len, const unsigned char *e, size_t e_len) {
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL), *exponent = BN_bin2bn(e, (int)e_len, NULL);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent);
    EVP_PKEY *key = from_params("RSA", builder);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

EVP_PKEY *judge_point(const char *group, const unsigned char *point, size_t len) {
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, len);
    return from_params(strcmp(group, "SM2") == 0 ? "SM2" : "EC", builder);
}

EVP_PKEY *judge_key(const CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session,
                    CK_OBJECT_HANDLE public_key) {
    CK_KEY_TYPE type = ~0UL;
    CK_ATTRIBUTE kind = {CKA_KEY_TYPE, &type, sizeof(type)};
    unsigned char first[1024], second[64];
    if (p11->C_GetAttributeValue(session, public_key, &kind, 1) != CKR_OK) {
        return NULL;
    }
    bool rsa = type == CKK_RSA;
    CK_ATTRIBUTE value[] = {{rsa ? CKA_MODULUS : CKA_EC_POINT, first, sizeof(first)},
                            {rsa ? CKA_PUBLIC_EXPONENT : CKA_EC_PARAMS, second, sizeof(second)}};
    if ((type != CKK_RSA && type != CKK_EC && type != CKK_SM2) ||
        p11->C_GetAttributeValue(session, public_key, value, 2) != CKR_OK) {
        return NULL;
    }
    if (rsa) {
        return judge_rsa(first, value[0].ulValueLen, second, value[1].ulValueLen);
    }
    /* DER OCTET STRING of 04 || X || Y, 65 bytes */
    if (value[0].ulValueLen != 67 || first[0] != 0x04 || first[1] != 65) {
        return NULL;
    }
    static const unsigned char sm2_oid[] = {0x06, 8, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 1, 0x82, 0x2D};
    bool sm2 =
        value[1].ulValueLen == sizeof(sm2_oid) && memcmp(second, sm2_oid, sizeof(sm2_oid)) == 0;
    return judge_point(sm2 ? "SM2" : "P-256", first + 2, 65);
}

/* r || s to DER. */
static size_t to_der(const unsigned char *raw, size_t len, unsigned char *der) {
    ECDSA_SIG *sig = ECDSA_SIG_new();
    int half = (int)len / 2;
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, half, NULL), BN_bin2bn(raw + half, half, NULL));
    int der_len = i2d_ECDSA_SIG(sig, &der);
    ECDSA_SIG_free(sig);
    return der_len > 0 ? (size_t)der_len : 0;
}

bool judge_signature(EVP_PKEY *key, const CK_MECHANISM *mechanism, const unsigned char *data,
                     size_t len, const unsigned char *signature, size_t signature_len) {
    static const struct {
        CK_MECHANISM_TYPE type;
        const char *digest; /* NULL: the data is the hash, or the padded thing */
        bool pss, curve;
    } known[] = {{CKM_RSA_PKCS, NULL, false, false},
                 {CKM_SHA1_RSA_PKCS, "SHA1", false, false},
                 {CKM_SHA256_RSA_PKCS, "SHA256", false, false},
                 {CKM_SHA384_RSA_PKCS, "SHA384", false, false},
                 {CKM_SHA512_RSA_PKCS, "SHA512", false, false},
                 {CKM_RSA_PKCS_PSS, NULL, true, false},
                 {CKM_SHA256_RSA_PKCS_PSS, "SHA256", true, false},
                 {CKM_ECDSA, NULL, false, true},
                 {CKM_ECDSA_SHA256, "SHA256", false, true},
                 {CKM_SM2, NULL, false, true},
                 {CKM_SM2_SM3, "SM3", false, true}};
    unsigned char der[200];
    bool good = false;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].type != mechanism->mechanism) {
            continue;
        }
        EVP_MD_CTX *digest = EVP_MD_CTX_new();
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL), *used = ctx;
        if (known[i].curve) {
            if (signature_len != 64) {
                goto out;
            }
            signature_len = to_der(signature, signature_len, der);
            signature = der;
        }
        if (known[i].type == CKM_SM2_SM3) {
            EVP_PKEY_CTX_set1_id(ctx, "1234567812345678", 16);
            EVP_MD_CTX_set_pkey_ctx(digest, ctx);
        }
        if (known[i].digest != NULL) {
            if (EVP_DigestVerifyInit_ex(digest, known[i].type == CKM_SM2_SM3 ? NULL : &used,
                                        known[i].digest, NULL, NULL, key, NULL) != 1) {
                goto out;
            }
        } else if (EVP_PKEY_verify_init(ctx) != 1) {
            goto out;
        }
        if (!known[i].curve &&
            EVP_PKEY_CTX_set_rsa_padding(used, known[i].pss ? RSA_PKCS1_PSS_PADDING
                                                            : RSA_PKCS1_PADDING) != 1) {
            goto out;
        }
        if (known[i].pss && known[i].digest == NULL &&
            EVP_PKEY_CTX_set_signature_md(used, EVP_sha256()) != 1) {
            goto out;
        }
        good = known[i].digest != NULL
                   ? EVP_DigestVerify(digest, signature, signature_len, data, len) == 1
                   : EVP_PKEY_verify(ctx, signature, signature_len, data, len) == 1;
    out:
        EVP_MD_CTX_free(digest);
        EVP_PKEY_CTX_free(ctx);
        return good;
    }
    return false;
}
