/* Jobs speak with the order service through the proxy, as pages do, with the page's own bearer token. */
#include "agent/jobs/service.h"

#include <stdio.h>
#include <string.h>

#include "agent/http/json.h"

static void fail(struct job_failure *failure, enum agent_problem problem, bool is_permanent,
                 const char *detail) {
    failure->problem = problem;
    failure->is_permanent = is_permanent;
    snprintf(failure->detail, sizeof failure->detail, "%s", detail);
}

static void fail_proxy(struct job_failure *failure, enum proxy_error error) {
    switch (error) {
    case PROXY_ERROR_PROFILE:
        fail(failure, PROBLEM_SERVICE_UNKNOWN, true, "no such service profile");
        break;
    case PROXY_ERROR_UNREACHABLE:
        fail(failure, PROBLEM_SERVICE_UNREACHABLE, false, "the service does not answer");
        break;
    case PROXY_ERROR_TLS:
        fail(failure, PROBLEM_SERVICE_UNREACHABLE, false,
             "the service's TLS certificate does not verify");
        break;
    case PROXY_ERROR_TOO_LARGE:
    case PROXY_ERROR_REDIRECT:
        fail(failure, PROBLEM_SERVICE_REFUSED, true, "the service's answer cannot be used");
        break;
    case PROXY_OK:
    case PROXY_ERROR_PATH:
    case PROXY_ERROR_REFUSED:
    case PROXY_ERROR_BODY:
    case PROXY_ERROR_BROKEN:
    case PROXY_ERROR_MEMORY:
        fail(failure, PROBLEM_INTERNAL, false, "the service cannot be asked");
        break;
    }
}

/* The service's own problem goes along, so that the page can show it. */
static void fail_status(struct job_failure *failure, const struct proxy_answer *answer) {
    const char *code = json_member_string(answer->json, "code", 64);
    bool is_passing = answer->status >= 500 || answer->status == 429;
    enum agent_problem problem =
        code && strcmp(code, "WRONG_TOKEN") == 0 ? PROBLEM_WRONG_TOKEN : PROBLEM_SERVICE_REFUSED;
    char detail[100];
    snprintf(detail, sizeof detail, "the service answered %d %s", answer->status, code ? code : "");
    fail(failure, problem, !is_passing, detail);
    if (json_is_object(answer->json))
        failure->extra = json_pack("{s:O}", "service", answer->json);
}

bool service_ask(const struct job *job, const char *method, const char *path, json_t *body,
                 json_t **json, struct job_failure *failure) {
    const struct proxy_header headers[] = {
        {"Authorization", job->authorization},
        {"Accept", "application/json"},
        {"Accept-Language", http_language_tag(job->language)},
        {NULL, NULL},
    };
    struct proxy_answer answer = {0};
    *json = NULL;
    enum proxy_error error = proxy_request(job->owner->key->agent->proxy, job->service, method,
                                           path, headers, body, &answer);
    json_decref(body);
    if (error) {
        fail_proxy(failure, error);
        return false;
    }
    if (answer.status < 200 || answer.status > 299)
        fail_status(failure, &answer);
    else if (!json_is_object(answer.json))
        fail(failure, PROBLEM_SERVICE_REFUSED, true, "the service's answer is not JSON");
    else
        *json = json_incref(answer.json);
    proxy_answer_free(&answer);
    return *json != NULL;
}
