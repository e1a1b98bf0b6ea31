/* RFC 3339 in and out. */
#include "firmware-sim/ports/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool clock_set(struct clock *clock, const char *text) {
    struct tm tm = {0};
    int hours, minutes;
    char sign;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest)
        return false;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    int64_t offset = 0;
    if (strcmp(rest, "Z") != 0) {
        int end = 0;
        if (sscanf(rest, "%c%2d:%2d%n", &sign, &hours, &minutes, &end) != 3 || rest[end] ||
            (sign != '+' && sign != '-') || hours > 23 || minutes > 59)
            return false;
        offset = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
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
