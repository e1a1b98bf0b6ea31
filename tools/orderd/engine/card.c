/* See card.h. */
#include "tools/orderd/engine/card.h"

#include "tools/orderd/engine/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 8 };

struct card_field {
    const char *name;
    bool required;
};
struct card_row {
    const char *name;
    struct card_field fields[FIELDS_MAX];
};
static const struct card_row kinds[] = {
    [CARD_ADDRESS] = {"ADDRESS",
                      {{"recipientName", true},
                       {"recipientPhone", true},
                       {"recipientRegion", true},
                       {"recipientAddress", true}}},
    [CARD_INVOICE_TITLE] = {"INVOICE_TITLE",
                            {{"invoiceTitle", true},
                             {"invoiceTaxNumber", false},
                             {"invoiceEmail", false},
                             {"invoicePhone", false},
                             {"invoiceAddress", false},
                             {"invoiceBank", false}}},
};

static void about_card(const char *id, char out[ID_SIZE + 8]) {
    snprintf(out, ID_SIZE + 8, "card %s", id);
}

static enum order_error owner_of(const struct caller *caller) {
    return caller->session.kind == SESSION_ACCOUNT && caller->session.role == ROLE_USER
               ? ORDER_OK
               : ORDER_FORBIDDEN;
}

/* ---- reading ---- */

static enum order_error view_row(const struct engine *engine, struct db_rows *rows, json_t **out) {
    char about[ID_SIZE + 8];
    json_t *fields = NULL;
    *out = NULL;
    about_card(db_text(rows, 0), about);
    enum order_error error = vault_unseal_json(engine->vault, about, db_text(rows, 3), &fields);
    if (error == ORDER_OK) {
        *out = json_pack("{s:s,s:I,s:b,s:o}", "id", db_text(rows, 0), "version",
                         (json_int_t)db_int(rows, 1), "isDefault", (int)db_int(rows, 2), "fields",
                         fields);
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    return error;
}

enum order_error card_list(const struct engine *engine, struct db *db, const struct caller *caller,
                           enum card_kind kind, json_t **out) {
    struct db_rows *rows = NULL;
    enum db_result result = DB_DONE;
    json_t *list = json_array();
    *out = NULL;
    enum order_error error = owner_of(caller);
    if (error == ORDER_OK) {
        error = order_error_of(
            db_query(db, &rows,
                     "SELECT id, version, is_default, fields_sealed FROM cards WHERE account = $1 "
                     "AND kind = $2 ORDER BY is_default DESC, created DESC, id",
                     "tt", caller->session.account, kinds[kind].name));
    }
    while (error == ORDER_OK && (result = db_next(rows)) == DB_OK) {
        json_t *item = NULL;
        error = view_row(engine, rows, &item);
        json_array_append_new(list, item);
    }
    db_end(rows);
    if (error == ORDER_OK && result != DB_DONE) {
        error = order_error_of(result);
    }
    if (error == ORDER_OK) {
        *out = json_pack("{s:O}", "cards", list);
    }
    json_decref(list);
    return error;
}

static enum order_error view_one(const struct engine *engine, struct db *db, const char *id,
                                 json_t **out) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows,
                 "SELECT id, version, is_default, fields_sealed FROM cards WHERE id = $1", "t", id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_OK ? view_row(engine, rows, out) : ORDER_NOT_FOUND;
    db_end(rows);
    return error;
}

/* ---- writing ---- */

/* What was sent: {fields, isDefault?}, judged as the same entries of an order's form are. */
static enum order_error check(const struct card_row *row, const json_t *body,
                              enum language language, json_t *extra) {
    const json_t *fields = json_object_get(body, "fields");
    const json_t *is_default = json_object_get(body, "isDefault");
    const char *name = NULL;
    json_t *value = NULL;
    if (!json_is_object(fields) || (is_default != NULL && !json_is_boolean(is_default)) ||
        json_object_size(body) != (is_default != NULL ? 2 : 1)) {
        return ORDER_BAD_REQUEST;
    }
    json_t *errors = json_array();
    for (size_t i = 0; i < FIELDS_MAX && row->fields[i].name != NULL; i++) {
        const struct field *field = field_find(row->fields[i].name);
        value = json_object_get(fields, field->name);
        if (value == NULL ? row->fields[i].required : !field_is_valid(field, value)) {
            field_refuse(errors, field->name, field->wrong, language);
        }
    }
    json_object_foreach((json_t *)fields, name, value) {
        bool is_known = false;
        for (size_t i = 0; i < FIELDS_MAX && row->fields[i].name != NULL; i++) {
            is_known = is_known || strcmp(row->fields[i].name, name) == 0;
        }
        if (!is_known) {
            field_refuse(errors, name, TEXT_FIELD_UNKNOWN, language);
        }
    }
    if (json_array_size(errors) > 0) {
        json_object_set_new(extra, "errors", errors);
        return ORDER_FIELDS_INVALID;
    }
    json_decref(errors);
    return ORDER_OK;
}

static enum order_error seal(const struct engine *engine, const char *id, const json_t *body,
                             char **sealed) {
    char about[ID_SIZE + 8];
    about_card(id, about);
    return vault_seal_json(engine->vault, about, json_object_get(body, "fields"), sealed);
}

/* There is one default: whoever becomes it takes the other's place. */
static enum order_error make_room(struct db *db, const struct caller *caller,
                                  const struct card_row *row, const json_t *body) {
    if (!json_is_true(json_object_get(body, "isDefault"))) {
        return ORDER_OK;
    }
    return order_error_of(db_run(db, NULL,
                                 "UPDATE cards SET is_default = 0, version = version + 1 WHERE "
                                 "account = $1 AND kind = $2 AND is_default = 1",
                                 "tt", caller->session.account, row->name));
}

static enum order_error check_room(struct db *db, const struct caller *caller,
                                   const struct card_row *row) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, "SELECT COUNT(*) FROM cards WHERE account = $1 AND kind = $2", "tt",
                 caller->session.account, row->name);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    bool full = result == DB_OK && db_int(rows, 0) >= CARDS_MAX;
    db_end(rows);
    return result != DB_OK ? order_error_of(result) : full ? ORDER_LIST_FULL : ORDER_OK;
}

static enum order_error insert(const struct engine *engine, struct db *db,
                               const struct caller *caller, const struct card_row *row,
                               const json_t *body, json_t **out) {
    char id[ID_SIZE];
    char *sealed = NULL;
    enum order_error error = check_room(db, caller, row);
    if (error == ORDER_OK && !identifier_random(id)) {
        error = ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        error = seal(engine, id, body, &sealed);
    }
    if (error == ORDER_OK) {
        error = make_room(db, caller, row, body);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, NULL,
            "INSERT INTO cards (id, account, kind, fields_sealed, is_default, version, "
            "created) VALUES ($1, $2, $3, $4, $5, 1, $6)",
            "ttttii", id, caller->session.account, row->name, sealed,
            (int64_t)json_is_true(json_object_get(body, "isDefault")), engine_now_ms(engine)));
    }
    free(sealed);
    return error == ORDER_OK ? view_one(engine, db, id, out) : error;
}

enum order_error card_add(const struct engine *engine, struct db *db, const struct caller *caller,
                          enum card_kind kind, const json_t *body,
                          const struct idempotency *idempotency, json_t **out, json_t *extra) {
    int64_t now_ms = engine_now_ms(engine);
    *out = NULL;
    enum order_error error = owner_of(caller);
    if (error == ORDER_OK) {
        error = check(&kinds[kind], body, caller->language, extra);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = idempotency_find(engine, db, idempotency, now_ms, out);
    }
    if (error == ORDER_OK && *out == NULL) {
        error = insert(engine, db, caller, &kinds[kind], body, out);
        if (error == ORDER_OK) {
            error = idempotency_keep(engine, db, idempotency, *out, now_ms);
        }
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* Is it the caller's, and of this version? */
static enum order_error check_version(struct db *db, const struct caller *caller,
                                      const struct card_row *row, const char *id, int64_t version) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows, "SELECT version FROM cards WHERE id = $1 AND account = $2 AND kind = $3", "ttt",
        id, caller->session.account, row->name);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE            ? ORDER_NOT_FOUND
                             : result != DB_OK            ? order_error_of(result)
                             : db_int(rows, 0) != version ? ORDER_VERSION_CONFLICT
                                                          : ORDER_OK;
    db_end(rows);
    return error;
}

enum order_error card_change(const struct engine *engine, struct db *db,
                             const struct caller *caller, enum card_kind kind, const char *id,
                             int64_t version, const json_t *body, json_t **out, json_t *extra) {
    char *sealed = NULL;
    *out = NULL;
    enum order_error error = owner_of(caller);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = check_version(db, caller, &kinds[kind], id, version);
    }
    if (error == ORDER_OK) {
        error = check(&kinds[kind], body, caller->language, extra);
    }
    if (error == ORDER_OK) {
        error = seal(engine, id, body, &sealed);
    }
    if (error == ORDER_OK) {
        error = make_room(db, caller, &kinds[kind], body);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, NULL,
            "UPDATE cards SET fields_sealed = $2, is_default = $3, version = $4 WHERE id = $1",
            "ttii", id, sealed, (int64_t)json_is_true(json_object_get(body, "isDefault")),
            version + 1));
    }
    if (error == ORDER_OK) {
        error = view_one(engine, db, id, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    free(sealed);
    return error;
}

enum order_error card_remove(struct db *db, const struct caller *caller, enum card_kind kind,
                             const char *id, int64_t version) {
    enum order_error error = owner_of(caller);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = check_version(db, caller, &kinds[kind], id, version);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(db, NULL, "DELETE FROM cards WHERE id = $1", "t", id));
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}
