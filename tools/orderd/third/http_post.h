/* One HTTP POST to somebody else, with TLS verified. */
#ifndef TOOLS_ORDERD_THIRD_HTTP_POST_H
#define TOOLS_ORDERD_THIRD_HTTP_POST_H

#include <stddef.h>

struct http_post {
    const char *url;    /* https only */
    const char *ca;     /* PEM file to trust, or NULL for the system's */
    const char *header; /* one further header line, or NULL */
    const char *body;   /* application/json */
    size_t len;
    long timeout_ms;
};

/* The answer's status, or 0 when there was none. No redirects are followed. curl_global_init must have been called. */
long http_post(const struct http_post *post);

#endif
