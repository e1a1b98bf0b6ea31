/* The function lists and interfaces that programs get. */
#ifndef OPENUKEY_CRYPTOKI_INTERFACES_H
#define OPENUKEY_CRYPTOKI_INTERFACES_H

#include "pkcs11.h"

CK_RV interface_function_list(CK_FUNCTION_LIST_PTR_PTR out);
CK_RV interface_list(CK_INTERFACE_PTR list, CK_ULONG_PTR count);
CK_RV interface_get(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, CK_INTERFACE_PTR_PTR out,
                    CK_FLAGS flags);

/* The vendor interface's calls, in entry.c. */
CK_RV vendor_set_option(const char *name, const char *value);
CK_RV vendor_get_device_info(CK_SLOT_ID slotID, CK_OPENUKEY_DEVICE_INFO *pInfo);
CK_RV vendor_retire_key(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey);

#endif
