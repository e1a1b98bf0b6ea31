/* The card: flash, store, random numbers and applets, powered up and reset together. */
#ifndef FIRMWARE_CORE_CARD_H
#define FIRMWARE_CORE_CARD_H

#include "firmware-sim/core/command.h"
#include "firmware-sim/core/factory.h"
#include "firmware-sim/core/store.h"
#include "firmware-sim/crypto/drbg.h"

enum { CARD_APPLETS_MAX = 2 };

struct card {
    struct flash flash;
    struct factory factory;
    struct store store;
    struct drbg rng;
    struct applet *applets[CARD_APPLETS_MAX];
    unsigned applet_count;
};

enum card_error {
    CARD_OK = 0,
    CARD_NOT_OURS, /* not an image of ours, or of another version or size */
    CARD_DAMAGED,  /* *page names the place */
    CARD_FLASH,
    CARD_RANDOM
};

/* Once, before the first power-up. The applet must outlive the card. False if there are too many. */
bool card_add_applet(struct card *card, struct applet *applet);

/* Power on: reads the factory page, mounts the store, seeds the random numbers, resets the applets. */
enum card_error card_power_up(struct card *card, const struct flash *flash, entropy_fn *entropy,
                              void *entropy_ctx, uint32_t *page);
/* Power off or warm reset: everything volatile is forgotten. */
void card_reset(struct card *card);
void card_power_down(struct card *card);

/* Runs one command APDU; writes the response data and status word, at most APDU_MAX_RESPONSE bytes, and returns their
 * number (at least 2). */
size_t card_transmit(struct card *card, const uint8_t *command, size_t len, uint8_t *response);

#endif
