/* Making one signature. Nothing is signed that has not been shown and agreed to. */
#include "agent/api/signature.h"

#include "agent/api/ask.h"

#include <string.h>

#include "module/formats/calendar.h"
#include "module/formats/gm_cms.h"
#include "module/formats/sm2.h"

/* Does the key of that CKA_ID carry the certificate's public key? */
static enum token_error check_key(struct token *token, const struct token_certificate *signer) {
    struct octets key = {0};
    unsigned char *wanted = NULL;
    enum token_error error = token_read_public_key(token, &signer->key_id, &key);
    if (!error) {
        int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(signer->certificate->x509), &wanted);
        if (len <= 0)
            error = TOKEN_MEMORY;
        else if ((size_t)len != key.len || memcmp(wanted, key.data, key.len) != 0)
            error = TOKEN_MISMATCH;
    } else if (error == TOKEN_NOT_FOUND) {
        error = TOKEN_MISMATCH;
    }
    OPENSSL_free(wanted);
    octets_free(&key);
    return error;
}

/* The signer among the token's certificates; NULL: answered. */
static const struct token_certificate *choose(struct http_request *request, struct token *token,
                                              const struct token_certificates *certificates,
                                              const char *id) {
    enum http_language language = http_request_language(request);
    const struct token_certificate *signer = id ? key_find_certificate(certificates, id)
                                                : key_current_certificate(certificates, key_now());
    if (!signer) {
        agent_respond_problem(request, PROBLEM_CERTIFICATE_NOT_FOUND, NULL, NULL);
        return NULL;
    }
    if (signer->certificate->usage == CERTIFICATE_ENCRYPT || signer->certificate->is_ca ||
        !signer->has_key) {
        agent_respond_problem(request, PROBLEM_CERTIFICATE_MISMATCH,
                              word_text(WORD_NOT_SIGNING, language), NULL);
        return NULL;
    }
    if (signer->certificate->algorithm != CERTIFICATE_SM2) {
        agent_respond_problem(request, PROBLEM_CERTIFICATE_MISMATCH,
                              word_text(WORD_NOT_SM2, language), NULL);
        return NULL;
    }
    enum token_error error = check_key(token, signer);
    if (error) {
        key_respond_token_error(request, error);
        return NULL;
    }
    return signer;
}

static json_t *question(const struct http_request *request, const struct signature_request *wanted,
                        const struct token_facts *facts, const struct certificate *certificate) {
    enum http_language language = http_request_language(request);
    char not_after[11];
    calendar_date_text(certificate->not_after, not_after);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:{s:o, s:o, s:s}, s:{s:o, s:o}, s:O, s:s, s:s}", "kind",
        wanted->kind, "lang", http_language_tag(language), "origin", agent_session(request)->origin,
        "title", wanted->title, "message", wanted->message, "certificate", "subject",
        key_text_json(certificate->subject.text), "issuer", key_text_json(certificate->issuer.text),
        "notAfter", not_after, "token", "label", key_text_json(facts->label), "serial",
        key_text_json(facts->serial), "fields", wanted->fields, "agree", wanted->agree, "refuse",
        word_text(WORD_REFUSE, language));
}

/* Show it and wait. True: agreed to. False: answered. */
static bool ask(struct http_request *request, struct token *token,
                const struct signature_request *wanted, const struct certificate *certificate) {
    struct token_facts facts;
    struct key_watch watch;
    enum token_error error = token_read_facts(token, &facts);
    if (error) {
        key_respond_token_error(request, error);
        return false;
    }
    json_t *document = question(request, wanted, &facts, certificate);
    if (!document) {
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
        return false;
    }
    if (!agent_action_begin(request)) {
        json_decref(document);
        return false;
    }
    key_watch_init(&watch, request, token);
    enum consent_result result = agent_ask(request, document, &watch.watch, NULL);
    agent_action_end(request);
    json_decref(document);
    if (result != CONSENT_GIVEN)
        key_respond_consent_error(request, result, token);
    return result == CONSENT_GIVEN;
}

static bool sign(struct http_request *request, struct token *token,
                 const struct token_certificate *signer, const struct octets *content,
                 struct octets *signed_data) {
    struct octets attributes = {0}, signature = {0};
    bool is_signed = false;
    const struct certificate *certificate = signer->certificate;
    enum formats_error made =
        gm_cms_attributes(NULL, content->data, content->len, key_now(), &attributes);
    enum token_error error =
        made ? TOKEN_MEMORY
             : token_sign(token, &signer->key_id, attributes.data, attributes.len, &signature);
    if (error) {
        key_respond_token_error(request, error);
        goto out;
    }
    made = gm_cms_assemble(NULL, certificate->der.data, certificate->der.len, content->data,
                           content->len, false, &attributes, signature.data, signature.len,
                           signed_data);
    is_signed = made == FORMATS_OK;
    if (!is_signed)
        agent_respond_problem(
            request, made == FORMATS_SIGNATURE ? PROBLEM_CERTIFICATE_MISMATCH : PROBLEM_INTERNAL,
            NULL, NULL);
out:
    octets_free(&attributes);
    octets_free(&signature);
    return is_signed;
}

bool signature_make(struct http_request *request, const struct signature_request *wanted,
                    struct octets *signed_data, char certificate[CERTIFICATE_ID]) {
    struct token_certificates certificates = {0};
    bool is_signed = false;
    *signed_data = (struct octets){0};
    struct token *token = key_request_token(request);
    if (!token)
        return false;
    enum token_error error = token_read_certificates(token, &certificates);
    if (error) {
        key_respond_token_error(request, error);
        goto out;
    }
    const struct token_certificate *signer =
        choose(request, token, &certificates, wanted->certificate);
    /* the PIN is looked at again after the dialog: the session may have ended meanwhile */
    if (!signer || !key_require_pin(request, token) ||
        !ask(request, token, wanted, signer->certificate) || !key_require_pin(request, token))
        goto out;
    is_signed = sign(request, token, signer, &wanted->content, signed_data);
    memcpy(certificate, signer->certificate->id, CERTIFICATE_ID);
out:
    token_certificates_free(&certificates);
    token_release(token);
    return is_signed;
}
