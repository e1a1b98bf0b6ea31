/* A card on a small flash in memory, and the host's side of its commands. */
#ifndef TESTS_CARD_BENCH_H
#define TESTS_CARD_BENCH_H

#include "firmware-sim/applets/gm/gm.h"
#include "firmware-sim/crypto/sm2.h"
#include "tests/unit/firmware-sim/flash_ram.h"

#include <openukey/apdu.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench {
    struct flash_ram ram;
    struct flash flash;
    struct card card;
    struct gm gm;
    uint8_t mac_key[FACTORY_MAC_KEY];
    bool powered;
    uint32_t
        entropy; /* every power-up gives the same numbers, so that a repeated command makes the same key */

    uint8_t sent[APDU_MAX_COMMAND]; /* the last command */
    size_t sent_len;
    uint16_t sw; /* of the last command */
    uint8_t out[APDU_MAX_RESPONSE];
    size_t out_len; /* without the status word */
};

#define ADMIN_PIN "admin-pin"
#define USER_PIN  "123456"
enum { ADMIN_TRIES = 4, USER_TRIES = 3 };

/* A factory-new card, powered up. */
void bench_init(struct bench *b, uint32_t pages);
/* The same with a layout profile, 'A' or 'B'. The host's side below follows the profile of the last bench made. */
void bench_init_layout(struct bench *b, uint32_t pages, char layout);
bool bench_is_b(void);
void bench_free(struct bench *b);
/* Power off and on again; with the flash as it is. Asserts that the card comes up. */
void bench_power_cycle(struct bench *b);
enum card_error bench_power_up(struct bench *b, uint32_t *page);
void bench_power_down(struct bench *b);

/* Sends a whole command; returns the status word. */
uint16_t bench_send(struct bench *b, const void *apdu, size_t len);
/* Makes an extended command; le 0: any length. */
uint16_t bench_apdu(struct bench *b, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2,
                    const void *data, size_t len);
uint16_t bench_gm(struct bench *b, uint8_t ins, uint8_t p1, uint8_t p2, const void *data,
                  size_t len);

/* A data field put together piece by piece. */
struct field {
    uint8_t bytes[APDU_MAX_BODY + 64];
    size_t len;
};
void field_put(struct field *f, const void *data, size_t len);
void field_text(struct field *f, const char *text);
void field_padded(struct field *f, const char *text, size_t size);
void field_u8(struct field *f, unsigned v);
void field_u16(struct field *f, unsigned v);
void field_u32(struct field *f, uint32_t v);
/* Integers of the last answer. */
uint16_t bench_u16(const struct bench *b, size_t at);
uint32_t bench_u32(const struct bench *b, size_t at);
/* The id of an application as P1 P2. */
uint8_t bench_p1(uint16_t app);
uint8_t bench_p2(uint16_t app);

/* Commands of the host, each returning the status word. */
uint16_t bench_random(struct bench *b, size_t len);
uint16_t bench_dev_auth(struct bench *b, const char *key);
uint16_t bench_create_app(struct bench *b, const char *name, uint32_t file_rights);
/* *id: A as the card gave it. */
uint16_t bench_open_app(struct bench *b, const char *name, uint16_t *id);
uint16_t bench_verify(struct bench *b, uint16_t app, enum gm_pin_type type, const char *pin);
uint16_t bench_change_pin(struct bench *b, uint16_t app, enum gm_pin_type type, const char *old,
                          const char *new);
uint16_t bench_unblock(struct bench *b, uint16_t app, const char *admin, const char *new);
/* UNBLOCK_PIN with P1 = 1. */
uint16_t bench_unblock_must_change(struct bench *b, uint16_t app, const char *admin,
                                   const char *new);
/* CHANGE_DEV_AUTH_KEY, SET_UNLOCK_KEY: a new 16-byte key under the device key. */
uint16_t bench_set_key(struct bench *b, uint8_t ins, const char *device_key, const char *new);
/* A remote unlock's second command, with the key that a service would derive from unlock_key; the challenge is the last answer. */
uint16_t bench_remote_unlock(struct bench *b, uint16_t app, const char *unlock_key,
                             const char *order, const char *new, unsigned flags);
uint16_t bench_unlock_challenge(struct bench *b, uint16_t app, const char *order);
/* Tries left; asserts success. */
unsigned bench_tries(struct bench *b, uint16_t app, enum gm_pin_type type);
uint16_t bench_container(struct bench *b, uint8_t ins, uint16_t app, const char *name,
                         uint16_t *id);
uint16_t bench_gen_sm2(struct bench *b, uint16_t app, uint16_t container, struct sm2_point *pub);
uint16_t bench_gen_rsa(struct bench *b, uint16_t app, uint16_t container);
uint16_t bench_sign_digest(struct bench *b, uint16_t app, uint16_t container, const uint8_t e[32],
                           struct sm2_signature *sig);
uint16_t bench_import_cert(struct bench *b, uint16_t app, uint16_t container,
                           enum gm_key_usage usage, uint8_t fill, size_t len);
uint16_t bench_create_file(struct bench *b, uint16_t app, const char *name, uint32_t size,
                           uint32_t read, uint32_t write);
uint16_t bench_write_file(struct bench *b, uint16_t app, const char *name, unsigned offset,
                          const void *data, size_t len);
uint16_t bench_read_file(struct bench *b, uint16_t app, const char *name, unsigned offset,
                         size_t len);

/* An envelope for the signing key sign, holding d whose public key is claimed to be pub. */
void envelope_make(struct field *f, uint16_t app, uint16_t container, const struct sm2_point *sign,
                   const uint8_t d[32], const struct sm2_point *pub);

/* The usual card: application "APP" (files by the user), its id in *app, user PIN verified, container "C" with an SM2
 * signing key in *container. */
void bench_ready(struct bench *b, uint16_t *app, uint16_t *container, struct sm2_point *pub);

/* Hash over all that the store holds. */
void bench_digest(const struct bench *b, uint8_t out[32]);

#endif
