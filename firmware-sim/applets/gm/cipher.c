/* SM4 with a session key: encryption, decryption, MAC, each begun, fed and ended. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { IV_FIELD = 32, PAD_NONE = 0, PAD_PKCS5 = 1 };

/* IV, padding and feed size, in the order of the layout; false if they are not as they must be. */
static bool take_params(struct wire_reader *in, bool length_first, const uint8_t **iv,
                        uint32_t *iv_len, uint32_t *pad) {
    if (length_first) {
        *iv_len = wire_u16(in);
        *iv = wire_take(in, *iv_len);
    } else {
        *iv = wire_take(in, IV_FIELD);
        *iv_len = wire_u32(in);
    }
    *pad = wire_u32(in);
    (void)wire_u32(in); /* the feed size of CFB and OFB */
    return *iv && wire_done(in) && *pad <= PAD_PKCS5 && (*iv_len == 0 || *iv_len == SM4_BLOCK);
}

/* The way in which alg works for that operation; false: not on this card. */
static bool find_kind(uint32_t alg, enum gm_operation operation, enum sm4_mode_kind *kind) {
    if (operation == OP_MAC) {
        *kind = SM4_MODE_MAC;
        return alg == GM_SM4_MAC || alg == GM_SM4_CBC;
    }
    *kind = alg == GM_SM4_CBC ? SM4_MODE_CBC : SM4_MODE_ECB;
    return alg == GM_SM4_ECB || alg == GM_SM4_CBC;
}

static uint16_t begin(struct applet *applet, struct call *call, enum gm_operation operation) {
    struct gm *gm = gm_of(applet);
    struct gm_session_key *session = gm_session_find(gm, call, wire_u16(&call->in));
    enum sm4_mode_kind kind;
    const uint8_t *iv;
    uint32_t alg = wire_u32(&call->in), iv_len, pad;
    if (!session)
        return SW_NO_SESSION_KEY;
    bool good = take_params(&call->in, gm_layout(gm)->iv_length_first, &iv, &iv_len, &pad);
    if (!find_kind(alg, operation, &kind))
        return SW_NOT_SUPPORTED;
    if (!good || (kind != SM4_MODE_ECB && iv_len != SM4_BLOCK))
        return SW_WRONG_DATA;
    session->operation = (uint8_t)operation;
    sm4_mode_init(&session->mode, kind, operation == OP_DECRYPT ? SM4_DECRYPT : SM4_ENCRYPT,
                  pad == PAD_PKCS5, iv);
    return SW_OK;
}

uint16_t gm_encrypt_init(struct applet *applet, struct call *call) {
    return begin(applet, call, OP_ENCRYPT);
}

uint16_t gm_decrypt_init(struct applet *applet, struct call *call) {
    return begin(applet, call, OP_DECRYPT);
}

uint16_t gm_mac_init(struct applet *applet, struct call *call) {
    return begin(applet, call, OP_MAC);
}

static enum gm_operation operation_of(uint8_t ins) {
    if (ins < INS_DECRYPT_INIT)
        return OP_ENCRYPT;
    return ins < INS_MAC_INIT ? OP_DECRYPT : OP_MAC;
}

/* Feeds the rest of the command's data; with last, ends the operation. A command that is refused for its length or state
 * leaves the operation as it was; one that fails at the end has ended it. */
static uint16_t feed(struct applet *applet, struct call *call, bool last) {
    struct gm_session_key *session = gm_session_find(gm_of(applet), call, wire_u16(&call->in));
    size_t len = call->in.left, rest = 0;
    const uint8_t *data = wire_take(&call->in, len);
    if (!session)
        return SW_NO_SESSION_KEY;
    struct sm4_mode *mode = &session->mode;
    if (session->operation != operation_of(call->apdu->ins))
        return SW_CONDITIONS;
    size_t blocks = (mode->used + len + (last && mode->padded ? SM4_BLOCK : 0)) / SM4_BLOCK;
    if (session->operation == OP_ENCRYPT && blocks * SM4_BLOCK > APDU_MAX_DATA)
        return SW_WRONG_LENGTH;
    uint8_t *out = wire_room(&call->out, APDU_MAX_DATA);
    if (!out)
        return SW_INTERNAL;
    size_t written = sm4_mode_update(mode, session->key, data, len, out);
    if (last) {
        bool good = sm4_mode_final(mode, session->key, out + written, &rest);
        session->operation = OP_NONE;
        if (!good)
            return SW_WRONG_DATA;
    }
    call->out.len -= APDU_MAX_DATA - written - rest;
    return SW_OK;
}

uint16_t gm_cipher_update(struct applet *applet, struct call *call) {
    return feed(applet, call, false);
}

uint16_t gm_cipher_final(struct applet *applet, struct call *call) {
    return feed(applet, call, true);
}
