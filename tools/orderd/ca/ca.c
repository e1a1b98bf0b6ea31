/* The CA's directory: opened, or made whole. */
#include "tools/orderd/ca/ca.h"

#include "tools/orderd/ca/ca_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *ca_error_text(enum ca_error error) {
    static const char *const texts[] = {
        [CA_OK] = "ok",
        [CA_ARGUMENT] = "bad argument",
        [CA_MEMORY] = "out of memory",
        [CA_CRYPTO] = "crypto library failed",
        [CA_STORE] = "a file of the CA could not be read or written",
        [CA_ABSENT] = "there is no CA in this directory",
        [CA_CORRUPT] = "a file of the CA is damaged",
        [CA_BAD_REQUEST] = "the certificate request is malformed or not signed by its key",
        [CA_BAD_KEY] = "the request's key is of a kind that is not certified",
        [CA_OTHER_ALGORITHM] = "the CA in this directory signs with another algorithm",
        [CA_PLAN_MISMATCH] = "these serial numbers were used for another request",
        [CA_UNKNOWN] = "nothing was issued under this serial number",
        [CA_NOT_APPROVED] = "the recovery of this key is not approved by two persons",
    };
    return (size_t)error < sizeof texts / sizeof *texts ? texts[error] : "unknown error";
}

enum ca_error ca_error_of(enum formats_error error) {
    switch (error) {
    case FORMATS_OK:
        return CA_OK;
    case FORMATS_MEMORY:
        return CA_MEMORY;
    case FORMATS_ARGUMENT:
    case FORMATS_KEY:
        return CA_ARGUMENT;
    default:
        return CA_CRYPTO;
    }
}

static enum ca_error kmc_open(struct ca *ca, bool create) {
    struct octets file;
    enum ca_error error = ca_file_read(ca, "kmc.key", &file);
    if (error == CA_UNKNOWN && create) {
        if (RAND_priv_bytes_ex(ca->libctx, ca->kmc_key, KMC_KEY_SIZE, 0) != 1)
            return CA_CRYPTO;
        return ca_file_write(ca, "kmc.key", &(struct octets){ca->kmc_key, KMC_KEY_SIZE});
    }
    if (error == CA_OK && file.len != KMC_KEY_SIZE)
        error = CA_CORRUPT;
    if (error == CA_OK)
        memcpy(ca->kmc_key, file.data, KMC_KEY_SIZE);
    octets_free(&file);
    return error == CA_UNKNOWN ? CA_ABSENT : error;
}

static const struct ca_identity_plan root_plan = {
    "root.key", "root.crt",   "Root CA", "critical,CA:TRUE", "critical,keyCertSign,cRLSign",
    false,      CA_YEARS_ROOT};
static const struct ca_identity_plan issuing_plan = {"issuing.key",
                                                     "issuing.crt",
                                                     "Issuing CA",
                                                     "critical,CA:TRUE,pathlen:0",
                                                     "critical,keyCertSign,cRLSign",
                                                     false,
                                                     CA_YEARS_ISSUING};
static const struct ca_identity_plan maker_plan = {"seal-maker.key",
                                                   "seal-maker.crt",
                                                   "Seal Maker",
                                                   "critical,CA:FALSE",
                                                   "critical,digitalSignature,nonRepudiation",
                                                   false,
                                                   CA_YEARS_ISSUING};
static const struct ca_identity_plan responder_plan = {
    "ocsp.key", "ocsp.crt",      "OCSP Responder", "critical,CA:FALSE", "critical,digitalSignature",
    true,       CA_YEARS_ISSUING};

static enum ca_error identities_open(struct ca *ca, const struct ca_options *options) {
    enum ca_error error = ca_identity_open(ca, &root_plan, options, NULL, &ca->root);
    if (error == CA_OK)
        error = ca_identity_open(ca, &issuing_plan, options, &ca->root, &ca->issuing);
    if (error == CA_OK)
        error = ca_identity_open(ca, &maker_plan, options, &ca->issuing, &ca->maker);
    if (error != CA_OK)
        return error;
    error = ca_identity_open(ca, &responder_plan, options, &ca->issuing, &ca->responder);
    return error == CA_ABSENT ? CA_OK : error; /* earlier versions had none */
}

static enum ca_error parts_open(struct ca *ca, const struct ca_options *options) {
    static const char *const folders[] = {"issued", "escrow", "recovery"};
    enum ca_error error = identities_open(ca, options);
    if (error == CA_OK)
        error = kmc_open(ca, options != NULL && options->create);
    for (size_t i = 0; i < sizeof folders / sizeof *folders && error == CA_OK; i++)
        error = ca_folder_make(ca, folders[i]);
    return error;
}

static enum ca_error directory_open(struct ca *ca, bool create) {
    if (create && mkdir(ca->directory, 0700) != 0 && errno != EEXIST)
        return CA_STORE;
    ca->directory_fd = open(ca->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ca->directory_fd < 0)
        return errno == ENOENT ? CA_ABSENT : CA_STORE;
    if (!create && faccessat(ca->directory_fd, "root.crt", F_OK, 0) != 0)
        return CA_ABSENT;
    ca->lock_fd = openat(ca->directory_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return ca->lock_fd >= 0 ? CA_OK : CA_STORE;
}

enum ca_error ca_open(OSSL_LIB_CTX *libctx, const char *directory, const struct ca_options *options,
                      struct ca **out) {
    *out = NULL;
    struct ca *ca = calloc(1, sizeof *ca);
    if (ca == NULL)
        return CA_MEMORY;
    ca->libctx = libctx;
    ca->directory_fd = ca->lock_fd = -1;
    pthread_mutex_init(&ca->mutex, NULL);
    ca->directory = strdup(directory);
    enum ca_error error =
        ca->directory != NULL ? directory_open(ca, options != NULL && options->create) : CA_MEMORY;
    if (error == CA_OK)
        error = ca_lock(ca);
    if (error == CA_OK) {
        error = parts_open(ca, options);
        ca_unlock(ca);
    }
    if (error == CA_OK)
        *out = ca;
    else
        ca_close(ca);
    return error;
}

void ca_close(struct ca *ca) {
    if (ca == NULL)
        return;
    int saved = errno;
    ca_identity_close(&ca->root);
    ca_identity_close(&ca->issuing);
    ca_identity_close(&ca->maker);
    ca_identity_close(&ca->responder);
    OPENSSL_cleanse(ca->kmc_key, sizeof ca->kmc_key);
    if (ca->lock_fd >= 0)
        close(ca->lock_fd);
    if (ca->directory_fd >= 0)
        close(ca->directory_fd);
    pthread_mutex_destroy(&ca->mutex);
    free(ca->directory);
    free(ca);
    errno = saved;
}

enum ca_algorithm ca_algorithm(const struct ca *ca) {
    return ca->algorithm;
}

const struct octets *ca_root(const struct ca *ca) {
    return &ca->root.der;
}

const struct octets *ca_issuing(const struct ca *ca) {
    return &ca->issuing.der;
}

const struct octets *ca_seal_maker(const struct ca *ca) {
    return &ca->maker.der;
}
