/* The ASN.1 template of SM2Cipher, shared by the ciphertext and the envelope. Not for others. */
#ifndef OPENUKEY_FORMATS_SM2_CIPHER_ASN1_H
#define OPENUKEY_FORMATS_SM2_CIPHER_ASN1_H

#include "module/formats/sm2.h"

#include <openssl/asn1t.h>

typedef struct sm2_cipher_asn1 {
    ASN1_OCTET_STRING *x; /* INTEGER content bytes, verbatim */
    ASN1_OCTET_STRING *y;
    ASN1_OCTET_STRING *hash;
    ASN1_OCTET_STRING *cipher_text;
} SM2_CIPHER;

DECLARE_ASN1_ITEM(SM2_CIPHER)

/* To and from the parts; `out->cipher` points into `in`. */
enum formats_error sm2_cipher_from_asn1(const SM2_CIPHER *in, struct sm2_cipher *out);
enum formats_error sm2_cipher_to_asn1(const struct sm2_cipher *in, SM2_CIPHER *out);

#endif
