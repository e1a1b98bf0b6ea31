/* See invoice.h. */
#include "tools/orderd/engine/invoice.h"

#include "tools/orderd/engine/advance.h"
#include "tools/orderd/engine/blob.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/message.h"
#include "tools/orderd/engine/payment.h"
#include "tools/orderd/engine/transition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"invoiceTitle", "invoiceTaxNumber", "invoiceEmail",
                                    "invoicePhone", "invoiceAddress",   "invoiceBank"};
enum { NAMES = sizeof names / sizeof names[0] };

struct invoice {
    char state[16]; /* "" when there is none */
    char number[32];
    char sha256[DIGEST_HEX_SIZE];
    json_t *fields; /* json_decref */
};

static void about_invoice(const struct order *order, char out[ID_SIZE + 16]) {
    snprintf(out, ID_SIZE + 16, "invoice %s", order->id);
}

static enum order_error load_invoice(const struct engine *engine, struct db *db,
                                     const struct order *order, struct invoice *out) {
    char about[ID_SIZE + 16];
    struct db_rows *rows = NULL;
    memset(out, 0, sizeof *out);
    about_invoice(order, about);
    enum db_result result = db_query(
        db, &rows, "SELECT state, number, sha256, fields_sealed FROM invoices WHERE order_id = $1",
        "t", order->id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_OK : order_error_of(result);
    if (result == DB_OK) {
        snprintf(out->state, sizeof out->state, "%s", db_text(rows, 0));
        snprintf(out->number, sizeof out->number, "%s", db_text(rows, 1));
        snprintf(out->sha256, sizeof out->sha256, "%s", db_text(rows, 2));
        error = vault_unseal_json(engine->vault, about, db_text(rows, 3), &out->fields);
    }
    db_end(rows);
    return error;
}

/* ---- asking ---- */

/* What the form said, with what is said now; an organisation's title is its name (R243). */
static enum order_error collect(const struct engine *engine, struct db *db,
                                const struct order *order, const json_t *said, json_t **out) {
    struct subject_record subject;
    json_t *form = NULL;
    json_t *fields = json_object();
    *out = fields;
    enum order_error error = registry_subject(engine, db, order->subject, &subject);
    if (error == ORDER_OK) {
        error = form_load(engine, db, order, &form);
    }
    for (size_t i = 0; error == ORDER_OK && i < NAMES; i++) {
        json_t *value = json_object_get(said, names[i]);
        value = value != NULL ? value : json_object_get(form, names[i]);
        if (value != NULL) {
            json_object_set(fields, names[i], value);
        }
    }
    if (error == ORDER_OK && json_object_get(fields, "invoiceEmail") == NULL &&
        form_text(form, "handlerEmail")[0] != '\0') { /* R247: the address that is known */
        json_object_set(fields, "invoiceEmail", json_object_get(form, "handlerEmail"));
    }
    if (error == ORDER_OK && strcmp(subject.type, "ORG") == 0) {
        json_object_set_new(fields, "invoiceTitle", json_string(subject.name));
    }
    json_decref(form);
    return error;
}

static void check_invoice(const json_t *fields, const json_t *said, enum language language,
                          json_t *errors) {
    const char *name = NULL;
    json_t *value = NULL;
    for (size_t i = 0; i < NAMES; i++) {
        const struct field *field = field_find(names[i]);
        const json_t *entry = json_object_get(fields, names[i]);
        bool needed =
            strcmp(names[i], "invoiceTitle") == 0 || strcmp(names[i], "invoiceEmail") == 0;
        if (entry == NULL ? needed : !field_is_valid(field, entry)) {
            field_refuse(errors, names[i], field->wrong, language);
        }
    }
    json_object_foreach((json_t *)said, name, value) {
        if (strncmp(name, "invoice", 7) != 0 || field_find(name) == NULL) {
            field_refuse(errors, name, TEXT_FIELD_UNKNOWN, language);
        }
    }
}

static enum order_error apply(const struct engine *engine, struct db *db, const struct order *order,
                              const json_t *fields) {
    char about[ID_SIZE + 16];
    char *sealed = NULL;
    int64_t inserted = 0;
    about_invoice(order, about);
    enum order_error error = vault_seal_json(engine->vault, about, fields, &sealed);
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, &inserted,
                   "INSERT INTO invoices (order_id, fields_sealed, state, created, updated) VALUES "
                   "($1, $2, 'APPLIED', $3, $3) ON CONFLICT (order_id) DO NOTHING",
                   "tti", order->id, sealed, engine_now_ms(engine)));
    }
    free(sealed);
    if (error == ORDER_OK && inserted == 1) {
        json_t *payload = json_pack("{s:s}", "order", order->id);
        error = outbox_put(db, TOPIC_INVOICE, payload, engine_now_ms(engine));
        json_decref(payload);
    }
    return error;
}

enum order_error invoice_request(const struct engine *engine, struct db *db,
                                 const struct caller *caller, const char *number,
                                 const json_t *said, json_t **out, json_t *extra) {
    struct order order;
    json_t *fields = NULL;
    json_t *errors = json_array();
    bool paid = false;
    *out = NULL;
    enum order_error error = caller_may_change(caller);
    if (error == ORDER_OK) {
        error = order_of_caller(db, caller, number, &order);
    }
    if (error == ORDER_OK) {
        error = payment_is_made(db, &order, &paid);
    }
    if (error == ORDER_OK && !paid) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = collect(engine, db, &order, said, &fields);
    }
    if (error == ORDER_OK) {
        check_invoice(fields, said, caller->language, errors);
        if (json_array_size(errors) > 0) {
            json_object_set(extra, "errors", errors);
            error = ORDER_FIELDS_INVALID;
        }
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = apply(engine, db, &order, fields);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    json_decref(errors);
    json_decref(fields);
    return error == ORDER_OK ? invoice_view(engine, db, &order, out) : error;
}

/* ---- issuing ---- */

static enum order_error keep(const struct engine *engine, struct db *db, struct order *order,
                             const struct invoice *invoice, const char *number,
                             const char *sha256) {
    char body[256];
    int64_t changed = 0;
    const char *email = form_text(invoice->fields, "invoiceEmail");
    enum order_error error = order_error_of(
        db_run(db, &changed,
               "UPDATE invoices SET state = 'ISSUED', number = $2, sha256 = $3, updated = $4 WHERE "
               "order_id = $1 AND state = 'APPLIED'",
               "ttti", order->id, number, sha256, engine_now_ms(engine)));
    if (error == ORDER_OK && changed == 1 && email[0] != '\0') {
        text_fill(TEXT_MESSAGE_INVOICE, LANGUAGE_ZH, "number", order->number, body, sizeof body);
        error = message_put(engine, db, email, text_get(TEXT_MESSAGE_INVOICE_SUBJECT, LANGUAGE_ZH),
                            body);
    }
    if (error == ORDER_OK && transition_is_allowed(order, T30_INVOICED)) {
        json_t *data = json_pack("{s:s}", "invoice", number);
        error = transition_apply(engine, db, order, T30_INVOICED, "provider", number, data);
        json_decref(data);
    }
    return error;
}

/* An order whose portal issues invoices by itself has none applied for yet. */
static enum order_error ensure(const struct engine *engine, struct db *db,
                               const struct order *order, struct invoice *invoice) {
    json_t *fields = NULL;
    enum order_error error = load_invoice(engine, db, order, invoice);
    if (error != ORDER_OK || invoice->state[0] != '\0') {
        return error;
    }
    error = collect(engine, db, order, NULL, &fields);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = apply(engine, db, order, fields);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    json_decref(fields);
    json_decref(invoice->fields);
    return error == ORDER_OK ? load_invoice(engine, db, order, invoice) : error;
}

static enum order_error ask(const struct engine *engine, struct db *db, const struct order *order,
                            const struct invoice *invoice, char number[32],
                            char sha256[DIGEST_HEX_SIZE]) {
    struct octets file = {NULL, 0};
    struct invoice_request request = {
        .id = order->id,
        .title = form_text(invoice->fields, "invoiceTitle"),
        .tax_number = form_text(invoice->fields, "invoiceTaxNumber"),
        .amount_fen = order->amount_fen,
        .now_ms = engine_now_ms(engine),
    };
    const struct invoicer *invoicer = engine->invoicer;
    enum order_error error = invoicer->issue(invoicer->context, db, &request, number, &file)
                                 ? blob_put(engine->blobs, file.data, file.len, sha256)
                                 : ORDER_PROVIDER_FAILED;
    octets_free(&file);
    return error;
}

static bool money_goes_back(const struct order *order) {
    return order->state == STATE_REFUNDING || order->state == STATE_REJECTED ||
           order->state == STATE_CANCELLED;
}

enum order_error invoice_issue(const struct engine *engine, struct db *db, const char *id) {
    struct order order;
    struct invoice invoice = {.fields = NULL};
    char number[32] = "";
    char sha256[DIGEST_HEX_SIZE] = "";
    enum order_error error = order_load_id(db, id, &order);
    if (error == ORDER_OK && money_goes_back(&order)) {
        return ORDER_OK;
    }
    if (error == ORDER_OK) {
        error = ensure(engine, db, &order, &invoice);
    }
    if (error == ORDER_OK && strcmp(invoice.state, "APPLIED") == 0) {
        error = ask(engine, db, &order, &invoice, number, sha256);
    } else {
        snprintf(number, sizeof number, "%s", invoice.number);
        snprintf(sha256, sizeof sha256, "%s", invoice.sha256);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = order_load_id(db, id, &order);
    }
    if (error == ORDER_OK) {
        error = keep(engine, db, &order, &invoice, number, sha256);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    json_decref(invoice.fields);
    return error;
}

enum order_error invoice_reverse(const struct engine *engine, struct db *db, const char *id) {
    const struct invoicer *invoicer = engine->invoicer;
    if (!invoicer->reverse(invoicer->context, db, id)) {
        return ORDER_PROVIDER_FAILED;
    }
    return order_error_of(db_run(
        db, NULL,
        "UPDATE invoices SET state = 'RED', updated = $2 WHERE order_id = $1 AND state <> 'RED'",
        "ti", id, engine_now_ms(engine)));
}

/* ---- looking ---- */

enum order_error invoice_view(const struct engine *engine, struct db *db, const struct order *order,
                              json_t **out) {
    struct invoice invoice = {.fields = NULL};
    enum order_error error = load_invoice(engine, db, order, &invoice);
    if (error == ORDER_OK) {
        *out =
            json_pack("{s:s,s:s,s:s}", "state", invoice.state[0] != '\0' ? invoice.state : "NONE",
                      "number", invoice.number, "title", form_text(invoice.fields, "invoiceTitle"));
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    json_decref(invoice.fields);
    return error;
}

enum order_error invoice_get(const struct engine *engine, struct db *db,
                             const struct caller *caller, const char *number,
                             struct octets *bytes) {
    struct order order;
    struct invoice invoice = {.fields = NULL};
    *bytes = (struct octets){NULL, 0};
    enum order_error error = order_of_caller(db, caller, number, &order);
    if (error == ORDER_OK) {
        error = load_invoice(engine, db, &order, &invoice);
    }
    if (error == ORDER_OK) {
        error = strcmp(invoice.state, "ISSUED") == 0
                    ? blob_get(engine->blobs, invoice.sha256, INVOICE_FILE_MAX, bytes)
                    : ORDER_NOT_FOUND;
    }
    json_decref(invoice.fields);
    return error;
}
