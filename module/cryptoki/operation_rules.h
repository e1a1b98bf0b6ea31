/* What the files of operations share: beginning one, the rules of output buffers, finding the key. */
#ifndef OPENUKEY_CRYPTOKI_OPERATION_RULES_H
#define OPENUKEY_CRYPTOKI_OPERATION_RULES_H

#include "module/cryptoki/objects.h"
#include "module/cryptoki/operations.h"
#include "module/cryptoki/sessions.h"

/* The operation, freshly begun with a mechanism that has capability `flag`; a NULL mechanism ends an active one (3.0).
 * *out is NULL when there is nothing to do. CKR_OPERATION_ACTIVE. */
CK_RV operation_begin(struct session *session, enum operation_kind kind, CK_MECHANISM_PTR mechanism,
                      CK_FLAGS flag, struct operation **out);

/* The active operation for a one-shot call or Update/Final. CKR_OPERATION_NOT_INITIALIZED; for a one-shot call
 * CKR_OPERATION_ACTIVE after an Update, which ends it. */
CK_RV operation_one_shot(struct session *session, enum operation_kind kind, struct operation **out);
CK_RV operation_multi_part(struct session *session, enum operation_kind kind,
                           struct operation **out);

/* True when the call is over without ending the operation: a length query (*rv CKR_OK) or too small a buffer. Sets
 * *out_len to `needed` then. */
bool output_is_settled(CK_BYTE_PTR out, CK_ULONG_PTR out_len, size_t needed, CK_RV *rv);

/* The key object of an operation: of this kind, fitting the mechanism, allowed to do it. Private keys need the user's
 * login. CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_USER_NOT_LOGGED_IN. */
CK_RV operation_key(struct session *session, const struct mechanism *mechanism,
                    CK_OBJECT_HANDLE handle, enum object_kind kind, CK_ATTRIBUTE_TYPE usage,
                    struct key_entry **out);

/* Begins the digest of a mechanism that hashes; for SM2 with Z, which reads the public key once. */
CK_RV operation_start_digest(struct session *session, struct operation *operation,
                             struct key_entry *key);

#endif
