/* Matching request paths against route patterns. No allocation: a parameter is a slice of the path. */
#ifndef AGENT_HTTP_ROUTE_H
#define AGENT_HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#define ROUTE_MAX_PARAMS 6

struct route_param {
    const char *name; /* inside the pattern */
    size_t name_len;
    const char *value; /* inside the path, still percent-encoded */
    size_t value_len;
    bool is_rest; /* a {name...} */
};

struct route_match {
    struct route_param params[ROUTE_MAX_PARAMS];
    size_t count;
};

/* True if every segment of the path is one that a plain pattern may match: not empty (but "/" itself is clean), not "." or
 * "..", good percent-encoding, and decoded neither control character nor '/' nor '\\' nor bad UTF-8. */
bool route_path_is_clean(const char *path);

/* Match `path` against `pattern` (see struct http_route). `clean` is route_path_is_clean(path). Fills *match. */
bool route_matches(const char *pattern, const char *path, bool clean, struct route_match *match);

/* Percent-decode `len` bytes into `out` (room for len + 1), ending with NUL; -1 on bad encoding or NUL, else the length. */
long route_percent_decode(const char *text, size_t len, char *out);

#endif
