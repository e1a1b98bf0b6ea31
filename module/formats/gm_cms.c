/* GM/T 0010 SignedData with one SM2 signer. The structures are PKCS#7 1.5's, the object identifiers
 * GM/T 0010's. */
#include "module/formats/gm_cms.h"

#include "module/formats/der.h"
#include "module/formats/sm2.h"
#include "openukey/formats.h"

#include <openssl/pkcs7.h>
#include <stdlib.h>
#include <string.h>

/* ContentInfo, outer and inner. */
typedef struct gm_content_info_asn1 {
    ASN1_OBJECT *type;
    ASN1_TYPE *content;
} GM_CONTENT_INFO;

/* clang-format off */
ASN1_SEQUENCE(GM_CONTENT_INFO) = {
    ASN1_SIMPLE(GM_CONTENT_INFO, type, ASN1_OBJECT),
    ASN1_EXP_OPT(GM_CONTENT_INFO, content, ASN1_ANY, 0),
} static_ASN1_SEQUENCE_END(GM_CONTENT_INFO);
/* clang-format on */

typedef struct gm_signer_info_asn1 {
    ASN1_INTEGER *version;
    PKCS7_ISSUER_AND_SERIAL *signer;
    X509_ALGOR *digest;
    STACK_OF(X509_ATTRIBUTE) *attributes;
    X509_ALGOR *algorithm;
    ASN1_OCTET_STRING *signature;
    STACK_OF(X509_ATTRIBUTE) *unauthenticated;
} GM_SIGNER_INFO;

/* clang-format off */
ASN1_SEQUENCE(GM_SIGNER_INFO) = {
    ASN1_SIMPLE(GM_SIGNER_INFO, version, ASN1_INTEGER),
    ASN1_SIMPLE(GM_SIGNER_INFO, signer, PKCS7_ISSUER_AND_SERIAL),
    ASN1_SIMPLE(GM_SIGNER_INFO, digest, X509_ALGOR),
    ASN1_IMP_SET_OF_OPT(GM_SIGNER_INFO, attributes, X509_ATTRIBUTE, 0),
    ASN1_SIMPLE(GM_SIGNER_INFO, algorithm, X509_ALGOR),
    ASN1_SIMPLE(GM_SIGNER_INFO, signature, ASN1_OCTET_STRING),
    ASN1_IMP_SET_OF_OPT(GM_SIGNER_INFO, unauthenticated, X509_ATTRIBUTE, 1),
} static_ASN1_SEQUENCE_END(GM_SIGNER_INFO);
/* clang-format on */

DEFINE_STACK_OF(GM_SIGNER_INFO);

/* Certificates are kept as they came: ANY, in the order of the message. */
typedef struct gm_signed_data_asn1 {
    ASN1_INTEGER *version;
    STACK_OF(X509_ALGOR) *digests;
    GM_CONTENT_INFO *content;
    STACK_OF(ASN1_TYPE) *certificates;
    STACK_OF(ASN1_TYPE) *crls;
    STACK_OF(GM_SIGNER_INFO) *signers;
} GM_SIGNED_DATA;

/* clang-format off */
ASN1_SEQUENCE(GM_SIGNED_DATA) = {
    ASN1_SIMPLE(GM_SIGNED_DATA, version, ASN1_INTEGER),
    ASN1_SET_OF(GM_SIGNED_DATA, digests, X509_ALGOR),
    ASN1_SIMPLE(GM_SIGNED_DATA, content, GM_CONTENT_INFO),
    ASN1_IMP_SEQUENCE_OF_OPT(GM_SIGNED_DATA, certificates, ASN1_ANY, 0),
    ASN1_IMP_SEQUENCE_OF_OPT(GM_SIGNED_DATA, crls, ASN1_ANY, 1),
    ASN1_SET_OF(GM_SIGNED_DATA, signers, GM_SIGNER_INFO),
} static_ASN1_SEQUENCE_END(GM_SIGNED_DATA);
/* clang-format on */

/* The attributes as they are signed: a SET OF under its own tag. */
/* clang-format off */
ASN1_ITEM_TEMPLATE(GM_ATTRIBUTES) =
    ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SET_OF, 0, attributes, X509_ATTRIBUTE)
static_ASN1_ITEM_TEMPLATE_END(GM_ATTRIBUTES);
/* clang-format on */

#define CONTENT_INFO_ITEM ASN1_ITEM_rptr(GM_CONTENT_INFO)
#define SIGNED_DATA_ITEM  ASN1_ITEM_rptr(GM_SIGNED_DATA)
#define ATTRIBUTES_ITEM   ASN1_ITEM_rptr(GM_ATTRIBUTES)

struct gm_cms {
    OSSL_LIB_CTX *libctx;
    GM_SIGNED_DATA *asn1;
    GM_SIGNER_INFO *signer_info;
    X509 *signer;
    struct octets signed_bytes;
    bool has_time;
    int64_t time;
};

/* --- making --- */

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

/* Times before 2050 are UTCTime, as in CMS (RFC 5652 11.3). */
static bool signing_time_add(STACK_OF(X509_ATTRIBUTE) *attributes, int64_t signing_time) {
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)signing_time);
    bool done =
        time != NULL && attribute_add(attributes, OID_SIGNING_TIME, ASN1_STRING_type(time),
                                      ASN1_STRING_get0_data(time), ASN1_STRING_length(time));
    ASN1_TIME_free(time);
    return done;
}

enum formats_error gm_cms_attributes(OSSL_LIB_CTX *libctx, const void *content, size_t content_len,
                                     int64_t signing_time, struct octets *to_be_signed) {
    *to_be_signed = (struct octets){NULL, 0};
    if (content_len > GM_CMS_CONTENT_MAX)
        return FORMATS_TOO_LARGE;
    unsigned char digest[SM3_SIZE];
    enum formats_error error = sm3_digest(libctx, content, content_len, digest);
    if (error != FORMATS_OK)
        return error;
    ASN1_OBJECT *data_type = der_oid(OID_GM_DATA);
    STACK_OF(X509_ATTRIBUTE) *attributes = sk_X509_ATTRIBUTE_new_null();
    if (attributes != NULL && data_type != NULL &&
        attribute_add(attributes, OID_CONTENT_TYPE, V_ASN1_OBJECT, data_type, -1) &&
        signing_time_add(attributes, signing_time) &&
        attribute_add(attributes, OID_MESSAGE_DIGEST, V_ASN1_OCTET_STRING, digest, SM3_SIZE))
        error = der_write(ATTRIBUTES_ITEM, attributes, to_be_signed);
    else
        error = FORMATS_MEMORY;
    sk_X509_ATTRIBUTE_pop_free(attributes, X509_ATTRIBUTE_free);
    ASN1_OBJECT_free(data_type);
    return error;
}

/* Fills the one signer: who, which attributes, which signature. */
static enum formats_error signer_fill(GM_SIGNER_INFO *info, const X509 *certificate,
                                      const struct octets *to_be_signed,
                                      const unsigned char *signature, size_t signature_len) {
    ASN1_INTEGER *serial = ASN1_INTEGER_dup(X509_get0_serialNumber(certificate));
    if (serial == NULL)
        return FORMATS_MEMORY;
    ASN1_INTEGER_free(info->signer->serial);
    info->signer->serial = serial;
    if (ASN1_INTEGER_set(info->version, 1) != 1 ||
        X509_NAME_set(&info->signer->issuer, X509_get_issuer_name(certificate)) != 1 ||
        ASN1_OCTET_STRING_set(info->signature, signature, (int)signature_len) != 1)
        return FORMATS_MEMORY;
    enum formats_error error = der_algorithm_set(info->digest, OID_SM3);
    if (error == FORMATS_OK)
        error = der_algorithm_set(info->algorithm, OID_SM2_SIGN);
    if (error == FORMATS_OK)
        error = der_read(ATTRIBUTES_ITEM, to_be_signed->data, to_be_signed->len, 4096,
                         &info->attributes);
    return error;
}

/* Fills the inner ContentInfo; `content` NULL leaves it out. */
static bool content_fill(GM_CONTENT_INFO *info, const void *content, size_t content_len) {
    ASN1_OBJECT_free(info->type);
    info->type = der_oid(OID_GM_DATA);
    if (info->type == NULL)
        return false;
    if (content == NULL)
        return true;
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    info->content = ASN1_TYPE_new();
    if (octets == NULL || info->content == NULL ||
        ASN1_OCTET_STRING_set(octets, content, (int)content_len) != 1) {
        ASN1_OCTET_STRING_free(octets);
        return false;
    }
    ASN1_TYPE_set(info->content, V_ASN1_OCTET_STRING, octets);
    return true;
}

/* Wraps SignedData into the outer ContentInfo. */
static enum formats_error wrap(const GM_SIGNED_DATA *data, struct octets *out) {
    struct octets inner = {NULL, 0};
    GM_CONTENT_INFO *outer = (GM_CONTENT_INFO *)ASN1_item_new(CONTENT_INFO_ITEM);
    enum formats_error error = der_write(SIGNED_DATA_ITEM, data, &inner);
    if (outer == NULL)
        error = FORMATS_MEMORY;
    if (error == FORMATS_OK) {
        ASN1_OBJECT_free(outer->type);
        outer->type = der_oid(OID_GM_SIGNED_DATA);
        outer->content = der_any_sequence(inner.data, inner.len);
        error = outer->type != NULL && outer->content != NULL
                    ? der_write(CONTENT_INFO_ITEM, outer, out)
                    : FORMATS_MEMORY;
    }
    octets_free(&inner);
    ASN1_item_free((ASN1_VALUE *)outer, CONTENT_INFO_ITEM);
    return error;
}

/* Reads back what was made and verifies it. */
static enum formats_error verify_made(OSSL_LIB_CTX *libctx, const struct octets *made,
                                      const void *content, size_t content_len) {
    struct gm_cms *cms = NULL;
    enum formats_error error = gm_cms_parse(libctx, made->data, made->len, &cms);
    if (error == FORMATS_OK)
        error = gm_cms_verify(cms, content, content_len, NULL);
    gm_cms_free(cms);
    return error;
}

enum formats_error gm_cms_assemble(OSSL_LIB_CTX *libctx, const unsigned char *certificate,
                                   size_t certificate_len, const void *content, size_t content_len,
                                   bool detached, const struct octets *to_be_signed,
                                   const unsigned char *signature, size_t signature_len,
                                   struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (content_len > GM_CMS_CONTENT_MAX || signature_len > SM2_DER_SIGNATURE_MAX)
        return FORMATS_TOO_LARGE;
    enum formats_error error = FORMATS_MEMORY;
    X509 *signer = der_x509(libctx, certificate, certificate_len);
    ASN1_TYPE *embedded = der_any_sequence(certificate, certificate_len);
    X509_ALGOR *digest = X509_ALGOR_new();
    GM_SIGNER_INFO *info = (GM_SIGNER_INFO *)ASN1_item_new(ASN1_ITEM_rptr(GM_SIGNER_INFO));
    GM_SIGNED_DATA *data = (GM_SIGNED_DATA *)ASN1_item_new(SIGNED_DATA_ITEM);
    if (signer == NULL || embedded == NULL) {
        error = FORMATS_MALFORMED;
        goto out;
    }
    if (digest == NULL || info == NULL || data == NULL ||
        (data->certificates = sk_ASN1_TYPE_new_null()) == NULL)
        goto out;
    error = signer_fill(info, signer, to_be_signed, signature, signature_len);
    if (error == FORMATS_OK)
        error = der_algorithm_set(digest, OID_SM3);
    if (error != FORMATS_OK)
        goto out;
    error = FORMATS_MEMORY;
    if (ASN1_INTEGER_set(data->version, 1) != 1 ||
        !content_fill(data->content, detached ? NULL : content, content_len))
        goto out;
    if (sk_X509_ALGOR_push(data->digests, digest) <= 0)
        goto out;
    digest = NULL;
    if (sk_ASN1_TYPE_push(data->certificates, embedded) <= 0)
        goto out;
    embedded = NULL;
    if (sk_GM_SIGNER_INFO_push(data->signers, info) <= 0)
        goto out;
    info = NULL;
    error = wrap(data, out);
    if (error == FORMATS_OK)
        error = verify_made(libctx, out, content, content_len);
out:
    if (error != FORMATS_OK)
        octets_free(out);
    X509_free(signer);
    ASN1_TYPE_free(embedded);
    X509_ALGOR_free(digest);
    ASN1_item_free((ASN1_VALUE *)info, ASN1_ITEM_rptr(GM_SIGNER_INFO));
    ASN1_item_free((ASN1_VALUE *)data, SIGNED_DATA_ITEM);
    return error;
}

/* --- reading --- */

/* The single value of an attribute that must be there once. NULL otherwise. */
static const ASN1_TYPE *attribute_find(const STACK_OF(X509_ATTRIBUTE) *attributes,
                                       const char *oid) {
    const ASN1_TYPE *found = NULL;
    for (int i = 0; i < sk_X509_ATTRIBUTE_num(attributes); i++) {
        X509_ATTRIBUTE *attribute = sk_X509_ATTRIBUTE_value(attributes, i);
        if (!der_oid_is(X509_ATTRIBUTE_get0_object(attribute), oid))
            continue;
        if (found != NULL || X509_ATTRIBUTE_count(attribute) != 1)
            return NULL;
        found = X509_ATTRIBUTE_get0_type(attribute, 0);
    }
    return found;
}

/* Reads the embedded certificates and takes the signer's. */
static enum formats_error signer_find(struct gm_cms *cms) {
    const STACK_OF(ASN1_TYPE) *certificates = cms->asn1->certificates;
    if (sk_ASN1_TYPE_num(certificates) > GM_CMS_CERTIFICATES_MAX)
        return FORMATS_TOO_LARGE;
    for (int i = 0; i < sk_ASN1_TYPE_num(certificates); i++) {
        struct octets der;
        if (!der_any_is_sequence(sk_ASN1_TYPE_value(certificates, i), &der))
            return FORMATS_MALFORMED;
        X509 *x509 = der_x509(cms->libctx, der.data, der.len);
        if (x509 == NULL)
            return FORMATS_MALFORMED;
        bool is_signer =
            cms->signer == NULL &&
            X509_NAME_cmp(X509_get_issuer_name(x509), cms->signer_info->signer->issuer) == 0 &&
            ASN1_INTEGER_cmp(X509_get0_serialNumber(x509), cms->signer_info->signer->serial) == 0;
        if (is_signer)
            cms->signer = x509;
        else
            X509_free(x509);
    }
    return FORMATS_OK;
}

/* Versions, algorithms and the shape of the content. */
static enum formats_error shape_check(const struct gm_cms *cms) {
    const GM_SIGNED_DATA *data = cms->asn1;
    const GM_SIGNER_INFO *info = cms->signer_info;
    if (ASN1_INTEGER_get(data->version) != 1 || ASN1_INTEGER_get(info->version) != 1 ||
        !der_oid_is(data->content->type, OID_GM_DATA))
        return FORMATS_UNSUPPORTED;
    if (data->content->content != NULL && data->content->content->type != V_ASN1_OCTET_STRING)
        return FORMATS_MALFORMED;
    if (!der_algorithm_is(info->digest, OID_SM3) ||
        !(der_algorithm_is(info->algorithm, OID_SM2_SIGN) ||
          der_algorithm_is(info->algorithm, OID_SM3_WITH_SM2)))
        return FORMATS_UNSUPPORTED;
    if (info->attributes == NULL)
        return FORMATS_UNSUPPORTED; /* a signature over the bare content */
    const ASN1_TYPE *type = attribute_find(info->attributes, OID_CONTENT_TYPE);
    const ASN1_TYPE *digest = attribute_find(info->attributes, OID_MESSAGE_DIGEST);
    if (type == NULL || type->type != V_ASN1_OBJECT ||
        !der_oid_is(type->value.object, OID_GM_DATA) || digest == NULL ||
        digest->type != V_ASN1_OCTET_STRING || digest->value.octet_string->length != SM3_SIZE)
        return FORMATS_MALFORMED;
    return FORMATS_OK;
}

static enum formats_error signing_time_read(struct gm_cms *cms) {
    bool present = false;
    const STACK_OF(X509_ATTRIBUTE) *attributes = cms->signer_info->attributes;
    for (int i = 0; i < sk_X509_ATTRIBUTE_num(attributes); i++)
        present |= der_oid_is(X509_ATTRIBUTE_get0_object(sk_X509_ATTRIBUTE_value(attributes, i)),
                              OID_SIGNING_TIME);
    if (!present)
        return FORMATS_OK;
    const ASN1_TYPE *time = attribute_find(attributes, OID_SIGNING_TIME);
    if (time == NULL || (time->type != V_ASN1_UTCTIME && time->type != V_ASN1_GENERALIZEDTIME) ||
        !der_time(time->value.asn1_string, &cms->time))
        return FORMATS_MALFORMED;
    cms->has_time = true;
    return FORMATS_OK;
}

enum formats_error gm_cms_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                struct gm_cms **out) {
    *out = NULL;
    GM_CONTENT_INFO *outer = NULL;
    struct octets inner;
    struct gm_cms *cms = calloc(1, sizeof *cms);
    if (cms == NULL)
        return FORMATS_MEMORY;
    cms->libctx = libctx;
    enum formats_error error = der_read(CONTENT_INFO_ITEM, der, len, GM_CMS_MAX, &outer);
    if (error != FORMATS_OK)
        goto out;
    error = FORMATS_UNSUPPORTED;
    if (!der_oid_is(outer->type, OID_GM_SIGNED_DATA))
        goto out;
    error = FORMATS_MALFORMED;
    if (!der_any_is_sequence(outer->content, &inner))
        goto out;
    error = der_read(SIGNED_DATA_ITEM, inner.data, inner.len, GM_CMS_MAX, &cms->asn1);
    if (error != FORMATS_OK)
        goto out;
    if (sk_GM_SIGNER_INFO_num(cms->asn1->signers) != 1) {
        error = FORMATS_UNSUPPORTED;
        goto out;
    }
    cms->signer_info = sk_GM_SIGNER_INFO_value(cms->asn1->signers, 0);
    error = shape_check(cms);
    if (error == FORMATS_OK)
        error = signing_time_read(cms);
    if (error == FORMATS_OK)
        error = signer_find(cms);
    if (error == FORMATS_OK)
        error = der_write(ATTRIBUTES_ITEM, cms->signer_info->attributes, &cms->signed_bytes);
out:
    ASN1_item_free((ASN1_VALUE *)outer, CONTENT_INFO_ITEM);
    if (error == FORMATS_OK)
        *out = cms;
    else
        gm_cms_free(cms);
    return error;
}

void gm_cms_free(struct gm_cms *cms) {
    if (cms == NULL)
        return;
    ASN1_item_free((ASN1_VALUE *)cms->asn1, SIGNED_DATA_ITEM);
    X509_free(cms->signer);
    octets_free(&cms->signed_bytes);
    free(cms);
}

enum formats_error gm_cms_verify(const struct gm_cms *cms, const void *detached,
                                 size_t detached_len, X509 *expected) {
    size_t len = 0;
    const unsigned char *content = gm_cms_content(cms, &len);
    if (content == NULL && detached == NULL)
        return FORMATS_ARGUMENT;
    if (content == NULL) {
        content = detached;
        len = detached_len;
    } else if (detached != NULL && (detached_len != len || memcmp(detached, content, len) != 0)) {
        return FORMATS_MISMATCH;
    }
    X509 *signer = expected != NULL ? expected : cms->signer;
    if (signer == NULL)
        return FORMATS_ARGUMENT;
    const PKCS7_ISSUER_AND_SERIAL *named = cms->signer_info->signer;
    if (X509_NAME_cmp(X509_get_issuer_name(signer), named->issuer) != 0 ||
        ASN1_INTEGER_cmp(X509_get0_serialNumber(signer), named->serial) != 0)
        return FORMATS_MISMATCH;
    unsigned char digest[SM3_SIZE];
    enum formats_error error = sm3_digest(cms->libctx, content, len, digest);
    if (error != FORMATS_OK)
        return error;
    const ASN1_TYPE *stated = attribute_find(cms->signer_info->attributes, OID_MESSAGE_DIGEST);
    if (memcmp(stated->value.octet_string->data, digest, SM3_SIZE) != 0)
        return FORMATS_MISMATCH;
    size_t signature_len = 0;
    const unsigned char *signature = gm_cms_signature(cms, &signature_len);
    EVP_PKEY *key = X509_get0_pubkey(signer);
    if (!sm2_key_is_sm2(key))
        return FORMATS_KEY;
    return sm2_verify(cms->libctx, key, cms->signed_bytes.data, cms->signed_bytes.len, signature,
                      signature_len);
}

const unsigned char *gm_cms_content(const struct gm_cms *cms, size_t *len) {
    *len = 0;
    const ASN1_TYPE *content = cms->asn1->content->content;
    if (content == NULL)
        return NULL;
    *len = (size_t)content->value.octet_string->length;
    return *len > 0 ? content->value.octet_string->data : (const unsigned char *)"";
}

X509 *gm_cms_signer(const struct gm_cms *cms) {
    return cms->signer;
}

const struct octets *gm_cms_signed_bytes(const struct gm_cms *cms) {
    return &cms->signed_bytes;
}

const unsigned char *gm_cms_signature(const struct gm_cms *cms, size_t *len) {
    *len = (size_t)ASN1_STRING_length(cms->signer_info->signature);
    return ASN1_STRING_get0_data(cms->signer_info->signature);
}

bool gm_cms_signing_time(const struct gm_cms *cms, int64_t *time) {
    *time = cms->time;
    return cms->has_time;
}
