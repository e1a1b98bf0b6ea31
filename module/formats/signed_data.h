/* SignedData with one signer, in two syntaxes that differ in object identifiers only: CMS (RFC 5652) for RSA and EC keys,
 * GM/T 0010-2012 (GB/T 35275) for SM2. Made in two steps, so that the signature can come from a token.
 *
 * What is signed are attributes: content type, message digest, signing time, the signer's certificate (ESS
 * signing-certificate-v2), the algorithms (RFC 6211), the asking page's nonce and origin, and what the signature is for. Reading is strict: DER, one signer,
 * nothing that no signature protects (unsigned attributes, CRLs, certificates outside the signer's chain). */
#ifndef OPENUKEY_FORMATS_SIGNED_DATA_H
#define OPENUKEY_FORMATS_SIGNED_DATA_H

#include "module/formats/certificate.h"
#include "module/formats/signature_scheme.h"

enum signed_data_size {
    SIGNED_CONTENT_MAX = 1024 * 1024,             /* longest content inside a message */
    SIGNED_DATA_MAX = SIGNED_CONTENT_MAX + 65536, /* longest message */
    SIGNED_CERTIFICATES_MAX = 8,
    SIGNED_TEXT_MAX = 512, /* bytes of nonce and origin */
};

/* What a signature says besides the content. */
struct signed_facts {
    enum signature_scheme scheme;         /* SCHEME_SM2 makes GM/T 0010, any other CMS */
    int64_t signing_time;                 /* Unix seconds */
    const char *nonce, *origin, *purpose; /* UTF-8; NULL: not stated */
};

/* Step 1. *to_be_signed = DER of the attributes as SET OF (tag 31), which the signer's key signs with the scheme. `digest` is the
 * content's, by the scheme's digest (signature_scheme_facts). */
enum formats_error signed_data_attributes(OSSL_LIB_CTX *libctx, const struct signed_facts *facts,
                                          const unsigned char *certificate, size_t certificate_len,
                                          const unsigned char *digest, struct octets *to_be_signed);

/* Step 2. `signature` (DER for SM2 and ECDSA) over step 1's bytes; `content` NULL makes a detached message. Verifies what it made
 * before it gives it out: FORMATS_SIGNATURE when the signature is not this certificate's, FORMATS_MISMATCH when the content is not
 * the digested one. *out = DER ContentInfo. */
enum formats_error signed_data_assemble(OSSL_LIB_CTX *libctx, enum signature_scheme scheme,
                                        const unsigned char *certificate, size_t certificate_len,
                                        const struct octets *content,
                                        const struct octets *to_be_signed,
                                        const struct octets *signature, struct octets *out);

/* A parsed message. Pointers belong to it. */
struct signed_data {
    bool is_gm; /* GM/T 0010, else CMS */
    enum signature_scheme scheme;
    bool has_content;
    struct octets content;      /* when it has one; a view */
    struct octets digest;       /* of the content, as stated; a view */
    struct octets signed_bytes; /* what the signature is over: the SET OF */
    struct octets signature;    /* a view */
    X509 *signer;
    struct octets signer_der; /* a view */
    STACK_OF(X509) *others;   /* of the signer's chain, as far as embedded; may be empty */
    bool has_time;
    int64_t signing_time;
    char *nonce, *origin, *purpose; /* NULL: not stated */
    bool names_certificate;         /* ESS signing-certificate-v2 is there and is the signer's */
    struct signed_data_private *private_part;
};

/* Reads DER ContentInfo of type signedData. FORMATS_UNSUPPORTED for what we do not handle or nothing would protect. *out is the
 * caller's (signed_data_free). */
enum formats_error signed_data_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                     struct signed_data **out);
void signed_data_free(struct signed_data *message);

/* FORMATS_OK when the stated digest is the content's and the signature over the attributes the signer's. `digest`: of the content
 * that a detached message is about, by the scheme's digest (digest_len bytes); NULL for an attached message, or it must agree.
 * FORMATS_ARGUMENT: detached, and no digest. FORMATS_MISMATCH, FORMATS_SIGNATURE. Says nothing of trust. */
enum formats_error signed_data_verify(const struct signed_data *message,
                                      const unsigned char *digest);

#endif
