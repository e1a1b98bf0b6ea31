/* /v1/orders/{no}/documents, voucher, invoice: bytes that go in and out. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/invoice.h"
#include "tools/orderd/engine/material.h"
#include "tools/orderd/engine/review.h"

/* Something that answers with bytes; `mime` (32 bytes) comes as "application/pdf". */
typedef enum order_error call_file(struct call *call, struct octets *bytes, char *mime);

/* Strangers' files are never shown as pages of this origin. */
static void run_file(struct http_request *request, call_file *action) {
    struct call call;
    struct octets bytes = {NULL, 0};
    char mime[32] = "application/pdf";
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = action(&call, &bytes, mime);
    if (error != ORDER_OK) {
        call_end(&call, error, 0, NULL);
    } else {
        db_pool_give(call.service->pool, call.db);
        json_decref(call.extra);
        http_response_header(request, "Content-Security-Policy", "default-src 'none'; sandbox");
        http_response_header(request, "Content-Disposition", "attachment");
        http_response_header(request, "X-Content-Type-Options", "nosniff");
        http_respond(request, 200, mime, (const char *)bytes.data, bytes.len);
    }
    octets_free(&bytes);
}

#define CALL_FILE_HANDLER(name)                                                                    \
    static void name(struct http_request *request) {                                               \
        run_file(request, do_##name);                                                              \
    }

/* ---- documents ---- */

static enum order_error do_list(struct call *call, json_t **out) {
    return material_list(&call->service->engine, call->db, &call->caller, call_param(call, "no"),
                         out);
}

static enum order_error do_put(struct call *call, const char *number, int64_t version,
                               struct order *out) {
    size_t len = 0;
    const char *data = http_request_body(call->request, &len);
    return material_put(&call->service->engine, call->db, &call->caller, number, version,
                        call_param(call, "type"), data, len, out, call->extra);
}

static enum order_error do_get(struct call *call, struct octets *bytes, char *mime) {
    return material_get(&call->service->engine, call->db, &call->caller, call_param(call, "no"),
                        call_param(call, "type"), bytes, mime);
}

static enum order_error do_delete(struct call *call, const char *number, int64_t version,
                                  struct order *out) {
    return material_delete(&call->service->engine, call->db, &call->caller, number, version,
                           call_param(call, "type"), out);
}

static enum order_error do_done(struct call *call, const char *number, int64_t version,
                                struct order *out) {
    return material_done(&call->service->engine, call->db, &call->caller, number, version, out,
                         call->extra);
}

CALL_HANDLER(list, CALL_SESSION, 200)
CALL_WRITE_HANDLER(put)
CALL_FILE_HANDLER(get)
CALL_WRITE_HANDLER(delete)
CALL_WRITE_HANDLER(done)

/* ---- transfers ---- */

static enum order_error do_put_voucher(struct call *call, const char *number, int64_t version,
                                       struct order *out) {
    size_t len = 0;
    const char *data = http_request_body(call->request, &len);
    const char *payer = http_request_query_value(call->request, "payer");
    return payer == NULL ? ORDER_BAD_REQUEST
                         : voucher_put(&call->service->engine, call->db, &call->caller, number,
                                       version, payer, data, len, out, call->extra);
}

static enum order_error do_get_voucher(struct call *call, struct octets *bytes, char *mime) {
    return voucher_get(&call->service->engine, call->db, &call->caller, call_param(call, "no"),
                       bytes, mime);
}

CALL_WRITE_HANDLER(put_voucher)
CALL_FILE_HANDLER(get_voucher)

/* ---- invoices ---- */

static enum order_error do_ask_invoice(struct call *call, json_t **out) {
    return invoice_request(&call->service->engine, call->db, &call->caller, call_param(call, "no"),
                           http_request_json(call->request), out, call->extra);
}

static enum order_error do_show_invoice(struct call *call, json_t **out) {
    struct order order;
    enum order_error error =
        order_of_caller(call->db, &call->caller, call_param(call, "no"), &order);
    return error == ORDER_OK ? invoice_view(&call->service->engine, call->db, &order, out) : error;
}

static enum order_error do_get_invoice(struct call *call, struct octets *bytes, char *mime) {
    (void)mime;
    return invoice_get(&call->service->engine, call->db, &call->caller, call_param(call, "no"),
                       bytes);
}

CALL_HANDLER(ask_invoice, CALL_SESSION, 202)
CALL_HANDLER(show_invoice, CALL_SESSION, 200)
CALL_FILE_HANDLER(get_invoice)

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
