/* The records of the attribute file, read and written. */
#include "module/token/attribute_records.h"

#include <openssl/evp.h>
#include <string.h>

static bool read_fields(struct wire_reader value, struct attribute_record *out) {
    *out =
        (struct attribute_record){.usage = wire_u8(&value) == GM_KEY_SIGN ? USAGE_SIGN : USAGE_ENC};
    uint8_t name_len = wire_u8(&value);
    const uint8_t *name = wire_view(&value, name_len);
    if (name == NULL || name_len == 0 || name_len > TOKEN_CONTAINER_MAX ||
        memchr(name, 0, name_len) != NULL) {
        return false;
    }
    memcpy(out->container, name, name_len);
    while (wire_left(&value) > 0) {
        uint8_t tag = wire_u8(&value);
        uint16_t len = wire_u16(&value);
        const uint8_t *field = wire_view(&value, len);
        if (field == NULL) {
            return false;
        }
        if (tag == ATTR_FIELD_ID && len > 0 && len <= ATTRIBUTE_ID_MAX) {
            memcpy(out->id, field, len);
            out->id_len = len;
            out->has_id = true;
        } else if (tag == ATTR_FIELD_LABEL && len <= ATTRIBUTE_LABEL_MAX &&
                   memchr(field, 0, len) == NULL) {
            memcpy(out->label, field, len);
            out->label[len] = '\0';
            out->has_label = true;
        }
    }
    return !value.failed;
}

bool attribute_records_next(const uint8_t *file, size_t len, size_t *at,
                            struct attribute_record *out) {
    struct wire_reader r = {.data = file, .len = len, .order = BIG_ENDIAN_FIELDS};
    const uint8_t *magic = wire_view(&r, strlen(ATTRIBUTE_FILE_MAGIC));
    uint8_t version = wire_u8(&r);
    size_t records_len = wire_u16(&r);
    if (magic == NULL || r.failed ||
        memcmp(magic, ATTRIBUTE_FILE_MAGIC, strlen(ATTRIBUTE_FILE_MAGIC)) != 0 ||
        version != ATTRIBUTE_FILE_VERSION || records_len > wire_left(&r)) {
        return false;
    }
    r.len = ATTRIBUTE_FILE_HEADER + records_len;
    r.at = *at == 0 ? ATTRIBUTE_FILE_HEADER : *at;
    while (r.at < r.len) {
        uint8_t tag = wire_u8(&r);
        uint16_t value_len = wire_u16(&r);
        const uint8_t *value = wire_view(&r, value_len);
        if (value == NULL) {
            return false;
        }
        *at = r.at;
        const struct wire_reader fields = {
            .data = value, .len = value_len, .order = BIG_ENDIAN_FIELDS};
        if (tag == ATTR_KEY && read_fields(fields, out)) {
            return true;
        }
    }
    return false;
}

void attribute_records_start(struct wire_writer *w) {
    wire_put_bytes(w, ATTRIBUTE_FILE_MAGIC, strlen(ATTRIBUTE_FILE_MAGIC));
    wire_put_u8(w, ATTRIBUTE_FILE_VERSION);
    wire_put_u16(w, 0);
}

void attribute_records_add(struct wire_writer *w, const struct attribute_record *record) {
    uint8_t bytes[2 + TOKEN_CONTAINER_MAX + 3 + ATTRIBUTE_ID_MAX + 3 + ATTRIBUTE_LABEL_MAX];
    struct wire_writer value = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    wire_put_u8(&value, record->usage == USAGE_SIGN ? GM_KEY_SIGN : GM_KEY_ENC);
    wire_put_u8(&value, (uint8_t)strlen(record->container));
    wire_put_bytes(&value, record->container, strlen(record->container));
    if (record->has_id) {
        wire_put_u8(&value, ATTR_FIELD_ID);
        wire_put_u16(&value, (uint16_t)record->id_len);
        wire_put_bytes(&value, record->id, record->id_len);
    }
    if (record->has_label) {
        wire_put_u8(&value, ATTR_FIELD_LABEL);
        wire_put_u16(&value, (uint16_t)strlen(record->label));
        wire_put_bytes(&value, record->label, strlen(record->label));
    }
    w->failed |= value.failed;
    wire_put_u8(w, ATTR_KEY);
    wire_put_u16(w, (uint16_t)value.len);
    wire_put_bytes(w, bytes, value.len);
}

void attribute_records_end(struct wire_writer *w) {
    if (w->failed || w->len < ATTRIBUTE_FILE_HEADER || w->len > ATTRIBUTE_FILE_SIZE) {
        w->failed = true;
        return;
    }
    size_t records_len = w->len - ATTRIBUTE_FILE_HEADER;
    w->data[ATTRIBUTE_FILE_HEADER - 2] = (uint8_t)(records_len >> 8);
    w->data[ATTRIBUTE_FILE_HEADER - 1] = (uint8_t)records_len;
}

enum token_error attribute_default_id(OSSL_LIB_CTX *libctx, const char *container,
                                      enum token_usage usage, uint8_t id[20]) {
    uint8_t input[TOKEN_CONTAINER_MAX + 2];
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t len = strlen(container);
    memcpy(input, container, len);
    input[len++] = 0;
    input[len++] = usage == USAGE_SIGN ? GM_KEY_SIGN : GM_KEY_ENC;
    EVP_MD *sha1 = EVP_MD_fetch(libctx, "SHA1", NULL);
    int ok = sha1 != NULL && EVP_Digest(input, len, digest, NULL, sha1, NULL);
    EVP_MD_free(sha1);
    if (!ok) {
        return TOKEN_MEMORY;
    }
    memcpy(id, digest, 20);
    return TOKEN_OK;
}
