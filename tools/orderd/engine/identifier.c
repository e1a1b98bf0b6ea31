/* See identifier.h. */
#include "tools/orderd/engine/identifier.h"

#include "module/formats/calendar.h"
#include "module/formats/octets.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

bool identifier_random(char out[ID_SIZE]) {
    unsigned char bytes[16];
    out[0] = '\0';
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return false;
    }
    octets_to_hex(bytes, sizeof bytes, out);
    return true;
}

bool secret_random(char out[SECRET_SIZE]) {
    unsigned char bytes[32];
    unsigned char text[48];
    out[0] = '\0';
    if (RAND_priv_bytes(bytes, sizeof bytes) != 1) {
        return false;
    }
    EVP_EncodeBlock(text, bytes, sizeof bytes);
    for (size_t i = 0; i < SECRET_SIZE - 1; i++) {
        out[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    }
    out[SECRET_SIZE - 1] = '\0';
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(text, sizeof text);
    return true;
}

static bool digest_hex(const EVP_MD *algorithm, const void *data, size_t len,
                       char out[DIGEST_HEX_SIZE]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    out[0] = '\0';
    if (EVP_Digest(data, len, digest, &size, algorithm, NULL) != 1 || size != 32) {
        return false;
    }
    octets_to_hex(digest, size, out);
    return true;
}

bool digest_sha256_hex(const void *data, size_t len, char out[DIGEST_HEX_SIZE]) {
    return digest_hex(EVP_sha256(), data, len, out);
}

bool digest_sm3_hex(const void *data, size_t len, char out[DIGEST_HEX_SIZE]) {
    return digest_hex(EVP_sm3(), data, len, out);
}

/* "yyyyMMdd" of the Shanghai day. */
static void day_digits(int64_t now, char out[9]) {
    char date[11];
    calendar_date_text(now, date);
    snprintf(out, 9, "%.4s%.2s%.2s", date, date + 5, date + 8);
}

static bool letter_number(const char *day, char letter, int64_t sequence,
                          char out[PUBLIC_NUMBER_SIZE]) {
    int64_t block = (sequence - 1) / 9999;
    int digits = (int)((sequence - 1) % 9999) + 1;
    if (letter < 'A' || letter > 'Z' || block > 'Z' - letter) {
        return false;
    }
    snprintf(out, PUBLIC_NUMBER_SIZE, "%s%c%04d", day, (char)(letter + block), digits);
    return true;
}

bool public_number_format(enum number_format format, int64_t now_ms, char letter, int64_t sequence,
                          char out[PUBLIC_NUMBER_SIZE]) {
    enum { SHANGHAI = 8 * 3600 };
    char day[9];
    int64_t now = now_ms / 1000;
    out[0] = '\0';
    if (sequence < 1) {
        return false;
    }
    day_digits(now, day);
    if (format == NUMBER_LETTER) {
        return letter_number(day, letter, sequence, out);
    }
    if (format == NUMBER_UO) {
        int minutes = (int)((now + SHANGHAI) % 86400 / 60);
        snprintf(out, PUBLIC_NUMBER_SIZE, "UO%s%02d%02d%06d", day, minutes / 60, minutes % 60,
                 (int)(sequence % 1000000));
        return sequence < 1000000;
    }
    snprintf(out, PUBLIC_NUMBER_SIZE, "%s%012lld", day, (long long)sequence);
    return sequence < 1000000000000;
}

enum order_error public_number_next(struct db *db, const struct profile *profile, int64_t now_ms,
                                    char out[PUBLIC_NUMBER_SIZE]) {
    char day[9];
    struct db_rows *rows = NULL;
    out[0] = '\0';
    day_digits(now_ms / 1000, day);
    enum db_result result =
        db_query(db, &rows,
                 "INSERT INTO number_sequences (day, last) VALUES ($1, 1) "
                 "ON CONFLICT (day) DO UPDATE SET last = number_sequences.last + 1 RETURNING last",
                 "t", day);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    int64_t sequence = result == DB_OK ? db_int(rows, 0) : 0;
    db_end(rows);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    return public_number_format(profile->number, now_ms, profile->number_letter, sequence, out)
               ? ORDER_OK
               : ORDER_TOO_MANY;
}

enum order_error order_error_of(enum db_result result) {
    switch (result) {
    case DB_OK:
        return ORDER_OK;
    case DB_BUSY:
        return ORDER_STORE_BUSY;
    case DB_DONE:
    case DB_CONSTRAINT:
    case DB_FAILED:
        break;
    }
    return ORDER_STORE_FAILED;
}
