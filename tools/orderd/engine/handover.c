/* See handover.h. */
#include "tools/orderd/engine/handover.h"

#include "agent/http/json.h"
#include "tools/orderd/engine/event.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct limit refused = {"handover", HANDOVERS_HOUR, 3600};

/* What a token says, judged. Strings belong to `claims`. */
struct visit {
    json_t *claims;
    const char *user;
    const char *id;
    const char *phone;
    bool phone_verified;
    json_t *fields; /* may be NULL */
    bool has_subject;
    struct subject_record subject;
    int64_t expires;
};

/* What people say for themselves, never a platform. */
static bool is_own(const char *name) {
    static const char *const own[] = {"agreement", "securityQuestion", "securityAnswer", "delivery",
                                      NULL};
    for (size_t i = 0; own[i] != NULL; i++) {
        if (strcmp(own[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool fields_are_good(const json_t *fields) {
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)fields, name, value) {
        const struct field *field = field_find(name);
        if (field == NULL || field->type != FIELD_TEXT || is_own(name) ||
            !field_is_valid(field, value)) {
            return false;
        }
    }
    return fields == NULL || json_is_object(fields);
}

static bool read_subject(const json_t *object, struct visit *out) {
    struct subject_record *subject = &out->subject;
    const char *type = json_member_string(object, "type", sizeof subject->type - 1);
    const char *name = json_member_string(object, "name", sizeof subject->name - 1);
    const char *kind =
        json_member_string(object, "credentialType", sizeof subject->credential_type - 1);
    const char *number =
        json_member_string(object, "credentialNo", sizeof subject->credential_no - 1);
    out->has_subject = object != NULL;
    if (object == NULL) {
        return true;
    }
    if (type == NULL || name == NULL || kind == NULL || number == NULL || !name_is_valid(name) ||
        (strcmp(type, "ORG") != 0 && strcmp(type, "PERSON") != 0) ||
        !credential_is_valid(strcmp(type, "ORG") == 0, kind, number)) {
        return false;
    }
    snprintf(subject->type, sizeof subject->type, "%s", type);
    snprintf(subject->name, sizeof subject->name, "%s", name);
    snprintf(subject->credential_type, sizeof subject->credential_type, "%s", kind);
    snprintf(subject->credential_no, sizeof subject->credential_no, "%s", number);
    return true;
}

static bool times_are_good(const struct engine *engine, const json_t *claims, int64_t *expires) {
    int64_t now = engine_now(engine);
    int64_t issued = json_integer_value(json_object_get(claims, "issued"));
    *expires = json_integer_value(json_object_get(claims, "expires"));
    return issued > 0 && issued <= now + HANDOVER_SKEW && *expires > now && *expires > issued &&
           *expires <= issued + HANDOVER_SECONDS;
}

/* A token of this platform, for this service, that still lives. */
static bool read_visit(const struct engine *engine, const char *token, struct visit *out) {
    memset(out, 0, sizeof *out);
    out->claims = engine->platform->read(engine->platform->context, token);
    out->user = json_member_string(out->claims, "user", 64);
    out->id = json_member_string(out->claims, "id", 64);
    out->phone = json_member_string(out->claims, "phone", 16);
    out->fields = json_object_get(out->claims, "fields");
    out->phone_verified = json_is_true(json_object_get(out->claims, "phoneVerified"));
    const char *audience = json_member_string(out->claims, "audience", 128);
    return out->user != NULL && out->id != NULL && out->phone != NULL &&
           phone_is_valid(out->phone) && audience != NULL &&
           strcmp(audience, engine->service) == 0 &&
           times_are_good(engine, out->claims, &out->expires) && fields_are_good(out->fields) &&
           read_subject(json_object_get(out->claims, "subject"), out);
}

/* Each token once, by the database. */
static enum order_error use_token(const struct engine *engine, struct db *db,
                                  const struct visit *visit) {
    char text[160];
    char hash[DIGEST_HEX_SIZE];
    int64_t inserted = 0;
    snprintf(text, sizeof text, "%s %s", engine->platform->name, visit->id);
    enum order_error error = vault_hash(engine->vault, "partner token", text, hash);
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, &inserted,
                   "INSERT INTO partner_tokens (token_hash, expires) VALUES ($1, $2) ON CONFLICT "
                   "(token_hash) DO NOTHING",
                   "ti", hash, visit->expires * 1000));
    }
    return error == ORDER_OK && inserted != 1 ? ORDER_HANDOVER_REFUSED : error;
}

/* ---- whose account ---- */

static enum order_error user_hash(const struct engine *engine, const struct visit *visit,
                                  char out[DIGEST_HEX_SIZE]) {
    return vault_hash(engine->vault, "partner user", visit->user, out);
}

static enum order_error one_id(struct db_rows *rows, char id[ID_SIZE]) {
    enum db_result result = db_next(rows);
    snprintf(id, ID_SIZE, "%s", result == DB_OK ? db_text(rows, 0) : "");
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

static enum order_error find_linked(const struct engine *engine, struct db *db,
                                    const struct visit *visit, char id[ID_SIZE]) {
    char hash[DIGEST_HEX_SIZE];
    struct db_rows *rows = NULL;
    enum order_error error = user_hash(engine, visit, hash);
    if (error == ORDER_OK) {
        error = order_error_of(db_query(
            db, &rows, "SELECT account FROM partner_links WHERE partner = $1 AND user_hash = $2",
            "tt", engine->platform->name, hash));
    }
    return error == ORDER_OK ? one_id(rows, id) : error;
}

static enum order_error find_by_phone(const struct engine *engine, struct db *db,
                                      const struct visit *visit, char id[ID_SIZE]) {
    char hash[DIGEST_HEX_SIZE];
    struct db_rows *rows = NULL;
    enum order_error error = vault_hash(engine->vault, "phone", visit->phone, hash);
    if (error == ORDER_OK) {
        error = order_error_of(
            db_query(db, &rows, "SELECT id FROM accounts WHERE phone_hash = $1 AND role = 'USER'",
                     "t", hash));
    }
    error = error == ORDER_OK ? one_id(rows, id) : error;
    return error == ORDER_OK && !visit->phone_verified ? ORDER_ACCOUNT_EXISTS : error;
}

/* Without a password: he may make one with a code to his phone (R009). */
static enum order_error make_account(const struct engine *engine, struct db *db,
                                     const struct visit *visit, char id[ID_SIZE]) {
    char hash[DIGEST_HEX_SIZE];
    char name[64];
    char *sealed = NULL;
    mask_phone(visit->phone, name, sizeof name);
    enum order_error error = identifier_random(id) ? ORDER_OK : ORDER_INTERNAL;
    if (error == ORDER_OK) {
        error = vault_hash(engine->vault, "phone", visit->phone, hash);
    }
    if (error == ORDER_OK) {
        error = vault_seal(engine->vault, "phone", visit->phone, &sealed);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, NULL,
            "INSERT INTO accounts (id, role, name, phone_sealed, phone_hash, password_hash, "
            "real_name, partner, state, created) VALUES ($1, 'USER', $2, $3, $4, '', "
            "'NONE', $5, 'ACTIVE', $6)",
            "ttttti", id, name, sealed, hash, engine->platform->name, engine_now_ms(engine)));
    }
    free(sealed);
    struct event event = {NULL, "provider", "account handed over", NULL, engine_now_ms(engine)};
    return error == ORDER_OK ? event_append(db, &event) : error;
}

static enum order_error find_account(const struct engine *engine, struct db *db,
                                     const struct visit *visit, char id[ID_SIZE]) {
    enum order_error error = find_linked(engine, db, visit, id);
    if (error == ORDER_NOT_FOUND) {
        error = find_by_phone(engine, db, visit, id);
    }
    return error == ORDER_NOT_FOUND ? make_account(engine, db, visit, id) : error;
}

/* ---- what it says ---- */

static void about_link(const char *account, char out[ID_SIZE + 16]) {
    snprintf(out, ID_SIZE + 16, "upstream %s", account);
}

/* The link as it is today: each visit brings what the platform says now. */
static enum order_error keep_link(const struct engine *engine, struct db *db, struct visit *visit,
                                  const char *account) {
    char about[ID_SIZE + 16];
    char hash[DIGEST_HEX_SIZE];
    char *sealed = NULL;
    json_t *empty = json_object();
    int64_t now_ms = engine_now_ms(engine);
    about_link(account, about);
    enum order_error error = user_hash(engine, visit, hash);
    if (error == ORDER_OK && visit->has_subject) {
        error = registry_subject_ensure(engine, db, &visit->subject);
    }
    if (error == ORDER_OK && visit->has_subject) {
        error = caller_link(db, account, visit->subject.id, now_ms);
    }
    if (error == ORDER_OK) {
        error = vault_seal_json(engine->vault, about, visit->fields != NULL ? visit->fields : empty,
                                &sealed);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, NULL,
            "INSERT INTO partner_links (partner, user_hash, account, subject, fields_sealed, "
            "created, updated) VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (partner, "
            "user_hash) DO UPDATE SET account = $3, subject = $4, fields_sealed = $5, updated = $6",
            "ttttti", engine->platform->name, hash, account,
            visit->has_subject ? visit->subject.id : NULL, sealed, now_ms));
    }
    free(sealed);
    json_decref(empty);
    return error;
}

/* ---- the two ways in ---- */

/* Refused ones are counted for the address that they come from. */
static enum order_error begin_visit(const struct engine *engine, struct db *db, const char *token,
                                    const char *address, struct visit *visit, json_t *extra) {
    enum order_error error = limit_count(db, &refused, address, engine_now_ms(engine), extra);
    if (error == ORDER_OK && !read_visit(engine, token, visit)) {
        error = ORDER_HANDOVER_REFUSED;
    }
    return error == ORDER_OK ? limit_take_back(db, &refused, address) : error;
}

enum order_error handover_login(const struct engine *engine, struct db *db, const char *token,
                                const char *address, struct account_login *out, json_t *extra) {
    char account[ID_SIZE];
    struct visit visit = {.claims = NULL};
    int64_t now_ms = engine_now_ms(engine);
    memset(out, 0, sizeof *out);
    enum order_error error = begin_visit(engine, db, token, address, &visit, extra);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = use_token(engine, db, &visit);
    }
    if (error == ORDER_OK) {
        error = find_account(engine, db, &visit, account);
    }
    if (error == ORDER_OK) {
        error = keep_link(engine, db, &visit, account);
    }
    if (error == ORDER_OK) {
        out->session.kind = SESSION_ACCOUNT;
        out->session.role = ROLE_USER;
        snprintf(out->session.account, sizeof out->session.account, "%s", account);
        out->expires_ms = now_ms + (int64_t)SESSION_SECONDS * 1000;
        error = session_open(db, &out->session, now_ms, out->secret);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    json_decref(visit.claims);
    return error;
}

enum order_error handover_link(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *token, const char *address,
                               json_t *extra) {
    char account[ID_SIZE];
    struct visit visit = {.claims = NULL};
    if (caller->session.kind != SESSION_ACCOUNT || caller->session.role != ROLE_USER) {
        return ORDER_FORBIDDEN;
    }
    enum order_error error = begin_visit(engine, db, token, address, &visit, extra);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = use_token(engine, db, &visit);
    }
    if (error == ORDER_OK) {
        /* a user of the platform has one account here */
        error = find_linked(engine, db, &visit, account);
        error = error == ORDER_NOT_FOUND ? ORDER_OK
                : error == ORDER_OK && strcmp(account, caller->session.account) != 0
                    ? ORDER_ACCOUNT_EXISTS
                    : error;
    }
    if (error == ORDER_OK) {
        error = keep_link(engine, db, &visit, caller->session.account);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    json_decref(visit.claims);
    return error;
}

/* ---- orders ---- */

static enum order_error load_fields(const struct engine *engine, struct db *db,
                                    const struct order *order, json_t **out) {
    char about[ID_SIZE + 16];
    struct db_rows *rows = NULL;
    about_link(order->account, about);
    enum db_result result =
        db_query(db, &rows,
                 "SELECT fields_sealed FROM partner_links WHERE account = $1 AND subject = $2 "
                 "ORDER BY updated DESC LIMIT 1",
                 "tt", order->account, order->subject);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_OK
                                 ? vault_unseal_json(engine->vault, about, db_text(rows, 0), out)
                             : result == DB_DONE ? ORDER_NOT_FOUND
                                                 : order_error_of(result);
    db_end(rows);
    return error;
}

/* Those of the entries that this business asks for. */
static enum order_error lock_fields(struct db *db, struct order *order, const json_t *form,
                                    const json_t *fields) {
    const char *name = NULL;
    json_t *value = NULL;
    size_t len = 0;
    json_object_foreach((json_t *)fields, name, value) {
        if (json_equal(json_object_get(form, name), value) &&
            len + strlen(name) + 3 < sizeof order->locked) {
            len += (size_t)snprintf(order->locked + len, sizeof order->locked - len, "%s%s,",
                                    len == 0 ? "," : "", name);
        }
    }
    return order_error_of(db_run(db, NULL, "UPDATE orders SET locked = $2 WHERE id = $1", "tt",
                                 order->id, order->locked));
}

enum order_error handover_fill(const struct engine *engine, struct db *db,
                               const struct caller *caller, enum subject_type type,
                               struct order *order) {
    json_t *fields = NULL;
    json_t *form = NULL;
    json_t *errors = json_array();
    enum order_error error = load_fields(engine, db, order, &fields);
    if (error == ORDER_OK) {
        error = form_load(engine, db, order, &form);
    }
    if (error == ORDER_OK) {
        /* what this business does not ask for is refused, and left out */
        error = form_patch(engine, db, order, type, form, fields, caller->language, errors);
    }
    if (error == ORDER_OK) {
        error = form_save(engine, db, order, form);
    }
    if (error == ORDER_OK) {
        error = lock_fields(db, order, form, fields);
    }
    json_decref(errors);
    json_decref(form);
    json_decref(fields);
    return error == ORDER_NOT_FOUND ? ORDER_OK : error;
}

enum order_error handover_sweep(struct db *db, int64_t now_ms) {
    return order_error_of(
        db_run(db, NULL, "DELETE FROM partner_tokens WHERE expires <= $1", "i", now_ms));
}
