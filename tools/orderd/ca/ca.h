/* The CA behind the order service, for tests and demonstrations: a directory that holds a root CA, an
 * issuing CA, a seal maker, an OCSP responder and a key management centre (KMC) with its escrow. All
 * sign with one algorithm, chosen when the directory is made; the files are the same for each.
 *
 * Store before sign. Issuing takes two calls: ca_plan checks the request and draws the serial
 * numbers, and signs nothing; the caller stores them; ca_issue signs exactly that plan. ca_issue
 * may be repeated with the same plan, after a crash too: the first call's result was kept in the
 * directory and comes back byte for byte. Nothing is ever signed twice under one serial number.
 *
 * Files in the directory are made with mode 0600, written beside and renamed. Several processes may
 * use one directory and several threads one `struct ca`: each operation that writes takes the
 * directory's lock. */
#ifndef OPENUKEY_ORDERD_CA_H
#define OPENUKEY_ORDERD_CA_H

#include "module/formats/octets.h"

#include <openssl/x509.h>

enum ca_error {
    CA_OK = 0,
    CA_ARGUMENT, /* the caller's input breaks the contract (dates in the wrong order, no subject) */
    CA_MEMORY,
    CA_CRYPTO,      /* the crypto library failed */
    CA_STORE,       /* a file could not be read or written; errno says why */
    CA_ABSENT,      /* ca_open without `create` on a directory with no CA */
    CA_CORRUPT,     /* a file of the directory is not what it should be */
    CA_BAD_REQUEST, /* the PKCS#10 is malformed or its signature does not verify */
    CA_BAD_KEY, /* the request's key is not SM2, P-256 or RSA of at least 2048 bits, or an encryption
                   pair is asked for another key than SM2 */
    CA_OTHER_ALGORITHM, /* the directory's CA signs with another algorithm than was asked for */
    CA_PLAN_MISMATCH,   /* this plan was issued before, for another request */
    CA_UNKNOWN,         /* no certificate was issued under this serial */
    CA_NOT_APPROVED     /* key recovery: approvals are missing, too old or used up */
};

const char *ca_error_text(enum ca_error error);

enum ca_size {
    CA_SERIAL_TEXT = 2 * 20 + 1, /* upper-case hex and NUL; those drawn have 16 random bytes */
    CA_YEARS_BACK = 5, /* so that keys whose certificates have expired can be provisioned */
    CA_YEARS_ROOT = 30,
    CA_YEARS_ISSUING = 20
};

/* SM2 with SM3 under the identity "1234567812345678"; ECDSA with SHA-256 on P-256; RSA with SHA-256
 * (PKCS#1 v1.5; CA keys of 3072 bits). */
enum ca_algorithm { CA_ANY_ALGORITHM, CA_SM2, CA_P256, CA_RSA, CA_ALGORITHMS };

/* "SM2", "P-256", "RSA-2048": what configurations and tasks call them. CA_ANY_ALGORITHM: no such. */
const char *ca_algorithm_name(enum ca_algorithm algorithm);
enum ca_algorithm ca_algorithm_find(const char *name);

/* What this key is. CA_ANY_ALGORITHM: none that is certified. */
enum ca_algorithm ca_algorithm_of_key(const EVP_PKEY *key);

struct ca;

struct ca_options {
    bool create; /* make whatever of the CA is absent; else CA_ABSENT */
    enum ca_algorithm
        algorithm;       /* what the CA must sign with; CA_ANY_ALGORITHM: as it is, made: SM2 */
    int64_t now;         /* notBefore of what is made (Unix seconds) */
    const char *name;    /* stem of the CA's own names; NULL: "OpenUKey Demo" */
    const char *country; /* NULL: "CN" */
};

/* Opens the directory (made with mode 0700 when absent and `create`). `options` NULL: do not
 * create. *out: ca_close. */
enum ca_error ca_open(OSSL_LIB_CTX *libctx, const char *directory, const struct ca_options *options,
                      struct ca **out);
void ca_close(struct ca *ca);

enum ca_algorithm ca_algorithm(const struct ca *ca);

/* Public certificates, DER; they live as long as `ca`. */
const struct octets *ca_root(const struct ca *ca);
const struct octets *ca_issuing(const struct ca *ca);
const struct octets *ca_seal_maker(const struct ca *ca);

/* --- certificates --- */

struct ca_request {
    const unsigned char *csr; /* DER PKCS#10: gives the signing public key and proves its
                                 possession; its subject is ignored */
    size_t csr_len;
    const unsigned char *subject; /* DER Name of both certificates */
    size_t subject_len;
    int64_t not_before, not_after; /* exact, Unix seconds */
    bool encryption_pair;          /* also an encryption certificate and its key (SM2 only) */
    bool dual_use; /* one certificate for signing and encryption (RSA only); not with
                      encryption_pair */
    /* Where its standing and its issuer's certificate are found; NULL: not stated. They do not make
     * another request: a service that moved between plan and issue goes on. */
    const char *crl_url;    /* CRL distribution point */
    const char *ocsp_url;   /* authority information access: OCSP */
    const char *issuer_url; /* the same: caIssuers */
};

/* The serial numbers, to be stored before anything is signed. */
struct ca_plan {
    char sign_serial[CA_SERIAL_TEXT];
    char encrypt_serial[CA_SERIAL_TEXT]; /* "" without an encryption pair */
};

struct ca_issued {
    struct octets sign_certificate;
    struct octets encrypt_certificate; /* empty without an encryption pair */
    struct octets enveloped_key; /* DER SM2EnvelopedKey to the request's key; empty likewise */
};
void ca_issued_free(struct ca_issued *issued);

/* Checks the request and draws fresh random serials. Signs and stores nothing. */
enum ca_error ca_plan(struct ca *ca, const struct ca_request *request, struct ca_plan *out);

/* Makes what was planned: KMC makes the encryption pair and escrows it (sealed under the KMC key),
 * both certificates are signed, the result is kept, then given out. The same plan and request
 * again: the same bytes. */
enum ca_error ca_issue(struct ca *ca, const struct ca_request *request, const struct ca_plan *plan,
                       struct ca_issued *out);

/* What ca_issue made under this signing serial, or CA_UNKNOWN. */
enum ca_error ca_issued_find(struct ca *ca, const char *sign_serial, struct ca_issued *out);

/* --- key recovery ---
 *
 * The KMC gives an escrowed key out only when two different approvers have said so, and judges that
 * itself: it keeps the approvals, and a line for each approval, recovery and refusal in its own
 * record (kmc.log; each line is hashed with the one before). Who an approver is, and that he is not
 * the applicant, is for the caller to know. */

enum ca_recovery_size {
    CA_APPROVERS = 2,      /* needed, all different */
    CA_REFERENCE_MAX = 64, /* letters, digits, '-', '_' */
    CA_APPROVER_MAX = 64,  /* the same */
    CA_APPROVAL_DAYS = 30  /* an approval is good for so long */
};

/* What is asked for. */
struct ca_recovery {
    const char *reference;      /* the business: the order's number. It stands for one key only */
    const char *encrypt_serial; /* of the encryption certificate whose key is wanted */
};

/* `approver` consents, at `now`. Again: renews it. CA_UNKNOWN: no key is escrowed under this serial.
 * CA_PLAN_MISMATCH: the reference stands for another key, or was used already and this is a new
 * approver. CA_ARGUMENT: a text is empty, too long or has other characters. */
enum ca_error ca_recovery_approve(struct ca *ca, const struct ca_recovery *recovery,
                                  const char *approver, int64_t now);

/* Wraps the escrowed key to `recipient`, the public key of a signing pair on the token, of the same
 * algorithm: the token's current signing key, or that of a container made for the recovery. *out is
 * what ca_issued.enveloped_key is for that algorithm; the token takes it in as a key of its own
 * (INS_IMPORT_*_KEY_PAIR, also with GM_IMPORT_HISTORY).
 * CA_NOT_APPROVED: fewer than CA_APPROVERS different approvals that are no older than
 * CA_APPROVAL_DAYS, or the reference was used for another recipient: two approvals are good for one
 * recipient. The same recipient again: the same bytes, for ever. CA_UNKNOWN: nothing was approved
 * under this reference, or nothing is escrowed. CA_BAD_KEY: the recipient is of another algorithm. */
enum ca_error ca_recover(struct ca *ca, const struct ca_recovery *recovery, EVP_PKEY *recipient,
                         int64_t now, struct octets *out);

/* Is the KMC's record whole? CA_CORRUPT when a line was changed or taken out; *lines (may be NULL):
 * how many there are. */
enum ca_error ca_recovery_log_check(struct ca *ca, size_t *lines);

/* --- revocation --- */

enum ca_reason {
    CA_REASON_UNSPECIFIED = 0,
    CA_REASON_KEY_COMPROMISE = 1,
    CA_REASON_AFFILIATION_CHANGED = 3,
    CA_REASON_SUPERSEDED = 4,
    CA_REASON_CESSATION = 5,
    CA_REASON_HOLD = 6
};

struct ca_revoked {
    const char *serial; /* hex as above */
    int64_t time;
    enum ca_reason reason;
};

/* A full CRL of the issuing CA with these entries; number grows from one CRL to the next (the
 * caller keeps it). *out = DER. */
enum ca_error ca_crl(struct ca *ca, const struct ca_revoked *revoked, size_t count, int64_t number,
                     int64_t this_update, int64_t next_update, struct octets *out);

/* --- OCSP (RFC 6960), signed by a delegated responder of the issuing CA --- */

enum ca_ocsp_size {
    CA_OCSP_REQUEST_MAX = 4096,    /* bytes of a request */
    CA_OCSP_CERTIFICATES_MAX = 16, /* that one request may ask about */
    CA_OCSP_NONCE_MAX = 131, /* RFC 9654: 128, in their OCTET STRING; longer ones are refused */
    CA_OCSP_SECONDS = 60     /* how long an answer is good */
};

enum ca_standing { CA_STANDING_UNKNOWN, CA_STANDING_GOOD, CA_STANDING_REVOKED };

/* How a certificate of the issuing CA stands; `serial` is upper-case hex. `revoked` is filled in when
 * it is revoked or held. False: it cannot be told now. */
typedef bool ca_standing_look(void *context, const char *serial, enum ca_standing *standing,
                              struct ca_revoked *revoked);

/* Whether the bytes are a request that can be answered: DER OCSPRequest of version 1 that asks about 1
 * to CA_OCSP_CERTIFICATES_MAX certificates, with no critical extension that we do not know. Its
 * signature, if there is one, says nothing to us. CA_BAD_REQUEST otherwise. */
enum ca_error ca_ocsp_check(const unsigned char *der, size_t len, bool *has_nonce);

/* Answers a request of whatever bytes. Certificates of other issuers are unknown; a nonce comes back.
 * *out = DER OCSPResponse: also for what is no request (malformedRequest) and when `look` fails
 * (tryLater). CA_ABSENT: the directory has no responder yet (ca_open with `create` makes it). */
enum ca_error ca_ocsp(struct ca *ca, const unsigned char *der, size_t len, ca_standing_look *look,
                      void *context, int64_t now, struct octets *out);

/* --- seals --- */

struct ca_seal_request {
    const char *id; /* esID, 1..SEAL_ID_MAX IA5 characters; ca_seal_id draws one */
    int type;       /* enum seal_type */
    const char *name;
    int width_mm, height_mm;
    const unsigned char *picture; /* PNG */
    size_t picture_len;
    const struct octets *certificates; /* DER; the signer certificates */
    size_t certificate_count;
    int64_t created, valid_start, valid_end;
};

/* A fresh random seal id: 28 upper-case hex digits. */
enum ca_error ca_seal_id(struct ca *ca, char out[29]);

/* Signs a SESeal V4 with the seal maker's key. Not kept in the directory: the caller stores it.
 * *out = DER SESeal. */
enum ca_error ca_seal(struct ca *ca, const struct ca_seal_request *request, struct octets *out);

#endif
