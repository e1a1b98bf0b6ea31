/* From a received request to its handler: owner's check, route, method, media type, body. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/http/internal.h"
#include "agent/http/json.h"

#define NONE_BODY_MAX ((size_t)64 * 1024)
#define STREAM_PACE                                                                                \
    ((size_t)1024 * 1024) /* bytes that a streamed body must bring within the timeout */

static bool wants_upgrade(const struct http_request *request) {
    const char *upgrade = http_request_header(request, "Upgrade");
    const char *connection = http_request_header(request, "Connection");
    return upgrade != NULL && connection != NULL && strcasecmp(upgrade, "websocket") == 0 &&
           strcasestr(connection, "upgrade") != NULL &&
           strcmp(request->info->request_method, "GET") == 0;
}

static bool method_matches(const struct http_request *request, const char *method) {
    const char *asked = request->info->request_method;
    return strcmp(method, "*") == 0 || strcmp(method, asked) == 0 ||
           (strcmp(method, "GET") == 0 && strcmp(asked, "HEAD") == 0);
}

/* Find the row. *path_known tells whether another method would have matched; those methods are listed in `allow`. */
static void find_route(struct http_request *request, bool *path_known, char *allow,
                       size_t allow_size) {
    const char *path = http_request_path(request);
    bool clean = route_path_is_clean(path);
    *path_known = false;
    allow[0] = 0;
    for (size_t t = 0; request->server->options.routes[t] != NULL; t++) {
        for (const struct http_route *row = request->server->options.routes[t]; row->method != NULL;
             row++) {
            struct route_match match;
            if (!route_matches(row->pattern, path, clean, &match)) {
                continue;
            }
            if (method_matches(request, row->method)) {
                request->route = row;
                request->match = match;
                return;
            }
            *path_known = true;
            size_t used = strlen(allow);
            snprintf(allow + used, allow_size - used, "%s%s", used > 0 ? ", " : "", row->method);
        }
    }
}

static const struct http_websocket_route *find_websocket(const struct http_request *request) {
    const struct http_websocket_route *const *tables = request->server->options.websockets;
    for (size_t i = 0; tables != NULL && tables[i] != NULL; i++) {
        for (const struct http_websocket_route *row = tables[i]; row->path != NULL; row++) {
            if (strcmp(row->path, http_request_path(request)) == 0) {
                return row;
            }
        }
    }
    return NULL;
}

static bool decode_params(struct http_request *request) {
    for (size_t i = 0; i < request->match.count; i++) {
        const struct route_param *param = &request->match.params[i];
        char *value = http_request_alloc(request, param->value_len + 1);
        if (value == NULL) {
            return false;
        }
        if (param->is_rest) {
            memcpy(value, param->value, param->value_len);
            value[param->value_len] = 0;
        } else if (route_percent_decode(param->value, param->value_len, value) < 0) {
            return false;
        }
        request->param_values[i] = value;
    }
    return true;
}

static bool is_octet_stream(const struct http_request *request) {
    const char *type = http_request_header(request, "Content-Type");
    return type != NULL && http_request_header_count(request, "Content-Type") == 1 &&
           strcasecmp(type, "application/octet-stream") == 0;
}

/* "application/json", perhaps with "; charset=utf-8"; exactly one Content-Type. */
static bool is_json_type(const struct http_request *request) {
    static const char json[] = "application/json";
    const char *type = http_request_header(request, "Content-Type");
    if (type == NULL || http_request_header_count(request, "Content-Type") != 1 ||
        strncasecmp(type, json, sizeof(json) - 1) != 0) {
        return false;
    }
    type += sizeof(json) - 1;
    type += strspn(type, " \t");
    if (*type == 0) {
        return true;
    }
    type += strspn(type, "; \t");
    return strcasecmp(type, "charset=utf-8") == 0 || strcasecmp(type, "charset=\"utf-8\"") == 0;
}

/* Refuse a body that is announced too long; say that any other may come. */
static bool expect_body(struct http_request *request, size_t max) {
    long long announced = request->info->content_length;
    const char *expect = http_request_header(request, "Expect");
    if (announced > 0 && (unsigned long long)announced > max) {
        request->close = true;
        http_respond_standard_problem(request, HTTP_PROBLEM_BODY_TOO_LARGE, NULL);
        return false;
    }
    if (expect != NULL && strcasecmp(expect, "100-continue") == 0) {
        mg_write(request->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    }
    return true;
}

static size_t body_max(const struct http_request *request) {
    const struct http_route *route = request->route;
    return route->max_body != 0            ? route->max_body
           : route->body == HTTP_BODY_NONE ? NONE_BODY_MAX
                                           : request->server->options.max_body;
}

static void await_stream(struct http_request *request) {
    http_connection_set_deadline(request->connection,
                                 2 * (int64_t)http_server_timeout_ms(request->server));
}

static long stream_failed(struct http_request *request, enum http_standard_problem problem) {
    http_connection_set_deadline(request->connection, 0);
    request->close = true;
    http_respond_standard_problem(request, problem, NULL);
    return -1;
}

int64_t http_request_body_announced(const struct http_request *request) {
    bool is_chunked = http_request_header(request, "Transfer-Encoding") != NULL;
    return request->info->content_length >= 0 ? request->info->content_length : is_chunked ? -1 : 0;
}

long http_request_read(struct http_request *request, void *data, size_t size) {
    long long announced = request->info->content_length;
    if (request->stream_ended || size == 0) {
        return 0;
    }
    int got = mg_read(request->conn, data, size < INT_MAX ? size : INT_MAX);
    if (got <= 0) {
        bool is_whole =
            got == 0 && (announced < 0 || request->streamed == (unsigned long long)announced);
        request->stream_ended = true;
        http_connection_set_deadline(request->connection, 0);
        if (!is_whole) {
            return stream_failed(request, HTTP_PROBLEM_BAD_REQUEST);
        }
        request->close = false;
        return 0;
    }
    size_t before = request->streamed;
    request->streamed += (size_t)got;
    if (request->streamed > body_max(request)) {
        return stream_failed(request, HTTP_PROBLEM_BODY_TOO_LARGE);
    }
    if (before / STREAM_PACE != request->streamed / STREAM_PACE) {
        await_stream(request);
    }
    return got;
}

bool http_request_read_body(struct http_request *request, size_t max) {
    long long announced = request->info->content_length;
    if (!expect_body(request, max)) {
        return false;
    }
    size_t size = announced > 0 ? (size_t)announced : 4096;
    size = size < max ? size : max;
    char *body = malloc(size + 2);
    if (body == NULL) {
        goto internal;
    }
    size_t len = 0;
    http_connection_set_deadline(request->connection,
                                 4 * (int64_t)http_server_timeout_ms(request->server));
    for (;;) {
        /* one byte more than allowed is asked for, so that too long a chunked body is noticed */
        size_t want = size + 1 - len;
        int got = mg_read(request->conn, body + len, want < INT_MAX ? want : INT_MAX);
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        if (len > max) {
            break;
        }
        if (len > size) {
            size_t larger = size * 2 < max ? size * 2 : max;
            char *grown = realloc(body, larger + 2);
            if (grown == NULL) {
                goto internal;
            }
            body = grown;
            size = larger;
        }
    }
    http_connection_set_deadline(request->connection, 0);
    if (len > max) {
        free(body);
        request->close = true;
        http_respond_standard_problem(request, HTTP_PROBLEM_BODY_TOO_LARGE, NULL);
        return false;
    }
    if (announced > 0 && len != (size_t)announced) {
        free(body);
        request->close = true;
        http_respond_standard_problem(request, HTTP_PROBLEM_BAD_REQUEST, NULL);
        return false;
    }
    body[len] = 0;
    request->body = body;
    request->body_len = len;
    return true;
internal:
    http_connection_set_deadline(request->connection, 0);
    free(body);
    request->close = true;
    http_respond_standard_problem(request, HTTP_PROBLEM_INTERNAL, NULL);
    return false;
}

static bool parse_json_body(struct http_request *request) {
    if (request->body_len == 0) {
        request->json = json_object();
        return request->json != NULL;
    }
    char reason[160];
    request->json = json_parse_strict(request->body, request->body_len, reason, sizeof(reason));
    if (request->json == NULL) {
        http_respond_standard_problem(request, HTTP_PROBLEM_BAD_REQUEST, reason);
        return false;
    }
    if (!json_is_object(request->json)) {
        http_respond_standard_problem(request, HTTP_PROBLEM_BAD_REQUEST, NULL);
        return false;
    }
    return true;
}

/* The handler reads. What it leaves unread is not worth reading: the connection ends. */
static void run_stream_handler(struct http_request *request) {
    if (request->route->body == HTTP_BODY_STREAM && !is_octet_stream(request)) {
        request->close = true;
        http_respond_standard_problem(request, HTTP_PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
        return;
    }
    if (!expect_body(request, body_max(request))) {
        return;
    }
    request->close = true; /* until its end has been seen */
    await_stream(request);
    request->route->handler(request);
    http_connection_set_deadline(request->connection, 0);
}

static void run_handler(struct http_request *request) {
    const struct http_route *route = request->route;
    if (!decode_params(request)) {
        http_respond_standard_problem(request, HTTP_PROBLEM_NOT_FOUND, NULL);
        return;
    }
    if (route->body == HTTP_BODY_JSON && !is_json_type(request)) {
        request->close = true;
        http_respond_standard_problem(request, HTTP_PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
        return;
    }
    if (route->body == HTTP_BODY_STREAM || route->body == HTTP_BODY_PASS) {
        run_stream_handler(request);
        return;
    }
    if (!http_request_read_body(request, body_max(request))) {
        return;
    }
    if (route->body == HTTP_BODY_NONE) {
        request->body_len = 0;
        request->body[0] = 0;
    }
    if (route->body == HTTP_BODY_JSON && !parse_json_body(request)) {
        return;
    }
    route->handler(request);
}

static void upgrade(struct http_request *request) {
    if (!request->websocket->accept(request)) {
        return;
    }
    http_websocket_serve(request);
}

void http_dispatch(struct http_request *request) {
    bool path_known = false;
    char allow[64] = "";
    /* too many headers: the parser may have left some out, the decisive ones perhaps */
    if (request->info->num_headers >= MG_MAX_HEADERS || request->info->request_uri[0] != '/') {
        request->close = true;
        http_respond_standard_problem(request, HTTP_PROBLEM_BAD_REQUEST, NULL);
        return;
    }
    request->head_only = strcmp(request->info->request_method, "HEAD") == 0;
    if (wants_upgrade(request)) {
        request->websocket = find_websocket(request);
        request->close = true;
    }
    if (request->websocket == NULL) {
        find_route(request, &path_known, allow, sizeof(allow));
    }
    bool go_on =
        request->server->options.before == NULL || request->server->options.before(request);
    if (!go_on) {
        /* answered: an unread body is not worth reading */
        if (request->status == 0) {
            http_respond_standard_problem(request, HTTP_PROBLEM_INTERNAL, NULL);
        }
    } else if (request->websocket != NULL) {
        upgrade(request);
    } else if (request->route != NULL) {
        run_handler(request);
    } else if (path_known) {
        http_response_header(request, "Allow", allow);
        http_respond_standard_problem(request, HTTP_PROBLEM_METHOD_NOT_ALLOWED, NULL);
    } else {
        http_respond_standard_problem(request, HTTP_PROBLEM_NOT_FOUND, NULL);
    }
    if (request->status == 0) {
        http_log(request->server, HTTP_LOG_ERROR, "no answer was made for %s",
                 request->route != NULL ? request->route->pattern : http_request_path(request));
        http_respond_standard_problem(request, HTTP_PROBLEM_INTERNAL, NULL);
    }
    if (!request->ended && request->chunked) {
        http_respond_end(request);
    }
}
