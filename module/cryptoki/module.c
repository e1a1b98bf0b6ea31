/* Initialisation, finalisation, fork; counting the calls inside. */
#include "module/cryptoki/module.h"

#include "module/cryptoki/host.h"
#include "module/cryptoki/slots.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* An option set before C_Initialize. */
struct option {
    struct option *next;
    char *name, *value;
};

static pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t state_changed = PTHREAD_COND_INITIALIZER;
static struct module *current;
static struct module
    *inherited; /* the parent's, in a forked child: never touched, only kept reachable */
static unsigned calls_inside;
static bool finalizing;
static struct option *options;
static atomic_bool vendor_client;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void before_fork(void) {
    pthread_mutex_lock(&state_lock);
}

static void after_fork_in_parent(void) {
    pthread_mutex_unlock(&state_lock);
}

/* The child has none of the parent's threads, and shares its connections: it starts as if never initialised
 * (PKCS#11 3.2, 5.4 C_Initialize). */
static void after_fork_in_child(void) {
    if (current != NULL) {
        current->ancestor = inherited;
        inherited = current;
    }
    current = NULL;
    calls_inside = 0;
    finalizing = false;
    pthread_mutex_init(&state_lock, NULL);
    pthread_cond_init(&state_changed, NULL);
}

static void watch_forks(void) {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void module_free(struct module *module) {
    sessions_and_slots_free(module);
    for (size_t i = 0; i < module->transport_count; i++) {
        module->transports[i]->ops->close(module->transports[i]);
    }
    host_context_free(module->libctx);
    if (module->cancel_fd >= 0) {
        close(module->cancel_fd);
    }
    pthread_mutex_destroy(&module->listing);
    pthread_mutex_destroy(&module->registry);
    free(module);
}

static enum transport_error open_transports(struct module *module) {
    enum transport_error err = TRANSPORT_OK;
    const struct config *config = &module->config;
    if (config->has_sockets) {
        err = sim_transport_open(config->socket_dir, &module->transports[module->transport_count]);
        module->transport_count += err == TRANSPORT_OK;
    }
    if (err == TRANSPORT_OK && config->has_pcsc) {
        err = pcsc_transport_open(config->pcsc_readers, module->may_use_threads,
                                  &module->transports[module->transport_count]);
        module->transport_count += err == TRANSPORT_OK;
    }
    if (err == TRANSPORT_OK && config->usb != USB_OFF && module->may_use_threads) {
        err = usb_transport_open(config->usb_readers, config->usb == USB_AUTO,
                                 &module->transports[module->transport_count]);
        module->transport_count += err == TRANSPORT_OK;
    }
    return err;
}

static CK_RV check_arguments(const CK_C_INITIALIZE_ARGS *args, bool *may_use_threads) {
    *may_use_threads = true;
    if (args == NULL) {
        return CKR_OK;
    }
    bool any = args->CreateMutex != NULL || args->DestroyMutex != NULL || args->LockMutex != NULL ||
               args->UnlockMutex != NULL;
    bool all = args->CreateMutex != NULL && args->DestroyMutex != NULL && args->LockMutex != NULL &&
               args->UnlockMutex != NULL;
    if (args->pReserved != NULL || any != all) {
        return CKR_ARGUMENTS_BAD;
    }
    /* the program's own mutexes are not needed: those of the system are the same to every real program */
    *may_use_threads = (args->flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS) == 0;
    return CKR_OK;
}

static struct module *module_new(bool may_use_threads) {
    struct module *module = calloc(1, sizeof(*module));
    if (module == NULL) {
        return NULL;
    }
    module->may_use_threads = may_use_threads;
    module->next_session = 1;
    pthread_mutex_init(&module->listing, NULL);
    pthread_mutex_init(&module->registry, NULL);
    config_load(&module->config);
    for (const struct option *option = options; option != NULL; option = option->next) {
        config_set(&module->config, option->name, option->value);
    }
    log_set_level(module->config.log);
    log_set_file(module->config.log_file);
    module->sm2_objects = module->config.sm2_objects;
    if (module->sm2_objects == SM2_AUTO) {
        module->sm2_objects = vendor_client ? SM2_VENDOR : SM2_HIDDEN;
    }
    module->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    module->libctx = host_context_new();
    if (module->cancel_fd < 0 || module->libctx == NULL ||
        open_transports(module) != TRANSPORT_OK || slots_refresh(module) != CKR_OK) {
        module_free(module);
        return NULL;
    }
    slots_note_all(module);
    return module;
}

CK_RV module_initialize(CK_VOID_PTR arguments) {
    bool may_use_threads;
    CK_RV rv = check_arguments(arguments, &may_use_threads);
    if (rv != CKR_OK) {
        return rv;
    }
    pthread_once(&fork_once, watch_forks);
    pthread_mutex_lock(&state_lock);
    if (current != NULL) {
        rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
    } else {
        current = module_new(may_use_threads);
        rv = current != NULL ? CKR_OK : CKR_HOST_MEMORY;
    }
    pthread_mutex_unlock(&state_lock);
    return rv;
}

CK_RV module_finalize(CK_VOID_PTR reserved) {
    if (reserved != NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    pthread_mutex_lock(&state_lock);
    if (current == NULL || finalizing) {
        pthread_mutex_unlock(&state_lock);
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    finalizing = true;
    const uint64_t one = 1;
    (void)!write(current->cancel_fd, &one, sizeof(one));
    while (calls_inside > 0) {
        pthread_cond_wait(&state_changed, &state_lock);
    }
    struct module *module = current;
    current = NULL;
    finalizing = false;
    pthread_mutex_unlock(&state_lock);
    module_free(module);
    return CKR_OK;
}

struct module *module_enter(void) {
    struct module *module = NULL;
    pthread_mutex_lock(&state_lock);
    if (current != NULL && !finalizing) {
        module = current;
        calls_inside++;
    }
    pthread_mutex_unlock(&state_lock);
    return module;
}

void module_leave(void) {
    pthread_mutex_lock(&state_lock);
    if (--calls_inside == 0 && finalizing) {
        pthread_cond_broadcast(&state_changed);
    }
    pthread_mutex_unlock(&state_lock);
}

bool module_is_finalizing(void) {
    pthread_mutex_lock(&state_lock);
    bool answer = finalizing;
    pthread_mutex_unlock(&state_lock);
    return answer;
}

static void option_free(struct option *option) {
    free(option->name);
    free(option->value);
    free(option);
}

static struct option *option_new(const char *name, const char *value) {
    struct option *option = calloc(1, sizeof(*option));
    if (option == NULL) {
        return NULL;
    }
    option->name = strdup(name);
    option->value = strdup(value);
    if (option->name == NULL || option->value == NULL) {
        option_free(option);
        return NULL;
    }
    return option;
}

/* Options outlive C_Finalize: they go when the module is unloaded. */
__attribute__((destructor)) static void forget_options(void) {
    while (options != NULL) {
        struct option *next = options->next;
        option_free(options);
        options = next;
    }
}

CK_RV module_set_option(const char *name, const char *value) {
    struct config probe;
    config_defaults(&probe);
    if (name == NULL || value == NULL || !config_set(&probe, name, value)) {
        return CKR_ARGUMENTS_BAD;
    }
    struct option *option = option_new(name, value);
    if (option == NULL) {
        return CKR_HOST_MEMORY;
    }
    pthread_mutex_lock(&state_lock);
    CK_RV rv = current != NULL ? CKR_CRYPTOKI_ALREADY_INITIALIZED : CKR_OK;
    struct option **end = &options;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    if (rv == CKR_OK) {
        *end = option; /* a later one wins */
    }
    pthread_mutex_unlock(&state_lock);
    if (rv != CKR_OK) {
        option_free(option);
    }
    return rv;
}

void module_note_vendor_client(void) {
    vendor_client = true;
}

void pad_text(CK_UTF8CHAR *field, size_t size, const char *text) {
    size_t len = strlen(text);
    if (len > size) {
        len = size;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
            len--; /* not in the middle of a character */
        }
    }
    memset(field, ' ', size);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): padded, not terminated (PKCS#11) */
    memcpy(field, text, len);
}

CK_RV module_get_info(CK_INFO_PTR info) {
    if (info == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *info = (CK_INFO){.cryptokiVersion = {CRYPTOKI_VERSION_MAJOR, CRYPTOKI_VERSION_MINOR},
                      .libraryVersion = {0, 1}};
    pad_text(info->manufacturerID, sizeof(info->manufacturerID), "OpenUKey");
    pad_text(info->libraryDescription, sizeof(info->libraryDescription), "OpenUKey PKCS#11 module");
    return CKR_OK;
}
