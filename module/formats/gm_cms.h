/* GM/T 0010-2012 SignedData (GB/T 35275): one SM2 signer, SM3, authenticated attributes
 * contentType, messageDigest, signingTime. Made in two steps, so that the signature can come from a
 * token: gm_cms_attributes gives the bytes to sign, gm_cms_assemble packs. */
#ifndef OPENUKEY_FORMATS_GM_CMS_H
#define OPENUKEY_FORMATS_GM_CMS_H

#include "module/formats/octets.h"

#include <openssl/x509.h>

enum gm_cms_size {
    GM_CMS_MAX = 256 * 1024,         /* longest SignedData that parse takes */
    GM_CMS_CONTENT_MAX = 128 * 1024, /* longest content, attached or detached */
    GM_CMS_CERTIFICATES_MAX = 8
};

/* Step 1. *to_be_signed = DER of the attributes as SET OF (tag 31), which the signer signs with SM3
 * and Z (CKM_SM2_SM3). */
enum formats_error gm_cms_attributes(OSSL_LIB_CTX *libctx, const void *content, size_t content_len,
                                     int64_t signing_time, struct octets *to_be_signed);

/* Step 2. `signature` is DER SM2Signature over step 1's bytes; `detached` leaves the content out of
 * the message. Verifies what it made with the certificate before it gives it out: FORMATS_SIGNATURE
 * when the signature is not this certificate's. *out = DER ContentInfo. */
enum formats_error gm_cms_assemble(OSSL_LIB_CTX *libctx, const unsigned char *certificate,
                                   size_t certificate_len, const void *content, size_t content_len,
                                   bool detached, const struct octets *to_be_signed,
                                   const unsigned char *signature, size_t signature_len,
                                   struct octets *out);

/* A parsed SignedData. */
struct gm_cms;

/* Reads DER ContentInfo of type signedData with exactly one signer. *out is the caller's
 * (gm_cms_free). */
enum formats_error gm_cms_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                struct gm_cms **out);
void gm_cms_free(struct gm_cms *cms);

/* FORMATS_OK when messageDigest is the content's and the signature over the attributes is the
 * signer's. `detached`: the content, when the message carries none; when it carries one, NULL or
 * the same bytes (else FORMATS_MISMATCH). `expected`: the certificate that must be the signer's,
 * NULL for the embedded one. FORMATS_ARGUMENT when there is no content or no certificate. Says
 * nothing of trust. */
enum formats_error gm_cms_verify(const struct gm_cms *cms, const void *detached,
                                 size_t detached_len, X509 *expected);

/* Accessors; pointers live as long as `cms`. */
const unsigned char *gm_cms_content(const struct gm_cms *cms, size_t *len); /* NULL: detached */
X509 *gm_cms_signer(const struct gm_cms *cms); /* NULL: no embedded certificate matches */
const struct octets *
gm_cms_signed_bytes(const struct gm_cms *cms); /* what the signature is over: the SET OF */
const unsigned char *gm_cms_signature(const struct gm_cms *cms, size_t *len); /* DER SM2Signature */
bool gm_cms_signing_time(const struct gm_cms *cms, int64_t *time); /* false: not stated */

#endif
