/* The rules that all operations share (PKCS#11 3.2, 5.2 and 5.8 - 5.17), each in one place:
 *   - one operation of each kind at a time; a NULL mechanism ends the active one (3.0);
 *   - an error ends the operation; a length query and CKR_BUFFER_TOO_SMALL do not;
 *   - a one-shot call after Update fails, and ends it;
 *   - the key is looked at when the operation begins and again when it is used: it may be gone, or the user logged out;
 *   - a key that wants the PIN each time gets it between Init and the call that uses it. */
#ifndef OPENUKEY_CRYPTOKI_OPERATION_RULES_H
#define OPENUKEY_CRYPTOKI_OPERATION_RULES_H

#include "module/cryptoki/keys.h"
#include "module/cryptoki/operations.h"
#include "module/cryptoki/sessions.h"

/* The active operation for a one-shot call. CKR_OPERATION_NOT_INITIALIZED; CKR_OPERATION_ACTIVE after an Update, which
 * ends it. */
CK_RV operation_one_shot(struct session *session, enum operation_kind kind, struct operation **out);
/* The same for Update and Final. */
CK_RV operation_multi_part(struct session *session, enum operation_kind kind,
                           struct operation **out);

/* What an operation needs from the start: its digest, MAC or cipher, anew. `key` NULL for digests. */
CK_RV operation_start(struct session *session, enum operation_kind kind,
                      struct operation *operation, const struct key *key);
/* Takes those away again; the operation stays active. */
void operation_stop(struct operation *operation);

/* More of the message, to the digest or MAC. CKR_FUNCTION_NOT_SUPPORTED: the mechanism takes its data at once. */
CK_RV operation_absorb(struct operation *operation, const uint8_t *part, size_t len);

/* The key, as at the beginning. */
CK_RV operation_find_key(struct session *session, enum operation_kind kind,
                         const struct operation *operation, struct key *out);
/* The same when it is about to be used. CKR_USER_NOT_LOGGED_IN: also when it wanted the PIN for this
 * use and did not get it. */
CK_RV operation_key(struct session *session, enum operation_kind kind, struct operation *operation,
                    struct key *out);

/* True when the call is over without ending the operation: a length query (*rv CKR_OK) or too small a buffer. Sets
 * *out_len to `needed` then. */
bool output_is_settled(CK_BYTE_PTR out, CK_ULONG_PTR out_len, size_t needed, CK_RV *rv);
/* Gives what there is room for; ends nothing. */
void output_give(const struct octets *octets, CK_BYTE_PTR out, CK_ULONG_PTR out_len);

/* False for data of no bytes whose pointer does not matter, and for data with one. */
static inline bool is_missing(const void *data, CK_ULONG len) {
    return data == NULL && len > 0;
}

#endif
