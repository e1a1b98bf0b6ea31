/* Power cut at every flash write of every PIV command that changes the card: the old state or the new one, or that with one
 * try spent; tries never regained. */
#include "firmware-sim/applets/piv/piv_internal.h"
#include "tests/unit/firmware-sim/piv_bench.h"
#include "tests/unit/firmware-sim/testing.h"

#include <stdlib.h>

enum { PAGES = FACTORY_PAGES + 2 * 8, SECOND_CUTS = 3 };

static struct piv_bench bench;
static uint8_t *image;
static unsigned long cuts, second_cuts;

static void do_verify_right(void) {
    piv_bench_verify(&bench, PIV_TEST_PIN);
}

static void do_verify_wrong(void) {
    piv_bench_verify(&bench, PIV_OTHER_PIN);
}

static void do_change_pin(void) {
    piv_bench_apdu(&bench, PIV_CHANGE_REFERENCE_DATA, 0, PIV_PIN, PIV_TEST_PIN PIV_OTHER_PIN, 16);
}

static void do_change_pin_wrong(void) {
    piv_bench_apdu(&bench, PIV_CHANGE_REFERENCE_DATA, 0, PIV_PIN, PIV_OTHER_PIN PIV_OTHER_PIN, 16);
}

static void do_change_puk(void) {
    piv_bench_apdu(&bench, PIV_CHANGE_REFERENCE_DATA, 0, PIV_PUK, PIV_TEST_PUK PIV_OTHER_PIN, 16);
}

static void do_unblock(void) {
    piv_bench_apdu(&bench, PIV_RESET_RETRY_COUNTER, 0, PIV_PIN, PIV_TEST_PUK PIV_OTHER_PIN, 16);
}

static void do_set_retries(void) {
    piv_bench_apdu(&bench, PIV_SET_PIN_RETRIES, 5, 6, NULL, 0);
}

static void do_put(void) {
    uint8_t content[3000];
    memset(content, 0x77, sizeof content);
    piv_bench_put(&bench, PIV_OBJECT_CERT_9C, content, sizeof content);
}

static void do_replace(void) {
    uint8_t content[900];
    memset(content, 0x78, sizeof content);
    piv_bench_put(&bench, PIV_OBJECT_CERT_9A, content, sizeof content);
}

static void do_delete(void) {
    piv_bench_put(&bench, PIV_OBJECT_CERT_9A, NULL, 0);
}

static void do_generate(void) {
    piv_bench_generate(&bench, PIV_SIGNATURE, PIV_P256);
}

static void do_generate_again(void) {
    piv_bench_generate(&bench, PIV_AUTHENTICATION, PIV_P256);
}

static void do_import(void) {
    uint8_t scalar[2 + 32] = {6, 32, 1, 2, 3};
    piv_bench_apdu(&bench, PIV_IMPORT_KEY, PIV_P256, PIV_KEY_MANAGEMENT, scalar, sizeof scalar);
}

static void do_set_management(void) {
    uint8_t key[3 + 16] = {PIV_AES128, PIV_MANAGEMENT, 16, 9};
    piv_bench_apdu(&bench, PIV_SET_MANAGEMENT_KEY, 0xFF, 0xFF, key, sizeof key);
}

static void do_reset(void) {
    piv_bench_apdu(&bench, PIV_RESET, 0, 0, NULL, 0);
}

enum spends { NOTHING, SPENDS_PIN, SPENDS_PUK };

static const struct command_case {
    const char *name;
    void (*run)(void);
    uint16_t sw;
    enum spends spends; /* a try first: that commit is a state between old and new */
    bool blocked;       /* PIN and PUK are */
} cases[] = {
    {"VERIFY, right", do_verify_right, SW_OK, SPENDS_PIN, false},
    {"VERIFY, wrong", do_verify_wrong, SW_PIN_WRONG | 1, SPENDS_PIN, false},
    {"CHANGE PIN", do_change_pin, SW_OK, SPENDS_PIN, false},
    {"CHANGE PIN, wrong", do_change_pin_wrong, SW_PIN_WRONG | 1, SPENDS_PIN, false},
    {"CHANGE PUK", do_change_puk, SW_OK, SPENDS_PUK, false},
    {"RESET RETRY COUNTER", do_unblock, SW_OK, SPENDS_PUK, false},
    {"SET PIN RETRIES", do_set_retries, SW_OK, NOTHING, false},
    {"PUT DATA", do_put, SW_OK, NOTHING, false},
    {"PUT DATA, replacing", do_replace, SW_OK, NOTHING, false},
    {"PUT DATA, deleting", do_delete, SW_OK, NOTHING, false},
    {"GENERATE", do_generate, SW_OK, NOTHING, false},
    {"GENERATE, replacing", do_generate_again, SW_OK, NOTHING, false},
    {"IMPORT KEY", do_import, SW_OK, NOTHING, false},
    {"SET MANAGEMENT KEY", do_set_management, SW_OK, NOTHING, false},
    {"RESET", do_reset, SW_OK, NOTHING, true},
};

static const struct pin_ref refs[] = {
    [SPENDS_PIN] = {ID_PIN, ID_PIN_TRIES}, [SPENDS_PUK] = {ID_PUK, ID_PUK_TRIES}};

static void prepare(void) {
    uint8_t content[700];
    memset(content, 0x42, sizeof content);
    piv_bench_init(&bench, PAGES);
    piv_bench_manage(&bench);
    assert_int_equal(piv_bench_generate(&bench, PIV_AUTHENTICATION, PIV_P256), SW_OK);
    assert_int_equal(piv_bench_put(&bench, PIV_OBJECT_CERT_9A, content, sizeof content), SW_OK);
    assert_int_equal(piv_bench_verify(&bench, PIV_OTHER_PIN), SW_PIN_WRONG | 2); /* one try gone */
    piv_bench_power_down(&bench);
    image = malloc(flash_ram_size(&bench.ram));
    assert_non_null(image);
    memcpy(image, bench.ram.bytes, flash_ram_size(&bench.ram));
}

/* Powers up on the prepared flash, with everything verified. */
static void start(bool blocked) {
    piv_bench_power_down(&bench);
    memcpy(bench.ram.bytes, image, flash_ram_size(&bench.ram));
    piv_bench_power_cycle(&bench);
    if (blocked) {
        store_begin(&bench.card.store);
        pin_put_tries(&bench.card.store, refs[SPENDS_PIN], 0);
        pin_put_tries(&bench.card.store, refs[SPENDS_PUK], 0);
        assert_int_equal(store_commit(&bench.card.store, STORE_PLAIN), STORE_OK);
    }
    bench.piv.pin_verified = bench.piv.management_verified = true;
    flash_ram_power_on(&bench.ram);
}

static unsigned tries(enum spends spends) {
    struct pin_record record;
    uint8_t left;
    assert_int_equal(pin_read(&bench.card.store, refs[spends], &record, &left), PIN_OK);
    return left;
}

static void cut_recovery(const uint8_t digest[32], const uint8_t *broken, unsigned long writes) {
    uint8_t now[32];
    uint32_t page;
    unsigned long step = writes / SECOND_CUTS + 1;
    for (unsigned long at = 0; at < writes; at += step, second_cuts++) {
        uint8_t mac_key[FACTORY_MAC_KEY] = {7};
        piv_bench_power_down(&bench);
        memcpy(bench.ram.bytes, broken, flash_ram_size(&bench.ram));
        flash_ram_power_on(&bench.ram);
        flash_ram_arm(&bench.ram, at, (enum flash_ram_cut)(at % CUT_KINDS));
        assert_int_equal(store_mount(&bench.card.store, &bench.flash, mac_key, &page), STORE_FLASH);
        piv_bench_power_cycle(&bench);
        piv_bench_digest(&bench, now);
        assert_memory_equal(now, digest, 32);
    }
}

static void run_case(const struct command_case *c) {
    uint8_t old[32], spent[32], new[32], now[32], left;
    uint8_t *broken = malloc(flash_ram_size(&bench.ram));
    bool seen_old = false, seen_new = false;
    struct pin_record record;
    unsigned old_tries = 0;
    assert_non_null(broken);
    start(c->blocked);
    piv_bench_digest(&bench, old);
    memcpy(spent, old, 32);
    if (c->spends) {
        old_tries = tries(c->spends);
        assert_int_equal(pin_spend_try(&bench.card.store, refs[c->spends], &record, &left), PIN_OK);
        piv_bench_digest(&bench, spent);
    }
    start(c->blocked);
    unsigned long before = bench.ram.writes;
    c->run();
    unsigned long writes = bench.ram.writes - before;
    assert_int_equal(bench.sw, c->sw);
    piv_bench_digest(&bench, new);
    assert_true(writes > 0);

    for (unsigned long at = 0; at < writes; at++) {
        for (unsigned cut = 0; cut < CUT_KINDS; cut++, cuts++) {
            start(c->blocked);
            flash_ram_arm(&bench.ram, at, (enum flash_ram_cut)cut);
            c->run();
            assert_true(bench.ram.off);
            assert_int_not_equal(bench.sw, SW_OK);
            bool answered = (bench.sw & 0xFFF0) == SW_PIN_WRONG;
            memcpy(broken, bench.ram.bytes, flash_ram_size(&bench.ram));
            piv_bench_power_cycle(&bench);
            unsigned long recovery = bench.ram.writes;
            piv_bench_digest(&bench, now);
            bool is_old = memcmp(now, old, 32) == 0, is_new = memcmp(now, new, 32) == 0;
            if (!is_old && !is_new && memcmp(now, spent, 32) != 0)
                fail_msg("%s: a third state after a cut at write %lu", c->name, at);
            if (c->spends && !is_new && answered)
                assert_int_equal(tries(c->spends), old_tries - 1); /* nothing learnt for free */
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
    piv_bench_free(&bench);
}

static bool on_flash(const void *secret, size_t len) {
    return memmem(bench.ram.bytes, flash_ram_size(&bench.ram), secret, len) != NULL;
}

static void what_is_replaced_leaves_no_trace_on_flash(void **state) {
    struct piv_key key;
    (void)state;
    prepare();
    start(false);
    assert_int_equal(piv_key_read(&bench.piv, PIV_AUTHENTICATION, &key), STORE_OK);
    assert_true(on_flash(key.ec.d, 32));
    do_generate_again();
    assert_int_equal(bench.sw, SW_OK);
    assert_false(on_flash(key.ec.d, 32));
    assert_true(on_flash(PIV_TEST_PIN, 8));
    do_change_pin();
    assert_int_equal(bench.sw, SW_OK);
    assert_false(on_flash(PIV_TEST_PIN, 8));
    static const uint8_t factory_key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    assert_true(on_flash(factory_key, 16));
    do_set_management();
    assert_int_equal(bench.sw, SW_OK);
    assert_false(on_flash(factory_key, 16));
    free(image);
    piv_bench_free(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_cut_at_every_write_leaves_the_old_or_the_new_state),
        cmocka_unit_test(what_is_replaced_leaves_no_trace_on_flash),
    };
    return cmocka_run_group_tests_name("power cuts of PIV", tests, NULL, NULL);
}
