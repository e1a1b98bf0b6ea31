/* Reading and checking what the CA made. */
#include "agent/jobs/issued.h"

#include <stdlib.h>
#include <string.h>

#include "agent/http/json.h"
#include "module/formats/base64.h"
#include "module/formats/calendar.h"
#include "module/formats/sm2_envelope.h"
#include "openukey/formats.h"

enum {
    CLOCK_SKEW_SECONDS = 600, /* how far the CA's clock may be ahead */
    TERM_DAYS_MAX = 6 * 366,  /* no CA gives more at once */
};

const char *issued_error_text(enum issued_error error) {
    static const char *const texts[] = {
        [ISSUED_OK] = "ok",
        [ISSUED_MALFORMED] = "the answer is malformed",
        [ISSUED_SIGN_KEY] = "the signing certificate is not for the key that was made",
        [ISSUED_ENCRYPT_KEY] = "the encryption certificate is not for the enveloped key",
        [ISSUED_USAGE] = "a certificate has the wrong usage",
        [ISSUED_SUBJECT] = "a certificate has another subject",
        [ISSUED_DATES] = "a certificate's validity makes no sense",
        [ISSUED_CHAIN] = "a certificate does not chain to the service's root",
        [ISSUED_SEAL] = "the seal is not right",
        [ISSUED_MEMORY] = "out of memory",
    };
    return texts[error];
}

static bool read_bytes(const json_t *value, size_t max, struct octets *out) {
    *out = (struct octets){0};
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (!text || len == 0 || len > max * 4 / 3 + 4)
        return false;
    return base64_decode(text, len, out) == FORMATS_OK && out->len > 0 && out->len <= max;
}

/* NULL: it is none. */
static struct certificate *parse_certificate(const json_t *value) {
    struct octets der;
    struct certificate *certificate = NULL;
    if (read_bytes(value, CERTIFICATE_MAX, &der))
        certificate_parse(NULL, der.data, der.len, &certificate);
    octets_free(&der);
    return certificate;
}

static bool read_chain(const json_t *list, STACK_OF(X509) *chain) {
    size_t i;
    json_t *one;
    if (!list)
        return true;
    if (!json_is_array(list) || json_array_size(list) > ISSUED_CHAIN_MAX)
        return false;
    json_array_foreach(list, i, one) {
        struct certificate *certificate = parse_certificate(one);
        bool kept = certificate && X509_up_ref(certificate->x509) == 1;
        if (kept && sk_X509_push(chain, certificate->x509) <= 0) {
            X509_free(certificate->x509);
            kept = false;
        }
        certificate_free(certificate);
        if (!kept)
            return false;
    }
    return true;
}

/* Absent ones are left out unless they are required. */
static bool read_certificate(const json_t *value, bool is_required, struct certificate **out) {
    *out = value ? parse_certificate(value) : NULL;
    return value ? *out != NULL : !is_required;
}

static bool read_envelope(const json_t *value, bool is_required, struct issued *issued) {
    struct sm2_envelope envelope;
    if (!value)
        return !is_required;
    return read_bytes(value, SM2_ENVELOPE_MAX, &issued->envelope) &&
           sm2_envelope_parse(NULL, issued->envelope.data, issued->envelope.len, &envelope) ==
               FORMATS_OK &&
           sm2_point_to_spki(&envelope.public_key, &issued->envelope_spki) == FORMATS_OK;
}

/* A seal comes with its number, which must be its own and fit a file's name. */
static bool read_seal(const json_t *answer, struct issued *issued) {
    const json_t *value = json_object_get(answer, "seal");
    if (!value || json_is_null(value))
        return true;
    const char *id = json_member_string(answer, "sealId", SEAL_ID_MAX);
    if (!id || !read_bytes(value, SEAL_MAX, &issued->seal_der) ||
        seal_parse(NULL, issued->seal_der.data, issued->seal_der.len, &issued->seal) != FORMATS_OK)
        return false;
    return strcmp(issued->seal->id, id) == 0 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
               strlen(id);
}

enum issued_error issued_read(const json_t *answer, unsigned required, struct issued *issued) {
    *issued = (struct issued){0};
    issued->chain = sk_X509_new_null();
    if (!issued->chain)
        return ISSUED_MEMORY;
    const char *nonce = json_member_string(answer, "nonce", ISSUED_NONCE_MAX);
    if (!(nonce || !(required & ISSUED_HAS_NONCE)) ||
        !read_certificate(json_object_get(answer, "signCertificate"), required & ISSUED_HAS_SIGN,
                          &issued->sign) ||
        !read_certificate(json_object_get(answer, "encryptCertificate"),
                          required & ISSUED_HAS_ENCRYPT, &issued->encrypt) ||
        !read_envelope(json_object_get(answer, "envelopedKey"), required & ISSUED_HAS_ENVELOPE,
                       issued) ||
        !read_chain(json_object_get(answer, "chain"), issued->chain) || !read_seal(answer, issued))
        return ISSUED_MALFORMED;
    if (nonce)
        memcpy(issued->nonce, nonce, strlen(nonce) + 1);
    return ISSUED_OK;
}

void issued_clear(struct issued *issued) {
    certificate_free(issued->sign);
    certificate_free(issued->encrypt);
    octets_free(&issued->envelope);
    octets_free(&issued->envelope_spki);
    sk_X509_pop_free(issued->chain, X509_free);
    seal_free(issued->seal);
    octets_free(&issued->seal_der);
    *issued = (struct issued){0};
}

static bool has_key(const struct certificate *certificate, const struct octets *spki) {
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate->x509), &der);
    bool same = len > 0 && (size_t)len == spki->len && memcmp(der, spki->data, spki->len) == 0;
    OPENSSL_free(der);
    return same;
}

/* Valid now, for a term that a CA gives, and longer than the old one (or as long, where that will do); where the old one has not ended,
 * the new one goes on from its end (order-domain 5). */
static bool dates_are_sane(const struct certificate *made,
                           const struct issued_expectation *expected) {
    int64_t now = expected->now, old_end = expected->old_end;
    bool is_same_end = expected->may_end_with_old && made->not_after == old_end;
    int64_t from = old_end > now && !is_same_end ? old_end : now;
    return made->not_before <= now + CLOCK_SKEW_SECONDS && made->not_after > now &&
           (made->not_after > old_end || is_same_end) && made->not_before < made->not_after &&
           (is_same_end || calendar_days_between(from, made->not_after) >= 1) &&
           calendar_days_between(from, made->not_after) <= TERM_DAYS_MAX;
}

static STACK_OF(X509) *join(STACK_OF(X509) *a, STACK_OF(X509) *b) {
    STACK_OF(X509) *joined = sk_X509_dup(a);
    for (int i = 0; joined && b && i < sk_X509_num(b); i++) {
        if (sk_X509_push(joined, sk_X509_value(b, i)) <= 0) {
            sk_X509_free(joined);
            joined = NULL;
        }
    }
    return joined;
}

static enum issued_error check_chain(const struct certificate *certificate,
                                     const struct issued_expectation *expected,
                                     STACK_OF(X509) *intermediates, int64_t at) {
    return certificate_verify_chain(NULL, certificate->x509, intermediates, expected->root, at) ==
                   FORMATS_OK
               ? ISSUED_OK
               : ISSUED_CHAIN;
}

static enum issued_error check_certificate(const struct certificate *certificate,
                                           enum certificate_usage usage,
                                           const struct issued_expectation *expected,
                                           STACK_OF(X509) *intermediates) {
    /* an RSA key has one certificate for both; whose key it is has been looked at */
    bool is_dual = certificate->algorithm == CERTIFICATE_RSA && usage == CERTIFICATE_SIGN &&
                   certificate->usage == CERTIFICATE_BOTH;
    if ((certificate->usage != usage && !is_dual) || certificate->is_ca ||
        (usage == CERTIFICATE_ENCRYPT && certificate->algorithm != CERTIFICATE_SM2))
        return ISSUED_USAGE;
    if (!certificate->subject.text || strcmp(certificate->subject.text, expected->subject) != 0)
        return ISSUED_SUBJECT;
    if (!dates_are_sane(certificate, expected))
        return ISSUED_DATES;
    /* a certificate may begin a moment ahead of our clock */
    return check_chain(certificate, expected, intermediates,
                       certificate->not_before > expected->now ? certificate->not_before
                                                               : expected->now);
}

static const struct octets *encryption_key(const struct issued *issued,
                                           const struct issued_expectation *expected) {
    return expected->encrypt_spki ? expected->encrypt_spki : &issued->envelope_spki;
}

static enum issued_error check_certificates(const struct issued *issued,
                                            const struct issued_expectation *expected,
                                            STACK_OF(X509) *intermediates) {
    const struct certificate *sign = issued->sign, *encrypt = issued->encrypt;
    enum issued_error error = ISSUED_OK;
    if (sign && !has_key(sign, expected->sign_spki))
        return ISSUED_SIGN_KEY;
    if (encrypt && sign && sign->algorithm != CERTIFICATE_SM2)
        return ISSUED_ENCRYPT_KEY;
    if (encrypt && (!has_key(encrypt, encryption_key(issued, expected)) ||
                    has_key(encrypt, expected->sign_spki)))
        return ISSUED_ENCRYPT_KEY;
    if (sign)
        error = check_certificate(sign, CERTIFICATE_SIGN, expected, intermediates);
    if (!error && encrypt)
        error = check_certificate(encrypt, CERTIFICATE_ENCRYPT, expected, intermediates);
    if (!error && sign && encrypt && !certificate_is_pair(sign, encrypt))
        error = ISSUED_DATES;
    return error;
}

static enum issued_error check_seal(const struct issued *issued,
                                    const struct issued_expectation *expected,
                                    const struct octets *listed, STACK_OF(X509) *intermediates) {
    const struct seal *seal = issued->seal;
    if (!seal)
        return ISSUED_OK;
    int64_t at = expected->now;
    if (seal->valid_start > at && seal->valid_start <= at + CLOCK_SKEW_SECONDS)
        at = seal->valid_start;
    return seal_lists_certificate(seal, listed->data, listed->len) &&
                   seal_check(seal, expected->root, intermediates, at) == FORMATS_OK
               ? ISSUED_OK
               : ISSUED_SEAL;
}

enum issued_error issued_check(const struct issued *issued,
                               const struct issued_expectation *expected,
                               const struct octets *listed) {
    STACK_OF(X509) *intermediates = join(issued->chain, expected->intermediates);
    if (!intermediates)
        return ISSUED_MEMORY;
    enum issued_error error = check_certificates(issued, expected, intermediates);
    if (!error)
        error = check_seal(issued, expected, listed, intermediates);
    sk_X509_free(intermediates);
    return error;
}

enum issued_error issued_check_recovered(const struct issued *issued,
                                         const struct issued_expectation *expected) {
    const struct certificate *certificate = issued->encrypt;
    if (!has_key(certificate, &issued->envelope_spki))
        return ISSUED_ENCRYPT_KEY;
    if (certificate->usage != CERTIFICATE_ENCRYPT || certificate->is_ca ||
        certificate->algorithm != CERTIFICATE_SM2)
        return ISSUED_USAGE;
    STACK_OF(X509) *intermediates = join(issued->chain, expected->intermediates);
    if (!intermediates)
        return ISSUED_MEMORY;
    int64_t at = certificate->not_after < expected->now ? certificate->not_after : expected->now;
    enum issued_error error = check_chain(certificate, expected, intermediates, at);
    sk_X509_free(intermediates);
    return error;
}
