/* Malformed commands get their exact status word and change nothing; files keep their content and rights. */
#include "tests/unit/firmware-sim/card_bench.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/rand.h>
#include <stdlib.h>

static struct bench bench;
static uint16_t app, container;
static struct sm2_point pub;

static int setup(void **state) {
    (void)state;
    bench_init(&bench, FACTORY_PAGES + 2 * 40);
    bench_ready(&bench, &app, &container, &pub);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    bench_free(&bench);
    return 0;
}

#define SEND(...)                                                                                  \
    bench_send(&bench, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void short_and_extended_commands_mean_the_same(void **state) {
    (void)state;
    assert_int_equal(SEND(0x80, 0x22, 0, 0), SW_OK);
    assert_int_equal(bench.out_len, 5);
    assert_int_equal(SEND(0x80, 0x22, 0, 0, 0), SW_OK);
    assert_int_equal(SEND(0x80, 0x22, 0, 0, 0, 0, 0), SW_OK);
    assert_int_equal(SEND(0x80, 0x26, 0, 0, 3, 'A', 'P', 'P'), SW_OK);
    assert_int_equal(SEND(0x80, 0x26, 0, 0, 3, 'A', 'P', 'P', 10), SW_OK);
    assert_int_equal(SEND(0x80, 0x26, 0, 0, 0, 0, 3, 'A', 'P', 'P'), SW_OK);
    assert_int_equal(SEND(0x80, 0x26, 0, 0, 0, 0, 3, 'A', 'P', 'P', 0, 10), SW_OK);
    assert_int_equal(bench.out_len, 10);
    assert_int_equal(SEND(0x80, 0x50, 0, 0, 12), SW_OK);
    assert_int_equal(bench.out_len, 12);
    assert_int_equal(SEND(0x80, 0x50, 0, 0, 0, 8, 0), SW_OK);
    assert_int_equal(bench.out_len, 2048);
}

static void wrong_lengths_are_refused(void **state) {
    (void)state;
    assert_int_equal(SEND(0x80), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, 0x22, 0), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, 0x26, 0, 0, 4, 'A', 'P', 'P'), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, 0x26, 0, 0, 2, 'A', 'P', 'P', 0), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, 0x26, 0, 0, 0, 0, 4, 'A', 'P', 'P'), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, 0x26, 0, 0, 0, 0, 3, 'A', 'P', 'P', 0), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, 0x26, 0, 0, 0, 0, 3, 'A', 'P', 'P', 0, 10, 0), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, 0x26, 0, 0, 0, 0, 0, 'A', 'P', 'P'), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, 0x04, 0, 0, 0, 1, 0x1f), SW_WRONG_LENGTH); /* Le one too small */
    assert_int_equal(SEND(0x80, 0x04, 0, 0, 0xff), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, 0x50, 0, 0), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, 0x50, 0, 0, 0, 8, 1), SW_WRONG_LENGTH);
    uint8_t large[7 + 2049] = {0x80, 0x3a, 0, 0, 0, 8, 1};
    assert_int_equal(bench_send(&bench, large, sizeof large), SW_WRONG_LENGTH);
}

static void unknown_classes_instructions_and_parameters_are_told_apart(void **state) {
    (void)state;
    assert_int_equal(SEND(0x00, 0xA4, 4, 0), SW_UNKNOWN_CLA);
    assert_int_equal(SEND(0x84, 0x22, 0, 0), SW_UNKNOWN_CLA);
    assert_int_equal(SEND(0x80, 0x03, 0, 0), SW_UNKNOWN_INS);
    assert_int_equal(SEND(0x80, 0xF0, 0, 0), SW_UNKNOWN_INS);
    assert_int_equal(SEND(0x80, INS_ENCRYPT_INIT, 0, 0), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x80, INS_VENDOR_UNLOCK, 0, 1), SW_WRONG_P1P2);
    assert_int_equal(SEND(0x80, 0x22, 1, 0), SW_WRONG_P1P2);
    assert_int_equal(SEND(0x80, 0x14, 0, 2, 2, 1, 0), SW_WRONG_P1P2);
    assert_int_equal(SEND(0x80, 0x10, 0, 3, 2, 1, 0), SW_WRONG_P1P2);
    assert_int_equal(SEND(0x80, 0x46, 0, 0, 2, 9, 0), SW_APP_NOT_OPEN);
    assert_int_equal(SEND(0x80, 0x46, 0, 0, 2, 0, 0), SW_APP_NOT_OPEN);
    assert_int_equal(SEND(0x80, 0x46, 0, 0, 2, 1, 1), SW_APP_NOT_OPEN);
    assert_int_equal(SEND(0x80, 0x44, 0, 0, 4, 1, 0, 0xFF, 0xFF), SW_CONTAINER_ID);
}

/* Every instruction with every length of garbage, with and without the PIN: whatever the answer, what the store holds changes
 * only when the answer is 9000 or a wrong PIN, and the card goes on. */
static void garbage_changes_nothing(void **state) {
    uint8_t apdu[APDU_MAX_COMMAND], before[32], after[32];
    unsigned answers = 0;
    (void)state;
    bench_digest(&bench, before);
    for (unsigned round = 0; round < 60000; round++) {
        RAND_bytes(apdu, 64);
        size_t len = round % 2 ? apdu[40] % 60 : 7 + apdu[40] % 60;
        apdu[0] = round % 8 == 3 ? CLA_GM_MAC : CLA_GM;
        apdu[1] = (uint8_t)(round / 8);
        if (round % 4) {
            apdu[2] = round % 5 ? (uint8_t)app : 0;
            apdu[3] = 0;
        }
        if (round % 2 == 0) { /* well-framed, with our ids in front */
            apdu[4] = apdu[5] = 0;
            apdu[6] = (uint8_t)(len - 7);
            apdu[7] = (uint8_t)app;
            apdu[8] = 0;
            if (round % 3) {
                apdu[9] = (uint8_t)container;
                apdu[10] = (uint8_t)(container >> 8);
            }
        }
        uint16_t sw = bench_send(&bench, apdu, len);
        answers++;
        bench_digest(&bench, after);
        if (sw != SW_OK && (sw & 0xFFF0) != SW_PIN_WRONG)
            assert_memory_equal(before, after, 32);
        memcpy(before, after, 32);
    }
    assert_int_equal(answers, 60000);
    assert_int_equal(SEND(0x80, 0x22, 0, 0), SW_OK);
}

static void application_data_out_of_range_is_refused(void **state) {
    struct field good = {.len = 0}, bad;
    uint8_t before[32], after[32];
    (void)state;
    field_padded(&good, "OTHER", 32);
    field_padded(&good, ADMIN_PIN, 16);
    field_u32(&good, 5);
    field_padded(&good, USER_PIN, 16);
    field_u32(&good, 5);
    field_u32(&good, GM_USER);
    field_u8(&good, 255);
    field_u8(&good, 255);
    field_u16(&good, 65535);
    bench_digest(&bench, before);
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {0, 0},     /* no name */
        {10, 'x'},  /* text behind a NUL */
        {32, 0},    /* no admin PIN */
        {37, 0},    /* admin PIN of 5 */
        {48, 0},    /* no tries */
        {48, 16},   /* 16 tries */
        {49, 1},    /* 261 tries */
        {57, 0},    /* user PIN of 5 */
        {68, 0},    /* no tries */
        {72, 0x02}, /* no such right */
        {74, 1},    /* no such right */
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        bad = good;
        bad.bytes[changes[i].at] = changes[i].value;
        assert_int_equal(bench_gm(&bench, INS_CREATE_APPLICATION, 0, 0, bad.bytes, bad.len),
                         SW_WRONG_DATA);
    }
    bench_digest(&bench, after);
    assert_memory_equal(before, after, 32);
    assert_int_equal(bench_gm(&bench, INS_CREATE_APPLICATION, 0, 0, good.bytes, good.len), SW_OK);
    assert_int_equal(bench_gm(&bench, INS_OPEN_APPLICATION, 0, 0, "OTHER", 5), SW_OK);
    static const uint8_t opened[8] = {GM_USER, 0, 0, 0, 16, 32, 62, 0}; /* limits that hold */
    assert_memory_equal(bench.out, opened, sizeof opened);
}

/* --- files --- */

static void a_file_of_64_kib_is_written_and_read_in_odd_pieces(void **state) {
    uint8_t *body = malloc(GM_FILE_SIZE_MAX);
    (void)state;
    assert_non_null(body);
    RAND_bytes(body, GM_FILE_SIZE_MAX);
    assert_int_equal(
        bench_create_file(&bench, app, "seal.esl", GM_FILE_SIZE_MAX, GM_ANYONE, GM_USER), SW_OK);
    assert_int_equal(bench_read_file(&bench, app, "seal.esl", 5000, 100), SW_OK);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(bench.out[i], 0);
    for (unsigned at = 0, n; at < GM_FILE_SIZE_MAX; at += n) {
        n = 1u + body[at] * 7u;
        if (n > GM_FILE_SIZE_MAX - at)
            n = GM_FILE_SIZE_MAX - at;
        assert_int_equal(bench_write_file(&bench, app, "seal.esl", at, body + at, n), SW_OK);
    }
    bench_power_cycle(&bench);
    assert_int_equal(bench_open_app(&bench, "APP", &app), SW_OK);
    for (unsigned at = 0; at < GM_FILE_SIZE_MAX; at += (unsigned)bench.out_len) {
        assert_int_equal(bench_read_file(&bench, app, "seal.esl", at, 1999), SW_OK);
        assert_memory_equal(bench.out, body + at, bench.out_len);
    }
    assert_int_equal(bench_read_file(&bench, app, "seal.esl", 65000, 2048), SW_OK);
    assert_int_equal(bench.out_len, 536);
    free(body);
}

static void writing_past_the_end_is_refused(void **state) {
    uint8_t data[16] = {0};
    (void)state;
    assert_int_equal(bench_create_file(&bench, app, "f", 100, GM_ANYONE, GM_USER), SW_OK);
    assert_int_equal(bench_write_file(&bench, app, "f", 84, data, 16), SW_OK);
    assert_int_equal(bench_write_file(&bench, app, "f", 85, data, 16), SW_WRONG_OFFSET);
    assert_int_equal(bench_write_file(&bench, app, "f", 65535, data, 16), SW_WRONG_OFFSET);
    assert_int_equal(bench_read_file(&bench, app, "f", 99, 10), SW_OK);
    assert_int_equal(bench.out_len, 1);
    assert_int_equal(bench_read_file(&bench, app, "f", 100, 10), SW_READ_OVERFLOW);
    assert_int_equal(bench_write_file(&bench, app, "none", 0, data, 1), SW_FILE_NOT_FOUND);
    assert_int_equal(bench_read_file(&bench, app, "none", 0, 1), SW_FILE_NOT_FOUND);
    assert_int_equal(bench_create_file(&bench, app, "f", 10, GM_ANYONE, GM_USER), SW_FILE_EXISTS);
    assert_int_equal(bench_create_file(&bench, app, "g", 65537, GM_ANYONE, GM_USER), SW_WRONG_DATA);
    assert_int_equal(bench_create_file(&bench, app, "g", 10, 0x20, GM_USER), SW_WRONG_DATA);
    assert_int_equal(bench_create_file(&bench, app, "", 10, GM_ANYONE, GM_USER), SW_WRONG_DATA);
}

static void rights_of_files_are_kept(void **state) {
    uint8_t data[4] = {1, 2, 3, 4};
    const uint8_t low = (uint8_t)app, high = (uint8_t)(app >> 8);
    (void)state;
    assert_int_equal(bench_create_file(&bench, app, "public", 4, GM_ANYONE, GM_USER), SW_OK);
    assert_int_equal(bench_create_file(&bench, app, "private", 4, GM_USER, GM_USER), SW_OK);
    assert_int_equal(bench_create_file(&bench, app, "admins", 4, GM_ADMIN, GM_ADMIN), SW_OK);
    assert_int_equal(bench_create_file(&bench, app, "fixed", 4, GM_ANYONE, GM_NEVER), SW_OK);
    assert_int_equal(bench_write_file(&bench, app, "private", 0, data, 4), SW_OK);
    assert_int_equal(bench_write_file(&bench, app, "admins", 0, data, 4), SW_SECURITY_STATUS);
    assert_int_equal(bench_read_file(&bench, app, "admins", 0, 4), SW_SECURITY_STATUS);
    assert_int_equal(bench_write_file(&bench, app, "fixed", 0, data, 4), SW_SECURITY_STATUS);
    assert_int_equal(bench_gm(&bench, INS_DELETE_FILE, low, high, "admins", 6), SW_SECURITY_STATUS);

    bench_power_cycle(&bench);
    assert_int_equal(bench_open_app(&bench, "APP", &app), SW_OK);
    assert_int_equal(bench_read_file(&bench, app, "public", 0, 4), SW_OK);
    assert_int_equal(bench_read_file(&bench, app, "private", 0, 4), SW_SECURITY_STATUS);
    assert_int_equal(bench_write_file(&bench, app, "public", 0, data, 4), SW_SECURITY_STATUS);
    assert_int_equal(bench_create_file(&bench, app, "new", 4, GM_ANYONE, GM_USER),
                     SW_SECURITY_STATUS);
    assert_int_equal(bench_gm(&bench, INS_DELETE_FILE, low, high, "public", 6), SW_SECURITY_STATUS);
    assert_int_equal(bench_gm(&bench, INS_ENUM_FILES, low, high, NULL, 0), SW_OK);
    assert_int_equal(bench.out_len, 29);
    assert_memory_equal(bench.out, "public\0private\0admins\0fixed\0", 29);
    assert_int_equal(bench_gm(&bench, INS_GET_FILE_INFO, low, high, "private", 7), SW_OK);
    static const uint8_t info[12] = {4, 0, 0, 0, GM_USER, 0, 0, 0, GM_USER, 0, 0, 0};
    assert_memory_equal(bench.out, info, sizeof info);

    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_ADMIN, ADMIN_PIN), SW_OK);
    assert_int_equal(bench_write_file(&bench, app, "admins", 0, data, 4), SW_OK);
    assert_int_equal(bench_gm(&bench, INS_DELETE_FILE, low, high, "admins", 6), SW_OK);
    assert_int_equal(bench_gm(&bench, INS_DELETE_FILE, low, high, "fixed", 5), SW_OK);
    assert_int_equal(bench_gm(&bench, INS_DELETE_FILE, low, high, "fixed", 5), SW_FILE_NOT_FOUND);
}

static void a_full_card_says_so_and_still_counts_pins(void **state) {
    char name[16];
    uint16_t sw;
    unsigned i = 0;
    (void)state;
    do {
        snprintf(name, sizeof name, "file%u", i++);
        sw = bench_create_file(&bench, app, name, 30000, GM_ANYONE, GM_USER);
    } while (sw == SW_OK);
    assert_int_equal(sw, SW_NO_SPACE);
    assert_in_range(i, 2, 20);
    uint8_t data[2000];
    memset(data, 0x77, sizeof data);
    for (unsigned round = 0; round < 60;
         round++) /* space that is there can always be written again */
        assert_int_equal(bench_write_file(&bench, app, "file0", round * 400, data, sizeof data),
                         SW_OK);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, "wrong!"), SW_PIN_WRONG | 2);
    bench_power_cycle(&bench);
    assert_int_equal(bench_open_app(&bench, "APP", &app), SW_OK);
    assert_int_equal(bench_tries(&bench, app, GM_PIN_USER), 2);
    assert_int_equal(bench_read_file(&bench, app, "file0", 1000, 4), SW_OK);
    assert_memory_equal(bench.out, data, 4);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(short_and_extended_commands_mean_the_same),
        T(wrong_lengths_are_refused),
        T(unknown_classes_instructions_and_parameters_are_told_apart),
        T(garbage_changes_nothing),
        T(application_data_out_of_range_is_refused),
        T(a_file_of_64_kib_is_written_and_read_in_odd_pieces),
        T(writing_past_the_end_is_refused),
        T(rights_of_files_are_kept),
        T(a_full_card_says_so_and_still_counts_pins),
    };
    return cmocka_run_group_tests_name("commands and files", tests, NULL, NULL);
}
