/* What ukey-consent and ukey-consent-tty have in common: a request comes in, a decision goes out. */
#ifndef AGENT_CONSENT_DIALOG_PROGRAM_H
#define AGENT_CONSENT_DIALOG_PROGRAM_H

#include <stdbool.h>

#include "agent/consent/dialog/request.h"
#include "agent/consent/dialog/texts.h"

/* Exit statuses; CONSENT_EXIT_NO_DISPLAY is one more. */
enum { DIALOG_EXIT_DECIDED = 0, DIALOG_EXIT_BAD_REQUEST = 1, DIALOG_EXIT_USAGE = 2 };

struct dialog_decision {
    bool agreed;
    bool remember; /* agreed or refused for good; only with may_remember */
};

/* Whether the environment asks for Chinese: the same rule in all our programs. */
bool dialog_reads_chinese(void);

/* True when --help or --version is all that was wanted: it has been said. */
bool dialog_said(int argc, char **argv, const char *program, enum dialog_text usage);

/* Show the request and wait for the person's decision. False: there is nothing to show it on, and why has been said. */
typedef bool dialog_ask(const struct dialog_request *request, void *context,
                        struct dialog_decision *decision);

/* Read the request from standard input, have `ask` show it, write what was decided to standard output. Returns the exit status. */
int dialog_serve(const char *program, dialog_ask *ask, void *context);

#endif
