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

enum jobs_limit {
    JOBS_MAX = 256, /* remembered */
    JOB_ID_SIZE = 33,
    JOB_ORDER_MAX = 64,
    JOB_AUTHORIZATION_MAX = 2048,
};

/* Read the journal: jobs that were running when the agent ended are interrupted now. -1: the log says why. */
int jobs_open(struct key *key, struct jobs **jobs);
/* Ask running jobs to stop at their next step and wait for them. NULL is harmless. */
void jobs_close(struct jobs *jobs);

/* What a page asks for. Strings are borrowed. */
struct job_request {
    const char *kind;    /* "renew" */
    const char *service; /* profile */
    const char *order;
    const char *authorization; /* the order service's bearer token; kept in memory only */
    const char *origin;
    enum http_language language;
};

/* The job of that origin, service and order, if there is one: its document in `language`, and whether it is running or done (then
 * asking again changes nothing). */
bool jobs_find(struct jobs *jobs, const struct job_request *request, json_t **document,
               bool *is_settled);

/* Start the job, or resume it under its old id, on `token` (reference kept as needed), whose PIN the caller has verified. On
 * PROBLEM_COUNT (no problem) *document is the job. */
enum agent_problem jobs_start(struct jobs *jobs, const struct job_request *request,
                              struct token *token, json_t **document);

/* The job's document, if it is that origin's; else NULL. New reference. */
json_t *jobs_get(struct jobs *jobs, const char *id, const char *origin,
                 enum http_language language);

/* Cancel. False: no such job. *is_cancelled is false when something has been written and the job has not ended; one that has ended
 * stays as it is. *document (new reference) says what it is now. */
bool jobs_cancel(struct jobs *jobs, const char *id, const char *origin, enum http_language language,
                 bool *is_cancelled, json_t **document);

#endif
