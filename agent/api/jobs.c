/* POST /v1/jobs, GET and DELETE /v1/jobs/{id}. */
#include "agent/jobs/jobs.h"

#include <stdio.h>
#include <string.h>

#include "agent/api/ask.h"
#include "agent/api/key.h"
#include "agent/http/json.h"
#include "agent/jobs/job.h"

enum { JOBS_BODY_MAX = 256 * 1024 }; /* certificates and a seal */

static bool is_word(const char *text, const char *further) {
    for (; *text; text++) {
        bool is_letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                         (*text >= '0' && *text <= '9');
        if (!is_letter && !strchr(further, *text))
            return false;
    }
    return true;
}

/* The members that only some kinds have: `install` alone brings what it writes, and has no part of the service. */
static bool members_fit(const json_t *body, const struct job_request *wanted, const char *bearer) {
    static const char *const members[] = {
        "signCertificate", "encryptCertificate", "envelopedKey", "chain", "seal", "sealId", NULL};
    if (wanted->kind->task)
        return bearer && !json_object_get(body, "install") &&
               (wanted->code || !json_object_get(body, "code"));
    return json_members_are(wanted->install, members, NULL) &&
           !json_object_get(body, "authorization") && !json_object_get(body, "code");
}

/* "Bearer ..." made of what the page gave; NULL when it gave nothing. False: it is none (RFC 6750, 2.1). */
static bool read_bearer(const char *bearer, char *authorization, size_t size,
                        struct job_request *wanted) {
    if (!bearer)
        return true;
    if (strncmp(bearer, "Bearer ", 7) == 0)
        bearer += 7;
    snprintf(authorization, size, "Bearer %s", bearer);
    wanted->authorization = authorization;
    return *bearer && is_word(bearer, "-._~+/=");
}

/* Read the body into *wanted, whose strings it lends; `authorization` is room for one of them. False: answered. */
static bool read_request(struct http_request *request, struct job_request *wanted,
                         const char **token, char *authorization, size_t size) {
    static const char *const members[] = {"kind",          "token", "service", "order",
                                          "authorization", "code",  "install", NULL};
    const json_t *body = http_request_json(request);
    const char *kind = json_member_string(body, "kind", 32);
    const char *bearer = json_member_string(body, "authorization", JOB_AUTHORIZATION_MAX);
    *token = json_member_string(body, "token", TOKEN_ID_SIZE - 1);
    *wanted = (struct job_request){
        .kind = kind ? job_kind_find(kind) : NULL,
        .service =
            json_object_get(body, "service") ? json_member_string(body, "service", 40) : "default",
        .order = json_member_string(body, "order", JOB_ORDER_MAX),
        .code = json_member_string(body, "code", JOB_CODE_MAX),
        .install = json_object_get(body, "install"),
        .origin = agent_session(request)->origin,
        .language = http_request_language(request),
    };
    bool is_good =
        json_members_are(body, members, NULL) && wanted->kind && wanted->service && wanted->order &&
        is_word(wanted->order, "-_") && (*token || !json_object_get(body, "token")) &&
        members_fit(body, wanted, bearer) && read_bearer(bearer, authorization, size, wanted);
    if (!is_good)
        agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
    return is_good;
}

/* A service that jobs may use: known, and with what a job needs to check its answers. */
static bool service_is_usable(struct http_request *request, const char *name) {
    const struct agent_service *service = agent_config_service(agent_of(request)->config, name);
    if (service && service->task_keys && service->root)
        return true;
    agent_respond_problem(request, PROBLEM_SERVICE_UNKNOWN, NULL, NULL);
    return false;
}

/* Keep those of the plugged keys that jobs can be done on; the others are released. How many there are. */
static size_t keep_capable(struct token **tokens, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (token_can(tokens[i], TOKEN_CAN_JOBS))
            tokens[kept++] = tokens[i];
        else
            token_release(tokens[i]);
    }
    return kept;
}

/* The one plugged key that jobs can be done on, which must be the one that was asked for. NULL: answered. */
static struct token *only_token(struct http_request *request, const char *id) {
    struct token *tokens[TOKEN_MAX];
    size_t plugged = tokens_list(agent_of(request)->key->tokens, tokens);
    size_t count = keep_capable(tokens, plugged);
    enum agent_problem problem = plugged == 0 ? PROBLEM_NO_TOKEN
                                 : count == 0 ? PROBLEM_CAPABILITY_MISSING
                                 : count > 1  ? PROBLEM_SEVERAL_TOKENS
                                 : id && strcmp(id, token_id(tokens[0])) != 0 ? PROBLEM_WRONG_TOKEN
                                                                              : PROBLEM_COUNT;
    if (problem == PROBLEM_COUNT)
        return tokens[0];
    for (size_t i = 0; i < count; i++)
        token_release(tokens[i]);
    agent_respond_problem(request, problem, NULL, NULL);
    return NULL;
}

/* Answered, because there is nothing to start: the job is under way or done, or its order was used for something else. */
static bool is_answered(struct http_request *request, const struct job_request *wanted) {
    json_t *document = NULL;
    enum jobs_found found = jobs_find(agent_of(request)->key->jobs, wanted, &document);
    if (found == JOBS_SETTLED) {
        http_respond_json(request, 202, document);
        return true;
    }
    json_decref(document);
    if (found == JOBS_OTHER)
        agent_respond_problem(request, PROBLEM_ORDER_USED, NULL, NULL);
    return found == JOBS_OTHER;
}

static void start(struct http_request *request, const struct job_request *wanted,
                  const char *token_wanted) {
    json_t *document = NULL;
    if (is_answered(request, wanted))
        return;
    struct token *token = only_token(request, token_wanted);
    if (!token)
        return;
    if (!wanted->kind->needs_pin || key_require_pin(request, token)) {
        /* written down first: what is not in the journal must not begin */
        bool is_recorded = agent_record(
            request, "job",
            json_pack("{s:s, s:s, s:s, s:s}", "kind", wanted->kind->name, "service",
                      wanted->service, "order", wanted->order, "token", token_id(token)));
        enum agent_problem problem =
            is_recorded ? jobs_start(agent_of(request)->key->jobs, wanted, token, &document)
                        : PROBLEM_INTERNAL;
        if (problem == PROBLEM_COUNT)
            http_respond_json(request, 202, document);
        else
            agent_respond_problem(request, problem, NULL, NULL);
    }
    token_release(token);
}

static void post_job(struct http_request *request) {
    struct job_request wanted;
    const char *token = NULL;
    char authorization[JOB_AUTHORIZATION_MAX + 8];
    if (read_request(request, &wanted, &token, authorization, sizeof authorization) &&
        service_is_usable(request, wanted.service))
        start(request, &wanted, token);
}

static void get_job(struct http_request *request) {
    json_t *document = jobs_get(agent_of(request)->key->jobs, http_request_param(request, "id"),
                                agent_session(request)->origin, http_request_language(request));
    if (document)
        http_respond_json(request, 200, document);
    else
        agent_respond_problem(request, PROBLEM_JOB_NOT_FOUND, NULL, NULL);
}

static void delete_job(struct http_request *request) {
    enum http_language language = http_request_language(request);
    bool is_cancelled = false;
    json_t *document = NULL;
    if (!jobs_cancel(agent_of(request)->key->jobs, http_request_param(request, "id"),
                     agent_session(request)->origin, language, &is_cancelled, &document))
        agent_respond_problem(request, PROBLEM_JOB_NOT_FOUND, NULL, NULL);
    else if (is_cancelled)
        http_respond_json(request, 200, document);
    else
        agent_respond_problem(request, PROBLEM_ACTION_PENDING, word_text(WORD_JOB_WRITES, language),
                              json_pack("{s:o}", "job", document));
}

const struct http_route job_routes[] = {
    {"POST", "/v1/jobs", post_job, HTTP_BODY_JSON, JOBS_BODY_MAX,
     AGENT_ROUTE_SESSION | POLICY_JOBS},
    {"GET", "/v1/jobs/{id}", get_job, HTTP_BODY_NONE, 0, AGENT_ROUTE_SESSION | POLICY_JOBS},
    {"DELETE", "/v1/jobs/{id}", delete_job, HTTP_BODY_NONE, 0, AGENT_ROUTE_SESSION | POLICY_JOBS},
    {0},
};
