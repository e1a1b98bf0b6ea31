/* The PIN: verified with a guard over its last try; the login held while a job needs it. */
#include <stdint.h>
#include <string.h>

#include "agent/token/plugged.h"

static void logout_locked(struct token *token) {
    token->owner->cryptoki.functions->C_Logout(token->presence);
    token->is_logged_in = false;
    token->logout_waiting = false;
}

/* May a PIN be tried at all? */
static enum token_error may_try(const struct token_facts *facts, size_t pin_len,
                                bool may_use_last) {
    if (facts->pin_state == TOKEN_PIN_STATE_UNSET)
        return TOKEN_PIN_UNSET;
    if (facts->pin_state == TOKEN_PIN_STATE_LOCKED)
        return TOKEN_PIN_LOCKED;
    if (facts->pin_state == TOKEN_PIN_STATE_LAST && !may_use_last)
        return TOKEN_PIN_LAST_TRY;
    if (pin_len == 0 || pin_len < facts->pin_min || (facts->pin_max && pin_len > facts->pin_max))
        return TOKEN_PIN_LENGTH;
    return TOKEN_OK;
}

static enum token_error try_pin(struct token *token, const char *pin, size_t pin_len) {
    const CK_FUNCTION_LIST *f = token->owner->cryptoki.functions;
    if (token->is_logged_in)
        logout_locked(token);
    /* Cryptoki's prototype takes the PIN without const; it does not write to it */
    CK_UTF8CHAR *bytes = (CK_UTF8CHAR *)(uintptr_t)pin;
    CK_RV rv = f->C_Login(token->presence, CKU_USER, bytes, pin_len);
    if (rv == CKR_USER_ALREADY_LOGGED_IN) {
        logout_locked(token);
        rv = f->C_Login(token->presence, CKU_USER, bytes, pin_len);
    }
    token->is_logged_in = rv == CKR_OK;
    return rv == CKR_OK ? TOKEN_OK : cryptoki_error(rv, "C_Login");
}

/* After a try: what the key says of its PIN now. */
static void read_again(struct token *token, struct token_facts *facts) {
    struct token_facts after;
    if (facts_read(&token->owner->cryptoki, token->slot, &after) == TOKEN_OK) {
        *facts = after;
        token_set_facts(token, &after);
    }
}

enum token_error token_login(struct token *token, const char *pin, size_t pin_len,
                             bool may_use_last, int *tries_left) {
    struct token_facts facts = {.tries_left = -1};
    CK_SESSION_HANDLE session;
    if (tries_left)
        *tries_left = -1;
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    if (token->is_held)
        error = TOKEN_BUSY;
    if (!error)
        error = facts_read(&token->owner->cryptoki, token->slot, &facts);
    if (!error)
        error = may_try(&facts, pin_len, may_use_last);
    if (!error) {
        error = try_pin(token, pin, pin_len);
        if (error != TOKEN_REMOVED)
            read_again(token, &facts);
    }
    if (tries_left)
        *tries_left = facts.tries_left;
    return token_end(token, session, error);
}

static enum token_error set_pin(struct token *token, CK_SESSION_HANDLE session, const char *old_pin,
                                size_t old_len, const char *new_pin, size_t new_len) {
    const CK_FUNCTION_LIST *f = token->owner->cryptoki.functions;
    if (token->is_logged_in)
        logout_locked(token);
    /* as in try_pin() */
    CK_RV rv = f->C_SetPIN(session, (CK_UTF8CHAR *)(uintptr_t)old_pin, old_len,
                           (CK_UTF8CHAR *)(uintptr_t)new_pin, new_len);
    return rv == CKR_OK ? try_pin(token, new_pin, new_len) : cryptoki_error(rv, "C_SetPIN");
}

enum token_error token_change_pin(struct token *token, const char *old_pin, size_t old_len,
                                  const char *new_pin, size_t new_len, int *tries_left) {
    struct token_facts facts = {.tries_left = -1};
    CK_SESSION_HANDLE session;
    *tries_left = -1;
    enum token_error error = token_begin(token, true, &session);
    if (error)
        return error;
    if (token->is_held)
        error = TOKEN_BUSY;
    if (!error)
        error = facts_read(&token->owner->cryptoki, token->slot, &facts);
    if (!error)
        error = may_try(&facts, old_len, false);
    if (!error)
        error = may_try(&facts, new_len, false);
    if (!error) {
        error = set_pin(token, session, old_pin, old_len, new_pin, new_len);
        if (error != TOKEN_REMOVED)
            read_again(token, &facts);
    }
    *tries_left = facts.tries_left;
    return token_end(token, session, error);
}

/* ---- unlocking ---- */

enum token_error token_unlock_begin(struct token *token, const char *number,
                                    struct token_unlock *unlock) {
    const CK_OPENUKEY_FUNCTIONS *vendor = token->owner->cryptoki.vendor;
    CK_OPENUKEY_UNLOCK_CHALLENGE challenge = {0};
    CK_SESSION_HANDLE session;
    *unlock = (struct token_unlock){0};
    size_t len = strnlen(number, TOKEN_CASE_MAX + 1);
    if (!vendor || len == 0 || len > TOKEN_CASE_MAX)
        return TOKEN_UNSUPPORTED;
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    CK_RV rv = vendor->UnlockBegin(token->slot, (const CK_BYTE *)number, len, &challenge);
    if (rv != CKR_OK)
        error = cryptoki_error(rv, "UnlockBegin");
    memcpy(unlock->serial, challenge.serial, sizeof unlock->serial);
    memcpy(unlock->challenge, challenge.challenge, sizeof unlock->challenge);
    memcpy(unlock->number, number, len);
    unlock->number_len = len;
    return token_end(token, session, error);
}

enum token_error token_unlock_finish(struct token *token, const struct token_unlock *unlock,
                                     const unsigned char response[TOKEN_UNLOCK_RESPONSE],
                                     const char *pin, size_t pin_len, bool must_change) {
    const CK_OPENUKEY_FUNCTIONS *vendor = token->owner->cryptoki.vendor;
    CK_OPENUKEY_UNLOCK_CHALLENGE challenge = {.ulOrderLen = unlock->number_len};
    struct token_facts facts;
    CK_SESSION_HANDLE session;
    if (!vendor)
        return TOKEN_UNSUPPORTED;
    memcpy(challenge.serial, unlock->serial, sizeof challenge.serial);
    memcpy(challenge.challenge, unlock->challenge, sizeof challenge.challenge);
    memcpy(challenge.order, unlock->number, sizeof challenge.order);
    enum token_error error = token_begin(token, true, &session);
    if (error)
        return error;
    if (token->is_logged_in)
        logout_locked(token);
    /* as in try_pin() */
    CK_RV rv = vendor->UnlockFinish(token->slot, &challenge, response, TOKEN_UNLOCK_RESPONSE,
                                    (CK_UTF8CHAR *)(uintptr_t)pin, pin_len, must_change);
    if (rv != CKR_OK)
        error = cryptoki_error(rv, "UnlockFinish");
    else if (!must_change)
        error = try_pin(token, pin, pin_len);
    if (error != TOKEN_REMOVED)
        read_again(token, &facts);
    return token_end(token, session, error);
}

void token_logout(struct token *token) {
    pthread_mutex_lock(&token->lock);
    if (token->is_held)
        token->logout_waiting = true;
    else if (token->is_logged_in && token_is_present(token))
        logout_locked(token);
    pthread_mutex_unlock(&token->lock);
}

bool token_is_logged_in(struct token *token) {
    pthread_mutex_lock(&token->lock);
    bool is_logged_in = token->is_logged_in && token_is_present(token);
    pthread_mutex_unlock(&token->lock);
    return is_logged_in;
}

enum token_error token_hold(struct token *token, bool needs_login) {
    enum token_error error = TOKEN_OK;
    pthread_mutex_lock(&token->lock);
    if (!token_is_present(token))
        error = TOKEN_REMOVED;
    else if (token->is_held)
        error = TOKEN_BUSY;
    else if (needs_login && !token->is_logged_in)
        error = TOKEN_LOGIN_NEEDED;
    else
        token->is_held = true;
    pthread_mutex_unlock(&token->lock);
    return error;
}

void token_hold_end(struct token *token) {
    pthread_mutex_lock(&token->lock);
    token->is_held = false;
    if (token->logout_waiting && token_is_present(token))
        logout_locked(token);
    token->logout_waiting = false;
    pthread_mutex_unlock(&token->lock);
}
