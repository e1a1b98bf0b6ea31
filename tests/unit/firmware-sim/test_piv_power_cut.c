/* Power cut at every flash write of every PIV command that changes the card: the old state or the new one, or that with one
 * try spent; tries never regained. */
#include "firmware-sim/applets/piv/piv_internal.h"
#include "firmware-sim/crypto/known_answers.h"
#include "tests/unit/firmware-sim/piv_host.h"
#include "tests/unit/firmware-sim/power_cuts.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/rsa.h>
#include <stdlib.h>

enum { PAGES = FACTORY_PAGES + 2 * 4, RSA_PARTS = 5 * (256 + 4) };

static struct piv_bench bench;
static uint8_t *image, *blocked_image; /* the second with PIN and PUK blocked */
static uint8_t rsa4096[RSA_PARTS];     /* the data of IMPORT KEY */
static size_t rsa4096_len;

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

static void do_change_puk_wrong(void) {
    piv_bench_apdu(&bench, PIV_CHANGE_REFERENCE_DATA, 0, PIV_PUK, PIV_OTHER_PIN PIV_OTHER_PIN, 16);
}

static void do_unblock_wrong(void) {
    piv_bench_apdu(&bench, PIV_RESET_RETRY_COUNTER, 0, PIV_PIN, PIV_OTHER_PIN PIV_OTHER_PIN, 16);
}

static void do_unblock(void) {
    piv_bench_apdu(&bench, PIV_RESET_RETRY_COUNTER, 0, PIV_PIN, PIV_TEST_PUK PIV_OTHER_PIN, 16);
}

static void do_set_retries(void) {
    piv_bench_apdu(&bench, PIV_SET_PIN_RETRIES, 5, 6, NULL, 0);
}

static void do_put(void) {
    uint8_t content[1500];
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

static void do_import_again(void) {
    uint8_t scalar[2 + 48] = {6, 48, 1, 2, 3};
    piv_bench_apdu(&bench, PIV_IMPORT_KEY, PIV_P384, PIV_AUTHENTICATION, scalar, sizeof scalar);
}

static void do_generate_rsa(void) {
    piv_bench_generate(&bench, PIV_RETIRED_FIRST, PIV_RSA2048);
}

static void do_import_rsa(void) {
    piv_bench_apdu(&bench, PIV_IMPORT_KEY, PIV_RSA4096, PIV_RETIRED_LAST, rsa4096, rsa4096_len);
}

static void do_set_management(void) {
    uint8_t key[3 + 16] = {PIV_AES128, PIV_MANAGEMENT, 16, 9};
    piv_bench_apdu(&bench, PIV_SET_MANAGEMENT_KEY, 0xFF, 0xFF, key, sizeof key);
}

static void do_reset(void) {
    piv_bench_apdu(&bench, PIV_RESET, 0, 0, NULL, 0);
}

static const struct pin_ref pin_ref = {ID_PIN, ID_PIN_TRIES}, puk_ref = {ID_PUK, ID_PUK_TRIES};

static unsigned tries(struct pin_ref ref) {
    struct pin_record record;
    uint8_t left;
    assert_int_equal(pin_read(&bench.card.store, ref, &record, &left), PIN_OK);
    return left;
}

static void spend(struct pin_ref ref) {
    struct pin_record record;
    uint8_t left;
    assert_int_equal(pin_spend_try(&bench.card.store, ref, &record, &left), PIN_OK);
}

static unsigned pin_tries(void) {
    return tries(pin_ref);
}

static unsigned puk_tries(void) {
    return tries(puk_ref);
}

static void spend_pin(void) {
    spend(pin_ref);
}

static void spend_puk(void) {
    spend(puk_ref);
}

/* Powers up on the prepared flash, with everything verified. */
static void start_on(const uint8_t *prepared) {
    piv_bench_power_down(&bench);
    memcpy(bench.ram.bytes, prepared, flash_ram_size(&bench.ram));
    piv_bench_power_cycle(&bench);
    bench.piv.pin_verified = bench.piv.management_verified = true;
    assert_int_equal(bench.ram.writes, 0);
}

static void start(void) {
    start_on(image);
}

static void start_blocked(void) {
    start_on(blocked_image);
}

#define NONE NULL, NULL
#define PIN  spend_pin, pin_tries
#define PUK  spend_puk, puk_tries
/* clang-format off */
static const struct power_cuts_case cases[] = {
    {"VERIFY, right", start, do_verify_right, SW_OK, PIN},
    {"VERIFY, wrong", start, do_verify_wrong, SW_PIN_WRONG | 1, PIN},
    {"CHANGE PIN", start, do_change_pin, SW_OK, PIN},
    {"CHANGE PIN, wrong", start, do_change_pin_wrong, SW_PIN_WRONG | 1, PIN},
    {"CHANGE PUK", start, do_change_puk, SW_OK, PUK},
    {"CHANGE PUK, wrong", start, do_change_puk_wrong, SW_PIN_WRONG | 1, PUK},
    {"RESET RETRY COUNTER", start, do_unblock, SW_OK, PUK},
    {"RESET RETRY COUNTER, wrong", start, do_unblock_wrong, SW_PIN_WRONG | 1, PUK},
    {"SET PIN RETRIES", start, do_set_retries, SW_OK, NONE},
    {"PUT DATA", start, do_put, SW_OK, NONE},
    {"PUT DATA, replacing", start, do_replace, SW_OK, NONE},
    {"PUT DATA, deleting", start, do_delete, SW_OK, NONE},
    {"GENERATE", start, do_generate, SW_OK, NONE},
    {"GENERATE, replacing", start, do_generate_again, SW_OK, NONE},
    {"GENERATE, RSA-2048", start, do_generate_rsa, SW_OK, NONE},
    {"IMPORT KEY", start, do_import, SW_OK, NONE},
    {"IMPORT KEY, replacing", start, do_import_again, SW_OK, NONE},
    {"IMPORT KEY, RSA-4096", start, do_import_rsa, SW_OK, NONE},
    {"SET MANAGEMENT KEY", start, do_set_management, SW_OK, NONE},
    {"RESET", start_blocked, do_reset, SW_OK, NONE},
};
/* clang-format on */

static void make_rsa4096(void) {
    EVP_PKEY *key = EVP_RSA_gen(4096);
    rsa4096_len = piv_host_rsa_parts(key, rsa4096, sizeof rsa4096);
    EVP_PKEY_free(key);
}

static uint8_t *copy_of_flash(void) {
    uint8_t *copy = malloc(flash_ram_size(&bench.ram));
    piv_bench_power_down(&bench);
    assert_non_null(copy);
    return memcpy(copy, bench.ram.bytes, flash_ram_size(&bench.ram));
}

static int setup(void **state) {
    static const struct known_answer none[1];
    uint8_t content[700];
    (void)state;
    memset(content, 0x42, sizeof content);
    piv_bench_init(&bench, PAGES);
    /* powered up many thousand times: the self-tests are another test's */
    bench.card.answers = none;
    bench.card.answer_count = 0;
    piv_bench_manage(&bench);
    assert_int_equal(piv_bench_generate(&bench, PIV_AUTHENTICATION, PIV_P256), SW_OK);
    assert_int_equal(piv_bench_put(&bench, PIV_OBJECT_CERT_9A, content, sizeof content), SW_OK);
    spend_pin(); /* one try of each gone, so that a regained one would show */
    spend_puk();
    image = copy_of_flash();
    piv_bench_power_cycle(&bench);
    while (pin_tries())
        spend_pin();
    while (puk_tries())
        spend_puk();
    blocked_image = copy_of_flash();
    make_rsa4096();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    free(image);
    free(blocked_image);
    piv_bench_free(&bench);
    return 0;
}

static void power_cycle(void) {
    piv_bench_power_cycle(&bench);
}

static void
every_command_cut_at_every_write_leaves_the_old_or_the_new_state_also_twice(void **state) {
    const struct power_cuts_card card = {&bench.ram,        &bench.flash,
                                         &bench.card.store, bench.card.factory.mac_key,
                                         &bench.sw,         power_cycle};
    (void)state;
    /* nine commands write, all of them cases above; six only read. A new one: cut its power, or count it here */
    assert_int_equal(bench.piv.applet.count, 9 + 6);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        power_cuts_run(&card, &cases[i]);
    power_cuts_report("power cuts, PIV");
}

static bool on_flash(const void *secret, size_t len) {
    return memmem(bench.ram.bytes, flash_ram_size(&bench.ram), secret, len) != NULL;
}

static void what_is_replaced_leaves_no_trace_on_flash(void **state) {
    struct piv_key key;
    (void)state;
    start();
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
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_command_cut_at_every_write_leaves_the_old_or_the_new_state_also_twice),
        cmocka_unit_test(what_is_replaced_leaves_no_trace_on_flash),
    };
    return cmocka_run_group_tests_name("power cuts of PIV", tests, setup, teardown);
}
