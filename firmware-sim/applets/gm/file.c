/* Files: fixed size from creation on, zeros until written, read and written piece by piece; rights per file. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* Index and info of the file of that name; GM_FILES_MAX if there is none. */
static unsigned find(struct gm *gm, unsigned app, const struct gm_name *name,
                     struct gm_file_info *info) {
    for (unsigned i = 0; i < GM_FILES_MAX; i++)
        if (gm_file_read(gm_store(gm), app, i, info) == STORE_OK &&
            gm_name_equal(&info->name, name))
            return i;
    return GM_FILES_MAX;
}

static unsigned chunk_count(uint32_t size) {
    return (size + FILE_CHUNK - 1) / FILE_CHUNK;
}

/* Bytes of the chunk'th piece of a file of that size. */
static uint32_t chunk_len(uint32_t size, unsigned chunk) {
    uint32_t rest = size - chunk * FILE_CHUNK;
    return rest < FILE_CHUNK ? rest : FILE_CHUNK;
}

static uint32_t chunk_id(unsigned app, unsigned index, unsigned chunk) {
    return object_id(app, KIND_FILE, index, 1 + chunk);
}

/* The free index below the application's limit; GM_FILES_MAX if it has as many files as it may. */
static unsigned find_free(struct gm *gm, unsigned app) {
    struct gm_app_info info;
    if (gm_app_read(gm_store(gm), app, &info) != STORE_OK)
        return GM_FILES_MAX;
    for (unsigned i = 0; i < info.files; i++)
        if (!store_exists(gm_store(gm), object_id(app, KIND_FILE, i, 0)))
            return i;
    return GM_FILES_MAX;
}

static bool may_create(struct gm *gm, unsigned app) {
    struct gm_app_info info;
    return gm_app_read(gm_store(gm), app, &info) == STORE_OK &&
           gm_allowed(gm, app, info.file_rights);
}

uint16_t gm_create_file(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP];
    struct gm_file_info info, other;
    size_t name_field = gm_layout(gm)->file_name_field;
    if (call->in.left != name_field + 4 + 4 + 4)
        return SW_WRONG_LENGTH;
    bool named = gm_name_take_padded(&call->in, name_field, GM_FILE_NAME_MAX, &info.name);
    info.size = wire_u32(&call->in);
    info.read_rights = wire_u32(&call->in);
    info.write_rights = wire_u32(&call->in);
    if (!may_create(gm, app))
        return SW_SECURITY_STATUS;
    if (!named || !wire_done(&call->in) || info.size > GM_FILE_SIZE_MAX ||
        !gm_rights_valid(info.read_rights) || !gm_rights_valid(info.write_rights))
        return SW_WRONG_DATA;
    if (find(gm, app, &info.name, &other) != GM_FILES_MAX)
        return SW_FILE_EXISTS;
    unsigned index = find_free(gm, app);
    if (index == GM_FILES_MAX || info.size > store_free_space(gm_store(gm)))
        return SW_NO_SPACE;
    store_begin(gm_store(gm));
    gm_file_put(gm_store(gm), app, index, &info);
    for (unsigned i = 0; i < chunk_count(info.size); i++)
        store_put_zeros(gm_store(gm), chunk_id(app, index, i), chunk_len(info.size, i));
    return gm_commit(gm, STORE_PLAIN);
}

/* The application's right to make files is the right to delete them; a file that may be written by fewer is deleted by
 * those only. */
uint16_t gm_delete_file(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP];
    struct gm_name name;
    struct gm_file_info info;
    if (!may_create(gm, app))
        return SW_SECURITY_STATUS;
    if (!gm_name_take_rest(&call->in, GM_FILE_NAME_MAX, &name))
        return SW_WRONG_DATA;
    unsigned index = find(gm, app, &name, &info);
    if (index == GM_FILES_MAX)
        return SW_FILE_NOT_FOUND;
    if (info.write_rights != GM_NEVER && !gm_allowed(gm, app, info.write_rights))
        return SW_SECURITY_STATUS;
    store_begin(gm_store(gm));
    store_delete(gm_store(gm), object_id(app, KIND_FILE, index, 0),
                 object_id(app, KIND_FILE, index, 0xFF));
    return gm_commit(gm, info.read_rights == GM_ANYONE ? STORE_PLAIN : STORE_SECRET_GONE);
}

uint16_t gm_enum_files(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_file_info info;
    for (unsigned i = 0; i < GM_FILES_MAX; i++)
        if (gm_file_read(gm_store(gm), call->scope[SCOPE_APP], i, &info) == STORE_OK)
            gm_put_name(&call->out, &info.name);
    gm_end_names(&call->out);
    return SW_OK;
}

uint16_t gm_get_file_info(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_name name;
    struct gm_file_info info;
    if (!gm_name_take_rest(&call->in, GM_FILE_NAME_MAX, &name))
        return SW_WRONG_DATA;
    if (find(gm, call->scope[SCOPE_APP], &name, &info) == GM_FILES_MAX)
        return SW_FILE_NOT_FOUND;
    wire_put_u32(&call->out, info.size);
    wire_put_u32(&call->out, info.read_rights);
    wire_put_u32(&call->out, info.write_rights);
    return SW_OK;
}

/* The front that READ_FILE and WRITE_FILE share: offset, name; finds the file. */
static uint16_t take_file(struct gm *gm, struct call *call, uint16_t *offset, unsigned *index,
                          struct gm_file_info *info) {
    *offset = wire_u16(&call->in);
    uint16_t name_len = wire_u16(&call->in);
    const uint8_t *text = wire_take(&call->in, name_len);
    struct wire_reader in = wire_reader(text, name_len);
    struct gm_name name;
    if (!text || !gm_name_take_rest(&in, GM_FILE_NAME_MAX, &name))
        return SW_WRONG_DATA;
    *index = find(gm, call->scope[SCOPE_APP], &name, info);
    return *index == GM_FILES_MAX ? SW_FILE_NOT_FOUND : SW_OK;
}

/* Gives what there is from the offset on, at most Le bytes and at most a response's. */
uint16_t gm_read_file(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP], index;
    uint16_t offset;
    struct gm_file_info info;
    uint16_t sw = take_file(gm, call, &offset, &index, &info);
    if (sw != SW_OK)
        return sw;
    if (!wire_done(&call->in))
        return SW_WRONG_DATA;
    if (!gm_allowed(gm, app, info.read_rights))
        return SW_SECURITY_STATUS;
    if (offset >= info.size)
        return SW_READ_OVERFLOW;
    uint32_t left = info.size - offset, wanted = (uint32_t)call->apdu->le;
    if (!call->apdu->has_le || wanted > APDU_MAX_DATA)
        wanted = APDU_MAX_DATA;
    if (left > wanted)
        left = wanted;
    for (uint32_t at = offset; left;) {
        uint32_t from = at % FILE_CHUNK, n = FILE_CHUNK - from < left ? FILE_CHUNK - from : left;
        uint8_t *out = wire_room(&call->out, n);
        if (!out || store_read(gm_store(gm), chunk_id(app, index, at / FILE_CHUNK), from, out, n))
            return SW_INTERNAL;
        at += n;
        left -= n;
    }
    return SW_OK;
}

/* One commit for the whole command, also where it crosses a chunk's end. */
uint16_t gm_write_file(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP], index;
    uint16_t offset;
    struct gm_file_info info;
    uint16_t sw = take_file(gm, call, &offset, &index, &info);
    if (sw != SW_OK)
        return sw;
    uint32_t len = wire_u16(&call->in);
    const uint8_t *data = wire_take(&call->in, len);
    if (!data || !wire_done(&call->in) || len == 0)
        return SW_WRONG_DATA;
    if (!gm_allowed(gm, app, info.write_rights))
        return SW_SECURITY_STATUS;
    if (offset > info.size || len > info.size - offset)
        return SW_WRONG_OFFSET;

    uint8_t chunk[FILE_CHUNK];
    store_begin(gm_store(gm));
    for (uint32_t at = offset; len;) {
        unsigned number = at / FILE_CHUNK;
        uint32_t from = at % FILE_CHUNK, size = chunk_len(info.size, number);
        uint32_t n = size - from < len ? size - from : len;
        uint32_t id = chunk_id(app, index, number);
        if (store_read(gm_store(gm), id, 0, chunk, size) != STORE_OK) {
            store_abort(gm_store(gm));
            return SW_INTERNAL;
        }
        memcpy(chunk + from, data, n);
        store_put(gm_store(gm), id, chunk, size);
        at += n;
        data += n;
        len -= n;
    }
    mbedtls_platform_zeroize(chunk, sizeof chunk);
    return gm_commit(gm, STORE_PLAIN);
}
