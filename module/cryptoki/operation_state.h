/* Saved operation states (PKCS#11 3.2, 5.6.6 and 5.6.7).
 *
 * OpenSSL gives nobody the inside of a digest or cipher, so a state is kept in this process and what the program gets is its
 * name: it can be given to any session with the same token, as often as wanted, until the token's last session is
 * closed. A slot keeps STATES_MAX; the oldest goes first. Keys are part of it (CKF_RESTORE_KEY_NOT_NEEDED). */
#ifndef OPENUKEY_CRYPTOKI_OPERATION_STATE_H
#define OPENUKEY_CRYPTOKI_OPERATION_STATE_H

#include "module/cryptoki/sessions.h"

enum { STATES_MAX = 64 };

CK_RV operation_state_get(struct session *session, CK_BYTE_PTR out, CK_ULONG_PTR out_len);
CK_RV operation_state_set(struct session *session, CK_BYTE_PTR state, CK_ULONG len,
                          CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key);

/* Those with private objects, at logout; all of a slot. */
void operation_states_drop_private(struct slot *slot);
void operation_states_drop_all(struct slot *slot);

#endif
