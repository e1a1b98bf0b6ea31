/* A whole session of a host with a blank card, its own half computed by the card's algorithms: for the host's test and the
 * ARM image alike. */
#ifndef TESTS_FIRMWARE_SESSION_H
#define TESTS_FIRMWARE_SESSION_H

#include "firmware-sim/applets/gm/gm.h"

struct session {
    struct card *card;
    const struct flash *flash;
    entropy_fn *entropy;
    void *entropy_ctx;
    void (*passed)(const char *step); /* called after each step */
};

/* Makes a factory-new card on the flash. False if that fails. */
bool session_make_card(const struct flash *flash, struct store *scratch);

/* Runs all steps on a card that has its applets, not powered up; leaves it powered down. The step that failed, or NULL. */
const char *session_run(const struct session *session);

#endif
