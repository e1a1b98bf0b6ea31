/* p11-stress MODULE [--option NAME=VALUE]... [--pin PIN] [--threads N] [--operations N] [--seed N] [--read-only] [--verbose] LABEL...
 *
 * Threads share the tokens named. Prints {"ready":true}, a line of progress for each token now and then, and at the end
 * what was done. Ends with 1 when a result is wrong, an error may not be, a thread hangs, or descriptors are left open. */
#include "tests/conformance/suite/judge.h"
#include "tests/faults/sharing/stress.h"

#include <dirent.h>
#include <dlfcn.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HANG_SECONDS = 120, PROGRESS = 50, MAX_TOKENS = 4, MAX_OPTIONS = 8 };

CK_FUNCTION_LIST *p11;
const char *stress_pin = "123456";
bool stress_quiet;
static bool stress_talks; /* tells each forgiven error */

static struct stress_token tokens[MAX_TOKENS];
static size_t token_count;
static unsigned thread_count = 4;
static unsigned long operations = 500;
static atomic_ulong begun, succeeded[TASKS], forgiven[TASKS];
static atomic_bool over;

_Noreturn void wrong(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "p11-stress: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    _exit(1);
}

unsigned pick(struct worker *worker, unsigned below) {
    worker->seed = worker->seed * 1664525U + 1013904223U;
    return (worker->seed >> 8) % below;
}

static void rest(unsigned milliseconds) {
    struct timespec time = {0, (long)milliseconds * 1000000};
    nanosleep(&time, NULL);
}

/* ---- workers ---- */

static CK_UTF8CHAR *pin_bytes(void) {
    return (CK_UTF8CHAR *)(uintptr_t)stress_pin;
}

CK_RV worker_ready(struct worker *worker) {
    if (worker->session == CK_INVALID_HANDLE) {
        CK_RV rv = p11->C_OpenSession(worker->token->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                      NULL, NULL, &worker->session);
        if (rv != CKR_OK) {
            worker->session = CK_INVALID_HANDLE;
            return rv;
        }
    }
    CK_RV rv = p11->C_Login(worker->session, CKU_USER, pin_bytes(), strlen(stress_pin));
    return rv == CKR_USER_ALREADY_LOGGED_IN ? CKR_OK : rv;
}

bool worker_forgives(struct worker *worker, CK_RV rv) {
    static const CK_RV allowed[] = {CKR_DEVICE_REMOVED,         CKR_TOKEN_NOT_PRESENT,
                                    CKR_SESSION_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID,
                                    CKR_KEY_HANDLE_INVALID,     CKR_USER_NOT_LOGGED_IN,
                                    CKR_USER_ALREADY_LOGGED_IN, CKR_OPERATION_NOT_INITIALIZED};
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (rv == allowed[i]) {
            /* a session may have an operation under way: the next one begins in a session of its own */
            if (worker->session != CK_INVALID_HANDLE) {
                p11->C_CloseSession(worker->session);
                worker->session = CK_INVALID_HANDLE;
            }
            rest(rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_DEVICE_REMOVED ? 2 : 0);
            return true;
        }
    }
    return false;
}

static enum task next_task(struct worker *worker) {
    static const enum task often[] = {TASK_SIGN,   TASK_SIGN,     TASK_SIGN,   TASK_VERIFY,
                                      TASK_VERIFY, TASK_DECRYPT,  TASK_FIND,   TASK_DATA,
                                      TASK_SET,    TASK_SESSIONS, TASK_DIGEST, TASK_LOGIN};
    if (!stress_quiet && pick(worker, 40) == 0) {
        return TASK_GENERATE;
    }
    enum task task = often[pick(worker, sizeof(often) / sizeof(often[0]))];
    return stress_quiet && (task == TASK_DATA) ? TASK_SIGN : task;
}

static void *work(void *argument) {
    struct worker *worker = argument;
    while (atomic_fetch_add(&begun, 1) < operations) {
        enum task task = next_task(worker);
        CK_RV rv;
        while ((rv = do_task(worker, task)) == CKR_TOKEN_NOT_PRESENT) {
            worker_forgives(worker, rv); /* waiting for the token is no operation */
        }
        if (rv == CKR_OK) {
            atomic_fetch_add(&succeeded[task], 1);
        } else if (worker_forgives(worker, rv)) {
            atomic_fetch_add(&forgiven[task], 1);
            if (stress_talks) {
                fprintf(stderr, "%s: 0x%lX\n", task_names[task], rv);
            }
        } else {
            wrong("%s ends with 0x%lX", task_names[task], rv);
        }
        unsigned long done = atomic_fetch_add(&worker->token->done, 1) + 1;
        if (done % PROGRESS == 0) {
            printf("{\"token\":\"%s\",\"done\":%lu}\n", worker->token->label, done);
        }
    }
    if (worker->session != CK_INVALID_HANDLE) {
        p11->C_CloseSession(worker->session);
    }
    return NULL;
}

/* Ends the program when no operation has come to an end for long. */
static void *watch(void *nothing) {
    unsigned long last = 0;
    for (unsigned quiet = 0; quiet < HANG_SECONDS * 10 && !atomic_load(&over); quiet++) {
        unsigned long now = 0;
        for (size_t i = 0; i < token_count; i++) {
            now += atomic_load(&tokens[i].done);
        }
        quiet = now != last ? 0 : quiet;
        last = now;
        rest(100);
    }
    if (!atomic_load(&over)) {
        wrong("nothing has moved for %d s, after %lu operations", HANG_SECONDS, last);
    }
    return nothing;
}

/* ---- tokens ---- */

static void must(CK_RV rv, const char *what) {
    if (rv != CKR_OK) {
        wrong("%s: 0x%lX", what, rv);
    }
}

static bool has(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_BBOOL value = CK_FALSE;
    CK_ATTRIBUTE attribute = {type, &value, 1};
    return p11->C_GetAttributeValue(session, object, &attribute, 1) == CKR_OK && value == CK_TRUE;
}

void token_learn(struct stress_token *token) {
    CK_SESSION_HANDLE session;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_OBJECT_HANDLE found[STRESS_KEYS], public;
    CK_ULONG count = 0, one = 0;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_ID, NULL, 0}};
    must(p11->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL, &session),
         "C_OpenSession");
    must(p11->C_Login(session, CKU_USER, pin_bytes(), strlen(stress_pin)), "C_Login");
    must(p11->C_FindObjectsInit(session, template, 1), "C_FindObjectsInit");
    must(p11->C_FindObjects(session, found, STRESS_KEYS, &count), "C_FindObjects");
    must(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    for (CK_ULONG i = 0; i < count; i++) {
        struct known_key *key = &token->keys[token->key_count];
        char label[64] = "";
        CK_ATTRIBUTE read[] = {{CKA_KEY_TYPE, &key->type, sizeof(key->type)},
                               {CKA_ID, key->id, sizeof(key->id)},
                               {CKA_LABEL, label, sizeof(label) - 1}};
        if (p11->C_GetAttributeValue(session, found[i], read, 3) != CKR_OK ||
            strncmp(label, "stress-", 7) == 0) {
            continue; /* another program's, which comes and goes */
        }
        key->id_len = read[1].ulValueLen;
        key->signs = has(session, found[i], CKA_SIGN);
        key->decrypts = has(session, found[i], CKA_DECRYPT) && key->type != CKK_EC;
        class = CKO_PUBLIC_KEY;
        template[1] = (CK_ATTRIBUTE){CKA_ID, key->id, key->id_len};
        must(p11->C_FindObjectsInit(session, template, 2), "C_FindObjectsInit");
        must(p11->C_FindObjects(session, &public, 1, &one), "C_FindObjects");
        must(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
        key->public = one == 1 ? judge_key(p11, session, public) : NULL;
        if (key->public == NULL) {
            wrong("a private key has no public key that OpenSSL knows");
        }
        token->key_count++;
    }
    must(p11->C_CloseSession(session), "C_CloseSession");
    if (token->key_count == 0) {
        wrong("token %s has no keys", token->label);
    }
}

static void find_tokens(void) {
    CK_SLOT_ID slots[32];
    CK_ULONG count = 32;
    CK_TOKEN_INFO info;
    must(p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    for (size_t t = 0; t < token_count; t++) {
        char label[32];
        bool found = false;
        memset(label, ' ', sizeof(label));
        memcpy(label, tokens[t].label, strnlen(tokens[t].label, sizeof(label)));
        for (CK_ULONG i = 0; i < count && !found; i++) {
            found = p11->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
                    memcmp(info.label, label, sizeof(label)) == 0;
            tokens[t].slot = slots[i];
        }
        if (!found) {
            wrong("no token %s", tokens[t].label);
        }
        token_learn(&tokens[t]);
    }
}

static unsigned open_descriptors(void) {
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

/* ---- the run ---- */

static void set_option(void *library, const char *text) {
    CK_C_GetInterface get = NULL;
    CK_INTERFACE *interface = NULL;
    CK_UTF8CHAR vendor[] = "OpenUKey";
    char name[64];
    const char *equal = strchr(text, '=');
    *(void **)&get = dlsym(library, "C_GetInterface");
    if (get == NULL || equal == NULL || get(vendor, NULL, &interface, 0) != CKR_OK ||
        interface == NULL) {
        wrong("cannot set %s", text);
        return;
    }
    const CK_OPENUKEY_FUNCTIONS *functions = interface->pFunctionList;
    snprintf(name, sizeof(name), "%.*s", (int)(equal - text), text);
    must(functions->SetOption(name, equal + 1), text);
}

static void run_round(unsigned seed) {
    pthread_t threads[STRESS_THREADS], watchdog;
    struct worker workers[STRESS_THREADS];
    CK_C_INITIALIZE_ARGS arguments = {NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK, NULL};
    must(p11->C_Initialize(&arguments), "C_Initialize");
    find_tokens();
    printf("{\"ready\":true}\n");
    atomic_store(&over, false);
    pthread_create(&watchdog, NULL, watch, NULL);
    for (unsigned i = 0; i < thread_count; i++) {
        workers[i] = (struct worker){&tokens[i % token_count], i, seed * 977 + i * 131 + 7,
                                     CK_INVALID_HANDLE, 0};
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    for (unsigned i = 0; i < thread_count; i++) {
        pthread_join(threads[i], NULL);
    }
    atomic_store(&over, true);
    pthread_join(watchdog, NULL);
    must(p11->C_Finalize(NULL), "C_Finalize");
    for (size_t t = 0; t < token_count; t++) {
        for (size_t k = 0; k < tokens[t].key_count; k++) {
            EVP_PKEY_free(tokens[t].keys[k].public);
        }
        tokens[t].key_count = 0;
    }
}

static int usage(void) {
    fprintf(stderr, "usage: p11-stress MODULE [--option NAME=VALUE]... [--pin PIN] [--threads N]"
                    " [--operations N] [--seed N] [--read-only] [--verbose] LABEL...\n");
    return 2;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"option", required_argument, NULL, 'o'},  {"pin", required_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 't'}, {"operations", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},    {"verbose", no_argument, NULL, 'v'},
        {"read-only", no_argument, NULL, 'r'},     {NULL, 0, NULL, 0}};
    const char *settings[MAX_OPTIONS];
    size_t setting_count = 0;
    unsigned seed = 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'o' && setting_count < MAX_OPTIONS) {
            settings[setting_count++] = optarg;
        } else if (option == 'p') {
            stress_pin = optarg;
        } else if (option == 't') {
            thread_count = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'n') {
            operations = strtoul(optarg, NULL, 10);
        } else if (option == 's') {
            seed = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'r') {
            stress_quiet = true;
        } else if (option == 'v') {
            stress_talks = true;
        } else {
            return usage();
        }
    }
    if (argc - optind < 2 || argc - optind > 1 + MAX_TOKENS || thread_count == 0 ||
        thread_count > STRESS_THREADS) {
        return usage();
    }
    void *library = dlopen(argv[optind], RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = NULL;
    if (library != NULL) {
        *(void **)&get = dlsym(library, "C_GetFunctionList");
    }
    if (get == NULL || get(&p11) != CKR_OK) {
        wrong("%s is no module", argv[optind]);
    }
    for (int i = optind + 1; i < argc; i++) {
        tokens[token_count++].label = argv[i];
    }
    for (size_t i = 0; i < setting_count; i++) {
        set_option(library, settings[i]);
    }
    unsigned before = open_descriptors();
    run_round(seed);
    unsigned after = open_descriptors();
    if (after > before) {
        wrong("%u descriptors are open that were not before", after - before);
    }
    printf("{\"end\":true");
    for (int i = 0; i < TASKS; i++) {
        printf(",\"%s\":[%lu,%lu]", task_names[i], atomic_load(&succeeded[i]),
               atomic_load(&forgiven[i]));
    }
    printf("}\n");
    return 0;
}
