/* How often an origin may ask, and one dialog at a time. */
#include <string.h>

#include "agent/access/internal.h"

#define MINUTE 60

bool access_rate_take(struct access *access, const char *key, unsigned per_minute) {
    if (strlen(key) >= sizeof(access->rates[0].key)) {
        return false;
    }
    pthread_mutex_lock(&access->mutex);
    int64_t now = access->options.clock();
    unsigned limit = per_minute != 0 ? per_minute : access->options.rate_per_minute;
    struct rate *rate = NULL, *oldest = &access->rates[0];
    for (size_t i = 0; i < ACCESS_MAX_RATES; i++) {
        if (strcmp(access->rates[i].key, key) == 0) {
            rate = &access->rates[i];
        }
        oldest = access->rates[i].since < oldest->since ? &access->rates[i] : oldest;
    }
    if (rate == NULL) {
        rate = oldest;
        memcpy(rate->key, key, strlen(key) + 1);
        rate->since = now;
        rate->count = 0;
    } else if (now - rate->since >= MINUTE) {
        rate->since = now;
        rate->count = 0;
    }
    bool granted = rate->count < limit;
    rate->count += granted;
    pthread_mutex_unlock(&access->mutex);
    return granted;
}

bool access_action_begin(struct access *access) {
    pthread_mutex_lock(&access->mutex);
    bool begun = !access->action_pending;
    access->action_pending = true;
    pthread_mutex_unlock(&access->mutex);
    return begun;
}

void access_action_end(struct access *access) {
    pthread_mutex_lock(&access->mutex);
    access->action_pending = false;
    pthread_mutex_unlock(&access->mutex);
}
