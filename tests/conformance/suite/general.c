/* 5.4: C_Initialize to C_GetInterface; 5.20: parallel function management. */
#include "tests/conformance/suite/suite.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

CHECK(initialize_null) {
    OK(p11.C_Initialize(NULL));
    OK(p11.C_Finalize(NULL));
}
CHECK(initialize_twice) {
    OK(p11.C_Initialize(NULL));
    EXPECT(CKR_CRYPTOKI_ALREADY_INITIALIZED, p11.C_Initialize(NULL));
}
CHECK(initialize_reserved) {
    CK_C_INITIALIZE_ARGS arguments = {NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK, NULL};
    arguments.pReserved = &arguments;
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_Initialize(&arguments));
}

static CK_RV mutex_create(CK_VOID_PTR_PTR mutex) {
    static int one;
    *mutex = &one;
    return CKR_OK;
}
static CK_RV mutex_any(CK_VOID_PTR mutex) {
    (void)mutex;
    return CKR_OK;
}
CHECK(initialize_some_mutexes) {
    CK_C_INITIALIZE_ARGS arguments = {mutex_create, mutex_any, NULL, NULL, 0, NULL};
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_Initialize(&arguments));
    arguments =
        (CK_C_INITIALIZE_ARGS){mutex_create, mutex_any, NULL, mutex_any, CKF_OS_LOCKING_OK, NULL};
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_Initialize(&arguments));
}
CHECK(initialize_mutexes_or_system) {
    CK_C_INITIALIZE_ARGS arguments = {mutex_create, mutex_any,         mutex_any,
                                      mutex_any,    CKF_OS_LOCKING_OK, NULL};
    OK(p11.C_Initialize(&arguments));
}
CHECK(initialize_mutexes_only) {
    CK_C_INITIALIZE_ARGS arguments = {mutex_create, mutex_any, mutex_any, mutex_any, 0, NULL};
    ONE_OF(p11.C_Initialize(&arguments), CKR_OK, CKR_CANT_LOCK);
}
CHECK(initialize_single_thread) {
    CK_C_INITIALIZE_ARGS arguments = {NULL, NULL, NULL, NULL, 0, NULL};
    OK(p11.C_Initialize(&arguments));
}
CHECK(initialize_no_threads) {
    CK_C_INITIALIZE_ARGS arguments = {NULL, NULL, NULL, NULL, CKF_LIBRARY_CANT_CREATE_OS_THREADS,
                                      NULL};
    ONE_OF(p11.C_Initialize(&arguments), CKR_OK, CKR_NEED_TO_CREATE_THREADS);
}
CHECK(initialize_again) {
    for (int i = 0; i < 3; i++) {
        OK(p11.C_Initialize(NULL));
        OK(p11.C_Finalize(NULL));
    }
    read_only();
}
CHECK(initialize_fork) {
    OK(p11.C_Initialize(NULL));
    pid_t child = fork();
    if (child == 0) {
        CK_RV rv = p11.C_Initialize(NULL);
        CK_ULONG count;
        _exit(rv == CKR_OK && p11.C_GetSlotList(CK_FALSE, NULL, &count) == CKR_OK ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    HOLDS(status == 0, "a forked child initialises its own Cryptoki");
}

CHECK(finalize_uninitialized) {
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11.C_Finalize(NULL));
}
CHECK(finalize_reserved) {
    int something = 0;
    OK(p11.C_Initialize(NULL));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_Finalize(&something));
}
CHECK(finalize_ends) {
    CK_INFO info;
    CK_ULONG count;
    CK_SLOT_ID slot = the_slot();
    OK(p11.C_Finalize(NULL));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11.C_GetInfo(&info));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11.C_GetSlotList(CK_FALSE, NULL, &count));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11.C_CloseAllSessions(slot));
}
CHECK(finalize_sessions) {
    CK_SESSION_HANDLE session = user_session();
    OK(p11.C_Finalize(NULL));
    initialize();
    CK_SESSION_INFO info;
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_GetSessionInfo(session, &info));
    CK_SESSION_HANDLE next = read_write();
    HOLDS(state_of(next) == CKS_RW_PUBLIC_SESSION, "after C_Finalize nobody is logged in");
}

#define UNINITIALIZED(call) EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, call)
CHECK(uninitialized_calls) {
    CK_INFO info;
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO token;
    CK_MECHANISM_INFO mechanism_info;
    CK_SESSION_INFO session_info;
    CK_ULONG n = 0;
    CK_SESSION_HANDLE s = 1;
    CK_OBJECT_HANDLE o = 1;
    CK_BYTE bytes[8] = {0};
    CK_UTF8CHAR label[32] = {0};
    CK_MECHANISM m = {CKM_SHA256, NULL, 0};
    UNINITIALIZED(p11.C_GetInfo(&info));
    UNINITIALIZED(p11.C_GetSlotList(CK_FALSE, NULL, &n));
    UNINITIALIZED(p11.C_GetSlotInfo(0, &slot_info));
    UNINITIALIZED(p11.C_GetTokenInfo(0, &token));
    UNINITIALIZED(p11.C_GetMechanismList(0, NULL, &n));
    UNINITIALIZED(p11.C_GetMechanismInfo(0, CKM_SHA256, &mechanism_info));
    UNINITIALIZED(p11.C_InitToken(0, bytes, 8, label));
    UNINITIALIZED(p11.C_InitPIN(s, bytes, 8));
    UNINITIALIZED(p11.C_SetPIN(s, bytes, 8, bytes, 8));
    UNINITIALIZED(p11.C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s));
    UNINITIALIZED(p11.C_CloseSession(s));
    UNINITIALIZED(p11.C_CloseAllSessions(0));
    UNINITIALIZED(p11.C_GetSessionInfo(s, &session_info));
    UNINITIALIZED(p11.C_Login(s, CKU_USER, bytes, 8));
    UNINITIALIZED(p11.C_Logout(s));
    UNINITIALIZED(p11.C_CreateObject(s, NULL, 0, &o));
    UNINITIALIZED(p11.C_DestroyObject(s, o));
    UNINITIALIZED(p11.C_GetAttributeValue(s, o, NULL, 0));
    UNINITIALIZED(p11.C_SetAttributeValue(s, o, NULL, 0));
    UNINITIALIZED(p11.C_FindObjectsInit(s, NULL, 0));
    UNINITIALIZED(p11.C_FindObjects(s, &o, 1, &n));
    UNINITIALIZED(p11.C_FindObjectsFinal(s));
    UNINITIALIZED(p11.C_EncryptInit(s, &m, o));
    UNINITIALIZED(p11.C_DecryptInit(s, &m, o));
    UNINITIALIZED(p11.C_DigestInit(s, &m));
    UNINITIALIZED(p11.C_SignInit(s, &m, o));
    UNINITIALIZED(p11.C_VerifyInit(s, &m, o));
    UNINITIALIZED(p11.C_GenerateRandom(s, bytes, 8));
    UNINITIALIZED(p11.C_WaitForSlotEvent(CKF_DONT_BLOCK, &n, NULL));
}

CHECK(info_version) {
    CK_INFO info;
    initialize();
    OK(p11.C_GetInfo(&info));
    HOLDS(info.cryptokiVersion.major >= 2, "cryptokiVersion is that of a standard");
    HOLDS(info.flags == 0, "flags is 0");
}
static bool is_padded(const CK_UTF8CHAR *text, size_t size) {
    return memchr(text, '\0', size) == NULL;
}
CHECK(info_padding) {
    CK_INFO info;
    memset(&info, 0, sizeof(info));
    initialize();
    OK(p11.C_GetInfo(&info));
    HOLDS(is_padded(info.manufacturerID, 32) && is_padded(info.libraryDescription, 32),
          "texts are padded with spaces and hold no NUL");
}
CHECK(info_null) {
    initialize();
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_GetInfo(NULL));
}

CHECK(list_before) {
    CK_C_GetFunctionList get = NULL;
    CK_FUNCTION_LIST *list = NULL;
    *(void **)&get = dlsym(p11_library, "C_GetFunctionList");
    OK(get(&list));
    HOLDS(list != NULL && list->version.major >= 2, "the list carries its version");
}
CHECK(list_null) {
    CK_C_GetFunctionList get = NULL;
    *(void **)&get = dlsym(p11_library, "C_GetFunctionList");
    EXPECT(CKR_ARGUMENTS_BAD, get(NULL));
}
CHECK(list_full) {
    CK_FUNCTION_LIST *list = NULL;
    OK(p11.C_GetFunctionList(&list));
#define THERE(name, args) HOLDS(list->name != NULL, #name " is in the list");
    CK_FUNCTIONS_2_40(THERE)
#undef THERE
}
CHECK(list_version_2) {
    CK_FUNCTION_LIST *list = NULL;
    OK(p11.C_GetFunctionList(&list));
    HOLDS(list->version.major == 2, "C_GetFunctionList gives the 2.x list");
}

CHECK(interface_count) {
    CK_C_GetInterfaceList get = NULL;
    CK_INTERFACE all[16];
    CK_ULONG count = 0;
    *(void **)&get = dlsym(p11_library, "C_GetInterfaceList");
    if (get == NULL) {
        rule_not_applicable("the module has no C_GetInterfaceList");
        return;
    }
    OK(get(NULL, &count));
    HOLDS(count > 0 && count <= 16, "there is an interface");
    CK_ULONG room = count - 1;
    if (room > 0) {
        EXPECT(CKR_BUFFER_TOO_SMALL, get(all, &room));
        HOLDS(room == count, "CKR_BUFFER_TOO_SMALL tells how many there are");
    }
    room = 16;
    OK(get(all, &room));
    HOLDS(room == count, "both ways of asking give the same count");
    for (CK_ULONG i = 0; i < count; i++) {
        HOLDS(all[i].pInterfaceName != NULL && all[i].pFunctionList != NULL,
              "each interface has a name and a list");
    }
    EXPECT(CKR_ARGUMENTS_BAD, get(all, NULL));
}
CHECK(interface_default) {
    NEED(C_GetInterface);
    CK_INTERFACE *interface = NULL;
    OK(p11.C_GetInterface(NULL, NULL, &interface, 0));
    HOLDS(strcmp((char *)interface->pInterfaceName, "PKCS 11") == 0,
          "the default interface is \"PKCS 11\"");
}
CHECK(interface_version) {
    NEED(C_GetInterface);
    CK_UTF8CHAR name[] = "PKCS 11";
    CK_VERSION versions[] = {{2, 40}, {3, 0}, {3, 2}};
    unsigned found = 0;
    for (size_t i = 0; i < COUNT(versions); i++) {
        CK_INTERFACE *interface = NULL;
        if (p11.C_GetInterface(name, &versions[i], &interface, 0) == CKR_OK) {
            CK_VERSION *version = interface->pFunctionList;
            HOLDS(version->major == versions[i].major && version->minor == versions[i].minor,
                  "the list has the version that was asked for");
            found++;
        }
    }
    HOLDS(found > 0, "one version of \"PKCS 11\" is there");
}
CHECK(interface_unknown) {
    NEED(C_GetInterface);
    CK_UTF8CHAR name[] = "no such interface", good[] = "PKCS 11";
    CK_VERSION version = {99, 9};
    CK_INTERFACE *interface = NULL;
    ANY_ERROR(p11.C_GetInterface(name, NULL, &interface, 0));
    ANY_ERROR(p11.C_GetInterface(good, &version, &interface, 0));
}
CHECK(interface_flags) {
    NEED(C_GetInterface);
    CK_UTF8CHAR good[] = "PKCS 11";
    CK_INTERFACE *interface = NULL;
    CK_RV rv = p11.C_GetInterface(good, NULL, &interface, CKF_INTERFACE_FORK_SAFE);
    HOLDS(rv != CKR_OK || (interface->flags & CKF_INTERFACE_FORK_SAFE) != 0,
          "an interface that is given has all flags that were asked for");
}
CHECK(interface_null) {
    NEED(C_GetInterface);
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_GetInterface(NULL, NULL, NULL, 0));
}

CHECK(parallel_status) {
    EXPECT(CKR_FUNCTION_NOT_PARALLEL, p11.C_GetFunctionStatus(read_only()));
}
CHECK(parallel_cancel) {
    EXPECT(CKR_FUNCTION_NOT_PARALLEL, p11.C_CancelFunction(read_only()));
}

/* clang-format off */
static const struct rule table[] = {
    {"5.1.1", "all functions", "before C_Initialize every function answers CKR_CRYPTOKI_NOT_INITIALIZED", uninitialized_calls, NULL},
    {"5.4.1", "C_Initialize", "takes NULL arguments", initialize_null, NULL},
    {"5.4.1", "C_Initialize", "a second call answers CKR_CRYPTOKI_ALREADY_INITIALIZED", initialize_twice, NULL},
    {"5.4.1", "C_Initialize", "pReserved that is not NULL is CKR_ARGUMENTS_BAD", initialize_reserved, NULL},
    {"5.4.1", "C_Initialize", "some mutex functions without the others are CKR_ARGUMENTS_BAD", initialize_some_mutexes, NULL},
    {"5.4.1", "C_Initialize", "mutex functions and CKF_OS_LOCKING_OK: either may be used", initialize_mutexes_or_system, NULL},
    {"5.4.1", "C_Initialize", "mutex functions alone are used, or CKR_CANT_LOCK", initialize_mutexes_only, NULL},
    {"5.4.1", "C_Initialize", "arguments without locking say that one thread calls: taken", initialize_single_thread, NULL},
    {"5.4.1", "C_Initialize", "CKF_LIBRARY_CANT_CREATE_OS_THREADS is kept, or CKR_NEED_TO_CREATE_THREADS", initialize_no_threads, NULL},
    {"5.4.1", "C_Initialize", "works again after C_Finalize, any number of times", initialize_again, NULL},
    {"5.4.1", "C_Initialize", "a forked child that calls it can use Cryptoki", initialize_fork, NULL},
    {"5.4.2", "C_Finalize", "without C_Initialize answers CKR_CRYPTOKI_NOT_INITIALIZED", finalize_uninitialized, NULL},
    {"5.4.2", "C_Finalize", "pReserved that is not NULL is CKR_ARGUMENTS_BAD", finalize_reserved, NULL},
    {"5.4.2", "C_Finalize", "afterwards Cryptoki is not initialised", finalize_ends, NULL},
    {"5.4.2", "C_Finalize", "ends sessions and logins", finalize_sessions, NULL},
    {"5.4.3", "C_GetInfo", "tells the version of the interface; flags is 0", info_version, NULL},
    {"5.4.3", "C_GetInfo", "texts are padded with spaces, without NUL", info_padding, NULL},
    {"5.4.3", "C_GetInfo", "NULL is CKR_ARGUMENTS_BAD", info_null, NULL},
    {"5.4.4", "C_GetFunctionList", "may be called before C_Initialize", list_before, NULL},
    {"5.4.4", "C_GetFunctionList", "NULL is CKR_ARGUMENTS_BAD", list_null, NULL},
    {"5.4.4", "C_GetFunctionList", "every function has an entry, also what is not supported", list_full, NULL},
    {"5.4.4", "C_GetFunctionList", "gives a list of version 2", list_version_2, NULL},
    {"5.4.5", "C_GetInterfaceList", "counts, fills, and tells CKR_BUFFER_TOO_SMALL with the count; before C_Initialize too", interface_count, NULL},
    {"5.4.6", "C_GetInterface", "without name gives the default interface", interface_default, NULL},
    {"5.4.6", "C_GetInterface", "gives the version that was asked for", interface_version, NULL},
    {"5.4.6", "C_GetInterface", "unknown names and versions fail", interface_unknown, NULL},
    {"5.4.6", "C_GetInterface", "gives an interface only with the flags that were asked for", interface_flags, NULL},
    {"5.4.6", "C_GetInterface", "NULL for the answer is CKR_ARGUMENTS_BAD", interface_null, NULL},
    {"5.20.1", "C_GetFunctionStatus", "answers CKR_FUNCTION_NOT_PARALLEL", parallel_status, NULL},
    {"5.20.2", "C_CancelFunction", "answers CKR_FUNCTION_NOT_PARALLEL", parallel_cancel, NULL},
};
/* clang-format on */
RULE_LIST(general_rules, table);
