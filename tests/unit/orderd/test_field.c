/* What entries must look like, what is said of them when they do not, and which numbers the portals give. */
#include "tests/unit/orderd/fixture.h"

#include "tools/orderd/engine/field.h"

#include <ctype.h>
#include <string.h>

static void a_credential_is_known_by_its_form(void **state) {
    (void)state;
    assert_string_equal(credential_type_of(true, "91350100M000100Y43"), "USCC");
    assert_string_equal(credential_type_of(true, "91350100M000100Y44"), "ORG_CODE");
    assert_string_equal(credential_type_of(true, "12345678-9"), "ORG_CODE");
    assert_string_equal(credential_type_of(false, "11010519491231002X"), "ID");
    assert_string_equal(credential_type_of(false, "110105194912310021"), "PASSPORT");
    assert_string_equal(credential_type_of(false, "E12345678"), "PASSPORT");
    assert_string_equal(credential_type_of(false, "H1234567890"), "HK_MACAU_PERMIT");
    assert_string_equal(credential_type_of(false, "M12345678"), "HK_MACAU_PERMIT");
    assert_string_equal(credential_type_of(false, "12345678"), "TAIWAN_PERMIT");
    assert_string_equal(credential_type_of(false, "810000199408230021"), "RESIDENCE_PERMIT");
}

/* One wrong entry for each field of the catalogue, and one right one. */
static const struct {
    const char *name;
    const char *right;
    const char *wrong;
} entries[] = {
    {"handlerName", "李四", " "},
    {"handlerPhone", "13800138000", "23800138000"},
    {"handlerEmail", "a@b.cn", "a@b"},
    {"handlerIdType", "PASSPORT", "LIBRARY_CARD"},
    {"handlerIdNumber", "11010519491231002X", "110105194912310021"},
    {"legalName", "王五", "\t"},
    {"legalIdNumber", "E12345678", "E1"},
    {"legalPhone", "13800138000", "1380013800"},
    {"phone", "13800138000", "1380013800a"},
    {"bankCard", "6222000011112222", "622200001111222"},
    {"bankName", "某银行", ""},
    {"bankAccount", "62220000", "6222000"},
    {"newName", "新名有限公司", "\n"},
    {"userName", "ceshi01", "ceshi-01"},
    {"securityQuestion", "?", ""},
    {"securityAnswer", "!", "  "},
    {"project", "p", "\x01"},
    {"product", "p", ""},
    {"recoverSerial", "1A2B3C4D5E6F", "12-"},
    {"reason", "LOST", "STOLEN"},
    {"sealType", "PERSONAL", "ROUND"},
    {"licenceNumber", "430000000012345", "1234"},
    {"taxNumber", "91350100M000100Y43", "9135010"},
    {"fax", "0731-1", ""},
    {"email", "a@b.cn", "a@@b.cn"},
    {"orgType", "有限责任公司", ""},
    {"socialNo", "430100123456", "43"},
    {"region", "湖南省长沙市", " "},
    {"address", "某路", ""},
    {"postcode", "410000", "41000"},
    {"delivery", "PICKUP", "PIGEON"},
    {"recipientName", "李四", ""},
    {"recipientPhone", "13800138000", "0731"},
    {"recipientRegion", "湖南省", ""},
    {"recipientAddress", "某路 1 号", ""},
    {"invoiceTitle", "某公司", "个人"},
    {"invoiceTaxNumber", "91350100M000100Y43", "91350100m000100y43"},
    {"invoiceEmail", "fp@example.cn", "fp example.cn"},
    {"invoicePhone", "13800138000", "1"},
    {"invoiceAddress", "某路", ""},
    {"invoiceBank", "某银行", ""},
};

static void every_field_takes_the_right_and_refuses_the_wrong_in_both_languages(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        const struct field *field = field_find(entries[i].name);
        assert_non_null(field);
        json_t *right = json_string(entries[i].right);
        json_t *wrong = json_string(entries[i].wrong);
        json_t *number = json_integer(7);
        json_t *errors = json_array();
        if (!field_is_valid(field, right) || field_is_valid(field, wrong) ||
            field_is_valid(field, number)) {
            fail_msg("%s", entries[i].name);
        }
        field_refuse(errors, field->name, field->wrong, LANGUAGE_ZH);
        field_refuse(errors, field->name, field->wrong, LANGUAGE_EN);
        const char *zh = json_string_value(json_object_get(json_array_get(errors, 0), "detail"));
        const char *en = json_string_value(json_object_get(json_array_get(errors, 1), "detail"));
        assert_true((unsigned char)zh[0] >= 0x80);
        assert_true(isupper((unsigned char)en[0]));
        assert_string_equal(json_string_value(json_object_get(json_array_get(errors, 1), "field")),
                            entries[i].name);
        json_decref(errors);
        json_decref(number);
        json_decref(wrong);
        json_decref(right);
    }
}

static void every_field_that_a_portal_asks_for_is_in_the_catalogue_and_tried_here(void **state) {
    (void)state;
    for (size_t p = 0; profiles[p] != NULL; p++) {
        for (size_t f = 0; f < profiles[p]->field_count; f++) {
            const struct field *field = field_find(profiles[p]->fields[f].field);
            assert_non_null(field);
            bool tried = field->type != FIELD_TEXT;
            for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
                tried = tried || strcmp(entries[i].name, field->name) == 0;
            }
            if (!tried) {
                fail_msg("%s", field->name);
            }
        }
    }
}

/* R260-R262: each portal's third order of the day. */
static void each_portal_numbers_in_its_own_form(void **state) {
    static const struct {
        const char *profile;
        const char *number;
    } numbers[] = {
        {"default", "20210524A0003"},         {"hall", "UO202105241455000003"},
        {"building", "20210524000000000003"}, {"cecep", "20210524C0003"},
        {"hainan", "20210524H0003"},          {"resource", "20210524A0003"},
    };
    struct fixture *fixture = *state;
    char number[PUBLIC_NUMBER_SIZE];
    int64_t made = at("2021-05-24T14:55:29+08:00") * 1000;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct profile *profile = profile_find(numbers[i].profile);
        fixture_sql(fixture, "DELETE FROM number_sequences");
        for (int times = 0; times < 3; times++) {
            assert_int_equal(public_number_next(fixture->db, profile, made, number), ORDER_OK);
        }
        assert_string_equal(number, numbers[i].number);
    }
}

static void masks_leave_what_the_owner_knows_again(void **state) {
    char out[160];
    (void)state;
    mask_phone("15112340305", out, sizeof out);
    assert_string_equal(out, "151****0305");
    mask_name("张三丰", out, sizeof out);
    assert_string_equal(out, "张*");
    mask_email("abc@example.cn", out, sizeof out);
    assert_string_equal(out, "a***@example.cn");
    mask_number("91350100M000100Y43", out, sizeof out);
    assert_string_equal(out, "9135**********0Y43");
    mask_number("E1234", out, sizeof out);
    assert_string_equal(out, "E***4");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_credential_is_known_by_its_form),
        cmocka_unit_test(every_field_takes_the_right_and_refuses_the_wrong_in_both_languages),
        cmocka_unit_test(every_field_that_a_portal_asks_for_is_in_the_catalogue_and_tried_here),
        cmocka_unit_test_setup_teardown(each_portal_numbers_in_its_own_form, fixture_open,
                                        fixture_close),
        cmocka_unit_test(masks_leave_what_the_owner_knows_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
