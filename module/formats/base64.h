/* Base64 (RFC 4648), standard with padding and URL-safe without. */
#ifndef OPENUKEY_FORMATS_BASE64_H
#define OPENUKEY_FORMATS_BASE64_H

#include <jansson.h>
#include <stddef.h>

#include "module/formats/octets.h"

/* Standard, with padding. NUL-terminated, to be freed with free(); NULL when memory is out. */
char *base64_encode(const void *data, size_t len);
/* The same as a JSON string; NULL when memory is out. */
json_t *base64_json(const struct octets *data);

/* Strict: only the alphabet, right padding, no line ends, unused bits zero. FORMATS_MALFORMED, FORMATS_MEMORY. */
enum formats_error base64_decode(const char *text, size_t len, struct octets *out);
/* The URL-safe alphabet without padding (RFC 7515, 2). Encoded: as base64_encode(). */
char *base64url_encode(const void *data, size_t len);
enum formats_error base64url_decode(const char *text, size_t len, struct octets *out);

#endif
