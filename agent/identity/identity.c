/* Makes, checks and renews the TLS identity of a program on this machine. */
#include "agent/identity/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/identity/atomic_file.h"

#define DAY ((time_t)24 * 60 * 60)

static const char constraints[] = "critical,permitted;DNS:localhost,"
                                  "permitted;IP:127.0.0.1/255.255.255.255,"
                                  "permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

const char *identity_error_text(enum identity_error error) {
    switch (error) {
    case IDENTITY_OK:
        return "no error";
    case IDENTITY_ERROR_DIRECTORY:
        return "the folder cannot be used (it must belong to this user, and others must not write "
               "to it)";
    case IDENTITY_ERROR_WRITE:
        return "a file cannot be written";
    case IDENTITY_ERROR_CRYPTO:
        return "the certificates cannot be made";
    }
    return "unknown error";
}

/* ---- making ---- */

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *certificate) {
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return false;
    }
    bytes[0] = (unsigned char)((bytes[0] & 0x7F) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool set =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

/* A certificate with everything but extensions and signature. */
static X509 *new_certificate(EVP_PKEY *key, const char *common_name, const X509_NAME *issuer,
                             time_t now) {
    X509 *certificate = X509_new();
    time_t from = now - IDENTITY_BACKDATE, to = from + IDENTITY_LEAF_DAYS * DAY;
    if (certificate == NULL) {
        return NULL;
    }
    X509_NAME *subject = X509_get_subject_name(certificate);
    if (X509_set_version(certificate, X509_VERSION_3) != 1 || !set_serial(certificate) ||
        X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"OpenUKey",
                                   -1, -1, 0) != 1 ||
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                   -1, -1, 0) != 1 ||
        X509_set_issuer_name(certificate, issuer != NULL ? issuer : subject) != 1 ||
        ASN1_TIME_set(X509_getm_notBefore(certificate), from) == NULL ||
        ASN1_TIME_set(X509_getm_notAfter(certificate), to) == NULL ||
        X509_set_pubkey(certificate, key) != 1) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static X509 *make_ca(EVP_PKEY *key, const char *owner, time_t now) {
    char name[64]; /* ub-common-name */
    unsigned char mark[4];
    if (RAND_bytes(mark, sizeof(mark)) != 1) {
        return NULL;
    }
    snprintf(name, sizeof(name), "%.40s local CA %02X%02X%02X%02X", owner, mark[0], mark[1],
             mark[2], mark[3]);
    X509 *ca = new_certificate(key, name, NULL, now);
    if (ca != NULL && add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        add_extension(ca, ca, NID_key_usage, "critical,keyCertSign") &&
        add_extension(ca, ca, NID_name_constraints, constraints) &&
        add_extension(ca, ca, NID_subject_key_identifier, "hash") &&
        X509_sign(ca, key, EVP_sha256()) > 0) {
        return ca;
    }
    X509_free(ca);
    return NULL;
}

static X509 *make_leaf(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, time_t now) {
    X509 *leaf = new_certificate(key, "localhost", X509_get_subject_name(ca), now);
    if (leaf != NULL && add_extension(leaf, ca, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(leaf, ca, NID_key_usage, "critical,digitalSignature") &&
        add_extension(leaf, ca, NID_ext_key_usage, "serverAuth") &&
        add_extension(leaf, ca, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
        add_extension(leaf, ca, NID_subject_key_identifier, "hash") &&
        add_extension(leaf, ca, NID_authority_key_identifier, "keyid:always") &&
        X509_sign(leaf, ca_key, EVP_sha256()) > 0) {
        return leaf;
    }
    X509_free(leaf);
    return NULL;
}

static bool write_certificate(const char *path, X509 *certificate) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    bool written = false;
    if (bio != NULL && PEM_write_bio_X509(bio, certificate) == 1) {
        long len = BIO_get_mem_data(bio, &text);
        written = len > 0 && atomic_file_write(path, text, (size_t)len, 0600) == 0;
    }
    BIO_free(bio);
    return written;
}

static bool write_key(const char *path, EVP_PKEY *key) {
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    bool written = false;
    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long len = BIO_get_mem_data(bio, &text);
        written = len > 0 && atomic_file_write(path, text, (size_t)len, 0600) == 0;
    }
    BIO_free(bio);
    return written;
}

static enum identity_error make(const char *owner, time_t now, const struct identity *paths) {
    enum identity_error error = IDENTITY_ERROR_CRYPTO;
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    EVP_PKEY *leaf_key = EVP_EC_gen("P-256");
    X509 *ca = NULL, *leaf = NULL;
    if (ca_key == NULL || leaf_key == NULL) {
        goto out;
    }
    ca = make_ca(ca_key, owner, now);
    leaf = ca != NULL ? make_leaf(leaf_key, ca, ca_key, now) : NULL;
    if (leaf == NULL) {
        goto out;
    }
    /* from here on nothing can be signed in this CA's name */
    EVP_PKEY_free(ca_key);
    ca_key = NULL;
    /* three files that must fit together: a crash in between is found by the check and leads to a new set */
    error = write_key(paths->key, leaf_key) && write_certificate(paths->certificate, leaf) &&
                    write_certificate(paths->ca, ca)
                ? IDENTITY_OK
                : IDENTITY_ERROR_WRITE;
out:
    X509_free(leaf);
    X509_free(ca);
    EVP_PKEY_free(leaf_key);
    EVP_PKEY_free(ca_key);
    ERR_clear_error();
    return error;
}

/* ---- checking ---- */

bool identity_is_confined(const X509 *ca) {
    X509_EXTENSION *ours = X509V3_EXT_conf_nid(NULL, NULL, NID_name_constraints, constraints);
    int at = X509_get_ext_by_NID(ca, NID_name_constraints, -1);
    X509_EXTENSION *theirs = at >= 0 ? X509_get_ext(ca, at) : NULL;
    bool confined =
        ours != NULL && theirs != NULL && X509_EXTENSION_get_critical(theirs) == 1 &&
        X509_get_ext_by_NID(ca, NID_name_constraints, at) < 0 &&
        ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(ours), X509_EXTENSION_get_data(theirs)) == 0;
    X509_EXTENSION_free(ours);
    return confined;
}

static X509 *read_certificate(const char *path) {
    BIO *bio = BIO_new_file(path, "r");
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return certificate;
}

static EVP_PKEY *read_key(const char *path) {
    struct stat status;
    if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & 0077) != 0) {
        return NULL;
    }
    BIO *bio = BIO_new_file(path, "r");
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return key;
}

static int64_t unix_time(const ASN1_TIME *time) {
    struct tm utc;
    return ASN1_TIME_to_tm(time, &utc) == 1 ? (int64_t)timegm(&utc) : 0;
}

/* Do the three files fit together, for at least `days` more? Fills in the dates. */
static bool is_good(struct identity *paths, time_t now, int days) {
    X509 *ca = read_certificate(paths->ca);
    X509 *leaf = read_certificate(paths->certificate);
    EVP_PKEY *key = read_key(paths->key);
    time_t renew_at = now + days * DAY;
    bool good = ca != NULL && leaf != NULL && key != NULL &&
                X509_check_private_key(leaf, key) == 1 &&
                X509_verify(leaf, X509_get0_pubkey(ca)) == 1 &&
                X509_verify(ca, X509_get0_pubkey(ca)) == 1 &&
                X509_cmp_time(X509_get0_notBefore(leaf), &now) < 0 &&
                X509_cmp_time(X509_get0_notAfter(leaf), &renew_at) > 0;
    if (leaf != NULL) {
        paths->not_before = unix_time(X509_get0_notBefore(leaf));
        paths->not_after = unix_time(X509_get0_notAfter(leaf));
    }
    EVP_PKEY_free(key);
    X509_free(leaf);
    X509_free(ca);
    ERR_clear_error();
    return good;
}

static bool directory_is_ours(const char *directory) {
    struct stat status;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        return false;
    }
    return lstat(directory, &status) == 0 && S_ISDIR(status.st_mode) &&
           status.st_uid == geteuid() && (status.st_mode & 0022) == 0;
}

static bool join(char *out, const char *directory, const char *name) {
    int len = snprintf(out, PATH_MAX, "%s/%s", directory, name);
    return len > 0 && len < PATH_MAX;
}

static bool name_files(const char *directory, struct identity *identity) {
    memset(identity, 0, sizeof(*identity));
    return join(identity->ca, directory, "ca.pem") &&
           join(identity->certificate, directory, "cert.pem") &&
           join(identity->key, directory, "key.pem");
}

static enum identity_error make_and_check(const char *owner, time_t now,
                                          struct identity *identity) {
    enum identity_error error = make(owner, now, identity);
    identity->is_new = true;
    return error != IDENTITY_OK        ? error
           : is_good(identity, now, 0) ? IDENTITY_OK
                                       : IDENTITY_ERROR_CRYPTO;
}

enum identity_error identity_ensure(const char *directory, const char *owner, time_t now,
                                    struct identity *identity) {
    if (!name_files(directory, identity) || !directory_is_ours(directory)) {
        return IDENTITY_ERROR_DIRECTORY;
    }
    return is_good(identity, now, IDENTITY_RENEW_DAYS) ? IDENTITY_OK
                                                       : make_and_check(owner, now, identity);
}

/* ---- one after the other ---- */

static bool keep_as_previous(const char *directory, const struct identity *identity) {
    char previous[PATH_MAX];
    return join(previous, directory, "previous.pem") &&
           (rename(identity->ca, previous) == 0 || errno == ENOENT);
}

/* Move what is there of the next identity. The key goes first: what has been moved then fits nothing but the rest. */
static bool take_next(const char *directory, const struct identity *identity) {
    char folder[PATH_MAX];
    struct identity next;
    if (!join(folder, directory, "next") || !name_files(folder, &next)) {
        return false;
    }
    bool moved = (rename(next.key, identity->key) == 0 || errno == ENOENT) &&
                 (rename(next.certificate, identity->certificate) == 0 || errno == ENOENT) &&
                 (rename(next.ca, identity->ca) == 0 || errno == ENOENT);
    rmdir(folder);
    return moved;
}

enum identity_error identity_hold(const char *directory, const char *owner, time_t now,
                                  struct identity *identity) {
    if (!name_files(directory, identity) || !directory_is_ours(directory)) {
        return IDENTITY_ERROR_DIRECTORY;
    }
    if (is_good(identity, now, 0) ||
        (take_next(directory, identity) && is_good(identity, now, 0))) {
        return IDENTITY_OK;
    }
    return keep_as_previous(directory, identity) ? make_and_check(owner, now, identity)
                                                 : IDENTITY_ERROR_WRITE;
}

enum identity_error identity_next(const char *directory, const char *owner, time_t now,
                                  struct identity *identity, struct identity *next) {
    char folder[PATH_MAX];
    memset(next, 0, sizeof(*next));
    if (!name_files(directory, identity)) {
        return IDENTITY_ERROR_DIRECTORY;
    }
    /* the agent asks while it holds one; that may have ended meanwhile, and is the one whose place is taken all the same */
    if (!is_good(identity, now, IDENTITY_RENEW_DAYS)) {
        return join(folder, directory, "next") ? identity_ensure(folder, owner, now, next)
                                               : IDENTITY_ERROR_DIRECTORY;
    }
    return IDENTITY_OK;
}

enum identity_error identity_switch(const char *directory, struct identity *identity) {
    char previous[PATH_MAX];
    bool kept = join(previous, directory, "previous.pem") && name_files(directory, identity);
    unlink(previous);
    /* a second name, so that there is a CA at every moment */
    return kept && link(identity->ca, previous) == 0 && take_next(directory, identity)
               ? IDENTITY_OK
               : IDENTITY_ERROR_WRITE;
}

bool identity_previous_ca(const char *directory, char path[PATH_MAX]) {
    return join(path, directory, "previous.pem") && access(path, F_OK) == 0;
}
