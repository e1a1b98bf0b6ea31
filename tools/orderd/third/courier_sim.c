/* See courier.h. */
#include "tools/orderd/third/courier.h"

#include <stdio.h>
#include <string.h>

static const char *const states[PARCEL_STATES] = {[PARCEL_UNKNOWN] = "UNKNOWN",
                                                  [PARCEL_ACCEPTED] = "ACCEPTED",
                                                  [PARCEL_IN_TRANSIT] = "IN_TRANSIT",
                                                  [PARCEL_DELIVERED] = "DELIVERED"};

const char *parcel_state_name(enum parcel_state state) {
    return states[state];
}

enum parcel_state parcel_state_of(const char *name) {
    unsigned i = 0;
    while (i < PARCEL_STATES && strcmp(states[i], name) != 0) {
        i++;
    }
    return (enum parcel_state)i;
}

static bool track(void *context, struct db *db, const char *carrier, const char *parcel,
                  struct parcel_track *out) {
    struct db_rows *rows = NULL;
    (void)carrier;
    *out = (struct parcel_track){.state = PARCEL_UNKNOWN};
    snprintf(out->url, sizeof out->url, "%s/sim/courier/%.64s", (const char *)context, parcel);
    if (db_query(db, &rows, "SELECT state, updated FROM sim_parcels WHERE id = $1", "t", parcel) !=
        DB_OK) {
        return false;
    }
    enum db_result result = db_next(rows);
    if (result == DB_OK) {
        out->state = parcel_state_of(db_text(rows, 0));
        out->since_ms = db_int(rows, 1);
    }
    db_end(rows);
    return (result == DB_OK && out->state != PARCEL_STATES) || result == DB_DONE;
}

struct courier courier_sim(const char *public_url) {
    return (struct courier){.name = "sim", .context = (void *)public_url, .track = track};
}

bool courier_sim_scan(struct db *db, const char *parcel, enum parcel_state state, int64_t now_ms) {
    return db_run(db, NULL,
                  "INSERT INTO sim_parcels (id, state, updated) VALUES ($1, $2, $3) ON CONFLICT "
                  "(id) DO UPDATE SET state = $2, updated = $3",
                  "tti", parcel, parcel_state_name(state), now_ms) == DB_OK;
}
