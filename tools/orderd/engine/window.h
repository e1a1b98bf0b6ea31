/* When a certificate may be renewed, and how long the renewed one lasts (R210-R212, R215). Days are calendar days in Asia/Shanghai. */
#ifndef TOOLS_ORDERD_ENGINE_WINDOW_H
#define TOOLS_ORDERD_ENGINE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* A profile's policy (R218). */
struct renewal_policy {
    int before_days; /* open when fewer days than this remain: 90 means that 89 is open and 90 is not */
    int after_days; /* open when expired by at most this many days: 365 is open, 366 is not */
};

enum window_result { WINDOW_OPEN, WINDOW_TOO_EARLY, WINDOW_TOO_LATE };

struct window {
    enum window_result result;
    bool expired;      /* notAfter has passed */
    int64_t days_left; /* calendar days to notAfter; negative: days since */
    int64_t
        earliest; /* Unix seconds inside the first and the last Shanghai day on which it is open */
    int64_t latest;
};

/* Where `now` stands in the window of a certificate that ends at `not_after` (Unix seconds both). A certificate is valid up to
 * and including the second notAfter; one that ended earlier today has expired by 0 days. */
struct window renewal_window(const struct renewal_policy *policy, int64_t not_after, int64_t now);

/* notAfter of the renewed certificate when it is downloaded at `now`: not expired, `years` after the old end, at the same time of
 * day (R211); expired, the end of the day `years` after the day of download (R212). 29 February plus years that have none is
 * 28 February. */
int64_t renewal_not_after(int64_t old_not_after, int64_t now, int years);

#endif
