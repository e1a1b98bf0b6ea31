/* The one poll loop of ukey-sim: file descriptors and timers, single-threaded. */
#ifndef FIRMWARE_PORTS_LOOP_H
#define FIRMWARE_PORTS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum { LOOP_SOURCES_MAX = 2048 };

struct loop_timer {
    int64_t at_ms; /* CLOCK_MONOTONIC; set by loop_timer_start */
    void (*fire)(void *ctx);
    void *ctx;
    bool running;
    struct loop_timer *next;
};

struct loop_source {
    int fd; /* -1: free */
    short events;
    unsigned id; /* tells a new source from an old one with the same descriptor */
    void (*ready)(void *ctx, short revents);
    void *ctx;
};

struct loop {
    struct loop_source sources[LOOP_SOURCES_MAX];
    unsigned high; /* sources from here on were never used */
    unsigned last_id;
    struct loop_timer *timers;
    bool stopped;
};

void loop_init(struct loop *loop);

/* Watches fd, or changes what is watched of it. False if there are too many. Callbacks may watch, unwatch and close. */
bool loop_watch(struct loop *loop, int fd, short events, void (*ready)(void *, short), void *ctx);
void loop_unwatch(struct loop *loop, int fd);

/* Starts (again) a timer whose fire and ctx are set; it fires once. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint32_t delay_ms);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* Runs until loop_stop. False if poll itself failed. */
bool loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
