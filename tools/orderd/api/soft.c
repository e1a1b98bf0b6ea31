/* /v1/orders/{no}/soft-certificate: certificates that go into a file. */
#include "tools/orderd/engine/soft.h"
#include "tools/orderd/api/service.h"

#include <string.h>

enum { CSR_MAX = 8192 };

/* {code, csr} or {code, passphrase, algorithm?}. */
static enum order_error do_issue(struct call *call, json_t **out) {
    static const char *const own[] = {"code", "csr", NULL};
    static const char *const made[] = {"code", "passphrase", "algorithm", NULL};
    const json_t *body = http_request_json(call->request);
    struct octets csr = {NULL, 0};
    bool has_csr = json_object_get(body, "csr") != NULL;
    struct soft_wish wish = {
        .code = call_text(call, "code", 64),
        .passphrase = call_text(call, "passphrase", 256),
        .algorithm = call_text(call, "algorithm", 16),
    };
    enum order_error error = wish.code != NULL && call_members_are(call, has_csr ? own : made) &&
                                     (has_csr || wish.passphrase != NULL)
                                 ? ORDER_OK
                                 : ORDER_BAD_REQUEST;
    if (error == ORDER_OK && has_csr) {
        error = call_bytes(call, "csr", CSR_MAX, &csr);
        wish.csr = &csr;
    }
    if (error == ORDER_OK) {
        error = soft_issue(&call->service->engine, call->db, &call->caller, call_param(call, "no"),
                           &wish, out, call->extra);
    }
    octets_free(&csr);
    return error;
}
CALL_HANDLER(issue, CALL_SESSION, 200)

static void confirm(struct http_request *request) {
    struct call call;
    struct order order;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *certificate = call_text(&call, "certificate", DIGEST_HEX_SIZE - 1);
    enum order_error error = certificate != NULL
                                 ? soft_confirm(&call.service->engine, call.db, &call.caller,
                                                call_param(&call, "no"), certificate, &order)
                                 : ORDER_BAD_REQUEST;
    if (error == ORDER_OK) {
        worker_wake(call.service->worker);
    }
    call_end_order(&call, error, 200, &order);
}

const struct http_route api_soft_routes[] = {
    {"POST", "/v1/orders/{no}/soft-certificate", issue, HTTP_BODY_JSON, (size_t)32 * 1024, 0},
    {"POST", "/v1/orders/{no}/soft-certificate:confirm", confirm, HTTP_BODY_JSON, 1024, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
