/* Distinguished names and PKCS#10 requests (RFC 2986), made in two steps so that the signature can
 * come from a token. */
#ifndef OPENUKEY_FORMATS_CERTIFICATE_REQUEST_H
#define OPENUKEY_FORMATS_CERTIFICATE_REQUEST_H

#include "module/formats/octets.h"

#include <openssl/x509.h>

enum certificate_request_size { CERTIFICATE_REQUEST_MAX = 8192 };

/* One attribute of a name. type: "C", "ST", "L", "O", "OU", "CN", "serialNumber",
 * "organizationIdentifier", "emailAddress". */
struct name_field {
    const char *type;
    const char *value; /* UTF-8 */
};

/* DER Name from fields in the given order (C as PrintableString, the others UTF8String).
 * FORMATS_ARGUMENT names an unknown type, an empty or over-long value, a country that is not two
 * letters. */
enum formats_error name_from_fields(const struct name_field *fields, size_t count,
                                    struct octets *der);

/* Step 1. *to_be_signed = DER CertificationRequestInfo of subject (DER Name) and public key (DER
 * SubjectPublicKeyInfo). */
enum formats_error certificate_request_build(const unsigned char *subject, size_t subject_len,
                                             const unsigned char *spki, size_t spki_len,
                                             struct octets *to_be_signed);

/* Step 2. `signature`: DER SM2Signature (SM3, Z with the default identity) for an SM2 key; RSA
 * PKCS#1 v1.5 with SHA-256 for an RSA key; ECDSA with SHA-256 in DER for another curve. Verifies
 * before it gives the request out. *out = DER CertificationRequest. */
enum formats_error certificate_request_assemble(OSSL_LIB_CTX *libctx,
                                                const struct octets *to_be_signed,
                                                const unsigned char *signature,
                                                size_t signature_len, struct octets *out);

/* A parsed request; members belong to it. */
struct certificate_request {
    struct octets subject; /* DER Name */
    struct octets spki;    /* DER SubjectPublicKeyInfo */
    EVP_PKEY *key;
    X509_REQ *req;
};

/* Reads one DER PKCS#10 and verifies its own signature (proof of possession). FORMATS_SIGNATURE
 * when it does not verify. */
enum formats_error certificate_request_parse(OSSL_LIB_CTX *libctx, const unsigned char *der,
                                             size_t len, struct certificate_request **out);
void certificate_request_free(struct certificate_request *request);

#endif
