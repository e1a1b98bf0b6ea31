/* Shared by the command groups of the PIV application: needs, records in the store, the handlers themselves. */
#ifndef FIRMWARE_APPLETS_PIV_PIV_INTERNAL_H
#define FIRMWARE_APPLETS_PIV_PIV_INTERNAL_H

#include "firmware-sim/applets/piv/piv.h"
#include "firmware-sim/core/pin.h"
#include "firmware-sim/core/tlv.h"
#include "firmware-sim/crypto/ec.h"
#include "firmware-sim/crypto/rsa_parts.h"

enum piv_need {
    NEED_MANAGEMENT = 1, /* the management key authenticated */
    KEEPS_PIN_FRESH = 2, /* may stand between VERIFY and the use of a PIN-always key: reads alone */
    USES_P1 = 4          /* the self-tests of the algorithm that P1 names */
};

/* Object numbers in the store. */
enum piv_store_id {
    ID_FIRST = 0x30000000,
    ID_PIN = 0x30000001,
    ID_PIN_TRIES = 0x30000002,
    ID_PUK = 0x30000003,
    ID_PUK_TRIES = 0x30000004,
    ID_MANAGEMENT = 0x30000005,
    ID_KEY = 0x31000000,    /* + slot */
    ID_OBJECT = 0x32000000, /* + tag; tags have 24 bits */
    ID_LAST = 0x32FFFFFF
};

static inline struct piv *piv_of(struct applet *applet) {
    return (struct piv *)(void *)applet;
}

static inline struct store *piv_store(struct piv *piv) {
    return &piv->card->store;
}

uint16_t piv_store_sw(enum store_error err);
/* Ends the open transaction; returns the status word. */
uint16_t piv_commit(struct piv *piv, enum store_commit kind);

/* --- reference.c: PIN and PUK --- */

/* Both as the factory has them, with so many tries, in the open transaction. */
void piv_references_put_default(struct store *store, uint8_t pin_tries, uint8_t puk_tries);
/* Tries of the PIN or PUK; false if the store failed. */
bool piv_reference_read(struct piv *piv, enum piv_reference reference, uint8_t *max, uint8_t *left,
                        bool *changed);

/* --- management.c: the management key --- */

enum { MANAGEMENT_KEY_MAX = 32 };

struct piv_management_key {
    uint8_t algorithm; /* PIV_3DES, PIV_AES128, 192, 256 */
    uint8_t changed;
    uint8_t key[MANAGEMENT_KEY_MAX];
};

void piv_management_put_default(struct store *store);
/* Cleanse *key after use. */
enum store_error piv_management_read(struct piv *piv, struct piv_management_key *key);
/* GENERAL AUTHENTICATE with reference 9B; in is what the template 7C holds. */
uint16_t piv_management_authenticate(struct piv *piv, struct call *call, struct wire_reader in);

/* --- keys.c: asymmetric keys --- */

enum piv_origin { PIV_GENERATED = 1, PIV_IMPORTED = 2 };

/* Bytes alone: the record in the store is the front of it. */
struct piv_key {
    uint8_t algorithm, pin_policy, origin;
    union {
        struct {
            uint8_t point[EC_POINT_MAX], d[EC_NUMBER_MAX];
        } ec;
        uint8_t rsa[RSA_PARTS_MAX]; /* for the modulus that the algorithm has */
    };
};
_Static_assert(sizeof(struct piv_key) == 3 + RSA_PARTS_MAX, "no padding");

bool piv_is_slot(uint8_t reference);
/* Bytes of the modulus; 0 if the algorithm is not RSA. */
size_t piv_rsa_modulus(uint8_t algorithm);
/* True if it is of an elliptic curve. */
bool piv_ec_curve(uint8_t algorithm, enum ec_curve *curve);
/* Whether the self-tests of an algorithm hold; true if there is no such algorithm. */
bool piv_algorithm_works(struct piv *piv, uint8_t algorithm);
/* STORE_NOT_FOUND if the slot is empty. The record holds the private part: cleanse *key after use. */
enum store_error piv_key_read(struct piv *piv, uint8_t slot, struct piv_key *key);
/* What a public key template holds: modulus and exponent, or point. */
void piv_put_public_key(struct wire_writer *out, uint32_t tag, const struct piv_key *key);

/* --- objects.c --- */

/* Whether reading the object needs the PIN (SP 800-73-4 part 1, table 2). */
bool piv_object_is_protected(uint32_t tag);
/* CHUID and CCC of the factory, in the open transaction. */
void piv_objects_put_default(struct store *store, const struct factory *factory);

typedef uint16_t piv_handler(struct applet *applet, struct call *call);

/* piv.c */
piv_handler piv_select, piv_get_version, piv_get_serial, piv_reset;
/* reference.c */
piv_handler piv_verify, piv_change_reference_data, piv_reset_retry_counter, piv_set_pin_retries;
/* objects.c */
piv_handler piv_get_data, piv_put_data;
/* keys.c */
piv_handler piv_generate_key_pair, piv_import_key, piv_get_metadata;
/* management.c */
piv_handler piv_set_management_key;
/* authenticate.c */
piv_handler piv_general_authenticate;

#endif
