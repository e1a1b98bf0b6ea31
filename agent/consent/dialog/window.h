/* The confirmation window of ukey-consent. */
#ifndef AGENT_CONSENT_DIALOG_WINDOW_H
#define AGENT_CONSENT_DIALOG_WINDOW_H

#include "agent/consent/dialog/program.h"

/* Show the window and wait for the person (gtk_init must have succeeded). Also ends, as a refusal, when standard output's reader
 * goes away. */
struct dialog_decision dialog_window_run(const struct dialog_request *request);

#endif
