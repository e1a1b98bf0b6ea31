/* The time of day that traces show: the system's, or one that stands still, so that traces can be compared. */
#ifndef FIRMWARE_PORTS_CLOCK_H
#define FIRMWARE_PORTS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_TEXT_SIZE = 32 };

struct clock {
    bool stands; /* at: */
    int64_t at;  /* seconds since 1970 */
};

/* Stops the clock at an RFC 3339 time; false if it is none. */
bool clock_set(struct clock *clock, const char *text);
/* The time as RFC 3339 in UTC, with milliseconds. */
void clock_text(const struct clock *clock, char text[CLOCK_TEXT_SIZE]);

/* Microseconds of a monotonic clock; always 0 if the clock stands. */
uint64_t clock_ticks(const struct clock *clock);

#endif
