/* An encryption key that the CA's KMC keeps comes back, for old mail: enveloped to a key made here for nothing else. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http/json.h"
#include "agent/jobs/work.h"
#include "module/formats/base64.h"

enum { SECRET_MAX = 256, CIPHER_MAX = 1024 };

static bool set_result(struct work *work, const struct certificate *recovered) {
    job_set_result(work->job, json_pack("{s:s}", "encryptCertificate", recovered->id));
    return true;
}

/* What an earlier run has brought. */
static bool describe(struct work *work) {
    struct token_pair pair = {0};
    enum token_error error = token_find_pair(work->token, work->label, TOKEN_USE_ENCRYPT, &pair);
    octets_free(&pair.spki);
    if (error && error != TOKEN_NOT_FOUND)
        return work_fail_token(work, error);
    const struct certificate *recovered = error ? NULL : work_certificate_of(work, &pair.id);
    return recovered ? set_result(work, recovered)
                     : work_fail(work, PROBLEM_WRONG_TOKEN, true,
                                 "the recovered certificate is not on this key");
}

static bool match(struct work *work) {
    return work_match_order(work, true) && (!work->is_confirmed || describe(work));
}

/* The answer names the certificate and brings a challenge for the key that comes back. */
static bool read_answer(struct work *work, const json_t *answer) {
    const char *challenge = json_member_string(answer, "challenge", CIPHER_MAX);
    json_t *named = json_copy((json_t *)(uintptr_t)answer);
    json_object_set(named, "encryptCertificate", json_object_get(answer, "certificate"));
    enum issued_error error = issued_read(
        named, ISSUED_HAS_ENCRYPT | ISSUED_HAS_ENVELOPE | ISSUED_HAS_NONCE, &work->issued);
    json_decref(named);
    if (!error && (!challenge || work->issued.sign || work->issued.seal ||
                   base64_decode(challenge, strlen(challenge), &work->secret) != FORMATS_OK))
        error = ISSUED_MALFORMED;
    return !error || work_fail(work, PROBLEM_TASK_REFUSED, true, issued_error_text(error));
}

static bool recover(struct work *work) {
    json_t *answer = NULL;
    if (!work_sign_continuity(work, &work->pair.spki))
        return false;
    json_t *body = json_pack("{s:o, s:o}", "recipient", base64_json(&work->pair.spki), "continuity",
                             base64_json(&work->signature));
    if (!work_ask_task(work, "recover", body, &answer))
        return false;
    bool is_good = read_answer(work, answer);
    json_decref(answer);
    return is_good;
}

static bool check(struct work *work) {
    const struct issued_expectation expected = {
        .root = work->anchor->root,
        .intermediates = work->anchor->intermediates,
        .now = key_now(),
    };
    enum issued_error error = issued_check_recovered(&work->issued, &expected);
    return !error || work_fail(work, PROBLEM_TASK_REFUSED, true, issued_error_text(error));
}

/* The key that came back opens the secret, and the holder's signing key says so. */
static bool prove(struct work *work) {
    char message[sizeof RECOVERED_PREFIX + ISSUED_NONCE_MAX + 1 + SECRET_MAX];
    struct token_pair pair = {0};
    struct octets secret = {0};
    enum token_error error = token_find_pair(work->token, work->label, TOKEN_USE_ENCRYPT, &pair);
    octets_free(&pair.spki);
    if (!error)
        error = token_decrypt(work->token, &pair.id, TOKEN_DECRYPT_SM2, work->secret.data,
                              work->secret.len, NULL, &secret);
    if (error)
        return work_fail_token(work, error);
    bool is_text =
        secret.len > 0 && secret.len <= SECRET_MAX && !memchr(secret.data, 0, secret.len);
    snprintf(message, sizeof message, "%s%s:%.*s", RECOVERED_PREFIX, work->issued.nonce,
             is_text ? (int)secret.len : 0, (const char *)secret.data);
    octets_free(&secret);
    bool is_signed =
        is_text ? work_sign(work, &work->old->key_id, work->old->certificate, message)
                : work_fail(work, PROBLEM_TASK_REFUSED, true, "the challenge is malformed");
    OPENSSL_cleanse(message, sizeof message);
    return is_signed;
}

static bool confirm(struct work *work) {
    return work_confirm(work, work->old->certificate->id) && set_result(work, work->issued.encrypt);
}

/* The key that it was enveloped to has done its work. */
static bool retire(struct work *work) {
    struct token_pair pair = {0};
    enum token_error error = token_find_pair(work->token, work->label, TOKEN_USE_SIGN, &pair);
    octets_free(&pair.spki);
    if (!error)
        error = token_retire(work->token, &pair.id);
    if (error == TOKEN_NOT_FOUND || error == TOKEN_UNSUPPORTED)
        error = TOKEN_OK;
    return error ? work_fail_token(work, error) : true;
}

const struct job_kind job_kind_recover = {
    .name = "recover",
    .task = "KEY_RECOVERY",
    .needs_pin = true,
    .writes_from = STEP_GENERATE,
    .keeps_subject = true,
    .steps = {{STEP_READ_KEY, step_read_key, true},
              {STEP_MATCH, match, true},
              {STEP_CLAIM, step_claim, false},
              {STEP_GENERATE, step_generate, false},
              {STEP_RECOVER, recover, false},
              {STEP_CHECK, check, false},
              {STEP_UNWRAP, step_unwrap, false},
              {STEP_WRITE_CERTIFICATES, step_write_certificates, false},
              {STEP_READ_BACK, step_read_back, false},
              {STEP_PROVE, prove, false},
              {STEP_CONFIRM, confirm, false},
              {STEP_RETIRE, retire, true}}};
