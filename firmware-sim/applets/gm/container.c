/* Containers, their certificates and public keys. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

static unsigned find(struct gm *gm, unsigned app, const struct gm_name *name,
                     struct gm_container_info *info) {
    for (unsigned slot = 0; slot < GM_CONTAINERS_MAX; slot++)
        if (gm_container_read(gm_store(gm), app, slot, info) == STORE_OK &&
            gm_name_equal(&info->name, name))
            return slot;
    return GM_CONTAINERS_MAX;
}

static uint32_t part_id(unsigned app, unsigned slot, unsigned part) {
    return object_id(app, KIND_CONTAINER, slot, part);
}

uint16_t gm_create_container(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP], slot = 0;
    struct gm_container_info info, other;
    struct gm_app_info app_info;
    if (!gm_name_take_rest(&call->in, GM_CONTAINER_NAME_MAX, &info.name))
        return SW_WRONG_DATA;
    if (find(gm, app, &info.name, &other) != GM_CONTAINERS_MAX)
        return SW_CONTAINER_EXISTS;
    if (gm_app_read(gm_store(gm), app, &app_info) != STORE_OK)
        return SW_INTERNAL;
    while (slot < app_info.containers && store_exists(gm_store(gm), part_id(app, slot, PART_INFO)))
        slot++;
    if (slot >= app_info.containers)
        return SW_NO_SPACE;

    info.number = app_info.next_container++;
    store_begin(gm_store(gm));
    gm_container_put(gm_store(gm), app, slot, &info);
    gm_app_put(gm_store(gm), app, &app_info);
    uint16_t sw = gm_commit(gm, STORE_PLAIN);
    wire_put_u16(&call->out, gm_container_id(slot, info.number));
    return sw;
}

uint16_t gm_open_container(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_name name;
    struct gm_container_info info;
    if (!gm_name_take_rest(&call->in, GM_CONTAINER_NAME_MAX, &name))
        return SW_WRONG_DATA;
    unsigned slot = find(gm, call->scope[SCOPE_APP], &name, &info);
    if (slot == GM_CONTAINERS_MAX)
        return SW_CONTAINER_NAME;
    wire_put_u16(&call->out, gm_container_id(slot, info.number));
    return SW_OK;
}

/* Several hosts may share the card, so an id stays good for as long as the container lives. */
uint16_t gm_close_container(struct applet *applet, struct call *call) {
    (void)applet;
    (void)call;
    return SW_OK;
}

uint16_t gm_enum_container(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_container_info info;
    for (unsigned slot = 0; slot < GM_CONTAINERS_MAX; slot++)
        if (gm_container_read(gm_store(gm), call->scope[SCOPE_APP], slot, &info) == STORE_OK)
            gm_put_name(&call->out, &info.name);
    gm_end_names(&call->out);
    return SW_OK;
}

uint16_t gm_delete_container(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP];
    struct gm_name name;
    struct gm_container_info info;
    if (!gm_name_take_rest(&call->in, GM_CONTAINER_NAME_MAX, &name))
        return SW_WRONG_DATA;
    unsigned slot = find(gm, app, &name, &info);
    if (slot == GM_CONTAINERS_MAX)
        return SW_CONTAINER_NAME;
    gm_container_sessions_end(gm, app, gm_container_id(slot, info.number));
    store_begin(gm_store(gm));
    store_delete(gm_store(gm), part_id(app, slot, 0), part_id(app, slot, PART_LAST));
    return gm_commit(gm, STORE_SECRET_GONE);
}

static uint32_t key_bits(enum gm_container_type type) {
    switch (type) {
    case GM_CONTAINER_RSA:
        return RSA_MODULUS * 8;
    case GM_CONTAINER_ECC:
        return SM2_NUMBER * 8;
    case GM_CONTAINER_EMPTY:
    default:
        return 0;
    }
}

uint16_t gm_get_container_info(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP];
    struct gm_name name;
    struct gm_container_info info;
    if (!gm_name_take_rest(&call->in, GM_CONTAINER_NAME_MAX, &name))
        return SW_WRONG_DATA;
    unsigned slot = find(gm, app, &name, &info);
    if (slot == GM_CONTAINERS_MAX)
        return SW_CONTAINER_NAME;
    enum gm_container_type sign = gm_key_type(gm_store(gm), app, slot, GM_KEY_SIGN);
    enum gm_container_type enc = gm_key_type(gm_store(gm), app, slot, GM_KEY_ENC);
    wire_put_u8(&call->out, (uint8_t)(sign ? sign : enc));
    wire_put_u32(&call->out, key_bits(sign));
    wire_put_u32(&call->out, key_bits(enc));
    wire_put_u8(&call->out, store_exists(gm_store(gm), gm_cert_id(app, slot, GM_KEY_SIGN)));
    wire_put_u8(&call->out, store_exists(gm_store(gm), gm_cert_id(app, slot, GM_KEY_ENC)));
    return SW_OK;
}

uint16_t gm_import_certificate(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP], slot = call->scope[SCOPE_CONTAINER];
    uint8_t usage = wire_u8(&call->in);
    uint32_t len = wire_u32(&call->in);
    const uint8_t *cert = wire_take(&call->in, len);
    if (!cert || !wire_done(&call->in) || len == 0 || len > GM_CERT_MAX || usage > GM_KEY_LAST)
        return SW_WRONG_DATA;
    if (gm_key_type(gm_store(gm), app, slot, usage) == GM_CONTAINER_EMPTY)
        return SW_NO_KEY;
    store_begin(gm_store(gm));
    store_put(gm_store(gm), gm_cert_id(app, slot, usage), cert, len);
    return gm_commit(gm, STORE_PLAIN);
}

uint16_t gm_export_certificate(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    uint32_t len,
        id = gm_cert_id(call->scope[SCOPE_APP], call->scope[SCOPE_CONTAINER], call->apdu->p1);
    if (store_length(gm_store(gm), id, &len) != STORE_OK)
        return SW_NO_CERT;
    wire_put_u32(&call->out, len);
    uint8_t *out = wire_room(&call->out, len);
    if (!out || store_read(gm_store(gm), id, 0, out, len) != STORE_OK)
        return SW_INTERNAL;
    return SW_OK;
}

uint16_t gm_export_public_key(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_key key;
    if (gm_key_read(gm_store(gm), call->scope[SCOPE_APP], call->scope[SCOPE_CONTAINER],
                    call->apdu->p1, &key) != STORE_OK)
        return SW_NO_KEY;
    if (key.type == GM_CONTAINER_ECC) {
        wire_put_u32(&call->out, SM2_NUMBER * 8);
        wire_put(&call->out, key.ecc.pub.x, SM2_NUMBER);
        wire_put(&call->out, key.ecc.pub.y, SM2_NUMBER);
    } else {
        wire_put_u16(&call->out, RSA_MODULUS * 8);
        wire_put(&call->out, key.rsa.e, RSA_EXPONENT);
        wire_put(&call->out, key.rsa.n, RSA_MODULUS);
    }
    mbedtls_platform_zeroize(&key, sizeof key);
    return SW_OK;
}

uint16_t gm_retire_signing_key(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP], slot = call->scope[SCOPE_CONTAINER];
    uint32_t key = gm_key_id(app, slot, GM_KEY_SIGN);
    uint32_t cert = gm_cert_id(app, slot, GM_KEY_SIGN);
    if (!store_exists(gm_store(gm), key))
        return SW_NO_KEY;
    store_begin(gm_store(gm));
    store_delete(gm_store(gm), key, key);
    store_delete(gm_store(gm), cert, cert);
    return gm_commit(gm, STORE_SECRET_GONE);
}
