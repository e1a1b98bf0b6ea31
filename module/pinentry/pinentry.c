/* Asking for a PIN with pinentry over Assuan. Every byte that may be of a PIN stays in secret memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module/pinentry/assuan.h"
#include "module/pinentry/child.h"
#include "module/pinentry/pinentry.h"
#include "module/pinentry/secret.h"
#include "module/pinentry/visible.h"

enum { PINENTRY_GRACE_MS = 500, PINENTRY_DEFAULT_TIMEOUT_S = 120 };

/* One conversation: what the child said and has not been looked at yet. Lives in secret memory. */
struct conversation {
    struct child *child;
    size_t have;
    char buffer[ASSUAN_LINE_MAX + 1];
};

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

/* The next line, NUL-terminated without its LF, into `line`. An overlong line ends the conversation. */
static enum consent_result next_line(struct conversation *talk, char line[ASSUAN_LINE_MAX + 1],
                                     size_t *len) {
    for (;;) {
        char *end = memchr(talk->buffer, '\n', talk->have);
        if (end) {
            *len = (size_t)(end - talk->buffer);
            memcpy(line, talk->buffer, *len);
            line[*len] = '\0';
            talk->have -= *len + 1;
            memmove(talk->buffer, end + 1, talk->have);
            return CONSENT_GIVEN;
        }
        if (talk->have >= ASSUAN_LINE_MAX)
            return CONSENT_UNAVAILABLE;
        size_t got = 0;
        enum child_error error =
            child_read(talk->child, talk->buffer + talk->have, ASSUAN_LINE_MAX - talk->have, &got);
        if (error)
            return from_child(error);
        talk->have += got;
    }
}

/* An ERR line: what the person decided, or that pinentry cannot ask (no display, no terminal). */
static enum consent_result from_error(const char *value, size_t len) {
    long code = assuan_error_code(value, len);
    switch (code < 0 ? -1 : code & 0xFFFF) {
    case ASSUAN_CODE_CANCELED:
    case ASSUAN_CODE_FULLY_CANCELED:
    case ASSUAN_CODE_NOT_CONFIRMED:
        return CONSENT_REFUSED;
    case ASSUAN_CODE_TIMEOUT:
        return CONSENT_TIMEOUT;
    default:
        return CONSENT_UNAVAILABLE;
    }
}

/* Read answers until OK or ERR. Data goes to `pin`, or is an error where none was asked for. */
static enum consent_result read_answer(struct conversation *talk, char *line,
                                       struct consent_pin *pin) {
    for (;;) {
        size_t len = 0, value_len = 0;
        const char *value = NULL;
        enum consent_result result = next_line(talk, line, &len);
        if (result != CONSENT_GIVEN)
            return result;
        switch (assuan_parse(line, len, &value, &value_len)) {
        case ASSUAN_OK:
            return CONSENT_GIVEN;
        case ASSUAN_ERR:
            return from_error(value, value_len);
        case ASSUAN_DATA:
            if (!pin || !assuan_decode(value, value_len, pin->text, CONSENT_PIN_MAX, &pin->len))
                return CONSENT_UNAVAILABLE;
            break;
        case ASSUAN_IGNORE:
            break;
        case ASSUAN_BAD:
            return CONSENT_UNAVAILABLE;
        }
    }
}

/* Send a command and wait for its OK. Texts are shown as visible_text() makes them. An option that this pinentry does not know
 * (`optional`) is no fault. */
static enum consent_result command(struct conversation *talk, char *line, const char *name,
                                   const char *argument, bool optional) {
    char *shown = NULL;
    if (argument) {
        shown = visible_text(argument, strlen(argument), true, NULL);
        if (!shown)
            return CONSENT_UNAVAILABLE;
    }
    size_t len = assuan_command(line, name, shown);
    free(shown);
    if (len == 0)
        return CONSENT_BAD_REQUEST;
    enum child_error error = child_write(talk->child, line, len);
    if (error)
        return from_child(error);
    enum consent_result result = read_answer(talk, line, NULL);
    return optional && result == CONSENT_UNAVAILABLE ? CONSENT_GIVEN : result;
}

static enum consent_result converse(struct conversation *talk, char *line,
                                    const struct consent_pin_request *request,
                                    const struct consent_watch *watch, struct consent_pin *pin) {
    const struct consent_terminal *terminal = request->terminal;
    bool has_terminal = terminal && terminal->device;
    char timeout[16], tty_name[ASSUAN_ARGUMENT_MAX], tty_type[ASSUAN_ARGUMENT_MAX];
    if (has_terminal) {
        snprintf(tty_name, sizeof tty_name, "ttyname=%s", terminal->device);
        snprintf(tty_type, sizeof tty_type, "ttytype=%s", terminal->type);
    }
    snprintf(timeout, sizeof timeout, "%d",
             watch && watch->timeout_ms > 0 ? watch->timeout_ms / 1000 + 1
                                            : PINENTRY_DEFAULT_TIMEOUT_S);
    bool chinese = strncmp(request->lang, "zh", 2) == 0;
    const struct {
        const char *name, *argument;
        bool optional;
    } commands[] = {
        {"OPTION", has_terminal ? tty_name : NULL, true},
        {"OPTION", has_terminal ? tty_type : NULL, true},
        {"OPTION", "lc-ctype=C.UTF-8", true},
        {"OPTION", chinese ? "lc-messages=zh_CN.UTF-8" : "lc-messages=C.UTF-8", true},
        {"SETTIMEOUT", timeout, true},
        {"SETTITLE", request->title, true},
        {"SETDESC", request->description, false},
        {"SETPROMPT", request->prompt, false},
        {"SETOK", request->ok, true},
        {"SETCANCEL", request->cancel, true},
        {"SETERROR", request->error, false},
    };
    enum consent_result result = read_answer(talk, line, NULL);
    for (size_t i = 0; i < sizeof commands / sizeof *commands && result == CONSENT_GIVEN; i++) {
        if (commands[i].argument)
            result =
                command(talk, line, commands[i].name, commands[i].argument, commands[i].optional);
    }
    if (result !=
        CONSENT_GIVEN) /* nobody has been asked yet: an early end is a fault, not an answer */
        return result == CONSENT_REFUSED ? CONSENT_UNAVAILABLE : result;
    enum child_error error = child_write(talk->child, "GETPIN\n", 7);
    if (error)
        return from_child(error);
    result = read_answer(talk, line, pin);
    if (result == CONSENT_GIVEN)
        (void)child_write(talk->child, "BYE\n", 4);
    return result;
}

enum consent_result consent_ask_pin(const char *pinentry, const struct consent_pin_request *request,
                                    const struct consent_watch *watch, struct consent_pin **pin) {
    *pin = NULL;
    enum consent_result result = CONSENT_UNAVAILABLE;
    struct conversation *talk = secret_alloc(sizeof *talk);
    char *line = secret_alloc(ASSUAN_LINE_MAX + 1);
    struct consent_pin *typed = secret_alloc(sizeof *typed);
    struct child child;
    const char *const argv[] = {pinentry, NULL};
    bool started = false;
    if (!talk || !line || !typed)
        goto out;
    result = from_child(child_start(&child, argv, watch));
    if (result != CONSENT_GIVEN)
        goto out;
    started = true;
    talk->child = &child;
    result = converse(talk, line, request, watch, typed);
    if (result == CONSENT_GIVEN) {
        *pin = typed;
        typed = NULL;
    }
out:
    if (started)
        child_end(&child, result == CONSENT_GIVEN ? PINENTRY_GRACE_MS : 0);
    secret_free(typed, sizeof *typed);
    secret_free(line, ASSUAN_LINE_MAX + 1);
    secret_free(talk, sizeof *talk);
    return result;
}

void consent_pin_free(struct consent_pin *pin) {
    secret_free(pin, sizeof *pin);
}
