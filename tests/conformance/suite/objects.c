/* 5.7: object management functions. */
#include "tests/conformance/suite/suite.h"

#include <string.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

/* ---- create, copy, destroy ---- */

CHECK(create_session_object) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    HOLDS(object != CK_INVALID_HANDLE, "the handle is not CK_INVALID_HANDLE");
    HOLDS(!attribute_bool(session, object, CKA_TOKEN), "it is a session object");
    HOLDS(is_found(session, object), "a search finds it");
}
CHECK(create_token_object) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, true, false);
    bool on_token = attribute_bool(session, object, CKA_TOKEN), found = is_found(session, object);
    OK(p11.C_DestroyObject(session, object));
    HOLDS(on_token && found, "it is a token object, and a search finds it");
}
CHECK(create_default_is_session) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_VALUE, "value")};
    OK(p11.C_CreateObject(session, template, 2, &object));
    bool on_token = attribute_bool(session, object, CKA_TOKEN);
    OK(p11.C_DestroyObject(session, object));
    HOLDS(!on_token, "CKA_TOKEN is CK_FALSE by default");
}
CHECK(create_read_only) {
    CK_SESSION_HANDLE session = read_only();
    login_user(session);
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), ATTRIBUTE(CKA_TOKEN, yes),
                               ATTRIBUTE(CKA_PRIVATE, no), TEXT(CKA_VALUE, "value")};
    EXPECT(CKR_SESSION_READ_ONLY, p11.C_CreateObject(session, template, 4, &object));
}
CHECK(create_session_object_read_only) {
    CK_SESSION_HANDLE session = read_only();
    HOLDS(exists(session, make_data(session, false, false)),
          "read-only sessions make session objects");
}
CHECK(create_private_public) {
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), ATTRIBUTE(CKA_TOKEN, no),
                               ATTRIBUTE(CKA_PRIVATE, yes), TEXT(CKA_VALUE, "value")};
    EXPECT(CKR_USER_NOT_LOGGED_IN, p11.C_CreateObject(read_write(), template, 4, &object));
}
CHECK(create_bad) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_VALUE, "value")};
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_CreateObject(session, template, 2, NULL));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_CreateObject(session, NULL, 2, &object));
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_CreateObject(0x7FFFFFF1, template, 2, &object));
}

/* an empty template */
static CK_ATTRIBUTE nothing;

CHECK(copy_same) {
    CK_BYTE value[16];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, false), copy = object;
    OK(p11.C_CopyObject(session, object, &nothing, 0, &copy));
    HOLDS(copy != object && exists(session, object), "the copy is another object");
    HOLDS(attribute_bytes(session, copy, CKA_VALUE, value, 16) == 5 &&
              memcmp(value, "value", 5) == 0,
          "the copy has the same value");
}
CHECK(copy_template) {
    CK_BYTE label[16];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, false), copy;
    CK_ATTRIBUTE template[] = {TEXT(CKA_LABEL, "other")};
    OK(p11.C_CopyObject(session, object, template, 1, &copy));
    HOLDS(attribute_bytes(session, copy, CKA_LABEL, label, 16) == 5 &&
              memcmp(label, "other", 5) == 0,
          "the template changes the copy");
    HOLDS(attribute_bytes(session, object, CKA_LABEL, label, 16) == 11,
          "the template leaves the original");
}
CHECK(copy_sensitive) {
    CK_BYTE value[64];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = make_secret(session, CKK_GENERIC_SECRET, false), copy;
    CK_ATTRIBUTE reveal[] = {ATTRIBUTE(CKA_SENSITIVE, no)};
    CK_ATTRIBUTE attribute = {CKA_VALUE, value, sizeof(value)};
    CK_RV rv = p11.C_CopyObject(session, key, reveal, 1, &copy);
    if (rv == CKR_FUNCTION_NOT_SUPPORTED) {
        OK(rv);
    }
    HOLDS(rv != CKR_OK ||
              p11.C_GetAttributeValue(session, copy, &attribute, 1) == CKR_ATTRIBUTE_SENSITIVE,
          "no copy reveals what is sensitive");
    HOLDS(rv != CKR_OK, "CKA_SENSITIVE does not become CK_FALSE in a copy");
}
CHECK(copy_prohibited) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object, copy;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_VALUE, "value"),
                               ATTRIBUTE(CKA_COPYABLE, no)};
    OK(p11.C_CreateObject(session, template, 3, &object));
    EXPECT(CKR_ACTION_PROHIBITED, p11.C_CopyObject(session, object, &nothing, 0, &copy));
}
CHECK(copy_bad) {
    CK_OBJECT_HANDLE copy;
    EXPECT(CKR_OBJECT_HANDLE_INVALID,
           p11.C_CopyObject(user_session(), 0x7FFFFFF1, &nothing, 0, &copy));
}

CHECK(destroy_ends) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    OK(p11.C_DestroyObject(session, object));
    HOLDS(!exists(session, object) && !is_found(session, object), "the object is gone");
    EXPECT(CKR_OBJECT_HANDLE_INVALID, p11.C_DestroyObject(session, object));
}
CHECK(destroy_token_object) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, true, false);
    OK(p11.C_DestroyObject(session, object));
    HOLDS(!exists(session, object) && !is_found(session, object), "the object is gone");
}
CHECK(destroy_read_only) {
    CK_SESSION_HANDLE session = user_session(), other = read_only();
    CK_OBJECT_HANDLE object = make_data(session, true, false);
    CK_RV rv = p11.C_DestroyObject(other, object);
    if (rv != CKR_OK) {
        OK(p11.C_DestroyObject(session, object));
    }
    expect_rv(rv, CKR_SESSION_READ_ONLY, "C_DestroyObject(");
}
CHECK(destroy_session_object_read_only) {
    CK_SESSION_HANDLE session = read_only();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    OK(p11.C_DestroyObject(session, object));
}
CHECK(destroy_prohibited) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_VALUE, "value"),
                               ATTRIBUTE(CKA_DESTROYABLE, no)};
    OK(p11.C_CreateObject(session, template, 3, &object));
    EXPECT(CKR_ACTION_PROHIBITED, p11.C_DestroyObject(session, object));
    HOLDS(exists(session, object), "the object is still there");
}
CHECK(destroy_bad) {
    CK_SESSION_HANDLE session = user_session();
    EXPECT(CKR_OBJECT_HANDLE_INVALID, p11.C_DestroyObject(session, CK_INVALID_HANDLE));
    EXPECT(CKR_OBJECT_HANDLE_INVALID, p11.C_DestroyObject(session, 0x7FFFFFF1));
}

CHECK(size_known) {
    CK_ULONG size = 0;
    CK_SESSION_HANDLE session = user_session();
    OK(p11.C_GetObjectSize(session, make_data(session, false, false), &size));
    HOLDS(size > 0, "an object has a size, or CK_UNAVAILABLE_INFORMATION");
}
CHECK(size_bad) {
    CK_ULONG size = 0;
    EXPECT(CKR_OBJECT_HANDLE_INVALID, p11.C_GetObjectSize(read_only(), 0x7FFFFFF1, &size));
}

/* ---- attribute values ---- */

CHECK(get_length) {
    CK_SESSION_HANDLE session = read_only();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    CK_ATTRIBUTE query = {CKA_VALUE, NULL, 0};
    OK(p11.C_GetAttributeValue(session, object, &query, 1));
    HOLDS(query.ulValueLen == 5, "NULL pValue: the length is told");
}
CHECK(get_small) {
    CK_BYTE value[4] = {0xEE, 0xEE, 0xEE, 0xEE}, label[16];
    CK_SESSION_HANDLE session = read_only();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    CK_ATTRIBUTE query[] = {{CKA_VALUE, value, sizeof(value)}, {CKA_LABEL, label, sizeof(label)}};
    EXPECT(CKR_BUFFER_TOO_SMALL, p11.C_GetAttributeValue(session, object, query, 2));
    HOLDS(query[0].ulValueLen == CK_UNAVAILABLE_INFORMATION,
          "too little room: ulValueLen is CK_UNAVAILABLE_INFORMATION");
    HOLDS(query[1].ulValueLen == 11 && memcmp(label, "conformance", 11) == 0,
          "the template's other attributes are still answered");
}
CHECK(get_unknown) {
    CK_BYTE modulus[16], label[16];
    CK_SESSION_HANDLE session = read_only();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    CK_ATTRIBUTE query[] = {{CKA_MODULUS, modulus, sizeof(modulus)},
                            {CKA_LABEL, label, sizeof(label)}};
    EXPECT(CKR_ATTRIBUTE_TYPE_INVALID, p11.C_GetAttributeValue(session, object, query, 2));
    HOLDS(query[0].ulValueLen == CK_UNAVAILABLE_INFORMATION,
          "an attribute that the object has not: CK_UNAVAILABLE_INFORMATION");
    HOLDS(query[1].ulValueLen == 11, "the template's other attributes are still answered");
}
CHECK(get_sensitive_secret) {
    CK_BYTE value[64];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = make_secret(session, CKK_GENERIC_SECRET, false);
    CK_KEY_TYPE type = 0;
    CK_ATTRIBUTE query[] = {{CKA_VALUE, value, sizeof(value)}, ATTRIBUTE(CKA_KEY_TYPE, type)};
    EXPECT(CKR_ATTRIBUTE_SENSITIVE, p11.C_GetAttributeValue(session, key, query, 2));
    HOLDS(query[0].ulValueLen == CK_UNAVAILABLE_INFORMATION,
          "a sensitive value: CK_UNAVAILABLE_INFORMATION");
    HOLDS(type == CKK_GENERIC_SECRET, "the template's other attributes are still answered");
}
CHECK(get_sensitive_private) {
    CK_BYTE value[512];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = any_object(session, CKO_PRIVATE_KEY);
    bool rsa = attribute_ulong(session, key, CKA_KEY_TYPE) == CKK_RSA;
    CK_ATTRIBUTE query[] = {{rsa ? CKA_PRIVATE_EXPONENT : CKA_VALUE, value, sizeof(value)}};
    if (!attribute_bool(session, key, CKA_SENSITIVE) &&
        attribute_bool(session, key, CKA_EXTRACTABLE)) {
        rule_not_applicable("the private key is not sensitive");
    }
    EXPECT(CKR_ATTRIBUTE_SENSITIVE, p11.C_GetAttributeValue(session, key, query, 1));
    HOLDS(query[0].ulValueLen == CK_UNAVAILABLE_INFORMATION,
          "a sensitive value: CK_UNAVAILABLE_INFORMATION");
}
CHECK(get_bad) {
    CK_SESSION_HANDLE session = read_only();
    CK_ATTRIBUTE query = {CKA_VALUE, NULL, 0};
    EXPECT(CKR_OBJECT_HANDLE_INVALID, p11.C_GetAttributeValue(session, 0x7FFFFFF1, &query, 1));
    EXPECT(CKR_OBJECT_HANDLE_INVALID,
           p11.C_GetAttributeValue(session, CK_INVALID_HANDLE, &query, 1));
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_GetAttributeValue(CK_INVALID_HANDLE, 1, &query, 1));
}
CHECK(get_private_public) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE all[64];
    CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_PRIVATE, yes)};
    if (find_all(session, private, 1, all, 64) == 0) {
        rule_not_applicable("the token holds nothing private");
    }
    OK(p11.C_Logout(session));
    HOLDS(find_all(session, private, 1, all, 64) == 0,
          "who is not logged in does not find private objects");
}

CHECK(set_value) {
    CK_BYTE label[16];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    CK_ATTRIBUTE change[] = {TEXT(CKA_LABEL, "changed")};
    OK(p11.C_SetAttributeValue(session, object, change, 1));
    HOLDS(attribute_bytes(session, object, CKA_LABEL, label, 16) == 7 &&
              memcmp(label, "changed", 7) == 0,
          "the new value comes back");
}
CHECK(set_class) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    CK_ATTRIBUTE change[] = {ATTRIBUTE(CKA_CLASS, class_secret)};
    EXPECT(CKR_ATTRIBUTE_READ_ONLY, p11.C_SetAttributeValue(session, object, change, 1));
}
CHECK(set_all_or_nothing) {
    CK_BYTE label[16];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    CK_ATTRIBUTE change[] = {TEXT(CKA_LABEL, "changed"), ATTRIBUTE(CKA_CLASS, class_secret)};
    ANY_ERROR(p11.C_SetAttributeValue(session, object, change, 2));
    HOLDS(attribute_bytes(session, object, CKA_LABEL, label, 16) == 11,
          "a template that cannot be taken whole changes nothing");
}
CHECK(set_unmodifiable) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_VALUE, "value"),
                               ATTRIBUTE(CKA_MODIFIABLE, no)};
    CK_ATTRIBUTE change[] = {TEXT(CKA_LABEL, "changed")};
    OK(p11.C_CreateObject(session, template, 3, &object));
    EXPECT(CKR_ACTION_PROHIBITED, p11.C_SetAttributeValue(session, object, change, 1));
}
CHECK(set_sensitive_back) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = make_secret(session, CKK_GENERIC_SECRET, false);
    CK_ATTRIBUTE change[] = {ATTRIBUTE(CKA_SENSITIVE, no)};
    CK_ATTRIBUTE extract[] = {ATTRIBUTE(CKA_EXTRACTABLE, yes)};
    EXPECT(CKR_ATTRIBUTE_READ_ONLY, p11.C_SetAttributeValue(session, key, change, 1));
    EXPECT(CKR_ATTRIBUTE_READ_ONLY, p11.C_SetAttributeValue(session, key, extract, 1));
}
CHECK(set_sensitive_on) {
    CK_BYTE value[64];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = make_secret(session, CKK_GENERIC_SECRET, true);
    CK_ATTRIBUTE change[] = {ATTRIBUTE(CKA_SENSITIVE, yes)};
    CK_ATTRIBUTE query[] = {{CKA_VALUE, value, sizeof(value)}};
    OK(p11.C_GetAttributeValue(session, key, query, 1));
    OK(p11.C_SetAttributeValue(session, key, change, 1));
    EXPECT(CKR_ATTRIBUTE_SENSITIVE, p11.C_GetAttributeValue(session, key, query, 1));
    HOLDS(!attribute_bool(session, key, CKA_ALWAYS_SENSITIVE),
          "CKA_ALWAYS_SENSITIVE stays CK_FALSE");
}
CHECK(set_read_only_session) {
    CK_SESSION_HANDLE session = user_session(), other = read_only();
    CK_OBJECT_HANDLE object = make_data(session, true, false);
    CK_ATTRIBUTE change[] = {TEXT(CKA_LABEL, "changed")};
    CK_RV rv = p11.C_SetAttributeValue(other, object, change, 1);
    OK(p11.C_DestroyObject(session, object));
    expect_rv(rv, CKR_SESSION_READ_ONLY, "C_SetAttributeValue(");
}
CHECK(set_bad) {
    CK_ATTRIBUTE change[] = {TEXT(CKA_LABEL, "changed")};
    EXPECT(CKR_OBJECT_HANDLE_INVALID,
           p11.C_SetAttributeValue(user_session(), 0x7FFFFFF1, change, 1));
}

/* ---- search ---- */

CHECK(find_no_init) {
    CK_OBJECT_HANDLE object;
    CK_ULONG count;
    CK_SESSION_HANDLE session = read_only();
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_FindObjects(session, &object, 1, &count));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_FindObjectsFinal(session));
}
CHECK(find_twice) {
    CK_SESSION_HANDLE session = read_only();
    OK(p11.C_FindObjectsInit(session, NULL, 0));
    EXPECT(CKR_OPERATION_ACTIVE, p11.C_FindObjectsInit(session, NULL, 0));
    OK(p11.C_FindObjectsFinal(session));
    OK(p11.C_FindObjectsInit(session, NULL, 0));
}
CHECK(find_pieces) {
    CK_OBJECT_HANDLE all[512], one = 0;
    CK_ULONG count, found = 1, seen = 0;
    CK_SESSION_HANDLE session = user_session();
    make_data(session, false, false);
    make_data(session, false, false);
    count = find_all(session, NULL, 0, all, 512);
    OK(p11.C_FindObjectsInit(session, NULL, 0));
    while (found == 1 && seen <= count) {
        OK(p11.C_FindObjects(session, &one, 1, &found));
        seen += found;
    }
    HOLDS(seen == count && found == 0, "one by one the search gives as many, then 0");
    OK(p11.C_FindObjects(session, &one, 1, &found));
    HOLDS(found == 0, "behind the end it gives 0 again");
    OK(p11.C_FindObjectsFinal(session));
}
CHECK(find_exact) {
    CK_OBJECT_HANDLE found[8];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    CK_ATTRIBUTE good[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_LABEL, "conformance"),
                           ATTRIBUTE(CKA_TOKEN, no)};
    CK_ATTRIBUTE part[] = {ATTRIBUTE(CKA_TOKEN, no), TEXT(CKA_LABEL, "conform")};
    CK_ATTRIBUTE longer[] = {ATTRIBUTE(CKA_TOKEN, no), TEXT(CKA_LABEL, "conformance.")};
    CK_ATTRIBUTE case_of[] = {ATTRIBUTE(CKA_TOKEN, no), TEXT(CKA_LABEL, "Conformance")};
    CK_ATTRIBUTE mixed[] = {TEXT(CKA_LABEL, "conformance"), ATTRIBUTE(CKA_CLASS, class_secret)};
    HOLDS(find_all(session, good, 3, found, 8) == 1 && found[0] == object,
          "all attributes fit: found");
    HOLDS(find_all(session, part, 2, found, 8) == 0, "a part of a value does not match");
    HOLDS(find_all(session, longer, 2, found, 8) == 0, "a longer value does not match");
    HOLDS(find_all(session, case_of, 2, found, 8) == 0, "bytes are compared, not letters");
    HOLDS(find_all(session, mixed, 2, found, 8) == 0, "every attribute has to match");
}
CHECK(find_absent_attribute) {
    CK_OBJECT_HANDLE found[8];
    CK_SESSION_HANDLE session = user_session();
    make_data(session, false, false);
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_MODULUS, "x")};
    HOLDS(find_all(session, template, 2, found, 8) == 0,
          "an object without the attribute does not match");
}
CHECK(find_token_by_class) {
    CK_OBJECT_HANDLE all[128];
    CK_SESSION_HANDLE session = user_session();
    for (CK_OBJECT_CLASS class = CKO_DATA; class <= CKO_SECRET_KEY; class ++) {
        CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class)};
        CK_ULONG count = find_all(session, template, 1, all, 128);
        for (CK_ULONG i = 0; i < count; i++) {
            HOLDS(attribute_ulong(session, all[i], CKA_CLASS) == class,
                  "a search by class finds that class alone");
        }
    }
}
CHECK(find_snapshot_survives) {
    CK_OBJECT_HANDLE found[512];
    CK_ULONG count;
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    OK(p11.C_FindObjectsInit(session, NULL, 0));
    OK(p11.C_DestroyObject(session, object));
    OK(p11.C_FindObjects(session, found, 512, &count));
    OK(p11.C_FindObjectsFinal(session));
}
CHECK(find_beside_digest) {
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
    CK_SESSION_HANDLE session = read_only();
    CK_BYTE data[1] = {0};
    if (!has_mechanism(CKM_SHA256, CKF_DIGEST)) {
        rule_not_applicable("no CKM_SHA256");
    }
    OK(p11.C_DigestInit(session, &mechanism));
    CK_RV rv = p11.C_FindObjectsInit(session, NULL, 0);
    if (rv == CKR_OPERATION_ACTIVE) {
        rule_not_applicable("the module keeps one operation at a time");
    }
    OK(rv);
    OK(p11.C_DigestUpdate(session, data, 1));
    OK(p11.C_FindObjectsFinal(session));
}
CHECK(find_bad) {
    CK_OBJECT_HANDLE object;
    CK_SESSION_HANDLE session = read_only();
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_FindObjectsInit(CK_INVALID_HANDLE, NULL, 0));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_FindObjectsInit(session, NULL, 1));
    OK(p11.C_FindObjectsInit(session, NULL, 0));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_FindObjects(session, &object, 1, NULL));
}

/* clang-format off */
static const struct rule table[] = {
    {"5.7.1", "C_CreateObject", "makes a session object that a search finds", create_session_object, NULL},
    {"5.7.1", "C_CreateObject", "makes a token object where CKA_TOKEN says so", create_token_object, NULL},
    {"5.7.1", "C_CreateObject", "CKA_TOKEN is CK_FALSE unless given", create_default_is_session, NULL},
    {"5.7.1", "C_CreateObject", "no token object by a read-only session: CKR_SESSION_READ_ONLY", create_read_only, NULL},
    {"5.7.1", "C_CreateObject", "read-only sessions make session objects", create_session_object_read_only, NULL},
    {"5.7.1", "C_CreateObject", "no private object without the user: CKR_USER_NOT_LOGGED_IN", create_private_public, NULL},
    {"5.7.1", "C_CreateObject", "NULL: CKR_ARGUMENTS_BAD; no such session told", create_bad, NULL},
    {"5.7.2", "C_CopyObject", "makes another object with the same attributes", copy_same, NULL},
    {"5.7.2", "C_CopyObject", "the template changes the copy, not the original", copy_template, NULL},
    {"5.7.2", "C_CopyObject", "no copy is less sensitive", copy_sensitive, NULL},
    {"5.7.2", "C_CopyObject", "CKA_COPYABLE is CK_FALSE: CKR_ACTION_PROHIBITED", copy_prohibited, NULL},
    {"5.7.2", "C_CopyObject", "no such object: CKR_OBJECT_HANDLE_INVALID", copy_bad, NULL},
    {"5.7.3", "C_DestroyObject", "the object is gone, its handle invalid", destroy_ends, NULL},
    {"5.7.3", "C_DestroyObject", "token objects too", destroy_token_object, NULL},
    {"5.7.3", "C_DestroyObject", "no token object by a read-only session: CKR_SESSION_READ_ONLY", destroy_read_only, NULL},
    {"5.7.3", "C_DestroyObject", "read-only sessions destroy session objects", destroy_session_object_read_only, NULL},
    {"5.7.3", "C_DestroyObject", "CKA_DESTROYABLE is CK_FALSE: CKR_ACTION_PROHIBITED", destroy_prohibited, NULL},
    {"5.7.3", "C_DestroyObject", "no such object: CKR_OBJECT_HANDLE_INVALID", destroy_bad, NULL},
    {"5.7.4", "C_GetObjectSize", "tells a size", size_known, NULL},
    {"5.7.4", "C_GetObjectSize", "no such object: CKR_OBJECT_HANDLE_INVALID", size_bad, NULL},
    {"5.7.5", "C_GetAttributeValue", "NULL pValue: the length is told", get_length, NULL},
    {"5.7.5", "C_GetAttributeValue", "too little room: CKR_BUFFER_TOO_SMALL, length unavailable, the others answered", get_small, NULL},
    {"5.7.5", "C_GetAttributeValue", "no such attribute: CKR_ATTRIBUTE_TYPE_INVALID, the others answered", get_unknown, NULL},
    {"5.7.5", "C_GetAttributeValue", "sensitive secret: CKR_ATTRIBUTE_SENSITIVE, the others answered", get_sensitive_secret, NULL},
    {"5.7.5", "C_GetAttributeValue", "private part of a key: CKR_ATTRIBUTE_SENSITIVE", get_sensitive_private, NULL},
    {"5.7.5", "C_GetAttributeValue", "no such object or session told", get_bad, NULL},
    {"5.7.5", "C_GetAttributeValue", "private objects are hidden from who is not logged in", get_private_public, NULL},
    {"5.7.6", "C_SetAttributeValue", "the new value comes back", set_value, NULL},
    {"5.7.6", "C_SetAttributeValue", "CKA_CLASS cannot be changed: CKR_ATTRIBUTE_READ_ONLY", set_class, NULL},
    {"5.7.6", "C_SetAttributeValue", "changes all of the template or nothing", set_all_or_nothing, NULL},
    {"5.7.6", "C_SetAttributeValue", "CKA_MODIFIABLE is CK_FALSE: CKR_ACTION_PROHIBITED", set_unmodifiable, NULL},
    {"5.7.6", "C_SetAttributeValue", "CKA_SENSITIVE and CKA_EXTRACTABLE only grow stricter", set_sensitive_back, NULL},
    {"5.7.6", "C_SetAttributeValue", "CKA_SENSITIVE set hides the value from then on", set_sensitive_on, NULL},
    {"5.7.6", "C_SetAttributeValue", "no token object by a read-only session: CKR_SESSION_READ_ONLY", set_read_only_session, NULL},
    {"5.7.6", "C_SetAttributeValue", "no such object: CKR_OBJECT_HANDLE_INVALID", set_bad, NULL},
    {"5.7.7", "C_FindObjectsInit", "during a search: CKR_OPERATION_ACTIVE", find_twice, NULL},
    {"5.7.7", "C_FindObjectsInit", "all attributes must match, byte for byte", find_exact, NULL},
    {"5.7.7", "C_FindObjectsInit", "an object without the attribute does not match", find_absent_attribute, NULL},
    {"5.7.7", "C_FindObjectsInit", "finds by class what is of that class", find_token_by_class, NULL},
    {"5.7.7", "C_FindObjectsInit", "may be active beside a cryptographic operation", find_beside_digest, NULL},
    {"5.7.7", "C_FindObjectsInit", "bad session and NULL are told", find_bad, NULL},
    {"5.7.8", "C_FindObjects", "without search: CKR_OPERATION_NOT_INITIALIZED", find_no_init, NULL},
    {"5.7.8", "C_FindObjects", "gives all, in pieces too, then 0", find_pieces, NULL},
    {"5.7.8", "C_FindObjects", "an object destroyed during the search does no harm", find_snapshot_survives, NULL},
};
/* clang-format on */
RULE_LIST(object_rules, table);
