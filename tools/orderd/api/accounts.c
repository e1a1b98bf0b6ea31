/* /v1/otp, /v1/accounts, /v1/login, /v1/account: people without a key, and staff. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/account.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/otp.h"
#include "tools/orderd/engine/view.h"

#include <openssl/crypto.h>
#include <string.h>

/* ---- codes ---- */

/* Codes that anybody may ask for; the others are asked for where they are needed. */
static bool purpose_of(const char *name, enum otp_purpose *out) {
    static const struct {
        const char *name;
        enum otp_purpose purpose;
    } purposes[] = {{"REGISTER", OTP_REGISTER},
                    {"LOGIN", OTP_LOGIN},
                    {"RESET", OTP_RESET},
                    {"PHONE", OTP_PHONE}};
    for (size_t i = 0; i < sizeof purposes / sizeof purposes[0]; i++) {
        if (strcmp(purposes[i].name, name) == 0) {
            *out = purposes[i].purpose;
            return true;
        }
    }
    return false;
}

/* Refuse one member of the body by name. */
static enum order_error refuse(struct call *call, const char *field, enum text wrong) {
    json_t *errors = json_array();
    field_refuse(errors, field, wrong, call->caller.language);
    json_object_set_new(call->extra, "errors", errors);
    return ORDER_FIELDS_INVALID;
}

static enum order_error do_send_code(struct call *call, json_t **out) {
    static const char *const members[] = {"purpose", "phone", NULL};
    enum otp_purpose purpose = OTP_LOGIN;
    int64_t expires_ms = 0;
    const char *name = call_text(call, "purpose", 16);
    const char *phone = call_text(call, "phone", 16);
    if (name == NULL || phone == NULL || !call_members_are(call, members) ||
        !purpose_of(name, &purpose)) {
        return ORDER_BAD_REQUEST;
    }
    if (!phone_is_valid(phone)) {
        return refuse(call, "phone", TEXT_FIELD_HANDLER_PHONE);
    }
    struct otp otp = {purpose, "", phone};
    enum order_error error =
        otp_send(&call->service->engine, call->db, &otp, http_request_peer_address(call->request),
                 &expires_ms, call->extra);
    if (error == ORDER_OK) {
        *out = json_pack("{s:o,s:i}", "expires", view_time(expires_ms / 1000), "resendSeconds",
                         (int)OTP_RESEND_SECONDS);
    }
    return error;
}
CALL_HANDLER(send_code, CALL_ANYBODY, 202)

/* ---- logging in ---- */

json_t *view_login(struct account_login *login) {
    json_t *body =
        json_pack("{s:s,s:o,s:s}", "token", login->secret, "expires",
                  view_time(login->expires_ms / 1000), "role", role_name(login->session.role));
    OPENSSL_cleanse(login->secret, sizeof login->secret);
    return body;
}

static enum order_error do_make_account(struct call *call, json_t **out) {
    static const char *const members[] = {"phone", "email", "password", "code", NULL};
    struct account_login login;
    struct registration registration = {
        .phone = call_text(call, "phone", 16),
        .email = call_text(call, "email", 128),
        .password = call_text(call, "password", 128),
        .code = call_text(call, "code", 16),
    };
    if (registration.phone == NULL || registration.password == NULL || registration.code == NULL ||
        !call_members_are(call, members)) {
        return ORDER_BAD_REQUEST;
    }
    enum order_error error = account_register(&call->service->engine, call->db, &registration,
                                              call->caller.language, &login, call->extra);
    if (error == ORDER_OK) {
        *out = view_login(&login);
    }
    return error;
}

static enum order_error do_log_in(struct call *call, json_t **out) {
    static const char *const members[] = {"name", "password", "phone", "code", NULL};
    struct account_login login;
    const char *name = call_text(call, "name", 128);
    const char *password = call_text(call, "password", 128);
    const char *phone = call_text(call, "phone", 16);
    const char *code = call_text(call, "code", 16);
    const char *address = http_request_peer_address(call->request);
    enum order_error error = ORDER_BAD_REQUEST;
    if (call_members_are(call, members) && name != NULL && password != NULL && phone == NULL &&
        code == NULL) {
        error = account_login(&call->service->engine, call->db, name, password, address, &login,
                              call->extra);
    } else if (call_members_are(call, members) && phone != NULL && code != NULL && name == NULL &&
               password == NULL) {
        error = account_login_code(&call->service->engine, call->db, phone, code, &login);
    }
    if (error == ORDER_OK) {
        *out = view_login(&login);
    }
    return error;
}

static enum order_error do_show_account(struct call *call, json_t **out) {
    return account_view(&call->service->engine, call->db, &call->caller, out);
}

static enum order_error do_change_password(struct call *call, json_t **out) {
    static const char *const members[] = {"oldPassword", "newPassword", NULL};
    const char *old_password = call_text(call, "oldPassword", 128);
    const char *new_password = call_text(call, "newPassword", 128);
    if (old_password == NULL || new_password == NULL || !call_members_are(call, members)) {
        return ORDER_BAD_REQUEST;
    }
    *out = json_pack("{s:b}", "changed", 1);
    return account_change_password(&call->service->engine, call->db, &call->caller, old_password,
                                   new_password, call->caller.language, call->extra);
}

CALL_HANDLER(make_account, CALL_ANYBODY, 201)
CALL_HANDLER(log_in, CALL_ANYBODY, 200)
CALL_HANDLER(show_account, CALL_SESSION, 200)
CALL_HANDLER(change_password, CALL_SESSION, 200)

const struct http_route api_account_routes[] = {
    {"POST", "/v1/otp", send_code, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/accounts", make_account, HTTP_BODY_JSON, 2048, 0},
    {"POST", "/v1/login", log_in, HTTP_BODY_JSON, 2048, 0},
    {"GET", "/v1/account", show_account, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/account:password", change_password, HTTP_BODY_JSON, 2048, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
