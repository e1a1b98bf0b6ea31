/* Which row of a route table a path belongs to. */
#include "agent/http/route.h"

#include <jansson.h>
#include <string.h>

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

long route_percent_decode(const char *text, size_t len, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = len - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = len - i > 2 ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return -1;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == 0) {
            return -1;
        }
        out[used++] = c;
    }
    out[used] = 0;
    return (long)used;
}

static bool is_utf8(const char *text, size_t len) {
    json_t *string = json_stringn(text, len);
    json_decref(string);
    return string != NULL;
}

static bool segment_is_clean(const char *segment, size_t len) {
    char decoded[512];
    if (len == 0 || len >= sizeof(decoded)) {
        return false;
    }
    long used = route_percent_decode(segment, len, decoded);
    if (used <= 0 || strcmp(decoded, ".") == 0 || strcmp(decoded, "..") == 0) {
        return false;
    }
    for (long i = 0; i < used; i++) {
        unsigned char c = (unsigned char)decoded[i];
        if (c < 0x20 || c == 0x7F || c == '/' || c == '\\') {
            return false;
        }
    }
    return is_utf8(decoded, (size_t)used);
}

bool route_path_is_clean(const char *path) {
    if (path[0] != '/') {
        return false;
    }
    if (path[1] == 0) {
        return true;
    }
    const char *segment = path + 1;
    for (;;) {
        size_t len = strcspn(segment, "/");
        if (!segment_is_clean(segment, len)) {
            return false;
        }
        if (segment[len] == 0) {
            return true;
        }
        segment += len + 1;
    }
}

/* One segment of the pattern against one of the path. */
static bool match_segment(const char *pattern, size_t pattern_len, const char *path,
                          size_t path_len, struct route_match *match) {
    if (pattern_len == 0 || pattern[0] != '{') {
        return pattern_len == path_len && memcmp(pattern, path, path_len) == 0;
    }
    const char *close = memchr(pattern, '}', pattern_len);
    if (close == NULL || match->count == ROUTE_MAX_PARAMS) {
        return false;
    }
    const char *suffix = close + 1;
    size_t suffix_len = pattern_len - (size_t)(suffix - pattern);
    if (path_len <= suffix_len || memcmp(path + path_len - suffix_len, suffix, suffix_len) != 0) {
        return false;
    }
    size_t value_len = path_len - suffix_len;
    if (memchr(path, ':', value_len) != NULL) {
        return false;
    }
    match->params[match->count++] = (struct route_param){.name = pattern + 1,
                                                         .name_len = (size_t)(close - pattern - 1),
                                                         .value = path,
                                                         .value_len = value_len};
    return true;
}

bool route_matches(const char *pattern, const char *path, bool clean, struct route_match *match) {
    match->count = 0;
    if (pattern[0] != '/' || path[0] != '/') {
        return false;
    }
    pattern++;
    path++;
    for (;;) {
        size_t pattern_len = strcspn(pattern, "/");
        const char *dots = pattern_len > 4 ? pattern + pattern_len - 4 : NULL;
        if (dots != NULL && pattern[0] == '{' && memcmp(dots, "...}", 4) == 0) {
            if (match->count == ROUTE_MAX_PARAMS) {
                return false;
            }
            match->params[match->count++] = (struct route_param){.name = pattern + 1,
                                                                 .name_len = pattern_len - 5,
                                                                 .value = path,
                                                                 .value_len = strlen(path),
                                                                 .is_rest = true};
            return true;
        }
        size_t path_len = strcspn(path, "/");
        if (!clean && path_len > 0 && !segment_is_clean(path, path_len)) {
            return false;
        }
        if (!match_segment(pattern, pattern_len, path, path_len, match)) {
            return false;
        }
        if (pattern[pattern_len] == 0 || path[path_len] == 0) {
            return clean && pattern[pattern_len] == path[path_len];
        }
        pattern += pattern_len + 1;
        path += path_len + 1;
    }
}
