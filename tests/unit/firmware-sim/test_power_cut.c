/* Power cut at every flash write of every command that changes the card: the old state or the new one, keys usable, tries
 * never regained. */
#include "firmware-sim/applets/gm/objects.h"
#include "tests/unit/firmware-sim/card_bench.h"
#include "tests/unit/firmware-sim/openssl_sm.h"
#include "tests/unit/firmware-sim/testing.h"

#include <stdlib.h>

enum { PAGES = FACTORY_PAGES + 2 * 8, SECOND_CUTS = 3 };

static struct bench bench;
static uint16_t app, container;
static struct sm2_point sign_pub;
static struct field envelope;

/* --- commands --- */

static void do_set_label(void) {
    bench_gm(&bench, INS_SET_LABEL, 0, 0, "another", 7);
}

static void do_create_app(void) {
    bench_create_app(&bench, "SECOND", GM_ADMIN);
}

static void do_delete_app(void) {
    bench_gm(&bench, INS_DELETE_APPLICATION, 0, 0, "APP", 3);
}

static void do_create_container(void) {
    bench_container(&bench, INS_CREATE_CONTAINER, app, "another container", NULL);
}

static void do_delete_container(void) {
    bench_container(&bench, INS_DELETE_CONTAINER, app, "C", NULL);
}

static void do_gen_sm2(void) {
    bench_gen_sm2(&bench, app, (uint16_t)(container + 17),
                  NULL); /* the next container: number + 1, slot + 1 */
}

static void do_import_key(void) {
    bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, envelope.bytes, envelope.len);
}

static void do_import_cert(void) {
    bench_import_cert(&bench, app, container, GM_KEY_SIGN, 0xd2, 900);
}

static void do_retire(void) {
    struct field f = {.len = 0};
    field_u16(&f, app);
    field_u16(&f, container);
    bench_gm(&bench, INS_VENDOR_RETIRE_SIGNING_KEY, 0, 0, f.bytes, f.len);
}

static void do_create_file(void) {
    bench_create_file(&bench, app, "new.esl", 5000, GM_ANYONE, GM_USER);
}

static void do_write_file(void) {
    uint8_t data[600];
    memset(data, 0x5c, sizeof data);
    bench_write_file(&bench, app, "f", 1800, data, sizeof data); /* across a chunk's end */
}

static void do_delete_file(void) {
    bench_gm(&bench, INS_DELETE_FILE, (uint8_t)app, (uint8_t)(app >> 8), "f", 1);
}

static void do_verify_right(void) {
    bench_verify(&bench, app, GM_PIN_USER, USER_PIN);
}

static void do_verify_wrong(void) {
    bench_verify(&bench, app, GM_PIN_USER, "000000");
}

static void do_dev_auth_wrong(void) {
    bench_dev_auth(&bench, "0000000000000000");
}

static void do_change_pin(void) {
    bench_change_pin(&bench, app, GM_PIN_USER, USER_PIN, "new-pin");
}

static void do_unblock(void) {
    bench_unblock(&bench, app, ADMIN_PIN, "new-pin");
}

static const struct command_case {
    const char *name;
    void (*run)(void);
    uint16_t sw; /* what it answers when the power stays */
    bool spends; /* takes a try first: that commit is a state between old and new */
    enum gm_pin_type pin;
} cases[] = {
    {"SET_LABEL", do_set_label, SW_OK, false, 0},
    {"CREATE_APPLICATION", do_create_app, SW_OK, false, 0},
    {"DELETE_APPLICATION", do_delete_app, SW_OK, false, 0},
    {"CREATE_CONTAINER", do_create_container, SW_OK, false, 0},
    {"DELETE_CONTAINER", do_delete_container, SW_OK, false, 0},
    {"GEN_ECC_KEY_PAIR", do_gen_sm2, SW_OK, false, 0},
    {"IMPORT_ECC_KEY_PAIR", do_import_key, SW_OK, false, 0},
    {"IMPORT_CERTIFICATE", do_import_cert, SW_OK, false, 0},
    {"RETIRE_SIGNING_KEY", do_retire, SW_OK, false, 0},
    {"CREATE_FILE", do_create_file, SW_OK, false, 0},
    {"WRITE_FILE", do_write_file, SW_OK, false, 0},
    {"DELETE_FILE", do_delete_file, SW_OK, false, 0},
    {"VERIFY_PIN, right", do_verify_right, SW_OK, true, GM_PIN_USER},
    {"VERIFY_PIN, wrong", do_verify_wrong, SW_PIN_WRONG | (USER_TRIES - 2), true, GM_PIN_USER},
    {"DEV_AUTH, wrong", do_dev_auth_wrong, SW_PIN_WRONG | 14, false, 0},
    {"CHANGE_PIN", do_change_pin, SW_OK, true, GM_PIN_USER},
    {"UNBLOCK_PIN", do_unblock, SW_OK, true, GM_PIN_ADMIN},
};

/* --- the card before each command --- */

static uint8_t *image;

static void prepare(void) {
    uint8_t d[32] = {0x11, 0x22}, data[3000];
    struct sm2_point enc_pub;
    uint16_t second;
    bench_init(&bench, PAGES);
    bench_ready(&bench, &app, &container, &sign_pub);
    assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, "D", &second), SW_OK);
    assert_int_equal(second, container + 17);
    assert_int_equal(bench_import_cert(&bench, app, container, GM_KEY_SIGN, 0xc1, 700), SW_OK);
    assert_int_equal(bench_create_file(&bench, app, "f", sizeof data, GM_ANYONE, GM_USER), SW_OK);
    memset(data, 0x42, sizeof data);
    assert_int_equal(bench_write_file(&bench, app, "f", 0, data, 1500), SW_OK);
    assert_int_equal(bench_write_file(&bench, app, "f", 1500, data, 1500), SW_OK);
    assert_int_equal(sm2_public(&bench.card.rng, d, &enc_pub), SM2_OK);
    envelope_make(&envelope, app, container, &sign_pub, d, &enc_pub);
    /* one try already gone, so that a regained one would show */
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, "badbad"),
                     SW_PIN_WRONG | (USER_TRIES - 1));
    bench_power_down(&bench);
    image = malloc(flash_ram_size(&bench.ram));
    assert_non_null(image);
    memcpy(image, bench.ram.bytes, flash_ram_size(&bench.ram));
}

/* Powers up on the prepared flash, with everything opened and verified, without a write. */
static void start(void) {
    bench_power_down(&bench);
    memcpy(bench.ram.bytes, image, flash_ram_size(&bench.ram));
    bench_power_cycle(&bench);
    assert_int_equal(bench.ram.writes, 0);
    bench.gm.state.device_verified = true;
    bench.gm.state.open[app - 1] = true;
    bench.gm.state.verified[app - 1][GM_PIN_USER] = bench.gm.state.verified[app - 1][GM_PIN_ADMIN] = true;
}

static unsigned tries(enum gm_pin_type type) {
    struct pin_record record;
    uint8_t left;
    assert_int_equal(pin_read(&bench.card.store, gm_pin_ref(app - 1U, type), &record, &left),
                     PIN_OK);
    return left;
}

/* The state with one try of that PIN spent and nothing else changed. */
static void spend_one(enum gm_pin_type type, uint8_t digest[32]) {
    struct pin_record record;
    uint8_t left;
    start();
    assert_int_equal(pin_spend_try(&bench.card.store, gm_pin_ref(app - 1U, type), &record, &left),
                     PIN_OK);
    bench_digest(&bench, digest);
}

static unsigned long cuts, second_cuts;

/* Cuts the recovery of the present flash content too: it must end in the state digest. */
static void cut_recovery(const uint8_t digest[32], const uint8_t *broken, unsigned long writes) {
    uint8_t now[32];
    uint32_t page;
    unsigned long step = writes / SECOND_CUTS + 1;
    for (unsigned long at = 0; at < writes; at += step, second_cuts++) {
        bench_power_down(&bench);
        memcpy(bench.ram.bytes, broken, flash_ram_size(&bench.ram));
        flash_ram_power_on(&bench.ram);
        flash_ram_arm(&bench.ram, at, (enum flash_ram_cut)(at % CUT_KINDS));
        assert_int_equal(store_mount(&bench.card.store, &bench.flash, bench.mac_key, &page),
                         STORE_FLASH);
        bench_power_cycle(&bench);
        bench_digest(&bench, now);
        assert_memory_equal(now, digest, 32);
    }
}

static void run_case(const struct command_case *c) {
    uint8_t old[32], spent[32], new[32], now[32];
    uint8_t *broken = malloc(flash_ram_size(&bench.ram));
    bool seen_old = false, seen_new = false;
    assert_non_null(broken);
    start();
    bench_digest(&bench, old);
    unsigned old_tries = tries(c->pin);
    memcpy(spent, old, 32);
    if (c->spends)
        spend_one(c->pin, spent);
    start();
    flash_ram_power_on(&bench.ram);
    c->run();
    unsigned long writes = bench.ram.writes;
    assert_int_equal(bench.sw, c->sw);
    bench_digest(&bench, new);
    assert_true(writes > 0);

    for (unsigned long at = 0; at < writes; at++) {
        for (unsigned cut = 0; cut < CUT_KINDS; cut++, cuts++) {
            start();
            flash_ram_arm(&bench.ram, at, (enum flash_ram_cut)cut);
            c->run();
            assert_true(bench.ram.off);
            assert_int_not_equal(bench.sw, SW_OK);
            bool answered = (bench.sw & 0xFFF0) == SW_PIN_WRONG;
            memcpy(broken, bench.ram.bytes, flash_ram_size(&bench.ram));
            bench_power_cycle(&bench);
            unsigned long recovery = bench.ram.writes;
            bench_digest(&bench, now);
            bool is_old = memcmp(now, old, 32) == 0, is_new = memcmp(now, new, 32) == 0;
            if (!is_old && !is_new && memcmp(now, spent, 32) != 0)
                fail_msg("%s: a third state after a cut at write %lu", c->name, at);
            if (c->spends && !is_new && answered)
                assert_int_equal(tries(c->pin), old_tries - 1); /* nothing learnt for free */
            seen_old |= is_old;
            seen_new |= is_new;
            cut_recovery(now, broken, recovery);
        }
    }
    assert_true(seen_old && seen_new);
    print_message("%-22s cut at %lu writes\n", c->name, writes);
    free(broken);
}

static void every_command_cut_at_every_write_leaves_the_old_or_the_new_state(void **state) {
    (void)state;
    prepare();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i]);
    print_message("%lu cuts, %lu second cuts during recovery\n", cuts, second_cuts);
    free(image);
    bench_free(&bench);
}

static void the_try_is_on_flash_before_the_comparison(void **state) {
    (void)state;
    prepare();
    start();
    unsigned before = tries(GM_PIN_USER);
    /* the power stays for the commit of the counter and fails at the first write after it */
    flash_ram_power_on(&bench.ram);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    unsigned long both = bench.ram.writes;
    start();
    flash_ram_arm(&bench.ram, both / 2, CUT_BEFORE);
    assert_int_not_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    bench_power_cycle(&bench);
    assert_int_equal(tries(GM_PIN_USER), before - 1);
    free(image);
    bench_free(&bench);
}

static void retiring_or_changing_leaves_no_trace_of_the_secret_on_flash(void **state) {
    struct gm_key key;
    (void)state;
    prepare();
    start();
    assert_int_equal(gm_key_read(&bench.card.store, app - 1U, container & 0xF, GM_KEY_SIGN, &key),
                     STORE_OK);
    assert_non_null(memmem(bench.ram.bytes, flash_ram_size(&bench.ram), key.ecc.d, 32));
    do_retire();
    assert_int_equal(bench.sw, SW_OK);
    assert_null(memmem(bench.ram.bytes, flash_ram_size(&bench.ram), key.ecc.d, 32));

    struct pin_record record;
    uint8_t left;
    pin_read(&bench.card.store, gm_pin_ref(app - 1U, GM_PIN_USER), &record, &left);
    assert_non_null(memmem(bench.ram.bytes, flash_ram_size(&bench.ram), record.secret, 16));
    do_change_pin();
    assert_int_equal(bench.sw, SW_OK);
    assert_null(memmem(bench.ram.bytes, flash_ram_size(&bench.ram), record.secret, 16));
    free(image);
    bench_free(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_cut_at_every_write_leaves_the_old_or_the_new_state),
        cmocka_unit_test(the_try_is_on_flash_before_the_comparison),
        cmocka_unit_test(retiring_or_changing_leaves_no_trace_of_the_secret_on_flash),
    };
    return cmocka_run_group_tests_name("power cuts", tests, NULL, NULL);
}
