/* See base64.h. */
#include "tools/orderd/engine/base64.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

bool base64_read(const char *text, size_t max, struct octets *out) {
    *out = (struct octets){NULL, 0};
    size_t len = strlen(text);
    if (len == 0 || len % 4 != 0 || len > INT_MAX || len / 4 * 3 > max + 3 ||
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") <
            len - 2 ||
        (text[len - 2] == '=' && text[len - 1] != '=')) {
        return false;
    }
    unsigned char *data = malloc(len / 4 * 3);
    if (data == NULL) {
        return false;
    }
    int written = EVP_DecodeBlock(data, (const unsigned char *)text, (int)len);
    size_t padding = (size_t)(text[len - 1] == '=') + (size_t)(text[len - 2] == '=');
    if (written < 0 || (size_t)written - padding > max) {
        free(data);
        return false;
    }
    out->data = data;
    out->len = (size_t)written - padding;
    return true;
}

json_t *base64_json(const struct octets *bytes) {
    if (bytes->len > INT_MAX / 2) {
        return NULL;
    }
    size_t size = (bytes->len + 2) / 3 * 4 + 1;
    unsigned char *text = malloc(size);
    if (text == NULL) {
        return NULL;
    }
    int len = EVP_EncodeBlock(text, bytes->data, (int)bytes->len);
    json_t *value = json_stringn((const char *)text, (size_t)len);
    free(text);
    return value;
}
