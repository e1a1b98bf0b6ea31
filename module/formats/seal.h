/* Electronic seals: SESeal version 4 (GB/T 38540-2020): made in two steps, read and checked.
 * Versions 1 (GM/T 0031-2014) and 5 (GM/T 0031-2025) are read and checked too. The picture is data here; nobody decodes it.
 */
#ifndef OPENUKEY_FORMATS_SEAL_H
#define OPENUKEY_FORMATS_SEAL_H

#include "module/formats/octets.h"

#include <openssl/x509.h>

enum seal_size {
    SEAL_MAX = 65536, /* longest SESeal: one GM file */
    SEAL_CERTIFICATES_MAX = 16,
    SEAL_NAME_MAX = 256, /* bytes of UTF-8 */
    SEAL_ID_TEXT_MAX =
        64, /* esID that parse takes; seals we make keep within SEAL_ID_MAX of formats.h */
    SEAL_MILLIMETRES_MAX = 200
};

/* SES_ESPropertyInfo.type. */
enum seal_type { SEAL_ORGANIZATION = 1, SEAL_PERSONAL = 2 };

/* What a seal says; input of seal_info_build. Strings are UTF-8; times Unix seconds. Borrowed
 * pointers. */
struct seal_description {
    const char *id;     /* esID, IA5, 1..SEAL_ID_MAX */
    const char *vendor; /* header Vid, IA5 */
    int type;           /* enum seal_type */
    const char *name;
    int64_t created, valid_start, valid_end;
    const char *picture_type; /* "PNG" */
    const unsigned char *picture;
    size_t picture_len;
    int width_mm, height_mm;
    const struct octets *certificates; /* DER, the signer certificates that may stamp with it */
    size_t certificate_count;
};

/* Step 1. *info = DER SES_SealInfo (version 4): exactly the bytes that the maker signs (SM2, SM3,
 * default identity). */
enum formats_error seal_info_build(const struct seal_description *description, struct octets *info);

/* Step 2. Packs info, the maker's certificate and its DER SM2Signature into a DER SESeal; verifies
 * the signature first. */
enum formats_error seal_assemble(OSSL_LIB_CTX *libctx, const struct octets *info,
                                 const unsigned char *maker, size_t maker_len,
                                 const unsigned char *signature, size_t signature_len,
                                 struct octets *out);

/* A parsed seal. Pointers belong to it. */
struct seal {
    int version; /* 1, 4 or 5 */
    int header_version;
    const char *id;
    const char *vendor;
    int type; /* as written: producers differ (samples hold 3) */
    const char *name;
    int64_t created, valid_start, valid_end;
    const char *picture_type;
    const unsigned char *picture;
    size_t picture_len;
    int width_mm, height_mm;
    bool lists_digests; /* certList holds digests, not certificates */
    size_t certificate_count;
    struct octets certificates[SEAL_CERTIFICATES_MAX]; /* DER, or SM3 digests; views, not owned */
    struct octets maker;                               /* DER, view */
    struct octets signed_info;                         /* DER SES_SealInfo as it came, view */
    struct octets signature; /* DER SM2Signature, or as the maker key has it; view */
    bool has_time_stamp;     /* version 5: over the signature; not verified here */
    struct seal_private *private_part;
};

/* Reads DER SESeal. FORMATS_UNSUPPORTED for other versions. *out is the caller's (seal_free). */
enum formats_error seal_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                              struct seal **out);
void seal_free(struct seal *seal);

/* Which bytes the maker's signature was found to cover. */
enum seal_signed { SEAL_SIGNED_NOTHING = 0, SEAL_SIGNED_INFO, SEAL_SIGNED_THREE_PARTS };

/* Verifies the maker's signature with the maker's certificate inside: over SES_SealInfo, else over
 * SEQUENCE{info, cert, algorithm}. *how (may be NULL) says which. FORMATS_SIGNATURE when neither.
 * Says nothing of trust or dates. */
enum formats_error seal_verify_signature(const struct seal *seal, enum seal_signed *how);

/* FORMATS_OK, FORMATS_NOT_YET_VALID or FORMATS_EXPIRED at `now`. */
enum formats_error seal_verify_dates(const struct seal *seal, int64_t now);

/* The whole seal check (GM/T 0031-2014 6.1.2): signature, maker's chain to `root` through
 * `intermediates` (valid at `now`, may sign), dates. FORMATS_OK or the first that fails:
 * FORMATS_SIGNATURE, FORMATS_UNTRUSTED, FORMATS_NOT_YET_VALID, FORMATS_EXPIRED; FORMATS_UNSUPPORTED: all is well, but for a
 * time stamp that nobody here can verify. */
enum formats_error seal_check(const struct seal *seal, X509 *root, STACK_OF(X509) *intermediates,
                              int64_t now);

/* True when certList holds this certificate, byte for byte (or its SM3 digest). */
bool seal_lists_certificate(const struct seal *seal, const unsigned char *der, size_t len);

#endif
