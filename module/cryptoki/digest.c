/* Digests, on the host. */
#include "module/cryptoki/host.h"
#include "module/cryptoki/operation_rules.h"

#include <string.h>

CK_RV digest_init(struct session *session, CK_MECHANISM_PTR mechanism) {
    struct operation *operation;
    CK_RV rv = operation_begin(session, OPERATION_DIGEST, mechanism, CKF_DIGEST, &operation);
    if (operation == NULL) {
        return rv;
    }
    rv = operation_start_digest(session, operation, NULL);
    if (rv != CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

static CK_RV deliver(struct operation *operation, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    uint8_t hash[EVP_MAX_MD_SIZE];
    size_t len;
    CK_RV rv = host_digest_final(operation->digest, hash, &len);
    if (rv == CKR_OK) {
        memcpy(out, hash, len);
        *out_len = len;
    }
    operation_end(operation);
    return rv;
}

CK_RV digest_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                  CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_one_shot(session, OPERATION_DIGEST, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out_len == NULL || (data == NULL && len > 0)) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    if (output_is_settled(out, out_len, host_digest_size(operation->mechanism->digest), &rv)) {
        return rv;
    }
    rv = host_digest_update(operation->digest, data, len);
    if (rv != CKR_OK) {
        operation_end(operation);
        return rv;
    }
    return deliver(operation, out, out_len);
}

CK_RV digest_update(struct session *session, CK_BYTE_PTR part, CK_ULONG len) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, OPERATION_DIGEST, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    operation->is_updated = true;
    rv = part == NULL && len > 0 ? CKR_ARGUMENTS_BAD
                                 : host_digest_update(operation->digest, part, len);
    if (rv != CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

CK_RV digest_final(struct session *session, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, OPERATION_DIGEST, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out_len == NULL) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    if (output_is_settled(out, out_len, host_digest_size(operation->mechanism->digest), &rv)) {
        return rv;
    }
    return deliver(operation, out, out_len);
}
