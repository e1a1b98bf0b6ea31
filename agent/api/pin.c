/* POST /v1/tokens/{id}/verify-pin: the PIN is typed into the native dialog; no page ever sees one. */
#include <stdio.h>
#include <string.h>

#include "agent/api/key.h"
#include "agent/http/json.h"

enum { PIN_LENGTH_RETRIES = 3, PIN_DESCRIPTION_SIZE = 900 };

/* Who asks, for which key, and how many tries are left once some have been used. */
static void describe(const struct http_request *request, const struct token_facts *facts,
                     char description[PIN_DESCRIPTION_SIZE]) {
    enum http_language language = http_request_language(request);
    word_fill(description, PIN_DESCRIPTION_SIZE, WORD_PIN_DESCRIPTION, language,
              (const char *const[3]){agent_session(request)->origin, facts->label, facts->serial});
    if (facts->tries_left >= 0 && facts->pin_state != TOKEN_PIN_STATE_OK) {
        char tries[12];
        size_t len = strlen(description);
        snprintf(tries, sizeof tries, "%d", facts->tries_left);
        word_fill(description + len, PIN_DESCRIPTION_SIZE - len, WORD_PIN_TRIES, language,
                  (const char *const[3]){tries});
    }
}

/* Ask until the length is one that the key takes: a PIN of the wrong length would be a try for nothing. */
static enum consent_result ask(struct http_request *request, struct token *token,
                               const struct token_facts *facts, struct consent_pin **pin) {
    enum http_language language = http_request_language(request);
    char description[PIN_DESCRIPTION_SIZE], error[128];
    struct key_watch watch;
    key_watch_init(&watch, request, token);
    describe(request, facts, description);
    char shortest[24], longest[24];
    snprintf(shortest, sizeof shortest, "%zu", facts->pin_min ? facts->pin_min : 1);
    snprintf(longest, sizeof longest, "%zu",
             facts->pin_max ? facts->pin_max : (size_t)CONSENT_PIN_MAX);
    word_fill(error, sizeof error, WORD_PIN_LENGTH, language,
              (const char *const[3]){shortest, longest});
    struct consent_pin_request question = {.lang = http_language_tag(language),
                                           .title = word_text(WORD_PIN_TITLE, language),
                                           .description = description,
                                           .prompt = word_text(WORD_PIN_PROMPT, language),
                                           .ok = word_text(WORD_OK, language),
                                           .cancel = word_text(WORD_CANCEL, language)};
    for (int i = 0; i < PIN_LENGTH_RETRIES; i++) {
        enum consent_result result =
            consent_ask_pin(agent_of(request)->config->pinentry, &question, &watch.watch, pin);
        if (result != CONSENT_GIVEN)
            return result;
        if ((*pin)->len > 0 && (*pin)->len >= facts->pin_min &&
            (!facts->pin_max || (*pin)->len <= facts->pin_max))
            return CONSENT_GIVEN;
        consent_pin_free(*pin);
        *pin = NULL;
        question.error = error;
    }
    return CONSENT_REFUSED;
}

/* Why no PIN may be tried now; TOKEN_OK when one may. */
static enum token_error may_ask(const struct token_facts *facts) {
    switch (facts->pin_state) {
    case TOKEN_PIN_STATE_LOCKED:
        return TOKEN_PIN_LOCKED;
    case TOKEN_PIN_STATE_LAST:
        return TOKEN_PIN_LAST_TRY;
    case TOKEN_PIN_STATE_UNSET:
        return TOKEN_PIN_UNSET;
    case TOKEN_PIN_STATE_OK:
    case TOKEN_PIN_STATE_LOW:
        break;
    }
    return TOKEN_OK;
}

static void respond(struct http_request *request, struct token *token, enum token_error error,
                    int tries_left) {
    struct access *access = agent_of(request)->access;
    uint64_t session = agent_session(request)->id;
    if (error == TOKEN_PIN_WRONG) {
        /* whoever was logged in is so no more */
        access_pin_forget(access, token_id(token));
        agent_respond_problem(request, tries_left == 0 ? PROBLEM_PIN_LOCKED : PROBLEM_PIN_WRONG,
                              NULL,
                              tries_left < 0 ? NULL : json_pack("{s:i}", "triesLeft", tries_left));
    } else if (error) {
        key_respond_token_error(request, error);
    } else {
        access_pin_record(access, session, token_id(token));
        if (agent_action_is_over(request)) /* nobody is there any more to use it */
            access_pin_drop(access, session, token_id(token));
        http_respond_json(request, 200, json_pack("{s:b}", "verified", 1));
    }
}

static void verify(struct http_request *request, struct token *token) {
    struct token_facts facts;
    struct consent_pin *pin = NULL;
    enum token_error error = token_read_facts(token, &facts);
    if (!error)
        error = may_ask(&facts);
    if (error) {
        key_respond_token_error(request, error);
        return;
    }
    if (!agent_action_begin(request))
        return;
    enum consent_result result = ask(request, token, &facts, &pin);
    if (result == CONSENT_GIVEN) {
        int tries_left = -1;
        error = token_login(token, pin->text, pin->len, false, &tries_left);
        consent_pin_free(pin);
        agent_action_end(request);
        respond(request, token, error, tries_left);
    } else {
        agent_action_end(request);
        key_respond_consent_error(request, result, token);
    }
}

static void verify_pin(struct http_request *request) {
    static const char *const members[] = {NULL};
    if (!json_members_are(http_request_json(request), members, NULL)) {
        agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
        return;
    }
    struct token *token = key_request_token(request);
    if (!token)
        return;
    if (access_pin_is_verified(agent_of(request)->access, agent_session(request)->id,
                               token_id(token)) &&
        token_is_logged_in(token))
        http_respond_json(request, 200, json_pack("{s:b}", "verified", 1));
    else
        verify(request, token);
    token_release(token);
}

const struct http_route pin_routes[] = {
    {"POST", "/v1/tokens/{id}/verify-pin", verify_pin, HTTP_BODY_JSON, 1024,
     AGENT_ROUTE_SESSION | POLICY_PIN},
    {0},
};
