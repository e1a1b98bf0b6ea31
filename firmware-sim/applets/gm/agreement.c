/* Key agreement (GB/T 32918.3) with the container's encryption pair: the initiator's two halves, the responder's one. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* Ends with a session key of key; the id as four bytes. */
static uint16_t put_session(struct gm *gm, struct call *call, const uint8_t key[SM4_KEY]) {
    uint16_t id = gm_session_new(gm, call, key);
    wire_put_u32(&call->out, id);
    return id ? SW_OK : SW_NO_SPACE;
}

static uint16_t exchange_sw(enum sm2_error err) {
    switch (err) {
    case SM2_OK:
        return SW_OK;
    case SM2_BAD_KEY:
    case SM2_BAD_INPUT:
        return SW_WRONG_DATA;
    default:
        return SW_INTERNAL;
    }
}

uint16_t gm_agreement_data(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_agreement *agreement = NULL;
    struct gm_key key;
    uint32_t id_len;
    uint16_t sw = SW_OK;
    if (!gm_take_session_alg(&call->in, &sw))
        return sw;
    const uint8_t *id = gm_take_id(&call->in, &id_len);
    if (!id || !wire_done(&call->in))
        return SW_WRONG_DATA;
    sw = gm_read_key(gm, call, GM_KEY_ENC, GM_CONTAINER_ECC, &key);
    for (unsigned i = 0; i < GM_AGREEMENTS_MAX && !agreement; i++)
        if (gm->state.agreements[i].id == 0)
            agreement = &gm->state.agreements[i];
    if (sw == SW_OK && !agreement)
        sw = SW_NO_SPACE;
    if (sw == SW_OK && sm2_keygen(&gm->card->rng, agreement->r, &agreement->point) != SM2_OK)
        sw = SW_KEYGEN_FAILED;
    if (sw == SW_OK) {
        agreement->id = gm_session_number(gm);
        agreement->app = (uint8_t)call->scope[SCOPE_APP];
        agreement->container = gm_call_container(gm, call);
        sm2_z(&key.ecc.pub, id, id_len, agreement->z);
        gm_put_point(&call->out, &agreement->point);
        wire_put_u32(&call->out, agreement->id);
    }
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}

uint16_t gm_agreement_data_and_key(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct sm2_point peer, peer_r, own_r;
    struct gm_key key;
    uint8_t r[SM2_NUMBER], session[SM4_KEY], za[SM2_NUMBER], zb[SM2_NUMBER];
    uint32_t sid_len, id_len;
    uint16_t sw = SW_OK;
    if (!gm_take_session_alg(&call->in, &sw))
        return sw;
    bool good = gm_take_point(&call->in, &peer);
    good = gm_take_point(&call->in, &peer_r) && good;
    const uint8_t *sid = gm_take_id(&call->in, &sid_len);
    const uint8_t *id = gm_take_id(&call->in, &id_len);
    if (!good || !sid || !id || !wire_done(&call->in))
        return SW_WRONG_DATA;
    sw = gm_read_key(gm, call, GM_KEY_ENC, GM_CONTAINER_ECC, &key);
    if (sw == SW_OK && sm2_keygen(&gm->card->rng, r, &own_r) != SM2_OK)
        sw = SW_KEYGEN_FAILED;
    if (sw == SW_OK) {
        sm2_z(&peer, sid, sid_len, za);
        sm2_z(&key.ecc.pub, id, id_len, zb);
        struct sm2_exchange x = {false, key.ecc.d, r, &own_r, &peer, &peer_r, za, zb};
        sw = exchange_sw(sm2_exchange_key(&gm->card->rng, &x, session, sizeof session));
    }
    if (sw == SW_OK) {
        gm_put_point(&call->out, &own_r);
        sw = put_session(gm, call, session);
    }
    mbedtls_platform_zeroize(session, sizeof session);
    mbedtls_platform_zeroize(r, sizeof r);
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}

static struct gm_agreement *find(struct gm *gm, const struct call *call, uint32_t handle) {
    uint16_t container = gm_call_container(gm, call);
    for (unsigned i = 0; i < GM_AGREEMENTS_MAX; i++) {
        struct gm_agreement *agreement = &gm->state.agreements[i];
        if (handle && agreement->id == handle && agreement->app == call->scope[SCOPE_APP] &&
            agreement->container == container)
            return agreement;
    }
    return NULL;
}

uint16_t gm_agreement_key(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_agreement *agreement = find(gm, call, wire_u32(&call->in));
    struct sm2_point peer, peer_r;
    struct gm_key key;
    uint8_t session[SM4_KEY], zb[SM2_NUMBER];
    uint32_t id_len;
    bool good = gm_take_point(&call->in, &peer);
    good = gm_take_point(&call->in, &peer_r) && good;
    const uint8_t *id = gm_take_id(&call->in, &id_len);
    if (!good || !id || !wire_done(&call->in))
        return SW_WRONG_DATA;
    if (!agreement)
        return SW_NO_SESSION_KEY;
    uint16_t sw = gm_read_key(gm, call, GM_KEY_ENC, GM_CONTAINER_ECC, &key);
    if (sw == SW_OK) {
        sm2_z(&peer, id, id_len, zb);
        struct sm2_exchange x = {true,  key.ecc.d, agreement->r, &agreement->point,
                                 &peer, &peer_r,   agreement->z, zb};
        sw = exchange_sw(sm2_exchange_key(&gm->card->rng, &x, session, sizeof session));
    }
    if (sw == SW_OK) {
        mbedtls_platform_zeroize(agreement, sizeof *agreement); /* an ephemeral key works once */
        sw = put_session(gm, call, session);
    }
    mbedtls_platform_zeroize(session, sizeof session);
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}
