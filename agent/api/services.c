/* GET /v1/service: the order services of the configuration, whether they answer, and which plugged keys are theirs. */
#include "agent/api/services.h"

#include <string.h>

#include "agent/api/key.h"

bool service_serves(const struct agent_service *service, const struct certificate *certificate) {
    size_t i;
    json_t *issuer;
    if (!service->issuers)
        return true;
    json_array_foreach(service->issuers, i, issuer) {
        const char *name = json_string_value(issuer);
        if (name && (strcmp(name, certificate->issuer.text) == 0 ||
                     strcmp(name, certificate->issuer.common_name) == 0))
            return true;
    }
    return false;
}

/* The certificate that the key is used with decides; a key without one is for services that take any. */
static void sort_token(const struct agent *agent, struct token *token, json_t **lists) {
    const struct agent_config *config = agent->config;
    struct token_certificates certificates = {0};
    if (key_read_certificates(agent->key, token, &certificates) == TOKEN_OK) {
        const struct token_certificate *current = key_current_certificate(&certificates, key_now());
        for (size_t i = 0; i < config->service_count; i++) {
            const struct agent_service *service = &config->services[i];
            if (current ? service_serves(service, current->certificate) : !service->issuers)
                json_array_append_new(lists[i], json_string(token_id(token)));
        }
    }
    token_certificates_free(&certificates);
}

static void list_services(struct http_request *request) {
    static const char *const states[] = {[PROXY_STATE_UNKNOWN] = "unknown",
                                         [PROXY_STATE_ONLINE] = "online",
                                         [PROXY_STATE_OFFLINE] = "offline"};
    struct agent *agent = agent_of(request);
    const struct agent_config *config = agent->config;
    json_t **lists = http_request_alloc(request, (config->service_count + 1) * sizeof(json_t *));
    struct token *tokens[TOKEN_MAX];
    if (!lists) {
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
        return;
    }
    json_t *services = json_array();
    for (size_t i = 0; i < config->service_count; i++)
        lists[i] = json_array();
    size_t count = tokens_list(agent->key->tokens, tokens);
    for (size_t i = 0; i < count; i++) {
        sort_token(agent, tokens[i], lists);
        token_release(tokens[i]);
    }
    for (size_t i = 0; i < config->service_count; i++) {
        const char *profile = config->services[i].profile;
        json_array_append_new(services, json_pack("{s:s, s:s, s:o}", "profile", profile, "state",
                                                  states[proxy_state(agent->proxy, profile)],
                                                  "tokens", lists[i]));
    }
    http_respond_json(request, 200, json_pack("{s:o}", "services", services));
}

const struct http_route services_routes[] = {
    {"GET", "/v1/service", list_services, HTTP_BODY_NONE, 0,
     AGENT_ROUTE_SESSION | POLICY_READ | POLICY_SERVICE},
    {0},
};
