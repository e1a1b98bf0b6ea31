/* /v1/eligibility and /v1/orders: from the question to the signed confirmation. */
#include "agent/http/json.h"
#include "module/formats/gm_cms.h"
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/download.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/statement.h"
#include "tools/orderd/engine/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 50 };

static void eligibility(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *certificate = call_text(&call, "certificate", DIGEST_HEX_SIZE - 1);
    enum order_error error = certificate == NULL
                                 ? ORDER_BAD_REQUEST
                                 : application_eligibility(&call.service->engine, call.db,
                                                           &call.caller, certificate, &body);
    call_end(&call, error, 200, body);
}

/* Who a NEW order is for: {type, name, credentialType, credentialNo}, as on the credential (R031). */
static enum order_error read_subject(struct call *call, struct subject_record *out) {
    static const char *const members[] = {"type", "name", "credentialType", "credentialNo", NULL};
    const json_t *object = json_object_get(http_request_json(call->request), "subject");
    const char *type = json_member_string(object, "type", sizeof out->type - 1);
    const char *name = json_member_string(object, "name", sizeof out->name - 1);
    const char *kind =
        json_member_string(object, "credentialType", sizeof out->credential_type - 1);
    const char *number = json_member_string(object, "credentialNo", sizeof out->credential_no - 1);
    memset(out, 0, sizeof *out);
    if (type == NULL || name == NULL || kind == NULL || number == NULL ||
        !json_members_are(object, members, NULL)) {
        return ORDER_BAD_REQUEST;
    }
    json_t *errors = json_array();
    bool org = strcmp(type, "ORG") == 0;
    if (!org && strcmp(type, "PERSON") != 0) {
        field_refuse(errors, "subject.type", TEXT_FIELD_UNKNOWN, call->caller.language);
    }
    if (!name_is_valid(name)) {
        field_refuse(errors, "subject.name", TEXT_FIELD_NAME, call->caller.language);
    }
    if (!credential_is_valid(org, kind, number)) {
        field_refuse(errors, "subject.credentialNo", TEXT_FIELD_CREDENTIAL, call->caller.language);
    }
    snprintf(out->type, sizeof out->type, "%s", type);
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(out->credential_type, sizeof out->credential_type, "%s", kind);
    snprintf(out->credential_no, sizeof out->credential_no, "%s", number);
    if (json_array_size(errors) > 0) {
        json_object_set_new(call->extra, "errors", errors);
        return ORDER_FIELDS_INVALID;
    }
    json_decref(errors);
    return ORDER_OK;
}

static void tell_place(struct http_request *request, const json_t *order) {
    char header[64];
    snprintf(header, sizeof header, "/v1/orders/%s",
             json_string_value(json_object_get(order, "no")));
    http_response_header(request, "Location", header);
    snprintf(header, sizeof header, "\"%" JSON_INTEGER_FORMAT "\"",
             json_integer_value(json_object_get(order, "version")));
    http_response_header(request, "ETag", header);
}

static void create(struct http_request *request) {
    static const char *const members[] = {"kind", "certificate", "subject", "source", NULL};
    struct call call;
    struct subject_record subject;
    const char *key = NULL;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = call_idempotency_key(&call, &key);
    const char *kind = call_text(&call, "kind", 32);
    struct application application = {
        .kind = kind != NULL ? kind_of(kind) : KIND_COUNT,
        .certificate = call_text(&call, "certificate", DIGEST_HEX_SIZE - 1),
        .source = call_text(&call, "source", PUBLIC_NUMBER_SIZE - 1),
    };
    bool is_new = application.kind == KIND_NEW;
    if (error == ORDER_OK && (kind == NULL || !call_members_are(&call, members) ||
                              (!is_new && application.certificate == NULL))) {
        error = ORDER_BAD_REQUEST;
    }
    if (error == ORDER_OK && application.kind == KIND_COUNT) {
        error = ORDER_KIND_UNKNOWN;
    }
    if (error == ORDER_OK && is_new) {
        error = read_subject(&call, &subject);
        application.subject = &subject;
    }
    if (error == ORDER_OK) {
        const struct session *session = &call.caller.session;
        const char *account =
            session->kind == SESSION_ACCOUNT ? session->account : session->subject;
        struct idempotency what = {account, key, http_request_json(request)};
        error = application_create(&call.service->engine, call.db, &call.caller, &application,
                                   &what, &body, call.extra);
    }
    if (error == ORDER_OK) {
        tell_place(request, body);
    }
    call_end(&call, error, 201, body);
}

/* Where a list goes on: "CREATED_NUMBER" of the last order of the page before. */
static bool read_cursor(const char *text, int64_t *created, const char **number) {
    char *end = NULL;
    *created = INT64_MAX;
    *number = "";
    if (text == NULL) {
        return true;
    }
    errno = 0;
    *created = strtoll(text, &end, 10);
    *number = end != NULL && *end == '_' ? end + 1 : "";
    return errno == 0 && *created >= 0 && **number != '\0' && strlen(*number) < PUBLIC_NUMBER_SIZE;
}

/* One page of what the caller may see, the newest first. `open`: 1 unfinished, 0 finished, -1 both; the two are disjoint and together
 * are all (invariant 10). */
static enum order_error read_page(struct call *call, int64_t open, int64_t created,
                                  const char *number, char numbers[][PUBLIC_NUMBER_SIZE],
                                  size_t *count) {
    static const char sql[] =
        "SELECT public_no FROM orders WHERE (subject = $1 OR account = $2 OR ($3 = 1)) AND "
        "($4 = -1 OR is_open = $4) AND (created < $5 OR (created = $5 AND public_no < $6)) "
        "ORDER BY created DESC, public_no DESC LIMIT $7";
    const struct session *session = &call->caller.session;
    struct db_rows *rows = NULL;
    bool staff = session->kind == SESSION_ACCOUNT && session->role != ROLE_USER;
    *count = 0;
    enum db_result result = db_query(call->db, &rows, sql, "ttiiiti",
                                     session->subject[0] != '\0' ? session->subject : "-",
                                     session->account[0] != '\0' ? session->account : "-",
                                     (int64_t)staff, open, created, number, (int64_t)LIST_MAX + 1);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    while (*count <= LIST_MAX && (result = db_next(rows)) == DB_OK) {
        snprintf(numbers[(*count)++], PUBLIC_NUMBER_SIZE, "%s", db_text(rows, 0));
    }
    db_end(rows);
    return result == DB_DONE || result == DB_OK ? ORDER_OK : order_error_of(result);
}

static enum order_error list_orders(struct call *call, int64_t open, int64_t created,
                                    const char *number, json_t *body) {
    struct order order = {.created_ms = 0};
    char numbers[LIST_MAX + 1][PUBLIC_NUMBER_SIZE];
    char cursor[64];
    size_t count = 0;
    json_t *list = json_object_get(body, "orders");
    enum order_error error = read_page(call, open, created, number, numbers, &count);
    for (size_t i = 0; error == ORDER_OK && i < count && i < LIST_MAX; i++) {
        json_t *item = NULL;
        error = order_load(call->db, numbers[i], &order);
        if (error == ORDER_OK) {
            error =
                view_order(&call->service->engine, call->db, &order, call->caller.language, &item);
        }
        if (error == ORDER_OK && json_array_append_new(list, item) != 0) {
            error = ORDER_INTERNAL;
        }
    }
    if (error == ORDER_OK && count > LIST_MAX) {
        snprintf(cursor, sizeof cursor, "%" PRId64 "_%s", order.created_ms, order.number);
        json_object_set_new(body, "next", json_string(cursor));
    }
    return error;
}

static void list(struct http_request *request) {
    struct call call;
    int64_t created = 0;
    const char *number = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *state = http_request_query_value(request, "state");
    json_t *body = json_pack("{s:[]}", "orders");
    int64_t open = state == NULL                ? -1
                   : strcmp(state, "open") == 0 ? 1
                   : strcmp(state, "done") == 0 ? 0
                                                : -2;
    enum order_error error =
        open != -2 && read_cursor(http_request_query_value(request, "cursor"), &created, &number)
            ? list_orders(&call, open, created, number, body)
            : ORDER_BAD_REQUEST;
    call_end(&call, error, 200, body);
}

static void show(struct http_request *request) {
    struct call call;
    struct order order;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error =
        order_of_caller(call.db, &call.caller, http_request_param(request, "no"), &order);
    call_end_order(&call, error, 200, &order);
}

static void edit(struct http_request *request) {
    struct call call;
    struct order order;
    int64_t version = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = call_version(&call, &version);
    if (error == ORDER_OK) {
        error = application_edit(&call.service->engine, call.db, &call.caller,
                                 http_request_param(request, "no"), version,
                                 http_request_json(request), &order, call.extra);
    }
    call_end_order(&call, error, 200, &order);
}

static void submit(struct http_request *request) {
    struct call call;
    struct order order;
    int64_t version = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = call_version(&call, &version);
    if (error == ORDER_OK) {
        error = application_submit(&call.service->engine, call.db, &call.caller,
                                   http_request_param(request, "no"), version, &order, call.extra);
    }
    call_end_order(&call, error, 200, &order);
}

static void cancel(struct http_request *request) {
    struct call call;
    struct order order;
    int64_t version = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = call_version(&call, &version);
    if (error == ORDER_OK) {
        error = application_cancel(&call.service->engine, call.db, &call.caller,
                                   http_request_param(request, "no"), version, &order);
    }
    call_end_order(&call, error, 200, &order);
}

static void statement(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = statement_make(&call.service->engine, call.db, &call.caller,
                                            http_request_param(request, "no"), &body);
    call_end(&call, error, 200, body);
}

/* R120: a code to the handler's phone. */
static void send_confirm_code(struct http_request *request) {
    struct call call;
    char phone[16];
    int64_t expires_ms = 0;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = statement_send_code(
        &call.service->engine, call.db, &call.caller, http_request_param(request, "no"),
        http_request_peer_address(request), phone, &expires_ms);
    if (error == ORDER_OK) {
        worker_wake(call.service->worker);
        body = json_pack("{s:s,s:o}", "phone", phone, "expires", view_time(expires_ms / 1000));
    }
    call_end(&call, error, 202, body);
}

/* One of {signature}, {code}, {answer}; code and answer with {agree: true} (R121). */
static enum order_error confirm_by(struct call *call, int64_t version, struct order *order) {
    const struct engine *engine = &call->service->engine;
    const json_t *body = http_request_json(call->request);
    const char *number = http_request_param(call->request, "no");
    const char *address = http_request_peer_address(call->request);
    const char *code = call_text(call, "code", 16);
    const char *answer = call_text(call, "answer", 800);
    if (json_object_get(body, "signature") != NULL) {
        struct octets signature = {NULL, 0};
        enum order_error error = call_bytes(call, "signature", GM_CMS_MAX, &signature);
        if (error == ORDER_OK) {
            error = statement_confirm(engine, call->db, &call->caller, number, version, &signature,
                                      address, order);
        }
        octets_free(&signature);
        return error;
    }
    if (!json_is_true(json_object_get(body, "agree"))) {
        return ORDER_BAD_REQUEST;
    }
    if (code != NULL) {
        return statement_confirm_code(engine, call->db, &call->caller, number, version, code,
                                      address, order);
    }
    return answer != NULL ? statement_confirm_answer(engine, call->db, &call->caller, number,
                                                     version, answer, address, order, call->extra)
                          : ORDER_BAD_REQUEST;
}

static void send_download_code(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    char email[64] = "";
    int64_t expires_ms = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = download_send_again(
        &call.service->engine, call.db, &call.caller, http_request_param(request, "no"),
        http_request_peer_address(request), email, &expires_ms);
    if (error == ORDER_OK) {
        worker_wake(call.service->worker);
        body = json_pack("{s:s,s:o}", "email", email, "expires", view_time(expires_ms / 1000));
    }
    call_end(&call, error, 202, body);
}

static void confirm(struct http_request *request) {
    struct call call;
    struct order order;
    int64_t version = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = call_version(&call, &version);
    if (error == ORDER_OK) {
        error = confirm_by(&call, version, &order);
    }
    call_end_order(&call, error, 200, &order);
}

const struct http_route api_order_routes[] = {
    {"POST", "/v1/eligibility", eligibility, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders", create, HTTP_BODY_JSON, 4096, 0},
    {"GET", "/v1/orders", list, HTTP_BODY_NONE, 0, 0},
    {"GET", "/v1/orders/{no}", show, HTTP_BODY_NONE, 0, 0},
    {"PATCH", "/v1/orders/{no}", edit, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:submit", submit, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:cancel", cancel, HTTP_BODY_JSON, 4096, 0},
    {"GET", "/v1/orders/{no}/statement", statement, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/orders/{no}/confirm-code", send_confirm_code, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/orders/{no}/download-code", send_download_code, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/orders/{no}:confirm", confirm, HTTP_BODY_JSON, SIGNED_BODY_MAX, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
