/* Which paths belong to which patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/http/route.h"

static bool matches(const char *pattern, const char *path) {
    struct route_match match;
    return route_matches(pattern, path, route_path_is_clean(path), &match);
}

static void literal_paths_match_only_themselves(void **state) {
    (void)state;
    assert_true(matches("/", "/"));
    assert_true(matches("/v1/tokens", "/v1/tokens"));
    assert_false(matches("/v1/tokens", "/v1/tokens/"));
    assert_false(matches("/v1/tokens", "/v1/token"));
    assert_false(matches("/v1/tokens", "/v1/tokens/x"));
    assert_false(matches("/v1/tokens", "/V1/tokens"));
    assert_false(matches("/v1/tokens", "//v1/tokens"));
    assert_false(matches("/v1/tokens", "/v1/./tokens"));
}

static void a_name_takes_one_segment_without_colon(void **state) {
    (void)state;
    struct route_match match;
    const char *path = "/v1/tokens/ab%20c/certificates";
    assert_true(route_matches("/v1/tokens/{id}/certificates", path, true, &match));
    assert_int_equal(match.count, 1);
    assert_int_equal(match.params[0].value_len, 6);
    assert_memory_equal(match.params[0].value, "ab%20c", 6);
    assert_memory_equal(match.params[0].name, "id", match.params[0].name_len);
    assert_false(matches("/v1/orders/{no}", "/v1/orders/1:submit"));
    assert_false(matches("/v1/orders/{no}", "/v1/orders/"));
    assert_false(matches("/v1/orders/{no}", "/v1/orders"));
}

static void a_verb_is_a_literal_suffix(void **state) {
    (void)state;
    struct route_match match;
    assert_true(route_matches("/v1/orders/{no}:submit", "/v1/orders/77:submit", true, &match));
    assert_int_equal(match.params[0].value_len, 2);
    assert_false(matches("/v1/orders/{no}:submit", "/v1/orders/77:cancel"));
    assert_false(matches("/v1/orders/{no}:submit", "/v1/orders/:submit"));
    assert_false(matches("/v1/orders/{no}:submit", "/v1/orders/77"));
    assert_true(matches("/v1/tasks:claim", "/v1/tasks:claim"));
}

static void a_rest_takes_everything_even_what_is_not_clean(void **state) {
    (void)state;
    struct route_match match;
    const char *path = "/v1/service/default/v1/../%2e%2e//x";
    assert_false(route_path_is_clean(path));
    assert_true(route_matches("/v1/service/{profile}/{path...}", path, false, &match));
    assert_int_equal(match.count, 2);
    assert_string_equal(match.params[1].value, "v1/../%2e%2e//x");
    assert_true(match.params[1].is_rest);
    assert_true(matches("/sdk/{path...}", "/sdk/"));
    assert_false(matches("/sdk/{path...}", "/sdk"));
    assert_false(matches("/v1/service/{profile}/{path...}", "/v1/service/../x"));
    assert_false(matches("/v1/service/{profile}/{path...}", "/v1/service/%2e%2e/x"));
}

static void unclean_paths_are_known_as_such(void **state) {
    (void)state;
    static const char *const unclean[] = {
        "",       "v1",     "/a//b", "/a/",  "/a/./b", "/a/../b", "/%2e%2e/b", "/a%2Fb", "/a%5Cb",
        "/a%00b", "/a%0Ab", "/a%",   "/a%4", "/a%zz",  "/a%ff",   "/a%c0%80",  "/a%7f",  "/a\x01"};
    for (size_t i = 0; i < sizeof(unclean) / sizeof(unclean[0]); i++) {
        if (route_path_is_clean(unclean[i])) {
            fail_msg("taken for clean: %s", unclean[i]);
        }
    }
    assert_true(route_path_is_clean("/a/%E4%BD%A0"));
    assert_true(route_path_is_clean("/.well-known/openukey"));
}

static void percent_decoding_refuses_what_is_cut_short(void **state) {
    (void)state;
    char out[16];
    assert_int_equal(route_percent_decode("a%41b", 5, out), 3);
    assert_string_equal(out, "aAb");
    assert_int_equal(route_percent_decode("%41", 3, out), 1);
    assert_int_equal(route_percent_decode("%4", 2, out), -1);
    assert_int_equal(route_percent_decode("%", 1, out), -1);
    assert_int_equal(route_percent_decode("%00", 3, out), -1);
    assert_int_equal(route_percent_decode("%g1", 3, out), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literal_paths_match_only_themselves),
        cmocka_unit_test(a_name_takes_one_segment_without_colon),
        cmocka_unit_test(a_verb_is_a_literal_suffix),
        cmocka_unit_test(a_rest_takes_everything_even_what_is_not_clean),
        cmocka_unit_test(unclean_paths_are_known_as_such),
        cmocka_unit_test(percent_decoding_refuses_what_is_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
