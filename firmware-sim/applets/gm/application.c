/* Applications: create, enumerate, delete, open, close. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* A retry counter goes into four bits of a status word. */
enum { TRIES_MAX = 15 };

/* CREATE_APPLICATION without the name: two PINs with their tries, rights, limits. */
enum { APPLICATION_FIXED = 2 * (GM_PIN_MAX + 4) + 4 + 1 + 1 + 2 };

/* Slot of the application of that name; GM_APPS_MAX if there is none. */
static unsigned find(struct gm *gm, const struct gm_name *name) {
    struct gm_app_info info;
    for (unsigned app = 0; app < GM_APPS_MAX; app++)
        if (gm_app_read(gm_store(gm), app, &info) == STORE_OK && gm_name_equal(&info.name, name))
            return app;
    return GM_APPS_MAX;
}

static unsigned find_free(struct gm *gm) {
    for (unsigned app = 0; app < GM_APPS_MAX; app++)
        if (!store_exists(gm_store(gm), object_id(app, KIND_APP_INFO, 0, 0)))
            return app;
    return GM_APPS_MAX;
}

static bool take_pin(struct gm *gm, struct wire_reader *in, struct pin_record *record) {
    const uint8_t *padded = wire_take(in, GM_PIN_MAX);
    uint32_t retry = wire_u32(in), tries = retry & ~(uint32_t)GM_RETRY_MUST_CHANGE;
    if (!padded || tries == 0 || tries > TRIES_MAX || !gm_pin_key(gm, padded, record->secret))
        return false;
    record->max_tries = (uint8_t)tries;
    record->changed = 0;
    record->must_change = retry & GM_RETRY_MUST_CHANGE ? 1 : 0;
    return true;
}

/* Limits beyond the card's are cut down to the card's; OPEN_APPLICATION tells what holds. */
uint16_t gm_create_application(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_app_info info = {.next_container = 1};
    struct pin_record admin, user;
    size_t name_field = gm_layout(gm)->app_name_field;
    if (call->in.left != APPLICATION_FIXED + name_field)
        return SW_WRONG_LENGTH;
    bool good = gm_name_take_padded(&call->in, name_field, GM_APP_NAME_MAX, &info.name);
    good = take_pin(gm, &call->in, &admin) && good;
    good = take_pin(gm, &call->in, &user) && good;
    info.file_rights = wire_u32(&call->in);
    info.containers = wire_u8(&call->in);
    info.certs = wire_u8(&call->in);
    info.files = wire_u16(&call->in);
    if (info.containers > GM_CONTAINERS_MAX)
        info.containers = GM_CONTAINERS_MAX;
    if (info.certs > 2 * GM_CONTAINERS_MAX)
        info.certs = 2 * GM_CONTAINERS_MAX;
    if (info.files > GM_FILES_MAX)
        info.files = GM_FILES_MAX;

    uint16_t sw = SW_OK;
    unsigned app = find_free(gm);
    if (!good || !wire_done(&call->in) || !gm_rights_valid(info.file_rights))
        sw = SW_WRONG_DATA;
    else if (find(gm, &info.name) != GM_APPS_MAX)
        sw = SW_APP_EXISTS;
    else if (app == GM_APPS_MAX)
        sw = SW_NO_SPACE;
    if (sw == SW_OK) {
        store_begin(gm_store(gm));
        gm_app_put(gm_store(gm), app, &info);
        pin_put(gm_store(gm), gm_pin_ref(app, GM_PIN_ADMIN), &admin);
        pin_put(gm_store(gm), gm_pin_ref(app, GM_PIN_USER), &user);
        sw = gm_commit(gm, STORE_PLAIN);
    }
    mbedtls_platform_zeroize(&admin, sizeof admin);
    mbedtls_platform_zeroize(&user, sizeof user);
    return sw;
}

uint16_t gm_enum_application(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_app_info info;
    for (unsigned app = 0; app < GM_APPS_MAX; app++)
        if (gm_app_read(gm_store(gm), app, &info) == STORE_OK)
            gm_put_name(&call->out, &info.name);
    gm_end_names(&call->out);
    return SW_OK;
}

uint16_t gm_delete_application(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_name name;
    if (!gm_name_take_rest(&call->in, GM_APP_NAME_MAX, &name))
        return SW_WRONG_DATA;
    unsigned app = find(gm, &name);
    if (app == GM_APPS_MAX)
        return SW_APP_NOT_FOUND;
    store_begin(gm_store(gm));
    store_delete(gm_store(gm), object_id(app, 0, 0, 0), object_id(app + 1, 0, 0, 0) - 1);
    uint16_t sw = gm_commit(gm, STORE_SECRET_GONE);
    if (sw == SW_OK) {
        gm->state.open[app] = false;
        gm_forget_application(gm, app);
    }
    return sw;
}

uint16_t gm_open_application(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_name name;
    struct gm_app_info info;
    if (!gm_name_take_rest(&call->in, GM_APP_NAME_MAX, &name))
        return SW_WRONG_DATA;
    unsigned app = find(gm, &name);
    if (app == GM_APPS_MAX || gm_app_read(gm_store(gm), app, &info) != STORE_OK)
        return SW_APP_NOT_FOUND;
    gm->state.open[app] = true;
    wire_put_u32(&call->out, info.file_rights);
    wire_put_u8(&call->out, info.containers);
    wire_put_u8(&call->out, info.certs);
    wire_put_u16(&call->out, info.files);
    wire_put_u16(&call->out, gm_app_id(app));
    return SW_OK;
}

/* Leaves the security state as it is (GM/T 0016, SKF_CloseApplication); session keys end. */
uint16_t gm_close_application(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    gm->state.open[call->scope[SCOPE_APP]] = false;
    gm_sessions_end(gm, call->scope[SCOPE_APP]);
    return SW_OK;
}
