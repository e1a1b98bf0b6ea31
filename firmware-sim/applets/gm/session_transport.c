/* Session keys on their way: out under somebody's public key, in under the container's encryption pair. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* A fresh key of the container, its bytes in key; 0 in *id if there is no room. */
static uint16_t make_key(struct gm *gm, const struct call *call, uint8_t key[SM4_KEY],
                         uint16_t *id) {
    if (!drbg_fill(&gm->card->rng, key, SM4_KEY))
        return SW_INTERNAL;
    *id = gm_session_new(gm, call, key);
    return *id ? SW_OK : SW_NO_SPACE;
}

static void drop_key(struct gm *gm, const struct call *call, uint16_t id) {
    struct gm_session_key *session = gm_session_find(gm, call, id);
    if (session)
        mbedtls_platform_zeroize(session, sizeof *session);
}

static uint16_t put_rsa(struct gm *gm, struct call *call, const struct rsa_public_key *pub,
                        const uint8_t key[SM4_KEY]) {
    uint8_t *out = wire_room(&call->out, RSA_MODULUS);
    if (!out)
        return SW_INTERNAL;
    switch (rsa_pkcs1_encrypt(&gm->card->rng, pub, key, SM4_KEY, out)) {
    case RSA_OK:
        return SW_OK;
    case RSA_BAD_INPUT:
        return SW_WRONG_DATA;
    case RSA_FAILED:
    default:
        return SW_INTERNAL;
    }
}

static uint16_t put_sm2(struct gm *gm, struct call *call, const struct sm2_point *pub,
                        const uint8_t key[SM4_KEY]) {
    struct sm2_point c1;
    uint8_t c3[SM2_NUMBER], c2[SM4_KEY];
    switch (sm2_encrypt(&gm->card->rng, pub, key, SM4_KEY, &c1, c3, c2)) {
    case SM2_OK:
        break;
    case SM2_BAD_KEY:
        return SW_WRONG_DATA;
    default:
        return SW_INTERNAL;
    }
    gm_put_point(&call->out, &c1);
    wire_put(&call->out, c3, sizeof c3);
    wire_put_u32(&call->out, sizeof c2);
    wire_put(&call->out, c2, sizeof c2);
    return SW_OK;
}

uint16_t gm_rsa_export_session_key(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct rsa_public_key pub;
    uint8_t key[SM4_KEY];
    uint16_t id = 0, sw = SW_OK;
    if (!gm_take_session_alg(&call->in, &sw))
        return sw;
    if (!gm_take_rsa_public(&call->in, &pub) || !wire_done(&call->in))
        return SW_WRONG_DATA;
    sw = make_key(gm, call, key, &id);
    wire_put_u16(&call->out, id);
    if (sw == SW_OK)
        sw = put_rsa(gm, call, &pub, key);
    if (sw != SW_OK)
        drop_key(gm, call, id);
    mbedtls_platform_zeroize(key, sizeof key);
    return sw;
}

/* 5C, the one instruction that the layouts use for different things. */
uint16_t gm_rsa_operation(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct rsa_public_key pub;
    if (gm_layout(gm)->ins_5c_private) {
        if (call->in.left != RSA_MODULUS)
            return SW_WRONG_LENGTH;
        if (!gm_verified(gm, call->scope[SCOPE_APP], GM_PIN_USER))
            return SW_SECURITY_STATUS;
        return gm_rsa_private(applet, call);
    }
    if (call->apdu->p1 != 0)
        return SW_WRONG_P1P2;
    struct gm_session_key *session = gm_session_find(gm, call, wire_u16(&call->in));
    if (!gm_take_rsa_public(&call->in, &pub) || !wire_done(&call->in))
        return SW_WRONG_DATA;
    return session ? put_rsa(gm, call, &pub, session->key) : SW_NO_SESSION_KEY;
}

uint16_t gm_ecc_export_session_key(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    bool id_first = gm_layout(gm)->session_id_first;
    struct sm2_point pub;
    uint8_t key[SM4_KEY];
    uint16_t id = 0, sw = SW_OK;
    bool good = gm_take_point(&call->in, &pub);
    if (!gm_take_session_alg(&call->in, &sw))
        return sw;
    if (!good || !wire_done(&call->in))
        return SW_WRONG_DATA;
    sw = make_key(gm, call, key, &id);
    if (id_first)
        wire_put_u16(&call->out, id);
    if (sw == SW_OK)
        sw = put_sm2(gm, call, &pub, key);
    if (!id_first)
        wire_put_u16(&call->out, id);
    if (sw != SW_OK)
        drop_key(gm, call, id);
    mbedtls_platform_zeroize(key, sizeof key);
    return sw;
}

uint16_t gm_ecc_export_session_key_ex(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct sm2_point pub;
    struct gm_session_key *session = gm_session_find(gm, call, wire_u16(&call->in));
    if (!gm_take_point(&call->in, &pub) || !wire_done(&call->in))
        return SW_WRONG_DATA;
    return session ? put_sm2(gm, call, &pub, session->key) : SW_NO_SESSION_KEY;
}

/* The ciphertext that fits the type of the container's key. */
static uint16_t open_key(struct gm *gm, struct call *call, const struct gm_key *key,
                         uint8_t plain[SM4_KEY]) {
    if (key->type == GM_CONTAINER_RSA) {
        const uint8_t *cipher = wire_take(&call->in, RSA_MODULUS);
        if (!cipher || !wire_done(&call->in))
            return SW_WRONG_DATA;
        return rsa_pkcs1_decrypt(&gm->card->rng, &key->rsa, cipher, plain, SM4_KEY) == RSA_OK
                   ? SW_OK
                   : SW_ASYM_DECRYPT;
    }
    struct gm_cipher cipher = {0};
    if (!gm_take_cipher(&call->in, &cipher) || !wire_done(&call->in) || cipher.len != SM4_KEY)
        return SW_WRONG_DATA;
    return sm2_decrypt(&gm->card->rng, key->ecc.d, &cipher.c1, cipher.c3, cipher.c2, SM4_KEY,
                       plain) == SM2_OK
               ? SW_OK
               : SW_ASYM_DECRYPT;
}

uint16_t gm_import_session_key(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_key key;
    uint8_t plain[SM4_KEY];
    uint16_t sw = SW_OK;
    if (!gm_take_session_alg(&call->in, &sw))
        return sw;
    if (wire_u32(&call->in) != call->in.left || call->in.bad)
        return SW_WRONG_DATA;
    if (gm_key_read(gm_store(gm), call->scope[SCOPE_APP], call->scope[SCOPE_CONTAINER],
                    call->apdu->p1, &key) != STORE_OK)
        return SW_NO_KEY;
    sw = open_key(gm, call, &key, plain);
    mbedtls_platform_zeroize(&key, sizeof key);
    if (sw == SW_OK) {
        uint16_t id = gm_session_new(gm, call, plain);
        wire_put_u16(&call->out, id);
        sw = id ? SW_OK : SW_NO_SPACE;
    }
    mbedtls_platform_zeroize(plain, sizeof plain);
    return sw;
}
