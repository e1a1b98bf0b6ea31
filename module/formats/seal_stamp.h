/* Stamps made with electronic seals: SES_Signature version 4 (GB/T 38540-2020), made in two steps so that the signature can come from a
 * token; versions 1 (GM/T 0031-2014), 4 and 5 (GM/T 0031-2025) read and checked. */
#ifndef OPENUKEY_FORMATS_SEAL_STAMP_H
#define OPENUKEY_FORMATS_SEAL_STAMP_H

#include "module/formats/seal.h"
#include "module/formats/sm2.h"

enum stamp_size {
    STAMP_MAX = SEAL_MAX + 16384,
    STAMP_PROPERTY_MAX = 1024 /* bytes of propertyInfo */
};

/* What a stamp says. Borrowed. */
struct stamp_description {
    const struct octets *seal;         /* DER SESeal */
    int64_t time;                      /* Unix seconds */
    unsigned char data_hash[SM3_SIZE]; /* SM3 of the protected bytes */
    const char *property_info;         /* IA5; OFD: the path of Signature.xml */
};

/* Step 1. *to_be_signed = DER TBS_Sign (version 4), which the signer's key signs (SM2, SM3, default identity). */
enum formats_error stamp_build(const struct stamp_description *description,
                               struct octets *to_be_signed);

/* Step 2. Packs it with the signer's certificate and DER SM2Signature; verifies the signature first. *out = DER SES_Signature. */
enum formats_error stamp_assemble(OSSL_LIB_CTX *libctx, const struct octets *to_be_signed,
                                  const struct octets *certificate, const struct octets *signature,
                                  struct octets *out);

/* A parsed stamp. Pointers belong to it. */
struct stamp {
    int version; /* 1, 4 or 5 */
    struct seal *seal;
    bool has_time; /* version 1 may hold a time stamp token instead: not read */
    int64_t time;
    struct octets data_hash; /* a view, as those that follow */
    char *property_info;
    struct octets certificate;
    struct octets signed_bytes; /* DER TBS_Sign as it came */
    struct octets signature;    /* DER SM2Signature */
    bool has_time_stamp;        /* of versions 4 and 5: not verified here */
    struct stamp_private *private_part;
};

/* Reads DER SES_Signature with its seal. *out is the caller's (stamp_free). */
enum formats_error stamp_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                               struct stamp **out);
void stamp_free(struct stamp *stamp);

/* What is wrong with a stamp or a seal: the first of the standard's checks that fails. */
enum stamp_fault {
    STAMP_FAULT_NONE,
    STAMP_FAULT_SIGNATURE,      /* of the stamp */
    STAMP_FAULT_KEY_USAGE,      /* the signer's certificate may not sign */
    STAMP_FAULT_SIGNER,         /* its chain */
    STAMP_FAULT_TIME,           /* not known, or outside the certificate's validity */
    STAMP_FAULT_HASH,           /* the document is another */
    STAMP_FAULT_NOT_LISTED,     /* the seal does not name the certificate */
    STAMP_FAULT_SEAL_SIGNATURE, /* of the seal's maker */
    STAMP_FAULT_SEAL_MAKER,     /* its chain */
    STAMP_FAULT_SEAL_DATES,     /* not valid at the time of the stamp */
    STAMP_FAULT_TIME_STAMP,     /* there is one, and nobody here can verify it */
    STAMP_FAULT_SIGNER_REVOKED, /* before the stamp's time; this one and the next are not stamp_check()'s to find */
    STAMP_FAULT_MAKER_REVOKED,
    STAMP_FAULT_COUNT
};

/* Short English text, and a word for programs ("document-hash"); never NULL. */
const char *stamp_fault_text(enum stamp_fault fault);
const char *stamp_fault_code(enum stamp_fault fault);

/* All checks of GM/T 0031-2014 6.2.3, but revocation, at the time that the stamp states. `data_hash` NULL: the document is not
 * compared. Memory or library failures count as a fault. */
enum stamp_fault stamp_check(const struct stamp *stamp, const struct octets *data_hash, X509 *root,
                             STACK_OF(X509) *intermediates);

#endif
