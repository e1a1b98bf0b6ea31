/* Every problem that the agent can answer, with its status and its texts in both languages. */
#ifndef AGENT_API_MESSAGES_H
#define AGENT_API_MESSAGES_H

#include "agent/http/http.h"

enum agent_problem {
    PROBLEM_ORIGIN_REFUSED,
    PROBLEM_HOST_REFUSED,
    PROBLEM_PEER_REFUSED,
    PROBLEM_PAIRING_REQUIRED,
    PROBLEM_SESSION_INVALID,
    PROBLEM_UNSUPPORTED_MEDIA_TYPE,
    PROBLEM_BAD_REQUEST,
    PROBLEM_NOT_FOUND,
    PROBLEM_METHOD_NOT_ALLOWED,
    PROBLEM_BODY_TOO_LARGE,
    PROBLEM_RATE_LIMITED,
    PROBLEM_ACTION_REFUSED, /* the policy does not let this site do that */
    PROBLEM_ACTION_PENDING,
    PROBLEM_USER_CANCELLED,
    PROBLEM_PIN_REQUIRED,
    PROBLEM_PIN_WRONG, /* extra: triesLeft */
    PROBLEM_PIN_LAST_TRY,
    PROBLEM_PIN_LOCKED,
    PROBLEM_PIN_MUST_CHANGE, /* good for nothing but being changed */
    PROBLEM_NO_TOKEN,
    PROBLEM_SEVERAL_TOKENS,
    PROBLEM_TOKEN_REMOVED,
    PROBLEM_WRONG_TOKEN,
    PROBLEM_CAPABILITY_MISSING, /* the key, or its module, cannot do it */
    PROBLEM_CERTIFICATE_NOT_FOUND,
    PROBLEM_CERTIFICATE_MISMATCH,
    PROBLEM_STATEMENT_REFUSED,
    PROBLEM_DOCUMENT_NOT_FOUND,
    PROBLEM_ENVELOPE_REFUSED,
    PROBLEM_SEAL_NOT_FOUND,
    PROBLEM_STAMP_REFUSED, /* extra: reason */
    PROBLEM_SERVICE_UNREACHABLE,
    PROBLEM_SERVICE_REFUSED, /* extra: service, the service's own problem */
    PROBLEM_SERVICE_UNKNOWN,
    PROBLEM_PATH_REFUSED,     /* what may not be asked of a service */
    PROBLEM_REDIRECT_REFUSED, /* the service answered with a redirect */
    PROBLEM_TASK_REFUSED,
    PROBLEM_INSTALL_REFUSED, /* what a page brought did not pass the checks */
    PROBLEM_ORDER_USED,      /* what is to be installed is not what was installed with this order */
    PROBLEM_JOB_NOT_FOUND,
    PROBLEM_DIALOG_UNAVAILABLE,
    PROBLEM_TOKEN_ERROR,
    PROBLEM_INTERNAL,
    PROBLEM_COUNT
};

/* Answer with the problem, in the request's language. `detail` (already in that language) replaces the catalogue's when
 * not NULL; the members of `extra` (may be NULL; reference taken over) are added. */
void agent_respond_problem(struct http_request *request, enum agent_problem problem,
                           const char *detail, json_t *extra);

/* The same as a document, for a job or an event. New reference. */
json_t *agent_problem_json(enum agent_problem problem, enum http_language language,
                           const char *detail, json_t *extra);

/* The problem's UPPER_SNAKE code. */
const char *agent_problem_code(enum agent_problem problem);

#endif
