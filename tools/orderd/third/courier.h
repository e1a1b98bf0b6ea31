/* Whoever carries parcels, as the engine sees it (R162). */
#ifndef TOOLS_ORDERD_THIRD_COURIER_H
#define TOOLS_ORDERD_THIRD_COURIER_H

#include "tools/orderd/store/db.h"

enum courier_size { COURIER_URL_SIZE = 256 };

enum parcel_state {
    PARCEL_UNKNOWN,
    PARCEL_ACCEPTED,
    PARCEL_IN_TRANSIT,
    PARCEL_DELIVERED,
    PARCEL_STATES
};

struct parcel_track {
    enum parcel_state state;
    int64_t since_ms;           /* of PARCEL_UNKNOWN 0 */
    char url[COURIER_URL_SIZE]; /* a page to follow it on, or "" */
};

struct courier {
    const char *name;
    void *context;
    /* Where the parcel is. False: cannot be reached now. */
    bool (*track)(void *context, struct db *db, const char *carrier, const char *parcel,
                  struct parcel_track *out);
};

/* "UNKNOWN", "ACCEPTED", ... and back (PARCEL_STATES: none). */
const char *parcel_state_name(enum parcel_state state);
enum parcel_state parcel_state_of(const char *name);

/* The played one: its parcels are in its book (table sim_parcels), moved at /sim/courier/PARCEL/STATE; `context` is the service's public
 * URL. */
struct courier courier_sim(const char *public_url);

/* The courier's own scanner: the parcel is here now. False when the database refuses. */
bool courier_sim_scan(struct db *db, const char *parcel, enum parcel_state state, int64_t now_ms);

#endif
