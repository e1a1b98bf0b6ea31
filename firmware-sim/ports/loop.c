/* poll(2), and timers in a list. */
#include "firmware-sim/ports/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void loop_init(struct loop *loop) {
    memset(loop, 0, sizeof *loop);
    for (unsigned i = 0; i < LOOP_SOURCES_MAX; i++)
        loop->sources[i].fd = -1;
}

static struct loop_source *find(struct loop *loop, int fd) {
    for (unsigned i = 0; i < loop->high; i++)
        if (loop->sources[i].fd == fd)
            return &loop->sources[i];
    return fd == -1 && loop->high < LOOP_SOURCES_MAX ? &loop->sources[loop->high++] : NULL;
}

bool loop_watch(struct loop *loop, int fd, short events, void (*ready)(void *, short), void *ctx) {
    struct loop_source *source = find(loop, fd);
    if (!source) {
        source = find(loop, -1);
        if (!source)
            return false;
        source->fd = fd;
        source->id = ++loop->last_id;
    }
    source->events = events;
    source->ready = ready;
    source->ctx = ctx;
    return true;
}

void loop_unwatch(struct loop *loop, int fd) {
    struct loop_source *source = find(loop, fd);
    if (source && fd != -1)
        source->fd = -1;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer) {
    for (struct loop_timer **at = &loop->timers; *at; at = &(*at)->next) {
        if (*at == timer) {
            *at = timer->next;
            break;
        }
    }
    timer->running = false;
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint32_t delay_ms) {
    loop_timer_stop(loop, timer);
    timer->at_ms = now_ms() + delay_ms;
    timer->running = true;
    timer->next = loop->timers;
    loop->timers = timer;
}

/* Milliseconds until the next timer, -1 without one. */
static int next_timeout(const struct loop *loop) {
    int64_t soonest = INT64_MAX, now = now_ms();
    for (const struct loop_timer *t = loop->timers; t; t = t->next)
        if (t->at_ms < soonest)
            soonest = t->at_ms;
    if (soonest == INT64_MAX)
        return -1;
    int64_t wait = soonest > now ? soonest - now : 0;
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

static void fire_timers(struct loop *loop) {
    int64_t now = now_ms();
    for (struct loop_timer *t = loop->timers; t;) {
        if (t->at_ms > now) {
            t = t->next;
            continue;
        }
        loop_timer_stop(loop, t);
        t->fire(t->ctx);
        t = loop->timers; /* the callback may have changed the list */
    }
}

bool loop_run(struct loop *loop) {
    while (!loop->stopped) {
        struct pollfd fds[LOOP_SOURCES_MAX];
        unsigned ids[LOOP_SOURCES_MAX], slots[LOOP_SOURCES_MAX], count = 0;
        for (unsigned i = 0; i < loop->high; i++) {
            const struct loop_source *source = &loop->sources[i];
            if (source->fd == -1)
                continue;
            fds[count] = (struct pollfd){.fd = source->fd, .events = source->events};
            ids[count] = source->id;
            slots[count++] = i;
        }
        if (poll(fds, count, next_timeout(loop)) < 0 && errno != EINTR)
            return false;
        fire_timers(loop);
        for (unsigned i = 0; i < count && !loop->stopped; i++) {
            struct loop_source *source = &loop->sources[slots[i]];
            if (fds[i].revents && source->fd == fds[i].fd && source->id == ids[i])
                source->ready(source->ctx, fds[i].revents);
        }
    }
    return true;
}

void loop_stop(struct loop *loop) {
    loop->stopped = true;
}
