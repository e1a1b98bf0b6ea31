/* Remote unlock: a new user PIN under a key that works once, derived by a service from this key's unlock key
 * (include/openukey/apdu.h, Remote unlock). */
#include "firmware-sim/applets/gm/gm_internal.h"
#include "firmware-sim/crypto/equal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { FLAG_MUST_CHANGE = 1 };

/* serial32 || challenge16 || orderLen1 || order */
static void update_case(struct hmac_sm3 *h, const struct gm *gm) {
    const struct gm_unlock *unlock = &gm->state.unlock;
    hmac_sm3_update(h, gm->card->factory.serial, sizeof gm->card->factory.serial);
    hmac_sm3_update(h, unlock->challenge, sizeof unlock->challenge);
    hmac_sm3_update(h, &unlock->order_len, 1);
    hmac_sm3_update(h, unlock->order, unlock->order_len);
}

static void derive(const struct gm *gm, const uint8_t secret[PIN_SECRET_MAX], uint8_t k[SM3_SIZE]) {
    static const char label[] = "OpenUKey unlock"; /* with its NUL */
    struct hmac_sm3 h;
    hmac_sm3_init(&h, secret, PIN_SECRET_MAX);
    hmac_sm3_update(&h, label, sizeof label);
    update_case(&h, gm);
    hmac_sm3_final(&h, k);
}

static bool mac_fits(const struct gm *gm, const struct apdu *apdu, const uint8_t k[SM3_SIZE]) {
    static const uint8_t header[4] = {CLA_GM, INS_VENDOR_UNLOCK, 0, 0};
    uint8_t mac[SM3_SIZE];
    struct hmac_sm3 h;
    size_t len = apdu->data_len - GM_UNLOCK_MAC_SIZE;
    hmac_sm3_init(&h, k + SM4_KEY, SM3_SIZE - SM4_KEY);
    hmac_sm3_update(&h, header, sizeof header);
    update_case(&h, gm);
    hmac_sm3_update(&h, apdu->data, len);
    hmac_sm3_final(&h, mac);
    bool fits = bytes_equal(mac, apdu->data + len, GM_UNLOCK_MAC_SIZE);
    mbedtls_platform_zeroize(mac, sizeof mac);
    return fits;
}

uint16_t gm_unlock_challenge(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_unlock *unlock = &gm->state.unlock;
    struct pin_record record;
    uint8_t len = wire_u8(&call->in), left;
    const uint8_t *order = wire_take(&call->in, len);
    mbedtls_platform_zeroize(unlock, sizeof *unlock);
    if (!order || len == 0 || len > sizeof unlock->order || !wire_done(&call->in))
        return SW_WRONG_DATA;
    enum pin_error found = pin_read(gm_store(gm), gm_unlock_ref(), &record, &left);
    mbedtls_platform_zeroize(&record, sizeof record);
    if (found != PIN_OK)
        return SW_NO_KEY;
    if (left == 0)
        return SW_PIN_BLOCKED;
    if (!drbg_fill(&gm->card->rng, unlock->challenge, sizeof unlock->challenge))
        return SW_INTERNAL;
    unlock->begun = true;
    unlock->app = (uint8_t)call->scope[SCOPE_APP];
    unlock->order_len = len;
    memcpy(unlock->order, order, len);
    wire_put(&call->out, gm->card->factory.serial, sizeof gm->card->factory.serial);
    wire_put(&call->out, unlock->challenge, sizeof unlock->challenge);
    wire_put_u8(&call->out, left);
    return SW_OK;
}

/* The new PIN, all tries of both; the try of the unlock key comes back also when the PIN is none. */
static uint16_t set_pin(struct gm *gm, unsigned app, const uint8_t padded[GM_PIN_MAX],
                        bool must_change, uint8_t unlock_tries) {
    struct pin_ref ref = gm_pin_ref(app, GM_PIN_USER);
    struct pin_record record;
    uint8_t left;
    if (pin_read(gm_store(gm), ref, &record, &left) != PIN_OK)
        return SW_INTERNAL;
    bool acceptable = gm_pin_key(gm, padded, record.secret);
    record.changed = 1;
    record.must_change = must_change;
    store_begin(gm_store(gm));
    if (acceptable)
        pin_put(gm_store(gm), ref, &record);
    pin_put_tries(gm_store(gm), gm_unlock_ref(), unlock_tries);
    uint16_t sw =
        gm_store_sw(store_commit(gm_store(gm), acceptable ? STORE_SECRET_GONE : STORE_PLAIN));
    if (sw == SW_OK && acceptable)
        gm->state.verified[app][GM_PIN_USER] = false; /* a verified state of the old PIN */
    mbedtls_platform_zeroize(&record, sizeof record);
    return sw == SW_OK && !acceptable ? SW_WRONG_DATA : sw;
}

uint16_t gm_unlock(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP];
    struct pin_record record;
    uint8_t k[SM3_SIZE] = {0}, padded[GM_PIN_MAX], left;
    uint8_t flags = wire_u8(&call->in);
    const uint8_t *enc = wire_take(&call->in, GM_PIN_MAX);
    if (!gm->state.unlock.begun || gm->state.unlock.app != app)
        return SW_REFERENCED_DATA;
    gm->state.unlock.begun = false;
    uint16_t sw = flags > FLAG_MUST_CHANGE ? SW_WRONG_DATA : SW_OK;
    if (sw == SW_OK)
        sw = gm_spend(gm, gm_unlock_ref(), &record, &left);
    if (sw == SW_OK) {
        derive(gm, record.secret, k);
        if (!mac_fits(gm, call->apdu, k))
            sw = (uint16_t)(SW_PIN_WRONG | left);
    }
    if (sw == SW_OK) {
        sm4_ecb_decrypt(k, enc, GM_PIN_MAX, padded);
        sw = set_pin(gm, app, padded, flags == FLAG_MUST_CHANGE, record.max_tries);
    }
    mbedtls_platform_zeroize(&gm->state.unlock, sizeof gm->state.unlock);
    mbedtls_platform_zeroize(k, sizeof k);
    mbedtls_platform_zeroize(padded, sizeof padded);
    mbedtls_platform_zeroize(&record, sizeof record);
    return sw;
}
