/* See form.h. */
#include "tools/orderd/engine/form.h"

#include "tools/orderd/engine/answer.h"
#include "tools/orderd/engine/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TERMS_MAX = 8 };

/* The seal is bound to the order, so that a form cannot be moved to another one. */
static void about_order(const struct order *order, char out[ID_SIZE + 16]) {
    snprintf(out, ID_SIZE + 16, "order form %s", order->id);
}

enum order_error form_load(const struct engine *engine, struct db *db, const struct order *order,
                           json_t **out) {
    char about[ID_SIZE + 16];
    struct db_rows *rows = NULL;
    *out = NULL;
    about_order(order, about);
    enum db_result result =
        db_query(db, &rows, "SELECT form_sealed FROM orders WHERE id = $1", "t", order->id);
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

enum order_error form_save(const struct engine *engine, struct db *db, const struct order *order,
                           const json_t *form) {
    char about[ID_SIZE + 16];
    char *sealed = NULL;
    about_order(order, about);
    enum order_error error = vault_seal_json(engine->vault, about, form, &sealed);
    if (error == ORDER_OK) {
        error = order_error_of(db_run(db, NULL,
                                      "UPDATE orders SET form_sealed = $2, project = $3 WHERE "
                                      "id = $1",
                                      "ttt", order->id, sealed, form_text(form, "project")));
    }
    free(sealed);
    return error;
}

const char *form_text(const json_t *form, const char *name) {
    const char *text = json_string_value(json_object_get(form, name));
    return text != NULL ? text : "";
}

bool form_is_locked(const struct order *order, const char *name) {
    char mark[80];
    int len = snprintf(mark, sizeof mark, ",%s,", name);
    return len > 0 && (size_t)len < sizeof mark && strstr(order->locked, mark) != NULL;
}

static const struct field_rule *rule_of(const struct engine *engine, const struct order *order,
                                        enum subject_type subject, const char *name) {
    const struct profile *profile = engine->profile;
    for (size_t i = 0; i < profile->field_count; i++) {
        const struct field_rule *rule = &profile->fields[i];
        if ((rule->kinds & KINDS(order->kind)) != 0 && (rule->subjects & subject) != 0 &&
            strcmp(rule->field, name) == 0) {
            return rule;
        }
    }
    return NULL;
}

/* A term is chosen: the price follows. */
static bool take_years(const struct engine *engine, struct order *order, enum subject_type subject,
                       const json_t *value) {
    json_int_t years = json_integer_value(value);
    int64_t price = years >= 1 && years <= 10
                        ? profile_price(engine->profile, order->kind, subject, (int)years)
                        : -1;
    if (price < 0) {
        return false;
    }
    order->years = years;
    order->amount_fen = price;
    return true;
}

enum order_error form_patch(const struct engine *engine, struct db *db, struct order *order,
                            enum subject_type subject, json_t *form, const json_t *patch,
                            enum language language, json_t *errors) {
    const char *name = NULL;
    json_t *value = NULL;
    enum order_error error = ORDER_OK;
    json_object_foreach((json_t *)patch, name, value) {
        const struct field *field = field_find(name);
        if (field == NULL || rule_of(engine, order, subject, name) == NULL) {
            field_refuse(errors, name, TEXT_FIELD_UNKNOWN, language);
        } else if (form_is_locked(order, name)) {
            field_refuse(errors, name, TEXT_FIELD_UPSTREAM, language);
        } else if (json_is_null(value)) {
            json_object_del(form, name);
        } else if (!field_is_valid(field, value) ||
                   (field->type == FIELD_YEARS && !take_years(engine, order, subject, value))) {
            field_refuse(errors, name, field->wrong, language);
        } else if (strcmp(name, "securityAnswer") == 0) {
            error = answer_take(db, order, json_string_value(value), form, language, errors);
        } else if (field->type != FIELD_YEARS && json_object_set(form, name, value) != 0) {
            error = ORDER_INTERNAL;
        }
        if (error != ORDER_OK) {
            return error;
        }
    }
    return ORDER_OK;
}

bool form_is_after_confirm(const struct engine *engine, const struct order *order,
                           enum subject_type subject, const char *name) {
    const struct field_rule *rule = rule_of(engine, order, subject, name);
    bool confirmed = false;
    for (size_t i = 0; rule != NULL && i < order->gate_count; i++) {
        if (order->gates[i].gate == rule->gate) {
            return confirmed;
        }
        confirmed = confirmed || order->gates[i].gate == GATE_CONFIRM;
    }
    return false;
}

/* What goes by courier needs an address, wherever the form asks for one. */
/* Is the gate of the rule one that this order goes through? */
static bool is_asked(const struct order *order, const struct field_rule *rule) {
    return order->medium != MEDIUM_SOFT || (PARCEL_GATES & GATES(rule->gate)) == 0;
}

static bool is_needed(const struct field_rule *rule, const json_t *form) {
    return rule->required || (strncmp(rule->field, "recipient", 9) == 0 &&
                              strcmp(form_text(form, "delivery"), "COURIER") == 0);
}

void form_check(const struct engine *engine, const struct order *order, enum subject_type subject,
                const json_t *form, unsigned gates, enum language language, json_t *errors) {
    const struct profile *profile = engine->profile;
    for (size_t i = 0; i < profile->field_count; i++) {
        const struct field_rule *rule = &profile->fields[i];
        const struct field *field = field_find(rule->field);
        if ((rule->kinds & KINDS(order->kind)) == 0 || (rule->subjects & subject) == 0 ||
            (gates & GATES(rule->gate)) == 0 || field == NULL || field->type == FIELD_YEARS) {
            continue;
        }
        const json_t *value = json_object_get(form, rule->field);
        bool wrong = value == NULL ? is_needed(rule, form)
                                   : !answer_is_field(rule->field) && !field_is_valid(field, value);
        if (wrong) {
            field_refuse(errors, rule->field, field->wrong, language);
        }
    }
}

static json_t *terms_of(const struct profile *profile, enum order_kind kind,
                        enum subject_type subject) {
    int years[TERMS_MAX];
    json_t *list = json_array();
    size_t count = profile_terms(profile, kind, subject, years, TERMS_MAX);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            list, json_pack("{s:i,s:I}", "years", years[i], "amountFen",
                            (json_int_t)profile_price(profile, kind, subject, years[i])));
    }
    return list;
}

json_t *form_fields(const struct engine *engine, const struct order *order,
                    enum subject_type subject) {
    static const char *const types[] = {
        [FIELD_TEXT] = "text", [FIELD_YEARS] = "years", [FIELD_TICK] = "tick"};
    const struct profile *profile = engine->profile;
    json_t *list = json_array();
    for (size_t i = 0; i < profile->field_count; i++) {
        const struct field_rule *rule = &profile->fields[i];
        const struct field *field = field_find(rule->field);
        if ((rule->kinds & KINDS(order->kind)) == 0 || (rule->subjects & subject) == 0 ||
            field == NULL || !is_asked(order, rule)) {
            continue;
        }
        json_t *item =
            json_pack("{s:s,s:s,s:b,s:s}", "name", rule->field, "gate", gate_name(rule->gate),
                      "required", (int)rule->required, "type", types[field->type]);
        if (form_is_locked(order, rule->field)) {
            json_object_set_new(item, "readOnly", json_true());
        }
        if (field->type == FIELD_YEARS) {
            json_object_set_new(item, "terms", terms_of(profile, order->kind, subject));
        }
        json_array_append_new(list, item);
    }
    return list;
}
