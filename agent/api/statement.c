/* Making the canonical objects that are signed. */
#include "agent/api/statement.h"

#include <string.h>

#include "agent/http/json.h"
#include "module/formats/canonical_json.h"

const char *statement_error_text(enum statement_error error, int is_chinese) {
    static const char *const texts[][2] = {
        [STATEMENT_OK] = {"", ""},
        [STATEMENT_BAD_NONCE] = {"nonce must be 8 to 128 printable ASCII characters.",
                                 "nonce 应为 8 至 128 个可打印 ASCII 字符。"},
        [STATEMENT_BAD_SHAPE] = {"The statement has a missing, unknown or wrong member.",
                                 "待签内容缺少成员，或含有未知或类型错误的成员。"},
        [STATEMENT_TOO_LARGE] = {"The statement is too long.", "待签内容过长。"},
        [STATEMENT_MEMORY] = {"Out of memory.", "内存不足。"},
    };
    return texts[error][is_chinese ? 1 : 0];
}

bool statement_nonce_is_good(const char *nonce) {
    size_t len = nonce ? strnlen(nonce, STATEMENT_NONCE_MAX + 1) : 0;
    if (len < STATEMENT_NONCE_MIN || len > STATEMENT_NONCE_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (nonce[i] < 0x21 || nonce[i] > 0x7E)
            return false;
    }
    return true;
}

static enum statement_error write_canonical(const json_t *object, struct octets *canonical) {
    switch (canonical_json_write(object, canonical)) {
    case FORMATS_OK:
        break;
    case FORMATS_TOO_LARGE:
        return STATEMENT_TOO_LARGE;
    case FORMATS_MEMORY:
        return STATEMENT_MEMORY;
    default:
        return STATEMENT_BAD_SHAPE;
    }
    if (canonical->len > STATEMENT_MAX) {
        octets_free(canonical);
        return STATEMENT_TOO_LARGE;
    }
    return STATEMENT_OK;
}

/* A text member of at most `max` bytes. An absent one is fine unless `is_needed`. */
static enum statement_error check_text(const json_t *object, const char *name, size_t max,
                                       bool is_needed) {
    const json_t *value = json_object_get(object, name);
    if (!value)
        return is_needed ? STATEMENT_BAD_SHAPE : STATEMENT_OK;
    if (!json_is_string(value) || (is_needed && json_string_length(value) == 0))
        return STATEMENT_BAD_SHAPE;
    if (strlen(json_string_value(value)) != json_string_length(value))
        return STATEMENT_BAD_SHAPE; /* a NUL inside */
    return json_string_length(value) > max ? STATEMENT_TOO_LARGE : STATEMENT_OK;
}

static enum statement_error check_fields(const json_t *fields) {
    static const char *const members[] = {"label", "value", NULL};
    size_t i;
    json_t *field;
    if (!json_is_array(fields) || json_array_size(fields) == 0)
        return STATEMENT_BAD_SHAPE;
    if (json_array_size(fields) > STATEMENT_FIELDS_MAX)
        return STATEMENT_TOO_LARGE;
    json_array_foreach(fields, i, field) {
        if (!json_is_object(field) || !json_members_are(field, members, NULL) ||
            !json_object_get(field, "value"))
            return STATEMENT_BAD_SHAPE;
        enum statement_error error = check_text(field, "label", STATEMENT_LABEL_MAX, true);
        if (!error)
            error = check_text(field, "value", STATEMENT_MAX, false);
        if (error)
            return error;
    }
    return STATEMENT_OK;
}

static enum statement_error check_statement(const json_t *statement) {
    static const char *const members[] = {"title", "fields", "order", "digest", NULL};
    if (!json_is_object(statement) || !json_members_are(statement, members, NULL))
        return STATEMENT_BAD_SHAPE;
    enum statement_error error = check_text(statement, "title", STATEMENT_TITLE_MAX, true);
    if (!error)
        error = check_text(statement, "order", STATEMENT_ORDER_MAX, false);
    if (!error)
        error = check_text(statement, "digest", STATEMENT_DIGEST_MAX, false);
    return error ? error : check_fields(json_object_get(statement, "fields"));
}

enum statement_error statement_canonical(const json_t *statement, const char *nonce,
                                         const char *origin, struct octets *canonical,
                                         json_t **object) {
    *canonical = (struct octets){0};
    if (object)
        *object = NULL;
    if (!statement_nonce_is_good(nonce))
        return STATEMENT_BAD_NONCE;
    enum statement_error error = check_statement(statement);
    if (error)
        return error;
    json_t *whole = json_copy((json_t *)(uintptr_t)statement); /* shallow; only read */
    if (!whole || json_object_set_new(whole, "nonce", json_string(nonce)) != 0 ||
        json_object_set_new(whole, "origin", json_string(origin)) != 0 ||
        json_object_set_new(whole, "type", json_string("statement")) != 0 ||
        json_object_set_new(whole, "version", json_string("1")) != 0) {
        json_decref(whole);
        return STATEMENT_MEMORY;
    }
    error = write_canonical(whole, canonical);
    if (!error && object)
        *object = json_incref(whole);
    json_decref(whole);
    return error;
}

enum statement_error login_canonical(const char *service, const char *nonce, const char *order,
                                     const char *origin, struct octets *canonical) {
    *canonical = (struct octets){0};
    if (!statement_nonce_is_good(nonce))
        return STATEMENT_BAD_NONCE;
    if (!service || !*service)
        return STATEMENT_BAD_SHAPE;
    if (strlen(service) > STATEMENT_SERVICE_MAX || (order && strlen(order) > STATEMENT_ORDER_MAX))
        return STATEMENT_TOO_LARGE;
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s*}", "type", "login", "version", "1", "origin",
                  origin, "service", service, "nonce", nonce, "order", order);
    if (!object)
        return STATEMENT_MEMORY;
    enum statement_error error = write_canonical(object, canonical);
    json_decref(object);
    return error;
}
