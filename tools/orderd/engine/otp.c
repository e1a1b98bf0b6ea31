/* See otp.h. */
#include "tools/orderd/engine/otp.h"

#include "tools/orderd/engine/limit.h"
#include "tools/orderd/engine/message.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

enum { CODE_DIGITS = 6, CODE_SIZE = CODE_DIGITS + 1 };

struct purpose_row {
    const char *name;
    enum text text; /* of the SMS: {code} */
};
static const struct purpose_row purposes[OTP_PURPOSES] = {
    [OTP_REGISTER] = {"REGISTER", TEXT_SMS_REGISTER},
    [OTP_LOGIN] = {"LOGIN", TEXT_SMS_LOGIN},
    [OTP_QUERY] = {"QUERY", TEXT_SMS_QUERY},
    [OTP_CONFIRM] = {"CONFIRM", TEXT_SMS_CONFIRM},
};

static const struct limit per_phone = {"otp phone", OTP_PER_HOUR, 3600};
static const struct limit per_address = {"otp address", 3L * OTP_PER_HOUR, 3600};

static bool draw(char code[CODE_SIZE]) {
    uint32_t number = 0;
    /* evenly distributed: what would favour small codes is drawn again */
    do {
        if (RAND_priv_bytes((unsigned char *)&number, sizeof number) != 1) {
            return false;
        }
    } while (number >= 4294000000U);
    snprintf(code, CODE_SIZE, "%06u", (unsigned)(number % 1000000U));
    return true;
}

/* The code is stored as a keyed hash together with what it is for. */
static enum order_error hash_code(const struct engine *engine, const char *id, const char *code,
                                  char out[DIGEST_HEX_SIZE]) {
    char text[ID_SIZE + CODE_SIZE + 2];
    snprintf(text, sizeof text, "%s %s", id, code);
    enum order_error error = vault_hash(engine->vault, "otp", text, out);
    OPENSSL_cleanse(text, sizeof text);
    return error;
}

/* ---- sending ---- */

static enum order_error may_send(const struct engine *engine, struct db *db, const struct otp *otp,
                                 const char *hash) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows,
                 "SELECT 1 FROM otp_codes WHERE purpose = $1 AND target = $2 AND recipient_hash = "
                 "$3 AND resend_at > $4 AND used = 0",
                 "ttti", purposes[otp->purpose].name, otp->target, hash, engine_now_ms(engine));
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    db_end(rows);
    return result == DB_DONE ? ORDER_OK
           : result == DB_OK ? ORDER_CODE_TOO_SOON
                             : order_error_of(result);
}

static enum order_error put_code(const struct engine *engine, struct db *db, const struct otp *otp,
                                 const char *hash, int64_t *expires_ms) {
    char id[ID_SIZE];
    char code[CODE_SIZE] = "";
    char code_hash[DIGEST_HEX_SIZE];
    char body[256];
    int64_t now_ms = engine_now_ms(engine);
    *expires_ms = now_ms + (int64_t)OTP_SECONDS * 1000;
    enum order_error error = identifier_random(id) && draw(code) ? ORDER_OK : ORDER_INTERNAL;
    if (error == ORDER_OK) {
        error = hash_code(engine, id, code, code_hash);
    }
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO otp_codes (id, purpose, target, recipient_hash, code_hash, "
                   "resend_at, expires, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                   "tttttiii", id, purposes[otp->purpose].name, otp->target, hash, code_hash,
                   now_ms + (int64_t)OTP_RESEND_SECONDS * 1000, *expires_ms, now_ms));
    }
    if (error == ORDER_OK) {
        text_fill(purposes[otp->purpose].text, LANGUAGE_ZH, "code", code, body, sizeof body);
        error = message_put(engine, db, otp->recipient, NULL, body);
        OPENSSL_cleanse(body, sizeof body);
    }
    OPENSSL_cleanse(code, sizeof code);
    return error;
}

enum order_error otp_send(const struct engine *engine, struct db *db, const struct otp *otp,
                          const char *from, int64_t *expires_ms) {
    char hash[DIGEST_HEX_SIZE];
    int64_t now_ms = engine_now_ms(engine);
    enum order_error error = vault_hash(engine->vault, "phone", otp->recipient, hash);
    if (error == ORDER_OK) {
        error = may_send(engine, db, otp, hash);
    }
    if (error == ORDER_OK) {
        error = limit_count(db, &per_phone, hash, now_ms);
    }
    if (error == ORDER_OK && from != NULL) {
        error = limit_count(db, &per_address, from, now_ms);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = put_code(engine, db, otp, hash, expires_ms);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* ---- checking ---- */

struct code_row {
    char id[ID_SIZE];
    char hash[DIGEST_HEX_SIZE];
};

/* One more try of the newest code for this purpose, if there is one that counts. */
static enum order_error take_try(const struct engine *engine, struct db *db, const struct otp *otp,
                                 const char *hash, struct code_row *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows,
        "UPDATE otp_codes SET tries = tries + 1 WHERE id = (SELECT id FROM otp_codes WHERE purpose "
        "= $1 AND target = $2 AND recipient_hash = $3 ORDER BY created DESC, id LIMIT 1) AND used "
        "= 0 AND tries < $4 AND expires > $5 RETURNING id, code_hash",
        "tttii", purposes[otp->purpose].name, otp->target, hash, (int64_t)OTP_TRIES,
        engine_now_ms(engine));
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_CODE_WRONG : order_error_of(result);
    if (error == ORDER_OK) {
        snprintf(out->id, sizeof out->id, "%s", db_text(rows, 0));
        snprintf(out->hash, sizeof out->hash, "%s", db_text(rows, 1));
    }
    /* the statement must be run to its end, or the try is not counted */
    while (result == DB_OK) {
        result = db_next(rows);
    }
    db_end(rows);
    return error;
}

enum order_error otp_check(const struct engine *engine, struct db *db, const struct otp *otp,
                           const char *code, char id[ID_SIZE]) {
    char recipient[DIGEST_HEX_SIZE];
    char made[DIGEST_HEX_SIZE];
    struct code_row row = {.id = ""};
    id[0] = '\0';
    if (strlen(code) != CODE_DIGITS || strspn(code, "0123456789") != CODE_DIGITS) {
        return ORDER_CODE_WRONG;
    }
    enum order_error error = vault_hash(engine->vault, "phone", otp->recipient, recipient);
    if (error == ORDER_OK) {
        error = take_try(engine, db, otp, recipient, &row);
    }
    if (error == ORDER_OK) {
        error = hash_code(engine, row.id, code, made);
    }
    if (error == ORDER_OK && CRYPTO_memcmp(made, row.hash, DIGEST_HEX_SIZE - 1) != 0) {
        error = ORDER_CODE_WRONG;
    }
    if (error == ORDER_OK) {
        snprintf(id, ID_SIZE, "%s", row.id);
    }
    return error;
}

enum order_error otp_use(struct db *db, const char *id) {
    int64_t changed = 0;
    enum order_error error = order_error_of(
        db_run(db, &changed, "UPDATE otp_codes SET used = 1 WHERE id = $1 AND used = 0", "t", id));
    return error == ORDER_OK && changed != 1 ? ORDER_CODE_WRONG : error;
}
