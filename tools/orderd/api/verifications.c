/* /v1/orders/{no}/verifications: who somebody is; and the simulated camera. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/verification.h"

#include <string.h>

static enum order_error do_ways(struct call *call, json_t **out) {
    return verification_ways(&call->service->engine, call->db, &call->caller,
                             call_param(call, "no"), out);
}

static enum order_error do_begin(struct call *call, json_t **out) {
    static const char *const members[] = {"method", "fields", "link", NULL};
    const json_t *body = http_request_json(call->request);
    const char *method = call_text(call, "method", 16);
    const json_t *fields = json_object_get(body, "fields");
    bool link = json_is_true(json_object_get(body, "link"));
    if (method == NULL || !json_is_object(fields) || !call_members_are(call, members)) {
        return ORDER_BAD_REQUEST;
    }
    return verification_begin(&call->service->engine, call->db, &call->caller,
                              call_param(call, "no"), method, fields, link, out, call->extra);
}

static enum order_error do_look(struct call *call, json_t **out) {
    return verification_look(&call->service->engine, call->db, &call->caller,
                             call_param(call, "no"), call_param(call, "id"), out);
}

static enum order_error do_answer(struct call *call, json_t **out) {
    const char *postscript = call_text(call, "postscript", 64);
    return postscript == NULL ? ORDER_BAD_REQUEST
                              : verification_answer(&call->service->engine, call->db, &call->caller,
                                                    call_param(call, "no"), call_param(call, "id"),
                                                    postscript, out);
}

/* The person before the simulated camera. */
static enum order_error do_face(struct call *call, json_t **out) {
    const char *result = call_param(call, "result");
    bool passes = strcmp(result, "pass") == 0;
    if ((!passes && strcmp(result, "fail") != 0) ||
        !identity_sim_face(call->db, call_param(call, "id"), passes)) {
        return ORDER_NOT_FOUND;
    }
    *out = json_pack("{s:b}", "passed", (int)passes);
    return ORDER_OK;
}

CALL_HANDLER(ways, CALL_SESSION, 200)
CALL_HANDLER(begin, CALL_SESSION, 201)
CALL_HANDLER(look, CALL_SESSION, 200)
CALL_HANDLER(answer, CALL_SESSION, 200)
CALL_HANDLER(face, CALL_ANYBODY, 200)

const struct http_route api_verification_routes[] = {
    {"GET", "/v1/orders/{no}/verifications", ways, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/orders/{no}/verifications", begin, HTTP_BODY_JSON, 4096, 0},
    {"GET", "/v1/orders/{no}/verifications/{id}", look, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/orders/{no}/verifications/{id}:answer", answer, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/sim/face/{id}/{result}", face, HTTP_BODY_JSON, 1024, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
