/* The environment's LONG, and lines that are seen while a test still runs. */
#include "tests/unit/firmware-sim/campaign.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CASES = 10000, SECONDS = 10 };

bool campaign_is_long(void) {
    const char *wanted = getenv("LONG");
    return wanted && *wanted && *wanted != '0';
}

unsigned campaign_cases(unsigned otherwise) {
    return campaign_is_long() ? CASES : otherwise;
}

void campaign_progress(const char *what, unsigned long done, unsigned long all) {
    static time_t last;
    time_t now = time(NULL);
    if (!last)
        last = now;
    if (now - last < SECONDS)
        return;
    last = now;
    printf("# %s: %lu of %lu\n", what, done, all);
    fflush(stdout);
}

void campaign_result(const char *format, ...) {
    va_list args;
    printf("# campaign: ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
}
