/* Making, reading and checking stamps. */
#include "module/formats/seal_stamp.h"

#include "module/formats/certificate.h"
#include "module/formats/der.h"
#include "openukey/formats.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { STAMP_VERSION = 4 };

/* TBS_Sign, versions 4 and 5 */
typedef struct stamp_tbs_asn1 {
    ASN1_INTEGER *version;
    ASN1_TYPE *seal;
    ASN1_GENERALIZEDTIME *time;
    ASN1_BIT_STRING *data_hash;
    ASN1_IA5STRING *property_info;
    STACK_OF(ASN1_TYPE) *extensions;
} STAMP_TBS;

/* clang-format off */
ASN1_SEQUENCE(STAMP_TBS) = {
    ASN1_SIMPLE(STAMP_TBS, version, ASN1_INTEGER),
    ASN1_SIMPLE(STAMP_TBS, seal, ASN1_ANY),
    ASN1_SIMPLE(STAMP_TBS, time, ASN1_GENERALIZEDTIME),
    ASN1_SIMPLE(STAMP_TBS, data_hash, ASN1_BIT_STRING),
    ASN1_SIMPLE(STAMP_TBS, property_info, ASN1_IA5STRING),
    ASN1_EXP_SEQUENCE_OF_OPT(STAMP_TBS, extensions, ASN1_ANY, 0),
} static_ASN1_SEQUENCE_END(STAMP_TBS);
/* clang-format on */

/* SES_Signature, versions 4 and 5 */
typedef struct stamp_asn1 {
    ASN1_TYPE *to_sign;
    ASN1_OCTET_STRING *certificate;
    ASN1_OBJECT *algorithm;
    ASN1_BIT_STRING *signature;
    ASN1_BIT_STRING *time_stamp;
} STAMP;

/* clang-format off */
ASN1_SEQUENCE(STAMP) = {
    ASN1_SIMPLE(STAMP, to_sign, ASN1_ANY),
    ASN1_SIMPLE(STAMP, certificate, ASN1_OCTET_STRING),
    ASN1_SIMPLE(STAMP, algorithm, ASN1_OBJECT),
    ASN1_SIMPLE(STAMP, signature, ASN1_BIT_STRING),
    ASN1_EXP_OPT(STAMP, time_stamp, ASN1_BIT_STRING, 0),
} static_ASN1_SEQUENCE_END(STAMP);
/* clang-format on */

/* TBS_Sign and SES_Signature, version 1 */
typedef struct stamp_tbs_v1_asn1 {
    ASN1_INTEGER *version;
    ASN1_TYPE *seal;
    ASN1_BIT_STRING *time;
    ASN1_BIT_STRING *data_hash;
    ASN1_IA5STRING *property_info;
    ASN1_OCTET_STRING *certificate;
    ASN1_OBJECT *algorithm;
} STAMP_TBS_V1;

/* clang-format off */
ASN1_SEQUENCE(STAMP_TBS_V1) = {
    ASN1_SIMPLE(STAMP_TBS_V1, version, ASN1_INTEGER),
    ASN1_SIMPLE(STAMP_TBS_V1, seal, ASN1_ANY),
    ASN1_SIMPLE(STAMP_TBS_V1, time, ASN1_BIT_STRING),
    ASN1_SIMPLE(STAMP_TBS_V1, data_hash, ASN1_BIT_STRING),
    ASN1_SIMPLE(STAMP_TBS_V1, property_info, ASN1_IA5STRING),
    ASN1_SIMPLE(STAMP_TBS_V1, certificate, ASN1_OCTET_STRING),
    ASN1_SIMPLE(STAMP_TBS_V1, algorithm, ASN1_OBJECT),
} static_ASN1_SEQUENCE_END(STAMP_TBS_V1);
/* clang-format on */

typedef struct stamp_v1_asn1 {
    ASN1_TYPE *to_sign;
    ASN1_BIT_STRING *signature;
} STAMP_V1;

/* clang-format off */
ASN1_SEQUENCE(STAMP_V1) = {
    ASN1_SIMPLE(STAMP_V1, to_sign, ASN1_ANY),
    ASN1_SIMPLE(STAMP_V1, signature, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(STAMP_V1);
/* clang-format on */

struct stamp_private {
    OSSL_LIB_CTX *libctx;
    STAMP *v4;
    STAMP_TBS *tbs;
    STAMP_V1 *v1;
    STAMP_TBS_V1 *tbs_v1;
};

static struct octets view(const ASN1_STRING *string) {
    return (struct octets){(unsigned char *)ASN1_STRING_get0_data(string),
                           (size_t)ASN1_STRING_length(string)};
}

/* ---- making ---- */

static bool is_ia5(const char *text) {
    size_t len = strnlen(text, STAMP_PROPERTY_MAX + 1);
    if (len > STAMP_PROPERTY_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7E)
            return false;
    return true;
}

enum formats_error stamp_build(const struct stamp_description *description,
                               struct octets *to_be_signed) {
    const ASN1_ITEM *item = ASN1_ITEM_rptr(STAMP_TBS);
    *to_be_signed = (struct octets){NULL, 0};
    if (!is_ia5(description->property_info) || description->seal->len > SEAL_MAX)
        return FORMATS_ARGUMENT;
    enum formats_error error = FORMATS_MEMORY;
    STAMP_TBS *tbs = (STAMP_TBS *)ASN1_item_new(item);
    if (tbs == NULL)
        return error;
    ASN1_TYPE_free(tbs->seal);
    tbs->seal = der_any_sequence(description->seal->data, description->seal->len);
    if (tbs->seal == NULL)
        error = FORMATS_MALFORMED;
    else if (ASN1_INTEGER_set(tbs->version, STAMP_VERSION) == 1 &&
             ASN1_GENERALIZEDTIME_set(tbs->time, (time_t)description->time) != NULL &&
             der_bits_set(tbs->data_hash, description->data_hash, SM3_SIZE) &&
             ASN1_STRING_set(tbs->property_info, description->property_info, -1) == 1)
        error = der_write(item, tbs, to_be_signed);
    ASN1_item_free((ASN1_VALUE *)tbs, item);
    return error;
}

static enum formats_error verify_signature(const struct stamp *stamp) {
    OSSL_LIB_CTX *libctx = stamp->private_part->libctx;
    X509 *signer = der_x509(libctx, stamp->certificate.data, stamp->certificate.len);
    EVP_PKEY *key = signer != NULL ? X509_get0_pubkey(signer) : NULL;
    enum formats_error error =
        key != NULL && sm2_key_is_sm2(key)
            ? sm2_verify(libctx, key, stamp->signed_bytes.data, stamp->signed_bytes.len,
                         stamp->signature.data, stamp->signature.len)
            : FORMATS_MALFORMED;
    X509_free(signer);
    return error;
}

enum formats_error stamp_assemble(OSSL_LIB_CTX *libctx, const struct octets *to_be_signed,
                                  const struct octets *certificate, const struct octets *signature,
                                  struct octets *out) {
    const ASN1_ITEM *item = ASN1_ITEM_rptr(STAMP);
    struct stamp *made = NULL;
    *out = (struct octets){NULL, 0};
    enum formats_error error = FORMATS_MEMORY;
    STAMP *stamp = (STAMP *)ASN1_item_new(item);
    if (stamp == NULL)
        return error;
    ASN1_TYPE_free(stamp->to_sign);
    ASN1_OBJECT_free(stamp->algorithm);
    stamp->to_sign = der_any_sequence(to_be_signed->data, to_be_signed->len);
    stamp->algorithm = der_oid(OID_SM3_WITH_SM2);
    if (stamp->to_sign != NULL && stamp->algorithm != NULL &&
        ASN1_OCTET_STRING_set(stamp->certificate, certificate->data, (int)certificate->len) == 1 &&
        der_bits_set(stamp->signature, signature->data, signature->len))
        error = der_write(item, stamp, out);
    ASN1_item_free((ASN1_VALUE *)stamp, item);
    if (error == FORMATS_OK)
        error = stamp_parse(libctx, out->data, out->len, &made);
    if (error == FORMATS_OK)
        error = verify_signature(made);
    stamp_free(made);
    if (error != FORMATS_OK)
        octets_free(out);
    return error;
}

/* ---- reading ---- */

static enum formats_error property_read(struct stamp *stamp, const ASN1_STRING *string) {
    struct octets text = view(string);
    if (text.len > STAMP_PROPERTY_MAX)
        return FORMATS_TOO_LARGE;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7E)
            return FORMATS_MALFORMED;
    stamp->property_info = strndup(text.len > 0 ? (const char *)text.data : "", text.len);
    return stamp->property_info != NULL ? FORMATS_OK : FORMATS_MEMORY;
}

/* The fields that all versions have. */
static enum formats_error
fields_read(struct stamp *stamp, const ASN1_TYPE *seal, const ASN1_BIT_STRING *data_hash,
            const ASN1_STRING *property_info, const ASN1_OCTET_STRING *certificate,
            const ASN1_OBJECT *algorithm, const ASN1_BIT_STRING *signature) {
    struct octets seal_der;
    if (!der_any_is_sequence(seal, &seal_der) || !der_bits_are_bytes(data_hash) ||
        !der_bits_are_bytes(signature))
        return FORMATS_MALFORMED;
    if (!der_oid_is(algorithm, OID_SM3_WITH_SM2))
        return FORMATS_UNSUPPORTED;
    stamp->data_hash = view(data_hash);
    stamp->certificate = view(certificate);
    stamp->signature = view(signature);
    enum formats_error error = property_read(stamp, property_info);
    return error == FORMATS_OK
               ? seal_parse(stamp->private_part->libctx, seal_der.data, seal_der.len, &stamp->seal)
               : error;
}

static enum formats_error v4_read(struct stamp *stamp, const unsigned char *der, size_t len) {
    struct stamp_private *p = stamp->private_part;
    enum formats_error error = der_read(ASN1_ITEM_rptr(STAMP), der, len, STAMP_MAX, &p->v4);
    if (error != FORMATS_OK)
        return error;
    if (!der_any_is_sequence(p->v4->to_sign, &stamp->signed_bytes))
        return FORMATS_MALFORMED;
    error = der_read(ASN1_ITEM_rptr(STAMP_TBS), stamp->signed_bytes.data, stamp->signed_bytes.len,
                     STAMP_MAX, &p->tbs);
    if (error != FORMATS_OK)
        return error;
    int64_t version = 0;
    if (ASN1_INTEGER_get_int64(&version, p->tbs->version) != 1 || (version != 4 && version != 5))
        return FORMATS_UNSUPPORTED;
    stamp->version = (int)version;
    stamp->has_time_stamp = p->v4->time_stamp != NULL;
    stamp->has_time = der_time(p->tbs->time, &stamp->time);
    return stamp->has_time
               ? fields_read(stamp, p->tbs->seal, p->tbs->data_hash, p->tbs->property_info,
                             p->v4->certificate, p->v4->algorithm, p->v4->signature)
               : FORMATS_MALFORMED;
}

/* Version 1 has its time as the DER of a UTCTime or GeneralizedTime, as its text alone, or as a time stamp token. */
static void v1_time_read(struct stamp *stamp, const struct octets *info) {
    ASN1_TIME *time = NULL;
    const unsigned char *at = info->data;
    if (info->len > 0 &&
        (info->data[0] == V_ASN1_UTCTIME || info->data[0] == V_ASN1_GENERALIZEDTIME)) {
        time = d2i_ASN1_TIME(NULL, &at, (long)info->len);
    } else if (info->len > 0 && info->len < 20 && info->data[0] >= '0' && info->data[0] <= '9') {
        char text[21] = "";
        memcpy(text, info->data, info->len);
        time = ASN1_TIME_new();
        if (time != NULL && ASN1_TIME_set_string(time, text) != 1) {
            ASN1_TIME_free(time);
            time = NULL;
        }
    }
    stamp->has_time = time != NULL && der_time(time, &stamp->time);
    ASN1_TIME_free(time);
}

static enum formats_error v1_read(struct stamp *stamp, const unsigned char *der, size_t len) {
    struct stamp_private *p = stamp->private_part;
    enum formats_error error = der_read(ASN1_ITEM_rptr(STAMP_V1), der, len, STAMP_MAX, &p->v1);
    if (error != FORMATS_OK)
        return error;
    if (!der_any_is_sequence(p->v1->to_sign, &stamp->signed_bytes))
        return FORMATS_MALFORMED;
    error = der_read(ASN1_ITEM_rptr(STAMP_TBS_V1), stamp->signed_bytes.data,
                     stamp->signed_bytes.len, STAMP_MAX, &p->tbs_v1);
    if (error != FORMATS_OK)
        return error;
    if (!der_bits_are_bytes(p->tbs_v1->time))
        return FORMATS_MALFORMED;
    struct octets time = view(p->tbs_v1->time);
    stamp->version = 1;
    v1_time_read(stamp, &time);
    return fields_read(stamp, p->tbs_v1->seal, p->tbs_v1->data_hash, p->tbs_v1->property_info,
                       p->tbs_v1->certificate, p->tbs_v1->algorithm, p->v1->signature);
}

enum formats_error stamp_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                               struct stamp **out) {
    STACK_OF(ASN1_TYPE) *fields = NULL;
    *out = NULL;
    struct stamp *stamp = calloc(1, sizeof *stamp);
    struct stamp_private *p = calloc(1, sizeof *p);
    if (stamp == NULL || p == NULL) {
        free(stamp);
        free(p);
        return FORMATS_MEMORY;
    }
    stamp->private_part = p;
    p->libctx = libctx;
    enum formats_error error =
        der_read(ASN1_ITEM_rptr(ASN1_SEQUENCE_ANY), der, len, STAMP_MAX, &fields);
    int count = sk_ASN1_TYPE_num(fields);
    ASN1_item_free((ASN1_VALUE *)fields, ASN1_ITEM_rptr(ASN1_SEQUENCE_ANY));
    if (error == FORMATS_OK)
        error = count == 2                 ? v1_read(stamp, der, len)
                : count == 4 || count == 5 ? v4_read(stamp, der, len)
                                           : FORMATS_MALFORMED;
    if (error == FORMATS_OK)
        *out = stamp;
    else
        stamp_free(stamp);
    return error;
}

void stamp_free(struct stamp *stamp) {
    if (stamp == NULL)
        return;
    struct stamp_private *p = stamp->private_part;
    seal_free(stamp->seal);
    free(stamp->property_info);
    ASN1_item_free((ASN1_VALUE *)p->v4, ASN1_ITEM_rptr(STAMP));
    ASN1_item_free((ASN1_VALUE *)p->tbs, ASN1_ITEM_rptr(STAMP_TBS));
    ASN1_item_free((ASN1_VALUE *)p->v1, ASN1_ITEM_rptr(STAMP_V1));
    ASN1_item_free((ASN1_VALUE *)p->tbs_v1, ASN1_ITEM_rptr(STAMP_TBS_V1));
    free(p);
    free(stamp);
}

/* ---- checking ---- */

static const struct {
    const char *code, *text;
} faults[STAMP_FAULT_COUNT] = {
    [STAMP_FAULT_NONE] = {"", ""},
    [STAMP_FAULT_SIGNATURE] = {"signature", "the stamp's signature does not verify"},
    [STAMP_FAULT_KEY_USAGE] = {"key-usage", "the signer's certificate is not for signing"},
    [STAMP_FAULT_SIGNER] = {"signer-untrusted",
                            "the signer's certificate is not issued under a trusted root"},
    [STAMP_FAULT_TIME] = {"time", "the stamp's time is outside the certificate's validity"},
    [STAMP_FAULT_HASH] = {"document-hash", "the document is not the stamped one"},
    [STAMP_FAULT_NOT_LISTED] = {"not-listed", "the seal does not name the signer's certificate"},
    [STAMP_FAULT_SEAL_SIGNATURE] = {"seal-signature", "the seal's signature does not verify"},
    [STAMP_FAULT_SEAL_MAKER] = {"seal-maker-untrusted",
                                "the seal's maker is not issued under a trusted root"},
    [STAMP_FAULT_SEAL_DATES] = {"seal-dates", "the seal was not valid at the time of the stamp"},
    [STAMP_FAULT_TIME_STAMP] = {"time-stamp", "its time stamp token cannot be verified here"},
    [STAMP_FAULT_SIGNER_REVOKED] = {"signer-revoked",
                                    "the signer's certificate was revoked before the stamp"},
    [STAMP_FAULT_MAKER_REVOKED] = {"seal-maker-revoked", "the seal maker's certificate is revoked"},
};

const char *stamp_fault_text(enum stamp_fault fault) {
    return faults[fault].text;
}

const char *stamp_fault_code(enum stamp_fault fault) {
    return faults[fault].code;
}

static enum stamp_fault signer_check(const struct stamp *stamp, X509 *root,
                                     STACK_OF(X509) *intermediates) {
    OSSL_LIB_CTX *libctx = stamp->private_part->libctx;
    enum stamp_fault fault = STAMP_FAULT_NONE;
    X509 *signer = der_x509(libctx, stamp->certificate.data, stamp->certificate.len);
    uint32_t usage = signer != NULL ? X509_get_key_usage(signer) : 0; /* none stated: all bits */
    enum formats_error error =
        signer != NULL ? certificate_verify_chain(libctx, signer, intermediates, root, stamp->time)
                       : FORMATS_UNTRUSTED;
    if ((usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0)
        fault = STAMP_FAULT_KEY_USAGE;
    else if (error == FORMATS_EXPIRED || error == FORMATS_NOT_YET_VALID)
        fault = STAMP_FAULT_TIME;
    else if (error != FORMATS_OK)
        fault = STAMP_FAULT_SIGNER;
    X509_free(signer);
    return fault;
}

enum stamp_fault stamp_check(const struct stamp *stamp, const struct octets *data_hash, X509 *root,
                             STACK_OF(X509) *intermediates) {
    if (verify_signature(stamp) != FORMATS_OK)
        return STAMP_FAULT_SIGNATURE;
    if (!stamp->has_time)
        return STAMP_FAULT_TIME;
    enum stamp_fault fault = signer_check(stamp, root, intermediates);
    if (fault != STAMP_FAULT_NONE)
        return fault;
    if (data_hash != NULL && !octets_equal(data_hash, &stamp->data_hash))
        return STAMP_FAULT_HASH;
    if (!seal_lists_certificate(stamp->seal, stamp->certificate.data, stamp->certificate.len))
        return STAMP_FAULT_NOT_LISTED;
    if (seal_verify_signature(stamp->seal, NULL) != FORMATS_OK)
        return STAMP_FAULT_SEAL_SIGNATURE;
    switch (seal_check(stamp->seal, root, intermediates, stamp->time)) {
    case FORMATS_OK:
        break;
    case FORMATS_EXPIRED:
    case FORMATS_NOT_YET_VALID:
        return STAMP_FAULT_SEAL_DATES;
    case FORMATS_SIGNATURE:
        return STAMP_FAULT_SEAL_SIGNATURE;
    default:
        return STAMP_FAULT_SEAL_MAKER;
    }
    return stamp->has_time_stamp ? STAMP_FAULT_TIME_STAMP : STAMP_FAULT_NONE;
}
