/* The jobs of this agent: which there are, starting and stopping them, telling the pages. */
#include "agent/jobs/jobs.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/jobs/job.h"

/* ---- telling ---- */

/* Journal and publish what the job is now. The lock is held. */
static void note(struct job *job) {
    job->changed = key_now();
    journal_write(job);
    log_info("jobs", "job %s: %s, %s", job->id, job_state_name(job->state),
             job_step_name(job->step));
    event_publish_origin(
        job->owner->key->agent->events, job->origin,
        json_pack("{s:s, s:o}", "type", "job", "job", job_json(job, job->language)));
}

/* The lock is held. */
static void end_locked(struct job *job, enum job_state state, enum agent_problem problem,
                       json_t *extra, const char *detail) {
    job->state = state;
    if (state == JOB_DONE)
        job->step = STEP_COUNT;
    job->problem = problem;
    json_decref(job->problem_extra);
    job->problem_extra = extra;
    free(job->problem_detail);
    job->problem_detail = detail && *detail ? strdup(detail) : NULL;
    note(job);
}

void job_end(struct job *job, enum job_state state, enum agent_problem problem, json_t *extra,
             const char *detail) {
    pthread_mutex_lock(&job->owner->lock);
    end_locked(job, state, problem, extra, detail);
    pthread_mutex_unlock(&job->owner->lock);
}

bool job_begin_step(struct job *job, enum job_step step) {
    struct jobs *jobs = job->owner;
    bool goes_on = false;
    pthread_mutex_lock(&jobs->lock);
    job->step = step;
    if (job->is_cancel_asked && !job->has_written) {
        end_locked(job, JOB_CANCELLED, PROBLEM_COUNT, NULL, NULL);
    } else if (atomic_load(&jobs->stopping)) {
        end_locked(job, JOB_INTERRUPTED, PROBLEM_INTERNAL, NULL,
                   "The agent ended while the job was running.");
    } else if (!token_is_present(job->plugged)) {
        end_locked(job, JOB_INTERRUPTED, PROBLEM_TOKEN_REMOVED, NULL, NULL);
    } else {
        /* from here on it cannot be cancelled any more */
        job->has_written = job->has_written || step >= job->kind->writes_from;
        note(job);
        goes_on = true;
    }
    pthread_mutex_unlock(&jobs->lock);
    return goes_on;
}

bool job_is_over(struct job *job) {
    struct jobs *jobs = job->owner;
    pthread_mutex_lock(&jobs->lock);
    bool is_over = (job->is_cancel_asked && !job->has_written) || atomic_load(&jobs->stopping) ||
                   !token_is_present(job->plugged);
    pthread_mutex_unlock(&jobs->lock);
    return is_over;
}

void job_set_result(struct job *job, json_t *result) {
    pthread_mutex_lock(&job->owner->lock);
    json_decref(job->result);
    job->result = result;
    pthread_mutex_unlock(&job->owner->lock);
}

/* ---- finding ---- */

static struct job *find_id(const struct jobs *jobs, const char *id, const char *origin) {
    for (size_t i = 0; i < jobs->count; i++) {
        if (strcmp(jobs->list[i]->id, id) == 0 && strcmp(jobs->list[i]->origin, origin) == 0)
            return jobs->list[i];
    }
    return NULL;
}

static struct job *find_request(const struct jobs *jobs, const struct job_request *request) {
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = jobs->list[i];
        if (job->kind == request->kind && strcmp(job->order, request->order) == 0 &&
            strcmp(job->service, request->service) == 0 &&
            strcmp(job->origin, request->origin) == 0)
            return jobs->list[i];
    }
    return NULL;
}

/* What names the things to be installed: SHA-256 of their canonical text; empty where there are none. */
static bool content_of(const struct job_request *request, char hex[JOB_CONTENT_SIZE]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    hex[0] = '\0';
    if (!request->install)
        return true;
    char *text = json_dumps(request->install, JSON_COMPACT | JSON_SORT_KEYS);
    bool is_made = text && EVP_Digest(text, strlen(text), digest, &len, EVP_sha256(), NULL) == 1;
    if (is_made)
        octets_to_hex(digest, len, hex);
    free(text);
    return is_made;
}

enum jobs_found jobs_find(struct jobs *jobs, const struct job_request *request, json_t **document) {
    char content[JOB_CONTENT_SIZE];
    bool is_known = content_of(request, content);
    enum jobs_found found = JOBS_NONE;
    *document = NULL;
    pthread_mutex_lock(&jobs->lock);
    const struct job *job = find_request(jobs, request);
    if (job) {
        *document = job_json(job, request->language);
        bool is_settled = job->state == JOB_RUNNING || job->state == JOB_DONE;
        bool is_other = !is_known || strcmp(job->content, content) != 0;
        found = is_settled && is_other ? JOBS_OTHER : is_settled ? JOBS_SETTLED : JOBS_OPEN;
    }
    pthread_mutex_unlock(&jobs->lock);
    return found;
}

bool jobs_are_making(struct jobs *jobs, const char *token, const char *label) {
    char made[TOKEN_LABEL_MAX];
    bool is_made = false;
    pthread_mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->count && !is_made; i++) {
        const struct job *job = jobs->list[i];
        job_label(job->order, made);
        /* a result is there from the confirmation on */
        is_made = !job->result && job->has_written && job->kind->task &&
                  strcmp(job->token, token) == 0 && strcmp(made, label) == 0;
    }
    pthread_mutex_unlock(&jobs->lock);
    return is_made;
}

json_t *jobs_get(struct jobs *jobs, const char *id, const char *origin,
                 enum http_language language) {
    pthread_mutex_lock(&jobs->lock);
    const struct job *job = find_id(jobs, id, origin);
    json_t *document = job ? job_json(job, language) : NULL;
    pthread_mutex_unlock(&jobs->lock);
    return document;
}

bool jobs_cancel(struct jobs *jobs, const char *id, const char *origin, enum http_language language,
                 bool *is_cancelled, json_t **document) {
    *is_cancelled = false;
    *document = NULL;
    pthread_mutex_lock(&jobs->lock);
    struct job *job = find_id(jobs, id, origin);
    if (job && !job->has_written && job->state == JOB_RUNNING) {
        job->is_cancel_asked =
            true; /* its thread looks before the next step, and before it writes */
        *is_cancelled = true;
    } else if (job && !job->has_written && job->state != JOB_DONE) {
        if (job->state != JOB_CANCELLED)
            end_locked(job, JOB_CANCELLED, PROBLEM_COUNT, NULL, NULL);
        *is_cancelled = true;
    } else if (job) { /* what is over needs no cancelling; what waits to go on has to */
        *is_cancelled = job->state == JOB_DONE || job->state == JOB_FAILED;
    }
    if (job)
        *document = job_json(job, language);
    pthread_mutex_unlock(&jobs->lock);
    return job != NULL;
}

/* ---- starting ---- */

static void *run(void *data) {
    struct job *job = data;
    struct jobs *jobs = job->owner;
    job_run(job);
    token_hold_end(job->plugged);
    token_release(job->plugged);
    pthread_mutex_lock(&jobs->lock);
    job->plugged = NULL;
    job_forget_secrets(job);
    job->is_active = false;
    pthread_cond_broadcast(&jobs->idle);
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

/* Wait until the job's thread has done its last with it, and join it. The lock is held. */
static void wait_idle(struct jobs *jobs, struct job *job) {
    while (job->is_active)
        pthread_cond_wait(&jobs->idle, &jobs->lock);
    if (job->has_thread)
        pthread_join(job->thread, NULL);
    job->has_thread = false;
}

/* Make room for one more job: forget the one that has been over for longest. The lock is held. */
static bool make_room(struct jobs *jobs) {
    if (jobs->count < JOBS_MAX)
        return true;
    size_t oldest = JOBS_MAX;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = jobs->list[i];
        if ((job->state == JOB_DONE || job->state == JOB_CANCELLED) && !job->is_active &&
            (oldest == JOBS_MAX || job->changed < jobs->list[oldest]->changed))
            oldest = i;
    }
    if (oldest == JOBS_MAX)
        return false;
    wait_idle(jobs, jobs->list[oldest]);
    journal_remove(jobs->list[oldest]);
    job_free(jobs->list[oldest]);
    jobs->list[oldest] = jobs->list[--jobs->count];
    return true;
}

/* A new job of that request, in the list. The lock is held. */
static struct job *add(struct jobs *jobs, const struct job_request *request) {
    unsigned char random[(JOB_ID_SIZE - 1) / 2];
    if (!make_room(jobs) || RAND_bytes(random, sizeof random) != 1)
        return NULL;
    struct job *job = job_new(jobs);
    if (!job)
        return NULL;
    octets_to_hex(random, sizeof random, job->id);
    job->created = key_now();
    job->kind = request->kind;
    job->service = strdup(request->service);
    job->order = strdup(request->order);
    job->origin = strdup(request->origin);
    if (!job->service || !job->order || !job->origin) {
        job_free(job);
        return NULL;
    }
    jobs->list[jobs->count++] = job;
    return job;
}

/* Get an idle job ready to run on `token`. The lock is held. */
static bool prepare(struct job *job, const struct job_request *request, struct token *token) {
    job_forget_secrets(job);
    job->authorization = request->authorization ? strdup(request->authorization) : NULL;
    job->code = request->code ? strdup(request->code) : NULL;
    job->install = json_deep_copy(request->install);
    job->plugged = token_keep(token);
    job->language = request->language;
    job->is_cancel_asked = false;
    job->state = JOB_RUNNING;
    job->step = STEP_READ_KEY;
    job->problem = PROBLEM_COUNT;
    json_decref(job->problem_extra);
    job->problem_extra = NULL;
    free(job->problem_detail);
    job->problem_detail = NULL;
    snprintf(job->token, sizeof job->token, "%s", token_id(token));
    return content_of(request, job->content) && !job->authorization == !request->authorization &&
           !job->code == !request->code && !job->install == !request->install;
}

/* Prepare and start. The lock is held, the token too (token_hold). */
static enum agent_problem launch(struct jobs *jobs, const struct job_request *request,
                                 struct token *token, json_t **document) {
    struct job *job = find_request(jobs, request);
    if (!job)
        job = add(jobs, request);
    if (!job)
        return PROBLEM_INTERNAL;
    /* what has been begun on one key goes on with that key only */
    if (job->has_written && strcmp(job->token, token_id(token)) != 0)
        return PROBLEM_WRONG_TOKEN;
    if (!prepare(job, request, token))
        return PROBLEM_INTERNAL;
    if (!journal_write(job) || pthread_create(&job->thread, NULL, run, job) != 0) {
        token_release(job->plugged);
        job->plugged = NULL;
        job->state = JOB_INTERRUPTED;
        job->problem = PROBLEM_INTERNAL;
        return PROBLEM_INTERNAL;
    }
    /* the thread's last needs the lock that is held here, so this comes before it */
    job->has_thread = job->is_active = true;
    *document = job_json(job, request->language);
    return PROBLEM_COUNT;
}

enum agent_problem jobs_start(struct jobs *jobs, const struct job_request *request,
                              struct token *token, json_t **document) {
    *document = NULL;
    pthread_mutex_lock(&jobs->lock);
    struct job *job = find_request(jobs, request);
    if (job && job->state != JOB_RUNNING) {
        wait_idle(jobs, job);
        job = find_request(jobs, request); /* the lock was open meanwhile */
    }
    if (job && job->state == JOB_RUNNING) { /* another request was faster */
        *document = job_json(job, request->language);
        pthread_mutex_unlock(&jobs->lock);
        return PROBLEM_COUNT;
    }
    enum token_error held = token_hold(token, request->kind->needs_pin);
    enum agent_problem problem =
        held ? key_token_problem(held) : launch(jobs, request, token, document);
    pthread_mutex_unlock(&jobs->lock);
    if (!held && problem != PROBLEM_COUNT)
        token_hold_end(token);
    return problem;
}

/* ---- opening and closing ---- */

int jobs_open(struct key *key, struct jobs **out) {
    char folder[PATH_MAX];
    struct jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs)
        return -1;
    jobs->key = key;
    snprintf(folder, sizeof folder, "%s/jobs", key->agent->config->state_dir);
    jobs->folder = strdup(folder);
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->idle, NULL);
    if (!jobs->folder || journal_read(jobs) != 0) {
        jobs_close(jobs);
        return -1;
    }
    *out = jobs;
    return 0;
}

void jobs_close(struct jobs *jobs) {
    if (!jobs)
        return;
    atomic_store(&jobs->stopping, true);
    pthread_mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->count; i++)
        wait_idle(jobs, jobs->list[i]);
    pthread_mutex_unlock(&jobs->lock);
    for (size_t i = 0; i < jobs->count; i++)
        job_free(jobs->list[i]);
    pthread_cond_destroy(&jobs->idle);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs->folder);
    free(jobs);
}
