/* Token errors as return values of Cryptoki. */
#include "module/cryptoki/errors.h"

#include <stddef.h>

CK_RV rv_from_token(enum token_error error) {
    static const CK_RV table[] = {
        [TOKEN_OK] = CKR_OK,
        [TOKEN_MEMORY] = CKR_HOST_MEMORY,
        [TOKEN_ARGUMENT] = CKR_DATA_LEN_RANGE,
        [TOKEN_REMOVED] = CKR_DEVICE_REMOVED,
        [TOKEN_TIMEOUT] = CKR_DEVICE_ERROR,
        [TOKEN_BUSY] = CKR_FUNCTION_FAILED,
        [TOKEN_DEVICE] = CKR_DEVICE_ERROR,
        [TOKEN_NOT_RECOGNIZED] = CKR_TOKEN_NOT_RECOGNIZED,
        [TOKEN_BLANK] = CKR_USER_PIN_NOT_INITIALIZED,
        [TOKEN_UNSUPPORTED] = CKR_FUNCTION_NOT_SUPPORTED,
        [TOKEN_NOT_LOGGED_IN] = CKR_USER_NOT_LOGGED_IN,
        [TOKEN_PIN_WRONG] = CKR_PIN_INCORRECT,
        [TOKEN_PIN_LOCKED] = CKR_PIN_LOCKED,
        [TOKEN_PIN_LENGTH] = CKR_PIN_LEN_RANGE,
        [TOKEN_NO_SPACE] = CKR_DEVICE_MEMORY,
        [TOKEN_WRITE_FAILED] = CKR_DEVICE_ERROR,
        [TOKEN_NOT_FOUND] = CKR_OBJECT_HANDLE_INVALID,
        [TOKEN_EXISTS] = CKR_TEMPLATE_INCONSISTENT,
        [TOKEN_FORBIDDEN] = CKR_ACTION_PROHIBITED,
        [TOKEN_BAD_DATA] = CKR_DATA_INVALID,
        [TOKEN_DECRYPT_FAILED] = CKR_ENCRYPTED_DATA_INVALID,
        [TOKEN_STALE] = CKR_DEVICE_ERROR,
    };
    return (size_t)error < sizeof(table) / sizeof(table[0]) ? table[error] : CKR_GENERAL_ERROR;
}
