/* ANY /v1/service/{profile}/{path...}: the page's way to the order service, through the fixed upstream. */
#include <stdio.h>
#include <string.h>

#include "agent/api/api.h"

#define MAX_BODY ((size_t)1 << 30)

static const char *const passing[] = {"Authorization",   "Content-Type",    "Accept",
                                      "Accept-Language", "Idempotency-Key", "If-Match"};

/* Present and single, or left out; false when a header comes twice. */
static bool take_headers(struct http_request *request, struct proxy_header headers[8]) {
    size_t count = 0;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        size_t times = http_request_header_count(request, passing[i]);
        if (times > 1) {
            return false;
        }
        if (times == 1) {
            headers[count++] =
                (struct proxy_header){passing[i], http_request_header(request, passing[i])};
        }
    }
    headers[count] = (struct proxy_header){0};
    return true;
}

/* "/" PATH, and "?" QUERY if there is one. */
static char *join_path(struct http_request *request) {
    const char *path = http_request_param(request, "path"), *query = http_request_query(request);
    size_t size = strlen(path) + strlen(query) + 3;
    char *joined = http_request_alloc(request, size);
    if (joined != NULL) {
        snprintf(joined, size, "/%s%s%s", path, query[0] != 0 ? "?" : "", query);
    }
    return joined;
}

/* ---- the way there and back, piece by piece ---- */

struct way {
    struct http_request *request;
    int64_t announced, seen; /* bytes of the request's body */
};

static long read_body(void *context, void *data, size_t size) {
    struct way *way = context;
    char beyond;
    long got = http_request_read(way->request, data, size);
    way->seen += got > 0 ? got : 0;
    if (got > 0 && way->seen == way->announced) {
        http_request_read(way->request, &beyond, sizeof(beyond)); /* its end has been seen */
    }
    return got;
}

static bool begin_answer(void *context, const struct proxy_answer *answer, int64_t length) {
    struct http_request *request = ((struct way *)context)->request;
    const struct proxy_header back[] = {{"ETag", answer->etag},
                                        {"Location", answer->location},
                                        {"Retry-After", answer->retry_after}};
    for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
        if (back[i].value != NULL) {
            http_response_header(request, back[i].name, back[i].value);
        }
    }
    bool is_empty = answer->status == 204 || answer->status == 304;
    return http_respond_begin(request, answer->status, answer->type, is_empty ? 0 : length);
}

static bool write_answer(void *context, const void *data, size_t len) {
    return http_respond_write(((struct way *)context)->request, data, len);
}

static bool is_gone(void *context) {
    const struct way *way = context;
    return way->seen == way->announced && http_request_client_gone(way->request);
}

static void say_error(struct http_request *request, enum proxy_error error) {
    static const struct {
        enum agent_problem problem;
        const char *detail[2]; /* by language; NULL: the catalogue's */
    } says[] = {
        [PROXY_OK] = {PROBLEM_INTERNAL, {NULL, NULL}},
        [PROXY_ERROR_PROFILE] = {PROBLEM_SERVICE_UNKNOWN, {NULL, NULL}},
        [PROXY_ERROR_PATH] = {PROBLEM_PATH_REFUSED, {NULL, NULL}},
        [PROXY_ERROR_REFUSED] = {PROBLEM_PATH_REFUSED, {NULL, NULL}},
        [PROXY_ERROR_UNREACHABLE] = {PROBLEM_SERVICE_UNREACHABLE, {NULL, NULL}},
        [PROXY_ERROR_TLS] =
            {PROBLEM_SERVICE_UNREACHABLE,
             {"证书业务服务的 TLS 证书没有通过验证，没有发送任何内容。UKey 没有任何变化。",
              "The certificate service's TLS certificate does not verify, so nothing was sent to "
              "it. "
              "Nothing has changed on the UKey."}},
        [PROXY_ERROR_TOO_LARGE] =
            {PROBLEM_SERVICE_UNREACHABLE,
             {"证书业务服务的回答过大，已中止。UKey 没有任何变化。",
              "The certificate service's answer was too long and was cut off. Nothing has changed "
              "on the UKey."}},
        [PROXY_ERROR_REDIRECT] = {PROBLEM_REDIRECT_REFUSED, {NULL, NULL}},
        [PROXY_ERROR_BODY] = {PROBLEM_BAD_REQUEST, {NULL, NULL}},
        [PROXY_ERROR_BROKEN] = {PROBLEM_INTERNAL, {NULL, NULL}},
        [PROXY_ERROR_MEMORY] = {PROBLEM_INTERNAL, {NULL, NULL}},
    };
    if (http_response_status(request) != 0) {
        http_respond_abort(request); /* nothing can be said any more but that it is not whole */
        return;
    }
    int language = http_request_language(request) == HTTP_LANGUAGE_ZH ? 0 : 1;
    agent_respond_problem(request, says[error].problem, says[error].detail[language], NULL);
}

static void serve(struct http_request *request) {
    struct proxy_header headers[8];
    struct way way = {.request = request, .announced = http_request_body_announced(request)};
    char *path = join_path(request), beyond;
    if (way.announced == 0) {
        http_request_read(request, &beyond, sizeof(beyond));
    }
    if (path == NULL) {
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
        return;
    }
    if (!take_headers(request, headers)) {
        agent_respond_problem(request, PROBLEM_BAD_REQUEST, NULL, NULL);
        return;
    }
    const struct proxy_passage passage = {.profile = http_request_param(request, "profile"),
                                          .method = http_request_method(request),
                                          .path = path,
                                          .headers = headers,
                                          .body_len = way.announced,
                                          .read = read_body,
                                          .begin = begin_answer,
                                          .write = write_answer,
                                          .gone = is_gone,
                                          .context = &way};
    enum proxy_error error = proxy_pass(agent_of(request)->proxy, &passage);
    if (error != PROXY_OK) {
        say_error(request, error);
        return;
    }
    http_respond_end(request);
    log_debug("proxy", "service %s: %s answered %d", passage.profile, passage.method,
              http_response_status(request));
}

const struct http_route service_routes[] = {
    {"*", "/v1/service/{profile}/{path...}", serve, .body = HTTP_BODY_PASS, .max_body = MAX_BODY,
     .tag = AGENT_ROUTE_SESSION | POLICY_SERVICE},
    {0},
};
