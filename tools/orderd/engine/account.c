/* See account.h. */
#include "tools/orderd/engine/account.h"

#include "tools/orderd/engine/answer.h"
#include "tools/orderd/engine/event.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/limit.h"
#include "tools/orderd/engine/otp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char PHONE[] = "phone"; /* what the vault calls them */
static const char EMAIL[] = "email";
static const char STAFF[] = "staff";

static const struct limit wrong_passwords = {"password", LOGIN_TRIES, LOGIN_SECONDS};
static const struct limit per_address = {"login address", LOGIN_TRIES_ADDRESS, LOGIN_SECONDS};

bool password_is_valid(const char *password) {
    size_t len = strlen(password);
    bool digit = false;
    bool letter = false;
    bool other = false;
    for (const char *at = password; *at != '\0'; at++) {
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f) {
            return false;
        }
        digit = digit || isdigit((unsigned char)*at);
        letter = letter || isalpha((unsigned char)*at);
        other = other || ispunct((unsigned char)*at);
    }
    return len >= PASSWORD_MIN && len <= PASSWORD_MAX && digit + letter + other >= 2;
}

static enum order_error refuse_password(const char *field, enum language language, json_t *extra) {
    json_t *errors = json_array();
    field_refuse(errors, field, TEXT_FIELD_PASSWORD, language);
    json_object_set_new(extra, "errors", errors);
    return ORDER_FIELDS_INVALID;
}

/* ---- rows ---- */

struct account_row {
    char id[ID_SIZE];
    char password[160];
    enum role role;
    bool active;
};

static enum order_error read_account(struct db_rows *rows, struct account_row *out) {
    memset(out, 0, sizeof *out);
    enum db_result result = db_next(rows);
    if (result == DB_OK) {
        snprintf(out->id, sizeof out->id, "%s", db_text(rows, 0));
        snprintf(out->password, sizeof out->password, "%s", db_text(rows, 1));
        out->role = role_of(db_text(rows, 2));
        out->active = strcmp(db_text(rows, 3), "ACTIVE") == 0 && out->role != ROLE_NAMES;
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

#define ACCOUNT_COLUMNS "SELECT id, password_hash, role, state FROM accounts "

static enum order_error find_by(const struct engine *engine, struct db *db, const char *purpose,
                                const char *value, const char *sql, struct account_row *out) {
    char hash[DIGEST_HEX_SIZE];
    struct db_rows *rows = NULL;
    enum order_error error = vault_hash(engine->vault, purpose, value, hash);
    if (error == ORDER_OK) {
        error = order_error_of(db_query(db, &rows, sql, "t", hash));
    }
    return error == ORDER_OK ? read_account(rows, out) : error;
}

/* Staff have no phone here: their names are kept where others have it. */
static enum order_error find_account(const struct engine *engine, struct db *db, const char *name,
                                     struct account_row *out) {
    static const char by_phone[] = ACCOUNT_COLUMNS "WHERE phone_hash = $1";
    static const char by_email[] = ACCOUNT_COLUMNS "WHERE email_hash = $1";
    if (strchr(name, '@') != NULL) {
        return find_by(engine, db, EMAIL, name, by_email, out);
    }
    return find_by(engine, db, phone_is_valid(name) ? PHONE : STAFF, name, by_phone, out);
}

/* ---- registering ---- */

static enum order_error check_registration(const struct registration *registration,
                                           enum language language, json_t *extra) {
    json_t *errors = json_array();
    if (!phone_is_valid(registration->phone)) {
        field_refuse(errors, "phone", TEXT_FIELD_HANDLER_PHONE, language);
    }
    if (registration->email != NULL && !email_is_valid(registration->email)) {
        field_refuse(errors, "email", TEXT_FIELD_HANDLER_EMAIL, language);
    }
    if (!password_is_valid(registration->password)) {
        field_refuse(errors, "password", TEXT_FIELD_PASSWORD, language);
    }
    if (json_array_size(errors) == 0) {
        json_decref(errors);
        return ORDER_OK;
    }
    json_object_set_new(extra, "errors", errors);
    return ORDER_FIELDS_INVALID;
}

/* A value under seal with its look-up hash; "" and no hash when there is none. */
struct kept {
    char *sealed;
    char hash[DIGEST_HEX_SIZE];
};

static enum order_error keep(const struct engine *engine, const char *purpose, const char *value,
                             struct kept *out) {
    *out = (struct kept){.sealed = NULL};
    if (value == NULL) {
        out->sealed = strdup("");
        return out->sealed != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    enum order_error error = vault_hash(engine->vault, purpose, value, out->hash);
    return error == ORDER_OK ? vault_seal(engine->vault, purpose, value, &out->sealed) : error;
}

static enum order_error insert_account(const struct engine *engine, struct db *db, const char *id,
                                       enum role role, const char *name, const struct kept *phone,
                                       const struct kept *email, const char *password_hash) {
    enum db_result result = db_run(
        db, NULL,
        "INSERT INTO accounts (id, role, name, phone_sealed, phone_hash, email_sealed, email_hash, "
        "password_hash, real_name, state, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'NONE', "
        "'ACTIVE', $9)",
        "tttttttti", id, role_name(role), name, phone->sealed, phone->hash, email->sealed,
        email->hash[0] != '\0' ? email->hash : NULL, password_hash, engine_now_ms(engine));
    if (result == DB_CONSTRAINT) {
        return ORDER_ACCOUNT_EXISTS;
    }
    struct event event = {NULL, role_actor(role), "account made", NULL, engine_now_ms(engine)};
    return result == DB_OK ? event_append(db, &event) : order_error_of(result);
}

static enum order_error open_session(const struct engine *engine, struct db *db, const char *id,
                                     enum role role, struct account_login *out) {
    int64_t now_ms = engine_now_ms(engine);
    memset(out, 0, sizeof *out);
    out->session.kind = SESSION_ACCOUNT;
    out->session.role = role;
    snprintf(out->session.account, sizeof out->session.account, "%s", id);
    out->expires_ms = now_ms + (int64_t)SESSION_SECONDS * 1000;
    return session_open(db, &out->session, now_ms, out->secret);
}

static enum order_error register_now(const struct engine *engine, struct db *db,
                                     const struct registration *registration, const char *otp,
                                     struct account_login *out) {
    char id[ID_SIZE];
    char name[64];
    char password[160];
    struct kept phone = {.sealed = NULL};
    struct kept email = {.sealed = NULL};
    mask_phone(registration->phone, name, sizeof name);
    enum order_error error = slow_hash(registration->password, password);
    if (error == ORDER_OK && !identifier_random(id)) {
        error = ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        error = keep(engine, PHONE, registration->phone, &phone);
    }
    if (error == ORDER_OK) {
        error = keep(engine, EMAIL, registration->email, &email);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = otp_use(db, otp);
    }
    if (error == ORDER_OK) {
        error = insert_account(engine, db, id, ROLE_USER, name, &phone, &email, password);
    }
    if (error == ORDER_OK) {
        error = open_session(engine, db, id, ROLE_USER, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    free(phone.sealed);
    free(email.sealed);
    return error;
}

enum order_error account_register(const struct engine *engine, struct db *db,
                                  const struct registration *registration, enum language language,
                                  struct account_login *out, json_t *extra) {
    char id[ID_SIZE];
    enum order_error error = check_registration(registration, language, extra);
    if (error == ORDER_OK) {
        struct otp otp = {OTP_REGISTER, "", registration->phone};
        error = otp_check(engine, db, &otp, registration->code, id);
    }
    return error == ORDER_OK ? register_now(engine, db, registration, id, out) : error;
}

enum order_error account_add_staff(const struct engine *engine, struct db *db, const char *name,
                                   enum role role, const char *password) {
    char id[ID_SIZE];
    char hash[160];
    struct kept staff = {.sealed = NULL};
    struct kept nothing = {.sealed = NULL};
    if (strlen(password) < 12 || strlen(password) > STAFF_PASSWORD_MAX || name[0] == '\0' ||
        strchr(name, '@') != NULL || phone_is_valid(name)) {
        return ORDER_BAD_REQUEST;
    }
    enum order_error error = slow_hash(password, hash);
    if (error == ORDER_OK && !identifier_random(id)) {
        error = ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        error = keep(engine, STAFF, name, &staff);
    }
    if (error == ORDER_OK) {
        error = keep(engine, EMAIL, NULL, &nothing);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = insert_account(engine, db, id, role, name, &staff, &nothing, hash);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    free(staff.sealed);
    free(nothing.sealed);
    return error;
}

/* ---- logging in ---- */

static enum order_error open_account(const struct engine *engine, struct db *db,
                                     const struct account_row *account, const char *otp,
                                     struct account_login *out) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK && otp != NULL) {
        error = otp_use(db, otp);
    }
    if (error == ORDER_OK) {
        error = open_session(engine, db, account->id, account->role, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error account_login(const struct engine *engine, struct db *db, const char *name,
                               const char *password, const char *address, struct account_login *out,
                               json_t *extra) {
    /* for a name that nobody has, as much work is done as for one that somebody has */
    static const char nobody[] = "pbkdf2-sha256$210000$00000000000000000000000000000000$"
                                 "0000000000000000000000000000000000000000000000000000000000000000";
    struct account_row account;
    char who[DIGEST_HEX_SIZE];
    if (strlen(password) > STAFF_PASSWORD_MAX || strlen(name) > 128) {
        return ORDER_PASSWORD_WRONG;
    }
    enum order_error error = vault_hash(engine->vault, "login", name, who);
    if (error == ORDER_OK) {
        error = limit_count(db, &wrong_passwords, who, engine_now_ms(engine), extra);
    }
    if (error == ORDER_OK) {
        error = limit_count(db, &per_address, address, engine_now_ms(engine), extra);
    }
    if (error == ORDER_OK) {
        error = find_account(engine, db, name, &account);
    }
    if (error == ORDER_NOT_FOUND) {
        slow_hash_matches(password, nobody);
        return ORDER_PASSWORD_WRONG;
    }
    if (error == ORDER_OK && (!slow_hash_matches(password, account.password) || !account.active)) {
        error = ORDER_PASSWORD_WRONG;
    }
    if (error == ORDER_OK) {
        error = limit_clear(db, &wrong_passwords, who);
    }
    if (error == ORDER_OK) {
        error = limit_take_back(db, &per_address, address);
    }
    return error == ORDER_OK ? open_account(engine, db, &account, NULL, out) : error;
}

enum order_error account_login_code(const struct engine *engine, struct db *db, const char *phone,
                                    const char *code, struct account_login *out) {
    struct account_row account;
    struct otp otp = {OTP_LOGIN, "", phone};
    char id[ID_SIZE];
    enum order_error error = phone_is_valid(phone) ? ORDER_OK : ORDER_CODE_WRONG;
    if (error == ORDER_OK) {
        error = otp_check(engine, db, &otp, code, id);
    }
    if (error == ORDER_OK) {
        error = find_account(engine, db, phone, &account);
        error = error == ORDER_NOT_FOUND || (error == ORDER_OK && !account.active)
                    ? ORDER_CODE_WRONG
                    : error;
    }
    return error == ORDER_OK ? open_account(engine, db, &account, id, out) : error;
}

/* ---- the account itself ---- */

static enum order_error load_account(struct db *db, const char *id, struct account_row *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, ACCOUNT_COLUMNS "WHERE id = $1", "t", id);
    return result == DB_OK ? read_account(rows, out) : order_error_of(result);
}

enum order_error account_change_password(const struct engine *engine, struct db *db,
                                         const struct caller *caller, const char *old_password,
                                         const char *new_password, enum language language,
                                         json_t *extra) {
    struct account_row account;
    char hash[160];
    const char *id = caller->session.account;
    if (caller->session.kind != SESSION_ACCOUNT) {
        return ORDER_FORBIDDEN;
    }
    bool good = caller->session.role == ROLE_USER
                    ? password_is_valid(new_password)
                    : strlen(new_password) >= 12 && strlen(new_password) <= STAFF_PASSWORD_MAX;
    if (!good) {
        return refuse_password("newPassword", language, extra);
    }
    enum order_error error = limit_count(db, &wrong_passwords, id, engine_now_ms(engine), extra);
    if (error == ORDER_OK) {
        error = load_account(db, id, &account);
    }
    if (error == ORDER_OK && !slow_hash_matches(old_password, account.password)) {
        error = ORDER_PASSWORD_WRONG;
    }
    if (error == ORDER_OK) {
        error = slow_hash(new_password, hash);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, NULL, "UPDATE accounts SET password_hash = $2 WHERE id = $1", "tt", id, hash));
    }
    if (error == ORDER_OK) {
        error =
            order_error_of(db_run(db, NULL, "DELETE FROM sessions WHERE account = $1", "t", id));
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

static enum order_error view_row(const struct engine *engine, struct db_rows *rows, json_t **out) {
    char *phone = NULL;
    char *email = NULL;
    char phone_masked[32] = "";
    char email_masked[160] = "";
    const char *role = db_text(rows, 0);
    bool is_user = strcmp(role, role_name(ROLE_USER)) == 0;
    enum order_error error =
        vault_unseal(engine->vault, is_user ? PHONE : STAFF, db_text(rows, 2), &phone);
    if (error == ORDER_OK) {
        error = vault_unseal(engine->vault, EMAIL, db_text(rows, 3), &email);
    }
    if (error == ORDER_OK) {
        if (is_user) {
            mask_phone(phone, phone_masked, sizeof phone_masked);
        }
        if (email[0] != '\0') {
            mask_email(email, email_masked, sizeof email_masked);
        }
        *out = json_pack("{s:s,s:s,s:s,s:s,s:s}", "role", role, "name", db_text(rows, 1), "phone",
                         phone_masked, "email", email_masked, "realName", db_text(rows, 4));
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    vault_free(phone);
    vault_free(email);
    return error;
}

enum order_error account_view(const struct engine *engine, struct db *db,
                              const struct caller *caller, json_t **out) {
    struct db_rows *rows = NULL;
    *out = NULL;
    if (caller->session.kind != SESSION_ACCOUNT) {
        return ORDER_FORBIDDEN;
    }
    enum db_result result = db_query(
        db, &rows,
        "SELECT role, name, phone_sealed, email_sealed, real_name FROM accounts WHERE id = $1", "t",
        caller->session.account);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    if (error == ORDER_OK) {
        error = view_row(engine, rows, out);
    }
    db_end(rows);
    return error;
}

enum order_error account_phone(const struct engine *engine, struct db *db, const char *account,
                               char out[16]) {
    struct db_rows *rows = NULL;
    char *phone = NULL;
    out[0] = '\0';
    enum db_result result =
        db_query(db, &rows, "SELECT phone_sealed FROM accounts WHERE id = $1 AND role = 'USER'",
                 "t", account);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_OK : order_error_of(result);
    if (result == DB_OK) {
        error = vault_unseal(engine->vault, PHONE, db_text(rows, 0), &phone);
    }
    if (error == ORDER_OK && phone != NULL) {
        snprintf(out, 16, "%s", phone);
    }
    vault_free(phone);
    db_end(rows);
    return error;
}
