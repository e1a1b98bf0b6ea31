/* Asking a consent with the consent program: one JSON document in, one small one out, anything odd is a refusal. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "agent/consent/consent.h"
#include "agent/http/json.h"
#include "module/pinentry/child.h"

enum { DIALOG_GRACE_MS = 1000 };

static enum consent_result from_child(enum child_error error) {
    switch (error) {
    case CHILD_OK:
        return CONSENT_GIVEN;
    case CHILD_GONE:
        return CONSENT_GONE;
    case CHILD_TIMEOUT:
        return CONSENT_TIMEOUT;
    case CHILD_EOF:
        return CONSENT_REFUSED;
    case CHILD_FAILED:
        break;
    }
    return CONSENT_UNAVAILABLE;
}

/* Everything the program says until it closes its end; more than fits is a refusal. */
static enum consent_result read_all(struct child *child, char *answer, size_t size, size_t *len) {
    *len = 0;
    for (;;) {
        if (*len == size)
            return CONSENT_REFUSED;
        size_t got = 0;
        enum child_error error = child_read(child, answer + *len, size - *len, &got);
        if (error == CHILD_EOF)
            return CONSENT_GIVEN;
        if (error)
            return from_child(error);
        *len += got;
    }
}

/* What the program decided: {"decision":"agree"}, perhaps with "choice" once or always, and nothing else is a consent. */
static enum consent_result read_decision(const char *text, size_t len,
                                         enum consent_choice *choice) {
    static const char *const members[] = {"decision", "choice", NULL};
    json_t *answer = json_parse_strict(text, len, NULL, 0);
    const char *decision = json_member_string(answer, "decision", 16);
    const char *chosen = json_member_string(answer, "choice", 16);
    bool is_decision = answer && json_members_are(answer, members, NULL) && decision &&
                       (chosen || !json_object_get(answer, "choice"));
    bool agrees = is_decision && strcmp(decision, "agree") == 0;
    *choice = CONSENT_CHOICE_NONE;
    if (agrees && chosen && strcmp(chosen, "always") == 0)
        *choice = CONSENT_CHOICE_ALWAYS;
    else if (agrees && chosen && strcmp(chosen, "once") == 0)
        *choice = CONSENT_CHOICE_ONCE;
    else if (agrees && chosen)
        agrees = false;
    else if (is_decision && strcmp(decision, "refuse") == 0 && chosen &&
             strcmp(chosen, "never") == 0)
        *choice = CONSENT_CHOICE_NEVER;
    json_decref(answer);
    return agrees ? CONSENT_GIVEN : CONSENT_REFUSED;
}

/* Give one program the document, and read its decision. */
static enum consent_result ask_with(const char *const argv[], const char *document,
                                    const struct consent_watch *watch,
                                    enum consent_choice *choice) {
    struct child child;
    char answer[CONSENT_ANSWER_MAX + 1];
    size_t answer_len = 0;
    enum consent_result result = from_child(child_start(&child, argv, watch));
    if (result != CONSENT_GIVEN)
        return result;
    enum child_error error = child_write(&child, document, strlen(document));
    child_close_input(&child);
    /* a program may answer, or say that it has no display, without reading to the end */
    result = error && error != CHILD_EOF ? from_child(error)
                                         : read_all(&child, answer, sizeof answer, &answer_len);
    int status = child_end(&child, result == CONSENT_GIVEN ? DIALOG_GRACE_MS : 0);
    if (result != CONSENT_GIVEN)
        return result;
    if (status == CONSENT_EXIT_NO_DISPLAY)
        return CONSENT_UNAVAILABLE;
    if (status != 0 || answer_len > CONSENT_ANSWER_MAX)
        return CONSENT_REFUSED;
    return read_decision(answer, answer_len, choice);
}

static bool has_display(void) {
    const char *x11 = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    return (x11 && *x11) || (wayland && *wayland);
}

enum consent_result consent_ask(const struct consent_means *means, const json_t *request,
                                const struct consent_watch *watch, enum consent_choice *choice) {
    const char *const window[] = {means->program, NULL};
    const char *const terminal[] = {means->tty_program,   "--tty", means->terminal.device, "--type",
                                    means->terminal.type, NULL};
    enum consent_choice chosen = CONSENT_CHOICE_NONE;
    enum consent_result result = CONSENT_UNAVAILABLE;
    char *document = json_dumps(request, JSON_COMPACT);
    if (!document || strlen(document) > CONSENT_REQUEST_MAX) {
        result = CONSENT_BAD_REQUEST;
        goto out;
    }
    if (has_display() || !means->terminal.device)
        result = ask_with(window, document, watch, &chosen);
    /* also when the display that the environment names is not there any more */
    if (result == CONSENT_UNAVAILABLE && means->terminal.device)
        result = ask_with(terminal, document, watch, &chosen);
out:
    if (choice)
        *choice = chosen;
    free(document);
    return result;
}
