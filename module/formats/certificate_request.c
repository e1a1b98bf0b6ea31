/* Distinguished names and PKCS#10 requests. */
#include "module/formats/certificate_request.h"

#include "module/formats/der.h"
#include "module/formats/sm2.h"
#include "openukey/formats.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* CertificationRequestInfo and CertificationRequest (RFC 2986 4) with the inner parts as they came.
 */
typedef struct request_info_asn1 {
    ASN1_INTEGER *version;
    ASN1_TYPE *subject;
    ASN1_TYPE *spki;
    STACK_OF(X509_ATTRIBUTE) *attributes;
} REQUEST_INFO;

/* clang-format off */
ASN1_SEQUENCE(REQUEST_INFO) = {
    ASN1_SIMPLE(REQUEST_INFO, version, ASN1_INTEGER),
    ASN1_SIMPLE(REQUEST_INFO, subject, ASN1_ANY),
    ASN1_SIMPLE(REQUEST_INFO, spki, ASN1_ANY),
    ASN1_IMP_SET_OF(REQUEST_INFO, attributes, X509_ATTRIBUTE, 0),
} static_ASN1_SEQUENCE_END(REQUEST_INFO);
/* clang-format on */

typedef struct request_asn1 {
    ASN1_TYPE *info;
    X509_ALGOR *algorithm;
    ASN1_BIT_STRING *signature;
} REQUEST;

/* clang-format off */
ASN1_SEQUENCE(REQUEST) = {
    ASN1_SIMPLE(REQUEST, info, ASN1_ANY),
    ASN1_SIMPLE(REQUEST, algorithm, X509_ALGOR),
    ASN1_SIMPLE(REQUEST, signature, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(REQUEST);
/* clang-format on */

/* What a name may hold, with the string types and upper bounds of X.520. */
static const struct name_type {
    const char *type;
    int nid;
    int string_type;
    size_t max; /* bytes */
} name_types[] = {
    {"C", NID_countryName, V_ASN1_PRINTABLESTRING, 2},
    {"ST", NID_stateOrProvinceName, V_ASN1_UTF8STRING, 128},
    {"L", NID_localityName, V_ASN1_UTF8STRING, 128},
    {"O", NID_organizationName, V_ASN1_UTF8STRING, 192},
    {"OU", NID_organizationalUnitName, V_ASN1_UTF8STRING, 192},
    {"CN", NID_commonName, V_ASN1_UTF8STRING, 192},
    {"serialNumber", NID_serialNumber, V_ASN1_PRINTABLESTRING, 64},
    {"organizationIdentifier", NID_organizationIdentifier, V_ASN1_UTF8STRING, 64},
    {"emailAddress", NID_pkcs9_emailAddress, V_ASN1_IA5STRING, 128},
};

static const struct name_type *name_type_find(const char *type) {
    for (size_t i = 0; i < sizeof name_types / sizeof *name_types; i++)
        if (strcmp(name_types[i].type, type) == 0)
            return &name_types[i];
    return NULL;
}

/* True when the text fits the string type: UTF-8 without control characters, or ASCII letters,
 * digits and PrintableString's marks. */
static bool name_value_fits(const struct name_type *type, const char *value) {
    size_t len = strlen(value);
    if (len == 0 || len > type->max || (type->nid == NID_countryName && len != 2))
        return false;
    unsigned long code;
    for (size_t i = 0; i < len;) {
        int used = UTF8_getc((const unsigned char *)value + i, (int)(len - i), &code);
        if (used <= 0 || code < 0x20 || code == 0x7F)
            return false;
        if (type->string_type != V_ASN1_UTF8STRING && code > 0x7E)
            return false;
        i += (size_t)used;
    }
    return type->string_type != V_ASN1_PRINTABLESTRING ||
           ASN1_PRINTABLE_type((const unsigned char *)value, (int)len) == V_ASN1_PRINTABLESTRING;
}

enum formats_error name_from_fields(const struct name_field *fields, size_t count,
                                    struct octets *der) {
    *der = (struct octets){NULL, 0};
    if (count == 0)
        return FORMATS_ARGUMENT;
    enum formats_error error = FORMATS_MEMORY;
    X509_NAME *name = X509_NAME_new();
    const unsigned char *bytes = NULL;
    size_t len = 0;
    if (name == NULL)
        goto out;
    for (size_t i = 0; i < count; i++) {
        const struct name_type *type = name_type_find(fields[i].type);
        if (type == NULL || !name_value_fits(type, fields[i].value)) {
            error = FORMATS_ARGUMENT;
            goto out;
        }
        if (X509_NAME_add_entry_by_NID(name, type->nid, type->string_type,
                                       (const unsigned char *)fields[i].value, -1, -1, 0) != 1)
            goto out;
    }
    if (X509_NAME_get0_der(name, &bytes, &len) == 1)
        error = octets_copy(der, bytes, len);
out:
    X509_NAME_free(name);
    return error;
}

enum formats_error certificate_request_build(const unsigned char *subject, size_t subject_len,
                                             const unsigned char *spki, size_t spki_len,
                                             struct octets *to_be_signed) {
    *to_be_signed = (struct octets){NULL, 0};
    enum formats_error error = FORMATS_MEMORY;
    REQUEST_INFO *info = (REQUEST_INFO *)ASN1_item_new(ASN1_ITEM_rptr(REQUEST_INFO));
    if (info == NULL)
        return FORMATS_MEMORY;
    ASN1_TYPE_free(info->subject);
    ASN1_TYPE_free(info->spki);
    info->subject = der_any_sequence(subject, subject_len);
    info->spki = der_any_sequence(spki, spki_len);
    if (info->subject == NULL || info->spki == NULL)
        error = FORMATS_MALFORMED;
    else if (ASN1_INTEGER_set(info->version, 0) == 1)
        error = der_write(ASN1_ITEM_rptr(REQUEST_INFO), info, to_be_signed);
    ASN1_item_free((ASN1_VALUE *)info, ASN1_ITEM_rptr(REQUEST_INFO));
    return error;
}

/* The signature algorithm that goes with the key in the request. */
static enum formats_error algorithm_for(OSSL_LIB_CTX *libctx, const REQUEST_INFO *info,
                                        X509_ALGOR *algorithm) {
    struct octets spki;
    if (!der_any_is_sequence(info->spki, &spki))
        return FORMATS_MALFORMED;
    const unsigned char *p = spki.data;
    ERR_set_mark();
    EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &p, (long)spki.len, libctx, NULL);
    ERR_pop_to_mark();
    enum formats_error error = FORMATS_UNSUPPORTED;
    if (key == NULL)
        error = FORMATS_KEY;
    else if (sm2_key_is_sm2(key))
        error = der_algorithm_set(algorithm, OID_SM3_WITH_SM2);
    else if (EVP_PKEY_is_a(key, "RSA"))
        error = X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256WithRSAEncryption), V_ASN1_NULL,
                                NULL) == 1
                    ? FORMATS_OK
                    : FORMATS_MEMORY;
    else if (EVP_PKEY_is_a(key, "EC"))
        error =
            X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_ecdsa_with_SHA256), V_ASN1_UNDEF, NULL) == 1
                ? FORMATS_OK
                : FORMATS_MEMORY;
    EVP_PKEY_free(key);
    return error;
}

enum formats_error certificate_request_assemble(OSSL_LIB_CTX *libctx,
                                                const struct octets *to_be_signed,
                                                const unsigned char *signature,
                                                size_t signature_len, struct octets *out) {
    *out = (struct octets){NULL, 0};
    REQUEST_INFO *info = NULL;
    struct certificate_request *made = NULL;
    REQUEST *request = (REQUEST *)ASN1_item_new(ASN1_ITEM_rptr(REQUEST));
    enum formats_error error = der_read(ASN1_ITEM_rptr(REQUEST_INFO), to_be_signed->data,
                                        to_be_signed->len, CERTIFICATE_REQUEST_MAX, &info);
    if (request == NULL)
        error = FORMATS_MEMORY;
    if (error == FORMATS_OK)
        error = algorithm_for(libctx, info, request->algorithm);
    if (error != FORMATS_OK)
        goto out;
    ASN1_TYPE_free(request->info);
    request->info = der_any_sequence(to_be_signed->data, to_be_signed->len);
    if (request->info == NULL || !der_bits_set(request->signature, signature, signature_len)) {
        error = FORMATS_MEMORY;
        goto out;
    }
    error = der_write(ASN1_ITEM_rptr(REQUEST), request, out);
    if (error == FORMATS_OK)
        error = certificate_request_parse(libctx, out->data, out->len, &made);
out:
    if (error != FORMATS_OK)
        octets_free(out);
    certificate_request_free(made);
    ASN1_item_free((ASN1_VALUE *)request, ASN1_ITEM_rptr(REQUEST));
    ASN1_item_free((ASN1_VALUE *)info, ASN1_ITEM_rptr(REQUEST_INFO));
    return error;
}

/* The request's signature under the key inside it. */
static enum formats_error self_verify(X509_REQ *req, const EVP_PKEY *key) {
    if (sm2_key_is_sm2(key)) {
        ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
        if (id == NULL || ASN1_OCTET_STRING_set(id, (const unsigned char *)SM2_DEFAULT_ID,
                                                (int)strlen(SM2_DEFAULT_ID)) != 1) {
            ASN1_OCTET_STRING_free(id);
            return FORMATS_MEMORY;
        }
        X509_REQ_set0_distinguishing_id(req, id);
    }
    return X509_REQ_verify(req, (EVP_PKEY *)key) == 1 ? FORMATS_OK : FORMATS_SIGNATURE;
}

enum formats_error certificate_request_parse(OSSL_LIB_CTX *libctx, const unsigned char *der,
                                             size_t len, struct certificate_request **out) {
    *out = NULL;
    if (len > CERTIFICATE_REQUEST_MAX)
        return FORMATS_TOO_LARGE;
    if (der == NULL || len == 0)
        return FORMATS_MALFORMED;
    struct certificate_request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return FORMATS_MEMORY;
    enum formats_error error = FORMATS_MALFORMED;
    unsigned char *spki = NULL;
    const unsigned char *name = NULL;
    size_t name_len = 0;
    const unsigned char *p = der;
    ERR_set_mark();
    request->req = X509_REQ_new_ex(libctx, NULL);
    if (request->req == NULL)
        error = FORMATS_MEMORY;
    if (request->req == NULL || d2i_X509_REQ(&request->req, &p, (long)len) == NULL ||
        p != der + len)
        goto out;
    request->key = X509_REQ_get_pubkey(request->req);
    if (request->key == NULL) {
        error = FORMATS_KEY;
        goto out;
    }
    error = self_verify(request->req, request->key);
    if (error != FORMATS_OK)
        goto out;
    int spki_len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request->req), &spki);
    if (spki_len <= 0 ||
        X509_NAME_get0_der(X509_REQ_get_subject_name(request->req), &name, &name_len) != 1) {
        error = FORMATS_MEMORY;
        goto out;
    }
    error = octets_copy(&request->spki, spki, (size_t)spki_len);
    if (error == FORMATS_OK)
        error = octets_copy(&request->subject, name, name_len);
out:
    ERR_pop_to_mark();
    OPENSSL_free(spki);
    if (error == FORMATS_OK)
        *out = request;
    else
        certificate_request_free(request);
    return error;
}

void certificate_request_free(struct certificate_request *request) {
    if (request == NULL)
        return;
    X509_REQ_free(request->req);
    EVP_PKEY_free(request->key);
    octets_free(&request->subject);
    octets_free(&request->spki);
    free(request);
}
