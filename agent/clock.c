/* See clock.h. */
#include "agent/clock.h"

#include <stdatomic.h>
#include <time.h>

static atomic_int_least64_t offset_s; /* shown time minus real time */
static atomic_int_least64_t ahead_s;  /* how far it has been turned forward while the agent ran */

static int64_t real_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

void clock_start_at(int64_t start_s) {
    int64_t offset = start_s != 0 ? start_s - real_s() : 0;
    int64_t step = offset - atomic_exchange(&offset_s, offset);
    if (step > 0) {
        atomic_fetch_add(&ahead_s, step);
    }
}

int64_t clock_now(void) {
    return real_s() + atomic_load(&offset_s);
}

int64_t clock_lasting(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec + atomic_load(&ahead_s);
}
