/* See view.h. Members that cannot be made for want of memory make the whole object fail at the end. */
#include "tools/orderd/engine/view.h"

#include "module/formats/calendar.h"
#include "module/formats/certificate.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/first_pin.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/soft.h"
#include "tools/orderd/engine/transition.h"

#include <string.h>

json_t *view_time(int64_t seconds) {
    char text[21];
    calendar_rfc3339(seconds, text);
    return json_string(text);
}

json_t *view_date(int64_t seconds) {
    char text[11];
    calendar_date_text(seconds, text);
    return json_string(text);
}

json_t *view_certificate(const struct certificate_record *record) {
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:s}", "id", record->sha256, "serial", record->serial,
                     "subject", record->subject_dn, "notBefore", view_time(record->not_before),
                     "notAfter", view_time(record->not_after), "state", record->state);
}

static const char *gate_words(const struct engine *engine, enum order_kind kind, enum gate gate,
                              enum language language) {
    const char *own =
        language == LANGUAGE_ZH ? profile_gate_words(engine->profile, kind, gate) : NULL;
    return own != NULL ? own : text_gate(gate, language);
}

/* R054: the steps, in the portal's own words where it has them. */
static json_t *view_gates(const struct engine *engine, const struct order *order,
                          enum language language) {
    json_t *list = json_array();
    for (size_t i = 0; i < order->gate_count; i++) {
        enum gate gate = order->gates[i].gate;
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "name", gate_name(gate), "title",
                                              gate_words(engine, order->kind, gate, language),
                                              "state", gate_status_name(order->gates[i].status)));
    }
    return list;
}

const char *view_state_words(const struct engine *engine, enum order_state state,
                             enum language language) {
    const char *own =
        language == LANGUAGE_ZH ? profile_state_words(engine->profile, KIND_COUNT, state) : NULL;
    return own != NULL ? own : text_state(state, language);
}

const char *view_order_words(const struct engine *engine, const struct order *order,
                             enum language language) {
    enum gate next = order_next_gate(order);
    const char *own = NULL;
    if (language == LANGUAGE_ZH) {
        own = profile_state_words(engine->profile, order->kind, order->state);
        if (own == NULL && next != GATE_NONE &&
            (order->state == flow_state(order->gates, order->gate_count) ||
             (order->state == STATE_PRODUCING && next == GATE_PRODUCE))) {
            own = profile_gate_words(engine->profile, order->kind, next);
        }
    }
    if (own != NULL) {
        return own;
    }
    /* ready for the CA, where there is nothing to download */
    return order->state == STATE_READY_TO_ISSUE && next == GATE_APPLY_CA
               ? text_gate(next, language)
               : text_state(order->state, language);
}

static json_t *view_flow(const struct engine *engine, const struct flow *flow,
                         enum language language) {
    json_t *gates = json_array();
    json_t *subjects = json_array();
    if ((flow->subjects & SUBJECT_ORG) != 0) {
        json_array_append_new(subjects, json_string("ORG"));
    }
    if ((flow->subjects & SUBJECT_PERSON) != 0) {
        json_array_append_new(subjects, json_string("PERSON"));
    }
    for (size_t i = 0; i < flow->count; i++) {
        enum gate gate = flow->gates[i].gate;
        json_array_append_new(gates, json_pack("{s:s,s:s,s:b}", "name", gate_name(gate), "title",
                                               gate_words(engine, flow->kind, gate, language),
                                               "asked", (int)(flow->gates[i].status == GATE_OPEN)));
    }
    return json_pack("{s:s,s:o,s:o}", "kind", kind_name(flow->kind), "subjects", subjects, "gates",
                     gates);
}

json_t *view_portal(const struct engine *engine, enum language language) {
    const struct profile *profile = engine->profile;
    json_t *flows = json_array();
    for (size_t i = 0; i < profile->flow_count; i++) {
        json_array_append_new(flows, view_flow(engine, &profile->flows[i], language));
    }
    return json_pack("{s:s,s:s,s:o}", "id", profile->id, "title",
                     language == LANGUAGE_ZH ? profile->title_zh : profile->title_en, "flows",
                     flows);
}

static enum order_error add_payment(struct db *db, const struct order *order, json_t *object) {
    struct db_rows *rows = NULL;
    /* the paid one, else the one that still can be paid, else the last */
    enum db_result result = db_query(
        db, &rows,
        "SELECT id, channel, amount_fen, state, pay_url, COALESCE(provider_txn, '') FROM payments "
        "WHERE order_id = $1 ORDER BY CASE state WHEN 'PAID' THEN 0 WHEN 'PENDING' THEN 1 ELSE 2 "
        "END, "
        "created DESC LIMIT 1",
        "t", order->id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        json_object_set_new(object, "payment",
                            json_pack("{s:s,s:s,s:I,s:s,s:s,s:s}", "id", db_text(rows, 0),
                                      "channel", db_text(rows, 1), "amountFen",
                                      (json_int_t)db_int(rows, 2), "state", db_text(rows, 3),
                                      "payUrl", db_text(rows, 4), "transaction", db_text(rows, 5)));
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_OK : order_error_of(result);
}

/* A certificate of the result: with its PEM. */
static enum order_error result_certificate(struct db *db, const char *id, json_t **out) {
    struct certificate_record record;
    struct octets der = {NULL, 0};
    struct octets pem = {NULL, 0};
    enum order_error error = registry_certificate(db, id, &record);
    if (error == ORDER_OK) {
        error = registry_certificate_der(db, id, &der);
    }
    if (error == ORDER_OK && certificate_to_pem(der.data, der.len, &pem) != FORMATS_OK) {
        error = ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        *out = view_certificate(&record);
        if (json_object_set_new(*out, "pem", json_stringn((const char *)pem.data, pem.len)) != 0) {
            error = ORDER_INTERNAL;
        }
    }
    octets_free(&der);
    octets_free(&pem);
    return error;
}

static enum order_error add_seal(struct db *db, const char *certificate, json_t *result) {
    struct seal_record seal;
    enum order_error error = registry_seal_of(db, certificate, &seal);
    if (error == ORDER_OK) {
        json_object_set_new(result, "seal",
                            json_pack("{s:s,s:o,s:o}", "id", seal.id, "validStart",
                                      view_time(seal.not_before), "validEnd",
                                      view_time(seal.not_after)));
    }
    octets_free(&seal.der);
    return error == ORDER_NOT_FOUND ? ORDER_OK : error;
}

/* What a completed order has made. */
static enum order_error add_soft_result(struct db *db, const struct order *order, json_t *object) {
    char id[ID_SIZE];
    json_t *one = NULL;
    enum order_error error = soft_certificate(db, order, id);
    if (error == ORDER_OK) {
        error = result_certificate(db, id, &one);
    }
    if (error == ORDER_OK) {
        json_object_set_new(object, "result", json_pack("{s:o}", "signCertificate", one));
    }
    return error == ORDER_NOT_FOUND ? ORDER_OK : error;
}

static enum order_error add_result(struct db *db, const struct order *order, json_t *object) {
    if (order->medium == MEDIUM_SOFT) {
        return add_soft_result(db, order, object);
    }
    struct db_rows *rows = NULL;
    char sign[ID_SIZE] = "";
    char encrypt[ID_SIZE] = "";
    enum db_result result =
        db_query(db, &rows,
                 "SELECT i.sign_certificate, i.enc_certificate FROM issuances i JOIN issue_tasks t "
                 "ON t.id = i.task WHERE t.order_id = $1 AND i.state = 'CONFIRMED'",
                 "t", order->id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        strncpy(sign, db_text(rows, 0), sizeof sign - 1);
        strncpy(encrypt, db_text(rows, 1), sizeof encrypt - 1);
    }
    db_end(rows);
    if (result != DB_OK) {
        return result == DB_DONE ? ORDER_OK : order_error_of(result);
    }
    json_t *made = json_object();
    json_t *one = NULL;
    enum order_error error = result_certificate(db, sign, &one);
    if (error == ORDER_OK) {
        json_object_set_new(made, "signCertificate", one);
    }
    if (error == ORDER_OK && encrypt[0] != '\0') {
        error = result_certificate(db, encrypt, &one);
    }
    if (error == ORDER_OK && encrypt[0] != '\0') {
        json_object_set_new(made, "encryptCertificate", one);
        error = add_seal(db, sign, made);
    }
    if (error == ORDER_OK) {
        json_object_set_new(object, "result", json_incref(made));
    }
    json_decref(made);
    return error;
}

/* What was filled in, and what can be: never the answer to the security question. */
static enum order_error add_form(const struct engine *engine, struct db *db,
                                 const struct order *order, enum subject_type type,
                                 json_t *object) {
    json_t *form = NULL;
    enum order_error error = form_load(engine, db, order, &form);
    if (error != ORDER_OK) {
        return error;
    }
    json_object_del(form, "securityAnswer");
    json_object_set_new(object, "handler",
                        json_pack("{s:s,s:s,s:s}", "name", form_text(form, "handlerName"), "phone",
                                  form_text(form, "handlerPhone"), "email",
                                  form_text(form, "handlerEmail")));
    json_object_set_new(object, "form", form);
    json_object_set_new(object, "fields", form_fields(engine, order, type));
    return ORDER_OK;
}

static enum order_error add_certificate(struct db *db, const struct order *order, json_t *object) {
    struct certificate_record certificate;
    if (order->certificate[0] == '\0') {
        return ORDER_OK;
    }
    enum order_error error = registry_certificate(db, order->certificate, &certificate);
    if (error == ORDER_OK) {
        json_object_set_new(object, "certificate", view_certificate(&certificate));
    }
    return error;
}

/* ---- what the lists of the manuals show beside the state (R231, R238) ---- */

/* The first row of `sql` ($1 the order), as an object of its columns. */
static enum order_error add_row(struct db *db, const struct order *order, json_t *object,
                                const char *name, const char *sql, const char *const *columns) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, sql, "t", order->id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        json_t *row = json_object();
        for (int i = 0; columns[i] != NULL; i++) {
            json_object_set_new(row, columns[i], json_string(db_text(rows, i)));
        }
        json_object_set_new(object, name, row);
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_OK : order_error_of(result);
}

/* The numbers of the orders that were made together with this one. */
static enum order_error add_linked(struct db *db, const struct order *order, json_t *object) {
    struct db_rows *rows = NULL;
    json_t *list = json_array();
    enum db_result result = db_query(
        db, &rows, "SELECT public_no FROM orders WHERE linked = $1 AND id <> $2 ORDER BY created",
        "tt", order->linked, order->id);
    if (result == DB_OK) {
        while ((result = db_next(rows)) == DB_OK) {
            json_array_append_new(list, json_string(db_text(rows, 0)));
        }
        db_end(rows);
    }
    json_object_set_new(object, "linked", list);
    return result == DB_DONE ? ORDER_OK : order_error_of(result);
}

/* R130: where a transfer goes, while it may. */
static void add_payee(const struct engine *engine, const struct order *order, json_t *object) {
    const struct payee *payee = &engine->profile->payee;
    if ((engine->profile->channels & CHANNEL_TRANSFER) != 0 &&
        order->state == STATE_AWAIT_PAYMENT) {
        json_object_set_new(object, "payee",
                            json_pack("{s:s,s:s,s:s}", "name", payee->name, "bank", payee->bank,
                                      "account", payee->account));
    }
}

static enum order_error add_progress(struct db *db, const struct order *order, json_t *object) {
    static const char *const review[] = {"part", "decision", "reason", NULL};
    static const char *const invoice[] = {"state", "number", NULL};
    static const char *const shipment[] = {"mode", "state", "carrier", "parcel", NULL};
    enum order_error error =
        add_row(db, order, object, "review",
                "SELECT part, decision, reason FROM reviews WHERE order_id = $1 ORDER BY created "
                "DESC, id LIMIT 1",
                review);
    if (error == ORDER_OK) {
        error = add_row(db, order, object, "invoice",
                        "SELECT state, number FROM invoices WHERE order_id = $1", invoice);
    }
    if (error == ORDER_OK) {
        error = add_row(
            db, order, object, "shipment",
            "SELECT mode, state, carrier, carrier_no FROM shipments WHERE order_id = $1", shipment);
    }
    if (error == ORDER_OK && order->linked[0] != '\0') {
        error = add_linked(db, order, object);
    }
    if (error == ORDER_OK && order->source[0] != '\0') {
        static const char *const source[] = {"no", NULL};
        error = add_row(db, order, object, "source",
                        "SELECT e.public_no FROM orders o JOIN orders e ON e.id = o.source WHERE "
                        "o.id = $1",
                        source);
    }
    return error;
}

/* What can be done with the order now: "continue" of the manuals, at the exact step (R045, R233). */
static json_t *view_actions(const struct order *order, const struct caller *caller) {
    static const struct {
        const char *name;
        enum transition transition;
    } actions[] = {
        {"edit", T03_EDIT},
        {"edit", T03_FILL},
        {"edit", T03_REWORK},
        {"submit", T02_SUBMIT},
        {"verify", T24_VERIFIED},
        {"key-login", T25_KEY_LOGIN},
        {"upload", T05_MATERIALS_DONE},
        {"confirm", T06_CONFIRM},
        {"pay", T07_PAID},
        {"download", T18_CLAIM},
        {"receive", T16_RECEIVE},
        {"cancel", T22_CANCEL},
    };
    json_t *list = json_array();
    if (caller_may_change(caller) != ORDER_OK || caller_is_staff(caller)) {
        return list;
    }
    const char *last = "";
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].name, last) != 0 &&
            transition_is_allowed(order, actions[i].transition)) {
            last = actions[i].name;
            json_array_append_new(list, json_string(last));
        }
    }
    return list;
}

/* ---- what a query may see (R076, R230) ---- */

static void mask_member(json_t *object, const char *name,
                        void (*mask)(const char *text, char *out, size_t size)) {
    char masked[160];
    const char *text = json_string_value(json_object_get(object, name));
    if (text != NULL && text[0] != '\0') {
        mask(text, masked, sizeof masked);
        json_object_set_new(object, name, json_string(masked));
    }
}

/* Whoever knows a credential's number and holds the handler's phone sees where orders stand, and no more of people than he knows. */
static void mask_order(json_t *object) {
    json_t *handler = json_object_get(object, "handler");
    mask_member(handler, "name", mask_name);
    mask_member(handler, "phone", mask_phone);
    mask_member(handler, "email", mask_email);
    mask_member(json_object_get(object, "subject"), "credentialNo", mask_number);
    json_object_clear(json_object_get(object, "form"));
    json_array_clear(json_object_get(object, "fields"));
    json_object_del(object, "payment");
    json_object_del(json_object_get(object, "shipment"), "parcel");
}

enum order_error view_order(const struct engine *engine, struct db *db, const struct order *order,
                            const struct caller *caller, json_t **out) {
    struct subject_record subject;
    enum language language = caller->language;
    *out = NULL;
    enum order_error error = registry_subject(engine, db, order->subject, &subject);
    if (error != ORDER_OK) {
        return error;
    }
    json_t *object = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:I,s:o,s:{s:s,s:s,s:s,s:s},s:s,s:I,s:I,s:o,s:o}", "no",
        order->number, "kind", kind_name(order->kind), "medium", medium_name(order->medium),
        "state", state_name(order->state), "stateText", view_order_words(engine, order, language),
        "version", (json_int_t)order->version, "gates", view_gates(engine, order, language),
        "subject", "type", subject.type, "name", subject.name, "credentialType",
        subject.credential_type, "credentialNo", subject.credential_no, "tokenSerial", order->token,
        "amountFen", (json_int_t)order->amount_fen, "years", (json_int_t)order->years, "created",
        view_time(order->created_ms / 1000), "updated", view_time(order->updated_ms / 1000));
    if (object == NULL) {
        return ORDER_INTERNAL;
    }
    error = add_certificate(db, order, object);
    if (error == ORDER_OK) {
        error = add_form(engine, db, order, subject_type_of(subject.type), object);
    }
    if (error == ORDER_OK) {
        error = add_payment(db, order, object);
    }
    if (error == ORDER_OK) {
        json_t *pin = NULL;
        error = first_pin_view(engine, db, order, &pin);
        if (pin != NULL) {
            json_object_set_new(object, "password", pin);
        }
    }
    if (error == ORDER_OK && order->state == STATE_COMPLETED) {
        error = add_result(db, order, object);
    }
    if (error == ORDER_OK) {
        error = add_progress(db, order, object);
    }
    if (error == ORDER_OK) {
        json_object_set_new(object, "actions", view_actions(order, caller));
        add_payee(engine, order, object);
    }
    if (error == ORDER_OK && caller_sees_masked(caller)) {
        mask_order(object);
    }
    if (error != ORDER_OK) {
        json_decref(object);
        return error;
    }
    *out = object;
    return ORDER_OK;
}
