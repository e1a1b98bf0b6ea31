/* Asking the order service on behalf of a job: the answer, or the problem that it makes of the job. */
#ifndef AGENT_JOBS_SERVICE_H
#define AGENT_JOBS_SERVICE_H

#include "agent/jobs/job.h"
#include "agent/proxy/proxy.h"

/* Why a job cannot go on. */
struct job_failure {
    enum agent_problem problem; /* PROBLEM_COUNT: none */
    bool
        is_permanent; /* asking again with nothing changed would not help: "failed", else "interrupted" */
    json_t *extra; /* owned */
    char detail[200];
};

/* Ask; takes over `body` (may be NULL). True: *json is the answer's JSON object (new reference). False: *failure says why. */
bool service_ask(const struct job *job, const char *method, const char *path, json_t *body,
                 json_t **json, struct job_failure *failure);

#endif
