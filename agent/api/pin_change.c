/* POST /v1/tokens/{id}/change-pin: old PIN, new PIN and the new one again, all in native dialogs. */
#include "agent/api/ask.h"
#include "agent/api/key.h"
#include "agent/api/pin_dialog.h"
#include "agent/http/json.h"

static void settle(struct http_request *request, struct token *token, enum token_error error,
                   int tries_left) {
    struct access *access = agent_of(request)->access;
    const struct access_session *session = agent_session(request);
    if (!error || error == TOKEN_PIN_WRONG || error == TOKEN_PIN_LOCKED) {
        access_pin_tried(access, session->origin, !error);
        /* the key has been logged out on the way: nobody goes on with what the old PIN opened */
        access_pin_forget(access, token_id(token));
    }
    agent_record(request, "change-pin",
                 json_pack("{s:s, s:s}", "answer", "given", "result",
                           error ? agent_problem_code(key_token_problem(error)) : "changed"));
    if (error == TOKEN_PIN_WRONG) {
        agent_respond_problem(request, tries_left == 0 ? PROBLEM_PIN_LOCKED : PROBLEM_PIN_WRONG,
                              NULL,
                              tries_left < 0 ? NULL : json_pack("{s:i}", "triesLeft", tries_left));
    } else if (error) {
        key_respond_token_error(request, error);
    } else {
        access_pin_record(access, session->id, token_id(token));
        if (agent_action_is_over(request))
            access_pin_drop(access, session->id, token_id(token));
        http_respond_json(request, 200, json_pack("{s:b}", "changed", 1));
    }
}

static void change(struct http_request *request, struct token *token,
                   const struct token_facts *facts) {
    static const struct pin_question current = {.title = WORD_PIN_CHANGE_TITLE,
                                                .prompt = WORD_PIN_CURRENT_PROMPT,
                                                .error = WORD_COUNT,
                                                .is_for_a_try = true};
    struct consent_pin *old_pin = NULL, *new_pin = NULL;
    int tries_left = -1;
    enum token_error error = TOKEN_OK;
    struct key_watch watch;
    const struct pin_asker asker = pin_dialog_asker(request, token, &watch);
    enum consent_result result = pin_dialog_ask(&asker, facts, &current, &old_pin);
    if (result == CONSENT_GIVEN)
        result = pin_dialog_ask_new(&asker, facts, WORD_PIN_CHANGE_TITLE, old_pin, &new_pin);
    if (result == CONSENT_GIVEN)
        error = token_change_pin(token, old_pin->text, old_pin->len, new_pin->text, new_pin->len,
                                 &tries_left);
    consent_pin_free(old_pin);
    consent_pin_free(new_pin);
    agent_action_end(request);
    if (result == CONSENT_GIVEN) {
        settle(request, token, error, tries_left);
    } else {
        agent_record(request, "change-pin",
                     json_pack("{s:s}", "answer", agent_answer_word(result)));
        key_respond_consent_error(request, result, token);
    }
}

static void change_pin(struct http_request *request) {
    static const char *const members[] = {NULL};
    struct token_facts facts;
    if (!json_members_are(http_request_json(request), members, NULL)) {
        agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
        return;
    }
    struct token *token = key_request_token(request);
    if (!token)
        return;
    enum token_error error = token_read_facts(token, &facts);
    if (error)
        key_respond_token_error(request, error);
    else if (!pin_try_is_refused(request, &facts) && agent_action_begin(request))
        change(request, token, &facts);
    token_release(token);
}

const struct http_route pin_change_routes[] = {
    {"POST", "/v1/tokens/{id}/change-pin", change_pin, HTTP_BODY_JSON, 1024,
     AGENT_ROUTE_SESSION | POLICY_CHANGE_PIN},
    {0},
};
