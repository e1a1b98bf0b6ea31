/* POST /v1/tokens/{id}/login-assertion: "log in with UKey". */
#include "agent/api/key.h"
#include "agent/api/signature.h"
#include "agent/api/statement.h"
#include "agent/http/json.h"
#include "module/formats/base64.h"

enum { LOGIN_BODY_MAX = 4096 };

static json_t *fields_of(enum http_language language, const char *service, const char *order) {
    json_t *fields = json_array();
    json_array_append_new(fields,
                          json_pack("{s:s, s:s}", "label", word_text(WORD_LOGIN_SERVICE, language),
                                    "value", service));
    if (order)
        json_array_append_new(fields,
                              json_pack("{s:s, s:s}", "label",
                                        word_text(WORD_LOGIN_ORDER, language), "value", order));
    return fields;
}

static void make_assertion(struct http_request *request, const char *service, const char *nonce,
                           const char *order, const char *certificate,
                           const struct octets *canonical) {
    enum http_language language = http_request_language(request);
    struct octets signed_data = {0};
    struct signature_work work;
    json_t *fields = fields_of(language, service, order);
    const struct signature_question question = {
        .kind = "login",
        .title = word_text(WORD_LOGIN_TITLE, language),
        .message = word_text(WORD_LOGIN_MESSAGE, language),
        .fields = fields,
        .agree = word_text(WORD_LOGIN_AGREE, language),
    };
    const struct signature_item item = {
        .content = canonical, .attached = true, .nonce = nonce, .purpose = "login"};
    if (signature_open(request, certificate, false, &work) && signature_confirm(&work, &question) &&
        signature_make(&work, &item, &signed_data))
        http_respond_json(request, 200,
                          json_pack("{s:o, s:s}", "assertion", base64_json(&signed_data),
                                    "certificate", work.signer->certificate->id));
    signature_close(&work);
    json_decref(fields);
    octets_free(&signed_data);
}

static void login_assertion(struct http_request *request) {
    static const char *const members[] = {"service", "nonce", "order", "certificate", NULL};
    enum http_language language = http_request_language(request);
    const json_t *body = http_request_json(request);
    const char *service = json_member_string(body, "service", STATEMENT_SERVICE_MAX);
    const char *nonce = json_member_string(body, "nonce", STATEMENT_NONCE_MAX);
    const char *order = json_member_string(body, "order", STATEMENT_ORDER_MAX);
    const char *certificate = json_member_string(body, "certificate", CERTIFICATE_ID);
    struct octets canonical = {0};
    if (!json_members_are(body, members, NULL) || (!order && json_object_get(body, "order")) ||
        (!certificate && json_object_get(body, "certificate"))) {
        agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
        return;
    }
    enum statement_error error =
        login_canonical(service, nonce, order, agent_session(request)->origin, &canonical);
    if (error)
        agent_respond_problem(request, PROBLEM_STATEMENT_REFUSED,
                              statement_error_text(error, language == HTTP_LANGUAGE_ZH), NULL);
    else
        make_assertion(request, service, nonce, order, certificate, &canonical);
    octets_free(&canonical);
}

const struct http_route login_routes[] = {
    {"POST", "/v1/tokens/{id}/login-assertion", login_assertion, HTTP_BODY_JSON, LOGIN_BODY_MAX,
     AGENT_ROUTE_SESSION | POLICY_LOGIN},
    {0},
};
