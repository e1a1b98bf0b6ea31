/* Certificates and a seal that a page brings for keys that are on the key already. The service has no part in it, so everything is
 * checked here: each is for a key that is there, of the service's CA, of the holder's name, valid now, and no older than what is there. */
#include <openssl/rand.h>
#include <string.h>

#include "agent/jobs/work.h"

enum { NONCE_BYTES = 16 };

static bool refuse(struct work *work, enum issued_error error) {
    return work_fail(work, PROBLEM_INSTALL_REFUSED, true, issued_error_text(error));
}

static enum token_error find_key_of(struct work *work, const struct certificate *certificate,
                                    enum token_usage usage, char *label, struct token_pair *pair) {
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate->x509), &der);
    const struct octets spki = {der, len > 0 ? (size_t)len : 0};
    enum token_error error =
        len > 0 ? token_find_key(work->token, &spki, usage, label, pair) : TOKEN_MEMORY;
    OPENSSL_free(der);
    return error;
}

/* The container that is worked on is that of the key that the signing certificate is for; a seal alone is for a certificate that is there. */
static bool find_container(struct work *work) {
    const struct certificate *wanted = work->issued.sign;
    const struct token_certificate *current =
        key_current_certificate(&work->certificates, key_now());
    if (!wanted && current && current->certificate->algorithm == CERTIFICATE_SM2)
        wanted = current->certificate;
    enum token_error error =
        wanted ? find_key_of(work, wanted, TOKEN_USE_SIGN, work->label, &work->pair)
               : TOKEN_NOT_FOUND;
    if (error == TOKEN_NOT_FOUND)
        return refuse(work, ISSUED_SIGN_KEY);
    return !error || work_fail_token(work, error);
}

/* The encryption key of that container: the one that is there, or that of the envelope where there is none. One that is there stays. */
static bool find_encryption_key(struct work *work, struct token_pair *there) {
    const struct issued *issued = &work->issued;
    enum token_error error = token_find_pair(work->token, work->label, TOKEN_USE_ENCRYPT, there);
    if (error && error != TOKEN_NOT_FOUND)
        return work_fail_token(work, error);
    bool is_other =
        !error && issued->envelope.len && !octets_equal(&there->spki, &issued->envelope_spki);
    bool is_missing = error && issued->encrypt && !issued->envelope.len;
    return (!is_other && !is_missing) || refuse(work, ISSUED_ENCRYPT_KEY);
}

/* Whose name it must be: that of the certificate which this key has, else of the one in use on the token, else its own. */
static const struct certificate *predecessor(const struct work *work) {
    const struct certificate *own = work_certificate_of(work, &work->pair.id);
    const struct token_certificate *current =
        own ? NULL : key_current_certificate(&work->certificates, key_now());
    return current ? current->certificate : own;
}

/* An order that is shown a second time would bring back what has been replaced. */
static bool is_older(const struct certificate *made, const struct certificate *own) {
    return made && own && made->not_before < own->not_before;
}

static bool check_parts(struct work *work, const struct token_pair *encrypt) {
    const struct issued *issued = &work->issued;
    const struct certificate *before = predecessor(work);
    const struct certificate *first = issued->sign ? issued->sign : issued->encrypt;
    const struct certificate *own = work_certificate_of(work, &work->pair.id);
    const struct octets *listed = issued->sign ? &issued->sign->der : own ? &own->der : NULL;
    const struct issued_expectation expected = {
        .sign_spki = &work->pair.spki,
        .encrypt_spki = encrypt->spki.len ? &encrypt->spki : NULL,
        .subject = before  ? before->subject.text
                   : first ? first->subject.text
                           : "",
        .old_end = own ? own->not_after : 0,
        .may_end_with_old = true,
        .root = work->anchor->root,
        .intermediates = work->anchor->intermediates,
        .now = key_now(),
    };
    if (is_older(issued->sign, own) ||
        is_older(issued->encrypt, encrypt->id.len ? work_certificate_of(work, &encrypt->id) : NULL))
        return work_fail(work, PROBLEM_INSTALL_REFUSED, true,
                         "a newer certificate is on the key already");
    if (issued->seal && !listed)
        return refuse(work, ISSUED_SEAL);
    enum issued_error error = issued_check(issued, &expected, listed);
    return !error || refuse(work, error);
}

static bool check(struct work *work) {
    struct token_pair encrypt = {0};
    enum issued_error error = issued_read(work->job->install, 0, &work->issued);
    if (error)
        return refuse(work, error);
    if (!work->issued.sign && !work->issued.encrypt && !work->issued.seal)
        return refuse(work, ISSUED_MALFORMED);
    bool is_good = find_container(work) && find_encryption_key(work, &encrypt) &&
                   check_parts(work, &encrypt) && work_seal_has_room(work);
    octets_free(&encrypt.spki);
    return is_good;
}

/* The key signs something that nobody has seen before, and the certificate that is there now verifies it. */
static bool prove(struct work *work) {
    unsigned char random[NONCE_BYTES];
    char message[sizeof PROOF_PREFIX + (size_t)2 * NONCE_BYTES] = PROOF_PREFIX;
    if (!work->issued.sign)
        return work_describe(work);
    if (RAND_bytes(random, sizeof random) != 1)
        return work_fail(work, PROBLEM_INTERNAL, false, "no random numbers");
    octets_to_hex(random, sizeof random, message + strlen(PROOF_PREFIX));
    return work_sign(work, &work->pair.id, work->issued.sign, message) && work_describe(work);
}

const struct job_kind job_kind_install = {
    .name = "install",
    .needs_pin = true,
    .writes_from = STEP_UNWRAP,
    .steps = {{STEP_READ_KEY, step_read_key, true},
              {STEP_CHECK, check, false},
              {STEP_UNWRAP, step_unwrap, false},
              {STEP_WRITE_SEAL, step_write_seal, false},
              {STEP_WRITE_CERTIFICATES, step_write_certificates, false},
              {STEP_READ_BACK, step_read_back, false},
              {STEP_PROVE, prove, false}}};
