/* The command table of the PIV application, its gate, selection, and what all command groups share. */
#include "firmware-sim/applets/piv/piv.h"

#include "firmware-sim/applets/piv/piv_internal.h"
#include "firmware-sim/crypto/sm3.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { CLA = 0x00, ANY = 0xFF, MAX = APDU_MAX_BODY, TWO_PINS = 2 * PIV_PIN_SIZE };
enum { PIN_TRIES = 3, PUK_TRIES = 3 };

// clang-format off
static const struct command commands[] = {
    /* ins                      cla  p1   p2     data min .. max          reply needs            run */
    {PIV_VERIFY,                CLA, ANY, ANY,   0, PIV_PIN_SIZE,         0,    KEEPS_PIN_FRESH, piv_verify},
    {PIV_CHANGE_REFERENCE_DATA, CLA, 0,   ANY,   TWO_PINS, TWO_PINS,      0,    0,               piv_change_reference_data},
    {PIV_RESET_RETRY_COUNTER,   CLA, 0,   ANY,   TWO_PINS, TWO_PINS,      0,    0,               piv_reset_retry_counter},
    {PIV_GENERATE_KEY_PAIR,     CLA, 0,   ANY,   5, MAX,                  0,    NEED_MANAGEMENT, piv_generate_key_pair},
    {PIV_GENERAL_AUTHENTICATE,  CLA, ANY, ANY,   4, MAX,                  0,    KEEPS_PIN_FRESH | USES_P1, piv_general_authenticate},
    {PIV_SELECT,                CLA, 4,   0,     PIV_RID_SIZE, 16,        0,    KEEPS_PIN_FRESH, piv_select},
    {PIV_GET_DATA,              CLA, ANY, ANY,   3, 5,                    0,    KEEPS_PIN_FRESH, piv_get_data},
    {PIV_PUT_DATA,              CLA, ANY, ANY,   3, MAX,                  0,    NEED_MANAGEMENT, piv_put_data},
    {PIV_GET_METADATA,          CLA, 0,   ANY,   0, 0,                    0,    KEEPS_PIN_FRESH, piv_get_metadata},
    {PIV_GET_SERIAL,            CLA, 0,   0,     0, 0,                    4,    KEEPS_PIN_FRESH, piv_get_serial},
    {PIV_SET_PIN_RETRIES,       CLA, ANY, ANY,   0, 0,                    0,    0,               piv_set_pin_retries},
    {PIV_RESET,                 CLA, 0,   0,     0, 0,                    0,    0,               piv_reset},
    {PIV_GET_VERSION,           CLA, 0,   0,     0, 0,                    3,    KEEPS_PIN_FRESH, piv_get_version},
    {PIV_IMPORT_KEY,            CLA, ANY, ANY,   3, MAX,                  0,    NEED_MANAGEMENT | USES_P1, piv_import_key},
    {PIV_SET_MANAGEMENT_KEY,    CLA, ANY, ANY,   3, MAX,                  0,    NEED_MANAGEMENT, piv_set_management_key},
};
// clang-format on

static bool takes_class(uint8_t cla) {
    return cla == CLA;
}

static uint16_t admit(struct applet *applet, const struct command *row, struct call *call) {
    struct piv *piv = piv_of(applet);
    if (!(row->needs & KEEPS_PIN_FRESH))
        piv->pin_fresh = false;
    if (row->needs & NEED_MANAGEMENT && !piv->management_verified)
        return SW_SECURITY_STATUS;
    return row->needs & USES_P1 && !piv_algorithm_works(piv, call->apdu->p1) ? SW_INTERNAL : SW_OK;
}

static void reset(struct applet *applet) {
    struct piv *piv = piv_of(applet);
    piv->pin_verified = piv->pin_fresh = piv->management_verified = false;
    piv->handshake = PIV_HANDSHAKE_NONE;
    mbedtls_platform_zeroize(piv->nonce, sizeof piv->nonce);
}

void piv_init(struct piv *piv, struct card *card) {
    memset(piv, 0, sizeof *piv);
    piv->card = card;
    piv->applet.application = FACTORY_PIV;
    piv->applet.commands = commands;
    piv->applet.count = sizeof commands / sizeof commands[0];
    piv->applet.takes_class = takes_class;
    piv->applet.admit = admit;
    piv->applet.reset = reset;
}

static void put_factory_state(struct store *store, const struct factory *factory) {
    piv_references_put_default(store, PIN_TRIES, PUK_TRIES);
    piv_management_put_default(store);
    piv_objects_put_default(store, factory);
}

bool piv_format(struct store *store, const struct factory *factory) {
    store_begin(store);
    put_factory_state(store, factory);
    return store_commit(store, STORE_PLAIN) == STORE_OK;
}

uint16_t piv_store_sw(enum store_error err) {
    switch (err) {
    case STORE_OK:
        return SW_OK;
    case STORE_NO_SPACE:
        return SW_NO_SPACE;
    case STORE_FLASH:
        return SW_WRITE_FAILED;
    case STORE_NOT_FOUND:
    case STORE_BLANK:
    case STORE_DAMAGED:
    default:
        return SW_INTERNAL;
    }
}

uint16_t piv_commit(struct piv *piv, enum store_commit kind) {
    return piv_store_sw(store_commit(piv_store(piv), kind));
}

/* The application property template (SP 800-73-4 part 2, table 4). PIV is the only application of the card and selected from
 * power-up on: selecting it again changes nothing, selecting another fails and leaves it selected. */
uint16_t piv_select(struct applet *applet, struct call *call) {
    enum { P1_BY_NAME = 4, APPLICATION = 0x61, AID = 0x4F, AUTHORITY = 0x79, LABEL = 0x50 };
    static const char label[] = "OpenUKey PIV";
    (void)applet;
    size_t len = call->in.left;
    const uint8_t *aid = wire_take(&call->in, len);
    if (call->apdu->p1 != P1_BY_NAME)
        return SW_WRONG_P1P2;
    if (!aid || len > PIV_AID_SIZE || memcmp(aid, PIV_AID, len) != 0)
        return SW_OBJECT_NOT_FOUND;
    size_t authority = tlv_size(AID, PIV_RID_SIZE);
    tlv_put_head(&call->out, APPLICATION,
                 tlv_size(AID, PIV_PIX_SIZE) + tlv_size(AUTHORITY, authority) +
                     tlv_size(LABEL, sizeof label - 1));
    tlv_put(&call->out, AID, &PIV_AID[PIV_RID_SIZE], PIV_PIX_SIZE);
    tlv_put_head(&call->out, AUTHORITY, authority);
    tlv_put(&call->out, AID, PIV_AID, PIV_RID_SIZE);
    tlv_put(&call->out, LABEL, label, sizeof label - 1);
    return SW_OK;
}

/* The level of the extensions that hosts may expect, not the version of this firmware. */
uint16_t piv_get_version(struct applet *applet, struct call *call) {
    static const uint8_t version[3] = {5, 4, 3};
    (void)applet;
    wire_put(&call->out, version, sizeof version);
    return SW_OK;
}

/* A number of 31 bits from the serial text, for hosts that want one. */
uint16_t piv_get_serial(struct applet *applet, struct call *call) {
    const struct factory *factory = &piv_of(applet)->card->factory;
    uint8_t digest[SM3_SIZE];
    sm3(factory->serial, sizeof factory->serial, digest);
    digest[0] &= 0x7F;
    wire_put(&call->out, digest, 4);
    return SW_OK;
}

uint16_t piv_reset(struct applet *applet, struct call *call) {
    struct piv *piv = piv_of(applet);
    static const uint32_t kept[] = {ID_OBJECT + PIV_OBJECT_CHUID, ID_OBJECT + PIV_OBJECT_CCC};
    uint8_t max, pin_left, puk_left;
    bool changed;
    (void)call;
    if (!piv_reference_read(piv, PIV_PIN, &max, &pin_left, &changed) ||
        !piv_reference_read(piv, PIV_PUK, &max, &puk_left, &changed))
        return SW_INTERNAL;
    if (pin_left || puk_left)
        return SW_CONDITIONS;
    store_begin(piv_store(piv));
    /* a transaction names an object once: what is put again is not deleted */
    store_delete(piv_store(piv), ID_KEY, kept[0] - 1);
    store_delete(piv_store(piv), kept[0] + 1, kept[1] - 1);
    store_delete(piv_store(piv), kept[1] + 1, ID_LAST);
    put_factory_state(piv_store(piv), &piv->card->factory);
    uint16_t sw = piv_commit(piv, STORE_SECRET_GONE);
    if (sw == SW_OK)
        reset(applet);
    return sw;
}
