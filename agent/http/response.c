/* Answers: one write for head and body, so that a small answer is one TLS record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "agent/http/internal.h"

#define HEAD_MAX 12288

/* A head being written. It may run out of room: then nothing is sent. */
struct head {
    char *text;
    size_t len;
    bool failed;
};

static const char *reason_of(int status) {
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {301, "Moved Permanently"},
                   {302, "Found"},
                   {303, "See Other"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {409, "Conflict"},
                   {410, "Gone"},
                   {412, "Precondition Failed"},
                   {413, "Content Too Large"},
                   {415, "Unsupported Media Type"},
                   {421, "Misdirected Request"},
                   {422, "Unprocessable Content"},
                   {428, "Precondition Required"},
                   {429, "Too Many Requests"},
                   {500, "Internal Server Error"},
                   {502, "Bad Gateway"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return status < 400 ? "OK" : "Error";
}

static bool is_clean(const char *text) {
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 && c != '\t') || c == 0x7F) {
            return false;
        }
    }
    return true;
}

void http_response_header(struct http_request *request, const char *name, const char *value) {
    if (value == NULL || !is_clean(name) || !is_clean(value) || strpbrk(name, ": \t") != NULL ||
        request->header_count == HTTP_MAX_RESPONSE_HEADERS) {
        http_log(request->server, HTTP_LOG_ERROR, "an answer's header was left out");
        return;
    }
    size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
    char *copy = http_request_alloc(request, name_size + value_size);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, name, name_size);
    memcpy(copy + name_size, value, value_size);
    request->headers[request->header_count++] = (struct http_header){copy, copy + name_size};
}

static bool has_header(const struct http_request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void put(struct head *head, const char *name, const char *value) {
    int used = snprintf(head->text + head->len, HEAD_MAX - head->len, "%s: %s\r\n", name, value);
    if (used < 0 || (size_t)used >= HEAD_MAX - head->len) {
        head->failed = true;
        return;
    }
    head->len += (size_t)used;
}

static void put_default(const struct http_request *request, struct head *head, const char *name,
                        const char *value) {
    if (!has_header(request, name)) {
        put(head, name, value);
    }
}

static bool client_keeps_alive(const struct http_request *request) {
    const char *connection = http_request_header(request, "Connection");
    if (connection != NULL) {
        return strcasestr(connection, "keep-alive") != NULL;
    }
    return strcmp(request->info->http_version, "1.1") == 0;
}

/* Write the head for `length` bytes of body (-1: chunked) into a buffer with room for `room` bytes more. */
static char *make_head(struct http_request *request, int status, const char *type, int64_t length,
                       size_t room, size_t *len) {
    struct head head = {.text = malloc(HEAD_MAX + room)};
    if (head.text == NULL) {
        return NULL;
    }
    if (request->close || http_server_is_stopping(request->server) ||
        !client_keeps_alive(request)) {
        request->close = true;
        mg_disable_connection_keep_alive(request->conn);
    }
    head.len =
        (size_t)snprintf(head.text, HEAD_MAX, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
    char text[64];
    time_t now = time(NULL);
    struct tm utc;
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &utc));
    put(&head, "Date", text);
    if (type != NULL) {
        put(&head, "Content-Type", type);
    }
    if (length < 0) {
        put(&head, "Transfer-Encoding", "chunked");
    } else if (status != 204 && status != 304) {
        snprintf(text, sizeof(text), "%lld", (long long)length);
        put(&head, "Content-Length", text);
    }
    put_default(request, &head, "Cache-Control", "no-store");
    put_default(request, &head, "Content-Security-Policy",
                "default-src 'none'; frame-ancestors 'none'");
    put_default(request, &head, "X-Frame-Options", "DENY");
    put_default(request, &head, "X-Content-Type-Options", "nosniff");
    put_default(request, &head, "Referrer-Policy", "no-referrer");
    for (size_t i = 0; i < request->header_count; i++) {
        put(&head, request->headers[i].name, request->headers[i].value);
    }
    put(&head, "Connection", request->close ? "close" : "keep-alive");
    if (head.failed || HEAD_MAX - head.len < 2) {
        free(head.text);
        return NULL;
    }
    head.text[head.len] = '\r';
    head.text[head.len + 1] = '\n';
    *len = head.len + 2;
    return head.text;
}

static bool send_all(struct http_request *request, const void *data, size_t len) {
    if (!request->failed && len > 0 && mg_write(request->conn, data, len) != (int)len) {
        request->failed = true;
        mg_disable_connection_keep_alive(request->conn);
    }
    return !request->failed;
}

/* An unread body would be taken for the next request: leave the connection after the answer. */
static void forget_unread_body(struct http_request *request) {
    if (request->body == NULL && !request->stream_ended && request->info->content_length != 0) {
        const char *coding = http_request_header(request, "Transfer-Encoding");
        request->close = request->close || coding != NULL || request->info->content_length > 0;
    }
}

void http_respond(struct http_request *request, int status, const char *type, const void *data,
                  size_t len) {
    if (request->status != 0) {
        http_log(request->server, HTTP_LOG_ERROR, "a second answer was not sent");
        return;
    }
    forget_unread_body(request);
    size_t head_len = 0;
    size_t body_len = request->head_only ? 0 : len;
    char *text = make_head(request, status, type, (int64_t)len, body_len, &head_len);
    request->status = status;
    request->ended = true;
    if (text == NULL) {
        request->failed = true;
        mg_disable_connection_keep_alive(request->conn);
        return;
    }
    if (body_len > 0) {
        memcpy(text + head_len, data, body_len);
    }
    send_all(request, text, head_len + body_len);
    OPENSSL_cleanse(text, head_len + body_len);
    free(text);
}

void http_respond_empty(struct http_request *request, int status) {
    http_respond(request, status, NULL, "", 0);
}

static void respond_document(struct http_request *request, int status, const char *type,
                             json_t *body) {
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (text == NULL) {
        static const char fallback[] = "{\"type\":\"urn:openukey:problem:internal\",\"status\":500,"
                                       "\"code\":\"INTERNAL\",\"title\":\"Internal error\"}";
        http_respond(request, 500, "application/problem+json", fallback, sizeof(fallback) - 1);
        return;
    }
    size_t len = strlen(text);
    http_respond(request, status, type, text, len);
    OPENSSL_cleanse(text, len);
    free(text);
}

void http_respond_json(struct http_request *request, int status, json_t *body) {
    respond_document(request, status, "application/json", body);
}

void http_respond_problem(struct http_request *request, const struct http_problem *problem,
                          json_t *extra) {
    http_response_header(request, "Content-Language",
                         http_language_tag(http_request_language(request)));
    respond_document(request, problem->status, "application/problem+json",
                     http_problem_json(problem, extra));
}

bool http_respond_begin(struct http_request *request, int status, const char *type,
                        int64_t length) {
    if (request->status != 0) {
        return false;
    }
    forget_unread_body(request);
    size_t head_len = 0;
    char *text = make_head(request, status, type, length, 0, &head_len);
    request->status = status;
    request->chunked = length < 0;
    if (text == NULL) {
        request->failed = true;
        mg_disable_connection_keep_alive(request->conn);
        return false;
    }
    bool sent = send_all(request, text, head_len);
    free(text);
    return sent;
}

bool http_respond_write(struct http_request *request, const void *data, size_t len) {
    if (request->head_only || len == 0) {
        return !request->failed;
    }
    if (!request->chunked) {
        return send_all(request, data, len);
    }
    char size[24];
    int used = snprintf(size, sizeof(size), "%zx\r\n", len);
    return send_all(request, size, (size_t)used) && send_all(request, data, len) &&
           send_all(request, "\r\n", 2);
}

void http_respond_end(struct http_request *request) {
    if (request->chunked && !request->ended && !request->head_only) {
        send_all(request, "0\r\n\r\n", 5);
    }
    request->ended = true;
}

void http_respond_abort(struct http_request *request) {
    request->ended = request->failed = request->close = true;
    mg_disable_connection_keep_alive(request->conn);
}

int http_response_status(const struct http_request *request) {
    return request->status;
}

/* FNV-1a of the bytes: it only tells versions of one file apart. */
static void make_etag(const struct http_asset *asset, char etag[24]) {
    uint64_t hash = 0xCBF29CE484222325U;
    for (const unsigned char *p = asset->data; p < asset->end; p++) {
        hash = (hash ^ *p) * 0x100000001B3U;
    }
    snprintf(etag, 24, "\"%016llx\"", (unsigned long long)hash);
}

void http_respond_asset(struct http_request *request, const struct http_asset *table,
                        const char *path) {
    for (; table->path != NULL; table++) {
        if (strcmp(table->path, path) == 0) {
            char etag[24];
            make_etag(table, etag);
            const char *known = http_request_header(request, "If-None-Match");
            http_response_header(request, "ETag", etag);
            if (!has_header(request, "Cache-Control")) {
                http_response_header(request, "Cache-Control", "no-cache");
            }
            if (known != NULL && strcmp(known, etag) == 0) {
                http_respond_empty(request, 304);
                return;
            }
            http_respond(request, 200, table->type, table->data,
                         (size_t)(table->end - table->data));
            return;
        }
    }
    http_respond_standard_problem(request, HTTP_PROBLEM_NOT_FOUND, NULL);
}
