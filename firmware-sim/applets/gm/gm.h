/* The GM application: the SKF object model (GM/T 0016) behind the command set of include/openukey/apdu.h. */
#ifndef FIRMWARE_APPLETS_GM_GM_H
#define FIRMWARE_APPLETS_GM_GM_H

#include "firmware-sim/core/card.h"

#include <openukey/apdu.h>

enum { GM_APPS_MAX = 8 };

struct gm {
    struct applet applet; /* first: the dispatcher hands this back */
    struct card *card;

    /* volatile, forgotten by reset */
    bool has_challenge;
    uint8_t challenge[GM_CHALLENGE_SIZE];
    bool device_verified;
    bool open[GM_APPS_MAX];
    bool verified[GM_APPS_MAX][2]; /* by enum gm_pin_type */
};

/* Makes the applet for a card; add it with card_add_applet. */
void gm_init(struct gm *gm, struct card *card);

/* Makes a factory-new token of a formatted, mounted store: label and the factory device key, no application.
 * False if the store failed. */
bool gm_format(struct store *store, const char *label);

#endif
