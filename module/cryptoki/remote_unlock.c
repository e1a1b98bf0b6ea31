/* Remote unlock: a service that keeps the key's unlock key lets its holder set a new PIN (include/pkcs11.h). */
#include "module/cryptoki/errors.h"
#include "module/cryptoki/pin_dialog.h"
#include "module/cryptoki/pins.h"

#include <string.h>

_Static_assert(sizeof(((CK_OPENUKEY_UNLOCK_CHALLENGE *)0)->challenge) == UNLOCK_CHALLENGE_SIZE &&
                   sizeof(((CK_OPENUKEY_UNLOCK_CHALLENGE *)0)->order) == UNLOCK_ORDER_MAX &&
                   sizeof(((CK_OPENUKEY_UNLOCK_CHALLENGE *)0)->serial) == GM_SERIAL_MAX,
               "as the driver has them");

static CK_RV rv_of_unlock(enum token_error err) {
    switch (err) {
    case TOKEN_NOT_FOUND: /* no unlock key */
        return CKR_FUNCTION_NOT_SUPPORTED;
    case TOKEN_STALE: /* no challenge, or not this one */
        return CKR_OPERATION_NOT_INITIALIZED;
    case TOKEN_BAD_DATA:
        return CKR_PIN_INVALID;
    case TOKEN_BLANK:
        return CKR_TOKEN_NOT_INITIALIZED;
    default:
        return rv_from_token(err);
    }
}

CK_RV unlock_begin(struct module *module, struct slot *slot, const CK_BYTE *order,
                   CK_ULONG order_len, CK_OPENUKEY_UNLOCK_CHALLENGE *challenge) {
    struct token *token;
    struct token_unlock unlock = {.order_len = order_len};
    if (order == NULL || challenge == NULL || order_len == 0 || order_len > sizeof(unlock.order)) {
        return CKR_ARGUMENTS_BAD;
    }
    *challenge = (CK_OPENUKEY_UNLOCK_CHALLENGE){.ulOrderLen = 0};
    memcpy(unlock.order, order, order_len);
    CK_RV rv = slot_token(module, slot, &token);
    if (rv == CKR_OK) {
        rv = rv_of_unlock(token_unlock_begin(token, &unlock));
    }
    if (rv != CKR_OK) {
        return rv;
    }
    memcpy(challenge->serial, unlock.serial, sizeof(challenge->serial));
    memcpy(challenge->challenge, unlock.challenge, sizeof(challenge->challenge));
    memcpy(challenge->order, order, order_len);
    challenge->ulOrderLen = order_len;
    challenge->ulTriesLeft = unlock.tries_left;
    return CKR_OK;
}

CK_RV unlock_finish(struct module *module, struct slot *slot,
                    const CK_OPENUKEY_UNLOCK_CHALLENGE *challenge, const CK_BYTE *response,
                    CK_ULONG response_len, CK_UTF8CHAR_PTR new_pin, CK_ULONG new_len,
                    CK_BBOOL must_change) {
    struct token *token;
    struct token_unlock unlock = {.tries_left = 0};
    if (challenge == NULL || response == NULL || response_len != UNLOCK_RESPONSE_SIZE ||
        challenge->ulOrderLen == 0 || challenge->ulOrderLen > sizeof(unlock.order)) {
        return CKR_ARGUMENTS_BAD;
    }
    memcpy(unlock.serial, challenge->serial, sizeof(unlock.serial));
    memcpy(unlock.challenge, challenge->challenge, sizeof(unlock.challenge));
    memcpy(unlock.order, challenge->order, challenge->ulOrderLen);
    unlock.order_len = challenge->ulOrderLen;
    CK_RV rv = slot_token(module, slot, &token);
    if (rv != CKR_OK) {
        return rv;
    }
    const bool was_user = token->login == NORMAL_USER;
    rv = rv_of_unlock(
        token_unlock_finish(token, &unlock, response, new_pin, new_len, must_change != CK_FALSE));
    if (rv == CKR_OK && was_user) {
        sessions_forget_private(slot, module);
    }
    return rv;
}

CK_RV unlock_set_key(struct module *module, struct slot *slot, const CK_BYTE *key,
                     CK_ULONG key_len) {
    struct token *token;
    if (key == NULL || key_len != UNLOCK_KEY_SIZE) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = slot_token(module, slot, &token);
    return rv != CKR_OK ? rv : rv_of_unlock(token_set_unlock_key(token, key));
}
