/* Power cuts at every flash write of a command, and at every write of every recovery after such a cut.
 *
 * The command runs once and its writes are noted; the flash after a cut is then made by replaying the first of them on the
 * prepared flash. A cut comes before a write, in its middle, or after the last one (after any other is before the next). On
 * each such flash the card is powered up whole, and holds the old state, the one with a try spent, or the new one, never going
 * back as the cuts come later. Each write of that recovery is cut again in the same ways; those flashes are mounted, and must hold
 * what the first recovery found. A flash that was seen before is not mounted again: what a mount finds is a function of the
 * flash alone. Besides, the command itself runs with the power failing at its writes: it reports no success, no answer to a
 * wrong guess that costs no try, and leaves the flash that the replay makes. */
#ifndef TESTS_POWER_CUTS_H
#define TESTS_POWER_CUTS_H

#include "firmware-sim/core/store.h"
#include "tests/unit/firmware-sim/flash_ram.h"

/* A powered card on its flash. */
struct power_cuts_card {
    struct flash_ram *ram;
    const struct flash *flash;
    struct store *store;
    const uint8_t *mac_key;
    const uint16_t *sw;        /* of the last command */
    void (*power_cycle)(void); /* with the flash as it is; asserts that the card comes up */
};

struct power_cuts_case {
    const char *name;
    void (*start)(
        void); /* the prepared flash, the card powered and ready for the command, nothing written since */
    void (*run)(void);
    uint16_t sw; /* what it answers when the power stays */
    void (*spend)(
        void); /* of a command that takes a try first: takes it, and nothing else; or NULL */
    unsigned (*tries)(void); /* that are left of it */
};

/* In a long campaign everything; otherwise a part of the second cuts and of the runs with failing power. */
void power_cuts_run(const struct power_cuts_card *card, const struct power_cuts_case *c);
/* Prints and forgets the counts of the cases since the last time. */
void power_cuts_report(const char *what);

/* Hash over all that a store holds. */
void power_cuts_digest(const struct store *store, uint8_t out[SM3_SIZE]);

#endif
