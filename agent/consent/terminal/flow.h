/* The conversation on the terminal: page after page of plain text, then the person's word. */
#ifndef AGENT_CONSENT_TERMINAL_FLOW_H
#define AGENT_CONSENT_TERMINAL_FLOW_H

#include "agent/consent/dialog/program.h"
#include "agent/consent/terminal/device.h"

/* Show the request on the open terminal and wait for the person. Also ends, as a refusal, with the terminal, with a signal to end, and
 * when standard output's reader goes away. */
struct dialog_decision flow_run(const struct dialog_request *request, struct device *device);

#endif
