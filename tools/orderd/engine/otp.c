/* See otp.h. */
#include "tools/orderd/engine/otp.h"

#include "tools/orderd/engine/limit.h"
#include "tools/orderd/engine/message.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

enum { CODE_SIZE = 21 };

static const char digits[] = "0123456789";
static const char letters_and_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

struct purpose_row {
    const char *name;
    enum text text;    /* of the SMS or mail: {code}, {number} */
    enum text subject; /* of the mail; of an SMS TEXT_COUNT */
    const char *alphabet;
    size_t len;
    int64_t seconds;
    bool lasts; /* counts again and again: the right code forgives the wrong ones before it */
};
static const struct purpose_row purposes[OTP_PURPOSES] = {
    [OTP_REGISTER] = {"REGISTER", TEXT_SMS_REGISTER, TEXT_COUNT, digits, 6, OTP_SECONDS, false},
    [OTP_LOGIN] = {"LOGIN", TEXT_SMS_LOGIN, TEXT_COUNT, digits, 6, OTP_SECONDS, false},
    [OTP_CONFIRM] = {"CONFIRM", TEXT_SMS_CONFIRM, TEXT_COUNT, digits, 6, OTP_SECONDS, false},
    [OTP_QUERY] = {"QUERY", TEXT_SMS_QUERY, TEXT_COUNT, digits, 6, OTP_SECONDS, false},
    [OTP_RESET] = {"RESET", TEXT_SMS_RESET, TEXT_COUNT, digits, 6, OTP_SECONDS, false},
    [OTP_PHONE] = {"PHONE", TEXT_SMS_PHONE, TEXT_COUNT, digits, 6, OTP_SECONDS, false},
    [OTP_EMAIL] = {"EMAIL", TEXT_MAIL_EMAIL, TEXT_MAIL_EMAIL_SUBJECT, digits, 6, OTP_SECONDS,
                   false},
    /* R263 */
    [OTP_DOWNLOAD] = {"DOWNLOAD", TEXT_MAIL_DOWNLOAD, TEXT_MAIL_DOWNLOAD_SUBJECT,
                      letters_and_digits, 20, OTP_DOWNLOAD_SECONDS, true},
    /* R196; no letters that are taken for digits: it is typed off a telephone */
    [OTP_UNLOCK] = {"UNLOCK", TEXT_SMS_UNLOCK, TEXT_COUNT, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 10,
                    OTP_UNLOCK_SECONDS, true},
};

static const struct limit per_phone = {"otp phone", OTP_PER_HOUR, 3600};
static const struct limit per_address = {"otp address", 3L * OTP_PER_HOUR, 3600};

static bool draw(const struct purpose_row *row, char code[CODE_SIZE]) {
    size_t symbols = strlen(row->alphabet);
    for (size_t i = 0; i < row->len; i++) {
        unsigned char byte = 0;
        /* evenly distributed: what would favour the first symbols is drawn again */
        do {
            if (RAND_priv_bytes(&byte, 1) != 1) {
                return false;
            }
        } while (byte >= 256 - 256 % symbols);
        code[i] = row->alphabet[byte % symbols];
    }
    code[row->len] = '\0';
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
                                 const char *hash, json_t *extra) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows,
                 "SELECT resend_at FROM otp_codes WHERE purpose = $1 AND target = $2 AND "
                 "recipient_hash = $3 AND resend_at > $4 AND used = 0",
                 "ttti", purposes[otp->purpose].name, otp->target, hash, engine_now_ms(engine));
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        limit_tell(extra, engine_now_ms(engine), db_int(rows, 0));
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_OK
           : result == DB_OK ? ORDER_CODE_TOO_SOON
                             : order_error_of(result);
}

static enum order_error tell(const struct engine *engine, struct db *db, const struct otp *otp,
                             const struct purpose_row *row, const char *code) {
    char with_code[512];
    char body[512];
    text_fill(row->text, LANGUAGE_ZH, "code", code, with_code, sizeof with_code);
    text_replace(with_code, "number", otp->target, body, sizeof body);
    enum order_error error =
        message_put(engine, db, otp->recipient,
                    row->subject != TEXT_COUNT ? text_get(row->subject, LANGUAGE_ZH) : NULL, body);
    OPENSSL_cleanse(with_code, sizeof with_code);
    OPENSSL_cleanse(body, sizeof body);
    return error;
}

static enum order_error put_code(const struct engine *engine, struct db *db, const struct otp *otp,
                                 const char *hash, int64_t *expires_ms) {
    char id[ID_SIZE];
    char code[CODE_SIZE] = "";
    char code_hash[DIGEST_HEX_SIZE];
    const struct purpose_row *row = &purposes[otp->purpose];
    int64_t now_ms = engine_now_ms(engine);
    *expires_ms = now_ms + row->seconds * 1000;
    enum order_error error = identifier_random(id) && draw(row, code) ? ORDER_OK : ORDER_INTERNAL;
    if (error == ORDER_OK) {
        error = hash_code(engine, id, code, code_hash);
    }
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO otp_codes (id, purpose, target, recipient_hash, code_hash, "
                   "resend_at, expires, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                   "tttttiii", id, row->name, otp->target, hash, code_hash,
                   now_ms + (int64_t)OTP_RESEND_SECONDS * 1000, *expires_ms, now_ms));
    }
    if (error == ORDER_OK) {
        error = tell(engine, db, otp, row, code);
    }
    OPENSSL_cleanse(code, sizeof code);
    return error;
}

enum order_error otp_send(const struct engine *engine, struct db *db, const struct otp *otp,
                          const char *from, int64_t *expires_ms, json_t *extra) {
    char hash[DIGEST_HEX_SIZE];
    int64_t now_ms = engine_now_ms(engine);
    enum order_error error = vault_hash(engine->vault, "phone", otp->recipient, hash);
    if (error == ORDER_OK) {
        error = may_send(engine, db, otp, hash, extra);
    }
    if (error == ORDER_OK) {
        error = limit_count(db, &per_phone, hash, now_ms, extra);
    }
    if (error == ORDER_OK && from != NULL) {
        error = limit_count(db, &per_address, from, now_ms, extra);
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

enum order_error otp_put(const struct engine *engine, struct db *db, const struct otp *otp,
                         int64_t *expires_ms) {
    char hash[DIGEST_HEX_SIZE];
    enum order_error error = vault_hash(engine->vault, "phone", otp->recipient, hash);
    return error == ORDER_OK ? put_code(engine, db, otp, hash, expires_ms) : error;
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
    const struct purpose_row *purpose = &purposes[otp->purpose];
    if (strlen(code) != purpose->len || strspn(code, purpose->alphabet) != purpose->len) {
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
    if (error == ORDER_OK && purpose->lasts) {
        error = order_error_of(
            db_run(db, NULL, "UPDATE otp_codes SET tries = 0 WHERE id = $1", "t", row.id));
    }
    if (error == ORDER_OK) {
        snprintf(id, ID_SIZE, "%s", row.id);
    }
    return error;
}

enum order_error otp_use_up(struct db *db, enum otp_purpose purpose, const char *target) {
    return order_error_of(db_run(db, NULL,
                                 "UPDATE otp_codes SET used = 1 WHERE purpose = $1 AND target = $2",
                                 "tt", purposes[purpose].name, target));
}

enum order_error otp_use(struct db *db, const char *id) {
    int64_t changed = 0;
    enum order_error error = order_error_of(
        db_run(db, &changed, "UPDATE otp_codes SET used = 1 WHERE id = $1 AND used = 0", "t", id));
    return error == ORDER_OK && changed != 1 ? ORDER_CODE_WRONG : error;
}
