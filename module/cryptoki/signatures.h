/* Making and checking one signature or MAC, for calls and for messages. Neither ends the operation. */
#ifndef OPENUKEY_CRYPTOKI_SIGNATURES_H
#define OPENUKEY_CRYPTOKI_SIGNATURES_H

#include "module/cryptoki/operation_rules.h"

/* The mechanism takes its data in parts. */
bool signature_has_parts(const struct operation *operation);

/* The signature over all that was absorbed and `data`. out has room for operation->output_size. */
CK_RV signature_make(struct session *session, enum operation_kind kind, struct operation *operation,
                     const uint8_t *data, size_t len, CK_BYTE_PTR out, CK_ULONG_PTR out_len);

/* CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE; CKR_ARGUMENTS_BAD if there is none. */
CK_RV signature_check(struct session *session, enum operation_kind kind,
                      struct operation *operation, const uint8_t *data, size_t len,
                      const uint8_t *signature, size_t signature_len);

#endif
