/* Strict JSON: what jansson alone would let pass is refused here. */
#include "agent/http/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(char *error, size_t error_size, const char *text) {
    if (error != NULL && error_size > 0) {
        snprintf(error, error_size, "%s", text);
    }
}

/* Nesting is bounded before the parser recurses. Brackets in strings do not count. */
static bool depth_is_bounded(const char *text, size_t len) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_STRICT_MAX_DEPTH) {
                return false;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

json_t *json_parse_strict(const char *text, size_t len, char *error, size_t error_size) {
    if (!depth_is_bounded(text, len)) {
        say(error, error_size, "nested too deeply");
        return NULL;
    }
    json_error_t parse_error;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &parse_error);
    if (value == NULL && error != NULL && error_size > 0) {
        /* jansson's text quotes a bit of the input after "near": that may be a secret, so it is cut off */
        char *near = strstr(parse_error.text, " near ");
        if (near != NULL) {
            *near = 0;
        }
        snprintf(error, error_size, "line %d, column %d: %s", parse_error.line, parse_error.column,
                 parse_error.text);
    }
    return value;
}

json_t *json_read_file_strict(const char *path, size_t max, char *error, size_t error_size) {
    json_t *value = NULL;
    char *text = NULL;
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        say(error, error_size, strerror(errno));
        return NULL;
    }
    text = malloc(max + 1);
    if (text == NULL) {
        say(error, error_size, "out of memory");
        goto out;
    }
    size_t len = fread(text, 1, max + 1, file);
    if (ferror(file)) {
        say(error, error_size, "cannot be read");
        goto out;
    }
    if (len > max) {
        say(error, error_size, "is too long");
        goto out;
    }
    value = json_parse_strict(text, len, error, error_size);
out:
    free(text);
    fclose(file);
    return value;
}

const char *json_member_string(const json_t *object, const char *name, size_t max_len) {
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member)) {
        return NULL;
    }
    size_t len = json_string_length(member);
    return len == 0 || len > max_len ? NULL : json_string_value(member);
}

bool json_members_are(const json_t *object, const char *const *names, const char **unknown) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        bool known = false;
        for (size_t i = 0; names[i] != NULL; i++) {
            known = known || strcmp(key, names[i]) == 0;
        }
        if (!known) {
            if (unknown != NULL) {
                *unknown = key;
            }
            return false;
        }
    }
    return true;
}
