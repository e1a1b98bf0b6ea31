/* Reading and verifying SignedData. */
#include "module/formats/signed_data.h"

#include "module/formats/der.h"
#include "module/formats/signed_data_asn1.h"
#include "module/formats/sm2.h"
#include "openukey/formats.h"

#include <stdlib.h>
#include <string.h>

/* What the views point into. */
struct signed_data_private {
    OSSL_LIB_CTX *libctx;
    SIGNED_DATA *asn1;
    SIGNER_INFO *signer; /* the one of asn1 */
};

static struct octets view(const ASN1_STRING *string) {
    return (struct octets){(unsigned char *)ASN1_STRING_get0_data(string),
                           (size_t)ASN1_STRING_length(string)};
}

/* ---- attributes ---- */

/* *value = the single value of the attribute, NULL when there is none. False: there are two, or two values. */
static bool attribute_find(const struct signed_data_private *p, const char *oid,
                           const ASN1_TYPE **value) {
    const STACK_OF(X509_ATTRIBUTE) *attributes = p->signer->attributes;
    *value = NULL;
    for (int i = 0; i < sk_X509_ATTRIBUTE_num(attributes); i++) {
        X509_ATTRIBUTE *attribute = sk_X509_ATTRIBUTE_value(attributes, i);
        if (!der_oid_is(X509_ATTRIBUTE_get0_object(attribute), oid))
            continue;
        if (*value != NULL || X509_ATTRIBUTE_count(attribute) != 1)
            return false;
        *value = X509_ATTRIBUTE_get0_type(attribute, 0);
        if (*value == NULL)
            return false;
    }
    return true;
}

static enum formats_error text_read(const struct signed_data_private *p, const char *oid,
                                    char **out) {
    const ASN1_TYPE *value;
    if (!attribute_find(p, oid, &value))
        return FORMATS_MALFORMED;
    if (value == NULL)
        return FORMATS_OK;
    if (value->type != V_ASN1_UTF8STRING)
        return FORMATS_MALFORMED;
    struct octets text = view(value->value.utf8string);
    if (text.len > SIGNED_TEXT_MAX || (text.len > 0 && memchr(text.data, 0, text.len) != NULL))
        return FORMATS_MALFORMED;
    *out = strndup(text.len > 0 ? (const char *)text.data : "", text.len);
    return *out != NULL ? FORMATS_OK : FORMATS_MEMORY;
}

static enum formats_error time_read(struct signed_data *message) {
    const ASN1_TYPE *time;
    if (!attribute_find(message->private_part, OID_SIGNING_TIME, &time))
        return FORMATS_MALFORMED;
    if (time == NULL)
        return FORMATS_OK;
    if ((time->type != V_ASN1_UTCTIME && time->type != V_ASN1_GENERALIZEDTIME) ||
        !der_time(time->value.asn1_string, &message->signing_time))
        return FORMATS_MALFORMED;
    message->has_time = true;
    return FORMATS_OK;
}

/* The name by which OpenSSL has an ESS hash's digest. */
static const char *digest_name(const X509_ALGOR *algorithm) {
    static const struct {
        const char *oid, *name;
    } digests[] = {
        {OID_SHA256, "SHA256"}, {OID_SHA384, "SHA384"}, {OID_SHA512, "SHA512"}, {OID_SM3, "SM3"}};
    for (size_t i = 0; algorithm != NULL && i < sizeof digests / sizeof *digests; i++)
        if (der_algorithm_is(algorithm, digests[i].oid))
            return digests[i].name;
    return algorithm == NULL ? "SHA256" : NULL;
}

/* The ESS attribute, when it is there, is about the signer's certificate. */
static enum formats_error certificate_check(struct signed_data *message) {
    const ASN1_TYPE *value;
    struct octets der;
    SIGNING_CERTIFICATE *stated = NULL;
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t len = 0;
    if (!attribute_find(message->private_part, OID_SIGNING_CERTIFICATE_V2, &value))
        return FORMATS_MALFORMED;
    if (value == NULL)
        return FORMATS_OK;
    if (!der_any_is_sequence(value, &der) ||
        der_read(ASN1_ITEM_rptr(SIGNING_CERTIFICATE), der.data, der.len, SIGNED_DATA_MAX,
                 &stated) != FORMATS_OK)
        return FORMATS_MALFORMED;
    enum formats_error error = FORMATS_MALFORMED;
    const CERTIFICATE_HASH *one = sk_CERTIFICATE_HASH_value(stated->certificates, 0);
    const char *digest = one != NULL ? digest_name(one->digest) : NULL;
    if (one != NULL && digest == NULL) {
        error = FORMATS_UNSUPPORTED;
    } else if (one != NULL &&
               EVP_Q_digest(message->private_part->libctx, digest, NULL, message->signer_der.data,
                            message->signer_der.len, hash, &len) == 1) {
        struct octets wanted = view(one->hash), found = {hash, len};
        message->names_certificate = octets_equal(&wanted, &found);
        error = message->names_certificate ? FORMATS_OK : FORMATS_MISMATCH;
    }
    ASN1_item_free((ASN1_VALUE *)stated, ASN1_ITEM_rptr(SIGNING_CERTIFICATE));
    return error;
}

/* RFC 6211, when it is there: the algorithms are those that were signed. */
static enum formats_error algorithms_check(const struct signed_data_private *p) {
    const ASN1_TYPE *value;
    struct octets der;
    ALGORITHM_PROTECTION *stated = NULL;
    if (!attribute_find(p, OID_ALGORITHM_PROTECTION, &value))
        return FORMATS_MALFORMED;
    if (value == NULL)
        return FORMATS_OK;
    if (!der_any_is_sequence(value, &der) ||
        der_read(ASN1_ITEM_rptr(ALGORITHM_PROTECTION), der.data, der.len, SIGNED_DATA_MAX,
                 &stated) != FORMATS_OK)
        return FORMATS_MALFORMED;
    bool agrees = stated->signature != NULL && stated->mac == NULL &&
                  X509_ALGOR_cmp(stated->digest, p->signer->digest) == 0 &&
                  X509_ALGOR_cmp(stated->signature, p->signer->algorithm) == 0;
    ASN1_item_free((ASN1_VALUE *)stated, ASN1_ITEM_rptr(ALGORITHM_PROTECTION));
    return agrees ? FORMATS_OK : FORMATS_MISMATCH;
}

static enum formats_error attributes_read(struct signed_data *message) {
    const struct signed_data_private *p = message->private_part;
    const ASN1_TYPE *type, *digest;
    if (!attribute_find(p, OID_CONTENT_TYPE, &type) ||
        !attribute_find(p, OID_MESSAGE_DIGEST, &digest) || type == NULL ||
        type->type != V_ASN1_OBJECT || OBJ_cmp(type->value.object, p->asn1->content->type) != 0 ||
        digest == NULL || digest->type != V_ASN1_OCTET_STRING)
        return FORMATS_MALFORMED;
    message->digest = view(digest->value.octet_string);
    if (message->digest.len != signature_scheme_facts(message->scheme)->digest_len)
        return FORMATS_MALFORMED;
    enum formats_error error = time_read(message);
    if (error == FORMATS_OK)
        error = text_read(p, OID_OPENUKEY_NONCE, &message->nonce);
    if (error == FORMATS_OK)
        error = text_read(p, OID_OPENUKEY_ORIGIN, &message->origin);
    if (error == FORMATS_OK)
        error = text_read(p, OID_OPENUKEY_PURPOSE, &message->purpose);
    if (error == FORMATS_OK)
        error = certificate_check(message);
    return error == FORMATS_OK ? algorithms_check(p) : error;
}

/* ---- certificates ---- */

/* Byte for byte: X509_NAME_cmp() does not see upper and lower case. */
static bool same_name(const X509_NAME *a, const X509_NAME *b) {
    const unsigned char *der_a, *der_b;
    size_t len_a, len_b;
    return X509_NAME_get0_der(a, &der_a, &len_a) == 1 &&
           X509_NAME_get0_der(b, &der_b, &len_b) == 1 && len_a == len_b &&
           memcmp(der_a, der_b, len_a) == 0;
}

/* Reads the embedded certificates and takes the signer's. */
static enum formats_error certificates_read(struct signed_data *message) {
    const struct signed_data_private *p = message->private_part;
    const STACK_OF(ASN1_TYPE) *certificates = p->asn1->certificates;
    if (sk_ASN1_TYPE_num(certificates) > SIGNED_CERTIFICATES_MAX)
        return FORMATS_TOO_LARGE;
    for (int i = 0; i < sk_ASN1_TYPE_num(certificates); i++) {
        struct octets der;
        if (!der_any_is_sequence(sk_ASN1_TYPE_value(certificates, i), &der))
            return FORMATS_MALFORMED;
        X509 *x509 = der_x509(p->libctx, der.data, der.len);
        if (x509 == NULL)
            return FORMATS_MALFORMED;
        bool is_signer =
            message->signer == NULL &&
            same_name(X509_get_issuer_name(x509), p->signer->signer->issuer) &&
            ASN1_INTEGER_cmp(X509_get0_serialNumber(x509), p->signer->signer->serial) == 0;
        if (is_signer) {
            message->signer = x509;
            message->signer_der = der;
        } else if (sk_X509_push(message->others, x509) <= 0) {
            X509_free(x509);
            return FORMATS_MEMORY;
        }
    }
    return message->signer != NULL ? FORMATS_OK : FORMATS_UNSUPPORTED;
}

/* Every other certificate has signed one that is nearer to the signer: then the chain's verification is about each of them. */
static enum formats_error others_check(const struct signed_data *message) {
    OSSL_LIB_CTX *libctx = message->private_part->libctx;
    int count = sk_X509_num(message->others), used = 0;
    bool is_used[SIGNED_CERTIFICATES_MAX] = {false};
    X509 *below = message->signer;
    for (bool found = true; found && used < count;) {
        found = false;
        for (int i = 0; i < count && !found; i++) {
            X509 *above = sk_X509_value(message->others, i);
            if (!is_used[i] && certificate_is_signed_by(libctx, below, above)) {
                is_used[i] = found = true;
                below = above;
                used++;
            }
        }
    }
    return used == count ? FORMATS_OK : FORMATS_UNSUPPORTED;
}

/* ---- the message ---- */

/* Versions, types, and nothing that no signature would protect. */
static enum formats_error shape_check(const struct signed_data *message) {
    const SIGNED_DATA *data = message->private_part->asn1;
    const SIGNER_INFO *info = message->private_part->signer;
    if (ASN1_INTEGER_get(data->version) != 1 || ASN1_INTEGER_get(info->version) != 1 ||
        !der_oid_is(data->content->type, message->is_gm ? OID_GM_DATA : OID_DATA))
        return FORMATS_UNSUPPORTED;
    if (data->content->content != NULL && data->content->content->type != V_ASN1_OCTET_STRING)
        return FORMATS_MALFORMED;
    if (info->attributes == NULL || info->unsigned_attributes != NULL || data->crls != NULL)
        return FORMATS_UNSUPPORTED;
    /* the list in front says what the signer says, byte for byte */
    if (sk_X509_ALGOR_num(data->digests) != 1 ||
        X509_ALGOR_cmp(sk_X509_ALGOR_value(data->digests, 0), info->digest) != 0)
        return FORMATS_UNSUPPORTED;
    return FORMATS_OK;
}

static enum formats_error message_read(struct signed_data *message, const struct octets *inner) {
    struct signed_data_private *p = message->private_part;
    enum formats_error error =
        der_read(ASN1_ITEM_rptr(SIGNED_DATA), inner->data, inner->len, SIGNED_DATA_MAX, &p->asn1);
    if (error != FORMATS_OK)
        return error;
    if (sk_SIGNER_INFO_num(p->asn1->signers) != 1)
        return FORMATS_UNSUPPORTED;
    p->signer = sk_SIGNER_INFO_value(p->asn1->signers, 0);
    error = shape_check(message);
    if (error == FORMATS_OK)
        error = certificates_read(message);
    if (error == FORMATS_OK)
        error = signature_scheme_of_algorithms(p->signer->digest, p->signer->algorithm,
                                               X509_get0_pubkey(message->signer), &message->scheme);
    if (error == FORMATS_OK && message->is_gm != (message->scheme == SCHEME_SM2))
        error = FORMATS_UNSUPPORTED;
    if (error == FORMATS_OK)
        error = attributes_read(message);
    if (error == FORMATS_OK)
        error = others_check(message);
    if (error == FORMATS_OK)
        error = der_write(ASN1_ITEM_rptr(SIGNED_ATTRIBUTES), p->signer->attributes,
                          &message->signed_bytes);
    if (error != FORMATS_OK)
        return error;
    message->signature = view(p->signer->signature);
    message->has_content = p->asn1->content->content != NULL;
    if (message->has_content)
        message->content = view(p->asn1->content->content->value.octet_string);
    return FORMATS_OK;
}

enum formats_error signed_data_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                     struct signed_data **out) {
    *out = NULL;
    CONTENT_INFO *outer = NULL;
    struct octets inner;
    struct signed_data *message = calloc(1, sizeof *message);
    struct signed_data_private *p = calloc(1, sizeof *p);
    if (message == NULL || p == NULL) {
        free(message);
        free(p);
        return FORMATS_MEMORY;
    }
    p->libctx = libctx;
    message->private_part = p;
    message->others = sk_X509_new_null();
    enum formats_error error = message->others != NULL ? der_read(ASN1_ITEM_rptr(CONTENT_INFO), der,
                                                                  len, SIGNED_DATA_MAX, &outer)
                                                       : FORMATS_MEMORY;
    if (error == FORMATS_OK) {
        message->is_gm = der_oid_is(outer->type, OID_GM_SIGNED_DATA);
        if (!message->is_gm && !der_oid_is(outer->type, OID_SIGNED_DATA))
            error = FORMATS_UNSUPPORTED;
        else
            error = der_any_is_sequence(outer->content, &inner) ? message_read(message, &inner)
                                                                : FORMATS_MALFORMED;
    }
    ASN1_item_free((ASN1_VALUE *)outer, ASN1_ITEM_rptr(CONTENT_INFO));
    if (error == FORMATS_OK)
        *out = message;
    else
        signed_data_free(message);
    return error;
}

void signed_data_free(struct signed_data *message) {
    if (message == NULL)
        return;
    ASN1_item_free((ASN1_VALUE *)message->private_part->asn1, ASN1_ITEM_rptr(SIGNED_DATA));
    X509_free(message->signer);
    sk_X509_pop_free(message->others, X509_free);
    octets_free(&message->signed_bytes);
    free(message->nonce);
    free(message->origin);
    free(message->purpose);
    free(message->private_part);
    free(message);
}

enum formats_error signed_data_verify(const struct signed_data *message,
                                      const unsigned char *digest) {
    OSSL_LIB_CTX *libctx = message->private_part->libctx;
    unsigned char own[SCHEME_DIGEST_MAX];
    if (!message->has_content && digest == NULL)
        return FORMATS_ARGUMENT;
    if (digest != NULL && memcmp(digest, message->digest.data, message->digest.len) != 0)
        return FORMATS_MISMATCH;
    if (message->has_content) {
        enum formats_error error = signature_digest(libctx, message->scheme, message->content.data,
                                                    message->content.len, own);
        if (error != FORMATS_OK)
            return error;
        if (memcmp(own, message->digest.data, message->digest.len) != 0)
            return FORMATS_MISMATCH;
    }
    return signature_verify(libctx, message->scheme, X509_get0_pubkey(message->signer),
                            message->signed_bytes.data, message->signed_bytes.len,
                            message->signature.data, message->signature.len);
}
