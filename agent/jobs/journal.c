/* The journal: one small JSON file a job in the agent's state folder. It holds no secret: no PIN, no bearer token. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/http/json.h"
#include "agent/identity/atomic_file.h"
#include "agent/jobs/job.h"

enum {
    JOURNAL_FILE_MAX = 64 * 1024,
    JOURNAL_KEEP_SECONDS = 30 * 24 * 3600, /* for jobs that are over */
};

static bool path_of(const struct jobs *jobs, const char *id, char path[PATH_MAX]) {
    int len = snprintf(path, PATH_MAX, "%s/%s.json", jobs->folder, id);
    return len > 0 && len < PATH_MAX;
}

bool journal_write(const struct job *job) {
    char path[PATH_MAX];
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:b, s:s, s:s, s:s*, s:O*, s:s*, s:O*}",
        "id", job->id, "kind", job->kind->name, "service", job->service, "order", job->order,
        "origin", job->origin, "created", (json_int_t)job->created, "changed",
        (json_int_t)job->changed, "state", job_state_name(job->state), "step",
        job_step_name(job->step), "written", job->has_written, "token", job->token, "content",
        job->content, "problem",
        job->problem == PROBLEM_COUNT ? NULL : agent_problem_code(job->problem), "problemExtra",
        job->problem_extra, "problemDetail", job->problem_detail, "result", job->result);
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    bool is_written = text && path_of(job->owner, job->id, path) &&
                      atomic_file_write(path, text, strlen(text), 0600) == 0;
    if (!is_written)
        log_error("jobs", "the journal of job %s cannot be written: %s", job->id, strerror(errno));
    free(text);
    json_decref(json);
    return is_written;
}

void journal_remove(const struct job *job) {
    char path[PATH_MAX];
    if (path_of(job->owner, job->id, path))
        unlink(path);
}

static char *copy_member(const json_t *json, const char *name, size_t max) {
    const char *text = json_member_string(json, name, max);
    return text ? strdup(text) : NULL;
}

static enum job_state read_state(const char *name) {
    for (enum job_state state = JOB_DONE; state <= JOB_CANCELLED; state++) {
        if (name && strcmp(name, job_state_name(state)) == 0)
            return state;
    }
    return JOB_RUNNING;
}

static enum job_step read_step(const char *name) {
    for (enum job_step step = 0; step < STEP_COUNT; step++) {
        if (name && strcmp(name, job_step_name(step)) == 0)
            return step;
    }
    return name && strcmp(name, "done") == 0 ? STEP_COUNT : STEP_READ_KEY;
}

static enum agent_problem read_problem(const char *code) {
    for (enum agent_problem problem = 0; code && problem < PROBLEM_COUNT; problem++) {
        if (strcmp(code, agent_problem_code(problem)) == 0)
            return problem;
    }
    return PROBLEM_COUNT;
}

/* As jobs.c makes them; what is written of the job has this for a name. */
static bool id_is_good(const char *id) {
    return id && strlen(id) == JOB_ID_SIZE - 1 &&
           strspn(id, "0123456789abcdefABCDEF") == JOB_ID_SIZE - 1;
}

/* A job out of its file; NULL when it is none. What was running when the agent ended is interrupted. */
static struct job *read_job(struct jobs *jobs, const json_t *json) {
    const char *id = json_member_string(json, "id", JOB_ID_SIZE - 1);
    const char *token = json_member_string(json, "token", TOKEN_ID_SIZE - 1);
    struct job *job = job_new(jobs);
    if (!job)
        return NULL;
    const char *kind = json_member_string(json, "kind", 32);
    const char *content = json_member_string(json, "content", JOB_CONTENT_SIZE - 1);
    job->kind = kind ? job_kind_find(kind) : NULL;
    job->service = copy_member(json, "service", 64);
    job->order = copy_member(json, "order", JOB_ORDER_MAX);
    job->origin = copy_member(json, "origin", ORIGIN_TEXT_SIZE);
    if (!id_is_good(id) || !token || !job->kind || !job->service || !job->order || !job->origin) {
        job_free(job);
        return NULL;
    }
    memcpy(job->id, id, strlen(id) + 1);
    memcpy(job->token, token, strlen(token) + 1);
    snprintf(job->content, sizeof job->content, "%s", content ? content : "");
    job->created = json_integer_value(json_object_get(json, "created"));
    job->changed = json_integer_value(json_object_get(json, "changed"));
    job->state = read_state(json_member_string(json, "state", 32));
    job->step = read_step(json_member_string(json, "step", 32));
    job->has_written = !json_is_false(json_object_get(json, "written"));
    job->problem = read_problem(json_member_string(json, "problem", 64));
    job->problem_detail = copy_member(json, "problemDetail", 1024);
    job->problem_extra = json_incref(json_object_get(json, "problemExtra"));
    job->result = json_incref(json_object_get(json, "result"));
    if (job->state == JOB_RUNNING) {
        job->state = JOB_INTERRUPTED;
        job->problem = PROBLEM_INTERNAL;
        free(job->problem_detail);
        job->problem_detail = strdup("The agent ended while the job was running.");
    }
    return job;
}

/* Over, and nobody will ask for it any more. */
static bool is_outdated(const struct job *job) {
    return (job->state == JOB_DONE || job->state == JOB_CANCELLED) &&
           job->changed < key_now() - JOURNAL_KEEP_SECONDS;
}

int journal_read(struct jobs *jobs) {
    if (mkdir(jobs->folder, 0700) != 0 && errno != EEXIST) {
        log_error("jobs", "%s: %s", jobs->folder, strerror(errno));
        return -1;
    }
    DIR *folder = opendir(jobs->folder);
    if (!folder) {
        log_error("jobs", "%s: %s", jobs->folder, strerror(errno));
        return -1;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char path[PATH_MAX], error[200];
        size_t len = strlen(entry->d_name);
        if (len < 6 || strcmp(entry->d_name + len - 5, ".json") != 0 ||
            snprintf(path, sizeof path, "%s/%s", jobs->folder, entry->d_name) >= PATH_MAX)
            continue;
        json_t *json = json_read_file_strict(path, JOURNAL_FILE_MAX, error, sizeof error);
        struct job *job = json ? read_job(jobs, json) : NULL;
        json_decref(json);
        if (!job) {
            log_warn("jobs", "%s is not a job's journal", entry->d_name);
        } else if (is_outdated(job) || jobs->count == JOBS_MAX) {
            if (is_outdated(job))
                journal_remove(job);
            job_free(job);
        } else {
            jobs->list[jobs->count++] = job;
        }
    }
    closedir(folder);
    return 0;
}
