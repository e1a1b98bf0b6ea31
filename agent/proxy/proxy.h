/* The way to the order services: fixed upstreams from the configuration, TLS verified, nothing followed. */
#ifndef AGENT_PROXY_PROXY_H
#define AGENT_PROXY_PROXY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/config.h"
#include "agent/http/http.h"

#define PROXY_TIMEOUT_SECONDS 60
#define PROXY_CONNECT_SECONDS 10
#define PROXY_MAX_BODY        ((size_t)8 << 20) /* of an answer */

struct proxy;

enum proxy_error {
    PROXY_OK = 0,            /* the service has answered, with whatever status */
    PROXY_ERROR_PROFILE,     /* no such service profile */
    PROXY_ERROR_PATH,        /* the path is not one that may be asked for */
    PROXY_ERROR_REFUSED,     /* method or header that may not pass */
    PROXY_ERROR_UNREACHABLE, /* not connected, no answer in time, or broken off */
    PROXY_ERROR_TLS, /* connected, but it is not the service: its TLS certificate does not verify */
    PROXY_ERROR_TOO_LARGE, /* the answer is longer than the limit */
    PROXY_ERROR_REDIRECT,  /* the service answered with a redirect, which is not followed */
    PROXY_ERROR_MEMORY,
};

struct proxy_header {
    const char *name;
    const char *value;
};

struct proxy_answer {
    int status;
    char *type; /* Content-Type, or NULL */
    char *body; /* NUL-terminated beyond body_len */
    size_t body_len;
    json_t *json; /* the body when its type is JSON and it parses; else NULL */
    char *etag, *location, *retry_after; /* headers that come back, or NULL */
};

struct proxy *proxy_new(const struct agent_config *config);
/* Requests that are running end with PROXY_ERROR_UNREACHABLE. */
void proxy_stop(struct proxy *proxy);
void proxy_free(struct proxy *proxy);

/* Ask the service of `profile`: `path` starts with '/' ("/v1/tasks:claim", with an optional ?query), and goes below the
 * upstream's base. `headers` is ended by a NULL name (may be NULL); only those of the filter pass. `body` may be NULL;
 * JSON is sent as application/json. Blocks, at most PROXY_TIMEOUT_SECONDS.
 * On PROXY_OK the answer is to be freed with proxy_answer_free(); on error it is empty. */
enum proxy_error proxy_request(struct proxy *proxy, const char *profile, const char *method,
                               const char *path, const struct proxy_header *headers, json_t *body,
                               struct proxy_answer *answer);

/* The same with a body of bytes; the Content-Type is in `headers`. */
enum proxy_error proxy_request_raw(struct proxy *proxy, const char *profile, const char *method,
                                   const char *path, const struct proxy_header *headers,
                                   const void *body, size_t body_len, struct proxy_answer *answer);
void proxy_answer_free(struct proxy_answer *answer);

/* True if the path (with its query) may be sent upstream: '/' first; only characters of RFC 3986 paths and queries; no "//",
 * "." or ".." segment, also percent-encoded; no encoded '/', '\\' or control characters; no '@' . */
bool proxy_path_is_safe(const char *path);

#endif
