/* Login, PINs, initialisation of tokens. */
#include "module/cryptoki/pins.h"

#include "module/cryptoki/errors.h"
#include "module/cryptoki/pin_dialog.h"

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
    struct pin_input input;
    CK_RV rv = pin_input_get(session->module, session->slot, ASK_KEY_PIN, pin, len, &input);
    if (rv == CKR_OK) {
        rv = rv_of_tried_pin(token_authorize_use(session_token(session), input.text, input.len));
        operation->is_logged_in = rv == CKR_OK;
    }
    pin_input_free(&input);
    return rv;
}

/* The token was initialised, and the security officer has not given the user a PIN yet. */
static bool user_has_no_pin(struct session *session) {
    struct token_pins pins;
    return token_read_pins(session_token(session), &pins) == TOKEN_OK && pins.user.is_unset;
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
    struct pin_input input = {.text = NULL};
    if (rv == CKR_OK) {
        rv =
            pin_input_get(session->module, session->slot,
                          wanted == SECURITY_OFFICER ? ASK_SO_PIN : ASK_USER_PIN, pin, len, &input);
    }
    if (rv == CKR_OK) {
        /* a login that another program put an end to left its private objects behind */
        sessions_forget_private(session->slot, session->module);
        rv = rv_of_tried_pin(token_login(session_token(session), wanted, input.text, input.len));
    }
    pin_input_free(&input);
    return rv == CKR_PIN_INCORRECT && wanted == NORMAL_USER && user_has_no_pin(session)
               ? CKR_USER_PIN_NOT_INITIALIZED
               : rv;
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
    struct pin_input input;
    CK_RV rv = pin_input_get(session->module, session->slot, ASK_NEW_USER_PIN, pin, len, &input);
    if (rv == CKR_OK) {
        rv = rv_from_token(
            token_reset_user_pin(session_token(session), input.text, input.len, must_change));
    }
    pin_input_free(&input);
    return rv;
}

CK_RV pin_set(struct session *session, CK_UTF8CHAR_PTR old_pin, CK_ULONG old_len,
              CK_UTF8CHAR_PTR new_pin, CK_ULONG new_len) {
    struct token *token = session_token(session);
    struct pin_input old_input, new_input = {.text = NULL};
    const bool is_so = token->login == SECURITY_OFFICER;
    CK_RV rv = pin_input_get(session->module, session->slot, is_so ? ASK_SO_PIN : ASK_USER_PIN,
                             old_pin, old_len, &old_input);
    if (rv == CKR_OK) {
        rv = pin_input_get(session->module, session->slot,
                           is_so ? ASK_NEW_SO_PIN : ASK_NEW_USER_PIN, new_pin, new_len, &new_input);
    }
    if (rv == CKR_OK) {
        rv = rv_from_token(token_change_pin(token, is_so ? SECURITY_OFFICER : NORMAL_USER,
                                            old_input.text, old_input.len, new_input.text,
                                            new_input.len));
    }
    pin_input_free(&old_input);
    pin_input_free(&new_input);
    return rv;
}

CK_RV token_init(struct module *module, struct slot *slot, CK_UTF8CHAR_PTR pin, CK_ULONG len,
                 CK_UTF8CHAR_PTR label) {
    struct token *token;
    CK_ULONG all, read_write;
    char text[LABEL_SIZE + 1] = {0};
    if (label == NULL) {
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
    rv = rv_from_token(token_read_facts(token));
    if (rv != CKR_OK) {
        return rv;
    }
    memcpy(text, label, LABEL_SIZE);
    for (size_t i = LABEL_SIZE; i > 0 && text[i - 1] == ' '; i--) {
        text[i - 1] = '\0';
    }
    const bool has_so_pin = token->facts.initialized;
    struct pin_input input;
    rv = pin_input_get(module, slot, has_so_pin ? ASK_SO_PIN : ASK_NEW_SO_PIN, pin, len, &input);
    if (rv == CKR_OK) {
        enum token_error err = token_initialize(token, input.text, input.len, text);
        rv = has_so_pin ? rv_of_tried_pin(err) : rv_from_token(err);
    }
    pin_input_free(&input);
    return rv;
}
