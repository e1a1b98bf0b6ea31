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

/* What an answer can hold. */
enum issued_part {
    ISSUED_HAS_SIGN = 1,
    ISSUED_HAS_ENCRYPT = 2,
    ISSUED_HAS_ENVELOPE = 4,
    ISSUED_HAS_NONCE = 8,
    ISSUED_HAS_ALL = 15, /* but for the seal, which is never required */
};

/* Members belong to it: issued_clear(). What the answer did not hold is NULL or empty. */
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

/* Read {signCertificate, encryptCertificate, envelopedKey, chain, seal?, sealId?, nonce}; the parts in `required` must be there.
 * issued_clear() also after an error. */
enum issued_error issued_read(const json_t *answer, unsigned required, struct issued *issued);
void issued_clear(struct issued *issued);

/* What is true on the key, and whom to trust. */
struct issued_expectation {
    const struct octets *sign_spki;    /* of the signing key */
    const struct octets *encrypt_spki; /* of the encryption key; NULL: that of the envelope */
    const char *subject;               /* as text */
    int64_t old_end;                   /* when the certificate before it ends; 0: there was none */
    bool may_end_with_old;             /* it need not be valid for longer than that */
    X509 *root;
    STACK_OF(X509) *intermediates; /* further ones beside the answer's chain */
    int64_t now;
};

/* The certificates that are there carry the right keys, usages, subject and dates (continuing from the old end where that has not
 * passed) and chain to the root; the seal is signed, lists `listed` (DER) and is valid now. */
enum issued_error issued_check(const struct issued *issued,
                               const struct issued_expectation *expected,
                               const struct octets *listed);

/* The certificate of a key that comes back: for this encryption key, of the service's CA; it may have ended long ago. */
enum issued_error issued_check_recovered(const struct issued *issued,
                                         const struct issued_expectation *expected);

#endif
