/* See profile.h. */
#include "tools/orderd/engine/profile.h"

#include "tools/orderd/engine/profiles/profiles.h"

#include <string.h>

const struct profile *const profiles[] = {
    &profile_default,  &profile_hall, &profile_building, &profile_cecep, &profile_hainan,
    &profile_resource, NULL};

const struct profile *profile_find(const char *id) {
    for (size_t i = 0; profiles[i] != NULL; i++) {
        if (strcmp(profiles[i]->id, id) == 0) {
            return profiles[i];
        }
    }
    return NULL;
}

const struct flow *profile_flow(const struct profile *profile, enum order_kind kind,
                                enum subject_type subject) {
    for (size_t i = 0; i < profile->flow_count; i++) {
        if (profile->flows[i].kind == kind && (profile->flows[i].subjects & subject) != 0) {
            return &profile->flows[i];
        }
    }
    return NULL;
}

static bool price_is_for(const struct price *price, enum order_kind kind,
                         enum subject_type subject) {
    return price->kind == kind && (price->subjects & subject) != 0;
}

int64_t profile_price(const struct profile *profile, enum order_kind kind,
                      enum subject_type subject, int years) {
    for (size_t i = 0; i < profile->price_count; i++) {
        if (price_is_for(&profile->prices[i], kind, subject) && profile->prices[i].years == years) {
            return profile->prices[i].amount_fen;
        }
    }
    return -1;
}

size_t profile_terms(const struct profile *profile, enum order_kind kind, enum subject_type subject,
                     int *years, size_t max) {
    size_t count = 0;
    for (size_t i = 0; i < profile->price_count && count < max; i++) {
        if (price_is_for(&profile->prices[i], kind, subject)) {
            years[count++] = profile->prices[i].years;
        }
    }
    return count;
}

unsigned profile_confirms(const struct profile *profile, enum order_kind kind) {
    for (size_t i = 0; i < profile->confirm_count; i++) {
        if ((profile->confirms[i].kinds & KINDS(kind)) != 0) {
            return profile->confirms[i].methods;
        }
    }
    return 0;
}

const char *profile_state_words(const struct profile *profile, enum order_kind kind,
                                enum order_state state) {
    for (const struct state_words *at = profile->states; at != NULL && at->zh != NULL; at++) {
        if (at->state == state && (at->kinds == 0 || (at->kinds & KINDS(kind)) != 0)) {
            return at->zh;
        }
    }
    return NULL;
}

const char *profile_gate_words(const struct profile *profile, enum order_kind kind,
                               enum gate gate) {
    for (const struct gate_words *at = profile->steps; at != NULL && at->zh != NULL; at++) {
        if (at->gate == gate && (at->kinds == 0 || (at->kinds & KINDS(kind)) != 0)) {
            return at->zh;
        }
    }
    return NULL;
}
