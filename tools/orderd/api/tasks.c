/* /v1/tasks: what the agent's job on the key asks of the service. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/first_pin.h"
#include "tools/orderd/engine/issue.h"
#include "tools/orderd/engine/recovery.h"
#include "tools/orderd/engine/task.h"
#include "tools/orderd/engine/unlock.h"

#include <string.h>

enum { CSR_MAX = 8192, SIGNATURE_MAX = 512, SPKI_MAX = 1024 };

/* A serial number as keys have them: it may become a row. */
static bool serial_is_valid(const char *serial) {
    static const char characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/ ";
    return serial != NULL && serial[0] != '\0' && strspn(serial, characters) == strlen(serial);
}

static void claim(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    struct claim shown = {
        .number = call_text(&call, "order", PUBLIC_NUMBER_SIZE - 1),
        .serial = call_text(&call, "tokenSerial", 64),
        .sha256 = call_text(&call, "certificate", DIGEST_HEX_SIZE - 1),
        .code = call_text(&call, "code", 64),
    };
    enum order_error error = ORDER_BAD_REQUEST;
    if (shown.number != NULL && serial_is_valid(shown.serial)) {
        error = task_claim(&call.service->engine, call.db, &call.caller, &shown, &body);
    }
    call_end(&call, error, 200, body);
}

static void csr(struct http_request *request) {
    struct call call;
    struct octets der = {NULL, 0};
    struct octets continuity = {NULL, 0};
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = call_bytes(&call, "csr", CSR_MAX, &der);
    if (error == ORDER_OK && json_object_get(http_request_json(request), "continuity") != NULL) {
        error = call_bytes(&call, "continuity", SIGNATURE_MAX, &continuity);
    }
    if (error == ORDER_OK) {
        error = issue_request(&call.service->engine, call.db, &call.caller,
                              http_request_param(request, "id"), &der, &continuity, &body);
    }
    octets_free(&der);
    octets_free(&continuity);
    call_end(&call, error, 200, body);
}

static enum order_error do_look(struct call *call, json_t **out) {
    return task_look(&call->service->engine, call->db, &call->caller, call_param(call, "id"), out);
}

static enum order_error do_steps(struct call *call, json_t **out) {
    const char *step = call_text(call, "step", 32);
    return step != NULL ? task_step(&call->service->engine, call->db, &call->caller,
                                    call_param(call, "id"), step, out)
                        : ORDER_BAD_REQUEST;
}

CALL_HANDLER(look, CALL_SESSION, 200)
CALL_HANDLER(steps, CALL_SESSION, 200)

/* The answer is a key: nobody on the way keeps it. */
static void unlock(struct http_request *request) {
    struct call call;
    struct octets challenge = {NULL, 0};
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *serial = call_text(&call, "tokenSerial", 64);
    enum order_error error =
        serial_is_valid(serial) ? call_bytes(&call, "challenge", UNLOCK_CHALLENGE_BYTES, &challenge)
                                : ORDER_BAD_REQUEST;
    if (error == ORDER_OK) {
        error = unlock_answer(&call.service->engine, call.db, &call.caller,
                              http_request_param(request, "id"), serial, &challenge, &body);
    }
    octets_free(&challenge);
    if (error == ORDER_UNLOCK_TRIES) {
        worker_wake(call.service->worker);
    }
    http_response_header(request, "Cache-Control", "no-store");
    call_end(&call, error, 200, body);
}

/* The answer is sealed to the agent that asks. */
static enum order_error do_first_pin(struct call *call, json_t **out) {
    struct octets recipient = {NULL, 0};
    enum order_error error = call_bytes(call, "recipient", SPKI_MAX, &recipient);
    if (error == ORDER_OK) {
        error = first_pin_give(&call->service->engine, call->db, &call->caller,
                               call_param(call, "id"), &recipient, out);
    }
    octets_free(&recipient);
    return error;
}

CALL_HANDLER(first_pin, CALL_SESSION, 200)

static enum order_error do_recover(struct call *call, json_t **out) {
    struct octets recipient = {NULL, 0};
    struct octets continuity = {NULL, 0};
    const json_t *body = http_request_json(call->request);
    enum order_error error = ORDER_OK;
    if (json_object_get(body, "recipient") != NULL) {
        error = call_bytes(call, "recipient", SPKI_MAX, &recipient);
        if (error == ORDER_OK) {
            error = call_bytes(call, "continuity", SIGNATURE_MAX, &continuity);
        }
    }
    if (error == ORDER_OK) {
        error = recovery_request(&call->service->engine, call->db, &call->caller,
                                 call_param(call, "id"), &recipient, &continuity, out);
    }
    octets_free(&recipient);
    octets_free(&continuity);
    return error;
}

CALL_HANDLER(recover, CALL_SESSION, 200)

static void confirm(struct http_request *request) {
    struct call call;
    struct octets proof = {NULL, 0};
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *certificate = call_text(&call, "certificate", DIGEST_HEX_SIZE - 1);
    enum order_error error = certificate != NULL ? ORDER_OK : ORDER_BAD_REQUEST;
    /* absent: the PIN of the key must be changed before it signs (unlock.h) */
    if (error == ORDER_OK && json_object_get(http_request_json(request), "proof") != NULL) {
        error = call_bytes(&call, "proof", SIGNATURE_MAX, &proof);
    }
    if (error == ORDER_OK) {
        error = task_confirm(&call.service->engine, call.db, &call.caller,
                             http_request_param(request, "id"), certificate, &proof, &body);
    }
    octets_free(&proof);
    if (error == ORDER_OK) {
        worker_wake(call.service->worker);
    }
    call_end(&call, error, 200, body);
}

/* The agent's reason: UPPER_SNAKE, so that it can go into events. */
static bool code_is_valid(const char *code) {
    return code != NULL && strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(code);
}

static void fail(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *code = call_text(&call, "code", 48);
    const json_t *permanent = json_object_get(http_request_json(request), "permanent");
    enum order_error error = ORDER_BAD_REQUEST;
    if (code_is_valid(code) && json_is_boolean(permanent)) {
        error = task_fail(&call.service->engine, call.db, &call.caller,
                          http_request_param(request, "id"), code, json_is_true(permanent), &body);
    }
    call_end(&call, error, 200, body);
}

const struct http_route api_task_routes[] = {
    {"POST", "/v1/tasks:claim", claim, HTTP_BODY_JSON, 4096, 0},
    {"GET", "/v1/tasks/{id}", look, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/tasks/{id}/steps", steps, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/tasks/{id}/unlock-response", unlock, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/tasks/{id}/first-pin", first_pin, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/tasks/{id}/recover", recover, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/tasks/{id}/csr", csr, HTTP_BODY_JSON, (size_t)32 * 1024, 0},
    {"POST", "/v1/tasks/{id}/confirm", confirm, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/tasks/{id}/fail", fail, HTTP_BODY_JSON, 4096, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
