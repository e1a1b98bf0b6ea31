/* The module over the fake card. */
#include "session_fixture.h"

#include <stdlib.h>
#include <string.h>

CK_SESSION_HANDLE session;

int fixture_open(void **state) {
    (void)state;
    CK_SLOT_ID slot;
    CK_ULONG count = 1;
    CK_INTERFACE *interface;
    CK_UTF8CHAR name[] = "OpenUKey";
    fake_card_reset();
    setenv("OPENUKEY_CONF", "/nonexistent", 1);
    setenv("OPENUKEY_LOG", "error", 1);
    if (C_GetInterface(name, NULL, &interface, 0) != CKR_OK) {
        return -1;
    }
    const CK_OPENUKEY_FUNCTIONS *vendor = interface->pFunctionList;
    return vendor->SetOption("pcsc", "off") != CKR_OK ||
                   vendor->SetOption("usb", "off") != CKR_OK ||
                   vendor->SetOption("sm2-objects", "auto") != CKR_OK ||
                   C_Initialize(NULL) != CKR_OK ||
                   C_GetSlotList(CK_TRUE, &slot, &count) != CKR_OK ||
                   C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) !=
                       CKR_OK
               ? -1
               : 0;
}

int fixture_close(void **state) {
    (void)state;
    CK_RV rv = C_Finalize(NULL);
    return rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED ? 0 : -1;
}

void fixture_login(void) {
    CK_UTF8CHAR pin[] = "123456";
    assert_rv(C_Login(session, CKU_USER, pin, 6), CKR_OK);
}

static CK_ULONG find(CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *out, CK_ULONG max) {
    CK_ULONG found = 0;
    assert_rv(C_FindObjectsInit(session, template, count), CKR_OK);
    assert_rv(C_FindObjects(session, out, max, &found), CKR_OK);
    assert_rv(C_FindObjectsFinal(session), CKR_OK);
    return found;
}

CK_OBJECT_HANDLE fixture_find(CK_OBJECT_CLASS class, const char *label) {
    CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)}};
    return find(template, 2, &out, 1) == 1 ? out : CK_INVALID_HANDLE;
}

CK_OBJECT_HANDLE fixture_find_usage(CK_OBJECT_CLASS class, const char *label,
                                    CK_ATTRIBUTE_TYPE usage) {
    CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
                               {usage, &yes, sizeof(yes)}};
    return find(template, 3, &out, 1) == 1 ? out : CK_INVALID_HANDLE;
}

CK_ULONG fixture_count(CK_OBJECT_CLASS class) {
    CK_OBJECT_HANDLE out[32];
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)}};
    return find(template, 1, out, 32);
}

CK_OBJECT_HANDLE fixture_secret_key(CK_KEY_TYPE type, const void *value, CK_ULONG len) {
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_KEY_TYPE, &type, sizeof(type)},
        {CKA_VALUE, (void *)(uintptr_t)value, len},
        {CKA_TOKEN, &no, sizeof(no)},
        {CKA_PRIVATE, &no, sizeof(no)},
        {CKA_EXTRACTABLE, &yes, sizeof(yes)},
        {CKA_SENSITIVE, &no, sizeof(no)},
        {CKA_ENCRYPT, &yes, sizeof(yes)},
        {CKA_DECRYPT, &yes, sizeof(yes)},
        {CKA_SIGN, &yes, sizeof(yes)},
        {CKA_VERIFY, &yes, sizeof(yes)},
        {CKA_WRAP, &yes, sizeof(yes)},
        {CKA_UNWRAP, &yes, sizeof(yes)},
    };
    assert_rv(C_CreateObject(session, template, sizeof(template) / sizeof(template[0]), &out),
              CKR_OK);
    return out;
}

size_t fixture_hex(const char *text, uint8_t *out) {
    size_t len = 0;
    for (; text[0] != '\0' && text[1] != '\0'; text += 2) {
        char byte[3] = {text[0], text[1], '\0'};
        out[len++] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return len;
}
