/* What a page may ask to be signed: a statement or a login, as one canonical object (RFC 8785). */
#ifndef AGENT_API_STATEMENT_H
#define AGENT_API_STATEMENT_H

#include <jansson.h>

#include "module/formats/octets.h"

enum statement_limit {
    STATEMENT_MAX = 65535, /* bytes, canonical: under 64 KiB */
    STATEMENT_FIELDS_MAX = 1000,
    STATEMENT_TITLE_MAX = 256, /* bytes of UTF-8, as the others */
    STATEMENT_LABEL_MAX = 256,
    STATEMENT_ORDER_MAX = 64,
    STATEMENT_DIGEST_MAX = 128,
    STATEMENT_NONCE_MIN = 8,
    STATEMENT_NONCE_MAX = 128,
    STATEMENT_SERVICE_MAX = 256,
};

enum statement_error {
    STATEMENT_OK = 0,
    STATEMENT_BAD_NONCE,
    STATEMENT_BAD_SHAPE, /* a member is missing, foreign or of the wrong type */
    STATEMENT_TOO_LARGE,
    STATEMENT_MEMORY,
};

/* 8 to 128 printable ASCII characters; NULL is not good. */
bool statement_nonce_is_good(const char *nonce);

/* What is wrong, for the problem's detail: short, English or Chinese. */
const char *statement_error_text(enum statement_error error, int is_chinese);

/* {"fields":[{"label","value"}...],"nonce","origin","title","type":"statement","version":"1"} with order and digest where the page
 * gave them. `statement` is the page's {title, fields, order?, digest?}: a member beyond these is refused, so that no page sets
 * origin, type or version. *object (may be NULL) is the same as JSON, a new reference. */
enum statement_error statement_canonical(const json_t *statement, const char *nonce,
                                         const char *origin, struct octets *canonical,
                                         json_t **object);

/* {"nonce","origin","service","type":"login","version":"1"} with the order when it is not NULL. */
enum statement_error login_canonical(const char *service, const char *nonce, const char *order,
                                     const char *origin, struct octets *canonical);

#endif
