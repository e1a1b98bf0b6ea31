/* A PKCS#11 module that does the wrong thing on purpose: what, and at which call, is in $BROKEN_MODULE or in its file's name, like
 * "crash:C_Sign.so". Until then it
 * has one key that signs by turning the data round, in a slot of its own. */
#include <dlfcn.h>
#include <pkcs11.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char orders_are_here;

/* $BROKEN_MODULE, or without it the name that this file was given. */
static const char *orders(void) {
    const char *given = getenv("BROKEN_MODULE");
    Dl_info info;
    if (given || dladdr((const void *)&orders_are_here, &info) == 0)
        return given ? given : "";
    const char *slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}

static bool is_here(const char *how, const char *function) {
    const char *wanted = orders();
    size_t len = strlen(how), rest = strlen(function);
    return strncmp(wanted, how, len) == 0 && wanted[len] == ':' &&
           strncmp(wanted + len + 1, function, rest) == 0 &&
           (wanted[len + 1 + rest] == '\0' || wanted[len + 1 + rest] == '.');
}

/* Every function begins with this. */
static void enter(const char *function) {
    if (is_here("crash", function))
        abort();
    if (is_here("end", function))
        _exit(0);
    while (is_here("hang", function))
        pause();
}

#define SLOT 7UL

static CK_RV initialize(CK_VOID_PTR arguments) {
    (void)arguments;
    enter("C_Initialize");
    return CKR_OK;
}

static CK_RV finalize(CK_VOID_PTR reserved) {
    (void)reserved;
    enter("C_Finalize");
    return CKR_OK;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count) {
    (void)present;
    enter("C_GetSlotList");
    if (slots)
        slots[0] = SLOT;
    *count = is_here("lie", "C_GetSlotList") ? 1000000 : 1;
    return CKR_OK;
}

static void pad(CK_UTF8CHAR *field, size_t size, const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i < size; i++)
        field[i] = i < len ? (CK_UTF8CHAR)text[i] : ' ';
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info) {
    (void)slot;
    enter("C_GetSlotInfo");
    *info = (CK_SLOT_INFO){.flags = CKF_TOKEN_PRESENT};
    pad(info->slotDescription, sizeof info->slotDescription, "Broken reader");
    pad(info->manufacturerID, sizeof info->manufacturerID, "Broken");
    return CKR_OK;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
    (void)slot;
    enter("C_GetTokenInfo");
    *info = (CK_TOKEN_INFO){.flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED |
                                     CKF_LOGIN_REQUIRED,
                            .ulMinPinLen = 4,
                            .ulMaxPinLen = 8};
    pad(info->label, sizeof info->label, "Broken key");
    pad(info->manufacturerID, sizeof info->manufacturerID, "Broken");
    pad(info->model, sizeof info->model, "B");
    pad(info->serialNumber, sizeof info->serialNumber, "B1");
    return CKR_OK;
}

static CK_RV get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR types, CK_ULONG_PTR count) {
    (void)slot;
    enter("C_GetMechanismList");
    if (types)
        types[0] = CKM_RSA_PKCS;
    *count = is_here("lie", "C_GetMechanismList") ? 1000000 : 1;
    return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application,
                          CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session) {
    (void)slot;
    (void)flags;
    (void)application;
    (void)notify;
    enter("C_OpenSession");
    /* a handle as wide as a pointer */
    *session = 0x7FFF12345678UL;
    return CKR_OK;
}

static CK_RV close_session(CK_SESSION_HANDLE session) {
    (void)session;
    enter("C_CloseSession");
    return CKR_OK;
}

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info) {
    (void)session;
    enter("C_GetSessionInfo");
    *info = (CK_SESSION_INFO){.slotID = SLOT, .state = CKS_RO_USER_FUNCTIONS};
    return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                   CK_ULONG len) {
    (void)session;
    (void)user;
    enter("C_Login");
    return len == 6 && memcmp(pin, "123456", 6) == 0 ? CKR_OK : CKR_PIN_INCORRECT;
}

static CK_RV logout(CK_SESSION_HANDLE session) {
    (void)session;
    enter("C_Logout");
    return CKR_OK;
}

static bool was_found;

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template,
                               CK_ULONG count) {
    (void)session;
    (void)template;
    (void)count;
    enter("C_FindObjectsInit");
    was_found = false;
    return CKR_OK;
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG max,
                          CK_ULONG_PTR count) {
    (void)session;
    enter("C_FindObjects");
    *count = is_here("lie", "C_FindObjects") ? max + 1 : !was_found;
    if (!was_found)
        objects[0] = 0xFFFF00001111UL;
    was_found = true;
    return CKR_OK;
}

static CK_RV find_objects_final(CK_SESSION_HANDLE session) {
    (void)session;
    enter("C_FindObjectsFinal");
    return CKR_OK;
}

/* Every attribute is "abc", but CKA_SUBJECT, which is not there. */
static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                 CK_ATTRIBUTE_PTR template, CK_ULONG count) {
    CK_RV rv = CKR_OK;
    (void)session;
    (void)object;
    enter("C_GetAttributeValue");
    for (CK_ULONG i = 0; i < count; i++) {
        if (template[i].type == CKA_SUBJECT) {
            template[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
            continue;
        }
        if (template[i].pValue && template[i].ulValueLen >= 3)
            memcpy(template[i].pValue, "abc", 3);
        template[i].ulValueLen = is_here("lie", "C_GetAttributeValue") ? (CK_ULONG)1 << 40 : 3;
    }
    return rv;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                       CK_OBJECT_HANDLE key) {
    (void)session;
    (void)mechanism;
    (void)key;
    enter("C_SignInit");
    return CKR_OK;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR signature,
                  CK_ULONG_PTR signature_len) {
    (void)session;
    enter("C_Sign");
    for (CK_ULONG i = 0; signature && i < len && i < *signature_len; i++)
        signature[i] = data[len - 1 - i];
    *signature_len = is_here("lie", "C_Sign") ? (CK_ULONG)1 << 40 : len;
    return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
    .version = {2, 40},
    .C_Initialize = initialize,
    .C_Finalize = finalize,
    .C_GetSlotList = get_slot_list,
    .C_GetSlotInfo = get_slot_info,
    .C_GetTokenInfo = get_token_info,
    .C_GetMechanismList = get_mechanism_list,
    .C_OpenSession = open_session,
    .C_CloseSession = close_session,
    .C_GetSessionInfo = get_session_info,
    .C_Login = login,
    .C_Logout = logout,
    .C_FindObjectsInit = find_objects_init,
    .C_FindObjects = find_objects,
    .C_FindObjectsFinal = find_objects_final,
    .C_GetAttributeValue = get_attribute_value,
    .C_SignInit = sign_init,
    .C_Sign = sign,
};

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
    *list = &functions;
    return CKR_OK;
}
