/* Every C_* call: what it needs, and the one function that does it. Read it as a table.
 *
 *   CALL          needs nothing
 *   MODULE_CALL   the module is initialised
 *   SLOT_CALL     ... and the slot exists; it is locked and settled meanwhile
 *   TOKEN_CALL    ... and there is a token in it
 *   SESSION_CALL  ... and the session is open; its slot is locked and settled meanwhile; and what NEED_* say
 *   ABSENT        not built: CKR_FUNCTION_NOT_SUPPORTED (CKR_CRYPTOKI_NOT_INITIALIZED before C_Initialize)
 *
 * Around every call: the program's OpenSSL error queue stays as it was, the token's transaction ends with the call. */
#include "module/cryptoki/interfaces.h"
#include "module/cryptoki/key_creation.h"
#include "module/cryptoki/objects.h"
#include "module/cryptoki/operation_state.h"
#include "module/cryptoki/pins.h"

#include <openssl/err.h>

#define EXPORT __attribute__((visibility("default")))

enum need { NEED_NOTHING = 0, NEED_RW = 1, NEED_SO = 2 };

struct call {
    struct module *module;
    struct slot *slot; /* locked */
    struct session *session;
};

static CK_RV call_begin(struct call *call) {
    *call = (struct call){.module = module_enter()};
    if (call->module == NULL) {
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    ERR_set_mark();
    return CKR_OK;
}

static CK_RV call_begin_slot(struct call *call, CK_SLOT_ID id) {
    CK_RV rv = call_begin(call);
    return rv == CKR_OK ? slot_lock(call->module, id, &call->slot) : rv;
}

static CK_RV call_begin_token(struct call *call, CK_SLOT_ID id) {
    struct token *token;
    CK_RV rv = call_begin_slot(call, id);
    return rv == CKR_OK ? slot_token(call->module, call->slot, &token) : rv;
}

static CK_RV call_begin_session(struct call *call, CK_SESSION_HANDLE handle, enum need needs) {
    CK_RV rv = call_begin(call);
    if (rv == CKR_OK) {
        rv = session_lock(call->module, handle, &call->session);
    }
    if (rv != CKR_OK) {
        return rv;
    }
    call->slot = call->session->slot;
    if ((needs & NEED_RW) != 0 && !call->session->is_read_write) {
        return CKR_SESSION_READ_ONLY;
    }
    if ((needs & NEED_SO) != 0 && session_token(call->session)->login != SECURITY_OFFICER) {
        return CKR_USER_NOT_LOGGED_IN;
    }
    return CKR_OK;
}

static CK_RV call_end(const struct call *call, const char *name, CK_RV rv) {
    if (rv != CKR_OK) {
        log_debug("%s: 0x%lX", name, rv);
    }
    if (call->slot != NULL) {
        slot_unlock(call->slot);
    }
    if (call->module != NULL) {
        ERR_pop_to_mark();
        module_leave();
    }
    return rv;
}

#define CALL(name, params, action)                                                                 \
    EXPORT CK_RV name params {                                                                     \
        return action;                                                                             \
    }
#define AROUND(name, params, begin, action)                                                        \
    EXPORT CK_RV name params {                                                                     \
        struct call call;                                                                          \
        CK_RV rv = begin;                                                                          \
        if (rv == CKR_OK) {                                                                        \
            rv = action;                                                                           \
        }                                                                                          \
        return call_end(&call, #name, rv);                                                         \
    }
#define MODULE_CALL(name, params, action) AROUND(name, params, call_begin(&call), action)
#define SLOT_CALL(name, params, action)   AROUND(name, params, call_begin_slot(&call, slotID), action)
#define TOKEN_CALL(name, params, action)                                                           \
    AROUND(name, params, call_begin_token(&call, slotID), action)
#define TEMPLATE(items, count) ((struct template){items, count})
#define SESSION_CALL(name, needs, params, action)                                                  \
    AROUND(name, params, call_begin_session(&call, hSession, needs), action)
#define ABSENT(name, params) AROUND(name, params, call_begin(&call), CKR_FUNCTION_NOT_SUPPORTED)

/* The parameters of the calls not built are unused, and those of the others are used in one expression each. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

/* clang-format off */

/* ---- general ---- */
CALL(C_Initialize, (CK_VOID_PTR pInitArgs), module_initialize(pInitArgs))
CALL(C_Finalize, (CK_VOID_PTR pReserved), module_finalize(pReserved))
CALL(C_GetFunctionList, (CK_FUNCTION_LIST_PTR_PTR ppFunctionList), interface_function_list(ppFunctionList))
CALL(C_GetInterfaceList, (CK_INTERFACE_PTR pInterfacesList, CK_ULONG_PTR pulCount), interface_list(pInterfacesList, pulCount))
CALL(C_GetInterface, (CK_UTF8CHAR_PTR pInterfaceName, CK_VERSION_PTR pVersion, CK_INTERFACE_PTR_PTR ppInterface, CK_FLAGS flags), interface_get(pInterfaceName, pVersion, ppInterface, flags))
MODULE_CALL(C_GetInfo, (CK_INFO_PTR pInfo), module_get_info(pInfo))

/* ---- slots and tokens ---- */
MODULE_CALL(C_GetSlotList, (CK_BBOOL tokenPresent, CK_SLOT_ID_PTR pSlotList, CK_ULONG_PTR pulCount), slot_list(call.module, tokenPresent, pSlotList, pulCount))
MODULE_CALL(C_GetSlotInfo, (CK_SLOT_ID slotID, CK_SLOT_INFO_PTR pInfo), slot_get_info(call.module, slotID, pInfo))
MODULE_CALL(C_WaitForSlotEvent, (CK_FLAGS flags, CK_SLOT_ID_PTR pSlot, CK_VOID_PTR pReserved), slot_wait_for_event(call.module, flags, pSlot, pReserved))
SLOT_CALL(C_GetTokenInfo, (CK_SLOT_ID slotID, CK_TOKEN_INFO_PTR pInfo), slot_get_token_info(call.module, call.slot, pInfo))
TOKEN_CALL(C_GetMechanismList, (CK_SLOT_ID slotID, CK_MECHANISM_TYPE_PTR pMechanismList, CK_ULONG_PTR pulCount), mechanism_list(call.slot->token, pMechanismList, pulCount))
TOKEN_CALL(C_GetMechanismInfo, (CK_SLOT_ID slotID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR pInfo), mechanism_info(call.slot->token, type, pInfo))
SLOT_CALL(C_InitToken, (CK_SLOT_ID slotID, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen, CK_UTF8CHAR_PTR pLabel), token_init(call.module, call.slot, pPin, ulPinLen, pLabel))
SLOT_CALL(C_OpenSession, (CK_SLOT_ID slotID, CK_FLAGS flags, CK_VOID_PTR pApplication, CK_NOTIFY Notify, CK_SESSION_HANDLE_PTR phSession), session_open(call.module, call.slot, flags, pApplication, Notify, phSession))
SLOT_CALL(C_CloseAllSessions, (CK_SLOT_ID slotID), sessions_close_all(call.module, call.slot))

/* ---- sessions and login ---- */
SESSION_CALL(C_CloseSession, NEED_NOTHING, (CK_SESSION_HANDLE hSession), session_close(call.session))
SESSION_CALL(C_GetSessionInfo, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_SESSION_INFO_PTR pInfo), session_get_info(call.session, pInfo))
SESSION_CALL(C_GetSessionValidationFlags, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_SESSION_VALIDATION_FLAGS_TYPE type, CK_FLAGS_PTR pFlags), session_get_validation_flags(type, pFlags))
SESSION_CALL(C_Login, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen), pin_login(call.session, userType, pPin, ulPinLen))
SESSION_CALL(C_LoginUser, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen, CK_UTF8CHAR_PTR pUsername, CK_ULONG ulUsernameLen), pin_login_user(call.session, userType, pPin, ulPinLen, pUsername, ulUsernameLen))
SESSION_CALL(C_Logout, NEED_NOTHING, (CK_SESSION_HANDLE hSession), pin_logout(call.session))
SESSION_CALL(C_InitPIN, NEED_RW | NEED_SO, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen), pin_init(call.session, pPin, ulPinLen, false))
SESSION_CALL(C_SetPIN, NEED_RW, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pOldPin, CK_ULONG ulOldLen, CK_UTF8CHAR_PTR pNewPin, CK_ULONG ulNewLen), pin_set(call.session, pOldPin, ulOldLen, pNewPin, ulNewLen))

/* ---- objects ---- */
SESSION_CALL(C_FindObjectsInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount), find_init(call.session, pTemplate, ulCount))
SESSION_CALL(C_FindObjects, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE_PTR phObject, CK_ULONG ulMaxObjectCount, CK_ULONG_PTR pulObjectCount), find_next(call.session, phObject, ulMaxObjectCount, pulObjectCount))
SESSION_CALL(C_FindObjectsFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession), find_final(call.session))
SESSION_CALL(C_GetAttributeValue, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount), object_get_attributes(call.session, hObject, pTemplate, ulCount))
SESSION_CALL(C_SetAttributeValue, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount), object_set_attributes(call.session, hObject, pTemplate, ulCount))
SESSION_CALL(C_CreateObject, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE_PTR phObject), object_create(call.session, pTemplate, ulCount, phObject))
SESSION_CALL(C_CopyObject, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE_PTR phNewObject), object_copy(call.session, hObject, pTemplate, ulCount, phNewObject))
SESSION_CALL(C_GetObjectSize, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG_PTR pulSize), object_get_size(call.session, hObject, pulSize))
SESSION_CALL(C_DestroyObject, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject), object_destroy(call.session, hObject))

/* ---- keys ---- */
SESSION_CALL(C_GenerateKey, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE_PTR phKey), key_generate(call.session, pMechanism, TEMPLATE(pTemplate, ulCount), phKey))
SESSION_CALL(C_GenerateKeyPair, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_ATTRIBUTE_PTR pPublicKeyTemplate, CK_ULONG ulPublicKeyAttributeCount, CK_ATTRIBUTE_PTR pPrivateKeyTemplate, CK_ULONG ulPrivateKeyAttributeCount, CK_OBJECT_HANDLE_PTR phPublicKey, CK_OBJECT_HANDLE_PTR phPrivateKey), key_pair_generate(call.session, pMechanism, TEMPLATE(pPublicKeyTemplate, ulPublicKeyAttributeCount), TEMPLATE(pPrivateKeyTemplate, ulPrivateKeyAttributeCount), phPublicKey, phPrivateKey))
SESSION_CALL(C_WrapKey, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hWrappingKey, CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pWrappedKey, CK_ULONG_PTR pulWrappedKeyLen), key_wrap(call.session, pMechanism, hWrappingKey, hKey, pWrappedKey, pulWrappedKeyLen))
SESSION_CALL(C_UnwrapKey, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hUnwrappingKey, CK_BYTE_PTR pWrappedKey, CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount, CK_OBJECT_HANDLE_PTR phKey), key_unwrap(call.session, pMechanism, hUnwrappingKey, pWrappedKey, ulWrappedKeyLen, TEMPLATE(pTemplate, ulAttributeCount), phKey))
SESSION_CALL(C_DeriveKey, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hBaseKey, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount, CK_OBJECT_HANDLE_PTR phKey), key_derive(call.session, pMechanism, hBaseKey, TEMPLATE(pTemplate, ulAttributeCount), phKey))
SESSION_CALL(C_EncapsulateKey, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hPublicKey, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount, CK_BYTE_PTR pCiphertext, CK_ULONG_PTR pulCiphertextLen, CK_OBJECT_HANDLE_PTR phKey), key_encapsulate(call.session, pMechanism, hPublicKey, TEMPLATE(pTemplate, ulAttributeCount), pCiphertext, pulCiphertextLen, phKey))
SESSION_CALL(C_DecapsulateKey, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hPrivateKey, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount, CK_BYTE_PTR pCiphertext, CK_ULONG ulCiphertextLen, CK_OBJECT_HANDLE_PTR phKey), key_decapsulate(call.session, pMechanism, hPrivateKey, TEMPLATE(pTemplate, ulAttributeCount), pCiphertext, ulCiphertextLen, phKey))

/* ---- cryptography ---- */
SESSION_CALL(C_DigestInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism), operation_init(call.session, OPERATION_DIGEST, pMechanism, CK_INVALID_HANDLE))
SESSION_CALL(C_Digest, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen), digest_once(call.session, pData, ulDataLen, pDigest, pulDigestLen))
SESSION_CALL(C_DigestUpdate, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen), operation_update(call.session, OPERATION_DIGEST, pPart, ulPartLen))
SESSION_CALL(C_DigestKey, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey), digest_key(call.session, hKey))
SESSION_CALL(C_DigestFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen), digest_final(call.session, pDigest, pulDigestLen))
SESSION_CALL(C_SignInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey), operation_init(call.session, OPERATION_SIGN, pMechanism, hKey))
SESSION_CALL(C_Sign, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen), sign_once(call.session, pData, ulDataLen, pSignature, pulSignatureLen))
SESSION_CALL(C_SignUpdate, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen), operation_update(call.session, OPERATION_SIGN, pPart, ulPartLen))
SESSION_CALL(C_SignFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen), sign_final(call.session, pSignature, pulSignatureLen))
SESSION_CALL(C_SignRecoverInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey), operation_init(call.session, OPERATION_SIGN_RECOVER, pMechanism, hKey))
SESSION_CALL(C_SignRecover, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen), sign_recover(call.session, pData, ulDataLen, pSignature, pulSignatureLen))
SESSION_CALL(C_VerifyInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey), operation_init(call.session, OPERATION_VERIFY, pMechanism, hKey))
SESSION_CALL(C_Verify, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen), verify_once(call.session, pData, ulDataLen, pSignature, ulSignatureLen))
SESSION_CALL(C_VerifyUpdate, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen), operation_update(call.session, OPERATION_VERIFY, pPart, ulPartLen))
SESSION_CALL(C_VerifyFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen), verify_final(call.session, pSignature, ulSignatureLen))
SESSION_CALL(C_VerifyRecoverInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey), operation_init(call.session, OPERATION_VERIFY_RECOVER, pMechanism, hKey))
SESSION_CALL(C_VerifyRecover, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen, CK_BYTE_PTR pData, CK_ULONG_PTR pulDataLen), verify_recover(call.session, pSignature, ulSignatureLen, pData, pulDataLen))
SESSION_CALL(C_VerifySignatureInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen), verify_signature_init(call.session, pMechanism, hKey, pSignature, ulSignatureLen))
SESSION_CALL(C_VerifySignature, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen), verify_signature_once(call.session, pData, ulDataLen))
SESSION_CALL(C_VerifySignatureUpdate, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen), operation_update(call.session, OPERATION_VERIFY_SIGNATURE, pPart, ulPartLen))
SESSION_CALL(C_VerifySignatureFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession), verify_signature_final(call.session))
SESSION_CALL(C_EncryptInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey), operation_init(call.session, OPERATION_ENCRYPT, pMechanism, hKey))
SESSION_CALL(C_Encrypt, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pEncryptedData, CK_ULONG_PTR pulEncryptedDataLen), crypt_once(call.session, OPERATION_ENCRYPT, pData, ulDataLen, pEncryptedData, pulEncryptedDataLen))
SESSION_CALL(C_EncryptUpdate, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen, CK_BYTE_PTR pEncryptedPart, CK_ULONG_PTR pulEncryptedPartLen), crypt_update(call.session, OPERATION_ENCRYPT, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen))
SESSION_CALL(C_EncryptFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastEncryptedPart, CK_ULONG_PTR pulLastEncryptedPartLen), crypt_final(call.session, OPERATION_ENCRYPT, pLastEncryptedPart, pulLastEncryptedPartLen))
SESSION_CALL(C_DecryptInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey), operation_init(call.session, OPERATION_DECRYPT, pMechanism, hKey))
SESSION_CALL(C_Decrypt, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedData, CK_ULONG ulEncryptedDataLen, CK_BYTE_PTR pData, CK_ULONG_PTR pulDataLen), crypt_once(call.session, OPERATION_DECRYPT, pEncryptedData, ulEncryptedDataLen, pData, pulDataLen))
SESSION_CALL(C_DecryptUpdate, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart, CK_ULONG ulEncryptedPartLen, CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen), crypt_update(call.session, OPERATION_DECRYPT, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen))
SESSION_CALL(C_DecryptFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastPart, CK_ULONG_PTR pulLastPartLen), crypt_final(call.session, OPERATION_DECRYPT, pLastPart, pulLastPartLen))
SESSION_CALL(C_DigestEncryptUpdate, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen, CK_BYTE_PTR pEncryptedPart, CK_ULONG_PTR pulEncryptedPartLen), dual_encrypt_update(call.session, OPERATION_DIGEST, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen))
SESSION_CALL(C_DecryptDigestUpdate, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart, CK_ULONG ulEncryptedPartLen, CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen), dual_decrypt_update(call.session, OPERATION_DIGEST, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen))
SESSION_CALL(C_SignEncryptUpdate, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen, CK_BYTE_PTR pEncryptedPart, CK_ULONG_PTR pulEncryptedPartLen), dual_encrypt_update(call.session, OPERATION_SIGN, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen))
SESSION_CALL(C_DecryptVerifyUpdate, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart, CK_ULONG ulEncryptedPartLen, CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen), dual_decrypt_update(call.session, OPERATION_VERIFY, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen))
SESSION_CALL(C_SessionCancel, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_FLAGS flags), operations_cancel(call.session, flags))
SESSION_CALL(C_GenerateRandom, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pRandomData, CK_ULONG ulRandomLen), random_generate(call.session, pRandomData, ulRandomLen))
SESSION_CALL(C_SeedRandom, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSeed, CK_ULONG ulSeedLen), CKR_RANDOM_SEED_NOT_SUPPORTED)

SESSION_CALL(C_GetOperationState, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pOperationState, CK_ULONG_PTR pulOperationStateLen), operation_state_get(call.session, pOperationState, pulOperationStateLen))
SESSION_CALL(C_SetOperationState, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_BYTE_PTR pOperationState, CK_ULONG ulOperationStateLen, CK_OBJECT_HANDLE hEncryptionKey, CK_OBJECT_HANDLE hAuthenticationKey), operation_state_set(call.session, pOperationState, ulOperationStateLen, hEncryptionKey, hAuthenticationKey))

/* ---- messages ---- */
SESSION_CALL(C_MessageEncryptInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey), operation_init(call.session, OPERATION_MESSAGE_ENCRYPT, pMechanism, hKey))
SESSION_CALL(C_EncryptMessage, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen, CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE_PTR pPlaintext, CK_ULONG ulPlaintextLen, CK_BYTE_PTR pCiphertext, CK_ULONG_PTR pulCiphertextLen), message_crypt(call.session, OPERATION_MESSAGE_ENCRYPT, pParameter, ulParameterLen, pAssociatedData, ulAssociatedDataLen, pPlaintext, ulPlaintextLen, pCiphertext, pulCiphertextLen))
SESSION_CALL(C_EncryptMessageBegin, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen, CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen), message_crypt_begin(call.session, OPERATION_MESSAGE_ENCRYPT, pParameter, ulParameterLen, pAssociatedData, ulAssociatedDataLen))
SESSION_CALL(C_EncryptMessageNext, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen, CK_BYTE_PTR pPlaintextPart, CK_ULONG ulPlaintextPartLen, CK_BYTE_PTR pCiphertextPart, CK_ULONG_PTR pulCiphertextPartLen, CK_FLAGS flags), message_crypt_next(call.session, OPERATION_MESSAGE_ENCRYPT, pParameter, ulParameterLen, pPlaintextPart, ulPlaintextPartLen, pCiphertextPart, pulCiphertextPartLen, flags))
SESSION_CALL(C_MessageEncryptFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession), message_final(call.session, OPERATION_MESSAGE_ENCRYPT))
SESSION_CALL(C_MessageDecryptInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey), operation_init(call.session, OPERATION_MESSAGE_DECRYPT, pMechanism, hKey))
SESSION_CALL(C_DecryptMessage, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen, CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE_PTR pCiphertext, CK_ULONG ulCiphertextLen, CK_BYTE_PTR pPlaintext, CK_ULONG_PTR pulPlaintextLen), message_crypt(call.session, OPERATION_MESSAGE_DECRYPT, pParameter, ulParameterLen, pAssociatedData, ulAssociatedDataLen, pCiphertext, ulCiphertextLen, pPlaintext, pulPlaintextLen))
SESSION_CALL(C_DecryptMessageBegin, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen, CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen), message_crypt_begin(call.session, OPERATION_MESSAGE_DECRYPT, pParameter, ulParameterLen, pAssociatedData, ulAssociatedDataLen))
SESSION_CALL(C_DecryptMessageNext, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen, CK_BYTE_PTR pCiphertextPart, CK_ULONG ulCiphertextPartLen, CK_BYTE_PTR pPlaintextPart, CK_ULONG_PTR pulPlaintextPartLen, CK_FLAGS flags), message_crypt_next(call.session, OPERATION_MESSAGE_DECRYPT, pParameter, ulParameterLen, pCiphertextPart, ulCiphertextPartLen, pPlaintextPart, pulPlaintextPartLen, flags))
SESSION_CALL(C_MessageDecryptFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession), message_final(call.session, OPERATION_MESSAGE_DECRYPT))
SESSION_CALL(C_MessageSignInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey), operation_init(call.session, OPERATION_MESSAGE_SIGN, pMechanism, hKey))
SESSION_CALL(C_SignMessage, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen), message_sign(call.session, pParameter, ulParameterLen, pData, ulDataLen, pSignature, pulSignatureLen))
SESSION_CALL(C_SignMessageBegin, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen), message_begin(call.session, OPERATION_MESSAGE_SIGN, pParameter, ulParameterLen))
SESSION_CALL(C_SignMessageNext, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen), message_sign_next(call.session, pParameter, ulParameterLen, pData, ulDataLen, pSignature, pulSignatureLen))
SESSION_CALL(C_MessageSignFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession), message_final(call.session, OPERATION_MESSAGE_SIGN))
SESSION_CALL(C_MessageVerifyInit, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey), operation_init(call.session, OPERATION_MESSAGE_VERIFY, pMechanism, hKey))
SESSION_CALL(C_VerifyMessage, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen), message_verify(call.session, pParameter, ulParameterLen, pData, ulDataLen, pSignature, ulSignatureLen))
SESSION_CALL(C_VerifyMessageBegin, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen), message_begin(call.session, OPERATION_MESSAGE_VERIFY, pParameter, ulParameterLen))
SESSION_CALL(C_VerifyMessageNext, NEED_NOTHING, (CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen), message_verify_next(call.session, pParameter, ulParameterLen, pData, ulDataLen, pSignature, ulSignatureLen))
SESSION_CALL(C_MessageVerifyFinal, NEED_NOTHING, (CK_SESSION_HANDLE hSession), message_final(call.session, OPERATION_MESSAGE_VERIFY))

/* ---- relics: the standard says what they return ---- */
SESSION_CALL(C_GetFunctionStatus, NEED_NOTHING, (CK_SESSION_HANDLE hSession), CKR_FUNCTION_NOT_PARALLEL)
SESSION_CALL(C_CancelFunction, NEED_NOTHING, (CK_SESSION_HANDLE hSession), CKR_FUNCTION_NOT_PARALLEL)

/* ---- not built ---- */
ABSENT(C_AsyncComplete, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pFunctionName, CK_ASYNC_DATA_PTR pResult))
ABSENT(C_AsyncGetID, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pFunctionName, CK_ULONG_PTR pulID))
ABSENT(C_AsyncJoin, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pFunctionName, CK_ULONG ulID, CK_BYTE_PTR pData, CK_ULONG ulData))
ABSENT(C_WrapKeyAuthenticated, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hWrappingKey, CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE_PTR pWrappedKey, CK_ULONG_PTR pulWrappedKeyLen))
ABSENT(C_UnwrapKeyAuthenticated, (CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hUnwrappingKey, CK_BYTE_PTR pWrappedKey, CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount, CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_OBJECT_HANDLE_PTR phKey))

/* ---- the vendor interface ---- */
#undef EXPORT
#define EXPORT
CALL(vendor_set_option, (const char *name, const char *value), module_set_option(name, value))
SLOT_CALL(vendor_get_device_info, (CK_SLOT_ID slotID, CK_OPENUKEY_DEVICE_INFO *pInfo), slot_get_device_info(call.module, call.slot, pInfo))
SESSION_CALL(vendor_init_pin, NEED_RW | NEED_SO, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen, CK_BBOOL mustChange), pin_init(call.session, pPin, ulPinLen, mustChange != CK_FALSE))
SLOT_CALL(vendor_unlock_begin, (CK_SLOT_ID slotID, const CK_BYTE *pOrder, CK_ULONG ulOrderLen, CK_OPENUKEY_UNLOCK_CHALLENGE *pChallenge), unlock_begin(call.module, call.slot, pOrder, ulOrderLen, pChallenge))
SLOT_CALL(vendor_unlock_finish, (CK_SLOT_ID slotID, const CK_OPENUKEY_UNLOCK_CHALLENGE *pChallenge, const CK_BYTE *pResponse, CK_ULONG ulResponseLen, CK_UTF8CHAR_PTR pNewPin, CK_ULONG ulNewLen, CK_BBOOL mustChange), unlock_finish(call.module, call.slot, pChallenge, pResponse, ulResponseLen, pNewPin, ulNewLen, mustChange))
SLOT_CALL(vendor_set_unlock_key, (CK_SLOT_ID slotID, const CK_BYTE *pKey, CK_ULONG ulKeyLen), unlock_set_key(call.module, call.slot, pKey, ulKeyLen))
SESSION_CALL(vendor_retire_key, NEED_RW, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey), object_retire_key(call.session, hKey))
/* clang-format on */
