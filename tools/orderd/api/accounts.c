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
    if (strcmp(name, "REGISTER") == 0) {
        *out = OTP_REGISTER;
        return true;
    }
    if (strcmp(name, "LOGIN") == 0) {
        *out = OTP_LOGIN;
        return true;
    }
    return false;
}

static void send_code(struct http_request *request) {
    static const char *const members[] = {"purpose", "phone", NULL};
    struct call call;
    enum otp_purpose purpose = OTP_LOGIN;
    int64_t expires_ms = 0;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_ANYBODY)) {
        return;
    }
    const char *name = call_text(&call, "purpose", 16);
    const char *phone = call_text(&call, "phone", 16);
    enum order_error error = ORDER_BAD_REQUEST;
    if (name != NULL && phone != NULL && call_members_are(&call, members) &&
        purpose_of(name, &purpose)) {
        error = phone_is_valid(phone) ? ORDER_OK : ORDER_FIELDS_INVALID;
    }
    if (error == ORDER_FIELDS_INVALID) {
        json_t *errors = json_array();
        field_refuse(errors, "phone", TEXT_FIELD_HANDLER_PHONE, call.caller.language);
        json_object_set_new(call.extra, "errors", errors);
    }
    if (error == ORDER_OK) {
        struct otp otp = {purpose, "", phone};
        error = otp_send(&call.service->engine, call.db, &otp, http_request_peer_address(request),
                         &expires_ms);
    }
    if (error == ORDER_OK) {
        worker_wake(call.service->worker);
        body = json_pack("{s:o,s:i}", "expires", view_time(expires_ms / 1000), "resendSeconds",
                         (int)OTP_RESEND_SECONDS);
    }
    call_end(&call, error, 202, body);
}

/* ---- logging in ---- */

static json_t *view_login(struct account_login *login) {
    json_t *body =
        json_pack("{s:s,s:o,s:s}", "token", login->secret, "expires",
                  view_time(login->expires_ms / 1000), "role", role_name(login->session.role));
    OPENSSL_cleanse(login->secret, sizeof login->secret);
    return body;
}

static void make_account(struct http_request *request) {
    static const char *const members[] = {"phone", "email", "password", "code", NULL};
    struct call call;
    struct account_login login;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_ANYBODY)) {
        return;
    }
    struct registration registration = {
        .phone = call_text(&call, "phone", 16),
        .email = call_text(&call, "email", 128),
        .password = call_text(&call, "password", 128),
        .code = call_text(&call, "code", 16),
    };
    enum order_error error = registration.phone != NULL && registration.password != NULL &&
                                     registration.code != NULL && call_members_are(&call, members)
                                 ? account_register(&call.service->engine, call.db, &registration,
                                                    call.caller.language, &login, call.extra)
                                 : ORDER_BAD_REQUEST;
    if (error == ORDER_OK) {
        body = view_login(&login);
    }
    call_end(&call, error, 201, body);
}

static void log_in(struct http_request *request) {
    static const char *const members[] = {"name", "password", "phone", "code", NULL};
    struct call call;
    struct account_login login;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_ANYBODY)) {
        return;
    }
    const char *name = call_text(&call, "name", 128);
    const char *password = call_text(&call, "password", 128);
    const char *phone = call_text(&call, "phone", 16);
    const char *code = call_text(&call, "code", 16);
    enum order_error error = ORDER_BAD_REQUEST;
    if (call_members_are(&call, members) && name != NULL && password != NULL && phone == NULL &&
        code == NULL) {
        error = account_login(&call.service->engine, call.db, name, password, &login);
    } else if (call_members_are(&call, members) && phone != NULL && code != NULL && name == NULL &&
               password == NULL) {
        error = account_login_code(&call.service->engine, call.db, phone, code, &login);
    }
    if (error == ORDER_OK) {
        body = view_login(&login);
    }
    call_end(&call, error, 200, body);
}

static void show_account(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = account_view(&call.service->engine, call.db, &call.caller, &body);
    call_end(&call, error, 200, body);
}

static void change_password(struct http_request *request) {
    static const char *const members[] = {"oldPassword", "newPassword", NULL};
    struct call call;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    const char *old_password = call_text(&call, "oldPassword", 128);
    const char *new_password = call_text(&call, "newPassword", 128);
    enum order_error error =
        old_password != NULL && new_password != NULL && call_members_are(&call, members)
            ? account_change_password(&call.service->engine, call.db, &call.caller, old_password,
                                      new_password, call.caller.language, call.extra)
            : ORDER_BAD_REQUEST;
    call_end(&call, error, 200, error == ORDER_OK ? json_pack("{s:b}", "changed", 1) : NULL);
}

const struct http_route api_account_routes[] = {
    {"POST", "/v1/otp", send_code, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/accounts", make_account, HTTP_BODY_JSON, 2048, 0},
    {"POST", "/v1/login", log_in, HTTP_BODY_JSON, 2048, 0},
    {"GET", "/v1/account", show_account, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/account:password", change_password, HTTP_BODY_JSON, 2048, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
