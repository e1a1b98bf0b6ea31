/* Shared by the command groups of the GM application: needs, status words, commits, the handlers themselves. */
#ifndef FIRMWARE_APPLETS_GM_GM_INTERNAL_H
#define FIRMWARE_APPLETS_GM_GM_INTERNAL_H

#include "firmware-sim/applets/gm/gm.h"
#include "firmware-sim/applets/gm/objects.h"

/* What a command needs, checked in this order. NEED_CHALLENGE uses the challenge up, whatever happens then. */
enum gm_need {
    NEED_CHALLENGE = 1,
    NEED_DEV_AUTH = 2,
    NEED_APP = 4,        /* data starts with the id of an open application */
    NEED_APP_P1P2 = 8,   /* P1 P2 are that id */
    NEED_CONTAINER = 16, /* the id of a container follows */
    NEED_USER = 32,      /* user PIN verified in that application */
    /* the self-tests of what the command computes with (SM2 signatures, SM3, SM4: at power-up) */
    USES_RSA = 64,
    USES_VERIFICATION = 128,
    USES_ENCRYPTION = 256,
    USES_EXCHANGE = 512
};

/* call->scope of an admitted command */
enum gm_scope { SCOPE_APP = 0, SCOPE_CONTAINER = 1 };

/* What a session key is doing. */
enum gm_operation { OP_NONE = 0, OP_ENCRYPT, OP_DECRYPT, OP_MAC };

enum {
    SM2_BITS = SM2_NUMBER * 8,
    GM_ID_MAX = 0xFFFF / 8, /* an identity's bytes: Z counts its bits in two */
    GM_DEVICE_TRIES = 15,
    GM_UNLOCK_TRIES = 10
};

static inline struct gm *gm_of(struct applet *applet) {
    return (struct gm *)(void *)applet;
}

static inline struct store *gm_store(struct gm *gm) {
    return &gm->card->store;
}

/* The layout profile of this key. */
static inline const struct gm_layout *gm_layout(const struct gm *gm) {
    return &gm_layouts[gm->card->factory.layout < GM_LAYOUTS ? gm->card->factory.layout : 0];
}

uint16_t gm_store_sw(enum store_error err);

/* How often public objects have changed, and a tag of all these changes (apdu.h, DEVINFO_CHANGE_TAG). */
enum { GM_CHANGE_TAG_SIZE = 8, GM_CHANGES_SIZE = 4 + GM_CHANGE_TAG_SIZE };
struct gm_changes {
    uint32_t count;
    uint8_t tag[GM_CHANGE_TAG_SIZE];
};
void gm_changes_read(struct gm *gm, struct gm_changes *changes);

/* Ends the open transaction: counts a change of public objects, commits. Returns the status word. */
uint16_t gm_commit(struct gm *gm, enum store_commit kind);

/* True if rights (a sum of GM_ADMIN and GM_USER, or GM_ANYONE, or GM_NEVER) let the present state pass. */
bool gm_allowed(const struct gm *gm, unsigned app, uint32_t rights);
bool gm_rights_valid(uint32_t rights);
/* Whether that PIN was verified, and is not one that must be changed. */
bool gm_verified(const struct gm *gm, unsigned app, enum gm_pin_type type);
/* Ends what PINs have opened in an application, session keys too. */
void gm_forget_application(struct gm *gm, unsigned app);

/* Names of an enumeration: put each, then end. */
void gm_put_name(struct wire_writer *out, const struct gm_name *name);
void gm_end_names(struct wire_writer *out);

typedef uint16_t gm_handler(struct applet *applet, struct call *call);

/* device.c */
gm_handler gm_set_label, gm_get_dev_info, gm_dev_auth, gm_gen_random, gm_change_dev_auth_key,
    gm_set_unlock_key;
/* access.c */
gm_handler gm_get_pin_info, gm_change_pin, gm_verify_pin, gm_unblock_pin, gm_clear_secure_state;
/* application.c */
gm_handler gm_create_application, gm_enum_application, gm_delete_application, gm_open_application,
    gm_close_application;
/* file.c */
gm_handler gm_create_file, gm_delete_file, gm_enum_files, gm_get_file_info, gm_read_file,
    gm_write_file;
/* container.c */
gm_handler gm_create_container, gm_open_container, gm_close_container, gm_enum_container,
    gm_delete_container, gm_get_container_info, gm_import_certificate, gm_export_certificate,
    gm_export_public_key, gm_retire_signing_key;
/* rsa.c */
gm_handler gm_gen_rsa_key_pair, gm_rsa_sign, gm_rsa_private;
/* rsa_external.c */
gm_handler gm_gen_ext_rsa_key, gm_rsa_verify, gm_ext_rsa_operation;
/* rsa_import.c */
gm_handler gm_import_rsa_key_pair;
/* ecc.c */
gm_handler gm_gen_ecc_key_pair, gm_import_ecc_key_pair, gm_ecc_sign, gm_ecc_verify, gm_sm2_decrypt;
/* ecc_external.c */
gm_handler gm_ext_ecc_encrypt, gm_ext_ecc_decrypt, gm_ext_ecc_sign;
/* agreement.c */
gm_handler gm_agreement_data, gm_agreement_data_and_key, gm_agreement_key;
/* session.c */
gm_handler gm_import_symm_key, gm_destroy_session_key;
/* session_transport.c */
gm_handler gm_import_session_key, gm_rsa_export_session_key, gm_rsa_operation,
    gm_ecc_export_session_key, gm_ecc_export_session_key_ex;
/* cipher.c */
gm_handler gm_encrypt_init, gm_decrypt_init, gm_mac_init, gm_cipher_update, gm_cipher_final;
/* digest.c */
gm_handler gm_digest_init, gm_digest_update, gm_digest_final;
/* history.c */
gm_handler gm_history;
/* unlock.c */
gm_handler gm_unlock_challenge, gm_unlock;

/* PIN key of a zero-padded PIN (include/openukey/apdu.h, PIN cryptography). False unless it is text of
 * GM_PIN_MIN..GM_PIN_MAX bytes. */
bool gm_pin_key(const struct gm *gm, const uint8_t padded[GM_PIN_MAX], uint8_t key[PIN_SECRET_MAX]);
/* Takes a try as pin_spend_try does; the status word. */
uint16_t gm_spend(struct gm *gm, struct pin_ref ref, struct pin_record *record, uint8_t *left);
/* The block that proves a PIN or the device key. */
void gm_challenge_block(const struct gm *gm, uint8_t block[SM4_BLOCK]);
/* Whether the command's last GM_MAC_SIZE bytes are its MAC under key. */
bool gm_mac_fits(const struct gm *gm, const struct apdu *apdu, const uint8_t *key);

/* An SM2 ciphertext as command data has it: bits4, X, Y, hash32, len4, cipher. */
struct gm_cipher {
    struct sm2_point c1;
    uint8_t c3[SM2_NUMBER];
    uint32_t len;
    const uint8_t *c2;
};

/* Pieces of data fields. False, or NULL, if they are not as they must be. */
bool gm_take_cipher(struct wire_reader *in, struct gm_cipher *cipher);
bool gm_take_point(struct wire_reader *in, struct sm2_point *point); /* bits4, X, Y */
void gm_put_point(struct wire_writer *out, const struct sm2_point *point);
const uint8_t *gm_take_id(struct wire_reader *in, uint32_t *len);            /* len4, id */
bool gm_take_rsa_public(struct wire_reader *in, struct rsa_public_key *key); /* bits4, n256, e4 */
bool gm_take_session_alg(struct wire_reader *in, uint16_t *sw); /* alg4; *sw says what is wrong */

/* The key of that usage in the command's container: SW_NO_KEY, or SW_CONDITIONS if it is of another type. Cleanse it. */
uint16_t gm_read_key(struct gm *gm, const struct call *call, unsigned usage,
                     enum gm_container_type type, struct gm_key *key);
/* Puts an imported encryption pair where P1 says (enum gm_import). */
uint16_t gm_place_enc_key(struct gm *gm, const struct call *call, const struct gm_key *enc);
/* By enum gm_hash_alg. */
extern const enum rsa_hash gm_rsa_hashes[4];

/* A new session key of the command's container; its id, or 0 if there is no room. */
uint16_t gm_session_new(struct gm *gm, const struct call *call, const uint8_t key[SM4_KEY]);
/* NULL if this container has none of that id. */
struct gm_session_key *gm_session_find(struct gm *gm, const struct call *call, uint16_t id);
/* A number for a session key or agreement: not 0, not used soon again. */
uint16_t gm_session_number(struct gm *gm);
void gm_sessions_end(struct gm *gm, unsigned app);
void gm_container_sessions_end(struct gm *gm, unsigned app, uint16_t container);
/* The id that the command's container has on the wire. */
uint16_t gm_call_container(struct gm *gm, const struct call *call);

#endif
