/* RFC 8785 for objects and arrays of strings and safe integers. */
#include "module/formats/canonical_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 64 };
static const json_int_t SAFE_INTEGER = 9007199254740991; /* 2^53 - 1 */

/* The text so far; `error` stays once set. */
struct writer {
    char *text;
    size_t len;
    enum formats_error error;
};

static void put(struct writer *w, const char *bytes, size_t len) {
    if (w->error != FORMATS_OK)
        return;
    if (len > CANONICAL_JSON_MAX - w->len) {
        w->error = FORMATS_TOO_LARGE;
        return;
    }
    memcpy(w->text + w->len, bytes, len);
    w->len += len;
}

/* RFC 8785 3.2.2.2: the two-character escapes where JSON has them, \u00xx for other controls,
 * everything else as it is. */
static void put_string(struct writer *w, const char *bytes, size_t len) {
    static const char short_escapes[] = "\b\t\n\f\r\"\\";
    static const char short_letters[] = "btnfr\"\\";
    put(w, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        const char *found = c != '\0' ? strchr(short_escapes, c) : NULL;
        if (c == '\0') {
            w->error = FORMATS_UNSUPPORTED;
            return;
        }
        if (found != NULL) {
            char escape[2] = {'\\', short_letters[found - short_escapes]};
            put(w, escape, 2);
        } else if ((unsigned char)c < 0x20) {
            char escape[7];
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
            put(w, escape, 6);
        } else {
            put(w, &c, 1);
        }
    }
    put(w, "\"", 1);
}

/* The UTF-8 sequence at *p as a number that sorts as its UTF-16 code units do: supplementary
 * characters, whose first unit is D800..DBFF, come before E000..FFFF. */
static unsigned long utf16_order(const unsigned char **p) {
    const unsigned char *s = *p;
    unsigned long code;
    if (s[0] < 0x80) {
        code = s[0];
        *p += 1;
    } else if (s[0] < 0xE0) {
        code = (s[0] & 0x1FUL) << 6 | (s[1] & 0x3FUL);
        *p += 2;
    } else if (s[0] < 0xF0) {
        code = (s[0] & 0x0FUL) << 12 | (s[1] & 0x3FUL) << 6 | (s[2] & 0x3FUL);
        *p += 3;
        if (code >= 0xE000)
            code += 0x200000; /* after every supplementary character */
    } else {
        code =
            (s[0] & 0x07UL) << 18 | (s[1] & 0x3FUL) << 12 | (s[2] & 0x3FUL) << 6 | (s[3] & 0x3FUL);
        *p += 4;
    }
    return code;
}

/* Keys in the order of their UTF-16 code units (RFC 8785 3.2.3). jansson's strings are valid UTF-8.
 */
static int key_compare(const void *a, const void *b) {
    const unsigned char *p = *(const unsigned char *const *)a;
    const unsigned char *q = *(const unsigned char *const *)b;
    while (*p != '\0' && *q != '\0') {
        unsigned long x = utf16_order(&p);
        unsigned long y = utf16_order(&q);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (*p != '\0') - (*q != '\0');
}

static void put_value(struct writer *w, const json_t *value, int depth);

static void put_object(struct writer *w, const json_t *object, int depth) {
    const char *keys[KEYS_MAX];
    size_t count = 0;
    const char *key;
    json_t *value;
    if (json_object_size(object) > KEYS_MAX) {
        w->error = FORMATS_TOO_LARGE;
        return;
    }
    json_object_foreach((json_t *)object, key, value) {
        keys[count++] = key;
    }
    qsort(keys, count, sizeof *keys, key_compare);
    put(w, "{", 1);
    for (size_t i = 0; i < count && w->error == FORMATS_OK; i++) {
        if (i > 0)
            put(w, ",", 1);
        put_string(w, keys[i], strlen(keys[i]));
        put(w, ":", 1);
        put_value(w, json_object_get(object, keys[i]), depth);
    }
    put(w, "}", 1);
}

static void put_value(struct writer *w, const json_t *value, int depth) {
    if (w->error != FORMATS_OK)
        return;
    if (depth >= CANONICAL_JSON_DEPTH) {
        w->error = FORMATS_TOO_LARGE;
    } else if (json_is_object(value)) {
        put_object(w, value, depth + 1);
    } else if (json_is_array(value)) {
        put(w, "[", 1);
        for (size_t i = 0; i < json_array_size(value) && w->error == FORMATS_OK; i++) {
            if (i > 0)
                put(w, ",", 1);
            put_value(w, json_array_get(value, i), depth + 1);
        }
        put(w, "]", 1);
    } else if (json_is_string(value)) {
        put_string(w, json_string_value(value), json_string_length(value));
    } else if (json_is_integer(value) && json_integer_value(value) >= -SAFE_INTEGER &&
               json_integer_value(value) <= SAFE_INTEGER) {
        char number[32];
        int len =
            snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        put(w, number, (size_t)len);
    } else {
        w->error = FORMATS_UNSUPPORTED;
    }
}

enum formats_error canonical_json_write(const json_t *object, struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (!json_is_object(object))
        return FORMATS_UNSUPPORTED;
    struct writer w = {malloc(CANONICAL_JSON_MAX), 0, FORMATS_OK};
    if (w.text == NULL)
        return FORMATS_MEMORY;
    put_value(&w, object, 0);
    put(&w, "", 1);
    if (w.error == FORMATS_OK)
        w.error = octets_copy(out, w.text, w.len);
    if (w.error == FORMATS_OK)
        out->len--; /* the NUL follows */
    free(w.text);
    return w.error;
}

enum formats_error canonical_json_read(const void *bytes, size_t len, json_t **out) {
    *out = NULL;
    if (len > CANONICAL_JSON_MAX)
        return FORMATS_TOO_LARGE;
    json_t *value = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    if (value == NULL)
        return FORMATS_MALFORMED;
    struct octets again = {NULL, 0};
    enum formats_error error = canonical_json_write(value, &again);
    if (error == FORMATS_OK && (again.len != len || memcmp(again.data, bytes, len) != 0))
        error = FORMATS_MISMATCH;
    octets_free(&again);
    if (error == FORMATS_OK)
        *out = value;
    else
        json_decref(value);
    return error;
}
