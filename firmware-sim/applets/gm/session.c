/* Session keys: a bounded number, in RAM alone, bound to their container; zeroised when they end. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

bool gm_take_session_alg(struct wire_reader *in, uint16_t *sw) {
    uint32_t family = wire_u32(in) & ~(uint32_t)0xFF;
    if (in->bad)
        *sw = SW_WRONG_DATA;
    else if (family != (GM_SM4_ECB & ~0xFF))
        *sw = SW_NOT_SUPPORTED;
    else
        return true;
    return false;
}

uint16_t gm_call_container(struct gm *gm, const struct call *call) {
    struct gm_container_info info;
    unsigned slot = call->scope[SCOPE_CONTAINER];
    if (gm_container_read(gm_store(gm), call->scope[SCOPE_APP], slot, &info) != STORE_OK)
        return 0;
    return gm_container_id(slot, info.number);
}

uint16_t gm_session_number(struct gm *gm) {
    if (++gm->state.last_session == 0)
        gm->state.last_session = 1;
    return gm->state.last_session;
}

uint16_t gm_session_new(struct gm *gm, const struct call *call, const uint8_t key[SM4_KEY]) {
    for (unsigned i = 0; i < GM_SESSION_KEYS_MAX; i++) {
        struct gm_session_key *session = &gm->state.keys[i];
        if (session->id)
            continue;
        session->id = gm_session_number(gm);
        session->app = (uint8_t)call->scope[SCOPE_APP];
        session->container = gm_call_container(gm, call);
        memcpy(session->key, key, SM4_KEY);
        return session->id;
    }
    return 0;
}

struct gm_session_key *gm_session_find(struct gm *gm, const struct call *call, uint16_t id) {
    uint16_t container = gm_call_container(gm, call);
    for (unsigned i = 0; i < GM_SESSION_KEYS_MAX; i++) {
        struct gm_session_key *session = &gm->state.keys[i];
        if (id && session->id == id && session->app == call->scope[SCOPE_APP] &&
            session->container == container)
            return session;
    }
    return NULL;
}

static void end(struct gm *gm, unsigned app, bool any, uint16_t container) {
    for (unsigned i = 0; i < GM_SESSION_KEYS_MAX; i++)
        if (gm->state.keys[i].app == app && (any || gm->state.keys[i].container == container))
            mbedtls_platform_zeroize(&gm->state.keys[i], sizeof gm->state.keys[i]);
    for (unsigned i = 0; i < GM_AGREEMENTS_MAX; i++)
        if (gm->state.agreements[i].app == app &&
            (any || gm->state.agreements[i].container == container))
            mbedtls_platform_zeroize(&gm->state.agreements[i], sizeof gm->state.agreements[i]);
}

void gm_sessions_end(struct gm *gm, unsigned app) {
    end(gm, app, true, 0);
}

void gm_container_sessions_end(struct gm *gm, unsigned app, uint16_t container) {
    end(gm, app, false, container);
}

uint16_t gm_import_symm_key(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    uint16_t sw = SW_OK;
    if (!gm_take_session_alg(&call->in, &sw))
        return sw;
    uint16_t len = wire_u16(&call->in);
    const uint8_t *key = wire_take(&call->in, len);
    if (!key || len != SM4_KEY || !wire_done(&call->in))
        return SW_WRONG_DATA;
    uint16_t id = gm_session_new(gm, call, key);
    wire_put_u16(&call->out, id);
    return id ? SW_OK : SW_NO_SPACE;
}

uint16_t gm_destroy_session_key(struct applet *applet, struct call *call) {
    struct gm_session_key *session = gm_session_find(gm_of(applet), call, wire_u16(&call->in));
    if (!session)
        return SW_NO_SESSION_KEY;
    mbedtls_platform_zeroize(session, sizeof *session);
    return SW_OK;
}
