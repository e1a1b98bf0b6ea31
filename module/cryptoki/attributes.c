/* The attribute table and the functions that fetch values. */
#include "module/cryptoki/attributes.h"

#include "module/cryptoki/errors.h"
#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/sessions.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <string.h>

/* DER OBJECT IDENTIFIER 1.2.156.10197.1.301 */
static const uint8_t sm2_curve_oid[] = {0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D};

static CK_RV give(struct attribute_value *out, const void *data, size_t len) {
    out->data = data;
    out->len = len;
    return CKR_OK;
}

static CK_RV give_copy(struct attribute_value *out, const void *data, size_t len) {
    if (len > sizeof(out->scratch)) {
        return CKR_GENERAL_ERROR;
    }
    memcpy(out->scratch, data, len);
    return give(out, out->scratch, len);
}

static CK_RV give_ulong(struct attribute_value *out, CK_ULONG value) {
    return give_copy(out, &value, sizeof(value));
}

static CK_RV give_bool(struct attribute_value *out, bool value) {
    const CK_BBOOL b = value ? CK_TRUE : CK_FALSE;
    return give_copy(out, &b, sizeof(b));
}

#define GETTER(name)                                                                               \
    static CK_RV name(struct attribute_source *source, const struct attribute_row *row,            \
                      struct attribute_value *out)
#define UNUSED_ROW   (void)row
#define UNUSED_PLACE (void)source, (void)row

/* ---- constants ---- */

GETTER(get_true) {
    UNUSED_PLACE;
    return give_bool(out, true);
}

GETTER(get_false) {
    UNUSED_PLACE;
    return give_bool(out, false);
}

GETTER(get_empty) {
    UNUSED_PLACE;
    return give(out, "", 0);
}

GETTER(get_zero) {
    UNUSED_PLACE;
    return give_ulong(out, 0);
}

GETTER(get_secret) {
    UNUSED_PLACE;
    (void)out;
    return CKR_ATTRIBUTE_SENSITIVE;
}

/* ---- what every object has ---- */

GETTER(get_class) {
    UNUSED_ROW;
    switch (source->object.kind) {
    case OBJECT_PRIVATE_KEY:
        return give_ulong(out, CKO_PRIVATE_KEY);
    case OBJECT_PUBLIC_KEY:
        return give_ulong(out, CKO_PUBLIC_KEY);
    case OBJECT_CERTIFICATE:
        return give_ulong(out, CKO_CERTIFICATE);
    default:
        return give_ulong(out, CKO_DATA);
    }
}

GETTER(get_private) {
    UNUSED_ROW;
    return give_bool(out, object_is_private(&source->object));
}

GETTER(get_label) {
    UNUSED_ROW;
    const char *text = token_object_label(&source->object);
    return give(out, text, strlen(text));
}

GETTER(get_modifiable) {
    UNUSED_ROW;
    return give_bool(out, source->object.kind != OBJECT_DATA);
}

GETTER(get_destroyable) {
    UNUSED_ROW;
    return give_bool(out,
                     token_object_is_destroyable(session_token(source->session), &source->object));
}

GETTER(get_unique_id) {
    UNUSED_ROW;
    const struct token_object *object = &source->object;
    char text[160];
    if (object->key == NULL) {
        snprintf(text, sizeof(text), "file:%s", object->file->file.name);
    } else {
        const char *kind = object->kind == OBJECT_PRIVATE_KEY  ? "private"
                           : object->kind == OBJECT_PUBLIC_KEY ? "public"
                                                               : "certificate";
        snprintf(text, sizeof(text), "%s:%s:%s", kind,
                 object->key->key.usage == USAGE_SIGN ? "sign" : "encrypt",
                 object->key->key.container);
    }
    return give_copy(out, text, strlen(text));
}

/* ---- keys ---- */

GETTER(get_id) {
    UNUSED_ROW;
    const struct attribute_record *a = &source->object.key->attributes;
    return give(out, a->id, a->id_len);
}

static enum token_algorithm algorithm_of(const struct attribute_source *source) {
    return source->object.key->key.algorithm;
}

static bool is_rsa(const struct attribute_source *source) {
    return algorithm_of(source) == ALGORITHM_RSA;
}

GETTER(get_key_type) {
    UNUSED_ROW;
    static const CK_KEY_TYPE types[] = {
        [ALGORITHM_RSA] = CKK_RSA, [ALGORITHM_SM2] = CKK_SM2, [ALGORITHM_EC] = CKK_EC};
    bool as_ec =
        algorithm_of(source) == ALGORITHM_SM2 && source->session->module->sm2_objects == SM2_EC;
    return give_ulong(out, as_ec ? CKK_EC : types[algorithm_of(source)]);
}

GETTER(get_usage) {
    return give_bool(out, key_is_for(session_token(source->session), &source->object, row->type));
}

GETTER(get_always_authenticate) {
    UNUSED_ROW;
    return give_bool(out, source->object.key->key.pin == KEY_PIN_ALWAYS);
}

GETTER(get_local) {
    UNUSED_ROW;
    return give_bool(out, source->object.key->key.is_local);
}

GETTER(get_key_gen_mechanism) {
    UNUSED_ROW;
    static const CK_MECHANISM_TYPE mechanisms[] = {[ALGORITHM_RSA] = CKM_RSA_PKCS_KEY_PAIR_GEN,
                                                   [ALGORITHM_SM2] = CKM_SM2_KEY_PAIR_GEN,
                                                   [ALGORITHM_EC] = CKM_EC_KEY_PAIR_GEN};
    return give_ulong(out, source->object.key->key.is_local ? mechanisms[algorithm_of(source)]
                                                            : CK_UNAVAILABLE_INFORMATION);
}

static CK_RV public_key(struct attribute_source *source, const struct token_public_key **out) {
    return rv_from_token(
        token_object_public_key(session_token(source->session), source->object.key, out));
}

GETTER(get_modulus) {
    UNUSED_ROW;
    const struct token_public_key *key;
    if (!is_rsa(source)) {
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    CK_RV rv = public_key(source, &key);
    return rv != CKR_OK ? rv : give(out, key->modulus, key->modulus_len);
}

GETTER(get_modulus_bits) {
    UNUSED_ROW;
    return is_rsa(source) ? give_ulong(out, source->object.key->key.bits)
                          : CKR_ATTRIBUTE_TYPE_INVALID;
}

GETTER(get_public_exponent) {
    UNUSED_ROW;
    const struct token_public_key *key;
    if (!is_rsa(source)) {
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    CK_RV rv = public_key(source, &key);
    if (rv != CKR_OK) {
        return rv;
    }
    const uint8_t e[4] = {(uint8_t)(key->exponent >> 24), (uint8_t)(key->exponent >> 16),
                          (uint8_t)(key->exponent >> 8), (uint8_t)key->exponent};
    size_t skip = 0;
    while (skip < 3 && e[skip] == 0) {
        skip++;
    }
    return give_copy(out, e + skip, sizeof(e) - skip);
}

static CK_RV own(struct attribute_value *out, unsigned char *der, int len) {
    CK_RV rv = der != NULL && len > 0 && octets_copy(&out->owned, der, (size_t)len) == FORMATS_OK
                   ? CKR_OK
                   : CKR_HOST_MEMORY;
    OPENSSL_free(der);
    return rv != CKR_OK ? rv : give(out, out->owned.data, out->owned.len);
}

/* ---- elliptic keys ---- */

GETTER(get_ec_params) {
    UNUSED_ROW;
    unsigned char *der = NULL;
    switch (algorithm_of(source)) {
    case ALGORITHM_SM2:
        return give(out, sm2_curve_oid, sizeof(sm2_curve_oid));
    case ALGORITHM_EC: {
        const char *curve = host_curve_name(source->object.key->key.bits);
        const ASN1_OBJECT *oid = curve != NULL ? OBJ_nid2obj(EC_curve_nist2nid(curve)) : NULL;
        int len = oid != NULL ? i2d_ASN1_OBJECT(oid, &der) : 0;
        return own(out, der, len);
    }
    default:
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
}

/* The uncompressed point in a DER OCTET STRING, as PKCS#11 3.2, 6.3.3 wants it. */
GETTER(get_ec_point) {
    UNUSED_ROW;
    const struct token_public_key *key;
    if (is_rsa(source)) {
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    CK_RV rv = public_key(source, &key);
    if (rv != CKR_OK) {
        return rv;
    }
    uint8_t point[2 + TOKEN_EC_POINT_MAX] = {0x04};
    size_t len = key->ec_point_len;
    if (key->algorithm == ALGORITHM_SM2) {
        len = 1 + 2 * SM2_COORD_SIZE;
        point[2] = 0x04;
        memcpy(point + 3, key->point.x, SM2_COORD_SIZE);
        memcpy(point + 3 + SM2_COORD_SIZE, key->point.y, SM2_COORD_SIZE);
    } else {
        memcpy(point + 2, key->ec_point, len);
    }
    point[1] = (uint8_t)len; /* under 128 */
    return give_copy(out, point, 2 + len);
}

/* ---- certificates ---- */

/* CKR_OK with *out NULL: the key has no certificate. */
static CK_RV certificate(struct attribute_source *source, X509 **out) {
    *out = source->certificate;
    if (*out != NULL || source->object.key->key.certificate == CERTIFICATE_ABSENT) {
        return CKR_OK;
    }
    const struct octets *der;
    CK_RV rv = rv_from_token(
        token_object_certificate(session_token(source->session), source->object.key, &der));
    if (rv != CKR_OK) {
        return rv;
    }
    X509 *x509 = X509_new_ex(source->session->module->libctx, NULL);
    const unsigned char *at = der->data;
    if (x509 == NULL || d2i_X509(&x509, &at, (long)der->len) == NULL) {
        X509_free(x509);
        return CKR_DEVICE_ERROR;
    }
    source->certificate = x509;
    *out = x509;
    return CKR_OK;
}

GETTER(get_certificate_field) {
    X509 *x509;
    CK_RV rv = certificate(source, &x509);
    if (rv != CKR_OK) {
        return rv;
    }
    if (x509 == NULL) {
        return give(out, "", 0);
    }
    unsigned char *der = NULL;
    int len = 0;
    switch (row->type) {
    case CKA_SUBJECT:
        len = i2d_X509_NAME(X509_get_subject_name(x509), &der);
        break;
    case CKA_ISSUER:
        len = i2d_X509_NAME(X509_get_issuer_name(x509), &der);
        break;
    case CKA_SERIAL_NUMBER:
        len = i2d_ASN1_INTEGER(X509_get_serialNumber(x509), &der);
        break;
    default:
        len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
        break;
    }
    return own(out, der, len);
}

GETTER(get_public_key_info) {
    UNUSED_ROW;
    const struct token_public_key *key;
    CK_RV rv = public_key(source, &key);
    if (rv != CKR_OK) {
        return rv;
    }
    if (key->algorithm == ALGORITHM_SM2) {
        if (sm2_point_to_spki(&key->point, &out->owned) != FORMATS_OK) {
            return CKR_HOST_MEMORY;
        }
        return give(out, out->owned.data, out->owned.len);
    }
    unsigned char *der = NULL;
    EVP_PKEY *pkey = host_public_key(source->session->module->libctx, key);
    int len = pkey != NULL ? i2d_PUBKEY(pkey, &der) : 0;
    EVP_PKEY_free(pkey);
    return own(out, der, len);
}

GETTER(get_certificate_value) {
    UNUSED_ROW;
    const struct octets *der;
    CK_RV rv = rv_from_token(
        token_object_certificate(session_token(source->session), source->object.key, &der));
    return rv != CKR_OK ? rv : give(out, der->data, der->len);
}

GETTER(get_certificate_category) {
    UNUSED_PLACE;
    return give_ulong(out, CK_CERTIFICATE_CATEGORY_TOKEN_USER);
}

GETTER(get_certificate_date) {
    X509 *x509;
    CK_RV rv = certificate(source, &x509);
    if (rv != CKR_OK || x509 == NULL) {
        return rv != CKR_OK ? rv : give(out, "", 0);
    }
    struct tm when;
    char text[32];
    const ASN1_TIME *time =
        row->type == CKA_START_DATE ? X509_get0_notBefore(x509) : X509_get0_notAfter(x509);
    if (ASN1_TIME_to_tm(time, &when) != 1 ||
        strftime(text, sizeof(text), "%Y%m%d", &when) != sizeof(CK_DATE)) {
        return give(out, "", 0);
    }
    return give_copy(out, text, sizeof(CK_DATE));
}

/* First three bytes of the SHA-1 of the certificate (PKCS#11 3.2, 4.6.2). */
GETTER(get_check_value) {
    UNUSED_ROW;
    const struct octets *der;
    CK_RV rv = rv_from_token(
        token_object_certificate(session_token(source->session), source->object.key, &der));
    if (rv != CKR_OK) {
        return rv;
    }
    uint8_t hash[EVP_MAX_MD_SIZE];
    size_t len = 0;
    EVP_MD_CTX *sha1 = host_digest_new(source->session->module->libctx, "SHA1");
    rv = sha1 == NULL ? CKR_FUNCTION_FAILED : host_digest_update(sha1, der->data, der->len);
    if (rv == CKR_OK) {
        rv = host_digest_final(sha1, hash, &len);
    }
    host_digest_free(sha1);
    return rv != CKR_OK ? rv : give_copy(out, hash, 3);
}

/* ---- data ---- */

GETTER(get_application) {
    UNUSED_ROW;
    const char *name = session_token(source->session)->facts.application;
    return give(out, name, strlen(name));
}

GETTER(get_file_value) {
    UNUSED_ROW;
    const struct octets *value;
    CK_RV rv = rv_from_token(
        token_object_file_value(session_token(source->session), source->object.file, &value));
    return rv != CKR_OK ? rv : give(out, value->data, value->len);
}

enum {
    PRIVATE = OBJECT_PRIVATE_KEY,
    PUBLIC = OBJECT_PUBLIC_KEY,
    KEYS = OBJECT_KEYS,
    CERT = OBJECT_CERTIFICATE,
    DATA = OBJECT_DATA,
    OF_KEY = OBJECT_OF_KEY,
    ALL = OF_KEY | DATA
};

static const struct attribute_row rows[] = {
    {CKA_CLASS, ALL, false, get_class},
    {CKA_TOKEN, ALL, false, get_true},
    {CKA_PRIVATE, ALL, false, get_private},
    {CKA_LABEL, ALL, false, get_label},
    {CKA_MODIFIABLE, ALL, false, get_modifiable},
    {CKA_COPYABLE, PRIVATE, false, get_false},
    {CKA_COPYABLE, PUBLIC | CERT | DATA, false, get_true},
    {CKA_DESTROYABLE, ALL, false, get_destroyable},
    {CKA_UNIQUE_ID, ALL, false, get_unique_id},

    {CKA_ID, OF_KEY, false, get_id},
    {CKA_KEY_TYPE, KEYS, false, get_key_type},
    {CKA_LOCAL, KEYS, false, get_local},
    {CKA_KEY_GEN_MECHANISM, KEYS, false, get_key_gen_mechanism},
    {CKA_ALLOWED_MECHANISMS, KEYS, false, get_empty},
    {CKA_START_DATE, KEYS, false, get_empty},
    {CKA_END_DATE, KEYS, false, get_empty},
    {CKA_MODULUS_BITS, KEYS, false, get_modulus_bits},
    {CKA_EC_PARAMS, KEYS, false, get_ec_params},
    {CKA_MODULUS, KEYS, true, get_modulus},
    {CKA_PUBLIC_EXPONENT, KEYS, true, get_public_exponent},
    {CKA_EC_POINT, KEYS, true, get_ec_point},
    {CKA_PUBLIC_KEY_INFO, KEYS, true, get_public_key_info},

    {CKA_SENSITIVE, PRIVATE, false, get_true},
    {CKA_ALWAYS_SENSITIVE, PRIVATE, false, get_local},
    {CKA_EXTRACTABLE, PRIVATE, false, get_false},
    {CKA_NEVER_EXTRACTABLE, PRIVATE, false, get_local},
    {CKA_SIGN, PRIVATE, false, get_usage},
    {CKA_DECRYPT, PRIVATE, false, get_usage},
    {CKA_UNWRAP, PRIVATE, false, get_usage},
    {CKA_SIGN_RECOVER, PRIVATE, false, get_usage},
    {CKA_DERIVE, PRIVATE, false, get_usage},
    {CKA_DECAPSULATE, PRIVATE, false, get_usage},
    {CKA_ALWAYS_AUTHENTICATE, PRIVATE, false, get_always_authenticate},
    {CKA_WRAP_WITH_TRUSTED, PRIVATE, false, get_false},
    {CKA_VALUE, PRIVATE, false, get_secret},
    {CKA_PRIVATE_EXPONENT, PRIVATE, false, get_secret},
    {CKA_PRIME_1, PRIVATE, false, get_secret},
    {CKA_PRIME_2, PRIVATE, false, get_secret},
    {CKA_EXPONENT_1, PRIVATE, false, get_secret},
    {CKA_EXPONENT_2, PRIVATE, false, get_secret},
    {CKA_COEFFICIENT, PRIVATE, false, get_secret},

    {CKA_VERIFY, PUBLIC, false, get_usage},
    {CKA_ENCRYPT, PUBLIC, false, get_usage},
    {CKA_VERIFY_RECOVER, PUBLIC, false, get_usage},
    {CKA_WRAP, PUBLIC, false, get_usage},
    {CKA_DERIVE, PUBLIC, false, get_false},
    {CKA_ENCAPSULATE, PUBLIC, false, get_usage},

    {CKA_TRUSTED, PUBLIC | CERT, false, get_false},
    {CKA_CERTIFICATE_TYPE, CERT, false, get_zero},
    {CKA_CERTIFICATE_CATEGORY, CERT, false, get_certificate_category},
    {CKA_JAVA_MIDP_SECURITY_DOMAIN, CERT, false, get_zero},
    {CKA_URL, CERT, false, get_empty},
    {CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CERT, false, get_empty},
    {CKA_HASH_OF_ISSUER_PUBLIC_KEY, CERT, false, get_empty},
    {CKA_VALUE, CERT, true, get_certificate_value},
    {CKA_CHECK_VALUE, CERT, true, get_check_value},
    {CKA_START_DATE, CERT, true, get_certificate_date},
    {CKA_END_DATE, CERT, true, get_certificate_date},
    {CKA_SUBJECT, OF_KEY, true, get_certificate_field},
    {CKA_ISSUER, CERT, true, get_certificate_field},
    {CKA_SERIAL_NUMBER, CERT, true, get_certificate_field},
    {CKA_PUBLIC_KEY_INFO, CERT, true, get_certificate_field},

    {CKA_APPLICATION, DATA, false, get_application},
    {CKA_OBJECT_ID, DATA, false, get_empty},
    {CKA_VALUE, DATA, true, get_file_value},
};

const struct attribute_row *attribute_find(CK_ATTRIBUTE_TYPE type, enum object_kind kind) {
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].type == type && (rows[i].kinds & kind) != 0) {
            return &rows[i];
        }
    }
    return NULL;
}

CK_RV attribute_get(struct attribute_source *source, CK_ATTRIBUTE_TYPE type,
                    struct attribute_value *out) {
    out->data = NULL;
    out->len = 0;
    out->owned = (struct octets){NULL, 0};
    const struct attribute_row *row = attribute_find(type, source->object.kind);
    return row == NULL ? CKR_ATTRIBUTE_TYPE_INVALID : row->get(source, row, out);
}

void attribute_value_free(struct attribute_value *value) {
    octets_free(&value->owned);
}

void attribute_source_free(struct attribute_source *source) {
    X509_free(source->certificate);
    source->certificate = NULL;
}
