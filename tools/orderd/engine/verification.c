/* See verification.h. */
#include "tools/orderd/engine/verification.h"

#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/message.h"
#include "tools/orderd/engine/transition.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parties, methods, fields ---- */

enum { FIELDS_MAX = 5 };

/* `identity`: the form's entries that say who the party is. A person is the order's subject, which no form changes. */
struct party_row {
    const char *name;
    enum gate gate;
    const char *identity[FIELDS_MAX];
};
static const struct party_row parties[PARTY_COUNT] = {
    [PARTY_ORG] = {"ORG", GATE_VERIFY_ORG, {"legalName", "legalIdNumber", "legalPhone"}},
    [PARTY_HANDLER] = {"HANDLER",
                       GATE_VERIFY_HANDLER,
                       {"handlerName", "handlerIdType", "handlerIdNumber", "handlerPhone"}},
    [PARTY_PERSON] = {"PERSON", GATE_VERIFY_PERSON, {NULL}},
};

/* What each method asks of each party (R066). What the order knows already (the subject's name and number) is not asked. */
struct method_row {
    enum verify_method method;
    const char *name;
    const char *fields[PARTY_COUNT][FIELDS_MAX];
};
static const struct method_row methods[] = {
    {METHOD_TRANSFER,
     "TRANSFER",
     {[PARTY_ORG] = {"bankName", "bankAccount"}, [PARTY_PERSON] = {"bankName", "bankAccount"}}},
    {METHOD_PHONE,
     "PHONE",
     {[PARTY_ORG] = {"legalName", "legalIdNumber", "legalPhone"},
      [PARTY_HANDLER] = {"handlerName", "handlerIdNumber", "handlerPhone"},
      [PARTY_PERSON] = {"phone"}}},
    {METHOD_BANK_CARD,
     "BANK_CARD",
     {[PARTY_ORG] = {"legalName", "legalIdNumber", "legalPhone", "bankCard"},
      [PARTY_HANDLER] = {"handlerName", "handlerIdNumber", "handlerPhone", "bankCard"},
      [PARTY_PERSON] = {"phone", "bankCard"}}},
    {METHOD_FACE,
     "FACE",
     {[PARTY_ORG] = {"legalName", "legalIdNumber", "legalPhone"},
      [PARTY_HANDLER] = {"handlerName", "handlerIdNumber", "handlerPhone", "handlerEmail"},
      [PARTY_PERSON] = {"phone"}}},
};
enum { METHOD_ROWS = sizeof methods / sizeof methods[0] };

static const struct method_row *method_named(const char *name) {
    for (size_t i = 0; i < METHOD_ROWS; i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

/* Whose check is next, or PARTY_COUNT. */
static enum party next_party(const struct order *order) {
    enum gate next = order_next_gate(order);
    unsigned i = 0;
    while (i < PARTY_COUNT && (parties[i].gate != next || order->state != STATE_AWAIT_VERIFY)) {
        i++;
    }
    return (enum party)i;
}

enum order_error verification_ways(const struct engine *engine, struct db *db,
                                   const struct caller *caller, const char *number, json_t **out) {
    struct order order;
    *out = NULL;
    enum order_error error = order_of_caller(db, caller, number, &order);
    enum party party = error == ORDER_OK ? next_party(&order) : PARTY_COUNT;
    if (error != ORDER_OK || party == PARTY_COUNT) {
        return error != ORDER_OK ? error : ORDER_WRONG_STATE;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < METHOD_ROWS; i++) {
        if ((engine->profile->methods[party] & methods[i].method) != 0) {
            json_t *fields = json_array();
            for (size_t f = 0; f < FIELDS_MAX && methods[i].fields[party][f] != NULL; f++) {
                json_array_append_new(fields, json_string(methods[i].fields[party][f]));
            }
            json_array_append_new(
                list, json_pack("{s:s,s:o}", "method", methods[i].name, "fields", fields));
        }
    }
    *out = json_pack("{s:s,s:o}", "party", parties[party].name, "methods", list);
    return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
}

/* Is everything there and of its form, before anybody is asked? */
static enum order_error check_fields(const struct method_row *method, enum party party,
                                     const json_t *fields, enum language language, json_t *extra) {
    json_t *errors = json_array();
    size_t asked = 0;
    for (; asked < FIELDS_MAX && method->fields[party][asked] != NULL; asked++) {
        const struct field *field = field_find(method->fields[party][asked]);
        if (!field_is_valid(field, json_object_get(fields, field->name))) {
            field_refuse(errors, field->name, field->wrong, language);
        }
    }
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)fields, name, value) {
        bool known = false;
        for (size_t f = 0; f < asked; f++) {
            known = known || strcmp(method->fields[party][f], name) == 0;
        }
        if (!known) {
            field_refuse(errors, name, TEXT_FIELD_UNKNOWN, language);
        }
    }
    if (json_array_size(errors) == 0) {
        json_decref(errors);
        return ORDER_OK;
    }
    json_object_set_new(extra, "errors", errors);
    return ORDER_FIELDS_INVALID;
}

/* ---- rows ---- */

struct verification {
    char id[ID_SIZE];
    char party[16];
    char method[16];
    char state[16]; /* PENDING, PASSED, FAILED, EXPIRED */
    char secret[DIGEST_HEX_SIZE];
    char wrong[IDENTITY_ITEM_SIZE];
    int64_t tries;
    int64_t expires_ms;
};

static enum order_error load(struct db *db, const struct order *order, const char *id,
                             struct verification *out) {
    struct db_rows *rows = NULL;
    memset(out, 0, sizeof *out);
    enum db_result result =
        db_query(db, &rows,
                 "SELECT id, role, method, state, secret_hash, wrong, tries, expires FROM "
                 "verifications WHERE id = $1 AND order_id = $2",
                 "tt", id, order->id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        snprintf(out->id, sizeof out->id, "%s", db_text(rows, 0));
        snprintf(out->party, sizeof out->party, "%s", db_text(rows, 1));
        snprintf(out->method, sizeof out->method, "%s", db_text(rows, 2));
        snprintf(out->state, sizeof out->state, "%s", db_text(rows, 3));
        snprintf(out->secret, sizeof out->secret, "%s", db_text(rows, 4));
        snprintf(out->wrong, sizeof out->wrong, "%s", db_text(rows, 5));
        out->tries = db_int(rows, 6);
        out->expires_ms = db_int(rows, 7);
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

static json_t *view(const struct verification *verification, const char *url) {
    json_t *object =
        json_pack("{s:s,s:s,s:s,s:s}", "id", verification->id, "party", verification->party,
                  "method", verification->method, "state", verification->state);
    if (url != NULL && url[0] != '\0') {
        json_object_set_new(object, "url", json_string(url));
    }
    if (verification->wrong[0] != '\0') {
        json_object_set_new(object, "wrong", json_string(verification->wrong));
    }
    return object;
}

static enum order_error insert(const struct engine *engine, struct db *db,
                               const struct order *order, const json_t *fields,
                               const struct verification *verification) {
    char about[ID_SIZE + 16];
    char *sealed = NULL;
    int64_t now_ms = engine_now_ms(engine);
    snprintf(about, sizeof about, "check %s", verification->id);
    enum order_error error = vault_seal_json(engine->vault, about, fields, &sealed);
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, NULL,
            "INSERT INTO verifications (id, order_id, role, method, state, fields_sealed, "
            "secret_hash, expires, created, updated) VALUES ($1, $2, $3, $4, 'PENDING', $5, $6, "
            "$7, $8, $8)",
            "ttttttii", verification->id, order->id, verification->party, verification->method,
            sealed, verification->secret, verification->expires_ms, now_ms));
    }
    free(sealed);
    return error;
}

/* The check has come to its end. Passing moves the order on; failing is noted, and another may be begun. */
static enum order_error settle(const struct engine *engine, struct db *db, struct order *order,
                               struct verification *verification,
                               const struct identity_answer *answer) {
    bool passed = answer->result == IDENTITY_AGREES;
    int64_t changed = 0;
    enum party party = next_party(order);
    if (party == PARTY_COUNT || strcmp(parties[party].name, verification->party) != 0) {
        return ORDER_WRONG_STATE; /* another one's check is next, after an edit */
    }
    snprintf(verification->state, sizeof verification->state, "%s", passed ? "PASSED" : "FAILED");
    snprintf(verification->wrong, sizeof verification->wrong, "%s", answer->wrong);
    enum order_error error = order_error_of(
        db_run(db, &changed,
               "UPDATE verifications SET state = $2, provider_ref = $3, wrong = $4, updated = $5 "
               "WHERE id = $1 AND state = 'PENDING'",
               "tttti", verification->id, verification->state, answer->reference, answer->wrong,
               engine_now_ms(engine)));
    if (error == ORDER_OK && changed != 1) {
        return ORDER_CONFLICT;
    }
    json_t *data =
        json_pack("{s:s,s:s,s:s,s:s}", "check", verification->id, "party", verification->party,
                  "method", verification->method, "reference", answer->reference);
    if (error == ORDER_OK) {
        error = passed ? transition_apply(engine, db, order, T24_VERIFIED, "provider",
                                          verification->id, data)
                       : order_note(engine, db, order, "provider", "verify_failed", data);
    }
    json_decref(data);
    return error;
}

static enum order_error settle_in_transaction(const struct engine *engine, struct db *db,
                                              struct order *order,
                                              struct verification *verification,
                                              const struct identity_answer *answer) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = settle(engine, db, order, verification, answer);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* ---- beginning ---- */

/* Who is checked: what the order knows, and what was entered. */
static struct identity_person person_of(enum party party, const struct subject_record *subject,
                                        const json_t *fields) {
    bool legal = party == PARTY_ORG && form_text(fields, "legalName")[0] != '\0';
    struct identity_person person = {
        .name = subject->name,
        .number = subject->credential_no,
        .phone = form_text(fields, "phone"),
        .bank_card = form_text(fields, "bankCard"),
        .bank_account = form_text(fields, "bankAccount"),
    };
    if (legal) {
        person.name = form_text(fields, "legalName");
        person.number = form_text(fields, "legalIdNumber");
        person.phone = form_text(fields, "legalPhone");
    } else if (party == PARTY_HANDLER) {
        person.name = form_text(fields, "handlerName");
        person.number = form_text(fields, "handlerIdNumber");
        person.phone = form_text(fields, "handlerPhone");
    }
    return person;
}

/* Six characters without those that look alike. */
static bool draw_postscript(char out[7]) {
    static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    unsigned char bytes[6];
    if (RAND_priv_bytes(bytes, sizeof bytes) != 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        out[i] = alphabet[bytes[i] % 32];
    }
    out[6] = '\0';
    return true;
}

static enum order_error hash_postscript(const struct engine *engine, const char *id,
                                        const char *postscript, char out[DIGEST_HEX_SIZE]) {
    char text[ID_SIZE + 80];
    snprintf(text, sizeof text, "%s %.64s", id, postscript);
    return vault_hash(engine->vault, "postscript", text, out);
}

/* What runs of the party's checks is void. */
static enum order_error expire(struct db *db, const struct order *order, const char *party) {
    return order_error_of(db_run(db, NULL,
                                 "UPDATE verifications SET state = 'EXPIRED' WHERE order_id = $1 "
                                 "AND role = $2 AND state = 'PENDING'",
                                 "tt", order->id, party));
}

/* The check is stored before anybody is asked, so that a crash in between leaves a check to ask again about, never an answer to nothing. */
static enum order_error store(const struct engine *engine, struct db *db, const struct order *order,
                              const json_t *fields, const struct verification *verification) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = expire(db, order, verification->party);
    }
    if (error == ORDER_OK) {
        error = insert(engine, db, order, fields, verification);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* R069: the page's address by SMS. */
static enum order_error send_link(const struct engine *engine, struct db *db, const char *phone,
                                  const char *url) {
    char body[512];
    text_fill(TEXT_SMS_FACE, LANGUAGE_ZH, "url", url, body, sizeof body);
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = message_put(engine, db, phone, NULL, body);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

struct beginning {
    const struct method_row *method;
    enum party party;
    struct order order;
    struct subject_record subject;
    struct verification verification;
    char url[IDENTITY_URL_SIZE];
};

static enum order_error ask(const struct engine *engine, struct db *db, struct beginning *work,
                            const json_t *fields, const char *postscript, bool link) {
    const struct identity_provider *provider = engine->identity;
    struct identity_person person = person_of(work->party, &work->subject, fields);
    struct identity_answer answer = {.result = IDENTITY_WAITS};
    const char *id = work->verification.id;
    int64_t now_ms = engine_now_ms(engine);
    bool asked = false;
    switch (work->method->method) {
    case METHOD_PHONE:
    case METHOD_BANK_CARD:
        asked = provider->check(provider->context, db, work->method->method, &person, &answer);
        break;
    case METHOD_TRANSFER:
        asked = provider->transfer(provider->context, db, id, &person, postscript, now_ms, &answer);
        break;
    case METHOD_FACE:
        asked = provider->face_begin(provider->context, db, id, &person, now_ms, work->url);
        break;
    }
    if (!asked) {
        return ORDER_PROVIDER_FAILED;
    }
    if (answer.result != IDENTITY_WAITS) {
        return settle_in_transaction(engine, db, &work->order, &work->verification, &answer);
    }
    enum order_error error = ORDER_OK;
    if (link && work->url[0] != '\0') {
        error = send_link(engine, db, person.phone, work->url);
        work->url[0] = '\0'; /* whoever asks does not get the link that goes to the phone */
    }
    return error;
}

static enum order_error prepare(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, const char *method,
                                struct beginning *work) {
    memset(work, 0, sizeof *work);
    enum order_error error = caller_may_change(caller);
    if (error == ORDER_OK) {
        error = order_of_caller(db, caller, number, &work->order);
    }
    if (error == ORDER_OK) {
        work->party = next_party(&work->order);
        work->method = method_named(method);
        error = work->party == PARTY_COUNT ? ORDER_WRONG_STATE
                : work->method == NULL ||
                        (engine->profile->methods[work->party] & work->method->method) == 0
                    ? ORDER_METHOD_NOT_OFFERED
                    : ORDER_OK;
    }
    return error == ORDER_OK ? registry_subject(engine, db, work->order.subject, &work->subject)
                             : error;
}

enum order_error verification_begin(const struct engine *engine, struct db *db,
                                    const struct caller *caller, const char *number,
                                    const char *method, const json_t *fields, bool link,
                                    json_t **out, json_t *extra) {
    struct beginning work;
    char postscript[7] = "";
    *out = NULL;
    enum order_error error = prepare(engine, db, caller, number, method, &work);
    if (error == ORDER_OK) {
        error = check_fields(work.method, work.party, fields, caller->language, extra);
    }
    if (error != ORDER_OK) {
        return error;
    }
    struct verification *made = &work.verification;
    bool slow = work.method->method == METHOD_TRANSFER;
    snprintf(made->party, sizeof made->party, "%s", parties[work.party].name);
    snprintf(made->method, sizeof made->method, "%s", work.method->name);
    snprintf(made->state, sizeof made->state, "PENDING");
    made->expires_ms =
        engine_now_ms(engine) + (int64_t)(slow ? TRANSFER_SECONDS : VERIFICATION_SECONDS) * 1000;
    if (!identifier_random(made->id) || (slow && !draw_postscript(postscript))) {
        return ORDER_INTERNAL;
    }
    if (slow) {
        error = hash_postscript(engine, made->id, postscript, made->secret);
    }
    if (error == ORDER_OK) {
        error = store(engine, db, &work.order, fields, made);
    }
    if (error == ORDER_OK) {
        error = ask(engine, db, &work, fields, postscript, link);
    }
    OPENSSL_cleanse(postscript, sizeof postscript);
    if (error == ORDER_OK) {
        *out = view(made, work.url);
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    return error;
}

/* ---- afterwards ---- */

/* Is an entry that says who the party is, and that was there, another one now? */
static bool is_another(const struct party_row *party, const json_t *before, const json_t *after) {
    bool another = false;
    for (size_t i = 0; i < FIELDS_MAX && party->identity[i] != NULL; i++) {
        const char *was = form_text(before, party->identity[i]);
        another =
            another || (was[0] != '\0' && strcmp(was, form_text(after, party->identity[i])) != 0);
    }
    return another;
}

enum order_error verification_reopen(struct db *db, struct order *order, const json_t *before,
                                     const json_t *after, unsigned *reopened) {
    enum order_error error = ORDER_OK;
    *reopened = 0;
    for (unsigned i = 0; i < PARTY_COUNT && error == ORDER_OK; i++) {
        if (!is_another(&parties[i], before, after)) {
            continue;
        }
        error = expire(db, order, parties[i].name);
        for (size_t g = 0; g < order->gate_count; g++) {
            bool done = order->gates[g].status == GATE_DONE;
            *reopened |=
                done && order->gates[g].gate == parties[i].gate ? GATES(parties[i].gate) : 0;
        }
    }
    return error == ORDER_OK ? transition_reopen(db, order, *reopened) : error;
}

/* What has waited too long is over. */
static void judge_age(const struct engine *engine, struct verification *verification) {
    if (strcmp(verification->state, "PENDING") == 0 &&
        verification->expires_ms <= engine_now_ms(engine)) {
        snprintf(verification->state, sizeof verification->state, "EXPIRED");
    }
}

enum order_error verification_look(const struct engine *engine, struct db *db,
                                   const struct caller *caller, const char *number, const char *id,
                                   json_t **out) {
    struct order order;
    struct verification verification;
    struct identity_answer answer;
    const struct identity_provider *provider = engine->identity;
    *out = NULL;
    enum order_error error = order_of_caller(db, caller, number, &order);
    if (error == ORDER_OK) {
        error = load(db, &order, id, &verification);
    }
    if (error == ORDER_OK) {
        judge_age(engine, &verification);
    }
    if (error == ORDER_OK && strcmp(verification.state, "PENDING") == 0 &&
        strcmp(verification.method, "FACE") == 0 &&
        provider->face_ask(provider->context, db, id, &answer) && answer.result != IDENTITY_WAITS) {
        error = settle_in_transaction(engine, db, &order, &verification, &answer);
        if (error == ORDER_CONFLICT || error == ORDER_WRONG_STATE) {
            error = load(db, &order, id, &verification); /* another request was first */
        }
    }
    if (error == ORDER_OK) {
        *out = view(&verification, NULL);
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    return error;
}

/* Each try counts, whatever comes of it. */
static enum order_error count_try(struct db *db, const char *id) {
    int64_t changed = 0;
    enum order_error error = order_error_of(
        db_run(db, &changed,
               "UPDATE verifications SET tries = tries + 1 WHERE id = $1 AND state = 'PENDING' AND "
               "tries < $2",
               "ti", id, (int64_t)POSTSCRIPT_TRIES));
    return error == ORDER_OK && changed != 1 ? ORDER_WRONG_STATE : error;
}

enum order_error verification_answer(const struct engine *engine, struct db *db,
                                     const struct caller *caller, const char *number,
                                     const char *id, const char *postscript, json_t **out) {
    struct order order;
    struct verification verification;
    char hash[DIGEST_HEX_SIZE];
    *out = NULL;
    enum order_error error = caller_may_change(caller);
    if (error == ORDER_OK) {
        error = order_of_caller(db, caller, number, &order);
    }
    if (error == ORDER_OK) {
        error = load(db, &order, id, &verification);
    }
    if (error == ORDER_OK) {
        judge_age(engine, &verification);
        error = strcmp(verification.state, "PENDING") == 0 && verification.secret[0] != '\0'
                    ? count_try(db, id)
                    : ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = hash_postscript(engine, id, postscript, hash);
    }
    if (error != ORDER_OK) {
        return error;
    }
    bool right = CRYPTO_memcmp(hash, verification.secret, DIGEST_HEX_SIZE - 1) == 0;
    bool last = verification.tries + 1 >= POSTSCRIPT_TRIES;
    struct identity_answer answer = {.result = right ? IDENTITY_AGREES : IDENTITY_DIFFERS};
    snprintf(answer.reference, sizeof answer.reference, "transfer-%.32s", id);
    snprintf(answer.wrong, sizeof answer.wrong, "%s", right ? "" : "postscript");
    if (right || last) {
        error = settle_in_transaction(engine, db, &order, &verification, &answer);
    }
    if (error == ORDER_OK && !right) {
        error = ORDER_CODE_WRONG;
    }
    if (error == ORDER_OK) {
        *out = view(&verification, NULL);
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    return error;
}
