/* Reading and checking electronic seals. */
#include "module/formats/seal.h"

#include "module/formats/certificate.h"
#include "module/formats/der.h"
#include "module/formats/seal_asn1.h"
#include "module/formats/sm2.h"
#include "openukey/formats.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* What a parsed seal's views point into. */
struct seal_private {
    OSSL_LIB_CTX *libctx;
    struct octets der;
    SES_SEAL *v4;
    SES_SEAL_V1 *v1;
    const ASN1_OBJECT *algorithm; /* of the signature */
    SES_SEAL_INFO *info;
    SES_PROPERTY *property;
    SES_PROPERTY_V1 *property_v1;
    STACK_OF(ASN1_OCTET_STRING) *certificates;
    STACK_OF(SES_DIGEST) *digests;
    char *id, *vendor, *name, *picture_type;
};

static struct octets view(const ASN1_STRING *string) {
    return (struct octets){(unsigned char *)ASN1_STRING_get0_data(string),
                           (size_t)ASN1_STRING_length(string)};
}

/* A NUL-terminated copy; false when longer than `max`, with a NUL inside, not UTF-8, or out of
 * memory. */
static bool text_read(const ASN1_STRING *string, size_t max, char **out) {
    size_t len = (size_t)ASN1_STRING_length(string);
    const unsigned char *data = ASN1_STRING_get0_data(string);
    if (len > max || (len > 0 && memchr(data, 0, len) != NULL))
        return false;
    unsigned long code;
    for (size_t i = 0; i < len;) {
        int used = UTF8_getc(data + i, (int)(len - i), &code);
        if (used <= 0)
            return false;
        i += (size_t)used;
    }
    *out = strndup(len > 0 ? (const char *)data : "", len);
    return *out != NULL;
}

/* An INTEGER in [low, high]. */
static bool number_read(const ASN1_INTEGER *integer, int64_t low, int64_t high, int *out) {
    int64_t value = 0;
    if (ASN1_INTEGER_get_int64(&value, integer) != 1 || value < low || value > high)
        return false;
    *out = (int)value;
    return true;
}

static enum formats_error certificates_read(struct seal *seal, const ASN1_TYPE *list) {
    struct seal_private *p = seal->private_part;
    struct octets der;
    if (!der_any_is_sequence(list, &der))
        return FORMATS_MALFORMED;
    enum formats_error error = der_read(ASN1_ITEM_rptr(SES_CERTIFICATE_LIST), der.data, der.len,
                                        SEAL_MAX, &p->certificates);
    if (error != FORMATS_OK)
        return error;
    int count = sk_ASN1_OCTET_STRING_num(p->certificates);
    if (count > SEAL_CERTIFICATES_MAX)
        return FORMATS_TOO_LARGE;
    for (int i = 0; i < count; i++)
        seal->certificates[seal->certificate_count++] =
            view(sk_ASN1_OCTET_STRING_value(p->certificates, i));
    return FORMATS_OK;
}

static enum formats_error digests_read(struct seal *seal, const ASN1_TYPE *list) {
    struct seal_private *p = seal->private_part;
    struct octets der;
    if (!der_any_is_sequence(list, &der))
        return FORMATS_MALFORMED;
    enum formats_error error =
        der_read(ASN1_ITEM_rptr(SES_DIGEST_LIST), der.data, der.len, SEAL_MAX, &p->digests);
    if (error != FORMATS_OK)
        return error;
    int count = sk_SES_DIGEST_num(p->digests);
    if (count > SEAL_CERTIFICATES_MAX)
        return FORMATS_TOO_LARGE;
    seal->lists_digests = true;
    for (int i = 0; i < count; i++)
        seal->certificates[seal->certificate_count++] =
            view(sk_SES_DIGEST_value(p->digests, i)->value);
    return FORMATS_OK;
}

/* The fields that both versions' properties have. */
static enum formats_error property_fields(struct seal *seal, const ASN1_INTEGER *type,
                                          const ASN1_UTF8STRING *name, const ASN1_TIME *created,
                                          const ASN1_TIME *start, const ASN1_TIME *end) {
    struct seal_private *p = seal->private_part;
    if (!number_read(type, 0, 255, &seal->type) || !text_read(name, SEAL_NAME_MAX, &p->name) ||
        !der_time(created, &seal->created) || !der_time(start, &seal->valid_start) ||
        !der_time(end, &seal->valid_end))
        return FORMATS_MALFORMED;
    seal->name = p->name;
    return FORMATS_OK;
}

static enum formats_error property_read(struct seal *seal) {
    struct seal_private *p = seal->private_part;
    struct octets der;
    if (!der_any_is_sequence(p->info->property, &der))
        return FORMATS_MALFORMED;
    if (seal->version == 1) {
        enum formats_error error =
            der_read(ASN1_ITEM_rptr(SES_PROPERTY_V1), der.data, der.len, SEAL_MAX, &p->property_v1);
        const SES_PROPERTY_V1 *v1 = p->property_v1;
        if (error == FORMATS_OK)
            error = property_fields(seal, v1->type, v1->name, v1->created, v1->valid_start,
                                    v1->valid_end);
        return error == FORMATS_OK ? certificates_read(seal, v1->list) : error;
    }
    enum formats_error error =
        der_read(ASN1_ITEM_rptr(SES_PROPERTY), der.data, der.len, SEAL_MAX, &p->property);
    const SES_PROPERTY *v4 = p->property;
    if (error == FORMATS_OK)
        error =
            property_fields(seal, v4->type, v4->name, v4->created, v4->valid_start, v4->valid_end);
    if (error != FORMATS_OK)
        return error;
    switch (ASN1_INTEGER_get(v4->list_type)) {
    case 1:
        return certificates_read(seal, v4->list);
    case 2:
        return digests_read(seal, v4->list);
    default:
        return FORMATS_MALFORMED;
    }
}

static enum formats_error info_read(struct seal *seal) {
    struct seal_private *p = seal->private_part;
    enum formats_error error = der_read(ASN1_ITEM_rptr(SES_SEAL_INFO), seal->signed_info.data,
                                        seal->signed_info.len, SEAL_MAX, &p->info);
    if (error != FORMATS_OK)
        return error;
    const SES_SEAL_INFO *info = p->info;
    const SES_PICTURE *picture = info->picture;
    char *mark = NULL;
    bool sound = text_read(info->header->id, 8, &mark) && strcmp(mark, "ES") == 0 &&
                 number_read(info->header->version, 0, 255, &seal->header_version) &&
                 text_read(info->header->vendor, SEAL_ID_TEXT_MAX, &p->vendor) &&
                 text_read(info->es_id, SEAL_ID_TEXT_MAX, &p->id) &&
                 text_read(picture->type, 8, &p->picture_type) &&
                 ASN1_STRING_length(picture->data) > 0 &&
                 number_read(picture->width, 1, SEAL_MILLIMETRES_MAX, &seal->width_mm) &&
                 number_read(picture->height, 1, SEAL_MILLIMETRES_MAX, &seal->height_mm);
    free(mark);
    if (!sound)
        return FORMATS_MALFORMED;
    if (seal->version == 4 && seal->header_version == 5)
        seal->version = 5; /* GM/T 0031-2025 */
    if ((seal->version == 4 && seal->header_version != 4) ||
        (seal->version != 5 && seal->has_time_stamp))
        return FORMATS_UNSUPPORTED;
    seal->vendor = p->vendor;
    seal->id = p->id;
    seal->picture_type = p->picture_type;
    seal->picture = ASN1_STRING_get0_data(picture->data);
    seal->picture_len = (size_t)ASN1_STRING_length(picture->data);
    return property_read(seal);
}

/* Which structure the seal has: the number of fields tells (2: version 1; 4: version 4 or 5; 5: version 5 with a time stamp). */
static enum formats_error outer_read(struct seal *seal) {
    struct seal_private *p = seal->private_part;
    STACK_OF(ASN1_TYPE) *fields = NULL;
    enum formats_error error =
        der_read(ASN1_ITEM_rptr(ASN1_SEQUENCE_ANY), p->der.data, p->der.len, SEAL_MAX, &fields);
    if (error != FORMATS_OK)
        return error;
    int count = sk_ASN1_TYPE_num(fields);
    ASN1_item_free((ASN1_VALUE *)fields, ASN1_ITEM_rptr(ASN1_SEQUENCE_ANY));
    const ASN1_TYPE *info = NULL;
    const ASN1_OCTET_STRING *certificate = NULL;
    const ASN1_OBJECT *algorithm = NULL;
    const ASN1_BIT_STRING *signature = NULL;
    if (count == 4 || count == 5) {
        seal->version = 4;
        error = der_read(ASN1_ITEM_rptr(SES_SEAL), p->der.data, p->der.len, SEAL_MAX, &p->v4);
        if (error != FORMATS_OK)
            return error;
        info = p->v4->info;
        certificate = p->v4->certificate;
        algorithm = p->v4->algorithm;
        signature = p->v4->signature;
        seal->has_time_stamp = p->v4->time_stamp != NULL;
    } else if (count == 2) {
        seal->version = 1;
        error = der_read(ASN1_ITEM_rptr(SES_SEAL_V1), p->der.data, p->der.len, SEAL_MAX, &p->v1);
        if (error != FORMATS_OK)
            return error;
        info = p->v1->info;
        certificate = p->v1->sign_info->certificate;
        algorithm = p->v1->sign_info->algorithm;
        signature = p->v1->sign_info->signature;
    } else {
        return FORMATS_MALFORMED;
    }
    if (!der_any_is_sequence(info, &seal->signed_info) || !der_bits_are_bytes(signature))
        return FORMATS_MALFORMED;
    if (!der_oid_is(algorithm, OID_SM3_WITH_SM2) && !der_oid_is(algorithm, OID_SHA256_WITH_RSA) &&
        !der_oid_is(algorithm, OID_ECDSA_WITH_SHA256))
        return FORMATS_UNSUPPORTED;
    p->algorithm = algorithm;
    seal->maker = view(certificate);
    seal->signature = view(signature);
    return FORMATS_OK;
}

enum formats_error seal_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                              struct seal **out) {
    *out = NULL;
    if (len > SEAL_MAX)
        return FORMATS_TOO_LARGE;
    struct seal *seal = calloc(1, sizeof *seal);
    struct seal_private *p = calloc(1, sizeof *p);
    if (seal == NULL || p == NULL) {
        free(seal);
        free(p);
        return FORMATS_MEMORY;
    }
    seal->private_part = p;
    p->libctx = libctx;
    enum formats_error error = octets_copy(&p->der, der, len);
    if (error == FORMATS_OK)
        error = outer_read(seal);
    if (error == FORMATS_OK)
        error = info_read(seal);
    if (error == FORMATS_OK)
        *out = seal;
    else
        seal_free(seal);
    return error;
}

void seal_free(struct seal *seal) {
    if (seal == NULL)
        return;
    struct seal_private *p = seal->private_part;
    octets_free(&p->der);
    ASN1_item_free((ASN1_VALUE *)p->v4, ASN1_ITEM_rptr(SES_SEAL));
    ASN1_item_free((ASN1_VALUE *)p->v1, ASN1_ITEM_rptr(SES_SEAL_V1));
    ASN1_item_free((ASN1_VALUE *)p->info, ASN1_ITEM_rptr(SES_SEAL_INFO));
    ASN1_item_free((ASN1_VALUE *)p->property, ASN1_ITEM_rptr(SES_PROPERTY));
    ASN1_item_free((ASN1_VALUE *)p->property_v1, ASN1_ITEM_rptr(SES_PROPERTY_V1));
    ASN1_item_free((ASN1_VALUE *)p->certificates, ASN1_ITEM_rptr(SES_CERTIFICATE_LIST));
    ASN1_item_free((ASN1_VALUE *)p->digests, ASN1_ITEM_rptr(SES_DIGEST_LIST));
    free(p->id);
    free(p->vendor);
    free(p->name);
    free(p->picture_type);
    free(p);
    free(seal);
}

/* DER of SEQUENCE { info, certificate, algorithm }. */
static enum formats_error three_parts(const struct seal *seal, struct octets *out) {
    const ASN1_ITEM *item = ASN1_ITEM_rptr(SES_THREE_PARTS);
    *out = (struct octets){NULL, 0};
    SES_THREE_PARTS *parts = (SES_THREE_PARTS *)ASN1_item_new(item);
    if (parts == NULL)
        return FORMATS_MEMORY;
    ASN1_TYPE_free(parts->info);
    ASN1_OBJECT_free(parts->algorithm);
    parts->info = der_any_sequence(seal->signed_info.data, seal->signed_info.len);
    parts->algorithm = OBJ_dup(seal->private_part->algorithm);
    enum formats_error error = FORMATS_MEMORY;
    if (parts->info != NULL && parts->algorithm != NULL &&
        ASN1_OCTET_STRING_set(parts->certificate, seal->maker.data, (int)seal->maker.len) == 1)
        error = der_write(item, parts, out);
    ASN1_item_free((ASN1_VALUE *)parts, item);
    return error;
}

enum formats_error seal_verify_signature(const struct seal *seal, enum seal_signed *how) {
    enum seal_signed found = SEAL_SIGNED_NOTHING;
    OSSL_LIB_CTX *libctx = seal->private_part->libctx;
    struct octets parts = {NULL, 0};
    X509 *maker = der_x509(libctx, seal->maker.data, seal->maker.len);
    EVP_PKEY *key = maker != NULL ? X509_get0_pubkey(maker) : NULL;
    const char *algorithm = key != NULL ? seal_algorithm_of(key) : NULL;
    enum formats_error error = key == NULL         ? FORMATS_MALFORMED
                               : algorithm == NULL ? FORMATS_UNSUPPORTED
                               : der_oid_is(seal->private_part->algorithm, algorithm)
                                   ? FORMATS_OK
                                   : FORMATS_MISMATCH;
    if (error == FORMATS_OK) {
        error = certificate_key_verify(libctx, key, seal->signed_info.data, seal->signed_info.len,
                                       seal->signature.data, seal->signature.len);
        found = SEAL_SIGNED_INFO;
    }
    if (error == FORMATS_SIGNATURE) {
        error = three_parts(seal, &parts);
        if (error == FORMATS_OK)
            error = certificate_key_verify(libctx, key, parts.data, parts.len, seal->signature.data,
                                           seal->signature.len);
        found = SEAL_SIGNED_THREE_PARTS;
    }
    if (how != NULL)
        *how = error == FORMATS_OK ? found : SEAL_SIGNED_NOTHING;
    octets_free(&parts);
    X509_free(maker);
    return error;
}

enum formats_error seal_verify_dates(const struct seal *seal, int64_t now) {
    if (now < seal->valid_start)
        return FORMATS_NOT_YET_VALID;
    return now > seal->valid_end ? FORMATS_EXPIRED : FORMATS_OK;
}

enum formats_error seal_check(const struct seal *seal, X509 *root, STACK_OF(X509) *intermediates,
                              int64_t now) {
    OSSL_LIB_CTX *libctx = seal->private_part->libctx;
    enum formats_error error = seal_verify_signature(seal, NULL);
    if (error != FORMATS_OK)
        return error;
    X509 *maker = der_x509(libctx, seal->maker.data, seal->maker.len);
    if (maker == NULL)
        return FORMATS_MALFORMED;
    uint32_t usage = X509_get_key_usage(maker);
    bool may_sign =
        (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0; /* also: none stated */
    error = certificate_verify_chain(libctx, maker, intermediates, root, now);
    X509_free(maker);
    if (error == FORMATS_MEMORY)
        return error;
    if (error != FORMATS_OK || !may_sign)
        return FORMATS_UNTRUSTED;
    error = seal_verify_dates(seal, now);
    return error == FORMATS_OK && seal->has_time_stamp ? FORMATS_UNSUPPORTED : error;
}

bool seal_lists_certificate(const struct seal *seal, const unsigned char *der, size_t len) {
    unsigned char digest[SM3_SIZE];
    struct octets wanted = {(unsigned char *)der, len};
    if (seal->lists_digests) {
        if (sm3_digest(seal->private_part->libctx, der, len, digest) != FORMATS_OK)
            return false;
        wanted = (struct octets){digest, sizeof digest};
    }
    for (size_t i = 0; i < seal->certificate_count; i++)
        if (octets_equal(&seal->certificates[i], &wanted))
            return true;
    return false;
}
