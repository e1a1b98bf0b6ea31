/* Records of the GM application, encoded and decoded. */
#include "firmware-sim/applets/gm/objects.h"

#include "firmware-sim/crypto/equal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum {
    APP_RECORD = 1 + GM_APP_NAME_MAX + 4 + 1 + 1 + 2 + 2,
    CONTAINER_RECORD = 1 + GM_CONTAINER_NAME_MAX + 2,
    FILE_RECORD = 1 + GM_FILE_NAME_MAX + 4 + 4 + 4,
    RSA_KEY_RECORD = 1 + sizeof(struct rsa_key)
};

bool gm_name_take_rest(struct wire_reader *in, size_t max, struct gm_name *name) {
    size_t len = in->left;
    if (len == 0 || len > max || in->bad)
        return false;
    name->len = (uint8_t)len;
    wire_copy(in, name->text, len);
    return memchr(name->text, 0, len) == NULL;
}

bool gm_name_take_padded(struct wire_reader *in, size_t field, size_t max, struct gm_name *name) {
    const uint8_t *p = wire_take(in, field);
    size_t len = p ? wire_padded_text(p, field) : 0;
    if (len == 0 || len > max)
        return false;
    name->len = (uint8_t)len;
    memcpy(name->text, p, len);
    return true;
}

bool gm_name_equal(const struct gm_name *a, const struct gm_name *b) {
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void put_name(struct wire_writer *w, const struct gm_name *name, size_t field) {
    wire_put_u8(w, name->len);
    uint8_t *room = wire_room(w, field);
    if (room) {
        memset(room, 0, field);
        memcpy(room, name->text, name->len);
    }
}

static void take_name(struct wire_reader *r, struct gm_name *name, size_t field) {
    memset(name, 0, sizeof *name);
    name->len = wire_u8(r);
    wire_copy(r, name->text, field);
}

enum store_error gm_app_read(const struct store *s, unsigned app, struct gm_app_info *info) {
    uint8_t raw[APP_RECORD];
    enum store_error err = store_read(s, object_id(app, KIND_APP_INFO, 0, 0), 0, raw, sizeof raw);
    struct wire_reader r = wire_reader(raw, sizeof raw);
    take_name(&r, &info->name, GM_APP_NAME_MAX);
    info->file_rights = wire_u32(&r);
    info->containers = wire_u8(&r);
    info->certs = wire_u8(&r);
    info->files = wire_u16(&r);
    info->next_container = wire_u16(&r);
    return err;
}

enum store_error gm_app_put(struct store *s, unsigned app, const struct gm_app_info *info) {
    uint8_t raw[APP_RECORD];
    struct wire_writer w = wire_writer(raw, sizeof raw);
    put_name(&w, &info->name, GM_APP_NAME_MAX);
    wire_put_u32(&w, info->file_rights);
    wire_put_u8(&w, info->containers);
    wire_put_u8(&w, info->certs);
    wire_put_u16(&w, info->files);
    wire_put_u16(&w, info->next_container);
    return store_put(s, object_id(app, KIND_APP_INFO, 0, 0), raw, sizeof raw);
}

enum store_error gm_container_read(const struct store *s, unsigned app, unsigned slot,
                                   struct gm_container_info *info) {
    uint8_t raw[CONTAINER_RECORD];
    enum store_error err =
        store_read(s, object_id(app, KIND_CONTAINER, slot, PART_INFO), 0, raw, sizeof raw);
    struct wire_reader r = wire_reader(raw, sizeof raw);
    take_name(&r, &info->name, GM_CONTAINER_NAME_MAX);
    info->number = wire_u16(&r);
    return err;
}

enum store_error gm_container_put(struct store *s, unsigned app, unsigned slot,
                                  const struct gm_container_info *info) {
    uint8_t raw[CONTAINER_RECORD];
    struct wire_writer w = wire_writer(raw, sizeof raw);
    put_name(&w, &info->name, GM_CONTAINER_NAME_MAX);
    wire_put_u16(&w, info->number);
    return store_put(s, object_id(app, KIND_CONTAINER, slot, PART_INFO), raw, sizeof raw);
}

enum store_error gm_file_read(const struct store *s, unsigned app, unsigned index,
                              struct gm_file_info *info) {
    uint8_t raw[FILE_RECORD];
    enum store_error err = store_read(s, object_id(app, KIND_FILE, index, 0), 0, raw, sizeof raw);
    struct wire_reader r = wire_reader(raw, sizeof raw);
    take_name(&r, &info->name, GM_FILE_NAME_MAX);
    info->size = wire_u32(&r);
    info->read_rights = wire_u32(&r);
    info->write_rights = wire_u32(&r);
    return err;
}

enum store_error gm_file_put(struct store *s, unsigned app, unsigned index,
                             const struct gm_file_info *info) {
    uint8_t raw[FILE_RECORD];
    struct wire_writer w = wire_writer(raw, sizeof raw);
    put_name(&w, &info->name, GM_FILE_NAME_MAX);
    wire_put_u32(&w, info->size);
    wire_put_u32(&w, info->read_rights);
    wire_put_u32(&w, info->write_rights);
    return store_put(s, object_id(app, KIND_FILE, index, 0), raw, sizeof raw);
}

enum store_error gm_key_read(const struct store *s, unsigned app, unsigned slot, unsigned usage,
                             struct gm_key *key) {
    uint8_t raw[RSA_KEY_RECORD];
    uint32_t len;
    memset(key, 0, sizeof *key);
    enum store_error err = store_length(s, gm_key_id(app, slot, usage), &len);
    if (!err && len > sizeof raw)
        err = STORE_NOT_FOUND;
    if (!err)
        err = store_read(s, gm_key_id(app, slot, usage), 0, raw, len);
    if (err)
        return err;
    struct wire_reader r = wire_reader(raw, len);
    switch (wire_u8(&r)) {
    case GM_CONTAINER_ECC:
        key->type = GM_CONTAINER_ECC;
        wire_copy(&r, key->ecc.pub.x, SM2_NUMBER);
        wire_copy(&r, key->ecc.pub.y, SM2_NUMBER);
        wire_copy(&r, key->ecc.d, SM2_NUMBER);
        break;
    case GM_CONTAINER_RSA:
        key->type = GM_CONTAINER_RSA;
        wire_copy(&r, &key->rsa, sizeof key->rsa);
        break;
    default:
        err = STORE_NOT_FOUND;
    }
    mbedtls_platform_zeroize(raw, sizeof raw);
    return err;
}

enum store_error gm_key_put(struct store *s, unsigned app, unsigned slot, unsigned usage,
                            const struct gm_key *key) {
    uint8_t raw[RSA_KEY_RECORD];
    struct wire_writer w = wire_writer(raw, sizeof raw);
    wire_put_u8(&w, (uint8_t)key->type);
    if (key->type == GM_CONTAINER_ECC) {
        wire_put(&w, key->ecc.pub.x, SM2_NUMBER);
        wire_put(&w, key->ecc.pub.y, SM2_NUMBER);
        wire_put(&w, key->ecc.d, SM2_NUMBER);
    } else {
        wire_put(&w, &key->rsa, sizeof key->rsa);
    }
    enum store_error err = store_put(s, gm_key_id(app, slot, usage), raw, (uint32_t)w.len);
    mbedtls_platform_zeroize(raw, sizeof raw);
    return err;
}

enum gm_container_type gm_key_type(const struct store *s, unsigned app, unsigned slot,
                                   unsigned usage) {
    uint8_t type = GM_CONTAINER_EMPTY;
    if (store_read(s, gm_key_id(app, slot, usage), 0, &type, 1) != STORE_OK)
        return GM_CONTAINER_EMPTY;
    return (enum gm_container_type)type;
}

bool gm_key_equal(const struct gm_key *a, const struct gm_key *b) {
    if (a->type != b->type)
        return false;
    return a->type == GM_CONTAINER_ECC ? bytes_equal(&a->ecc, &b->ecc, sizeof a->ecc)
                                       : bytes_equal(&a->rsa, &b->rsa, sizeof a->rsa);
}
