/* POST /v1/verify: what any signature, stamp or seal is worth, with the reason when it is not valid. */
#include <openssl/x509v3.h>
#include <string.h>

#include "agent/api/documents.h"
#include "agent/api/seals.h"
#include "agent/api/trust.h"
#include "agent/http/json.h"
#include "module/formats/base64.h"
#include "module/formats/calendar.h"
#include "module/formats/jws.h"
#include "module/formats/signed_data.h"

enum { VERIFY_BODY_MAX = 4 * 1024 * 1024 };

/* The document that a detached signature or a stamp is about, when the page has given one. */
struct subject {
    bool is_given, has_content;
    struct octets content; /* when the bytes are at hand */
    struct document_digests digests;
};

/* ---- answers ---- */

/* {format, valid, result, reason, detail}. */
static json_t *verdict(const char *format, const char *result, const char *reason,
                       const char *detail) {
    return json_pack("{s:s, s:b, s:s, s:s, s:s}", "format", format, "valid",
                     strcmp(result, "valid") == 0, "result", result, "reason", reason, "detail",
                     detail);
}

static const char *reason_of(enum formats_error error) {
    switch (error) {
    case FORMATS_SIGNATURE:
        return "signature";
    case FORMATS_MISMATCH:
        return "content";
    case FORMATS_ARGUMENT:
        return "content-missing";
    case FORMATS_UNSUPPORTED:
        return "unsupported";
    case FORMATS_KEY:
        return "key";
    default:
        return "malformed";
    }
}

static json_t *failed(const char *format, enum formats_error error) {
    return verdict(format, "invalid", reason_of(error),
                   error == FORMATS_ARGUMENT ? "it is about content that must be given"
                                             : formats_error_text(error));
}

/* The signer for people. */
static void add_signer(json_t *answer, const struct key *key, X509 *x509, const struct octets *der,
                       STACK_OF(X509) *others) {
    struct certificate *certificate = NULL;
    if (certificate_parse(NULL, der->data, der->len, &certificate) != FORMATS_OK)
        return;
    char not_before[21], not_after[21];
    calendar_rfc3339(certificate->not_before, not_before);
    calendar_rfc3339(certificate->not_after, not_after);
    json_t *signer = json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:s}", "id", certificate->id,
                               "algorithm", certificate_algorithm_name(certificate->algorithm),
                               "subjectText", key_text_json(certificate->subject.text),
                               "issuerText", key_text_json(certificate->issuer.text), "serial",
                               certificate->serial, "notBefore", not_before, "notAfter", not_after);
    json_t *trust = trust_json(key, x509);
    json_object_update(signer, trust);
    if (sk_X509_num(others) > 0) /* with what the message brings along */
        json_object_set_new(
            signer, "chain",
            json_string(trust_chain_name(trust_chain_of(key, x509, others, key_now()))));
    json_decref(trust);
    json_object_set_new(answer, "signer", signer);
    certificate_free(certificate);
}

static void add_text(json_t *answer, const char *name, const char *text) {
    if (text)
        json_object_set_new(answer, name, key_text_json(text));
}

static void add_time(json_t *answer, bool has_time, int64_t time) {
    char text[21];
    if (!has_time)
        return;
    calendar_rfc3339(time, text);
    json_object_set_new(answer, "signingTime", json_string(text));
}

/* The signature is right: what is its certificate worth now? */
static json_t *judge_signer(const char *format, const struct key *key, X509 *signer,
                            STACK_OF(X509) *others) {
    enum trust_chain chain = trust_chain_of(key, signer, others, key_now());
    uint32_t usage = X509_get_key_usage(signer); /* none stated: all bits */
    struct trust_status status;
    trust_status_of(key->trust, signer, &status);
    if (!(usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
        return verdict(format, "invalid", "key-usage",
                       "the signer's certificate is not for signing");
    switch (chain) {
    case TRUST_CHAIN_EXPIRED:
        return verdict(format, "expired", "signer-dates", "the signer's certificate has expired");
    case TRUST_CHAIN_NOT_YET_VALID:
        return verdict(format, "not-yet-valid", "signer-dates",
                       "the signer's certificate is not yet valid");
    case TRUST_CHAIN_UNKNOWN:
    case TRUST_CHAIN_UNTRUSTED:
        return verdict(format, "untrusted", "signer-untrusted",
                       "the signer's certificate is not issued under a trusted root");
    case TRUST_CHAIN_TRUSTED:
        break;
    }
    if (status.revocation == TRUST_REVOCATION_REVOKED)
        return verdict(format, "revoked", "signer-revoked", "the signer's certificate is revoked");
    return verdict(format, "valid", "", "");
}

/* ---- the kinds ---- */

static json_t *verify_signed_data(const struct key *key, const struct octets *der,
                                  const struct subject *subject) {
    struct signed_data *message = NULL;
    enum formats_error error = signed_data_parse(NULL, der->data, der->len, &message);
    if (error)
        return NULL; /* perhaps something else */
    const char *format = message->is_gm ? "gm-signed-data" : "cms";
    error = signed_data_verify(
        message, subject->is_given ? document_digest(&subject->digests, message->scheme) : NULL);
    json_t *answer =
        error ? failed(format, error) : judge_signer(format, key, message->signer, message->others);
    if (!error) {
        add_signer(answer, key, message->signer, &message->signer_der, message->others);
        add_text(answer, "nonce", message->nonce);
        add_text(answer, "origin", message->origin);
        add_text(answer, "purpose", message->purpose);
        add_time(answer, message->has_time, message->signing_time);
        json_object_set_new(answer, "algorithm",
                            json_string(signature_scheme_facts(message->scheme)->name));
        if (message->has_content)
            json_object_set_new(answer, "content", base64_json(&message->content));
    }
    signed_data_free(message);
    return answer;
}

static json_t *verify_jws(const struct key *key, const char *text, size_t len,
                          const struct subject *subject) {
    struct jws_message *message = NULL;
    enum formats_error error = jws_message_parse(NULL, text, len, &message);
    if (!error && subject->is_given && !subject->has_content)
        error = FORMATS_ARGUMENT; /* the bytes themselves are wanted */
    if (!error)
        error = jws_message_verify(message, subject->is_given ? &subject->content : NULL);
    json_t *answer =
        error ? failed("jws", error) : judge_signer("jws", key, message->signer, message->others);
    if (!error) {
        add_signer(answer, key, message->signer, &message->signer_der, message->others);
        add_text(answer, "nonce", message->nonce);
        add_text(answer, "origin", message->origin);
        add_text(answer, "purpose", message->purpose);
        add_time(answer, message->has_time, message->signing_time);
        json_object_set_new(answer, "algorithm",
                            json_string(signature_scheme_facts(message->scheme)->name));
        if (message->has_payload)
            json_object_set_new(answer, "content", base64_json(&message->payload));
    }
    jws_message_free(message);
    return answer;
}

static const char *stamp_result(enum stamp_fault fault) {
    switch (fault) {
    case STAMP_FAULT_NONE:
        return "valid";
    case STAMP_FAULT_SIGNER:
    case STAMP_FAULT_SEAL_MAKER:
    case STAMP_FAULT_TIME_STAMP:
        return "untrusted";
    case STAMP_FAULT_SIGNER_REVOKED:
    case STAMP_FAULT_MAKER_REVOKED:
        return "revoked";
    default:
        return "invalid";
    }
}

static json_t *verify_stamp(const struct key *key, const struct octets *der,
                            const struct subject *subject) {
    static const char *const formats[] = {
        [1] = "ses-signature-v1", [4] = "ses-signature-v4", [5] = "ses-signature-v5"};
    struct stamp *stamp = NULL;
    if (stamp_parse(NULL, der->data, der->len, &stamp) != FORMATS_OK)
        return NULL;
    struct document_digests digests = subject->digests;
    const struct octets hash = {digests.digest[DOCUMENT_SM3], SM3_SIZE};
    enum stamp_fault fault = stamp_judge(key, stamp, subject->is_given ? &hash : NULL);
    json_t *answer = verdict(formats[stamp->version], stamp_result(fault), stamp_fault_code(fault),
                             stamp_fault_text(fault));
    char hex[2 * SM3_SIZE + 1];
    if (fault != STAMP_FAULT_SIGNATURE) {
        struct certificate *signer = NULL;
        if (certificate_parse(NULL, stamp->certificate.data, stamp->certificate.len, &signer) ==
            FORMATS_OK)
            add_signer(answer, key, signer->x509, &stamp->certificate, NULL);
        certificate_free(signer);
        add_text(answer, "propertyInfo", stamp->property_info);
        add_time(answer, stamp->has_time, stamp->time);
        if (stamp->data_hash.len == SM3_SIZE) {
            octets_to_hex(stamp->data_hash.data, SM3_SIZE, hex);
            json_object_set_new(answer, "hash", json_string(hex));
        }
        json_object_set_new(answer, "seal", seal_json(key, stamp->seal, NULL));
    }
    stamp_free(stamp);
    return answer;
}

static json_t *verify_seal(const struct key *key, const struct octets *der) {
    static const char *const formats[] = {
        [1] = "ses-seal-v1", [4] = "ses-seal-v4", [5] = "ses-seal-v5"};
    struct seal *seal = NULL;
    const char *reason = "";
    if (seal_parse(NULL, der->data, der->len, &seal) != FORMATS_OK)
        return NULL;
    const char *result = seal_verdict(key, seal, &reason);
    json_t *answer =
        verdict(formats[seal->version], result, strcmp(result, "valid") == 0 ? "" : result, reason);
    json_object_set_new(answer, "seal", seal_json(key, seal, der));
    seal_free(seal);
    return answer;
}

/* ---- the request ---- */

static bool bad_request(struct http_request *request) {
    agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
    return false;
}

/* False: answered. */
static bool read_subject(struct http_request *request, const json_t *body,
                         struct subject *subject) {
    const json_t *content = json_object_get(body, "content");
    const json_t *document = json_object_get(body, "document");
    const char *id = json_member_string(body, "document", DOCUMENT_ID_SIZE - 1);
    *subject = (struct subject){.is_given = content || document, .has_content = content != NULL};
    if ((content && document) || (document && !id))
        return bad_request(request);
    if (content)
        return (json_is_string(content) &&
                base64_decode(json_string_value(content), json_string_length(content),
                              &subject->content) == FORMATS_OK &&
                document_digest_bytes(&subject->content, &subject->digests)) ||
               bad_request(request);
    if (document && !documents_find(agent_of(request)->key->documents, agent_session(request)->id,
                                    id, &subject->digests)) {
        agent_respond_problem(request, PROBLEM_DOCUMENT_NOT_FOUND, NULL, NULL);
        return false;
    }
    return true;
}

static json_t *verify_any(const struct key *key, const char *text, size_t len,
                          const struct subject *subject) {
    struct octets der = {0};
    if (memchr(text, '.', len))
        return verify_jws(key, text, len, subject);
    if (base64_decode(text, len, &der) != FORMATS_OK)
        return failed("unknown", FORMATS_MALFORMED);
    json_t *answer = verify_signed_data(key, &der, subject);
    if (!answer)
        answer = verify_stamp(key, &der, subject);
    if (!answer)
        answer = verify_seal(key, &der);
    if (!answer)
        answer = failed("unknown", FORMATS_MALFORMED);
    octets_free(&der);
    return answer;
}

static void verify(struct http_request *request) {
    static const char *const members[] = {"signature", "content", "document", NULL};
    const json_t *body = http_request_json(request);
    const json_t *signature = json_object_get(body, "signature");
    struct subject subject = {0};
    if (!json_members_are(body, members, NULL) || !json_is_string(signature)) {
        bad_request(request);
        return;
    }
    if (read_subject(request, body, &subject))
        http_respond_json(request, 200,
                          verify_any(agent_of(request)->key, json_string_value(signature),
                                     json_string_length(signature), &subject));
    octets_free(&subject.content);
}

const struct http_route verify_routes[] = {
    {"POST", "/v1/verify", verify, HTTP_BODY_JSON, VERIFY_BODY_MAX,
     AGENT_ROUTE_SESSION | POLICY_VERIFY},
    {0},
};
