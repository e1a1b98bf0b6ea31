/* POST /v1/tokens/{id}/stamp: a stamp with an electronic seal of the key (GB/T 38540-2020), after all the checks of the standard. */
#include <stdio.h>
#include <string.h>

#include "agent/api/documents.h"
#include "agent/api/seals.h"
#include "agent/api/signature.h"
#include "agent/api/trust.h"
#include "agent/http/json.h"
#include "module/formats/base64.h"
#include "module/formats/calendar.h"
#include "openukey/formats.h"

enum { STAMP_BODY_MAX = 2 * 1024 * 1024, STAMP_SEAL_VERSION = 4 };

/* What the page asks for. */
struct stamp_wish {
    const char *seal, *certificate, *name, *property_info;
    unsigned char hash[SM3_SIZE];
};

static bool refuse(struct http_request *request, const char *reason) {
    agent_respond_problem(request, PROBLEM_STAMP_REFUSED, NULL,
                          json_pack("{s:s}", "reason", reason));
    return false;
}

static bool bad_request(struct http_request *request) {
    agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
    return false;
}

/* ---- the request ---- */

/* The document is a hash, bytes, or an uploaded one. False: answered. */
static bool read_hash(struct http_request *request, const json_t *body, struct stamp_wish *wish) {
    const json_t *content = json_object_get(body, "content");
    const char *id = json_member_string(body, "document", DOCUMENT_ID_SIZE - 1);
    const char *hash = json_member_string(body, "hash", 64);
    struct document_digests digests;
    struct octets bytes = {0};
    if (json_is_string(content) && !id && !hash) {
        bool is_read = base64_decode(json_string_value(content), json_string_length(content),
                                     &bytes) == FORMATS_OK &&
                       document_digest_bytes(&bytes, &digests);
        octets_free(&bytes);
        if (!is_read)
            return bad_request(request);
        memcpy(wish->hash, digests.digest[DOCUMENT_SM3], SM3_SIZE);
    } else if (id && !content && !hash) {
        if (!documents_find(agent_of(request)->key->documents, agent_session(request)->id, id,
                            &digests)) {
            agent_respond_problem(request, PROBLEM_DOCUMENT_NOT_FOUND, NULL, NULL);
            return false;
        }
        memcpy(wish->hash, digests.digest[DOCUMENT_SM3], SM3_SIZE);
    } else if (hash && !content && !id) {
        bool is_read =
            base64_decode(hash, strlen(hash), &bytes) == FORMATS_OK && bytes.len == SM3_SIZE;
        if (is_read)
            memcpy(wish->hash, bytes.data, SM3_SIZE);
        octets_free(&bytes);
        return is_read || bad_request(request);
    } else {
        return bad_request(request);
    }
    return true;
}

static bool read_wish(struct http_request *request, const json_t *body, struct stamp_wish *wish) {
    static const char *const members[] = {"seal", "certificate", "name",     "propertyInfo",
                                          "hash", "content",     "document", NULL};
    *wish = (struct stamp_wish){
        .seal = json_member_string(body, "seal", SEAL_ID_TEXT_MAX),
        .certificate = json_member_string(body, "certificate", CERTIFICATE_ID),
        .name = json_member_string(body, "name", DOCUMENT_NAME_MAX),
        .property_info = json_member_string(body, "propertyInfo", STAMP_PROPERTY_MAX),
    };
    if (!json_members_are(body, members, NULL) || !wish->seal || !wish->name ||
        !wish->property_info || (!wish->certificate && json_object_get(body, "certificate")))
        return bad_request(request);
    return read_hash(request, body, wish);
}

/* ---- the seal ---- */

/* The seal of that id on the key. False: answered. */
static bool read_seal(struct signature_work *work, const char *id, struct octets *der,
                      struct seal **seal) {
    char name[SEAL_ID_TEXT_MAX + sizeof SEAL_FILE_SUFFIX];
    snprintf(name, sizeof name, "%s%s", id, SEAL_FILE_SUFFIX);
    enum token_error error = token_read_file(work->token, name, der);
    if (error && error != TOKEN_NOT_FOUND)
        key_respond_token_error(work->request, error);
    else if (error || seal_parse(NULL, der->data, der->len, seal) != FORMATS_OK)
        agent_respond_problem(work->request, PROBLEM_SEAL_NOT_FOUND, NULL, NULL);
    else
        return true;
    return false;
}

/* Where the page names no certificate, the seal knows which ones may use it: the current one if it is listed, else the first listed one
 * that is on the key. False: answered. */
static bool choose_listed(struct signature_work *work, const struct seal *seal) {
    const struct certificate *current = work->signer->certificate, *listed = NULL;
    if (seal_lists_certificate(seal, current->der.data, current->der.len))
        return true;
    for (size_t i = 0; i < work->certificates.count && !listed; i++) {
        const struct token_certificate *one = &work->certificates.list[i];
        const struct certificate *certificate = one->certificate;
        if (one->has_key && certificate->usage != CERTIFICATE_ENCRYPT &&
            seal_lists_certificate(seal, certificate->der.data, certificate->der.len))
            listed = certificate;
    }
    return listed ? signature_choose(work, listed->id, false) : refuse(work->request, "not-listed");
}

/* GM/T 0031-2014 6.2.2 before anything is signed: the signer, the seal, and that they belong together. False: answered. */
static bool check(const struct signature_work *work, const struct seal *seal) {
    const struct key *key = agent_of(work->request)->key;
    const struct certificate *certificate = work->signer->certificate;
    const char *reason = "";
    struct trust_status status;
    enum trust_chain chain = trust_chain_of(key, certificate->x509, NULL, key_now());
    trust_status_of(key->trust, certificate->x509, &status);
    if (seal->version != STAMP_SEAL_VERSION)
        return refuse(work->request, "seal-version");
    if (work->scheme != SCHEME_SM2)
        return refuse(work->request, "key-algorithm");
    if (chain != TRUST_CHAIN_TRUSTED)
        return refuse(work->request, chain == TRUST_CHAIN_UNTRUSTED || chain == TRUST_CHAIN_UNKNOWN
                                         ? "signer-untrusted"
                                         : "signer-dates");
    if (status.revocation == TRUST_REVOCATION_REVOKED)
        return refuse(work->request, "signer-revoked");
    if (strcmp(seal_verdict(key, seal, &reason), "valid") != 0) {
        char text[48];
        snprintf(text, sizeof text, "seal-%s", seal_verdict(key, seal, &reason));
        return refuse(work->request, text);
    }
    return seal_lists_certificate(seal, certificate->der.data, certificate->der.len) ||
           refuse(work->request, "not-listed");
}

/* ---- the stamp ---- */

static bool confirm(struct signature_work *work, const struct stamp_wish *wish,
                    const struct seal *seal) {
    enum http_language language = http_request_language(work->request);
    static const char *const digest_name[3] = {"SM3", "", ""};
    char hex[2 * SM3_SIZE + 1], label[64];
    octets_to_hex(wish->hash, SM3_SIZE, hex);
    word_fill(label, sizeof label, WORD_DOCUMENT_DIGEST, language, digest_name);
    json_t *fields =
        json_pack("[{s:s, s:o}, {s:s, s:o}, {s:s, s:o}, {s:s, s:s}]", "label",
                  word_text(WORD_SEAL_NAME, language), "value", key_text_json(seal->name), "label",
                  word_text(WORD_DOCUMENT_NAME, language), "value", key_text_json(wish->name),
                  "label", word_text(WORD_STAMP_PLACE, language), "value",
                  key_text_json(wish->property_info), "label", label, "value", hex);
    const struct signature_question question = {
        .kind = "stamp",
        .title = word_text(WORD_STAMP_TITLE, language),
        .message = word_text(WORD_STAMP_MESSAGE, language),
        .fields = fields,
        .agree = word_text(WORD_STAMP_AGREE, language),
    };
    bool is_given = false;
    if (fields)
        is_given = signature_confirm(work, &question);
    else
        agent_respond_problem(work->request, PROBLEM_INTERNAL, NULL, NULL);
    json_decref(fields);
    return is_given;
}

/* Sign, pack, and check as anybody else would. False: answered. */
static bool make(struct signature_work *work, const struct stamp_wish *wish,
                 const struct octets *seal, int64_t time, struct octets *out) {
    struct stamp_description description = {
        .seal = seal, .time = time, .property_info = wish->property_info};
    struct octets to_be_signed = {0}, signature = {0};
    struct stamp *made = NULL;
    memcpy(description.data_hash, wish->hash, SM3_SIZE);
    enum formats_error error = stamp_build(&description, &to_be_signed);
    bool is_signed = !error && signature_sign(work, &to_be_signed, &signature);
    if (is_signed)
        error =
            stamp_assemble(NULL, &to_be_signed, &work->signer->certificate->der, &signature, out);
    if (is_signed && !error)
        error = stamp_parse(NULL, out->data, out->len, &made);
    bool is_good = is_signed && !error;
    if (error)
        agent_respond_problem(work->request,
                              error == FORMATS_SIGNATURE  ? PROBLEM_CERTIFICATE_MISMATCH
                              : error == FORMATS_ARGUMENT ? PROBLEM_BAD_REQUEST
                                                          : PROBLEM_INTERNAL,
                              NULL, NULL);
    if (is_good) {
        enum stamp_fault fault = stamp_judge(agent_of(work->request)->key, made, NULL);
        is_good = fault == STAMP_FAULT_NONE || refuse(work->request, stamp_fault_code(fault));
    }
    stamp_free(made);
    octets_free(&to_be_signed);
    octets_free(&signature);
    return is_good;
}

static void stamp(struct http_request *request) {
    struct stamp_wish wish;
    struct signature_work work = {0};
    struct octets der = {0}, out = {0};
    struct seal *seal = NULL;
    int64_t time = key_now();
    char text[21];
    if (!read_wish(request, http_request_json(request), &wish))
        return;
    if (signature_open(request, wish.certificate, false, &work) &&
        read_seal(&work, wish.seal, &der, &seal) &&
        (wish.certificate || choose_listed(&work, seal)) && check(&work, seal) &&
        confirm(&work, &wish, seal) && make(&work, &wish, &der, time, &out)) {
        calendar_rfc3339(time, text);
        http_respond_json(request, 200,
                          json_pack("{s:s, s:s, s:s, s:s, s:o}", "format", "ses-signature-v4",
                                    "certificate", work.signer->certificate->id, "seal", wish.seal,
                                    "time", text, "stamp", base64_json(&out)));
    }
    signature_close(&work);
    seal_free(seal);
    octets_free(&der);
    octets_free(&out);
}

const struct http_route stamp_routes[] = {
    {"POST", "/v1/tokens/{id}/stamp", stamp, HTTP_BODY_JSON, STAMP_BODY_MAX,
     AGENT_ROUTE_SESSION | POLICY_STAMP},
    {0},
};
