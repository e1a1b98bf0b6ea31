/* The way to the order services: fixed upstreams from the configuration, TLS verified, nothing followed. */
#ifndef AGENT_PROXY_PROXY_H
#define AGENT_PROXY_PROXY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/config.h"
#include "agent/http/http.h"

#define PROXY_TIMEOUT_SECONDS 60                /* of a request whose answer is held in memory */
#define PROXY_MAX_BODY        ((size_t)8 << 20) /* of an answer that is held in memory */

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
    PROXY_ERROR_BODY,      /* proxy_pass: the request's body ended before its end */
    PROXY_ERROR_BROKEN,    /* proxy_pass: it went wrong after the answer had begun */
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

/* What is known of a service: whether the newest request to it was answered. */
enum proxy_state { PROXY_STATE_UNKNOWN, PROXY_STATE_ONLINE, PROXY_STATE_OFFLINE };

/* `changed` (may be NULL) is told when a service goes from one state to another; on the thread of the request that saw it. */
struct proxy *proxy_new(const struct agent_config *config,
                        void (*changed)(void *context, const char *profile, enum proxy_state state),
                        void *context);
enum proxy_state proxy_state(struct proxy *proxy, const char *profile);
/* Requests that are running end with PROXY_ERROR_UNREACHABLE. */
void proxy_stop(struct proxy *proxy);
void proxy_free(struct proxy *proxy);

/* Ask the service of `profile`: `path` starts with '/' ("/v1/tasks:claim", with an optional ?query), and goes below the
 * upstream's base. `headers` is ended by a NULL name (may be NULL); only those of the filter pass. `body` may be NULL;
 * JSON is sent as application/json. Blocks, at most PROXY_TIMEOUT_SECONDS.
 * A request that may be sent twice (GET, HEAD, or an Idempotency-Key is there) is tried once more when the connection broke before
 * anything of the answer came; no other ever goes over a connection that might be dead already.
 * On PROXY_OK the answer is to be freed with proxy_answer_free(); on error it is empty. */
enum proxy_error proxy_request(struct proxy *proxy, const char *profile, const char *method,
                               const char *path, const struct proxy_header *headers, json_t *body,
                               struct proxy_answer *answer);

/* The same with a body of bytes; the Content-Type is in `headers`. */
enum proxy_error proxy_request_raw(struct proxy *proxy, const char *profile, const char *method,
                                   const char *path, const struct proxy_header *headers,
                                   const void *body, size_t body_len, struct proxy_answer *answer);

/* One request whose body and answer are passed on piece by piece, in memory that does not grow. */
struct proxy_passage {
    const char *profile, *method, *path;
    const struct proxy_header *headers;
    int64_t body_len; /* -1: not known before its end; 0: none */
    /* The next bytes of the request's body: how many; 0 at its end; -1: there will be no more, PROXY_ERROR_BODY. */
    long (*read)(void *context, void *data, size_t size);
    /* What the answer begins with (no body in it), and its length (-1: unknown). False ends the request. */
    bool (*begin)(void *context, const struct proxy_answer *answer, int64_t length);
    bool (*write)(void *context, const void *data, size_t len);
    /* Nobody waits for the answer any more. Asked about once a second. */
    bool (*gone)(void *context);
    void *context;
};

/* Takes at most the service's timeouts. On PROXY_OK the whole answer has been written. A body of up to PROXY_KEPT_BODY bytes is kept, so
 * that a request which may be sent twice can be. */
#define PROXY_KEPT_BODY ((int64_t)1 << 20)
enum proxy_error proxy_pass(struct proxy *proxy, const struct proxy_passage *passage);

void proxy_answer_free(struct proxy_answer *answer);

/* True if the path (with its query) may be sent upstream: '/' first; only characters of RFC 3986 paths and queries; no "//",
 * "." or ".." segment, also percent-encoded; no encoded '/', '\\' or control characters; no '@' . */
bool proxy_path_is_safe(const char *path);

#endif
