/* Fuzzes both ends of the wire to modules of other makers; first byte: which. What a broken agent asks of ukey-module-host, in front of a
 * module that answers out of the same input; and what a broken host answers the agent. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>

/* the host loads nothing here: its module is below */
static void *load_nothing(const char *path) {
    (void)path;
    return NULL;
}
int host_main(int argc, char **argv);
#define dlopen(path, flags)  load_nothing(path)
#define main                 host_main
#define fprintf(stream, ...) ((void)0) /* what it would tell of each */
#include "agent/foreign/host.c" /* NOLINT(bugprone-suspicious-include): its insides are what this is about */
#undef main
#undef fprintf
#undef dlopen

#include "agent/foreign/remote.h"
#include "agent/log.h"

#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int __wrap_kill(pid_t pid, int number);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

/* ---- bytes of the input ---- */

static struct {
    const uint8_t *data;
    size_t left;
} script;

static uint64_t next(unsigned bytes) {
    uint64_t number = 0;
    for (; bytes > 0 && script.left > 0; bytes--, script.left--) {
        number = number << 8 | *script.data++;
    }
    return number;
}

/* ---- the host: a module of another maker ---- */

static CK_RV result(void) {
    static const CK_RV results[] = {CKR_OK,
                                    CKR_OK,
                                    CKR_OK,
                                    CKR_BUFFER_TOO_SMALL,
                                    CKR_ATTRIBUTE_TYPE_INVALID,
                                    CKR_DEVICE_ERROR,
                                    CKR_PIN_INCORRECT,
                                    CK_UNAVAILABLE_INFORMATION};
    return results[next(1) % 8];
}

/* A length: mostly one that fits. */
static CK_ULONG some_length(CK_ULONG room) {
    uint64_t kind = next(1);
    return kind == 255   ? CK_UNAVAILABLE_INFORMATION
           : kind == 254 ? room + 1
           : kind == 253 ? (CK_ULONG)next(8)
                         : (room < kind ? room : (CK_ULONG)kind);
}

static void fill(void *bytes, size_t len) {
    memset(bytes, (int)next(1), len);
}

static CK_RV m_slot_list(CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR count) {
    CK_ULONG room = *count;
    (void)present;
    *count = some_length(FOREIGN_SLOTS_MAX);
    for (CK_ULONG i = 0; list != NULL && i < *count && i < room; i++) {
        list[i] = next(1);
    }
    return result();
}

static CK_RV m_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info) {
    (void)slot;
    fill(info, sizeof *info);
    return result();
}

static CK_RV m_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
    (void)slot;
    fill(info, sizeof *info);
    return result();
}

static CK_RV m_mechanisms(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count) {
    CK_ULONG room = *count;
    (void)slot;
    *count = some_length(room);
    for (CK_ULONG i = 0; i < *count && i < room; i++) {
        list[i] = next(1);
    }
    return result();
}

static CK_RV m_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info) {
    (void)slot, (void)type;
    fill(info, sizeof *info);
    return result();
}

static CK_RV m_open(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
                    CK_SESSION_HANDLE_PTR session) {
    (void)slot, (void)flags, (void)application, (void)notify;
    *session = next(1);
    return result();
}

static CK_RV m_session(CK_SESSION_HANDLE session) {
    check(session != CK_INVALID_HANDLE);
    return result();
}

static CK_RV m_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info) {
    fill(info, sizeof *info);
    return m_session(session);
}

static CK_RV m_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                     CK_ULONG len) {
    (void)user;
    check(len <= FOREIGN_PIN_MAX && (len == 0 || pin[0] + pin[len - 1] >= 0));
    return m_session(session);
}

static CK_RV m_set_pin(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old, CK_ULONG old_len,
                       CK_UTF8CHAR_PTR new, CK_ULONG new_len) {
    m_login(session, CKU_USER, old, old_len);
    return m_login(session, CKU_USER, new, new_len);
}

/* The bytes are looked at: they have to be there. */
static unsigned sum(const void *bytes, CK_ULONG len) {
    unsigned all = 0;
    for (CK_ULONG i = 0; i < len; i++) {
        all += ((const unsigned char *)bytes)[i];
    }
    return all;
}

static CK_RV m_find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR list, CK_ULONG count) {
    check(count <= FOREIGN_ATTRIBUTES_MAX);
    for (CK_ULONG i = 0; i < count; i++) {
        sum(list[i].pValue, list[i].ulValueLen);
    }
    return m_session(session);
}

static CK_RV m_find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR list, CK_ULONG max,
                    CK_ULONG_PTR count) {
    *count = some_length(max);
    for (CK_ULONG i = 0; i < *count && i < max; i++) {
        list[i] = next(2);
    }
    return m_session(session);
}

static CK_RV m_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR list,
                          CK_ULONG count) {
    (void)object;
    check(count <= FOREIGN_ATTRIBUTES_MAX);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_ULONG room = list[i].ulValueLen;
        list[i].ulValueLen = some_length(list[i].pValue != NULL ? room : 200);
        if (list[i].pValue != NULL) {
            fill(list[i].pValue, list[i].ulValueLen < room ? list[i].ulValueLen : room);
        }
    }
    return m_session(session);
}

static CK_RV m_begin(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
    (void)key;
    check(mechanism->ulParameterLen <= FOREIGN_PARAMETER_MAX);
    check((mechanism->pParameter == NULL) == (mechanism->ulParameterLen == 0));
    sum(mechanism->pParameter, mechanism->ulParameterLen);
    return m_session(session);
}

static CK_RV m_operation(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                         CK_ULONG_PTR out_len) {
    CK_ULONG room = *out_len;
    sum(data, len);
    *out_len = some_length(out != NULL ? room : 200);
    if (out != NULL) {
        fill(out, *out_len < room ? *out_len : room);
    }
    return m_session(session);
}

static CK_FUNCTION_LIST module = {.C_GetSlotList = m_slot_list,
                                  .C_GetSlotInfo = m_slot_info,
                                  .C_GetTokenInfo = m_token_info,
                                  .C_GetMechanismList = m_mechanisms,
                                  .C_GetMechanismInfo = m_mechanism_info,
                                  .C_OpenSession = m_open,
                                  .C_CloseSession = m_session,
                                  .C_GetSessionInfo = m_session_info,
                                  .C_Login = m_login,
                                  .C_Logout = m_session,
                                  .C_SetPIN = m_set_pin,
                                  .C_FindObjectsInit = m_find_init,
                                  .C_FindObjects = m_find,
                                  .C_FindObjectsFinal = m_session,
                                  .C_GetAttributeValue = m_attributes,
                                  .C_SignInit = m_begin,
                                  .C_Sign = m_operation,
                                  .C_DecryptInit = m_begin,
                                  .C_Decrypt = m_operation};

/* Messages with their lengths in two bytes; behind the last one (length 0) the module's script. */
static void broken_agent(const uint8_t *data, size_t size, bool is_loaded) {
    struct host host = {.functions = is_loaded ? &module : NULL};
    struct wire in = {0}, call_result = {0}, out = {0};
    size_t at = 0;
    /* the script is behind the messages */
    while (size - at >= 2 && (data[at] != 0 || data[at + 1] != 0)) {
        size_t len = (size_t)data[at] << 8 | data[at + 1];
        at += 2 + (len < size - at - 2 ? len : size - at - 2);
    }
    script.data = data + at;
    script.left = size - at;
    for (size_t from = 0; from + 2 <= at;) {
        size_t len = (size_t)data[from] << 8 | data[from + 1];
        len = len < at - from - 2 ? len : at - from - 2;
        /* in memory of exactly its length */
        wire_reset(&in);
        in.data = malloc(len > 0 ? len : 1);
        check(in.data != NULL);
        memcpy(in.data, data + from + 2, len);
        in.len = in.size = len;
        serve_one(&host, &in, &call_result, &out);
        check(!out.failed && out.len >= 16);
        out.at = 0;
        wire_take_number(&out);
        check(wire_take_bytes(&out, WIRE_MAX, &len) != NULL && wire_is_whole(&out));
        from += 2 + in.size;
        wire_free(&in);
    }
    wire_free(&call_result);
    wire_free(&out);
}

/* ---- the agent: a broken host ---- */

int __wrap_kill(pid_t pid, int number) {
    check(pid == -4242 && number == SIGKILL);
    return 0;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options) {
    check(pid == 4242 && options == 0);
    if (status != NULL) {
        *status = 0;
    }
    return pid;
}

static void read_values(CK_FUNCTION_LIST *functions, CK_SESSION_HANDLE session,
                        CK_OBJECT_HANDLE object) {
    CK_ATTRIBUTE list[] = {{CKA_LABEL, NULL, 0}, {CKA_VALUE, NULL, 0}, {CKA_ID, NULL, 0}};
    const CK_ULONG count = sizeof list / sizeof *list;
    if (functions->C_GetAttributeValue(session, object, list, count) != CKR_OK) {
        return;
    }
    for (CK_ULONG i = 0; i < count; i++) {
        CK_ULONG len = list[i].ulValueLen;
        if (len != CK_UNAVAILABLE_INFORMATION && len <= 100000) {
            list[i].pValue = malloc(len > 0 ? len : 1);
        }
        list[i].ulValueLen = list[i].pValue != NULL ? len : 0;
    }
    const CK_ULONG rooms[] = {list[0].ulValueLen, list[1].ulValueLen, list[2].ulValueLen};
    functions->C_GetAttributeValue(session, object, list, count);
    for (CK_ULONG i = 0; i < count; i++) {
        check(list[i].pValue == NULL || list[i].ulValueLen == CK_UNAVAILABLE_INFORMATION ||
              list[i].ulValueLen <= rooms[i]);
        free(list[i].pValue);
    }
}

static void use_session(CK_FUNCTION_LIST *functions, CK_SESSION_HANDLE session) {
    CK_OBJECT_HANDLE objects[FOREIGN_OBJECTS_MAX];
    CK_SESSION_INFO info;
    CK_MECHANISM plain = {CKM_ECDSA, NULL, 0};
    unsigned char pin[] = "123456", data[32] = {0};
    CK_ULONG found = 0;
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
    functions->C_GetSessionInfo(session, &info);
    functions->C_Login(session, CKU_USER, pin, 6);
    functions->C_FindObjectsInit(session, &wanted, 1);
    if (functions->C_FindObjects(session, objects, FOREIGN_OBJECTS_MAX, &found) == CKR_OK) {
        check(found <= FOREIGN_OBJECTS_MAX);
    }
    functions->C_FindObjectsFinal(session);
    for (CK_ULONG i = 0; i < found && i < 3; i++) {
        read_values(functions, session, objects[i]);
    }
    for (int i = 0; i < 2; i++) {
        CK_ULONG len = 0;
        functions->C_SignInit(session, &plain, found > 0 ? objects[0] : 1);
        if (functions->C_Sign(session, data, sizeof data, NULL, &len) == CKR_OK && len < 100000) {
            CK_ULONG room = len;
            unsigned char *out = malloc(len > 0 ? len : 1);
            check(out != NULL);
            CK_RV rv = functions->C_Sign(session, data, sizeof data, out, &len);
            check(rv != CKR_OK || len <= room);
            free(out);
        }
        functions->C_DecryptInit(session, &plain, 1);
        unsigned char out[40];
        CK_ULONG room = sizeof out;
        CK_RV rv = functions->C_Decrypt(session, data, sizeof data, out, &room);
        check(rv != CKR_OK || room <= sizeof out);
    }
    functions->C_SetPIN(session, pin, 6, pin, 6);
    functions->C_Logout(session);
    functions->C_CloseSession(session);
}

static void broken_host(const uint8_t *data, size_t size) {
    static struct foreign_process process;
    static bool is_made;
    CK_FUNCTION_LIST *functions = remote_functions();
    CK_SLOT_ID slots[FOREIGN_SLOTS_MAX];
    CK_ULONG count = 0;
    int ends[2];
    if (!is_made) {
        check(foreign_process_init(&process, "host", "module", "module", 60000) == 0 &&
              remote_add(&process) == 0);
        is_made = true;
    }
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    check(write(ends[1], data, size) == (ssize_t)size);
    shutdown(ends[1], SHUT_WR);
    process.socket = ends[0];
    process.pid = 4242;
    process.generation = 1;
    process.failures = 0;
    if (remote_slots(&process, slots, &count) == CKR_OK) {
        check(count <= FOREIGN_SLOTS_MAX);
        for (CK_ULONG i = 0; i < count && i < 2; i++) {
            CK_SLOT_INFO slot;
            CK_TOKEN_INFO token;
            CK_MECHANISM_TYPE types[FOREIGN_MECHANISMS_MAX];
            CK_MECHANISM_INFO info;
            CK_ULONG type_count = FOREIGN_MECHANISMS_MAX;
            CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
            functions->C_GetSlotInfo(slots[i], &slot);
            functions->C_GetTokenInfo(slots[i], &token);
            if (functions->C_GetMechanismList(slots[i], types, &type_count) == CKR_OK) {
                check(type_count <= FOREIGN_MECHANISMS_MAX);
                for (CK_ULONG k = 0; k < type_count && k < 2; k++) {
                    functions->C_GetMechanismInfo(slots[i], types[k], &info);
                }
            }
            if (functions->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &session) ==
                CKR_OK) {
                use_session(functions, session);
            }
        }
    }
    /* the process was put down, or it has done all that was asked */
    if (process.socket >= 0) {
        close(process.socket);
        process.socket = -1;
    }
    close(ends[1]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    if (data[0] % 4 == 0) {
        broken_host(data + 1, size - 1);
    } else {
        broken_agent(data + 1, size - 1, data[0] % 4 != 1);
    }
    return 0;
}
