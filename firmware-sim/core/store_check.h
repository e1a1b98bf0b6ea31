/* What can be saved of a store that does not mount. For tools: a card refuses a damaged store and leaves it as it is. */
#ifndef FIRMWARE_CORE_STORE_CHECK_H
#define FIRMWARE_CORE_STORE_CHECK_H

#include "firmware-sim/core/store.h"

struct store_damage {
    bool header; /* a bank's header: header_page */
    uint32_t header_page;
    bool log; /* a transaction; between these pages: */
    uint32_t first_page, last_page;
};

/* Finds the last good commit: of both banks' logs the one that goes furthest before its damage, also behind a bank header
 * that is itself damaged. Writes nothing. STORE_OK: s is that state, for reading and for store_repair; STORE_DAMAGED:
 * there is none. *damage is set in both cases. flash and mac_key must outlive s. */
enum store_error store_salvage(struct store *s, const struct flash *flash, const uint8_t *mac_key,
                               struct store_damage *damage);
/* After a successful store_salvage: makes a sound store of that state. */
enum store_error store_repair(struct store *s);

#endif
