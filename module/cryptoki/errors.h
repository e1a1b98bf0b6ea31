/* Token errors as return values of Cryptoki: the one table. */
#ifndef OPENUKEY_CRYPTOKI_ERRORS_H
#define OPENUKEY_CRYPTOKI_ERRORS_H

#include "module/token/token_error.h"
#include "pkcs11.h"

/* Calls with a better word for one of the errors translate that one themselves. */
CK_RV rv_from_token(enum token_error error);

#endif
