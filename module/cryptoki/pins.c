/* Login, PINs, initialisation of tokens. */
#include "module/cryptoki/pins.h"

#include "module/cryptoki/errors.h"

#include <string.h>

enum { LABEL_SIZE = 32 };

CK_RV pin_login(struct session *session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len) {
    struct token *token = session_token(session);
    if (user == CKU_CONTEXT_SPECIFIC) {
        return CKR_OPERATION_NOT_INITIALIZED; /* no key here asks for it */
    }
    if (user != CKU_SO && user != CKU_USER) {
        return CKR_USER_TYPE_INVALID;
    }
    enum token_user wanted = user == CKU_SO ? SECURITY_OFFICER : NORMAL_USER;
    if (token->login != NOBODY) {
        return token->login == wanted ? CKR_USER_ALREADY_LOGGED_IN
                                      : CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    }
    if (pin == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    if (wanted == SECURITY_OFFICER) {
        CK_ULONG all, read_write;
        sessions_count(session->module, session->slot, &all, &read_write);
        if (all != read_write) {
            return CKR_SESSION_READ_ONLY_EXISTS;
        }
    }
    enum token_error err = token_login(token, wanted, pin, len);
    return err == TOKEN_PIN_LENGTH ? CKR_PIN_INCORRECT
                                   : rv_from_token(err); /* too short or long costs no try */
}

/* Private objects go out of sight, and what was begun with them ends (PKCS#11 3.2, 5.6.9). */
CK_RV pin_logout(struct session *session) {
    struct token *token = session_token(session);
    if (token->login == NOBODY) {
        return CKR_USER_NOT_LOGGED_IN;
    }
    struct module *module = session->module;
    pthread_mutex_lock(&module->registry);
    for (size_t i = 0; i < module->session_count; i++) {
        struct session *other = module->sessions[i];
        if (other->slot == session->slot) {
            operation_end(&other->operations[OPERATION_SIGN]);
            operation_end(&other->operations[OPERATION_DECRYPT]);
        }
    }
    pthread_mutex_unlock(&module->registry);
    session_objects_drop_private(session->slot);
    return rv_from_token(token_logout(token));
}

CK_RV pin_init(struct session *session, CK_UTF8CHAR_PTR pin, CK_ULONG len) {
    return pin == NULL ? CKR_ARGUMENTS_BAD
                       : rv_from_token(token_reset_user_pin(session_token(session), pin, len));
}

CK_RV pin_set(struct session *session, CK_UTF8CHAR_PTR old_pin, CK_ULONG old_len,
              CK_UTF8CHAR_PTR new_pin, CK_ULONG new_len) {
    struct token *token = session_token(session);
    if (old_pin == NULL || new_pin == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    enum token_user user = token->login == SECURITY_OFFICER ? SECURITY_OFFICER : NORMAL_USER;
    return rv_from_token(token_change_pin(token, user, old_pin, old_len, new_pin, new_len));
}

CK_RV token_init(struct module *module, struct slot *slot, CK_UTF8CHAR_PTR pin, CK_ULONG len,
                 CK_UTF8CHAR_PTR label) {
    struct token *token;
    CK_ULONG all, read_write;
    char text[LABEL_SIZE + 1] = {0};
    if (pin == NULL || label == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = slot_token(module, slot, &token);
    if (rv != CKR_OK) {
        return rv;
    }
    sessions_count(module, slot, &all, &read_write);
    if (all > 0) {
        return CKR_SESSION_EXISTS;
    }
    memcpy(text, label, LABEL_SIZE);
    for (size_t i = LABEL_SIZE; i > 0 && text[i - 1] == ' '; i--) {
        text[i - 1] = '\0';
    }
    return rv_from_token(token_initialize(token, pin, len, text));
}
