/* A key with everything on it, in either layout, that a test can have again and again from the same flash. */
#ifndef TESTS_GM_WORLD_H
#define TESTS_GM_WORLD_H

#include "tests/unit/firmware-sim/card_bench.h"
#include "tests/unit/firmware-sim/openssl_rsa.h"

#define DEVICE_KEY "1234567812345678"
#define UNLOCK_KEY "unlock-key-16-by"
#define FILE_BYTE  0x42
enum { FILE_SIZE = 3000 };

struct world {
    struct bench bench;
    uint8_t *image; /* the flash that every start begins with */
    uint16_t app;   /* "APP" */
    uint16_t sm2;   /* container "C": both SM2 pairs, both certificates */
    uint16_t rsa;   /* container "R": both RSA pairs */
    uint16_t empty; /* container "E" */
    struct sm2_point sign, enc;
    uint8_t enc_d[32];
    EVP_PKEY *rsa_sign;                      /* public */
    EVP_PKEY *rsa_enc;                       /* the whole pair, the host made it */
    struct field sm2_envelope, rsa_envelope; /* other pairs, for sm2 and rsa, ready to import */
};

void world_make(struct world *w, char layout, uint32_t pages);
void world_free(struct world *w);
/* Power off, the prepared flash, power on; the application open, every PIN and the device key verified, a challenge given.
 * Nothing is written. */
void world_start(struct world *w);
/* Whether the command ever changes the flash: then the power is cut at its writes (gm_power_cuts.c). */
bool world_command_writes(uint8_t ins);

/* A, C of a container, as most data fields begin. */
void world_ids(const struct world *w, struct field *f, uint16_t container);
/* bits4, X, Y and bits4, n, e4. */
void field_point(struct field *f, const struct sm2_point *point);
void field_rsa(struct field *f, EVP_PKEY *key);
/* bits4, X, Y, hash32, len4, cipher: plain encrypted by OpenSSL. */
void field_sm2_cipher(struct field *f, const struct sm2_point *pub, const void *plain, size_t len);
/* An envelope with that pair for the container's RSA signing key. */
void rsa_envelope_make(struct field *f, const struct world *w, EVP_PKEY *pair);

/* A session key with these 16 bytes in that container; its id. */
uint16_t world_session(struct world *w, uint16_t container, const char *key);
/* ENCRYPT_INIT, DECRYPT_INIT, MAC_INIT with CBC, an IV of 0x11 and that padding: its data field. */
void world_cipher_init(const struct world *w, struct field *f, uint16_t session, uint32_t alg,
                       unsigned pad);

#endif
