/* See window.h. */
#include "tools/orderd/engine/window.h"

#include "module/formats/calendar.h"

struct window renewal_window(const struct renewal_policy *policy, int64_t not_after, int64_t now) {
    struct window window = {
        .result = WINDOW_OPEN,
        .expired = now > not_after,
        .days_left = calendar_days_between(now, not_after),
        .earliest = calendar_add_days(not_after, -(int64_t)(policy->before_days - 1)),
        .latest = calendar_add_days(not_after, policy->after_days),
    };
    if (!window.expired && window.days_left >= policy->before_days) {
        window.result = WINDOW_TOO_EARLY;
    } else if (-window.days_left > policy->after_days) {
        window.result = WINDOW_TOO_LATE;
    }
    return window;
}

int64_t renewal_not_after(int64_t old_not_after, int64_t now, int years) {
    if (now <= old_not_after) {
        return calendar_add_years(old_not_after, years);
    }
    return calendar_end_of_day(calendar_add_years(now, years));
}
