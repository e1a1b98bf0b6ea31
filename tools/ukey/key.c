/* The key while it is provisioned: opening, initialising, PIN tries. */
#include "tools/ukey/key.h"

#include "tools/ukey/key_call.h"
#include "tools/ukey/text.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

bool key_call(CK_RV rv, const char *what) {
    char text[32];
    if (rv == CKR_OK)
        return true;
    snprintf(text, sizeof text, "CKR 0x%08lX", rv);
    text_complain(TEXT_CRYPTOKI, what, text, NULL);
    return false;
}

/* dlsym() gives an object pointer; POSIX says that it is a function's all the same. */
static void find_symbol(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
}

static bool module_load(struct key *key, const char *module) {
    CK_RV (*get_list)(CK_FUNCTION_LIST_PTR_PTR) = NULL;
    CK_RV (*get_interface)(CK_UTF8CHAR_PTR, CK_VERSION_PTR, CK_INTERFACE_PTR_PTR, CK_FLAGS) = NULL;
    CK_UTF8CHAR vendor[] = "OpenUKey";
    CK_INTERFACE *interface = NULL;
    key->library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    if (key->library == NULL) {
        text_complain(TEXT_MODULE_LOAD, dlerror(), NULL, NULL);
        return false;
    }
    find_symbol(key->library, "C_GetFunctionList", &get_list);
    find_symbol(key->library, "C_GetInterface", &get_interface);
    if (get_list == NULL || get_interface == NULL || get_list(&key->functions) != CKR_OK ||
        get_interface(vendor, NULL, &interface, 0) != CKR_OK || interface == NULL) {
        text_complain(TEXT_NOT_A_MODULE, module, NULL, NULL);
        return false;
    }
    key->vendor = interface->pFunctionList;
    return true;
}

bool key_open(struct key *key, const char *module, const char *socket_folder) {
    CK_SLOT_ID slots[2];
    CK_ULONG count = 2;
    CK_OPENUKEY_DEVICE_INFO device;
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    *key = (struct key){0};
    if (!module_load(key, module) ||
        !key_call(key->vendor->SetOption("socket-dir", socket_folder), "socket-dir") ||
        !key_call(key->vendor->SetOption("pcsc", "off"), "pcsc") ||
        !key_call(key->vendor->SetOption("usb", "off"), "usb") ||
        !key_call(key->vendor->SetOption("sm2-objects", "vendor"), "sm2-objects") ||
        !key_call(key->functions->C_Initialize(&arguments), "C_Initialize"))
        return false;
    key->is_initialized = true;
    if (key->functions->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK || count != 1) {
        text_complain(TEXT_NO_KEY, module, NULL, NULL);
        return false;
    }
    key->slot = slots[0];
    if (!key_call(key->vendor->GetDeviceInfo(key->slot, &device), "GetDeviceInfo"))
        return false;
    snprintf(key->serial, sizeof key->serial, "%s", device.serial);
    return true;
}

void key_close(struct key *key) {
    if (key->is_initialized)
        key->functions->C_Finalize(NULL);
    /* the library stays loaded: the process is about to end, and others' exit handlers may point
     * into it */
    *key = (struct key){0};
}

static CK_RV login(struct key *key, CK_USER_TYPE user, const char *pin) {
    CK_UTF8CHAR bytes[32];
    size_t len = strnlen(pin, sizeof bytes);
    memcpy(bytes, pin, len);
    return key->functions->C_Login(key->session, user, bytes, len);
}

bool key_initialize(struct key *key, const char *label, const char *admin_pin,
                    const char *user_pin) {
    CK_UTF8CHAR padded[32];
    CK_UTF8CHAR admin[32];
    CK_UTF8CHAR user[32];
    size_t admin_len = strnlen(admin_pin, sizeof admin);
    size_t user_len = strnlen(user_pin, sizeof user);
    memset(padded, ' ', sizeof padded);
    memcpy(padded, label, strnlen(label, sizeof padded));
    memcpy(admin, admin_pin, admin_len);
    memcpy(user, user_pin, user_len);
    CK_FUNCTION_LIST *f = key->functions;
    return key_call(f->C_InitToken(key->slot, admin, admin_len, padded), "C_InitToken") &&
           key_call(f->C_OpenSession(key->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                     &key->session),
                    "C_OpenSession") &&
           key_call(login(key, CKU_SO, admin_pin), "C_Login") &&
           key_call(f->C_InitPIN(key->session, user, user_len), "C_InitPIN") &&
           key_call(f->C_Logout(key->session), "C_Logout") &&
           key_call(login(key, CKU_USER, user_pin), "C_Login");
}

bool key_set_unlock_key(struct key *key, const unsigned char *unlock_key, size_t len) {
    static const CK_BYTE order[] = {'t', 'r', 'i', 'e', 'd'};
    CK_OPENUKEY_UNLOCK_CHALLENGE challenge;
    return key_call(key->vendor->SetUnlockKey(key->slot, unlock_key, len), "SetUnlockKey") &&
           key_call(key->vendor->UnlockBegin(key->slot, order, sizeof order, &challenge),
                    "UnlockBegin");
}

/* Ends whoever's login, if there is one. */
static bool logout(struct key *key) {
    CK_RV rv = key->functions->C_Logout(key->session);
    return rv == CKR_USER_NOT_LOGGED_IN || key_call(rv, "C_Logout");
}

bool key_demand_change(struct key *key, const char *admin_pin, const char *user_pin) {
    CK_OPENUKEY_DEVICE_INFO device;
    CK_UTF8CHAR user[32];
    size_t len = strnlen(user_pin, sizeof user);
    memcpy(user, user_pin, len);
    return logout(key) && key_call(login(key, CKU_SO, admin_pin), "C_Login") &&
           key_call(key->vendor->InitPIN(key->session, user, len, CK_TRUE), "InitPIN") &&
           logout(key) &&
           key_call(key->vendor->GetDeviceInfo(key->slot, &device), "GetDeviceInfo") &&
           key_call(device.flags & CKF_OPENUKEY_USER_PIN_MUST_CHANGE ? CKR_OK : CKR_GENERAL_ERROR,
                    "mustChange");
}

bool key_use_up_tries(struct key *key, const char *user_pin, int tries_left) {
    char wrong[17];
    CK_OPENUKEY_DEVICE_INFO device;
    snprintf(wrong, sizeof wrong, "%s", user_pin);
    wrong[0] = wrong[0] == '0' ? '1' : '0';
    if (!logout(key))
        return false;
    for (;;) {
        if (!key_call(key->vendor->GetDeviceInfo(key->slot, &device), "GetDeviceInfo"))
            return false;
        if (device.userTries <= (CK_ULONG)tries_left)
            return device.userTries == (CK_ULONG)tries_left ||
                   key_call(CKR_PIN_LOCKED, "triesLeft");
        CK_RV rv = login(key, CKU_USER, wrong);
        if (rv != CKR_PIN_INCORRECT && rv != CKR_PIN_LOCKED)
            return key_call(rv != CKR_OK ? rv : CKR_GENERAL_ERROR, "C_Login");
    }
}
