/* See account_self.h. */
#include "tools/orderd/engine/account_self.h"

#include "tools/orderd/engine/answer.h"
#include "tools/orderd/engine/event.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/limit.h"
#include "tools/orderd/engine/otp.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct limit wrong_passwords = {"password", LOGIN_TRIES, LOGIN_SECONDS};
static const struct limit name_checks = {"real name", REAL_NAME_TRIES, REAL_NAME_SECONDS};

static enum order_error refuse(json_t *extra, const char *field, enum text wrong,
                               enum language language) {
    json_t *errors = json_array();
    field_refuse(errors, field, wrong, language);
    json_object_set_new(extra, "errors", errors);
    return ORDER_FIELDS_INVALID;
}

static bool is_user(const struct caller *caller) {
    return caller->session.kind == SESSION_ACCOUNT && caller->session.role == ROLE_USER;
}

/* ---- passwords ---- */

/* Is it the password of the account that is logged in? Counted first. */
static enum order_error check_password(const struct engine *engine, struct db *db,
                                       const struct caller *caller, const char *password,
                                       json_t *extra) {
    char hash[160];
    struct db_rows *rows = NULL;
    const char *id = caller->session.account;
    if (!is_user(caller)) {
        return ORDER_FORBIDDEN;
    }
    enum order_error error = limit_count(db, &wrong_passwords, id, engine_now_ms(engine), extra);
    if (error == ORDER_OK) {
        error = order_error_of(
            db_query(db, &rows, "SELECT password_hash FROM accounts WHERE id = $1", "t", id));
    }
    if (error == ORDER_OK) {
        enum db_result result = db_next(rows);
        snprintf(hash, sizeof hash, "%s", result == DB_OK ? db_text(rows, 0) : "");
        db_end(rows);
        error = slow_hash_matches(password, hash) ? ORDER_OK : ORDER_PASSWORD_WRONG;
    }
    return error == ORDER_OK ? limit_clear(db, &wrong_passwords, id) : error;
}

static enum order_error note(const struct engine *engine, struct db *db, const char *what) {
    struct event event = {NULL, "user", what, NULL, engine_now_ms(engine)};
    return event_append(db, &event);
}

/* In the caller's transaction: the password, and with it the end of every session. */
static enum order_error store_password(const struct engine *engine, struct db *db, const char *id,
                                       const char *hash) {
    enum order_error error = order_error_of(
        db_run(db, NULL, "UPDATE accounts SET password_hash = $2 WHERE id = $1", "tt", id, hash));
    if (error == ORDER_OK) {
        error =
            order_error_of(db_run(db, NULL, "DELETE FROM sessions WHERE account = $1", "t", id));
    }
    return error == ORDER_OK ? note(engine, db, "password reset") : error;
}

static enum order_error account_of_phone(const struct engine *engine, struct db *db,
                                         const char *phone, char id[ID_SIZE]) {
    char hash[DIGEST_HEX_SIZE];
    struct db_rows *rows = NULL;
    enum order_error error = vault_hash(engine->vault, "phone", phone, hash);
    if (error == ORDER_OK) {
        error = order_error_of(db_query(
            db, &rows,
            "SELECT id FROM accounts WHERE phone_hash = $1 AND role = 'USER' AND closed = 0", "t",
            hash));
    }
    if (error == ORDER_OK) {
        enum db_result result = db_next(rows);
        snprintf(id, ID_SIZE, "%s", result == DB_OK ? db_text(rows, 0) : "");
        db_end(rows);
        error = result == DB_DONE ? ORDER_CODE_WRONG : order_error_of(result);
    }
    return error;
}

enum order_error account_reset_password(const struct engine *engine, struct db *db,
                                        const char *phone, const char *code, const char *password,
                                        enum language language, json_t *extra) {
    char otp_id[ID_SIZE];
    char id[ID_SIZE];
    char hash[160];
    struct otp otp = {OTP_RESET, "", phone};
    if (!password_is_valid(password)) {
        return refuse(extra, "newPassword", TEXT_FIELD_PASSWORD, language);
    }
    enum order_error error = phone_is_valid(phone) ? ORDER_OK : ORDER_CODE_WRONG;
    if (error == ORDER_OK) {
        error = otp_check(engine, db, &otp, code, otp_id);
    }
    if (error == ORDER_OK) {
        error = account_of_phone(engine, db, phone, id);
    }
    if (error == ORDER_OK) {
        error = slow_hash(password, hash);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = otp_use(db, otp_id);
    }
    if (error == ORDER_OK) {
        error = store_password(engine, db, id, hash);
    }
    if (error == ORDER_OK) {
        error = limit_clear(db, &wrong_passwords, id);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* ---- phone and address ---- */

struct contact {
    const char *purpose; /* what the vault calls it */
    enum otp_purpose code;
    const char *sql; /* $1 the account, $2 sealed, $3 hash, $4 what lists call the account, or "" */
    const char *event;
};
static const struct contact phones = {
    "phone", OTP_PHONE,
    "UPDATE accounts SET phone_sealed = $2, phone_hash = $3, name = $4 WHERE id = $1",
    "phone changed"};
static const struct contact emails = {
    "email", OTP_EMAIL,
    "UPDATE accounts SET email_sealed = $2, email_hash = $3 WHERE id = $1 AND $4 = ''",
    "e-mail address changed"};

static enum order_error store_contact(const struct engine *engine, struct db *db,
                                      const struct caller *caller, const struct contact *contact,
                                      const char *value, const char *name) {
    char hash[DIGEST_HEX_SIZE];
    char *sealed = NULL;
    enum order_error error = vault_hash(engine->vault, contact->purpose, value, hash);
    if (error == ORDER_OK) {
        error = vault_seal(engine->vault, contact->purpose, value, &sealed);
    }
    if (error == ORDER_OK) {
        enum db_result result =
            db_run(db, NULL, contact->sql, "tttt", caller->session.account, sealed, hash, name);
        error = result == DB_CONSTRAINT ? ORDER_ACCOUNT_EXISTS : order_error_of(result);
    }
    free(sealed);
    return error == ORDER_OK ? note(engine, db, contact->event) : error;
}

static enum order_error change_contact(const struct engine *engine, struct db *db,
                                       const struct caller *caller, const struct contact *contact,
                                       const char *value, const char *code, const char *password,
                                       const char *name, json_t *extra) {
    char otp_id[ID_SIZE];
    /* of a phone anybody may ask for a code; one for an address is asked for by its account */
    bool by_mail = contact->code == OTP_EMAIL;
    struct otp otp = {contact->code, by_mail ? caller->session.account : "", value};
    enum order_error error = check_password(engine, db, caller, password, extra);
    if (error == ORDER_OK) {
        error = otp_check(engine, db, &otp, code, otp_id);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = otp_use(db, otp_id);
    }
    if (error == ORDER_OK) {
        error = store_contact(engine, db, caller, contact, value, name);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error account_change_phone(const struct engine *engine, struct db *db,
                                      const struct caller *caller, const char *phone,
                                      const char *code, const char *password, json_t *extra) {
    char name[64];
    if (!phone_is_valid(phone)) {
        return refuse(extra, "phone", TEXT_FIELD_HANDLER_PHONE, caller->language);
    }
    mask_phone(phone, name, sizeof name);
    return change_contact(engine, db, caller, &phones, phone, code, password, name, extra);
}

enum order_error account_send_email_code(const struct engine *engine, struct db *db,
                                         const struct caller *caller, const char *email,
                                         const char *from, int64_t *expires_ms, json_t *extra) {
    struct otp otp = {OTP_EMAIL, caller->session.account, email};
    if (!is_user(caller)) {
        return ORDER_FORBIDDEN;
    }
    if (!email_is_valid(email)) {
        return refuse(extra, "email", TEXT_FIELD_HANDLER_EMAIL, caller->language);
    }
    return otp_send(engine, db, &otp, from, expires_ms, extra);
}

enum order_error account_change_email(const struct engine *engine, struct db *db,
                                      const struct caller *caller, const char *email,
                                      const char *code, const char *password, json_t *extra) {
    if (!email_is_valid(email)) {
        return refuse(extra, "email", TEXT_FIELD_HANDLER_EMAIL, caller->language);
    }
    return change_contact(engine, db, caller, &emails, email, code, password, "", extra);
}

/* ---- the real name ---- */

/* What was entered, by the catalogue of fields; the members have shorter names here. */
static enum order_error check_person(const json_t *body, bool by_card, enum language language,
                                     json_t *extra) {
    static const struct {
        const char *member;
        const char *field;
    } members[] = {{"name", "handlerName"},
                   {"idType", "handlerIdType"},
                   {"idNumber", "handlerIdNumber"},
                   {"bankCard", "bankCard"}};
    json_t *errors = json_array();
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct field *field = field_find(members[i].field);
        const json_t *value = json_object_get(body, members[i].member);
        bool asked = by_card || strcmp(members[i].member, "bankCard") != 0;
        if (asked ? value == NULL || !field_is_valid(field, value) : value != NULL) {
            field_refuse(errors, members[i].member, asked ? field->wrong : TEXT_FIELD_UNKNOWN,
                         language);
        }
    }
    if (json_array_size(errors) > 0) {
        json_object_set_new(extra, "errors", errors);
        return ORDER_FIELDS_INVALID;
    }
    json_decref(errors);
    return ORDER_OK;
}

static enum order_error own_phone(const struct engine *engine, struct db *db, const char *id,
                                  char **phone) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, "SELECT phone_sealed FROM accounts WHERE id = $1", "t", id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_OK
                                 ? vault_unseal(engine->vault, "phone", db_text(rows, 0), phone)
                                 : ORDER_NOT_FOUND;
    db_end(rows);
    return error;
}

static enum order_error keep_person(const struct engine *engine, struct db *db, const char *id,
                                    const json_t *body) {
    char about[ID_SIZE + 16];
    char *sealed = NULL;
    json_t *person = json_pack("{s:s,s:s,s:s}", "name", form_text(body, "name"), "idType",
                               form_text(body, "idType"), "idNumber", form_text(body, "idNumber"));
    snprintf(about, sizeof about, "person %s", id);
    enum order_error error = vault_seal_json(engine->vault, about, person, &sealed);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, NULL, "UPDATE accounts SET real_name = 'PASSED', person_sealed = $2 WHERE id = $1",
            "tt", id, sealed));
    }
    if (error == ORDER_OK) {
        error = note(engine, db, "real name proven");
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    free(sealed);
    json_decref(person);
    return error;
}

enum order_error account_prove_name(const struct engine *engine, struct db *db,
                                    const struct caller *caller, const json_t *body,
                                    json_t *extra) {
    const char *method = form_text(body, "method");
    const char *id = caller->session.account;
    bool by_card = strcmp(method, "BANK_CARD") == 0;
    char *phone = NULL;
    struct identity_answer answer = {.result = IDENTITY_DIFFERS};
    const struct identity_provider *provider = engine->identity;
    if (!is_user(caller)) {
        return ORDER_FORBIDDEN;
    }
    if (!by_card && strcmp(method, "PHONE") != 0) {
        return ORDER_METHOD_NOT_OFFERED;
    }
    enum order_error error = check_person(body, by_card, caller->language, extra);
    if (error == ORDER_OK) {
        error = limit_count(db, &name_checks, id, engine_now_ms(engine), extra);
    }
    if (error == ORDER_OK) {
        error = own_phone(engine, db, id, &phone);
    }
    if (error == ORDER_OK) {
        struct identity_person person = {form_text(body, "name"), form_text(body, "idNumber"),
                                         phone, form_text(body, "bankCard"), ""};
        if (!provider->check(provider->context, db, by_card ? METHOD_BANK_CARD : METHOD_PHONE,
                             &person, &answer)) {
            error = ORDER_PROVIDER_FAILED;
        } else if (answer.result != IDENTITY_AGREES) {
            error = refuse(extra, strcmp(answer.wrong, "number") == 0 ? "idNumber" : answer.wrong,
                           TEXT_FIELD_DIFFERS, caller->language);
        }
    }
    vault_free(phone);
    return error == ORDER_OK ? keep_person(engine, db, id, body) : error;
}

/* ---- the end ---- */

static enum order_error check_no_open(struct db *db, const char *id, json_t *extra) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows, "SELECT public_no FROM orders WHERE account = $1 AND is_open = 1 LIMIT 1", "t",
        id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        json_object_set_new(extra, "order", json_string(db_text(rows, 0)));
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_OK
           : result == DB_OK ? ORDER_OPEN_EXISTS
                             : order_error_of(result);
}

enum order_error account_close(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *password, json_t *extra) {
    static const char *const statements[] = {
        "DELETE FROM sessions WHERE account = $1",
        "DELETE FROM cards WHERE account = $1",
        "DELETE FROM messages WHERE account = $1",
        "DELETE FROM account_subjects WHERE account = $1",
        "DELETE FROM partner_links WHERE account = $1",
    };
    const char *id = caller->session.account;
    enum order_error error = check_password(engine, db, caller, password, extra);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = check_no_open(db, id, extra);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, NULL,
            "UPDATE accounts SET state = 'LOCKED', closed = $2, name = '', phone_sealed = '', "
            "phone_hash = NULL, email_sealed = '', email_hash = NULL, person_sealed = '', "
            "real_name = 'NONE', password_hash = '' WHERE id = $1",
            "ti", id, engine_now_ms(engine)));
    }
    for (size_t i = 0; error == ORDER_OK && i < sizeof statements / sizeof statements[0]; i++) {
        error = order_error_of(db_run(db, NULL, statements[i], "t", id));
    }
    if (error == ORDER_OK) {
        error = note(engine, db, "account closed");
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error account_log_out(struct db *db, const char *secret) {
    char hash[DIGEST_HEX_SIZE];
    if (!digest_sha256_hex(secret, strlen(secret), hash)) {
        return ORDER_INTERNAL;
    }
    return order_error_of(
        db_run(db, NULL, "DELETE FROM sessions WHERE token_hash = $1", "t", hash));
}
