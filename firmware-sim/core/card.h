/* The card: flash, store, random numbers and applets, powered up and reset together. */
#ifndef FIRMWARE_CORE_CARD_H
#define FIRMWARE_CORE_CARD_H

#include "firmware-sim/core/command.h"
#include "firmware-sim/core/factory.h"
#include "firmware-sim/core/link.h"
#include "firmware-sim/core/store.h"
#include "firmware-sim/crypto/drbg.h"
#include "firmware-sim/crypto/known_answers.h"

enum { CARD_APPLETS_MAX = 2 };

struct card {
    struct flash flash;
    struct factory factory;
    struct store store;
    struct drbg rng;
    struct applet *applets[CARD_APPLETS_MAX];
    unsigned applet_count;
    struct applet *applet; /* of this key's application; NULL before the first power-up */
    struct link link;
    /* The self-tests: known_answers unless set before the power-up. */
    const struct known_answer *answers;
    unsigned answer_count;
    uint32_t tested; /* bits by enum known_algorithm: held since power-up */
    bool broken; /* a self-test or the entropy failed: SW_INTERNAL to everything until power-up */
};

enum card_error {
    CARD_OK = 0,
    CARD_NOT_OURS, /* not an image of ours, or of another version, size or application */
    CARD_DAMAGED,  /* *page names the place */
    CARD_FLASH,
    CARD_RANDOM
};

/* Once, before the first power-up. The applet must outlive the card. False if there are too many. */
bool card_add_applet(struct card *card, struct applet *applet);

/* Power on: reads the factory page, mounts the store, seeds the random numbers, runs the quick self-tests, resets the
 * applets. A failed self-test is no error here: the card is there, and answers everything with SW_INTERNAL. */
enum card_error card_power_up(struct card *card, const struct flash *flash, entropy_fn *entropy,
                              void *entropy_ctx, uint32_t *page);
/* Warm reset: everything volatile is forgotten. */
void card_reset(struct card *card);
/* Power off: besides, all that was read from the flash, and the random generator, are zeroised. */
void card_power_down(struct card *card);

/* Whether the algorithm's self-tests hold: run before its first use since power-up. A failure breaks the card. */
bool card_algorithm_works(struct card *card, enum known_algorithm algorithm);

/* All self-tests of a powered card; the first that fails, or NULL. A failure breaks the card. */
const struct known_answer *card_self_test(struct card *card);

/* Runs one command APDU; writes the response data and status word, at most APDU_MAX_RESPONSE bytes, and returns their
 * number (at least 2). */
size_t card_transmit(struct card *card, const uint8_t *command, size_t len, uint8_t *response);

#endif
