/* A thread that sits in SCardGetStatusChange, notes the readers' states, and rings the watches' eventfds. */
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
    struct pcsc_monitor *monitor;
    struct pcsc_watch *next; /* of the monitor's; only those with eventfds */
    int fd;                  /* eventfd, or timerfd without threads */
    bool is_rung;            /* by the thread */
};

struct pcsc_monitor {
    char pattern[TRANSPORT_READER_NAME];

    pthread_mutex_t starting; /* one watch at a time begins or ends; taken before `lock` */
    pthread_mutex_t lock;
    /* under lock */
    struct pcsc_watch *watches;
    bool is_running; /* the thread, from before its start until after its end */
    struct reader_list seen;

    pthread_t thread;
    atomic_bool stopping;
    int stop_fd; /* eventfd: wakes the thread where it waits for the daemon */

    /* of whoever looks at the readers: the thread, or under lock the one who lists */
    const struct pcsc_library *pcsc;
    atomic_bool has_context;
    _Atomic SCARDCONTEXT context;
    char *names;
    SCARD_READERSTATE *states; /* the pseudo reader first */
    size_t states_count;
};

static void ring(int fd) {
    const uint64_t one = 1;
    (void)!write(fd, &one, sizeof(one));
}

static void drop_context(struct pcsc_monitor *monitor) {
    if (monitor->has_context) {
        monitor->has_context = false;
        monitor->pcsc->release_context(monitor->context);
    }
    free(monitor->names);
    free(monitor->states);
    monitor->names = NULL;
    monitor->states = NULL;
    monitor->states_count = 0;
}

static bool want_context(struct pcsc_monitor *monitor) {
    SCARDCONTEXT context;
    if (!monitor->has_context) {
        monitor->pcsc = pcsc_library_get();
        if (monitor->pcsc == NULL ||
            monitor->pcsc->establish_context(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) !=
                SCARD_S_SUCCESS) {
            return false;
        }
        monitor->context = context;
        monitor->has_context = true;
    }
    return true;
}

/* Learns which readers there are and their states: changes are counted from here on. False: no daemon. */
static bool look(struct pcsc_monitor *monitor) {
    if (!want_context(monitor)) {
        return false;
    }
    free(monitor->names);
    free(monitor->states);
    monitor->names = pcsc_reader_names(monitor->pcsc, monitor->context, monitor->pattern);
    size_t count = 1;
    for (const char *name = monitor->names; name != NULL && *name != '\0';
         name += strlen(name) + 1) {
        count++;
    }
    monitor->states_count = 0;
    monitor->states = calloc(count, sizeof(*monitor->states));
    if (monitor->states == NULL) {
        return false;
    }
    monitor->states_count = count;
    monitor->states[0].szReader = NEW_READERS;
    const char *name = monitor->names;
    for (size_t i = 1; i < count; i++, name += strlen(name) + 1) {
        SCARD_READERSTATE *state = &monitor->states[i];
        state->szReader = name;
        if (monitor->pcsc->get_status_change(monitor->context, 0, state, 1) != SCARD_S_SUCCESS) {
            state->dwEventState = SCARD_STATE_EMPTY;
        }
        state->dwCurrentState = state->dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
    }
    return true;
}

static enum transport_error append_states(const struct pcsc_monitor *monitor,
                                          struct reader_list *list) {
    enum transport_error err = TRANSPORT_OK;
    for (size_t i = 1; i < monitor->states_count && err == TRANSPORT_OK; i++) {
        DWORD state = monitor->states[i].dwCurrentState;
        err = reader_list_add(list, monitor->states[i].szReader, (state & SCARD_STATE_PRESENT) != 0,
                              (uint32_t)(state >> 16 & 0xFFFF));
    }
    return err;
}

/* The thread has seen something new: notes it, and tells the watches. */
static void publish(struct pcsc_monitor *monitor) {
    struct reader_list seen = {NULL, 0};
    append_states(monitor, &seen);
    pthread_mutex_lock(&monitor->lock);
    reader_list_free(&monitor->seen);
    monitor->seen = seen;
    for (const struct pcsc_watch *watch = monitor->watches; watch != NULL; watch = watch->next) {
        ring(watch->fd);
    }
    pthread_mutex_unlock(&monitor->lock);
}

enum transport_error pcsc_monitor_list(struct pcsc_monitor *monitor, struct reader_list *list) {
    enum transport_error err = TRANSPORT_OK;
    pthread_mutex_lock(&monitor->lock);
    if (monitor->is_running) {
        for (size_t i = 0; i < monitor->seen.count && err == TRANSPORT_OK; i++) {
            const struct reader_state *reader = &monitor->seen.items[i];
            err = reader_list_add(list, reader->name, reader->present, reader->events);
        }
    } else if (look(monitor)) {
        err = append_states(monitor, list);
        if (monitor->names == NULL) {
            drop_context(monitor); /* no readers, or the daemon ended: a new context finds out */
        }
    }
    pthread_mutex_unlock(&monitor->lock);
    return err;
}

/* Waits a while for the daemon, or for the order to end. */
static void pause_for_service(const struct pcsc_monitor *monitor) {
    struct pollfd p = {.fd = monitor->stop_fd, .events = POLLIN};
    (void)poll(&p, 1, SERVICE_CHECK_MS);
}

/* One wait; true if the readers themselves may be others now. */
static bool wait_for_change(struct pcsc_monitor *monitor) {
    LONG rv = monitor->pcsc->get_status_change(monitor->context, WAIT_MS, monitor->states,
                                               (DWORD)monitor->states_count);
    if (rv == SCARD_E_TIMEOUT || rv == SCARD_E_CANCELLED) {
        return false;
    }
    if (rv != SCARD_S_SUCCESS) {
        drop_context(monitor);
        publish(monitor);
        pause_for_service(monitor);
        return false;
    }
    bool readers_changed = (monitor->states[0].dwEventState & SCARD_STATE_CHANGED) != 0;
    for (size_t i = 0; i < monitor->states_count; i++) {
        SCARD_READERSTATE *state = &monitor->states[i];
        state->dwCurrentState = state->dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
        readers_changed |= (state->dwEventState & (SCARD_STATE_UNKNOWN | SCARD_STATE_IGNORE)) != 0;
    }
    if (!readers_changed) {
        publish(monitor);
    }
    return readers_changed;
}

static void *watch_thread(void *argument) {
    struct pcsc_monitor *monitor = argument;
    while (!monitor->stopping) {
        bool look_again = monitor->states_count == 0 || wait_for_change(monitor);
        if (look_again && look(monitor)) {
            publish(monitor);
        } else if (look_again) {
            pause_for_service(monitor);
        }
    }
    return NULL;
}

/* `starting` held. */
static bool start_thread(struct pcsc_monitor *monitor) {
    sigset_t all, before;
    pthread_mutex_lock(&monitor->lock);
    monitor->is_running = true;
    look(monitor);
    reader_list_free(&monitor->seen);
    append_states(monitor, &monitor->seen);
    pthread_mutex_unlock(&monitor->lock);
    monitor->stopping = false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the host's signals are not ours to take */
    bool started = pthread_create(&monitor->thread, NULL, watch_thread, monitor) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started) {
        pthread_mutex_lock(&monitor->lock);
        monitor->is_running = false;
        pthread_mutex_unlock(&monitor->lock);
    }
    return started;
}

static bool thread_has_ended(const struct pcsc_monitor *monitor) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += JOIN_STEP_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return pthread_timedjoin_np(monitor->thread, NULL, &until) == 0;
}

/* `starting` held. */
static void stop_thread(struct pcsc_monitor *monitor) {
    uint64_t count;
    monitor->stopping = true;
    ring(monitor->stop_fd);
    do {
        /* a cancel that comes before the thread waits is lost: say it again until it has ended */
        if (monitor->has_context) {
            monitor->pcsc->cancel(monitor->context);
        }
    } while (!thread_has_ended(monitor));
    (void)!read(monitor->stop_fd, &count, sizeof(count));
    pthread_mutex_lock(&monitor->lock);
    monitor->is_running = false;
    reader_list_free(&monitor->seen);
    pthread_mutex_unlock(&monitor->lock);
}

struct pcsc_monitor *pcsc_monitor_new(const char *pattern) {
    struct pcsc_monitor *monitor = calloc(1, sizeof(*monitor));
    if (monitor == NULL) {
        return NULL;
    }
    snprintf(monitor->pattern, sizeof(monitor->pattern), "%s", pattern);
    monitor->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (monitor->stop_fd < 0) {
        free(monitor);
        return NULL;
    }
    pthread_mutex_init(&monitor->starting, NULL);
    pthread_mutex_init(&monitor->lock, NULL);
    return monitor;
}

void pcsc_monitor_free(struct pcsc_monitor *monitor) {
    drop_context(monitor);
    reader_list_free(&monitor->seen);
    close(monitor->stop_fd);
    pthread_mutex_destroy(&monitor->starting);
    pthread_mutex_destroy(&monitor->lock);
    free(monitor);
}

static bool open_timer(struct pcsc_watch *watch) {
    const struct itimerspec often = {.it_interval = {.tv_nsec = WITHOUT_THREADS_MS * 1000000L},
                                     .it_value = {.tv_nsec = WITHOUT_THREADS_MS * 1000000L}};
    watch->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return watch->fd >= 0 && timerfd_settime(watch->fd, 0, &often, NULL) == 0;
}

/* Puts the watch on the thread's list; the first one starts the thread. Without pcsclite nothing will ever ring. */
static bool open_bell(struct pcsc_watch *watch) {
    struct pcsc_monitor *monitor = watch->monitor;
    watch->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch->fd < 0 || pcsc_library_get() == NULL) {
        return watch->fd >= 0;
    }
    pthread_mutex_lock(&monitor->starting);
    watch->is_rung = monitor->watches != NULL || start_thread(monitor);
    if (watch->is_rung) {
        pthread_mutex_lock(&monitor->lock);
        watch->next = monitor->watches;
        monitor->watches = watch;
        pthread_mutex_unlock(&monitor->lock);
        ring(watch->fd); /* for what happened between the thread's start and now */
    }
    pthread_mutex_unlock(&monitor->starting);
    return watch->is_rung;
}

enum transport_error pcsc_watch_new(struct pcsc_monitor *monitor, const struct transport_ops *ops,
                                    bool may_use_threads, struct transport_watch **out, int *fd) {
    *out = NULL;
    *fd = -1;
    struct pcsc_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return TRANSPORT_MEMORY;
    }
    watch->base.ops = ops;
    watch->monitor = monitor;
    watch->fd = -1;
    if (!(may_use_threads ? open_bell(watch) : open_timer(watch))) {
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

void pcsc_watch_free(struct transport_watch *base) {
    struct pcsc_watch *watch = (struct pcsc_watch *)base;
    struct pcsc_monitor *monitor = watch->monitor;
    if (watch->is_rung) {
        pthread_mutex_lock(&monitor->starting);
        pthread_mutex_lock(&monitor->lock);
        struct pcsc_watch **at = &monitor->watches;
        while (*at != watch) {
            at = &(*at)->next;
        }
        *at = watch->next;
        bool is_last = monitor->watches == NULL;
        pthread_mutex_unlock(&monitor->lock);
        if (is_last) {
            stop_thread(monitor);
        }
        pthread_mutex_unlock(&monitor->starting);
    }
    if (watch->fd >= 0) {
        close(watch->fd);
    }
    free(watch);
}
