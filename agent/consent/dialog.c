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

enum consent_result consent_ask(const char *program, const json_t *request,
                                const struct consent_watch *watch, enum consent_choice *choice) {
    enum consent_choice chosen = CONSENT_CHOICE_NONE;
    if (choice)
        *choice = CONSENT_CHOICE_NONE;
    char *document = json_dumps(request, JSON_COMPACT);
    if (!document)
        return CONSENT_BAD_REQUEST;
    struct child child;
    const char *const argv[] = {program, NULL};
    char answer[CONSENT_ANSWER_MAX + 1];
    size_t len = strlen(document), answer_len = 0;
    enum consent_result result = CONSENT_BAD_REQUEST;
    int status = -1;
    if (len > CONSENT_REQUEST_MAX)
        goto out;
    result = from_child(child_start(&child, argv, watch));
    if (result != CONSENT_GIVEN)
        goto out;
    enum child_error error = child_write(&child, document, len);
    child_close_input(&child);
    /* a program may answer, or say that it has no display, without reading to the end */
    result = error && error != CHILD_EOF ? from_child(error)
                                         : read_all(&child, answer, sizeof answer, &answer_len);
    status = child_end(&child, result == CONSENT_GIVEN ? DIALOG_GRACE_MS : 0);
    if (result != CONSENT_GIVEN)
        goto out;
    if (status == CONSENT_EXIT_NO_DISPLAY)
        result = CONSENT_UNAVAILABLE;
    else if (status != 0 || answer_len > CONSENT_ANSWER_MAX)
        result = CONSENT_REFUSED;
    else
        result = read_decision(answer, answer_len, &chosen);
    if (choice)
        *choice = chosen;
out:
    free(document);
    return result;
}
