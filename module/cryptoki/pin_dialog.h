/* Asking the person for a PIN in a window of our own, when the settings say so (pin-entry = dialog): a program that calls
 * C_Login without PIN then never sees one. */
#ifndef OPENUKEY_CRYPTOKI_PIN_DIALOG_H
#define OPENUKEY_CRYPTOKI_PIN_DIALOG_H

#include "module/cryptoki/slots.h"
#include "module/pinentry/pinentry.h"

enum pin_question {
    ASK_USER_PIN,
    ASK_SO_PIN,
    ASK_KEY_PIN, /* the user's, for one use of a key */
    ASK_NEW_USER_PIN,
    ASK_NEW_SO_PIN
};

/* A PIN that a call works with: the program's, or typed. */
struct pin_input {
    const CK_UTF8CHAR *text;
    CK_ULONG len;
    struct consent_pin *typed;
};

/* The program's PIN; if it is NULL, the person's. New PINs are typed twice. The token's transaction ends before the person is
 * asked; the slot stays locked. CKR_ARGUMENTS_BAD: NULL, and the settings leave PINs to the program;
 * CKR_FUNCTION_CANCELED: the person did, or did not answer in time, or C_Finalize came; CKR_PIN_INVALID: typed differently
 * three times; CKR_FUNCTION_FAILED: no window can be opened. Free it after every call. */
CK_RV pin_input_get(struct module *module, struct slot *slot, enum pin_question question,
                    const CK_UTF8CHAR *pin, CK_ULONG len, struct pin_input *out);
void pin_input_free(struct pin_input *input);

#endif
