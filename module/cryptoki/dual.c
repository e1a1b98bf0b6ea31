/* Dual operations (5.13): one pass over the data for a cipher and a digest, signature or MAC. */
#include "module/cryptoki/operation_rules.h"

/* Both are active, and the second takes its data in parts. */
static CK_RV both(struct session *session, enum operation_kind cipher, enum operation_kind kind,
                  struct operation **out) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, cipher, &operation);
    return rv == CKR_OK ? operation_multi_part(session, kind, out) : rv;
}

static void end_both(struct session *session, enum operation_kind cipher,
                     enum operation_kind kind) {
    operation_end(&session->operations[cipher]);
    operation_end(&session->operations[kind]);
}

CK_RV dual_encrypt_update(struct session *session, enum operation_kind kind, CK_BYTE_PTR part,
                          CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct operation *second;
    CK_RV rv = both(session, OPERATION_ENCRYPT, kind, &second);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out == NULL) { /* a length query takes nothing in */
        rv = crypt_update(session, OPERATION_ENCRYPT, part, len, NULL, out_len);
        if (rv != CKR_OK) {
            end_both(session, OPERATION_ENCRYPT, kind);
        }
        return rv;
    }
    /* the digest goes first, as the encryption may write over the data; so room is asked for before either */
    struct operation *cipher = &session->operations[OPERATION_ENCRYPT];
    if (out_len != NULL && !is_missing(part, len) && cipher->cipher != NULL) {
        CK_ULONG needed = 0;
        rv = crypt_update(session, OPERATION_ENCRYPT, part, len, NULL, &needed);
        if (rv == CKR_OK && *out_len < needed) {
            *out_len = needed;
            return CKR_BUFFER_TOO_SMALL;
        }
        if (rv == CKR_OK) {
            rv = operation_update(session, kind, part, len);
        }
    }
    if (rv == CKR_OK) {
        rv = crypt_update(session, OPERATION_ENCRYPT, part, len, out, out_len);
    }
    if (rv != CKR_OK) {
        end_both(session, OPERATION_ENCRYPT, kind);
    }
    return rv;
}

CK_RV dual_decrypt_update(struct session *session, enum operation_kind kind, CK_BYTE_PTR part,
                          CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct operation *second;
    CK_RV rv = both(session, OPERATION_DECRYPT, kind, &second);
    if (rv != CKR_OK) {
        return rv;
    }
    rv = crypt_update(session, OPERATION_DECRYPT, part, len, out, out_len);
    if (rv == CKR_OK && out != NULL) {
        rv = operation_update(session, kind, out, *out_len);
    }
    if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL) {
        end_both(session, OPERATION_DECRYPT, kind);
    }
    return rv;
}
