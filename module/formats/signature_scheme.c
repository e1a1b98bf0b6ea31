/* The table of signature schemes, and what follows from it. */
#include "module/formats/signature_scheme.h"

#include "module/formats/der.h"
#include "module/formats/sm2.h"
#include "openukey/formats.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

enum { PSS_SALT = 32, RSA_BITS_MIN = 2048, RSA_BITS_MAX = 4096 };

static const struct signature_scheme_facts schemes[SCHEME_COUNT] = {
    [SCHEME_SM2] = {"SM2-SM3", "SM3", 32, 32, NULL, OID_SM3, OID_SM2_SIGN, OID_SM3_WITH_SM2},
    [SCHEME_RSA_PKCS1] = {"RSA-SHA256", "SHA256", 32, 0, "RS256", OID_SHA256, OID_SHA256_WITH_RSA,
                          OID_RSA_ENCRYPTION},
    [SCHEME_RSA_PSS] = {"RSA-PSS-SHA256", "SHA256", 32, 0, "PS256", OID_SHA256, OID_RSA_PSS, NULL},
    [SCHEME_P256] = {"ECDSA-P256-SHA256", "SHA256", 32, 32, "ES256", OID_SHA256,
                     OID_ECDSA_WITH_SHA256, NULL},
    [SCHEME_P384] = {"ECDSA-P384-SHA384", "SHA384", 48, 48, "ES384", OID_SHA384,
                     OID_ECDSA_WITH_SHA384, NULL},
};

/* RSASSA-PSS-params (RFC 4055): SHA-256, MGF1 with SHA-256, salt length 32 */
static const unsigned char pss_parameters[] = {
    0x30, 0x34, 0xA0, 0x0F, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
    0x04, 0x02, 0x01, 0x05, 0x00, 0xA1, 0x1C, 0x30, 0x1A, 0x06, 0x09, 0x2A, 0x86, 0x48,
    0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xA2, 0x03, 0x02, 0x01, 0x20};

/* The same with the digests' parameters absent, as OpenSSL writes them. */
static const unsigned char pss_parameters_absent[] = {
    0x30, 0x30, 0xA0, 0x0D, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0xA1, 0x1A, 0x30, 0x18, 0x06, 0x09, 0x2A, 0x86, 0x48,
    0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48,
    0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0xA2, 0x03, 0x02, 0x01, 0x20};

const struct signature_scheme_facts *signature_scheme_facts(enum signature_scheme scheme) {
    return &schemes[scheme];
}

static bool curve_is(const EVP_PKEY *key, const char *name, const char *other_name) {
    char group[80];
    return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                          NULL) == 1 &&
           (strcmp(group, name) == 0 || strcmp(group, other_name) == 0);
}

enum formats_error signature_scheme_of_key(const EVP_PKEY *key, bool wants_pss,
                                           enum signature_scheme *scheme) {
    *scheme = SCHEME_COUNT;
    if (key == NULL)
        return FORMATS_UNSUPPORTED;
    ERR_set_mark();
    int bits = EVP_PKEY_get_bits(key);
    if (sm2_key_is_sm2(key))
        *scheme = SCHEME_SM2;
    else if (EVP_PKEY_is_a(key, "RSA") && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX)
        *scheme = wants_pss ? SCHEME_RSA_PSS : SCHEME_RSA_PKCS1;
    else if (EVP_PKEY_is_a(key, "EC") && curve_is(key, "prime256v1", "P-256"))
        *scheme = SCHEME_P256;
    else if (EVP_PKEY_is_a(key, "EC") && curve_is(key, "secp384r1", "P-384"))
        *scheme = SCHEME_P384;
    ERR_pop_to_mark();
    return *scheme != SCHEME_COUNT ? FORMATS_OK : FORMATS_UNSUPPORTED;
}

enum formats_error signature_digest(OSSL_LIB_CTX *libctx, enum signature_scheme scheme,
                                    const void *data, size_t len,
                                    unsigned char digest[SCHEME_DIGEST_MAX]) {
    return EVP_Q_digest(libctx, schemes[scheme].digest, NULL, len > 0 ? data : (const void *)"",
                        len, digest, NULL) == 1
               ? FORMATS_OK
               : FORMATS_CRYPTO;
}

enum formats_error signature_verify(OSSL_LIB_CTX *libctx, enum signature_scheme scheme,
                                    EVP_PKEY *key, const void *message, size_t len,
                                    const unsigned char *signature, size_t signature_len) {
    enum signature_scheme own;
    if (signature_scheme_of_key(key, scheme == SCHEME_RSA_PSS, &own) != FORMATS_OK || own != scheme)
        return FORMATS_KEY;
    if (scheme == SCHEME_SM2) {
        enum formats_error error = sm2_verify(libctx, key, message, len, signature, signature_len);
        return error == FORMATS_MALFORMED ? FORMATS_SIGNATURE : error;
    }
    enum formats_error error = FORMATS_SIGNATURE;
    EVP_PKEY_CTX *parameters = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ERR_set_mark();
    if (ctx == NULL)
        error = FORMATS_MEMORY;
    else if (EVP_DigestVerifyInit_ex(ctx, &parameters, schemes[scheme].digest, libctx, NULL, key,
                                     NULL) != 1 ||
             (scheme == SCHEME_RSA_PSS &&
              (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
               EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, PSS_SALT) != 1)))
        error = FORMATS_CRYPTO;
    else if (EVP_DigestVerify(ctx, signature, signature_len, len > 0 ? message : (const void *)"",
                              len) == 1)
        error = FORMATS_OK;
    ERR_pop_to_mark();
    EVP_MD_CTX_free(ctx);
    return error;
}

/* ---- r || s and DER ---- */

enum formats_error signature_to_der(enum signature_scheme scheme, const unsigned char *raw,
                                    size_t len, struct octets *der) {
    size_t half = schemes[scheme].half_len;
    unsigned char *bytes = NULL;
    *der = (struct octets){NULL, 0};
    if (half == 0)
        return octets_copy(der, raw, len);
    if (len != 2 * half)
        return FORMATS_MALFORMED;
    enum formats_error error = FORMATS_MEMORY;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, (int)half, NULL);
    BIGNUM *s = BN_bin2bn(raw + half, (int)half, NULL);
    if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
        r = s = NULL;
        int der_len = i2d_ECDSA_SIG(signature, &bytes);
        if (der_len > 0)
            error = octets_copy(der, bytes, (size_t)der_len);
    }
    OPENSSL_free(bytes);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return error;
}

enum formats_error signature_to_raw(enum signature_scheme scheme, const unsigned char *der,
                                    size_t len, struct octets *raw) {
    int half = (int)schemes[scheme].half_len;
    unsigned char bytes[2 * SCHEME_DIGEST_MAX];
    *raw = (struct octets){NULL, 0};
    if (half == 0)
        return octets_copy(raw, der, len);
    const unsigned char *at = der;
    enum formats_error error = FORMATS_MALFORMED;
    ERR_set_mark();
    ECDSA_SIG *signature = len <= SCHEME_SIGNATURE_MAX ? d2i_ECDSA_SIG(NULL, &at, (long)len) : NULL;
    if (signature != NULL && at == der + len &&
        BN_bn2binpad(ECDSA_SIG_get0_r(signature), bytes, half) == half &&
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), bytes + half, half) == half)
        error = octets_copy(raw, bytes, 2 * (size_t)half);
    ERR_pop_to_mark();
    ECDSA_SIG_free(signature);
    return error;
}

/* ---- algorithm identifiers ---- */

enum formats_error signature_algorithms_set(enum signature_scheme scheme, X509_ALGOR *digest,
                                            X509_ALGOR *signature) {
    enum formats_error error = der_algorithm_set(digest, schemes[scheme].digest_oid);
    if (error == FORMATS_OK)
        error = der_algorithm_set(signature, schemes[scheme].signature_oid);
    if (error != FORMATS_OK)
        return error;
    ASN1_OBJECT *object = der_oid(schemes[scheme].signature_oid);
    ASN1_STRING *parameters = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
    int done = object != NULL && parameters != NULL;
    if (done && scheme == SCHEME_RSA_PKCS1) { /* RFC 3370, 3.2: NULL */
        done = X509_ALGOR_set0(signature, object, V_ASN1_NULL, NULL);
        object = done == 1 ? NULL : object;
    } else if (done && scheme == SCHEME_RSA_PSS) {
        done = ASN1_STRING_set(parameters, pss_parameters, sizeof pss_parameters) == 1 &&
               X509_ALGOR_set0(signature, object, V_ASN1_SEQUENCE, parameters) == 1;
        object = done == 1 ? NULL : object;
        parameters = done == 1 ? NULL : parameters;
    }
    ASN1_OBJECT_free(object);
    ASN1_STRING_free(parameters);
    return done == 1 ? FORMATS_OK : FORMATS_MEMORY;
}

static bool has_pss_parameters(const X509_ALGOR *algorithm) {
    const ASN1_OBJECT *object = NULL;
    const void *value = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(&object, &type, &value, algorithm);
    if (!der_oid_is(object, OID_RSA_PSS) || type != V_ASN1_SEQUENCE)
        return false;
    const ASN1_STRING *string = value;
    const unsigned char *der = ASN1_STRING_get0_data(string);
    size_t len = (size_t)ASN1_STRING_length(string);
    return (len == sizeof pss_parameters && memcmp(der, pss_parameters, len) == 0) ||
           (len == sizeof pss_parameters_absent && memcmp(der, pss_parameters_absent, len) == 0);
}

enum formats_error signature_scheme_of_algorithms(const X509_ALGOR *digest,
                                                  const X509_ALGOR *signature, const EVP_PKEY *key,
                                                  enum signature_scheme *scheme) {
    bool is_pss = has_pss_parameters(signature);
    enum formats_error error = signature_scheme_of_key(key, is_pss, scheme);
    if (error != FORMATS_OK)
        return error;
    const struct signature_scheme_facts *facts = &schemes[*scheme];
    bool is_named = *scheme == SCHEME_RSA_PSS
                        ? is_pss
                        : der_algorithm_is(signature, facts->signature_oid) ||
                              (facts->other_signature_oid != NULL &&
                               der_algorithm_is(signature, facts->other_signature_oid));
    return is_named && der_algorithm_is(digest, facts->digest_oid) ? FORMATS_OK
                                                                   : FORMATS_UNSUPPORTED;
}
