/* Web origins (RFC 6454, as browsers serialise them) and their classes. */
#ifndef AGENT_ACCESS_ORIGIN_H
#define AGENT_ACCESS_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#define ORIGIN_TEXT_SIZE 280 /* "https://" + a 253-byte host + ":65535" and NUL, with room */

enum origin_class {
    ORIGIN_REFUSED,  /* http, null, missing, badly written, denied: gets nothing */
    ORIGIN_ELIGIBLE, /* may ask to be paired */
    ORIGIN_PAIRED, /* paired by a person ("always") or by policy: gets a session without a dialog */
};

/* True if `text` is exactly an origin as a browser serialises it, and one that may ever be served: "https://host[:port]", or
 * http on localhost, 127.0.0.1 or [::1]. Host: lower case letters, digits, '-', '.', or an IP literal; no user, no path, no
 * trailing dot, no default port, ASCII (IDNs come as punycode). */
bool origin_is_eligible(const char *text);

#endif
