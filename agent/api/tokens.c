/* GET /v1/tokens: the plugged keys. */
#include "agent/api/key.h"

/* What can be done with the key; for what cannot, a word that says why. */
static json_t *capabilities_json(const struct token_facts *facts) {
    static const struct {
        enum token_capability capability;
        const char *name;
    } all[] = {
        {TOKEN_CAN_SIGN, "sign"},   {TOKEN_CAN_DECRYPT, "decrypt"},
        {TOKEN_CAN_STAMP, "stamp"}, {TOKEN_CAN_CHANGE_PIN, "changePin"},
        {TOKEN_CAN_JOBS, "jobs"},   {TOKEN_CAN_UNLOCK, "unlock"},
    };
    json_t *json = json_object();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool can = (facts->can & (unsigned)all[i].capability) != 0;
        json_t *one = json_pack("{s:b}", "available", can);
        if (!can)
            json_object_set_new(one, "reason",
                                json_string(facts->module[0] ? "FOREIGN_MODULE" : "CARD_TYPE"));
        json_object_set_new(json, all[i].name, one);
    }
    return json;
}

json_t *key_token_json(const struct token_facts *facts, bool is_verified) {
    static const char *const states[] = {
        [TOKEN_PIN_STATE_OK] = "ok",       [TOKEN_PIN_STATE_LOW] = "low",
        [TOKEN_PIN_STATE_LAST] = "last",   [TOKEN_PIN_STATE_LOCKED] = "locked",
        [TOKEN_PIN_STATE_UNSET] = "unset",
    };
    json_t *tries = facts->tries_left < 0 ? json_null() : json_integer(facts->tries_left);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:{s:s, s:o, s:b, s:b}}", "id",
                     facts->id, "label", key_text_json(facts->label), "serial",
                     key_text_json(facts->serial), "manufacturer",
                     key_text_json(facts->manufacturer), "model", key_text_json(facts->model),
                     "reader", key_text_json(facts->reader), "module",
                     facts->module[0] ? key_text_json(facts->module) : json_null(), "initialized",
                     facts->is_initialized, "capabilities", capabilities_json(facts), "pin",
                     "state", states[facts->pin_state], "triesLeft", tries, "verified", is_verified,
                     "mustChange", facts->must_change);
}

static void list_tokens(struct http_request *request) {
    struct agent *agent = agent_of(request);
    struct token *tokens[TOKEN_MAX];
    size_t count = tokens_list(agent->key->tokens, tokens);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct token_facts facts;
        if (token_read_facts(tokens[i], &facts) != TOKEN_REMOVED) {
            bool is_verified =
                access_pin_is_verified(agent->access, agent_session(request)->id, facts.id) &&
                token_is_logged_in(tokens[i]);
            json_array_append_new(list, key_token_json(&facts, is_verified));
        }
        token_release(tokens[i]);
    }
    http_respond_json(request, 200, json_pack("{s:o}", "tokens", list));
}

const struct http_route token_routes[] = {
    {"GET", "/v1/tokens", list_tokens, HTTP_BODY_NONE, 0, AGENT_ROUTE_SESSION | POLICY_READ},
    {0},
};
