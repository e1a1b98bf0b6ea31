/* What a handler may ask of a request. */
#include <openssl/crypto.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/http/internal.h"

const char *http_request_method(const struct http_request *request) {
    return request->info->request_method;
}

const char *http_request_path(const struct http_request *request) {
    return request->info->request_uri;
}

const char *http_request_query(const struct http_request *request) {
    return request->info->query_string != NULL ? request->info->query_string : "";
}

const char *http_request_query_value(struct http_request *request, const char *name) {
    const char *query = http_request_query(request);
    const char *found = NULL;
    size_t name_len = strlen(name), found_len = 0;
    while (*query != 0) {
        size_t len = strcspn(query, "&");
        if (len > name_len && query[name_len] == '=' && memcmp(query, name, name_len) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = query + name_len + 1;
            found_len = len - name_len - 1;
        }
        query += len + (query[len] == '&');
    }
    char *value = found != NULL ? http_request_alloc(request, found_len + 1) : NULL;
    if (value == NULL || route_percent_decode(found, found_len, value) < 0) {
        return NULL;
    }
    return value;
}

const char *http_request_param(const struct http_request *request, const char *name) {
    for (size_t i = 0; i < request->match.count; i++) {
        const struct route_param *param = &request->match.params[i];
        if (strlen(name) == param->name_len && memcmp(name, param->name, param->name_len) == 0) {
            return request->param_values[i];
        }
    }
    return NULL;
}

const char *http_request_header(const struct http_request *request, const char *name) {
    for (int i = 0; i < request->info->num_headers; i++) {
        if (strcasecmp(request->info->http_headers[i].name, name) == 0) {
            return request->info->http_headers[i].value;
        }
    }
    return NULL;
}

size_t http_request_header_count(const struct http_request *request, const char *name) {
    size_t count = 0;
    for (int i = 0; i < request->info->num_headers; i++) {
        count += strcasecmp(request->info->http_headers[i].name, name) == 0;
    }
    return count;
}

const char *http_request_body(const struct http_request *request, size_t *len) {
    *len = request->body_len;
    return request->body != NULL ? request->body : "";
}

void http_request_wipe_body(struct http_request *request) {
    if (request->body != NULL) {
        OPENSSL_cleanse(request->body, request->body_len);
        request->body_len = 0;
    }
}

json_t *http_request_json(const struct http_request *request) {
    return request->json;
}

const char *http_request_peer_address(const struct http_request *request) {
    return request->info->remote_addr;
}

uint16_t http_request_peer_port(const struct http_request *request) {
    return (uint16_t)request->info->remote_port;
}

uint16_t http_request_local_port(const struct http_request *request) {
    return (uint16_t)request->info->server_port;
}

const struct http_route *http_request_route(const struct http_request *request) {
    return request->route;
}

bool http_request_is_websocket(const struct http_request *request) {
    return request->websocket != NULL;
}

void http_request_set_connection_mark(struct http_request *request, unsigned mark) {
    request->connection->mark = mark;
}

unsigned http_request_connection_mark(const struct http_request *request) {
    return request->connection->mark;
}

void *http_request_context(const struct http_request *request) {
    return request->server->options.context;
}

void http_request_set_data(struct http_request *request, void *data) {
    request->data = data;
}

void *http_request_data(const struct http_request *request) {
    return request->data;
}

void *http_request_alloc(struct http_request *request, size_t size) {
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    struct http_block *block = calloc(1, sizeof(*block) + size);
    if (block == NULL) {
        return NULL;
    }
    block->next = request->blocks;
    request->blocks = block;
    return block->data;
}

bool http_request_client_gone(const struct http_request *request) {
    if (http_server_is_stopping(request->server)) {
        return true;
    }
    struct pollfd poll_fd = {.fd = request->connection->fd, .events = POLLRDHUP};
    return request->connection->fd >= 0 && poll(&poll_fd, 1, 0) > 0 &&
           (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

enum http_language http_request_language(const struct http_request *request) {
    const char *accept = http_request_header(request, "Accept-Language");
    if (accept == NULL) {
        return HTTP_LANGUAGE_ZH;
    }
    accept += strspn(accept, " \t");
    return strncasecmp(accept, "zh", 2) == 0 ? HTTP_LANGUAGE_ZH : HTTP_LANGUAGE_EN;
}

const char *http_language_tag(enum http_language language) {
    return language == HTTP_LANGUAGE_ZH ? "zh-CN" : "en";
}

void http_request_clear(struct http_request *request) {
    while (request->blocks != NULL) {
        struct http_block *next = request->blocks->next;
        free(request->blocks);
        request->blocks = next;
    }
    if (request->body != NULL) {
        OPENSSL_cleanse(request->body, request->body_len);
        free(request->body);
    }
    json_decref(request->json);
}
