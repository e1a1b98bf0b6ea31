/* The common middle: a new key pair inside the key, its certificates asked for, checked, proven and confirmed. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "agent/http/json.h"
#include "agent/jobs/work.h"
#include "module/formats/base64.h"
#include "module/formats/certificate_request.h"

enum { SHA256_SIZE = 32 };

/* ---- generate ---- */

bool step_generate(struct work *work) {
    enum token_error error = token_find_pair(work->token, work->label, TOKEN_USE_SIGN, &work->pair);
    if (error == TOKEN_NOT_FOUND)
        error = token_generate(work->token, work->label, work->task.scheme, &work->pair);
    if (error)
        return work_fail_token(work, error);
    const struct token_key_id *old = work->old ? &work->old->key_id : NULL;
    if (work->pair.id.len == 0 || (old && work->pair.id.len == old->len &&
                                   memcmp(work->pair.id.bytes, old->bytes, old->len) == 0))
        return work_fail(work, PROBLEM_TOKEN_ERROR, true,
                         "the new key cannot be told from the old");
    return true;
}

/* ---- request ---- */

/* The old name; without one, that of the holder. The CA writes what it has on file. */
static bool subject_of(struct work *work, struct octets *subject) {
    const struct name_field field = {"CN", work->holder};
    const struct octets *old = work->old ? &work->old->certificate->subject.der : NULL;
    enum formats_error error =
        old ? octets_copy(subject, old->data, old->len) : name_from_fields(&field, 1, subject);
    return error == FORMATS_OK ||
           work_fail(work, PROBLEM_INTERNAL, false, "the request cannot be made");
}

static bool make_csr(struct work *work) {
    struct octets subject = {0}, info = {0}, signature = {0};
    bool is_made = false;
    if (!subject_of(work, &subject))
        goto out;
    if (certificate_request_build(subject.data, subject.len, work->pair.spki.data,
                                  work->pair.spki.len, &info) != FORMATS_OK) {
        work_fail(work, PROBLEM_INTERNAL, false, "the request cannot be made");
        goto out;
    }
    enum token_error error = token_sign(work->token, &work->pair.id, work->task.scheme, info.data,
                                        info.len, NULL, &signature);
    if (error) {
        work_fail_token(work, error);
        goto out;
    }
    is_made = certificate_request_assemble(NULL, &info, signature.data, signature.len,
                                           &work->csr) == FORMATS_OK ||
              work_fail(work, PROBLEM_TOKEN_ERROR, true, "the new key's signature does not verify");
out:
    octets_free(&subject);
    octets_free(&info);
    octets_free(&signature);
    return is_made;
}

bool work_sign(struct work *work, const struct token_key_id *id,
               const struct certificate *certificate, const char *message) {
    size_t len = strlen(message);
    enum signature_scheme scheme;
    octets_free(&work->signature);
    if (signature_scheme_of_key(X509_get0_pubkey(certificate->x509), false, &scheme) != FORMATS_OK)
        return work_fail(work, PROBLEM_CERTIFICATE_MISMATCH, true, "a key of an unknown kind");
    enum token_error error =
        token_sign(work->token, id, scheme, message, len, NULL, &work->signature);
    if (error)
        return work_fail_token(work, error);
    return certificate_verify_message(NULL, certificate, message, len, work->signature.data,
                                      work->signature.len) == FORMATS_OK ||
           work_fail(work, PROBLEM_CERTIFICATE_MISMATCH, true,
                     "the key's signature does not verify with its certificate");
}

bool work_sign_continuity(struct work *work, const struct octets *what) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    char message[sizeof CONTINUITY_PREFIX + TASK_TEXT_MAX + 1 + sizeof hex];
    if (EVP_Digest(what->data, what->len, digest, NULL, EVP_sha256(), NULL) != 1)
        return work_fail(work, PROBLEM_INTERNAL, false, "SHA-256 failed");
    octets_to_hex(digest, SHA256_SIZE, hex);
    snprintf(message, sizeof message, "%s%s:%s", CONTINUITY_PREFIX, work->task.nonce, hex);
    return work_sign(work, &work->old->key_id, work->old->certificate, message);
}

bool step_request(struct work *work) {
    return make_csr(work) && (!work->old || work_sign_continuity(work, &work->csr));
}

/* ---- send, check ---- */

bool step_send(struct work *work) {
    json_t *answer = NULL;
    json_t *body = json_pack("{s:o, s:o*}", "csr", base64_json(&work->csr), "continuity",
                             work->old ? base64_json(&work->signature) : NULL);
    if (!work_ask_task(work, "csr", body, &answer))
        return false;
    /* an encryption pair comes to SM2 keys only */
    unsigned required =
        work->task.scheme == SCHEME_SM2 ? ISSUED_HAS_ALL : ISSUED_HAS_SIGN | ISSUED_HAS_NONCE;
    enum issued_error error = issued_read(answer, required, &work->issued);
    json_decref(answer);
    return error ? work_fail(work, PROBLEM_TASK_REFUSED, true, issued_error_text(error)) : true;
}

bool step_check(struct work *work) {
    const struct job_kind *kind = work->job->kind;
    const struct issued_expectation expected = {
        .sign_spki = &work->pair.spki,
        .subject = work->task.subject,
        .old_end = work->old ? work->old->certificate->not_after : 0,
        .may_end_with_old = kind->may_end_with_old,
        .root = work->anchor->root,
        .intermediates = work->anchor->intermediates,
        .now = key_now(),
    };
    enum issued_error error = issued_check(&work->issued, &expected, &work->issued.sign->der);
    if (error)
        return work_fail(work, PROBLEM_TASK_REFUSED, true, issued_error_text(error));
    return work_seal_has_room(work);
}

/* ---- prove, confirm ---- */

bool step_prove(struct work *work) {
    char message[sizeof PROOF_PREFIX + ISSUED_NONCE_MAX];
    snprintf(message, sizeof message, "%s%s", PROOF_PREFIX, work->issued.nonce);
    return work_sign(work, &work->pair.id, work->issued.sign, message);
}

bool work_confirm(struct work *work, const char *certificate) {
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s, s:o*}", "certificate", certificate, "proof",
                             work->signature.len ? base64_json(&work->signature) : NULL);
    if (!work_ask_task(work, "confirm", body, &answer))
        return false;
    json_decref(answer);
    work->is_confirmed = true;
    return true;
}

bool step_confirm(struct work *work) {
    return work_confirm(work, work->issued.sign->id) && work_describe(work);
}
