/* Which paths may be asked of a service: plain ones. */
#include <string.h>

#include "agent/http/route.h"
#include "agent/proxy/proxy.h"

#define PATH_LIMIT 4096

static bool all_are(const char *text, size_t len, const char *allowed) {
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%";
    for (size_t i = 0; i < len; i++) {
        if (text[i] == 0 ||
            (strchr(unreserved, text[i]) == NULL && strchr(allowed, text[i]) == NULL)) {
            return false;
        }
    }
    return true;
}

/* Percent-encoding that is whole and hides no control character. */
static bool encoding_is_good(const char *text, size_t len) {
    char decoded[PATH_LIMIT + 1];
    long used = route_percent_decode(text, len, decoded);
    for (long i = 0; i < used; i++) {
        unsigned char c = (unsigned char)decoded[i];
        if (c < 0x20 || c == 0x7F) {
            return false;
        }
    }
    return used >= 0;
}

bool proxy_path_is_safe(const char *path) {
    size_t len = strcspn(path, "?");
    size_t total = strlen(path);
    char only_path[PATH_LIMIT + 1];
    if (path[0] != '/' || total > PATH_LIMIT) {
        return false;
    }
    /* RFC 3986 pchar without '@'; '/' parts segments */
    if (!all_are(path, len, "/:!$&'()*+,;=")) {
        return false;
    }
    memcpy(only_path, path, len);
    only_path[len] = 0;
    char decoded[PATH_LIMIT + 1];
    if (!route_path_is_clean(only_path) || route_percent_decode(only_path, len, decoded) < 0 ||
        strpbrk(decoded, "@%") != NULL) {
        return false; /* an encoded '@', or encoding inside encoding */
    }
    if (path[len] == 0) {
        return true;
    }
    const char *query = path + len + 1;
    return all_are(query, strlen(query), "/:!$&'()*+,;=?") &&
           encoding_is_good(query, strlen(query));
}
