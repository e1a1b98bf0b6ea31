/* Requests to the order services, over libcurl. */
#include "agent/proxy/proxy.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/clock.h"
#include "agent/http/json.h"
#include "agent/log.h"

#define POOL_SIZE  8
#define URL_MAX    8192
#define HEADER_MAX 8192
#define POLL_MS    1000
#define KEPT_OPEN  4L /* connections of a set */

struct proxy {
    const struct agent_config *config;
    atomic_bool stopping;
    pthread_mutex_t mutex;
    CURLM *pool[POOL_SIZE]; /* sets of open connections that nobody uses */
    size_t pooled;
    void (*changed)(void *context, const char *profile, enum proxy_state state);
    void *context;
    enum proxy_state *states; /* by the service's place in the configuration */
};

/* One request in the making, and what comes back. */
struct exchange {
    struct proxy *proxy;
    const struct agent_service *service;
    CURLM *connections;
    CURL *curl;
    struct curl_slist *headers;
    char url[URL_MAX];
    char complaint[CURL_ERROR_SIZE];
    struct proxy_answer *answer;
    size_t body_size;
    bool too_large, no_memory;

    const struct proxy_passage *passage; /* NULL: the answer's body is kept in `answer` */
    bool reads;                          /* the request's body comes from passage->read */
    bool has_begun, body_failed;
    curl_off_t moved; /* bytes both ways, when last looked at, and when that was */
    int64_t moved_at, asked_at;
};

/* What passes from the page to the service, and nothing else. */
static const char *const passing_headers[] = {
    "Authorization",   "Content-Type", "Accept", "Accept-Language",
    "Idempotency-Key", "If-Match",     NULL};

static void init_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct proxy *proxy_new(const struct agent_config *config,
                        void (*changed)(void *context, const char *profile, enum proxy_state state),
                        void *context) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    if (proxy == NULL) {
        return NULL;
    }
    pthread_once(&once, init_curl);
    proxy->config = config;
    proxy->changed = changed;
    proxy->context = context;
    proxy->states = calloc(config->service_count + 1, sizeof(*proxy->states));
    if (proxy->states == NULL) {
        free(proxy);
        return NULL;
    }
    pthread_mutex_init(&proxy->mutex, NULL);
    return proxy;
}

void proxy_stop(struct proxy *proxy) {
    atomic_store(&proxy->stopping, true);
}

void proxy_free(struct proxy *proxy) {
    if (proxy == NULL) {
        return;
    }
    for (size_t i = 0; i < proxy->pooled; i++) {
        curl_multi_cleanup(proxy->pool[i]);
    }
    pthread_mutex_destroy(&proxy->mutex);
    free(proxy->states);
    free(proxy);
}

/* ---- whether a service answers ---- */

enum proxy_state proxy_state(struct proxy *proxy, const char *profile) {
    const struct agent_service *service = agent_config_service(proxy->config, profile);
    enum proxy_state state = PROXY_STATE_UNKNOWN;
    if (service != NULL) {
        pthread_mutex_lock(&proxy->mutex);
        state = proxy->states[service - proxy->config->services];
        pthread_mutex_unlock(&proxy->mutex);
    }
    return state;
}

static void note_state(struct proxy *proxy, const struct agent_service *service,
                       enum proxy_state state) {
    enum proxy_state *known = &proxy->states[service - proxy->config->services];
    pthread_mutex_lock(&proxy->mutex);
    bool is_new =
        *known != state && !(*known == PROXY_STATE_UNKNOWN && state == PROXY_STATE_ONLINE);
    *known = state;
    pthread_mutex_unlock(&proxy->mutex);
    if (is_new && proxy->changed != NULL) {
        proxy->changed(proxy->context, service->profile, state);
    }
}

/* ---- libcurl's handles ----
 * Connections are kept in sets, and each request has a handle of its own: an easy handle that libcurl before 8.0 uses again remembers a
 * header of its last answer that has been freed, and writes to it when the next answer begins with a continuation line. */

static CURLM *take_connections(struct proxy *proxy) {
    CURLM *connections = NULL;
    pthread_mutex_lock(&proxy->mutex);
    if (proxy->pooled > 0) {
        connections = proxy->pool[--proxy->pooled];
    }
    pthread_mutex_unlock(&proxy->mutex);
    if (connections == NULL) {
        connections = curl_multi_init();
        if (connections != NULL) {
            curl_multi_setopt(connections, CURLMOPT_MAXCONNECTS, KEPT_OPEN);
        }
    }
    return connections;
}

static void give_back(struct proxy *proxy, CURLM *connections) {
    pthread_mutex_lock(&proxy->mutex);
    bool kept = proxy->pooled < POOL_SIZE;
    if (kept) {
        proxy->pool[proxy->pooled++] = connections;
    }
    pthread_mutex_unlock(&proxy->mutex);
    if (!kept) {
        curl_multi_cleanup(connections);
    }
}

/* The request as it has been set up, to its end. */
static CURLcode run(const struct exchange *exchange) {
    CURLM *connections = exchange->connections;
    CURLMcode state = curl_multi_add_handle(connections, exchange->curl);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    int running = 1, left = 0;
    while (state == CURLM_OK && running > 0) {
        state = curl_multi_perform(connections, &running);
        if (state == CURLM_OK && running > 0) {
            state = curl_multi_poll(connections, NULL, 0, POLL_MS, NULL);
        }
    }
    for (const CURLMsg *said; (said = curl_multi_info_read(connections, &left)) != NULL;) {
        if (said->msg == CURLMSG_DONE && said->easy_handle == exchange->curl) {
            code = said->data.result;
        }
    }
    curl_multi_remove_handle(connections, exchange->curl);
    return code;
}

/* The same once more, on a connection of its own. */
static CURLcode run_again(struct exchange *exchange) {
    CURL *again = curl_easy_duphandle(exchange->curl);
    if (again == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    curl_easy_cleanup(exchange->curl);
    exchange->curl = again;
    curl_easy_setopt(exchange->curl, CURLOPT_FRESH_CONNECT, 1L);
    return run(exchange);
}

/* ---- what comes back ---- */

static size_t keep_body(struct exchange *exchange, const char *data, size_t len) {
    struct proxy_answer *answer = exchange->answer;
    if (len > PROXY_MAX_BODY - answer->body_len) {
        exchange->too_large = true;
        return 0;
    }
    if (answer->body_len + len >= exchange->body_size) {
        size_t larger = (answer->body_len + len) * 2 + 1024;
        char *grown = realloc(answer->body, larger);
        if (grown == NULL) {
            exchange->no_memory = true;
            return 0;
        }
        answer->body = grown;
        exchange->body_size = larger;
    }
    memcpy(answer->body + answer->body_len, data, len);
    answer->body_len += len;
    answer->body[answer->body_len] = 0;
    return len;
}

static bool is_redirect(long status) {
    return status >= 300 && status < 400 && status != 304;
}

/* A status that ends a request (RFC 9110 15). */
static bool is_final(long status) {
    return status >= 200 && status <= 599;
}

static void tidy_location(struct exchange *exchange);

/* The head is whole: pass it on, unless it is one that goes no further. */
static bool begin(struct exchange *exchange) {
    curl_off_t length = -1;
    long status = 0;
    curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(exchange->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (!is_final(status) || is_redirect(status)) {
        return false;
    }
    exchange->answer->status = (int)status;
    tidy_location(exchange);
    exchange->has_begun = true;
    return exchange->passage->begin(exchange->passage->context, exchange->answer, length);
}

static size_t on_body(char *data, size_t size, size_t count, void *context) {
    struct exchange *exchange = context;
    size_t len = size * count;
    if (exchange->passage == NULL) {
        return keep_body(exchange, data, len);
    }
    return (exchange->has_begun || begin(exchange)) &&
                   exchange->passage->write(exchange->passage->context, data, len)
               ? len
               : 0;
}

static size_t on_read(char *data, size_t size, size_t count, void *context) {
    struct exchange *exchange = context;
    long got = exchange->passage->read(exchange->passage->context, data, size * count);
    exchange->body_failed = got < 0;
    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static void forget_headers(struct proxy_answer *answer) {
    char **const values[] = {&answer->type, &answer->etag, &answer->location, &answer->retry_after};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        free(*values[i]);
        *values[i] = NULL;
    }
}

static bool has_control(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7F) {
            return true;
        }
    }
    return false;
}

/* "Name: value" of the four headers that come back. One that holds control characters is left out. */
static size_t on_header(char *data, size_t size, size_t count, void *context) {
    struct exchange *exchange = context;
    struct proxy_answer *answer = exchange->answer;
    size_t len = size * count;
    struct {
        const char *name;
        char **value;
    } wanted[] = {{"Content-Type", &answer->type},
                  {"ETag", &answer->etag},
                  {"Location", &answer->location},
                  {"Retry-After", &answer->retry_after}};
    if (len > 5 && strncmp(data, "HTTP/", 5) == 0) {
        forget_headers(answer); /* of an interim answer (1xx) */
    }
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        size_t name_len = strlen(wanted[i].name);
        if (len <= name_len || data[name_len] != ':' ||
            strncasecmp(data, wanted[i].name, name_len) != 0) {
            continue;
        }
        const char *value = data + name_len + 1;
        size_t value_len = len - name_len - 1;
        while (value_len > 0 && (*value == ' ' || *value == '\t')) {
            value++;
            value_len--;
        }
        while (value_len > 0 && strchr(" \t\r\n", value[value_len - 1]) != NULL) {
            value_len--;
        }
        if (value_len > 0 && value_len < HEADER_MAX && !has_control(value, value_len)) {
            free(*wanted[i].value);
            *wanted[i].value = strndup(value, value_len);
        }
    }
    return len;
}

/* About once a second, and more often while bytes move. Nonzero ends the request. */
static int on_progress(void *context, curl_off_t expected, curl_off_t received, curl_off_t to_send,
                       curl_off_t sent) {
    struct exchange *exchange = context;
    const struct agent_service_times *times = &exchange->service->times;
    const struct proxy_passage *passage = exchange->passage;
    int64_t now = clock_lasting();
    (void)expected;
    if (atomic_load(&exchange->proxy->stopping)) {
        return 1;
    }
    if (received + sent != exchange->moved) {
        exchange->moved = received + sent;
        exchange->moved_at = now;
    }
    bool awaits_answer = received == 0 && !exchange->has_begun && sent >= to_send;
    if (now - exchange->moved_at > (awaits_answer ? times->first_byte : times->idle)) {
        log_warn("proxy", "service %s: silent for too long", exchange->service->profile);
        return 1;
    }
    bool is_second = now != exchange->asked_at;
    exchange->asked_at = now;
    return is_second && passage != NULL && passage->gone(passage->context);
}

/* An absolute path: what browsers would take for a host ("//x", "/\\x") is none. */
static bool is_path(const char *location) {
    return location[0] == '/' && location[1] != '/' && location[1] != '\\';
}

/* A Location below the upstream becomes a path; one that points elsewhere is nobody's business. */
static void tidy_location(struct exchange *exchange) {
    char *location = exchange->answer->location;
    size_t len = strlen(exchange->service->upstream);
    if (location == NULL || is_path(location)) {
        return;
    }
    exchange->answer->location = NULL;
    if (strncmp(location, exchange->service->upstream, len) == 0 && is_path(location + len)) {
        exchange->answer->location = strdup(location + len);
    }
    free(location);
}

/* ---- asking ---- */

static bool is_method(const char *method) {
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(method, methods[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_header(struct exchange *exchange, const char *name, const char *value) {
    char line[HEADER_MAX];
    int len = snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *longer =
        !has_control(value, strlen(value)) && len > 0 && (size_t)len < sizeof(line)
            ? curl_slist_append(exchange->headers, line)
            : NULL;
    OPENSSL_cleanse(line, sizeof(line));
    if (longer == NULL) {
        return false;
    }
    exchange->headers = longer;
    return true;
}

static bool add_headers(struct exchange *exchange, const struct proxy_header *headers) {
    for (; headers != NULL && headers->name != NULL; headers++) {
        for (size_t i = 0; passing_headers[i] != NULL; i++) {
            if (strcasecmp(headers->name, passing_headers[i]) == 0 &&
                !add_header(exchange, passing_headers[i], headers->value)) {
                return false;
            }
        }
    }
    /* curl would send one of these by itself */
    struct curl_slist *longer = curl_slist_append(exchange->headers, "Expect:");
    exchange->headers = longer != NULL ? longer : exchange->headers;
    return longer != NULL;
}

static bool is_loopback(const char *upstream) {
    const char *host = upstream + strlen("https://");
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(host, names[i], len) == 0 && strchr(":/", host[len]) != NULL) {
            return true;
        }
    }
    return false;
}

/* The page's or the job's body: in memory, or as it comes. */
static void set_body(struct exchange *exchange, const char *method, const void *body,
                     size_t body_len) {
    CURL *curl = exchange->curl;
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (exchange->reads) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)exchange->passage->body_len);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
    } else if (body_len > 0 || strcmp(method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body != NULL ? body : "");
    }
}

/* Who it has to be at the other end, and who we are there. */
static bool set_identity(CURL *curl, const struct agent_service *service) {
    return (service->ca == NULL ||
            (curl_easy_setopt(curl, CURLOPT_CAINFO, service->ca) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK)) &&
           (service->pins == NULL ||
            curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, service->pins) == CURLE_OK) &&
           (service->client_certificate == NULL ||
            (curl_easy_setopt(curl, CURLOPT_SSLCERT, service->client_certificate) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_SSLKEY, service->client_key) == CURLE_OK));
}

static bool set_options(struct exchange *exchange, const char *method, const void *body,
                        size_t body_len) {
    CURL *curl = exchange->curl;
    const struct agent_service_times *times = &exchange->service->times;
    long total = exchange->passage != NULL || times->total < PROXY_TIMEOUT_SECONDS
                     ? times->total
                     : PROXY_TIMEOUT_SECONDS;
    bool set =
        curl_easy_setopt(curl, CURLOPT_URL, exchange->url) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)times->connect) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, total) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK &&
        set_identity(curl, exchange->service);
    if (!set) {
        return false;
    }
    if (is_loopback(exchange->service->upstream)) {
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    set_body(exchange, method, body, body_len);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->complaint);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    return true;
}

static enum proxy_error error_of(const struct exchange *exchange, CURLcode code) {
    long status = 0;
    curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    if (exchange->body_failed) {
        return PROXY_ERROR_BODY;
    }
    if (exchange->has_begun) {
        return PROXY_ERROR_BROKEN;
    }
    if (exchange->too_large) {
        return PROXY_ERROR_TOO_LARGE;
    }
    if (is_redirect(status)) {
        log_warn("proxy", "service %s answered with a redirect: refused",
                 exchange->service->profile);
        return PROXY_ERROR_REDIRECT;
    }
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return PROXY_ERROR_MEMORY;
    case CURLE_WRITE_ERROR:
        return exchange->no_memory ? PROXY_ERROR_MEMORY : PROXY_ERROR_UNREACHABLE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return PROXY_ERROR_TLS;
    case CURLE_OK:
        return is_final(status) ? PROXY_OK : PROXY_ERROR_UNREACHABLE;
    default:
        return PROXY_ERROR_UNREACHABLE;
    }
}

/* The connection broke, or could not be made, before anything came back. */
static bool may_try_again(const struct exchange *exchange, CURLcode code) {
    long status = 0;
    curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 0 && !exchange->has_begun && !atomic_load(&exchange->proxy->stopping) &&
           (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
            code == CURLE_COULDNT_CONNECT);
}

static enum proxy_error perform(struct exchange *exchange, bool is_repeatable) {
    exchange->moved_at = clock_lasting();
    if (!is_repeatable) {
        /* curl would send it a second time when a kept connection turns out to be dead */
        curl_easy_setopt(exchange->curl, CURLOPT_FRESH_CONNECT, 1L);
    }
    CURLcode code = run(exchange);
    if (is_repeatable && may_try_again(exchange, code)) {
        log_info("proxy", "service %s: the connection broke, asking once more",
                 exchange->service->profile);
        exchange->moved_at = clock_lasting();
        exchange->moved = 0;
        code = run_again(exchange);
    }
    if (code == CURLE_OK && exchange->passage != NULL && !exchange->has_begun) {
        begin(exchange); /* an answer without a body */
    }
    enum proxy_error error =
        code == CURLE_OK && exchange->has_begun ? PROXY_OK : error_of(exchange, code);
    if (code != CURLE_OK && error != PROXY_ERROR_REDIRECT) {
        log_warn("proxy", "service %s: %s", exchange->service->profile,
                 exchange->complaint[0] != 0 ? exchange->complaint : curl_easy_strerror(code));
    }
    if (error == PROXY_OK) {
        long status = 0;
        curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
        exchange->answer->status = (int)status;
    }
    if (!atomic_load(&exchange->proxy->stopping)) {
        if (error == PROXY_ERROR_UNREACHABLE || error == PROXY_ERROR_TLS) {
            note_state(exchange->proxy, exchange->service, PROXY_STATE_OFFLINE);
        } else if (error == PROXY_OK) {
            note_state(exchange->proxy, exchange->service, PROXY_STATE_ONLINE);
        }
    }
    return error;
}

static bool is_json(const char *type) {
    size_t len = type != NULL ? strcspn(type, "; \t") : 0;
    return (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
           (len > 17 && strncasecmp(type, "application/", 12) == 0 &&
            strncasecmp(type + len - 5, "+json", 5) == 0);
}

static bool has_header(const struct proxy_header *headers, const char *name) {
    for (; headers != NULL && headers->name != NULL; headers++) {
        if (strcasecmp(headers->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_safe_method(const char *method) {
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static enum proxy_error ask(struct proxy *proxy, const char *profile, const char *method,
                            const char *path, const struct proxy_header *headers, const void *body,
                            size_t body_len, const struct proxy_passage *passage,
                            struct proxy_answer *answer) {
    struct exchange exchange = {.proxy = proxy, .answer = answer, .passage = passage};
    exchange.reads = passage != NULL && body == NULL && passage->body_len != 0;
    enum proxy_error error = PROXY_ERROR_MEMORY;
    memset(answer, 0, sizeof(*answer));
    exchange.service = agent_config_service(proxy->config, profile);
    if (exchange.service == NULL) {
        return PROXY_ERROR_PROFILE;
    }
    if (!proxy_path_is_safe(path)) {
        return PROXY_ERROR_PATH;
    }
    if (!is_method(method)) {
        return PROXY_ERROR_REFUSED;
    }
    int len =
        snprintf(exchange.url, sizeof(exchange.url), "%s%s", exchange.service->upstream, path);
    if (len < 0 || (size_t)len >= sizeof(exchange.url)) {
        return PROXY_ERROR_PATH;
    }
    exchange.connections = take_connections(proxy);
    exchange.curl = curl_easy_init();
    answer->body = calloc(1, 1);
    exchange.body_size = 1;
    if (exchange.connections == NULL || exchange.curl == NULL || answer->body == NULL) {
        goto out;
    }
    if (!add_headers(&exchange, headers)) {
        error = PROXY_ERROR_REFUSED;
        goto out;
    }
    if (!set_options(&exchange, method, body, body_len)) {
        goto out;
    }
    error = perform(&exchange, !exchange.reads && (is_safe_method(method) ||
                                                   has_header(headers, "Idempotency-Key")));
    if (error == PROXY_OK && passage == NULL) {
        tidy_location(&exchange);
        if (is_json(answer->type)) {
            answer->json = json_parse_strict(answer->body, answer->body_len, NULL, 0);
        }
    }
out:
    if (exchange.curl != NULL) {
        curl_easy_cleanup(exchange.curl);
    }
    if (exchange.connections != NULL) {
        give_back(proxy, exchange.connections);
    }
    curl_slist_free_all(exchange.headers);
    if (error != PROXY_OK) {
        proxy_answer_free(answer);
    }
    return error;
}

enum proxy_error proxy_request_raw(struct proxy *proxy, const char *profile, const char *method,
                                   const char *path, const struct proxy_header *headers,
                                   const void *body, size_t body_len, struct proxy_answer *answer) {
    return ask(proxy, profile, method, path, headers, body, body_len, NULL, answer);
}

enum proxy_error proxy_pass(struct proxy *proxy, const struct proxy_passage *passage) {
    struct proxy_answer answer;
    char *kept = NULL;
    size_t len = 0;
    if (passage->body_len > 0 && passage->body_len <= PROXY_KEPT_BODY) {
        kept = malloc((size_t)passage->body_len + 1);
        if (kept == NULL) {
            return PROXY_ERROR_MEMORY;
        }
        long got;
        /* one byte more than there should be, so that its end is seen */
        while ((got = passage->read(passage->context, kept + len,
                                    (size_t)passage->body_len + 1 - len)) > 0) {
            len += (size_t)got;
        }
        if (got < 0 || len != (size_t)passage->body_len) {
            OPENSSL_cleanse(kept, len);
            free(kept);
            return PROXY_ERROR_BODY;
        }
    }
    enum proxy_error error = ask(proxy, passage->profile, passage->method, passage->path,
                                 passage->headers, kept, len, passage, &answer);
    proxy_answer_free(&answer);
    if (kept != NULL) {
        OPENSSL_cleanse(kept, len);
    }
    free(kept);
    return error;
}

enum proxy_error proxy_request(struct proxy *proxy, const char *profile, const char *method,
                               const char *path, const struct proxy_header *headers, json_t *body,
                               struct proxy_answer *answer) {
    struct proxy_header all[16] = {0};
    size_t count = 0;
    bool has_accept = false;
    memset(answer, 0, sizeof(*answer));
    for (; headers != NULL && headers->name != NULL && count < 13; headers++) {
        has_accept = has_accept || strcasecmp(headers->name, "Accept") == 0;
        if (strcasecmp(headers->name, "Content-Type") != 0) {
            all[count++] = *headers;
        }
    }
    if (!has_accept) {
        all[count++] = (struct proxy_header){"Accept", "application/json"};
    }
    char *text = NULL;
    if (body != NULL) {
        all[count++] = (struct proxy_header){"Content-Type", "application/json"};
        text = json_dumps(body, JSON_COMPACT);
        if (text == NULL) {
            return PROXY_ERROR_MEMORY;
        }
    }
    enum proxy_error error = proxy_request_raw(proxy, profile, method, path, all, text,
                                               text != NULL ? strlen(text) : 0, answer);
    free(text);
    return error;
}

void proxy_answer_free(struct proxy_answer *answer) {
    if (answer->body != NULL) {
        OPENSSL_cleanse(answer->body, answer->body_len);
    }
    free(answer->body);
    free(answer->type);
    free(answer->etag);
    free(answer->location);
    free(answer->retry_after);
    json_decref(answer->json);
    memset(answer, 0, sizeof(*answer));
}
