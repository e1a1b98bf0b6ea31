/* Shanghai days, years and RFC 3339. */
#include "module/formats/calendar.h"
#include "tests/unit/formats/bench.h"

static int64_t at(const char *rfc3339) {
    int64_t time = 0;
    assert_true(calendar_parse_rfc3339(rfc3339, &time));
    return time;
}

static void a_day_turns_at_shanghai_midnight(void **state) {
    (void)state;
    int64_t before = at("2026-03-01T15:59:59Z");
    char text[11];
    assert_int_equal(calendar_days_between(before, before + 1), 1);
    assert_int_equal(calendar_days_between(before, before - 10), 0);
    calendar_date_text(before, text);
    assert_string_equal(text, "2026-03-01");
    calendar_date_text(before + 1, text);
    assert_string_equal(text, "2026-03-02");
    assert_int_equal(calendar_end_of_day(before), before);
    assert_int_equal(calendar_end_of_day(before + 1), before + DAY);
}

static void years_keep_the_wall_clock_and_the_end_of_february(void **state) {
    (void)state;
    assert_int_equal(calendar_add_years(at("2026-05-06T07:08:09Z"), 2), at("2028-05-06T07:08:09Z"));
    /* 2028-02-29 in Shanghai */
    assert_int_equal(calendar_add_years(at("2028-02-28T20:00:00Z"), 1), at("2029-02-27T20:00:00Z"));
    assert_int_equal(calendar_add_years(at("2028-02-28T20:00:00Z"), 4), at("2032-02-28T20:00:00Z"));
    assert_int_equal(calendar_add_years(at("2026-01-01T00:00:00Z"), -56),
                     at("1970-01-01T00:00:00Z"));
}

static void rfc3339_is_read_and_written(void **state) {
    (void)state;
    char text[21];
    assert_int_equal(at("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(at("1970-01-01T08:00:00+08:00"), 0);
    assert_int_equal(at("2026-01-01T00:00:00Z"), JAN_2026);
    calendar_rfc3339(JAN_2026 + 3661, text);
    assert_string_equal(text, "2026-01-01T01:01:01Z");
    for (int64_t time = -5000000000; time < 100000000000; time += 86399L * 1001) {
        calendar_rfc3339(time, text);
        assert_int_equal(at(text), time);
    }
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "2026-01-01",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00Zx",
        "2026-01-01T00:00:00.5Z",
        "2026-1-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
    };
    int64_t time;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(calendar_parse_rfc3339(bad[i], &time));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_turns_at_shanghai_midnight),
        cmocka_unit_test(years_keep_the_wall_clock_and_the_end_of_february),
        cmocka_unit_test(rfc3339_is_read_and_written),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
