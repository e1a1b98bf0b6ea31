/* The PIV application (NIST SP 800-73-4) behind the commands of include/openukey/piv.h. */
#ifndef FIRMWARE_APPLETS_PIV_PIV_H
#define FIRMWARE_APPLETS_PIV_PIV_H

#include "firmware-sim/core/card.h"

#include <openukey/apdu.h>
#include <openukey/piv.h>

enum { PIV_CIPHER_BLOCK_MAX = 16 };

/* What of an authentication with the management key the card waits for. */
enum piv_handshake {
    PIV_HANDSHAKE_NONE = 0,
    PIV_HANDSHAKE_WITNESS,  /* the witness, decrypted */
    PIV_HANDSHAKE_CHALLENGE /* the challenge, encrypted */
};

struct piv {
    struct applet applet; /* first: the dispatcher hands this back */
    struct card *card;

    /* volatile, forgotten by reset */
    bool pin_verified;
    bool
        pin_fresh; /* verified, and since then nothing was done with a key: what the PIN-always rule wants */
    bool management_verified;
    enum piv_handshake handshake;
    uint8_t nonce[PIV_CIPHER_BLOCK_MAX]; /* of the handshake, used once */
};

/* Makes the applet for a card; add it with card_add_applet. */
void piv_init(struct piv *piv, struct card *card);

/* Makes a factory-new token of a formatted, mounted store: PIN 123456, PUK 12345678, the well-known 3DES management key, CHUID
 * and CCC whose numbers come from the serial. False if the store failed. */
bool piv_format(struct store *store, const struct factory *factory);

#endif
