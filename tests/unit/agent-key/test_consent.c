/* agent/consent: Assuan lines, scripted pinentries, the consent program's protocol, text made visible. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/consent/consent.h"
#include "module/pinentry/assuan.h"
#include "module/pinentry/child.h"
#include "module/pinentry/visible.h"

/* ---- a folder for scripts ---- */

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", "/tmp/openukey-consent-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* A program that runs this shell text. */
static char *script(const char *text) {
    static char path[128];
    snprintf(path, sizeof path, "%s/program", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\ncd '%s' || exit 1\n%s", folder, text);
    fclose(file);
    assert_int_equal(chmod(path, 0700), 0);
    return path;
}

/* What a script wrote into the folder. */
static char *written(const char *name) {
    char path[128];
    static char text[16384];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* A pinentry that says OK to everything and `answer` to GETPIN. */
static const char *pinentry(const char *answer) {
    char text[4096];
    snprintf(text, sizeof text,
             "printf 'OK Pleased to meet you\\n'\n"
             "while read -r line; do\n"
             "  printf '%%s\\n' \"$line\" >>heard\n"
             "  case $line in\n"
             "  GETPIN) %s ;;\n"
             "  BYE) exit 0 ;;\n"
             "  *) printf '# a comment\\nS STATUS x\\nOK\\n' ;;\n"
             "  esac\n"
             "done\n",
             answer);
    return script(text);
}

static const struct consent_pin_request pin_request = {
    .lang = "en",
    .title = "PIN",
    .description = "The website https://example.test asks.\nKey: 50%",
    .prompt = "PIN:",
    .ok = "OK",
    .cancel = "Cancel",
};

/* consent_ask() with a window's program alone. */
static enum consent_result ask_consent(char *program, const json_t *request,
                                       const struct consent_watch *watch,
                                       enum consent_choice *choice) {
    const struct consent_means means = {.program = program};
    return consent_ask(&means, request, watch, choice);
}

static enum consent_result ask(const char *program, struct consent_pin **pin) {
    const struct consent_watch watch = {.timeout_ms = 20000};
    return consent_ask_pin(program, &pin_request, &watch, pin);
}

/* ---- Assuan ---- */

static void assuan_escapes_percent_and_control_characters(void **state) {
    (void)state;
    char line[ASSUAN_LINE_MAX + 1];
    size_t len = assuan_command(line, "SETDESC", "a%b\nc\r\x01 \xe4\xb8\xad");
    assert_string_equal(line, "SETDESC a%25b%0Ac%0D%01 \xe4\xb8\xad\n");
    assert_int_equal(len, strlen(line));
    assert_int_equal(assuan_command(line, "GETPIN", NULL), 7);
    assert_string_equal(line, "GETPIN\n");
}

static void assuan_refuses_an_argument_over_993_bytes(void **state) {
    (void)state;
    char line[ASSUAN_LINE_MAX + 1], argument[1100];
    memset(argument, 'x', sizeof argument);
    argument[993] = '\0';
    assert_int_not_equal(assuan_command(line, "SETDESC", argument), 0);
    assert_true(strlen(line) <= ASSUAN_LINE_MAX);
    argument[993] = 'x';
    argument[994] = '\0';
    assert_int_equal(assuan_command(line, "SETDESC", argument), 0);
    argument[991] = '%'; /* 993 bytes, 995 escaped */
    argument[993] = '\0';
    assert_int_equal(assuan_command(line, "SETDESC", argument), 0);
}

static enum assuan_line parse(const char *line) {
    const char *value;
    size_t len;
    return assuan_parse(line, strlen(line), &value, &len);
}

static void assuan_tells_answer_lines_apart(void **state) {
    (void)state;
    assert_int_equal(parse("OK"), ASSUAN_OK);
    assert_int_equal(parse("OK Pleased to meet you\r"), ASSUAN_OK);
    assert_int_equal(parse("OKAY"), ASSUAN_BAD);
    assert_int_equal(parse("ERR 83886179 cancelled"), ASSUAN_ERR);
    assert_int_equal(parse("D 1234"), ASSUAN_DATA);
    assert_int_equal(parse("D"), ASSUAN_DATA);
    assert_int_equal(parse("S PASSWORD_FROM_CACHE"), ASSUAN_IGNORE);
    assert_int_equal(parse("# hello"), ASSUAN_IGNORE);
    assert_int_equal(parse("INQUIRE QUALITY"), ASSUAN_BAD);
    assert_int_equal(parse(""), ASSUAN_BAD);
}

static void assuan_reads_error_codes(void **state) {
    (void)state;
    assert_int_equal(assuan_error_code("83886179 Operation cancelled", 28) & 0xFFFF,
                     ASSUAN_CODE_CANCELED);
    assert_int_equal(assuan_error_code("99", 2), 99);
    assert_int_equal(assuan_error_code("", 0), -1);
    assert_int_equal(assuan_error_code("x9", 2), -1);
    assert_int_equal(assuan_error_code("9x", 2), -1);
    assert_int_equal(assuan_error_code("99999999999999999999", 20), -1);
}

static void assuan_decoding_refuses_bad_escapes_nul_and_overflow(void **state) {
    (void)state;
    char data[4];
    size_t used = 0;
    assert_true(assuan_decode("1%252", 5, data, sizeof data, &used));
    assert_memory_equal(data, "1%2", 3);
    assert_int_equal(used, 3);
    assert_false(assuan_decode("xy", 2, data, sizeof data, &used));
    used = 0;
    assert_false(assuan_decode("%2", 2, data, sizeof data, &used));
    used = 0;
    assert_false(assuan_decode("%zz", 3, data, sizeof data, &used));
    used = 0;
    assert_false(assuan_decode("%00", 3, data, sizeof data, &used));
}

/* ---- pinentry ---- */

static void a_typed_pin_comes_back_decoded(void **state) {
    (void)state;
    struct consent_pin *pin;
    assert_int_equal(ask(pinentry("printf 'D 12%%2534\\nD 56\\nOK\\n'"), &pin), CONSENT_GIVEN);
    assert_string_equal(pin->text, "12%3456");
    assert_int_equal(pin->len, 7);
    consent_pin_free(pin);
    assert_non_null(strstr(written("heard"),
                           "SETDESC The website https://example.test asks.%0AKey: "
                           "50%25\n"));
}

static void an_empty_pin_is_a_pin_of_length_zero(void **state) {
    (void)state;
    struct consent_pin *pin;
    assert_int_equal(ask(pinentry("printf 'OK\\n'"), &pin), CONSENT_GIVEN);
    assert_int_equal(pin->len, 0);
    consent_pin_free(pin);
}

static void cancelling_is_a_refusal_and_other_errors_are_not(void **state) {
    (void)state;
    struct consent_pin *pin;
    assert_int_equal(ask(pinentry("printf 'ERR 83886179 Operation cancelled <Pinentry>\\n'"), &pin),
                     CONSENT_REFUSED);
    assert_null(pin);
    assert_int_equal(ask(pinentry("printf 'ERR 83886142 Timeout <Pinentry>\\n'"), &pin),
                     CONSENT_TIMEOUT);
    assert_int_equal(ask(pinentry("printf 'ERR 83918950 Inappropriate ioctl <Pinentry>\\n'"), &pin),
                     CONSENT_UNAVAILABLE);
    assert_int_equal(ask(pinentry("printf 'D 1234\\nERR 99 cancelled\\n'"), &pin), CONSENT_REFUSED);
    assert_null(pin);
}

static void a_pinentry_that_dies_gives_no_pin(void **state) {
    (void)state;
    struct consent_pin *pin;
    assert_int_equal(ask(pinentry("printf 'D 123456\\n'; exit 0"), &pin), CONSENT_REFUSED);
    assert_null(pin);
    assert_int_equal(ask(script("exit 1\n"), &pin), CONSENT_UNAVAILABLE);
    assert_int_equal(ask("/nonexistent/pinentry", &pin), CONSENT_UNAVAILABLE);
    assert_null(pin);
}

static void overlong_lines_and_pins_are_faults(void **state) {
    (void)state;
    struct consent_pin *pin;
    assert_int_equal(ask(pinentry("head -c 3000 /dev/zero | tr '\\0' x; printf '\\nOK\\n'"), &pin),
                     CONSENT_UNAVAILABLE);
    assert_int_equal(
        ask(pinentry("printf 'D '; head -c 256 /dev/zero | tr '\\0' 1; printf '\\nOK\\n'"), &pin),
        CONSENT_UNAVAILABLE);
    assert_null(pin);
    assert_int_equal(ask(pinentry("printf 'INQUIRE X\\n'"), &pin), CONSENT_UNAVAILABLE);
}

static void a_description_that_does_not_fit_is_not_asked(void **state) {
    (void)state;
    char description[1200];
    struct consent_pin *pin;
    struct consent_pin_request request = pin_request;
    memset(description, 'x', sizeof description - 1);
    description[sizeof description - 1] = '\0';
    request.description = description;
    assert_int_equal(consent_ask_pin(pinentry("printf 'D 123456\\nOK\\n'"), &request, NULL, &pin),
                     CONSENT_BAD_REQUEST);
    assert_null(pin);
    assert_null(strstr(written("heard"), "GETPIN"));
}

static void bidi_characters_reach_pinentry_as_escapes(void **state) {
    (void)state;
    struct consent_pin *pin;
    struct consent_pin_request request = pin_request;
    request.description = "a\xe2\x80\xae"
                          "b";
    assert_int_equal(consent_ask_pin(pinentry("printf 'D 123456\\nOK\\n'"), &request, NULL, &pin),
                     CONSENT_GIVEN);
    consent_pin_free(pin);
    assert_non_null(strstr(written("heard"), "SETDESC a\\u{202E}b\n"));
}

/* ---- time, absence ---- */

/* The page goes away once the dialog is open. */
static bool gone_when_open(void *context) {
    char path[128];
    (void)context;
    snprintf(path, sizeof path, "%s/open", folder);
    return access(path, F_OK) == 0;
}

static pid_t pid_of_script(void) {
    return (pid_t)strtol(written("pid"), NULL, 10);
}

static void a_dialog_ends_when_nobody_waits(void **state) {
    (void)state;
    struct consent_pin *pin;
    const struct consent_watch watch = {.is_gone = gone_when_open};
    assert_int_equal(consent_ask_pin(pinentry("echo $$ >pid; sleep 600 & echo >open; wait"),
                                     &pin_request, &watch, &pin),
                     CONSENT_GONE);
    assert_null(pin);
    assert_int_not_equal(kill(pid_of_script(), 0), 0); /* it and its children have ended */
}

static void a_dialog_ends_when_its_time_is_over(void **state) {
    (void)state;
    struct consent_pin *pin;
    const struct consent_watch watch = {.timeout_ms = 300};
    assert_int_equal(consent_ask_pin(pinentry("sleep 600"), &pin_request, &watch, &pin),
                     CONSENT_TIMEOUT);
    json_t *request = json_pack("{s:s}", "kind", "confirm");
    assert_int_equal(ask_consent(script("trap '' TERM; sleep 600\n"), request, &watch, NULL),
                     CONSENT_TIMEOUT);
    json_decref(request);
}

/* ---- consent program ---- */

static char nowhere[] = "/nonexistent/consent";

static enum consent_result consent(const char *text, enum consent_choice *choice) {
    const struct consent_watch watch = {.timeout_ms = 20000};
    json_t *request = json_pack("{s:s, s:s}", "kind", "confirm", "title", "t");
    enum consent_result result = ask_consent(script(text), request, &watch, choice);
    json_decref(request);
    return result;
}

static void only_an_agreement_with_status_zero_is_one(void **state) {
    (void)state;
    static const char *const refusals[] = {
        "cat >/dev/null; echo '{\"decision\":\"refuse\"}'\n",
        "cat >/dev/null; echo '{\"decision\":\"agree\"}'; exit 1\n",
        "cat >/dev/null; echo '{\"decision\":\"agree\"}'; kill -9 $$\n",
        "cat >/dev/null\n",
        "cat >/dev/null; echo agree\n",
        "cat >/dev/null; echo '{\"decision\":\"agree\"} x'\n",
        "cat >/dev/null; echo '{\"decision\":\"agree\",\"decision\":\"agree\"}'\n",
        "cat >/dev/null; echo '{\"decision\":\"agree\",\"more\":1}'\n",
        "cat >/dev/null; echo '{\"decision\":\"agree\",\"choice\":\"perhaps\"}'\n",
        "cat >/dev/null; echo '{\"decision\":true}'\n",
        "cat >/dev/null; echo '[\"agree\"]'\n",
        "cat >/dev/null; printf '{\"decision\":\"agree\"'\n",
        "cat >/dev/null; echo '{\"decision\":\"agree\"}'; head -c 5000 /dev/zero | tr '\\0' ' '\n",
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (consent(refusals[i], NULL) != CONSENT_REFUSED)
            fail_msg("not refused: %s", refusals[i]);
    }
    assert_int_equal(consent("cat >request; echo '{\"decision\":\"agree\"}'\n", NULL),
                     CONSENT_GIVEN);
    assert_string_equal(written("request"), "{\"kind\":\"confirm\",\"title\":\"t\"}");
}

static void the_choice_comes_with_the_agreement(void **state) {
    (void)state;
    enum consent_choice choice;
    assert_int_equal(
        consent("cat >/dev/null; echo '{\"decision\":\"agree\",\"choice\":\"always\"}'\n", &choice),
        CONSENT_GIVEN);
    assert_int_equal(choice, CONSENT_CHOICE_ALWAYS);
    assert_int_equal(
        consent("cat >/dev/null; echo '{\"decision\":\"refuse\",\"choice\":\"always\"}'\n",
                &choice),
        CONSENT_REFUSED);
    assert_int_equal(choice, CONSENT_CHOICE_NONE);
    assert_int_equal(
        consent("cat >/dev/null; echo '{\"decision\":\"refuse\",\"choice\":\"never\"}'\n", &choice),
        CONSENT_REFUSED);
    assert_int_equal(choice, CONSENT_CHOICE_NEVER);
    assert_int_equal(
        consent("cat >/dev/null; echo '{\"decision\":\"agree\",\"choice\":\"never\"}'\n", &choice),
        CONSENT_REFUSED);
    assert_int_equal(choice, CONSENT_CHOICE_NONE);
}

static void no_display_is_told_apart_from_a_refusal(void **state) {
    (void)state;
    assert_int_equal(consent("exit 3\n", NULL), CONSENT_UNAVAILABLE);
    json_t *request = json_object();
    assert_int_equal(ask_consent(nowhere, request, NULL, NULL), CONSENT_UNAVAILABLE);
    json_decref(request);
}

/* ---- the terminal ---- */

static char a_tty[] = "/dev/pts/77", a_type[] = "vt220";

/* What a program that agrees was started with. */
static const char *agreed_by(char *program, char *tty_program, char *device) {
    const struct consent_watch watch = {.timeout_ms = 20000};
    const struct consent_means means = {.program = program,
                                        .tty_program = tty_program,
                                        .terminal = {.device = device, .type = a_type}};
    json_t *request = json_pack("{s:s}", "kind", "confirm");
    enum consent_result result = consent_ask(&means, request, &watch, NULL);
    json_decref(request);
    return result == CONSENT_GIVEN ? written("arguments") : NULL;
}

static void a_terminal_is_asked_on_where_there_is_no_display(void **state) {
    (void)state;
    char *agreeing =
        script("cat >/dev/null; echo \"$*\" >arguments; echo '{\"decision\":\"agree\"}'\n");
    unsetenv("DISPLAY");
    setenv("WAYLAND_DISPLAY", "", 1);
    assert_string_equal(agreed_by(nowhere, agreeing, a_tty), "--tty /dev/pts/77 --type vt220\n");
    assert_null(agreed_by(nowhere, agreeing, NULL)); /* none is named */
    assert_string_equal(agreed_by(agreeing, nowhere, NULL), "\n");
    setenv("DISPLAY", ":77", 1);
    assert_string_equal(agreed_by(agreeing, nowhere, a_tty), "\n");
    /* the display's program cannot show anything */
    assert_string_equal(agreed_by(nowhere, agreeing, a_tty), "--tty /dev/pts/77 --type vt220\n");
    unsetenv("DISPLAY");
}

static void a_refusal_in_a_window_is_not_asked_again_on_the_terminal(void **state) {
    (void)state;
    setenv("DISPLAY", ":77", 1);
    char *program = script("cat >/dev/null; [ $# = 0 ] && answer=refuse || answer=agree\n"
                           "printf '{\"decision\":\"%s\"}' $answer\n");
    assert_null(agreed_by(program, program, a_tty));
    unsetenv("DISPLAY");
}

static void pinentry_is_told_which_terminal(void **state) {
    (void)state;
    struct consent_pin *pin;
    const struct consent_terminal terminal = {.device = a_tty, .type = a_type};
    struct consent_pin_request request = pin_request;
    assert_int_equal(ask(pinentry("printf 'D 123456\\nOK\\n'"), &pin), CONSENT_GIVEN);
    consent_pin_free(pin);
    assert_null(strstr(written("heard"), "tty"));
    request.terminal = &terminal;
    assert_int_equal(consent_ask_pin(pinentry("printf 'D 123456\\nOK\\n'"), &request, NULL, &pin),
                     CONSENT_GIVEN);
    consent_pin_free(pin);
    assert_non_null(strstr(written("heard"), "OPTION ttyname=/dev/pts/77\n"));
    assert_non_null(strstr(written("heard"), "OPTION ttytype=vt220\n"));
}

/* Else a dialog on the terminal that the agent was started from would be stopped. */
static void a_dialog_is_no_background_job_of_our_terminal(void **state) {
    (void)state;
    consent("cat >/dev/null; cut -d' ' -f1,5,6 /proc/$$/stat >ids\n", NULL);
    char *rest = written("ids");
    long pid = strtol(rest, &rest, 10), group = strtol(rest, &rest, 10);
    assert_int_equal(pid, group);
    assert_int_equal(pid, strtol(rest, &rest, 10)); /* the session */
}

static void a_request_over_the_limit_is_not_shown(void **state) {
    (void)state;
    char *value = malloc(CONSENT_REQUEST_MAX + 1);
    memset(value, 'x', CONSENT_REQUEST_MAX);
    value[CONSENT_REQUEST_MAX] = '\0';
    json_t *request = json_pack("{s:s}", "title", value);
    assert_int_equal(ask_consent(script("cat >/dev/null; echo '{\"decision\":\"agree\"}'\n"),
                                 request, NULL, NULL),
                     CONSENT_BAD_REQUEST);
    json_decref(request);
    value[CONSENT_REQUEST_MAX - 100] = '\0';
    request = json_pack("{s:s}", "title", value);
    assert_int_equal(ask_consent(script("cat >/dev/null; echo '{\"decision\":\"agree\"}'\n"),
                                 request, NULL, NULL),
                     CONSENT_GIVEN);
    json_decref(request);
    free(value);
}

static void a_program_that_does_not_read_cannot_hang_or_kill_us(void **state) {
    (void)state;
    char *value = malloc(400000);
    memset(value, 'x', 399999);
    value[399999] = '\0';
    json_t *request = json_pack("{s:s}", "title", value);
    const struct consent_watch watch = {.timeout_ms = 20000};
    assert_int_equal(
        ask_consent(script("exec <&-; echo '{\"decision\":\"refuse\"}'\n"), request, &watch, NULL),
        CONSENT_REFUSED);
    json_decref(request);
    free(value);
}

/* ---- environment, descriptors ---- */

static void children_see_only_what_a_dialog_needs(void **state) {
    (void)state;
    static char path[] = "PATH=/bin", secret[] = "SECRET=x", lc[] = "LC_ALL=C",
                lang[] = "LANG=zh_CN.UTF-8", display[] = "DISPLAY=:1", paths[] = "PATHS=x",
                preload[] = "LD_PRELOAD=x", home[] = "HOME=/h";
    char *const environment[] = {path, secret, lc, lang, display, paths, preload, home, NULL};
    char **kept = child_environment(environment);
    assert_non_null(kept);
    static const char *const expected[] = {"PATH=/bin", "LC_ALL=C", "LANG=zh_CN.UTF-8",
                                           "DISPLAY=:1", "HOME=/h"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(kept[i], expected[i]);
    assert_null(kept[5]);
    free(kept);
}

static void children_inherit_no_descriptor(void **state) {
    (void)state;
    int descriptor = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    assert_int_not_equal(setenv("OPENUKEY_SECRET", "x", 1), -1);
    consent("cat >/dev/null; ls /proc/$$/fd | wc -l >count; env >environment\n", NULL);
    close(descriptor);
    /* 0, 1, 2 and the script itself (and, in some shells, the folder that ls reads) */
    assert_true(strtol(written("count"), NULL, 10) <= 5);
    assert_null(strstr(written("environment"), "OPENUKEY_SECRET"));
}

/* ---- visible text ---- */

static void assert_shown(const char *text, size_t len, const char *expected, bool is_escaped) {
    bool escaped = !is_escaped;
    char *shown = visible_text(text, len, false, &escaped);
    assert_string_equal(shown, expected);
    assert_int_equal(escaped, is_escaped);
    free(shown);
}

static void invisible_characters_are_spelled_out(void **state) {
    (void)state;
    assert_shown("\xe5\x8d\x97 abc", 7, "\xe5\x8d\x97 abc", false);
    assert_shown("a\nb", 3, "a\\u{000A}b", true);
    assert_shown("a\0b", 3, "a\\u{0000}b", true);
    assert_shown("\xe2\x80\xae", 3, "\\u{202E}", true);      /* right-to-left override */
    assert_shown("\xe2\x81\xa6", 3, "\\u{2066}", true);      /* isolate */
    assert_shown("\xe2\x80\x8b", 3, "\\u{200B}", true);      /* zero width space */
    assert_shown("\xe3\x85\xa4", 3, "\\u{3164}", true);      /* Hangul filler */
    assert_shown("\xf3\xa0\x80\xa0", 4, "\\u{E0020}", true); /* tag */
    assert_shown("e\xcc\x81", 3, "e\xcc\x81", false);        /* one accent is text */
    assert_shown("e\xcc\x81\xcc\x81\xcc\x81", 7, "e\xcc\x81\xcc\x81\\u{0301}", true);
}

static void bytes_that_are_no_utf8_are_spelled_out(void **state) {
    (void)state;
    assert_shown("\xff"
                 "a",
                 2, "\\x{FF}a", true);
    assert_shown("\xc0\x80", 2, "\\x{C0}\\x{80}", true);            /* overlong */
    assert_shown("\xed\xa0\x80", 3, "\\x{ED}\\x{A0}\\x{80}", true); /* surrogate */
    assert_shown("\xe5\x8d", 2, "\\x{E5}\\x{8D}", true);            /* cut off */
    assert_shown("\xf4\x90\x80\x80", 4, "\\x{F4}\\x{90}\\x{80}\\x{80}", true);
}

static void what_is_spelled_out_is_told_from_the_same_letters_typed(void **state) {
    (void)state;
    const char *text = "\xe5\x8d\x97\xe2\x80\xae\xe2\x80\xac"
                       "X\\u{202E}\xff",
               *start = text;
    char *shown = visible_text(text, strlen(text), false, NULL), *at = shown;
    bool is_escape = false;
    assert_int_equal(visible_run(&text, at, 9, &is_escape), 3);
    assert_false(is_escape);
    at += 3;
    assert_int_equal(visible_run(&text, at, 9, &is_escape), 16);
    assert_true(is_escape);
    at += 16;
    assert_int_equal(visible_run(&text, at, 9, &is_escape), 9); /* X\u{202E} as somebody wrote it */
    assert_false(is_escape);
    at += 9;
    assert_int_equal(visible_run(&text, at, 9, &is_escape), 6);
    assert_true(is_escape);
    at += 6;
    assert_int_equal(visible_run(&text, at, 9, &is_escape), 0);
    assert_ptr_equal(text, start + strlen(start));
    free(shown);
}

static void line_ends_stay_where_they_are_wanted(void **state) {
    (void)state;
    char *shown = visible_text("a\nb\r", 4, true, NULL);
    assert_string_equal(shown, "a\nb\\u{000D}");
    free(shown);
}

int main(void) {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assuan_escapes_percent_and_control_characters),
        cmocka_unit_test(assuan_refuses_an_argument_over_993_bytes),
        cmocka_unit_test(assuan_tells_answer_lines_apart),
        cmocka_unit_test(assuan_reads_error_codes),
        cmocka_unit_test(assuan_decoding_refuses_bad_escapes_nul_and_overflow),
        WITH_FOLDER(a_typed_pin_comes_back_decoded),
        WITH_FOLDER(an_empty_pin_is_a_pin_of_length_zero),
        WITH_FOLDER(cancelling_is_a_refusal_and_other_errors_are_not),
        WITH_FOLDER(a_pinentry_that_dies_gives_no_pin),
        WITH_FOLDER(overlong_lines_and_pins_are_faults),
        WITH_FOLDER(a_description_that_does_not_fit_is_not_asked),
        WITH_FOLDER(bidi_characters_reach_pinentry_as_escapes),
        WITH_FOLDER(a_dialog_ends_when_nobody_waits),
        WITH_FOLDER(a_dialog_ends_when_its_time_is_over),
        WITH_FOLDER(only_an_agreement_with_status_zero_is_one),
        WITH_FOLDER(the_choice_comes_with_the_agreement),
        WITH_FOLDER(no_display_is_told_apart_from_a_refusal),
        WITH_FOLDER(a_terminal_is_asked_on_where_there_is_no_display),
        WITH_FOLDER(a_refusal_in_a_window_is_not_asked_again_on_the_terminal),
        WITH_FOLDER(pinentry_is_told_which_terminal),
        WITH_FOLDER(a_dialog_is_no_background_job_of_our_terminal),
        WITH_FOLDER(a_request_over_the_limit_is_not_shown),
        WITH_FOLDER(a_program_that_does_not_read_cannot_hang_or_kill_us),
        cmocka_unit_test(children_see_only_what_a_dialog_needs),
        WITH_FOLDER(children_inherit_no_descriptor),
        cmocka_unit_test(invisible_characters_are_spelled_out),
        cmocka_unit_test(what_is_spelled_out_is_told_from_the_same_letters_typed),
        cmocka_unit_test(bytes_that_are_no_utf8_are_spelled_out),
        cmocka_unit_test(line_ends_stay_where_they_are_wanted),
    };
    return cmocka_run_group_tests_name("agent/consent", tests, NULL, NULL);
}
