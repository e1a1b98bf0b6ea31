/* Fuzzes what the proxy makes of an order service's answers: first byte: what was asked; then what comes back, as it is. All of libcurl's
 * reading and agent/proxy run (fake_upstream.h). What is passed on is what may be. */
#include "agent/proxy/proxy.h"
#include "tests/fuzz/fake_upstream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct agent_service service = {
    .profile = (char[]){"x"},
    .upstream = (char[]){"https://127.0.0.1:9/base"},
    .times = {.connect = 10, .first_byte = 60, .idle = 30, .total = 900}};
static const struct agent_config config = {.services = &service, .service_count = 1};
static struct proxy *proxy;

/* What a page was given. */
static struct {
    bool has_begun;
    bool refuses; /* the page has gone */
    int status;
    int64_t length;
    size_t written, to_read;
} page;

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    log_set_level(LOG_LEVEL_ERROR);
    proxy = proxy_new(&config, NULL, NULL);
    check(proxy != NULL);
    return 0;
}

static void check_header(const char *value) {
    check(value == NULL || strpbrk(value, "\r\n") == NULL);
}

static void check_answer(const struct proxy_answer *answer) {
    check(answer->status >= 200 && answer->status <= 599);
    check(answer->status < 300 || answer->status >= 400 || answer->status == 304);
    check_header(answer->type);
    check_header(answer->etag);
    check_header(answer->location);
    check_header(answer->retry_after);
    check(answer->location == NULL || (answer->location[0] == '/' && answer->location[1] != '/' &&
                                       answer->location[1] != '\\'));
}

static bool begin(void *context, const struct proxy_answer *answer, int64_t length) {
    (void)context;
    check(!page.has_begun && length >= -1);
    check_answer(answer);
    page.has_begun = true;
    page.status = answer->status;
    page.length = length;
    return !page.refuses;
}

static bool take(void *context, const void *data, size_t len) {
    (void)context;
    check(page.has_begun && !page.refuses && (data != NULL || len == 0));
    page.written += len;
    return page.written < 20000;
}

static bool is_gone(void *context) {
    (void)context;
    return false;
}

static long give(void *context, void *data, size_t size) {
    (void)context;
    size_t len = page.to_read < size ? page.to_read : size;
    memset(data, 'x', len);
    page.to_read -= len;
    return (long)len;
}

static void pass(const char *method, unsigned how) {
    static const struct proxy_header headers[] = {
        {"Authorization", "Bearer x"}, {"Idempotency-Key", "k"}, {0}};
    memset(&page, 0, sizeof page);
    page.refuses = (how & 16) != 0;
    bool has_body = strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
    page.to_read = has_body ? 100 : 0;
    const struct proxy_passage passage = {.profile = "x",
                                          .method = method,
                                          .path = "/v1/orders?a=b",
                                          .headers = (how & 32) != 0 ? headers : headers + 2,
                                          .body_len = !has_body         ? 0
                                                      : (how & 64) != 0 ? -1
                                                                        : 100,
                                          .read = give,
                                          .begin = begin,
                                          .write = take,
                                          .gone = is_gone};
    enum proxy_error error = proxy_pass(proxy, &passage);
    check(error != PROXY_OK || page.has_begun);
    check(error != PROXY_ERROR_BROKEN || page.has_begun);
    /* an answer that is called whole has all that it announced */
    check(error != PROXY_OK || page.length < 0 || strcmp(method, "HEAD") == 0 ||
          page.status == 204 || page.status == 304 || page.written == (size_t)page.length);
}

static void ask(const char *method) {
    struct proxy_answer answer;
    json_t *body = json_pack("{s:s}", "a", "b");
    enum proxy_error error = proxy_request(proxy, "x", method, "/v1/keys", NULL,
                                           strcmp(method, "GET") == 0 ? NULL : body, &answer);
    if (error == PROXY_OK) {
        check_answer(&answer);
        check(answer.body != NULL && answer.body[answer.body_len] == '\0' &&
              answer.body_len <= PROXY_MAX_BODY);
    } else {
        check(answer.body == NULL && answer.json == NULL && answer.status == 0);
    }
    proxy_answer_free(&answer);
    json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const methods[] = {"GET", "HEAD", "POST", "DELETE"};
    if (size < 1) {
        return 0;
    }
    fake_upstream_answer(data + 1, size - 1);
    if ((data[0] & 8) != 0) {
        ask(methods[data[0] & 2]);
    } else {
        pass(methods[data[0] & 3], data[0]);
    }
    return 0;
}
