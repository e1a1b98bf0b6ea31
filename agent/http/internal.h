/* What the rooms of this folder share; nobody else includes it. */
#ifndef AGENT_HTTP_INTERNAL_H
#define AGENT_HTTP_INTERNAL_H

#include <civetweb.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "agent/http/http.h"
#include "agent/http/route.h"

#define HTTP_MAX_RESPONSE_HEADERS 24

struct http_server {
    struct mg_context *civetweb;
    struct http_server_options options;
    char *listen; /* as civetweb wants it */
    char *certificate, *key;
    atomic_bool stopping, stopped;
    pthread_mutex_t mutex; /* guards connections, leaf and leaf_key */
    X509 *leaf;            /* NULL: the certificate of the start */
    EVP_PKEY *leaf_key;
    pthread_cond_t wake;
    struct http_connection *connections;
    pthread_t warden; /* cuts off connections that overrun their deadline */
    bool warden_runs;
};

/* One accepted connection. */
struct http_connection {
    struct http_server *server;
    struct http_connection *next, *previous;
    int fd;
    SSL *ssl;
    int64_t deadline_ms;       /* monotonic; 0: none; guarded by the server's mutex */
    unsigned mark;             /* http_request_set_connection_mark */
    struct http_websocket *ws; /* while a WebSocket is open on it */
};

/* Memory that goes with the request. */
struct http_block {
    struct http_block *next;
    _Alignas(max_align_t) char data[];
};

struct http_header {
    const char *name;
    const char *value;
};

struct http_request {
    struct http_server *server;
    struct http_connection *connection;
    struct mg_connection *conn;
    const struct mg_request_info *info;
    const struct http_route *route;
    const struct http_websocket_route *websocket;
    struct route_match match;
    char *param_values[ROUTE_MAX_PARAMS];
    char *body;
    size_t body_len;
    size_t streamed; /* bytes of a streamed body so far */
    bool stream_ended;
    json_t *json;
    void *data;
    struct http_block *blocks;
    struct http_header headers[HTTP_MAX_RESPONSE_HEADERS];
    size_t header_count;
    int status;
    bool head_only, chunked, close, failed, ended;
};

/* server.c */
void http_log(const struct http_server *server, enum http_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int64_t http_now_ms(void);
/* Cut the connection off unless this is called again (0: no deadline) within `after_ms`. */
void http_connection_set_deadline(struct http_connection *connection, int64_t after_ms);
unsigned http_server_timeout_ms(const struct http_server *server);

/* dispatch.c */
void http_dispatch(struct http_request *request);
/* Read the whole body, at most `max` bytes. False means that a problem has been answered. */
bool http_request_read_body(struct http_request *request, size_t max);
void http_request_clear(struct http_request *request);

/* websocket.c: shake hands and serve until the connection ends. */
void http_websocket_serve(struct http_request *request);
/* Tell all WebSockets of the server to close. */
void http_websocket_close_all(struct http_server *server);

#endif
