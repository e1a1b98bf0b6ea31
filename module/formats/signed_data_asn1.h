/* The ASN.1 that SignedData of RFC 5652 and of GM/T 0010 share. Not for others. */
#ifndef OPENUKEY_FORMATS_SIGNED_DATA_ASN1_H
#define OPENUKEY_FORMATS_SIGNED_DATA_ASN1_H

#include <openssl/asn1t.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

/* ContentInfo, outer and inner (EncapsulatedContentInfo). */
typedef struct content_info_asn1 {
    ASN1_OBJECT *type;
    ASN1_TYPE *content;
} CONTENT_INFO;

typedef struct signer_info_asn1 {
    ASN1_INTEGER *version;
    PKCS7_ISSUER_AND_SERIAL *signer;
    X509_ALGOR *digest;
    STACK_OF(X509_ATTRIBUTE) *attributes;
    X509_ALGOR *algorithm;
    ASN1_OCTET_STRING *signature;
    STACK_OF(X509_ATTRIBUTE) *unsigned_attributes;
} SIGNER_INFO;

DEFINE_STACK_OF(SIGNER_INFO)

/* Certificates are kept as they came: ANY, in the order of the message. */
typedef struct signed_data_asn1 {
    ASN1_INTEGER *version;
    STACK_OF(X509_ALGOR) *digests;
    CONTENT_INFO *content;
    STACK_OF(ASN1_TYPE) *certificates;
    STACK_OF(ASN1_TYPE) *crls;
    STACK_OF(SIGNER_INFO) *signers;
} SIGNED_DATA;

/* ESSCertIDv2 and SigningCertificateV2 (RFC 5035) */
typedef struct certificate_hash_asn1 {
    X509_ALGOR *digest; /* absent: SHA-256 */
    ASN1_OCTET_STRING *hash;
    ASN1_STRING *issuer_serial;
} CERTIFICATE_HASH;

DEFINE_STACK_OF(CERTIFICATE_HASH)

typedef struct signing_certificate_asn1 {
    STACK_OF(CERTIFICATE_HASH) *certificates;
    ASN1_STRING *policies;
} SIGNING_CERTIFICATE;

/* CMSAlgorithmProtection (RFC 6211) */
typedef struct algorithm_protection_asn1 {
    X509_ALGOR *digest;
    X509_ALGOR *signature;
    X509_ALGOR *mac;
} ALGORITHM_PROTECTION;

DECLARE_ASN1_ITEM(CONTENT_INFO)
DECLARE_ASN1_ITEM(SIGNER_INFO)
DECLARE_ASN1_ITEM(SIGNED_DATA)
DECLARE_ASN1_ITEM(SIGNED_ATTRIBUTES) /* as they are signed: a SET OF under its own tag */
DECLARE_ASN1_ITEM(CERTIFICATE_HASH)
DECLARE_ASN1_ITEM(SIGNING_CERTIFICATE)
DECLARE_ASN1_ITEM(ALGORITHM_PROTECTION)

#endif
