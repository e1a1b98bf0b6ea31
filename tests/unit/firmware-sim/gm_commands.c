/* Device, access, applications, files, containers, and the vendor commands about them. */
#include "tests/unit/firmware-sim/gm_commands.h"

#include "tests/unit/firmware-sim/testing.h"

static void app_only(struct world *w, struct request *r) {
    field_u16(&r->data, w->app);
}

static void name_only(struct world *w, struct request *r) {
    (void)w;
    field_text(&r->data, "APP");
}

static void app_and_name(struct world *w, struct request *r) {
    field_u16(&r->data, w->app);
    field_text(&r->data, "C");
}

static void app_and_new_name(struct world *w, struct request *r) {
    field_u16(&r->data, w->app);
    field_text(&r->data, "new container");
}

static void nothing(struct world *w, struct request *r) {
    (void)w;
    (void)r;
}

static void ids_sm2(struct world *w, struct request *r) {
    world_ids(w, &r->data, w->sm2);
}

static void ids_rsa(struct world *w, struct request *r) {
    world_ids(w, &r->data, w->rsa);
}

/* --- device, access, application --- */

static void label(struct world *w, struct request *r) {
    (void)w;
    field_text(&r->data, "another");
}

static void dev_info_is_read(struct world *w, const struct request *r) {
    (void)r;
    assert_int_equal(bench_u16(&w->bench, DEVINFO_MAX_APDU_DATA), APDU_MAX_DATA);
    assert_int_equal(bench_u32(&w->bench, DEVINFO_ALG_SYM), 0x413);
    assert_int_equal(bench_u32(&w->bench, DEVINFO_DEV_AUTH_ALG), GM_SM4_ECB);
    assert_memory_equal(w->bench.out + DEVINFO_LABEL, "Test key", 9);
}

static void dev_auth(struct world *w) {
    bench_dev_auth(&w->bench, DEVICE_KEY);
}

static void change_device_key(struct world *w) {
    bench_set_key(&w->bench, INS_CHANGE_DEV_AUTH_KEY, DEVICE_KEY, "another-key-16-b");
}

static void device_key_is_new(struct world *w, const struct request *r) {
    (void)r;
    assert_int_equal(bench_dev_auth(&w->bench, DEVICE_KEY), SW_PIN_WRONG | 14);
    assert_int_equal(bench_dev_auth(&w->bench, "another-key-16-b"), SW_OK);
}

static void random16(struct world *w) {
    bench_random(&w->bench, 16);
}

static void verify_pin(struct world *w) {
    bench_verify(&w->bench, w->app, GM_PIN_USER, USER_PIN);
}

static void change_pin(struct world *w) {
    bench_change_pin(&w->bench, w->app, GM_PIN_USER, USER_PIN, "a-new-pin");
}

static void unblock_pin(struct world *w) {
    bench_unblock(&w->bench, w->app, ADMIN_PIN, "a-new-pin");
}

static void pin_is_new(struct world *w, const struct request *r) {
    (void)r;
    assert_int_equal(bench_verify(&w->bench, w->app, GM_PIN_USER, USER_PIN),
                     SW_PIN_WRONG | (USER_TRIES - 1));
    assert_int_equal(bench_verify(&w->bench, w->app, GM_PIN_USER, "a-new-pin"), SW_OK);
}

static void user_is_gone(struct world *w, const struct request *r) {
    uint8_t e[32] = {1};
    (void)r;
    assert_int_equal(bench_sign_digest(&w->bench, w->app, w->sm2, e, NULL), SW_SECURITY_STATUS);
}

static void create_app(struct world *w) {
    bench_create_app(&w->bench, "SECOND", GM_USER);
}

static void app_opens(struct world *w, const struct request *r) {
    uint16_t id;
    (void)r;
    assert_int_equal(bench_open_app(&w->bench, "SECOND", &id), SW_OK);
    assert_int_equal(id, w->app + 1);
    assert_int_equal(bench_u32(&w->bench, 0), GM_USER);
    assert_int_equal(bench_verify(&w->bench, id, GM_PIN_USER, USER_PIN), SW_OK);
}

/* --- files --- */

static void create_file(struct world *w, struct request *r) {
    r->p1 = bench_p1(w->app);
    r->p2 = bench_p2(w->app);
    field_padded(&r->data, "new.esl", bench_is_b() ? 40 : 32);
    field_u32(&r->data, 5000);
    field_u32(&r->data, GM_ANYONE);
    field_u32(&r->data, GM_USER);
}

static void file_name(struct world *w, struct request *r) {
    r->p1 = bench_p1(w->app);
    r->p2 = bench_p2(w->app);
    field_text(&r->data, "f");
}

static void no_name(struct world *w, struct request *r) {
    r->p1 = bench_p1(w->app);
    r->p2 = bench_p2(w->app);
}

static void file_is_described(struct world *w, const struct request *r) {
    (void)r;
    assert_int_equal(bench_u32(&w->bench, 0), FILE_SIZE);
    assert_int_equal(bench_u32(&w->bench, 4), GM_ANYONE);
    assert_int_equal(bench_u32(&w->bench, 8), GM_USER);
}

static void read_file(struct world *w, struct request *r) {
    field_u16(&r->data, w->app);
    field_u16(&r->data, 1000);
    field_u16(&r->data, 1);
    field_text(&r->data, "f");
}

static void file_is_read(struct world *w, const struct request *r) {
    (void)r;
    for (size_t i = 0; i < w->bench.out_len; i++)
        assert_int_equal(w->bench.out[i], FILE_BYTE);
}

static void write_file(struct world *w, struct request *r) {
    read_file(w, r);
    field_u16(&r->data, 5);
    field_text(&r->data, "fresh");
}

static void file_is_written(struct world *w, const struct request *r) {
    (void)r;
    assert_int_equal(bench_read_file(&w->bench, w->app, "f", 999, 7), SW_OK);
    assert_memory_equal(w->bench.out,
                        "\x42"
                        "fresh"
                        "\x42",
                        7);
}

/* --- containers --- */

static void container_is_described(struct world *w, const struct request *r) {
    (void)r;
    assert_int_equal(w->bench.out[0], GM_CONTAINER_ECC);
    assert_int_equal(bench_u32(&w->bench, 1), 256);
    assert_int_equal(bench_u32(&w->bench, 5), 256);
}

static void import_cert(struct world *w, struct request *r) {
    ids_sm2(w, r);
    field_u8(&r->data, GM_KEY_SIGN);
    field_u32(&r->data, 4);
    field_text(&r->data, "cert");
}

static void export_cert(struct world *w, struct request *r) {
    ids_sm2(w, r);
    r->p1 = GM_KEY_ENC;
}

static void cert_is_exported(struct world *w, const struct request *r) {
    (void)r;
    assert_int_equal(bench_u32(&w->bench, 0), 700);
    assert_int_equal(w->bench.out[4], 0xc2);
}

static void sm2_key_is_exported(struct world *w, const struct request *r) {
    (void)r;
    assert_int_equal(bench_u32(&w->bench, 0), 256);
    assert_memory_equal(w->bench.out + 4, &w->enc, sizeof w->enc);
}

static void rsa_key_is_exported(struct world *w, const struct request *r) {
    struct field f = {.len = 0};
    (void)r;
    field_rsa(&f, w->rsa_enc);
    assert_int_equal(bench_u16(&w->bench, 0), 2048);
    assert_memory_equal(w->bench.out + 6, f.bytes + 4, 256);
}

/* --- vendor --- */

static void unlock_challenge(struct world *w, struct request *r) {
    field_u16(&r->data, w->app);
    field_u8(&r->data, 5);
    field_text(&r->data, "CASE1");
}

static void remote_unlock(struct world *w) {
    bench_unlock_challenge(&w->bench, w->app, "CASE1");
    bench_remote_unlock(&w->bench, w->app, UNLOCK_KEY, "CASE1", "a-new-pin", 0);
}

static void set_unlock_key(struct world *w) {
    bench_set_key(&w->bench, INS_VENDOR_SET_UNLOCK_KEY, DEVICE_KEY, "another-key-16-b");
}

// clang-format off
#define LEN SW_WRONG_LENGTH
#define DATA SW_WRONG_DATA
const struct row object_rows[] = {
    /* name                      ins                        build, send                   answer                   check                     wrong state                                cut   longer changed */
    {"SetLabel",                 INS_SET_LABEL,             label, NULL,                  0,                       NULL,                     WRONG_DEVICE, SW_SECURITY_STATUS,         0, DATA, 0, 0, false},
    {"GetDevInfo",               INS_GET_DEV_INFO,          nothing, NULL,                288,                     dev_info_is_read,         WRONG_NOTHING, SW_OK,                     0, LEN, 0, 0, false},
    {"DevAuth",                  INS_DEV_AUTH,              NULL, dev_auth,               0,                       NULL,                     WRONG_CHALLENGE, SW_REFERENCED_DATA,      LEN, LEN, 0, 0, false},
    {"ChangeDevAuthKey",         INS_CHANGE_DEV_AUTH_KEY,   NULL, change_device_key,      0,                       device_key_is_new,        WRONG_DEVICE, SW_SECURITY_STATUS,         LEN, LEN, 0, 0, false},
    {"GetPINInfo",               INS_GET_PIN_INFO,          app_only, NULL,               3,                       NULL,                     WRONG_APP, SW_APP_NOT_OPEN,               LEN, LEN, 0, 0, false},
    {"ChangePIN",                INS_CHANGE_PIN,            NULL, change_pin,             0,                       pin_is_new,               WRONG_CHALLENGE, SW_REFERENCED_DATA,      LEN, LEN, 0, 0, false},
    {"VerifyPIN",                INS_VERIFY_PIN,            NULL, verify_pin,             0,                       NULL,                     WRONG_CHALLENGE, SW_REFERENCED_DATA,      LEN, LEN, 0, 0, false},
    {"UnblockPIN",               INS_UNBLOCK_PIN,           NULL, unblock_pin,            0,                       pin_is_new,               WRONG_CHALLENGE, SW_REFERENCED_DATA,      LEN, LEN, 0, 0, false},
    {"ClearSecureState",         INS_CLEAR_SECURE_STATE,    app_only, NULL,               0,                       user_is_gone,             WRONG_APP, SW_APP_NOT_OPEN,               LEN, LEN, 0, 0, false},
    {"CreateApplication",        INS_CREATE_APPLICATION,    NULL, create_app,             0,                       app_opens,                WRONG_DEVICE, SW_SECURITY_STATUS,         LEN, LEN, 31, DATA, false},
    {"EnumApplication",          INS_ENUM_APPLICATION,      nothing, NULL,                5,                       NULL,                     WRONG_NOTHING, SW_OK,                     0, LEN, 0, 0, false},
    {"DeleteApplication",        INS_DELETE_APPLICATION,    name_only, NULL,              0,                       NULL,                     WRONG_DEVICE, SW_SECURITY_STATUS,         SW_APP_NOT_FOUND, DATA, 0, 0, false},
    {"OpenApplication",          INS_OPEN_APPLICATION,      name_only, NULL,              10,                      NULL,                     WRONG_NAME, SW_APP_NOT_FOUND,             SW_APP_NOT_FOUND, DATA, 0, 0, false},
    {"CloseApplication",         INS_CLOSE_APPLICATION,     app_only, NULL,               0,                       NULL,                     WRONG_APP, SW_APP_NOT_OPEN,               LEN, LEN, 0, 0, false},
    {"CreateFile",               INS_CREATE_FILE,           create_file, NULL,            0,                       NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            LEN, LEN, 31, DATA, true},
    {"DeleteFile",               INS_DELETE_FILE,           file_name, NULL,              0,                       NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            LEN, DATA, 0, SW_FILE_NOT_FOUND, true},
    {"EnumFiles",                INS_ENUM_FILES,            no_name, NULL,                3,                       NULL,                     WRONG_APP, SW_APP_NOT_OPEN,               0, LEN, 0, 0, true},
    {"GetFileInfo",              INS_GET_FILE_INFO,         file_name, NULL,              12,                      file_is_described,        WRONG_APP, SW_APP_NOT_OPEN,               LEN, DATA, 0, SW_FILE_NOT_FOUND, true},
    {"ReadFile",                 INS_READ_FILE,             read_file, NULL,              FILE_SIZE - 1000,        file_is_read,             WRONG_APP, SW_APP_NOT_OPEN,               LEN, DATA, 6, SW_FILE_NOT_FOUND, false},
    {"WriteFile",                INS_WRITE_FILE,            write_file, NULL,             0,                       file_is_written,          WRONG_PIN, SW_SECURITY_STATUS,            DATA, DATA, 6, SW_FILE_NOT_FOUND, false},
    {"CreateContainer",          INS_CREATE_CONTAINER,      app_and_new_name, NULL,       2,                       NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            0, DATA, 0, 0, false},
    {"OpenContainer",            INS_OPEN_CONTAINER,        app_and_name, NULL,           2,                       NULL,                     WRONG_NAME, SW_CONTAINER_NAME,            LEN, DATA, 0, 0, false},
    {"CloseContainer",           INS_CLOSE_CONTAINER,       ids_sm2, NULL,                0,                       NULL,                     WRONG_CONTAINER, SW_CONTAINER_ID,         LEN, LEN, 0, 0, false},
    {"EnumContainer",            INS_ENUM_CONTAINER,        app_only, NULL,               7,                       NULL,                     WRONG_APP, SW_APP_NOT_OPEN,               LEN, LEN, 0, 0, false},
    {"DeleteContainer",          INS_DELETE_CONTAINER,      app_and_name, NULL,           0,                       NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            LEN, DATA, 0, 0, false},
    {"GetContainerInfo",         INS_GET_CONTAINER_INFO,    app_and_name, NULL,           11,                      container_is_described,   WRONG_NAME, SW_CONTAINER_NAME,            LEN, DATA, 0, 0, false},
    {"ImportCertificate",        INS_IMPORT_CERTIFICATE,    import_cert, NULL,            0,                       NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            DATA, DATA, 4, DATA, false},
    {"ExportCertificate",        INS_EXPORT_CERTIFICATE,    export_cert, NULL,            704,                     cert_is_exported,         WRONG_CONTAINER, SW_CONTAINER_ID,         LEN, LEN, 0, 0, false},
    {"GenRandom",                INS_GEN_RANDOM,            NULL, random16,               16,                      NULL,                     WRONG_NOTHING, SW_WRONG_LENGTH /* 65536 of them */, 0, LEN, 0, 0, false},
    {"ExportPublicKey, SM2",     INS_EXPORT_PUBLIC_KEY,     ids_sm2, NULL,                68,                      sm2_key_is_exported,      WRONG_APP, SW_APP_NOT_OPEN,               LEN, LEN, 0, 0, false},
    {"ExportPublicKey, RSA",     INS_EXPORT_PUBLIC_KEY,     ids_rsa, NULL,                262,                     rsa_key_is_exported,      WRONG_CONTAINER, SW_CONTAINER_ID,         LEN, LEN, 0, 0, false},
    {"vendor: retire",           INS_VENDOR_RETIRE_SIGNING_KEY, ids_sm2, NULL,            0,                       NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            LEN, LEN, 0, 0, false},
    {"vendor: unlock challenge", INS_VENDOR_UNLOCK_CHALLENGE, unlock_challenge, NULL,     49,                      NULL,                     WRONG_APP, SW_APP_NOT_OPEN,               DATA, DATA, 2, DATA, false},
    {"vendor: unlock",           INS_VENDOR_UNLOCK,         NULL, remote_unlock,          0,                       pin_is_new,               WRONG_OPERATION, SW_REFERENCED_DATA,      LEN, LEN, 0, 0, false},
    {"vendor: set unlock key",   INS_VENDOR_SET_UNLOCK_KEY, NULL, set_unlock_key,         0,                       NULL,                     WRONG_DEVICE, SW_SECURITY_STATUS,         LEN, LEN, 0, 0, false},
    {"vendor: history",          INS_VENDOR_HISTORY,        ids_sm2, NULL,                1,                       NULL,                     WRONG_CONTAINER, SW_CONTAINER_ID,         LEN, LEN, 0, 0, false},
};
// clang-format on

const unsigned object_rows_count = sizeof object_rows / sizeof object_rows[0];
