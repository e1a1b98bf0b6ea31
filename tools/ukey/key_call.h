/* How the rooms that speak Cryptoki judge an answer. */
#ifndef TOOLS_UKEY_KEY_CALL_H
#define TOOLS_UKEY_KEY_CALL_H

#include <pkcs11.h>
#include <stdbool.h>

/* True for CKR_OK; else complains that `what` gave `rv`. */
bool key_call(CK_RV rv, const char *what);

#endif
