/* Login, PINs, initialisation of tokens. */
#include "module/cryptoki/pins.h"

#include "module/cryptoki/errors.h"

#include <string.h>

enum { LABEL_SIZE = 32 };

/* Too short or too long a PIN is a wrong one that costs no try. */
static CK_RV rv_of_tried_pin(enum token_error err) {
    return err == TOKEN_PIN_LENGTH ? CKR_PIN_INCORRECT : rv_from_token(err);
}

/* The PIN for the key of the operation that was begun (PKCS#11 3.2, 5.6.8). */
static CK_RV login_for_key(struct session *session, CK_UTF8CHAR_PTR pin, CK_ULONG len) {
    struct operation *operation = operation_awaiting_login(session);
    if (operation == NULL) {
        return CKR_OPERATION_NOT_INITIALIZED;
    }
    if (session_token(session)->login != NORMAL_USER) {
        return CKR_USER_NOT_LOGGED_IN;
    }
    if (pin == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    enum token_error err = token_authorize_use(session_token(session), pin, len);
    operation->is_logged_in = err == TOKEN_OK;
    return rv_of_tried_pin(err);
}

static CK_RV may_login(struct session *session, enum token_user wanted) {
    const enum token_user now = session_token(session)->login;
    if (now != NOBODY) {
        return now == wanted ? CKR_USER_ALREADY_LOGGED_IN : CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    }
    CK_ULONG all, read_write;
    sessions_count(session->module, session->slot, &all, &read_write);
    return wanted == SECURITY_OFFICER && all != read_write ? CKR_SESSION_READ_ONLY_EXISTS : CKR_OK;
}

CK_RV pin_login(struct session *session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len) {
    if (user == CKU_CONTEXT_SPECIFIC) {
        return login_for_key(session, pin, len);
    }
    if (user != CKU_SO && user != CKU_USER) {
        return CKR_USER_TYPE_INVALID;
    }
    const enum token_user wanted = user == CKU_SO ? SECURITY_OFFICER : NORMAL_USER;
    CK_RV rv = may_login(session, wanted);
    if (rv == CKR_OK && pin == NULL) {
        rv = CKR_ARGUMENTS_BAD;
    }
    return rv != CKR_OK ? rv
                        : rv_of_tried_pin(token_login(session_token(session), wanted, pin, len));
}

CK_RV pin_login_user(struct session *session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len,
                     const CK_UTF8CHAR *name, CK_ULONG name_len) {
    return name != NULL || name_len > 0 ? CKR_ARGUMENTS_BAD : pin_login(session, user, pin, len);
}

CK_RV pin_logout(struct session *session) {
    struct token *token = session_token(session);
    if (token->login == NOBODY) {
        return CKR_USER_NOT_LOGGED_IN;
    }
    sessions_forget_private(session->slot, session->module);
    return rv_from_token(token_logout(token));
}

CK_RV pin_init(struct session *session, CK_UTF8CHAR_PTR pin, CK_ULONG len, bool must_change) {
    return pin == NULL
               ? CKR_ARGUMENTS_BAD
               : rv_from_token(token_reset_user_pin(session_token(session), pin, len, must_change));
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
    const bool has_so_pin = token->facts.initialized;
    enum token_error err = token_initialize(token, pin, len, text);
    return has_so_pin ? rv_of_tried_pin(err) : rv_from_token(err);
}
