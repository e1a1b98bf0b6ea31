/* PINs of an application: info, verify, change, unblock. The rules are core/pin.h's, the cryptography apdu.h's. */
#include "firmware-sim/applets/gm/gm_internal.h"
#include "firmware-sim/crypto/equal.h"
#include "firmware-sim/crypto/sm4.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/sha1.h>
#include <string.h>

bool gm_pin_key(const struct gm *gm, const uint8_t padded[GM_PIN_MAX],
                uint8_t key[PIN_SECRET_MAX]) {
    uint8_t digest[20];
    size_t len = wire_padded_text(padded, GM_PIN_MAX);
    if (len < GM_PIN_MIN || len > GM_PIN_MAX ||
        mbedtls_sha1_ret(padded, gm_layout(gm)->pin_bare ? len : GM_PIN_MAX, digest) != 0)
        return false;
    memcpy(key, digest, PIN_SECRET_MAX);
    mbedtls_platform_zeroize(digest, sizeof digest);
    return true;
}

uint16_t gm_spend(struct gm *gm, struct pin_ref ref, struct pin_record *record, uint8_t *left) {
    switch (pin_spend_try(gm_store(gm), ref, record, left)) {
    case PIN_OK:
        return SW_OK;
    case PIN_BLOCKED:
        return SW_PIN_BLOCKED;
    case PIN_STORE:
    default:
        return SW_WRITE_FAILED;
    }
}

void gm_challenge_block(const struct gm *gm, uint8_t block[SM4_BLOCK]) {
    bool framed = gm_layout(gm)->challenge_framed;
    memset(block, 0, SM4_BLOCK);
    memcpy(block + (framed ? 2 : 0), gm->state.challenge, GM_CHALLENGE_SIZE);
    if (framed)
        block[0] = block[2 + GM_CHALLENGE_SIZE + 1] = 0x80;
}

bool gm_mac_fits(const struct gm *gm, const struct apdu *apdu, const uint8_t *key) {
    uint8_t iv[SM4_BLOCK] = {0}, mac[SM4_BLOCK];
    size_t len = apdu->data_len - GM_MAC_SIZE;
    size_t lc = gm_layout(gm)->mac_without_itself ? len : apdu->data_len;
    uint8_t header[7] = {apdu->cla, apdu->ins,          apdu->p1,   apdu->p2,
                         0,         (uint8_t)(lc >> 8), (uint8_t)lc};
    struct sm4_mac ctx;
    memcpy(iv, gm->state.challenge, GM_CHALLENGE_SIZE);
    sm4_mac_init(&ctx, key, iv);
    sm4_mac_update(&ctx, header, sizeof header);
    sm4_mac_update(&ctx, apdu->data, len);
    sm4_mac_final(&ctx, mac);
    bool fits = bytes_equal(mac, apdu->data + len, GM_MAC_SIZE);
    mbedtls_platform_zeroize(mac, sizeof mac);
    return fits;
}

uint16_t gm_get_pin_info(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct pin_record record;
    uint8_t tries;
    struct pin_ref ref = gm_pin_ref(call->scope[SCOPE_APP], (enum gm_pin_type)call->apdu->p2);
    if (pin_read(gm_store(gm), ref, &record, &tries) != PIN_OK)
        return SW_INTERNAL;
    mbedtls_platform_zeroize(record.secret, sizeof record.secret);
    wire_put_u8(&call->out, record.max_tries);
    wire_put_u8(&call->out, tries);
    wire_put_u8(&call->out, (uint8_t)((record.changed ? 0 : 1) | (record.must_change ? 2 : 0)));
    return SW_OK;
}

uint16_t gm_verify_pin(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP];
    enum gm_pin_type type = (enum gm_pin_type)call->apdu->p2;
    struct pin_ref ref = gm_pin_ref(app, type);
    struct pin_record record;
    uint8_t block[SM4_BLOCK], left;

    gm->state.verified[app][type] = false;
    uint16_t sw = gm_spend(gm, ref, &record, &left);
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
    pin_put_tries(gm_store(gm), ref, record.max_tries);
    sw = gm_store_sw(store_commit(gm_store(gm), STORE_PLAIN));
    gm->state.verified[app][type] = sw == SW_OK;
    gm->state.must_change[app][type] = record.must_change;
    return sw;
}

/* CHANGE_PIN and UNBLOCK_PIN: under the key of PIN auth, PIN target becomes the new PIN. */
static uint16_t replace_pin(struct gm *gm, struct call *call, enum gm_pin_type auth,
                            enum gm_pin_type target, bool must_change) {
    unsigned app = call->scope[SCOPE_APP];
    struct pin_ref auth_ref = gm_pin_ref(app, auth), target_ref = gm_pin_ref(app, target);
    struct pin_record auth_record, record;
    uint8_t padded[GM_PIN_MAX], secret[PIN_SECRET_MAX] = {0}, left, tries;

    uint16_t sw = gm_spend(gm, auth_ref, &auth_record, &left);
    if (sw != SW_OK)
        return sw;
    if (!gm_mac_fits(gm, call->apdu, auth_record.secret)) {
        gm->state.verified[app][auth] = false;
        sw = (uint16_t)(SW_PIN_WRONG | left);
        goto out;
    }
    if (pin_read(gm_store(gm), target_ref, &record, &tries) != PIN_OK) {
        sw = SW_INTERNAL;
        goto out;
    }
    sm4_ecb_decrypt(auth_record.secret, wire_take(&call->in, GM_PIN_MAX), GM_PIN_MAX, padded);
    /* a PIN that must be changed is not changed into itself */
    bool acceptable =
        gm_pin_key(gm, padded, secret) && !(record.must_change && auth == target &&
                                            bytes_equal(secret, record.secret, sizeof secret));
    memcpy(record.secret, secret, sizeof secret);
    store_begin(gm_store(gm));
    if (acceptable) {
        record.changed = 1;
        record.must_change = must_change;
        pin_put(gm_store(gm), target_ref, &record);
    }
    if (!acceptable || auth != target)
        pin_put_tries(gm_store(gm), auth_ref, auth_record.max_tries);
    sw = gm_store_sw(store_commit(gm_store(gm), acceptable ? STORE_SECRET_GONE : STORE_PLAIN));
    if (sw == SW_OK && !acceptable)
        sw = SW_WRONG_DATA;
    if (sw == SW_OK && auth != target)
        gm->state.verified[app][target] = false; /* a verified state of the old PIN */
    if (sw == SW_OK)
        gm->state.must_change[app][target] = must_change;
out:
    mbedtls_platform_zeroize(secret, sizeof secret);
    mbedtls_platform_zeroize(padded, sizeof padded);
    mbedtls_platform_zeroize(&auth_record, sizeof auth_record);
    mbedtls_platform_zeroize(&record, sizeof record);
    return sw;
}

uint16_t gm_change_pin(struct applet *applet, struct call *call) {
    enum gm_pin_type type = (enum gm_pin_type)call->apdu->p2;
    return replace_pin(gm_of(applet), call, type, type, false);
}

uint16_t gm_unblock_pin(struct applet *applet, struct call *call) {
    return replace_pin(gm_of(applet), call, GM_PIN_ADMIN, GM_PIN_USER, call->apdu->p1 != 0);
}

uint16_t gm_clear_secure_state(struct applet *applet, struct call *call) {
    gm_forget_application(gm_of(applet), call->scope[SCOPE_APP]);
    return SW_OK;
}
