/* Standard input and output of the programs that ask. */
#include "agent/consent/dialog/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/consent/consent.h"

bool dialog_reads_chinese(void) {
    static const char *const variables[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return strncmp(value, "zh", 2) == 0;
    }
    return false;
}

bool dialog_said(int argc, char **argv, const char *program, enum dialog_text usage) {
    bool wants_version = argc == 2 && strcmp(argv[1], "--version") == 0;
    bool wants_help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (wants_version)
        printf("%s " OPENUKEY_VERSION "\n", program);
    if (wants_help)
        fputs(dialog_text(usage, dialog_reads_chinese()), stdout);
    return wants_version || wants_help;
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

int dialog_serve(const char *program, dialog_ask *ask, void *context) {
    struct dialog_request request;
    char error[200];
    size_t len = 0;
    char *text = read_input(&len);
    if (!text) {
        fprintf(stderr, "%s: the request is too long\n", program);
        return DIALOG_EXIT_BAD_REQUEST;
    }
    bool is_good = dialog_request_read(text, len, &request, error, sizeof error);
    free(text);
    if (!is_good) {
        fprintf(stderr, "%s: %s\n", program, error);
        return DIALOG_EXIT_BAD_REQUEST;
    }
    struct dialog_decision decision = {false, false};
    if (!ask(&request, context, &decision)) {
        dialog_request_free(&request);
        return CONSENT_EXIT_NO_DISPLAY;
    }
    const char *choice = !request.may_remember                  ? ""
                         : decision.agreed && decision.remember ? ",\"choice\":\"always\""
                         : decision.agreed                      ? ",\"choice\":\"once\""
                         : decision.remember                    ? ",\"choice\":\"never\""
                                                                : "";
    printf("{\"decision\":\"%s\"%s}\n", decision.agreed ? "agree" : "refuse", choice);
    dialog_request_free(&request);
    return fflush(stdout) == 0 ? DIALOG_EXIT_DECIDED : DIALOG_EXIT_BAD_REQUEST;
}
