/* What can go wrong with a token, as values. Status words and transport errors become these; these become CKR_*. */
#ifndef OPENUKEY_TOKEN_TOKEN_ERROR_H
#define OPENUKEY_TOKEN_TOKEN_ERROR_H

enum token_error {
    TOKEN_OK = 0,
    TOKEN_MEMORY,         /* of the host */
    TOKEN_ARGUMENT,       /* outside what the token takes */
    TOKEN_REMOVED,        /* pulled out, or another one was put in */
    TOKEN_TIMEOUT,        /* no answer in time */
    TOKEN_BUSY,           /* another program holds it */
    TOKEN_DEVICE,         /* broken way, or an answer that makes no sense */
    TOKEN_NOT_RECOGNIZED, /* a card that no driver knows */
    TOKEN_BLANK,          /* no application on it yet */
    TOKEN_UNSUPPORTED,    /* the card lacks the function */
    TOKEN_NOT_LOGGED_IN,
    TOKEN_PIN_WRONG,
    TOKEN_PIN_LOCKED,
    TOKEN_PIN_LENGTH,
    TOKEN_PIN_MUST_CHANGE, /* good for nothing but being changed */
    TOKEN_NO_SPACE,
    TOKEN_WRITE_FAILED,
    TOKEN_NOT_FOUND, /* no such key, certificate, file */
    TOKEN_EXISTS,
    TOKEN_FORBIDDEN,      /* the card's rules do not allow it */
    TOKEN_BAD_DATA,       /* the card refused the data */
    TOKEN_DECRYPT_FAILED, /* the ciphertext or envelope does not open */
    TOKEN_STALE           /* what we knew of the card's state is no longer so: begin again */
};

/* Short English text for logs. */
const char *token_error_text(enum token_error error);

#endif
