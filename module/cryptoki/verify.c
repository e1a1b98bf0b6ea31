/* Verification with the token's public keys, on the host. */
#include "module/cryptoki/errors.h"
#include "module/cryptoki/host.h"
#include "module/cryptoki/operation_rules.h"

CK_RV verify_init(struct session *session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
    struct operation *operation;
    struct key_entry *entry;
    CK_RV rv = operation_begin(session, OPERATION_VERIFY, mechanism, CKF_VERIFY, &operation);
    if (operation == NULL) {
        return rv;
    }
    rv = operation_key(session, operation->mechanism, key, OBJECT_PUBLIC_KEY, CKA_VERIFY, &entry);
    if (rv == CKR_OK) {
        operation->key = key;
        rv = operation_start_digest(session, operation, entry);
    }
    if (rv != CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

static CK_RV finish(struct session *session, struct operation *operation, const uint8_t *data,
                    size_t len, const uint8_t *signature, size_t signature_len) {
    struct key_entry *entry;
    const struct token_public_key *public_key = NULL;
    uint8_t hash[EVP_MAX_MD_SIZE];
    CK_RV rv = signature == NULL ? CKR_ARGUMENTS_BAD : CKR_OK;
    if (rv == CKR_OK && operation->digest != NULL) {
        rv = host_digest_update(operation->digest, data, len);
        if (rv == CKR_OK) {
            rv = host_digest_final(operation->digest, hash, &len);
        }
        data = hash;
    }
    if (rv == CKR_OK) {
        rv = operation_key(session, operation->mechanism, operation->key, OBJECT_PUBLIC_KEY,
                           CKA_VERIFY, &entry);
    }
    if (rv == CKR_OK) {
        rv = rv_from_token(token_object_public_key(session_token(session), entry, &public_key));
    }
    if (rv == CKR_OK) {
        rv = host_verify(session->module->libctx, operation->mechanism, &operation->parameters,
                         public_key, data, len, signature, signature_len);
    }
    operation_end(operation);
    return rv;
}

CK_RV verify_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR signature,
                  CK_ULONG signature_len) {
    struct operation *operation;
    CK_RV rv = operation_one_shot(session, OPERATION_VERIFY, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (data == NULL && len > 0) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    return finish(session, operation, data, len, signature, signature_len);
}

CK_RV verify_update(struct session *session, CK_BYTE_PTR part, CK_ULONG len) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, OPERATION_VERIFY, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    operation->is_updated = true;
    if (operation->digest == NULL) {
        rv = CKR_FUNCTION_NOT_SUPPORTED; /* a single-part mechanism */
    } else if (part == NULL && len > 0) {
        rv = CKR_ARGUMENTS_BAD;
    } else {
        rv = host_digest_update(operation->digest, part, len);
    }
    if (rv != CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

CK_RV verify_final(struct session *session, CK_BYTE_PTR signature, CK_ULONG signature_len) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, OPERATION_VERIFY, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (operation->digest == NULL) {
        operation_end(operation);
        return CKR_FUNCTION_NOT_SUPPORTED;
    }
    return finish(session, operation, NULL, 0, signature, signature_len);
}
