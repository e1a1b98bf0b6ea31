/* What strict JSON refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/http/json.h"

static bool parses(const char *text, size_t len) {
    char error[160] = "";
    json_t *value = json_parse_strict(text, len, error, sizeof(error));
    bool ok = value != NULL;
    if (!ok) {
        assert_string_not_equal(error, "");
    }
    json_decref(value);
    return ok;
}

#define PARSES(text) parses(text, sizeof(text) - 1)

static void well_formed_json_is_read(void **state) {
    (void)state;
    assert_true(PARSES("{}"));
    assert_true(PARSES("{\"a\":[1,2.5,true,null,\"\\u4f60\"]}"));
    assert_true(PARSES("\"text\""));
    assert_true(PARSES("{\"[[[[\":\"{{{{\"}"));
}

static void duplicate_names_are_refused(void **state) {
    (void)state;
    assert_false(PARSES("{\"a\":1,\"a\":2}"));
    assert_false(PARSES("{\"x\":{\"a\":1,\"\\u0061\":2}}"));
}

static void malformed_json_is_refused(void **state) {
    (void)state;
    assert_false(PARSES(""));
    assert_false(PARSES("{\"a\":01}"));
    assert_false(PARSES("{\"a\":1}x"));
    assert_false(PARSES("{\"a\":\"\xff\"}"));
    assert_false(PARSES("{\"a\":\"\xed\xa0\x80\"}"));
    assert_false(PARSES("{\"a\":\"\\ud800\"}"));
    assert_false(PARSES("{\"a\":\"\\u0000\"}"));
    assert_false(PARSES("{\"a\":\"\n\"}"));
    assert_false(PARSES("{'a':1}"));
    assert_false(PARSES("{\"a\":1,}"));
    assert_false(PARSES("{\"a\":99999999999999999999}"));
    assert_false(PARSES("\xef\xbb\xbf{}"));
    assert_false(PARSES("{}\0"));
}

static void nesting_is_bounded(void **state) {
    (void)state;
    char text[2 * (JSON_STRICT_MAX_DEPTH + 1) + 1];
    memset(text, '[', JSON_STRICT_MAX_DEPTH);
    memset(text + JSON_STRICT_MAX_DEPTH, ']', JSON_STRICT_MAX_DEPTH);
    assert_true(parses(text, (size_t)2 * JSON_STRICT_MAX_DEPTH));
    memset(text, '[', JSON_STRICT_MAX_DEPTH + 1);
    memset(text + JSON_STRICT_MAX_DEPTH + 1, ']', JSON_STRICT_MAX_DEPTH + 1);
    assert_false(parses(text, (size_t)2 * (JSON_STRICT_MAX_DEPTH + 1)));
}

static void an_error_does_not_repeat_the_input(void **state) {
    (void)state;
    char error[160];
    static const char text[] = "{\"pin\":\"123456\" oops-secret}";
    assert_null(json_parse_strict(text, sizeof(text) - 1, error, sizeof(error)));
    assert_null(strstr(error, "secret"));
    assert_null(strstr(error, "oops"));
}

static void foreign_members_are_named(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", NULL};
    const char *unknown = NULL;
    json_t *object = json_pack("{s:i, s:i}", "a", 1, "c", 2);
    assert_false(json_members_are(object, names, &unknown));
    assert_string_equal(unknown, "c");
    json_object_del(object, "c");
    assert_true(json_members_are(object, names, NULL));
    assert_null(json_member_string(object, "a", 10));
    json_object_set_new(object, "b", json_string("four"));
    assert_string_equal(json_member_string(object, "b", 4), "four");
    assert_null(json_member_string(object, "b", 3));
    json_decref(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_json_is_read),
        cmocka_unit_test(duplicate_names_are_refused),
        cmocka_unit_test(malformed_json_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(an_error_does_not_repeat_the_input),
        cmocka_unit_test(foreign_members_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
