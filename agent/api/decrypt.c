/* POST /v1/tokens/{id}/decrypt: an envelope for one of the key's certificates, opened once the person has agreed. */
#include <stdio.h>
#include <string.h>

#include "agent/api/key.h"
#include "agent/api/signature.h"
#include "agent/http/json.h"
#include "module/formats/base64.h"
#include "module/formats/envelope.h"

enum { DECRYPT_BODY_MAX = ENVELOPE_MAX / 3 * 4 + 4096 };

/* The certificate among the token's that the envelope is for, with its part of it. */
static const struct token_certificate *find(const struct token_certificates *certificates,
                                            const struct envelope *envelope, enum envelope_way *way,
                                            struct octets *encrypted_key) {
    for (size_t i = 0; i < certificates->count; i++) {
        const struct token_certificate *one = &certificates->list[i];
        if (one->has_key && envelope_find(envelope, one->certificate->x509, way, encrypted_key) &&
            *way != ENVELOPE_OTHER)
            return one;
    }
    return NULL;
}

static bool confirm(struct signature_work *work, size_t size) {
    enum http_language language = http_request_language(work->request);
    char number[24], text[64];
    const char *const values[3] = {number, "", ""};
    snprintf(number, sizeof number, "%zu", size);
    word_fill(text, sizeof text, WORD_DOCUMENT_BYTES, language, values);
    json_t *fields =
        json_pack("[{s:s, s:s}]", "label", word_text(WORD_DOCUMENT_SIZE, language), "value", text);
    const struct signature_question question = {
        .kind = "decrypt",
        .title = word_text(WORD_DECRYPT_TITLE, language),
        .message = word_text(WORD_DECRYPT_MESSAGE, language),
        .fields = fields,
        .agree = word_text(WORD_DECRYPT_AGREE, language),
    };
    bool is_given = signature_confirm(work, &question);
    json_decref(fields);
    return is_given;
}

/* Whatever is wrong with the envelope, one answer: nobody learns at which step it failed. */
static void open_envelope(struct signature_work *work, const struct envelope *envelope,
                          enum envelope_way way, const struct octets *encrypted_key) {
    static const enum token_decryption ways[] = {
        [ENVELOPE_SM2] = TOKEN_DECRYPT_SM2,
        [ENVELOPE_RSA_PKCS1] = TOKEN_DECRYPT_RSA_PKCS1,
        [ENVELOPE_OAEP_SHA1] = TOKEN_DECRYPT_OAEP_SHA1,
        [ENVELOPE_OAEP_SHA256] = TOKEN_DECRYPT_OAEP_SHA256,
    };
    struct octets content_key = {0}, plain = {0};
    struct signature_use use;
    if (!signature_use_begin(work, &use))
        return;
    enum token_error error =
        token_decrypt(work->token, &work->signer->key_id, ways[way], encrypted_key->data,
                      encrypted_key->len, &use.pin, &content_key);
    if (!signature_use_end(work, &use, error)) {
        octets_free(&content_key);
        return;
    }
    if (error && error != TOKEN_FAILED && error != TOKEN_UNSUPPORTED)
        key_respond_token_error(work->request, error);
    else if (envelope_open(NULL, envelope, &content_key, &plain) != FORMATS_OK)
        agent_respond_problem(work->request, PROBLEM_ENVELOPE_REFUSED, NULL, NULL);
    else
        http_respond_json(work->request, 200,
                          json_pack("{s:s, s:o}", "certificate", work->signer->certificate->id,
                                    "content", base64_json(&plain)));
    octets_free(&content_key);
    octets_free(&plain);
}

/* With a token and an envelope at hand. */
static void decrypt_with(struct signature_work *work, const struct envelope *envelope) {
    enum envelope_way way = ENVELOPE_OTHER;
    struct octets encrypted_key = {0};
    enum token_error error = token_read_certificates(work->token, &work->certificates);
    if (error) {
        key_respond_token_error(work->request, error);
        return;
    }
    work->signer = find(&work->certificates, envelope, &way, &encrypted_key);
    if (!work->signer)
        agent_respond_problem(work->request, PROBLEM_ENVELOPE_REFUSED, NULL, NULL);
    else if (key_require_pin(work->request, work->token) &&
             confirm(work, envelope_content_size(envelope)))
        open_envelope(work, envelope, way, &encrypted_key);
}

static void decrypt(struct http_request *request) {
    static const char *const members[] = {"envelope", NULL};
    const json_t *body = http_request_json(request);
    const json_t *text = json_object_get(body, "envelope");
    struct signature_work work = {.request = request};
    struct octets der = {0};
    struct envelope *envelope = NULL;
    if (!json_members_are(body, members, NULL) || !json_is_string(text) ||
        base64_decode(json_string_value(text), json_string_length(text), &der) != FORMATS_OK) {
        agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
        return;
    }
    work.token = key_request_token(request);
    if (work.token) {
        if (envelope_parse(der.data, der.len, &envelope) != FORMATS_OK)
            agent_respond_problem(request, PROBLEM_ENVELOPE_REFUSED, NULL, NULL);
        else
            decrypt_with(&work, envelope);
    }
    signature_close(&work);
    envelope_free(envelope);
    octets_free(&der);
}

const struct http_route decrypt_routes[] = {
    {"POST", "/v1/tokens/{id}/decrypt", decrypt, HTTP_BODY_JSON, DECRYPT_BODY_MAX,
     AGENT_ROUTE_SESSION | POLICY_DECRYPT},
    {0},
};
