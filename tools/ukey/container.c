/* Containers as a CA's counter fills them: PKCS#10 from the key, two certificates and an enveloped
 * key back to it. */
#include "tools/ukey/container.h"

#include "module/formats/certificate.h"
#include "module/formats/certificate_request.h"
#include "module/formats/sm2.h"
#include "tools/ukey/text.h"

#include <string.h>

static bool formats_ok(enum formats_error error, const char *what) {
    if (error != FORMATS_OK)
        text_complain(TEXT_FORMATS, what, formats_error_text(error), NULL);
    return error == FORMATS_OK;
}

static bool ca_ok(enum ca_error error, const char *what) {
    if (error != CA_OK)
        text_complain(TEXT_FORMATS, what, ca_error_text(error), NULL);
    return error == CA_OK;
}

static enum key_algorithm algorithm_of(const struct profile_container *wanted) {
    return wanted->algorithm == PROFILE_RSA ? KEY_RSA : KEY_SM2;
}

/* The request, signed on the key. */
static bool request_make(struct key *key, CK_OBJECT_HANDLE private_key,
                         enum key_algorithm algorithm, const struct octets *subject,
                         const struct octets *spki, struct octets *csr) {
    struct octets tbs = {NULL, 0};
    struct octets signature = {NULL, 0};
    bool done =
        formats_ok(
            certificate_request_build(subject->data, subject->len, spki->data, spki->len, &tbs),
            "PKCS#10") &&
        key_sign(key, private_key, algorithm, tbs.data, tbs.len, &signature) &&
        formats_ok(certificate_request_assemble(NULL, &tbs, signature.data, signature.len, csr),
                   "PKCS#10");
    octets_free(&tbs);
    octets_free(&signature);
    return done;
}

/* The CA's own certificates, to judge others by. */
struct trust {
    struct certificate *root;
    struct certificate *issuing;
    STACK_OF(X509) *intermediates;
};

static enum formats_error trust_open(struct ca *ca, struct trust *trust) {
    *trust = (struct trust){.intermediates = sk_X509_new_null()};
    enum formats_error error =
        certificate_parse(NULL, ca_root(ca)->data, ca_root(ca)->len, &trust->root);
    if (error == FORMATS_OK)
        error = certificate_parse(NULL, ca_issuing(ca)->data, ca_issuing(ca)->len, &trust->issuing);
    if (error == FORMATS_OK && (trust->intermediates == NULL ||
                                sk_X509_push(trust->intermediates, trust->issuing->x509) <= 0))
        error = FORMATS_MEMORY;
    return error;
}

static void trust_close(struct trust *trust) {
    sk_X509_free(trust->intermediates);
    certificate_free(trust->issuing);
    certificate_free(trust->root);
}

/* Chain to the root at the beginning of the validity, which may lie in the past. */
static enum formats_error chain_check(struct ca *ca, X509 *leaf, int64_t at) {
    struct trust trust;
    enum formats_error error = trust_open(ca, &trust);
    if (error == FORMATS_OK)
        error = certificate_verify_chain(NULL, leaf, trust.intermediates, trust.root->x509, at);
    trust_close(&trust);
    return error;
}

enum formats_error container_check_seal(struct ca *ca, const struct seal *seal) {
    struct trust trust;
    enum formats_error error = trust_open(ca, &trust);
    if (error == FORMATS_OK)
        error = seal_check(seal, trust.root->x509, trust.intermediates, seal->valid_start);
    trust_close(&trust);
    return error;
}

/* The key signs, and the certificate on it verifies. */
static bool signing_try(struct key *key, CK_OBJECT_HANDLE private_key, enum key_algorithm algorithm,
                        const struct certificate *certificate) {
    static const char message[] = "ukey provision: does this key sign?";
    struct octets signature;
    bool done = key_sign(key, private_key, algorithm, message, sizeof message, &signature) &&
                formats_ok(certificate_verify_message(NULL, certificate, message, sizeof message,
                                                      signature.data, signature.len),
                           certificate->subject.text);
    octets_free(&signature);
    return done;
}

/* What is encrypted to the certificate opens on the key. */
static bool encryption_try(struct key *key, CK_OBJECT_HANDLE private_key,
                           const struct certificate *certificate) {
    static const char message[] = "ukey provision: does this key decrypt?";
    struct sm2_cipher parts;
    struct octets der = {NULL, 0};
    struct octets raw = {NULL, 0};
    struct octets plain = {NULL, 0};
    bool done = formats_ok(sm2_encrypt(NULL, X509_get0_pubkey(certificate->x509), message,
                                       sizeof message, &der),
                           "SM2") &&
                formats_ok(sm2_cipher_parse(der.data, der.len, &parts), "SM2") &&
                formats_ok(sm2_cipher_to_raw(&parts, &raw), "SM2") &&
                key_decrypt(key, private_key, KEY_SM2, &raw, &plain);
    if (done && (plain.len != sizeof message || memcmp(plain.data, message, plain.len) != 0)) {
        text_complain(TEXT_NOT_AS_WRITTEN, "C_Decrypt", NULL, NULL);
        done = false;
    }
    octets_free(&der);
    octets_free(&raw);
    octets_free(&plain);
    return done;
}

/* Writes a certificate, finds it again, and tries its key. */
static bool install(struct key *key, struct ca *ca, const struct profile_container *wanted,
                    const struct octets *der) {
    struct certificate *certificate = NULL;
    CK_OBJECT_HANDLE private_key;
    bool done =
        formats_ok(certificate_parse(NULL, der->data, der->len, &certificate), wanted->name) &&
        formats_ok(chain_check(ca, certificate->x509, certificate->not_before), wanted->name) &&
        key_write_certificate(key, wanted->name, der, &certificate->subject.der) &&
        key_find_private(key, der, &private_key);
    if (done && certificate->usage != CERTIFICATE_ENCRYPT)
        done = signing_try(key, private_key, algorithm_of(wanted), certificate);
    if (done && certificate->usage == CERTIFICATE_ENCRYPT)
        done = encryption_try(key, private_key, certificate);
    certificate_free(certificate);
    return done;
}

bool container_make(struct key *key, struct ca *ca, const struct profile_container *wanted,
                    struct container *out) {
    enum key_algorithm algorithm = algorithm_of(wanted);
    CK_OBJECT_HANDLE private_key;
    struct octets subject = {NULL, 0};
    struct octets spki = {NULL, 0};
    struct octets csr = {NULL, 0};
    struct ca_plan plan;
    struct ca_issued issued = {0};
    *out = (struct container){0};
    bool done = formats_ok(name_from_fields(wanted->subject, wanted->subject_count, &subject),
                           wanted->name) &&
                key_generate(key, wanted->name, algorithm, &private_key, &spki) &&
                request_make(key, private_key, algorithm, &subject, &spki, &csr);
    const struct ca_request request = {
        .csr = csr.data,
        .csr_len = csr.len,
        .subject = subject.data,
        .subject_len = subject.len,
        .not_before = wanted->not_before,
        .not_after = wanted->not_after,
        .encryption_pair = wanted->encryption_pair,
        .dual_use = wanted->algorithm == PROFILE_RSA,
    };
    done = done && ca_ok(ca_plan(ca, &request, &plan), wanted->name) &&
           ca_ok(ca_issue(ca, &request, &plan, &issued), wanted->name) &&
           install(key, ca, wanted, &issued.sign_certificate);
    if (done && wanted->encryption_pair)
        done = key_unwrap(key, private_key, &issued.enveloped_key) &&
               install(key, ca, wanted, &issued.encrypt_certificate);
    if (done) {
        out->sign = issued.sign_certificate;
        out->encrypt = issued.encrypt_certificate;
        issued.sign_certificate = issued.encrypt_certificate = (struct octets){NULL, 0};
    }
    ca_issued_free(&issued);
    octets_free(&subject);
    octets_free(&spki);
    octets_free(&csr);
    return done;
}

void container_free(struct container *container) {
    octets_free(&container->sign);
    octets_free(&container->encrypt);
}
