/* See statement.h. */
#include "tools/orderd/engine/statement.h"
#include "tools/orderd/engine/account.h"

#include "module/formats/calendar.h"
#include "module/formats/canonical_json.h"
#include "tools/orderd/engine/answer.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/otp.h"
#include "tools/orderd/engine/signed.h"
#include "tools/orderd/engine/standing.h"
#include "tools/orderd/engine/transition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the statement speaks of. */
struct matter {
    const struct order *order;
    struct subject_record subject;
    struct certificate_record certificate; /* empty for NEW */
    json_t *form;
    char digest[DIGEST_HEX_SIZE];
    char phone
        [16]; /* where a code goes: the handler's, or the applicant's own where no form asked */
};

static void matter_clear(struct matter *matter) {
    json_decref(matter->form);
    matter->form = NULL;
}

/* The entries that are asked for before the confirmation. */
static json_t *confirmed_form(const struct engine *engine, const struct matter *matter) {
    const char *name = NULL;
    json_t *value = NULL;
    json_t *form = json_object();
    enum subject_type type = subject_type_of(matter->subject.type);
    json_object_foreach(matter->form, name, value) {
        if (!form_is_after_confirm(engine, matter->order, type, name)) {
            /* canonical JSON has no booleans here: what is ticked is the word */
            json_object_set_new(form, name,
                                json_is_true(value) ? json_string("true") : json_incref(value));
        }
    }
    return form;
}

static enum order_error digest_matter(const struct engine *engine, struct matter *matter) {
    const struct order *order = matter->order;
    struct octets text = {NULL, 0};
    json_t *form = confirmed_form(engine, matter);
    json_t *object = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:o,s:s}", "no", order->number,
                               "kind", kind_name(order->kind), "holder", matter->subject.name,
                               "credentialNo", matter->subject.credential_no, "certificate",
                               matter->certificate.sha256, "tokenSerial", order->token, "years",
                               (json_int_t)order->years, "amountFen", (json_int_t)order->amount_fen,
                               "form", form, "wording", engine->profile->consent_version);
    bool made = object != NULL && canonical_json_write(object, &text) == FORMATS_OK &&
                digest_sm3_hex(text.data, text.len, matter->digest);
    octets_free(&text);
    json_decref(object);
    return made ? ORDER_OK : ORDER_INTERNAL;
}

/* End *out with matter_clear, also after an error. */
static enum order_error load_matter(const struct engine *engine, struct db *db,
                                    const struct order *order, struct matter *out) {
    memset(out, 0, sizeof *out);
    out->order = order;
    enum order_error error = registry_subject(engine, db, order->subject, &out->subject);
    if (error == ORDER_OK && order->certificate[0] != '\0') {
        error = registry_certificate(db, order->certificate, &out->certificate);
    }
    if (error == ORDER_OK) {
        error = form_load(engine, db, order, &out->form);
    }
    if (error == ORDER_OK && form_text(out->form, "handlerPhone")[0] != '\0') {
        snprintf(out->phone, sizeof out->phone, "%s", form_text(out->form, "handlerPhone"));
    } else if (error == ORDER_OK && order->account[0] != '\0') {
        error = account_phone(engine, db, order->account, out->phone);
    }
    return error == ORDER_OK ? digest_matter(engine, out) : error;
}

enum order_error statement_digest(const struct engine *engine, struct db *db,
                                  const struct order *order, char out[DIGEST_HEX_SIZE]) {
    struct matter matter;
    enum order_error error = load_matter(engine, db, order, &matter);
    memcpy(out, matter.digest, DIGEST_HEX_SIZE);
    matter_clear(&matter);
    return error;
}

static void add_field(json_t *fields, enum text label, enum language language, const char *value) {
    json_array_append_new(
        fields, json_pack("{s:s,s:s}", "label", text_get(label, language), "value", value));
}

/* What the certificate is now, and how long the new one will last. */
static void add_term(const struct engine *engine, const struct matter *matter,
                     enum language language, json_t *fields) {
    const struct order *order = matter->order;
    int64_t now = engine_now(engine);
    char date[11];
    char number[24];
    char value[96];
    snprintf(number, sizeof number, "%lld", (long long)order->years);
    if (matter->certificate.id[0] != '\0') {
        add_field(fields, TEXT_STATEMENT_CERTIFICATE, language, matter->certificate.serial);
        add_field(fields, TEXT_STATEMENT_TOKEN, language, order->token);
        calendar_date_text(matter->certificate.not_after, date);
        add_field(fields, TEXT_STATEMENT_OLD_END, language, date);
    }
    if (order->years == 0) {
        return;
    }
    text_fill(TEXT_YEARS_VALUE, language, "years", number, value, sizeof value);
    add_field(fields, TEXT_STATEMENT_YEARS, language, value);
    if (order->kind == KIND_RENEW && now <= matter->certificate.not_after) {
        calendar_date_text(renewal_not_after(matter->certificate.not_after, now, (int)order->years),
                           date);
        snprintf(value, sizeof value, "%s", date);
    } else {
        text_fill(TEXT_STATEMENT_NEW_END_EXPIRED, language, "years", number, value, sizeof value);
    }
    add_field(fields, TEXT_STATEMENT_NEW_END, language, value);
}

static void add_entry(const struct matter *matter, enum text label, enum language language,
                      const char *name, json_t *fields) {
    const char *value = form_text(matter->form, name);
    if (value[0] != '\0') {
        add_field(fields, label, language, value);
    }
}

static json_t *make_fields(const struct engine *engine, const struct matter *matter,
                           enum language language) {
    const struct order *order = matter->order;
    char number[24];
    char value[96];
    json_t *fields = json_array();
    add_field(fields, TEXT_STATEMENT_ORDER, language, order->number);
    add_field(fields, TEXT_STATEMENT_SUBJECT, language, matter->subject.name);
    add_field(fields, TEXT_STATEMENT_CREDENTIAL, language, matter->subject.credential_no);
    add_entry(matter, TEXT_STATEMENT_NEW_NAME, language, "newName", fields);
    add_term(engine, matter, language, fields);
    text_yuan(order->amount_fen, number);
    text_fill(TEXT_STATEMENT_AMOUNT_VALUE, language, "yuan", number, value, sizeof value);
    add_field(fields, TEXT_STATEMENT_AMOUNT, language, value);
    add_entry(matter, TEXT_STATEMENT_HANDLER, language, "handlerName", fields);
    add_entry(matter, TEXT_STATEMENT_PHONE, language, "handlerPhone", fields);
    add_entry(matter, TEXT_STATEMENT_EMAIL, language, "handlerEmail", fields);
    add_field(fields, TEXT_STATEMENT_CONSENT, language,
              text_get(order->kind == KIND_RENEW ? TEXT_STATEMENT_CONSENT_VALUE
                                                 : TEXT_STATEMENT_CONSENT_ANY,
                       language));
    return fields;
}

static json_t *make_statement(const struct engine *engine, const struct matter *matter,
                              enum language language, const char *nonce) {
    char title[128];
    text_fill(TEXT_STATEMENT_TITLE_ANY, language, "kind", text_kind(matter->order->kind, language),
              title, sizeof title);
    return json_pack("{s:s,s:o,s:s,s:s,s:s}", "title", title, "fields",
                     make_fields(engine, matter, language), "order", matter->order->number,
                     "digest", matter->digest, "nonce", nonce);
}

enum order_error statement_make(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, json_t **out) {
    struct order order;
    struct matter matter = {.form = NULL};
    char target[72];
    char nonce[SECRET_SIZE];
    *out = NULL;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_of_caller(db, caller, number, &order);
    }
    if (error == ORDER_OK && !transition_is_allowed(&order, T06_CONFIRM)) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = load_matter(engine, db, &order, &matter);
    }
    if (error == ORDER_OK) {
        snprintf(target, sizeof target, "%s %s", language_tag(caller->language), order.number);
        error =
            nonce_make(db, "confirm", target, engine_now_ms(engine), NONCE_CONFIRM_SECONDS, nonce);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error == ORDER_OK) {
        *out = make_statement(engine, &matter, caller->language, nonce);
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    matter_clear(&matter);
    return error;
}

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* Is the signed object exactly what this service asked to be signed? */
static enum order_error check_statement(const struct engine *engine, const struct matter *matter,
                                        const struct signed_object *object, const char *target) {
    const char *origin = text_of(object->content, "origin");
    const char *number = strchr(target, ' ');
    if (number == NULL || strcmp(number + 1, matter->order->number) != 0) {
        return ORDER_NONCE_INVALID;
    }
    if (!engine_origin_is_allowed(engine, origin)) {
        return ORDER_ORIGIN_REFUSED;
    }
    struct octets expected = {NULL, 0};
    json_t *statement =
        make_statement(engine, matter, language_of(target), text_of(object->content, "nonce"));
    enum order_error error = ORDER_INTERNAL;
    if (statement != NULL && json_object_set_new(statement, "origin", json_string(origin)) == 0 &&
        json_object_set_new(statement, "type", json_string("statement")) == 0 &&
        json_object_set_new(statement, "version", json_string("1")) == 0 &&
        canonical_json_write(statement, &expected) == FORMATS_OK) {
        error = octets_equal(&expected, &object->bytes) ? ORDER_OK : ORDER_STATEMENT_INVALID;
    }
    json_decref(statement);
    octets_free(&expected);
    return error;
}

/* How an order was confirmed: what consents holds. */
struct proof {
    const char *method; /* SMS, TOKEN_SIG, ANSWER */
    const char *statement;
    const struct octets *signature; /* NULL but for TOKEN_SIG */
    const char *otp;                /* NULL but for SMS */
    const char *origin;
    const char *certificate; /* SHA-256 of the signer's, or NULL */
    const char *address;
};

/* A lost key's certificate is on hold from the confirmation on, until the approval revokes it. */
static enum order_error hold_lost(const struct engine *engine, struct db *db,
                                  const struct matter *matter) {
    return matter->order->kind == KIND_REPLACE &&
                   strcmp(form_text(matter->form, "reason"), "LOST") == 0 &&
                   strcmp(matter->certificate.state, "VALID") == 0
               ? standing_move(engine, db, matter->certificate.id, "VALID", "HELD", CA_REASON_HOLD)
               : ORDER_OK;
}

/* T06, in the caller's transaction. */
static enum order_error keep_consent(const struct engine *engine, struct db *db,
                                     struct order *order, const struct matter *matter,
                                     const struct proof *proof) {
    char id[ID_SIZE];
    if (!identifier_random(id)) {
        return ORDER_INTERNAL;
    }
    enum order_error error = order_error_of(db_run(
        db, NULL,
        "INSERT INTO consents (id, order_id, text_version, method, statement, digest, signature, "
        "otp, origin, address, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        "ttttttbttti", id, order->id, engine->profile->consent_version, proof->method,
        proof->statement, matter->digest, proof->signature != NULL ? proof->signature->data : NULL,
        proof->signature != NULL ? proof->signature->len : (size_t)0, proof->otp, proof->origin,
        proof->address, engine_now_ms(engine)));
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:s,s:s,s:s,s:s*}", "consent", id, "method", proof->method,
                                 "digest", matter->digest, "certificate", proof->certificate);
        error = transition_apply(engine, db, order, T06_CONFIRM, "user", id, data);
        json_decref(data);
    }
    if (error == ORDER_OK) {
        error = hold_lost(engine, db, matter);
    }
    return error;
}

static bool method_is_offered(const struct engine *engine, const struct order *order,
                              enum confirm_method method) {
    return (profile_confirms(engine->profile, order->kind) & method) != 0;
}

/* The order, if it waits to be confirmed and may be in this way. */
static enum order_error order_to_confirm(const struct engine *engine, struct db *db,
                                         const struct caller *caller, const char *number,
                                         int64_t version, enum confirm_method method,
                                         struct order *out) {
    enum order_error error = order_to_change(db, caller, number, version, out);
    if (error == ORDER_OK && !transition_is_allowed(out, T06_CONFIRM)) {
        error = ORDER_WRONG_STATE;
    }
    return error == ORDER_OK && !method_is_offered(engine, out, method) ? ORDER_METHOD_NOT_OFFERED
                                                                        : error;
}

static enum order_error keep_signed(const struct engine *engine, struct db *db, struct order *order,
                                    const struct matter *matter, const struct signed_object *object,
                                    const struct octets *signature, const char *address) {
    /* the bytes are UTF-8 without NUL (canonical_json_read saw to it), but not NUL-terminated */
    char *statement = strndup((const char *)object->bytes.data, object->bytes.len);
    if (statement == NULL) {
        return ORDER_INTERNAL;
    }
    struct proof proof = {
        "TOKEN_SIG",           statement, signature, NULL, text_of(object->content, "origin"),
        object->signer.sha256, address};
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        /* compare-and-swap on what was read before: an edit in between makes this a conflict */
        error = keep_consent(engine, db, order, matter, &proof);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    free(statement);
    return error;
}

enum order_error statement_confirm(const struct engine *engine, struct db *db,
                                   const struct caller *caller, const char *number, int64_t version,
                                   const struct octets *signature, const char *address,
                                   struct order *out) {
    struct signed_object object;
    struct matter matter = {.form = NULL};
    char target[72];
    memset(&object, 0, sizeof object);
    enum order_error error =
        order_to_confirm(engine, db, caller, number, version, CONFIRM_TOKEN, out);
    if (error == ORDER_OK) {
        error = signed_object_read(engine, db, signature, &object);
        error = error == ORDER_ASSERTION_INVALID ? ORDER_STATEMENT_INVALID : error;
    }
    if (error == ORDER_OK && strcmp(object.signer.id, out->certificate) != 0) {
        error = ORDER_SIGNER_MISMATCH;
    }
    if (error == ORDER_OK) {
        error = registry_certificate_usable(engine, &object.signer);
    }
    if (error == ORDER_OK) {
        error = load_matter(engine, db, out, &matter);
    }
    if (error == ORDER_OK) {
        error = nonce_use(db, text_of(object.content, "nonce"), "confirm", engine_now_ms(engine),
                          target, sizeof target);
    }
    if (error == ORDER_OK) {
        error = check_statement(engine, &matter, &object, target);
    }
    if (error == ORDER_OK) {
        error = keep_signed(engine, db, out, &matter, &object, signature, address);
    }
    matter_clear(&matter);
    signed_object_clear(&object);
    return error;
}

/* ---- without a key ---- */

enum order_error statement_send_code(const struct engine *engine, struct db *db,
                                     const struct caller *caller, const char *number,
                                     const char *address, char phone[16], int64_t *expires_ms,
                                     json_t *extra) {
    struct order order;
    struct matter matter = {.form = NULL};
    enum order_error error = order_of_caller(db, caller, number, &order);
    phone[0] = '\0';
    if (error == ORDER_OK) {
        error = order_to_confirm(engine, db, caller, number, order.version, CONFIRM_SMS, &order);
    }
    if (error == ORDER_OK) {
        error = load_matter(engine, db, &order, &matter);
    }
    if (error == ORDER_OK) {
        struct otp otp = {OTP_CONFIRM, matter.digest, matter.phone};
        mask_phone(otp.recipient, phone, 16);
        error = otp.recipient[0] != '\0' ? otp_send(engine, db, &otp, address, expires_ms, extra)
                                         : ORDER_NOT_OFFERED;
    }
    matter_clear(&matter);
    return error;
}

/* What is kept as said: the statement as the applicant saw it. */
static char *statement_text(const struct engine *engine, const struct matter *matter,
                            enum language language) {
    json_t *statement = make_statement(engine, matter, language, "");
    char *text = statement != NULL ? json_dumps(statement, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(statement);
    return text;
}

static enum order_error keep_said(const struct engine *engine, struct db *db,
                                  const struct caller *caller, struct order *order,
                                  const struct matter *matter, const char *otp,
                                  const char *address) {
    char *text = statement_text(engine, matter, caller->language);
    struct proof proof = {
        otp != NULL ? "SMS" : "ANSWER", text, NULL, otp, engine->public_url, NULL, address};
    enum order_error error = text != NULL ? order_error_of(db_begin(db)) : ORDER_INTERNAL;
    if (error == ORDER_OK && otp != NULL) {
        error = otp_use(db, otp);
    }
    if (error == ORDER_OK) {
        error = keep_consent(engine, db, order, matter, &proof);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    free(text);
    return error;
}

enum order_error statement_confirm_code(const struct engine *engine, struct db *db,
                                        const struct caller *caller, const char *number,
                                        int64_t version, const char *code, const char *address,
                                        struct order *out) {
    struct matter matter = {.form = NULL};
    char id[ID_SIZE];
    enum order_error error =
        order_to_confirm(engine, db, caller, number, version, CONFIRM_SMS, out);
    if (error == ORDER_OK) {
        error = load_matter(engine, db, out, &matter);
    }
    if (error == ORDER_OK) {
        struct otp otp = {OTP_CONFIRM, matter.digest, matter.phone};
        error = otp_check(engine, db, &otp, code, id);
    }
    if (error == ORDER_OK) {
        error = keep_said(engine, db, caller, out, &matter, id, address);
    }
    matter_clear(&matter);
    return error;
}

enum order_error statement_confirm_answer(const struct engine *engine, struct db *db,
                                          const struct caller *caller, const char *number,
                                          int64_t version, const char *answer, const char *address,
                                          struct order *out, json_t *extra) {
    struct matter matter = {.form = NULL};
    json_t *said = json_object();
    json_t *errors = json_array();
    enum order_error error =
        order_to_confirm(engine, db, caller, number, version, CONFIRM_ANSWER, out);
    if (error == ORDER_OK) {
        error = load_matter(engine, db, out, &matter);
    }
    if (error == ORDER_OK) {
        error = answer_count(engine, db, out, extra);
    }
    if (error == ORDER_OK) {
        error = answer_take(db, out, answer, said, caller->language, errors);
    }
    if (error == ORDER_OK && json_array_size(errors) > 0) {
        json_object_set(extra, "errors", errors);
        error = ORDER_FIELDS_INVALID;
    }
    if (error == ORDER_OK) {
        error = keep_said(engine, db, caller, out, &matter, NULL, address);
    }
    matter_clear(&matter);
    json_decref(said);
    json_decref(errors);
    return error;
}
