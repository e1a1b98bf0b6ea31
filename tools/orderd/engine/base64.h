/* base64 (RFC 4648 section 4, padded) of at most so many bytes; the rest is in module/formats. */
#ifndef TOOLS_ORDERD_ENGINE_BASE64_H
#define TOOLS_ORDERD_ENGINE_BASE64_H

#include "module/formats/base64.h"

#include <stdbool.h>

/* Text to bytes, at most `max`; false when it is not base64. *out is the caller's. */
bool base64_read(const char *text, size_t max, struct octets *out);

#endif
