/* RFC 3339 in and out. */
#include "firmware-sim/ports/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool clock_set(struct clock *clock, const char *text) {
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest)
        return false;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    int64_t offset = 0;
    if (strcmp(rest, "Z") != 0) {
        struct tm shift = {0};
        const char *end = *rest == '+' || *rest == '-' ? strptime(rest + 1, "%H:%M", &shift) : NULL;
        if (!end || *end)
            return false;
        offset = ((int64_t)shift.tm_hour * 60 + shift.tm_min) * 60 * (*rest == '-' ? -1 : 1);
    }
    clock->at = (int64_t)timegm(&tm) - offset;
    clock->stands = true;
    return true;
}

void clock_text(const struct clock *clock, char text[CLOCK_TEXT_SIZE]) {
    struct timespec now = {.tv_sec = (time_t)clock->at};
    struct tm tm;
    if (!clock->stands)
        clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t len = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + len, CLOCK_TEXT_SIZE - len, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

uint64_t clock_ticks(const struct clock *clock) {
    struct timespec t;
    if (clock->stands)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}
