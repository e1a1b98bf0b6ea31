/* Base64 both ways. */
#include "module/formats/base64.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

char *base64_encode(const void *data, size_t len) {
    if (len > (size_t)INT32_MAX / 2)
        return NULL;
    char *text = malloc((len + 2) / 3 * 4 + 1);
    if (text)
        EVP_EncodeBlock((unsigned char *)text, data, (int)len);
    return text;
}

json_t *base64_json(const struct octets *data) {
    char *text = base64_encode(data->data ? data->data : (const unsigned char *)"", data->len);
    json_t *json = text ? json_string(text) : NULL;
    free(text);
    return json;
}

char *base64url_encode(const void *data, size_t len) {
    char *text = base64_encode(data, len);
    char *to = text;
    for (const char *from = text; text && *from && *from != '='; from++)
        *to++ = *from == '+' ? '-' : *from == '/' ? '_' : *from;
    if (text)
        *to = '\0';
    return text;
}

/* The value of a digit, or -1. */
static int digit(char c, const char *last_two) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == last_two[0] ? 62 : c == last_two[1] ? 63 : -1;
}

/* `len` digits without padding. */
static enum formats_error decode(const char *text, size_t len, const char *last_two,
                                 struct octets *out) {
    *out = (struct octets){0};
    if (len % 4 == 1)
        return FORMATS_MALFORMED;
    if (len == 0)
        return FORMATS_OK;
    unsigned char *data = malloc(len / 4 * 3 + 3);
    if (!data)
        return FORMATS_MEMORY;
    uint32_t bits = 0;
    unsigned count = 0;
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        int value = digit(text[i], last_two);
        if (value < 0) {
            free(data);
            return FORMATS_MALFORMED;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            data[used++] = (unsigned char)(bits >> count & 0xFF);
            bits &= (1U << count) - 1;
        }
    }
    if (bits != 0) { /* digits that say more than whole bytes */
        free(data);
        return FORMATS_MALFORMED;
    }
    out->data = data;
    out->len = used;
    return FORMATS_OK;
}

enum formats_error base64_decode(const char *text, size_t len, struct octets *out) {
    *out = (struct octets){0};
    if (len % 4 != 0)
        return FORMATS_MALFORMED;
    for (int i = 0; i < 2 && len > 0 && text[len - 1] == '='; i++)
        len--;
    return decode(text, len, "+/", out);
}

enum formats_error base64url_decode(const char *text, size_t len, struct octets *out) {
    return decode(text, len, "-_", out);
}
