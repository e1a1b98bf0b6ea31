/* agent/api/statement, base64: what may be signed, and exactly as which bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/statement.h"
#include "module/formats/base64.h"

#define ORIGIN "https://portal.example.test"
#define NONCE  "0123456789abcdef"

static json_t *parse(const char *text) {
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static enum statement_error canonical(const char *statement, const char *nonce,
                                      struct octets *bytes) {
    json_t *json = parse(statement);
    enum statement_error error = statement_canonical(json, nonce, ORIGIN, bytes, NULL);
    json_decref(json);
    return error;
}

static void assert_refused(const char *statement, enum statement_error expected) {
    struct octets bytes;
    assert_int_equal(canonical(statement, NONCE, &bytes), expected);
    assert_null(bytes.data);
}

static void a_statement_becomes_one_canonical_object(void **state) {
    (void)state;
    struct octets bytes;
    assert_int_equal(canonical("{\"title\":\"\\u7eed\\u671f\",\"fields\":[{\"value\":\"1\\n\","
                               "\"label\":\"a\"}],\"order\":\"X1\",\"digest\":\"ab\"}",
                               NONCE, &bytes),
                     STATEMENT_OK);
    static const char expected[] =
        "{\"digest\":\"ab\",\"fields\":[{\"label\":\"a\",\"value\":\"1\\n\"}],\"nonce\":\"" NONCE
        "\",\"order\":\"X1\",\"origin\":\"" ORIGIN
        "\",\"title\":\"\xe7\xbb\xad\xe6\x9c\x9f\",\"type\":\"statement\",\"version\":\"1\"}";
    assert_int_equal(bytes.len, sizeof expected - 1);
    assert_memory_equal(bytes.data, expected, bytes.len);
    octets_free(&bytes);
}

static void no_page_sets_origin_type_version_or_nonce(void **state) {
    (void)state;
#define FIELDS "\"title\":\"t\",\"fields\":[{\"label\":\"a\",\"value\":\"b\"}]"
    assert_refused("{" FIELDS ",\"origin\":\"https://bank.example\"}", STATEMENT_BAD_SHAPE);
    assert_refused("{" FIELDS ",\"type\":\"login\"}", STATEMENT_BAD_SHAPE);
    assert_refused("{" FIELDS ",\"version\":\"2\"}", STATEMENT_BAD_SHAPE);
    assert_refused("{" FIELDS ",\"nonce\":\"xxxxxxxxxx\"}", STATEMENT_BAD_SHAPE);
    assert_refused("{" FIELDS ",\"more\":\"x\"}", STATEMENT_BAD_SHAPE);
}

static void missing_or_wrong_members_are_refused(void **state) {
    (void)state;
    assert_refused("[]", STATEMENT_BAD_SHAPE);
    assert_refused("{\"title\":\"t\"}", STATEMENT_BAD_SHAPE);
    assert_refused("{\"title\":\"t\",\"fields\":[]}", STATEMENT_BAD_SHAPE);
    assert_refused("{\"title\":\"\",\"fields\":[{\"label\":\"a\",\"value\":\"b\"}]}",
                   STATEMENT_BAD_SHAPE);
    assert_refused("{\"title\":\"t\",\"fields\":[{\"label\":\"a\"}]}", STATEMENT_BAD_SHAPE);
    assert_refused("{\"title\":\"t\",\"fields\":[{\"label\":\"a\",\"value\":1}]}",
                   STATEMENT_BAD_SHAPE);
    assert_refused("{\"title\":\"t\",\"fields\":[{\"label\":\"a\",\"value\":\"b\",\"c\":\"d\"}]}",
                   STATEMENT_BAD_SHAPE);
    assert_refused("{\"title\":1,\"fields\":[{\"label\":\"a\",\"value\":\"b\"}]}",
                   STATEMENT_BAD_SHAPE);
    assert_refused("{" FIELDS ",\"order\":1}", STATEMENT_BAD_SHAPE);
}

static void a_nul_inside_a_text_is_refused(void **state) {
    (void)state;
    struct octets bytes;
    json_t *json = json_pack("{s:s, s:[{s:s, s:s%}]}", "title", "t", "fields", "label", "a",
                             "value", "x\0y", (size_t)3);
    assert_non_null(json);
    assert_int_not_equal(statement_canonical(json, NONCE, ORIGIN, &bytes, NULL), STATEMENT_OK);
    json_decref(json);
}

static void the_nonce_is_8_to_128_printable_characters(void **state) {
    (void)state;
    struct octets bytes;
    char nonce[200];
    memset(nonce, 'n', sizeof nonce);
    nonce[129] = '\0';
    assert_int_equal(canonical("{" FIELDS "}", nonce, &bytes), STATEMENT_BAD_NONCE);
    nonce[128] = '\0';
    assert_int_equal(canonical("{" FIELDS "}", nonce, &bytes), STATEMENT_OK);
    octets_free(&bytes);
    assert_int_equal(canonical("{" FIELDS "}", "1234567", &bytes), STATEMENT_BAD_NONCE);
    assert_int_equal(canonical("{" FIELDS "}", "1234 5678", &bytes), STATEMENT_BAD_NONCE);
    assert_int_equal(canonical("{" FIELDS "}", "1234567\xc3\xa4", &bytes), STATEMENT_BAD_NONCE);
    assert_int_equal(canonical("{" FIELDS "}", NULL, &bytes), STATEMENT_BAD_NONCE);
}

static enum statement_error canonical_of_size(size_t len, struct octets *bytes) {
    char *value = malloc(len + 1);
    memset(value, 'v', len);
    value[len] = '\0';
    json_t *json =
        json_pack("{s:s, s:[{s:s, s:s}]}", "title", "t", "fields", "label", "a", "value", value);
    enum statement_error error = statement_canonical(json, NONCE, ORIGIN, bytes, NULL);
    json_decref(json);
    free(value);
    return error;
}

static void a_statement_of_64_kib_is_refused(void **state) {
    (void)state;
    struct octets bytes;
    assert_int_equal(canonical_of_size(1000, &bytes), STATEMENT_OK);
    size_t rest = bytes.len - 1000;
    octets_free(&bytes);
    assert_int_equal(canonical_of_size(STATEMENT_MAX - rest, &bytes), STATEMENT_OK);
    assert_int_equal(bytes.len, STATEMENT_MAX);
    octets_free(&bytes);
    assert_int_equal(canonical_of_size(STATEMENT_MAX - rest + 1, &bytes), STATEMENT_TOO_LARGE);
    assert_int_equal(canonical_of_size(1000000, &bytes), STATEMENT_TOO_LARGE);
}

static void too_many_fields_and_a_long_title_are_refused(void **state) {
    (void)state;
    struct octets bytes;
    char title[300];
    memset(title, 't', sizeof title);
    title[257] = '\0';
    json_t *fields = json_array();
    json_array_append_new(fields, json_pack("{s:s, s:s}", "label", "a", "value", "b"));
    json_t *json = json_pack("{s:s, s:O}", "title", title, "fields", fields);
    assert_int_equal(statement_canonical(json, NONCE, ORIGIN, &bytes, NULL), STATEMENT_TOO_LARGE);
    json_decref(json);
    for (int i = 0; i < STATEMENT_FIELDS_MAX; i++)
        json_array_append_new(fields, json_pack("{s:s, s:s}", "label", "a", "value", ""));
    json = json_pack("{s:s, s:o}", "title", "t", "fields", fields);
    assert_int_equal(statement_canonical(json, NONCE, ORIGIN, &bytes, NULL), STATEMENT_TOO_LARGE);
    json_decref(json);
}

static void a_login_is_no_statement_and_names_its_origin(void **state) {
    (void)state;
    struct octets bytes;
    assert_int_equal(login_canonical("urn:x", NONCE, "X1", ORIGIN, &bytes), STATEMENT_OK);
    static const char expected[] = "{\"nonce\":\"" NONCE "\",\"order\":\"X1\",\"origin\":\"" ORIGIN
                                   "\",\"service\":\"urn:x\",\"type\":\"login\",\"version\":\"1\"}";
    assert_int_equal(bytes.len, sizeof expected - 1);
    assert_memory_equal(bytes.data, expected, bytes.len);
    octets_free(&bytes);
    assert_int_equal(login_canonical("urn:x", NONCE, NULL, ORIGIN, &bytes), STATEMENT_OK);
    assert_null(memmem(bytes.data, bytes.len, "order", 5));
    octets_free(&bytes);
    assert_int_equal(login_canonical(NULL, NONCE, NULL, ORIGIN, &bytes), STATEMENT_BAD_SHAPE);
    assert_int_equal(login_canonical("", NONCE, NULL, ORIGIN, &bytes), STATEMENT_BAD_SHAPE);
    assert_int_equal(login_canonical("urn:x", "short", NULL, ORIGIN, &bytes), STATEMENT_BAD_NONCE);
}

static void assert_decodes(const char *text, const char *expected, bool is_url) {
    struct octets bytes;
    enum formats_error error = is_url ? base64url_decode(text, strlen(text), &bytes)
                                      : base64_decode(text, strlen(text), &bytes);
    if (!expected) {
        assert_int_equal(error, FORMATS_MALFORMED);
        assert_null(bytes.data);
        return;
    }
    assert_int_equal(error, FORMATS_OK);
    assert_int_equal(bytes.len, strlen(expected));
    if (bytes.len)
        assert_memory_equal(bytes.data, expected, bytes.len);
    octets_free(&bytes);
}

static void base64_is_read_strictly(void **state) {
    (void)state;
    assert_decodes("", "", false);
    assert_decodes("Zg==", "f", false);
    assert_decodes("Zm8=", "fo", false);
    assert_decodes("Zm9v", "foo", false);
    assert_decodes("Zg", NULL, false);   /* no padding */
    assert_decodes("Zh==", NULL, false); /* bits left over */
    assert_decodes("Zm9=", NULL, false);
    assert_decodes("Z===", NULL, false);
    assert_decodes("Zg==\n", NULL, false);
    assert_decodes("Z g=", NULL, false);
    assert_decodes("Zm-_", NULL, false); /* the other alphabet */
    assert_decodes("Zg", "f", true);
    assert_decodes("Zg==", NULL, true);
    assert_decodes("-_-_", "\xfb\xff\xbf", true);
    assert_decodes("+/+/", NULL, true);
    char *text = base64_encode("foob", 4);
    assert_string_equal(text, "Zm9vYg==");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_becomes_one_canonical_object),
        cmocka_unit_test(no_page_sets_origin_type_version_or_nonce),
        cmocka_unit_test(missing_or_wrong_members_are_refused),
        cmocka_unit_test(a_nul_inside_a_text_is_refused),
        cmocka_unit_test(the_nonce_is_8_to_128_printable_characters),
        cmocka_unit_test(a_statement_of_64_kib_is_refused),
        cmocka_unit_test(too_many_fields_and_a_long_title_are_refused),
        cmocka_unit_test(a_login_is_no_statement_and_names_its_origin),
        cmocka_unit_test(base64_is_read_strictly),
    };
    return cmocka_run_group_tests_name("agent/api/statement", tests, NULL, NULL);
}
