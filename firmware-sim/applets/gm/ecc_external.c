/* SM2 with keys that the host gives: encrypt, decrypt, sign. Nothing is kept. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <string.h>

static const uint8_t *take_private(struct wire_reader *in) {
    uint32_t bits = wire_u32(in);
    const uint8_t *d = wire_take(in, SM2_NUMBER);
    return bits == SM2_BITS ? d : NULL;
}

uint16_t gm_ext_ecc_encrypt(struct applet *applet, struct call *call) {
    enum { UNCOMPRESSED = 4, MOST = APDU_MAX_DATA - 4 - 3 * SM2_NUMBER - 4 };
    struct gm *gm = gm_of(applet);
    struct sm2_point pub, c1 = {0};
    uint8_t c3[SM2_NUMBER] = {0};
    bool good = gm_take_point(&call->in, &pub), fields = gm_layout(gm)->cipher_in_fields;
    uint32_t len = wire_u32(&call->in);
    const uint8_t *plain = wire_take(&call->in, len);
    if (!good || !plain || !wire_done(&call->in) || len == 0 || len > MOST)
        return SW_WRONG_DATA;
    if (fields)
        wire_put_u32(&call->out, SM2_BITS);
    else
        wire_put_u8(&call->out, UNCOMPRESSED);
    uint8_t *point = wire_room(&call->out, sizeof c1), *hash = wire_room(&call->out, sizeof c3);
    if (fields)
        wire_put_u32(&call->out, len);
    uint8_t *c2 = wire_room(&call->out, len);
    if (!point || !hash || !c2)
        return SW_INTERNAL;
    switch (sm2_encrypt(&gm->card->rng, &pub, plain, len, &c1, c3, c2)) {
    case SM2_OK:
        memcpy(point, &c1, sizeof c1);
        memcpy(hash, c3, sizeof c3);
        return SW_OK;
    case SM2_BAD_KEY:
        return SW_WRONG_DATA;
    default:
        return SW_INTERNAL;
    }
}

uint16_t gm_ext_ecc_decrypt(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_cipher cipher = {0};
    const uint8_t *d = take_private(&call->in);
    wire_copy(&call->in, cipher.c1.x, SM2_NUMBER);
    wire_copy(&call->in, cipher.c1.y, SM2_NUMBER);
    wire_copy(&call->in, cipher.c3, SM2_NUMBER);
    cipher.len = wire_u32(&call->in);
    cipher.c2 = wire_take(&call->in, cipher.len);
    if (!d || !cipher.c2 || cipher.len == 0 || !wire_done(&call->in))
        return SW_WRONG_DATA;
    wire_put_u32(&call->out, cipher.len);
    uint8_t *plain = wire_room(&call->out, cipher.len);
    if (!plain)
        return SW_INTERNAL;
    switch (sm2_decrypt(&gm->card->rng, d, &cipher.c1, cipher.c3, cipher.c2, cipher.len, plain)) {
    case SM2_OK:
        return SW_OK;
    case SM2_BAD_KEY:
        return SW_WRONG_DATA;
    default:
        return SW_ASYM_DECRYPT;
    }
}

uint16_t gm_ext_ecc_sign(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct sm2_signature sig;
    const uint8_t *d = take_private(&call->in);
    uint32_t len = wire_u32(&call->in);
    const uint8_t *e = wire_take(&call->in, SM2_NUMBER);
    if (!d || !e || len != SM2_NUMBER || !wire_done(&call->in))
        return SW_WRONG_DATA;
    switch (sm2_sign(&gm->card->rng, d, e, &sig)) {
    case SM2_OK:
        break;
    case SM2_BAD_KEY:
        return SW_WRONG_DATA;
    default:
        return SW_SIGN_FAILED;
    }
    if (gm_layout(gm)->ext_sign_bits)
        wire_put_u32(&call->out, SM2_BITS);
    wire_put(&call->out, sig.r, sizeof sig.r);
    wire_put(&call->out, sig.s, sizeof sig.s);
    return SW_OK;
}
