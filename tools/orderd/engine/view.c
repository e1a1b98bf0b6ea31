/* See view.h. Members that cannot be made for want of memory make the whole object fail at the end. */
#include "tools/orderd/engine/view.h"

#include "module/formats/calendar.h"
#include "module/formats/certificate.h"
#include "tools/orderd/engine/form.h"

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

/* R054: the steps, in the portal's own words where it has them. */
static json_t *view_gates(const struct engine *engine, const struct order *order,
                          enum language language) {
    json_t *list = json_array();
    for (size_t i = 0; i < order->gate_count; i++) {
        enum gate gate = order->gates[i].gate;
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "name", gate_name(gate), "title",
                                              view_gate_words(engine, gate, language), "state",
                                              gate_status_name(order->gates[i].status)));
    }
    return list;
}

const char *view_gate_words(const struct engine *engine, enum gate gate, enum language language) {
    const char *own = language == LANGUAGE_ZH ? profile_gate_words(engine->profile, gate) : NULL;
    return own != NULL ? own : text_gate(gate, language);
}

const char *view_state_words(const struct engine *engine, enum order_state state,
                             enum language language) {
    const char *own = language == LANGUAGE_ZH ? profile_state_words(engine->profile, state) : NULL;
    return own != NULL ? own : text_state(state, language);
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
static enum order_error add_result(struct db *db, const struct order *order, json_t *object) {
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
        error = result_certificate(db, encrypt, &one);
    }
    if (error == ORDER_OK) {
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

enum order_error view_order(const struct engine *engine, struct db *db, const struct order *order,
                            enum language language, json_t **out) {
    struct subject_record subject;
    *out = NULL;
    enum order_error error = registry_subject(engine, db, order->subject, &subject);
    if (error != ORDER_OK) {
        return error;
    }
    json_t *object = json_pack(
        "{s:s,s:s,s:s,s:s,s:I,s:o,s:{s:s,s:s,s:s,s:s},s:s,s:I,s:I,s:o,s:o}", "no", order->number,
        "kind", kind_name(order->kind), "state", state_name(order->state), "stateText",
        view_state_words(engine, order->state, language), "version", (json_int_t)order->version,
        "gates", view_gates(engine, order, language), "subject", "type", subject.type, "name",
        subject.name, "credentialType", subject.credential_type, "credentialNo",
        subject.credential_no, "tokenSerial", order->token, "amountFen",
        (json_int_t)order->amount_fen, "years", (json_int_t)order->years, "created",
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
    if (error == ORDER_OK && order->state == STATE_COMPLETED) {
        error = add_result(db, order, object);
    }
    if (error != ORDER_OK) {
        json_decref(object);
        return error;
    }
    *out = object;
    return ORDER_OK;
}
