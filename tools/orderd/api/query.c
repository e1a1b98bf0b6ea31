/* /v1/query: orders of a credential, without an account; and an account that takes a subject on by it. */
#include "tools/orderd/engine/query.h"
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/otp.h"
#include "tools/orderd/engine/view.h"

#include <openssl/crypto.h>
#include <string.h>

/* {credentialType, credentialNo, party?} and, where it is wanted, {code}. */
static enum order_error read_query(const struct call *call, struct query *out, const char **code) {
    static const char *const with_code[] = {"credentialType", "credentialNo", "party", "code",
                                            NULL};
    static const char *const without[] = {"credentialType", "credentialNo", "party", NULL};
    const json_t *party = json_object_get(http_request_json(call->request), "party");
    const char *text = json_string_value(party);
    *out = (struct query){.credential_type = call_text(call, "credentialType", 32),
                          .credential_no = call_text(call, "credentialNo", 64),
                          .legal = text != NULL && strcmp(text, "LEGAL") == 0};
    if (code != NULL) {
        *code = call_text(call, "code", 16);
    }
    bool party_is_known =
        party == NULL || (text != NULL && (out->legal || strcmp(text, "HANDLER") == 0));
    return out->credential_type != NULL && out->credential_no != NULL && party_is_known &&
                   (code == NULL || *code != NULL) &&
                   call_members_are(call, code != NULL ? with_code : without)
               ? ORDER_OK
               : ORDER_BAD_REQUEST;
}

static enum order_error do_ask(struct call *call, json_t **out) {
    struct query query;
    enum order_error error = read_query(call, &query, NULL);
    if (error == ORDER_OK) {
        error =
            query_ask(&call->service->engine, call->db, &query,
                      http_request_peer_address(call->request), call->caller.language, call->extra);
    }
    *out = json_pack("{s:i,s:i}", "seconds", (int)OTP_SECONDS, "resendSeconds",
                     (int)OTP_RESEND_SECONDS);
    return error;
}

static enum order_error do_open(struct call *call, json_t **out) {
    struct query query;
    struct account_login login;
    const char *code = NULL;
    enum order_error error = read_query(call, &query, &code);
    if (error == ORDER_OK) {
        error = query_open(&call->service->engine, call->db, &query, code, &login, call->extra);
    }
    if (error == ORDER_OK) {
        *out = json_pack("{s:s,s:o}", "token", login.secret, "expires",
                         view_time(login.expires_ms / 1000));
        OPENSSL_cleanse(login.secret, sizeof login.secret);
    }
    return error;
}

static enum order_error do_link(struct call *call, json_t **out) {
    struct query query;
    const char *code = NULL;
    enum order_error error = read_query(call, &query, &code);
    return error == ORDER_OK ? query_link(&call->service->engine, call->db, &call->caller, &query,
                                          code, out, call->extra)
                             : error;
}

CALL_HANDLER(ask, CALL_ANYBODY, 202)
CALL_HANDLER(open, CALL_ANYBODY, 200)
CALL_HANDLER(link, CALL_SESSION, 200)

const struct http_route api_query_routes[] = {
    {"POST", "/v1/query:code", ask, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/query", open, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/account/subjects", link, HTTP_BODY_JSON, 1024, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
