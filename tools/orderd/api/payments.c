/* Paying for an order, and the provider's callback. */
#include "agent/log.h"
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/payment.h"

#include <string.h>

enum { CALLBACK_MAX = 4096 };

static enum order_error do_request_payment(struct call *call, json_t **out) {
    const char *key = NULL;
    enum order_error error = call_idempotency_key(call, &key);
    const char *channel = call_text(call, "channel", 16);
    if (error == ORDER_OK && channel == NULL) {
        error = ORDER_BAD_REQUEST;
    }
    return error == ORDER_OK ? payment_request(&call->service->engine, call->db, &call->caller,
                                               call_param(call, "no"), channel, key, out)
                             : error;
}
CALL_HANDLER(request_payment, CALL_SESSION, 201)

static void callback(struct http_request *request) {
    struct call call;
    size_t len = 0;
    if (!call_begin(&call, request, CALL_ANYBODY)) {
        return;
    }
    const struct payment_provider *provider = call.service->engine.payments;
    const char *signature = http_request_header(request, SIM_SIGNATURE_HEADER);
    enum order_error error = ORDER_CALLBACK_REFUSED;
    if (strcmp(http_request_param(request, "provider"), provider->name) != 0) {
        error = ORDER_NOT_FOUND;
    } else if (signature != NULL && http_request_header_count(request, SIM_SIGNATURE_HEADER) == 1) {
        const char *body = http_request_body(request, &len);
        error = payment_callback(&call.service->engine, call.db, body, len, signature);
    }
    if (error != ORDER_OK) {
        log_warn("payment", "a callback was refused: %s", text_error_title(error, LANGUAGE_EN));
    }
    call_end(&call, error, 200, json_pack("{s:s}", "result", "OK"));
}

const struct http_route api_payment_routes[] = {
    {"POST", "/v1/orders/{no}/payments", request_payment, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/callbacks/{provider}", callback, HTTP_BODY_RAW, CALLBACK_MAX, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
