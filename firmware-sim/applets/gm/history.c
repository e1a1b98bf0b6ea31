/* Encryption pairs: the present one, and those of earlier days that old mail still needs. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* The first usage of the history without a key; GM_KEY_LAST + 1 if it is full. */
static unsigned free_usage(struct gm *gm, unsigned app, unsigned slot) {
    unsigned usage = GM_KEY_HISTORY;
    while (usage <= GM_KEY_LAST && store_exists(gm_store(gm), gm_key_id(app, slot, usage)))
        usage++;
    return usage;
}

static bool holds(struct gm *gm, unsigned app, unsigned slot, unsigned usage,
                  const struct gm_key *wanted) {
    struct gm_key key;
    bool same =
        gm_key_read(gm_store(gm), app, slot, usage, &key) == STORE_OK && gm_key_equal(&key, wanted);
    mbedtls_platform_zeroize(&key, sizeof key);
    return same;
}

static bool history_holds(struct gm *gm, unsigned app, unsigned slot, const struct gm_key *wanted) {
    for (unsigned usage = GM_KEY_HISTORY; usage <= GM_KEY_LAST; usage++)
        if (holds(gm, app, slot, usage, wanted))
            return true;
    return false;
}

/* In the open transaction: the present pair, and its certificate if it has one, become the history's. */
static void retire_present(struct gm *gm, unsigned app, unsigned slot, unsigned usage) {
    uint32_t cert = gm_cert_id(app, slot, GM_KEY_ENC);
    store_copy(gm_store(gm), gm_key_id(app, slot, usage), gm_key_id(app, slot, GM_KEY_ENC));
    if (!store_exists(gm_store(gm), cert))
        return;
    store_copy(gm_store(gm), gm_cert_id(app, slot, usage), cert);
    store_delete(gm_store(gm), cert, cert);
}

/* Importing the pair that is there already changes nothing and succeeds, so that an interrupted job can repeat it. A certified
 * pair is somebody's way to old mail: it is never lost, only moved. */
uint16_t gm_place_enc_key(struct gm *gm, const struct call *call, const struct gm_key *enc) {
    unsigned app = call->scope[SCOPE_APP], slot = call->scope[SCOPE_CONTAINER];
    bool to_history = call->apdu->p1 == GM_IMPORT_HISTORY;
    bool retires = call->apdu->p1 == GM_IMPORT_RENEW;
    bool present = store_exists(gm_store(gm), gm_key_id(app, slot, GM_KEY_ENC));
    unsigned usage = to_history || (retires && present) ? free_usage(gm, app, slot) : GM_KEY_ENC;

    if (to_history ? history_holds(gm, app, slot, enc) : holds(gm, app, slot, GM_KEY_ENC, enc))
        return SW_OK;
    if (usage > GM_KEY_LAST)
        return SW_NO_SPACE;
    if (!to_history && !retires && present &&
        store_exists(gm_store(gm), gm_cert_id(app, slot, GM_KEY_ENC)))
        return SW_CONDITIONS;
    store_begin(gm_store(gm));
    if (retires && present)
        retire_present(gm, app, slot, usage);
    gm_key_put(gm_store(gm), app, slot, to_history ? usage : GM_KEY_ENC, enc);
    bool replaced = present && !to_history && !retires;
    return gm_commit(gm, replaced ? STORE_SECRET_GONE : STORE_PLAIN);
}

uint16_t gm_history(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP], slot = call->scope[SCOPE_CONTAINER];
    uint8_t count = 0, *counted = wire_room(&call->out, 1);
    for (unsigned usage = GM_KEY_HISTORY; usage <= GM_KEY_LAST; usage++) {
        enum gm_container_type type = gm_key_type(gm_store(gm), app, slot, usage);
        if (type == GM_CONTAINER_EMPTY)
            continue;
        count++;
        wire_put_u8(&call->out, (uint8_t)usage);
        wire_put_u8(&call->out, (uint8_t)type);
        wire_put_u8(&call->out, store_exists(gm_store(gm), gm_cert_id(app, slot, usage)));
    }
    if (counted)
        *counted = count;
    return SW_OK;
}
