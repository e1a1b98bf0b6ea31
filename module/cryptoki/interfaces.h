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
CK_RV vendor_init_pin(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen,
                      CK_BBOOL mustChange);
CK_RV vendor_unlock_begin(CK_SLOT_ID slotID, const CK_BYTE *pOrder, CK_ULONG ulOrderLen,
                          CK_OPENUKEY_UNLOCK_CHALLENGE *pChallenge);
CK_RV vendor_unlock_finish(CK_SLOT_ID slotID, const CK_OPENUKEY_UNLOCK_CHALLENGE *pChallenge,
                           const CK_BYTE *pResponse, CK_ULONG ulResponseLen,
                           CK_UTF8CHAR_PTR pNewPin, CK_ULONG ulNewLen, CK_BBOOL mustChange);
CK_RV vendor_set_unlock_key(CK_SLOT_ID slotID, const CK_BYTE *pKey, CK_ULONG ulKeyLen);
CK_RV vendor_retire_key(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey);

#endif
