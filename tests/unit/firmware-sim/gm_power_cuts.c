/* Every command of the GM application that changes the card; power fails at every write. The cards are small: the number of
 * second cuts grows with the square of what there is. */
#include "tests/unit/firmware-sim/gm_power_cuts.h"

#include "firmware-sim/applets/gm/objects.h"
#include "firmware-sim/core/store_log.h"
#include "firmware-sim/crypto/known_answers.h"
#include "tests/unit/firmware-sim/gm_world.h"
#include "tests/unit/firmware-sim/openssl_sm.h"
#include "tests/unit/firmware-sim/power_cuts.h"
#include "tests/unit/firmware-sim/testing.h"

#include <stdlib.h>

enum { PAGES = FACTORY_PAGES + 2 * 4, CERT = 150, OPEN_FILE = 2100 };

/* What is on the card before a command; application "APP" on all, with a user PIN, admin PIN, device key and unlock key of
 * which one try is gone, so that a regained one would show. */
enum card_kind {
    CARD_SM2, /* container "C": both pairs, both certificates; "P": a signing pair; "U": both pairs; "E": empty */
    CARD_RSA,   /* container "R": both RSA pairs; "E": empty */
    CARD_FILES, /* files "f" (a chunk and a bit) and "g" */
    CARD_FULL,  /* a log with no room for one more transaction */
    CARDS
};

static struct world world;
static uint8_t *images[CARDS];
static enum card_kind kind;
static uint16_t plain, uncertified, rsa_empty; /* containers "P", "U", "E" of CARD_RSA */
static struct field plain_envelope, uncertified_envelope;

/* --- commands --- */

static void do_set_label(void) {
    bench_gm(&world.bench, INS_SET_LABEL, 0, 0, "another", 7);
}

static void do_create_app(void) {
    bench_create_app(&world.bench, "SECOND", GM_ADMIN);
}

static void do_delete_app(void) {
    bench_gm(&world.bench, INS_DELETE_APPLICATION, 0, 0, "APP", 3);
}

static void do_create_container(void) {
    bench_container(&world.bench, INS_CREATE_CONTAINER, world.app, "another container", NULL);
}

static void do_delete_container(void) {
    bench_container(&world.bench, INS_DELETE_CONTAINER, world.app, "C", NULL);
}

static void do_delete_rsa_container(void) {
    bench_container(&world.bench, INS_DELETE_CONTAINER, world.app, "R", NULL);
}

static void do_gen_sm2(void) {
    bench_gen_sm2(&world.bench, world.app, world.empty, NULL);
}

static void import_sm2(enum gm_import how, const struct field *envelope) {
    bench_gm(&world.bench, INS_IMPORT_ECC_KEY_PAIR, (uint8_t)how, 0, envelope->bytes,
             envelope->len);
}

static void do_import_sm2(void) {
    import_sm2(GM_IMPORT_CURRENT, &plain_envelope);
}

static void do_import_sm2_again(void) {
    import_sm2(GM_IMPORT_CURRENT, &uncertified_envelope);
}

static void do_import_sm2_renew(void) {
    import_sm2(GM_IMPORT_RENEW, &world.sm2_envelope);
}

static void do_import_sm2_history(void) {
    import_sm2(GM_IMPORT_HISTORY, &world.sm2_envelope);
}

static void import_rsa(enum gm_import how) {
    bench_gm(&world.bench, INS_IMPORT_RSA_KEY_PAIR, (uint8_t)how, 0, world.rsa_envelope.bytes,
             world.rsa_envelope.len);
}

static void do_import_rsa(void) {
    import_rsa(GM_IMPORT_CURRENT);
}

static void do_import_rsa_renew(void) {
    import_rsa(GM_IMPORT_RENEW);
}

static void do_import_rsa_history(void) {
    import_rsa(GM_IMPORT_HISTORY);
}

static void do_gen_rsa(void) {
    bench_gen_rsa(&world.bench, world.app, rsa_empty);
}

static void do_import_cert(void) {
    bench_import_cert(&world.bench, world.app, plain, GM_KEY_SIGN, 0xd2, 900);
}

static void do_replace_cert(void) {
    bench_import_cert(&world.bench, world.app, world.sm2, GM_KEY_ENC, 0xd2, (size_t)2 * CERT);
}

static void do_retire(void) {
    struct field f;
    world_ids(&world, &f, world.sm2);
    bench_gm(&world.bench, INS_VENDOR_RETIRE_SIGNING_KEY, 0, 0, f.bytes, f.len);
}

static void do_create_file(void) {
    bench_create_file(&world.bench, world.app, "new.esl", 5000, GM_ANYONE, GM_USER);
}

static void do_write_file(void) {
    uint8_t data[100];
    memset(data, 0x5c, sizeof data);
    bench_write_file(&world.bench, world.app, "f", FILE_CHUNK - 50, data,
                     sizeof data); /* across a chunk's end */
}

static void do_write_new_file(void) {
    uint8_t data[200];
    memset(data, 0x5d, sizeof data);
    bench_write_file(&world.bench, world.app, "g", 0, data, sizeof data);
}

static void do_delete_file(void) {
    bench_gm(&world.bench, INS_DELETE_FILE, bench_p1(world.app), bench_p2(world.app), "f", 1);
}

static void do_verify_right(void) {
    bench_verify(&world.bench, world.app, GM_PIN_USER, USER_PIN);
}

static void do_verify_wrong(void) {
    bench_verify(&world.bench, world.app, GM_PIN_USER, "000000");
}

static void do_verify_admin_right(void) {
    bench_verify(&world.bench, world.app, GM_PIN_ADMIN, ADMIN_PIN);
}

static void do_verify_admin_wrong(void) {
    bench_verify(&world.bench, world.app, GM_PIN_ADMIN, "000000");
}

static void do_dev_auth_right(void) {
    bench_dev_auth(&world.bench, DEVICE_KEY);
}

static void do_dev_auth_wrong(void) {
    bench_dev_auth(&world.bench, "0000000000000000");
}

static void do_change_pin(void) {
    bench_change_pin(&world.bench, world.app, GM_PIN_USER, USER_PIN, "new-pin");
}

static void do_change_pin_wrong(void) {
    bench_change_pin(&world.bench, world.app, GM_PIN_USER, "000000", "new-pin");
}

static void do_change_pin_unacceptable(void) {
    bench_change_pin(&world.bench, world.app, GM_PIN_USER, USER_PIN, "123");
}

static void do_change_admin_pin(void) {
    bench_change_pin(&world.bench, world.app, GM_PIN_ADMIN, ADMIN_PIN, "new-admin-pin");
}

static void do_unblock(void) {
    bench_unblock(&world.bench, world.app, ADMIN_PIN, "new-pin");
}

static void do_unblock_wrong(void) {
    bench_unblock(&world.bench, world.app, "not-the-pin", "new-pin");
}

static void do_unblock_must_change(void) {
    bench_unblock_must_change(&world.bench, world.app, ADMIN_PIN, "new-pin");
}

static void do_change_dev_key(void) {
    bench_set_key(&world.bench, INS_CHANGE_DEV_AUTH_KEY, DEVICE_KEY, "another-key-16-b");
}

static void do_change_dev_key_wrong(void) {
    bench_set_key(&world.bench, INS_CHANGE_DEV_AUTH_KEY, "0000000000000000", "another-key-16-b");
}

static void do_set_unlock_key(void) {
    bench_set_key(&world.bench, INS_VENDOR_SET_UNLOCK_KEY, DEVICE_KEY, "another-key-16-b");
}

static void do_remote_unlock(void) {
    bench_unlock_challenge(&world.bench, world.app, "CASE");
    bench_remote_unlock(&world.bench, world.app, UNLOCK_KEY, "CASE", "new-pin", 1);
}

static void do_remote_unlock_wrong(void) {
    bench_unlock_challenge(&world.bench, world.app, "CASE");
    bench_remote_unlock(&world.bench, world.app, "not-the-key-16-b", "CASE", "new-pin", 1);
}

/* --- tries: taking one is a commit of its own, a state between old and new --- */

static struct pin_ref ref_of_user(void) {
    return gm_pin_ref(world.app - 1U, GM_PIN_USER);
}

static struct pin_ref ref_of_admin(void) {
    return gm_pin_ref(world.app - 1U, GM_PIN_ADMIN);
}

static unsigned tries(struct pin_ref ref) {
    struct pin_record record;
    uint8_t left;
    assert_int_equal(pin_read(&world.bench.card.store, ref, &record, &left), PIN_OK);
    return left;
}

static void spend(struct pin_ref ref) {
    struct pin_record record;
    uint8_t left;
    assert_int_equal(pin_spend_try(&world.bench.card.store, ref, &record, &left), PIN_OK);
}

#define TRIES_OF(who, ref)                                                                         \
    static unsigned who##_tries(void) {                                                            \
        return tries(ref());                                                                       \
    }                                                                                              \
    static void spend_##who(void) {                                                                \
        spend(ref());                                                                              \
    }
TRIES_OF(user, ref_of_user)
TRIES_OF(admin, ref_of_admin)
TRIES_OF(device, gm_device_ref)
TRIES_OF(unlock, gm_unlock_ref)

#define NONE   NULL, NULL
#define USER   spend_user, user_tries
#define ADMIN  spend_admin, admin_tries
#define DEVICE spend_device, device_tries
#define UNLOCK spend_unlock, unlock_tries

/* --- cards --- */

static void start(void) {
    world.image = images[kind];
    world_start(&world);
}

/* clang-format off */
static const struct gm_case {
    enum card_kind kind;
    struct power_cuts_case c;
} cases[] = {
    {CARD_SM2, {"SET_LABEL", start, do_set_label, SW_OK, NONE}},
    {CARD_FULL, {"SET_LABEL, log full", start, do_set_label, SW_OK, NONE}},
    {CARD_SM2, {"CREATE_APPLICATION", start, do_create_app, SW_OK, NONE}},
    {CARD_SM2, {"DELETE_APPLICATION", start, do_delete_app, SW_OK, NONE}},
    {CARD_SM2, {"CREATE_CONTAINER", start, do_create_container, SW_OK, NONE}},
    {CARD_SM2, {"DELETE_CONTAINER", start, do_delete_container, SW_OK, NONE}},
    {CARD_RSA, {"DELETE_CONTAINER, RSA", start, do_delete_rsa_container, SW_OK, NONE}},
    {CARD_SM2, {"GEN_ECC_KEY_PAIR", start, do_gen_sm2, SW_OK, NONE}},
    {CARD_RSA, {"GEN_RSA_KEY_PAIR", start, do_gen_rsa, SW_OK, NONE}},
    {CARD_SM2, {"IMPORT_ECC_KEY_PAIR", start, do_import_sm2, SW_OK, NONE}},
    {CARD_SM2, {"IMPORT_ECC_KEY_PAIR, again", start, do_import_sm2_again, SW_OK, NONE}},
    {CARD_SM2, {"IMPORT_ECC_KEY_PAIR, renew", start, do_import_sm2_renew, SW_OK, NONE}},
    {CARD_SM2, {"IMPORT_ECC_KEY_PAIR, history", start, do_import_sm2_history, SW_OK, NONE}},
    {CARD_RSA, {"IMPORT_RSA_KEY_PAIR", start, do_import_rsa, SW_OK, NONE}},
    {CARD_RSA, {"IMPORT_RSA_KEY_PAIR, renew", start, do_import_rsa_renew, SW_OK, NONE}},
    {CARD_RSA, {"IMPORT_RSA_KEY_PAIR, history", start, do_import_rsa_history, SW_OK, NONE}},
    {CARD_SM2, {"IMPORT_CERTIFICATE", start, do_import_cert, SW_OK, NONE}},
    {CARD_SM2, {"IMPORT_CERTIFICATE, again", start, do_replace_cert, SW_OK, NONE}},
    {CARD_SM2, {"RETIRE_SIGNING_KEY", start, do_retire, SW_OK, NONE}},
    {CARD_FILES, {"CREATE_FILE", start, do_create_file, SW_OK, NONE}},
    {CARD_FILES, {"WRITE_FILE", start, do_write_file, SW_OK, NONE}},
    {CARD_FILES, {"WRITE_FILE, first", start, do_write_new_file, SW_OK, NONE}},
    {CARD_FILES, {"DELETE_FILE", start, do_delete_file, SW_OK, NONE}},
    {CARD_SM2, {"VERIFY_PIN, right", start, do_verify_right, SW_OK, USER}},
    {CARD_SM2, {"VERIFY_PIN, wrong", start, do_verify_wrong, SW_PIN_WRONG | (USER_TRIES - 2), USER}},
    {CARD_SM2, {"VERIFY_PIN, admin", start, do_verify_admin_right, SW_OK, ADMIN}},
    {CARD_SM2, {"VERIFY_PIN, admin, wrong", start, do_verify_admin_wrong, SW_PIN_WRONG | (ADMIN_TRIES - 2), ADMIN}},
    {CARD_SM2, {"DEV_AUTH, right", start, do_dev_auth_right, SW_OK, DEVICE}},
    {CARD_SM2, {"DEV_AUTH, wrong", start, do_dev_auth_wrong, SW_PIN_WRONG | 13, DEVICE}},
    {CARD_SM2, {"CHANGE_PIN", start, do_change_pin, SW_OK, USER}},
    {CARD_SM2, {"CHANGE_PIN, wrong", start, do_change_pin_wrong, SW_PIN_WRONG | (USER_TRIES - 2), USER}},
    {CARD_SM2, {"CHANGE_PIN, too short", start, do_change_pin_unacceptable, SW_WRONG_DATA, USER}},
    {CARD_SM2, {"CHANGE_PIN, admin", start, do_change_admin_pin, SW_OK, ADMIN}},
    {CARD_SM2, {"UNBLOCK_PIN", start, do_unblock, SW_OK, ADMIN}},
    {CARD_SM2, {"UNBLOCK_PIN, wrong", start, do_unblock_wrong, SW_PIN_WRONG | (ADMIN_TRIES - 2), ADMIN}},
    {CARD_SM2, {"UNBLOCK_PIN, must change", start, do_unblock_must_change, SW_OK, ADMIN}},
    {CARD_SM2, {"CHANGE_DEV_AUTH_KEY", start, do_change_dev_key, SW_OK, DEVICE}},
    {CARD_SM2, {"CHANGE_DEV_AUTH_KEY, wrong", start, do_change_dev_key_wrong, SW_PIN_WRONG | 13, DEVICE}},
    {CARD_SM2, {"SET_UNLOCK_KEY", start, do_set_unlock_key, SW_OK, DEVICE}},
    {CARD_SM2, {"UNLOCK", start, do_remote_unlock, SW_OK, UNLOCK}},
    {CARD_SM2, {"UNLOCK, wrong", start, do_remote_unlock_wrong, SW_PIN_WRONG | 8, UNLOCK}},
};
/* clang-format on */

static void power_cycle(void) {
    bench_power_cycle(&world.bench);
}

static void keep(enum card_kind what) {
    size_t size = flash_ram_size(&world.bench.ram);
    bench_power_down(&world.bench);
    assert_non_null(images[what] = malloc(size));
    memcpy(images[what], world.bench.ram.bytes, size);
}

static void begin(const uint8_t *image) {
    bench_power_down(&world.bench);
    memcpy(world.bench.ram.bytes, image, flash_ram_size(&world.bench.ram));
    bench_power_cycle(&world.bench);
    assert_int_equal(bench_open_app(&world.bench, "APP", &world.app), SW_OK);
    world.bench.gm.state.device_verified = true;
    world.bench.gm.state.verified[world.app - 1U][GM_PIN_USER] = true;
}

static uint16_t make_container(const char *name) {
    uint16_t id = 0;
    assert_int_equal(bench_container(&world.bench, INS_CREATE_CONTAINER, world.app, name, &id),
                     SW_OK);
    return id;
}

static void other_envelope(struct field *f, uint16_t container, const struct sm2_point *sign) {
    uint8_t d[32];
    struct sm2_point pub;
    openssl_sm2_keygen(d, &pub);
    envelope_make(f, world.app, container, sign, d, &pub);
}

static void make_sm2_card(void) {
    struct bench *b = &world.bench;
    struct field f;
    struct sm2_point sign;
    world.sm2 = make_container("C");
    assert_int_equal(bench_gen_sm2(b, world.app, world.sm2, &world.sign), SW_OK);
    other_envelope(&f, world.sm2, &world.sign);
    assert_int_equal(bench_gm(b, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
    for (unsigned usage = 0; usage < 2; usage++)
        assert_int_equal(
            bench_import_cert(b, world.app, world.sm2, (enum gm_key_usage)usage, 0xc1, CERT),
            SW_OK);
    other_envelope(&world.sm2_envelope, world.sm2, &world.sign);
    plain = make_container("P");
    assert_int_equal(bench_gen_sm2(b, world.app, plain, &sign), SW_OK);
    other_envelope(&plain_envelope, plain, &sign);
    uncertified = make_container("U");
    assert_int_equal(bench_gen_sm2(b, world.app, uncertified, &sign), SW_OK);
    other_envelope(&f, uncertified, &sign);
    assert_int_equal(bench_gm(b, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
    other_envelope(&uncertified_envelope, uncertified, &sign);
    world.empty = make_container("E");
}

static void make_rsa_card(void) {
    struct bench *b = &world.bench;
    struct field f;
    world.rsa = make_container("R");
    assert_int_equal(bench_gen_rsa(b, world.app, world.rsa), SW_OK);
    world.rsa_sign = openssl_rsa_public(b->out, b->out + 256);
    world.rsa_enc = openssl_rsa_generate();
    rsa_envelope_make(&f, &world, world.rsa_enc);
    assert_int_equal(bench_gm(b, INS_IMPORT_RSA_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
    EVP_PKEY *pair = openssl_rsa_generate();
    rsa_envelope_make(&world.rsa_envelope, &world, pair);
    EVP_PKEY_free(pair);
    rsa_empty = make_container("E");
}

static void make_files_card(void) {
    struct bench *b = &world.bench;
    uint8_t data[OPEN_FILE];
    memset(data, FILE_BYTE, sizeof data);
    assert_int_equal(bench_create_file(b, world.app, "f", sizeof data, GM_ANYONE, GM_USER), SW_OK);
    assert_int_equal(bench_write_file(b, world.app, "f", 0, data, OPEN_FILE / 2), SW_OK);
    assert_int_equal(bench_write_file(b, world.app, "f", OPEN_FILE / 2, data, OPEN_FILE / 2),
                     SW_OK);
    assert_int_equal(bench_create_file(b, world.app, "g", 300, GM_ANYONE, GM_USER), SW_OK);
}

static void make_full_card(void) {
    const struct store *store = &world.bench.card.store;
    while (store->tail + STORE_TXN_MAX <= log_bank_end(store->flash, store->bank))
        assert_int_equal(bench_gm(&world.bench, INS_SET_LABEL, 0, 0, "a label", 7), SW_OK);
}

/* --- tests --- */

static char layout;

static int setup(void **state) {
    static const struct known_answer none[1];
    static void (*const make[CARDS])(void) = {make_sm2_card, make_rsa_card, make_files_card,
                                              make_full_card};
    struct bench *b = &world.bench;
    (void)state;
    memset(&world, 0, sizeof world);
    bench_init_layout(b, PAGES, layout);
    /* powered up a hundred thousand times: the self-tests are another test's */
    b->card.answers = none;
    b->card.answer_count = 0;
    assert_int_equal(bench_dev_auth(b, DEVICE_KEY), SW_OK);
    assert_int_equal(bench_create_app(b, "APP", GM_USER), SW_OK);
    assert_int_equal(bench_set_key(b, INS_VENDOR_SET_UNLOCK_KEY, DEVICE_KEY, UNLOCK_KEY), SW_OK);
    assert_int_equal(bench_open_app(b, "APP", &world.app), SW_OK);
    spend_user();
    spend_admin();
    spend_device();
    spend_unlock();
    uint8_t *base = malloc(flash_ram_size(&b->ram));
    assert_non_null(base);
    memcpy(base, b->ram.bytes, flash_ram_size(&b->ram));
    for (unsigned i = 0; i < CARDS; i++) {
        begin(base);
        make[i]();
        keep((enum card_kind)i);
    }
    free(base);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (unsigned i = 0; i < CARDS; i++)
        free(images[i]);
    world.image = NULL;
    world_free(&world);
    return 0;
}

static void
every_command_cut_at_every_write_leaves_the_old_or_the_new_state_also_twice(void **state) {
    struct bench *b = &world.bench;
    const struct power_cuts_card card = {&b->ram,    &b->flash, &b->card.store,
                                         b->mac_key, &b->sw,    power_cycle};
    (void)state;
    bool seen[256] = {false};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kind = cases[i].kind;
        power_cuts_run(&card, &cases[i].c);
        seen[b->sent[1]] = true;
    }
    for (unsigned ins = 0; ins < 256; ins++)
        if (seen[ins] != world_command_writes((uint8_t)ins))
            fail_msg("%02x writes, and nobody cuts its power", ins);
    power_cuts_report(layout == 'A' ? "power cuts, GM layout A" : "power cuts, GM layout B");
}

static void the_try_is_on_flash_before_the_comparison(void **state) {
    struct bench *b = &world.bench;
    (void)state;
    kind = CARD_SM2;
    start();
    unsigned before = user_tries();
    /* the power stays for the commit of the counter and fails at the first write after it */
    assert_int_equal(bench_verify(b, world.app, GM_PIN_USER, USER_PIN), SW_OK);
    unsigned long both = b->ram.writes;
    start();
    flash_ram_arm(&b->ram, both / 2, CUT_BEFORE);
    assert_int_not_equal(bench_verify(b, world.app, GM_PIN_USER, USER_PIN), SW_OK);
    bench_power_cycle(b);
    assert_int_equal(user_tries(), before - 1);
}

static void importing_over_a_certified_pair_is_refused_and_writes_nothing(void **state) {
    (void)state;
    kind = CARD_SM2;
    start();
    import_sm2(GM_IMPORT_CURRENT, &world.sm2_envelope);
    assert_int_equal(world.bench.sw, SW_CONDITIONS);
    assert_int_equal(world.bench.ram.writes, 0);
}

static bool on_flash(const void *secret, size_t len) {
    const struct flash_ram *ram = &world.bench.ram;
    return memmem(ram->bytes, flash_ram_size(ram), secret, len) != NULL;
}

static void retiring_or_changing_leaves_no_trace_of_the_secret_on_flash(void **state) {
    struct gm_key key;
    struct pin_record record;
    uint8_t left;
    (void)state;
    kind = CARD_SM2;
    start();
    assert_int_equal(
        gm_key_read(&world.bench.card.store, world.app - 1U, world.sm2 & 0xF, GM_KEY_SIGN, &key),
        STORE_OK);
    assert_true(on_flash(key.ecc.d, 32));
    do_retire();
    assert_int_equal(world.bench.sw, SW_OK);
    assert_false(on_flash(key.ecc.d, 32));

    pin_read(&world.bench.card.store, ref_of_user(), &record, &left);
    assert_true(on_flash(record.secret, 16));
    do_change_pin();
    assert_int_equal(world.bench.sw, SW_OK);
    assert_false(on_flash(record.secret, 16));
}

int gm_power_cuts(char profile) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_command_cut_at_every_write_leaves_the_old_or_the_new_state_also_twice),
        cmocka_unit_test(the_try_is_on_flash_before_the_comparison),
        cmocka_unit_test(importing_over_a_certified_pair_is_refused_and_writes_nothing),
        cmocka_unit_test(retiring_or_changing_leaves_no_trace_of_the_secret_on_flash),
    };
    layout = profile;
    return cmocka_run_group_tests_name("power cuts", tests, setup, teardown);
}
