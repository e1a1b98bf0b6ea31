/* Rules of the GM application beyond single commands: remote unlock, PINs that must be changed, history pairs, bounds and end
 * of session keys, unknown algorithms, layouts on flash. */
#include "tests/unit/firmware-sim/gm_world.h"
#include "tests/unit/firmware-sim/openssl_sm.h"
#include "tests/unit/firmware-sim/testing.h"

#include <stdlib.h>

enum { PAGES = FACTORY_PAGES + 2 * 16 };

static struct world world;
#define BENCH (&world.bench)

static int setup(void **state) {
    (void)state;
    world_start(&world);
    return 0;
}

static uint16_t sign(void) {
    uint8_t e[32] = {3};
    return bench_sign_digest(BENCH, world.app, world.sm2, e, NULL);
}

static unsigned pin_flags(enum gm_pin_type type) {
    bench_tries(BENCH, world.app, type);
    return BENCH->out[2];
}

/* --- remote unlock --- */

static void block_user_pin(void) {
    for (unsigned i = 0; i < USER_TRIES; i++)
        bench_verify(BENCH, world.app, GM_PIN_USER, "badbad");
    assert_int_equal(bench_verify(BENCH, world.app, GM_PIN_USER, USER_PIN), SW_PIN_BLOCKED);
}

static void a_blocked_pin_is_unlocked_by_the_service_once(void **state) {
    (void)state;
    block_user_pin();
    assert_int_equal(bench_unlock_challenge(BENCH, world.app, "ORDER-7"), SW_OK);
    assert_int_equal(BENCH->out[48], 10);
    assert_int_equal(bench_remote_unlock(BENCH, world.app, UNLOCK_KEY, "ORDER-7", "fresh-pin", 0),
                     SW_OK);
    struct field again = {.len = BENCH->sent_len - 9};
    memcpy(again.bytes, BENCH->sent + 7, again.len);
    assert_int_equal(bench_tries(BENCH, world.app, GM_PIN_USER), USER_TRIES);
    assert_int_equal(sign(), SW_SECURITY_STATUS); /* a verified state of the old PIN is gone */
    assert_int_equal(bench_verify(BENCH, world.app, GM_PIN_USER, "fresh-pin"), SW_OK);
    assert_int_equal(sign(), SW_OK);
    /* the same bytes again: without and with another challenge */
    assert_int_equal(bench_gm(BENCH, INS_VENDOR_UNLOCK, 0, 0, again.bytes, again.len),
                     SW_REFERENCED_DATA);
    assert_int_equal(bench_unlock_challenge(BENCH, world.app, "ORDER-7"), SW_OK);
    assert_int_equal(bench_gm(BENCH, INS_VENDOR_UNLOCK, 0, 0, again.bytes, again.len),
                     SW_PIN_WRONG | 9);
}

static void an_unlock_is_bound_to_order_flags_pin_and_application(void **state) {
    (void)state;
    for (size_t at = 0; at < 2 + 1 + 16 + 16; at++) {
        if (at < 2) /* the application itself is looked at before */
            continue;
        world_start(&world);
        assert_int_equal(bench_unlock_challenge(BENCH, world.app, "ORDER"), SW_OK);
        uint8_t answer[49];
        memcpy(answer, BENCH->out, sizeof answer);
        assert_int_equal(bench_remote_unlock(BENCH, world.app, UNLOCK_KEY, "ORDER", "fresh-pin", 0),
                         SW_OK);
        struct field f = {.len = BENCH->sent_len - 9};
        memcpy(f.bytes, BENCH->sent + 7, f.len);
        /* the power-up gives the same challenge again: the very command, with one bit turned */
        world_start(&world);
        assert_int_equal(bench_unlock_challenge(BENCH, world.app, "ORDER"), SW_OK);
        assert_memory_equal(BENCH->out, answer, sizeof answer);
        f.bytes[at] ^= 1;
        assert_int_equal(bench_gm(BENCH, INS_VENDOR_UNLOCK, 0, 0, f.bytes, f.len),
                         SW_PIN_WRONG | 9);
    }
    world_start(&world);
    assert_int_equal(bench_unlock_challenge(BENCH, world.app, "ORDER"), SW_OK);
    assert_int_equal(bench_remote_unlock(BENCH, world.app, UNLOCK_KEY, "OTHER", "fresh-pin", 0),
                     SW_PIN_WRONG | 9);
    assert_int_equal(bench_unlock_challenge(BENCH, world.app, "ORDER"), SW_OK);
    assert_int_equal(bench_remote_unlock(BENCH, world.app, UNLOCK_KEY, "ORDER", "short", 0),
                     SW_WRONG_DATA);
    assert_int_equal(bench_unlock_challenge(BENCH, world.app, "ORDER"), SW_OK);
    assert_int_equal(BENCH->out[48], 10);
}

static void wrong_unlocks_run_out_and_the_device_key_gives_them_back(void **state) {
    (void)state;
    for (unsigned left = 10; left-- > 0;) {
        assert_int_equal(bench_unlock_challenge(BENCH, world.app, "X"), SW_OK);
        assert_int_equal(
            bench_remote_unlock(BENCH, world.app, "guess-number-one", "X", "fresh-pin", 0),
            SW_PIN_WRONG | left);
    }
    assert_int_equal(bench_unlock_challenge(BENCH, world.app, "X"), SW_PIN_BLOCKED);
    assert_int_equal(bench_tries(BENCH, world.app, GM_PIN_USER), USER_TRIES); /* its own counter */
    assert_int_equal(
        bench_set_key(BENCH, INS_VENDOR_SET_UNLOCK_KEY, DEVICE_KEY, "second-key-16-by"), SW_OK);
    assert_int_equal(bench_unlock_challenge(BENCH, world.app, "X"), SW_OK);
    assert_int_equal(bench_remote_unlock(BENCH, world.app, "second-key-16-by", "X", "fresh-pin", 0),
                     SW_OK);
}

static void a_key_without_unlock_key_says_so(void **state) {
    static struct bench b;
    uint16_t app, container;
    struct sm2_point pub;
    (void)state;
    bench_init(&b, PAGES);
    bench_ready(&b, &app, &container, &pub);
    assert_int_equal(bench_unlock_challenge(&b, app, "X"), SW_NO_KEY);
    bench_free(&b);
}

/* --- must change --- */

static void a_pin_that_must_be_changed_opens_nothing_but_its_change(void **state) {
    (void)state;
    assert_int_equal(bench_unblock_must_change(BENCH, world.app, ADMIN_PIN, "given-pin"), SW_OK);
    assert_int_equal(pin_flags(GM_PIN_USER), 2);
    assert_int_equal(bench_verify(BENCH, world.app, GM_PIN_USER, "given-pin"), SW_OK);
    assert_int_equal(sign(), SW_PIN_MUST_CHANGE);
    assert_int_equal(bench_write_file(BENCH, world.app, "f", 0, "x", 1), SW_SECURITY_STATUS);
    assert_int_equal(bench_change_pin(BENCH, world.app, GM_PIN_USER, "given-pin", "given-pin"),
                     SW_WRONG_DATA);
    assert_int_equal(sign(), SW_PIN_MUST_CHANGE);
    bench_power_cycle(BENCH); /* it is not forgotten */
    assert_int_equal(bench_open_app(BENCH, "APP", &world.app), SW_OK);
    assert_int_equal(bench_verify(BENCH, world.app, GM_PIN_USER, "given-pin"), SW_OK);
    assert_int_equal(sign(), SW_PIN_MUST_CHANGE);
    assert_int_equal(bench_change_pin(BENCH, world.app, GM_PIN_USER, "given-pin", "my-own-pin"),
                     SW_OK);
    assert_int_equal(pin_flags(GM_PIN_USER), 0);
    assert_int_equal(sign(), SW_OK);
}

static void the_remote_unlock_and_the_factory_can_ask_for_a_change(void **state) {
    (void)state;
    assert_int_equal(bench_unlock_challenge(BENCH, world.app, "X"), SW_OK);
    assert_int_equal(bench_remote_unlock(BENCH, world.app, UNLOCK_KEY, "X", "given-pin", 1), SW_OK);
    assert_int_equal(bench_verify(BENCH, world.app, GM_PIN_USER, "given-pin"), SW_OK);
    assert_int_equal(sign(), SW_PIN_MUST_CHANGE);

    struct field f = {.len = 0};
    uint16_t second;
    field_padded(&f, "SECOND", 32);
    field_padded(&f, ADMIN_PIN, 16);
    field_u32(&f, 5);
    field_padded(&f, USER_PIN, 16);
    field_u32(&f, 5 | GM_RETRY_MUST_CHANGE);
    field_u32(&f, GM_USER);
    field_u8(&f, 4);
    field_u8(&f, 8);
    field_u16(&f, 4);
    assert_int_equal(bench_gm(BENCH, INS_CREATE_APPLICATION, 0, 0, f.bytes, f.len), SW_OK);
    assert_int_equal(bench_open_app(BENCH, "SECOND", &second), SW_OK);
    assert_int_equal(bench_verify(BENCH, second, GM_PIN_USER, USER_PIN), SW_OK);
    assert_int_equal(bench_container(BENCH, INS_CREATE_CONTAINER, second, "N", NULL),
                     SW_PIN_MUST_CHANGE);
    assert_int_equal(bench_change_pin(BENCH, second, GM_PIN_USER, USER_PIN, "my-own-pin"), SW_OK);
    assert_int_equal(bench_container(BENCH, INS_CREATE_CONTAINER, second, "N", NULL), SW_OK);
}

/* --- history --- */

static uint16_t import_pair(enum gm_import how, const uint8_t d[32], const struct sm2_point *pub) {
    struct field f;
    envelope_make(&f, world.app, world.sm2, &world.sign, d, pub);
    return bench_gm(BENCH, INS_IMPORT_ECC_KEY_PAIR, (uint8_t)how, 0, f.bytes, f.len);
}

static unsigned history_count(void) {
    struct field f;
    world_ids(&world, &f, world.sm2);
    assert_int_equal(bench_gm(BENCH, INS_VENDOR_HISTORY, 0, 0, f.bytes, f.len), SW_OK);
    return BENCH->out[0];
}

static uint16_t decrypts(unsigned usage, const struct sm2_point *pub) {
    struct field f;
    world_ids(&world, &f, world.sm2);
    field_sm2_cipher(&f, pub, "letter", 6);
    uint16_t sw = bench_gm(BENCH, INS_VENDOR_SM2_DECRYPT, (uint8_t)usage, 0, f.bytes, f.len);
    if (sw == SW_OK)
        assert_memory_equal(BENCH->out + 4, "letter", 6);
    return sw;
}

static void eight_earlier_pairs_fit_and_all_decrypt_after_retirement(void **state) {
    uint8_t d[GM_HISTORY_MAX + 1][32];
    struct sm2_point pub[GM_HISTORY_MAX + 1];
    (void)state;
    for (unsigned i = 0; i <= GM_HISTORY_MAX; i++)
        openssl_sm2_keygen(d[i], &pub[i]);
    for (unsigned i = 0; i < GM_HISTORY_MAX; i++) {
        assert_int_equal(import_pair(GM_IMPORT_HISTORY, d[i], &pub[i]), SW_OK);
        assert_int_equal(import_pair(GM_IMPORT_HISTORY, d[i], &pub[i]), SW_OK); /* repeated */
        assert_int_equal(history_count(), i + 1);
    }
    assert_int_equal(import_pair(GM_IMPORT_HISTORY, d[8], &pub[8]), SW_NO_SPACE);
    assert_int_equal(import_pair(GM_IMPORT_RENEW, d[8], &pub[8]), SW_NO_SPACE);
    assert_int_equal(import_pair(GM_IMPORT_CURRENT, d[8], &pub[8]), SW_CONDITIONS);
    assert_int_equal(bench_import_cert(BENCH, world.app, world.sm2,
                                       (enum gm_key_usage)(GM_KEY_HISTORY + 3), 0x33, 50),
                     SW_OK);
    struct field f;
    world_ids(&world, &f, world.sm2);
    assert_int_equal(bench_gm(BENCH, INS_VENDOR_RETIRE_SIGNING_KEY, 0, 0, f.bytes, f.len), SW_OK);
    assert_int_equal(sign(), SW_NO_KEY);
    for (unsigned i = 0; i < GM_HISTORY_MAX; i++)
        assert_int_equal(decrypts(GM_KEY_HISTORY + i, &pub[i]), SW_OK);
    assert_int_equal(decrypts(GM_KEY_ENC, &world.enc), SW_OK);
    assert_int_equal(decrypts(GM_KEY_HISTORY, &pub[1]), SW_ASYM_DECRYPT);
}

static void a_renewed_pair_takes_the_longest_certificate_into_the_history(void **state) {
    uint8_t d[32];
    struct sm2_point pub;
    struct field f;
    (void)state;
    assert_int_equal(bench_import_cert(BENCH, world.app, world.sm2, GM_KEY_ENC, 0x77, GM_CERT_MAX),
                     SW_OK);
    openssl_sm2_keygen(d, &pub);
    assert_int_equal(import_pair(GM_IMPORT_RENEW, d, &pub), SW_OK);
    world_ids(&world, &f, world.sm2);
    assert_int_equal(bench_gm(BENCH, INS_EXPORT_CERTIFICATE, GM_KEY_HISTORY, 0, f.bytes, f.len),
                     SW_OK);
    assert_int_equal(BENCH->out_len, 4 + GM_CERT_MAX);
    for (size_t i = 4; i < BENCH->out_len; i++)
        assert_int_equal(BENCH->out[i], 0x77);
    assert_int_equal(bench_gm(BENCH, INS_EXPORT_CERTIFICATE, GM_KEY_ENC, 0, f.bytes, f.len),
                     SW_NO_CERT);
    assert_int_equal(decrypts(GM_KEY_HISTORY, &world.enc), SW_OK);
    assert_int_equal(decrypts(GM_KEY_ENC, &pub), SW_OK);
}

/* --- session keys --- */

static uint16_t try_session(uint32_t alg) {
    struct field f;
    world_ids(&world, &f, world.sm2);
    field_u32(&f, alg);
    field_u16(&f, 16);
    field_text(&f, "SESSION-KEY-BYTE");
    return bench_gm(BENCH, INS_IMPORT_SYMM_KEY, 0, 0, f.bytes, f.len);
}

static void session_keys_are_bounded_and_leave_no_trace(void **state) {
    struct field f = {.len = 0};
    (void)state;
    for (unsigned i = 0; i < GM_SESSION_KEYS_MAX; i++)
        assert_int_equal(try_session(GM_SM4_ECB), SW_OK);
    assert_int_equal(try_session(GM_SM4_ECB), SW_NO_SPACE);
    assert_non_null(memmem(&BENCH->gm, sizeof BENCH->gm, "SESSION-KEY-BYTE", 16));
    field_u16(&f, world.app);
    assert_int_equal(bench_gm(BENCH, INS_CLOSE_APPLICATION, 0, 0, f.bytes, f.len), SW_OK);
    assert_null(memmem(&BENCH->gm, sizeof BENCH->gm, "SESSION-KEY-BYTE", 16));
    assert_int_equal(bench_open_app(BENCH, "APP", &world.app), SW_OK);
    assert_int_equal(try_session(GM_SM4_CBC), SW_OK);
    card_reset(&BENCH->card);
    struct gm_state nothing;
    memset(&nothing, 0, sizeof nothing);
    assert_memory_equal(&BENCH->gm.state, &nothing, sizeof nothing);
    assert_null(memmem(&BENCH->card, sizeof BENCH->card, "SESSION-KEY-BYTE", 16));
}

static void sm1_and_ssf33_are_told_to_be_unsupported(void **state) {
    struct field f = {.len = 0};
    (void)state;
    assert_int_equal(try_session(GM_SM1_ECB), SW_NOT_SUPPORTED);
    assert_int_equal(try_session(GM_SSF33_ECB), SW_NOT_SUPPORTED);
    uint16_t id = world_session(&world, world.sm2, "SESSION-KEY-BYTE");
    static const uint32_t others[] = {GM_SM1_ECB, 0x102, GM_SSF33_ECB, 0x404, 0x408};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        world_cipher_init(&world, &f, id, others[i], 0);
        assert_int_equal(bench_gm(BENCH, INS_ENCRYPT_INIT, 0, 0, f.bytes, f.len), SW_NOT_SUPPORTED);
        assert_int_equal(bench_gm(BENCH, INS_MAC_INIT, 0, 0, f.bytes, f.len), SW_NOT_SUPPORTED);
    }
    f = world.sm2_envelope;
    f.bytes[9] = 1; /* 0x101 */
    assert_int_equal(bench_gm(BENCH, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len),
                     SW_NOT_SUPPORTED);
    assert_int_equal(bench_gm(BENCH, INS_DIGEST_INIT, 0, 4, NULL, 0), SW_NOT_SUPPORTED);
    uint8_t block[16] = {0};
    for (uint8_t alg = 0; alg < 2; alg++) {
        assert_int_equal(bench_random(BENCH, 8), SW_OK);
        assert_int_equal(bench_gm(BENCH, INS_DEV_AUTH, 0, alg, block, 16), SW_NOT_SUPPORTED);
    }
}

static void a_session_key_of_another_application_is_not_found(void **state) {
    struct field f = {.len = 0};
    uint16_t second, container;
    (void)state;
    uint16_t id = world_session(&world, world.sm2, "SESSION-KEY-BYTE");
    assert_int_equal(bench_create_app(BENCH, "SECOND", GM_USER), SW_OK);
    assert_int_equal(bench_open_app(BENCH, "SECOND", &second), SW_OK);
    assert_int_equal(bench_verify(BENCH, second, GM_PIN_USER, USER_PIN), SW_OK);
    assert_int_equal(bench_container(BENCH, INS_CREATE_CONTAINER, second, "C", &container), SW_OK);
    field_u16(&f, second);
    field_u16(&f, container);
    field_u16(&f, id);
    assert_int_equal(bench_gm(BENCH, INS_DESTROY_SESSION_KEY, 0, 0, f.bytes, f.len),
                     SW_NO_SESSION_KEY);
    world_ids(&world, &f, world.rsa);
    field_u16(&f, id);
    assert_int_equal(bench_gm(BENCH, INS_DESTROY_SESSION_KEY, 0, 0, f.bytes, f.len),
                     SW_NO_SESSION_KEY);
}

static void eight_applications_with_sixteen_containers_each_fit(void **state) {
    static struct bench b;
    char name[8];
    uint16_t app, id;
    (void)state;
    bench_init(&b, PAGES);
    assert_int_equal(bench_dev_auth(&b, DEVICE_KEY), SW_OK);
    for (unsigned i = 0; i < GM_APPS_MAX; i++) {
        snprintf(name, sizeof name, "APP%u", i);
        assert_int_equal(bench_create_app(&b, name, GM_USER), SW_OK);
        assert_int_equal(bench_open_app(&b, name, &app), SW_OK);
        assert_int_equal(bench_verify(&b, app, GM_PIN_USER, USER_PIN), SW_OK);
        for (unsigned c = 0; c < GM_CONTAINERS_MAX; c++) {
            snprintf(name, sizeof name, "C%u", c);
            assert_int_equal(bench_container(&b, INS_CREATE_CONTAINER, app, name, &id), SW_OK);
            assert_int_equal(bench_gen_sm2(&b, app, id, NULL), SW_OK);
        }
        assert_int_equal(bench_container(&b, INS_CREATE_CONTAINER, app, "more", &id), SW_NO_SPACE);
    }
    assert_int_equal(bench_create_app(&b, "NINTH", GM_USER), SW_NO_SPACE);
    bench_free(&b);
}

int main(void) {
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(a_blocked_pin_is_unlocked_by_the_service_once),
        T(an_unlock_is_bound_to_order_flags_pin_and_application),
        T(wrong_unlocks_run_out_and_the_device_key_gives_them_back),
        T(a_pin_that_must_be_changed_opens_nothing_but_its_change),
        T(the_remote_unlock_and_the_factory_can_ask_for_a_change),
        T(eight_earlier_pairs_fit_and_all_decrypt_after_retirement),
        T(a_renewed_pair_takes_the_longest_certificate_into_the_history),
        T(session_keys_are_bounded_and_leave_no_trace),
        T(sm1_and_ssf33_are_told_to_be_unsupported),
        T(a_session_key_of_another_application_is_not_found),
        cmocka_unit_test(a_key_without_unlock_key_says_so),
        cmocka_unit_test(eight_applications_with_sixteen_containers_each_fit),
    };
    world_make(&world, 'A', PAGES);
    int failed = cmocka_run_group_tests_name("GM rules", tests, NULL, NULL);
    world_free(&world);
    return failed;
}
