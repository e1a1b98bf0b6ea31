/* The ways of signing that OpenUKey knows: which digest, which algorithm identifiers, how a signature is verified. One row a
 * scheme, for CMS, JWS and whoever else must name or check one. */
#ifndef OPENUKEY_FORMATS_SIGNATURE_SCHEME_H
#define OPENUKEY_FORMATS_SIGNATURE_SCHEME_H

#include "module/formats/octets.h"

#include <openssl/x509.h>

enum signature_scheme {
    SCHEME_SM2,       /* SM3 with Z of the default identity */
    SCHEME_RSA_PKCS1, /* v1.5, SHA-256 */
    SCHEME_RSA_PSS,   /* SHA-256, MGF1 with it, salt of 32 bytes */
    SCHEME_P256,      /* ECDSA, SHA-256 */
    SCHEME_P384,      /* ECDSA, SHA-384 */
    SCHEME_COUNT
};

enum signature_scheme_size { SCHEME_DIGEST_MAX = 48, SCHEME_SIGNATURE_MAX = 512 };

struct signature_scheme_facts {
    const char *name;   /* for people and JSON: "SM2-SM3", "RSA-SHA256", ... */
    const char *digest; /* as OpenSSL names it */
    size_t digest_len;
    size_t half_len;      /* of r and of s; 0 for RSA */
    const char *jws_name; /* RFC 7518; NULL: not for JWS */
    const char *digest_oid;
    const char *signature_oid;
    const char *other_signature_oid; /* what others write instead; NULL: none */
};

const struct signature_scheme_facts *signature_scheme_facts(enum signature_scheme scheme);

/* The scheme of a public key: SM2, P-256, P-384 by their curve; RSA of 2048 to 4096 bits, with PSS when `wants_pss`.
 * FORMATS_UNSUPPORTED for any other key. */
enum formats_error signature_scheme_of_key(const EVP_PKEY *key, bool wants_pss,
                                           enum signature_scheme *scheme);

/* The scheme's digest of the data, without Z. */
enum formats_error signature_digest(OSSL_LIB_CTX *libctx, enum signature_scheme scheme,
                                    const void *data, size_t len,
                                    unsigned char digest[SCHEME_DIGEST_MAX]);

/* FORMATS_OK when `signature` (DER for SM2 and ECDSA) is the key's over the message; FORMATS_SIGNATURE; FORMATS_KEY when the key is
 * not of the scheme. */
enum formats_error signature_verify(OSSL_LIB_CTX *libctx, enum signature_scheme scheme,
                                    EVP_PKEY *key, const void *message, size_t len,
                                    const unsigned char *signature, size_t signature_len);

/* r || s, each of half_len bytes, to DER and back. Strict. FORMATS_MALFORMED, FORMATS_MEMORY. */
enum formats_error signature_to_der(enum signature_scheme scheme, const unsigned char *raw,
                                    size_t len, struct octets *der);
enum formats_error signature_to_raw(enum signature_scheme scheme, const unsigned char *der,
                                    size_t len, struct octets *raw);

/* AlgorithmIdentifiers of the scheme, as we write them. */
enum formats_error signature_algorithms_set(enum signature_scheme scheme, X509_ALGOR *digest,
                                            X509_ALGOR *signature);
/* The scheme that a message's two identifiers name for this key: parameters exactly as a standard has them (absent or NULL;
 * PSS: ours). FORMATS_UNSUPPORTED when there is none. */
enum formats_error signature_scheme_of_algorithms(const X509_ALGOR *digest,
                                                  const X509_ALGOR *signature, const EVP_PKEY *key,
                                                  enum signature_scheme *scheme);

#endif
