/* Asking the person for a PIN: what the window says, and what an answer means. */
#include "module/cryptoki/pin_dialog.h"

#include "module/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIRMATIONS = 3, DESCRIPTION_MAX = 400 };

enum language { ENGLISH, CHINESE, LANGUAGES };

/* All that a person reads from the module. */
struct texts {
    const char *tag;
    const char *prompt[ASK_NEW_SO_PIN + 1];
    const char *title, *repeat, *different;
    const char *before_tries, *after_tries; /* around the number */
    const char *key, *serial, *ok, *cancel;
};

static const struct texts all_texts[LANGUAGES] = {
    [ENGLISH] = {.tag = "en",
                 .prompt = {[ASK_USER_PIN] = "PIN",
                            [ASK_SO_PIN] = "Administrator PIN",
                            [ASK_KEY_PIN] = "PIN for this use of the key",
                            [ASK_NEW_USER_PIN] = "New PIN",
                            [ASK_NEW_SO_PIN] = "New administrator PIN"},
                 .title = "OpenUKey",
                 .repeat = "Once more",
                 .different = "The two were different.",
                 .before_tries = "Tries left: ",
                 .after_tries = "",
                 .key = "Key",
                 .serial = "Serial number",
                 .ok = "OK",
                 .cancel = "Cancel"},
    [CHINESE] = {.tag = "zh-CN",
                 .prompt = {[ASK_USER_PIN] = "PIN 码",
                            [ASK_SO_PIN] = "管理员 PIN 码",
                            [ASK_KEY_PIN] = "本次使用密钥的 PIN 码",
                            [ASK_NEW_USER_PIN] = "新 PIN 码",
                            [ASK_NEW_SO_PIN] = "新管理员 PIN 码"},
                 .title = "OpenUKey",
                 .repeat = "请再次输入",
                 .different = "两次输入不一致。",
                 .before_tries = "还可尝试 ",
                 .after_tries = " 次。",
                 .key = "密钥",
                 .serial = "序列号",
                 .ok = "确定",
                 .cancel = "取消"},
};

static const struct texts *texts(void) {
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = secure_getenv(names[i]);
        if (value != NULL && *value != '\0') {
            return &all_texts[strncmp(value, "zh", 2) == 0 ? CHINESE : ENGLISH];
        }
    }
    return &all_texts[ENGLISH];
}

static bool nobody_waits(void *context) {
    (void)context;
    return module_is_finalizing();
}

static CK_RV rv_of_answer(enum consent_result result) {
    switch (result) {
    case CONSENT_GIVEN:
        return CKR_OK;
    case CONSENT_REFUSED:
    case CONSENT_GONE:
    case CONSENT_TIMEOUT:
        return CKR_FUNCTION_CANCELED;
    case CONSENT_UNAVAILABLE:
    case CONSENT_BAD_REQUEST:
        break;
    }
    return CKR_FUNCTION_FAILED;
}

static CK_RV ask(const struct module *module, const struct consent_pin_request *request,
                 struct consent_pin **out) {
    const struct consent_watch watch = {.is_gone = nobody_waits};
    CK_RV rv = rv_of_answer(consent_ask_pin(module->config.pinentry, request, &watch, out));
    if (rv == CKR_FUNCTION_FAILED) {
        log_warn("%s cannot ask for the PIN", module->config.pinentry);
    }
    return rv;
}

/* Typed twice, the same. */
static CK_RV ask_new(const struct module *module, const struct texts *t,
                     struct consent_pin_request request, struct consent_pin **out) {
    const char *prompt = request.prompt;
    for (int round = 0; round < CONFIRMATIONS; round++) {
        struct consent_pin *again = NULL;
        request.prompt = prompt;
        CK_RV rv = ask(module, &request, out);
        request.prompt = t->repeat;
        request.error = NULL;
        if (rv == CKR_OK) {
            rv = ask(module, &request, &again);
        }
        bool same = rv == CKR_OK && again->len == (*out)->len &&
                    memcmp(again->text, (*out)->text, again->len) == 0;
        consent_pin_free(again);
        if (same) {
            return CKR_OK;
        }
        consent_pin_free(*out);
        *out = NULL;
        if (rv != CKR_OK) {
            return rv;
        }
        request.error = t->different;
    }
    return CKR_PIN_INVALID;
}

/* How many tries are left, when it is not all of them. Reads the facts, which the window shows. */
static const char *warning(struct token *token, enum pin_question question, const struct texts *t,
                           char *out, size_t size) {
    struct token_pins pins;
    if (token_read_facts(token) != TOKEN_OK || !token->facts.initialized ||
        question >= ASK_NEW_USER_PIN || token_read_pins(token, &pins) != TOKEN_OK) {
        return NULL;
    }
    const struct token_pin *pin = question == ASK_SO_PIN ? &pins.so : &pins.user;
    if (pin->left == TOKEN_TRIES_UNKNOWN || pin->left >= pin->max) {
        return NULL;
    }
    snprintf(out, size, "%s%u%s", t->before_tries, (unsigned)pin->left, t->after_tries);
    return out;
}

CK_RV pin_input_get(struct module *module, struct slot *slot, enum pin_question question,
                    const CK_UTF8CHAR *pin, CK_ULONG len, struct pin_input *out) {
    *out = (struct pin_input){.text = pin, .len = len};
    if (pin != NULL) {
        return CKR_OK;
    }
    if (!module->config.pin_dialog) {
        return CKR_ARGUMENTS_BAD;
    }
    const struct texts *t = texts();
    struct token *token = slot->token;
    char description[DESCRIPTION_MAX], left[64];
    const char *error = warning(token, question, t, left, sizeof(left));
    snprintf(description, sizeof(description), "%s: %s\n%s: %s", t->key, token->facts.label,
             t->serial, token->facts.serial);
    const struct consent_pin_request request = {
        .lang = t->tag,
        .title = t->title,
        .description = description,
        .prompt = t->prompt[question],
        .error = error,
        .ok = t->ok,
        .cancel = t->cancel,
    };
    token_leave(token); /* other programs need not wait for a person */
    CK_RV rv = question >= ASK_NEW_USER_PIN ? ask_new(module, t, request, &out->typed)
                                            : ask(module, &request, &out->typed);
    if (rv == CKR_OK) {
        out->text = (const CK_UTF8CHAR *)out->typed->text;
        out->len = out->typed->len;
    }
    return rv;
}

void pin_input_free(struct pin_input *input) {
    consent_pin_free(input->typed);
    *input = (struct pin_input){.text = NULL};
}
