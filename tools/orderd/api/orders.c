/* /v1/eligibility and /v1/orders: from the question to the signed confirmation. */
#include "agent/http/json.h"
#include "module/formats/signed_data.h"
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/download.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/order_list.h"
#include "tools/orderd/engine/statement.h"
#include "tools/orderd/engine/view.h"

#include <stdio.h>
#include <string.h>

static enum order_error do_eligibility(struct call *call, json_t **out) {
    const char *certificate = call_text(call, "certificate", DIGEST_HEX_SIZE - 1);
    return certificate == NULL ? ORDER_BAD_REQUEST
                               : application_eligibility(&call->service->engine, call->db,
                                                         &call->caller, certificate, out);
}
CALL_HANDLER(eligibility, CALL_SESSION, 200)

/* "subject.name": what is wrong, and in which of the two. */
static void refuse_member(json_t *errors, const char *member, const char *name, enum text wrong,
                          enum language language) {
    char field[48];
    snprintf(field, sizeof field, "%s.%s", member, name);
    field_refuse(errors, field, wrong, language);
}

/* Who a NEW order is for: {type, name, credentialType, credentialNo}, as on the credential (R031). */
static enum order_error read_subject(struct call *call, const char *member,
                                     struct subject_record *out) {
    static const char *const members[] = {"type", "name", "credentialType", "credentialNo", NULL};
    const json_t *object = json_object_get(http_request_json(call->request), member);
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
        refuse_member(errors, member, "type", TEXT_FIELD_UNKNOWN, call->caller.language);
    }
    if (!name_is_valid(name)) {
        refuse_member(errors, member, "name", TEXT_FIELD_NAME, call->caller.language);
    }
    if (!credential_is_valid(org, kind, number)) {
        refuse_member(errors, member, "credentialNo", TEXT_FIELD_CREDENTIAL, call->caller.language);
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

static enum order_error do_create(struct call *call, json_t **out) {
    static const char *const members[] = {"kind",   "certificate", "subject", "source",
                                          "medium", "linked",      NULL};
    struct subject_record subject;
    struct subject_record linked;
    const char *key = NULL;
    enum order_error error = call_idempotency_key(call, &key);
    const char *kind = call_text(call, "kind", 32);
    struct application application = {
        .kind = kind != NULL ? kind_of(kind) : KIND_COUNT,
        .certificate = call_text(call, "certificate", DIGEST_HEX_SIZE - 1),
        .source = call_text(call, "source", PUBLIC_NUMBER_SIZE - 1),
    };
    bool is_new = application.kind == KIND_NEW;
    const char *medium = call_text(call, "medium", 8);
    application.medium = medium != NULL ? medium_of(medium) : MEDIUM_UKEY;
    if (json_object_get(http_request_json(call->request), "medium") != NULL &&
        (medium == NULL || application.medium == MEDIUM_COUNT)) {
        return ORDER_BAD_REQUEST;
    }
    if (error == ORDER_OK && (kind == NULL || !call_members_are(call, members) ||
                              (!is_new && application.certificate == NULL))) {
        error = ORDER_BAD_REQUEST;
    }
    if (error == ORDER_OK && application.kind == KIND_COUNT) {
        error = ORDER_KIND_UNKNOWN;
    }
    if (error == ORDER_OK && is_new) {
        error = read_subject(call, "subject", &subject);
        application.subject = &subject;
    }
    if (error == ORDER_OK && json_object_get(http_request_json(call->request), "linked") != NULL) {
        error = read_subject(call, "linked", &linked);
        application.linked = &linked;
    }
    if (error == ORDER_OK) {
        struct idempotency what = {call_owner(call), key, http_request_json(call->request)};
        error = application_create(&call->service->engine, call->db, &call->caller, &application,
                                   &what, out, call->extra);
    }
    if (error == ORDER_OK) {
        tell_place(call->request, *out);
    }
    return error;
}
CALL_HANDLER(create, CALL_SESSION, 201)

/* ---- lists ---- */

static enum order_error do_list(struct call *call, json_t **out) {
    struct http_request *request = call->request;
    struct order_filter filter = {
        .state = http_request_query_value(request, "state"),
        .status = http_request_query_value(request, "status"),
        .kind = http_request_query_value(request, "kind"),
        .type = http_request_query_value(request, "type"),
        .medium = http_request_query_value(request, "medium"),
        .name = http_request_query_value(request, "name"),
        .number = http_request_query_value(request, "number"),
        .project = http_request_query_value(request, "project"),
        .payment = http_request_query_value(request, "payment"),
        .channel = http_request_query_value(request, "channel"),
        .from = http_request_query_value(request, "from"),
        .to = http_request_query_value(request, "to"),
        .cursor = http_request_query_value(request, "cursor"),
    };
    return order_list(&call->service->engine, call->db, &call->caller, &filter, out);
}
CALL_HANDLER(list, CALL_LOOK, 200)

static void show(struct http_request *request) {
    struct call call;
    struct order order;
    if (!call_begin(&call, request, CALL_LOOK)) {
        return;
    }
    enum order_error error =
        order_of_caller(call.db, &call.caller, http_request_param(request, "no"), &order);
    call_end_order(&call, error, 200, &order);
}

/* ---- writes ---- */

static enum order_error do_edit(struct call *call, const char *number, int64_t version,
                                struct order *out) {
    return application_edit(&call->service->engine, call->db, &call->caller, number, version,
                            http_request_json(call->request), out, call->extra);
}

static enum order_error do_submit(struct call *call, const char *number, int64_t version,
                                  struct order *out) {
    return application_submit(&call->service->engine, call->db, &call->caller, number, version, out,
                              call->extra);
}

static enum order_error do_cancel(struct call *call, const char *number, int64_t version,
                                  struct order *out) {
    return application_cancel(&call->service->engine, call->db, &call->caller, number, version,
                              out);
}

CALL_WRITE_HANDLER(edit)
CALL_WRITE_HANDLER(submit)
CALL_WRITE_HANDLER(cancel)

/* ---- the confirmation ---- */

static enum order_error do_statement(struct call *call, json_t **out) {
    return statement_make(&call->service->engine, call->db, &call->caller, call_param(call, "no"),
                          out);
}

/* R120: a code to the handler's phone. */
static enum order_error do_send_confirm_code(struct call *call, json_t **out) {
    char phone[16];
    int64_t expires_ms = 0;
    enum order_error error = statement_send_code(
        &call->service->engine, call->db, &call->caller, call_param(call, "no"),
        http_request_peer_address(call->request), phone, &expires_ms, call->extra);
    if (error == ORDER_OK) {
        *out = json_pack("{s:s,s:o}", "phone", phone, "expires", view_time(expires_ms / 1000));
    }
    return error;
}

/* One of {signature}, {code}, {answer}; code and answer with {agree: true} (R121). */
static enum order_error do_confirm(struct call *call, const char *number, int64_t version,
                                   struct order *order) {
    const struct engine *engine = &call->service->engine;
    const json_t *body = http_request_json(call->request);
    const char *address = http_request_peer_address(call->request);
    const char *code = call_text(call, "code", 16);
    const char *answer = call_text(call, "answer", 800);
    if (json_object_get(body, "signature") != NULL) {
        struct octets signature = {NULL, 0};
        enum order_error error = call_bytes(call, "signature", SIGNED_DATA_MAX, &signature);
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

static enum order_error do_send_task_code(struct call *call, json_t **out) {
    char to[64] = "";
    int64_t expires_ms = 0;
    enum order_error error =
        download_send_again(&call->service->engine, call->db, &call->caller, call_param(call, "no"),
                            http_request_peer_address(call->request), to, &expires_ms, call->extra);
    if (error == ORDER_OK) {
        *out = json_pack("{s:s,s:o}", strchr(to, '@') != NULL ? "email" : "phone", to, "expires",
                         view_time(expires_ms / 1000));
    }
    return error;
}

CALL_HANDLER(statement, CALL_SESSION, 200)
CALL_HANDLER(send_confirm_code, CALL_SESSION, 202)
CALL_WRITE_HANDLER(confirm)
CALL_HANDLER(send_task_code, CALL_SESSION, 202)

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
    {"POST", "/v1/orders/{no}/download-code", send_task_code, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/orders/{no}:confirm", confirm, HTTP_BODY_JSON, SIGNED_BODY_MAX, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
