/* Calls of PC/SC that must not outlast a deadline. */
#include "module/transport/pcsc_caller.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct pcsc_caller {
    void *state;
    void (*free_state)(void *);
    bool has_thread;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under lock */
    pcsc_job *job, *undo; /* job NULL: nothing to do */
    bool is_wanted;       /* somebody waits for the job */
    bool is_done;
    LONG rv;
    bool must_end;
    pcsc_job *last;
};

static void release(struct pcsc_caller *caller) {
    caller->free_state(caller->state);
    pthread_cond_destroy(&caller->changed);
    pthread_mutex_destroy(&caller->lock);
    free(caller);
}

static void *call(void *argument) {
    struct pcsc_caller *caller = argument;
    pthread_mutex_lock(&caller->lock);
    for (;;) {
        while ((caller->job == NULL || caller->is_done) && !caller->must_end) {
            pthread_cond_wait(&caller->changed, &caller->lock);
        }
        if (caller->job == NULL || caller->is_done) {
            break;
        }
        pcsc_job *job = caller->job;
        pthread_mutex_unlock(&caller->lock);
        LONG rv = job(caller->state);
        pthread_mutex_lock(&caller->lock);
        caller->rv = rv;
        caller->is_done = true;
        if (!caller->is_wanted) { /* it came too late */
            pcsc_job *undo = rv == SCARD_S_SUCCESS ? caller->undo : NULL;
            if (undo != NULL) {
                (void)undo(caller->state);
            }
            caller->job = NULL;
        }
        pthread_cond_broadcast(&caller->changed);
    }
    pcsc_job *last = caller->last;
    pthread_mutex_unlock(&caller->lock);
    if (last != NULL) {
        (void)last(caller->state);
    }
    release(caller);
    return NULL;
}

struct pcsc_caller *pcsc_caller_new(bool use_thread, void *state, void (*free_state)(void *)) {
    pthread_condattr_t attributes;
    sigset_t all, before;
    struct pcsc_caller *caller = calloc(1, sizeof(*caller));
    if (caller == NULL) {
        return NULL;
    }
    caller->state = state;
    caller->free_state = free_state;
    pthread_mutex_init(&caller->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&caller->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (use_thread) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); /* the host's signals are not ours to take */
        caller->has_thread = pthread_create(&caller->thread, NULL, call, caller) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (use_thread && !caller->has_thread) {
        pthread_cond_destroy(&caller->changed);
        pthread_mutex_destroy(&caller->lock);
        free(caller);
        return NULL;
    }
    return caller;
}

bool pcsc_caller_run(struct pcsc_caller *caller, pcsc_job *job, pcsc_job *undo,
                     uint64_t deadline_ms, LONG *rv) {
    const struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                                   .tv_nsec = (long)(deadline_ms % 1000) * 1000000L};
    if (!caller->has_thread) {
        *rv = job(caller->state);
        return true;
    }
    int waited = 0;
    pthread_mutex_lock(&caller->lock);
    while (caller->job != NULL && caller->job != job && waited == 0) {
        waited = pthread_cond_timedwait(&caller->changed, &caller->lock, &until);
    }
    if (caller->job != NULL && caller->job != job) {
        pthread_mutex_unlock(&caller->lock);
        return false;
    }
    if (caller->job == NULL) {
        caller->job = job;
        caller->undo = undo;
        caller->is_done = false;
        pthread_cond_broadcast(&caller->changed);
    }
    caller->is_wanted = true;
    waited = 0;
    while (!caller->is_done && waited == 0) {
        waited = pthread_cond_timedwait(&caller->changed, &caller->lock, &until);
    }
    bool is_done = caller->is_done;
    if (is_done) {
        *rv = caller->rv;
        caller->job = NULL;
    }
    caller->is_wanted = false;
    pthread_mutex_unlock(&caller->lock);
    return is_done;
}

void pcsc_caller_free(struct pcsc_caller *caller, pcsc_job *last, uint64_t deadline_ms) {
    LONG rv;
    if (!caller->has_thread) {
        (void)last(caller->state);
        release(caller);
        return;
    }
    bool is_free = pcsc_caller_run(caller, last, NULL, deadline_ms, &rv);
    pthread_t thread = caller->thread;
    pthread_mutex_lock(&caller->lock);
    caller->must_end = true;
    /* `last` itself may be what is stuck; else it is still to be done when the stuck job comes back */
    caller->last = is_free || caller->job == last ? NULL : last;
    pthread_cond_broadcast(&caller->changed);
    pthread_mutex_unlock(&caller->lock);
    if (is_free) {
        pthread_join(thread, NULL);
    } else {
        pthread_detach(thread);
    }
}
