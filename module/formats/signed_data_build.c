/* Making SignedData: the attributes to be signed, then the message around them. */
#include "module/formats/der.h"
#include "module/formats/signed_data.h"
#include "module/formats/signed_data_asn1.h"
#include "openukey/formats.h"

#include <string.h>

enum { ATTRIBUTES_MAX = 8192 };

/* ---- step 1: attributes ---- */

/* Adds an attribute with one value; `len` -1 means that `data` is an ASN.1 object of `type`. */
static bool attribute_add(STACK_OF(X509_ATTRIBUTE) *attributes, const char *oid, int type,
                          const void *data, int len) {
    ASN1_OBJECT *object = der_oid(oid);
    X509_ATTRIBUTE *attribute =
        object != NULL ? X509_ATTRIBUTE_create_by_OBJ(NULL, object, type, data, len) : NULL;
    ASN1_OBJECT_free(object);
    if (attribute != NULL && sk_X509_ATTRIBUTE_push(attributes, attribute) > 0)
        return true;
    X509_ATTRIBUTE_free(attribute);
    return false;
}

static bool type_add(STACK_OF(X509_ATTRIBUTE) *attributes, bool is_gm) {
    ASN1_OBJECT *type = der_oid(is_gm ? OID_GM_DATA : OID_DATA);
    bool done =
        type != NULL && attribute_add(attributes, OID_CONTENT_TYPE, V_ASN1_OBJECT, type, -1);
    ASN1_OBJECT_free(type);
    return done;
}

/* Times before 2050 are UTCTime (RFC 5652, 11.3). */
static bool time_add(STACK_OF(X509_ATTRIBUTE) *attributes, int64_t signing_time) {
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)signing_time);
    bool done =
        time != NULL && attribute_add(attributes, OID_SIGNING_TIME, ASN1_STRING_type(time),
                                      ASN1_STRING_get0_data(time), ASN1_STRING_length(time));
    ASN1_TIME_free(time);
    return done;
}

static bool text_add(STACK_OF(X509_ATTRIBUTE) *attributes, const char *oid, const char *text) {
    return text == NULL ||
           attribute_add(attributes, oid, V_ASN1_UTF8STRING, text, (int)strlen(text));
}

/* Adds a structure as the value. */
static bool item_add(STACK_OF(X509_ATTRIBUTE) *attributes, const char *oid, const ASN1_ITEM *item,
                     const void *value) {
    struct octets der = {NULL, 0};
    bool done = der_write(item, value, &der) == FORMATS_OK &&
                attribute_add(attributes, oid, V_ASN1_SEQUENCE, der.data, (int)der.len);
    octets_free(&der);
    return done;
}

/* ESS: the hash of the certificate, SHA-256 (the default, so not named) or SM3. */
static bool certificate_add(OSSL_LIB_CTX *libctx, STACK_OF(X509_ATTRIBUTE) *attributes, bool is_gm,
                            const unsigned char *certificate, size_t len) {
    static const char *const digests[] = {"SHA256", "SM3"};
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t hash_len = 0;
    bool done = false;
    SIGNING_CERTIFICATE *value =
        (SIGNING_CERTIFICATE *)ASN1_item_new(ASN1_ITEM_rptr(SIGNING_CERTIFICATE));
    CERTIFICATE_HASH *one = (CERTIFICATE_HASH *)ASN1_item_new(ASN1_ITEM_rptr(CERTIFICATE_HASH));
    if (value != NULL && one != NULL &&
        EVP_Q_digest(libctx, digests[is_gm], NULL, certificate, len, hash, &hash_len) == 1 &&
        ASN1_OCTET_STRING_set(one->hash, hash, (int)hash_len) == 1 &&
        (!is_gm || ((one->digest = X509_ALGOR_new()) != NULL &&
                    der_algorithm_set(one->digest, OID_SM3) == FORMATS_OK)) &&
        sk_CERTIFICATE_HASH_push(value->certificates, one) > 0) {
        one = NULL;
        done = item_add(attributes, OID_SIGNING_CERTIFICATE_V2, ASN1_ITEM_rptr(SIGNING_CERTIFICATE),
                        value);
    }
    ASN1_item_free((ASN1_VALUE *)one, ASN1_ITEM_rptr(CERTIFICATE_HASH));
    ASN1_item_free((ASN1_VALUE *)value, ASN1_ITEM_rptr(SIGNING_CERTIFICATE));
    return done;
}

static bool algorithms_add(STACK_OF(X509_ATTRIBUTE) *attributes, enum signature_scheme scheme) {
    const ASN1_ITEM *item = ASN1_ITEM_rptr(ALGORITHM_PROTECTION);
    ALGORITHM_PROTECTION *value = (ALGORITHM_PROTECTION *)ASN1_item_new(item);
    bool done = value != NULL && (value->signature = X509_ALGOR_new()) != NULL &&
                signature_algorithms_set(scheme, value->digest, value->signature) == FORMATS_OK &&
                item_add(attributes, OID_ALGORITHM_PROTECTION, item, value);
    ASN1_item_free((ASN1_VALUE *)value, item);
    return done;
}

static bool is_too_long(const char *text) {
    return text != NULL && strnlen(text, SIGNED_TEXT_MAX + 1) > SIGNED_TEXT_MAX;
}

enum formats_error signed_data_attributes(OSSL_LIB_CTX *libctx, const struct signed_facts *facts,
                                          const unsigned char *certificate, size_t certificate_len,
                                          const unsigned char *digest,
                                          struct octets *to_be_signed) {
    bool is_gm = facts->scheme == SCHEME_SM2;
    *to_be_signed = (struct octets){NULL, 0};
    if (is_too_long(facts->nonce) || is_too_long(facts->origin) || is_too_long(facts->purpose))
        return FORMATS_TOO_LARGE;
    enum formats_error error = FORMATS_MEMORY;
    STACK_OF(X509_ATTRIBUTE) *attributes = sk_X509_ATTRIBUTE_new_null();
    if (attributes != NULL && type_add(attributes, is_gm) &&
        time_add(attributes, facts->signing_time) &&
        attribute_add(attributes, OID_MESSAGE_DIGEST, V_ASN1_OCTET_STRING, digest,
                      (int)signature_scheme_facts(facts->scheme)->digest_len) &&
        certificate_add(libctx, attributes, is_gm, certificate, certificate_len) &&
        algorithms_add(attributes, facts->scheme) &&
        text_add(attributes, OID_OPENUKEY_NONCE, facts->nonce) &&
        text_add(attributes, OID_OPENUKEY_ORIGIN, facts->origin) &&
        text_add(attributes, OID_OPENUKEY_PURPOSE, facts->purpose))
        error = der_write(ASN1_ITEM_rptr(SIGNED_ATTRIBUTES), attributes, to_be_signed);
    sk_X509_ATTRIBUTE_pop_free(attributes, X509_ATTRIBUTE_free);
    return error;
}

/* ---- step 2: the message ---- */

static enum formats_error signer_fill(SIGNER_INFO *info, enum signature_scheme scheme,
                                      const X509 *certificate, const struct octets *to_be_signed,
                                      const struct octets *signature) {
    ASN1_INTEGER *serial = ASN1_INTEGER_dup(X509_get0_serialNumber(certificate));
    if (serial == NULL)
        return FORMATS_MEMORY;
    ASN1_INTEGER_free(info->signer->serial);
    info->signer->serial = serial;
    if (ASN1_INTEGER_set(info->version, 1) != 1 ||
        X509_NAME_set(&info->signer->issuer, X509_get_issuer_name(certificate)) != 1 ||
        ASN1_OCTET_STRING_set(info->signature, signature->data, (int)signature->len) != 1)
        return FORMATS_MEMORY;
    enum formats_error error = signature_algorithms_set(scheme, info->digest, info->algorithm);
    if (error == FORMATS_OK)
        error = der_read(ASN1_ITEM_rptr(SIGNED_ATTRIBUTES), to_be_signed->data, to_be_signed->len,
                         ATTRIBUTES_MAX, &info->attributes);
    return error;
}

/* Fills the inner ContentInfo; `content` NULL leaves it out. */
static bool content_fill(CONTENT_INFO *info, bool is_gm, const struct octets *content) {
    ASN1_OBJECT_free(info->type);
    info->type = der_oid(is_gm ? OID_GM_DATA : OID_DATA);
    if (info->type == NULL || content == NULL)
        return info->type != NULL;
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    info->content = ASN1_TYPE_new();
    if (octets == NULL || info->content == NULL ||
        ASN1_OCTET_STRING_set(octets, content->data, (int)content->len) != 1) {
        ASN1_OCTET_STRING_free(octets);
        return false;
    }
    ASN1_TYPE_set(info->content, V_ASN1_OCTET_STRING, octets);
    return true;
}

/* Wraps SignedData into the outer ContentInfo. */
static enum formats_error wrap(const SIGNED_DATA *data, bool is_gm, struct octets *out) {
    struct octets inner = {NULL, 0};
    CONTENT_INFO *outer = (CONTENT_INFO *)ASN1_item_new(ASN1_ITEM_rptr(CONTENT_INFO));
    enum formats_error error = der_write(ASN1_ITEM_rptr(SIGNED_DATA), data, &inner);
    if (outer == NULL)
        error = FORMATS_MEMORY;
    if (error == FORMATS_OK) {
        ASN1_OBJECT_free(outer->type);
        outer->type = der_oid(is_gm ? OID_GM_SIGNED_DATA : OID_SIGNED_DATA);
        outer->content = der_any_sequence(inner.data, inner.len);
        error = outer->type != NULL && outer->content != NULL
                    ? der_write(ASN1_ITEM_rptr(CONTENT_INFO), outer, out)
                    : FORMATS_MEMORY;
    }
    octets_free(&inner);
    ASN1_item_free((ASN1_VALUE *)outer, ASN1_ITEM_rptr(CONTENT_INFO));
    return error;
}

/* Reads back what was made and verifies it. The digest of a detached one is what the attributes state: nobody has the content. */
static enum formats_error verify_made(OSSL_LIB_CTX *libctx, const struct octets *made) {
    struct signed_data *message = NULL;
    enum formats_error error = signed_data_parse(libctx, made->data, made->len, &message);
    if (error == FORMATS_OK)
        error = signed_data_verify(message, message->has_content ? NULL : message->digest.data);
    signed_data_free(message);
    return error;
}

enum formats_error signed_data_assemble(OSSL_LIB_CTX *libctx, enum signature_scheme scheme,
                                        const unsigned char *certificate, size_t certificate_len,
                                        const struct octets *content,
                                        const struct octets *to_be_signed,
                                        const struct octets *signature, struct octets *out) {
    bool is_gm = scheme == SCHEME_SM2;
    *out = (struct octets){NULL, 0};
    if ((content != NULL && content->len > SIGNED_CONTENT_MAX) ||
        signature->len > SCHEME_SIGNATURE_MAX)
        return FORMATS_TOO_LARGE;
    enum formats_error error = FORMATS_MEMORY;
    X509 *signer = der_x509(libctx, certificate, certificate_len);
    ASN1_TYPE *embedded = der_any_sequence(certificate, certificate_len);
    X509_ALGOR *digest = X509_ALGOR_new();
    SIGNER_INFO *info = (SIGNER_INFO *)ASN1_item_new(ASN1_ITEM_rptr(SIGNER_INFO));
    SIGNED_DATA *data = (SIGNED_DATA *)ASN1_item_new(ASN1_ITEM_rptr(SIGNED_DATA));
    if (signer == NULL || embedded == NULL) {
        error = FORMATS_MALFORMED;
        goto out;
    }
    if (digest == NULL || info == NULL || data == NULL ||
        (data->certificates = sk_ASN1_TYPE_new_null()) == NULL)
        goto out;
    error = signer_fill(info, scheme, signer, to_be_signed, signature);
    if (error == FORMATS_OK)
        error = der_algorithm_set(digest, signature_scheme_facts(scheme)->digest_oid);
    if (error != FORMATS_OK)
        goto out;
    error = FORMATS_MEMORY;
    if (ASN1_INTEGER_set(data->version, 1) != 1 || !content_fill(data->content, is_gm, content))
        goto out;
    if (sk_X509_ALGOR_push(data->digests, digest) <= 0)
        goto out;
    digest = NULL;
    if (sk_ASN1_TYPE_push(data->certificates, embedded) <= 0)
        goto out;
    embedded = NULL;
    if (sk_SIGNER_INFO_push(data->signers, info) <= 0)
        goto out;
    info = NULL;
    error = wrap(data, is_gm, out);
    if (error == FORMATS_OK)
        error = verify_made(libctx, out);
out:
    if (error != FORMATS_OK)
        octets_free(out);
    X509_free(signer);
    ASN1_TYPE_free(embedded);
    X509_ALGOR_free(digest);
    ASN1_item_free((ASN1_VALUE *)info, ASN1_ITEM_rptr(SIGNER_INFO));
    ASN1_item_free((ASN1_VALUE *)data, ASN1_ITEM_rptr(SIGNED_DATA));
    return error;
}
