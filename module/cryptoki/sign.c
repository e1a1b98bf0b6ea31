/* Signatures: hashed on the host, padded where the card does not, made by the card. */
#include "module/cryptoki/errors.h"
#include "module/cryptoki/host.h"
#include "module/cryptoki/operation_rules.h"
#include "module/cryptoki/rsa_padding.h"
#include "module/token/key_use.h"

#include <string.h>

enum { PKCS1_OVERHEAD = 11 };

static size_t signature_size(const struct operation *operation) {
    return operation->mechanism->family == FAMILY_SM2 ? SM2_RAW_SIGNATURE : RSA2048_SIZE;
}

CK_RV sign_init(struct session *session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
    struct operation *operation;
    struct key_entry *entry;
    CK_RV rv = operation_begin(session, OPERATION_SIGN, mechanism, CKF_SIGN, &operation);
    if (operation == NULL) {
        return rv;
    }
    rv = operation_key(session, operation->mechanism, key, OBJECT_PRIVATE_KEY, CKA_SIGN, &entry);
    if (rv == CKR_OK) {
        operation->key = key;
        rv = operation_start_digest(session, operation, entry);
    }
    if (rv != CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

/* Pads `data` (the hash, or the data itself) as the scheme wants and has the card sign it. */
static CK_RV sign_data(struct session *session, const struct operation *operation,
                       struct key_entry *key, const uint8_t *data, size_t len, uint8_t *signature,
                       size_t *signature_len) {
    const struct mechanism *mechanism = operation->mechanism;
    OSSL_LIB_CTX *libctx = session->module->libctx;
    uint8_t block[RSA2048_SIZE] = {0};
    enum private_operation what = PRIVATE_RSA_RAW;
    size_t block_len = sizeof(block);
    CK_RV rv = CKR_OK;
    switch (mechanism->scheme) {
    case SCHEME_RSA_PKCS1:
        what = PRIVATE_RSA_PKCS1_SIGN;
        if (mechanism->digest != NULL) {
            rv = host_digest_info(mechanism->digest, data, len, block, sizeof(block), &block_len);
        } else if (len <= sizeof(block) - PKCS1_OVERHEAD) {
            if (len > 0) {
                memcpy(block, data, len);
            }
            block_len = len;
        } else {
            rv = CKR_DATA_LEN_RANGE;
        }
        break;
    case SCHEME_RSA_PSS:
        rv = rsa_pss_encode(libctx, operation->parameters.digest, operation->parameters.mgf_digest,
                            operation->parameters.salt_len, data, len, block, sizeof(block));
        break;
    case SCHEME_RSA_RAW:
        rv = len <= sizeof(block) ? CKR_OK : CKR_DATA_LEN_RANGE;
        if (rv == CKR_OK && len > 0) {
            memcpy(block + sizeof(block) - len, data, len);
        }
        break;
    case SCHEME_SM2_SIGN:
        what = PRIVATE_SM2_SIGN;
        rv = len == SM3_SIZE ? CKR_OK : CKR_DATA_LEN_RANGE;
        if (rv == CKR_OK) {
            memcpy(block, data, len);
            block_len = len;
        }
        break;
    default:
        rv = CKR_MECHANISM_INVALID;
        break;
    }
    if (rv == CKR_OK) {
        rv = rv_from_token(token_use_key(session_token(session), key, what, block, block_len,
                                         signature, signature_size(operation), signature_len));
    }
    return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

/* The card's part; ends the operation. `data` NULL: what the digest has. */
static CK_RV finish(struct session *session, struct operation *operation, const uint8_t *data,
                    size_t len, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct token *token = session_token(session);
    struct key_entry *entry;
    uint8_t hash[EVP_MAX_MD_SIZE], signature[RSA2048_SIZE];
    size_t signature_len = 0;
    CK_RV rv = CKR_OK;
    if (operation->digest != NULL) {
        rv = host_digest_update(operation->digest, data, len);
        if (rv == CKR_OK) {
            rv = host_digest_final(operation->digest, hash, &len);
        }
        data = hash;
    }
    if (rv == CKR_OK) {
        rv = rv_from_token(
            token_enter(token)); /* first: it may find that the key is another one now */
    }
    if (rv == CKR_OK) {
        rv = operation_key(session, operation->mechanism, operation->key, OBJECT_PRIVATE_KEY,
                           CKA_SIGN, &entry);
    }
    if (rv == CKR_OK) {
        rv = sign_data(session, operation, entry, data, len, signature, &signature_len);
    }
    if (rv == CKR_OK) {
        memcpy(out, signature, signature_len);
        *out_len = signature_len;
    }
    operation_end(operation);
    return rv;
}

CK_RV sign_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_one_shot(session, OPERATION_SIGN, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out_len == NULL || (data == NULL && len > 0)) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    if (output_is_settled(out, out_len, signature_size(operation), &rv)) {
        return rv;
    }
    return finish(session, operation, data, len, out, out_len);
}

CK_RV sign_update(struct session *session, CK_BYTE_PTR part, CK_ULONG len) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, OPERATION_SIGN, &operation);
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

CK_RV sign_final(struct session *session, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, OPERATION_SIGN, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out_len == NULL || operation->digest == NULL) {
        rv = out_len == NULL ? CKR_ARGUMENTS_BAD : CKR_FUNCTION_NOT_SUPPORTED;
        operation_end(operation);
        return rv;
    }
    if (output_is_settled(out, out_len, signature_size(operation), &rv)) {
        return rv;
    }
    return finish(session, operation, NULL, 0, out, out_len);
}

CK_RV random_generate(struct session *session, CK_BYTE_PTR out, CK_ULONG len) {
    if (out == NULL && len > 0) {
        return CKR_ARGUMENTS_BAD;
    }
    return len == 0 ? CKR_OK : rv_from_token(token_random(session_token(session), out, len));
}
