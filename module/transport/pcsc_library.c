/* Loads libpcsclite by its soname and finds what we use of it. */
#include "module/transport/pcsc_library.h"

#include <dlfcn.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct pcsc_library library;
static bool library_is_loaded;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void load(void) {
    void *handle = dlopen("libpcsclite.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return;
    }
    const struct {
        const char *name;
        void *slot;
    } wanted[] = {
        {"SCardEstablishContext", &library.establish_context},
        {"SCardReleaseContext", &library.release_context},
        {"SCardCancel", &library.cancel},
        {"SCardListReaders", &library.list_readers},
        {"SCardGetStatusChange", &library.get_status_change},
        {"SCardConnect", &library.connect},
        {"SCardReconnect", &library.reconnect},
        {"SCardStatus", &library.status},
        {"SCardDisconnect", &library.disconnect},
        {"SCardBeginTransaction", &library.begin_transaction},
        {"SCardEndTransaction", &library.end_transaction},
        {"SCardTransmit", &library.transmit},
        {"g_rgSCardT0Pci", &library.pci_t0},
        {"g_rgSCardT1Pci", &library.pci_t1},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        void *symbol = dlsym(handle, wanted[i].name);
        if (symbol == NULL) {
            dlclose(handle);
            return;
        }
        memcpy(wanted[i].slot, &symbol, sizeof(symbol));
    }
    library_is_loaded = true;
}

const struct pcsc_library *pcsc_library_get(void) {
    pthread_once(&library_once, load);
    return library_is_loaded ? &library : NULL;
}

char *pcsc_reader_names(const struct pcsc_library *pcsc, SCARDCONTEXT context,
                        const char *pattern) {
    DWORD size = 0;
    if (pcsc->list_readers(context, NULL, NULL, &size) != SCARD_S_SUCCESS || size < 2) {
        return NULL;
    }
    char *all = calloc(1, size + 2);
    char *matching = calloc(1, size + 2);
    if (all == NULL || matching == NULL ||
        pcsc->list_readers(context, NULL, all, &size) != SCARD_S_SUCCESS) {
        free(all);
        free(matching);
        return NULL;
    }
    char *to = matching;
    for (const char *name = all; *name != '\0'; name += strlen(name) + 1) {
        if (fnmatch(pattern, name, 0) == 0) {
            size_t len = strlen(name) + 1;
            memcpy(to, name, len);
            to += len;
        }
    }
    free(all);
    if (*matching == '\0') {
        free(matching);
        return NULL;
    }
    return matching;
}
