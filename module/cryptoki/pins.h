/* Login, PINs, initialisation of tokens. Called with the slot locked. A NULL PIN means that the person is asked
 * (pin_dialog.h), if the settings say so; else it is CKR_ARGUMENTS_BAD. */
#ifndef OPENUKEY_CRYPTOKI_PINS_H
#define OPENUKEY_CRYPTOKI_PINS_H

#include "module/cryptoki/sessions.h"

CK_RV pin_login(struct session *session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len);
/* No token here knows users by name: a name is CKR_ARGUMENTS_BAD, none is C_Login. */
CK_RV pin_login_user(struct session *session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len,
                     const CK_UTF8CHAR *name, CK_ULONG name_len);
CK_RV pin_logout(struct session *session);
/* The security officer is logged in. A PIN that must be changed (vendor interface): CKR_FUNCTION_NOT_SUPPORTED if the card
 * cannot mark it. */
CK_RV pin_init(struct session *session, CK_UTF8CHAR_PTR pin, CK_ULONG len, bool must_change);
CK_RV pin_set(struct session *session, CK_UTF8CHAR_PTR old_pin, CK_ULONG old_len,
              CK_UTF8CHAR_PTR new_pin, CK_ULONG new_len);
CK_RV token_init(struct module *module, struct slot *slot, CK_UTF8CHAR_PTR pin, CK_ULONG len,
                 CK_UTF8CHAR_PTR label);

/* The vendor interface's remote unlock. */
CK_RV unlock_begin(struct module *module, struct slot *slot, const CK_BYTE *order,
                   CK_ULONG order_len, CK_OPENUKEY_UNLOCK_CHALLENGE *challenge);
CK_RV unlock_finish(struct module *module, struct slot *slot,
                    const CK_OPENUKEY_UNLOCK_CHALLENGE *challenge, const CK_BYTE *response,
                    CK_ULONG response_len, CK_UTF8CHAR_PTR new_pin, CK_ULONG new_len,
                    CK_BBOOL must_change);
CK_RV unlock_set_key(struct module *module, struct slot *slot, const CK_BYTE *key,
                     CK_ULONG key_len);

#endif
