/* See pin_dialog.h. */
#include "agent/api/pin_dialog.h"

#include <stdio.h>
#include <string.h>

enum { PIN_LENGTH_RETRIES = 3, PIN_DESCRIPTION_SIZE = 900 };

/* Who asks, for which key, and how many tries are left once some have been used. */
static void describe(const struct http_request *request, const struct token_facts *facts,
                     bool with_tries, char description[PIN_DESCRIPTION_SIZE]) {
    enum http_language language = http_request_language(request);
    word_fill(description, PIN_DESCRIPTION_SIZE, WORD_PIN_DESCRIPTION, language,
              (const char *const[3]){agent_session(request)->origin, facts->label, facts->serial});
    if (with_tries && facts->tries_left >= 0 && facts->pin_state != TOKEN_PIN_STATE_OK) {
        char tries[12];
        size_t len = strlen(description);
        snprintf(tries, sizeof tries, "%d", facts->tries_left);
        word_fill(description + len, PIN_DESCRIPTION_SIZE - len, WORD_PIN_TRIES, language,
                  (const char *const[3]){tries});
    }
}

enum consent_result pin_dialog_ask(struct http_request *request, struct token *token,
                                   const struct token_facts *facts,
                                   const struct pin_question *wanted, struct consent_pin **pin) {
    enum http_language language = http_request_language(request);
    char description[PIN_DESCRIPTION_SIZE], error[128], shortest[24], longest[24];
    struct key_watch watch;
    *pin = NULL;
    key_watch_init(&watch, request, token);
    describe(request, facts, wanted->is_for_a_try, description);
    snprintf(shortest, sizeof shortest, "%zu", facts->pin_min ? facts->pin_min : 1);
    snprintf(longest, sizeof longest, "%zu",
             facts->pin_max ? facts->pin_max : (size_t)CONSENT_PIN_MAX);
    word_fill(error, sizeof error, WORD_PIN_LENGTH, language,
              (const char *const[3]){shortest, longest});
    struct consent_pin_request question = {
        .lang = http_language_tag(language),
        .title = word_text(wanted->title, language),
        .description = description,
        .prompt = word_text(wanted->prompt, language),
        .error = wanted->error != WORD_COUNT ? word_text(wanted->error, language) : NULL,
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

/* What the key itself says against a try; TOKEN_OK: nothing. */
static enum token_error may_try(const struct token_facts *facts) {
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

bool pin_try_is_refused(struct http_request *request, const struct token_facts *facts) {
    enum token_error error = may_try(facts);
    if (error) {
        key_respond_token_error(request, error);
        return true;
    }
    unsigned wait = access_pin_wait(agent_of(request)->access, agent_session(request)->origin);
    if (wait > 0) {
        char seconds[12];
        snprintf(seconds, sizeof seconds, "%u", wait);
        http_response_header(request, "Retry-After", seconds);
        agent_respond_problem(request, PROBLEM_RATE_LIMITED,
                              word_text(WORD_PIN_WAIT, http_request_language(request)), NULL);
    }
    return wait > 0;
}
