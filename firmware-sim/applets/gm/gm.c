/* The command table of the GM application, its gate, and what all command groups share. */
#include "firmware-sim/applets/gm/gm.h"

#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum {
    A = 2,
    A_C = 4,
    NAME = GM_CONTAINER_NAME_MAX,
    FILE_NAME = GM_FILE_NAME_MAX,
    MAX = APDU_MAX_DATA,
    PIN_TYPES = GM_PIN_USER,
    PIN_COMMAND = A + 16 + GM_MAC_SIZE,
    SM2_CIPHER_FIXED = 4 + 32 + 32 + 32 + 4, /* bits, X, Y, hash, length */
    SESSION = A_C + 2,
    POINT = 4 + 32 + 32,                   /* bits, X, Y */
    SM2_SIGNED = POINT + 4 + 32 + 64,      /* length and digest, signature */
    SM2_SESSION = SM2_CIPHER_FIXED + 16,   /* a session key's ciphertext */
    RSA_PUBLIC = 4 + 256 + 4,              /* bits, n, e */
    RSA_PARTS = 256 + 4 + 256 + 5 * 128,   /* GEN_EXT_RSA_KEY */
    RSA_VERIFY = RSA_PUBLIC + 4 + 4 + 256, /* with empty data */
    CIPHER_INIT = SESSION + 4 + 2 + 4 + 4, /* B without an IV; the handler looks closer */
    RSA_PRIVATE_MIN = A_C + 4 + 4 + 256 + 4 + 4 + 16,
    USAGES = GM_KEY_LAST,
    CERTIFICATE = A_C + 1 + 4 + GM_CERT_MAX,
    UNLOCK = A + 1 + 16 + GM_UNLOCK_MAC_SIZE,
    ENVELOPE = A_C + 4 + 4 + SM2_CIPHER_FIXED + 16 + 4 + 32 + 32 + 4 + 64
};

// clang-format off
static const struct command commands[] = {
    /* ins                          cla         p1    p2         data min .. max           reply               needs                              run */
    {INS_SET_LABEL,                 CLA_GM,     0,    0,         1, GM_LABEL_MAX,          0,                  0,                                 gm_set_label},
    {INS_GET_DEV_INFO,              CLA_GM,     0,    0,         0, 0,                     GM_DEVINFO_SIZE,    0,                                 gm_get_dev_info},
    {INS_DEV_AUTH,                  CLA_GM,     0,    2,         16, 16,                   0,                  NEED_CHALLENGE,                    gm_dev_auth},
    {INS_CHANGE_DEV_AUTH_KEY,        CLA_GM_MAC, 0,    2,         16 + GM_MAC_SIZE, 16 + GM_MAC_SIZE, 0,                  NEED_CHALLENGE | NEED_DEV_AUTH,    gm_change_dev_auth_key},
    {INS_GET_PIN_INFO,              CLA_GM,     0,    PIN_TYPES, A, A,                     3,                  NEED_APP,                          gm_get_pin_info},
    {INS_CHANGE_PIN,                CLA_GM_MAC, 0,    PIN_TYPES, PIN_COMMAND, PIN_COMMAND, 0,                  NEED_CHALLENGE | NEED_APP,         gm_change_pin},
    {INS_VERIFY_PIN,                CLA_GM,     0,    PIN_TYPES, A + 16, A + 16,           0,                  NEED_CHALLENGE | NEED_APP,         gm_verify_pin},
    {INS_UNBLOCK_PIN,               CLA_GM_MAC, 1,    0,         PIN_COMMAND, PIN_COMMAND, 0,                  NEED_CHALLENGE | NEED_APP,         gm_unblock_pin},
    {INS_CLEAR_SECURE_STATE,        CLA_GM,     0,    0,         A, A,                     0,                  NEED_APP,                          gm_clear_secure_state},

    {INS_CREATE_APPLICATION,        CLA_GM,     0,    0,         80, 96,                   0,                  NEED_DEV_AUTH,                     gm_create_application},
    {INS_ENUM_APPLICATION,          CLA_GM,     0,    0,         0, 0,                     0,                  0,                                 gm_enum_application},
    {INS_DELETE_APPLICATION,        CLA_GM,     0,    0,         1, GM_APP_NAME_MAX,       0,                  NEED_DEV_AUTH,                     gm_delete_application},
    {INS_OPEN_APPLICATION,          CLA_GM,     0,    0,         1, GM_APP_NAME_MAX,       10,                 0,                                 gm_open_application},
    {INS_CLOSE_APPLICATION,         CLA_GM,     0,    0,         A, A,                     0,                  NEED_APP,                          gm_close_application},

    {INS_CREATE_FILE,               CLA_GM,     0xFF, 0xFF,      44, 52,                   0,                  NEED_APP_P1P2,                     gm_create_file},
    {INS_DELETE_FILE,               CLA_GM,     0xFF, 0xFF,      1, FILE_NAME,             0,                  NEED_APP_P1P2,                     gm_delete_file},
    {INS_ENUM_FILES,                CLA_GM,     0xFF, 0xFF,      0, 0,                     0,                  NEED_APP_P1P2,                     gm_enum_files},
    {INS_GET_FILE_INFO,             CLA_GM,     0xFF, 0xFF,      1, FILE_NAME,             12,                 NEED_APP_P1P2,                     gm_get_file_info},
    {INS_READ_FILE,                 CLA_GM,     0,    0,         A + 5, A + 4 + FILE_NAME, 0,                  NEED_APP,                          gm_read_file},
    {INS_WRITE_FILE,                CLA_GM,     0,    0,         A + 7, MAX,               0,                  NEED_APP,                          gm_write_file},

    {INS_CREATE_CONTAINER,          CLA_GM,     0,    0,         A + 1, A + NAME,          2,                  NEED_APP | NEED_USER,              gm_create_container},
    {INS_OPEN_CONTAINER,            CLA_GM,     0,    0,         A + 1, A + NAME,          2,                  NEED_APP,                          gm_open_container},
    {INS_CLOSE_CONTAINER,           CLA_GM,     0,    0,         A_C, A_C,                 0,                  NEED_APP | NEED_CONTAINER,         gm_close_container},
    {INS_ENUM_CONTAINER,            CLA_GM,     0,    0,         A, A,                     0,                  NEED_APP,                          gm_enum_container},
    {INS_DELETE_CONTAINER,          CLA_GM,     0,    0,         A + 1, A + NAME,          0,                  NEED_APP | NEED_USER,              gm_delete_container},
    {INS_GET_CONTAINER_INFO,        CLA_GM,     0,    0,         A + 1, A + NAME,          11,                 NEED_APP,                          gm_get_container_info},
    {INS_IMPORT_CERTIFICATE,        CLA_GM,     0,    0,         A_C + 6, CERTIFICATE,     0,                  NEED_APP | NEED_CONTAINER | NEED_USER, gm_import_certificate},
    {INS_EXPORT_CERTIFICATE,        CLA_GM,     USAGES,    0,         A_C, A_C,                 0,                  NEED_APP | NEED_CONTAINER,         gm_export_certificate},
    {INS_EXPORT_PUBLIC_KEY,         CLA_GM,     USAGES,    0,         A_C, A_C,                 0,                  NEED_APP | NEED_CONTAINER,         gm_export_public_key},

    {INS_GEN_RANDOM,                CLA_GM,     0,    0,         0, 0,                     0,                  0,                                 gm_gen_random},
    {INS_GEN_EXT_RSA_KEY,            CLA_GM,     0,    0,         2, 2,                       RSA_PARTS,          USES_RSA, gm_gen_ext_rsa_key},
    {INS_GEN_RSA_KEY_PAIR,          CLA_GM,     0,    0,         A_C + 2, A_C + 2,         260,                NEED_APP | NEED_CONTAINER | NEED_USER | USES_RSA, gm_gen_rsa_key_pair},
    {INS_IMPORT_RSA_KEY_PAIR,        CLA_GM,     2,    0,         RSA_PRIVATE_MIN, MAX,       0,                  NEED_APP | NEED_CONTAINER | NEED_USER | USES_RSA, gm_import_rsa_key_pair},
    {INS_RSA_SIGN,                  CLA_GM,     2,    3,         A_C, MAX,                 RSA2048_SIZE,       NEED_APP | NEED_CONTAINER | NEED_USER | USES_RSA, gm_rsa_sign},
    {INS_RSA_EXPORT_SESSION_KEY,     CLA_GM,     0,    0,         A_C + 4 + RSA_PUBLIC, A_C + 4 + RSA_PUBLIC, 2 + RSA2048_SIZE,   NEED_APP | NEED_CONTAINER | USES_RSA, gm_rsa_export_session_key},
    {INS_RSA_OPERATION,              CLA_GM,     USAGES, 0,         A_C + RSA2048_SIZE, SESSION + RSA_PUBLIC, RSA2048_SIZE,       NEED_APP | NEED_CONTAINER | USES_RSA, gm_rsa_operation},
    {INS_RSA_VERIFY,                 CLA_GM,     2,    3,         RSA_VERIFY, MAX,            0,                  USES_RSA, gm_rsa_verify},
    {INS_EXT_RSA_OPERATION,          CLA_GM,     1,    0,         RSA_PUBLIC + 4 + 256, 4 + RSA_PARTS + 4 + 256, RSA2048_SIZE,       USES_RSA, gm_ext_rsa_operation},
    {INS_GEN_ECC_KEY_PAIR,          CLA_GM,     0,    0,         A_C + 4, A_C + 4,         64,                 NEED_APP | NEED_CONTAINER | NEED_USER, gm_gen_ecc_key_pair},
    {INS_IMPORT_ECC_KEY_PAIR,       CLA_GM,     2,    0,         ENVELOPE, ENVELOPE,       0,                  NEED_APP | NEED_CONTAINER | NEED_USER | USES_ENCRYPTION, gm_import_ecc_key_pair},
    {INS_ECC_SIGN,                  CLA_GM,     2,    0,         A_C, MAX,                 68,                 NEED_APP | NEED_CONTAINER | NEED_USER, gm_ecc_sign},
    {INS_ECC_VERIFY,                CLA_GM,     0,    0,         168, 168,                 0,                  USES_VERIFICATION, gm_ecc_verify},
    {INS_ECC_EXPORT_SESSION_KEY,     CLA_GM,     0,    0,         A_C + POINT + 4, A_C + POINT + 4, SM2_SESSION + 2,    NEED_APP | NEED_CONTAINER | USES_ENCRYPTION, gm_ecc_export_session_key},
    {INS_EXT_ECC_ENCRYPT,            CLA_GM,     0,    0,         POINT + 4 + 1, MAX,         0,                  USES_ENCRYPTION, gm_ext_ecc_encrypt},
    {INS_EXT_ECC_DECRYPT,            CLA_GM,     0,    0,         SM2_CIPHER_FIXED + 32 + 1, MAX, 0,                  USES_ENCRYPTION, gm_ext_ecc_decrypt},
    {INS_EXT_ECC_SIGN,               CLA_GM,     0,    0,         4 + 32 + 4 + 32, 4 + 32 + 4 + 32, 64,                 0,                                 gm_ext_ecc_sign},
    {INS_EXT_ECC_VERIFY,             CLA_GM,     0,    0,         SM2_SIGNED, SM2_SIGNED,     0,                  USES_VERIFICATION, gm_ecc_verify},
    {INS_ECC_EXPORT_SESSION_KEY_EX,  CLA_GM,     0,    0,         SESSION + POINT, SESSION + POINT, SM2_SESSION,        NEED_APP | NEED_CONTAINER | USES_ENCRYPTION, gm_ecc_export_session_key_ex},
    {INS_AGREEMENT_DATA,             CLA_GM,     0,    0,         A_C + 8, MAX,               POINT + 4,          NEED_APP | NEED_CONTAINER | NEED_USER, gm_agreement_data},
    {INS_AGREEMENT_DATA_AND_KEY,     CLA_GM,     0,    0,         A_C + 4 + 2 * POINT + 8, MAX, POINT + 4,          NEED_APP | NEED_CONTAINER | NEED_USER | USES_EXCHANGE, gm_agreement_data_and_key},
    {INS_AGREEMENT_KEY,              CLA_GM,     0,    0,         A_C + 4 + 2 * POINT + 4, MAX, 4,                  NEED_APP | NEED_CONTAINER | NEED_USER | USES_EXCHANGE, gm_agreement_key},

    {INS_IMPORT_SESSION_KEY,         CLA_GM,     USAGES, 0,         A_C + 8 + SM2_SESSION, MAX, 2,                  NEED_APP | NEED_CONTAINER | NEED_USER | USES_ENCRYPTION | USES_RSA, gm_import_session_key},
    {INS_IMPORT_SYMM_KEY,            CLA_GM,     0,    0,         A_C + 6, A_C + 6 + 32,      2,                  NEED_APP | NEED_CONTAINER,         gm_import_symm_key},
    {INS_ENCRYPT_INIT,               CLA_GM,     0,    0,         CIPHER_INIT, MAX,             0,                  NEED_APP | NEED_CONTAINER,         gm_encrypt_init},
    {INS_ENCRYPT,                    CLA_GM,     0,    0,         SESSION, MAX,               0,                  NEED_APP | NEED_CONTAINER,         gm_cipher_final},
    {INS_ENCRYPT_UPDATE,             CLA_GM,     0,    0,         SESSION + 1, MAX,           0,                  NEED_APP | NEED_CONTAINER,         gm_cipher_update},
    {INS_ENCRYPT_FINAL,              CLA_GM,     0,    0,         SESSION, MAX,               0,                  NEED_APP | NEED_CONTAINER,         gm_cipher_final},
    {INS_DECRYPT_INIT,               CLA_GM,     0,    0,         CIPHER_INIT, MAX,             0,                  NEED_APP | NEED_CONTAINER,         gm_decrypt_init},
    {INS_DECRYPT,                    CLA_GM,     0,    0,         SESSION, MAX,               0,                  NEED_APP | NEED_CONTAINER,         gm_cipher_final},
    {INS_DECRYPT_UPDATE,             CLA_GM,     0,    0,         SESSION + 1, MAX,           0,                  NEED_APP | NEED_CONTAINER,         gm_cipher_update},
    {INS_DECRYPT_FINAL,              CLA_GM,     0,    0,         SESSION, MAX,               0,                  NEED_APP | NEED_CONTAINER,         gm_cipher_final},
    {INS_DIGEST_INIT,                CLA_GM,     0,    5,         0, MAX,                     0,                  0,                                 gm_digest_init},
    {INS_DIGEST,                     CLA_GM,     0,    0,         0, MAX,                     0,                  0,                                 gm_digest_final},
    {INS_DIGEST_UPDATE,              CLA_GM,     0,    0,         1, MAX,                     0,                  0,                                 gm_digest_update},
    {INS_DIGEST_FINAL,               CLA_GM,     0,    0,         0, MAX,                     0,                  0,                                 gm_digest_final},
    {INS_MAC_INIT,                   CLA_GM,     0,    0,         CIPHER_INIT, MAX,             0,                  NEED_APP | NEED_CONTAINER,         gm_mac_init},
    {INS_MAC,                        CLA_GM,     0,    0,         SESSION, MAX,               16,                 NEED_APP | NEED_CONTAINER,         gm_cipher_final},
    {INS_MAC_UPDATE,                 CLA_GM,     0,    0,         SESSION + 1, MAX,           0,                  NEED_APP | NEED_CONTAINER,         gm_cipher_update},
    {INS_MAC_FINAL,                  CLA_GM,     0,    0,         SESSION, MAX,               16,                 NEED_APP | NEED_CONTAINER,         gm_cipher_final},
    {INS_DESTROY_SESSION_KEY,        CLA_GM,     0,    0,         SESSION, SESSION,           0,                  NEED_APP | NEED_CONTAINER,         gm_destroy_session_key},

    {INS_VENDOR_RSA_PRIVATE,        CLA_GM,     USAGES,    0,         A_C + RSA2048_SIZE, A_C + RSA2048_SIZE, RSA2048_SIZE, NEED_APP | NEED_CONTAINER | NEED_USER | USES_RSA, gm_rsa_private},
    {INS_VENDOR_SM2_DECRYPT,        CLA_GM,     USAGES,    0,         A_C + SM2_CIPHER_FIXED + 1, MAX, 0,           NEED_APP | NEED_CONTAINER | NEED_USER | USES_ENCRYPTION, gm_sm2_decrypt},
    {INS_VENDOR_RETIRE_SIGNING_KEY, CLA_GM,     0,    0,         A_C, A_C,                 0,                  NEED_APP | NEED_CONTAINER | NEED_USER, gm_retire_signing_key},
    {INS_VENDOR_UNLOCK_CHALLENGE,    CLA_GM,     0,    0,         A + 2, A + 1 + GM_UNLOCK_ORDER_MAX, 32 + GM_UNLOCK_CHALLENGE_SIZE + 1, NEED_APP,                          gm_unlock_challenge},
    {INS_VENDOR_UNLOCK,              CLA_GM,     0,    0,         UNLOCK, UNLOCK,             0,                  NEED_APP,                          gm_unlock},
    {INS_VENDOR_SET_UNLOCK_KEY,      CLA_GM_MAC, 0,    0,         16 + GM_MAC_SIZE, 16 + GM_MAC_SIZE, 0,                  NEED_CHALLENGE | NEED_DEV_AUTH,    gm_set_unlock_key},
    {INS_VENDOR_HISTORY,             CLA_GM,     0,    0,         A_C, A_C,                   0,                  NEED_APP | NEED_CONTAINER,         gm_history},
};
// clang-format on

static bool takes_class(uint8_t cla) {
    return cla == CLA_GM || cla == CLA_GM_MAC;
}

static uint16_t admit_app(struct gm *gm, uint16_t id, struct call *call) {
    unsigned app = (unsigned)id - 1;
    if (id == 0 || app >= GM_APPS_MAX || !gm->state.open[app])
        return SW_APP_NOT_OPEN;
    call->scope[SCOPE_APP] = app;
    return SW_OK;
}

static uint16_t admit_container(struct gm *gm, struct call *call) {
    uint16_t id = wire_u16(&call->in);
    struct gm_container_info info;
    unsigned slot = id & 0xF;
    if (gm_container_read(gm_store(gm), call->scope[SCOPE_APP], slot, &info) != STORE_OK ||
        gm_container_id(slot, info.number) != id)
        return SW_CONTAINER_ID;
    call->scope[SCOPE_CONTAINER] = slot;
    return SW_OK;
}

static uint16_t id_of_p1p2(const struct gm *gm, const struct apdu *apdu) {
    uint8_t id[2] = {apdu->p1, apdu->p2};
    struct wire_reader r = wire_reader(id, sizeof id);
    r.big_endian = gm_layout(gm)->big_endian;
    return wire_u16(&r);
}

static uint16_t admit_user(const struct gm *gm, unsigned app) {
    if (!gm->state.verified[app][GM_PIN_USER])
        return SW_SECURITY_STATUS;
    return gm->state.must_change[app][GM_PIN_USER] ? SW_PIN_MUST_CHANGE : SW_OK;
}

static bool works(struct gm *gm, const struct command *row) {
    static const struct {
        enum gm_need need;
        enum known_algorithm algorithm;
    } uses[] = {{USES_RSA, KNOWN_RSA2048},
                {USES_VERIFICATION, KNOWN_SM2_VERIFICATION},
                {USES_ENCRYPTION, KNOWN_SM2_ENCRYPTION},
                {USES_EXCHANGE, KNOWN_SM2_EXCHANGE}};
    for (unsigned i = 0; i < sizeof uses / sizeof uses[0]; i++)
        if (row->needs & uses[i].need && !card_algorithm_works(gm->card, uses[i].algorithm))
            return false;
    return true;
}

static uint16_t admit(struct applet *applet, const struct command *row, struct call *call) {
    struct gm *gm = gm_of(applet);
    uint16_t sw = SW_OK;
    call->in.big_endian = call->out.big_endian = gm_layout(gm)->big_endian;
    if (row->needs & NEED_CHALLENGE) {
        if (!gm->state.has_challenge)
            return SW_REFERENCED_DATA;
        gm->state.has_challenge = false; /* the bytes stay for this command alone */
    }
    if (row->needs & NEED_DEV_AUTH && !gm->state.device_verified)
        return SW_SECURITY_STATUS;
    if (row->needs & NEED_APP)
        sw = admit_app(gm, wire_u16(&call->in), call);
    if (row->needs & NEED_APP_P1P2)
        sw = admit_app(gm, id_of_p1p2(gm, call->apdu), call);
    if (sw == SW_OK && row->needs & NEED_CONTAINER)
        sw = admit_container(gm, call);
    if (sw == SW_OK && row->needs & NEED_USER)
        sw = admit_user(gm, call->scope[SCOPE_APP]);
    if (sw == SW_OK && !works(gm, row))
        sw = SW_INTERNAL;
    return sw;
}

static void reset(struct applet *applet) {
    struct gm *gm = gm_of(applet);
    mbedtls_platform_zeroize(&gm->state, sizeof gm->state);
}

void gm_init(struct gm *gm, struct card *card) {
    memset(gm, 0, sizeof *gm);
    gm->card = card;
    gm->applet.commands = commands;
    gm->applet.count = sizeof commands / sizeof commands[0];
    gm->applet.takes_class = takes_class;
    gm->applet.admit = admit;
    gm->applet.reset = reset;
}

bool gm_format(struct store *store, const char *label) {
    uint8_t zero[GM_CHANGES_SIZE] = {0};
    struct pin_record device_key = {.max_tries = GM_DEVICE_TRIES};
    memcpy(device_key.secret, "1234567812345678", PIN_SECRET_MAX);
    size_t len = strlen(label);
    if (len > GM_LABEL_MAX)
        return false;
    store_begin(store);
    store_put(store, OBJECT_LABEL, label, (uint32_t)len);
    pin_put(store, gm_device_ref(), &device_key);
    store_put(store, OBJECT_CHANGES, zero, sizeof zero);
    return store_commit(store, STORE_PLAIN) == STORE_OK;
}

uint16_t gm_store_sw(enum store_error err) {
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

void gm_changes_read(struct gm *gm, struct gm_changes *changes) {
    uint8_t raw[GM_CHANGES_SIZE] = {0};
    uint32_t len = 0;
    store_length(gm_store(gm), OBJECT_CHANGES,
                 &len); /* images of earlier versions have the counter alone */
    store_read(gm_store(gm), OBJECT_CHANGES, 0, raw, len < sizeof raw ? len : sizeof raw);
    struct wire_reader r = wire_reader(raw, sizeof raw);
    changes->count = wire_u32(&r);
    memcpy(changes->tag, raw + 4, sizeof changes->tag);
}

/* The tag is a chain over all changes, so that a counter which has gone another way from a common past is told apart. */
uint16_t gm_commit(struct gm *gm, enum store_commit kind) {
    struct gm_changes changes;
    uint8_t raw[GM_CHANGES_SIZE], digest[SM3_SIZE];
    struct sm3 chain;
    gm_changes_read(gm, &changes);
    store_digest(gm_store(gm), digest);
    sm3_init(&chain);
    sm3_update(&chain, changes.tag, sizeof changes.tag);
    sm3_update(&chain, digest, sizeof digest);
    sm3_final(&chain, digest);
    struct wire_writer w = wire_writer(raw, sizeof raw);
    wire_put_u32(&w, changes.count + 1 ? changes.count + 1 : 1); /* 0 says: no counter */
    wire_put(&w, digest, GM_CHANGE_TAG_SIZE);
    store_put(gm_store(gm), OBJECT_CHANGES, raw, sizeof raw);
    return gm_store_sw(store_commit(gm_store(gm), kind));
}

bool gm_rights_valid(uint32_t rights) {
    return rights == GM_ANYONE || (rights & ~(uint32_t)(GM_ADMIN | GM_USER)) == 0;
}

bool gm_verified(const struct gm *gm, unsigned app, enum gm_pin_type type) {
    return gm->state.verified[app][type] && !gm->state.must_change[app][type];
}

void gm_forget_application(struct gm *gm, unsigned app) {
    memset(gm->state.verified[app], 0, sizeof gm->state.verified[app]);
    memset(gm->state.must_change[app], 0, sizeof gm->state.must_change[app]);
    gm_sessions_end(gm, app);
}

bool gm_allowed(const struct gm *gm, unsigned app, uint32_t rights) {
    if (rights == GM_ANYONE)
        return true;
    return (rights & GM_ADMIN && gm_verified(gm, app, GM_PIN_ADMIN)) ||
           (rights & GM_USER && gm_verified(gm, app, GM_PIN_USER));
}

void gm_put_name(struct wire_writer *out, const struct gm_name *name) {
    wire_put(out, name->text, name->len);
    wire_put_u8(out, 0);
}

void gm_end_names(struct wire_writer *out) {
    if (out->len == 0)
        wire_put_u8(out, 0);
    wire_put_u8(out, 0);
}
