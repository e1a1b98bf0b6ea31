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
    NEED_USER = 32       /* user PIN verified in that application */
};

/* call->scope of an admitted command */
enum gm_scope { SCOPE_APP = 0, SCOPE_CONTAINER = 1 };

static inline struct gm *gm_of(struct applet *applet) {
    return (struct gm *)(void *)applet;
}

static inline struct store *gm_store(struct gm *gm) {
    return &gm->card->store;
}

uint16_t gm_store_sw(enum store_error err);

/* Ends the open transaction: counts a change of public objects, commits. Returns the status word. */
uint16_t gm_commit(struct gm *gm, enum store_commit kind);

/* True if rights (a sum of GM_ADMIN and GM_USER, or GM_ANYONE, or GM_NEVER) let the present state pass. */
bool gm_allowed(const struct gm *gm, unsigned app, uint32_t rights);
bool gm_rights_valid(uint32_t rights);

/* Names of an enumeration: put each, then end. */
void gm_put_name(struct wire_writer *out, const struct gm_name *name);
void gm_end_names(struct wire_writer *out);

typedef uint16_t gm_handler(struct applet *applet, struct call *call);

/* device.c */
gm_handler gm_set_label, gm_get_dev_info, gm_dev_auth, gm_gen_random;
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
/* ecc.c */
gm_handler gm_gen_ecc_key_pair, gm_import_ecc_key_pair, gm_ecc_sign, gm_ecc_verify, gm_sm2_decrypt;

/* PIN key of a zero-padded PIN (include/openukey/apdu.h, PIN cryptography). False unless it is text of
 * GM_PIN_MIN..GM_PIN_MAX bytes. */
bool gm_pin_key(const uint8_t padded[GM_PIN_MAX], uint8_t key[PIN_SECRET_MAX]);

#endif
