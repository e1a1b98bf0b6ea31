/* 4.1: templates that ask for too much, too little, or for what cannot be. */
#include "tests/conformance/suite/suite.h"

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

static CK_OBJECT_HANDLE made;

/* Creates with `template`, and unmakes what should not have been made. */
static CK_RV create(CK_ATTRIBUTE *template, CK_ULONG count) {
    CK_SESSION_HANDLE session = user_session();
    CK_RV rv = p11.C_CreateObject(session, template, count, &made);
    if (rv == CKR_OK) {
        p11.C_DestroyObject(session, made);
    }
    return rv;
}

CHECK(unknown_attribute) {
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_VALUE, "value"),
                               TEXT(0x7FFFFFF3UL, "x")};
    ONE_OF(create(template, 3), CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT);
}
CHECK(bad_bool_length) {
    CK_ULONG wide = 0;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data),
                               TEXT(CKA_VALUE, "value"),
                               {CKA_TOKEN, &wide, sizeof(wide)}};
    EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, create(template, 3));
}
CHECK(bad_bool_value) {
    CK_BBOOL two = 2;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_VALUE, "value"),
                               ATTRIBUTE(CKA_PRIVATE, two)};
    ONE_OF(create(template, 3), CKR_ATTRIBUTE_VALUE_INVALID, CKR_OK, CKR_TEMPLATE_INCONSISTENT);
}
CHECK(bad_ulong_length) {
    CK_BYTE narrow = CKO_DATA;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, narrow), TEXT(CKA_VALUE, "value")};
    /* without a class that can be read the template is incomplete as well */
    ONE_OF(create(template, 2), CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCOMPLETE);
}
CHECK(null_value) {
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), {CKA_VALUE, NULL, 5}};
    ONE_OF(create(template, 2), CKR_ATTRIBUTE_VALUE_INVALID, CKR_ARGUMENTS_BAD);
}
CHECK(no_class) {
    CK_ATTRIBUTE template[] = {TEXT(CKA_VALUE, "value")};
    EXPECT(CKR_TEMPLATE_INCOMPLETE, create(template, 1));
}
CHECK(bad_class) {
    CK_OBJECT_CLASS class = 0x7FFFFFF4UL;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class), TEXT(CKA_VALUE, "value")};
    ONE_OF(create(template, 2), CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT);
}
CHECK(no_key_type) {
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_secret),
                               TEXT(CKA_VALUE, "0123456789abcdef")};
    EXPECT(CKR_TEMPLATE_INCOMPLETE, create(template, 2));
}
CHECK(secret_no_value) {
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_secret),
                               ATTRIBUTE(CKA_KEY_TYPE, type_aes), ATTRIBUTE(CKA_TOKEN, no)};
    make_secret(user_session(), CKK_AES, true);
    OK(p11.C_CloseAllSessions(the_slot()));
    EXPECT(CKR_TEMPLATE_INCOMPLETE, create(template, 3));
}
CHECK(secret_bad_length) {
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_secret),
                               ATTRIBUTE(CKA_KEY_TYPE, type_aes), ATTRIBUTE(CKA_TOKEN, no),
                               TEXT(CKA_VALUE, "0123456")};
    make_secret(user_session(), CKK_AES, true);
    OK(p11.C_CloseAllSessions(the_slot()));
    ONE_OF(create(template, 4), CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE,
           CKR_TEMPLATE_INCONSISTENT);
}
CHECK(wrong_class_attribute) {
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_VALUE, "value"),
                               TEXT(CKA_MODULUS, "modulus")};
    ONE_OF(create(template, 3), CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID);
}
CHECK(contradiction) {
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_VALUE, "value"),
                               ATTRIBUTE(CKA_CLASS, class_secret)};
    ONE_OF(create(template, 3), CKR_TEMPLATE_INCONSISTENT, CKR_TEMPLATE_INCOMPLETE,
           CKR_ATTRIBUTE_TYPE_INVALID);
}
CHECK(said_twice) {
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), ATTRIBUTE(CKA_TOKEN, no),
                               TEXT(CKA_VALUE, "value"), TEXT(CKA_VALUE, "value")};
    ONE_OF(create(template, 4), CKR_OK, CKR_TEMPLATE_INCONSISTENT);
}
CHECK(history_is_not_given) {
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_secret),
                               ATTRIBUTE(CKA_KEY_TYPE, type_generic), ATTRIBUTE(CKA_TOKEN, no),
                               TEXT(CKA_VALUE, "0123456789abcdef"), ATTRIBUTE(CKA_LOCAL, yes)};
    make_secret(user_session(), CKK_GENERIC_SECRET, true);
    OK(p11.C_CloseAllSessions(the_slot()));
    ONE_OF(create(template, 5), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT,
           CKR_ATTRIBUTE_TYPE_INVALID);
}
CHECK(trusted_is_the_officers) {
    CK_SESSION_HANDLE session = user_session();
    CK_BYTE n[128] = {0xC1}, e[] = {1, 0, 1};
    n[127] = 1;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_public),
                               ATTRIBUTE(CKA_KEY_TYPE, type_rsa),
                               ATTRIBUTE(CKA_TOKEN, no),
                               {CKA_MODULUS, n, sizeof(n)},
                               {CKA_PUBLIC_EXPONENT, e, sizeof(e)},
                               ATTRIBUTE(CKA_TRUSTED, yes)};
    if (p11.C_CreateObject(session, template, 5, &made) != CKR_OK) {
        rule_not_applicable("no public session keys");
    }
    OK(p11.C_CloseAllSessions(the_slot()));
    ONE_OF(create(template, 6), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT,
           CKR_ATTRIBUTE_VALUE_INVALID);
}

/* clang-format off */
static const struct rule table[] = {
    {"4.1.1", "creating", "an attribute that nobody knows: CKR_ATTRIBUTE_TYPE_INVALID", unknown_attribute, NULL},
    {"4.1.1", "creating", "a CK_BBOOL of a wrong length: CKR_ATTRIBUTE_VALUE_INVALID", bad_bool_length, NULL},
    {"4.1.1", "creating", "a CK_BBOOL of 2 does no harm", bad_bool_value, NULL},
    {"4.1.1", "creating", "a CK_ULONG of a wrong length fails", bad_ulong_length, NULL},
    {"4.1.1", "creating", "NULL with a length fails", null_value, NULL},
    {"4.1.1", "creating", "without CKA_CLASS: CKR_TEMPLATE_INCOMPLETE", no_class, NULL},
    {"4.1.1", "creating", "a class that nobody knows fails", bad_class, NULL},
    {"4.1.1", "creating", "a key without CKA_KEY_TYPE: CKR_TEMPLATE_INCOMPLETE", no_key_type, NULL},
    {"4.1.1", "creating", "a secret key without CKA_VALUE: CKR_TEMPLATE_INCOMPLETE", secret_no_value, NULL},
    {"4.1.1", "creating", "an AES key of 7 bytes fails", secret_bad_length, NULL},
    {"4.1.1", "creating", "an attribute of another class: CKR_TEMPLATE_INCONSISTENT", wrong_class_attribute, NULL},
    {"4.1.1", "creating", "two values for one attribute: CKR_TEMPLATE_INCONSISTENT", contradiction, NULL},
    {"4.1.1", "creating", "the same value twice: made, or CKR_TEMPLATE_INCONSISTENT", said_twice, NULL},
    {"4.1.1", "creating", "CKA_LOCAL cannot be given", history_is_not_given, NULL},
    {"4.8", "creating", "only the officer sets CKA_TRUSTED", trusted_is_the_officers, NULL},
};
/* clang-format on */
RULE_LIST(template_rules, table);
