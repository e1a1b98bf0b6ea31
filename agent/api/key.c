/* Opening and closing the key rooms, and what their handlers share. */
#include "agent/api/key.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/anchors.h"
#include "agent/api/documents.h"
#include "agent/api/trust.h"
#include "agent/clock.h"
#include "agent/foreign/registry.h"
#include "agent/jobs/jobs.h"
#include "module/pinentry/visible.h"

const struct http_route *const key_routes[] = {
    token_routes,    certificate_routes, seal_routes,     pin_routes,    pin_change_routes,
    document_routes, decrypt_routes,     stamp_routes,    verify_routes, sign_routes,
    login_routes,    job_routes,         services_routes, NULL};

int64_t key_now(void) {
    return clock_now();
}

/* ---- opening and closing ---- */

static json_t *token_event(struct token *token, const char *action) {
    struct token_facts facts;
    token_read_facts(token, &facts);
    return json_pack("{s:s, s:s, s:o}", "type", "token", "action", action, "token",
                     key_token_json(&facts, false));
}

static void token_changed(void *context, struct token *token, bool is_inserted) {
    struct key *key = context;
    if (!is_inserted)
        access_pin_forget(key->agent->access, token_id(token));
    event_publish(key->agent->events, token_event(token, is_inserted ? "inserted" : "removed"));
}

/* The modules of other makers: those of the configuration, then p11-kit's. */
static bool find_foreign(const struct agent_config *config, struct foreign_modules *modules) {
    struct registry_places places;
    char user[PATH_MAX];
    for (size_t i = 0; i < config->foreign.count; i++) {
        const struct foreign_module *one = &config->foreign.list[i];
        if (!foreign_modules_add(modules, one->name, one->path, one->answer_within_ms,
                                 config->module))
            return false;
    }
    registry_places_standard(&places, user, sizeof user);
    return !config->uses_p11_kit ||
           foreign_modules_add_registered(modules, &places, "ukey-agent", FOREIGN_ANSWER_WITHIN_MS,
                                          config->module);
}

static int open_tokens(struct key *key, const struct agent_config *config) {
    struct tokens_option *settings = calloc(config->module_option_count + 1, sizeof *settings);
    struct foreign_modules foreign = {0};
    if (!settings || !find_foreign(config, &foreign)) {
        foreign_modules_free(&foreign);
        free(settings);
        return -1;
    }
    for (size_t i = 0; i < config->module_option_count; i++)
        settings[i] =
            (struct tokens_option){config->module_options[i].name, config->module_options[i].value};
    const struct tokens_options options = {.module = config->module,
                                           .settings = settings,
                                           .foreign = &foreign,
                                           .host = config->host,
                                           .changed = token_changed,
                                           .context = key};
    int result = tokens_open(&options, &key->tokens);
    foreign_modules_free(&foreign);
    free(settings);
    return result;
}

int key_open(struct agent *agent) {
    struct key *key = calloc(1, sizeof *key);
    if (!key)
        return -1;
    key->agent = agent;
    agent->key = key;
    key->anchors = anchors_read(agent->config);
    key->documents = documents_open();
    key->trust = trust_open(key);
    if (!key->documents || !key->trust || open_tokens(key, agent->config) != 0 ||
        jobs_open(key, &key->jobs) != 0) {
        key_close(agent);
        return -1;
    }
    return 0;
}

void key_close(struct agent *agent) {
    struct key *key = agent->key;
    if (!key)
        return;
    jobs_close(key->jobs);
    tokens_close(key->tokens);
    trust_close(key->trust);
    anchors_free(key->anchors);
    documents_close(key->documents);
    free(key);
    agent->key = NULL;
}

void key_token_logout(struct agent *agent, const char *token_id) {
    struct token *token =
        agent->key && agent->key->tokens ? tokens_find(agent->key->tokens, token_id) : NULL;
    if (!token)
        return;
    token_logout(token);
    token_release(token);
}

/* ---- what handlers share ---- */

struct token *key_request_token(struct http_request *request) {
    const char *id = http_request_param(request, "id");
    struct token *token = id ? tokens_find(agent_of(request)->key->tokens, id) : NULL;
    if (!token)
        agent_respond_problem(request, PROBLEM_NO_TOKEN, NULL, NULL);
    return token;
}

bool key_require_pin(struct http_request *request, struct token *token) {
    if (access_pin_is_verified(agent_of(request)->access, agent_session(request)->id,
                               token_id(token)) &&
        token_is_logged_in(token))
        return true;
    agent_respond_problem(request, PROBLEM_PIN_REQUIRED, NULL, NULL);
    return false;
}

enum agent_problem key_token_problem(enum token_error error) {
    switch (error) {
    case TOKEN_REMOVED:
        return PROBLEM_TOKEN_REMOVED;
    case TOKEN_MISMATCH:
        return PROBLEM_CERTIFICATE_MISMATCH;
    case TOKEN_PIN_WRONG:
    case TOKEN_PIN_LENGTH:
        return PROBLEM_PIN_WRONG;
    case TOKEN_PIN_LAST_TRY:
        return PROBLEM_PIN_LAST_TRY;
    case TOKEN_PIN_LOCKED:
        return PROBLEM_PIN_LOCKED;
    case TOKEN_PIN_EXPIRED:
        return PROBLEM_PIN_MUST_CHANGE;
    case TOKEN_LOGIN_NEEDED:
        return PROBLEM_PIN_REQUIRED;
    case TOKEN_BUSY:
        return PROBLEM_ACTION_PENDING;
    case TOKEN_UNSUPPORTED:
        return PROBLEM_CAPABILITY_MISSING;
    case TOKEN_MEMORY:
        return PROBLEM_INTERNAL;
    case TOKEN_OK:
    case TOKEN_NOT_FOUND:
    case TOKEN_PIN_UNSET:
    case TOKEN_FULL:
    case TOKEN_FAILED:
        break;
    }
    return PROBLEM_TOKEN_ERROR;
}

void key_respond_token_error(struct http_request *request, enum token_error error) {
    const char *detail =
        error == TOKEN_PIN_UNSET ? word_text(WORD_PIN_UNSET, http_request_language(request)) : NULL;
    agent_respond_problem(request, key_token_problem(error), detail, NULL);
}

void key_respond_consent_error(struct http_request *request, enum consent_result result,
                               const struct token *token) {
    enum agent_problem problem = PROBLEM_USER_CANCELLED;
    /* the page has gone: what its person had opened is closed */
    if (result == CONSENT_GONE && token && agent_session(request))
        access_pin_drop(agent_of(request)->access, agent_session(request)->id, token_id(token));
    if (token && !token_is_present(token))
        problem = PROBLEM_TOKEN_REMOVED;
    else if (result == CONSENT_UNAVAILABLE)
        problem = PROBLEM_DIALOG_UNAVAILABLE;
    else if (result == CONSENT_BAD_REQUEST)
        problem = PROBLEM_STATEMENT_REFUSED;
    agent_respond_problem(request, problem, NULL, NULL);
}

json_t *key_text_json(const char *text) {
    if (!text)
        return json_string("");
    json_t *json = json_string(text);
    if (json)
        return json;
    char *shown = visible_text(text, strlen(text), false, NULL);
    json = json_string(shown ? shown : "");
    free(shown);
    return json;
}

static bool watch_is_over(void *context) {
    const struct key_watch *watch = context;
    return agent_action_is_over(watch->request) ||
           (watch->token && !token_is_present(watch->token));
}

void key_watch_init(struct key_watch *watch, const struct http_request *request,
                    const struct token *token) {
    *watch = (struct key_watch){.watch = {.is_gone = watch_is_over,
                                          .context = watch,
                                          .timeout_ms = agent_of(request)->config->dialog_ms},
                                .request = request,
                                .token = token};
}
