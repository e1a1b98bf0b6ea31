/* See rollover.h. */
#include "agent/rollover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/identity/identity.h"
#include "agent/identity/machine.h"
#include "agent/identity/places.h"
#include "agent/identity/trust.h"

#define LOOK_EVERY 3600
#define DAY        ((int64_t)24 * 60 * 60)

/* Where `old` is trusted, `next` has to be, too. False while there is a place where that is not so. */
static bool trust_beside(const char *old, const char *next) {
    const char *home = getenv("HOME"), *const no_sites[] = {NULL};
    const struct machine before = {.root = "", .ca = old, .sites = no_sites},
                         after = {.root = "", .ca = next, .sites = no_sites};
    struct places places = {0};
    char path[PATH_MAX];
    bool everywhere = true;
    if (home != NULL && home[0] == '/' && places_find(home, &places) != 0) {
        return false;
    }
    for (size_t i = 0; i < places.count; i++) {
        const char *place = places.list[i].path;
        if (trust_status(old, place) == TRUST_INSTALLED &&
            trust_install(next, place) != TRUST_INSTALLED) {
            log_warn("agent", "%s does not trust the next TLS identity yet", place);
            everywhere = false;
        }
    }
    places_free(&places);
    for (size_t i = 0; i < MACHINE_PLACES; i++) {
        if (machine_status(&before, i, path) == TRUST_INSTALLED &&
            machine_status(&after, i, path) != TRUST_INSTALLED) {
            log_warn("agent",
                     "%s does not trust the next TLS identity: run \"ukey-agent trust "
                     "install --system --ca %s\" as root",
                     path, next);
            everywhere = false;
        }
    }
    return everywhere;
}

/* The identity before: nobody has to trust it any more. */
static void forget_previous(const char *folder) {
    const char *home = getenv("HOME");
    char previous[PATH_MAX];
    struct places places = {0};
    if (!identity_previous_ca(folder, previous)) {
        return;
    }
    bool gone = home == NULL || home[0] != '/' || places_find(home, &places) == 0;
    for (size_t i = 0; i < places.count; i++) {
        enum trust_state state = trust_remove(previous, places.list[i].path);
        gone = gone && state != TRUST_ERROR && state != TRUST_LOCKED;
    }
    places_free(&places);
    if (gone) {
        unlink(previous);
        log_info("agent", "the trust in the previous TLS identity was removed");
    }
}

static void look(struct agent *agent) {
    char folder[PATH_MAX];
    struct identity identity, next;
    int64_t now = clock_now();
    if (snprintf(folder, sizeof(folder), "%s/tls", agent->config->state_dir) >=
        (int)sizeof(folder)) {
        return;
    }
    forget_previous(folder);
    enum identity_error error = identity_next(folder, "OpenUKey agent", now, &identity, &next);
    if (error != IDENTITY_OK) {
        log_error("agent", "the next TLS identity in %s: %s", folder, identity_error_text(error));
        return;
    }
    if (next.ca[0] == 0) {
        return;
    }
    bool is_trusted = trust_beside(identity.ca, next.ca);
    bool has_ended = identity.not_after <= now;
    if (!has_ended && (!is_trusted || now < next.not_before + ROLLOVER_REST_DAYS * DAY)) {
        return;
    }
    error = identity_switch(folder, &identity);
    if (error != IDENTITY_OK ||
        !http_server_set_identity(agent->server, identity.certificate, identity.key)) {
        log_error("agent", "the agent cannot go over to its next TLS identity: %s",
                  identity_error_text(error));
        return;
    }
    log_info("agent", "the agent has gone over to its next TLS identity");
    forget_previous(folder);
}

void rollover_look(struct agent *agent) {
    static int64_t due; /* the main thread's */
    int64_t now = clock_now();
    if (now >= due) {
        look(agent);
        due = now + LOOK_EVERY;
    }
}
