/* POST /v1/tokens/{id}/sign: a statement, a document, a batch of documents or a bare digest, shown to the person and signed on the
 * key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/documents.h"
#include "agent/api/key.h"
#include "agent/api/raw_sign.h"
#include "agent/api/signature.h"
#include "agent/api/statement.h"
#include "agent/http/json.h"
#include "module/formats/base64.h"
#include "module/formats/signed_data.h"

enum {
    SIGN_BODY_MAX = 4 * 1024 * 1024,
    BATCH_MAX = 100, /* documents */
    FORMAT_MAX = 16,
};

/* One document of the request. */
struct sign_document {
    const char *name;
    struct octets content; /* when the page gave it */
    bool has_content;
    struct document_digests digests;
};

/* What the request asks for, besides what is to be signed. */
struct sign_wish {
    const char *certificate, *nonce;
    bool wants_jws, wants_pss;
    const char *format; /* NULL: the key's own */
    bool attached, has_attached;
};

/* ---- reading the request ---- */

static bool refuse_statement(struct http_request *request, enum statement_error error) {
    agent_respond_problem(
        request, error == STATEMENT_MEMORY ? PROBLEM_INTERNAL : PROBLEM_STATEMENT_REFUSED,
        statement_error_text(error, http_request_language(request) == HTTP_LANGUAGE_ZH), NULL);
    return false;
}

static bool bad_request(struct http_request *request) {
    agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
    return false;
}

static bool refuse_word(struct http_request *request, enum agent_problem problem, enum word word) {
    agent_respond_problem(request, problem, word_text(word, http_request_language(request)), NULL);
    return false;
}

/* False: answered. */
static bool read_wish(struct http_request *request, const json_t *body, struct sign_wish *wish) {
    const char *padding = json_member_string(body, "padding", FORMAT_MAX);
    const json_t *attached = json_object_get(body, "attached");
    *wish = (struct sign_wish){
        .certificate = json_member_string(body, "certificate", CERTIFICATE_ID),
        .nonce = json_member_string(body, "nonce", STATEMENT_NONCE_MAX),
        .format = json_member_string(body, "format", FORMAT_MAX),
        .attached = json_is_true(attached),
        .has_attached = attached != NULL,
        .wants_pss = padding && strcmp(padding, "pss") == 0,
    };
    static const char *const formats[] = {"gm-signed-data", "cms", "jws"};
    bool is_known = !json_object_get(body, "format");
    for (size_t i = 0; wish->format && i < sizeof formats / sizeof *formats; i++)
        is_known |= strcmp(wish->format, formats[i]) == 0;
    wish->wants_jws = wish->format && strcmp(wish->format, "jws") == 0;
    if (!wish->certificate || !is_known || (attached && !json_is_boolean(attached)) ||
        (json_object_get(body, "padding") &&
         !(padding && (wish->wants_pss || strcmp(padding, "pkcs1") == 0))))
        return bad_request(request);
    return statement_nonce_is_good(wish->nonce) || refuse_statement(request, STATEMENT_BAD_NONCE);
}

/* {name, content} or {name, id}. False: answered. */
static bool read_document(struct http_request *request, const json_t *object,
                          struct sign_document *document) {
    static const char *const members[] = {"name", "content", "id", NULL};
    const char *id = json_member_string(object, "id", DOCUMENT_ID_SIZE - 1);
    const json_t *content = json_object_get(object, "content");
    *document =
        (struct sign_document){.name = json_member_string(object, "name", DOCUMENT_NAME_MAX)};
    if (!json_is_object(object) || !json_members_are(object, members, NULL) || !document->name ||
        !content == !json_object_get(object, "id") || (!content && !id))
        return bad_request(request);
    if (!content)
        return documents_find(agent_of(request)->key->documents, agent_session(request)->id, id,
                              &document->digests) ||
               refuse_word(request, PROBLEM_DOCUMENT_NOT_FOUND, WORD_DOCUMENT_UNKNOWN);
    if (!json_is_string(content) ||
        base64_decode(json_string_value(content), json_string_length(content),
                      &document->content) != FORMATS_OK)
        return bad_request(request);
    document->has_content = true;
    if (document->content.len > SIGNED_CONTENT_MAX)
        return refuse_statement(request, STATEMENT_TOO_LARGE);
    if (document_is_canonical_object(document->content.data, document->content.len))
        return refuse_word(request, PROBLEM_STATEMENT_REFUSED, WORD_DOCUMENT_IS_OBJECT);
    if (!document_digest_bytes(&document->content, &document->digests)) {
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
        return false;
    }
    return true;
}

/* ---- what the dialog shows of documents ---- */

static bool add_field(json_t *fields, const char *label, const char *value) {
    return json_array_append_new(
               fields, json_pack("{s:s, s:o}", "label", label, "value", key_text_json(value))) == 0;
}

/* Name, size and the digest that will be signed. `prefix` is "", or "2/3 " in a batch. */
static bool add_fields(json_t *fields, const struct sign_document *document, const char *prefix,
                       enum signature_scheme scheme, enum http_language language) {
    const struct signature_scheme_facts *facts = signature_scheme_facts(scheme);
    char hex[2 * SCHEME_DIGEST_MAX + 1], label[128], size[64], number[24];
    const char *const digest_values[3] = {facts->digest, "", ""};
    const char *const size_values[3] = {number, "", ""};
    octets_to_hex(document_digest(&document->digests, scheme), facts->digest_len, hex);
    snprintf(number, sizeof number, "%zu", document->digests.size);
    word_fill(size, sizeof size, WORD_DOCUMENT_BYTES, language, size_values);
    snprintf(label, sizeof label, "%s%s", prefix, word_text(WORD_DOCUMENT_NAME, language));
    bool done = add_field(fields, label, document->name);
    snprintf(label, sizeof label, "%s%s", prefix, word_text(WORD_DOCUMENT_SIZE, language));
    done = done && add_field(fields, label, size);
    size_t used = (size_t)snprintf(label, sizeof label, "%s", prefix);
    word_fill(label + used, sizeof label - used, WORD_DOCUMENT_DIGEST, language, digest_values);
    return done && add_field(fields, label, hex);
}

static json_t *fields_of(const struct sign_document *documents, size_t count,
                         enum signature_scheme scheme, enum http_language language) {
    json_t *fields = json_array();
    bool done = fields != NULL;
    for (size_t i = 0; i < count && done; i++) {
        char prefix[48] = "";
        if (count > 1)
            snprintf(prefix, sizeof prefix, "%zu/%zu ", i + 1, count);
        done = add_fields(fields, &documents[i], prefix, scheme, language);
    }
    if (!done) {
        json_decref(fields);
        fields = NULL;
    }
    return fields;
}

/* ---- signing ---- */

/* The key can make the format that is asked for. False: answered. */
static bool check_format(struct signature_work *work, const struct sign_wish *wish) {
    const char *own = signature_format(work);
    bool is_fine = wish->wants_jws ? signature_scheme_facts(work->scheme)->jws_name != NULL
                                   : !wish->format || strcmp(wish->format, own) == 0;
    return is_fine ||
           refuse_word(work->request, PROBLEM_CERTIFICATE_MISMATCH, WORD_FORMAT_NOT_OF_KEY);
}

/* One signature as JSON: base64, or a JWS as it is. NULL: answered. */
static json_t *sign_one(struct signature_work *work, const struct sign_wish *wish,
                        const struct signature_item *item) {
    struct octets signature = {0};
    bool is_made = wish->wants_jws ? signature_make_jws(work, item, &signature)
                                   : signature_make(work, item, &signature);
    if (!is_made)
        return NULL;
    json_t *json = wish->wants_jws ? json_stringn((const char *)signature.data, signature.len)
                                   : base64_json(&signature);
    octets_free(&signature);
    if (!json)
        agent_respond_problem(work->request, PROBLEM_INTERNAL, NULL, NULL);
    return json;
}

static json_t *answer_of(const struct signature_work *work, const struct sign_wish *wish) {
    return json_pack("{s:s, s:s, s:s}", "format", wish->wants_jws ? "jws" : signature_format(work),
                     "algorithm", signature_scheme_facts(work->scheme)->name, "certificate",
                     work->signer->certificate->id);
}

static void sign_statement(struct http_request *request, const json_t *statement,
                           const struct sign_wish *wish) {
    enum http_language language = http_request_language(request);
    struct octets canonical = {0};
    struct signature_work work = {0};
    json_t *object = NULL, *signature = NULL;
    enum statement_error error = statement_canonical(
        statement, wish->nonce, agent_session(request)->origin, &canonical, &object);
    if (error) {
        refuse_statement(request, error);
        return;
    }
    const struct signature_question question = {
        .kind = "statement",
        .title = json_string_value(json_object_get(object, "title")),
        .message = word_text(WORD_STATEMENT_MESSAGE, language),
        .fields = json_object_get(object, "fields"),
        .agree = word_text(WORD_STATEMENT_AGREE, language),
    };
    const struct signature_item item = {.content = &canonical,
                                        .attached = wish->attached || !wish->has_attached,
                                        .nonce = wish->nonce,
                                        .purpose = "statement"};
    if (signature_open(request, wish->certificate, wish->wants_pss, &work) &&
        check_format(&work, wish) && signature_confirm(&work, &question))
        signature = sign_one(&work, wish, &item);
    if (signature) {
        json_t *answer = answer_of(&work, wish);
        json_object_set(answer, "signature", signature);
        json_object_set_new(answer, "statement",
                            json_stringn((const char *)canonical.data, canonical.len));
        http_respond_json(request, 200, answer);
    }
    json_decref(signature);
    signature_close(&work);
    json_decref(object);
    octets_free(&canonical);
}

/* Uploaded documents have left their digests only. False: answered. */
static bool check_held(struct http_request *request, const struct sign_document *documents,
                       size_t count, const struct sign_wish *wish) {
    for (size_t i = 0; i < count; i++) {
        if (!documents[i].has_content && (wish->attached || wish->wants_jws))
            return refuse_word(request, PROBLEM_STATEMENT_REFUSED, WORD_DOCUMENT_NOT_HELD);
    }
    return true;
}

/* The signatures of all of them, or NULL: answered. */
static json_t *sign_all(struct signature_work *work, const struct sign_document *documents,
                        size_t count, const struct sign_wish *wish) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct sign_document *one = &documents[i];
        const struct signature_item item = {.content = one->has_content ? &one->content : NULL,
                                            .digests = &one->digests,
                                            .attached = wish->attached,
                                            .nonce = wish->nonce,
                                            .purpose = "document"};
        json_t *signature = sign_one(work, wish, &item);
        if (!signature) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, json_pack("{s:s, s:I, s:o, s:o}", "name", one->name, "size",
                                              (json_int_t)one->digests.size, "digests",
                                              document_digests_json(&one->digests), "signature",
                                              signature));
    }
    return list;
}

static bool confirm_documents(struct signature_work *work, const struct sign_document *documents,
                              size_t count, bool is_batch) {
    enum http_language language = http_request_language(work->request);
    char title[128], number[24];
    const char *const values[3] = {number, "", ""};
    snprintf(number, sizeof number, "%zu", count);
    word_fill(title, sizeof title, is_batch ? WORD_BATCH_TITLE : WORD_DOCUMENT_TITLE, language,
              values);
    json_t *fields = fields_of(documents, count, work->scheme, language);
    const struct signature_question question = {
        .kind = is_batch ? "batch" : "document",
        .title = title,
        .message = word_text(is_batch ? WORD_BATCH_MESSAGE : WORD_DOCUMENT_MESSAGE, language),
        .fields = fields,
        .agree = word_text(WORD_STATEMENT_AGREE, language),
    };
    bool is_given = false;
    if (fields)
        is_given = signature_confirm(work, &question);
    else
        agent_respond_problem(work->request, PROBLEM_INTERNAL, NULL, NULL);
    json_decref(fields);
    return is_given;
}

static void sign_documents(struct http_request *request, const json_t *list, bool is_batch,
                           const struct sign_wish *wish) {
    size_t count = is_batch ? json_array_size(list) : 1, ready = 0;
    struct signature_work work = {0};
    json_t *signatures = NULL;
    if (count == 0 || count > BATCH_MAX) {
        bad_request(request);
        return;
    }
    struct sign_document *documents = calloc(count, sizeof *documents);
    if (!documents) {
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
        return;
    }
    while (ready < count &&
           read_document(request, is_batch ? json_array_get(list, ready) : list, &documents[ready]))
        ready++;
    if (ready == count && check_held(request, documents, count, wish) &&
        signature_open(request, wish->certificate, wish->wants_pss, &work) &&
        check_format(&work, wish) && confirm_documents(&work, documents, count, is_batch))
        signatures = sign_all(&work, documents, count, wish);
    if (signatures) {
        json_t *answer = answer_of(&work, wish);
        if (is_batch)
            json_object_set(answer, "signatures", signatures);
        else
            json_object_update(answer, json_array_get(signatures, 0));
        http_respond_json(request, 200, answer);
    }
    json_decref(signatures);
    signature_close(&work);
    for (size_t i = 0; i < count; i++)
        octets_free(&documents[i].content);
    free(documents);
}

static void sign(struct http_request *request) {
    static const char *const members[] = {"certificate", "statement", "document", "documents",
                                          "digest",      "format",    "attached", "padding",
                                          "nonce",       NULL};
    const json_t *body = http_request_json(request);
    const json_t *statement = json_object_get(body, "statement");
    const json_t *document = json_object_get(body, "document");
    const json_t *documents = json_object_get(body, "documents");
    const json_t *digest = json_object_get(body, "digest");
    struct sign_wish wish;
    if (!json_members_are(body, members, NULL) ||
        (statement != NULL) + (document != NULL) + (documents != NULL) + (digest != NULL) != 1 ||
        (documents && !json_is_array(documents))) {
        bad_request(request);
        return;
    }
    if (digest)
        raw_sign(request, body);
    else if (read_wish(request, body, &wish)) {
        if (statement)
            sign_statement(request, statement, &wish);
        else
            sign_documents(request, document ? document : documents, documents != NULL, &wish);
    }
}

const struct http_route sign_routes[] = {
    {"POST", "/v1/tokens/{id}/sign", sign, HTTP_BODY_JSON, SIGN_BODY_MAX,
     AGENT_ROUTE_SESSION | POLICY_SIGN},
    {0},
};
