/* What the service answered to the request for certificates: read, and checked before anything of it is written. */
#ifndef AGENT_JOBS_ISSUED_H
#define AGENT_JOBS_ISSUED_H

#include <jansson.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "module/formats/certificate.h"
#include "module/formats/octets.h"
#include "module/formats/seal.h"

enum issued_limit { ISSUED_NONCE_MAX = 512, ISSUED_CHAIN_MAX = 8 };

/* Members belong to it: issued_clear(). */
struct issued {
    struct certificate *sign;
    struct certificate *encrypt;
    struct octets envelope;      /* DER SM2EnvelopedKey */
    struct octets envelope_spki; /* the public key in it */
    STACK_OF(X509) *chain;
    struct octets seal_der; /* empty: no seal is re-issued */
    struct seal *seal;
    char nonce[ISSUED_NONCE_MAX + 1];
};

enum issued_error {
    ISSUED_OK = 0,
    ISSUED_MALFORMED,
    ISSUED_SIGN_KEY,    /* not the key that was made */
    ISSUED_ENCRYPT_KEY, /* not the key of the envelope */
    ISSUED_USAGE,
    ISSUED_SUBJECT,
    ISSUED_DATES,
    ISSUED_CHAIN,
    ISSUED_SEAL, /* signature, certificate list, dates or name */
    ISSUED_MEMORY,
};

const char *issued_error_text(enum issued_error error);

/* Read {signCertificate, encryptCertificate, envelopedKey, chain, seal?, sealId?, nonce}. issued_clear() also after an error. */
enum issued_error issued_read(const json_t *answer, struct issued *issued);
void issued_clear(struct issued *issued);

/* What is true on the key, and whom to trust. */
struct issued_expectation {
    const struct octets *spki;     /* of the new signing key */
    const struct certificate *old; /* the certificate that is renewed */
    X509 *root;
    STACK_OF(X509) *intermediates; /* further ones beside the answer's chain */
    int64_t now;
};

/* Both certificates carry the right keys, usages, subject and dates (continuing from the old end where that has not passed) and
 * chain to the root; the seal is signed, lists the new signing certificate and is valid now. */
enum issued_error issued_check(const struct issued *issued,
                               const struct issued_expectation *expected);

#endif
