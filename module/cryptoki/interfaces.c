/* Function lists 2.40, 3.0, 3.2 and the vendor interface. */
#include "module/cryptoki/interfaces.h"

#include "module/cryptoki/module.h"
#include "module/cryptoki/spy.h"

#include <stdbool.h>
#include <string.h>

#define ENTRY(name, args) .name = name,

static CK_FUNCTION_LIST list_2_40 = {.version = {2, 40}, CK_FUNCTIONS_2_40(ENTRY)};
static CK_FUNCTION_LIST_3_0 list_3_0 = {.version = {3, 0},
                                        CK_FUNCTIONS_2_40(ENTRY) CK_FUNCTIONS_3_0(ENTRY)};
static CK_FUNCTION_LIST_3_2 list_3_2 = {
    .version = {3, 2}, CK_FUNCTIONS_2_40(ENTRY) CK_FUNCTIONS_3_0(ENTRY) CK_FUNCTIONS_3_2(ENTRY)};
static CK_OPENUKEY_FUNCTIONS list_vendor = {
    .version = {1, 1},
    .SetOption = vendor_set_option,
    .GetDeviceInfo = vendor_get_device_info,
    .RetireKey = vendor_retire_key,
    .InitPIN = vendor_init_pin,
    .UnlockBegin = vendor_unlock_begin,
    .UnlockFinish = vendor_unlock_finish,
    .SetUnlockKey = vendor_set_unlock_key,
};

static CK_UTF8CHAR standard_name[] = "PKCS 11";
static CK_UTF8CHAR vendor_name[] = "OpenUKey";

/* The newest first: what a program gets that names no version. */
static CK_INTERFACE interfaces[] = {
    {standard_name, &list_3_2, CKF_INTERFACE_FORK_SAFE},
    {standard_name, &list_3_0, CKF_INTERFACE_FORK_SAFE},
    {standard_name, &list_2_40, CKF_INTERFACE_FORK_SAFE},
    {vendor_name, &list_vendor, CKF_INTERFACE_FORK_SAFE},
};
enum { INTERFACES = sizeof(interfaces) / sizeof(interfaces[0]) };

/* The same with every call spied upon. */
static CK_INTERFACE spied[] = {
    {standard_name, &spy_list_3_2, CKF_INTERFACE_FORK_SAFE},
    {standard_name, &spy_list_3_0, CKF_INTERFACE_FORK_SAFE},
    {standard_name, &spy_list_2_40, CKF_INTERFACE_FORK_SAFE},
    {vendor_name, &list_vendor, CKF_INTERFACE_FORK_SAFE},
};
_Static_assert(sizeof(spied) == sizeof(interfaces), "the same interfaces in the same order");

static CK_INTERFACE *all_interfaces(void) {
    return spy_is_wanted() ? spied : interfaces;
}

CK_RV interface_function_list(CK_FUNCTION_LIST_PTR_PTR out) {
    if (out == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *out = spy_is_wanted() ? &spy_list_2_40 : &list_2_40;
    return CKR_OK;
}

CK_RV interface_list(CK_INTERFACE_PTR list, CK_ULONG_PTR count) {
    if (count == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_ULONG room = *count;
    *count = INTERFACES;
    if (list == NULL) {
        return CKR_OK;
    }
    if (room < INTERFACES) {
        return CKR_BUFFER_TOO_SMALL;
    }
    memcpy(list, all_interfaces(), sizeof(interfaces));
    return CKR_OK;
}

CK_RV interface_get(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, CK_INTERFACE_PTR_PTR out,
                    CK_FLAGS flags) {
    if (out == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_INTERFACE *all = all_interfaces();
    for (size_t i = 0; i < INTERFACES; i++) {
        const CK_VERSION *has = all[i].pFunctionList;
        bool name_fits = strcmp((const char *)(name != NULL ? name : standard_name),
                                (const char *)all[i].pInterfaceName) == 0;
        bool version_fits =
            version == NULL || (version->major == has->major && version->minor == has->minor);
        if (name_fits && version_fits && (flags & ~all[i].flags) == 0) {
            if (all[i].pInterfaceName == vendor_name) {
                module_note_vendor_client();
            }
            *out = &all[i];
            return CKR_OK;
        }
    }
    return CKR_FUNCTION_FAILED;
}
