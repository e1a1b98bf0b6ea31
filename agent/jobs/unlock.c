/* A locked PIN gets a new one with the service's answer to the key's challenge. The new PIN is typed in the native dialog, or fixed by
 * the portal's manual; it goes from here to the key and nowhere else. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "agent/http/json.h"
#include "agent/jobs/work.h"
#include "module/formats/base64.h"

static void set_result(struct work *work, bool must_change) {
    job_set_result(work->job, json_pack("{s:b}", "mustChange", must_change));
}

static bool match(struct work *work) {
    if (!work_match_order(work, true))
        return false;
    if (work->is_confirmed)
        set_result(work, work->facts.must_change);
    return true;
}

static bool challenge(struct work *work) {
    enum token_error error =
        token_unlock_begin(work->token, work->task.unlock.number, &work->unlock);
    return error ? work_fail_token(work, error) : true;
}

/* The service's answer to the challenge; the nonce for the proof comes with it. */
static bool ask_response(struct work *work, unsigned char response[TOKEN_UNLOCK_RESPONSE]) {
    const struct octets asked = {work->unlock.challenge, sizeof work->unlock.challenge};
    struct octets bytes = {0};
    json_t *answer = NULL;
    if (!work_ask_task(work, "unlock-response",
                       json_pack("{s:s, s:o}", "tokenSerial", work->facts.serial, "challenge",
                                 base64_json(&asked)),
                       &answer))
        return false;
    const char *nonce = json_member_string(answer, "nonce", ISSUED_NONCE_MAX);
    const char *text = json_member_string(answer, "response", 64);
    bool is_good = nonce && text && base64_decode(text, strlen(text), &bytes) == FORMATS_OK &&
                   bytes.len == TOKEN_UNLOCK_RESPONSE;
    if (is_good) {
        memcpy(response, bytes.data, TOKEN_UNLOCK_RESPONSE);
        memcpy(work->issued.nonce, nonce, strlen(nonce) + 1);
    }
    octets_free(&bytes);
    json_decref(answer);
    return is_good ||
           work_fail(work, PROBLEM_SERVICE_REFUSED, true, "the service's answer is malformed");
}

/* TOKEN_PIN_WRONG means that the answer is not this challenge's: somebody asked for another one meanwhile. */
static bool finish(struct work *work, const unsigned char response[TOKEN_UNLOCK_RESPONSE],
                   const char *pin, size_t len) {
    const struct task_unlock *terms = &work->task.unlock;
    enum token_error error =
        token_unlock_finish(work->token, &work->unlock, response, pin, len, terms->must_change);
    /* nobody goes on with what the old PIN opened */
    access_pin_forget(work->job->owner->key->agent->access, token_id(work->token));
    if (error == TOKEN_PIN_WRONG)
        return work_fail(work, PROBLEM_TASK_REFUSED, false,
                         "the key does not take the service's answer");
    if (error)
        return work_fail_token(work, error);
    work->has_logged_in = !terms->must_change;
    return true;
}

/* The person first, then the service: its answer is good for five minutes only. */
static bool set_pin(struct work *work) {
    unsigned char response[TOKEN_UNLOCK_RESPONSE];
    struct consent_pin *pin = NULL;
    const char fixed[] = TASK_FIXED_PIN;
    bool is_fixed = work->task.unlock.is_fixed;
    bool is_done = is_fixed ? work_ask_person(work, WORD_FIXED_PIN_TITLE, WORD_FIXED_PIN_MESSAGE)
                            : work_ask_new_pin(work, &pin);
    if (is_done)
        is_done =
            ask_response(work, response) && finish(work, response, is_fixed ? fixed : pin->text,
                                                   is_fixed ? sizeof fixed - 1 : pin->len);
    OPENSSL_cleanse(response, sizeof response);
    consent_pin_free(pin);
    return is_done;
}

/* With the PIN that was just set; one that must be changed opens nothing, and then there is no proof. */
static bool prove(struct work *work) {
    char message[sizeof PROOF_PREFIX + ISSUED_NONCE_MAX];
    if (work->task.unlock.must_change)
        return true;
    snprintf(message, sizeof message, "%s%s", PROOF_PREFIX, work->issued.nonce);
    return work_sign(work, &work->old->key_id, work->old->certificate, message);
}

static bool confirm(struct work *work) {
    if (!work_confirm(work, work->old->certificate->id))
        return false;
    set_result(work, work->task.unlock.must_change);
    return true;
}

const struct job_kind job_kind_unlock = {.name = "unlock",
                                         .task = "UNLOCK",
                                         .needs_pin = false,
                                         .writes_from = STEP_SET_PIN,
                                         .keeps_subject = true,
                                         .steps = {{STEP_READ_KEY, step_read_key, true},
                                                   {STEP_MATCH, match, true},
                                                   {STEP_CLAIM, step_claim, false},
                                                   {STEP_CHALLENGE, challenge, false},
                                                   {STEP_SET_PIN, set_pin, false},
                                                   {STEP_PROVE, prove, false},
                                                   {STEP_CONFIRM, confirm, false}}};
