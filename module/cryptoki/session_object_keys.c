/* The keys among session objects, for OpenSSL; checking that they are keys, and what follows from their material. */
#include "module/cryptoki/host.h"
#include "module/cryptoki/session_object_parts.h"
#include "module/formats/key_names.h"

#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

enum { RSA_MODULUS_MIN = 64, RSA_MODULUS_MAX = 2048, CHECK_VALUE_SIZE = 3, SM4_KEY_SIZE = 16 };

static CK_ATTRIBUTE value_of(const struct session_object *object, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE *a = session_object_attribute(object, type);
    return a != NULL ? *a : (CK_ATTRIBUTE){.type = type};
}

/* ---- RSA ---- */

static EVP_PKEY *from_params(OSSL_LIB_CTX *libctx, const char *name, OSSL_PARAM_BLD *build,
                             int selection) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, name, NULL);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, selection, params) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_key(OSSL_LIB_CTX *libctx, const struct session_object *object) {
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        const char *name;
        bool of_private, needed;
    } parts[] = {
        {CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N, false, true},
        {CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E, false, true},
        {CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D, true, true},
        {CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1, true, false},
        {CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2, true, false},
        {CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1, true, false},
        {CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2, true, false},
        {CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, true, false},
    };
    enum { PARTS = sizeof(parts) / sizeof(parts[0]), FACTORS = 3 };
    const bool is_private = object->kind == DESCRIBED_RSA_PRIVATE;
    BIGNUM *numbers[PARTS] = {NULL};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    bool good = build != NULL;
    /* the five of the Chinese remainder theorem are of use only together */
    bool all_factors = true;
    for (size_t i = FACTORS; i < PARTS; i++) {
        all_factors = all_factors && value_of(object, parts[i].type).ulValueLen > 0;
    }
    for (size_t i = 0; i < PARTS && good; i++) {
        const CK_ATTRIBUTE a = value_of(object, parts[i].type);
        bool wanted = (!parts[i].of_private || is_private) && (parts[i].needed || all_factors);
        if (!wanted) {
            continue;
        }
        good = a.ulValueLen > 0 && a.ulValueLen <= RSA_MODULUS_MAX;
        numbers[i] = good ? BN_bin2bn(a.pValue, (int)a.ulValueLen, NULL) : NULL;
        good = numbers[i] != NULL && OSSL_PARAM_BLD_push_BN(build, parts[i].name, numbers[i]) == 1;
    }
    good = good && BN_num_bytes(numbers[0]) >= RSA_MODULUS_MIN && BN_is_odd(numbers[0]) &&
           BN_is_odd(numbers[1]) && BN_num_bits(numbers[1]) > 1;
    EVP_PKEY *key = good ? from_params(libctx, KEY_NAME_RSA, build,
                                       is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY)
                         : NULL;
    for (size_t i = 0; i < PARTS; i++) {
        BN_clear_free(numbers[i]);
    }
    OSSL_PARAM_BLD_free(build);
    return key;
}

/* ---- curves ---- */

/* OpenSSL's number of the curve in CKA_EC_PARAMS: an OBJECT IDENTIFIER, or its name as PrintableString (3.2, 6.3.3). */
static int curve_of(const struct session_object *object) {
    const CK_ATTRIBUTE params = value_of(object, CKA_EC_PARAMS);
    const unsigned char *at = params.pValue;
    char name[40];
    if (params.ulValueLen < 3 || params.ulValueLen > sizeof(name)) {
        return NID_undef;
    }
    if (at[0] == V_ASN1_PRINTABLESTRING && at[1] == params.ulValueLen - 2) {
        memcpy(name, at + 2, at[1]);
        name[at[1]] = '\0';
        return OBJ_sn2nid(name);
    }
    ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &at, (long)params.ulValueLen);
    int nid = oid != NULL && at == (const unsigned char *)params.pValue + params.ulValueLen
                  ? OBJ_obj2nid(oid)
                  : NID_undef;
    ASN1_OBJECT_free(oid);
    return nid;
}

/* The point inside the DER OCTET STRING; programs that leave the wrapping out are understood too. */
static CK_ATTRIBUTE point_of(const struct session_object *object) {
    CK_ATTRIBUTE point = value_of(object, CKA_EC_POINT);
    const unsigned char *at = point.pValue;
    size_t head = point.ulValueLen > 130 ? 3 : 2;
    bool wrapped = point.ulValueLen > head && at[0] == V_ASN1_OCTET_STRING &&
                   at[head - 1] == point.ulValueLen - head && (head == 2 || at[1] == 0x81);
    if (wrapped) {
        point.pValue = (unsigned char *)point.pValue + head;
        point.ulValueLen -= head;
    }
    return point;
}

static EVP_PKEY *sm2_key(OSSL_LIB_CTX *libctx, const struct session_object *object) {
    EVP_PKEY *key = NULL;
    if (object->kind == DESCRIBED_EC_PRIVATE) {
        const CK_ATTRIBUTE d = value_of(object, CKA_VALUE);
        return d.ulValueLen == SM2_SCALAR &&
                       sm2_key_from_scalar(libctx, d.pValue, &key) == FORMATS_OK
                   ? key
                   : NULL;
    }
    const CK_ATTRIBUTE given = point_of(object);
    const unsigned char *bytes = given.pValue;
    struct sm2_point point;
    if (given.ulValueLen != 1 + sizeof(point) || bytes[0] != POINT_CONVERSION_UNCOMPRESSED) {
        return NULL;
    }
    memcpy(point.x, bytes + 1, sizeof(point.x));
    memcpy(point.y, bytes + 1 + sizeof(point.x), sizeof(point.y));
    return sm2_key_from_point(libctx, &point, &key) == FORMATS_OK ? key : NULL;
}

static EVP_PKEY *ec_key(OSSL_LIB_CTX *libctx, const struct session_object *object) {
    const int curve = curve_of(object);
    if (curve == NID_sm2) {
        return sm2_key(libctx, object);
    }
    if (curve == NID_undef) {
        return NULL;
    }
    const CK_ATTRIBUTE point = point_of(object);
    const CK_ATTRIBUTE d = value_of(object, CKA_VALUE);
    const bool is_private = object->kind == DESCRIBED_EC_PRIVATE;
    EVP_PKEY *key = NULL;
    BIGNUM *scalar = is_private && d.ulValueLen > 0 && d.ulValueLen <= 72
                         ? BN_bin2bn(d.pValue, (int)d.ulValueLen, NULL)
                         : NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    bool good = build != NULL &&
                OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
                                                OBJ_nid2sn(curve), 0) == 1 &&
                (is_private ? scalar != NULL && !BN_is_zero(scalar) : point.ulValueLen > 0);
    if (good && point.ulValueLen > 0) {
        good = OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.pValue,
                                                point.ulValueLen) == 1;
    }
    if (good && is_private) {
        good = OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar) == 1;
    }
    if (good) {
        key = from_params(libctx, KEY_NAME_EC, build,
                          is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
    }
    OSSL_PARAM_BLD_free(build);
    BN_clear_free(scalar);
    return key;
}

EVP_PKEY *session_object_pkey(OSSL_LIB_CTX *libctx, const struct session_object *object) {
    if (!host_is_alive()) {
        return NULL;
    }
    switch (object->kind) {
    case DESCRIBED_RSA_PUBLIC:
    case DESCRIBED_RSA_PRIVATE:
        return rsa_key(libctx, object);
    case DESCRIBED_EC_PUBLIC:
    case DESCRIBED_EC_PRIVATE:
        return ec_key(libctx, object);
    default:
        return NULL;
    }
}

/* ---- what follows from the material ---- */

/* Keeps a computed value; one that the program gave must be the same. An empty one means that none is wanted (3.2, 4.10.2). */
static CK_RV put_computed(struct session_object *object, CK_ATTRIBUTE_TYPE type, const void *value,
                          size_t len) {
    const CK_ATTRIBUTE *given = session_object_attribute(object, type);
    if (given == NULL || (type == CKA_PUBLIC_KEY_INFO && given->ulValueLen == 0)) {
        return session_object_put(object, type, value, len);
    }
    bool same = given->ulValueLen == len && memcmp(given->pValue, value, len) == 0;
    return given->ulValueLen == 0 || same ? CKR_OK : CKR_TEMPLATE_INCONSISTENT;
}

static CK_RV put_sha1_check(OSSL_LIB_CTX *libctx, struct session_object *object) {
    const CK_ATTRIBUTE value = value_of(object, CKA_VALUE);
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t len;
    if (EVP_Q_digest(libctx, "SHA1", NULL, value.pValue, value.ulValueLen, hash, &len) != 1) {
        return CKR_FUNCTION_FAILED;
    }
    return put_computed(object, CKA_CHECK_VALUE, hash, CHECK_VALUE_SIZE);
}

/* Three bytes of a block of zeros, encrypted (3.2, 4.10.2). */
static CK_RV put_cipher_check(OSSL_LIB_CTX *libctx, struct session_object *object,
                              const char *name) {
    const CK_ATTRIBUTE value = value_of(object, CKA_VALUE);
    unsigned char block[16] = {0}, out[32];
    int len = 0;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = cipher != NULL && ctx != NULL &&
                EVP_EncryptInit_ex2(ctx, cipher, value.pValue, NULL, NULL) == 1 &&
                EVP_EncryptUpdate(ctx, out, &len, block, sizeof(block)) == 1 &&
                len >= CHECK_VALUE_SIZE;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return good ? put_computed(object, CKA_CHECK_VALUE, out, CHECK_VALUE_SIZE)
                : CKR_FUNCTION_FAILED;
}

static CK_RV complete_secret(OSSL_LIB_CTX *libctx, struct session_object *object) {
    const CK_ATTRIBUTE value = value_of(object, CKA_VALUE);
    const CK_ULONG len = value.ulValueLen;
    CK_RV rv = put_computed(object, CKA_VALUE_LEN, &len, sizeof(len));
    if (rv != CKR_OK) {
        return rv;
    }
    if (object->key_type == CKK_AES) {
        return len == 16   ? put_cipher_check(libctx, object, "AES-128-ECB")
               : len == 24 ? put_cipher_check(libctx, object, "AES-192-ECB")
               : len == 32 ? put_cipher_check(libctx, object, "AES-256-ECB")
                           : CKR_ATTRIBUTE_VALUE_INVALID;
    }
    if (object->key_type == CKK_SM4) {
        return len == SM4_KEY_SIZE ? put_cipher_check(libctx, object, "SM4-ECB")
                                   : CKR_ATTRIBUTE_VALUE_INVALID;
    }
    return len > 0 ? put_sha1_check(libctx, object) : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV put_public_key_info(struct session_object *object, const EVP_PKEY *key) {
    unsigned char *der = NULL;
    struct sm2_point point;
    struct octets spki = {NULL, 0};
    CK_RV rv = CKR_HOST_MEMORY;
    if (sm2_key_is_sm2(key)) {
        if (sm2_key_point(key, &point) == FORMATS_OK &&
            sm2_point_to_spki(&point, &spki) == FORMATS_OK) {
            rv = put_computed(object, CKA_PUBLIC_KEY_INFO, spki.data, spki.len);
        }
        octets_free(&spki);
        return rv;
    }
    int len = i2d_PUBKEY(key, &der);
    if (len > 0) {
        rv = put_computed(object, CKA_PUBLIC_KEY_INFO, der, (size_t)len);
    }
    OPENSSL_free(der);
    return rv;
}

static CK_RV complete_key(OSSL_LIB_CTX *libctx, struct session_object *object) {
    const bool is_ec = (object->kind & (DESCRIBED_EC_PUBLIC | DESCRIBED_EC_PRIVATE)) != 0;
    if (is_ec) {
        const int curve = curve_of(object);
        if (curve == NID_undef || (object->key_type == CKK_SM2 && curve != NID_sm2)) {
            return CKR_CURVE_NOT_SUPPORTED;
        }
    }
    EVP_PKEY *key = session_object_pkey(libctx, object);
    if (key == NULL) {
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    CK_RV rv = CKR_OK;
    if (object->kind == DESCRIBED_RSA_PUBLIC) {
        const CK_ULONG bits = (CK_ULONG)EVP_PKEY_get_bits(key);
        rv = put_computed(object, CKA_MODULUS_BITS, &bits, sizeof(bits));
    }
    if (rv == CKR_OK && (object->kind & DESCRIBED_PUBLIC) != 0) {
        rv = put_public_key_info(object, key);
    }
    EVP_PKEY_free(key);
    return rv;
}

static CK_RV complete_certificate(OSSL_LIB_CTX *libctx, struct session_object *object) {
    const CK_ATTRIBUTE value = value_of(object, CKA_VALUE);
    const unsigned char *at = value.pValue;
    if (value.ulValueLen == 0) { /* it is elsewhere */
        return value_of(object, CKA_URL).ulValueLen > 0 ? CKR_OK : CKR_TEMPLATE_INCOMPLETE;
    }
    X509 *x509 = X509_new_ex(libctx, NULL);
    bool good = x509 != NULL && d2i_X509(&x509, &at, (long)value.ulValueLen) != NULL &&
                at == (const unsigned char *)value.pValue + value.ulValueLen;
    X509_free(x509);
    return good ? put_sha1_check(libctx, object) : CKR_ATTRIBUTE_VALUE_INVALID;
}

CK_RV session_object_complete(OSSL_LIB_CTX *libctx, struct session_object *object) {
    if (!host_is_alive()) {
        return CKR_FUNCTION_FAILED;
    }
    switch (object->kind) {
    case DESCRIBED_DATA:
        return CKR_OK;
    case DESCRIBED_CERTIFICATE:
        return complete_certificate(libctx, object);
    case DESCRIBED_SECRET:
        return complete_secret(libctx, object);
    default:
        return complete_key(libctx, object);
    }
}
