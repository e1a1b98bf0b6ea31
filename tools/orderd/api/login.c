/* /v1/key-login: log in with the key. */
#include "tools/orderd/engine/login.h"
#include "module/formats/signed_data.h"
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/view.h"

static enum order_error do_challenge(struct call *call, json_t **out) {
    char nonce[SECRET_SIZE];
    int64_t expires_ms = 0;
    enum order_error error = login_challenge(&call->service->engine, call->db, nonce, &expires_ms);
    if (error == ORDER_OK) {
        *out = json_pack("{s:s,s:s,s:o}", "nonce", nonce, "service", call->service->engine.service,
                         "expires", view_time(expires_ms / 1000));
    }
    return error;
}

static enum order_error do_verify(struct call *call, json_t **out) {
    struct login login;
    struct octets assertion = {NULL, 0};
    enum order_error error = call_bytes(call, "assertion", SIGNED_DATA_MAX, &assertion);
    if (error == ORDER_OK) {
        error = login_verify(&call->service->engine, call->db, &assertion,
                             call_text(call, "order", PUBLIC_NUMBER_SIZE), &login);
    }
    if (error == ORDER_OK) {
        *out = json_pack("{s:s,s:o,s:o,s:s}", "token", login.secret, "expires",
                         view_time(login.expires_ms / 1000), "certificate",
                         view_certificate(&login.certificate), "tokenSerial", login.session.token);
        OPENSSL_cleanse(login.secret, sizeof login.secret);
    }
    octets_free(&assertion);
    return error;
}

CALL_HANDLER(challenge, CALL_ANYBODY, 200)
CALL_HANDLER(verify, CALL_ANYBODY, 200)

const struct http_route api_login_routes[] = {
    {"POST", "/v1/key-login/challenge", challenge, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/key-login/verify", verify, HTTP_BODY_JSON, SIGNED_BODY_MAX, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
