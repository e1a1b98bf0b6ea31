/* /v1/orders/{no}/documents, voucher, invoice: bytes that go in and out. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/invoice.h"
#include "tools/orderd/engine/material.h"
#include "tools/orderd/engine/review.h"

/* Strangers' files are never shown as pages of this origin. */
static void respond_file(struct call *call, enum order_error error, const char *mime,
                         struct octets *bytes) {
    if (error != ORDER_OK) {
        call_end(call, error, 0, NULL);
    } else {
        db_pool_give(call->service->pool, call->db);
        json_decref(call->extra);
        http_response_header(call->request, "Content-Security-Policy",
                             "default-src 'none'; sandbox");
        http_response_header(call->request, "Content-Disposition", "attachment");
        http_response_header(call->request, "X-Content-Type-Options", "nosniff");
        http_respond(call->request, 200, mime, (const char *)bytes->data, bytes->len);
    }
    octets_free(bytes);
}

static void list(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = material_list(&call.service->engine, call.db, &call.caller,
                                           http_request_param(request, "no"), &body);
    call_end(&call, error, 200, body);
}

static void put(struct http_request *request) {
    struct call call;
    struct order order;
    int64_t version = 0;
    size_t len = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *data = http_request_body(request, &len);
    enum order_error error = call_version(&call, &version);
    if (error == ORDER_OK) {
        error = material_put(&call.service->engine, call.db, &call.caller,
                             http_request_param(request, "no"), version,
                             http_request_param(request, "type"), data, len, &order, call.extra);
    }
    call_end_order(&call, error, 200, &order);
}

static void get(struct http_request *request) {
    struct call call;
    struct octets bytes = {NULL, 0};
    char mime[32] = "";
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = material_get(&call.service->engine, call.db, &call.caller,
                                          http_request_param(request, "no"),
                                          http_request_param(request, "type"), &bytes, mime);
    respond_file(&call, error, mime, &bytes);
}

static void delete (struct http_request *request) {
    struct call call;
    struct order order;
    int64_t version = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = call_version(&call, &version);
    if (error == ORDER_OK) {
        error = material_delete(&call.service->engine, call.db, &call.caller,
                                http_request_param(request, "no"), version,
                                http_request_param(request, "type"), &order);
    }
    call_end_order(&call, error, 200, &order);
}

static void done(struct http_request *request) {
    struct call call;
    struct order order;
    int64_t version = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = call_version(&call, &version);
    if (error == ORDER_OK) {
        error = material_done(&call.service->engine, call.db, &call.caller,
                              http_request_param(request, "no"), version, &order, call.extra);
    }
    call_end_order(&call, error, 200, &order);
}

/* ---- transfers ---- */

static void put_voucher(struct http_request *request) {
    struct call call;
    struct order order;
    int64_t version = 0;
    size_t len = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *data = http_request_body(request, &len);
    const char *payer = http_request_query_value(request, "payer");
    enum order_error error = call_version(&call, &version);
    if (error == ORDER_OK && payer == NULL) {
        error = ORDER_BAD_REQUEST;
    }
    if (error == ORDER_OK) {
        error = voucher_put(&call.service->engine, call.db, &call.caller,
                            http_request_param(request, "no"), version, payer, data, len, &order,
                            call.extra);
    }
    call_end_order(&call, error, 200, &order);
}

static void get_voucher(struct http_request *request) {
    struct call call;
    struct octets bytes = {NULL, 0};
    char mime[32] = "";
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = voucher_get(&call.service->engine, call.db, &call.caller,
                                         http_request_param(request, "no"), &bytes, mime);
    respond_file(&call, error, mime, &bytes);
}

/* ---- invoices ---- */

static void ask_invoice(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = invoice_request(&call.service->engine, call.db, &call.caller,
                                             http_request_param(request, "no"),
                                             http_request_json(request), &body, call.extra);
    if (error == ORDER_OK) {
        worker_wake(call.service->worker);
    }
    call_end(&call, error, 202, body);
}

static void show_invoice(struct http_request *request) {
    struct call call;
    struct order order;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error =
        order_of_caller(call.db, &call.caller, http_request_param(request, "no"), &order);
    if (error == ORDER_OK) {
        error = invoice_view(&call.service->engine, call.db, &order, &body);
    }
    call_end(&call, error, 200, body);
}

static void get_invoice(struct http_request *request) {
    struct call call;
    struct octets bytes = {NULL, 0};
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = invoice_get(&call.service->engine, call.db, &call.caller,
                                         http_request_param(request, "no"), &bytes);
    respond_file(&call, error, "application/pdf", &bytes);
}

const struct http_route api_document_routes[] = {
    {"GET", "/v1/orders/{no}/documents", list, HTTP_BODY_NONE, 0, 0},
    {"PUT", "/v1/orders/{no}/documents/{type}", put, HTTP_BODY_RAW, MATERIAL_MAX, 0},
    {"GET", "/v1/orders/{no}/documents/{type}", get, HTTP_BODY_NONE, 0, 0},
    {"DELETE", "/v1/orders/{no}/documents/{type}", delete, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/orders/{no}/documents:done", done, HTTP_BODY_JSON, 1024, 0},
    {"PUT", "/v1/orders/{no}/voucher", put_voucher, HTTP_BODY_RAW, VOUCHER_MAX, 0},
    {"GET", "/v1/orders/{no}/voucher", get_voucher, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/orders/{no}/invoice", ask_invoice, HTTP_BODY_JSON, 4096, 0},
    {"GET", "/v1/orders/{no}/invoice", show_invoice, HTTP_BODY_NONE, 0, 0},
    {"GET", "/v1/orders/{no}/invoice/file", get_invoice, HTTP_BODY_NONE, 0, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
