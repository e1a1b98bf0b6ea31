/* Programs that use a PKCS#11 module in ways that break modules: each subcommand is one, and says what went wrong.
 *
 *   strange-host MODULE PIN late-finalize   C_Finalize from the last exit handler, after OpenSSL's; OpenSSL set up in its own way
 *   strange-host MODULE PIN fork            child and grandchild use the module anew, the parent goes on
 *   strange-host MODULE PIN unload          dlclose with a session open and a thread inside C_WaitForSlotEvent
 *   strange-host MODULE PIN finalize        C_Finalize while threads sign and wait
 *   strange-host MODULE PIN reset           signs again and again, a line of standard input each time */
#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIN_MAX = 16, SIGNERS = 4 };

static const char *module_path;
static CK_UTF8CHAR pin[PIN_MAX];
static CK_ULONG pin_len;
static CK_FUNCTION_LIST *p11;
static CK_SLOT_ID slot;

static void die(const char *what, unsigned long rv) {
    fprintf(stderr, "%s: 0x%lX\n", what, rv);
    fflush(stderr);
    _exit(1);
}

static void want(const char *what, CK_RV rv, CK_RV expected) {
    if (rv != expected) {
        die(what, rv);
    }
}

static void *load(void) {
    CK_RV (*get_list)(CK_FUNCTION_LIST_PTR_PTR);
    void *library = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library != NULL ? dlsym(library, "C_GetFunctionList") : NULL;
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        _exit(1);
    }
    memcpy(&get_list, &symbol, sizeof(get_list));
    want("C_GetFunctionList", get_list(&p11), CKR_OK);
    return library;
}

static CK_SESSION_HANDLE open_session(bool login) {
    CK_SESSION_HANDLE session;
    want("C_OpenSession", p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session),
         CKR_OK);
    if (login) {
        want("C_Login", p11->C_Login(session, CKU_USER, pin, pin_len), CKR_OK);
    }
    return session;
}

static CK_SESSION_HANDLE start(void) {
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_ULONG count = 1;
    want("C_Initialize", p11->C_Initialize(&args), CKR_OK);
    want("C_GetSlotList", p11->C_GetSlotList(CK_TRUE, &slot, &count), CKR_OK);
    if (count != 1) {
        die("C_GetSlotList: keys", count);
    }
    return open_session(true);
}

static CK_RV sign(CK_SESSION_HANDLE session) {
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = CKK_RSA;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_KEY_TYPE, &type, sizeof(type)}};
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_ULONG found = 0, len = 256;
    CK_BYTE data[] = "data", signature[256];
    CK_RV rv = p11->C_FindObjectsInit(session, template, 2);
    if (rv == CKR_OK) {
        rv = p11->C_FindObjects(session, &key, 1, &found);
        p11->C_FindObjectsFinal(session);
    }
    if (rv == CKR_OK && found != 1) {
        return CKR_KEY_HANDLE_INVALID;
    }
    if (rv == CKR_OK) {
        rv = p11->C_SignInit(session, &mechanism, key);
    }
    return rv != CKR_OK ? rv : p11->C_Sign(session, data, sizeof(data), signature, &len);
}

/* ---- late-finalize ---- */

static CK_SESSION_HANDLE last_session;

static void finalize_at_the_very_end(void) {
    CK_RV rv = p11->C_CloseAllSessions(slot);
    want("late C_CloseAllSessions", rv, CKR_OK);
    want("late C_Finalize", p11->C_Finalize(NULL), CKR_OK);
    (void)!write(STDOUT_FILENO, "finalized\n", 10);
}

static int late_finalize(void) {
    /* handlers run in the opposite order: ours is the last, OpenSSL's comes with its first use */
    if (atexit(finalize_at_the_very_end) != 0) {
        return 1;
    }
    /* this host's OpenSSL can do nothing at all by default: a module that relied on it would fail */
    if (OSSL_PROVIDER_load(NULL, "null") == NULL) {
        die("the null provider", ERR_get_error());
    }
    EVP_MD *digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (digest != NULL) {
        die("the host has SHA-256", 0);
    }
    ERR_clear_error();
    ERR_raise_data(ERR_LIB_USER, 77, "the host's own error");
    unsigned long before = ERR_peek_last_error();
    load();
    last_session = start();
    want("sign", sign(last_session), CKR_OK);
    CK_MECHANISM bad = {CKM_VENDOR_DEFINED, NULL, 0};
    if (p11->C_SignInit(last_session, &bad, 1) == CKR_OK) {
        die("a mechanism that is none", 0);
    }
    if (ERR_peek_last_error() != before || ERR_peek_error() != before) {
        die("the host's error queue was touched", ERR_peek_last_error());
    }
    digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (digest != NULL || OSSL_PROVIDER_available(NULL, "default") == 1) {
        die("the host's OpenSSL has got a provider", 0);
    }
    return 0; /* with a session open and a user logged in */
}

/* ---- fork ---- */

/* A child and its child start anew; this process goes on with its session. */
static void fork_and_go_on(CK_SESSION_HANDLE session, int generations) {
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        CK_INFO info;
        want("C_GetInfo in a child", p11->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
        want("C_Finalize in a child", p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
        CK_SESSION_HANDLE own = start();
        want("sign in a child", sign(own), CKR_OK);
        if (generations > 1) {
            fork_and_go_on(own, generations - 1);
        }
        want("C_Finalize", p11->C_Finalize(NULL), CKR_OK);
        exit(0); /* with the handlers that the parent has */
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        die("child", (unsigned long)status);
    }
    want("sign after the child", sign(session), CKR_OK);
}

static int forks(void) {
    load();
    CK_SESSION_HANDLE session = start();
    want("sign", sign(session), CKR_OK);
    for (int i = 0; i < 2; i++) {
        fork_and_go_on(session, 2);
    }
    want("C_Finalize", p11->C_Finalize(NULL), CKR_OK);
    return 0;
}

/* ---- unload, finalize ---- */

static CK_RV waiter_rv;

static void *waiter(void *unused) {
    CK_SLOT_ID changed;
    (void)unused;
    waiter_rv = p11->C_WaitForSlotEvent(0, &changed, NULL);
    return NULL;
}

static void *signer(void *unused) {
    CK_RV rv = CKR_OK;
    CK_SESSION_HANDLE session;
    (void)unused;
    rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    while (rv == CKR_OK) {
        rv = sign(session);
    }
    return (void *)(uintptr_t)rv;
}

static int unload(void) {
    pthread_t thread;
    void *library = load();
    start();
    if (pthread_create(&thread, NULL, waiter, NULL) != 0) {
        return 1;
    }
    dlclose(library);
    dlclose(load()); /* once more: what is open stays so */
    CK_INFO info;
    want("C_GetInfo", p11->C_GetInfo(&info), CKR_OK);
    want("C_Finalize", p11->C_Finalize(NULL), CKR_OK);
    pthread_join(thread, NULL);
    want("C_WaitForSlotEvent", waiter_rv, CKR_CRYPTOKI_NOT_INITIALIZED);
    library = load();
    want("sign", sign(start()), CKR_OK);
    dlclose(library); /* and ends like that */
    return 0;
}

static int finalize_under_way(void) {
    load();
    for (int round = 0; round < 10; round++) {
        pthread_t wait_thread, threads[SIGNERS];
        CK_SESSION_HANDLE session = start();
        want("sign", sign(session), CKR_OK);
        if (pthread_create(&wait_thread, NULL, waiter, NULL) != 0) {
            return 1;
        }
        for (int i = 0; i < SIGNERS; i++) {
            if (pthread_create(&threads[i], NULL, signer, NULL) != 0) {
                return 1;
            }
        }
        want("sign", sign(session), CKR_OK);
        want("C_Finalize", p11->C_Finalize(NULL), CKR_OK);
        pthread_join(wait_thread, NULL);
        /* it may not have begun to wait yet */
        want("C_WaitForSlotEvent", waiter_rv, CKR_CRYPTOKI_NOT_INITIALIZED);
        for (int i = 0; i < SIGNERS; i++) {
            void *rv;
            pthread_join(threads[i], &rv);
            want("a signer", (CK_RV)(uintptr_t)rv, CKR_CRYPTOKI_NOT_INITIALIZED);
        }
    }
    return 0;
}

static int signs_on_demand(void) {
    char line[16];
    load();
    CK_SESSION_HANDLE session = start();
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        CK_SESSION_INFO info = {0};
        CK_RV rv = sign(session);
        p11->C_GetSessionInfo(session, &info);
        printf("0x%lX %lu\n", rv, info.state);
        fflush(stdout);
    }
    p11->C_Finalize(NULL);
    return 0;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(void);
    } hosts[] = {{"late-finalize", late_finalize},
                 {"fork", forks},
                 {"unload", unload},
                 {"finalize", finalize_under_way},
                 {"reset", signs_on_demand}};
    if (argc != 4 || strlen(argv[2]) > PIN_MAX) {
        return 2;
    }
    module_path = argv[1];
    pin_len = strlen(argv[2]);
    memcpy(pin, argv[2], pin_len);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (strcmp(hosts[i].name, argv[3]) == 0) {
            return hosts[i].run();
        }
    }
    return 2;
}
