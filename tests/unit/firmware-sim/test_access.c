/* PIN and device key rules of the card. */
#include "tests/unit/firmware-sim/card_bench.h"
#include "tests/unit/firmware-sim/testing.h"

static struct bench bench;
static uint16_t app, container;
static struct sm2_point pub;

static int setup(void **state) {
    (void)state;
    bench_init(&bench, FACTORY_PAGES + 2 * 8);
    bench_ready(&bench, &app, &container, &pub);
    bench_power_cycle(&bench);
    assert_int_equal(bench_open_app(&bench, "APP", &app), SW_OK);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    bench_free(&bench);
    return 0;
}

static uint16_t sign(void) {
    static const uint8_t e[32] = {5};
    return bench_sign_digest(&bench, app, container, e, NULL);
}

static void the_right_pin_opens_the_key_and_a_reset_closes_it(void **state) {
    (void)state;
    assert_int_equal(sign(), SW_SECURITY_STATUS);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    assert_int_equal(sign(), SW_OK);
    card_reset(&bench.card);
    assert_int_equal(sign(), SW_APP_NOT_OPEN);
    assert_int_equal(bench_open_app(&bench, "APP", &app), SW_OK);
    assert_int_equal(sign(), SW_SECURITY_STATUS);
}

static void clear_secure_state_forgets_the_pin(void **state) {
    struct field f = {.len = 0};
    (void)state;
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    field_u16(&f, app);
    assert_int_equal(bench_gm(&bench, INS_CLEAR_SECURE_STATE, 0, 0, f.bytes, f.len), SW_OK);
    assert_int_equal(sign(), SW_SECURITY_STATUS);
}

static void closing_the_application_keeps_the_pin_but_needs_a_new_opening(void **state) {
    struct field f = {.len = 0};
    (void)state;
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    field_u16(&f, app);
    assert_int_equal(bench_gm(&bench, INS_CLOSE_APPLICATION, 0, 0, f.bytes, f.len), SW_OK);
    assert_int_equal(sign(), SW_APP_NOT_OPEN);
    assert_int_equal(bench_open_app(&bench, "APP", &app), SW_OK);
    assert_int_equal(sign(), SW_OK);
}

static void a_wrong_pin_counts_down_and_forgets_an_earlier_success(void **state) {
    (void)state;
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, "654321"), SW_PIN_WRONG | 2);
    assert_int_equal(sign(), SW_SECURITY_STATUS);
    assert_int_equal(bench_tries(&bench, app, GM_PIN_USER), 2);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    assert_int_equal(bench_tries(&bench, app, GM_PIN_USER), USER_TRIES);
}

static void a_blocked_pin_stays_blocked_for_the_right_pin_and_after_power_off(void **state) {
    (void)state;
    for (unsigned i = USER_TRIES; i-- > 0;)
        assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, "654321"), SW_PIN_WRONG | i);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_PIN_BLOCKED);
    assert_int_equal(bench_change_pin(&bench, app, GM_PIN_USER, USER_PIN, "abcdef"),
                     SW_PIN_BLOCKED);
    bench_power_cycle(&bench);
    assert_int_equal(bench_open_app(&bench, "APP", &app), SW_OK);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_PIN_BLOCKED);
    assert_int_equal(sign(), SW_SECURITY_STATUS);
}

static void the_administrator_unblocks_with_a_new_pin(void **state) {
    (void)state;
    while (bench_verify(&bench, app, GM_PIN_USER, "654321") != SW_PIN_BLOCKED)
        ;
    assert_int_equal(bench_unblock(&bench, app, "not admin", "newpin"),
                     SW_PIN_WRONG | (ADMIN_TRIES - 1));
    assert_int_equal(bench_unblock(&bench, app, ADMIN_PIN, "newpin"), SW_OK);
    assert_int_equal(bench_tries(&bench, app, GM_PIN_ADMIN), ADMIN_TRIES);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_PIN_WRONG | 2);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, "newpin"), SW_OK);
    assert_int_equal(sign(), SW_OK);
}

static void a_blocked_administrator_unblocks_nothing(void **state) {
    (void)state;
    for (unsigned i = ADMIN_TRIES; i-- > 0;)
        assert_int_equal(bench_verify(&bench, app, GM_PIN_ADMIN, "wrong!"), SW_PIN_WRONG | i);
    assert_int_equal(bench_unblock(&bench, app, ADMIN_PIN, "newpin"), SW_PIN_BLOCKED);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
}

static void unblocking_forgets_a_verified_user(void **state) {
    (void)state;
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    assert_int_equal(bench_unblock(&bench, app, ADMIN_PIN, "newpin"), SW_OK);
    assert_int_equal(sign(), SW_SECURITY_STATUS);
}

static void the_pin_changes_under_the_old_pin_alone(void **state) {
    struct field f = {.len = 0};
    (void)state;
    field_u16(&f, app);
    bench_gm(&bench, INS_GET_PIN_INFO, 0, GM_PIN_USER, f.bytes, f.len);
    assert_int_equal(bench.out[2], 1);
    assert_int_equal(bench_change_pin(&bench, app, GM_PIN_USER, "wrong!", "abcdef"),
                     SW_PIN_WRONG | 2);
    assert_int_equal(bench_change_pin(&bench, app, GM_PIN_USER, USER_PIN, "abcdefghijklmnop"),
                     SW_OK);
    bench_gm(&bench, INS_GET_PIN_INFO, 0, GM_PIN_USER, f.bytes, f.len);
    assert_int_equal(bench.out[1], USER_TRIES);
    assert_int_equal(bench.out[2], 0);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_PIN_WRONG | 2);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, "abcdefghijklmnop"), SW_OK);
}

static void a_new_pin_shorter_than_six_is_refused_and_the_old_one_stays(void **state) {
    (void)state;
    assert_int_equal(bench_change_pin(&bench, app, GM_PIN_USER, USER_PIN, "12345"), SW_WRONG_DATA);
    assert_int_equal(bench_unblock(&bench, app, ADMIN_PIN, ""), SW_WRONG_DATA);
    assert_int_equal(bench_tries(&bench, app, GM_PIN_USER), USER_TRIES);
    assert_int_equal(bench_tries(&bench, app, GM_PIN_ADMIN), ADMIN_TRIES);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
}

static void a_challenge_serves_one_command(void **state) {
    struct field f = {.len = 0};
    (void)state;
    field_u16(&f, app);
    for (unsigned i = 0; i < 16; i++)
        field_u8(&f, i);
    assert_int_equal(bench_gm(&bench, INS_VERIFY_PIN, 0, GM_PIN_USER, f.bytes, f.len),
                     SW_REFERENCED_DATA);
    assert_int_equal(bench_random(&bench, 8), SW_OK);
    assert_int_equal(bench_gm(&bench, INS_VERIFY_PIN, 0, GM_PIN_USER, f.bytes, f.len),
                     SW_PIN_WRONG | 2);
    assert_int_equal(bench_gm(&bench, INS_VERIFY_PIN, 0, GM_PIN_USER, f.bytes, f.len),
                     SW_REFERENCED_DATA);
    assert_int_equal(bench_random(&bench, 7), SW_OK); /* too short for one */
    assert_int_equal(bench_gm(&bench, INS_VERIFY_PIN, 0, GM_PIN_USER, f.bytes, f.len),
                     SW_REFERENCED_DATA);
    assert_int_equal(bench_tries(&bench, app, GM_PIN_USER), 2);
}

static void a_replayed_pin_command_does_not_verify(void **state) {
    uint8_t seen[18];
    struct field f = {.len = 0};
    (void)state;
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    field_u16(&f, app);
    memcpy(seen, f.bytes, 2);
    memset(seen + 2, 0xa5, 16);
    assert_int_equal(bench_random(&bench, 8), SW_OK);
    assert_int_equal(bench_gm(&bench, INS_VERIFY_PIN, 0, GM_PIN_USER, seen, sizeof seen),
                     SW_PIN_WRONG | 2);
}

static void pin_commands_want_the_mac_class(void **state) {
    struct field f = {.len = 0};
    (void)state;
    field_u16(&f, app);
    for (unsigned i = 0; i < 20; i++)
        field_u8(&f, 0);
    assert_int_equal(bench_random(&bench, 8), SW_OK);
    assert_int_equal(bench_gm(&bench, INS_CHANGE_PIN, 0, GM_PIN_USER, f.bytes, f.len),
                     SW_UNKNOWN_CLA);
    assert_int_equal(bench_apdu(&bench, CLA_GM_MAC, INS_VERIFY_PIN, 0, GM_PIN_USER, f.bytes, 18),
                     SW_UNKNOWN_CLA);
    assert_int_equal(bench_tries(&bench, app, GM_PIN_USER), USER_TRIES);
}

static void applications_are_made_and_deleted_under_the_device_key_alone(void **state) {
    (void)state;
    assert_int_equal(bench_create_app(&bench, "OTHER", GM_USER), SW_SECURITY_STATUS);
    assert_int_equal(bench_gm(&bench, INS_DELETE_APPLICATION, 0, 0, "APP", 3), SW_SECURITY_STATUS);
    assert_int_equal(bench_dev_auth(&bench, "8765432187654321"), SW_PIN_WRONG | 14);
    assert_int_equal(bench_create_app(&bench, "OTHER", GM_USER), SW_SECURITY_STATUS);
    assert_int_equal(bench_dev_auth(&bench, "1234567812345678"), SW_OK);
    assert_int_equal(bench_create_app(&bench, "OTHER", GM_USER), SW_OK);
    assert_int_equal(bench_create_app(&bench, "OTHER", GM_USER), SW_APP_EXISTS);
    assert_int_equal(bench_gm(&bench, INS_ENUM_APPLICATION, 0, 0, NULL, 0), SW_OK);
    assert_int_equal(bench.out_len, 11);
    assert_memory_equal(bench.out, "APP\0OTHER\0", 11);
    assert_int_equal(bench_gm(&bench, INS_DELETE_APPLICATION, 0, 0, "APP", 3), SW_OK);
    assert_int_equal(sign(), SW_APP_NOT_OPEN);
    assert_int_equal(bench_gm(&bench, INS_OPEN_APPLICATION, 0, 0, "APP", 3), SW_APP_NOT_FOUND);
    assert_int_equal(bench_dev_auth(&bench, "8765432187654321"), SW_PIN_WRONG | 14);
    assert_int_equal(bench_create_app(&bench, "THIRD", GM_USER), SW_SECURITY_STATUS);
}

static void a_second_application_has_its_own_pins(void **state) {
    uint16_t other;
    (void)state;
    assert_int_equal(bench_dev_auth(&bench, "1234567812345678"), SW_OK);
    assert_int_equal(bench_create_app(&bench, "OTHER", GM_USER), SW_OK);
    assert_int_equal(bench_open_app(&bench, "OTHER", &other), SW_OK);
    assert_int_equal(bench_verify(&bench, other, GM_PIN_USER, USER_PIN), SW_OK);
    assert_int_equal(sign(), SW_SECURITY_STATUS);
    assert_int_equal(bench_verify(&bench, other, GM_PIN_USER, "wrong!"), SW_PIN_WRONG | 2);
    assert_int_equal(bench_tries(&bench, app, GM_PIN_USER), USER_TRIES);
}

static void the_label_of_a_key_with_an_application_needs_an_administrator(void **state) {
    (void)state;
    assert_int_equal(bench_gm(&bench, INS_SET_LABEL, 0, 0, "mine", 4), SW_SECURITY_STATUS);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_ADMIN, ADMIN_PIN), SW_OK);
    assert_int_equal(bench_gm(&bench, INS_SET_LABEL, 0, 0, "mine", 4), SW_OK);
    assert_int_equal(bench_gm(&bench, INS_GET_DEV_INFO, 0, 0, NULL, 0), SW_OK);
    assert_int_equal(bench.out_len, GM_DEVINFO_SIZE);
    assert_string_equal((const char *)bench.out + DEVINFO_LABEL, "mine");
    assert_string_equal((const char *)bench.out + DEVINFO_SERIAL, "TESTSERIAL");
    assert_memory_equal(bench.out + DEVINFO_VENDOR_MAGIC, "OUK1", 4);
}

static uint32_t changes(void) {
    assert_int_equal(bench_gm(&bench, INS_GET_DEV_INFO, 0, 0, NULL, 0), SW_OK);
    const uint8_t *p = bench.out + DEVINFO_CHANGE_COUNTER;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void the_change_counter_grows_with_objects_and_not_with_pins(void **state) {
    (void)state;
    uint32_t before = changes();
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    bench_verify(&bench, app, GM_PIN_ADMIN, "wrong!");
    assert_int_equal(changes(), before);
    assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, "N", NULL), SW_OK);
    assert_int_equal(changes(), before + 1);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_right_pin_opens_the_key_and_a_reset_closes_it),
        T(clear_secure_state_forgets_the_pin),
        T(closing_the_application_keeps_the_pin_but_needs_a_new_opening),
        T(a_wrong_pin_counts_down_and_forgets_an_earlier_success),
        T(a_blocked_pin_stays_blocked_for_the_right_pin_and_after_power_off),
        T(the_administrator_unblocks_with_a_new_pin),
        T(a_blocked_administrator_unblocks_nothing),
        T(unblocking_forgets_a_verified_user),
        T(the_pin_changes_under_the_old_pin_alone),
        T(a_new_pin_shorter_than_six_is_refused_and_the_old_one_stays),
        T(a_challenge_serves_one_command),
        T(a_replayed_pin_command_does_not_verify),
        T(pin_commands_want_the_mac_class),
        T(applications_are_made_and_deleted_under_the_device_key_alone),
        T(a_second_application_has_its_own_pins),
        T(the_label_of_a_key_with_an_application_needs_an_administrator),
        T(the_change_counter_grows_with_objects_and_not_with_pins),
    };
    return cmocka_run_group_tests_name("PINs and device key", tests, NULL, NULL);
}
