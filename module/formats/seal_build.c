/* Making a version 4 seal: the info that the maker signs, then the whole. */
#include "module/formats/der.h"
#include "module/formats/seal.h"
#include "module/formats/seal_asn1.h"
#include "openukey/formats.h"

#include <string.h>

enum { SEAL_VERSION = 4, SEAL_LIST_OF_CERTIFICATES = 1 };

static bool is_ia5(const char *text, size_t max) {
    size_t len = text == NULL ? 0 : strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7E)
            return false;
    return len > 0 && len <= max;
}

static bool description_is_sound(const struct seal_description *d) {
    return is_ia5(d->id, SEAL_ID_MAX) && is_ia5(d->vendor, SEAL_ID_TEXT_MAX) &&
           is_ia5(d->picture_type, 8) &&
           (d->type == SEAL_ORGANIZATION || d->type == SEAL_PERSONAL) && d->name != NULL &&
           d->name[0] != '\0' && strlen(d->name) <= SEAL_NAME_MAX && d->picture != NULL &&
           d->picture_len > 0 && d->picture_len < SEAL_MAX && d->width_mm > 0 &&
           d->width_mm <= SEAL_MILLIMETRES_MAX && d->height_mm > 0 &&
           d->height_mm <= SEAL_MILLIMETRES_MAX && d->certificate_count > 0 &&
           d->certificate_count <= SEAL_CERTIFICATES_MAX && d->valid_start <= d->valid_end;
}

static bool string_set(ASN1_STRING *string, const char *text) {
    return ASN1_STRING_set(string, text, -1) == 1;
}

/* certList of whole certificates, as ANY. */
static enum formats_error list_build(const struct seal_description *d, ASN1_TYPE **out) {
    enum formats_error error = FORMATS_MEMORY;
    struct octets der = {NULL, 0};
    *out = NULL;
    STACK_OF(ASN1_OCTET_STRING) *list = sk_ASN1_OCTET_STRING_new_null();
    if (list == NULL)
        return error;
    for (size_t i = 0; i < d->certificate_count; i++) {
        const struct octets *certificate = &d->certificates[i];
        ASN1_OCTET_STRING *entry = ASN1_OCTET_STRING_new();
        if (entry == NULL || certificate->len > 8192 ||
            ASN1_OCTET_STRING_set(entry, certificate->data, (int)certificate->len) != 1 ||
            sk_ASN1_OCTET_STRING_push(list, entry) <= 0) {
            ASN1_OCTET_STRING_free(entry);
            goto out;
        }
    }
    error = der_write(ASN1_ITEM_rptr(SES_CERTIFICATE_LIST), list, &der);
    if (error == FORMATS_OK) {
        *out = der_any_sequence(der.data, der.len);
        error = *out != NULL ? FORMATS_OK : FORMATS_MEMORY;
    }
out:
    octets_free(&der);
    sk_ASN1_OCTET_STRING_pop_free(list, ASN1_OCTET_STRING_free);
    return error;
}

/* SES_ESPropertyInfo as ANY. */
static enum formats_error property_build(const struct seal_description *d, ASN1_TYPE **out) {
    *out = NULL;
    struct octets der = {NULL, 0};
    const ASN1_ITEM *item = ASN1_ITEM_rptr(SES_PROPERTY);
    SES_PROPERTY *property = (SES_PROPERTY *)ASN1_item_new(item);
    if (property == NULL)
        return FORMATS_MEMORY;
    ASN1_TYPE_free(property->list);
    enum formats_error error = list_build(d, &property->list);
    if (error != FORMATS_OK)
        goto out;
    error = FORMATS_MEMORY;
    if (ASN1_INTEGER_set(property->type, d->type) != 1 || !string_set(property->name, d->name) ||
        ASN1_INTEGER_set(property->list_type, SEAL_LIST_OF_CERTIFICATES) != 1 ||
        ASN1_GENERALIZEDTIME_set(property->created, (time_t)d->created) == NULL ||
        ASN1_GENERALIZEDTIME_set(property->valid_start, (time_t)d->valid_start) == NULL ||
        ASN1_GENERALIZEDTIME_set(property->valid_end, (time_t)d->valid_end) == NULL)
        goto out;
    error = der_write(item, property, &der);
    if (error == FORMATS_OK) {
        *out = der_any_sequence(der.data, der.len);
        error = *out != NULL ? FORMATS_OK : FORMATS_MEMORY;
    }
out:
    octets_free(&der);
    ASN1_item_free((ASN1_VALUE *)property, item);
    return error;
}

enum formats_error seal_info_build(const struct seal_description *description,
                                   struct octets *info) {
    *info = (struct octets){NULL, 0};
    const struct seal_description *d = description;
    if (!description_is_sound(d))
        return FORMATS_ARGUMENT;
    const ASN1_ITEM *item = ASN1_ITEM_rptr(SES_SEAL_INFO);
    SES_SEAL_INFO *asn1 = (SES_SEAL_INFO *)ASN1_item_new(item);
    if (asn1 == NULL)
        return FORMATS_MEMORY;
    ASN1_TYPE_free(asn1->property);
    enum formats_error error = property_build(d, &asn1->property);
    if (error != FORMATS_OK)
        goto out;
    error = FORMATS_MEMORY;
    if (!string_set(asn1->header->id, "ES") ||
        ASN1_INTEGER_set(asn1->header->version, SEAL_VERSION) != 1 ||
        !string_set(asn1->header->vendor, d->vendor) || !string_set(asn1->es_id, d->id) ||
        !string_set(asn1->picture->type, d->picture_type) ||
        ASN1_OCTET_STRING_set(asn1->picture->data, d->picture, (int)d->picture_len) != 1 ||
        ASN1_INTEGER_set(asn1->picture->width, d->width_mm) != 1 ||
        ASN1_INTEGER_set(asn1->picture->height, d->height_mm) != 1)
        goto out;
    error = der_write(item, asn1, info);
out:
    ASN1_item_free((ASN1_VALUE *)asn1, item);
    return error;
}

enum formats_error seal_assemble(OSSL_LIB_CTX *libctx, const struct octets *info,
                                 const unsigned char *maker, size_t maker_len,
                                 const unsigned char *signature, size_t signature_len,
                                 struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (maker_len > 8192)
        return FORMATS_TOO_LARGE;
    struct seal *made = NULL;
    enum seal_signed how;
    const ASN1_ITEM *item = ASN1_ITEM_rptr(SES_SEAL);
    SES_SEAL *asn1 = (SES_SEAL *)ASN1_item_new(item);
    if (asn1 == NULL)
        return FORMATS_MEMORY;
    ASN1_TYPE_free(asn1->info);
    ASN1_OBJECT_free(asn1->algorithm);
    asn1->info = der_any_sequence(info->data, info->len);
    X509 *x509 = der_x509(libctx, maker, maker_len);
    const char *algorithm = x509 != NULL ? seal_algorithm_of(X509_get0_pubkey(x509)) : NULL;
    asn1->algorithm = der_oid(algorithm != NULL ? algorithm : OID_SM3_WITH_SM2);
    X509_free(x509);
    enum formats_error error = FORMATS_MEMORY;
    if (asn1->info == NULL)
        error = FORMATS_MALFORMED;
    else if (asn1->algorithm != NULL &&
             ASN1_OCTET_STRING_set(asn1->certificate, maker, (int)maker_len) == 1 &&
             der_bits_set(asn1->signature, signature, signature_len))
        error = der_write(item, asn1, out);
    if (error == FORMATS_OK && out->len > SEAL_MAX)
        error = FORMATS_TOO_LARGE;
    if (error == FORMATS_OK)
        error = seal_parse(libctx, out->data, out->len, &made);
    if (error == FORMATS_OK)
        error = seal_verify_signature(made, &how);
    if (error == FORMATS_OK && how != SEAL_SIGNED_INFO)
        error = FORMATS_SIGNATURE;
    if (error != FORMATS_OK)
        octets_free(out);
    seal_free(made);
    ASN1_item_free((ASN1_VALUE *)asn1, item);
    return error;
}
