/* Applications up to their payment, as the applicant makes them. */
#include "tests/unit/orderd/property/act_parts.h"

#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/material.h"
#include "tools/orderd/engine/statement.h"
#include "tools/orderd/engine/verification.h"

#include <stdlib.h>
#include <string.h>

/* ---- creating ---- */

struct newcomer {
    const char *type, *name, *credential_type, *number;
};
static const struct newcomer newcomers[] = {
    {"ORG", "丁公司", "USCC", "91430000MA4L16JQ9D"},
    {"PERSON", "王五", "ID", "430102199001010015"},
    {"ORG", "甲公司", "USCC", "91430000MA4L16JQ9B"},   /* has a certificate */
    {"ORG", "另一名称", "USCC", "91430000MA4L16JQ9B"}, /* is registered otherwise */
};

void choose_create(struct world *world, struct dice *dice, const struct order *order, bool wild,
                   struct request *request) {
    static const enum who callers[] = {ANNA, ANNA, KEY_1, KEY_2, KEY_3, BERT};
    const struct profile *profile = world->engine->profile;
    (void)order;
    request->kind = profile->flows[dice_roll(dice, (uint32_t)profile->flow_count)].kind;
    if (wrong(dice, wild, 8)) {
        request->kind = (enum order_kind)dice_roll(dice, KIND_COUNT);
    }
    request->by = &world->people[callers[dice_roll(dice, 6)]];
    if (request->kind == KIND_NEW) {
        request->by = &world->people[dice_roll(dice, 3) == 0 ? BERT : ANNA];
    }
    if (wrong(dice, wild, 6)) {
        request->by = &world->people[dice_roll(dice, PEOPLE)];
    }
    request->variant = wild ? dice_roll(dice, 4) : dice_roll(dice, 2);
    request->seed = dice_roll(dice, UINT32_MAX);
    /* the key of the request; sometimes one that came before, with whatever it was then */
    snprintf(request->a, sizeof request->a, "create-%u",
             wrong(dice, wild, 4) ? request->seed % 4 : request->seed);
    /* about a certificate that the caller has */
    const struct session *session = &request->by->caller.session;
    const char *sql =
        session->kind == SESSION_ACCOUNT
            ? "SELECT c.sha256 FROM certificates c JOIN account_subjects l ON l.subject = "
              "c.subject WHERE l.account = $1 AND c.usage = 'SIGN' AND c.sha256 IS NOT NULL ORDER "
              "BY c.created DESC, c.serial"
            : "SELECT sha256 FROM certificates WHERE id = $1";
    struct db_rows *rows = NULL;
    uint32_t skip = dice_roll(dice, 3);
    const char *one = session->kind == SESSION_ACCOUNT ? session->account : session->certificate;
    if (db_query(world->db, &rows, sql, "t", one) == DB_OK) {
        while (db_next(rows) == DB_OK) {
            snprintf(request->b, sizeof request->b, "%s", db_text(rows, 0));
            if (skip-- == 0) {
                break;
            }
        }
    }
    db_end(rows);
    if (wrong(dice, wild, 10)) {
        world_text(world, request->b, sizeof request->b,
                   "SELECT sha256 FROM certificates WHERE usage = 'ENC' AND sha256 IS NOT NULL",
                   NULL);
    }
}

enum order_error send_create(struct world *world, struct request *request) {
    const struct newcomer *newcomer = &newcomers[request->variant];
    struct subject_record subject;
    json_t *out = NULL;
    json_t *extra = json_object();
    memset(&subject, 0, sizeof subject);
    snprintf(subject.type, sizeof subject.type, "%s", newcomer->type);
    snprintf(subject.name, sizeof subject.name, "%s", newcomer->name);
    snprintf(subject.credential_type, sizeof subject.credential_type, "%s",
             newcomer->credential_type);
    snprintf(subject.credential_no, sizeof subject.credential_no, "%s", newcomer->number);
    bool is_new = request->kind == KIND_NEW;
    struct application application = {
        .kind = request->kind,
        .certificate = is_new ? NULL : request->b,
        .subject = is_new ? &subject : NULL,
    };
    json_t *body = json_pack("{s:s,s:s,s:i}", "kind", kind_name(request->kind), "certificate",
                             request->b, "who", (int)request->variant);
    const struct session *session = &caller_of(request)->session;
    struct idempotency key = {session->account[0] != '\0' ? session->account : session->subject,
                              request->a, body};
    enum order_error error = application_create(world->engine, world->db, caller_of(request),
                                                &application, &key, &out, extra);
    if (error == ORDER_OK) {
        snprintf(request->number, sizeof request->number, "%s",
                 json_string_value(json_object_get(out, "no")));
    }
    json_decref(out);
    json_decref(extra);
    json_decref(body);
    return error;
}

/* ---- the form ---- */

static const char *const entries[][2] = {
    {"handlerName", "李四"},
    {"handlerPhone", "13800138000"},
    {"handlerEmail", "lisi@example.cn"},
    {"handlerIdType", "ID"},
    {"handlerIdNumber", "11010519491231002X"},
    {"legalName", "赵六"},
    {"legalIdNumber", "11010519491231002X"},
    {"legalPhone", "13900139000"},
    {"phone", "13800138000"},
    {"bankCard", "6222020000111122"},
    {"bankName", "某银行"},
    {"bankAccount", "6222000011112222"},
    {"newName", "改名公司"},
    {"userName", "ceshi01"},
    {"securityQuestion", "何时？"},
    {"securityAnswer", "blue whale seventy"},
    {"product", "某产品"},
    {"reason", "LOST"},
    {"sealType", "ORGANIZATION"},
    {"delivery", "COURIER"},
    {"recipientName", "李四"},
    {"recipientPhone", "13800138000"},
    {"recipientRegion", "湖南省长沙市"},
    {"recipientAddress", "某路 1 号"},
    {"invoiceTitle", "甲公司"},
    {"invoiceTaxNumber", "91430000MA4L16JQ9B"},
    {"invoiceEmail", "fp@example.cn"},
    {"invoicePhone", "13800138000"},
};

static const char *entry(const char *name) {
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        if (strcmp(entries[i][0], name) == 0) {
            return entries[i][1];
        }
    }
    return NULL;
}

static json_t *good_value(const json_t *item, struct dice *dice) {
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *type = json_string_value(json_object_get(item, "type"));
    if (strcmp(type, "tick") == 0) {
        return json_true();
    }
    if (strcmp(type, "years") == 0) {
        json_t *terms = json_object_get(item, "terms");
        size_t which = dice_roll(dice, (uint32_t)json_array_size(terms));
        return json_incref(json_object_get(json_array_get(terms, which), "years"));
    }
    if (strcmp(name, "reason") == 0 && dice_roll(dice, 2) == 0) {
        return json_string("DAMAGED");
    }
    if (strcmp(name, "delivery") == 0 && dice_roll(dice, 3) == 0) {
        return json_string("PICKUP");
    }
    return entry(name) != NULL ? json_string(entry(name)) : NULL;
}

enum fill { FILL_OPEN, FILL_ONE, FILL_BAD, FILL_NULL, FILL_UNKNOWN, FILL_ALL, FILLS };

void choose_edit(struct world *world, struct dice *dice, const struct order *order, bool wild,
                 struct request *request) {
    aim(world, dice, order, wild, request);
    request->variant = wild ? dice_roll(dice, FILLS) : FILL_OPEN;
}

static enum subject_type type_of(struct world *world, const struct order *order) {
    struct subject_record subject;
    enum order_error error = registry_subject(world->engine, world->db, order->subject, &subject);
    return error == ORDER_OK ? subject_type_of(subject.type) : SUBJECT_ORG;
}

static bool gate_is_open(const struct order *order, const char *name) {
    for (size_t i = 0; i < order->gate_count; i++) {
        if (strcmp(gate_name(order->gates[i].gate), name) == 0) {
            return order->gates[i].status == GATE_OPEN;
        }
    }
    return false;
}

static json_t *patch_of(struct world *world, const struct request *request,
                        const struct order *order) {
    struct dice dice = {request->seed};
    json_t *patch = json_object();
    json_t *fields = form_fields(world->engine, order, type_of(world, order));
    size_t count = json_array_size(fields);
    size_t only = count > 0 ? dice_roll(&dice, (uint32_t)count) : 0;
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(fields, i, item) {
        const char *name = json_string_value(json_object_get(item, "name"));
        const char *gate = json_string_value(json_object_get(item, "gate"));
        json_t *value = good_value(item, &dice);
        bool wanted = request->variant == FILL_OPEN  ? gate_is_open(order, gate)
                      : request->variant == FILL_ALL ? true
                                                     : i == only;
        if (wanted && value != NULL && request->variant == FILL_BAD) {
            json_object_set_new(patch, name, json_string(" "));
        } else if (wanted && request->variant == FILL_NULL) {
            json_object_set_new(patch, name, json_null());
        } else if (wanted && value != NULL) {
            json_object_set(patch, name, value);
        }
        json_decref(value);
    }
    if (request->variant == FILL_UNKNOWN) {
        json_object_set_new(patch, "shoeSize", json_string("44"));
    }
    json_decref(fields);
    return patch;
}

enum order_error send_edit(struct world *world, struct request *request) {
    struct order order;
    json_t *extra = json_object();
    enum order_error error = order_load(world->db, request->number, &order);
    json_t *patch = error == ORDER_OK ? patch_of(world, request, &order) : json_object();
    error = application_edit(world->engine, world->db, caller_of(request), request->number,
                             request->version, patch, &order, extra);
    json_decref(patch);
    json_decref(extra);
    return error;
}

void choose_submit(struct world *world, struct dice *dice, const struct order *order, bool wild,
                   struct request *request) {
    aim(world, dice, order, wild, request);
}

enum order_error send_submit(struct world *world, struct request *request) {
    struct order order;
    json_t *extra = json_object();
    enum order_error error = application_submit(world->engine, world->db, caller_of(request),
                                                request->number, request->version, &order, extra);
    json_decref(extra);
    return error;
}

void choose_cancel(struct world *world, struct dice *dice, const struct order *order, bool wild,
                   struct request *request) {
    aim(world, dice, order, wild, request);
}

enum order_error send_cancel(struct world *world, struct request *request) {
    struct order order;
    return application_cancel(world->engine, world->db, caller_of(request), request->number,
                              request->version, &order);
}

/* ---- checks of identity ---- */

void choose_verify(struct world *world, struct dice *dice, const struct order *order, bool wild,
                   struct request *request) {
    static const char *const methods[] = {"TRANSFER", "PHONE", "BANK_CARD", "FACE"};
    json_t *ways = NULL;
    aim(world, dice, order, wild, request);
    request->variant = wrong(dice, wild, 3) ? 1 + dice_roll(dice, 2) : 0;
    snprintf(request->a, sizeof request->a, "%s", methods[dice_roll(dice, 4)]);
    if (!wild || dice_roll(dice, 4) != 0) {
        (void)verification_ways(world->engine, world->db, caller_of(request), order->number, &ways);
        json_t *list = json_object_get(ways, "methods");
        if (json_array_size(list) > 0) {
            json_t *way = json_array_get(list, dice_roll(dice, (uint32_t)json_array_size(list)));
            snprintf(request->a, sizeof request->a, "%s",
                     json_string_value(json_object_get(way, "method")));
        }
    }
    json_decref(ways);
}

/* The fields that the method asks of the party; variant 1: one does not agree, 2: one is missing. */
static json_t *check_fields(struct world *world, struct request *request) {
    static const char *const off[][2] = {{"bankAccount", "6222000000000000"},
                                         {"legalPhone", "13900130000"},
                                         {"handlerPhone", "13900130000"},
                                         {"phone", "13900130000"},
                                         {"bankCard", "6222020000110000"}};
    json_t *ways = NULL;
    json_t *fields = json_object();
    size_t i = 0;
    size_t f = 0;
    json_t *way = NULL;
    json_t *field = NULL;
    (void)verification_ways(world->engine, world->db, caller_of(request), request->number, &ways);
    json_array_foreach(json_object_get(ways, "methods"), i, way) {
        if (strcmp(json_string_value(json_object_get(way, "method")), request->a) == 0) {
            json_array_foreach(json_object_get(way, "fields"), f, field) {
                const char *name = json_string_value(field);
                json_object_set_new(fields, name, json_string(entry(name)));
            }
        }
    }
    for (size_t o = 0; o < sizeof off / sizeof off[0]; o++) {
        if (json_object_get(fields, off[o][0]) != NULL && request->variant == 1) {
            json_object_set_new(fields, off[o][0], json_string(off[o][1]));
        } else if (request->variant == 2) {
            json_object_del(fields, off[o][0]);
        }
    }
    json_decref(ways);
    return fields;
}

enum order_error send_verify(struct world *world, struct request *request) {
    json_t *out = NULL;
    json_t *extra = json_object();
    json_t *fields = check_fields(world, request);
    enum order_error error =
        verification_begin(world->engine, world->db, caller_of(request), request->number,
                           request->a, fields, request->seed % 2 == 0, &out, extra);
    json_decref(fields);
    json_decref(out);
    json_decref(extra);
    return error;
}

/* The newest check of the order. */
static void choose_check(struct world *world, struct dice *dice, const struct order *order,
                         bool wild, struct request *request) {
    aim(world, dice, order, wild, request);
    world_text(world, request->a, sizeof request->a,
               wrong(dice, wild, 5)
                   ? "SELECT id FROM verifications WHERE order_id = $1 ORDER BY created, id LIMIT 1"
                   : "SELECT id FROM verifications WHERE order_id = $1 ORDER BY created DESC, id "
                     "LIMIT 1",
               order->id);
}

void choose_face(struct world *world, struct dice *dice, const struct order *order, bool wild,
                 struct request *request) {
    choose_check(world, dice, order, wild, request);
    request->variant = wrong(dice, wild, 3) ? 1 : 0;
}

enum order_error send_face(struct world *world, struct request *request) {
    return identity_sim_face(world->db, request->a, request->variant == 0) ? ORDER_OK
                                                                           : ORDER_NOT_FOUND;
}

void choose_look(struct world *world, struct dice *dice, const struct order *order, bool wild,
                 struct request *request) {
    choose_check(world, dice, order, wild, request);
}

enum order_error send_look(struct world *world, struct request *request) {
    json_t *out = NULL;
    enum order_error error = verification_look(world->engine, world->db, caller_of(request),
                                               request->number, request->a, &out);
    json_decref(out);
    return error;
}

void choose_answer(struct world *world, struct dice *dice, const struct order *order, bool wild,
                   struct request *request) {
    choose_check(world, dice, order, wild, request);
    world_text(world, request->b, sizeof request->b,
               "SELECT postscript FROM sim_transfers WHERE id = $1", request->a);
    if (wrong(dice, wild, 3)) {
        snprintf(request->b, sizeof request->b, "WRONG7");
    }
}

enum order_error send_answer(struct world *world, struct request *request) {
    json_t *out = NULL;
    enum order_error error = verification_answer(world->engine, world->db, caller_of(request),
                                                 request->number, request->a, request->b, &out);
    json_decref(out);
    return error;
}

/* ---- documents ---- */

void choose_document(struct world *world, struct dice *dice, const struct order *order, bool wild,
                     struct request *request) {
    static const char *const files[] = {"", "B broken", "G old", "J other"};
    const struct profile *profile = world->engine->profile;
    aim(world, dice, order, wild, request);
    snprintf(request->b, sizeof request->b, "J%u", request->seed % 3);
    if (wrong(dice, wild, 3)) {
        snprintf(request->b, sizeof request->b, "%s", files[dice_roll(dice, 4)]);
    }
    enum subject_type type = type_of(world, order);
    size_t count = 0;
    for (size_t i = 0; i < profile->document_count; i++) {
        const struct document_rule *rule = &profile->documents[i];
        if ((rule->kinds & KINDS(order->kind)) == 0 || (rule->subjects & type) == 0) {
            continue;
        }
        char there[8];
        char sql[160];
        snprintf(sql, sizeof sql, "SELECT '1' FROM documents WHERE order_id = $1 AND type = '%s'",
                 rule->type);
        bool missing = !world_text(world, there, sizeof there, sql, order->id);
        if (!wild && rule->required && missing) {
            snprintf(request->a, sizeof request->a, "%s", rule->type);
            return;
        }
        if (dice_roll(dice, (uint32_t)++count) == 0) {
            snprintf(request->a, sizeof request->a, "%s", rule->type);
        }
    }
}

enum order_error send_document(struct world *world, struct request *request) {
    struct order order;
    json_t *extra = json_object();
    enum order_error error =
        material_put(world->engine, world->db, caller_of(request), request->number,
                     request->version, request->a, request->b, strlen(request->b), &order, extra);
    json_decref(extra);
    return error;
}

void choose_delete_document(struct world *world, struct dice *dice, const struct order *order,
                            bool wild, struct request *request) {
    aim(world, dice, order, wild, request);
    world_text(world, request->a, sizeof request->a,
               "SELECT type FROM documents WHERE order_id = $1 ORDER BY sha256, type", order->id);
}

enum order_error send_delete_document(struct world *world, struct request *request) {
    struct order order;
    return material_delete(world->engine, world->db, caller_of(request), request->number,
                           request->version, request->a, &order);
}

void choose_materials(struct world *world, struct dice *dice, const struct order *order, bool wild,
                      struct request *request) {
    aim(world, dice, order, wild, request);
}

enum order_error send_materials(struct world *world, struct request *request) {
    struct order order;
    json_t *extra = json_object();
    enum order_error error = material_done(world->engine, world->db, caller_of(request),
                                           request->number, request->version, &order, extra);
    json_decref(extra);
    return error;
}

/* ---- confirming ---- */

void choose_send_code(struct world *world, struct dice *dice, const struct order *order, bool wild,
                      struct request *request) {
    aim(world, dice, order, wild, request);
}

enum order_error send_send_code(struct world *world, struct request *request) {
    char phone[16];
    int64_t expires_ms = 0;
    return statement_send_code(world->engine, world->db, caller_of(request), request->number, NULL,
                               phone, &expires_ms, NULL);
}

/* The six digits of the newest code that the messenger carried. */
static void read_code(struct world *world, char out[128]) {
    char body[512];
    out[0] = '\0';
    world_text(
        world, body, sizeof body,
        "SELECT body FROM sim_deliveries WHERE medium = 'SMS' AND body LIKE '%验证码%' ORDER "
        "BY created DESC, id LIMIT 1",
        NULL);
    for (const char *at = body; *at != '\0'; at++) {
        if (strspn(at, "0123456789") == 6) {
            snprintf(out, 128, "%.6s", at);
            world_keep_secret(world, out);
            return;
        }
        at += strspn(at, "0123456789") > 6 ? strspn(at, "0123456789") - 1 : 0;
    }
}

void choose_confirm_code(struct world *world, struct dice *dice, const struct order *order,
                         bool wild, struct request *request) {
    aim(world, dice, order, wild, request);
    read_code(world, request->a);
    if (request->a[0] == '\0' || wrong(dice, wild, 3)) {
        snprintf(request->a, sizeof request->a, "%06u", dice_roll(dice, 1000000));
    }
}

enum order_error send_confirm_code(struct world *world, struct request *request) {
    struct order order;
    return statement_confirm_code(world->engine, world->db, caller_of(request), request->number,
                                  request->version, request->a, NULL, &order);
}

/* {"signer", "content"}: what the fakes take for SignedData. */
static void sign_object(struct world *world, const char *certificate, json_t *content,
                        char out[TEXT_MAX]) {
    char sha256[DIGEST_HEX_SIZE];
    world_text(world, sha256, sizeof sha256, "SELECT sha256 FROM certificates WHERE id = $1",
               certificate);
    json_t *object = json_pack("{s:s,s:O}", "signer", sha256, "content", content);
    char *text = json_dumps(object, JSON_COMPACT);
    snprintf(out, TEXT_MAX, "%s", text != NULL ? text : "");
    free(text);
    json_decref(object);
}

void choose_confirm_key(struct world *world, struct dice *dice, const struct order *order,
                        bool wild, struct request *request) {
    json_t *statement = NULL;
    aim(world, dice, order, wild, request);
    if (statement_make(world->engine, world->db, caller_of(request), order->number, &statement) !=
        ORDER_OK) {
        statement = json_object();
    }
    json_object_set_new(statement, "type", json_string("statement"));
    json_object_set_new(statement, "version", json_string("1"));
    json_object_set_new(
        statement, "origin",
        json_string(wrong(dice, wild, 8) ? "https://evil.test" : "https://portal.test"));
    if (wrong(dice, wild, 6)) {
        json_object_set_new(statement, "digest", json_string("00"));
    }
    sign_object(world, wrong(dice, wild, 6) ? "c2" : order->certificate, statement, request->b);
    json_decref(statement);
}

enum order_error send_confirm_key(struct world *world, struct request *request) {
    struct order order;
    struct octets signature = {(unsigned char *)request->b, strlen(request->b)};
    return statement_confirm(world->engine, world->db, caller_of(request), request->number,
                             request->version, &signature, NULL, &order);
}

void choose_confirm_answer(struct world *world, struct dice *dice, const struct order *order,
                           bool wild, struct request *request) {
    aim(world, dice, order, wild, request);
    snprintf(request->a, sizeof request->a, "%s",
             wrong(dice, wild, 2) ? "red whale" : entry("securityAnswer"));
}

enum order_error send_confirm_answer(struct world *world, struct request *request) {
    struct order order;
    json_t *extra = json_object();
    enum order_error error =
        statement_confirm_answer(world->engine, world->db, caller_of(request), request->number,
                                 request->version, request->a, NULL, &order, extra);
    json_decref(extra);
    return error;
}
