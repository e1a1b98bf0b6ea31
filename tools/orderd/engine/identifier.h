/* Names that the service makes: random ids and secrets, digests in hex, and the public numbers of orders. */
#ifndef TOOLS_ORDERD_ENGINE_IDENTIFIER_H
#define TOOLS_ORDERD_ENGINE_IDENTIFIER_H

#include "tools/orderd/engine/error.h"
#include "tools/orderd/engine/profile.h"
#include "tools/orderd/store/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum identifier_size {
    ID_SIZE = 33,            /* 16 random bytes in hex and NUL */
    SECRET_SIZE = 44,        /* 32 random bytes in base64url without padding and NUL */
    DIGEST_HEX_SIZE = 65,    /* SM3 or SHA-256 in hex and NUL */
    PUBLIC_NUMBER_SIZE = 32, /* the longest of the forms (R260-R262) and NUL */
};

/* A fresh random id. False when there is no random. */
bool identifier_random(char out[ID_SIZE]);

/* A fresh random secret of 256 bits: a session token, a nonce. */
bool secret_random(char out[SECRET_SIZE]);

/* SHA-256 and SM3 in lower-case hex. */
bool digest_sha256_hex(const void *data, size_t len, char out[DIGEST_HEX_SIZE]);
bool digest_sm3_hex(const void *data, size_t len, char out[DIGEST_HEX_SIZE]);

/* The public number of the day's `sequence`-th order (from 1), made at `now_ms`. NUMBER_LETTER: the Shanghai date, a letter that begins
 * at `letter` and moves on after each 9999, four digits. NUMBER_UO: UO, date, hour and minute, six digits. NUMBER_RECEIPT: date and
 * twelve digits. False when the day's numbers are used up. */
bool public_number_format(enum number_format format, int64_t now_ms, char letter, int64_t sequence,
                          char out[PUBLIC_NUMBER_SIZE]);

/* Draw the next public number of the day; inside the caller's transaction. */
enum order_error public_number_next(struct db *db, const struct profile *profile, int64_t now_ms,
                                    char out[PUBLIC_NUMBER_SIZE]);

/* The error that a database result means to the engine's caller. */
enum order_error order_error_of(enum db_result result);

#endif
