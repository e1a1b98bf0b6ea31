/* Loads libusb by its soname and finds what we use of it. */
#include "module/transport/usb_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static struct usb_library library;
static bool library_is_loaded;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void load(void) {
    void *handle = dlopen("libusb-1.0.so.0", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return;
    }
    const struct {
        const char *name;
        void *slot;
    } wanted[] = {
        {"libusb_init", &library.init},
        {"libusb_exit", &library.exit},
        {"libusb_get_device_list", &library.get_device_list},
        {"libusb_free_device_list", &library.free_device_list},
        {"libusb_get_bus_number", &library.get_bus_number},
        {"libusb_get_device_address", &library.get_device_address},
        {"libusb_get_active_config_descriptor", &library.get_active_config_descriptor},
        {"libusb_free_config_descriptor", &library.free_config_descriptor},
        {"libusb_open", &library.open},
        {"libusb_close", &library.close},
        {"libusb_claim_interface", &library.claim_interface},
        {"libusb_release_interface", &library.release_interface},
        {"libusb_clear_halt", &library.clear_halt},
        {"libusb_bulk_transfer", &library.bulk_transfer},
        {"libusb_interrupt_transfer", &library.interrupt_transfer},
        {"libusb_control_transfer", &library.control_transfer},
        {"libusb_error_name", &library.error_name},
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

const struct usb_library *usb_library_get(void) {
    pthread_once(&library_once, load);
    return library_is_loaded ? &library : NULL;
}
