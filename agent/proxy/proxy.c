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

#include "agent/http/json.h"
#include "agent/log.h"

#define POOL_SIZE  8
#define URL_MAX    8192
#define HEADER_MAX 8192

struct proxy {
    const struct agent_config *config;
    atomic_bool stopping;
    pthread_mutex_t mutex;
    CURL *pool[POOL_SIZE]; /* idle handles, each with its open connections */
    size_t pooled;
};

/* One request in the making, and what comes back. */
struct exchange {
    struct proxy *proxy;
    const struct agent_service *service;
    CURL *curl;
    struct curl_slist *headers;
    char url[URL_MAX];
    char complaint[CURL_ERROR_SIZE];
    struct proxy_answer *answer;
    size_t body_size;
    bool too_large, no_memory;
};

/* What passes from the page to the service, and nothing else. */
static const char *const passing_headers[] = {
    "Authorization",   "Content-Type", "Accept", "Accept-Language",
    "Idempotency-Key", "If-Match",     NULL};

static void init_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct proxy *proxy_new(const struct agent_config *config) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    if (proxy == NULL) {
        return NULL;
    }
    pthread_once(&once, init_curl);
    proxy->config = config;
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
        curl_easy_cleanup(proxy->pool[i]);
    }
    pthread_mutex_destroy(&proxy->mutex);
    free(proxy);
}

static CURL *take_handle(struct proxy *proxy) {
    CURL *curl = NULL;
    pthread_mutex_lock(&proxy->mutex);
    if (proxy->pooled > 0) {
        curl = proxy->pool[--proxy->pooled];
    }
    pthread_mutex_unlock(&proxy->mutex);
    return curl != NULL ? curl : curl_easy_init();
}

static void give_back(struct proxy *proxy, CURL *curl) {
    curl_easy_reset(curl); /* keeps the connections */
    pthread_mutex_lock(&proxy->mutex);
    bool kept = proxy->pooled < POOL_SIZE;
    if (kept) {
        proxy->pool[proxy->pooled++] = curl;
    }
    pthread_mutex_unlock(&proxy->mutex);
    if (!kept) {
        curl_easy_cleanup(curl);
    }
}

/* ---- what comes back ---- */

static size_t on_body(char *data, size_t size, size_t count, void *context) {
    struct exchange *exchange = context;
    struct proxy_answer *answer = exchange->answer;
    size_t len = size * count;
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

/* "Name: value" of the four headers that come back. */
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
        if (value_len > 0 && value_len < HEADER_MAX) {
            free(*wanted[i].value);
            *wanted[i].value = strndup(value, value_len);
        }
    }
    return len;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    (void)a, (void)b, (void)c, (void)d;
    const struct exchange *exchange = context;
    return atomic_load(&exchange->proxy->stopping);
}

/* A Location below the upstream becomes a path; one that points elsewhere is nobody's business. */
static void tidy_location(struct exchange *exchange) {
    char *location = exchange->answer->location;
    size_t len = strlen(exchange->service->upstream);
    if (location == NULL || (location[0] == '/' && location[1] != '/')) {
        return;
    }
    exchange->answer->location = NULL;
    if (strncmp(location, exchange->service->upstream, len) == 0 && location[len] == '/') {
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
    for (const char *c = value; *c != 0; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7F) {
            return false;
        }
    }
    int len = snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *longer =
        len > 0 && (size_t)len < sizeof(line) ? curl_slist_append(exchange->headers, line) : NULL;
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

static bool set_options(struct exchange *exchange, const char *method, const void *body,
                        size_t body_len) {
    CURL *curl = exchange->curl;
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
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)PROXY_CONNECT_SECONDS) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PROXY_TIMEOUT_SECONDS) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
    if (!set) {
        return false;
    }
    if (exchange->service->ca != NULL &&
        (curl_easy_setopt(curl, CURLOPT_CAINFO, exchange->service->ca) != CURLE_OK ||
         curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) != CURLE_OK)) {
        return false;
    }
    if (is_loopback(exchange->service->upstream)) {
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (body != NULL || strcmp(method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body != NULL ? body : "");
    }
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
    if (exchange->too_large) {
        return PROXY_ERROR_TOO_LARGE;
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
        return PROXY_ERROR_TLS;
    default:
        return PROXY_ERROR_UNREACHABLE;
    }
}

static enum proxy_error perform(struct exchange *exchange) {
    CURLcode code = curl_easy_perform(exchange->curl);
    if (code != CURLE_OK) {
        log_warn("proxy", "service %s: %s", exchange->service->profile,
                 exchange->complaint[0] != 0 ? exchange->complaint : curl_easy_strerror(code));
        return error_of(exchange, code);
    }
    long status = 0;
    curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    exchange->answer->status = (int)status;
    if (status >= 300 && status < 400 && status != 304) {
        log_warn("proxy", "service %s answered with a redirect: refused",
                 exchange->service->profile);
        return PROXY_ERROR_REDIRECT;
    }
    return status >= 200 ? PROXY_OK : PROXY_ERROR_UNREACHABLE;
}

static bool is_json(const char *type) {
    size_t len = type != NULL ? strcspn(type, "; \t") : 0;
    return (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
           (len > 17 && strncasecmp(type, "application/", 12) == 0 &&
            strncasecmp(type + len - 5, "+json", 5) == 0);
}

enum proxy_error proxy_request_raw(struct proxy *proxy, const char *profile, const char *method,
                                   const char *path, const struct proxy_header *headers,
                                   const void *body, size_t body_len, struct proxy_answer *answer) {
    struct exchange exchange = {.proxy = proxy, .answer = answer};
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
    exchange.curl = take_handle(proxy);
    answer->body = calloc(1, 1);
    exchange.body_size = 1;
    if (exchange.curl == NULL || answer->body == NULL) {
        goto out;
    }
    if (!add_headers(&exchange, headers)) {
        error = PROXY_ERROR_REFUSED;
        goto out;
    }
    if (!set_options(&exchange, method, body, body_len)) {
        goto out;
    }
    error = perform(&exchange);
    if (error == PROXY_OK) {
        tidy_location(&exchange);
        if (is_json(answer->type)) {
            answer->json = json_parse_strict(answer->body, answer->body_len, NULL, 0);
        }
    }
out:
    if (exchange.curl != NULL) {
        give_back(proxy, exchange.curl);
    }
    curl_slist_free_all(exchange.headers);
    if (error != PROXY_OK) {
        proxy_answer_free(answer);
    }
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
