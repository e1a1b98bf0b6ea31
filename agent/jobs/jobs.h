/* The work on a key: journaled jobs, one thread each, resumable after a crash, an unplugged key or a service that was down. The
 * journal is a hint; what is on the key is the truth. */
#ifndef AGENT_JOBS_JOBS_H
#define AGENT_JOBS_JOBS_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/api/messages.h"
#include "agent/token/token.h"

struct key;
struct jobs;
struct job_kind;

enum jobs_limit {
    JOBS_MAX = 256, /* remembered */
    JOB_ID_SIZE = 33,
    JOB_ORDER_MAX = 64,
    JOB_AUTHORIZATION_MAX = 2048,
    JOB_CODE_MAX = 64,
};

/* Read the journal: jobs that were running when the agent ended are interrupted now. -1: the log says why. */
int jobs_open(struct key *key, struct jobs **jobs);
/* Ask running jobs to stop at their next step and wait for them. NULL is harmless. */
void jobs_close(struct jobs *jobs);

/* What a page asks for. Strings are borrowed. */
struct job_request {
    const struct job_kind *kind;
    const char *service; /* profile */
    const char *order;
    const char
        *authorization; /* the order service's bearer token; kept in memory only. NULL: install */
    const char *code;   /* the authorisation code of the order; likewise. NULL: none */
    const json_t *install; /* what is to be installed; likewise */
    const char *origin;
    enum http_language language;
};

enum jobs_found {
    JOBS_NONE,
    JOBS_OPEN,    /* it can be resumed */
    JOBS_SETTLED, /* running or done: asking again changes nothing */
    JOBS_OTHER,   /* that order has been used to install something else */
};

/* The job of that kind, origin, service and order, if there is one: its document in `language`. */
enum jobs_found jobs_find(struct jobs *jobs, const struct job_request *request, json_t **document);

/* Start the job, or resume it under its old id, on `token` (reference kept as needed), whose PIN the caller has verified where the kind
 * wants that. On PROBLEM_COUNT (no problem) *document is the job. */
enum agent_problem jobs_start(struct jobs *jobs, const struct job_request *request,
                              struct token *token, json_t **document);

/* Was what the key holds under that label written by a job that has not ended? Nobody uses it yet: what it replaces is still in use. */
bool jobs_are_making(struct jobs *jobs, const char *token, const char *label);

/* The job's document, if it is that origin's; else NULL. New reference. */
json_t *jobs_get(struct jobs *jobs, const char *id, const char *origin,
                 enum http_language language);

/* Cancel. False: no such job. *is_cancelled is false when something has been written and the job has not ended; one that has ended
 * stays as it is. *document (new reference) says what it is now. */
bool jobs_cancel(struct jobs *jobs, const char *id, const char *origin, enum http_language language,
                 bool *is_cancelled, json_t **document);

#endif
