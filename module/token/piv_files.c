/* The PIV driver's data objects, as Cryptoki's: those of SP 800-73-4 part 1, table 3, that hold no certificate. */
#include "module/token/piv_internal.h"

#include <stdlib.h>
#include <string.h>

/* 2.16.840.1.101.3.7: 06 len 60 86 48 01 65 03 07, then what the table has (SP 800-73-4 part 1, table 2) */
#define PIV_OID(len, ...)                                                                          \
    { 0x06, (len) + 7, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x07, __VA_ARGS__ }
#define OID_HEAD_SIZE 9

static const struct data_object {
    uint32_t object;
    const char *name;
    bool is_private; /* read after login */
    uint8_t tail;    /* bytes of the OID after the common ones */
    uint8_t oid[TOKEN_OBJECT_ID_MAX];
} data_objects[] = {
    {PIV_OBJECT_CCC, "Card Capability Container", false, 4, PIV_OID(4, 0x01, 0x81, 0x5B, 0x00)},
    {PIV_OBJECT_CHUID, "Card Holder Unique Identifier", false, 3, PIV_OID(3, 0x02, 0x30, 0x00)},
    {PIV_OBJECT_FINGERPRINTS, "Cardholder Fingerprints", true, 3, PIV_OID(3, 0x02, 0x60, 0x10)},
    {0x5FC106, "Security Object", false, 4, PIV_OID(4, 0x02, 0x81, 0x10, 0x00)},
    {PIV_OBJECT_FACE, "Cardholder Facial Images", true, 3, PIV_OID(3, 0x02, 0x60, 0x30)},
    {PIV_OBJECT_PRINTED, "Printed Information", true, 3, PIV_OID(3, 0x02, 0x30, 0x01)},
    {PIV_OBJECT_DISCOVERY, "Discovery Object", false, 3, PIV_OID(3, 0x02, 0x60, 0x50)},
    {PIV_OBJECT_KEY_HISTORY, "Key History Object", false, 3, PIV_OID(3, 0x02, 0x60, 0x60)},
    {PIV_OBJECT_IRIS, "Cardholder Iris Images", true, 3, PIV_OID(3, 0x02, 0x10, 0x15)},
};
enum { DATA_OBJECTS = sizeof(data_objects) / sizeof(data_objects[0]) };

static const struct data_object *find(const char *name) {
    for (size_t i = 0; i < DATA_OBJECTS; i++) {
        if (strcmp(data_objects[i].name, name) == 0) {
            return &data_objects[i];
        }
    }
    return NULL;
}

/* The content of the object in the response: that of 53, or the whole where the object is a template of its own. */
static enum token_error content_of(struct token *token, const struct data_object *object,
                                   struct wire_reader *content) {
    enum token_error err = piv_get_object(token, object->object);
    if (err != TOKEN_OK) {
        return err;
    }
    if (object->object != PIV_OBJECT_DISCOVERY) {
        return piv_parse_object(token->card.response, token->card.response_len, content);
    }
    *content = (struct wire_reader){.data = token->card.response, .len = token->card.response_len};
    return content->len > 0 ? TOKEN_OK : TOKEN_NOT_FOUND;
}

static void describe(const struct data_object *object, size_t size, struct token_file *out) {
    *out = (struct token_file){.size = (uint32_t)size, .is_private = object->is_private};
    memcpy(out->name, object->name, strlen(object->name) + 1);
    out->object_id_len = OID_HEAD_SIZE + (size_t)object->tail;
    memcpy(out->object_id, object->oid, out->object_id_len);
}

enum token_error piv_file_info(struct token *token, const char *name, struct token_file *out) {
    struct wire_reader content;
    const struct data_object *object = find(name);
    *out = (struct token_file){.size = 0};
    enum token_error err = object != NULL ? content_of(token, object, &content) : TOKEN_NOT_FOUND;
    if (err == TOKEN_OK) {
        describe(object, content.len, out);
    }
    return err;
}

/* An object that only a login opens is listed when it can be read, as nobody tells before whether it is there. */
enum token_error piv_list_files(struct token *token, struct token_file_list *list) {
    *list = (struct token_file_list){calloc(DATA_OBJECTS, sizeof(struct token_file)), 0};
    if (list->items == NULL) {
        return TOKEN_MEMORY;
    }
    enum token_error err = TOKEN_OK;
    for (size_t i = 0; err == TOKEN_OK && i < DATA_OBJECTS; i++) {
        struct wire_reader content;
        if (data_objects[i].is_private && token->login != NORMAL_USER) {
            continue;
        }
        err = content_of(token, &data_objects[i], &content);
        if (err == TOKEN_OK) {
            describe(&data_objects[i], content.len, &list->items[list->count++]);
        }
        bool skips = err == TOKEN_NOT_FOUND || err == TOKEN_UNSUPPORTED ||
                     (err == TOKEN_NOT_LOGGED_IN && data_objects[i].is_private);
        err = skips ? TOKEN_OK : err;
    }
    if (err != TOKEN_OK) {
        free(list->items);
        *list = (struct token_file_list){NULL, 0};
    }
    return err;
}

enum token_error piv_read_file(struct token *token, const struct token_file *file,
                               struct octets *out) {
    struct wire_reader content;
    const struct data_object *object = find(file->name);
    *out = (struct octets){NULL, 0};
    enum token_error err = object != NULL ? content_of(token, object, &content) : TOKEN_NOT_FOUND;
    if (err == TOKEN_OK && octets_copy(out, content.data, content.len) != FORMATS_OK) {
        err = TOKEN_MEMORY;
    }
    return err;
}
