/* The ASN.1 of electronic seals: version 4 (GB/T 38540-2020) and version 1 (GM/T 0031-2014). Not
 * for others. */
#ifndef OPENUKEY_FORMATS_SEAL_ASN1_H
#define OPENUKEY_FORMATS_SEAL_ASN1_H

#include <openssl/asn1t.h>
#include <openssl/evp.h>

/* SES_Header */
typedef struct ses_header_asn1 {
    ASN1_IA5STRING *id;
    ASN1_INTEGER *version;
    ASN1_IA5STRING *vendor;
} SES_HEADER;

/* SES_ESPropertyInfo, version 4: certList is a SEQUENCE OF certificates or of digests, as
 * certListType says */
typedef struct ses_property_asn1 {
    ASN1_INTEGER *type;
    ASN1_UTF8STRING *name;
    ASN1_INTEGER *list_type;
    ASN1_TYPE *list;
    ASN1_GENERALIZEDTIME *created;
    ASN1_GENERALIZEDTIME *valid_start;
    ASN1_GENERALIZEDTIME *valid_end;
} SES_PROPERTY;

/* SES_ESPropertyInfo, version 1 */
typedef struct ses_property_v1_asn1 {
    ASN1_INTEGER *type;
    ASN1_UTF8STRING *name;
    ASN1_TYPE *list;
    ASN1_UTCTIME *created;
    ASN1_UTCTIME *valid_start;
    ASN1_UTCTIME *valid_end;
} SES_PROPERTY_V1;

/* SES_ESPictrueInfo (the standards' spelling) */
typedef struct ses_picture_asn1 {
    ASN1_IA5STRING *type;
    ASN1_OCTET_STRING *data;
    ASN1_INTEGER *width;
    ASN1_INTEGER *height;
} SES_PICTURE;

/* SES_SealInfo of either version; extDatas is seen untagged and under [0] */
typedef struct ses_seal_info_asn1 {
    SES_HEADER *header;
    ASN1_IA5STRING *es_id;
    ASN1_TYPE *property;
    SES_PICTURE *picture;
    STACK_OF(ASN1_TYPE) *extensions;
    STACK_OF(ASN1_TYPE) *tagged_extensions;
} SES_SEAL_INFO;

/* SESeal, versions 4 and 5; the info as it came */
typedef struct ses_seal_asn1 {
    ASN1_TYPE *info;
    ASN1_OCTET_STRING *certificate;
    ASN1_OBJECT *algorithm;
    ASN1_BIT_STRING *signature;
    ASN1_BIT_STRING *time_stamp; /* version 5 */
} SES_SEAL;

/* SES_SignInfo and SESeal, version 1 */
typedef struct ses_sign_info_asn1 {
    ASN1_OCTET_STRING *certificate;
    ASN1_OBJECT *algorithm;
    ASN1_BIT_STRING *signature;
} SES_SIGN_INFO;

typedef struct ses_seal_v1_asn1 {
    ASN1_TYPE *info;
    SES_SIGN_INFO *sign_info;
} SES_SEAL_V1;

/* What a version 1 maker signs: SEQUENCE { info, certificate, algorithm } */
typedef struct ses_three_parts_asn1 {
    ASN1_TYPE *info;
    ASN1_OCTET_STRING *certificate;
    ASN1_OBJECT *algorithm;
} SES_THREE_PARTS;

/* CertDigestObj */
typedef struct ses_digest_asn1 {
    ASN1_PRINTABLESTRING *type;
    ASN1_OCTET_STRING *value;
} SES_DIGEST;

DEFINE_STACK_OF(SES_DIGEST)
DEFINE_STACK_OF(ASN1_OCTET_STRING)

DECLARE_ASN1_ITEM(SES_PROPERTY)
DECLARE_ASN1_ITEM(SES_PROPERTY_V1)
DECLARE_ASN1_ITEM(SES_SEAL_INFO)
DECLARE_ASN1_ITEM(SES_SEAL)
DECLARE_ASN1_ITEM(SES_SEAL_V1)
DECLARE_ASN1_ITEM(SES_THREE_PARTS)
DECLARE_ASN1_ITEM(SES_CERTIFICATE_LIST) /* SEQUENCE OF OCTET STRING */
DECLARE_ASN1_ITEM(SES_DIGEST_LIST)      /* SEQUENCE OF CertDigestObj */

/* How a maker with this key signs, dotted: SM3 with SM2 as the standards have it, else SHA-256 with RSA or ECDSA.
 * NULL: none of them. */
const char *seal_algorithm_of(const EVP_PKEY *key);

#endif
