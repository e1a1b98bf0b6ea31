/* The CA's own keys and certificates: read, or made. Each key is written before its certificate, so
 * that an interrupted beginning goes on where it stopped. */
#include "module/formats/calendar.h"
#include "module/formats/certificate_request.h"
#include "module/formats/der.h"
#include "tools/orderd/ca/ca_internal.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
    return *key != NULL ? CA_OK : CA_CORRUPT;
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

static enum ca_error identity_certify(struct ca *ca, const struct ca_identity_plan *plan,
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
                               .is_responder = plan->is_responder,
                           },
                           &der);
    if (error == CA_OK)
        error = certificate_write(ca, plan->certificate_file, &der);
    octets_free(&subject);
    octets_free(&der);
    return error;
}

/* The root's key says what the CA signs with; all others must agree. */
static enum ca_error algorithm_settle(struct ca *ca, const struct ca_options *options,
                                      const struct ca_identity *issuer, const EVP_PKEY *key) {
    enum ca_algorithm found = ca_algorithm_of_key(key);
    enum ca_algorithm wanted = options != NULL ? options->algorithm : CA_ANY_ALGORITHM;
    if (found == CA_ANY_ALGORITHM || (issuer != NULL && found != ca->algorithm))
        return CA_CORRUPT;
    ca->algorithm = found;
    return wanted == CA_ANY_ALGORITHM || wanted == found ? CA_OK : CA_OTHER_ALGORITHM;
}

static enum ca_error key_make(struct ca *ca, const struct ca_identity_plan *plan,
                              const struct ca_options *options, const struct ca_identity *issuer,
                              EVP_PKEY **out) {
    if (issuer == NULL)
        ca->algorithm = options->algorithm != CA_ANY_ALGORITHM ? options->algorithm : CA_SM2;
    bool is_ca = strstr(plan->basic_constraints, "CA:TRUE") != NULL;
    enum ca_error error = ca_key_generate(ca, is_ca, out);
    return error == CA_OK ? key_write(ca, plan->key_file, *out) : error;
}

enum ca_error ca_identity_open(struct ca *ca, const struct ca_identity_plan *plan,
                               const struct ca_options *options, const struct ca_identity *issuer,
                               struct ca_identity *out) {
    bool create = options != NULL && options->create;
    enum ca_error error = key_read(ca, plan->key_file, &out->key);
    if (error == CA_UNKNOWN && faccessat(ca->directory_fd, plan->certificate_file, F_OK, 0) == 0)
        return CA_CORRUPT;
    if (error == CA_UNKNOWN && create)
        error = key_make(ca, plan, options, issuer, &out->key);
    if (error == CA_OK)
        error = algorithm_settle(ca, options, issuer, out->key);
    if (error == CA_OK)
        error = certificate_read(ca, plan->certificate_file, out);
    if (error == CA_UNKNOWN && create && out->key != NULL) {
        error = identity_certify(ca, plan, options, issuer, out);
        if (error == CA_OK)
            error = certificate_read(ca, plan->certificate_file, out);
    }
    return error == CA_UNKNOWN ? CA_ABSENT : error;
}

void ca_identity_close(struct ca_identity *identity) {
    EVP_PKEY_free(identity->key);
    X509_free(identity->x509);
    octets_free(&identity->der);
}
