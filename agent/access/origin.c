/* Strict reading of origins: what is not written exactly as browsers write it is not an origin. */
#include "agent/access/origin.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ":port" without leading zeros, not the scheme's default; or nothing. */
static bool port_is_good(const char *text, unsigned default_port) {
    if (*text == 0) {
        return true;
    }
    size_t digits = strspn(text + 1, "0123456789");
    if (text[0] != ':' || digits == 0 || digits > 5 || text[1 + digits] != 0 || text[1] == '0') {
        return false;
    }
    unsigned long port = strtoul(text + 1, NULL, 10);
    return port <= 65535 && port != default_port;
}

/* A name in ASCII: labels of a-z 0-9 - (and _), 1 to 63 bytes, not ending in a dot; a name whose last label is all digits must
 * be a good IPv4 address as browsers write it. */
static bool name_is_good(const char *name, size_t len) {
    if (len == 0 || len > 253) {
        return false;
    }
    size_t label = 0, digits = 0;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        if (c == '.') {
            if (label == 0 || name[i - 1] == '-') {
                return false;
            }
            label = digits = 0;
            continue;
        }
        bool is_digit = c >= '0' && c <= '9';
        if (!((c >= 'a' && c <= 'z') || is_digit || c == '_' || (c == '-' && label > 0)) ||
            ++label > 63) {
            return false;
        }
        digits += is_digit;
    }
    if (label == 0 || name[len - 1] == '-') {
        return false;
    }
    if (digits == label) {
        char text[INET_ADDRSTRLEN] = "", again[INET_ADDRSTRLEN];
        struct in_addr address;
        if (len >= sizeof(text)) {
            return false;
        }
        memcpy(text, name, len);
        return inet_pton(AF_INET, text, &address) == 1 &&
               inet_ntop(AF_INET, &address, again, sizeof(again)) != NULL &&
               strcmp(text, again) == 0;
    }
    return true;
}

/* "[IPv6]" in its canonical form. */
static bool literal_is_good(const char *text, size_t len) {
    char inside[INET6_ADDRSTRLEN] = "", again[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (len < 4 || len - 2 >= sizeof(inside) || text[len - 1] != ']') {
        return false;
    }
    memcpy(inside, text + 1, len - 2);
    return inet_pton(AF_INET6, inside, &address) == 1 &&
           inet_ntop(AF_INET6, &address, again, sizeof(again)) != NULL &&
           strcmp(inside, again) == 0;
}

static bool is(const char *text, size_t len, const char *name) {
    return strlen(name) == len && memcmp(text, name, len) == 0;
}

bool origin_is_eligible(const char *text) {
    static const char https[] = "https://", http[] = "http://";
    if (text == NULL || strlen(text) >= ORIGIN_TEXT_SIZE) {
        return false;
    }
    bool is_https = strncmp(text, https, sizeof(https) - 1) == 0;
    if (!is_https && strncmp(text, http, sizeof(http) - 1) != 0) {
        return false;
    }
    const char *host = text + (is_https ? sizeof(https) : sizeof(http)) - 1;
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (len > strlen(host)) {
        return false;
    }
    bool good = host[0] == '[' ? literal_is_good(host, len) : name_is_good(host, len);
    bool loopback =
        is(host, len, "localhost") || is(host, len, "127.0.0.1") || is(host, len, "[::1]");
    return good && (is_https || loopback) && port_is_good(host + len, is_https ? 443 : 80);
}
