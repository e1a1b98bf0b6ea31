/* Fuzzes both sides of the dialogs; first byte: which. A hostile pinentry in a whole conversation, a hostile consent program's answer, what
 * ukey-consent is asked to show, and what is typed at ukey-consent-tty about it. The second byte says how the program ends. A program's output comes in pieces, each with its length
 * in front in one byte (0: all that is left). */
#include "agent/consent/consent.h"
#include "agent/consent/dialog/request.h"
#include "agent/consent/terminal/flow.h"
#include "agent/consent/terminal/pages.h"
#include "module/pinentry/assuan.h"
#include "module/pinentry/child.h"
#include "module/pinentry/visible.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

enum {
    ENDS_BADLY = 1,
    HAS_NO_DISPLAY = 2,
    IS_NOT_THERE = 4,
    BREAKS_THE_PIPE = 8,
    TIMES_OUT = 16,
    HAS_TERMINAL = 32
};

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
    static char device[] = "/dev/tty", type[] = "vt100";
    static const struct consent_terminal tty = {.device = device, .type = type};
    const struct consent_pin_request request = {.lang = len % 2 == 0 ? "zh-CN" : "en",
                                                .title = text,
                                                .description = text,
                                                .prompt = "PIN",
                                                .error = len % 3 == 0 ? text : NULL,
                                                .ok = text,
                                                .cancel = NULL,
                                                .terminal = len % 5 == 0 ? &tty : NULL};
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
    static char window[] = "consent", twin[] = "consent-tty", device[] = "/dev/tty", type[] = "vt";
    json_t *request = json_pack("{s:s}", "kind", "login");
    enum consent_choice choice = CONSENT_CHOICE_ALWAYS;
    struct consent_means means = {.program = window, .tty_program = twin};
    if ((program.how & HAS_TERMINAL) != 0) {
        means.terminal = (struct consent_terminal){.device = device, .type = type};
    }
    enum consent_result result = consent_ask(&means, request, NULL, &choice);
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

/* ---- the terminal, in the place of agent/consent/terminal/device.c ---- */

enum { WRITTEN_MAX = 1 << 20, RESIZE = 0xF0, HANG_UP = 0xFF };

static struct {
    const uint8_t *keys;
    size_t left;
    unsigned rows, columns;
    bool runs; /* and time goes by: a second each time it is asked for */
    int64_t seconds;
    char *written;
    size_t len;
} terminal;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now) {
    if (!terminal.runs) {
        return __real_clock_gettime(clock, now);
    }
    *now = (struct timespec){.tv_sec = ++terminal.seconds};
    return 0;
}

void device_size(const struct device *device, unsigned *rows, unsigned *columns) {
    (void)device;
    *rows = terminal.rows;
    *columns = terminal.columns;
}

/* 0xF0 and above are no keys: another size, or the terminal's end. */
enum device_event device_wait(const struct device *device, int timeout_ms) {
    (void)device;
    check(timeout_ms > 0);
    if (terminal.left == 0) {
        return DEVICE_GONE;
    }
    if (*terminal.keys < RESIZE) {
        return DEVICE_INPUT;
    }
    uint8_t event = *terminal.keys++;
    terminal.left--;
    if (event == HANG_UP) {
        return DEVICE_ENDED;
    }
    terminal.rows = (event & 3U) * 8;
    terminal.columns = (event & 12U) * 5 + 10;
    return DEVICE_QUIET;
}

int device_read(const struct device *device, unsigned char *bytes, size_t size) {
    (void)device;
    check(size > 0 && terminal.left > 0);
    *bytes = *terminal.keys++;
    terminal.left--;
    return 1;
}

enum device_event device_write(const struct device *device, const char *bytes, size_t len) {
    (void)device;
    if (len > WRITTEN_MAX - 1 - terminal.len) {
        return DEVICE_GONE;
    }
    memcpy(terminal.written + terminal.len, bytes, len);
    terminal.len += len;
    return DEVICE_INPUT;
}

/* Nothing reaches the terminal that moves its cursor, but for our own marks, and no line is wider than it is. */
static void check_written(bool has_one_size) {
    const char *at = terminal.written, *end = at + terminal.len;
    terminal.written[terminal.len] = '\0';
    for (size_t cells = 0; at < end;) {
        unsigned character = 0;
        if (strncmp(at, "\033[7m", 4) == 0 || strncmp(at, "\033[27m", 5) == 0) {
            at += at[2] == '7' ? 4 : 5;
            continue;
        }
        size_t len = visible_decode_utf8(at, (size_t)(end - at), &character);
        check(len > 0 && (character >= 0x20 || strchr("\n\a\b", (int)character) != NULL) &&
              character != 0x7F && (character < 0x80 || character >= 0xA0));
        check((character < 0x202A || character > 0x202E) &&
              (character < 0x2066 || character > 0x2069));
        cells = character < 0x20 ? 0 : cells + pages_cells(character);
        check(!has_one_size || cells <= terminal.columns || terminal.columns < PAGES_COLUMNS_MIN ||
              terminal.rows < 6);
        at += len;
    }
}

/* Rows, columns, the request's length in two bytes, the request, the keys. */
static void typed(const uint8_t *data, size_t size) {
    struct dialog_request request;
    struct device device = {.draws_marks = size % 2 == 0};
    char error[200];
    size_t len = size >= 4 ? (size_t)data[2] << 8 | data[3] : 0;
    if (size < 4 || len > size - 4 ||
        !dialog_request_read((const char *)data + 4, len, &request, error, sizeof error)) {
        return;
    }
    memset(&terminal, 0, sizeof terminal);
    terminal.rows = data[0] % 64;
    terminal.columns = data[1];
    terminal.keys = data + 4 + len;
    terminal.left = size - 4 - len;
    terminal.written = malloc(WRITTEN_MAX);
    check(terminal.written != NULL);
    bool has_one_size = true;
    for (size_t i = 0; i < terminal.left; i++) {
        has_one_size = has_one_size && terminal.keys[i] < RESIZE;
    }
    terminal.runs = true;
    struct dialog_decision decision = flow_run(&request, &device);
    terminal.runs = false;
    check_written(has_one_size);
    check(!decision.remember || request.may_remember);
    /* whoever agrees has seen the end: it says how to refuse */
    check(!decision.agreed || strstr(terminal.written, "no = ") != NULL);
    free(terminal.written);
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
    switch (data[0] % 4) {
    case 0:
        pinentry();
        break;
    case 1:
        consent();
        break;
    case 2:
        question((const char *)copy, size - 2);
        break;
    default:
        typed(copy, size - 2);
        break;
    }
    free(copy);
    return 0;
}
