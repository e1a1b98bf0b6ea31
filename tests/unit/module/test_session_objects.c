/* Session objects: creation rules, sensitivity, one-way attributes, copies, search, and whose they are. */
#include "session_fixture.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY, data_class = CKO_DATA,
                       public_class = CKO_PUBLIC_KEY, private_class = CKO_PRIVATE_KEY;
static CK_KEY_TYPE aes = CKK_AES, generic = CKK_GENERIC_SECRET, ec = CKK_EC, sm4 = CKK_SM4;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_BYTE key_bytes[16] = {0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6,
                                0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C};

enum { MORE_MAX = 8 };

/* An AES key with these attributes besides. */
static CK_RV create_aes(const CK_ATTRIBUTE *more, CK_ULONG more_count, CK_OBJECT_HANDLE *out) {
    CK_ATTRIBUTE t[3 + MORE_MAX] = {{CKA_CLASS, &secret_class, sizeof(secret_class)},
                                    {CKA_KEY_TYPE, &aes, sizeof(aes)},
                                    {CKA_VALUE, key_bytes, sizeof(key_bytes)}};
    assert_true(more_count <= MORE_MAX);
    if (more_count > 0) {
        memcpy(t + 3, more, more_count * sizeof(*more));
    }
    return C_CreateObject(session, t, 3 + more_count, out);
}

static CK_OBJECT_HANDLE aes_key(void) {
    CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
    assert_rv(create_aes(NULL, 0, &out), CKR_OK);
    assert_int_not_equal(out, CK_INVALID_HANDLE);
    return out;
}

static bool is(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_BBOOL value = 2;
    CK_ATTRIBUTE t = {type, &value, sizeof(value)};
    assert_rv(C_GetAttributeValue(session, object, &t, 1), CKR_OK);
    assert_true(value <= 1);
    return value == CK_TRUE;
}

static CK_RV set_bool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_BBOOL value) {
    CK_ATTRIBUTE t = {type, &value, sizeof(value)};
    return C_SetAttributeValue(session, object, &t, 1);
}

static CK_ULONG count_matching(CK_SESSION_HANDLE in, CK_ATTRIBUTE *t, CK_ULONG count) {
    CK_OBJECT_HANDLE found[64];
    CK_ULONG n = 0;
    assert_rv(C_FindObjectsInit(in, t, count), CKR_OK);
    assert_rv(C_FindObjects(in, found, 64, &n), CKR_OK);
    assert_rv(C_FindObjectsFinal(in), CKR_OK);
    return n;
}

static CK_ULONG secret_keys(CK_SESSION_HANDLE in) {
    CK_ATTRIBUTE t = {CKA_CLASS, &secret_class, sizeof(secret_class)};
    return count_matching(in, &t, 1);
}

static void a_created_secret_key_has_every_attribute_of_the_standard(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = aes_key();
    CK_ULONG len = 0, mechanism = 0;
    CK_BYTE value[16], check[3];
    CK_ATTRIBUTE t[] = {{CKA_VALUE_LEN, &len, sizeof(len)},
                        {CKA_VALUE, value, sizeof(value)},
                        {CKA_KEY_GEN_MECHANISM, &mechanism, sizeof(mechanism)},
                        {CKA_CHECK_VALUE, check, sizeof(check)},
                        {CKA_LABEL, NULL, 0},
                        {CKA_UNIQUE_ID, NULL, 0}};
    assert_rv(C_GetAttributeValue(session, key, t, 6), CKR_OK);
    assert_int_equal(len, 16);
    assert_memory_equal(value, key_bytes, 16);
    assert_int_equal(mechanism, CK_UNAVAILABLE_INFORMATION);
    assert_memory_equal(check, "\x7D\xF7\x6B", 3); /* AES-128(2B7E.., zeros) */
    assert_int_equal(t[4].ulValueLen, 0);
    assert_true(t[5].ulValueLen > 0);
    const struct {
        CK_ATTRIBUTE_TYPE type;
        bool expected;
    } flags[] = {
        {CKA_TOKEN, false},      {CKA_PRIVATE, false},          {CKA_MODIFIABLE, true},
        {CKA_COPYABLE, true},    {CKA_DESTROYABLE, true},       {CKA_SENSITIVE, false},
        {CKA_EXTRACTABLE, true}, {CKA_ALWAYS_SENSITIVE, false}, {CKA_NEVER_EXTRACTABLE, false},
        {CKA_LOCAL, false},      {CKA_DERIVE, false},           {CKA_ENCRYPT, true},
        {CKA_TRUSTED, false},    {CKA_WRAP_WITH_TRUSTED, false}};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        assert_int_equal(is(key, flags[i].type), flags[i].expected);
    }
}

static void a_template_that_names_a_usage_gets_no_other(void **state) {
    (void)state;
    const CK_ATTRIBUTE more[] = {{CKA_ENCRYPT, &yes, 1}};
    CK_OBJECT_HANDLE key;
    assert_rv(create_aes(more, 1, &key), CKR_OK);
    assert_true(is(key, CKA_ENCRYPT));
    assert_false(is(key, CKA_DECRYPT));
    assert_false(is(key, CKA_WRAP));
}

static void templates_are_refused_for_the_standards_reasons(void **state) {
    (void)state;
    CK_ULONG odd = 99, length = 16;
    CK_OBJECT_HANDLE out;
    CK_BYTE short_key[15] = {0}, two = 2, wrong_check[3] = {1, 2, 3};
    CK_ATTRIBUTE incomplete[] = {{CKA_CLASS, &secret_class, sizeof(secret_class)},
                                 {CKA_KEY_TYPE, &aes, sizeof(aes)}};
    CK_ATTRIBUTE no_type[] = {{CKA_CLASS, &secret_class, sizeof(secret_class)},
                              {CKA_VALUE, key_bytes, sizeof(key_bytes)}};
    CK_ATTRIBUTE bad_length[] = {{CKA_CLASS, &secret_class, sizeof(secret_class)},
                                 {CKA_KEY_TYPE, &aes, sizeof(aes)},
                                 {CKA_VALUE, short_key, sizeof(short_key)}};
    CK_ATTRIBUTE bad_class[] = {{CKA_CLASS, &odd, sizeof(odd)}};
    CK_ATTRIBUTE no_class[] = {{CKA_TOKEN, &no, 1}};
    assert_rv(C_CreateObject(session, incomplete, 2, &out), CKR_TEMPLATE_INCOMPLETE);
    assert_rv(C_CreateObject(session, no_type, 2, &out), CKR_TEMPLATE_INCOMPLETE);
    assert_rv(C_CreateObject(session, no_class, 1, &out), CKR_TEMPLATE_INCOMPLETE);
    assert_rv(C_CreateObject(session, bad_length, 3, &out), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_rv(C_CreateObject(session, bad_class, 1, &out), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_rv(C_CreateObject(session, NULL, 1, &out), CKR_ARGUMENTS_BAD);
    assert_rv(C_CreateObject(session, incomplete, 2, NULL), CKR_ARGUMENTS_BAD);
    const struct {
        CK_ATTRIBUTE attribute;
        CK_RV expected;
    } cases[] = {
        {{CKA_MODULUS, key_bytes, 16}, CKR_ATTRIBUTE_TYPE_INVALID},
        {{0x12345678UL, key_bytes, 16}, CKR_ATTRIBUTE_TYPE_INVALID},
        {{CKA_LOCAL, &yes, 1}, CKR_ATTRIBUTE_READ_ONLY},
        {{CKA_ALWAYS_SENSITIVE, &yes, 1}, CKR_ATTRIBUTE_READ_ONLY},
        {{CKA_NEVER_EXTRACTABLE, &yes, 1}, CKR_ATTRIBUTE_READ_ONLY},
        {{CKA_KEY_GEN_MECHANISM, &odd, sizeof(odd)}, CKR_ATTRIBUTE_READ_ONLY},
        {{CKA_UNIQUE_ID, key_bytes, 4}, CKR_ATTRIBUTE_READ_ONLY},
        {{CKA_VALUE_LEN, &length, sizeof(length)}, CKR_ATTRIBUTE_READ_ONLY},
        {{CKA_TRUSTED, &yes, 1}, CKR_ATTRIBUTE_READ_ONLY}, /* the security officer's to give */
        {{CKA_ENCRYPT, &two, 1}, CKR_ATTRIBUTE_VALUE_INVALID},
        {{CKA_ENCRYPT, &odd, sizeof(odd)}, CKR_ATTRIBUTE_VALUE_INVALID},
        {{CKA_LABEL, NULL, 5}, CKR_ATTRIBUTE_VALUE_INVALID},
        {{CKA_START_DATE, key_bytes, 8}, CKR_ATTRIBUTE_VALUE_INVALID},
        {{CKA_ALLOWED_MECHANISMS, key_bytes, 3}, CKR_ATTRIBUTE_VALUE_INVALID},
        {{CKA_CHECK_VALUE, wrong_check, 3}, CKR_TEMPLATE_INCONSISTENT},
        {{CKA_KEY_TYPE, &generic, sizeof(generic)}, CKR_TEMPLATE_INCONSISTENT}, /* said twice */
        {{CKA_TOKEN, &yes, 1}, CKR_TEMPLATE_INCONSISTENT},
        {{CKA_PRIVATE, &yes, 1}, CKR_USER_NOT_LOGGED_IN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        out = 7;
        assert_rv(create_aes(&cases[i].attribute, 1, &out), cases[i].expected);
        assert_int_equal(out, CK_INVALID_HANDLE);
    }
    assert_int_equal(secret_keys(session), 0); /* and nothing is left over */
}

static void a_sensitive_value_is_kept_while_the_rest_is_told(void **state) {
    (void)state;
    const CK_ATTRIBUTE more[] = {{CKA_SENSITIVE, &yes, 1}};
    CK_OBJECT_HANDLE key;
    CK_BYTE value[16];
    CK_ULONG len = 0;
    assert_rv(create_aes(more, 1, &key), CKR_OK);
    CK_ATTRIBUTE t[] = {{CKA_VALUE, value, sizeof(value)}, {CKA_VALUE_LEN, &len, sizeof(len)}};
    assert_rv(C_GetAttributeValue(session, key, t, 2), CKR_ATTRIBUTE_SENSITIVE);
    assert_int_equal(t[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(len, 16);
    /* and a search does not find it out */
    CK_ATTRIBUTE guess = {CKA_VALUE, key_bytes, sizeof(key_bytes)};
    assert_int_equal(count_matching(session, &guess, 1), 0);
    /* an unextractable one neither */
    const CK_ATTRIBUTE unextractable[] = {{CKA_EXTRACTABLE, &no, 1}};
    assert_rv(create_aes(unextractable, 1, &key), CKR_OK);
    t[0].ulValueLen = sizeof(value);
    assert_rv(C_GetAttributeValue(session, key, t, 1), CKR_ATTRIBUTE_SENSITIVE);
}

static void short_buffers_and_unknown_types_are_told_apart(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = aes_key();
    CK_BYTE small[4];
    CK_ATTRIBUTE t[] = {{CKA_VALUE, small, sizeof(small)},
                        {CKA_MODULUS, small, sizeof(small)},
                        {CKA_VALUE, NULL, 0}};
    CK_RV rv = C_GetAttributeValue(session, key, t, 3);
    assert_true(rv == CKR_BUFFER_TOO_SMALL || rv == CKR_ATTRIBUTE_TYPE_INVALID);
    assert_int_equal(t[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(t[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(t[2].ulValueLen, 16);
    assert_rv(C_GetAttributeValue(session, key + 1, t, 1), CKR_OBJECT_HANDLE_INVALID);
}

static void sensitive_and_extractable_go_one_way(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = aes_key();
    assert_rv(set_bool(key, CKA_SENSITIVE, CK_TRUE), CKR_OK);
    assert_rv(set_bool(key, CKA_SENSITIVE, CK_FALSE), CKR_ATTRIBUTE_READ_ONLY);
    assert_rv(set_bool(key, CKA_EXTRACTABLE, CK_FALSE), CKR_OK);
    assert_rv(set_bool(key, CKA_EXTRACTABLE, CK_TRUE), CKR_ATTRIBUTE_READ_ONLY);
    assert_rv(set_bool(key, CKA_WRAP_WITH_TRUSTED, CK_TRUE), CKR_OK);
    assert_rv(set_bool(key, CKA_WRAP_WITH_TRUSTED, CK_FALSE), CKR_ATTRIBUTE_READ_ONLY);
    assert_false(is(key, CKA_ALWAYS_SENSITIVE)); /* it was not, once */
    assert_false(is(key, CKA_NEVER_EXTRACTABLE));
    assert_rv(set_bool(key, CKA_LOCAL, CK_TRUE), CKR_ATTRIBUTE_READ_ONLY);
    assert_rv(set_bool(key, CKA_TOKEN, CK_TRUE), CKR_ATTRIBUTE_READ_ONLY);
    assert_rv(set_bool(key, CKA_PRIME_1, CK_TRUE), CKR_ATTRIBUTE_TYPE_INVALID);
    assert_rv(set_bool(key, CKA_ENCRYPT, 7), CKR_ATTRIBUTE_VALUE_INVALID);
}

static void a_refused_change_changes_nothing(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = aes_key();
    CK_BYTE label[] = "new";
    CK_ATTRIBUTE t[] = {{CKA_LABEL, label, 3}, {CKA_LOCAL, &yes, 1}};
    assert_rv(C_SetAttributeValue(session, key, t, 2), CKR_ATTRIBUTE_READ_ONLY);
    CK_ATTRIBUTE find = {CKA_LABEL, label, 3};
    assert_int_equal(count_matching(session, &find, 1), 0);
    assert_rv(C_SetAttributeValue(session, key, t, 1), CKR_OK);
    assert_int_equal(count_matching(session, &find, 1), 1);
}

static void what_is_unmodifiable_or_indestructible_stays(void **state) {
    (void)state;
    const CK_ATTRIBUTE more[] = {
        {CKA_MODIFIABLE, &no, 1}, {CKA_DESTROYABLE, &no, 1}, {CKA_COPYABLE, &no, 1}};
    CK_OBJECT_HANDLE key, copy;
    assert_rv(create_aes(more, 3, &key), CKR_OK);
    assert_rv(set_bool(key, CKA_ENCRYPT, CK_FALSE), CKR_ACTION_PROHIBITED);
    assert_rv(C_DestroyObject(session, key), CKR_ACTION_PROHIBITED);
    assert_rv(C_CopyObject(session, key, NULL, 0, &copy), CKR_ACTION_PROHIBITED);
}

static void a_copy_differs_only_where_it_may(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = aes_key(), copy;
    CK_BYTE label[] = "copy", value[16];
    CK_ATTRIBUTE t[] = {{CKA_LABEL, label, 4}, {CKA_SENSITIVE, &yes, 1}};
    assert_rv(C_CopyObject(session, key, t, 2, &copy), CKR_OK);
    assert_int_not_equal(copy, key);
    assert_true(is(copy, CKA_SENSITIVE));
    assert_false(is(key, CKA_SENSITIVE));
    CK_ATTRIBUTE same = {CKA_VALUE, value, sizeof(value)};
    assert_rv(C_GetAttributeValue(session, copy, &same, 1), CKR_ATTRIBUTE_SENSITIVE);
    CK_ATTRIBUTE back = {CKA_SENSITIVE, &no, 1}, new_value = {CKA_VALUE, value, 16},
                 foreign = {CKA_MODULUS, value, 16};
    CK_OBJECT_HANDLE out;
    assert_rv(C_CopyObject(session, copy, &back, 1, &out), CKR_ATTRIBUTE_READ_ONLY);
    assert_rv(C_CopyObject(session, key, &new_value, 1, &out), CKR_ATTRIBUTE_READ_ONLY);
    assert_rv(C_CopyObject(session, key, &foreign, 1, &out), CKR_ATTRIBUTE_TYPE_INVALID);
    assert_rv(C_CopyObject(session, 0x4FFFFFFFUL, NULL, 0, &out), CKR_OBJECT_HANDLE_INVALID);
    assert_rv(C_CopyObject(session, key, NULL, 0, NULL), CKR_ARGUMENTS_BAD);
    CK_ULONG size = 0;
    assert_rv(C_GetObjectSize(session, copy, &size), CKR_OK);
    assert_true(size > 16 && size < 4096);
    assert_rv(C_GetObjectSize(session, copy, NULL), CKR_ARGUMENTS_BAD);
}

static void objects_go_with_the_session_that_made_them(void **state) {
    (void)state;
    CK_SESSION_HANDLE mine = session, other;
    CK_OBJECT_HANDLE key;
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_OK);
    session = other; /* a read-only one may make session objects */
    key = aes_key();
    session = mine;
    assert_int_equal(secret_keys(mine), 1); /* seen by all */
    CK_OBJECT_HANDLE kept = aes_key();
    assert_rv(C_CloseSession(other), CKR_OK);
    assert_int_equal(secret_keys(mine), 1);
    CK_ULONG size;
    assert_rv(C_GetObjectSize(mine, key, &size), CKR_OBJECT_HANDLE_INVALID);
    assert_rv(C_GetObjectSize(mine, kept, &size), CKR_OK);
    CK_OBJECT_HANDLE next = aes_key();
    assert_true(next > kept && next != key); /* handles never return */
}

static void private_objects_are_the_users_alone(void **state) {
    (void)state;
    CK_UTF8CHAR so[] = "12345678";
    CK_OBJECT_HANDLE key;
    const CK_ATTRIBUTE public_one[] = {{CKA_PRIVATE, &no, 1}};
    fixture_login();
    assert_rv(create_aes(NULL, 0, &key), CKR_OK);
    assert_true(is(key, CKA_PRIVATE)); /* by default, while the user is logged in */
    assert_rv(create_aes(public_one, 1, &key), CKR_OK);
    assert_int_equal(secret_keys(session), 2);
    CK_OBJECT_HANDLE copy;
    CK_ATTRIBUTE make_private = {CKA_PRIVATE, &yes, 1}, make_public = {CKA_PRIVATE, &no, 1};
    assert_rv(C_CopyObject(session, key, &make_private, 1, &copy), CKR_OK);
    assert_rv(C_CopyObject(session, copy, &make_public, 1, &key), CKR_TEMPLATE_INCONSISTENT);
    assert_rv(C_Logout(session), CKR_OK);
    assert_int_equal(secret_keys(session), 1);
    assert_rv(C_Login(session, CKU_SO, so, 8), CKR_OK);
    assert_rv(create_aes(&make_private, 1, &key), CKR_USER_NOT_LOGGED_IN);
    const CK_ATTRIBUTE trusted[] = {{CKA_TRUSTED, &yes, 1}};
    assert_rv(create_aes(trusted, 1, &key), CKR_OK);
    assert_rv(C_Logout(session), CKR_OK);
    fixture_login();
    assert_int_equal(secret_keys(session), 2); /* destroyed at logout, not hidden */
}

static void a_lost_login_takes_private_objects_along(void **state) {
    (void)state;
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_BYTE data[] = "x", signature[256];
    CK_ULONG len = sizeof(signature);
    CK_UTF8CHAR changed[] = "654321";
    fixture_login();
    aes_key(); /* private, as the user is logged in */
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    fake_card_foreign_reset();
    memcpy(fake_card.user_pin, changed, sizeof(changed));
    assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
    assert_rv(C_Sign(session, data, 1, signature, &len), CKR_USER_NOT_LOGGED_IN);
    assert_int_equal(secret_keys(session), 0);
    assert_rv(C_Login(session, CKU_USER, changed, 6), CKR_OK);
    assert_int_equal(secret_keys(session), 0);
    assert_rv(C_SignInit(session, &mechanism, key), CKR_KEY_HANDLE_INVALID);
}

static void a_search_is_a_snapshot(void **state) {
    (void)state;
    CK_OBJECT_HANDLE first = aes_key(), second = aes_key(), found[8];
    CK_ULONG n;
    CK_ATTRIBUTE t = {CKA_CLASS, &secret_class, sizeof(secret_class)};
    assert_rv(C_FindObjectsInit(session, &t, 1), CKR_OK);
    assert_rv(C_FindObjects(session, found, 1, &n), CKR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(found[0], first);
    aes_key();
    assert_rv(C_DestroyObject(session, first), CKR_OK);
    assert_rv(C_FindObjects(session, found, 8, &n), CKR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(found[0], second);
    assert_rv(C_FindObjectsFinal(session), CKR_OK);
    assert_int_equal(secret_keys(session), 2);
}

static void searching_session_objects_asks_the_card_nothing(void **state) {
    (void)state;
    aes_key();
    unsigned before = fake_card.commands;
    CK_ATTRIBUTE t[] = {{CKA_TOKEN, &no, 1}};
    assert_int_equal(count_matching(session, t, 1), 1);
    assert_int_equal(secret_keys(session), 1);
    assert_int_equal(fake_card.commands, before);
}

static void data_objects_may_stay_on_the_host(void **state) {
    (void)state;
    CK_BYTE value[] = "text", application[] = "app", oid[] = {0x06, 0x01, 0x2A}, back[8];
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &data_class, sizeof(data_class)},
                        {CKA_APPLICATION, application, 3},
                        {CKA_OBJECT_ID, oid, 3},
                        {CKA_VALUE, value, 4}};
    CK_OBJECT_HANDLE object;
    assert_rv(C_CreateObject(session, t, 4, &object), CKR_OK);
    CK_ATTRIBUTE read = {CKA_VALUE, back, sizeof(back)};
    assert_rv(C_GetAttributeValue(session, object, &read, 1), CKR_OK);
    assert_int_equal(read.ulValueLen, 4);
    assert_memory_equal(back, value, 4);
    assert_int_equal(fake_card_count(INS_CREATE_FILE), 0);
}

static void public_keys_are_checked_and_described(void **state) {
    (void)state;
    static CK_BYTE p256[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
    static CK_BYTE nothing[] = {0x06, 0x03, 0x2A, 0x03, 0x04};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CK_BYTE point[67] = {0x04, 0x41}, info[200];
    size_t len = 0;
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(key, "pub", point + 2, sizeof(point) - 2, &len), 1);
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &public_class, sizeof(public_class)},
                        {CKA_KEY_TYPE, &ec, sizeof(ec)},
                        {CKA_EC_PARAMS, p256, sizeof(p256)},
                        {CKA_EC_POINT, point, sizeof(point)}};
    CK_OBJECT_HANDLE object;
    assert_rv(C_CreateObject(session, t, 4, &object), CKR_OK);
    unsigned char *der = NULL;
    int der_len = i2d_PUBKEY(key, &der);
    CK_ATTRIBUTE read = {CKA_PUBLIC_KEY_INFO, info, sizeof(info)};
    assert_rv(C_GetAttributeValue(session, object, &read, 1), CKR_OK);
    assert_int_equal(read.ulValueLen, der_len);
    assert_memory_equal(info, der, read.ulValueLen);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    point[40] ^= 1;
    assert_rv(C_CreateObject(session, t, 4, &object), CKR_ATTRIBUTE_VALUE_INVALID);
    t[2] = (CK_ATTRIBUTE){CKA_EC_PARAMS, nothing, sizeof(nothing)};
    assert_rv(C_CreateObject(session, t, 4, &object), CKR_CURVE_NOT_SUPPORTED);
    assert_rv(C_CreateObject(session, t, 3, &object), CKR_TEMPLATE_INCOMPLETE);
}

static void an_sm4_key_has_sixteen_bytes(void **state) {
    (void)state;
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &secret_class, sizeof(secret_class)},
                        {CKA_KEY_TYPE, &sm4, sizeof(sm4)},
                        {CKA_VALUE, key_bytes, 16}};
    CK_OBJECT_HANDLE object;
    assert_rv(C_CreateObject(session, t, 3, &object), CKR_OK);
    t[2].ulValueLen = 15;
    assert_rv(C_CreateObject(session, t, 3, &object), CKR_ATTRIBUTE_VALUE_INVALID);
    t[0].pValue = &private_class; /* a private SM4 key is no such thing */
    assert_rv(C_CreateObject(session, t, 3, &object), CKR_ATTRIBUTE_VALUE_INVALID);
}

static void the_token_names_its_profiles(void **state) {
    (void)state;
    CK_OBJECT_CLASS profile_class = CKO_PROFILE;
    CK_PROFILE_ID id = CKP_BASELINE_PROVIDER, found_id = 0;
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &profile_class, sizeof(profile_class)},
                        {CKA_PROFILE_ID, &id, sizeof(id)}};
    CK_OBJECT_HANDLE object, out;
    CK_ULONG n = 0;
    assert_int_equal(count_matching(session, t, 1), 3);
    assert_rv(C_FindObjectsInit(session, t, 2), CKR_OK);
    assert_rv(C_FindObjects(session, &object, 1, &n), CKR_OK);
    assert_rv(C_FindObjectsFinal(session), CKR_OK);
    assert_int_equal(n, 1);
    CK_ATTRIBUTE read = {CKA_PROFILE_ID, &found_id, sizeof(found_id)};
    assert_rv(C_GetAttributeValue(session, object, &read, 1), CKR_OK);
    assert_int_equal(found_id, CKP_BASELINE_PROVIDER);
    assert_true(is(object, CKA_TOKEN));
    assert_rv(set_bool(object, CKA_LABEL, CK_TRUE), CKR_ACTION_PROHIBITED);
    assert_rv(C_DestroyObject(session, object), CKR_ACTION_PROHIBITED);
    assert_rv(C_CopyObject(session, object, NULL, 0, &out), CKR_ACTION_PROHIBITED);
    assert_rv(C_CreateObject(session, t, 2, &out), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_rv(C_CloseAllSessions(0), CKR_OK);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    assert_int_equal(count_matching(session, t, 1), 3); /* they are the token's */
    /* hardware features are told only to who asks for them: there are none (3.2, 5.7.7) */
    CK_OBJECT_CLASS feature = CKO_HW_FEATURE;
    CK_ATTRIBUTE f = {CKA_CLASS, &feature, sizeof(feature)};
    assert_int_equal(count_matching(session, &f, 1), 0);
}

static void removal_takes_session_objects_along(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = aes_key();
    CK_ULONG size, count = 0;
    fake_card_remove();
    fake_card_insert();
    assert_rv(C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    assert_rv(C_GetObjectSize(session, key, &size), CKR_OBJECT_HANDLE_INVALID);
    assert_int_equal(secret_keys(session), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_created_secret_key_has_every_attribute_of_the_standard),
        TEST(a_template_that_names_a_usage_gets_no_other),
        TEST(templates_are_refused_for_the_standards_reasons),
        TEST(a_sensitive_value_is_kept_while_the_rest_is_told),
        TEST(short_buffers_and_unknown_types_are_told_apart),
        TEST(sensitive_and_extractable_go_one_way),
        TEST(a_refused_change_changes_nothing),
        TEST(what_is_unmodifiable_or_indestructible_stays),
        TEST(a_copy_differs_only_where_it_may),
        TEST(objects_go_with_the_session_that_made_them),
        TEST(private_objects_are_the_users_alone),
        TEST(a_lost_login_takes_private_objects_along),
        TEST(a_search_is_a_snapshot),
        TEST(searching_session_objects_asks_the_card_nothing),
        TEST(data_objects_may_stay_on_the_host),
        TEST(public_keys_are_checked_and_described),
        TEST(an_sm4_key_has_sixteen_bytes),
        TEST(the_token_names_its_profiles),
        TEST(removal_takes_session_objects_along),
    };
    int failed = cmocka_run_group_tests_name("session objects", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
