/* POST /v1/tokens/{id}/sign: a statement, shown to the person, signed on the key as GM SignedData. */
#include "agent/api/base64.h"
#include "agent/api/key.h"
#include "agent/api/signature.h"
#include "agent/api/statement.h"
#include "agent/http/json.h"

enum { SIGN_BODY_MAX = 160 * 1024 };

static void sign_statement(struct http_request *request) {
    static const char *const members[] = {"certificate", "statement", "nonce", NULL};
    enum http_language language = http_request_language(request);
    const json_t *body = http_request_json(request);
    const char *certificate = json_member_string(body, "certificate", CERTIFICATE_ID);
    const char *nonce = json_member_string(body, "nonce", STATEMENT_NONCE_MAX);
    json_t *object = NULL;
    struct octets canonical = {0}, signed_data = {0};
    char signer[CERTIFICATE_ID];
    if (!json_members_are(body, members, NULL) || !certificate ||
        !json_object_get(body, "statement")) {
        agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
        return;
    }
    enum statement_error error =
        statement_canonical(json_object_get(body, "statement"), nonce,
                            agent_session(request)->origin, &canonical, &object);
    if (error) {
        agent_respond_problem(
            request, error == STATEMENT_MEMORY ? PROBLEM_INTERNAL : PROBLEM_STATEMENT_REFUSED,
            statement_error_text(error, language == HTTP_LANGUAGE_ZH), NULL);
        return;
    }
    const struct signature_request wanted = {
        .certificate = certificate,
        .kind = "statement",
        .title = json_string_value(json_object_get(object, "title")),
        .message = word_text(WORD_STATEMENT_MESSAGE, language),
        .fields = json_object_get(object, "fields"),
        .agree = word_text(WORD_STATEMENT_AGREE, language),
        .content = canonical,
    };
    if (signature_make(request, &wanted, &signed_data, signer))
        http_respond_json(request, 200,
                          json_pack("{s:s, s:o, s:s%}", "format", "gm-signed-data", "signature",
                                    base64_json(&signed_data), "statement",
                                    (const char *)canonical.data, canonical.len));
    json_decref(object);
    octets_free(&canonical);
    octets_free(&signed_data);
}

const struct http_route sign_routes[] = {
    {"POST", "/v1/tokens/{id}/sign", sign_statement, HTTP_BODY_JSON, SIGN_BODY_MAX,
     AGENT_ROUTE_SESSION | POLICY_SIGN},
    {0},
};
