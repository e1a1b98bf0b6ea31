/* See answer.h. */
#include "tools/orderd/engine/answer.h"

#include "module/formats/octets.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/limit.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 210000, SALT_SIZE = 16, HASH_SIZE = 32, ANSWER_MAX = 1024 };

/* A mark in the form: the answer was compared and was right. */
#define ANSWER_RIGHT "right"

bool answer_is_field(const char *name) {
    return strcmp(name, "securityAnswer") == 0;
}

static bool derive(const char *secret, const unsigned char *salt, int rounds,
                   unsigned char out[HASH_SIZE]) {
    return PKCS5_PBKDF2_HMAC(secret, (int)strlen(secret), salt, SALT_SIZE, rounds, EVP_sha256(),
                             HASH_SIZE, out) == 1;
}

enum order_error slow_hash(const char *secret, char out[160]) {
    unsigned char salt[SALT_SIZE];
    unsigned char hash[HASH_SIZE];
    char salt_hex[2 * SALT_SIZE + 1];
    char hash_hex[2 * HASH_SIZE + 1];
    out[0] = '\0';
    if (RAND_bytes(salt, sizeof salt) != 1 || !derive(secret, salt, ROUNDS, hash)) {
        return ORDER_INTERNAL;
    }
    octets_to_hex(salt, sizeof salt, salt_hex);
    octets_to_hex(hash, sizeof hash, hash_hex);
    snprintf(out, 160, "pbkdf2-sha256$%d$%s$%s", ROUNDS, salt_hex, hash_hex);
    OPENSSL_cleanse(hash, sizeof hash);
    OPENSSL_cleanse(hash_hex, sizeof hash_hex);
    return ORDER_OK;
}

static bool unhex(const char *text, unsigned char *out, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1])) {
            return false;
        }
        out[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return true;
}

bool slow_hash_matches(const char *secret, const char *hash) {
    static const char scheme[] = "pbkdf2-sha256$";
    unsigned char salt[SALT_SIZE];
    unsigned char stored[HASH_SIZE];
    unsigned char made[HASH_SIZE];
    char *end = NULL;
    if (strncmp(hash, scheme, sizeof scheme - 1) != 0) {
        return false;
    }
    long rounds = strtol(hash + sizeof scheme - 1, &end, 10);
    if (rounds < 1 || rounds > 10000000 || *end != '$' ||
        strlen(end) != 1 + 2 * SALT_SIZE + 1 + 2 * HASH_SIZE ||
        end[1 + (size_t)2 * SALT_SIZE] != '$' || !unhex(end + 1, salt, SALT_SIZE) ||
        !unhex(end + 2 + (size_t)2 * SALT_SIZE, stored, HASH_SIZE) ||
        !derive(secret, salt, (int)rounds, made)) {
        return false;
    }
    bool same = CRYPTO_memcmp(made, stored, HASH_SIZE) == 0;
    OPENSSL_cleanse(made, sizeof made);
    return same;
}

/* Without blanks, ASCII letters small. */
static void normalise(const char *answer, char out[ANSWER_MAX]) {
    size_t len = 0;
    for (const char *at = answer; *at != '\0' && len + 1 < ANSWER_MAX; at++) {
        if (!isspace((unsigned char)*at)) {
            out[len++] = (char)tolower((unsigned char)*at);
        }
    }
    out[len] = '\0';
}

static enum order_error stored_answer(struct db *db, const char *subject, char out[160]) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, "SELECT answer_hash FROM subjects WHERE id = $1", "t", subject);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    snprintf(out, 160, "%s", result == DB_OK ? db_text(rows, 0) : "");
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

static const struct limit wrong_answers = {"security answer", ANSWER_TRIES, ANSWER_SECONDS};

enum order_error answer_count(const struct engine *engine, struct db *db, const struct order *order,
                              json_t *extra) {
    return order->kind == KIND_NEW
               ? ORDER_OK
               : limit_count(db, &wrong_answers, order->subject, engine_now_ms(engine), extra);
}

enum order_error answer_take(struct db *db, const struct order *order, const char *answer,
                             json_t *form, enum language language, json_t *errors) {
    char plain[ANSWER_MAX];
    char hash[160];
    enum order_error error = ORDER_OK;
    normalise(answer, plain);
    if (order->kind == KIND_NEW) {
        error = slow_hash(plain, hash);
        if (error == ORDER_OK &&
            json_object_set_new(form, "securityAnswer", json_string(hash)) != 0) {
            error = ORDER_INTERNAL;
        }
    } else {
        error = stored_answer(db, order->subject, hash);
        if (error == ORDER_OK && slow_hash_matches(plain, hash)) {
            json_object_set_new(form, "securityAnswer", json_string(ANSWER_RIGHT));
            error = limit_clear(db, &wrong_answers, order->subject);
        } else if (error == ORDER_OK) {
            json_object_del(form, "securityAnswer");
            field_refuse(errors, "securityAnswer", TEXT_FIELD_ANSWER_WRONG, language);
        }
    }
    OPENSSL_cleanse(plain, sizeof plain);
    return error;
}

enum order_error answer_keep(struct db *db, const struct order *order, const json_t *form) {
    const char *question = json_string_value(json_object_get(form, "securityQuestion"));
    const char *hash = json_string_value(json_object_get(form, "securityAnswer"));
    if (order->kind != KIND_NEW || question == NULL || hash == NULL) {
        return ORDER_OK;
    }
    return order_error_of(
        db_run(db, NULL, "UPDATE subjects SET answer_question = $2, answer_hash = $3 WHERE id = $1",
               "ttt", order->subject, question, hash));
}
