/* JWS in compact form (RFC 7515) with one signer, RSA or EC: RS256, PS256, ES256, ES384. Made in two steps, so that the signature
 * can come from a token. The protected header has alg, x5c (the signer's certificate first), x5t#S256, iat, and the asking
 * page's nonce and origin and what the signature is for; there is no unprotected one. */
#ifndef OPENUKEY_FORMATS_JWS_H
#define OPENUKEY_FORMATS_JWS_H

#include "module/formats/signed_data.h"

enum jws_message_size {
    JWS_HEADER_MAX = 65536,                               /* characters of base64url */
    JWS_MAX = JWS_HEADER_MAX + SIGNED_CONTENT_MAX * 3 / 2 /* characters */
};

/* Step 1. *to_be_signed = the ASCII text header "." payload, which the signer's key signs with the scheme. FORMATS_UNSUPPORTED for
 * SM2. */
enum formats_error jws_message_begin(OSSL_LIB_CTX *libctx, const struct signed_facts *facts,
                                     const unsigned char *certificate, size_t certificate_len,
                                     const struct octets *payload, struct octets *to_be_signed);

/* Step 2. `signature` as a token gives it (DER for ECDSA). `detached` leaves the payload out (RFC 7515, appendix F). Verifies what it
 * made. *out = ASCII, a NUL follows. */
enum formats_error jws_message_assemble(OSSL_LIB_CTX *libctx, enum signature_scheme scheme,
                                        const struct octets *to_be_signed,
                                        const struct octets *signature, bool detached,
                                        struct octets *out);

/* A parsed message. All members belong to it. */
struct jws_message {
    enum signature_scheme scheme;
    bool has_payload;
    struct octets payload;
    X509 *signer;
    struct octets signer_der;
    STACK_OF(X509) *others; /* what x5c has beyond it */
    bool has_time;
    int64_t signing_time;
    char *nonce, *origin, *purpose; /* NULL: not stated */
    struct octets signed_bytes;     /* header "." payload; of a detached one header "." */
    struct octets signature;        /* DER for ECDSA */
    OSSL_LIB_CTX *libctx;
};

/* Reads a compact JWS, strictly. FORMATS_UNSUPPORTED: no x5c, `crit`, `b64`, an algorithm that we do not handle or that is not the
 * key's. *out is the caller's (jws_message_free). */
enum formats_error jws_message_parse(OSSL_LIB_CTX *libctx, const char *text, size_t len,
                                     struct jws_message **out);
void jws_message_free(struct jws_message *message);

/* FORMATS_OK, FORMATS_SIGNATURE; FORMATS_ARGUMENT: detached, and no payload; FORMATS_MISMATCH: `payload` (may be NULL) is not the one
 * inside. Says nothing of trust. */
enum formats_error jws_message_verify(const struct jws_message *message,
                                      const struct octets *payload);

#endif
