/* See pin_dialog.h. */
#include "agent/api/pin_dialog.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

enum { PIN_LENGTH_RETRIES = 3, PIN_REPEAT_TRIES = 3, PIN_DESCRIPTION_SIZE = 900 };

/* Who asks, for which key, and how many tries are left once some have been used. */
static void describe(const struct pin_asker *asker, const struct token_facts *facts,
                     bool with_tries, char description[PIN_DESCRIPTION_SIZE]) {
    enum http_language language = asker->language;
    word_fill(description, PIN_DESCRIPTION_SIZE, WORD_PIN_DESCRIPTION, language,
              (const char *const[3]){asker->origin, facts->label, facts->serial});
    if (with_tries && facts->tries_left >= 0 && facts->pin_state != TOKEN_PIN_STATE_OK) {
        char tries[12];
        size_t len = strlen(description);
        snprintf(tries, sizeof tries, "%d", facts->tries_left);
        word_fill(description + len, PIN_DESCRIPTION_SIZE - len, WORD_PIN_TRIES, language,
                  (const char *const[3]){tries});
    }
}

struct pin_asker pin_dialog_asker(const struct http_request *request, struct token *token,
                                  struct key_watch *watch) {
    key_watch_init(watch, request, token);
    const struct agent_config *config = agent_of(request)->config;
    return (struct pin_asker){.pinentry = config->pinentry,
                              .terminal = &config->consent.terminal,
                              .origin = agent_session(request)->origin,
                              .language = http_request_language(request),
                              .watch = &watch->watch};
}

enum consent_result pin_dialog_ask(const struct pin_asker *asker, const struct token_facts *facts,
                                   const struct pin_question *wanted, struct consent_pin **pin) {
    enum http_language language = asker->language;
    char description[PIN_DESCRIPTION_SIZE], error[128], shortest[24], longest[24];
    *pin = NULL;
    describe(asker, facts, wanted->is_for_a_try, description);
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
        .cancel = word_text(WORD_CANCEL, language),
        .terminal = asker->terminal};
    for (int i = 0; i < PIN_LENGTH_RETRIES; i++) {
        enum consent_result result = consent_ask_pin(asker->pinentry, &question, asker->watch, pin);
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

static bool is_same(const struct consent_pin *one, const struct consent_pin *other) {
    return one->len == other->len && CRYPTO_memcmp(one->text, other->text, one->len) == 0;
}

enum consent_result pin_dialog_ask_new(const struct pin_asker *asker,
                                       const struct token_facts *facts, enum word title,
                                       const struct consent_pin *old_pin,
                                       struct consent_pin **new_pin) {
    struct pin_question first = {
        .title = title, .prompt = WORD_PIN_NEW_PROMPT, .error = WORD_COUNT};
    const struct pin_question again = {
        .title = title, .prompt = WORD_PIN_REPEAT_PROMPT, .error = WORD_COUNT};
    for (int i = 0; i < PIN_REPEAT_TRIES; i++) {
        struct consent_pin *repeated = NULL;
        enum consent_result result = pin_dialog_ask(asker, facts, &first, new_pin);
        if (result != CONSENT_GIVEN)
            return result;
        bool is_new = !old_pin || !is_same(old_pin, *new_pin);
        if (is_new)
            result = pin_dialog_ask(asker, facts, &again, &repeated);
        bool is_repeated = repeated && is_same(repeated, *new_pin);
        consent_pin_free(repeated);
        if (is_repeated)
            return CONSENT_GIVEN;
        consent_pin_free(*new_pin);
        *new_pin = NULL;
        if (result != CONSENT_GIVEN)
            return result;
        first.error = is_new ? WORD_PIN_DIFFERENT : WORD_PIN_SAME;
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
