/* Sessions, what they authorise, and limits, with a clock that the test turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/access/access.h"

static int64_t now;
static char logged_out[8][ACCESS_TOKEN_ID_SIZE];
static size_t logouts, ends;
static uint64_t last_ended;

static int64_t turned_clock(void) {
    return now;
}

static void on_logout(void *context, const char *token_id) {
    (void)context;
    assert_true(logouts < 8);
    memcpy(logged_out[logouts++], token_id, strlen(token_id) + 1);
}

static void on_ended(void *context, uint64_t session_id) {
    (void)context;
    ends++;
    last_ended = session_id;
}

static int setup(void **state) {
    struct access_options options = {.clock = turned_clock,
                                     .idle_seconds = 100,
                                     .lifetime_seconds = 1000,
                                     .rate_per_minute = 5,
                                     .token_logout = on_logout,
                                     .session_ended = on_ended};
    now = 1000000;
    logouts = ends = 0;
    *state = access_new(&options);
    return *state == NULL;
}

static int teardown(void **state) {
    access_free(*state);
    return 0;
}

static void a_session_belongs_to_its_origin_alone(void **state) {
    struct access *access = *state;
    struct access_session session, found;
    char token[ACCESS_TOKEN_TEXT_SIZE];
    assert_int_equal(access_session_start(access, "https://a.cn", token, &session), 0);
    assert_int_equal(strlen(token), 43);
    assert_int_equal(
        strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    assert_true(access_session_find(access, token, "https://a.cn", &found));
    assert_int_equal(found.id, session.id);
    assert_string_equal(found.origin, "https://a.cn");
    assert_false(access_session_find(access, token, "https://b.cn", &found));
    assert_int_equal(found.id, 0);
    assert_false(access_session_find(access, token, "https://a.cn:8443", &found));
    token[10] ^= 1;
    assert_false(access_session_find(access, token, "https://a.cn", &found));
    assert_false(access_session_find(access, "", "https://a.cn", &found));
    assert_false(access_session_find(access, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                     "https://a.cn", &found));
}

static void two_tokens_are_never_the_same(void **state) {
    struct access_session session;
    char one[ACCESS_TOKEN_TEXT_SIZE], two[ACCESS_TOKEN_TEXT_SIZE];
    assert_int_equal(access_session_start(*state, "https://a.cn", one, &session), 0);
    assert_int_equal(access_session_start(*state, "https://a.cn", two, &session), 0);
    assert_string_not_equal(one, two);
}

static void a_session_ends_when_idle(void **state) {
    struct access *access = *state;
    struct access_session session;
    char token[ACCESS_TOKEN_TEXT_SIZE];
    access_session_start(access, "https://a.cn", token, &session);
    now += 99;
    assert_true(access_session_find(access, token, "https://a.cn", &session));
    now += 99;
    assert_true(access_session_find(access, token, "https://a.cn", &session));
    now += 100;
    assert_false(access_session_is_alive(access, session.id));
    assert_false(access_session_find(access, token, "https://a.cn", &session));
    access_expire(access);
    assert_int_equal(ends, 1);
}

static void a_session_ends_after_its_lifetime_however_busy(void **state) {
    struct access *access = *state;
    struct access_session session;
    char token[ACCESS_TOKEN_TEXT_SIZE];
    access_session_start(access, "https://a.cn", token, &session);
    for (int i = 0; i < 19; i++) {
        now += 50;
        assert_true(access_session_find(access, token, "https://a.cn", &session));
    }
    now += 50;
    assert_false(access_session_find(access, token, "https://a.cn", &session));
}

static void origin_b_never_inherits_the_pin_of_origin_a(void **state) {
    struct access *access = *state;
    struct access_session a, b;
    char token[ACCESS_TOKEN_TEXT_SIZE];
    access_session_start(access, "https://a.cn", token, &a);
    access_session_start(access, "https://b.cn", token, &b);
    access_pin_record(access, a.id, "0011223344556677");
    assert_true(access_pin_is_verified(access, a.id, "0011223344556677"));
    assert_false(access_pin_is_verified(access, b.id, "0011223344556677"));
    assert_false(access_pin_is_verified(access, a.id, "ffffffffffffffff"));
}

static void the_token_is_logged_out_with_the_last_session_that_verified_it(void **state) {
    struct access *access = *state;
    struct access_session a, b;
    char token[ACCESS_TOKEN_TEXT_SIZE];
    access_session_start(access, "https://a.cn", token, &a);
    access_session_start(access, "https://b.cn", token, &b);
    access_pin_record(access, a.id, "t1");
    access_pin_record(access, b.id, "t1");
    access_pin_record(access, a.id, "t2");
    access_session_end(access, a.id);
    assert_int_equal(logouts, 1);
    assert_string_equal(logged_out[0], "t2");
    assert_int_equal(last_ended, a.id);
    access_origin_end(access, "https://b.cn");
    assert_int_equal(logouts, 2);
    assert_string_equal(logged_out[1], "t1");
    access_session_end(access, b.id);
    assert_int_equal(logouts, 2);
}

static void idle_sessions_log_the_token_out_too(void **state) {
    struct access *access = *state;
    struct access_session a;
    char token[ACCESS_TOKEN_TEXT_SIZE];
    access_session_start(access, "https://a.cn", token, &a);
    access_pin_record(access, a.id, "t1");
    now += 100;
    assert_false(access_pin_is_verified(access, a.id, "t1"));
    access_expire(access);
    assert_int_equal(logouts, 1);
}

static void a_pin_typed_for_a_session_that_has_ended_logs_the_token_out(void **state) {
    struct access *access = *state;
    struct access_session a;
    char token[ACCESS_TOKEN_TEXT_SIZE];
    access_session_start(access, "https://a.cn", token, &a);
    access_session_end(access, a.id);
    access_pin_record(access, a.id, "t1");
    assert_int_equal(logouts, 1);
    assert_false(access_pin_is_verified(access, a.id, "t1"));
}

static void a_removed_token_is_verified_by_nobody(void **state) {
    struct access *access = *state;
    struct access_session a, b;
    char token[ACCESS_TOKEN_TEXT_SIZE];
    access_session_start(access, "https://a.cn", token, &a);
    access_session_start(access, "https://b.cn", token, &b);
    access_pin_record(access, a.id, "t1");
    access_pin_record(access, b.id, "t1");
    access_pin_record(access, b.id, "t2");
    access_pin_forget(access, "t1");
    assert_false(access_pin_is_verified(access, a.id, "t1"));
    assert_false(access_pin_is_verified(access, b.id, "t1"));
    assert_true(access_pin_is_verified(access, b.id, "t2"));
    assert_int_equal(logouts, 0);
    access_pin_drop(access, b.id, "t2");
    assert_int_equal(logouts, 1);
}

static void an_origin_with_too_many_sessions_loses_its_oldest(void **state) {
    struct access *access = *state;
    struct access_session first, session;
    char first_token[ACCESS_TOKEN_TEXT_SIZE], token[ACCESS_TOKEN_TEXT_SIZE];
    access_session_start(access, "https://a.cn", first_token, &first);
    for (int i = 1; i <= ACCESS_MAX_SESSIONS_PER_ORIGIN; i++) {
        assert_int_equal(access_session_start(access, "https://a.cn", token, &session), 0);
    }
    assert_false(access_session_find(access, first_token, "https://a.cn", &session));
    assert_true(access_session_find(access, token, "https://a.cn", &session));
    assert_int_equal(ends, 1);
    assert_int_equal(last_ended, first.id);
}

static void all_origins_together_have_so_many_sessions_and_none_loses_anothers(void **state) {
    struct access *access = *state;
    struct access_session session;
    char first[ACCESS_TOKEN_TEXT_SIZE], token[ACCESS_TOKEN_TEXT_SIZE], origin[32];
    assert_int_equal(access_session_start(access, "https://first.cn", first, &session), 0);
    for (int i = 1; i < ACCESS_MAX_SESSIONS; i++) {
        snprintf(origin, sizeof(origin), "https://o%d.cn", i % 40);
        assert_int_equal(access_session_start(access, origin, token, &session), 0);
    }
    assert_int_equal(access_session_start(access, "https://late.cn", token, &session), -1);
    assert_string_equal(token, "");
    assert_int_equal(ends, 0);
    /* who has one already gets the next in its place */
    assert_int_equal(access_session_start(access, "https://first.cn", token, &session), 0);
    assert_int_equal(ends, 1);
    assert_false(access_session_find(access, first, "https://first.cn", &session));
    /* and when some have ended there is room */
    now += 100;
    access_expire(access);
    assert_int_equal(access_session_start(access, "https://late.cn", token, &session), 0);
}

static void an_origin_is_known_once_a_person_has_agreed(void **state) {
    struct access *access = *state;
    struct access_session a;
    char token[ACCESS_TOKEN_TEXT_SIZE];
    assert_false(access_origin_is_known(access, "https://a.cn"));
    access_session_start(access, "https://a.cn", token, &a);
    access_session_end(access, a.id);
    assert_true(access_origin_is_known(access, "https://a.cn"));
    assert_false(access_origin_is_known(access, "https://b.cn"));
    assert_false(access_origin_is_known(access, ""));
    access_origin_end(access, "https://a.cn");
    assert_false(access_origin_is_known(access, "https://a.cn"));
}

static void each_origin_has_its_own_share_of_a_minute(void **state) {
    struct access *access = *state;
    for (int i = 0; i < 5; i++) {
        assert_true(access_rate_take(access, "https://a.cn", 0));
    }
    assert_false(access_rate_take(access, "https://a.cn", 0));
    assert_true(access_rate_take(access, "https://b.cn", 0));
    assert_true(access_rate_take(access, "pairing https://b.cn", 1));
    assert_false(access_rate_take(access, "pairing https://b.cn", 1));
    now += 59;
    assert_false(access_rate_take(access, "https://a.cn", 0));
    now += 1;
    assert_true(access_rate_take(access, "https://a.cn", 0));
}

static void wrong_pins_make_their_origin_wait_longer_and_longer(void **state) {
    struct access *access = *state;
    access_pin_tried(access, "https://a.cn", false);
    assert_int_equal(access_pin_wait(access, "https://a.cn"), 0);
    static const unsigned waits[] = {5, 10, 20, 40, 80, 160, 320, 640, 900, 900};
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        access_pin_tried(access, "https://a.cn", false);
        assert_int_equal(access_pin_wait(access, "https://a.cn"), waits[i]);
        assert_int_equal(access_pin_wait(access, "https://b.cn"), 0);
    }
    now += 899;
    assert_int_equal(access_pin_wait(access, "https://a.cn"), 1);
    now += 1;
    assert_int_equal(access_pin_wait(access, "https://a.cn"), 0);
    access_pin_tried(access, "https://a.cn", true);
    access_pin_tried(access, "https://a.cn", false);
    assert_int_equal(access_pin_wait(access, "https://a.cn"), 0);
}

static void origins_with_sessions_are_told_once_each(void **state) {
    struct access *access = *state;
    struct access_session session;
    char token[ACCESS_TOKEN_TEXT_SIZE], origin[ORIGIN_TEXT_SIZE];
    assert_false(access_origin_at(access, 0, origin));
    const char *const origins[] = {"https://a.cn", "https://b.cn", "https://a.cn", "https://c.cn"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(access_session_start(access, origins[i], token, &session), 0);
    }
    access_origin_end(access, "https://b.cn");
    assert_true(access_origin_at(access, 0, origin));
    assert_string_equal(origin, "https://a.cn");
    assert_true(access_origin_at(access, 1, origin));
    assert_string_equal(origin, "https://c.cn");
    assert_false(access_origin_at(access, 2, origin));
}

static void one_action_at_a_time(void **state) {
    struct access *access = *state;
    assert_true(access_action_begin(access));
    assert_false(access_action_begin(access));
    access_action_end(access);
    assert_true(access_action_begin(access));
}

#define WITH_ACCESS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_ACCESS(a_session_belongs_to_its_origin_alone),
        WITH_ACCESS(two_tokens_are_never_the_same),
        WITH_ACCESS(a_session_ends_when_idle),
        WITH_ACCESS(a_session_ends_after_its_lifetime_however_busy),
        WITH_ACCESS(origin_b_never_inherits_the_pin_of_origin_a),
        WITH_ACCESS(the_token_is_logged_out_with_the_last_session_that_verified_it),
        WITH_ACCESS(idle_sessions_log_the_token_out_too),
        WITH_ACCESS(a_pin_typed_for_a_session_that_has_ended_logs_the_token_out),
        WITH_ACCESS(a_removed_token_is_verified_by_nobody),
        WITH_ACCESS(an_origin_with_too_many_sessions_loses_its_oldest),
        WITH_ACCESS(all_origins_together_have_so_many_sessions_and_none_loses_anothers),
        WITH_ACCESS(an_origin_is_known_once_a_person_has_agreed),
        WITH_ACCESS(each_origin_has_its_own_share_of_a_minute),
        WITH_ACCESS(wrong_pins_make_their_origin_wait_longer_and_longer),
        WITH_ACCESS(origins_with_sessions_are_told_once_each),
        WITH_ACCESS(one_action_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
