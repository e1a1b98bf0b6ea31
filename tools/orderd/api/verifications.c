/* /v1/orders/{no}/verifications: who somebody is; and the simulated camera. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/verification.h"

#include <string.h>

static void ways(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = verification_ways(&call.service->engine, call.db, &call.caller,
                                               http_request_param(request, "no"), &body);
    call_end(&call, error, 200, body);
}

static void begin(struct http_request *request) {
    static const char *const members[] = {"method", "fields", "link", NULL};
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *method = call_text(&call, "method", 16);
    const json_t *fields = json_object_get(http_request_json(request), "fields");
    bool link = json_is_true(json_object_get(http_request_json(request), "link"));
    enum order_error error =
        method != NULL && json_is_object(fields) && call_members_are(&call, members)
            ? verification_begin(&call.service->engine, call.db, &call.caller,
                                 http_request_param(request, "no"), method, fields, link, &body,
                                 call.extra)
            : ORDER_BAD_REQUEST;
    if (error == ORDER_OK) {
        worker_wake(call.service->worker);
    }
    call_end(&call, error, 201, body);
}

static void look(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = verification_look(&call.service->engine, call.db, &call.caller,
                                               http_request_param(request, "no"),
                                               http_request_param(request, "id"), &body);
    call_end(&call, error, 200, body);
}

static void answer(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *postscript = call_text(&call, "postscript", 64);
    enum order_error error =
        postscript == NULL
            ? ORDER_BAD_REQUEST
            : verification_answer(&call.service->engine, call.db, &call.caller,
                                  http_request_param(request, "no"),
                                  http_request_param(request, "id"), postscript, &body);
    call_end(&call, error, 200, body);
}

/* The person before the simulated camera. */
static void face(struct http_request *request) {
    struct call call;
    if (!call_begin(&call, request, CALL_ANYBODY)) {
        return;
    }
    bool passes = strcmp(http_request_param(request, "result"), "pass") == 0;
    enum order_error error =
        !passes && strcmp(http_request_param(request, "result"), "fail") != 0   ? ORDER_NOT_FOUND
        : identity_sim_face(call.db, http_request_param(request, "id"), passes) ? ORDER_OK
                                                                                : ORDER_NOT_FOUND;
    call_end(&call, error, 200,
             error == ORDER_OK ? json_pack("{s:b}", "passed", (int)passes) : NULL);
}

const struct http_route api_verification_routes[] = {
    {"GET", "/v1/orders/{no}/verifications", ways, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/orders/{no}/verifications", begin, HTTP_BODY_JSON, 4096, 0},
    {"GET", "/v1/orders/{no}/verifications/{id}", look, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/orders/{no}/verifications/{id}:answer", answer, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/sim/face/{id}/{result}", face, HTTP_BODY_JSON, 1024, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
