/* Self-tests of the card, health of its entropy, and what remains of it in memory. */
#include "firmware-sim/crypto/known_answers.h"
#include "firmware-sim/crypto/sm2_curve.h"
#include "tests/unit/firmware-sim/card_bench.h"
#include "tests/unit/firmware-sim/testing.h"

static struct bench bench;

static int setup(void **state) {
    (void)state;
    bench_init(&bench, FACTORY_PAGES + 2 * 8);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    bench_free(&bench);
    return 0;
}

static void every_known_answer_holds(void **state) {
    (void)state;
    for (unsigned i = 0; i < known_answer_count; i++) {
        if (!known_answers[i].holds(&bench.card.rng))
            fail_msg("%s", known_answers[i].name);
        print_message("# %s: %s\n",
                      known_answers[i].algorithm == KNOWN_AT_POWER_UP ? "at power-up"
                                                                      : "before first use",
                      known_answers[i].name);
    }
    assert_null(card_self_test(&bench.card));
    assert_int_equal(bench_gm(&bench, INS_GET_DEV_INFO, 0, 0, NULL, 0), SW_OK);
}

static bool never(struct drbg *rng) {
    (void)rng;
    return false;
}

/* Every command there could be, right or wrong. */
static void assert_answers_nothing(struct bench *b) {
    uint8_t apdu[5] = {0};
    for (unsigned ins = 0; ins < 256; ins++) {
        apdu[0] = CLA_GM;
        apdu[1] = (uint8_t)ins;
        assert_int_equal(bench_send(b, apdu, 5), SW_INTERNAL);
        apdu[0] = 0;
        assert_int_equal(bench_send(b, apdu, 4), SW_INTERNAL);
    }
    assert_int_equal(bench_send(b, apdu, 2), SW_INTERNAL);
}

static void a_failed_self_test_at_power_up_answers_6f00_to_everything(void **state) {
    static const struct known_answer failing[] = {{"fails", KNOWN_AT_POWER_UP, never}};
    (void)state;
    bench.card.answers = failing;
    bench.card.answer_count = 1;
    bench_power_cycle(&bench);
    assert_answers_nothing(&bench);
    card_reset(&bench.card); /* a warm reset does not heal it */
    assert_answers_nothing(&bench);
    bench.card.answers = NULL;
    bench_power_cycle(&bench);
    assert_int_equal(bench_gm(&bench, INS_GET_DEV_INFO, 0, 0, NULL, 0), SW_OK);
}

static void a_failed_self_test_on_demand_breaks_the_card_too(void **state) {
    static const struct known_answer failing[] = {{"fails", KNOWN_P384, never}};
    (void)state;
    bench.card.answers = failing;
    bench.card.answer_count = 1;
    bench_power_cycle(&bench);
    assert_int_equal(bench_gm(&bench, INS_GET_DEV_INFO, 0, 0, NULL, 0), SW_OK);
    assert_ptr_equal(card_self_test(&bench.card), &failing[0]);
    assert_answers_nothing(&bench);
    bench.card.answers = NULL;
}

static unsigned runs;

static bool counts(struct drbg *rng) {
    (void)rng;
    runs++;
    return true;
}

static void an_algorithm_is_tested_once_before_its_first_use(void **state) {
    static const struct known_answer counted[] = {{"counts", KNOWN_RSA2048, counts}};
    uint16_t app, container, rsa;
    struct sm2_point pub;
    (void)state;
    bench.card.answers = counted;
    bench.card.answer_count = 1;
    bench_ready(&bench, &app, &container, &pub);
    assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, "R", &rsa), SW_OK);
    runs = 0;
    bench_gen_rsa(&bench, 0x7777, rsa); /* refused before: nothing is computed */
    assert_int_equal(runs, 0);
    assert_int_equal(bench_gen_rsa(&bench, app, rsa), SW_OK);
    assert_int_equal(runs, 1);
    assert_int_equal(bench_gen_rsa(&bench, app, rsa), SW_CONDITIONS);
    assert_int_equal(runs, 1);
    bench_power_cycle(&bench);
    assert_int_equal(bench_open_app(&bench, "APP", &app), SW_OK);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    bench_gen_rsa(&bench, app, rsa);
    assert_int_equal(runs, 2);
    bench.card.answers = NULL;
}

static void an_algorithm_that_fails_its_test_is_never_used_and_breaks_the_card(void **state) {
    static const struct known_answer failing[] = {{"fails", KNOWN_RSA2048, never}};
    uint8_t e[32] = {1}, before[32], after[32];
    uint16_t app, container, rsa;
    struct sm2_point pub;
    (void)state;
    bench_ready(&bench, &app, &container, &pub);
    assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, "R", &rsa), SW_OK);
    bench.card.answers = failing;
    bench.card.answer_count = 1;
    assert_int_equal(bench_sign_digest(&bench, app, container, e, NULL), SW_OK);
    bench_digest(&bench, before);
    assert_int_equal(bench_gen_rsa(&bench, app, rsa), SW_INTERNAL);
    bench_digest(&bench, after);
    assert_memory_equal(before, after, sizeof before);
    assert_answers_nothing(&bench);
    bench.card.answers = NULL;
}

/* --- entropy --- */

/* A source that gives counted bytes until it is told to stick, to be biased or to fail. */
struct source {
    enum { GOOD, STUCK, BIASED, DEAD } kind;
    uint32_t next;
};

static int source_read(void *ctx, unsigned char *out, size_t len) {
    struct source *source = ctx;
    for (size_t i = 0; i < len; i++) {
        uint8_t counted = (uint8_t)(source->next++ * 167);
        out[i] = source->kind == STUCK                              ? 0x42
                 : source->kind == BIASED && source->next % 16 == 1 ? 0x42
                                                                    : counted;
    }
    return source->kind == DEAD;
}

static void a_stuck_biased_or_dead_source_does_not_power_up(void **state) {
    struct drbg rng;
    uint8_t out[16];
    (void)state;
    for (int kind = GOOD; kind <= DEAD; kind++) {
        struct source source = {.kind = kind};
        assert_int_equal(drbg_start(&rng, source_read, &source), kind == GOOD);
        memset(out, 1, sizeof out);
        assert_int_equal(drbg_fill(&rng, out, sizeof out), kind == GOOD);
        drbg_stop(&rng);
    }
}

static void a_card_whose_source_sticks_later_answers_6f00_to_everything(void **state) {
    static const uint8_t zeros[64];
    struct source source = {.kind = GOOD};
    uint8_t out[64];
    uint32_t page;
    (void)state;
    bench_power_down(&bench);
    assert_int_equal(card_power_up(&bench.card, &bench.flash, source_read, &source, &page),
                     CARD_OK);
    bench.powered = true;
    source.kind = STUCK;
    assert_true(drbg_fill(&bench.card.rng, out, sizeof out)); /* seeded before */
    assert_int_not_equal(mbedtls_ctr_drbg_reseed(&bench.card.rng.ctr, NULL, 0), 0);
    assert_false(drbg_fill(&bench.card.rng, out, sizeof out));
    assert_memory_equal(out, zeros, sizeof out);
    assert_answers_nothing(&bench);
    source.kind = GOOD; /* the failure stays */
    assert_answers_nothing(&bench);
}

static void a_repetition_fails_at_the_cutoff_and_not_before(void **state) {
    struct entropy_health health = {0};
    const uint8_t same[HEALTH_REPETITIONS] = {0}, other = 1;
    (void)state;
    assert_true(entropy_health_watch(&health, same, HEALTH_REPETITIONS - 1));
    assert_true(entropy_health_watch(&health, &other, 1));
    assert_true(entropy_health_watch(&health, same, HEALTH_REPETITIONS - 1));
    assert_false(entropy_health_watch(&health, same, 1));
    assert_false(entropy_health_watch(&health, &other, 1));
}

static void a_proportion_fails_at_the_cutoff_within_one_window(void **state) {
    (void)state;
    for (unsigned often = HEALTH_PROPORTION - 1; often <= HEALTH_PROPORTION; often++) {
        struct entropy_health health = {0};
        uint8_t window[HEALTH_WINDOW];
        for (unsigned i = 0; i < HEALTH_WINDOW; i++)
            window[i] = (uint8_t)(1 + i % 255);
        for (unsigned i = 0, n = 0; i < HEALTH_WINDOW; i++) {
            if (i % 20 == 0 && n < often) {
                window[i] = 0;
                n++;
            }
        }
        bool healthy = often < HEALTH_PROPORTION;
        assert_int_equal(entropy_health_watch(&health, window, sizeof window), healthy);
        assert_int_equal(entropy_health_watch(&health, window, sizeof window), healthy);
    }
}

static void good_numbers_pass_a_million_bytes(void **state) {
    struct entropy_health health = {0};
    uint8_t bytes[1000];
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(drbg_fill(&bench.card.rng, bytes, sizeof bytes));
        assert_true(entropy_health_watch(&health, bytes, sizeof bytes));
    }
}

/* --- memory --- */

static bool all_zero(const void *bytes, size_t len) {
    const uint8_t *p = bytes;
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= p[i];
    return any == 0;
}

static void nothing_of_the_card_remains_in_memory_after_power_down(void **state) {
    uint16_t app, container;
    struct sm2_point pub;
    (void)state;
    bench_ready(&bench, &app, &container, &pub);
    bench_power_down(&bench);
    assert_true(all_zero(&bench.card.factory, sizeof bench.card.factory));
    assert_true(all_zero(&bench.card.store, sizeof bench.card.store));
    assert_true(all_zero(&bench.card.rng, sizeof bench.card.rng));
    assert_true(all_zero(&bench.gm.state, sizeof bench.gm.state));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_known_answer_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_self_test_at_power_up_answers_6f00_to_everything,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_self_test_on_demand_breaks_the_card_too, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_algorithm_is_tested_once_before_its_first_use, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            an_algorithm_that_fails_its_test_is_never_used_and_breaks_the_card, setup, teardown),
        cmocka_unit_test(a_stuck_biased_or_dead_source_does_not_power_up),
        cmocka_unit_test_setup_teardown(a_card_whose_source_sticks_later_answers_6f00_to_everything,
                                        setup, teardown),
        cmocka_unit_test(a_repetition_fails_at_the_cutoff_and_not_before),
        cmocka_unit_test(a_proportion_fails_at_the_cutoff_within_one_window),
        cmocka_unit_test_setup_teardown(good_numbers_pass_a_million_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_of_the_card_remains_in_memory_after_power_down,
                                        setup, teardown),
    };
    int failed = cmocka_run_group_tests_name("self-tests", tests, NULL, NULL);
    sm2_curve_free();
    return failed;
}
