/* Every dialog of the consent program passes here, so that none is missing from the journal. */
#include "agent/api/ask.h"

#include "agent/api/api.h"
#include "agent/audit/audit.h"

const char *agent_answer_word(enum consent_result result) {
    static const char *const words[] = {
        [CONSENT_GIVEN] = "given",
        [CONSENT_REFUSED] = "refused",
        [CONSENT_GONE] = "gone",
        [CONSENT_TIMEOUT] = "timeout",
        [CONSENT_UNAVAILABLE] = "unavailable",
        [CONSENT_BAD_REQUEST] = "bad-request",
    };
    return words[result];
}

bool agent_record(const struct http_request *request, const char *event, json_t *facts) {
    const char *origin = agent_origin(request), *token = http_request_param(request, "id");
    if (facts == NULL) {
        return false;
    }
    json_object_set_new(facts, "origin", json_string(origin != NULL ? origin : ""));
    if (token != NULL) {
        json_object_set_new(facts, "token", json_string(token));
    }
    return audit_append(agent_of(request)->audit, event, facts) == 0;
}

static const char *choice_word(enum consent_choice choice) {
    static const char *const words[] = {[CONSENT_CHOICE_NONE] = NULL,
                                        [CONSENT_CHOICE_ONCE] = "once",
                                        [CONSENT_CHOICE_ALWAYS] = "always",
                                        [CONSENT_CHOICE_NEVER] = "never"};
    return words[choice];
}

enum consent_result agent_ask(struct http_request *request, const json_t *document,
                              const struct consent_watch *watch, enum consent_choice *choice) {
    enum consent_choice chosen = CONSENT_CHOICE_NONE;
    const json_t *certificate = json_object_get(document, "certificate");
    enum consent_result result =
        consent_ask(&agent_of(request)->config->consent, document, watch, &chosen);
    json_t *facts =
        json_pack("{s:s, s:s*, s:O*}", "answer", agent_answer_word(result), "choice",
                  choice_word(chosen), "certificate", json_object_get(certificate, "subject"));
    const char *kind = json_string_value(json_object_get(document, "kind"));
    if (choice != NULL) {
        *choice = chosen;
    }
    bool recorded = agent_record(request, kind != NULL ? kind : "consent", facts);
    return result == CONSENT_GIVEN && !recorded ? CONSENT_UNAVAILABLE : result;
}
