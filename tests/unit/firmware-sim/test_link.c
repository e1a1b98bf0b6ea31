/* Chains of commands and answers in parts, as hosts of short lengths use them. */
#include "tests/unit/firmware-sim/card_bench.h"
#include "tests/unit/firmware-sim/testing.h"

#include <stdlib.h>

enum { PAGES = FACTORY_PAGES + 2 * 24, CHAIN = 0x10 };

static struct bench bench;
static uint16_t app, container;
static struct sm2_point pub;

#define SEND(...) bench_send(&bench, (uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static int setup(void **state) {
    (void)state;
    bench_init(&bench, PAGES);
    bench_ready(&bench, &app, &container, &pub);
    assert_int_equal(bench_create_file(&bench, app, "f", 4000, GM_ANYONE, GM_USER), SW_OK);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    bench_free(&bench);
    return 0;
}

/* One part of a chain, short. */
static uint16_t part(uint8_t cla, uint8_t ins, const uint8_t *data, size_t len) {
    uint8_t apdu[5 + 255] = {cla, ins, 0, 0, (uint8_t)len};
    assert_true(len <= 255);
    memcpy(apdu + 5, data, len);
    return bench_send(&bench, apdu, 5 + len);
}

/* The whole data field in parts of step bytes. */
static uint16_t chain(uint8_t ins, const struct field *f, size_t step) {
    size_t at = 0;
    for (; f->len - at > step; at += step)
        assert_int_equal(part(CLA_GM | CHAIN, ins, f->bytes + at, step), SW_OK);
    return part(CLA_GM, ins, f->bytes + at, f->len - at);
}

static void write_field(struct field *f, unsigned offset, size_t len) {
    f->len = 0;
    field_u16(f, app);
    field_u16(f, offset);
    field_u16(f, 1);
    field_text(f, "f");
    field_u16(f, (unsigned)len);
    for (size_t i = 0; i < len; i++)
        field_u8(f, (unsigned)(i * 7 + offset));
}

static void a_chain_of_any_part_size_does_what_one_command_does(void **state) {
    static const size_t steps[] = {1, 2, 16, 127, 254, 255};
    struct field f;
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        write_field(&f, 100 * (unsigned)i, 1500);
        assert_int_equal(chain(INS_WRITE_FILE, &f, steps[i]), SW_OK);
        assert_int_equal(bench_read_file(&bench, app, "f", 100 * (unsigned)i, 1500), SW_OK);
        assert_memory_equal(bench.out, f.bytes + f.len - 1500, 1500);
    }
}

static void certificate_field(struct field *f, size_t len, unsigned seed) {
    f->len = 0;
    field_u16(f, app);
    field_u16(f, container);
    field_u8(f, GM_KEY_SIGN);
    field_u32(f, (uint32_t)len);
    for (size_t i = 0; i < len; i++)
        field_u8(f, (unsigned)(i * 13 + i / 256 + seed));
}

enum { CERTIFICATE_HEADER = 4 + 1 + 4 };

/* By one extended command, and by GET RESPONSE as a host of short lengths does. */
static void assert_certificate(const struct field *f) {
    uint8_t ids[4];
    size_t len = f->len - CERTIFICATE_HEADER, got = 0;
    memcpy(ids, f->bytes, sizeof ids);
    assert_int_equal(bench_gm(&bench, INS_EXPORT_CERTIFICATE, GM_KEY_SIGN, 0, ids, sizeof ids),
                     SW_OK);
    assert_int_equal(bench.out_len, 4 + len);
    assert_int_equal(bench_u32(&bench, 0), len);
    assert_memory_equal(bench.out + 4, f->bytes + CERTIFICATE_HEADER, len);

    uint8_t parts[4 + GM_CERT_MAX];
    bench_send(&bench,
               (uint8_t[]){CLA_GM, INS_EXPORT_CERTIFICATE, GM_KEY_SIGN, 0, 4, ids[0], ids[1],
                           ids[2], ids[3], 0},
               10);
    for (;;) {
        assert_in_range(bench.out_len, 1, 256);
        assert_in_range(got + bench.out_len, 1, sizeof parts);
        memcpy(parts + got, bench.out, bench.out_len);
        got += bench.out_len;
        if ((bench.sw & 0xFF00) != SW_MORE_DATA)
            break;
        SEND(0x00, 0xC0, 0, 0, 0);
    }
    assert_int_equal(bench.sw, SW_OK);
    assert_int_equal(got, 4 + len);
    assert_memory_equal(parts + 4, f->bytes + CERTIFICATE_HEADER, len);
}

static void a_certificate_up_to_4096_bytes_goes_in_and_out_extended_and_chained(void **state) {
    static const size_t sizes[] = {2039, 2040, 2048, 3000, 4095, GM_CERT_MAX};
    struct field f;
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        certificate_field(&f, sizes[i], 1);
        assert_int_equal(bench_gm(&bench, INS_IMPORT_CERTIFICATE, 0, 0, f.bytes, f.len), SW_OK);
        assert_certificate(&f);
        certificate_field(&f, sizes[i], 2);
        assert_int_equal(chain(INS_IMPORT_CERTIFICATE, &f, i % 2 ? 255 : 100), SW_OK);
        assert_certificate(&f);
        bench_power_cycle(&bench);
        assert_int_equal(bench_open_app(&bench, "APP", &app), SW_OK);
        assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
        assert_certificate(&f);
    }
}

static void a_certificate_that_is_too_long_or_broken_off_changes_nothing(void **state) {
    struct field good, f;
    uint8_t before[32], after[32];
    (void)state;
    certificate_field(&good, GM_CERT_MAX, 1);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_CERTIFICATE, 0, 0, good.bytes, good.len), SW_OK);
    bench_digest(&bench, before);

    certificate_field(&f, GM_CERT_MAX + 1, 2);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_CERTIFICATE, 0, 0, f.bytes, f.len),
                     SW_WRONG_LENGTH);
    assert_int_equal(chain(INS_IMPORT_CERTIFICATE, &f, 255), SW_WRONG_LENGTH);
    certificate_field(&f, GM_CERT_MAX, 2);
    f.len--; /* the length inside says one more */
    assert_int_equal(bench_gm(&bench, INS_IMPORT_CERTIFICATE, 0, 0, f.bytes, f.len), SW_WRONG_DATA);
    assert_int_equal(chain(INS_IMPORT_CERTIFICATE, &f, 255), SW_WRONG_DATA);
    certificate_field(&f, GM_CERT_MAX - 1, 2);
    field_u8(&f, 0); /* and one less */
    assert_int_equal(chain(INS_IMPORT_CERTIFICATE, &f, 255), SW_WRONG_DATA);

    certificate_field(&f, 3000, 2);
    for (size_t at = 0; at < 2550; at += 255)
        assert_int_equal(part(CLA_GM | CHAIN, INS_IMPORT_CERTIFICATE, f.bytes + at, 255), SW_OK);
    assert_int_equal(SEND(0x80, INS_ENUM_APPLICATION, 0, 0, 0), SW_CHAIN_BROKEN);
    /* the rest, now a command of its own, is none */
    assert_int_equal(part(CLA_GM, INS_IMPORT_CERTIFICATE, f.bytes + 2550, 255), SW_APP_NOT_OPEN);
    assert_int_equal(part(CLA_GM | CHAIN, INS_IMPORT_CERTIFICATE, f.bytes, 255), SW_OK);
    assert_int_equal(SEND(0x80, INS_IMPORT_CERTIFICATE, 0, 0), SW_WRONG_LENGTH); /* no data */
    bench_digest(&bench, after);
    assert_memory_equal(before, after, 32);
    assert_certificate(&good);
}

static void a_long_answer_is_fetched_in_parts(void **state) {
    uint8_t whole[GM_DEVINFO_SIZE];
    (void)state;
    assert_int_equal(SEND(0x80, INS_GET_DEV_INFO, 0, 0, 0, 0, 0), SW_OK);
    memcpy(whole, bench.out, sizeof whole);
    assert_int_equal(SEND(0x80, INS_GET_DEV_INFO, 0, 0, 0), SW_MORE_DATA | 32);
    assert_int_equal(bench.out_len, 256);
    assert_memory_equal(bench.out, whole, 256);
    assert_int_equal(SEND(0x00, 0xC0, 0, 0, 30), SW_MORE_DATA | 2);
    assert_memory_equal(bench.out, whole + 256, 30);
    assert_int_equal(SEND(0x00, 0xC0, 0, 0, 0), SW_OK);
    assert_int_equal(bench.out_len, 2);
    assert_memory_equal(bench.out, whole + 286, 2);
    assert_int_equal(SEND(0x00, 0xC0, 0, 0, 0), SW_CONDITIONS);
}

static void an_answer_of_512_bytes_or_more_says_6100(void **state) {
    (void)state;
    assert_int_equal(bench_read_file(&bench, app, "f", 0, 1000), SW_OK);
    struct field f = {.len = 0};
    field_u16(&f, app);
    field_u16(&f, 0);
    field_u16(&f, 1);
    field_text(&f, "f");
    assert_int_equal(part(CLA_GM, INS_READ_FILE, f.bytes, f.len), SW_MORE_DATA); /* without Le */
    size_t got = bench.out_len;
    for (unsigned i = 0; (bench.sw & 0xFF00) == SW_MORE_DATA && i < 20; i++) {
        SEND(0x00, 0xC0, 0, 0, 0);
        got += bench.out_len;
    }
    assert_int_equal(bench.sw, SW_OK);
    assert_int_equal(got, 2048);
}

static void an_answer_is_forgotten_with_the_next_command_and_by_reset(void **state) {
    (void)state;
    assert_int_equal(SEND(0x80, INS_GET_DEV_INFO, 0, 0, 0), SW_MORE_DATA | 32);
    assert_int_equal(SEND(0x80, INS_GEN_RANDOM, 0, 0, 8), SW_OK);
    assert_int_equal(SEND(0x00, 0xC0, 0, 0, 0), SW_CONDITIONS);
    assert_int_equal(SEND(0x80, INS_GET_DEV_INFO, 0, 0, 0), SW_MORE_DATA | 32);
    card_reset(&bench.card);
    assert_int_equal(SEND(0x00, 0xC0, 0, 0, 0), SW_CONDITIONS);
}

static void a_malformed_get_response_keeps_the_answer(void **state) {
    (void)state;
    assert_int_equal(SEND(0x80, INS_GET_DEV_INFO, 0, 0, 0), SW_MORE_DATA | 32);
    assert_int_equal(SEND(0x00, 0xC0, 1, 0, 0), SW_WRONG_P1P2);
    assert_int_equal(SEND(0x00, 0xC0, 0, 1, 0), SW_WRONG_P1P2);
    assert_int_equal(SEND(0x00, 0xC0, 0, 0, 1, 9), SW_WRONG_LENGTH);
    assert_int_equal(SEND(0x00, 0xC0, 0, 0, 32), SW_OK);
}

static void an_interleaved_command_breaks_the_chain_and_is_not_run(void **state) {
    struct field f;
    uint8_t before[32], after[32];
    (void)state;
    write_field(&f, 0, 200);
    bench_digest(&bench, before);
    const uint8_t others[][8] = {
        {0x80, INS_SET_LABEL, 0, 0, 1, 'x'}, {0x90, INS_WRITE_FILE, 0, 1, 1, 'x'},
        {0x90, INS_SET_LABEL, 0, 0, 1, 'x'}, {0x84, INS_WRITE_FILE, 0, 0, 1, 'x'},
        {0x00, 0xC0, 0, 0, 1, 'x'},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(part(CLA_GM | CHAIN, INS_WRITE_FILE, f.bytes, 100), SW_OK);
        assert_int_equal(bench_send(&bench, others[i], 6), SW_CHAIN_BROKEN);
        /* nothing of it is left: what would have been the rest is a command of its own */
        assert_int_equal(part(CLA_GM, INS_WRITE_FILE, f.bytes + 100, f.len - 100), SW_APP_NOT_OPEN);
    }
    bench_digest(&bench, after);
    assert_memory_equal(before, after, 32);
}

static void a_chain_cut_short_by_reset_or_garbage_is_forgotten(void **state) {
    struct field f;
    (void)state;
    write_field(&f, 0, 200);
    assert_int_equal(part(CLA_GM | CHAIN, INS_WRITE_FILE, f.bytes, 100), SW_OK);
    assert_int_equal(SEND(0x80, INS_WRITE_FILE, 0), SW_WRONG_LENGTH);
    assert_int_equal(part(CLA_GM, INS_WRITE_FILE, f.bytes + 100, 50), SW_APP_NOT_OPEN);
    assert_int_equal(part(CLA_GM | CHAIN, INS_WRITE_FILE, f.bytes, 100), SW_OK);
    card_reset(&bench.card);
    assert_false(bench.card.link.chaining);
    assert_int_equal(SEND(0x80, INS_GET_DEV_INFO, 0, 0, 0, 0, 0), SW_OK);
}

static void a_chain_is_refused_at_its_first_part_if_no_command_takes_it(void **state) {
    (void)state;
    assert_int_equal(SEND(0x90, 0xF0, 0, 0, 1, 1), SW_UNKNOWN_INS);
    assert_int_equal(SEND(0x94, INS_WRITE_FILE, 0, 0, 1, 1), SW_UNKNOWN_CLA);
    assert_int_equal(SEND(0x10, 0xA4, 4, 0, 1, 1), SW_UNKNOWN_CLA);
    assert_int_equal(SEND(0x90, INS_WRITE_FILE, 0, 0), SW_WRONG_LENGTH); /* an empty part */
    assert_false(bench.card.link.chaining);
}

static void a_chain_longer_than_the_buffer_is_refused_and_forgotten(void **state) {
    uint8_t data[255] = {0};
    size_t len = 0;
    (void)state;
    for (; len + sizeof data <= APDU_MAX_BODY; len += sizeof data)
        assert_int_equal(part(CLA_GM | CHAIN, INS_WRITE_FILE, data, sizeof data), SW_OK);
    assert_int_equal(part(CLA_GM | CHAIN, INS_WRITE_FILE, data, sizeof data), SW_WRONG_LENGTH);
    assert_false(bench.card.link.chaining);
    assert_int_equal(SEND(0x80, INS_GET_DEV_INFO, 0, 0, 0, 0, 0), SW_OK);
}

static void random_parts_of_random_commands_never_change_the_store(void **state) {
    uint8_t before[32], after[32], apdu[40];
    (void)state;
    bench_power_cycle(&bench);
    bench_digest(&bench, before);
    srand(7);
    for (unsigned i = 0; i < 100000; i++) {
        static const uint8_t classes[] = {0x80, 0x90, 0x00, 0x84, 0x94, 0x10};
        size_t len = (size_t)(rand() % 30) + 4;
        for (size_t k = 0; k < len; k++)
            apdu[k] = (uint8_t)rand();
        apdu[0] = classes[rand() % 6];
        apdu[1] = rand() % 3 ? INS_WRITE_FILE : apdu[1];
        apdu[2] = apdu[3] = 0;
        if (len > 5)
            apdu[4] = (uint8_t)(len - 5);
        bench_send(&bench, apdu, len);
        if (bench.sw == SW_OK && apdu[1] == INS_SET_LABEL && apdu[0] == 0x80)
            bench_digest(&bench, before);
    }
    bench_digest(&bench, after);
    assert_memory_equal(before, after, 32);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_chain_of_any_part_size_does_what_one_command_does),
        T(a_certificate_up_to_4096_bytes_goes_in_and_out_extended_and_chained),
        T(a_certificate_that_is_too_long_or_broken_off_changes_nothing),
        T(a_long_answer_is_fetched_in_parts),
        T(an_answer_of_512_bytes_or_more_says_6100),
        T(an_answer_is_forgotten_with_the_next_command_and_by_reset),
        T(a_malformed_get_response_keeps_the_answer),
        T(an_interleaved_command_breaks_the_chain_and_is_not_run),
        T(a_chain_cut_short_by_reset_or_garbage_is_forgotten),
        T(a_chain_is_refused_at_its_first_part_if_no_command_takes_it),
        T(a_chain_longer_than_the_buffer_is_refused_and_forgotten),
        T(random_parts_of_random_commands_never_change_the_store),
    };
    return cmocka_run_group_tests_name("chains and answers in parts", tests, NULL, NULL);
}
