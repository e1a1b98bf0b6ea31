/* Spy mode: every call, its arguments and results, and its commands to the card, in a file (docs/module.md). Lengths are shown, never
 * contents: no PIN, key, plaintext or ciphertext; of attributes, only numbers and truth values. */
#ifndef OPENUKEY_CRYPTOKI_SPY_H
#define OPENUKEY_CRYPTOKI_SPY_H

#include "pkcs11.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `params`: the parameters as they stand in the source, in parentheses; values: one for each. */
struct spy_call {
    const char *name, *params;
    const uintptr_t *values;
    size_t count;
};

void spy_before(const struct spy_call *call);
void spy_after(const struct spy_call *call, CK_RV rv);

/* True if the configuration asks for it; looked at once. */
bool spy_is_wanted(void);

/* Function lists whose calls go through here to the real ones. */
extern CK_FUNCTION_LIST spy_list_2_40;
extern CK_FUNCTION_LIST_3_0 spy_list_3_0;
extern CK_FUNCTION_LIST_3_2 spy_list_3_2;

#endif
