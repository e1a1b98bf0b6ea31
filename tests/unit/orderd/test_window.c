/* The renewal window and the new validity, at every boundary (R210-R212, R215). */
#include "tests/unit/orderd/fixture.h"

#include "module/formats/calendar.h"

static const struct renewal_policy policy = {.before_days = 90, .after_days = 365};

static enum window_result result_at(const char *now, const char *not_after) {
    return renewal_window(&policy, at(not_after), at(now)).result;
}

static void ninety_days_left_is_too_early_and_eighty_nine_is_open(void **state) {
    (void)state;
    const char *end = "2026-05-30T20:30:00+08:00";
    assert_int_equal(result_at("2026-03-01T10:00:00+08:00", end), WINDOW_TOO_EARLY);
    assert_int_equal(result_at("2026-03-02T00:00:00+08:00", end), WINDOW_OPEN);
    assert_int_equal(result_at("2026-03-01T23:59:59+08:00", end), WINDOW_TOO_EARLY);
}

static void expired_for_365_days_is_open_and_366_is_too_late(void **state) {
    (void)state;
    const char *end = "2025-03-01T20:30:00+08:00";
    assert_int_equal(result_at("2026-03-01T23:59:59+08:00", end), WINDOW_OPEN);
    assert_int_equal(result_at("2026-03-02T00:00:00+08:00", end), WINDOW_TOO_LATE);
}

static void days_are_those_of_shanghai_not_of_utc(void **state) {
    (void)state;
    /* 16:00Z is midnight in Shanghai: one second apart, another day */
    const char *end = "2026-05-30T12:00:00Z";
    assert_int_equal(result_at("2026-03-01T15:59:59Z", end), WINDOW_TOO_EARLY);
    assert_int_equal(result_at("2026-03-01T16:00:00Z", end), WINDOW_OPEN);
}

static void the_refusal_names_the_first_and_the_last_day(void **state) {
    (void)state;
    char date[11];
    struct window window =
        renewal_window(&policy, at("2026-05-30T20:30:00+08:00"), at("2026-01-01T00:00:00+08:00"));
    calendar_date_text(window.earliest, date);
    assert_string_equal(date, "2026-03-02");
    calendar_date_text(window.latest, date);
    assert_string_equal(date, "2027-05-30");
    assert_int_equal(window.days_left, 149);
}

static void a_certificate_is_valid_in_its_last_second_and_expired_in_the_next(void **state) {
    (void)state;
    int64_t end = at("2026-05-30T20:30:00+08:00");
    assert_false(renewal_window(&policy, end, end).expired);
    struct window after = renewal_window(&policy, end, end + 1);
    assert_true(after.expired);
    assert_int_equal(after.days_left, 0);
    assert_int_equal(after.result, WINDOW_OPEN);
}

static void not_expired_continues_from_the_old_end(void **state) {
    (void)state;
    int64_t end = at("2026-05-30T20:30:00+08:00");
    assert_int_equal(renewal_not_after(end, end - 100, 1), at("2027-05-30T20:30:00+08:00"));
    assert_int_equal(renewal_not_after(end, end, 3), at("2029-05-30T20:30:00+08:00"));
}

static void expired_counts_from_the_day_of_download(void **state) {
    (void)state;
    int64_t end = at("2026-05-30T20:30:00+08:00");
    assert_int_equal(renewal_not_after(end, at("2026-07-10T08:00:00+08:00"), 1),
                     at("2027-07-10T23:59:59+08:00"));
    /* still the 10th in UTC, the 11th in Shanghai */
    assert_int_equal(renewal_not_after(end, at("2026-07-10T16:30:00Z"), 2),
                     at("2028-07-11T23:59:59+08:00"));
}

static void the_29th_of_february_becomes_the_28th(void **state) {
    (void)state;
    int64_t end = at("2028-02-29T12:00:00+08:00");
    assert_int_equal(renewal_not_after(end, end - 1, 1), at("2029-02-28T12:00:00+08:00"));
    assert_int_equal(renewal_not_after(end, end - 1, 4), at("2032-02-29T12:00:00+08:00"));
    int64_t day = at("2028-02-29T09:00:00+08:00");
    assert_int_equal(renewal_not_after(day - 86400, day, 1), at("2029-02-28T23:59:59+08:00"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ninety_days_left_is_too_early_and_eighty_nine_is_open),
        cmocka_unit_test(expired_for_365_days_is_open_and_366_is_too_late),
        cmocka_unit_test(days_are_those_of_shanghai_not_of_utc),
        cmocka_unit_test(the_refusal_names_the_first_and_the_last_day),
        cmocka_unit_test(a_certificate_is_valid_in_its_last_second_and_expired_in_the_next),
        cmocka_unit_test(not_expired_continues_from_the_old_end),
        cmocka_unit_test(expired_counts_from_the_day_of_download),
        cmocka_unit_test(the_29th_of_february_becomes_the_28th),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
