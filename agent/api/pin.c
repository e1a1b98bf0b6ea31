/* POST /v1/tokens/{id}/verify-pin: the PIN is typed into the native dialog; no page ever sees one, unless the policy lets its site supply
 * PINs. */
#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>

#include "agent/api/ask.h"
#include "agent/api/key.h"
#include "agent/api/pin_dialog.h"
#include "agent/http/json.h"

static bool is_verified(struct http_request *request, struct token *token) {
    return access_pin_is_verified(agent_of(request)->access, agent_session(request)->id,
                                  token_id(token)) &&
           token_is_logged_in(token);
}

static void respond_verified(struct http_request *request, struct token *token) {
    struct token_facts facts = {0};
    token_read_facts(token, &facts);
    http_respond_json(request, 200,
                      json_pack("{s:b, s:b}", "verified", 1, "mustChange", facts.must_change));
}

/* The try has been made: count it, write it down, answer. */
static void settle(struct http_request *request, struct token *token, enum token_error error,
                   int tries_left, const char *by) {
    struct access *access = agent_of(request)->access;
    const struct access_session *session = agent_session(request);
    bool was_tried = !error || error == TOKEN_PIN_WRONG || error == TOKEN_PIN_LOCKED;
    if (was_tried)
        access_pin_tried(access, session->origin, !error);
    bool is_recorded =
        agent_record(request, "pin",
                     json_pack("{s:s, s:s, s:s}", "answer", "given", "by", by, "result",
                               error ? agent_problem_code(key_token_problem(error)) : "verified"));
    if (error == TOKEN_PIN_WRONG) {
        /* whoever was logged in is so no more */
        access_pin_forget(access, token_id(token));
        agent_respond_problem(request, tries_left == 0 ? PROBLEM_PIN_LOCKED : PROBLEM_PIN_WRONG,
                              NULL,
                              tries_left < 0 ? NULL : json_pack("{s:i}", "triesLeft", tries_left));
    } else if (error) {
        key_respond_token_error(request, error);
    } else {
        access_pin_record(access, session->id, token_id(token));
        /* nobody is there any more to use it, or nobody would know of it */
        if (agent_action_is_over(request) || !is_recorded)
            access_pin_drop(access, session->id, token_id(token));
        if (is_recorded)
            respond_verified(request, token);
        else
            agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
    }
}

static void verify_by_dialog(struct http_request *request, struct token *token,
                             const struct token_facts *facts) {
    static const struct pin_question question = {.title = WORD_PIN_TITLE,
                                                 .prompt = WORD_PIN_PROMPT,
                                                 .error = WORD_COUNT,
                                                 .is_for_a_try = true};
    struct consent_pin *pin = NULL;
    struct key_watch watch;
    const struct pin_asker asker = pin_dialog_asker(request, token, &watch);
    enum consent_result result = pin_dialog_ask(&asker, facts, &question, &pin);
    if (result == CONSENT_GIVEN) {
        int tries_left = -1;
        enum token_error error = token_login(token, pin->text, pin->len, false, &tries_left);
        consent_pin_free(pin);
        agent_action_end(request);
        settle(request, token, error, tries_left, "person");
    } else {
        agent_action_end(request);
        agent_record(request, "pin", json_pack("{s:s}", "answer", agent_answer_word(result)));
        key_respond_consent_error(request, result, token);
    }
}

/* With the PIN that the page sent along; verify_pin() wipes it. */
static void verify_by_page(struct http_request *request, struct token *token, const char *pin) {
    int tries_left = -1;
    enum token_error error = token_login(token, pin, strlen(pin), false, &tries_left);
    agent_action_end(request);
    settle(request, token, error, tries_left, "page");
}

static void verify(struct http_request *request, struct token *token, const char *pin) {
    struct token_facts facts;
    enum token_error error = token_read_facts(token, &facts);
    if (error)
        key_respond_token_error(request, error);
    else if (pin_try_is_refused(request, &facts) || !agent_action_begin(request))
        return;
    else if (pin)
        verify_by_page(request, token, pin);
    else
        verify_by_dialog(request, token, &facts);
}

static void verify_for(struct http_request *request, const char *pin) {
    struct token *token = key_request_token(request);
    if (!token)
        return;
    if (is_verified(request, token))
        respond_verified(request, token);
    else
        verify(request, token, pin);
    token_release(token);
}

static void verify_pin(struct http_request *request) {
    static const char *const members[] = {"pin", NULL};
    const json_t *body = http_request_json(request);
    const char *pin = json_member_string(body, "pin", CONSENT_PIN_MAX);
    bool is_well_formed = json_members_are(body, members, NULL) &&
                          (pin != NULL) == (json_object_get(body, "pin") != NULL);
    if (!is_well_formed || (pin && !agent_rules(request).pin_by_page))
        agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
    else
        verify_for(request, pin);
    /* whether it was taken or not */
    if (pin)
        OPENSSL_cleanse((void *)(uintptr_t)pin, strlen(pin));
    http_request_wipe_body(request);
}

const struct http_route pin_routes[] = {
    {"POST", "/v1/tokens/{id}/verify-pin", verify_pin, HTTP_BODY_JSON, 1024,
     AGENT_ROUTE_SESSION | POLICY_PIN},
    {0},
};
