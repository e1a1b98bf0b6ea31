/* A point in time by which something must have happened, on the monotonic clock. */
#ifndef OPENUKEY_TRANSPORT_DEADLINE_H
#define OPENUKEY_TRANSPORT_DEADLINE_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t monotonic_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline uint64_t deadline_after(uint32_t timeout_ms) {
    return monotonic_ms() + timeout_ms;
}

/* What poll() wants: milliseconds left, 0 when it has passed. */
static inline int deadline_left(uint64_t deadline_ms) {
    uint64_t now = monotonic_ms();
    if (now >= deadline_ms) {
        return 0;
    }
    return deadline_ms - now > INT_MAX ? INT_MAX : (int)(deadline_ms - now);
}

#endif
