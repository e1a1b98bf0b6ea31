/* See query.h. The look-up and the SMS are the outbox's work, so that a request for a known credential takes no longer than for another. */
#include "tools/orderd/engine/query.h"

#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/limit.h"
#include "tools/orderd/engine/otp.h"
#include "tools/orderd/engine/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char SEALED_AS[] = "query"; /* what the vault calls it */
enum { WHO_TEXT = 160 };

static const struct limit per_minute = {"query minute", QUERY_CODES_MINUTE, 60};
static const struct limit per_hour = {"query hour", QUERY_CODES_HOUR, 3600};
static const struct limit per_address = {"query address", QUERY_ADDRESS_HOUR, 3600};
static const struct limit tries = {"query tries", QUERY_TRIES_HOUR, 3600};

/* Who is counted: the credential, whoever asks for it. */
static enum order_error who_of(const struct engine *engine, const struct query *query,
                               char who[DIGEST_HEX_SIZE]) {
    char text[WHO_TEXT];
    snprintf(text, sizeof text, "%s %s", query->credential_type, query->credential_no);
    return vault_hash(engine->vault, SEALED_AS, text, who);
}

static bool is_organisations(const char *type) {
    for (const char *const *at = credential_types(true); *at != NULL; at++) {
        if (strcmp(*at, type) == 0) {
            return true;
        }
    }
    return false;
}

static enum order_error check(const struct query *query, enum language language, json_t *extra) {
    if (credential_is_valid(is_organisations(query->credential_type), query->credential_type,
                            query->credential_no)) {
        return ORDER_OK;
    }
    json_t *errors = json_array();
    field_refuse(errors, "credentialNo", TEXT_FIELD_CREDENTIAL, language);
    json_object_set_new(extra, "errors", errors);
    return ORDER_FIELDS_INVALID;
}

/* ---- the code ---- */

static enum order_error put(const struct engine *engine, struct db *db, const struct query *query) {
    char *sealed = NULL;
    json_t *content = json_pack("{s:s,s:s,s:b}", "type", query->credential_type, "number",
                                query->credential_no, "legal", (int)query->legal);
    enum order_error error = vault_seal_json(engine->vault, SEALED_AS, content, &sealed);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        json_t *payload = json_pack("{s:s}", "sealed", sealed);
        error = outbox_put(db, TOPIC_QUERY, payload, engine_now_ms(engine));
        json_decref(payload);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    free(sealed);
    json_decref(content);
    return error;
}

enum order_error query_ask(const struct engine *engine, struct db *db, const struct query *query,
                           const char *address, enum language language, json_t *extra) {
    char who[DIGEST_HEX_SIZE];
    int64_t now_ms = engine_now_ms(engine);
    enum order_error error = check(query, language, extra);
    if (error == ORDER_OK) {
        error = who_of(engine, query, who);
    }
    if (error == ORDER_OK) {
        error = limit_count(db, &per_address, address, now_ms, extra);
    }
    if (error == ORDER_OK) {
        error = limit_count(db, &per_minute, who, now_ms, extra);
    }
    if (error == ORDER_OK) {
        error = limit_count(db, &per_hour, who, now_ms, extra);
    }
    return error == ORDER_OK ? put(engine, db, query) : error;
}

/* The newest order of the subject that staff has approved, or that came to its end: what it says of people was judged. Whoever only
 * names the subject in a draft of his own gets no code for it. */
static enum order_error find_trusted(struct db *db, const char *subject, struct order *out) {
    struct db_rows *rows = NULL;
    char id[ID_SIZE];
    enum db_result result = db_query(
        db, &rows,
        "SELECT o.id FROM orders o WHERE o.subject = $1 AND o.kind IN ('NEW', 'RENEW', 'REPLACE', "
        "'CHANGE') AND (o.state = 'COMPLETED' OR EXISTS (SELECT 1 FROM order_gates g WHERE "
        "g.order_id = o.id AND g.gate = 'REVIEW' AND g.status = 'DONE')) ORDER BY o.created DESC, "
        "o.id LIMIT 1",
        "t", subject);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    snprintf(id, sizeof id, "%s", result == DB_OK ? db_text(rows, 0) : "");
    db_end(rows);
    return result == DB_OK     ? order_load_id(db, id, out)
           : result == DB_DONE ? ORDER_NOT_FOUND
                               : order_error_of(result);
}

/* The legal representative's phone is what the organisation's check was made with. */
static enum order_error legal_fields(const struct engine *engine, struct db *db,
                                     const struct order *order, json_t **out) {
    char about[ID_SIZE + 16];
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows,
                 "SELECT id, fields_sealed FROM verifications WHERE order_id = $1 AND role = 'ORG' "
                 "AND state = 'PASSED' ORDER BY created DESC, id LIMIT 1",
                 "t", order->id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    if (error == ORDER_OK) {
        snprintf(about, sizeof about, "check %s", db_text(rows, 0));
        error = vault_unseal_json(engine->vault, about, db_text(rows, 1), out);
    }
    db_end(rows);
    return error;
}

/* Where codes for this credential go, and whose it is. ORDER_NOT_FOUND: nobody here has it, or no phone of his is trusted. *fields holds
 * the phone and is the caller's. */
static enum order_error find_holder(const struct engine *engine, struct db *db,
                                    const struct query *query, struct subject_record *subject,
                                    json_t **fields, struct otp *otp) {
    struct order order;
    *fields = NULL;
    enum order_error error =
        registry_subject_find(engine, db, query->credential_type, query->credential_no, subject);
    if (error == ORDER_OK) {
        error = find_trusted(db, subject->id, &order);
    }
    if (error == ORDER_OK) {
        error = query->legal ? legal_fields(engine, db, &order, fields)
                             : form_load(engine, db, &order, fields);
    }
    if (error == ORDER_OK) {
        const char *phone = form_text(*fields, query->legal ? "legalPhone" : "handlerPhone");
        *otp = (struct otp){OTP_QUERY, subject->id, phone};
        error = phone[0] != '\0' ? ORDER_OK : ORDER_NOT_FOUND;
    }
    return error;
}

enum order_error query_send(const struct engine *engine, struct db *db, const char *id,
                            const json_t *payload) {
    struct subject_record subject;
    struct otp otp;
    json_t *content = NULL;
    json_t *fields = NULL;
    int64_t expires_ms = 0;
    bool first = false;
    enum order_error error =
        vault_unseal_json(engine->vault, SEALED_AS, form_text(payload, "sealed"), &content);
    struct query query = {form_text(content, "type"), form_text(content, "number"),
                          json_is_true(json_object_get(content, "legal"))};
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = outbox_first(db, id, &first);
    }
    if (error == ORDER_OK && first) {
        error = find_holder(engine, db, &query, &subject, &fields, &otp);
        if (error == ORDER_OK) {
            error = otp_put(engine, db, &otp, &expires_ms);
        }
        error = error == ORDER_NOT_FOUND ? ORDER_OK : error;
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    json_decref(content);
    json_decref(fields);
    return error;
}

/* ---- what it opens ---- */

/* Is this the code? Counted first, whether or not anybody has the credential. */
static enum order_error check_code(const struct engine *engine, struct db *db,
                                   const struct query *query, const char *code,
                                   enum language language, struct subject_record *subject,
                                   char otp_id[ID_SIZE], json_t *extra) {
    char who[DIGEST_HEX_SIZE];
    struct otp otp;
    json_t *fields = NULL;
    enum order_error error = check(query, language, extra);
    if (error == ORDER_OK) {
        error = who_of(engine, query, who);
    }
    if (error == ORDER_OK) {
        error = limit_count(db, &tries, who, engine_now_ms(engine), extra);
    }
    if (error == ORDER_OK) {
        error = find_holder(engine, db, query, subject, &fields, &otp);
        error = error == ORDER_NOT_FOUND ? ORDER_CODE_WRONG : error;
    }
    if (error == ORDER_OK) {
        error = otp_check(engine, db, &otp, code, otp_id);
    }
    if (error == ORDER_OK) {
        error = limit_clear(db, &tries, who);
    }
    json_decref(fields);
    return error;
}

enum order_error query_open(const struct engine *engine, struct db *db, const struct query *query,
                            const char *code, struct account_login *out, json_t *extra) {
    struct subject_record subject;
    char otp[ID_SIZE];
    int64_t now_ms = engine_now_ms(engine);
    memset(out, 0, sizeof *out);
    enum order_error error = check_code(engine, db, query, code, LANGUAGE_EN, &subject, otp, extra);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = otp_use(db, otp);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(db, NULL,
                                      "DELETE FROM sessions WHERE kind = 'QUERY' AND subject = $1",
                                      "t", subject.id));
    }
    if (error == ORDER_OK) {
        out->session.kind = SESSION_QUERY;
        out->session.role = ROLE_USER;
        snprintf(out->session.subject, sizeof out->session.subject, "%s", subject.id);
        error = session_open(db, &out->session, now_ms, out->secret);
        out->expires_ms = now_ms + (int64_t)QUERY_SESSION_SECONDS * 1000;
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error query_link(const struct engine *engine, struct db *db, const struct caller *caller,
                            const struct query *query, const char *code, json_t **out,
                            json_t *extra) {
    struct subject_record subject;
    char otp[ID_SIZE];
    *out = NULL;
    if (caller->session.kind != SESSION_ACCOUNT || caller->session.role != ROLE_USER) {
        return ORDER_FORBIDDEN;
    }
    enum order_error error =
        check_code(engine, db, query, code, caller->language, &subject, otp, extra);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = otp_use(db, otp);
    }
    if (error == ORDER_OK) {
        error = caller_link(db, caller->session.account, subject.id, engine_now_ms(engine));
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error == ORDER_OK) {
        *out = json_pack("{s:{s:s,s:s}}", "subject", "type", subject.type, "name", subject.name);
    }
    return error;
}
