/* A thread that sits in SCardGetStatusChange and rings an eventfd. */
#include "module/transport/pcsc_watch.h"

#include "module/transport/pcsc_library.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    WAIT_MS = 60000,         /* one SCardGetStatusChange */
    SERVICE_CHECK_MS = 1000, /* how often to look whether the daemon is there */
    WITHOUT_THREADS_MS = 500,
    JOIN_STEP_MS = 20
};

#define NEW_READERS "\\\\?PnP?\\Notification"

struct pcsc_watch {
    struct transport_watch base;
    const struct pcsc_library *pcsc;
    char pattern[TRANSPORT_READER_NAME];
    int fd;      /* eventfd, or timerfd without threads */
    int stop_fd; /* eventfd: the thread shall end */
    bool has_thread;
    pthread_t thread;
    atomic_bool stopping;

    /* the thread's, once it runs */
    bool has_context;
    _Atomic SCARDCONTEXT context;
    char *names;
    SCARD_READERSTATE *states; /* the pseudo reader first */
    size_t states_count;
};

static void ring(int fd) {
    const uint64_t one = 1;
    (void)!write(fd, &one, sizeof(one));
}

static void drop_context(struct pcsc_watch *watch) {
    if (watch->has_context) {
        watch->pcsc->release_context(watch->context);
        watch->has_context = false;
    }
    free(watch->names);
    free(watch->states);
    watch->names = NULL;
    watch->states = NULL;
    watch->states_count = 0;
}

/* Learns the present state: changes are counted from here on. False: no daemon. */
static bool take_baseline(struct pcsc_watch *watch) {
    SCARDCONTEXT context;
    drop_context(watch);
    if (watch->pcsc->establish_context(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) !=
        SCARD_S_SUCCESS) {
        return false;
    }
    watch->context = context;
    watch->has_context = true;
    watch->names = pcsc_reader_names(watch->pcsc, context, watch->pattern);
    size_t count = 1;
    for (const char *name = watch->names; name != NULL && *name != '\0'; name += strlen(name) + 1) {
        count++;
    }
    watch->states = calloc(count, sizeof(*watch->states));
    if (watch->states == NULL) {
        drop_context(watch);
        return false;
    }
    watch->states_count = count;
    watch->states[0].szReader = NEW_READERS;
    const char *name = watch->names;
    for (size_t i = 1; i < count; i++, name += strlen(name) + 1) {
        watch->states[i].szReader = name;
        watch->pcsc->get_status_change(context, 0, &watch->states[i], 1);
        watch->states[i].dwCurrentState =
            watch->states[i].dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
    }
    return true;
}

/* Waits a while for the daemon, or for the order to end. */
static void pause_for_service(const struct pcsc_watch *watch) {
    struct pollfd p = {.fd = watch->stop_fd, .events = POLLIN};
    (void)poll(&p, 1, SERVICE_CHECK_MS);
}

static void *watch_thread(void *argument) {
    struct pcsc_watch *watch = argument;
    while (!watch->stopping) {
        if (!watch->has_context) {
            if (take_baseline(watch)) {
                ring(watch->fd); /* the daemon came up */
            } else {
                pause_for_service(watch);
                continue;
            }
        }
        LONG rv = watch->pcsc->get_status_change(watch->context, WAIT_MS, watch->states,
                                                 (DWORD)watch->states_count);
        if (rv == SCARD_E_TIMEOUT || rv == SCARD_E_CANCELLED) {
            continue;
        }
        if (rv != SCARD_S_SUCCESS) {
            drop_context(watch);
            ring(watch->fd);
            pause_for_service(watch);
            continue;
        }
        bool readers_changed = (watch->states[0].dwEventState & SCARD_STATE_CHANGED) != 0;
        for (size_t i = 0; i < watch->states_count; i++) {
            watch->states[i].dwCurrentState =
                watch->states[i].dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
            readers_changed |=
                (watch->states[i].dwEventState & (SCARD_STATE_UNKNOWN | SCARD_STATE_IGNORE)) != 0;
        }
        if (readers_changed) {
            take_baseline(watch);
        }
        ring(watch->fd);
    }
    return NULL;
}

static bool start_thread(struct pcsc_watch *watch) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the host's signals are not ours to take */
    watch->has_thread = pthread_create(&watch->thread, NULL, watch_thread, watch) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return watch->has_thread;
}

enum transport_error pcsc_watch_new(const char *pattern, const struct transport_ops *ops,
                                    bool may_use_threads, struct transport_watch **out, int *fd) {
    *out = NULL;
    *fd = -1;
    struct pcsc_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return TRANSPORT_MEMORY;
    }
    watch->base.ops = ops;
    watch->pcsc = pcsc_library_get();
    snprintf(watch->pattern, sizeof(watch->pattern), "%s", pattern);
    watch->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool ready;
    if (watch->pcsc == NULL) {
        watch->fd =
            eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* never rings: there will be no readers */
        ready = watch->fd >= 0;
    } else if (may_use_threads) {
        watch->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        ready = watch->fd >= 0 && watch->stop_fd >= 0;
        if (ready) {
            take_baseline(watch);
            ready = start_thread(watch);
        }
    } else {
        struct itimerspec often = {.it_interval = {.tv_nsec = WITHOUT_THREADS_MS * 1000000L},
                                   .it_value = {.tv_nsec = WITHOUT_THREADS_MS * 1000000L}};
        watch->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        ready = watch->fd >= 0 && timerfd_settime(watch->fd, 0, &often, NULL) == 0;
    }
    if (!ready) {
        pcsc_watch_free(&watch->base);
        return TRANSPORT_MEMORY;
    }
    *fd = watch->fd;
    *out = &watch->base;
    return TRANSPORT_OK;
}

void pcsc_watch_read(struct transport_watch *base) {
    uint64_t count;
    (void)!read(((struct pcsc_watch *)base)->fd, &count, sizeof(count));
}

static bool thread_has_ended(const struct pcsc_watch *watch) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += JOIN_STEP_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return pthread_timedjoin_np(watch->thread, NULL, &until) == 0;
}

void pcsc_watch_free(struct transport_watch *base) {
    struct pcsc_watch *watch = (struct pcsc_watch *)base;
    if (watch->has_thread) {
        watch->stopping = true;
        ring(watch->stop_fd);
        do {
            /* a cancel that comes before the thread waits is lost: say it again until it has ended */
            watch->pcsc->cancel(watch->context);
        } while (!thread_has_ended(watch));
    }
    if (watch->pcsc != NULL) {
        drop_context(watch);
    }
    if (watch->fd >= 0) {
        close(watch->fd);
    }
    if (watch->stop_fd >= 0) {
        close(watch->stop_fd);
    }
    free(watch);
}
