/* Signing bare digests, where a policy allows it at all. */
#include "agent/api/raw_sign.h"

#include <string.h>

#include "agent/api/key.h"
#include "agent/api/services.h"
#include "agent/api/signature.h"
#include "agent/http/json.h"
#include "module/formats/base64.h"

/* Logins are signed with the keys of the services' customers. */
static bool is_login_key(const struct agent_config *config, const struct certificate *certificate) {
    for (size_t i = 0; i < config->service_count; i++) {
        if (service_serves(&config->services[i], certificate))
            return true;
    }
    return false;
}

static bool confirm(struct signature_work *work, const struct octets *digest) {
    enum http_language language = http_request_language(work->request);
    const struct signature_scheme_facts *facts = signature_scheme_facts(work->scheme);
    const char *const values[3] = {facts->digest, "", ""};
    char hex[2 * SCHEME_DIGEST_MAX + 1], label[64];
    octets_to_hex(digest->data, digest->len, hex);
    word_fill(label, sizeof label, WORD_DOCUMENT_DIGEST, language, values);
    json_t *fields = json_pack("[{s:s, s:s}]", "label", label, "value", hex);
    const struct signature_question question = {
        .kind = "raw",
        .title = word_text(WORD_RAW_TITLE, language),
        .message = word_text(WORD_RAW_MESSAGE, language),
        .fields = fields,
        .agree = word_text(WORD_STATEMENT_AGREE, language),
    };
    bool is_given = signature_confirm(work, &question);
    json_decref(fields);
    return is_given;
}

static void sign(struct signature_work *work, const struct octets *digest) {
    struct octets signature = {0};
    struct signature_use use;
    if (!signature_use_begin(work, &use))
        return;
    enum token_error error = token_sign_digest(work->token, &work->signer->key_id, work->scheme,
                                               digest->data, digest->len, &use.pin, &signature);
    if (!signature_use_end(work, &use, error)) {
        octets_free(&signature);
        return;
    }
    if (error)
        key_respond_token_error(work->request, error);
    else
        http_respond_json(work->request, 200,
                          json_pack("{s:s, s:s, s:s, s:o}", "format", "raw", "algorithm",
                                    signature_scheme_facts(work->scheme)->name, "certificate",
                                    work->signer->certificate->id, "signature",
                                    base64_json(&signature)));
    octets_free(&signature);
}

void raw_sign(struct http_request *request, const json_t *body) {
    static const char *const members[] = {"certificate", "digest", NULL};
    enum http_language language = http_request_language(request);
    const char *certificate = json_member_string(body, "certificate", CERTIFICATE_ID);
    const char *text = json_member_string(body, "digest", (size_t)2 * SCHEME_DIGEST_MAX);
    struct octets digest = {0};
    struct signature_work work = {0};
    if (!agent_rules(request).raw_sign_ask) {
        agent_respond_problem(request, PROBLEM_ACTION_REFUSED, word_text(WORD_RAW_OFF, language),
                              NULL);
        return;
    }
    if (!json_members_are(body, members, NULL) || !certificate || !text ||
        base64_decode(text, strlen(text), &digest) != FORMATS_OK) {
        agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
        return;
    }
    if (signature_open(request, certificate, false, &work)) {
        if (is_login_key(agent_of(request)->config, work.signer->certificate))
            agent_respond_problem(request, PROBLEM_ACTION_REFUSED,
                                  word_text(WORD_RAW_LOGIN_KEY, language), NULL);
        else if (digest.len != signature_scheme_facts(work.scheme)->digest_len)
            agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
        else if (confirm(&work, &digest))
            sign(&work, &digest);
    }
    signature_close(&work);
    octets_free(&digest);
}
