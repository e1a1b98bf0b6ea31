/* The GM driver's files. */
#include "module/token/gm_internal.h"

#include <stdlib.h>
#include <string.h>

/* A, offset2, nameLen2, dataLen2 stand before the data of WriteFile, besides the name. */
enum { WRITE_OVERHEAD = GM_ID_SIZE + 6 };

static enum token_error send_named(struct token *token, uint8_t ins, const char *name, size_t le) {
    enum token_error err = gm_application(token);
    if (err != TOKEN_OK) {
        return err;
    }
    const uint8_t *application = gm_of(token)->application;
    struct gm_data data;
    gm_data_start(&data, token);
    wire_put_bytes(&data.w, name, strlen(name));
    return gm_send(token, ins, application[0], application[1], &data, le);
}

enum token_error gm_file_info(struct token *token, const char *name, struct token_file *out) {
    *out = (struct token_file){.size = 0};
    enum token_error err = send_named(token, INS_GET_FILE_INFO, name, 12);
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    strncpy(out->name, name, TOKEN_FILE_NAME_MAX);
    out->size = wire_u32(&r);
    out->is_private = wire_u32(&r) != GM_ANYONE;
    wire_u32(&r); /* rights to write */
    return wire_ended(&r) && out->size <= GM_FILE_SIZE_MAX ? TOKEN_OK : TOKEN_DEVICE;
}

enum token_error gm_list_files(struct token *token, struct token_file_list *list) {
    *list = (struct token_file_list){NULL, 0};
    enum token_error err = gm_application(token);
    if (err != TOKEN_OK) {
        return err;
    }
    const uint8_t *application = gm_of(token)->application;
    err = gm_send(token, INS_ENUM_FILES, application[0], application[1], NULL, APDU_MAX_DATA);
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    struct token_file *items = NULL;
    size_t count = 0;
    bool bad = false;
    char name[TOKEN_FILE_NAME_MAX + 1];
    while (gm_next_name(&r, name, TOKEN_FILE_NAME_MAX, &bad) != NULL) {
        struct token_file *more = realloc(items, (count + 1) * sizeof(*items));
        if (more == NULL) {
            free(items);
            return TOKEN_MEMORY;
        }
        items = more;
        items[count] = (struct token_file){.size = 0};
        memcpy(items[count++].name, name, strlen(name));
    }
    err = bad ? TOKEN_DEVICE : TOKEN_OK;
    for (size_t i = 0; i < count && err == TOKEN_OK; i++) {
        memcpy(name, items[i].name, sizeof(name));
        err = gm_file_info(token, name, &items[i]);
    }
    if (err != TOKEN_OK) {
        free(items);
        return err;
    }
    *list = (struct token_file_list){items, count};
    return TOKEN_OK;
}

enum token_error gm_read_file(struct token *token, const struct token_file *file,
                              struct octets *out) {
    *out = (struct octets){NULL, 0};
    size_t name_len = strlen(file->name);
    enum token_error err = gm_application(token);
    if (err != TOKEN_OK || file->size == 0) {
        return err;
    }
    uint8_t *bytes = malloc(file->size);
    if (bytes == NULL) {
        return TOKEN_MEMORY;
    }
    for (size_t at = 0; at < file->size && err == TOKEN_OK;) {
        size_t step = file->size - at < APDU_MAX_DATA ? file->size - at : APDU_MAX_DATA;
        struct gm_data data;
        gm_data_start(&data, token);
        wire_put_bytes(&data.w, gm_of(token)->application, GM_ID_SIZE);
        wire_put_u16(&data.w, (uint16_t)at);
        wire_put_u16(&data.w, (uint16_t)name_len);
        wire_put_bytes(&data.w, file->name, name_len);
        err = gm_send(token, INS_READ_FILE, 0, 0, &data, step);
        if (err == TOKEN_OK && token->card.response_len != step) {
            err = TOKEN_DEVICE;
        }
        if (err == TOKEN_OK) {
            memcpy(bytes + at, token->card.response, step);
            at += step;
        }
    }
    if (err != TOKEN_OK) {
        free(bytes);
        return err;
    }
    *out = (struct octets){bytes, file->size};
    return TOKEN_OK;
}

enum token_error gm_create_file(struct token *token, const struct token_file *file) {
    size_t name_len = strlen(file->name);
    if (name_len == 0 || file->size == 0 || file->size > GM_FILE_SIZE_MAX) {
        return TOKEN_ARGUMENT;
    }
    enum token_error err = gm_application(token);
    if (err != TOKEN_OK) {
        return err;
    }
    const struct gm_state *gm = gm_of(token);
    struct gm_data data;
    gm_data_start(&data, token);
    wire_put_padded(&data.w, file->name, name_len, gm->layout->file_name);
    wire_put_u32(&data.w, file->size);
    wire_put_u32(&data.w, file->is_private ? GM_USER : GM_ANYONE);
    wire_put_u32(&data.w, GM_USER);
    return gm_send(token, INS_CREATE_FILE, gm->application[0], gm->application[1], &data, 0);
}

enum token_error gm_write_file(struct token *token, const char *name, const uint8_t *bytes,
                               size_t len) {
    size_t name_len = strlen(name);
    enum token_error err = gm_application(token);
    for (size_t at = 0; at < len && err == TOKEN_OK;) {
        size_t room = APDU_MAX_DATA - WRITE_OVERHEAD - name_len;
        size_t step = len - at < room ? len - at : room;
        struct gm_data data;
        gm_data_start(&data, token);
        wire_put_bytes(&data.w, gm_of(token)->application, GM_ID_SIZE);
        wire_put_u16(&data.w, (uint16_t)at);
        wire_put_u16(&data.w, (uint16_t)name_len);
        wire_put_bytes(&data.w, name, name_len);
        wire_put_u16(&data.w, (uint16_t)step);
        wire_put_bytes(&data.w, bytes + at, step);
        err = gm_send(token, INS_WRITE_FILE, 0, 0, &data, 0);
        at += step;
    }
    return err;
}

enum token_error gm_delete_file(struct token *token, const char *name) {
    return send_named(token, INS_DELETE_FILE, name, 0);
}
