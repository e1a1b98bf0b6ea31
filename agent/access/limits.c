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

/* ---- wrong PINs, with the lock held ---- */

static struct wrong_pins *find_wrong_pins(struct access *access, const char *origin) {
    for (size_t i = 0; i < ACCESS_MAX_RATES; i++) {
        if (strcmp(access->wrong_pins[i].origin, origin) == 0) {
            return &access->wrong_pins[i];
        }
    }
    return NULL;
}

/* A place: a free one, or that of the origin whose waiting ended longest ago. */
static struct wrong_pins *make_wrong_pins(struct access *access, const char *origin) {
    struct wrong_pins *place = &access->wrong_pins[0];
    for (size_t i = 0; i < ACCESS_MAX_RATES; i++) {
        struct wrong_pins *one = &access->wrong_pins[i];
        place = one->until < place->until ? one : place;
    }
    *place = (struct wrong_pins){0};
    memcpy(place->origin, origin, strlen(origin) + 1);
    return place;
}

unsigned access_pin_wait(struct access *access, const char *origin) {
    pthread_mutex_lock(&access->mutex);
    const struct wrong_pins *wrong = find_wrong_pins(access, origin);
    int64_t now = access->options.clock();
    unsigned wait = wrong != NULL && wrong->until > now ? (unsigned)(wrong->until - now) : 0;
    pthread_mutex_unlock(&access->mutex);
    return wait;
}

void access_pin_tried(struct access *access, const char *origin, bool was_right) {
    if (strlen(origin) >= ORIGIN_TEXT_SIZE) {
        return;
    }
    pthread_mutex_lock(&access->mutex);
    struct wrong_pins *wrong = find_wrong_pins(access, origin);
    if (was_right && wrong != NULL) {
        *wrong = (struct wrong_pins){0};
    } else if (!was_right) {
        wrong = wrong != NULL ? wrong : make_wrong_pins(access, origin);
        wrong->count += wrong->count < 30;
        int64_t wait = wrong->count > 1 ? (int64_t)ACCESS_PIN_WAIT << (wrong->count - 2) : 0;
        wrong->until =
            access->options.clock() + (wait < ACCESS_PIN_WAIT_MAX ? wait : ACCESS_PIN_WAIT_MAX);
    }
    pthread_mutex_unlock(&access->mutex);
}
