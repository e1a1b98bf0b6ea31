/* 4: what attributes objects have, those on the token included. */
#include "tests/conformance/suite/suite.h"

#include <string.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))
enum { MANY = 256 };

static CK_ULONG all_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out) {
    return find_all(session, NULL, 0, out, MANY);
}
static bool is_key(CK_OBJECT_CLASS class) {
    return class == CKO_PUBLIC_KEY || class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY;
}

CHECK(storage_common) {
    static const CK_ATTRIBUTE_TYPE bools[] = {CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE};
    CK_OBJECT_HANDLE all[MANY];
    CK_SESSION_HANDLE session = user_session();
    CK_ULONG count = all_objects(session, all);
    for (CK_ULONG i = 0; i < count; i++) {
        if (attribute_ulong(session, all[i], CKA_CLASS) > CKO_SECRET_KEY) {
            continue;
        }
        for (size_t j = 0; j < COUNT(bools); j++) {
            attribute_bool(session, all[i], bools[j]);
        }
        CK_BYTE label[256];
        attribute_bytes(session, all[i], CKA_LABEL, label, sizeof(label));
    }
}
CHECK(storage_copyable) {
    CK_OBJECT_HANDLE all[MANY];
    CK_SESSION_HANDLE session = user_session();
    CK_ULONG count = all_objects(session, all);
    for (CK_ULONG i = 0; i < count; i++) {
        if (attribute_ulong(session, all[i], CKA_CLASS) <= CKO_SECRET_KEY) {
            attribute_bool(session, all[i], CKA_COPYABLE);
            attribute_bool(session, all[i], CKA_DESTROYABLE);
        }
    }
}
CHECK(storage_unique_id) {
    CK_OBJECT_HANDLE all[MANY];
    CK_BYTE ids[MANY][128];
    CK_ULONG lens[MANY];
    CK_FUNCTION_LIST *list = NULL;
    if (p11.C_GetInterface == NULL) {
        rule_not_applicable("CKA_UNIQUE_ID is of version 3");
    }
    OK(p11.C_GetFunctionList(&list));
    CK_SESSION_HANDLE session = user_session();
    CK_ULONG count = all_objects(session, all);
    for (CK_ULONG i = 0; i < count; i++) {
        lens[i] = attribute_bytes(session, all[i], CKA_UNIQUE_ID, ids[i], sizeof(ids[i]));
        HOLDS(lens[i] > 0, "each object has a CKA_UNIQUE_ID");
        for (CK_ULONG j = 0; j < i; j++) {
            HOLDS(lens[i] != lens[j] || memcmp(ids[i], ids[j], lens[i]) != 0,
                  "no two objects share a CKA_UNIQUE_ID");
        }
    }
}
CHECK(unique_id_read_only) {
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data), TEXT(CKA_VALUE, "value"),
                               TEXT(CKA_UNIQUE_ID, "mine")};
    if (p11.C_GetInterface == NULL) {
        rule_not_applicable("CKA_UNIQUE_ID is of version 3");
    }
    EXPECT(CKR_ATTRIBUTE_READ_ONLY, p11.C_CreateObject(user_session(), template, 3, &object));
}
CHECK(data_fields) {
    CK_BYTE value[16];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data)};
    OK(p11.C_CreateObject(session, template, 1, &object));
    HOLDS(attribute_bytes(session, object, CKA_APPLICATION, value, 16) == 0 &&
              attribute_bytes(session, object, CKA_OBJECT_ID, value, 16) == 0 &&
              attribute_bytes(session, object, CKA_VALUE, value, 16) == 0,
          "CKA_APPLICATION, CKA_OBJECT_ID and CKA_VALUE are empty unless given");
}
CHECK(certificate_fields) {
    CK_BYTE value[8192];
    CK_SESSION_HANDLE session = read_only();
    CK_OBJECT_HANDLE object = any_object(session, CKO_CERTIFICATE);
    HOLDS(attribute_ulong(session, object, CKA_CERTIFICATE_TYPE) == CKC_X_509, "CKC_X_509");
    HOLDS(attribute_bytes(session, object, CKA_SUBJECT, value, sizeof(value)) > 2 &&
              value[0] == 0x30,
          "CKA_SUBJECT is a DER name");
    HOLDS(attribute_bytes(session, object, CKA_ISSUER, value, sizeof(value)) > 2 &&
              value[0] == 0x30,
          "CKA_ISSUER is a DER name");
    HOLDS(attribute_bytes(session, object, CKA_SERIAL_NUMBER, value, sizeof(value)) > 2 &&
              value[0] == 0x02,
          "CKA_SERIAL_NUMBER is a DER INTEGER");
    HOLDS(attribute_bytes(session, object, CKA_VALUE, value, sizeof(value)) > 100 &&
              value[0] == 0x30,
          "CKA_VALUE is a DER certificate");
    attribute_bool(session, object, CKA_TRUSTED);
    attribute_bytes(session, object, CKA_ID, value, sizeof(value));
    attribute_ulong(session, object, CKA_CERTIFICATE_CATEGORY);
}
CHECK(certificate_incomplete) {
    CK_OBJECT_HANDLE object;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_certificate),
                               ATTRIBUTE(CKA_CERTIFICATE_TYPE, type),
                               TEXT(CKA_SUBJECT, "\x30\x00")};
    EXPECT(CKR_TEMPLATE_INCOMPLETE, p11.C_CreateObject(user_session(), template, 3, &object));
}
CHECK(key_common) {
    CK_OBJECT_HANDLE all[MANY];
    CK_BYTE bytes[256];
    CK_SESSION_HANDLE session = user_session();
    CK_ULONG count = all_objects(session, all), keys = 0;
    for (CK_ULONG i = 0; i < count; i++) {
        if (!is_key(attribute_ulong(session, all[i], CKA_CLASS))) {
            continue;
        }
        keys++;
        attribute_ulong(session, all[i], CKA_KEY_TYPE);
        attribute_bytes(session, all[i], CKA_ID, bytes, sizeof(bytes));
        attribute_bytes(session, all[i], CKA_START_DATE, bytes, sizeof(bytes));
        attribute_bytes(session, all[i], CKA_END_DATE, bytes, sizeof(bytes));
        attribute_bool(session, all[i], CKA_DERIVE);
        bool local = attribute_bool(session, all[i], CKA_LOCAL);
        CK_ULONG mechanism = attribute_ulong(session, all[i], CKA_KEY_GEN_MECHANISM);
        HOLDS(local || mechanism == CK_UNAVAILABLE_INFORMATION,
              "only keys made on the token know how (CKA_KEY_GEN_MECHANISM)");
    }
    if (keys == 0) {
        rule_not_applicable("the token holds no key");
    }
}
CHECK(public_key_fields) {
    static const CK_ATTRIBUTE_TYPE bools[] = {CKA_ENCRYPT, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP,
                                              CKA_TRUSTED};
    CK_BYTE bytes[1024];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = any_object(session, CKO_PUBLIC_KEY);
    for (size_t i = 0; i < COUNT(bools); i++) {
        attribute_bool(session, key, bools[i]);
    }
    attribute_bytes(session, key, CKA_SUBJECT, bytes, sizeof(bytes));
}
CHECK(private_key_fields) {
    static const CK_ATTRIBUTE_TYPE bools[] = {CKA_SENSITIVE,
                                              CKA_DECRYPT,
                                              CKA_SIGN,
                                              CKA_SIGN_RECOVER,
                                              CKA_UNWRAP,
                                              CKA_EXTRACTABLE,
                                              CKA_ALWAYS_SENSITIVE,
                                              CKA_NEVER_EXTRACTABLE,
                                              CKA_PRIVATE,
                                              CKA_WRAP_WITH_TRUSTED,
                                              CKA_ALWAYS_AUTHENTICATE};
    CK_BYTE bytes[1024];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = any_object(session, CKO_PRIVATE_KEY);
    for (size_t i = 0; i < COUNT(bools); i++) {
        attribute_bool(session, key, bools[i]);
    }
    attribute_bytes(session, key, CKA_SUBJECT, bytes, sizeof(bytes));
    HOLDS(attribute_bool(session, key, CKA_SENSITIVE) ||
              !attribute_bool(session, key, CKA_ALWAYS_SENSITIVE),
          "always sensitive is sensitive now");
    HOLDS(!attribute_bool(session, key, CKA_EXTRACTABLE) ||
              !attribute_bool(session, key, CKA_NEVER_EXTRACTABLE),
          "never extractable is not extractable now");
}
CHECK(secret_key_defaults) {
    static const CK_ATTRIBUTE_TYPE bools[] = {CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT,
                                              CKA_SIGN,      CKA_VERIFY,  CKA_WRAP,
                                              CKA_UNWRAP,    CKA_DERIVE,  CKA_WRAP_WITH_TRUSTED};
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = make_secret(session, CKK_GENERIC_SECRET, true);
    for (size_t i = 0; i < COUNT(bools); i++) {
        attribute_bool(session, key, bools[i]);
    }
    HOLDS(attribute_ulong(session, key, CKA_VALUE_LEN) == 32, "CKA_VALUE_LEN is the length");
}
CHECK(created_key_history) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = make_secret(session, CKK_GENERIC_SECRET, false);
    HOLDS(!attribute_bool(session, key, CKA_LOCAL), "a key that was given is not local");
    HOLDS(!attribute_bool(session, key, CKA_ALWAYS_SENSITIVE),
          "a key that was given was not always sensitive");
    HOLDS(!attribute_bool(session, key, CKA_NEVER_EXTRACTABLE),
          "a key that was given was not never extractable");
    HOLDS(attribute_ulong(session, key, CKA_KEY_GEN_MECHANISM) == CK_UNAVAILABLE_INFORMATION,
          "a key that was given knows no generation mechanism");
}
CHECK(check_value) {
    CK_BYTE value[8];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = make_secret(session, CKK_AES, false);
    CK_ATTRIBUTE attribute = {CKA_CHECK_VALUE, value, sizeof(value)};
    CK_RV rv = p11.C_GetAttributeValue(session, key, &attribute, 1);
    if (rv == CKR_ATTRIBUTE_TYPE_INVALID) {
        rule_not_applicable("the module computes no CKA_CHECK_VALUE");
    }
    OK(rv);
    /* E_key(0) begins so: AES-128, key "0123456789abcdef" */
    static const CK_BYTE expected[3] = {0x0B, 0x9B, 0x15};
    HOLDS(attribute.ulValueLen == 0 ||
              (attribute.ulValueLen == 3 && memcmp(value, expected, 3) == 0),
          "CKA_CHECK_VALUE is the first three bytes of the enciphered zero block, or empty");
}
CHECK(rsa_fields) {
    CK_BYTE n[1024], e[16], n2[1024];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = find_key(session, CKO_PRIVATE_KEY, CKK_RSA, CKA_SIGN);
    if (key == CK_INVALID_HANDLE) {
        rule_not_applicable("no RSA key");
    }
    CK_OBJECT_HANDLE public = public_of(session, key);
    CK_ULONG len = attribute_bytes(session, public, CKA_MODULUS, n, sizeof(n));
    HOLDS(attribute_ulong(session, public, CKA_MODULUS_BITS) == len * 8,
          "CKA_MODULUS_BITS is the length of the modulus");
    HOLDS(n[0] != 0, "big integers have no leading zeros");
    HOLDS(attribute_bytes(session, public, CKA_PUBLIC_EXPONENT, e, sizeof(e)) >= 1 && e[0] != 0,
          "big integers have no leading zeros");
    HOLDS(attribute_bytes(session, key, CKA_MODULUS, n2, sizeof(n2)) == len &&
              memcmp(n, n2, len) == 0,
          "both halves of a pair have the same modulus");
}
CHECK(ec_fields) {
    CK_BYTE params[64], point[256];
    CK_SESSION_HANDLE session = user_session();
    CK_KEY_TYPE type = CKK_EC;
    CK_OBJECT_HANDLE key = find_key(session, CKO_PRIVATE_KEY, CKK_EC, CKA_SIGN);
    if (key == CK_INVALID_HANDLE) {
        type = CKK_SM2;
        key = find_key(session, CKO_PRIVATE_KEY, CKK_SM2, CKA_SIGN);
    }
    if (key == CK_INVALID_HANDLE) {
        rule_not_applicable("no key on a curve");
    }
    CK_OBJECT_HANDLE public = public_of(session, key);
    context_set(type == CKK_EC ? "EC" : "SM2");
    HOLDS(attribute_bytes(session, public, CKA_EC_PARAMS, params, sizeof(params)) > 2 &&
              (params[0] == 0x06 || params[0] == 0x30 || params[0] == 0x13),
          "CKA_EC_PARAMS is an OID, a name or parameters in DER");
    HOLDS(attribute_bytes(session, public, CKA_EC_POINT, point, sizeof(point)) > 2 &&
              point[0] == 0x04,
          "CKA_EC_POINT is a DER OCTET STRING");
    HOLDS(attribute_bytes(session, key, CKA_EC_PARAMS, params, sizeof(params)) > 2,
          "the private key tells its curve too");
}
CHECK(public_key_info) {
    CK_BYTE info[1024];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = any_object(session, CKO_PUBLIC_KEY);
    CK_ULONG len = attribute_bytes(session, key, CKA_PUBLIC_KEY_INFO, info, sizeof(info));
    HOLDS(len == 0 || (len > 20 && info[0] == 0x30),
          "CKA_PUBLIC_KEY_INFO is a DER SubjectPublicKeyInfo, or empty");
}
CHECK(pair_ids) {
    CK_BYTE id[128];
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = any_object(session, CKO_PRIVATE_KEY);
    HOLDS(attribute_bytes(session, key, CKA_ID, id, sizeof(id)) > 0, "a token key has a CKA_ID");
    HOLDS(public_of(session, key) != CK_INVALID_HANDLE,
          "the public key of the pair has the same CKA_ID");
}

/* clang-format off */
static const struct rule table[] = {
    {"4.4", "storage objects", "have CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE and CKA_LABEL", storage_common, NULL},
    {"4.4", "storage objects", "have CKA_COPYABLE and CKA_DESTROYABLE", storage_copyable, NULL},
    {"4.4.1", "CKA_UNIQUE_ID", "each object has one of its own", storage_unique_id, NULL},
    {"4.4.1", "CKA_UNIQUE_ID", "cannot be given: CKR_ATTRIBUTE_READ_ONLY", unique_id_read_only, NULL},
    {"4.5", "data objects", "fields that were not given are empty", data_fields, NULL},
    {"4.6.3", "certificates", "have type, names, serial number and value in DER", certificate_fields, NULL},
    {"4.6.3", "certificates", "without value: CKR_TEMPLATE_INCOMPLETE", certificate_incomplete, NULL},
    {"4.7", "keys", "have type, ID, dates, CKA_DERIVE, CKA_LOCAL, CKA_KEY_GEN_MECHANISM", key_common, NULL},
    {"4.7", "keys", "both halves of a pair share CKA_ID", pair_ids, NULL},
    {"4.8", "public keys", "have their usages, CKA_TRUSTED and CKA_SUBJECT", public_key_fields, NULL},
    {"4.8", "public keys", "CKA_PUBLIC_KEY_INFO is DER or empty", public_key_info, NULL},
    {"4.9", "private keys", "have their usages and sensitivities, which agree", private_key_fields, NULL},
    {"4.10", "secret keys", "have their usages; CKA_VALUE_LEN is true", secret_key_defaults, NULL},
    {"4.10", "secret keys", "given ones: not local, not always sensitive, not never extractable", created_key_history, NULL},
    {"4.10.2", "secret keys", "CKA_CHECK_VALUE comes from the enciphered zero block", check_value, NULL},
    {"6.1.2", "RSA public keys", "modulus and exponent without leading zeros; CKA_MODULUS_BITS is true", rsa_fields, NULL},
    {"6.3.3", "EC public keys", "parameters and point in DER", ec_fields, NULL},
};
/* clang-format on */
RULE_LIST(attribute_rules, table);
