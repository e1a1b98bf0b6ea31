/* One job, as the rooms of agent/jobs share it. */
#ifndef AGENT_JOBS_JOB_H
#define AGENT_JOBS_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/api/key.h"
#include "agent/jobs/jobs.h"

/* All steps that jobs are made of. Each kind of job takes some of them, always in this order. Names and titles are in job.c. */
enum job_step {
    STEP_READ_KEY,
    STEP_MATCH,
    STEP_EMPTY,
    STEP_CLAIM,
    STEP_GENERATE,
    STEP_REQUEST,
    STEP_SEND,
    STEP_RECOVER,
    STEP_CHALLENGE,
    STEP_SET_PIN,
    STEP_CHECK,
    STEP_UNWRAP,
    STEP_WRITE_SEAL, /* first: a certificate that takes another's place finds its seal there */
    STEP_WRITE_CERTIFICATES,
    STEP_READ_BACK,
    STEP_PROVE,
    STEP_CONFIRM,
    STEP_RETIRE,
    STEP_COUNT
};

enum job_state { JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_INTERRUPTED, JOB_CANCELLED };

struct work;

enum { JOB_STEPS_MAX = STEP_COUNT, JOB_CONTENT_SIZE = 65 };

/* A kind of job: which steps it has, and what differs in those that it shares with others. */
struct job_kind {
    const char *name;          /* as pages say it */
    const char *task;          /* as task documents say it; NULL: the service has no part in it */
    bool needs_pin;            /* the person's session has verified the PIN before it begins */
    enum job_step writes_from; /* from here on something may be on the key */
    bool keeps_subject;        /* the new certificates have the old one's */
    bool may_end_with_old;     /* they need not be valid for longer than the old one */
    struct {
        enum job_step step;
        bool (*run)(struct work *work);
        bool runs_when_confirmed; /* also when an earlier run has been confirmed */
    } steps[JOB_STEPS_MAX + 1];   /* ends with `run` NULL */
};

/* NULL: there is no such kind. */
const struct job_kind *job_kind_find(const char *name);

/* What is remembered of a job. `lock` of the jobs guards everything that changes. */
struct job {
    struct jobs *owner;
    char id[JOB_ID_SIZE];
    const struct job_kind *kind;
    char *service, *order, *origin;
    char
        content[JOB_CONTENT_SIZE]; /* hex SHA-256 of what the page gave to be installed, or empty */
    int64_t created, changed;      /* Unix seconds */
    enum job_state state;
    enum job_step step; /* the one at work, or where it stopped; STEP_COUNT when done */
    bool has_written;   /* something may be on the key */
    char token[TOKEN_ID_SIZE];
    enum agent_problem problem; /* PROBLEM_COUNT: none */
    json_t *problem_extra;      /* {service: ...} or NULL */
    char *problem_detail;       /* English, for people who look deeper; or NULL */
    json_t *result;             /* or NULL */
    /* while it runs */
    char *authorization, *code; /* NULL: none was given */
    json_t *install;            /* likewise */
    enum http_language language;
    bool is_cancel_asked;
    bool is_active;  /* its thread still uses it */
    bool has_thread; /* to be joined */
    pthread_t thread;
    struct token *plugged;
};

struct jobs {
    struct key *key;
    char *folder;
    atomic_bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t idle; /* a job's thread has ended */
    size_t count;
    struct job *list[JOBS_MAX];
};

/* The label of the container that an order's certificates go into. */
void job_label(const char *order, char label[TOKEN_LABEL_MAX]);

const char *job_step_name(enum job_step step);
const char *job_state_name(enum job_state state);

/* A new empty job, or NULL. */
struct job *job_new(struct jobs *owner);
void job_free(struct job *job);
/* Cleanse what was kept in memory for one run only. */
void job_forget_secrets(struct job *job);

/* The document of GET /v1/jobs/{id}. The jobs' lock is held. */
json_t *job_json(const struct job *job, enum http_language language);

/* ---- the journal: one JSON file a job ---- */

/* Write the job's file (tmp, fsync, rename). False: the log says why. The jobs' lock is held. */
bool journal_write(const struct job *job);
/* Read all files of the folder, making it if needed; what is no job is left alone. -1: the folder cannot be used. */
int journal_read(struct jobs *jobs);
void journal_remove(const struct job *job);

/* ---- a running job ---- */

/* Note that `step` begins: journaled, told to the listeners. Once it may have written, the job cannot be cancelled any more. False: the
 * job is to stop (cancelled, or the agent ends) and `job_end` has been called. */
bool job_begin_step(struct job *job, enum job_step step);
/* The job is over, with a problem (taking over `extra`) unless it is done or cancelled. */
void job_end(struct job *job, enum job_state state, enum agent_problem problem, json_t *extra,
             const char *detail);
void job_set_result(struct job *job, json_t *result);

/* True once nobody waits for it any more: cancelled before it has written, the agent ends, the key has gone. */
bool job_is_over(struct job *job);

/* Do the steps (work.c); runs on the job's thread and ends by job_end(). */
void job_run(struct job *job);

#endif
