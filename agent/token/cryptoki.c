/* Loading a PKCS#11 module and speaking with it in small, checked steps. */
#include "agent/token/cryptoki.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "agent/foreign/remote.h"
#include "agent/log.h"

const char *token_error_text(enum token_error error) {
    static const char *const texts[] = {
        [TOKEN_OK] = "ok",
        [TOKEN_REMOVED] = "key removed",
        [TOKEN_NOT_FOUND] = "no such object",
        [TOKEN_MISMATCH] = "objects do not belong together",
        [TOKEN_PIN_WRONG] = "wrong PIN",
        [TOKEN_PIN_LENGTH] = "PIN too short or too long",
        [TOKEN_PIN_LAST_TRY] = "last PIN try left alone",
        [TOKEN_PIN_LOCKED] = "PIN locked",
        [TOKEN_PIN_EXPIRED] = "PIN must be changed first",
        [TOKEN_PIN_UNSET] = "no PIN set",
        [TOKEN_LOGIN_NEEDED] = "not logged in",
        [TOKEN_BUSY] = "key held by a job",
        [TOKEN_FULL] = "key full",
        [TOKEN_UNSUPPORTED] = "not supported",
        [TOKEN_MEMORY] = "out of memory",
        [TOKEN_FAILED] = "key error",
    };
    return texts[error];
}

/* What the module answers, and what that means here. Anything else is TOKEN_FAILED. */
static const struct {
    CK_RV rv;
    enum token_error error;
} meanings[] = {
    {CKR_OK, TOKEN_OK},
    {CKR_TOKEN_NOT_PRESENT, TOKEN_REMOVED},
    {CKR_TOKEN_NOT_RECOGNIZED, TOKEN_REMOVED},
    {CKR_DEVICE_REMOVED, TOKEN_REMOVED},
    {CKR_SESSION_HANDLE_INVALID, TOKEN_REMOVED},
    {CKR_SESSION_CLOSED, TOKEN_REMOVED},
    {CKR_SLOT_ID_INVALID, TOKEN_REMOVED},
    {CKR_CRYPTOKI_NOT_INITIALIZED, TOKEN_REMOVED},
    {CKR_PIN_INCORRECT, TOKEN_PIN_WRONG},
    {CKR_PIN_INVALID, TOKEN_PIN_WRONG},
    {CKR_PIN_LEN_RANGE, TOKEN_PIN_LENGTH},
    {CKR_PIN_LOCKED, TOKEN_PIN_LOCKED},
    {CKR_PIN_EXPIRED, TOKEN_PIN_EXPIRED},
    {CKR_USER_PIN_NOT_INITIALIZED, TOKEN_PIN_UNSET},
    {CKR_USER_NOT_LOGGED_IN, TOKEN_LOGIN_NEEDED},
    {CKR_OBJECT_HANDLE_INVALID, TOKEN_NOT_FOUND},
    {CKR_ATTRIBUTE_TYPE_INVALID, TOKEN_NOT_FOUND},
    {CKR_TEMPLATE_INCONSISTENT, TOKEN_MISMATCH},
    {CKR_DEVICE_MEMORY, TOKEN_FULL},
    {CKR_FUNCTION_NOT_SUPPORTED, TOKEN_UNSUPPORTED},
    {CKR_MECHANISM_INVALID, TOKEN_UNSUPPORTED},
    {CKR_ACTION_PROHIBITED, TOKEN_UNSUPPORTED},
    {CKR_HOST_MEMORY, TOKEN_MEMORY},
};

enum token_error cryptoki_error(CK_RV rv, const char *what) {
    enum token_error error = TOKEN_FAILED;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].rv == rv)
            error = meanings[i].error;
    }
    if (error == TOKEN_FAILED || error == TOKEN_UNSUPPORTED || error == TOKEN_MISMATCH)
        log_warn("token", "%s: CKR 0x%lx", what, rv);
    return error;
}

void cryptoki_text(const CK_UTF8CHAR *field, size_t len, char *out, size_t size) {
    while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == '\0'))
        len--;
    if (len >= size)
        len = size - 1;
    memcpy(out, field, len);
    out[len] = '\0';
}

/* dlsym() gives an object pointer; POSIX says that it is a function's all the same. */
static void find_symbol(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
}

static void find_vendor(struct cryptoki *cryptoki) {
    CK_RV (*get_interface)(CK_UTF8CHAR_PTR, CK_VERSION_PTR, CK_INTERFACE_PTR_PTR, CK_FLAGS) = NULL;
    find_symbol(cryptoki->library, "C_GetInterface", &get_interface);
    CK_INTERFACE *interface = NULL;
    CK_UTF8CHAR name[] = "OpenUKey";
    if (get_interface && get_interface(name, NULL, &interface, 0) == CKR_OK && interface)
        cryptoki->vendor = interface->pFunctionList;
}

int cryptoki_load(struct cryptoki *cryptoki, const char *path,
                  const struct tokens_option *settings) {
    CK_RV (*get_function_list)(CK_FUNCTION_LIST_PTR_PTR) = NULL;
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    *cryptoki = (struct cryptoki){0};
    cryptoki->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!cryptoki->library) {
        log_error("token", "cannot load the PKCS#11 module: %s", dlerror());
        return -1;
    }
    find_symbol(cryptoki->library, "C_GetFunctionList", &get_function_list);
    if (!get_function_list || get_function_list(&cryptoki->functions) != CKR_OK) {
        log_error("token", "%s is not a PKCS#11 module", path);
        goto fail;
    }
    find_vendor(cryptoki);
    /* SM2 keys are wanted as what they are; a setting may still say otherwise */
    if (cryptoki->vendor)
        cryptoki->vendor->SetOption("sm2-objects", "vendor");
    for (; settings && settings->name; settings++) {
        if (!cryptoki->vendor) {
            log_error("token", "%s takes no moduleOptions", path);
            goto fail;
        }
        if (cryptoki->vendor->SetOption(settings->name, settings->value) != CKR_OK) {
            log_error("token", "moduleOptions: the module refuses %s = %s", settings->name,
                      settings->value);
            goto fail;
        }
    }
    CK_RV rv = cryptoki->functions->C_Initialize(&arguments);
    if (rv != CKR_OK) {
        log_error("token", "C_Initialize of %s: CKR 0x%lx", path, rv);
        goto fail;
    }
    return 0;
fail:
    cryptoki_unload(cryptoki);
    return -1;
}

int cryptoki_connect(struct cryptoki *cryptoki, struct foreign_process *process) {
    *cryptoki = (struct cryptoki){.functions = remote_functions(), .process = process};
    return remote_add(process);
}

CK_RV cryptoki_slots(const struct cryptoki *cryptoki, CK_SLOT_ID slots[TOKEN_MAX],
                     CK_ULONG *count) {
    _Static_assert((int)TOKEN_MAX == (int)FOREIGN_SLOTS_MAX, "both fill the same list");
    *count = 0;
    if (cryptoki->process)
        return remote_slots(cryptoki->process, slots, count);
    /* the first call lets the module notice readers that came and went (PKCS#11 3.1 5.5.1) */
    CK_RV rv = cryptoki->functions->C_GetSlotList(CK_FALSE, NULL, count);
    *count = rv == CKR_OK ? TOKEN_MAX : 0;
    return rv == CKR_OK ? cryptoki->functions->C_GetSlotList(CK_TRUE, slots, count) : rv;
}

void cryptoki_finalize(struct cryptoki *cryptoki) {
    if (cryptoki->process)
        foreign_process_end(cryptoki->process);
    else
        cryptoki->functions->C_Finalize(NULL);
}

void cryptoki_unload(struct cryptoki *cryptoki) {
    if (cryptoki->process)
        remote_remove(cryptoki->process);
    if (cryptoki->library)
        dlclose(cryptoki->library);
    *cryptoki = (struct cryptoki){0};
}

enum token_error cryptoki_find(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                               CK_ATTRIBUTE *template, CK_ULONG count,
                               CK_OBJECT_HANDLE objects[TOKEN_OBJECTS_MAX], size_t *found) {
    const CK_FUNCTION_LIST *f = cryptoki->functions;
    *found = 0;
    CK_RV rv = f->C_FindObjectsInit(session, template, count);
    while (rv == CKR_OK && *found < TOKEN_OBJECTS_MAX) {
        CK_ULONG got = 0;
        rv = f->C_FindObjects(session, objects + *found, TOKEN_OBJECTS_MAX - *found, &got);
        if (rv != CKR_OK || got == 0)
            break;
        *found += got;
    }
    CK_RV final = f->C_FindObjectsFinal(session);
    if (rv == CKR_OK)
        rv = final;
    return rv == CKR_OK ? TOKEN_OK : cryptoki_error(rv, "looking for objects");
}

enum token_error cryptoki_find_one(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                   CK_ATTRIBUTE *template, CK_ULONG count,
                                   CK_OBJECT_HANDLE *object) {
    CK_OBJECT_HANDLE objects[TOKEN_OBJECTS_MAX];
    size_t found = 0;
    enum token_error error = cryptoki_find(cryptoki, session, template, count, objects, &found);
    if (!error && found == 0)
        error = TOKEN_NOT_FOUND;
    *object = error ? CK_INVALID_HANDLE : objects[0];
    return error;
}

enum token_error cryptoki_read(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                               CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, size_t max,
                               struct octets *out) {
    CK_ATTRIBUTE attribute = {.type = type};
    *out = (struct octets){0};
    CK_RV rv = cryptoki->functions->C_GetAttributeValue(session, object, &attribute, 1);
    if (rv != CKR_OK)
        return cryptoki_error(rv, "reading an attribute");
    if (attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION)
        return TOKEN_NOT_FOUND;
    if (attribute.ulValueLen > max)
        return TOKEN_FAILED;
    if (attribute.ulValueLen == 0)
        return TOKEN_OK;
    attribute.pValue = malloc(attribute.ulValueLen);
    if (!attribute.pValue)
        return TOKEN_MEMORY;
    size_t size = attribute.ulValueLen;
    rv = cryptoki->functions->C_GetAttributeValue(session, object, &attribute, 1);
    if (rv != CKR_OK || attribute.ulValueLen > size) {
        free(attribute.pValue);
        return rv != CKR_OK ? cryptoki_error(rv, "reading an attribute") : TOKEN_FAILED;
    }
    out->data = attribute.pValue;
    out->len = attribute.ulValueLen;
    return TOKEN_OK;
}
