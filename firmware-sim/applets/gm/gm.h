/* The GM application: the SKF object model (GM/T 0016) behind the command set of include/openukey/apdu.h. */
#ifndef FIRMWARE_APPLETS_GM_GM_H
#define FIRMWARE_APPLETS_GM_GM_H

#include "firmware-sim/applets/gm/layout.h"
#include "firmware-sim/core/card.h"
#include "firmware-sim/crypto/sm2.h"
#include "firmware-sim/crypto/sm3.h"
#include "firmware-sim/crypto/sm4_mode.h"

#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <openukey/apdu.h>

enum { GM_APPS_MAX = 8, GM_AGREEMENTS_MAX = 2 };

/* A session key, and the one operation that may be running with it. */
struct gm_session_key {
    uint16_t id;            /* 0: free */
    uint8_t app, operation; /* enum gm_operation */
    uint16_t container;
    uint8_t key[SM4_KEY];
    struct sm4_mode mode;
};

/* An initiator's half of a key agreement, waiting for the other's. */
struct gm_agreement {
    uint16_t id; /* 0: free */
    uint8_t app;
    uint16_t container;
    uint8_t r[SM2_NUMBER], z[SM2_NUMBER];
    struct sm2_point point;
};

/* The digest that is running; one per card, as its commands name none. */
struct gm_digest {
    uint8_t alg; /* enum gm_hash_alg; GM_HASH_NONE: none */
    union {
        struct sm3 sm3;
        mbedtls_sha1_context sha1;
        mbedtls_sha256_context sha256;
    };
};

/* A begun remote unlock. */
struct gm_unlock {
    bool begun;
    uint8_t app;
    uint8_t challenge[GM_UNLOCK_CHALLENGE_SIZE];
    uint8_t order_len;
    uint8_t order[GM_UNLOCK_ORDER_MAX];
};

/* Everything volatile: zeroised by power-up, reset and power-down. */
struct gm_state {
    bool has_challenge;
    uint8_t challenge[GM_CHALLENGE_SIZE];
    bool device_verified;
    bool open[GM_APPS_MAX];
    bool verified[GM_APPS_MAX][2];    /* by enum gm_pin_type */
    bool must_change[GM_APPS_MAX][2]; /* the verified PIN is good for CHANGE_PIN alone */
    struct gm_unlock unlock;
    struct gm_digest digest;
    uint16_t last_session; /* numbers session keys and agreements, so that no id comes back soon */
    struct gm_session_key keys[GM_SESSION_KEYS_MAX];
    struct gm_agreement agreements[GM_AGREEMENTS_MAX];
};

struct gm {
    struct applet applet; /* first: the dispatcher hands this back */
    struct card *card;
    struct gm_state state;
};

/* Makes the applet for a card; add it with card_add_applet. */
void gm_init(struct gm *gm, struct card *card);

/* Makes a factory-new token of a formatted, mounted store: label and the factory device key, no application.
 * False if the store failed. */
bool gm_format(struct store *store, const char *label);

#endif
