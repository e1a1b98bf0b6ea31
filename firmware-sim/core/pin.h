/* The PIN rules, for every applet: the counter of tries is written down BEFORE a comparison and given back after success,
 * so that cutting the power gives no free guess; at zero the PIN is blocked. */
#ifndef FIRMWARE_CORE_PIN_H
#define FIRMWARE_CORE_PIN_H

#include "firmware-sim/core/store.h"

enum { PIN_SECRET_MAX = 16 };

/* Where a PIN lives: its fixed part (secret, maximum, changed or not) and, apart from it because it changes often, its
 * counter. */
struct pin_ref {
    uint32_t record_id, tries_id;
};

struct pin_record {
    uint8_t secret[PIN_SECRET_MAX];
    uint8_t max_tries;
    uint8_t changed;     /* 0: still as the application was created */
    uint8_t must_change; /* 1: good for nothing but being changed */
};

enum pin_error {
    PIN_OK = 0,
    PIN_BLOCKED,
    PIN_STORE /* the store failed, or has no such PIN */
};

/* Both parts, in the caller's open transaction, with all tries. */
enum store_error pin_put(struct store *s, struct pin_ref ref, const struct pin_record *record);
/* All tries again, in the caller's open transaction. */
enum store_error pin_put_tries(struct store *s, struct pin_ref ref, uint8_t tries);

enum pin_error pin_read(const struct store *s, struct pin_ref ref, struct pin_record *record,
                        uint8_t *tries);

/* Takes one try away, committed, and only then gives the record to compare with. *left is what remains if the comparison
 * fails. PIN_BLOCKED, and nothing changed, if none was left. */
enum pin_error pin_spend_try(struct store *s, struct pin_ref ref, struct pin_record *record,
                             uint8_t *left);

#endif
