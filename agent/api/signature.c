/* Signing: nothing is signed that has not been shown and agreed to. */
#include "agent/api/signature.h"

#include "agent/api/ask.h"
#include "agent/api/pin_dialog.h"
#include "agent/clock.h"

#include <string.h>

#include "module/formats/calendar.h"
#include "module/formats/jws.h"
#include "module/formats/signed_data.h"

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
    enum token_error error = check_key(token, signer);
    if (error) {
        key_respond_token_error(request, error);
        return NULL;
    }
    return signer;
}

bool signature_open(struct http_request *request, const char *id, bool wants_pss,
                    struct signature_work *work) {
    *work = (struct signature_work){.request = request, .token = key_request_token(request)};
    if (!work->token)
        return false;
    const struct key *key = agent_of(request)->key;
    enum token_error error = key_read_certificates(key, work->token, &work->certificates);
    if (error) {
        key_respond_token_error(request, error);
        return false;
    }
    return signature_choose(work, id, wants_pss) && key_require_pin(request, work->token);
}

bool signature_choose(struct signature_work *work, const char *id, bool wants_pss) {
    struct http_request *request = work->request;
    work->signer = choose(request, work->token, &work->certificates, id);
    if (!work->signer)
        return false;
    if (signature_scheme_of_key(X509_get0_pubkey(work->signer->certificate->x509), wants_pss,
                                &work->scheme) == FORMATS_OK)
        return true;
    agent_respond_problem(request, PROBLEM_CERTIFICATE_MISMATCH,
                          word_text(WORD_UNKNOWN_KEY, http_request_language(request)), NULL);
    return false;
}

void signature_close(struct signature_work *work) {
    token_certificates_free(&work->certificates);
    if (work->token)
        token_release(work->token);
    work->token = NULL;
}

/* ---- consent ---- */

static json_t *document_of(const struct signature_work *work,
                           const struct signature_question *question,
                           const struct token_facts *facts) {
    enum http_language language = http_request_language(work->request);
    const struct certificate *certificate = work->signer->certificate;
    char not_after[11];
    calendar_date_text(certificate->not_after, not_after);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:{s:o, s:o, s:s, s:I, s:s}, s:{s:o, s:o}, s:O, s:s, s:s}",
        "kind", question->kind, "lang", http_language_tag(language), "origin",
        agent_session(work->request)->origin, "title", question->title, "message",
        question->message, "certificate", "subject", key_text_json(certificate->subject.text),
        "issuer", key_text_json(certificate->issuer.text), "notAfter", not_after, "daysLeft",
        (json_int_t)certificate_days_left(certificate, clock_now()), "usage",
        certificate_usage_name(certificate->usage), "token", "label", key_text_json(facts->label),
        "serial", key_text_json(facts->serial), "fields", question->fields, "agree",
        question->agree, "refuse", word_text(WORD_REFUSE, language));
}

bool signature_confirm(struct signature_work *work, const struct signature_question *question) {
    struct http_request *request = work->request;
    struct token_facts facts;
    struct key_watch watch;
    enum token_error error = token_read_facts(work->token, &facts);
    if (error) {
        key_respond_token_error(request, error);
        return false;
    }
    json_t *document = document_of(work, question, &facts);
    if (!document) {
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
        return false;
    }
    if (!agent_action_begin(request)) {
        json_decref(document);
        return false;
    }
    key_watch_init(&watch, request, work->token);
    enum consent_result result = agent_ask(request, document, &watch.watch, NULL);
    agent_action_end(request);
    json_decref(document);
    if (result != CONSENT_GIVEN) {
        key_respond_consent_error(request, result, work->token);
        return false;
    }
    /* the PIN is looked at again after the dialog: the session may have ended meanwhile */
    return key_require_pin(request, work->token);
}

/* ---- one use of the key ---- */

/* The PIN for one use; a try as every other. False: answered. */
static bool ask_for_pin(struct signature_work *work, struct consent_pin **pin) {
    static const struct pin_question question = {.title = WORD_PIN_TITLE,
                                                 .prompt = WORD_PIN_PROMPT,
                                                 .error = WORD_COUNT,
                                                 .is_for_a_try = true};
    struct http_request *request = work->request;
    struct token_facts facts;
    struct key_watch watch;
    enum token_error error = token_read_facts(work->token, &facts);
    if (error) {
        key_respond_token_error(request, error);
        return false;
    }
    if (pin_try_is_refused(request, &facts) || !agent_action_begin(request))
        return false;
    const struct pin_asker asker = pin_dialog_asker(request, work->token, &watch);
    enum consent_result result = pin_dialog_ask(&asker, &facts, &question, pin);
    agent_action_end(request);
    if (result == CONSENT_GIVEN)
        return true;
    agent_record(request, "pin", json_pack("{s:s}", "answer", agent_answer_word(result)));
    key_respond_consent_error(request, result, work->token);
    return false;
}

bool signature_use_begin(struct signature_work *work, struct signature_use *use) {
    bool wants_pin = false;
    *use = (struct signature_use){0};
    enum token_error error = token_key_wants_pin(work->token, &work->signer->key_id, &wants_pin);
    if (error) {
        key_respond_token_error(work->request, error);
        return false;
    }
    if (wants_pin && !ask_for_pin(work, &use->typed))
        return false;
    if (use->typed)
        use->pin = (struct token_pin){use->typed->text, use->typed->len};
    return true;
}

bool signature_use_end(struct signature_work *work, struct signature_use *use,
                       enum token_error error) {
    struct http_request *request = work->request;
    bool was_typed = use->typed != NULL;
    consent_pin_free(use->typed);
    *use = (struct signature_use){0};
    if (!was_typed)
        return true;
    if (!error || error == TOKEN_PIN_WRONG || error == TOKEN_PIN_LOCKED)
        access_pin_tried(agent_of(request)->access, agent_session(request)->origin, !error);
    bool is_recorded =
        agent_record(request, "pin",
                     json_pack("{s:s, s:s, s:s}", "answer", "given", "by", "person", "result",
                               error ? agent_problem_code(key_token_problem(error)) : "verified"));
    if (!error && !is_recorded)
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
    return error || is_recorded;
}

bool signature_sign(struct signature_work *work, const struct octets *message,
                    struct octets *signature) {
    struct signature_use use;
    *signature = (struct octets){0};
    if (!signature_use_begin(work, &use))
        return false;
    enum token_error error = token_sign(work->token, &work->signer->key_id, work->scheme,
                                        message->data, message->len, &use.pin, signature);
    if (!signature_use_end(work, &use, error))
        return false;
    if (error)
        key_respond_token_error(work->request, error);
    return !error;
}

static void respond_formats_error(struct http_request *request, enum formats_error error) {
    agent_respond_problem(request,
                          error == FORMATS_SIGNATURE || error == FORMATS_KEY
                              ? PROBLEM_CERTIFICATE_MISMATCH
                          : error == FORMATS_TOO_LARGE ? PROBLEM_STATEMENT_REFUSED
                                                       : PROBLEM_INTERNAL,
                          NULL, NULL);
}

static struct signed_facts facts_of(const struct signature_work *work,
                                    const struct signature_item *item) {
    return (struct signed_facts){.scheme = work->scheme,
                                 .signing_time = key_now(),
                                 .nonce = item->nonce,
                                 .origin = agent_session(work->request)->origin,
                                 .purpose = item->purpose};
}

bool signature_make(struct signature_work *work, const struct signature_item *item,
                    struct octets *out) {
    const struct octets *certificate = &work->signer->certificate->der;
    const struct signed_facts facts = facts_of(work, item);
    struct document_digests own = {0};
    const struct document_digests *digests = item->digests ? item->digests : &own;
    struct octets attributes = {0}, signature = {0};
    *out = (struct octets){0};
    enum formats_error made = FORMATS_OK;
    if (!item->digests && !document_digest_bytes(item->content, &own))
        made = FORMATS_CRYPTO;
    if (!made)
        made = signed_data_attributes(NULL, &facts, certificate->data, certificate->len,
                                      document_digest(digests, work->scheme), &attributes);
    if (!made) {
        if (!signature_sign(work, &attributes, &signature)) {
            octets_free(&attributes);
            octets_free(&signature);
            return false;
        }
        made = signed_data_assemble(NULL, work->scheme, certificate->data, certificate->len,
                                    item->attached ? item->content : NULL, &attributes, &signature,
                                    out);
    }
    octets_free(&attributes);
    octets_free(&signature);
    if (made)
        respond_formats_error(work->request, made);
    return !made;
}

bool signature_make_jws(struct signature_work *work, const struct signature_item *item,
                        struct octets *out) {
    const struct octets *certificate = &work->signer->certificate->der;
    const struct signed_facts facts = facts_of(work, item);
    struct octets to_be_signed = {0}, signature = {0};
    *out = (struct octets){0};
    enum formats_error made = jws_message_begin(NULL, &facts, certificate->data, certificate->len,
                                                item->content, &to_be_signed);
    if (!made) {
        if (!signature_sign(work, &to_be_signed, &signature)) {
            octets_free(&to_be_signed);
            octets_free(&signature);
            return false;
        }
        made = jws_message_assemble(NULL, work->scheme, &to_be_signed, &signature, !item->attached,
                                    out);
    }
    octets_free(&to_be_signed);
    octets_free(&signature);
    if (made)
        respond_formats_error(work->request, made);
    return !made;
}

const char *signature_format(const struct signature_work *work) {
    return work->scheme == SCHEME_SM2 ? "gm-signed-data" : "cms";
}
