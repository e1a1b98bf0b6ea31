/* One run of a job: its steps one after the other, each told to the pages, to the journal and to the service. */
#include "agent/jobs/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the kinds ---- */

const struct job_kind *job_kind_find(const char *name) {
    static const struct job_kind *const kinds[] = {
        &job_kind_enrol,  &job_kind_renew,   &job_kind_change,  &job_kind_replace,
        &job_kind_unlock, &job_kind_recover, &job_kind_install, NULL};
    for (size_t i = 0; kinds[i]; i++) {
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    }
    return NULL;
}

/* ---- failing, asking ---- */

bool work_fail(struct work *work, enum agent_problem problem, bool is_permanent,
               const char *detail) {
    work->failure.problem = problem;
    work->failure.is_permanent = is_permanent;
    snprintf(work->failure.detail, sizeof work->failure.detail, "%s", detail);
    return false;
}

bool work_fail_token(struct work *work, enum token_error error) {
    bool is_passing = error == TOKEN_REMOVED || error == TOKEN_LOGIN_NEEDED || error == TOKEN_BUSY;
    return work_fail(work, error == TOKEN_MISMATCH ? PROBLEM_TOKEN_ERROR : key_token_problem(error),
                     !is_passing, token_error_text(error));
}

bool work_ask(struct work *work, const char *method, const char *path, json_t *body,
              json_t **answer) {
    return service_ask(work->job, method, path, body, answer, &work->failure);
}

bool work_ask_task(struct work *work, const char *what, json_t *body, json_t **answer) {
    char path[WORK_PATH_SIZE];
    *answer = NULL;
    if (!body)
        return work_fail(work, PROBLEM_INTERNAL, false, "out of memory");
    snprintf(path, sizeof path, "/v1/tasks/%s/%s", work->task.id, what);
    return work_ask(work, "POST", path, body, answer);
}

/* ---- the service hears how far it is ---- */

/* STEP_COUNT: none of ours. */
static enum job_step step_of(const char *name) {
    enum job_step step = 0;
    while (step < STEP_COUNT && strcmp(job_step_name(step), name) != 0)
        step++;
    return step;
}

/* The steps of the task up to `done`, in its order; from one that we do not know on, nothing more is said. What counts is the confirmation:
 * once it has been given, nobody stops for a report that got lost. */
static bool report(struct work *work, enum job_step done) {
    const struct task *task = &work->task;
    while (work->is_claimed && work->reported < task->step_count &&
           step_of(task->steps[work->reported]) <= done) {
        json_t *answer = NULL;
        bool is_heard = work_ask_task(
            work, "steps", json_pack("{s:s}", "step", task->steps[work->reported]), &answer);
        json_decref(answer);
        if (!is_heard && !work->is_confirmed)
            return false;
        work->reported++;
    }
    return true;
}

/* Give the lease back, so that nobody has to wait for its end. What the service says to that does not matter any more. */
static void give_back(struct work *work) {
    const struct job_failure failure = work->failure;
    json_t *answer = NULL;
    if (!work->is_claimed || work->is_confirmed || failure.problem == PROBLEM_SERVICE_UNREACHABLE)
        return;
    work->failure.extra = NULL;
    work_ask_task(
        work, "fail",
        json_pack("{s:s, s:b}", "code", agent_problem_code(failure.problem), "permanent", 0),
        &answer);
    json_decref(answer);
    json_decref(work->failure.extra);
    work->failure = failure;
}

/* ---- the run ---- */

static void run_steps(struct work *work) {
    struct job *job = work->job;
    const struct job_kind *kind = job->kind;
    for (size_t i = 0; kind->steps[i].run; i++) {
        if (work->is_confirmed && !kind->steps[i].runs_when_confirmed)
            continue;
        if (!job_begin_step(job, kind->steps[i].step))
            return;
        if (!kind->steps[i].run(work) || !report(work, kind->steps[i].step)) {
            const struct job_failure *failure = &work->failure;
            give_back(work);
            job_end(job, failure->is_permanent ? JOB_FAILED : JOB_INTERRUPTED, failure->problem,
                    json_incref(failure->extra), failure->detail);
            return;
        }
    }
    job_end(job, JOB_DONE, PROBLEM_COUNT, NULL, NULL);
}

static void clear(struct work *work) {
    token_certificates_free(&work->certificates);
    octets_free(&work->pair.spki);
    octets_free(&work->csr);
    octets_free(&work->signature);
    octets_free(&work->made);
    octets_free(&work->secret);
    issued_clear(&work->issued);
    json_decref(work->failure.extra);
}

void job_run(struct job *job) {
    const struct key *key = job->owner->key;
    struct work *work = calloc(1, sizeof *work);
    if (!work) {
        job_end(job, JOB_INTERRUPTED, PROBLEM_INTERNAL, NULL, "out of memory");
        return;
    }
    work->job = job;
    work->token = job->plugged;
    work->failure.problem = PROBLEM_COUNT;
    work->anchor =
        anchors_find(key->anchors, agent_config_service(key->agent->config, job->service));
    job_label(job->order, work->label);
    if (work->anchor)
        run_steps(work);
    else
        job_end(job, JOB_FAILED, PROBLEM_SERVICE_UNKNOWN, NULL,
                "the service's root certificate cannot be read");
    if (work->has_logged_in) /* at the end of the hold */
        token_logout(work->token);
    clear(work);
    free(work);
}
