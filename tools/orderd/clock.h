/* The service's clock: real time, or a time that the configuration sets and that ticks on from there. */
#ifndef TOOLS_ORDERD_CLOCK_H
#define TOOLS_ORDERD_CLOCK_H

#include <stdint.h>

struct service_clock {
    int64_t offset_ms; /* what is added to real time */
};

/* The clock that shows `start_s` (Unix seconds) now; 0 means real time. */
struct service_clock clock_starting_at(int64_t start_s);

/* Milliseconds since 1970 by this clock. */
int64_t clock_now_ms(const struct service_clock *clock);

#endif
