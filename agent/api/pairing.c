/* POST /v1/pairing: a person lets a site use the agent; the site gets a session. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "agent/access/pairing_store.h"
#include "agent/api/api.h"
#include "agent/api/ask.h"

#define DIALOGS_PER_MINUTE 6

static const struct {
    const char *title, *message, *agree, *refuse;
} texts[] = {
    [HTTP_LANGUAGE_ZH] =
        {"允许网站使用 UKey",
         "这个网站请求使用您的 UKey：读取证书和电子印章、请您确认并签名、办理证书业务。"
         "每次使用 PIN 和签名前仍会请您确认。",
         "允许", "拒绝"},
    [HTTP_LANGUAGE_EN] =
        {"Let this site use your UKey",
         "This site asks to use your UKey: to read its certificates and seals, to have you confirm "
         "and "
         "sign, and to renew certificates. You will still be asked before every PIN and signature.",
         "Allow", "Refuse"},
};

static bool is_over(void *context) {
    return agent_action_is_over(context);
}

static enum consent_result ask(struct http_request *request, const char *origin,
                               enum consent_choice *choice) {
    enum http_language language = http_request_language(request);
    json_t *dialog = json_pack("{s:s, s:s, s:s, s:s, s:s, s:[], s:s, s:s, s:[s, s, s]}", "kind",
                               "pairing", "lang", http_language_tag(language), "origin", origin,
                               "title", texts[language].title, "message", texts[language].message,
                               "fields", "agree", texts[language].agree, "refuse",
                               texts[language].refuse, "choices", "once", "always", "never");
    struct consent_watch watch = {
        .is_gone = is_over, .context = request, .timeout_ms = agent_of(request)->config->dialog_ms};
    enum consent_result result =
        dialog != NULL ? agent_ask(request, dialog, &watch, choice) : CONSENT_UNAVAILABLE;
    json_decref(dialog);
    return result;
}

static void grant(struct http_request *request, const char *origin, bool always) {
    struct access_session session;
    char token[ACCESS_TOKEN_TEXT_SIZE];
    if (access_session_start(agent_of(request)->access, origin, token, &session) != 0) {
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
        return;
    }
    log_info("access", "%s has a session", origin);
    http_respond_json(request, 201,
                      json_pack("{s:s, s:s, s:s}", "session", token, "origin", origin, "decision",
                                always ? "always" : "once"));
    OPENSSL_cleanse(token, sizeof(token));
}

/* The person is asked: one dialog at a time, and not too often by one site. */
static void pair_by_dialog(struct http_request *request, const char *origin) {
    struct agent *agent = agent_of(request);
    char key[ORIGIN_TEXT_SIZE + 16];
    enum consent_choice choice = CONSENT_CHOICE_NONE;
    snprintf(key, sizeof(key), "pairing %s", origin);
    if (!agent_action_begin(request)) {
        return;
    }
    if (!access_rate_take(agent->access, key, DIALOGS_PER_MINUTE)) {
        agent_action_end(request);
        http_response_header(request, "Retry-After", "60");
        agent_respond_problem(request, PROBLEM_RATE_LIMITED, NULL, NULL);
        return;
    }
    enum consent_result result = ask(request, origin, &choice);
    agent_action_end(request);
    if (result == CONSENT_GIVEN) {
        grant(request, origin,
              choice == CONSENT_CHOICE_ALWAYS &&
                  pairing_store_decide(agent->pairings, origin, PAIRING_ALWAYS) == 0);
    } else if (result == CONSENT_REFUSED && choice == CONSENT_CHOICE_NEVER) {
        pairing_store_decide(agent->pairings, origin, PAIRING_NEVER);
        agent_respond_problem(request, PROBLEM_USER_CANCELLED, NULL, NULL);
    } else if (result == CONSENT_UNAVAILABLE || result == CONSENT_BAD_REQUEST) {
        agent_respond_problem(request, PROBLEM_DIALOG_UNAVAILABLE, NULL, NULL);
    } else {
        agent_respond_problem(request, PROBLEM_USER_CANCELLED, NULL, NULL);
    }
}

static void pair(struct http_request *request) {
    const char *origin = agent_origin(request);
    if (json_object_size(http_request_json(request)) != 0) {
        agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
    } else if (pairing_store_class(agent_of(request)->pairings, origin) == ORIGIN_PAIRED) {
        grant(request, origin, true);
    } else {
        pair_by_dialog(request, origin);
    }
}

/* DELETE /v1/pairing: the page is done; its session ends, and with it what its person authorised. */
static void end(struct http_request *request) {
    access_session_end(agent_of(request)->access, agent_session(request)->id);
    http_respond_empty(request, 204);
}

const struct http_route pairing_routes[] = {
    {"POST", "/v1/pairing", pair, .body = HTTP_BODY_JSON, .max_body = 1024,
     .tag = AGENT_ROUTE_ELIGIBLE},
    {"DELETE", "/v1/pairing", end, .tag = AGENT_ROUTE_SESSION},
    {0},
};
