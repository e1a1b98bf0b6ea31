/* Encryption and decryption: with secret and public keys on the host, with private keys where they are. */
#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/host_secret.h"
#include "module/cryptoki/operation_rules.h"
#include "module/cryptoki/private_use.h"

#include <openssl/crypto.h>
#include <string.h>

/* ---- at once ---- */

/* The same input as before, whose result waits for a larger buffer? */
static bool is_waiting(const struct operation *operation, const uint8_t *data, size_t len) {
    return operation->result.data != NULL && operation->input.len == len &&
           CRYPTO_memcmp(operation->input.data, data, len) == 0;
}

static CK_RV public_encrypt(struct session *session, struct operation *operation,
                            const uint8_t *data, size_t len, CK_BYTE_PTR out,
                            CK_ULONG_PTR out_len) {
    struct key key;
    EVP_PKEY *pkey = NULL;
    struct octets result = {NULL, 0};
    CK_RV rv = operation_key(session, OPERATION_ENCRYPT, operation, &key);
    if (rv == CKR_OK) {
        rv = key_pkey(session, &key, &pkey);
    }
    if (rv == CKR_OK && operation->mechanism->scheme == SCHEME_SM2_ENCRYPT && len > SM2_PLAIN_MAX) {
        rv = CKR_DATA_LEN_RANGE;
    }
    bool is_settled =
        rv == CKR_OK &&
        output_is_settled(out, out_len, host_encrypted_size(operation->mechanism, pkey, len), &rv);
    if (rv == CKR_OK && !is_settled) {
        rv = host_encrypt(session->module->libctx, operation->mechanism, &operation->parameters,
                          pkey, data, len, &result);
    }
    EVP_PKEY_free(pkey);
    if (is_settled) {
        return rv;
    }
    if (rv == CKR_OK) {
        output_give(&result, out, out_len);
    }
    octets_free(&result);
    operation_end(operation);
    return rv;
}

/* The key works once; its result waits for a buffer that is large enough. */
static CK_RV open_once(struct session *session, struct operation *operation, const uint8_t *data,
                       size_t len) {
    struct key key;
    if (is_waiting(operation, data, len)) {
        return CKR_OK;
    }
    octets_free(&operation->result);
    octets_free(&operation->input);
    CK_RV rv = operation_key(session, OPERATION_DECRYPT, operation, &key);
    if (rv == CKR_OK) {
        rv = private_decrypt(session, operation->mechanism, &operation->parameters, &key, data, len,
                             &operation->result);
    }
    return rv;
}

static CK_RV private_decrypt_once(struct session *session, struct operation *operation,
                                  const uint8_t *data, size_t len, CK_BYTE_PTR out,
                                  CK_ULONG_PTR out_len) {
    struct key key;
    CK_RV rv = CKR_OK;
    if (out == NULL && operation->result.data == NULL) { /* asked before anything is decrypted */
        rv = key_find(session, operation->key, &key);
        if (rv == CKR_OK) {
            *out_len = private_decrypted_bound(operation->mechanism, &key, len);
            return CKR_OK;
        }
    } else {
        rv = open_once(session, operation, data, len);
    }
    if (rv == CKR_OK && output_is_settled(out, out_len, operation->result.len, &rv)) {
        if (operation->input.data == NULL &&
            octets_copy(&operation->input, data, len) != FORMATS_OK) {
            octets_free(&operation->result); /* then it is decrypted again */
        }
        return rv;
    }
    if (rv == CKR_OK) {
        output_give(&operation->result, out, out_len);
    }
    operation_end(operation);
    return rv;
}

static CK_RV cipher_once(struct session *session, enum operation_kind kind,
                         struct operation *operation, const uint8_t *data, size_t len,
                         CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    CK_RV rv = CKR_OK;
    struct octets result = {NULL, 0};
    size_t bound = host_cipher_once_bound(operation->cipher, len);
    /* an encryption's length is known; a decryption's may turn out to be less than the bound */
    if ((out == NULL || kind == OPERATION_ENCRYPT) && output_is_settled(out, out_len, bound, &rv)) {
        return rv;
    }
    rv = host_cipher_once(operation->cipher, data, len, &result);
    if (rv == CKR_OK && output_is_settled(out, out_len, result.len, &rv)) {
        octets_free(&result);
        struct key key; /* begin again, for the next call */
        operation_stop(operation);
        CK_RV again = operation_find_key(session, kind, operation, &key);
        if (again == CKR_OK) {
            again = operation_start(session, kind, operation, &key);
        }
        if (again != CKR_OK) {
            operation_end(operation);
        }
        return again != CKR_OK ? again : rv;
    }
    if (rv == CKR_OK) {
        output_give(&result, out, out_len);
    }
    octets_free(&result);
    operation_end(operation);
    return rv;
}

CK_RV crypt_once(struct session *session, enum operation_kind kind, CK_BYTE_PTR data, CK_ULONG len,
                 CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_one_shot(session, kind, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out_len == NULL || is_missing(data, len)) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    if (operation->cipher != NULL) {
        return cipher_once(session, kind, operation, data, len, out, out_len);
    }
    return kind == OPERATION_ENCRYPT
               ? public_encrypt(session, operation, data, len, out, out_len)
               : private_decrypt_once(session, operation, data, len, out, out_len);
}

/* ---- in parts: ciphers only ---- */

CK_RV crypt_update(struct session *session, enum operation_kind kind, CK_BYTE_PTR part,
                   CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, kind, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out_len == NULL || is_missing(part, len)) {
        rv = CKR_ARGUMENTS_BAD;
    } else if (operation->cipher == NULL) {
        rv = CKR_FUNCTION_NOT_SUPPORTED; /* a single-part mechanism */
    } else {
        size_t size = host_cipher_update_size(operation->cipher, len);
        if (output_is_settled(out, out_len, size, &rv)) {
            return rv;
        }
        operation->is_updated = true;
        rv = host_cipher_update(operation->cipher, part, len, out);
        if (rv == CKR_OK) {
            *out_len = size;
        }
    }
    if (rv != CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

CK_RV crypt_final(struct session *session, enum operation_kind kind, CK_BYTE_PTR out,
                  CK_ULONG_PTR out_len) {
    struct operation *operation;
    struct octets last = {NULL, 0};
    CK_RV rv = operation_multi_part(session, kind, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out_len == NULL) {
        rv = CKR_ARGUMENTS_BAD;
    } else if (operation->cipher == NULL) {
        rv = CKR_FUNCTION_NOT_SUPPORTED;
    } else {
        size_t bound = host_cipher_final_bound(operation->cipher);
        if ((out == NULL || kind == OPERATION_ENCRYPT) &&
            output_is_settled(out, out_len, bound, &rv)) {
            return rv;
        }
        rv = host_cipher_final(operation->cipher, &last);
        if (rv == CKR_OK && output_is_settled(out, out_len, last.len, &rv)) {
            octets_free(&last);
            return rv;
        }
        if (rv == CKR_OK) {
            output_give(&last, out, out_len);
        }
    }
    octets_free(&last);
    operation_end(operation);
    return rv;
}
