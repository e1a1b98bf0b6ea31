/* ukey-consent: shows one request and writes the person's decision. */
#include <errno.h>
#include <gtk/gtk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/consent/consent.h"
#include "agent/consent/dialog/request.h"
#include "agent/consent/dialog/texts.h"
#include "agent/consent/dialog/window.h"

enum { EXIT_DECIDED = 0, EXIT_BAD_REQUEST = 1, EXIT_USAGE = 2 };

#ifdef __SANITIZE_ADDRESS__
/* GTK, Pango and fontconfig keep what they have made until the end: a leak report would turn a decision into a crash. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}
#endif

/* Chinese unless the environment asks for something else: the same rule in all our programs. */
static bool person_reads_chinese(void) {
    static const char *const variables[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return strncmp(value, "zh", 2) == 0;
    }
    return false;
}

/* All of standard input, or NULL when it is longer than any request. */
static char *read_input(size_t *len) {
    char *text = malloc(CONSENT_REQUEST_MAX + 1);
    if (!text)
        return NULL;
    for (*len = 0;;) {
        ssize_t got = read(STDIN_FILENO, text + *len, CONSENT_REQUEST_MAX + 1 - *len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return text;
        *len += (size_t)got;
        if (*len > CONSENT_REQUEST_MAX) {
            free(text);
            return NULL;
        }
    }
}

static int show(const char *text, size_t len) {
    struct dialog_request request;
    char error[200];
    if (!dialog_request_read(text, len, &request, error, sizeof error)) {
        fprintf(stderr, "ukey-consent: %s\n", error);
        return EXIT_BAD_REQUEST;
    }
    struct dialog_decision decision = dialog_window_run(&request);
    const char *choice = !request.may_remember                  ? ""
                         : decision.agreed && decision.remember ? ",\"choice\":\"always\""
                         : decision.agreed                      ? ",\"choice\":\"once\""
                         : decision.remember                    ? ",\"choice\":\"never\""
                                                                : "";
    printf("{\"decision\":\"%s\"%s}\n", decision.agreed ? "agree" : "refuse", choice);
    dialog_request_free(&request);
    return fflush(stdout) == 0 ? EXIT_DECIDED : EXIT_BAD_REQUEST;
}

int main(int argc, char **argv) {
    bool chinese = person_reads_chinese();
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("ukey-consent " OPENUKEY_VERSION);
        return EXIT_DECIDED;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(dialog_text(TEXT_USAGE, chinese), stdout);
        return EXIT_DECIDED;
    }
    if (argc != 1) {
        fputs(dialog_text(TEXT_USAGE, chinese), stderr);
        return EXIT_USAGE;
    }
    if (!gtk_init_check(NULL, NULL)) {
        fprintf(stderr, "%s\n", dialog_text(TEXT_NO_DISPLAY, chinese));
        return CONSENT_EXIT_NO_DISPLAY;
    }
    size_t len = 0;
    char *text = read_input(&len);
    if (!text) {
        fputs("ukey-consent: the request is too long\n", stderr);
        return EXIT_BAD_REQUEST;
    }
    int status = show(text, len);
    free(text);
    return status;
}
