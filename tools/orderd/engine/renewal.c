/* See renewal.h. */
#include "tools/orderd/engine/renewal.h"

#include "module/formats/calendar.h"
#include "tools/orderd/engine/payment.h"
#include "tools/orderd/engine/registry.h"
#include "tools/orderd/engine/transition.h"
#include "tools/orderd/engine/view.h"

#include <stdio.h>
#include <string.h>

/* ---- eligibility ---- */

struct verdict {
    const char *code;
    enum text reason;
};

static struct verdict verdict_of(enum order_error error, enum window_result window) {
    switch (error) {
    case ORDER_OK:
        return window == WINDOW_TOO_EARLY ? (struct verdict){"RENEWAL_TOO_EARLY", TEXT_TOO_EARLY}
                                          : (struct verdict){"ELIGIBLE", TEXT_ELIGIBLE};
    case ORDER_CERTIFICATE_HELD:
        return (struct verdict){"CERTIFICATE_HELD", TEXT_HELD};
    case ORDER_CERTIFICATE_REVOKED:
        return (struct verdict){"CERTIFICATE_REVOKED", TEXT_REVOKED};
    case ORDER_CERTIFICATE_SUPERSEDED:
        return (struct verdict){"CERTIFICATE_SUPERSEDED", TEXT_SUPERSEDED};
    case ORDER_CERTIFICATE_EXPIRED:
        return (struct verdict){"RENEWAL_TOO_LATE", TEXT_TOO_LATE};
    default:
        return (struct verdict){"CERTIFICATE_UNKNOWN", TEXT_UNKNOWN};
    }
}

static json_t *terms_of(const struct profile *profile, int64_t not_after, int64_t now) {
    json_t *list = json_array();
    for (size_t i = 0; i < profile->price_count; i++) {
        const struct price *price = &profile->prices[i];
        if (price->kind == KIND_RENEW) {
            json_array_append_new(
                list, json_pack("{s:i,s:I,s:o}", "years", price->years, "amountFen",
                                (json_int_t)price->amount_fen, "validUntil",
                                view_date(renewal_not_after(not_after, now, price->years))));
        }
    }
    return list;
}

/* The caller's certificate of this fingerprint, whatever its state. */
static enum order_error find_certificate(struct db *db, const struct caller *caller,
                                         const char *sha256, struct certificate_record *out) {
    enum order_error error = registry_certificate_by_sha256(db, sha256, out);
    if (error == ORDER_NOT_FOUND ||
        (error == ORDER_OK && strcmp(out->subject, caller->session.subject) != 0)) {
        error = ORDER_CERTIFICATE_UNKNOWN;
    }
    return error;
}

enum order_error renewal_eligibility(const struct engine *engine, struct db *db,
                                     const struct caller *caller, const char *sha256,
                                     json_t **out) {
    struct certificate_record certificate;
    char date[11];
    char reason[512];
    int64_t now = engine_now(engine);
    *out = NULL;
    enum order_error error = find_certificate(db, caller, sha256, &certificate);
    if (error == ORDER_CERTIFICATE_UNKNOWN) {
        struct verdict unknown = verdict_of(error, WINDOW_OPEN);
        *out = json_pack("{s:b,s:s,s:s}", "eligible", 0, "code", unknown.code, "reason",
                         text_get(unknown.reason, caller->language));
        return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    if (error != ORDER_OK) {
        return error;
    }
    error = registry_certificate_usable(engine, &certificate);
    struct window window = renewal_window(&engine->profile->renewal, certificate.not_after, now);
    struct verdict verdict = verdict_of(error, window.result);
    bool eligible = error == ORDER_OK && window.result == WINDOW_OPEN;
    calendar_date_text(window.result == WINDOW_TOO_EARLY ? window.earliest : window.latest, date);
    text_fill(verdict.reason, caller->language, "date", date, reason, sizeof reason);
    *out =
        json_pack("{s:b,s:s,s:s,s:I,s:o,s:o,s:o}", "eligible", (int)eligible, "code", verdict.code,
                  "reason", reason, "daysLeft", (json_int_t)window.days_left, "earliest",
                  view_date(window.earliest), "latest", view_date(window.latest), "terms",
                  eligible ? terms_of(engine->profile, certificate.not_after, now) : json_array());
    return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
}

/* ---- create ---- */

static enum order_error check_window(const struct engine *engine,
                                     const struct certificate_record *certificate, json_t *extra) {
    struct window window =
        renewal_window(&engine->profile->renewal, certificate->not_after, engine_now(engine));
    enum order_error error = registry_certificate_usable(engine, certificate);
    if (error == ORDER_CERTIFICATE_EXPIRED) {
        error = ORDER_RENEWAL_TOO_LATE;
        json_object_set_new(extra, "latest", view_date(window.latest));
    } else if (error == ORDER_OK && window.result == WINDOW_TOO_EARLY) {
        error = ORDER_RENEWAL_TOO_EARLY;
        json_object_set_new(extra, "earliest", view_date(window.earliest));
    }
    return error;
}

static enum order_error name_open_order(const struct engine *engine, struct db *db,
                                        const char *subject, json_t *extra) {
    struct order open;
    if (order_load_open(db, subject, engine->profile->id, kind_lane(KIND_RENEW), &open) ==
        ORDER_OK) {
        json_object_set_new(extra, "order", json_string(open.number));
    }
    return ORDER_OPEN_EXISTS;
}

static enum order_error make_order(const struct engine *engine, struct db *db,
                                   const struct caller *caller, const char *sha256, json_t **out,
                                   json_t *extra) {
    struct certificate_record certificate;
    struct order order = {.kind = KIND_RENEW};
    enum order_error error = find_certificate(db, caller, sha256, &certificate);
    if (error != ORDER_OK) {
        return error;
    }
    if (strcmp(certificate.id, caller->session.certificate) != 0) {
        /* the key that renews is the key that logged in (R194) */
        return ORDER_WRONG_TOKEN;
    }
    error = check_window(engine, &certificate, extra);
    if (error != ORDER_OK) {
        return error;
    }
    snprintf(order.subject, sizeof order.subject, "%s", certificate.subject);
    snprintf(order.certificate, sizeof order.certificate, "%s", certificate.id);
    snprintf(order.token, sizeof order.token, "%s", certificate.token);
    order.years = 1;
    order.amount_fen = profile_price(engine->profile, KIND_RENEW, 1);
    error = order_insert(engine, db, &order, "user");
    if (error == ORDER_OPEN_EXISTS) {
        return name_open_order(engine, db, order.subject, extra);
    }
    if (error == ORDER_OK && transition_is_allowed(&order, T25_KEY_LOGIN)) {
        error =
            transition_apply(engine, db, &order, T25_KEY_LOGIN, "user", certificate.sha256, NULL);
    }
    return error == ORDER_OK ? view_order(db, &order, caller->language, out) : error;
}

enum order_error renewal_create(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *sha256,
                                const struct idempotency *idempotency, json_t **out,
                                json_t *extra) {
    int64_t now_ms = engine_now_ms(engine);
    *out = NULL;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = idempotency_find(db, idempotency, now_ms, out);
    }
    if (error == ORDER_OK && *out == NULL) {
        error = make_order(engine, db, caller, sha256, out, extra);
        if (error == ORDER_OK) {
            error = idempotency_keep(db, idempotency, *out, now_ms);
        }
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error != ORDER_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return error;
}

/* ---- edit, submit, cancel ---- */

enum order_error order_of_caller(struct db *db, const struct caller *caller, const char *number,
                                 struct order *out) {
    enum order_error error = order_load(db, number, out);
    if (error == ORDER_OK && strcmp(out->subject, caller->session.subject) != 0) {
        error = ORDER_NOT_FOUND;
    }
    return error;
}

static enum order_error load_version(struct db *db, const struct caller *caller, const char *number,
                                     int64_t version, struct order *out) {
    enum order_error error = order_of_caller(db, caller, number, out);
    return error == ORDER_OK && out->version != version ? ORDER_VERSION_CONFLICT : error;
}

/* Characters of UTF-8 text, or -1 when it holds a control character or blanks only. */
static int text_characters(const char *text) {
    int count = 0;
    bool seen = false;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f) {
            return -1;
        }
        seen = seen || *at != ' ';
        count += (*at & 0xc0) != 0x80 ? 1 : 0;
    }
    return seen ? count : -1;
}

static bool name_is_valid(const char *name) {
    int count = text_characters(name);
    return count >= 1 && count <= 32 && strlen(name) < HANDLER_NAME_SIZE;
}

static bool phone_is_valid(const char *phone) {
    return strlen(phone) == 11 && phone[0] == '1' && strspn(phone, "0123456789") == 11;
}

static bool email_is_valid(const char *email) {
    const char *at = strchr(email, '@');
    if (at == NULL || at == email || strlen(email) >= HANDLER_EMAIL_SIZE ||
        text_characters(email) < 0 || strpbrk(email, " <>,;\"") != NULL ||
        strchr(at + 1, '@') != NULL) {
        return false;
    }
    const char *dot = strrchr(at, '.');
    return dot != NULL && dot > at + 1 && dot[1] != '\0';
}

static void refuse_field(json_t *errors, const char *field, enum text text,
                         enum language language) {
    json_array_append_new(
        errors, json_pack("{s:s,s:s}", "field", field, "detail", text_get(text, language)));
}

struct field {
    const char *name;
    enum text wrong;
    bool (*is_valid)(const char *value);
    size_t offset; /* in struct order_handler */
    size_t size;
};

static const struct field fields[] = {
    {"handlerName", TEXT_FIELD_HANDLER_NAME, name_is_valid, offsetof(struct order_handler, name),
     HANDLER_NAME_SIZE},
    {"handlerPhone", TEXT_FIELD_HANDLER_PHONE, phone_is_valid,
     offsetof(struct order_handler, phone), HANDLER_PHONE_SIZE},
    {"handlerEmail", TEXT_FIELD_HANDLER_EMAIL, email_is_valid,
     offsetof(struct order_handler, email), HANDLER_EMAIL_SIZE},
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

static char *field_of(struct order *order, const struct field *field) {
    return (char *)&order->handler + field->offset;
}

static const struct field *field_named(const char *name) {
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static void take_years(const struct engine *engine, struct order *order, const json_t *value,
                       enum language language, json_t *errors) {
    json_int_t years = json_is_integer(value) ? json_integer_value(value) : 0;
    int64_t price =
        years >= 1 && years <= 10 ? profile_price(engine->profile, order->kind, (int)years) : -1;
    if (price < 0) {
        refuse_field(errors, "years", TEXT_FIELD_YEARS, language);
        return;
    }
    order->years = years;
    order->amount_fen = price;
}

/* Copy what `patch` says into the order; every wrong member is named. */
static void take_patch(const struct engine *engine, struct order *order, const json_t *patch,
                       enum language language, json_t *errors) {
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)patch, name, value) {
        const struct field *field = field_named(name);
        if (strcmp(name, "years") == 0) {
            take_years(engine, order, value, language, errors);
        } else if (field == NULL) {
            refuse_field(errors, name, TEXT_FIELD_UNKNOWN, language);
        } else if (!json_is_string(value) || !field->is_valid(json_string_value(value))) {
            refuse_field(errors, name, field->wrong, language);
        } else {
            snprintf(field_of(order, field), field->size, "%s", json_string_value(value));
        }
    }
}

static enum order_error finish_errors(json_t *errors, json_t *extra) {
    if (json_array_size(errors) == 0) {
        json_decref(errors);
        return ORDER_OK;
    }
    json_object_set_new(extra, "errors", errors);
    return ORDER_FIELDS_INVALID;
}

enum order_error renewal_edit(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *number, int64_t version,
                              const json_t *patch, struct order *out, json_t *extra) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = load_version(db, caller, number, version, out);
    }
    if (error == ORDER_OK && !transition_is_allowed(out, T03_EDIT)) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        json_t *errors = json_array();
        take_patch(engine, out, patch, caller->language, errors);
        error = finish_errors(errors, extra);
    }
    if (error == ORDER_OK) {
        error = payment_close_open(engine, db, out);
    }
    if (error == ORDER_OK) {
        error = transition_apply(engine, db, out, T03_EDIT, "user", NULL, NULL);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error renewal_submit(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, int64_t version,
                                struct order *out, json_t *extra) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = load_version(db, caller, number, version, out);
    }
    if (error == ORDER_OK) {
        json_t *errors = json_array();
        for (size_t i = 0; i < FIELD_COUNT; i++) {
            if (!fields[i].is_valid(field_of(out, &fields[i]))) {
                refuse_field(errors, fields[i].name, fields[i].wrong, caller->language);
            }
        }
        error = finish_errors(errors, extra);
    }
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:I,s:I}", "years", (json_int_t)out->years, "amountFen",
                                 (json_int_t)out->amount_fen);
        error = transition_apply(engine, db, out, T02_SUBMIT, "user", NULL, data);
        json_decref(data);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error renewal_cancel(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, int64_t version,
                                struct order *out) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = load_version(db, caller, number, version, out);
    }
    if (error == ORDER_OK) {
        error = transition_apply(engine, db, out, T22_CANCEL, "user", NULL, NULL);
    }
    if (error == ORDER_OK) {
        error = payment_close_open(engine, db, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* ---- the idle ones ---- */

static enum order_error find_idle(struct db *db, int64_t before_ms, char id[ID_SIZE]) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows,
        "SELECT id FROM orders WHERE is_open = 1 AND updated < $1 AND state IN ('DRAFT', "
        "'AWAIT_VERIFY', 'AWAIT_KEY', 'AWAIT_MATERIALS', 'AWAIT_CONFIRM', 'AWAIT_PAYMENT') LIMIT 1",
        "i", before_ms);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    snprintf(id, ID_SIZE, "%s", result == DB_OK ? db_text(rows, 0) : "");
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

static enum order_error expire_one(const struct engine *engine, struct db *db, int64_t before_ms) {
    char id[ID_SIZE];
    struct order order;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = find_idle(db, before_ms, id);
    }
    if (error == ORDER_OK) {
        error = order_load_id(db, id, &order);
    }
    if (error == ORDER_OK) {
        error = transition_apply(engine, db, &order, T23_EXPIRE, "scheduler", NULL, NULL);
    }
    if (error == ORDER_OK) {
        error = payment_close_open(engine, db, &order);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error renewal_expire_idle(const struct engine *engine, struct db *db, int *count) {
    int64_t before_ms =
        engine_now_ms(engine) - (int64_t)engine->profile->idle_days * 24 * 3600 * 1000;
    enum order_error error = ORDER_OK;
    *count = 0;
    while ((error = expire_one(engine, db, before_ms)) == ORDER_OK) {
        (*count)++;
    }
    return error == ORDER_NOT_FOUND ? ORDER_OK : error;
}
