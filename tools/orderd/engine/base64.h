/* base64 (RFC 4648 section 4, padded) to and from bytes. */
#ifndef TOOLS_ORDERD_ENGINE_BASE64_H
#define TOOLS_ORDERD_ENGINE_BASE64_H

#include "module/formats/octets.h"

#include <jansson.h>

/* Text to bytes, at most `max`; false when it is not base64. *out is the caller's. */
bool base64_read(const char *text, size_t max, struct octets *out);

/* Bytes to base64 as a JSON string; NULL when memory is out. */
json_t *base64_json(const struct octets *bytes);

#endif
