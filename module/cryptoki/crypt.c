/* Encryption to the token's public keys on the host; decryption by the card. Single-part, as all these mechanisms are. */
#include "module/cryptoki/errors.h"
#include "module/cryptoki/host.h"
#include "module/cryptoki/operation_rules.h"
#include "module/cryptoki/rsa_padding.h"
#include "module/token/key_use.h"

#include <openssl/crypto.h>
#include <string.h>

static CK_RV init(struct session *session, enum operation_kind which, CK_MECHANISM_PTR mechanism,
                  CK_OBJECT_HANDLE key, CK_FLAGS flag, enum object_kind kind,
                  CK_ATTRIBUTE_TYPE usage) {
    struct operation *operation;
    struct key_entry *entry;
    CK_RV rv = operation_begin(session, which, mechanism, flag, &operation);
    if (operation == NULL) {
        return rv;
    }
    rv = operation_key(session, operation->mechanism, key, kind, usage, &entry);
    operation->key = key;
    if (rv != CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

CK_RV encrypt_init(struct session *session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
    return init(session, OPERATION_ENCRYPT, mechanism, key, CKF_ENCRYPT, OBJECT_PUBLIC_KEY,
                CKA_ENCRYPT);
}

CK_RV decrypt_init(struct session *session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
    return init(session, OPERATION_DECRYPT, mechanism, key, CKF_DECRYPT, OBJECT_PRIVATE_KEY,
                CKA_DECRYPT);
}

CK_RV encrypt_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                   CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_one_shot(session, OPERATION_ENCRYPT, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    bool is_sm2 = operation->mechanism->family == FAMILY_SM2;
    if (out_len == NULL || (data == NULL && len > 0)) {
        rv = CKR_ARGUMENTS_BAD;
    } else if (len > SM2_PLAIN_MAX) {
        rv = CKR_DATA_LEN_RANGE;
    }
    if (rv == CKR_OK &&
        output_is_settled(out, out_len, is_sm2 ? len + SM2_RAW_CIPHER_OVERHEAD : RSA2048_SIZE,
                          &rv)) {
        return rv;
    }
    struct key_entry *entry;
    const struct token_public_key *public_key;
    if (rv == CKR_OK) {
        rv = operation_key(session, operation->mechanism, operation->key, OBJECT_PUBLIC_KEY,
                           CKA_ENCRYPT, &entry);
    }
    if (rv == CKR_OK) {
        rv = rv_from_token(token_object_public_key(session_token(session), entry, &public_key));
    }
    if (rv == CKR_OK) {
        size_t n = *out_len;
        rv = host_encrypt(session->module->libctx, operation->mechanism, &operation->parameters,
                          public_key, data, len, out, &n);
        *out_len = rv == CKR_OK ? n : 0;
    }
    operation_end(operation);
    return rv;
}

/* Opens the ciphertext on the card and takes the padding off: operation->result. */
static CK_RV decrypt(struct session *session, struct operation *operation, const uint8_t *data,
                     size_t len) {
    const struct mechanism *mechanism = operation->mechanism;
    const struct mechanism_parameters *parameters = &operation->parameters;
    bool is_sm2 = mechanism->family == FAMILY_SM2;
    struct token *token = session_token(session);
    struct key_entry *entry;
    if (is_sm2 ? len <= SM2_RAW_CIPHER_OVERHEAD || len > APDU_MAX_DATA : len != RSA2048_SIZE) {
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    }
    CK_RV rv =
        rv_from_token(token_enter(token)); /* first: it may find that the key is another one now */
    if (rv == CKR_OK) {
        rv = operation_key(session, mechanism, operation->key, OBJECT_PRIVATE_KEY, CKA_DECRYPT,
                           &entry);
    }
    if (rv != CKR_OK) {
        return rv;
    }
    uint8_t opened[APDU_MAX_DATA], plain[APDU_MAX_DATA];
    size_t opened_len = 0, plain_len = 0;
    rv = rv_from_token(token_use_key(token, entry, is_sm2 ? PRIVATE_SM2_DECRYPT : PRIVATE_RSA_RAW,
                                     data, len, opened, sizeof(opened), &opened_len));
    if (rv == CKR_OBJECT_HANDLE_INVALID) {
        rv = CKR_KEY_HANDLE_INVALID; /* another program took the key away meanwhile */
    } else if (rv == CKR_DATA_INVALID || rv == CKR_DATA_LEN_RANGE) {
        rv = CKR_ENCRYPTED_DATA_INVALID; /* not below the modulus, or a point not on the curve */
    }
    if (rv == CKR_OK && mechanism->scheme == SCHEME_RSA_PKCS1) {
        rv = rsa_pkcs1_decode(opened, opened_len, plain, &plain_len);
    } else if (rv == CKR_OK && mechanism->scheme == SCHEME_RSA_OAEP) {
        rv = rsa_oaep_decode(session->module->libctx, parameters->digest, parameters->mgf_digest,
                             parameters->data, parameters->data_len, opened, opened_len, plain,
                             &plain_len);
    } else if (rv == CKR_OK) {
        memcpy(plain, opened, opened_len);
        plain_len = opened_len;
    }
    if (rv == CKR_OK && octets_copy(&operation->result, plain, plain_len) != FORMATS_OK) {
        rv = CKR_HOST_MEMORY;
    }
    OPENSSL_cleanse(opened, sizeof(opened));
    OPENSSL_cleanse(plain, sizeof(plain));
    operation->is_opened = rv == CKR_OK;
    return rv;
}

/* The most that can come out, for a length query before anything is decrypted. */
static size_t plain_bound(const struct operation *operation, size_t len) {
    if (operation->is_opened) {
        return operation->result.len;
    }
    if (operation->mechanism->family == FAMILY_SM2) {
        return len > SM2_RAW_CIPHER_OVERHEAD ? len - SM2_RAW_CIPHER_OVERHEAD : 0;
    }
    return RSA2048_SIZE;
}

CK_RV decrypt_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                   CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_one_shot(session, OPERATION_DECRYPT, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out_len == NULL || data == NULL) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    if (out == NULL) {
        *out_len = plain_bound(operation, len);
        return CKR_OK;
    }
    if (!operation->is_opened) {
        rv = decrypt(session, operation, data, len);
    }
    if (rv == CKR_OK && output_is_settled(out, out_len, operation->result.len, &rv)) {
        return rv; /* the result waits for a larger buffer: the card need not decrypt again */
    }
    if (rv == CKR_OK && operation->result.len > 0) {
        memcpy(out, operation->result.data, operation->result.len);
    }
    if (rv == CKR_OK) {
        *out_len = operation->result.len;
    }
    operation_end(operation);
    return rv;
}
