/* Signatures and MACs, made and verified: hashed on the host; private keys where they are, public keys on the host. */
#include "module/cryptoki/signatures.h"
#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/host_secret.h"
#include "module/cryptoki/operation_rules.h"
#include "module/cryptoki/private_use.h"

#include <openssl/crypto.h>
#include <string.h>

/* The last of the message goes in; what the key works on comes out: the hash, or the message itself. */
static CK_RV conclude(struct operation *operation, const uint8_t **data, size_t *len,
                      uint8_t hash[EVP_MAX_MD_SIZE]) {
    if (operation->digest == NULL) {
        return CKR_OK;
    }
    CK_RV rv = host_digest_update(operation->digest, *data, *len);
    if (rv == CKR_OK) {
        rv = host_digest_final(operation->digest, hash, len);
        *data = hash;
    }
    return rv;
}

static CK_RV make_mac(struct operation *operation, const uint8_t *data, size_t len,
                      uint8_t mac[EVP_MAX_MD_SIZE]) {
    size_t mac_len;
    CK_RV rv = host_mac_update(operation->mac, data, len);
    return rv == CKR_OK ? host_mac_final(operation->mac, mac, &mac_len) : rv;
}

CK_RV signature_make(struct session *session, enum operation_kind kind, struct operation *operation,
                     const uint8_t *data, size_t len, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    uint8_t hash[EVP_MAX_MD_SIZE], signature[RSA_BLOCK_MAX];
    size_t signature_len = operation->output_size;
    CK_RV rv;
    if (operation->mac != NULL) {
        rv = make_mac(operation, data, len, signature);
    } else {
        struct key key;
        rv = conclude(operation, &data, &len, hash);
        if (rv == CKR_OK) {
            rv = operation_key(session, kind, operation, &key);
        }
        if (rv == CKR_OK) {
            rv = private_sign(session, operation->mechanism, &operation->parameters, &key, data,
                              len, signature, &signature_len);
        }
    }
    if (rv == CKR_OK && signature_len != operation->output_size) {
        rv = CKR_DEVICE_ERROR;
    }
    if (rv == CKR_OK) {
        memcpy(out, signature, signature_len);
        *out_len = signature_len;
    }
    return rv;
}

CK_RV signature_check(struct session *session, enum operation_kind kind,
                      struct operation *operation, const uint8_t *data, size_t len,
                      const uint8_t *signature, size_t signature_len) {
    uint8_t hash[EVP_MAX_MD_SIZE];
    if (signature == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    if (signature_len != operation->output_size) {
        return CKR_SIGNATURE_LEN_RANGE;
    }
    if (operation->mac != NULL) {
        CK_RV rv = make_mac(operation, data, len, hash);
        bool same = rv == CKR_OK && CRYPTO_memcmp(hash, signature, signature_len) == 0;
        OPENSSL_cleanse(hash, sizeof(hash));
        return rv != CKR_OK ? rv : same ? CKR_OK : CKR_SIGNATURE_INVALID;
    }
    struct key key;
    EVP_PKEY *pkey = NULL;
    CK_RV rv = conclude(operation, &data, &len, hash);
    if (rv == CKR_OK) {
        rv = operation_key(session, kind, operation, &key);
    }
    if (rv == CKR_OK) {
        rv = key_pkey(session, &key, &pkey);
    }
    if (rv == CKR_OK) {
        rv = host_verify(session->module->libctx, operation->mechanism, &operation->parameters,
                         pkey, data, len, signature, signature_len);
    }
    EVP_PKEY_free(pkey);
    return rv;
}

bool signature_has_parts(const struct operation *operation) {
    return operation->digest != NULL || operation->mac != NULL;
}

/* ---- signing ---- */

/* One-shot and Final: all that is still to come is here. */
static CK_RV sign_rest(struct session *session, enum operation_kind kind,
                       struct operation *operation, const uint8_t *data, CK_ULONG len,
                       CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    CK_RV rv;
    if (out_len == NULL || is_missing(data, len)) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    if (output_is_settled(out, out_len, operation->output_size, &rv)) {
        return rv;
    }
    rv = signature_make(session, kind, operation, data, len, out, out_len);
    operation_end(operation);
    return rv;
}

CK_RV sign_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_one_shot(session, OPERATION_SIGN, &operation);
    return rv != CKR_OK ? rv
                        : sign_rest(session, OPERATION_SIGN, operation, data, len, out, out_len);
}

CK_RV sign_final(struct session *session, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, OPERATION_SIGN, &operation);
    if (rv == CKR_OK && !signature_has_parts(operation)) {
        operation_end(operation);
        rv = CKR_FUNCTION_NOT_SUPPORTED; /* a single-part mechanism */
    }
    return rv != CKR_OK ? rv : sign_rest(session, OPERATION_SIGN, operation, NULL, 0, out, out_len);
}

CK_RV sign_recover(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                   CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_one_shot(session, OPERATION_SIGN_RECOVER, &operation);
    return rv != CKR_OK
               ? rv
               : sign_rest(session, OPERATION_SIGN_RECOVER, operation, data, len, out, out_len);
}

/* ---- verifying ---- */

CK_RV verify_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR signature,
                  CK_ULONG signature_len) {
    struct operation *operation;
    CK_RV rv = operation_one_shot(session, OPERATION_VERIFY, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    rv = is_missing(data, len) ? CKR_ARGUMENTS_BAD
                               : signature_check(session, OPERATION_VERIFY, operation, data, len,
                                                 signature, signature_len);
    operation_end(operation);
    return rv;
}

CK_RV verify_final(struct session *session, CK_BYTE_PTR signature, CK_ULONG signature_len) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, OPERATION_VERIFY, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    rv = signature_has_parts(operation) ? signature_check(session, OPERATION_VERIFY, operation,
                                                          NULL, 0, signature, signature_len)
                                        : CKR_FUNCTION_NOT_SUPPORTED;
    operation_end(operation);
    return rv;
}

CK_RV verify_recover(struct session *session, CK_BYTE_PTR signature, CK_ULONG signature_len,
                     CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct operation *operation;
    struct key key;
    EVP_PKEY *pkey = NULL;
    CK_RV rv = operation_one_shot(session, OPERATION_VERIFY_RECOVER, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out_len == NULL || signature == NULL) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    uint8_t data[RSA_BLOCK_MAX];
    size_t len = 0;
    rv = operation_key(session, OPERATION_VERIFY_RECOVER, operation, &key);
    if (rv == CKR_OK) {
        rv = key_pkey(session, &key, &pkey);
    }
    if (rv == CKR_OK) {
        rv = host_recover(session->module->libctx, operation->mechanism, pkey, signature,
                          signature_len, data, &len);
    }
    EVP_PKEY_free(pkey);
    if (rv == CKR_OK && output_is_settled(out, out_len, len, &rv)) {
        return rv;
    }
    if (rv == CKR_OK) {
        output_give(&(struct octets){data, len}, out, out_len);
    }
    operation_end(operation);
    return rv;
}

/* ---- verifying with the signature given first (5.16) ---- */

CK_RV verify_signature_init(struct session *session, CK_MECHANISM_PTR mechanism,
                            CK_OBJECT_HANDLE key, CK_BYTE_PTR signature, CK_ULONG signature_len) {
    struct operation *operation = &session->operations[OPERATION_VERIFY_SIGNATURE];
    bool was_active = operation->mechanism != NULL;
    CK_RV rv = operation_init(session, OPERATION_VERIFY_SIGNATURE, mechanism, key);
    if (rv != CKR_OK || was_active) {
        return rv;
    }
    if (signature == NULL) {
        rv = CKR_ARGUMENTS_BAD;
    } else if (signature_len != operation->output_size) {
        rv = CKR_SIGNATURE_LEN_RANGE;
    } else if (octets_copy(&operation->signature, signature, signature_len) != FORMATS_OK) {
        rv = CKR_HOST_MEMORY;
    }
    if (rv != CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

static CK_RV check_given(struct session *session, struct operation *operation, const uint8_t *data,
                         CK_ULONG len) {
    CK_RV rv = is_missing(data, len)
                   ? CKR_ARGUMENTS_BAD
                   : signature_check(session, OPERATION_VERIFY_SIGNATURE, operation, data, len,
                                     operation->signature.data, operation->signature.len);
    operation_end(operation);
    return rv;
}

CK_RV verify_signature_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len) {
    struct operation *operation;
    CK_RV rv = operation_one_shot(session, OPERATION_VERIFY_SIGNATURE, &operation);
    return rv != CKR_OK ? rv : check_given(session, operation, data, len);
}

CK_RV verify_signature_final(struct session *session) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, OPERATION_VERIFY_SIGNATURE, &operation);
    if (rv == CKR_OK && !signature_has_parts(operation)) {
        operation_end(operation);
        rv = CKR_FUNCTION_NOT_SUPPORTED;
    }
    return rv != CKR_OK ? rv : check_given(session, operation, NULL, 0);
}
