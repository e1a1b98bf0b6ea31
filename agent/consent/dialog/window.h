/* The confirmation window of ukey-consent. */
#ifndef AGENT_CONSENT_DIALOG_WINDOW_H
#define AGENT_CONSENT_DIALOG_WINDOW_H

#include <stdbool.h>

#include "agent/consent/dialog/request.h"

struct dialog_decision {
    bool agreed;
    bool remember; /* agreed or refused for good; only with may_remember */
};

/* Show the window and wait for the person (gtk_init must have succeeded). Also ends, as a refusal, when standard output's reader
 * goes away. */
struct dialog_decision dialog_window_run(const struct dialog_request *request);

#endif
