/* Asking the person, and writing down who asked what and what was answered. */
#ifndef AGENT_API_ASK_H
#define AGENT_API_ASK_H

#include "agent/consent/consent.h"
#include "agent/http/http.h"

/* Show `document` with the consent program (consent.h) inside the action that agent_action_begin() began, and record it: its kind, the
 * origin, the key of the request's {id}, the certificate, the answer. A consent that cannot be recorded is CONSENT_UNAVAILABLE. */
enum consent_result agent_ask(struct http_request *request, const json_t *document,
                              const struct consent_watch *watch, enum consent_choice *choice);

/* Record something else that the request's page asked for: `facts` (reference taken over) with origin and key added. False: it could not be
 * written, and must not happen. */
bool agent_record(const struct http_request *request, const char *event, json_t *facts);

/* The word for a dialog's end in the journal: "given", "refused", "gone", "timeout", "unavailable". */
const char *agent_answer_word(enum consent_result result);

#endif
