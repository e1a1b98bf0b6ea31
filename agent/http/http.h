/* The web plumbing that ukey-agent and ukey-orderd share: an HTTPS server over civetweb with routes, limits, problem
 * documents and WebSockets. civetweb itself is seen in this folder's .c files only. */
#ifndef AGENT_HTTP_HTTP_H
#define AGENT_HTTP_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/http/asset.h"

struct http_server;
struct http_request;
struct http_websocket;

/* ---- routes ---- */

/* What a route takes as request body. The dispatcher checks it before the handler runs. */
enum http_body {
    HTTP_BODY_NONE, /* any body is read and ignored, at most 64 KiB (413 beyond) */
    HTTP_BODY_JSON, /* Content-Type must be application/json (else 415); one strict JSON object (else 400);
                       an empty body counts as {} */
    HTTP_BODY_RAW,    /* anything, up to the route's limit; see http_request_body() */
    HTTP_BODY_STREAM, /* Content-Type must be application/octet-stream (else 415); the handler takes it piece by piece with
                         http_request_read(), up to the route's limit, in memory that does not grow */
    HTTP_BODY_PASS,   /* the same, with any Content-Type: for a body that is passed on */
};

/* Answers one request by exactly one of the http_respond_* or http_problem functions. A handler that returns without an
 * answer makes a 500. Runs on a worker thread; may block (a dialog), watching http_request_client_gone(). */
typedef void http_handler(struct http_request *request);

/* One row of a route table; a table ends with a row whose method is NULL.
 * `method` is an exact method or "*" for any. A GET row also answers HEAD.
 * `pattern` is made of segments: literal text; `{name}`, one whole segment without ':'; `{name}:verb`, the same with a
 * literal suffix ("/v1/orders/{no}:submit"); as the last segment `{name...}`, the rest of the path, perhaps empty.
 * Rows are tried in table order. A path that only other methods match is a 405 with Allow; no match at all is a 404.
 * A path that holds an empty, "." or ".." segment (also percent-encoded), a control character or bad percent-encoding
 * matches nothing but `{name...}` rows, which get it raw. */
struct http_route {
    const char *method;
    const char *pattern;
    http_handler *handler;
    enum http_body body;
    size_t max_body; /* bytes; 0 means the server's default */
    unsigned
        tag; /* the owner's own mark (the agent: which access it needs); the plumbing does not look at it */
};

/* ---- WebSockets ---- */

/* One WebSocket address (exact path). All hooks run on the connection's own thread; `context` is the server's. */
struct http_websocket_route {
    const char *path;
    /* Before the upgrade, after the server's `before` hook: true upgrades; false means the request has been answered. */
    bool (*accept)(struct http_request *request);
    /* After the upgrade. `socket` lives until `closed` returns, longer if http_websocket_keep() was called. */
    void (*opened)(struct http_websocket *socket, void *context);
    /* One whole text message, NUL-terminated beyond `len`. False closes the connection. */
    bool (*message)(struct http_websocket *socket, const char *text, size_t len, void *context);
    void (*closed)(struct http_websocket *socket, void *context);
    size_t max_message; /* bytes; longer ones close the connection; 0 means 64 KiB */
};

/* Send a text message. Thread-safe, does not block: the message is queued (at most 256; when full, or when the peer does
 * not read for the server's timeout, the connection is closed). False if the connection is closed or closing. */
bool http_websocket_send(struct http_websocket *socket, const char *text, size_t len);
/* Close from any thread; `closed` runs later on the connection's thread. Harmless when already closed. */
void http_websocket_close(struct http_websocket *socket);
/* Reference counting for holders outside the hooks: keep returns `socket`; each keep needs one release. */
struct http_websocket *http_websocket_keep(struct http_websocket *socket);
void http_websocket_release(struct http_websocket *socket);
/* A pointer of the owner's; copied from the request's data at the upgrade (http_request_set_data). */
void *http_websocket_data(const struct http_websocket *socket);
void http_websocket_set_data(struct http_websocket *socket, void *data);

/* ---- the server ---- */

enum http_error {
    HTTP_OK = 0,
    HTTP_ERROR_ADDRESS,     /* a listen address cannot be parsed or is not this machine's */
    HTTP_ERROR_IN_USE,      /* some listen address is held by another program */
    HTTP_ERROR_CERTIFICATE, /* certificate or key cannot be read or do not fit together */
    HTTP_ERROR_START,       /* anything else; the log says what */
};

enum http_log_level { HTTP_LOG_ERROR, HTTP_LOG_INFO, HTTP_LOG_DEBUG };

struct http_server_options {
    const char *const
        *listen; /* "127.0.0.1:24317", "[::1]:24317", ended by NULL; all of them must bind */
    const char *certificate; /* PEM file: leaf first, then the rest of its chain */
    const char *key;         /* PEM file of the leaf's private key */
    unsigned threads;        /* connections served at once (each holds a thread); 0 means 64 */
    unsigned timeout_ms; /* to receive a request, to send a piece of an answer; 0 means 15 000 */
    size_t max_body;     /* default limit of a request body; 0 means 1 MiB */
    const struct http_route *const *routes; /* tables, ended by NULL; must outlive the server */
    const struct http_websocket_route *const *websockets; /* NULL, or ended by NULL */
    /* Runs for every request, before routing errors, body and handler (http_request_route() tells the row it would go
     * to, or NULL). True goes on; false means it has answered. Headers that it adds with http_response_header() go out with
     * whatever answer follows. May be NULL. */
    bool (*before)(struct http_request *request);
    void (*log)(enum http_log_level level, const char *message, void *context); /* may be NULL */
    void *context; /* the owner's; http_request_context() */
};

/* Start serving HTTPS (TLS 1.2 or later, HTTP/1.1 keep-alive; no files, no CGI). On success *server is set and the
 * listeners are bound. The strings and arrays of `options` are copied except the route tables. */
enum http_error http_server_start(const struct http_server_options *options,
                                  struct http_server **server);
/* Stop: no new requests, WebSockets closed, running handlers awaited. NULL is harmless. */
void http_server_stop(struct http_server *server);
/* New connections see this certificate (a leaf alone) from now on; those that are open stay. False: it cannot be used. */
bool http_server_set_identity(struct http_server *server, const char *certificate, const char *key);
/* True once http_server_stop() has begun: long handlers end early. Also true through http_request_client_gone(). */
bool http_server_is_stopping(const struct http_server *server);

/* ---- the request ---- */

const char *http_request_method(const struct http_request *request);
/* The path as it came (percent-encoded, without query); starts with '/'. */
const char *http_request_path(const struct http_request *request);
/* The raw query string without '?', or "". */
const char *http_request_query(const struct http_request *request);
/* A decoded query parameter, or NULL when absent, repeated or badly encoded. Lives as long as the request. */
const char *http_request_query_value(struct http_request *request, const char *name);
/* A pattern's {name}, percent-decoded (UTF-8, no control characters); a {name...} comes raw, without its leading '/'.
 * NULL when the pattern has no such name. */
const char *http_request_param(const struct http_request *request, const char *name);
/* First value of a header (name without case), or NULL. */
const char *http_request_header(const struct http_request *request, const char *name);
/* How often a header occurs: a security header that is not exactly one is to be refused. */
size_t http_request_header_count(const struct http_request *request, const char *name);
/* The body as received: `*len` bytes (0 with HTTP_BODY_NONE) and a NUL beyond. Never NULL in a handler. */
const char *http_request_body(const struct http_request *request, size_t *len);
/* The next bytes of an HTTP_BODY_STREAM route's body: how many, at most `size`; 0 at its end; -1 when it was too long, broke
 * off or was too slow (a MiB may take twice the server's request timeout): a problem has then been answered. */
long http_request_read(struct http_request *request, void *data, size_t size);
/* How long a streamed body will be, as announced; -1 when that is not known; 0: there is none. */
int64_t http_request_body_announced(const struct http_request *request);
/* Overwrite the body, which held a secret; its length is 0 from now on. The parsed object is its owner's to wipe. */
void http_request_wipe_body(struct http_request *request);
/* The parsed object of an HTTP_BODY_JSON route (borrowed); NULL otherwise. */
json_t *http_request_json(const struct http_request *request);
/* The other end, numeric ("127.0.0.1", "::1"), its port, and the port of ours that it came to. */
const char *http_request_peer_address(const struct http_request *request);
uint16_t http_request_peer_port(const struct http_request *request);
uint16_t http_request_local_port(const struct http_request *request);
/* The row that matched, or NULL (in `before`). */
const struct http_route *http_request_route(const struct http_request *request);
/* True when the row is a WebSocket's: the request asks for an upgrade. */
bool http_request_is_websocket(const struct http_request *request);
/* A number of the owner's that stays with the connection (0 at first): what was found out about the peer. */
void http_request_set_connection_mark(struct http_request *request, unsigned mark);
unsigned http_request_connection_mark(const struct http_request *request);
/* The server's context, and one pointer per request for the owner (what `before` found out, for the handler). */
void *http_request_context(const struct http_request *request);
void http_request_set_data(struct http_request *request, void *data);
void *http_request_data(const struct http_request *request);
/* A string or block that lives as long as the request; NULL when memory is out. */
void *http_request_alloc(struct http_request *request, size_t size);
/* True when the client has closed its end, or the server is stopping: an open dialog is to be closed. Costs one poll(). */
bool http_request_client_gone(const struct http_request *request);

/* What the person reads: from Accept-Language; zh* is Chinese, anything else English, absent Chinese. */
enum http_language { HTTP_LANGUAGE_ZH, HTTP_LANGUAGE_EN };
enum http_language http_request_language(const struct http_request *request);
/* "zh-CN" or "en". */
const char *http_language_tag(enum http_language language);

/* ---- the answer ---- */

/* Add a header to the answer that will follow. Ignored (and logged) if name or value holds a control character. */
void http_response_header(struct http_request *request, const char *name, const char *value);
/* Answer with `len` bytes. `type` NULL sends no Content-Type. The plumbing adds Content-Length, Date, Cache-Control:
 * no-store (unless one was added), X-Content-Type-Options: nosniff, X-Frame-Options: DENY, and
 * Content-Security-Policy: default-src 'none'; frame-ancestors 'none' (unless one was added). */
void http_respond(struct http_request *request, int status, const char *type, const void *data,
                  size_t len);
/* Answer with a JSON document; takes over the reference. NULL (memory was out when it was made) answers 500. */
void http_respond_json(struct http_request *request, int status, json_t *body);
/* 204, or another status without a body. */
void http_respond_empty(struct http_request *request, int status);
/* Answer piece by piece, for long or unknown lengths (`length` -1: chunked). False when the client is gone. */
bool http_respond_begin(struct http_request *request, int status, const char *type, int64_t length);
bool http_respond_write(struct http_request *request, const void *data, size_t len);
void http_respond_end(struct http_request *request);
/* Break the answer off: the client sees that it is not whole. */
void http_respond_abort(struct http_request *request);
/* Answer with the asset of `table` whose path is `path`; 404 if there is none. Sends an ETag and honours If-None-Match. */
void http_respond_asset(struct http_request *request, const struct http_asset *table,
                        const char *path);
/* The status that was answered, or 0 while none was. */
int http_response_status(const struct http_request *request);

/* RFC 9457. `code` is UPPER_SNAKE; the type becomes urn:openukey:problem:<kebab-code>. */
struct http_problem {
    int status;
    const char *code;
    const char *title;
    const char *detail; /* may be NULL */
    bool retryable;
};

/* Answer with a problem document; the members of `extra` (may be NULL, reference taken over) are added. */
void http_respond_problem(struct http_request *request, const struct http_problem *problem,
                          json_t *extra);
/* The document itself, for places that are not an answer (a job's `problem`). New reference, NULL when memory is out. */
json_t *http_problem_json(const struct http_problem *problem, json_t *extra);

/* The problems that the plumbing itself makes, in the request's language; for owners to answer with, too. */
enum http_standard_problem {
    HTTP_PROBLEM_BAD_REQUEST,            /* 400 BAD_REQUEST */
    HTTP_PROBLEM_NOT_FOUND,              /* 404 NOT_FOUND */
    HTTP_PROBLEM_METHOD_NOT_ALLOWED,     /* 405 METHOD_NOT_ALLOWED */
    HTTP_PROBLEM_BODY_TOO_LARGE,         /* 413 BODY_TOO_LARGE */
    HTTP_PROBLEM_UNSUPPORTED_MEDIA_TYPE, /* 415 UNSUPPORTED_MEDIA_TYPE */
    HTTP_PROBLEM_INTERNAL,               /* 500 INTERNAL */
};
/* `detail` replaces the standard one when not NULL. */
void http_respond_standard_problem(struct http_request *request, enum http_standard_problem problem,
                                   const char *detail);

#endif
