/* Fuzzes both sides of the dialogs; first byte: which. A hostile pinentry in a whole conversation, a hostile consent program's answer, and
 * what ukey-consent is asked to show. The second byte says how the program ends. A program's output comes in pieces, each with its length
 * in front in one byte (0: all that is left). */
#include "agent/consent/consent.h"
#include "agent/consent/dialog/request.h"
#include "module/pinentry/assuan.h"
#include "module/pinentry/child.h"
#include "module/pinentry/visible.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

/* ---- the program, in the place of module/pinentry/child.c ---- */

static struct {
    const uint8_t *data;
    size_t left, piece; /* `piece`: what is left of the one that is being read */
    unsigned how;
    bool is_pinentry, runs, has_input, was_asked;
    bool ended_well;
} program;

enum { ENDS_BADLY = 1, HAS_NO_DISPLAY = 2, IS_NOT_THERE = 4, BREAKS_THE_PIPE = 8, TIMES_OUT = 16 };

enum child_error child_start(struct child *child, const char *const argv[],
                             const struct consent_watch *watch) {
    *child = (struct child){.watch = watch};
    check(argv[0] != NULL && !program.runs);
    program.runs = program.has_input = (program.how & IS_NOT_THERE) == 0;
    return program.runs ? CHILD_OK : CHILD_FAILED;
}

/* Each of our lines is one line, whatever its text was. */
enum child_error child_write(struct child *child, const void *data, size_t len) {
    const char *line = data;
    (void)child;
    check(program.runs && program.has_input);
    if (program.is_pinentry) {
        check(len >= 2 && len <= ASSUAN_LINE_MAX && memchr(line, '\n', len) == line + len - 1);
        for (size_t i = 0; i + 1 < len; i++) {
            check((unsigned char)line[i] >= 0x20 && line[i] != 0x7F);
        }
        program.was_asked |= len == 7 && memcmp(line, "GETPIN\n", 7) == 0;
    } else {
        check(len <= CONSENT_REQUEST_MAX);
    }
    return (program.how & BREAKS_THE_PIPE) != 0 ? CHILD_EOF : CHILD_OK;
}

void child_close_input(struct child *child) {
    (void)child;
    program.has_input = false;
}

enum child_error child_read(struct child *child, void *data, size_t size, size_t *len) {
    (void)child;
    check(program.runs && size > 0);
    if (program.left == 0) {
        return (program.how & TIMES_OUT) != 0 ? CHILD_TIMEOUT : CHILD_EOF;
    }
    if (program.piece == 0) {
        program.piece = *program.data++;
        program.left--;
        if (program.piece == 0 || program.piece > program.left) {
            program.piece = program.left;
        }
    }
    *len = program.piece < size ? program.piece : size;
    if (*len == 0) {
        return CHILD_EOF;
    }
    memcpy(data, program.data, *len);
    program.data += *len;
    program.left -= *len;
    program.piece -= *len;
    return CHILD_OK;
}

int child_end(struct child *child, int grace_ms) {
    (void)child;
    check(program.runs && grace_ms >= 0);
    program.runs = false;
    program.ended_well = (program.how & (ENDS_BADLY | HAS_NO_DISPLAY)) == 0;
    return (program.how & HAS_NO_DISPLAY) != 0 ? CONSENT_EXIT_NO_DISPLAY
                                               : (program.how & ENDS_BADLY) != 0;
}

/* ---- the agent's side ---- */

/* What stands before the output, its length in one byte, is what the window is to say. */
static void pinentry(void) {
    size_t len = program.left > 0 ? *program.data : 0;
    if (len >= program.left) {
        return;
    }
    char *text = strndup((const char *)program.data + 1, len);
    check(text != NULL);
    const struct consent_pin_request request = {.lang = len % 2 == 0 ? "zh-CN" : "en",
                                                .title = text,
                                                .description = text,
                                                .prompt = "PIN",
                                                .error = len % 3 == 0 ? text : NULL,
                                                .ok = text,
                                                .cancel = NULL};
    struct consent_pin *pin = NULL;
    program.data += len + 1;
    program.left -= len + 1;
    program.is_pinentry = true;
    enum consent_result result = consent_ask_pin("pinentry", &request, NULL, &pin);
    check(!program.runs);
    check((result == CONSENT_GIVEN) == (pin != NULL) && result <= CONSENT_BAD_REQUEST);
    if (pin != NULL) {
        check(program.was_asked && pin->len <= CONSENT_PIN_MAX && strlen(pin->text) == pin->len);
    }
    /* a refusal is a person's: nobody can refuse before the question */
    check(result != CONSENT_REFUSED || program.was_asked || (program.how & BREAKS_THE_PIPE) != 0);
    consent_pin_free(pin);
    free(text);
}

static void consent(void) {
    json_t *request = json_pack("{s:s}", "kind", "login");
    enum consent_choice choice = CONSENT_CHOICE_ALWAYS;
    enum consent_result result = consent_ask("consent", request, NULL, &choice);
    check(!program.runs && result <= CONSENT_BAD_REQUEST);
    check(result != CONSENT_GIVEN || (program.ended_well && program.left == 0));
    check(choice == CONSENT_CHOICE_NONE ||
          (choice == CONSENT_CHOICE_NEVER ? result == CONSENT_REFUSED : result == CONSENT_GIVEN));
    json_decref(request);
}

/* ---- the program's side ---- */

static void looks_harmless(const char *text) {
    bool escaped = false;
    size_t left = text != NULL ? strlen(text) : 0;
    if (text == NULL) {
        return;
    }
    char *shown = visible_text(text, left, true, &escaped);
    check(shown != NULL && (escaped || strcmp(shown, text) == 0));
    for (const char *at = shown; *at != '\0';) {
        unsigned character = 0;
        size_t len = visible_decode_utf8(at, strlen(at), &character);
        check(len > 0 && (character >= 0x20 || character == '\n') && character != 0x7F);
        check((character < 0x202A || character > 0x202E) &&
              (character < 0x2066 || character > 0x2069));
        at += len;
    }
    /* the window shows it run by run: together they are all of it */
    const char *rest = text;
    size_t used = 0;
    for (bool is_escape = false;;) {
        size_t len = visible_run(&rest, shown + used, 7, &is_escape);
        if (len == 0) {
            break;
        }
        used += len;
    }
    check(*rest == '\0' && shown[used] == '\0');
    free(shown);
}

static void question(const char *text, size_t len) {
    struct dialog_request request;
    char error[200] = "";
    size_t i;
    json_t *field;
    if (!dialog_request_read(text, len, &request, error, sizeof error)) {
        check(error[0] != '\0' && request.document == NULL);
        return;
    }
    check(request.kind != NULL && *request.kind != '\0' && request.origin != NULL &&
          *request.origin != '\0' && request.title != NULL && *request.title != '\0' &&
          json_is_array(request.fields));
    const char *const texts[] = {request.origin,      request.title,        request.message,
                                 request.subject,     request.issuer,       request.not_after,
                                 request.token_label, request.token_serial, request.agree,
                                 request.refuse};
    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        looks_harmless(texts[i]);
    }
    json_array_foreach(request.fields, i, field) {
        looks_harmless(json_string_value(json_object_get(field, "label")));
        looks_harmless(json_string_value(json_object_get(field, "value")));
    }
    dialog_request_free(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    uint8_t *copy = malloc(size > 2 ? size - 2 : 1);
    check(copy != NULL);
    memcpy(copy, data + 2, size - 2);
    memset(&program, 0, sizeof program);
    program.data = copy;
    program.left = size - 2;
    program.how = data[1];
    if (data[0] % 3 == 0) {
        pinentry();
    } else if (data[0] % 3 == 1) {
        consent();
    } else {
        question((const char *)copy, size - 2);
    }
    free(copy);
    return 0;
}
