/* See base64.h. */
#include "tools/orderd/engine/base64.h"

#include <string.h>

bool base64_read(const char *text, size_t max, struct octets *out) {
    size_t len = strlen(text);
    *out = (struct octets){NULL, 0};
    if (len == 0 || len / 4 * 3 > max + 3 || base64_decode(text, len, out) != FORMATS_OK) {
        return false;
    }
    if (out->len > max) {
        octets_free(out);
        return false;
    }
    return true;
}
