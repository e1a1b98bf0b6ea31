/* See clock.h. */
#include "tools/orderd/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t real_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct service_clock clock_starting_at(int64_t start_s) {
    struct service_clock clock = {0};
    if (start_s != 0) {
        clock.offset_ms = start_s * 1000 - real_ms();
    }
    return clock;
}

int64_t clock_now_ms(const struct service_clock *clock) {
    return real_ms() + clock->offset_ms;
}
