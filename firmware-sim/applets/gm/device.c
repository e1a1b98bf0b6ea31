/* Device commands: label, facts, device authentication, random numbers. */
#include "firmware-sim/applets/gm/gm_internal.h"
#include "firmware-sim/crypto/equal.h"
#include "firmware-sim/crypto/sm4.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* Capabilities: the algorithm numbers of GM/T 0016 (older numbering), joined. */
enum { CAP_SM2 = 0x00020700, CAP_RSA = 0x00010000, CAP_HASHES = 0x7 };

static bool any_application(struct gm *gm) {
    uint32_t id;
    return store_next(gm_store(gm), OBJECT_APP, UINT32_MAX, &id);
}

/* Free on a token without applications; else the device key or an administrator decides. */
uint16_t gm_set_label(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    bool allowed = gm->state.device_verified || !any_application(gm);
    for (unsigned app = 0; app < GM_APPS_MAX; app++)
        allowed |= gm_verified(gm, app, GM_PIN_ADMIN);
    if (!allowed)
        return SW_SECURITY_STATUS;
    struct gm_name label;
    if (!gm_name_take_rest(&call->in, GM_LABEL_MAX, &label))
        return SW_WRONG_DATA;
    store_begin(gm_store(gm));
    store_put(gm_store(gm), OBJECT_LABEL, label.text, label.len);
    return gm_commit(gm, STORE_PLAIN);
}

static void put_padded(struct wire_writer *w, const uint8_t *text, size_t len, size_t field) {
    uint8_t *room = wire_room(w, field);
    if (room) {
        memset(room, 0, field);
        memcpy(room, text, len);
    }
}

uint16_t gm_get_dev_info(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    const struct factory *factory = &gm->card->factory;
    uint8_t label[GM_LABEL_MAX] = {0};
    uint32_t label_len;
    struct wire_writer *w = &call->out;

    if (store_length(gm_store(gm), OBJECT_LABEL, &label_len) != STORE_OK ||
        label_len > sizeof label ||
        store_read(gm_store(gm), OBJECT_LABEL, 0, label, label_len) != STORE_OK)
        return SW_INTERNAL;
    struct gm_changes changes;
    gm_changes_read(gm, &changes);
    wire_put_u8(w, 1); /* structure version 1.0 */
    wire_put_u8(w, 0);
    wire_put_u8(w, 1); /* specification version 1.0 */
    wire_put_u8(w, 0);
    put_padded(w, factory->manufacturer, sizeof factory->manufacturer, 64);
    put_padded(w, factory->issuer, sizeof factory->issuer, 64);
    put_padded(w, label, label_len, 32);
    put_padded(w, factory->serial, sizeof factory->serial, 32);
    wire_put_u8(w, 1); /* hardware 1.0 */
    wire_put_u8(w, 0);
    wire_put_u8(w, 1); /* firmware 1.0 */
    wire_put_u8(w, 0);
    wire_put_u32(w, GM_SM4_ECB | GM_SM4_CBC | GM_SM4_MAC);
    wire_put_u32(w, CAP_RSA | CAP_SM2);
    wire_put_u32(w, CAP_HASHES);
    wire_put_u32(w, GM_SM4_ECB);
    wire_put_u32(w, store_total_space(gm_store(gm)));
    wire_put_u32(w, store_free_space(gm_store(gm)));
    wire_put_u16(w, APDU_MAX_DATA);
    wire_put_u16(w, 0);
    wire_put_u16(w, 0);
    wire_put_u8(w, GM_CONTAINERS_MAX);
    wire_put_u8(w, 2 * GM_CONTAINERS_MAX);
    wire_put_u16(w, GM_FILES_MAX);
    wire_put_u32(w, changes.count);
    wire_put(w, "OUK1", 4);
    wire_put(w, changes.tag, sizeof changes.tag);
    put_padded(w, label, 0, GM_DEVINFO_SIZE - DEVINFO_CHANGE_TAG - GM_CHANGE_TAG_SIZE);
    return SW_OK;
}

uint16_t gm_gen_random(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    size_t len = call->apdu->le;
    gm->state.has_challenge = false;
    if (len == 0 || len > APDU_MAX_DATA)
        return SW_WRONG_LENGTH;
    uint8_t *out = wire_room(&call->out, len);
    if (!out || !drbg_fill(&gm->card->rng, out, len))
        return SW_INTERNAL;
    if (len >= GM_CHALLENGE_SIZE) {
        memcpy(gm->state.challenge, out, GM_CHALLENGE_SIZE);
        gm->state.has_challenge = true;
    }
    return SW_OK;
}

uint16_t gm_dev_auth(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct pin_record record;
    uint8_t block[SM4_BLOCK], left;
    if (call->apdu->p2 != gm_layout(gm)->dev_auth_sm4)
        return SW_NOT_SUPPORTED;
    gm->state.device_verified = false;
    uint16_t sw = gm_spend(gm, gm_device_ref(), &record, &left);
    if (sw != SW_OK)
        return sw;
    gm_challenge_block(gm, block);
    sm4_ecb_encrypt(record.secret, block, sizeof block, block);
    bool equal = bytes_equal(block, wire_take(&call->in, sizeof block), sizeof block);
    mbedtls_platform_zeroize(block, sizeof block);
    mbedtls_platform_zeroize(record.secret, sizeof record.secret);
    if (!equal)
        return (uint16_t)(SW_PIN_WRONG | left);
    store_begin(gm_store(gm));
    pin_put_tries(gm_store(gm), gm_device_ref(), record.max_tries);
    sw = gm_store_sw(store_commit(gm_store(gm), STORE_PLAIN));
    gm->state.device_verified = sw == SW_OK;
    return sw;
}

/* CHANGE_DEV_AUTH_KEY and SET_UNLOCK_KEY: the key that came under the device key goes to target, with so many tries. */
static uint16_t set_key(struct gm *gm, struct call *call, struct pin_ref target, uint8_t tries) {
    struct pin_record device, record = {.max_tries = tries, .changed = 1};
    uint8_t left;
    uint16_t sw = gm_spend(gm, gm_device_ref(), &device, &left);
    if (sw != SW_OK)
        return sw;
    if (gm_mac_fits(gm, call->apdu, device.secret)) {
        sm4_ecb_decrypt(device.secret, wire_take(&call->in, SM4_KEY), SM4_KEY, record.secret);
        store_begin(gm_store(gm));
        pin_put(gm_store(gm), target, &record);
        if (target.record_id != gm_device_ref().record_id)
            pin_put_tries(gm_store(gm), gm_device_ref(), device.max_tries);
        sw = gm_store_sw(store_commit(gm_store(gm), STORE_SECRET_GONE));
    } else {
        gm->state.device_verified = false;
        sw = (uint16_t)(SW_PIN_WRONG | left);
    }
    mbedtls_platform_zeroize(&device, sizeof device);
    mbedtls_platform_zeroize(&record, sizeof record);
    return sw;
}

uint16_t gm_change_dev_auth_key(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    if (call->apdu->p2 != gm_layout(gm)->dev_auth_sm4)
        return SW_NOT_SUPPORTED;
    return set_key(gm, call, gm_device_ref(), GM_DEVICE_TRIES);
}

uint16_t gm_set_unlock_key(struct applet *applet, struct call *call) {
    return set_key(gm_of(applet), call, gm_unlock_ref(), GM_UNLOCK_TRIES);
}
