/* One job: what it is called, how it is told. */
#include "agent/jobs/job.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum word title;
} steps[STEP_COUNT] = {
    [STEP_READ_KEY] = {"read-key", WORD_STEP_READ_KEY},
    [STEP_MATCH] = {"match", WORD_STEP_MATCH},
    [STEP_EMPTY] = {"empty", WORD_STEP_EMPTY},
    [STEP_CLAIM] = {"claim", WORD_STEP_CLAIM},
    [STEP_GENERATE] = {"generate", WORD_STEP_GENERATE},
    [STEP_REQUEST] = {"request", WORD_STEP_REQUEST},
    [STEP_SEND] = {"send", WORD_STEP_SEND},
    [STEP_RECOVER] = {"recover", WORD_STEP_RECOVER},
    [STEP_CHALLENGE] = {"challenge", WORD_STEP_CHALLENGE},
    [STEP_SET_PIN] = {"set-pin", WORD_STEP_SET_PIN},
    [STEP_CHECK] = {"check", WORD_STEP_CHECK},
    [STEP_UNWRAP] = {"unwrap", WORD_STEP_UNWRAP},
    [STEP_WRITE_SEAL] = {"write-seal", WORD_STEP_WRITE_SEAL},
    [STEP_WRITE_CERTIFICATES] = {"write-certificates", WORD_STEP_WRITE_CERTIFICATES},
    [STEP_READ_BACK] = {"read-back", WORD_STEP_READ_BACK},
    [STEP_PROVE] = {"prove", WORD_STEP_PROVE},
    [STEP_CONFIRM] = {"confirm", WORD_STEP_CONFIRM},
    [STEP_RETIRE] = {"retire", WORD_STEP_RETIRE},
};

const char *job_step_name(enum job_step step) {
    return step < STEP_COUNT ? steps[step].name : "done";
}

const char *job_state_name(enum job_state state) {
    static const char *const names[] = {
        [JOB_RUNNING] = "running",         [JOB_DONE] = "done",           [JOB_FAILED] = "failed",
        [JOB_INTERRUPTED] = "interrupted", [JOB_CANCELLED] = "cancelled",
    };
    return names[state];
}

void job_label(const char *order, char label[TOKEN_LABEL_MAX]) {
    snprintf(label, TOKEN_LABEL_MAX, "R-%s", order);
}

struct job *job_new(struct jobs *owner) {
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->owner = owner;
    job->problem = PROBLEM_COUNT;
    job->state = JOB_INTERRUPTED;
    return job;
}

static void forget(char **secret) {
    if (*secret)
        OPENSSL_cleanse(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

void job_forget_secrets(struct job *job) {
    forget(&job->authorization);
    forget(&job->code);
    json_decref(job->install);
    job->install = NULL;
}

void job_free(struct job *job) {
    if (!job)
        return;
    job_forget_secrets(job);
    free(job->service);
    free(job->order);
    free(job->origin);
    free(job->problem_detail);
    json_decref(job->problem_extra);
    json_decref(job->result);
    token_release(job->plugged);
    free(job);
}

static json_t *steps_json(const struct job *job, enum http_language language) {
    json_t *list = json_array();
    for (size_t i = 0; job->kind->steps[i].run; i++) {
        enum job_step step = job->kind->steps[i].step;
        const char *state = step < job->step || job->state == JOB_DONE       ? "done"
                            : step == job->step && job->state == JOB_RUNNING ? "running"
                                                                             : "pending";
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "name", steps[step].name, "title",
                                        word_text(steps[step].title, language), "state", state));
    }
    return list;
}

static json_t *problem_json(const struct job *job, enum http_language language) {
    json_t *extra = job->problem_extra ? json_deep_copy(job->problem_extra) : json_object();
    if (job->problem_detail)
        json_object_set_new(extra, "reason", json_string(job->problem_detail));
    return agent_problem_json(job->problem, language, NULL, extra);
}

/* Per cent of the kind's steps that are behind it; *last is the kind's last step. */
static int progress_of(const struct job *job, enum job_step *last) {
    int behind = 0, count = 0;
    for (; job->kind->steps[count].run; count++) {
        *last = job->kind->steps[count].step;
        behind += *last < job->step;
    }
    return job->state == JOB_DONE || count == 0 ? 100 : behind * 100 / count;
}

json_t *job_json(const struct job *job, enum http_language language) {
    enum job_step last = STEP_READ_KEY;
    int progress = progress_of(job, &last);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:o}", "id", job->id, "kind",
                             job->kind->name, "service", job->service, "order", job->order, "token",
                             job->token, "state", job_state_name(job->state), "progress", progress,
                             "step", job_step_name(job->state == JOB_DONE ? last : job->step),
                             "steps", steps_json(job, language));
    if (json && job->problem != PROBLEM_COUNT)
        json_object_set_new(json, "problem", problem_json(job, language));
    if (json && job->result)
        json_object_set_new(json, "result", json_deep_copy(job->result));
    return json;
}
