/* What rules do before they come to their point: initialise, open, log in, find and make objects. */
#include "tests/conformance/suite/suite.h"

#include <stdlib.h>
#include <string.h>

CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
CK_OBJECT_CLASS class_data = CKO_DATA, class_secret = CKO_SECRET_KEY,
                class_private = CKO_PRIVATE_KEY, class_public = CKO_PUBLIC_KEY,
                class_certificate = CKO_CERTIFICATE;
CK_KEY_TYPE type_aes = CKK_AES, type_generic = CKK_GENERIC_SECRET, type_sm4 = CKK_SM4,
            type_rsa = CKK_RSA, type_ec = CKK_EC;

void initialize(void) {
    CK_C_INITIALIZE_ARGS arguments = {NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK, NULL};
    ONE_OF(p11.C_Initialize(&arguments), CKR_OK, CKR_CRYPTOKI_ALREADY_INITIALIZED);
}

CK_SLOT_ID the_slot(void) {
    CK_SLOT_ID slots[64];
    CK_ULONG count = 64;
    CK_TOKEN_INFO info;
    initialize();
    OK(p11.C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        char label[32];
        memset(label, ' ', sizeof(label));
        if (setting.label != NULL) {
            memcpy(label, setting.label, strnlen(setting.label, sizeof(label)));
        }
        if (p11.C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            (info.flags & CKF_TOKEN_INITIALIZED) != 0 &&
            (setting.label == NULL || memcmp(label, info.label, sizeof(label)) == 0)) {
            return slots[i];
        }
    }
    rule_failed("there is no such token");
}

CK_TOKEN_INFO token_info(void) {
    CK_TOKEN_INFO info;
    OK(p11.C_GetTokenInfo(the_slot(), &info));
    return info;
}

CK_SESSION_HANDLE open_session(CK_FLAGS more) {
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    OK(p11.C_OpenSession(the_slot(), CKF_SERIAL_SESSION | more, NULL, NULL, &session));
    return session;
}

CK_SESSION_HANDLE read_write(void) {
    return open_session(CKF_RW_SESSION);
}

CK_SESSION_HANDLE read_only(void) {
    return open_session(0);
}

static CK_UTF8CHAR *pin_text(const char *pin) {
    static CK_UTF8CHAR copy[2][64];
    static int next;
    next = !next;
    strncpy((char *)copy[next], pin, sizeof(copy[0]) - 1);
    return copy[next];
}

void login_user(CK_SESSION_HANDLE session) {
    OK(p11.C_Login(session, CKU_USER, pin_text(setting.pin), strlen(setting.pin)));
}

CK_SESSION_HANDLE user_session(void) {
    CK_SESSION_HANDLE session = read_write();
    login_user(session);
    return session;
}

CK_SESSION_HANDLE officer_session(void) {
    if (setting.so_pin == NULL) {
        rule_not_applicable("the PIN of the security officer is not known");
    }
    CK_SESSION_HANDLE session = read_write();
    OK(p11.C_Login(session, CKU_SO, pin_text(setting.so_pin), strlen(setting.so_pin)));
    return session;
}

CK_STATE state_of(CK_SESSION_HANDLE session) {
    CK_SESSION_INFO info = {0, 99, 0, 0};
    OK(p11.C_GetSessionInfo(session, &info));
    return info.state;
}

/* ---- objects ---- */

CK_ULONG find_all(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attributes, CK_ULONG count,
                  CK_OBJECT_HANDLE *out, CK_ULONG max) {
    CK_ULONG found = 0;
    OK(p11.C_FindObjectsInit(session, attributes, count));
    OK(p11.C_FindObjects(session, out, max, &found));
    OK(p11.C_FindObjectsFinal(session));
    return found;
}

bool is_found(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
    CK_OBJECT_HANDLE all[512];
    CK_ULONG count = find_all(session, NULL, 0, all, COUNT(all));
    for (CK_ULONG i = 0; i < count; i++) {
        if (all[i] == object) {
            return true;
        }
    }
    return false;
}

bool exists(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
    CK_OBJECT_CLASS class;
    CK_ATTRIBUTE attribute = ATTRIBUTE(CKA_CLASS, class);
    CK_RV rv = p11.C_GetAttributeValue(session, object, &attribute, 1);
    if (rv != CKR_OK && rv != CKR_OBJECT_HANDLE_INVALID) {
        OK(rv);
    }
    return rv == CKR_OK;
}

CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, CK_KEY_TYPE type,
                          CK_ATTRIBUTE_TYPE usage) {
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_KEY_TYPE, type),
                               ATTRIBUTE(usage, yes), ATTRIBUTE(CKA_ALWAYS_AUTHENTICATE, no)};
    CK_ULONG count = class == CKO_PRIVATE_KEY ? 4 : 3;
    return find_all(session, template, count, &found, 1) == 1 ? found : CK_INVALID_HANDLE;
}

CK_OBJECT_HANDLE public_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE private_key) {
    CK_BYTE id[128];
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ULONG len = attribute_bytes(session, private_key, CKA_ID, id, sizeof(id));
    CK_KEY_TYPE type = attribute_ulong(session, private_key, CKA_KEY_TYPE);
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE(CKA_CLASS, class_public), ATTRIBUTE(CKA_KEY_TYPE, type), {CKA_ID, id, len}};
    return find_all(session, template, 3, &found, 1) == 1 ? found : CK_INVALID_HANDLE;
}

CK_OBJECT_HANDLE any_object(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class) {
    CK_OBJECT_HANDLE found;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_TOKEN, yes)};
    if (find_all(session, template, 2, &found, 1) == 0) {
        rule_not_applicable("the token has no object of class %lu", class);
    }
    return found;
}

bool attribute_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_BBOOL value = 77;
    CK_ATTRIBUTE attribute = ATTRIBUTE(type, value);
    OK(p11.C_GetAttributeValue(session, object, &attribute, 1));
    if (value != CK_TRUE && value != CK_FALSE) {
        rule_failed("attribute 0x%lX is %u, neither CK_TRUE nor CK_FALSE", type, value);
    }
    return value == CK_TRUE;
}

CK_ULONG attribute_ulong(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                         CK_ATTRIBUTE_TYPE type) {
    CK_ULONG value = 0;
    CK_ATTRIBUTE attribute = ATTRIBUTE(type, value);
    OK(p11.C_GetAttributeValue(session, object, &attribute, 1));
    if (attribute.ulValueLen != sizeof(value)) {
        rule_failed("attribute 0x%lX has %lu bytes, not a CK_ULONG's", type, attribute.ulValueLen);
    }
    return value;
}

CK_ULONG attribute_bytes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                         CK_BYTE *out, CK_ULONG size) {
    CK_ATTRIBUTE attribute = {type, out, size};
    OK(p11.C_GetAttributeValue(session, object, &attribute, 1));
    return attribute.ulValueLen;
}

CK_OBJECT_HANDLE make_data(CK_SESSION_HANDLE session, bool on_token, bool is_private) {
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_data),
                               {CKA_TOKEN, on_token ? &yes : &no, 1},
                               {CKA_PRIVATE, is_private ? &yes : &no, 1},
                               TEXT(CKA_LABEL, "conformance"),
                               TEXT(CKA_VALUE, "value")};
    CK_RV rv = p11.C_CreateObject(session, template, COUNT(template), &object);
    if (rv == CKR_USER_NOT_LOGGED_IN && on_token && state_of(session) == CKS_RW_USER_FUNCTIONS) {
        rule_not_applicable("the token takes data objects from the officer alone");
    }
    if (rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_TOKEN_WRITE_PROTECTED) {
        rule_not_applicable("the token takes no such data object (%s)", rv_name(rv));
    }
    expect_rv(rv, CKR_OK, "C_CreateObject(");
    return object;
}

CK_OBJECT_HANDLE make_secret(CK_SESSION_HANDLE session, CK_KEY_TYPE type, bool extractable) {
    CK_BYTE value[] = "0123456789abcdef0123456789abcdef";
    CK_ULONG len = type == CKK_GENERIC_SECRET ? 32 : 16;
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    bool signs = type != CKK_SM4, encrypts = type != CKK_GENERIC_SECRET;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_secret),
                               ATTRIBUTE(CKA_KEY_TYPE, type),
                               ATTRIBUTE(CKA_TOKEN, no),
                               ATTRIBUTE(CKA_PRIVATE, no),
                               {CKA_VALUE, value, len},
                               {CKA_SENSITIVE, extractable ? &no : &yes, 1},
                               {CKA_EXTRACTABLE, extractable ? &yes : &no, 1},
                               {CKA_SIGN, signs ? &yes : &no, 1},
                               {CKA_VERIFY, signs ? &yes : &no, 1},
                               {CKA_ENCRYPT, encrypts ? &yes : &no, 1},
                               {CKA_DECRYPT, encrypts ? &yes : &no, 1},
                               {CKA_WRAP, encrypts ? &yes : &no, 1},
                               {CKA_UNWRAP, encrypts ? &yes : &no, 1}};
    CK_RV rv = p11.C_CreateObject(session, template, COUNT(template), &object);
    if (rv != CKR_OK) {
        rule_not_applicable("no secret session key can be made (%s)", rv_name(rv));
    }
    return object;
}

bool has_mechanism(CK_MECHANISM_TYPE type, CK_FLAGS flag) {
    CK_MECHANISM_INFO info;
    CK_RV rv = p11.C_GetMechanismInfo(the_slot(), type, &info);
    return rv == CKR_OK && (info.flags & flag) == flag;
}
