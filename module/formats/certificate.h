/* X.509 certificates as people and pages see them: names, usage, algorithm, dates, identity, chain.
 * SM2, RSA and EC. */
#ifndef OPENUKEY_FORMATS_CERTIFICATE_H
#define OPENUKEY_FORMATS_CERTIFICATE_H

#include "module/formats/octets.h"

#include <openssl/x509.h>
#include <stdatomic.h>

enum certificate_size {
    CERTIFICATE_MAX = 8192,         /* longest DER */
    CERTIFICATE_ID = 65,            /* 64 hex digits and NUL */
    CERTIFICATE_SERIAL = 2 * 20 + 1 /* up to 20 bytes in upper-case hex and NUL */
};

enum certificate_usage { CERTIFICATE_SIGN, CERTIFICATE_ENCRYPT, CERTIFICATE_BOTH };
enum certificate_algorithm { CERTIFICATE_SM2, CERTIFICATE_RSA, CERTIFICATE_EC, CERTIFICATE_OTHER };

/* Names for JSON: "sign", "encrypt", "both"; "SM2", "RSA", "EC", "OTHER". */
const char *certificate_usage_name(enum certificate_usage usage);
const char *certificate_algorithm_name(enum certificate_algorithm algorithm);

/* A distinguished name in parts. UTF-8, "" when absent; a repeated attribute keeps its first value.
 */
struct certificate_name {
    char *common_name;
    char *organization;
    char *organizational_unit;
    char *organization_identifier; /* 2.5.4.97: unified social credit code */
    char *serial_number;           /* 2.5.4.5 */
    char *state;
    char *locality;
    char *country;
    char *text; /* RFC 2253 order as OpenSSL prints it, UTF-8: "CN=..,O=..,C=CN" */
    struct octets der;
};

/* The text of a DER Name as in certificate_name.text; *out is the caller's (free). FORMATS_MALFORMED
 * when it is none. */
enum formats_error certificate_name_text(const unsigned char *der, size_t len, char **out);

/* A parsed certificate. All members belong to it. Nothing in it changes: threads may share it, each with a reference. */
struct certificate {
    atomic_uint references;
    X509 *x509;
    struct octets der;
    char id[CERTIFICATE_ID]; /* SHA-256 of the DER, lower-case hex */
    char serial[CERTIFICATE_SERIAL];
    enum certificate_usage usage;
    enum certificate_algorithm algorithm;
    int key_bits;
    bool is_ca;
    struct certificate_name subject;
    struct certificate_name issuer;
    int64_t not_before, not_after; /* Unix seconds */
};

/* Reads exactly one DER certificate (no trailing bytes). *out is the caller's (certificate_free).
 */
enum formats_error certificate_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                     struct certificate **out);

/* The first certificate of a PEM text. */
enum formats_error certificate_parse_pem(OSSL_LIB_CTX *libctx, const char *pem, size_t len,
                                         struct certificate **out);
/* One reference more. */
struct certificate *certificate_keep(struct certificate *certificate);
/* One reference less; the last one frees it. NULL is harmless. */
void certificate_free(struct certificate *certificate);

/* PEM text of a DER certificate, NUL-terminated (len without the NUL). */
enum formats_error certificate_to_pem(const unsigned char *der, size_t len, struct octets *out);

/* Asia/Shanghai calendar days from `now` to notAfter: 0 on the last day, negative when expired. */
int64_t certificate_days_left(const struct certificate *certificate, int64_t now);

/* FORMATS_OK, FORMATS_NOT_YET_VALID or FORMATS_EXPIRED at `now`. */
enum formats_error certificate_verify_dates(const struct certificate *certificate, int64_t now);

/* Verifies a message under the certificate's key: SM2 with SM3 and Z (DER signature), RSA PKCS#1
 * v1.5 or ECDSA with SHA-256. */
enum formats_error certificate_verify_message(OSSL_LIB_CTX *libctx,
                                              const struct certificate *certificate,
                                              const void *message, size_t len,
                                              const unsigned char *signature, size_t signature_len);

/* The same under a key. FORMATS_UNSUPPORTED for a key of another kind. */
enum formats_error certificate_key_verify(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const void *message,
                                          size_t len, const unsigned char *signature,
                                          size_t signature_len);

/* Chain from `leaf` to `root` (self-signed, trusted) through `intermediates` (may be NULL):
 * signatures (SM2 with the default identity), CA bits, path lengths, and dates at `at`.
 * FORMATS_UNTRUSTED, FORMATS_EXPIRED, FORMATS_NOT_YET_VALID, FORMATS_SIGNATURE. */
enum formats_error certificate_verify_chain(OSSL_LIB_CTX *libctx, X509 *leaf,
                                            STACK_OF(X509) *intermediates, X509 *root, int64_t at);

/* True when `issuer` is named as the certificate's issuer and its key has signed it. */
bool certificate_is_signed_by(OSSL_LIB_CTX *libctx, X509 *x509, X509 *issuer);

/* True when both carry the same public key. */
bool certificate_same_key(const struct certificate *a, const struct certificate *b);

/* Sign and encryption certificate of one pair: same subject, issuer and validity, one SIGN and one
 * ENCRYPT. */
bool certificate_is_pair(const struct certificate *a, const struct certificate *b);

#endif
