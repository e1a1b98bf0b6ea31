/* Each function: find the process of the handle, put the arguments on the wire, take off it what comes back, measured. */
#include "agent/foreign/remote.h"

#include <string.h>

_Static_assert(sizeof(CK_ULONG) == 8,
               "the module's number and generation lie in a handle's upper half");

enum { MODULE_SHIFT = 56, GENERATION_SHIFT = 32, GENERATION_MASK = 0xFFFFFF };

static struct foreign_process *_Atomic processes[REMOTE_MAX];

int remote_add(struct foreign_process *process) {
    for (int i = 0; i < REMOTE_MAX; i++) {
        struct foreign_process *none = NULL;
        if (atomic_compare_exchange_strong(&processes[i], &none, process))
            return 0;
    }
    return -1;
}

void remote_remove(struct foreign_process *process) {
    for (int i = 0; i < REMOTE_MAX; i++) {
        struct foreign_process *same = process;
        atomic_compare_exchange_strong(&processes[i], &same, NULL);
    }
}

/* ---- handles ---- */

static CK_ULONG handle_make(const struct foreign_process *process, uint64_t number) {
    CK_ULONG module = 0;
    while (module < REMOTE_MAX && atomic_load(&processes[module]) != process)
        module++;
    return (module + 1) << MODULE_SHIFT |
           (CK_ULONG)(process->generation & GENERATION_MASK) << GENERATION_SHIFT |
           (number & 0xFFFFFFFF);
}

/* Slots live through a restart: the module may number them anew, but then their sessions are gone too. */
static CK_SLOT_ID slot_make(const struct foreign_process *process, uint64_t number) {
    return handle_make(process, number) & ~((CK_ULONG)GENERATION_MASK << GENERATION_SHIFT);
}

static struct foreign_process *process_of(CK_ULONG handle) {
    CK_ULONG module = handle >> MODULE_SHIFT;
    return module >= 1 && module <= REMOTE_MAX ? atomic_load(&processes[module - 1]) : NULL;
}

static unsigned generation_of(CK_ULONG handle) {
    return (unsigned)(handle >> GENERATION_SHIFT) & GENERATION_MASK;
}

/* Begin a call on a slot or a session: the handle's number is the first argument. NULL: of no module. */
static struct wire *begin(CK_ULONG handle, enum foreign_call call,
                          struct foreign_process **process) {
    *process = process_of(handle);
    if (!*process)
        return NULL;
    struct wire *request = foreign_begin(*process, call);
    wire_put_number(request, handle & 0xFFFFFFFF);
    return request;
}

/* Ask, and end a call that gives nothing back. */
static CK_RV finish(struct foreign_process *process, CK_ULONG handle, bool asks_person) {
    struct wire *result;
    return foreign_end(process, foreign_ask(process, generation_of(handle), asks_person, &result));
}

/* The same for one that gives one struct back. */
static CK_RV finish_with(struct foreign_process *process, CK_ULONG handle, void *out, size_t size) {
    struct wire *result;
    size_t len = 0;
    CK_RV rv = foreign_ask(process, generation_of(handle), false, &result);
    if (rv == CKR_OK) {
        const unsigned char *bytes = wire_take_bytes(result, size, &len);
        if (bytes && len == size)
            memcpy(out, bytes, size);
        else
            result->failed = true;
    }
    return foreign_end(process, rv);
}

/* Numbers into a list of CK_ULONGs with room for `max`. */
static CK_RV finish_list(struct foreign_process *process, CK_ULONG handle, CK_ULONG *list,
                         CK_ULONG max, CK_ULONG *count) {
    struct wire *result;
    *count = 0;
    CK_RV rv = foreign_ask(process, generation_of(handle), false, &result);
    if (rv == CKR_OK) {
        uint64_t announced = wire_take_number(result);
        if (announced > max)
            result->failed = true;
        for (uint64_t i = 0; i < announced && !result->failed; i++)
            list[i] = wire_take_number(result);
        *count = result->failed ? 0 : announced;
    }
    return foreign_end(process, rv);
}

/* ---- slots and tokens ---- */

CK_RV remote_slots(struct foreign_process *process, CK_SLOT_ID slots[FOREIGN_SLOTS_MAX],
                   CK_ULONG *count) {
    foreign_begin(process, CALL_GET_SLOTS);
    CK_RV rv = finish_list(process, 0, slots, FOREIGN_SLOTS_MAX, count);
    for (CK_ULONG i = 0; i < *count; i++)
        slots[i] = slot_make(process, slots[i]);
    return rv;
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info) {
    struct foreign_process *process;
    if (!begin(slot, CALL_GET_SLOT_INFO, &process))
        return CKR_SLOT_ID_INVALID;
    return finish_with(process, slot, info, sizeof *info);
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
    struct foreign_process *process;
    if (!begin(slot, CALL_GET_TOKEN_INFO, &process))
        return CKR_SLOT_ID_INVALID;
    return finish_with(process, slot, info, sizeof *info);
}

static CK_RV get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count) {
    CK_MECHANISM_TYPE all[FOREIGN_MECHANISMS_MAX];
    struct foreign_process *process;
    CK_ULONG found = 0, room = *count;
    if (!begin(slot, CALL_GET_MECHANISMS, &process))
        return CKR_SLOT_ID_INVALID;
    CK_RV rv = finish_list(process, slot, all, FOREIGN_MECHANISMS_MAX, &found);
    *count = found;
    if (rv != CKR_OK || !list)
        return rv;
    if (room < found)
        return CKR_BUFFER_TOO_SMALL;
    memcpy(list, all, found * sizeof *all);
    return CKR_OK;
}

static CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type,
                                CK_MECHANISM_INFO_PTR info) {
    struct foreign_process *process;
    struct wire *request = begin(slot, CALL_GET_MECHANISM_INFO, &process);
    if (!request)
        return CKR_SLOT_ID_INVALID;
    wire_put_number(request, type);
    return finish_with(process, slot, info, sizeof *info);
}

/* ---- sessions and PINs ---- */

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application,
                          CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session) {
    struct foreign_process *process;
    struct wire *result, *request = begin(slot, CALL_OPEN_SESSION, &process);
    (void)application;
    (void)notify;
    *session = CK_INVALID_HANDLE;
    if (!request)
        return CKR_SLOT_ID_INVALID;
    wire_put_number(request, flags);
    CK_RV rv = foreign_ask(process, 0, false, &result);
    if (rv == CKR_OK)
        *session = handle_make(process, wire_take_number(result));
    rv = foreign_end(process, rv);
    if (rv != CKR_OK)
        *session = CK_INVALID_HANDLE;
    return rv;
}

static CK_RV close_session(CK_SESSION_HANDLE session) {
    struct foreign_process *process;
    if (!begin(session, CALL_CLOSE_SESSION, &process))
        return CKR_SESSION_HANDLE_INVALID;
    return finish(process, session, false);
}

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info) {
    struct foreign_process *process;
    if (!begin(session, CALL_GET_SESSION_INFO, &process))
        return CKR_SESSION_HANDLE_INVALID;
    return finish_with(process, session, info, sizeof *info);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                   CK_ULONG pin_len) {
    struct foreign_process *process;
    struct wire *request = begin(session, CALL_LOGIN, &process);
    if (!request)
        return CKR_SESSION_HANDLE_INVALID;
    wire_put_number(request, user);
    wire_put_bytes(request, pin, pin_len);
    return finish(process, session, true);
}

static CK_RV logout(CK_SESSION_HANDLE session) {
    struct foreign_process *process;
    if (!begin(session, CALL_LOGOUT, &process))
        return CKR_SESSION_HANDLE_INVALID;
    return finish(process, session, false);
}

static CK_RV set_pin(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old_pin, CK_ULONG old_len,
                     CK_UTF8CHAR_PTR new_pin, CK_ULONG new_len) {
    struct foreign_process *process;
    struct wire *request = begin(session, CALL_SET_PIN, &process);
    if (!request)
        return CKR_SESSION_HANDLE_INVALID;
    wire_put_bytes(request, old_pin, old_len);
    wire_put_bytes(request, new_pin, new_len);
    return finish(process, session, true);
}

/* ---- objects ---- */

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template,
                               CK_ULONG count) {
    struct foreign_process *process;
    struct wire *request = begin(session, CALL_FIND_INIT, &process);
    if (!request)
        return CKR_SESSION_HANDLE_INVALID;
    wire_put_number(request, count);
    for (CK_ULONG i = 0; i < count; i++) {
        wire_put_number(request, template[i].type);
        wire_put_bytes(request, template[i].pValue, template[i].ulValueLen);
    }
    return finish(process, session, false);
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG max,
                          CK_ULONG_PTR count) {
    struct foreign_process *process;
    struct wire *request = begin(session, CALL_FIND, &process);
    if (!request)
        return CKR_SESSION_HANDLE_INVALID;
    wire_put_number(request, max);
    return finish_list(process, session, objects, max, count);
}

static CK_RV find_objects_final(CK_SESSION_HANDLE session) {
    struct foreign_process *process;
    if (!begin(session, CALL_FIND_FINAL, &process))
        return CKR_SESSION_HANDLE_INVALID;
    return finish(process, session, false);
}

/* One attribute off the wire, into its place. */
static void take_attribute(struct wire *result, CK_ATTRIBUTE *attribute) {
    CK_ULONG room = attribute->ulValueLen;
    size_t len = 0;
    CK_ULONG value_len = wire_take_number(result);
    const unsigned char *bytes = wire_take_bytes(result, attribute->pValue ? room : 0, &len);
    bool is_value = attribute->pValue && value_len != CK_UNAVAILABLE_INFORMATION;
    if (!bytes || (is_value && len != value_len))
        result->failed = true;
    attribute->ulValueLen = result->failed ? CK_UNAVAILABLE_INFORMATION : value_len;
    if (!result->failed && is_value && len > 0)
        memcpy(attribute->pValue, bytes, len);
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                 CK_ATTRIBUTE_PTR attributes, CK_ULONG count) {
    struct foreign_process *process;
    struct wire *result, *request = begin(session, CALL_GET_ATTRIBUTES, &process);
    if (!request)
        return CKR_SESSION_HANDLE_INVALID;
    wire_put_number(request, object);
    wire_put_number(request, count);
    for (CK_ULONG i = 0; i < count; i++) {
        wire_put_number(request, attributes[i].type);
        wire_put_number(request, attributes[i].pValue != NULL);
        wire_put_number(request, attributes[i].pValue ? attributes[i].ulValueLen : 0);
    }
    CK_RV rv = foreign_ask(process, generation_of(session), false, &result);
    /* some of them may be there when others are not (PKCS#11 3.1 5.7.5) */
    bool has_values = rv == CKR_OK || (result->len > 0 && wire_take_number(result) == count);
    if (rv == CKR_OK && wire_take_number(result) != count)
        result->failed = true;
    for (CK_ULONG i = 0; i < count; i++) {
        if (has_values && !result->failed)
            take_attribute(result, &attributes[i]);
        else
            attributes[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
    }
    return foreign_end(process, rv);
}

/* ---- signing and decrypting ---- */

/* Mechanisms whose parameter is absent, or a struct without pointers that may be copied (PKCS#11 3.1 6.1.8). */
static bool parameter_is_flat(const CK_MECHANISM *mechanism) {
    switch (mechanism->mechanism) {
    case CKM_RSA_PKCS_PSS:
    case CKM_SHA256_RSA_PKCS_PSS:
    case CKM_SHA384_RSA_PKCS_PSS:
    case CKM_SHA512_RSA_PKCS_PSS:
        return mechanism->ulParameterLen == sizeof(CK_RSA_PKCS_PSS_PARAMS);
    case CKM_RSA_PKCS_OAEP: { /* its one pointer has to be NULL */
        const CK_RSA_PKCS_OAEP_PARAMS *oaep = mechanism->pParameter;
        return mechanism->ulParameterLen == sizeof *oaep && !oaep->pSourceData;
    }
    default:
        return mechanism->ulParameterLen == 0;
    }
}

static CK_RV operation_init(CK_SESSION_HANDLE session, enum foreign_call call,
                            CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
    struct foreign_process *process;
    if (!parameter_is_flat(mechanism))
        return CKR_MECHANISM_PARAM_INVALID;
    struct wire *request = begin(session, call, &process);
    if (!request)
        return CKR_SESSION_HANDLE_INVALID;
    wire_put_number(request, mechanism->mechanism);
    wire_put_bytes(request, mechanism->pParameter, mechanism->ulParameterLen);
    wire_put_number(request, key);
    return finish(process, session, false);
}

static CK_RV operation(CK_SESSION_HANDLE session, enum foreign_call call, CK_BYTE_PTR data,
                       CK_ULONG data_len, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct foreign_process *process;
    struct wire *result, *request = begin(session, call, &process);
    CK_ULONG room = out ? *out_len : 0;
    size_t len = 0;
    if (!request)
        return CKR_SESSION_HANDLE_INVALID;
    wire_put_bytes(request, data, data_len);
    wire_put_number(request, out != NULL);
    wire_put_number(request, room);
    CK_RV rv = foreign_ask(process, generation_of(session), true, &result);
    if (rv == CKR_OK || rv == CKR_BUFFER_TOO_SMALL) {
        *out_len = wire_take_number(result);
        const unsigned char *bytes = wire_take_bytes(result, room, &len);
        bool is_data = out && rv == CKR_OK;
        if (!bytes || (is_data && len != *out_len))
            result->failed = true;
        else if (is_data)
            memcpy(out, bytes, len);
    }
    return foreign_end(process, rv);
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                       CK_OBJECT_HANDLE key) {
    return operation_init(session, CALL_SIGN_INIT, mechanism, key);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
                  CK_BYTE_PTR signature, CK_ULONG_PTR signature_len) {
    return operation(session, CALL_SIGN, data, data_len, signature, signature_len);
}

static CK_RV decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                          CK_OBJECT_HANDLE key) {
    return operation_init(session, CALL_DECRYPT_INIT, mechanism, key);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
                     CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    return operation(session, CALL_DECRYPT, data, data_len, out, out_len);
}

/* ---- the list ---- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define NOT_SUPPORTED(name, arguments)                                                             \
    static CK_RV none_##name arguments {                                                           \
        return CKR_FUNCTION_NOT_SUPPORTED;                                                         \
    }
CK_FUNCTIONS_2_40(NOT_SUPPORTED)
#pragma GCC diagnostic pop

#define ENTRY(name, arguments) .name = none_##name,
static CK_FUNCTION_LIST functions = {.version = {2, 40}, CK_FUNCTIONS_2_40(ENTRY)};
static pthread_once_t functions_once = PTHREAD_ONCE_INIT;

static void fill_functions(void) {
    functions.C_GetSlotInfo = get_slot_info;
    functions.C_GetTokenInfo = get_token_info;
    functions.C_GetMechanismList = get_mechanism_list;
    functions.C_GetMechanismInfo = get_mechanism_info;
    functions.C_OpenSession = open_session;
    functions.C_CloseSession = close_session;
    functions.C_GetSessionInfo = get_session_info;
    functions.C_Login = login;
    functions.C_Logout = logout;
    functions.C_SetPIN = set_pin;
    functions.C_FindObjectsInit = find_objects_init;
    functions.C_FindObjects = find_objects;
    functions.C_FindObjectsFinal = find_objects_final;
    functions.C_GetAttributeValue = get_attribute_value;
    functions.C_SignInit = sign_init;
    functions.C_Sign = sign;
    functions.C_DecryptInit = decrypt_init;
    functions.C_Decrypt = decrypt;
}

CK_FUNCTION_LIST *remote_functions(void) {
    pthread_once(&functions_once, fill_functions);
    return &functions;
}
