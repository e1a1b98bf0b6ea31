/* /v1/account:...: what people change about their own account. */
#include "tools/orderd/engine/account_self.h"
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/view.h"

#include <string.h>

static json_t *done(void) {
    return json_pack("{s:b}", "changed", 1);
}

static enum order_error do_reset_password(struct call *call, json_t **out) {
    static const char *const members[] = {"phone", "code", "newPassword", NULL};
    const char *phone = call_text(call, "phone", 16);
    const char *code = call_text(call, "code", 16);
    const char *password = call_text(call, "newPassword", 128);
    if (phone == NULL || code == NULL || password == NULL || !call_members_are(call, members)) {
        return ORDER_BAD_REQUEST;
    }
    *out = done();
    return account_reset_password(&call->service->engine, call->db, phone, code, password,
                                  call->caller.language, call->extra);
}

static enum order_error do_change_phone(struct call *call, json_t **out) {
    static const char *const members[] = {"phone", "code", "password", NULL};
    const char *phone = call_text(call, "phone", 16);
    const char *code = call_text(call, "code", 16);
    const char *password = call_text(call, "password", 128);
    if (phone == NULL || code == NULL || password == NULL || !call_members_are(call, members)) {
        return ORDER_BAD_REQUEST;
    }
    *out = done();
    return account_change_phone(&call->service->engine, call->db, &call->caller, phone, code,
                                password, call->extra);
}

static enum order_error do_send_email_code(struct call *call, json_t **out) {
    static const char *const members[] = {"email", NULL};
    int64_t expires_ms = 0;
    const char *email = call_text(call, "email", 128);
    if (email == NULL || !call_members_are(call, members)) {
        return ORDER_BAD_REQUEST;
    }
    enum order_error error =
        account_send_email_code(&call->service->engine, call->db, &call->caller, email,
                                http_request_peer_address(call->request), &expires_ms, call->extra);
    if (error == ORDER_OK) {
        *out = json_pack("{s:o}", "expires", view_time(expires_ms / 1000));
    }
    return error;
}

static enum order_error do_change_email(struct call *call, json_t **out) {
    static const char *const members[] = {"email", "code", "password", NULL};
    const char *email = call_text(call, "email", 128);
    const char *code = call_text(call, "code", 16);
    const char *password = call_text(call, "password", 128);
    if (email == NULL || code == NULL || password == NULL || !call_members_are(call, members)) {
        return ORDER_BAD_REQUEST;
    }
    *out = done();
    return account_change_email(&call->service->engine, call->db, &call->caller, email, code,
                                password, call->extra);
}

static enum order_error do_prove_name(struct call *call, json_t **out) {
    static const char *const members[] = {"method", "name", "idType", "idNumber", "bankCard", NULL};
    if (!call_members_are(call, members)) {
        return ORDER_BAD_REQUEST;
    }
    *out = json_pack("{s:s}", "realName", "PASSED");
    return account_prove_name(&call->service->engine, call->db, &call->caller,
                              http_request_json(call->request), call->extra);
}

static enum order_error do_close(struct call *call, json_t **out) {
    static const char *const members[] = {"password", NULL};
    const char *password = call_text(call, "password", 128);
    if (password == NULL || !call_members_are(call, members)) {
        return ORDER_BAD_REQUEST;
    }
    *out = json_pack("{s:b}", "closed", 1);
    return account_close(&call->service->engine, call->db, &call->caller, password, call->extra);
}

static enum order_error do_log_out(struct call *call, json_t **out) {
    *out = json_pack("{s:b}", "ended", 1);
    return account_log_out(call->db, call_bearer(call));
}

CALL_HANDLER(reset_password, CALL_ANYBODY, 200)
CALL_HANDLER(change_phone, CALL_SESSION, 200)
CALL_HANDLER(send_email_code, CALL_SESSION, 202)
CALL_HANDLER(change_email, CALL_SESSION, 200)
CALL_HANDLER(prove_name, CALL_SESSION, 200)
CALL_HANDLER(close, CALL_SESSION, 200)
CALL_HANDLER(log_out, CALL_LOOK, 200)

const struct http_route api_account_self_routes[] = {
    {"POST", "/v1/account:reset-password", reset_password, HTTP_BODY_JSON, 2048, 0},
    {"POST", "/v1/account:phone", change_phone, HTTP_BODY_JSON, 2048, 0},
    {"POST", "/v1/account:email-code", send_email_code, HTTP_BODY_JSON, 2048, 0},
    {"POST", "/v1/account:email", change_email, HTTP_BODY_JSON, 2048, 0},
    {"POST", "/v1/account:real-name", prove_name, HTTP_BODY_JSON, 2048, 0},
    {"POST", "/v1/account:close", close, HTTP_BODY_JSON, 2048, 0},
    {"POST", "/v1/logout", log_out, HTTP_BODY_JSON, 1024, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
