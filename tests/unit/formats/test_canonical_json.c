/* Canonical JSON: one text for one object, and nothing that has two. */
#include "module/formats/canonical_json.h"
#include "tests/unit/formats/bench.h"

#include <string.h>

static enum formats_error write_text(const char *json, struct octets *out) {
    json_t *value = json_loads(json, JSON_ALLOW_NUL, NULL);
    assert_non_null(value);
    enum formats_error error = canonical_json_write(value, out);
    json_decref(value);
    return error;
}

static void keys_are_sorted_and_blanks_removed(void **state) {
    (void)state;
    struct octets out;
    assert_ok(write_text("{ \"b\" : [ 1 , {\"z\":\"\",\"a\":-5} ], \"a\":\"x\", \"\":0 }", &out));
    assert_string_equal((const char *)out.data,
                        "{\"\":0,\"a\":\"x\",\"b\":[1,{\"a\":-5,\"z\":\"\"}]}");
    assert_int_equal(out.len, strlen((const char *)out.data));
    octets_free(&out);
}

/* The example of RFC 8785 3.2.3: by UTF-16 code units, the emoji before U+FB33. */
static void keys_are_sorted_by_utf16_code_units(void **state) {
    (void)state;
    struct octets out;
    assert_ok(write_text("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,"
                         "\"\\u0080\":6,\"\\u00f6\":7}",
                         &out));
    assert_string_equal(
        (const char *)out.data,
        "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\u00f6\":7,\"\u20ac\":1,\"\U0001F600\":5,"
        "\"\ufb33\":3}");
    octets_free(&out);
}

static void strings_escape_only_what_must_be(void **state) {
    (void)state;
    struct octets out;
    assert_ok(write_text("{\"a\":\"\\u20ac$\\u000f\\nA'\\u0042\\u0022\\u005c\\\\\\\"\\/\\u007f\"}",
                         &out));
    assert_string_equal((const char *)out.data,
                        "{\"a\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\x7f\"}");
    octets_free(&out);
}

static void what_could_be_written_twice_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{\"a\":1.5}",
        "{\"a\":1.0}",
        "{\"a\":true}",
        "{\"a\":null}",
        "{\"a\":9007199254740992}",
        "{\"a\":-9007199254740992}",
        "{\"a\":\"x\\u0000y\"}",
        "[\"a\"]",
    };
    struct octets out;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(write_text(bad[i], &out), FORMATS_UNSUPPORTED);
        assert_null(out.data);
    }
    assert_ok(write_text("{\"a\":9007199254740991}", &out));
    octets_free(&out);
}

static void reading_takes_canonical_bytes_only(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum formats_error error;
    } cases[] = {
        {"{\"a\":1,\"b\":\"\u7532\"}", FORMATS_OK},
        {"{\"b\":1,\"a\":1}", FORMATS_MISMATCH},
        {"{\"a\": 1}", FORMATS_MISMATCH},
        {"{\"a\":1}\n", FORMATS_MISMATCH},
        {"{\"a\":\"\\u7532\"}", FORMATS_MISMATCH},
        {"{\"a\":1,\"a\":1}", FORMATS_MALFORMED},
        {"{\"a\":1", FORMATS_MALFORMED},
        {"{\"a\":-0}", FORMATS_MISMATCH},
        {"{\"a\":\"\xff\"}", FORMATS_MALFORMED},
        {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}", FORMATS_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value = NULL;
        assert_int_equal(canonical_json_read(cases[i].text, strlen(cases[i].text), &value),
                         cases[i].error);
        assert_int_equal(value != NULL, cases[i].error == FORMATS_OK);
        json_decref(value);
    }
}

static void the_length_is_bounded(void **state) {
    (void)state;
    static char big[CANONICAL_JSON_MAX + 1];
    struct octets out;
    memset(big, 'x', sizeof big - 1);
    json_t *object = json_pack("{s:s}", "a", big);
    assert_int_equal(canonical_json_write(object, &out), FORMATS_TOO_LARGE);
    assert_null(out.data);
    json_decref(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_sorted_and_blanks_removed),
        cmocka_unit_test(keys_are_sorted_by_utf16_code_units),
        cmocka_unit_test(strings_escape_only_what_must_be),
        cmocka_unit_test(what_could_be_written_twice_is_refused),
        cmocka_unit_test(reading_takes_canonical_bytes_only),
        cmocka_unit_test(the_length_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
