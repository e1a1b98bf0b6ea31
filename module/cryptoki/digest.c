/* Digests, on the host; random numbers, of the card. */
#include "module/cryptoki/errors.h"
#include "module/cryptoki/host.h"
#include "module/cryptoki/operation_rules.h"

#include <string.h>

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
    if (out_len == NULL || is_missing(data, len)) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    if (output_is_settled(out, out_len, operation->output_size, &rv)) {
        return rv;
    }
    rv = host_digest_update(operation->digest, data, len);
    if (rv != CKR_OK) {
        operation_end(operation);
        return rv;
    }
    return deliver(operation, out, out_len);
}

CK_RV digest_key(struct session *session, CK_OBJECT_HANDLE handle) {
    struct operation *operation;
    struct key key;
    CK_RV rv = operation_multi_part(session, OPERATION_DIGEST, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    operation->is_updated = true;
    rv = key_find(session, handle, &key);
    if (rv == CKR_OK && key.object_class != CKO_SECRET_KEY) {
        rv = CKR_KEY_INDIGESTIBLE;
    }
    if (rv == CKR_OK) {
        size_t len;
        const uint8_t *secret = key_secret(&key, &len);
        rv = host_digest_update(operation->digest, secret, len);
    }
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
    if (output_is_settled(out, out_len, operation->output_size, &rv)) {
        return rv;
    }
    return deliver(operation, out, out_len);
}

CK_RV random_generate(struct session *session, CK_BYTE_PTR out, CK_ULONG len) {
    if (is_missing(out, len)) {
        return CKR_ARGUMENTS_BAD;
    }
    if (len == 0) {
        return CKR_OK;
    }
    return rv_from_token(token_random(session_token(session), out, len));
}
