/* ukey-module-host: loads one PKCS#11 module of another maker and does for the agent what it is asked on its standard input, a socket.
 * Whatever that module does to this process, the agent goes on. */
#include <dlfcn.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <pkcs11.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/foreign/calls.h"
#include "agent/foreign/wire.h"

enum { EXIT_USAGE = 2, PATH_LONGEST = 4096, FINALIZE_PATIENCE_S = 2 };

/* The module, and its handles by the small numbers that the agent knows them by (they may be pointers of this process). */
struct host {
    CK_FUNCTION_LIST *functions;
    size_t slot_count;
    CK_SLOT_ID slots[FOREIGN_SLOTS_MAX];
    CK_SESSION_HANDLE sessions[FOREIGN_SESSIONS_MAX]; /* CK_INVALID_HANDLE: free */
};

/* One answer: `out` is given to the agent when the CK_RV is CKR_OK. */
struct answer {
    struct wire *in, *out;
};

/* ---- handles ---- */

static bool slot_of(const struct host *host, uint64_t number, CK_SLOT_ID *slot) {
    if (number >= host->slot_count)
        return false;
    *slot = host->slots[number];
    return true;
}

/* The number of a slot, given now if it is new; -1: there are too many. */
static int number_slot(struct host *host, CK_SLOT_ID slot) {
    for (size_t i = 0; i < host->slot_count; i++) {
        if (host->slots[i] == slot)
            return (int)i;
    }
    if (host->slot_count == FOREIGN_SLOTS_MAX)
        return -1;
    host->slots[host->slot_count] = slot;
    return (int)host->slot_count++;
}

/* Session numbers start at 1. */
static bool take_session(struct host *host, struct wire *in, CK_SESSION_HANDLE *session) {
    uint64_t number = wire_take_number(in);
    if (number == 0 || number > FOREIGN_SESSIONS_MAX)
        return false;
    *session = host->sessions[number - 1];
    return *session != CK_INVALID_HANDLE;
}

/* ---- the calls; each reads its arguments, calls, and writes what came of it ---- */

static CK_RV initialize(struct host *host, const struct answer *answer) {
    CK_RV (*get_function_list)(CK_FUNCTION_LIST_PTR_PTR) = NULL;
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    char path[PATH_LONGEST];
    size_t len = 0;
    const unsigned char *bytes = wire_take_bytes(answer->in, sizeof path - 1, &len);
    if (!wire_is_whole(answer->in) || host->functions)
        return CKR_ARGUMENTS_BAD;
    memcpy(path, bytes, len);
    path[len] = '\0';
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "ukey-module-host: %s\n", dlerror());
        return CKR_GENERAL_ERROR;
    }
    /* dlsym() gives an object pointer; POSIX says that it is a function's all the same */
    void *symbol = dlsym(library, "C_GetFunctionList");
    memcpy(&get_function_list, &symbol, sizeof symbol);
    if (!get_function_list || get_function_list(&host->functions) != CKR_OK || !host->functions) {
        fprintf(stderr, "ukey-module-host: %s is not a PKCS#11 module\n", path);
        host->functions = NULL;
        return CKR_GENERAL_ERROR;
    }
    return host->functions->C_Initialize(&arguments);
}

static CK_RV get_slots(struct host *host, const struct answer *answer) {
    CK_SLOT_ID slots[FOREIGN_SLOTS_MAX];
    CK_ULONG count = 0;
    /* the first call lets the module notice readers that came and went (PKCS#11 3.1 5.5.1) */
    CK_RV rv = host->functions->C_GetSlotList(CK_FALSE, NULL, &count);
    count = FOREIGN_SLOTS_MAX;
    if (rv == CKR_OK)
        rv = host->functions->C_GetSlotList(CK_TRUE, slots, &count);
    if (rv != CKR_OK)
        return rv;
    if (count > FOREIGN_SLOTS_MAX)
        return CKR_GENERAL_ERROR;
    wire_put_number(answer->out, count);
    for (CK_ULONG i = 0; i < count; i++) {
        int number = number_slot(host, slots[i]);
        if (number < 0)
            return CKR_HOST_MEMORY;
        wire_put_number(answer->out, (uint64_t)number);
    }
    return CKR_OK;
}

static CK_RV get_slot_info(struct host *host, const struct answer *answer) {
    CK_SLOT_INFO info = {0};
    CK_SLOT_ID slot;
    if (!slot_of(host, wire_take_number(answer->in), &slot))
        return CKR_SLOT_ID_INVALID;
    CK_RV rv = host->functions->C_GetSlotInfo(slot, &info);
    wire_put_bytes(answer->out, &info, sizeof info);
    return rv;
}

static CK_RV get_token_info(struct host *host, const struct answer *answer) {
    CK_TOKEN_INFO info = {0};
    CK_SLOT_ID slot;
    if (!slot_of(host, wire_take_number(answer->in), &slot))
        return CKR_SLOT_ID_INVALID;
    CK_RV rv = host->functions->C_GetTokenInfo(slot, &info);
    wire_put_bytes(answer->out, &info, sizeof info);
    return rv;
}

static CK_RV get_mechanisms(struct host *host, const struct answer *answer) {
    CK_MECHANISM_TYPE types[FOREIGN_MECHANISMS_MAX];
    CK_ULONG count = FOREIGN_MECHANISMS_MAX;
    CK_SLOT_ID slot;
    if (!slot_of(host, wire_take_number(answer->in), &slot))
        return CKR_SLOT_ID_INVALID;
    CK_RV rv = host->functions->C_GetMechanismList(slot, types, &count);
    if (rv == CKR_OK && count > FOREIGN_MECHANISMS_MAX)
        rv = CKR_GENERAL_ERROR;
    if (rv != CKR_OK)
        return rv;
    wire_put_number(answer->out, count);
    for (CK_ULONG i = 0; i < count; i++)
        wire_put_number(answer->out, types[i]);
    return CKR_OK;
}

static CK_RV get_mechanism_info(struct host *host, const struct answer *answer) {
    CK_MECHANISM_INFO info = {0};
    CK_SLOT_ID slot;
    if (!slot_of(host, wire_take_number(answer->in), &slot))
        return CKR_SLOT_ID_INVALID;
    CK_RV rv = host->functions->C_GetMechanismInfo(slot, wire_take_number(answer->in), &info);
    wire_put_bytes(answer->out, &info, sizeof info);
    return rv;
}

static CK_RV open_session(struct host *host, const struct answer *answer) {
    CK_SLOT_ID slot;
    size_t at = 0;
    if (!slot_of(host, wire_take_number(answer->in), &slot))
        return CKR_SLOT_ID_INVALID;
    CK_FLAGS flags = wire_take_number(answer->in);
    while (at < FOREIGN_SESSIONS_MAX && host->sessions[at] != CK_INVALID_HANDLE)
        at++;
    if (at == FOREIGN_SESSIONS_MAX)
        return CKR_SESSION_COUNT;
    CK_RV rv = host->functions->C_OpenSession(slot, flags, NULL, NULL, &host->sessions[at]);
    if (rv != CKR_OK)
        host->sessions[at] = CK_INVALID_HANDLE;
    wire_put_number(answer->out, at + 1);
    return rv;
}

static CK_RV close_session(struct host *host, const struct answer *answer) {
    size_t start = answer->in->at;
    CK_SESSION_HANDLE session;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    answer->in->at = start;
    host->sessions[wire_take_number(answer->in) - 1] = CK_INVALID_HANDLE;
    return host->functions->C_CloseSession(session);
}

static CK_RV get_session_info(struct host *host, const struct answer *answer) {
    CK_SESSION_INFO info = {0};
    CK_SESSION_HANDLE session;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    CK_RV rv = host->functions->C_GetSessionInfo(session, &info);
    wire_put_bytes(answer->out, &info, sizeof info);
    return rv;
}

static CK_RV login(struct host *host, const struct answer *answer) {
    CK_UTF8CHAR pin[FOREIGN_PIN_MAX];
    CK_SESSION_HANDLE session;
    size_t len = 0;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    CK_USER_TYPE user = wire_take_number(answer->in);
    const unsigned char *bytes = wire_take_bytes(answer->in, sizeof pin, &len);
    if (!bytes)
        return CKR_PIN_LEN_RANGE;
    memcpy(pin, bytes, len);
    CK_RV rv = host->functions->C_Login(session, user, pin, len);
    OPENSSL_cleanse(pin, sizeof pin);
    return rv;
}

static CK_RV logout(struct host *host, const struct answer *answer) {
    CK_SESSION_HANDLE session;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    return host->functions->C_Logout(session);
}

static CK_RV set_pin(struct host *host, const struct answer *answer) {
    CK_UTF8CHAR old_pin[FOREIGN_PIN_MAX], new_pin[FOREIGN_PIN_MAX];
    CK_SESSION_HANDLE session;
    size_t old_len = 0, new_len = 0;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    const unsigned char *old_bytes = wire_take_bytes(answer->in, sizeof old_pin, &old_len);
    const unsigned char *new_bytes = wire_take_bytes(answer->in, sizeof new_pin, &new_len);
    if (!old_bytes || !new_bytes)
        return CKR_PIN_LEN_RANGE;
    memcpy(old_pin, old_bytes, old_len);
    memcpy(new_pin, new_bytes, new_len);
    CK_RV rv = host->functions->C_SetPIN(session, old_pin, old_len, new_pin, new_len);
    OPENSSL_cleanse(old_pin, sizeof old_pin);
    OPENSSL_cleanse(new_pin, sizeof new_pin);
    return rv;
}

/* ---- objects ---- */

static CK_RV find_init(struct host *host, const struct answer *answer) {
    CK_ATTRIBUTE template[FOREIGN_ATTRIBUTES_MAX];
    unsigned char values[FOREIGN_ATTRIBUTES_MAX][FOREIGN_PARAMETER_MAX];
    CK_SESSION_HANDLE session;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    uint64_t count = wire_take_number(answer->in);
    if (count > FOREIGN_ATTRIBUTES_MAX)
        return CKR_ARGUMENTS_BAD;
    for (uint64_t i = 0; i < count; i++) {
        size_t len = 0;
        template[i].type = wire_take_number(answer->in);
        const unsigned char *bytes = wire_take_bytes(answer->in, sizeof values[i], &len);
        if (!bytes)
            return CKR_ARGUMENTS_BAD;
        /* a copy, so that it lies where a CK_ULONG may lie */
        memcpy(values[i], bytes, len);
        template[i].pValue = values[i];
        template[i].ulValueLen = len;
    }
    return host->functions->C_FindObjectsInit(session, template, count);
}

static CK_RV find(struct host *host, const struct answer *answer) {
    CK_OBJECT_HANDLE objects[FOREIGN_OBJECTS_MAX];
    CK_SESSION_HANDLE session;
    CK_ULONG found = 0;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    uint64_t max = wire_take_number(answer->in);
    if (max > FOREIGN_OBJECTS_MAX)
        max = FOREIGN_OBJECTS_MAX;
    CK_RV rv = host->functions->C_FindObjects(session, objects, max, &found);
    if (rv == CKR_OK && found > max)
        rv = CKR_GENERAL_ERROR;
    if (rv != CKR_OK)
        return rv;
    wire_put_number(answer->out, found);
    for (CK_ULONG i = 0; i < found; i++)
        wire_put_number(answer->out, objects[i]);
    return CKR_OK;
}

static CK_RV find_final(struct host *host, const struct answer *answer) {
    CK_SESSION_HANDLE session;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    return host->functions->C_FindObjectsFinal(session);
}

/* Write what became of the attributes. False: the module claims to have written more than there was room for. */
static bool put_attributes(struct wire *out, const CK_ATTRIBUTE *attributes, const uint64_t *rooms,
                           uint64_t count) {
    wire_put_number(out, count);
    for (uint64_t i = 0; i < count; i++) {
        bool is_there = attributes[i].ulValueLen != CK_UNAVAILABLE_INFORMATION;
        if (attributes[i].pValue && is_there && attributes[i].ulValueLen > rooms[i])
            return false;
        wire_put_number(out, attributes[i].ulValueLen);
        if (attributes[i].pValue && is_there)
            wire_put_bytes(out, attributes[i].pValue, attributes[i].ulValueLen);
        else
            wire_put_bytes(out, NULL, 0);
    }
    return true;
}

static CK_RV get_attributes(struct host *host, const struct answer *answer) {
    CK_ATTRIBUTE attributes[FOREIGN_ATTRIBUTES_MAX] = {{0}};
    uint64_t rooms[FOREIGN_ATTRIBUTES_MAX] = {0};
    CK_SESSION_HANDLE session;
    CK_RV rv = CKR_ARGUMENTS_BAD;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    CK_OBJECT_HANDLE object = wire_take_number(answer->in);
    uint64_t count = wire_take_number(answer->in), taken = 0;
    if (count > FOREIGN_ATTRIBUTES_MAX)
        return CKR_ARGUMENTS_BAD;
    for (; taken < count; taken++) {
        attributes[taken].type = wire_take_number(answer->in);
        bool has_room = wire_take_number(answer->in) != 0;
        rooms[taken] = wire_take_number(answer->in);
        if (!has_room)
            continue;
        /* the whole answer has to fit into one message */
        if (rooms[taken] > WIRE_MAX / 2)
            goto out;
        attributes[taken].pValue = calloc(1, rooms[taken] ? rooms[taken] : 1);
        attributes[taken].ulValueLen = rooms[taken];
        rv = CKR_HOST_MEMORY;
        if (!attributes[taken].pValue)
            goto out;
    }
    rv = host->functions->C_GetAttributeValue(session, object, attributes, count);
    if (!put_attributes(answer->out, attributes, rooms, count)) {
        wire_reset(answer->out);
        rv = CKR_GENERAL_ERROR;
    }
out:
    for (uint64_t i = 0; i < FOREIGN_ATTRIBUTES_MAX; i++)
        free(attributes[i].pValue);
    return rv;
}

/* ---- signing and decrypting ---- */

typedef CK_RV operation_init(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV operation(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);

static CK_RV begin_operation(struct host *host, const struct answer *answer, operation_init *init) {
    CK_SESSION_HANDLE session;
    CK_MECHANISM mechanism = {0};
    /* a parameter is a struct of CK_ULONGs */
    CK_ULONG parameter[FOREIGN_PARAMETER_MAX / sizeof(CK_ULONG)];
    size_t len = 0;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    mechanism.mechanism = wire_take_number(answer->in);
    const unsigned char *bytes = wire_take_bytes(answer->in, sizeof parameter, &len);
    CK_OBJECT_HANDLE key = wire_take_number(answer->in);
    if (!wire_is_whole(answer->in))
        return CKR_ARGUMENTS_BAD;
    if (len > 0) {
        memcpy(parameter, bytes, len);
        mechanism.pParameter = parameter;
        mechanism.ulParameterLen = len;
    }
    return init(session, &mechanism, key);
}

static CK_RV do_operation(struct host *host, const struct answer *answer, operation *call) {
    CK_SESSION_HANDLE session;
    size_t len = 0;
    if (!take_session(host, answer->in, &session))
        return CKR_SESSION_HANDLE_INVALID;
    const unsigned char *bytes = wire_take_bytes(answer->in, WIRE_MAX, &len);
    bool has_room = wire_take_number(answer->in) != 0;
    CK_ULONG room = wire_take_number(answer->in);
    if (!wire_is_whole(answer->in) || room > WIRE_MAX / 2)
        return CKR_ARGUMENTS_BAD;
    unsigned char *result = has_room ? calloc(1, room ? room : 1) : NULL;
    if (has_room && !result)
        return CKR_HOST_MEMORY;
    CK_ULONG result_len = room;
    CK_RV rv = call(session, (CK_BYTE *)(uintptr_t)bytes, len, result, &result_len);
    if (rv == CKR_OK && has_room && result_len > room)
        rv = CKR_GENERAL_ERROR;
    wire_put_number(answer->out, result_len);
    wire_put_bytes(answer->out, result, has_room && rv == CKR_OK ? result_len : 0);
    if (result)
        OPENSSL_cleanse(result, room);
    free(result);
    return rv;
}

static CK_RV sign_init(struct host *host, const struct answer *answer) {
    return begin_operation(host, answer, host->functions->C_SignInit);
}

static CK_RV sign(struct host *host, const struct answer *answer) {
    return do_operation(host, answer, host->functions->C_Sign);
}

static CK_RV decrypt_init(struct host *host, const struct answer *answer) {
    return begin_operation(host, answer, host->functions->C_DecryptInit);
}

static CK_RV decrypt(struct host *host, const struct answer *answer) {
    return do_operation(host, answer, host->functions->C_Decrypt);
}

/* ---- serving ---- */

typedef CK_RV handler(struct host *host, const struct answer *answer);

static handler *const handlers[] = {
    [CALL_INITIALIZE] = initialize,
    [CALL_GET_SLOTS] = get_slots,
    [CALL_GET_SLOT_INFO] = get_slot_info,
    [CALL_GET_TOKEN_INFO] = get_token_info,
    [CALL_GET_MECHANISMS] = get_mechanisms,
    [CALL_GET_MECHANISM_INFO] = get_mechanism_info,
    [CALL_OPEN_SESSION] = open_session,
    [CALL_CLOSE_SESSION] = close_session,
    [CALL_GET_SESSION_INFO] = get_session_info,
    [CALL_LOGIN] = login,
    [CALL_LOGOUT] = logout,
    [CALL_SET_PIN] = set_pin,
    [CALL_FIND_INIT] = find_init,
    [CALL_FIND] = find,
    [CALL_FIND_FINAL] = find_final,
    [CALL_GET_ATTRIBUTES] = get_attributes,
    [CALL_SIGN_INIT] = sign_init,
    [CALL_SIGN] = sign,
    [CALL_DECRYPT_INIT] = decrypt_init,
    [CALL_DECRYPT] = decrypt,
};

/* Do what `in` asks; `out` is the answer. */
static void serve_one(struct host *host, struct wire *in, struct wire *result, struct wire *out) {
    const struct answer answer = {.in = in, .out = result};
    uint64_t call = wire_take_number(in);
    CK_RV rv = CKR_FUNCTION_NOT_SUPPORTED;
    wire_reset(result);
    wire_reset(out);
    if (call < sizeof handlers / sizeof *handlers && handlers[call] &&
        (host->functions || call == CALL_INITIALIZE))
        rv = handlers[call](host, &answer);
    if (result->failed)
        rv = CKR_HOST_MEMORY;
    wire_put_number(out, rv);
    wire_put_bytes(out, result->data, result->failed ? 0 : result->len);
}

static void serve(int socket) {
    struct host host = {0};
    struct wire in = {0}, result = {0}, out = {0};
    while (wire_receive(socket, &in, -1) == WIRE_OK) {
        serve_one(&host, &in, &result, &out);
        wire_reset(&in); /* a PIN does not stay until the next call */
        if (wire_send(socket, &out, -1) != WIRE_OK)
            break;
    }
    wire_free(&in);
    wire_free(&result);
    wire_free(&out);
    /* its logins end with it; a module that cannot end is ended */
    alarm(FINALIZE_PATIENCE_S);
    if (host.functions)
        host.functions->C_Finalize(NULL);
}

/* PINs pass through here, and code that nobody of us has seen runs here. */
static void harden(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#ifndef __SANITIZE_ADDRESS__ /* its leak check traces the process */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

static bool is_socket(int fd) {
    int type;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("ukey-module-host " OPENUKEY_VERSION);
        return EXIT_SUCCESS;
    }
    bool is_help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (is_help || argc != 1 || !is_socket(STDIN_FILENO)) {
        fputs("usage: ukey-module-host\n"
              "Started by ukey-agent, one for each PKCS#11 module of another maker; its standard "
              "input is a "
              "socket.\n",
              is_help ? stdout : stderr);
        return is_help ? EXIT_SUCCESS : EXIT_USAGE;
    }
    harden();
    serve(STDIN_FILENO);
    _exit(EXIT_SUCCESS); /* no destructors of the module's */
}
