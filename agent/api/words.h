/* The words that the key rooms put into dialogs and job progress, in Chinese and English. */
#ifndef AGENT_API_WORDS_H
#define AGENT_API_WORDS_H

#include "agent/http/http.h"

enum word {
    WORD_PIN_TITLE,
    WORD_PIN_DESCRIPTION, /* {1} origin, {2} key's label, {3} its serial */
    WORD_PIN_TRIES,       /* {1} tries left */
    WORD_PIN_PROMPT,
    WORD_PIN_LENGTH, /* {1} shortest, {2} longest */
    WORD_PIN_CHANGE_TITLE,
    WORD_PIN_CURRENT_PROMPT,
    WORD_PIN_NEW_PROMPT,
    WORD_PIN_REPEAT_PROMPT,
    WORD_PIN_DIFFERENT,
    WORD_PIN_SAME,
    WORD_PIN_WAIT, /* problem detail */
    WORD_OK,
    WORD_CANCEL,
    WORD_REFUSE,
    WORD_STATEMENT_MESSAGE,
    WORD_STATEMENT_AGREE,
    WORD_LOGIN_TITLE,
    WORD_LOGIN_MESSAGE,
    WORD_LOGIN_SERVICE,
    WORD_LOGIN_ORDER,
    WORD_LOGIN_AGREE,
    WORD_DOCUMENT_TITLE,
    WORD_DOCUMENT_MESSAGE,
    WORD_BATCH_TITLE, /* {1} how many */
    WORD_BATCH_MESSAGE,
    WORD_DOCUMENT_NAME,
    WORD_DOCUMENT_SIZE,
    WORD_DOCUMENT_BYTES,  /* {1} how many */
    WORD_DOCUMENT_DIGEST, /* {1} its algorithm */
    WORD_DECRYPT_TITLE,
    WORD_DECRYPT_MESSAGE,
    WORD_DECRYPT_AGREE,
    WORD_SEAL_NAME,
    WORD_STAMP_PLACE,
    WORD_STAMP_TITLE,
    WORD_STAMP_MESSAGE,
    WORD_STAMP_AGREE,
    WORD_RAW_TITLE,
    WORD_RAW_MESSAGE,
    WORD_PIN_UNSET, /* problem detail; likewise those that follow */
    WORD_UNKNOWN_KEY,
    WORD_DOCUMENT_IS_OBJECT,
    WORD_DOCUMENT_UNKNOWN,
    WORD_DOCUMENT_NOT_HELD,
    WORD_FORMAT_NOT_OF_KEY,
    WORD_RAW_OFF,
    WORD_RAW_LOGIN_KEY,
    WORD_NOT_SIGNING,
    WORD_JOB_WRITES, /* problem detail */
    WORD_NOT_EMPTY_TITLE,
    WORD_NOT_EMPTY_MESSAGE,
    WORD_FIXED_PIN_TITLE,
    WORD_FIXED_PIN_MESSAGE,
    WORD_UNLOCK_TITLE,
    WORD_JOB_ORDER,
    WORD_JOB_HOLDS, /* a certificate on the key */
    WORD_JOB_AGREE,
    WORD_STEP_READ_KEY, /* in the order of the steps */
    WORD_STEP_MATCH,
    WORD_STEP_EMPTY,
    WORD_STEP_CLAIM,
    WORD_STEP_GENERATE,
    WORD_STEP_REQUEST,
    WORD_STEP_SEND,
    WORD_STEP_RECOVER,
    WORD_STEP_CHALLENGE,
    WORD_STEP_SET_PIN,
    WORD_STEP_CHECK,
    WORD_STEP_UNWRAP,
    WORD_STEP_WRITE_CERTIFICATES,
    WORD_STEP_WRITE_SEAL,
    WORD_STEP_READ_BACK,
    WORD_STEP_PROVE,
    WORD_STEP_CONFIRM,
    WORD_STEP_RETIRE,
    WORD_COUNT
};

const char *word_text(enum word word, enum http_language language);

/* The text with {1}, {2}, {3} replaced by `values` (those that it names must be there). Cut to fit `size`, NUL-terminated. */
void word_fill(char *out, size_t size, enum word word, enum http_language language,
               const char *const values[3]);

#endif
