/* The CA's directory: opened, or made whole. Each key is written before its certificate, so that an
 * interrupted beginning goes on where it stopped. */
#include "tools/orderd/ca/ca.h"

#include "module/formats/calendar.h"
#include "module/formats/certificate_request.h"
#include "module/formats/der.h"
#include "module/formats/sm2.h"
#include "tools/orderd/ca/ca_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
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

/* A private key as PEM PKCS#8; the run is cleansed when freed. */
static enum ca_error key_write(const struct ca *ca, const char *name, EVP_PKEY *key) {
    enum ca_error error = CA_CRYPTO;
    char *text = NULL;
    struct octets pem = {NULL, 0};
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long len = BIO_get_mem_data(bio, &text);
        error = ca_error_of(octets_copy(&pem, text, (size_t)len));
        if (error == CA_OK)
            error = ca_file_write(ca, name, &pem);
        OPENSSL_cleanse(text, (size_t)len);
    }
    octets_free(&pem);
    BIO_free(bio);
    return error;
}

static enum ca_error key_read(const struct ca *ca, const char *name, EVP_PKEY **key) {
    struct octets pem;
    enum ca_error error = ca_file_read(ca, name, &pem);
    if (error != CA_OK)
        return error;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    *key = bio != NULL ? PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, (void *)"", ca->libctx, NULL)
                       : NULL;
    BIO_free(bio);
    octets_free(&pem);
    return sm2_key_is_sm2(*key) ? CA_OK : CA_CORRUPT;
}

static enum ca_error certificate_write(const struct ca *ca, const char *name,
                                       const struct octets *der) {
    char *text = NULL;
    enum ca_error error = CA_MEMORY;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && PEM_write_bio(bio, PEM_STRING_X509, "", der->data, (long)der->len) > 0) {
        long len = BIO_get_mem_data(bio, &text);
        error = ca_file_write(ca, name, &(struct octets){(unsigned char *)text, (size_t)len});
    }
    BIO_free(bio);
    return error;
}

static enum ca_error certificate_read(const struct ca *ca, const char *name,
                                      struct ca_identity *identity) {
    struct octets pem;
    char *type = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    enum ca_error error = ca_file_read(ca, name, &pem);
    if (error != CA_OK)
        return error;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    error = CA_CORRUPT;
    if (bio != NULL && PEM_read_bio(bio, &type, &header, &der, &len) == 1 &&
        strcmp(type, PEM_STRING_X509) == 0)
        identity->x509 = der_x509(ca->libctx, der, (size_t)len);
    if (identity->x509 != NULL && EVP_PKEY_eq(X509_get0_pubkey(identity->x509), identity->key) == 1)
        error = ca_error_of(octets_copy(&identity->der, der, (size_t)len));
    OPENSSL_free(type);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(bio);
    octets_free(&pem);
    return error;
}

/* What an identity of the CA is made of. */
struct identity_plan {
    const char *key_file;
    const char *certificate_file;
    const char *common_name; /* after the CA's name */
    const char *basic_constraints;
    const char *key_usage;
    int years;
};

static enum ca_error identity_certify(struct ca *ca, const struct identity_plan *plan,
                                      const struct ca_options *options,
                                      const struct ca_identity *issuer,
                                      const struct ca_identity *identity) {
    char serial[CA_SERIAL_TEXT];
    char common_name[2 * CA_NAME_MAX];
    const char *name = options->name != NULL ? options->name : "OpenUKey Demo";
    struct octets subject = {NULL, 0};
    struct octets der = {NULL, 0};
    if (strlen(name) > CA_NAME_MAX)
        return CA_ARGUMENT;
    snprintf(common_name, sizeof common_name, "%s %s", name, plan->common_name);
    const struct name_field fields[] = {
        {"C", options->country != NULL ? options->country : "CN"},
        {"O", name},
        {"CN", common_name},
    };
    enum ca_error error = ca_error_of(name_from_fields(fields, 3, &subject));
    if (error == CA_OK)
        error = ca_serial_draw(ca, serial);
    if (error == CA_OK)
        error = ca_certify(ca,
                           &(struct ca_certificate_request){
                               .subject = subject.data,
                               .subject_len = subject.len,
                               .key = identity->key,
                               .issuer = issuer,
                               .serial = serial,
                               .not_before = calendar_add_years(options->now, -CA_YEARS_BACK),
                               .not_after = calendar_add_years(options->now, plan->years),
                               .basic_constraints = plan->basic_constraints,
                               .key_usage = plan->key_usage,
                           },
                           &der);
    if (error == CA_OK)
        error = certificate_write(ca, plan->certificate_file, &der);
    octets_free(&subject);
    octets_free(&der);
    return error;
}

/* Reads an identity; makes what is absent when `options` allow. A certificate without its key is a
 * damaged CA. */
static enum ca_error identity_open(struct ca *ca, const struct identity_plan *plan,
                                   const struct ca_options *options,
                                   const struct ca_identity *issuer, struct ca_identity *out) {
    bool create = options != NULL && options->create;
    enum ca_error error = key_read(ca, plan->key_file, &out->key);
    if (error == CA_UNKNOWN && faccessat(ca->directory_fd, plan->certificate_file, F_OK, 0) == 0)
        return CA_CORRUPT;
    if (error == CA_UNKNOWN && create) {
        error = ca_error_of(sm2_key_generate(ca->libctx, &out->key));
        if (error == CA_OK)
            error = key_write(ca, plan->key_file, out->key);
    }
    if (error == CA_OK)
        error = certificate_read(ca, plan->certificate_file, out);
    if (error == CA_UNKNOWN && create && out->key != NULL) {
        error = identity_certify(ca, plan, options, issuer, out);
        if (error == CA_OK)
            error = certificate_read(ca, plan->certificate_file, out);
    }
    return error == CA_UNKNOWN ? CA_ABSENT : error;
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

static enum ca_error parts_open(struct ca *ca, const struct ca_options *options) {
    static const struct identity_plan root = {
        "root.key",   "root.crt", "Root CA", "critical,CA:TRUE", "critical,keyCertSign,cRLSign",
        CA_YEARS_ROOT};
    static const struct identity_plan issuing = {"issuing.key",
                                                 "issuing.crt",
                                                 "Issuing CA",
                                                 "critical,CA:TRUE,pathlen:0",
                                                 "critical,keyCertSign,cRLSign",
                                                 CA_YEARS_ISSUING};
    static const struct identity_plan maker = {"seal-maker.key",
                                               "seal-maker.crt",
                                               "Seal Maker",
                                               "critical,CA:FALSE",
                                               "critical,digitalSignature,nonRepudiation",
                                               CA_YEARS_ISSUING};
    enum ca_error error = identity_open(ca, &root, options, NULL, &ca->root);
    if (error == CA_OK)
        error = identity_open(ca, &issuing, options, &ca->root, &ca->issuing);
    if (error == CA_OK)
        error = identity_open(ca, &maker, options, &ca->issuing, &ca->maker);
    if (error == CA_OK)
        error = kmc_open(ca, options != NULL && options->create);
    if (error == CA_OK)
        error = ca_folder_make(ca, "issued");
    if (error == CA_OK)
        error = ca_folder_make(ca, "escrow");
    if (error == CA_OK)
        error = ca_folder_make(ca, "recovery");
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

static void identity_close(struct ca_identity *identity) {
    EVP_PKEY_free(identity->key);
    X509_free(identity->x509);
    octets_free(&identity->der);
}

void ca_close(struct ca *ca) {
    if (ca == NULL)
        return;
    int saved = errno;
    identity_close(&ca->root);
    identity_close(&ca->issuing);
    identity_close(&ca->maker);
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

const struct octets *ca_root(const struct ca *ca) {
    return &ca->root.der;
}

const struct octets *ca_issuing(const struct ca *ca) {
    return &ca->issuing.der;
}

const struct octets *ca_seal_maker(const struct ca *ca) {
    return &ca->maker.der;
}
