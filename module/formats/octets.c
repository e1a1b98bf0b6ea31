/* Owned bytes and the texts of the formats' errors. */
#include "module/formats/octets.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

const char *formats_error_text(enum formats_error error) {
    static const char *const texts[] = {
        [FORMATS_OK] = "ok",
        [FORMATS_ARGUMENT] = "bad argument",
        [FORMATS_MEMORY] = "out of memory",
        [FORMATS_CRYPTO] = "crypto library failed",
        [FORMATS_MALFORMED] = "malformed",
        [FORMATS_TOO_LARGE] = "too large",
        [FORMATS_UNSUPPORTED] = "unsupported version or algorithm",
        [FORMATS_KEY] = "wrong key",
        [FORMATS_MISMATCH] = "not the expected content",
        [FORMATS_SIGNATURE] = "signature does not verify",
        [FORMATS_UNTRUSTED] = "not issued under the trusted root",
        [FORMATS_NOT_YET_VALID] = "not yet valid",
        [FORMATS_EXPIRED] = "expired",
    };
    if ((size_t)error >= sizeof texts / sizeof *texts)
        return "unknown error";
    return texts[error];
}

enum formats_error octets_copy(struct octets *out, const void *data, size_t len) {
    *out = (struct octets){NULL, 0};
    if (len == 0)
        return FORMATS_OK;
    unsigned char *copy = malloc(len);
    if (copy == NULL)
        return FORMATS_MEMORY;
    memcpy(copy, data, len);
    out->data = copy;
    out->len = len;
    return FORMATS_OK;
}

void octets_free(struct octets *octets) {
    if (octets == NULL || octets->data == NULL)
        return;
    OPENSSL_cleanse(octets->data, octets->len);
    free(octets->data);
    *octets = (struct octets){NULL, 0};
}

bool octets_equal(const struct octets *a, const struct octets *b) {
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

void octets_to_hex(const unsigned char *data, size_t len, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}
