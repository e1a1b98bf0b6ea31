/* What the rooms of the CA share. Not for others. */
#ifndef OPENUKEY_ORDERD_CA_INTERNAL_H
#define OPENUKEY_ORDERD_CA_INTERNAL_H

#include "tools/orderd/ca/ca.h"

#include <pthread.h>

enum { KMC_KEY_SIZE = 32, CA_FILE_MAX = 65536, CA_NAME_MAX = 64 };

/* One issuer or maker: its key and certificate. */
struct ca_identity {
    EVP_PKEY *key;
    X509 *x509;
    struct octets der;
};

struct ca {
    OSSL_LIB_CTX *libctx;
    char *directory;
    int directory_fd;
    int lock_fd;
    pthread_mutex_t mutex;
    enum ca_algorithm algorithm;
    struct ca_identity root, issuing, maker;
    struct ca_identity responder; /* of OCSP; key NULL: a directory of an earlier version, not yet
                                     opened with `create` */
    unsigned char kmc_key[KMC_KEY_SIZE];
};

/* --- files of the directory (ca_files.c); names are relative to it --- */

/* CA_UNKNOWN when there is no such file. */
enum ca_error ca_file_read(const struct ca *ca, const char *name, struct octets *out);
/* Mode 0600, written beside, synced, renamed. */
enum ca_error ca_file_write(const struct ca *ca, const char *name, const struct octets *content);
enum ca_error ca_folder_make(const struct ca *ca, const char *name);

/* The directory's lock, for threads and processes. */
enum ca_error ca_lock(struct ca *ca);
void ca_unlock(struct ca *ca);

/* --- keys (ca_algorithm.c) --- */

/* A key for the CA itself; `strong`: for many years. *out is the caller's. */
enum ca_error ca_key_generate(const struct ca *ca, bool strong, EVP_PKEY **out);

/* A context that signs as the key's algorithm has it (SM2: SM3 and the default identity); the caller
 * frees it. NULL: failed. */
EVP_MD_CTX *ca_sign_context(const struct ca *ca, EVP_PKEY *key);

/* *out = the key's signature over `data`, DER for SM2 and ECDSA. */
enum ca_error ca_sign(const struct ca *ca, EVP_PKEY *key, const struct octets *data,
                      struct octets *out);

/* --- the CA's own keys and certificates (ca_identity.c) --- */

/* What an identity of the CA is made of. */
struct ca_identity_plan {
    const char *key_file;
    const char *certificate_file;
    const char *common_name; /* after the CA's name */
    const char *basic_constraints;
    const char *key_usage;
    bool is_responder;
    int years;
};

/* Reads an identity; makes what is absent when `options` allow. The first one (`issuer` NULL) says
 * what the CA's algorithm is. A certificate without its key, or of another algorithm, is a damaged
 * CA. */
enum ca_error ca_identity_open(struct ca *ca, const struct ca_identity_plan *plan,
                               const struct ca_options *options, const struct ca_identity *issuer,
                               struct ca_identity *out);
void ca_identity_close(struct ca_identity *identity);

/* --- certificates (ca_certify.c) --- */

struct ca_certificate_request {
    const unsigned char *subject; /* DER Name */
    size_t subject_len;
    EVP_PKEY *key;
    const struct ca_identity *issuer; /* NULL: self-signed with `key` */
    const char *serial;               /* hex */
    int64_t not_before, not_after;
    const char *basic_constraints; /* as in openssl.cnf */
    const char *key_usage;
    bool is_responder;   /* delegated OCSP responder (RFC 6960 4.2.2.2), itself not checked */
    const char *crl_url; /* NULL: none */
    const char *ocsp_url;
    const char *issuer_url;
};

/* *out = the signed certificate, DER. */
enum ca_error ca_certify(const struct ca *ca, const struct ca_certificate_request *request,
                         struct octets *out);

/* 16 random bytes in hex, the first in 40..7F, so that no serial is short or negative. */
enum ca_error ca_serial_draw(const struct ca *ca, char out[CA_SERIAL_TEXT]);
/* True for what ca_serial_draw makes, so that a serial may name a file. */
bool ca_serial_is_sound(const char *serial);
/* NULL: not hex or out of memory. */
ASN1_INTEGER *ca_serial_integer(const char *serial);

/* --- KMC (ca_escrow.c, ca_record.c) --- */

enum ca_escrow_want { CA_ESCROW_FIND, CA_ESCROW_MAKE };

/* The escrowed encryption pair of this serial; CA_ESCROW_MAKE: made and stored when absent.
 * CA_UNKNOWN otherwise. */
enum ca_error ca_escrow_pair(const struct ca *ca, const char *serial, enum ca_escrow_want want,
                             EVP_PKEY **out);

/* The escrowed key of `serial`, wrapped to another public key. The only callers are issuing and
 * recovery, which ask for approvals first. */
enum ca_error ca_escrow_envelope(const struct ca *ca, const char *serial, EVP_PKEY *recipient,
                                 struct octets *out);

/* Writes a line of the KMC's record. Under the lock. */
enum ca_error ca_record(const struct ca *ca, int64_t now, const char *what,
                        const struct ca_recovery *recovery, const char *who);

/* formats' errors as ours. */
enum ca_error ca_error_of(enum formats_error error);

#endif
