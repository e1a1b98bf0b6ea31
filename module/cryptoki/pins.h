/* Login, PINs, initialisation of tokens. Called with the slot locked. */
#ifndef OPENUKEY_CRYPTOKI_PINS_H
#define OPENUKEY_CRYPTOKI_PINS_H

#include "module/cryptoki/sessions.h"

CK_RV pin_login(struct session *session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len);
CK_RV pin_logout(struct session *session);
CK_RV pin_init(struct session *session, CK_UTF8CHAR_PTR pin, CK_ULONG len);
CK_RV pin_set(struct session *session, CK_UTF8CHAR_PTR old_pin, CK_ULONG old_len,
              CK_UTF8CHAR_PTR new_pin, CK_ULONG new_len);
CK_RV token_init(struct module *module, struct slot *slot, CK_UTF8CHAR_PTR pin, CK_ULONG len,
                 CK_UTF8CHAR_PTR label);

#endif
