/* Message-based calls (5.10, 5.12, 5.15, 5.17): one key, many messages. AES-GCM, with IVs made here on request; signatures
 * and MACs. An error ends the message, not the operation. What a decryption gives has been verified: parts give nothing
 * until the last one. */
#include "module/cryptoki/host_secret.h"
#include "module/cryptoki/operation_rules.h"
#include "module/cryptoki/signatures.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { GCM_IV_MAX = 128, AAD_MAX = 1 << 24 };

static void end_message(struct operation *operation) {
    operation_stop(operation);
    mechanism_parameters_free(&operation->parameters);
    operation->is_in_message = false;
}

/* The active operation, in a message or between two. CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE. */
static CK_RV find(struct session *session, enum operation_kind kind, bool in_message,
                  struct operation **out) {
    CK_RV rv = operation_multi_part(session, kind, out);
    if (rv == CKR_OK && (*out)->is_in_message != in_message) {
        rv = in_message ? CKR_OPERATION_NOT_INITIALIZED : CKR_OPERATION_ACTIVE;
    }
    return rv;
}

CK_RV message_final(struct session *session, enum operation_kind kind) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, kind, &operation);
    if (rv == CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

/* ---- AES-GCM ---- */

static CK_RV take_gcm(CK_VOID_PTR parameter, CK_ULONG parameter_len, CK_GCM_MESSAGE_PARAMS *out) {
    if (parameter == NULL || parameter_len != sizeof(*out)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    memcpy(out, parameter, sizeof(*out));
    CK_ULONG tag = out->ulTagBits;
    bool bad_tag =
        tag % 8 != 0 || tag > 128 || (tag < 96 && tag != 64 && tag != 32) || out->pTag == NULL;
    return bad_tag || out->pIv == NULL || out->ulIvLen == 0 || out->ulIvLen > GCM_IV_MAX ||
                   out->ulIvFixedBits > 8 * out->ulIvLen
               ? CKR_MECHANISM_PARAM_INVALID
               : CKR_OK;
}

/* Sets the bits of the IV after its fixed ones: from `bytes`, or xored with them. */
static void set_free_bits(const CK_GCM_MESSAGE_PARAMS *params, const uint8_t *bytes, bool xors) {
    for (CK_ULONG i = 0; i < params->ulIvLen; i++) {
        CK_ULONG at = 8 * i;
        uint8_t mask = 0xFF; /* of the free bits in this byte */
        if (at + 8 <= params->ulIvFixedBits) {
            mask = 0;
        } else if (at < params->ulIvFixedBits) {
            mask = (uint8_t)(0xFF >> (params->ulIvFixedBits - at));
        }
        uint8_t kept = xors ? params->pIv[i] : (uint8_t)(params->pIv[i] & ~mask);
        params->pIv[i] = kept ^ (bytes[i] & mask);
    }
}

/* The IV of the next message, if it is asked of us: a counter, or random bits. */
static CK_RV make_iv(struct session *session, struct operation *operation,
                     const CK_GCM_MESSAGE_PARAMS *params) {
    uint8_t bytes[GCM_IV_MAX] = {0};
    CK_ULONG free_bits = 8 * params->ulIvLen - params->ulIvFixedBits;
    switch (params->ivGenerator) {
    case CKG_NO_GENERATE:
        return CKR_OK;
    case CKG_GENERATE_RANDOM:
        if (free_bits < 96) { /* fewer may meet again (SP 800-38D, 8.2.2) */
            return CKR_MECHANISM_PARAM_INVALID;
        }
        if (host_random(session->module->libctx, bytes, params->ulIvLen) != CKR_OK) {
            return CKR_FUNCTION_FAILED;
        }
        break;
    case CKG_GENERATE:
    case CKG_GENERATE_COUNTER:
    case CKG_GENERATE_COUNTER_XOR: {
        uint64_t count = operation->messages;
        if (free_bits == 0) {
            return CKR_MECHANISM_PARAM_INVALID;
        }
        if (free_bits < 64 && count >> free_bits != 0) {
            return CKR_KEY_EXHAUSTED; /* all IVs of this form have been used */
        }
        for (CK_ULONG i = params->ulIvLen; i > 0 && count > 0; i--) {
            bytes[i - 1] = (uint8_t)count;
            count >>= 8;
        }
        operation->messages++;
        break;
    }
    default:
        return CKR_MECHANISM_PARAM_INVALID;
    }
    set_free_bits(params, bytes, params->ivGenerator == CKG_GENERATE_COUNTER_XOR);
    return CKR_OK;
}

static CK_RV copy(const void *data, size_t len, uint8_t **out, size_t *out_len) {
    if (len > 0) {
        *out = malloc(len);
        if (*out == NULL) {
            return CKR_HOST_MEMORY;
        }
        memcpy(*out, data, len);
        *out_len = len;
    }
    return CKR_OK;
}

static CK_RV begin_gcm(struct session *session, enum operation_kind kind,
                       struct operation *operation, const CK_GCM_MESSAGE_PARAMS *params,
                       const uint8_t *associated, CK_ULONG associated_len) {
    struct key key;
    struct mechanism_parameters *own = &operation->parameters;
    if (is_missing(associated, associated_len) || associated_len > AAD_MAX) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = operation_find_key(session, kind, operation, &key);
    if (rv == CKR_OK && kind == OPERATION_MESSAGE_ENCRYPT) {
        rv = make_iv(session, operation, params);
    }
    if (rv == CKR_OK) {
        own->mac_len = params->ulTagBits / 8;
        rv = copy(params->pIv, params->ulIvLen, &own->iv, &own->iv_len);
    }
    if (rv == CKR_OK) {
        rv = copy(associated, associated_len, &own->data, &own->data_len);
    }
    if (rv == CKR_OK) {
        rv = operation_start(session, kind, operation, &key);
    }
    return rv;
}

/* The end of a message: its tag is given, or checked before the plaintext is. */
static CK_RV finish_gcm(enum operation_kind kind, struct operation *operation,
                        const CK_GCM_MESSAGE_PARAMS *params, CK_BYTE_PTR out,
                        CK_ULONG_PTR out_len) {
    struct octets last = {NULL, 0};
    CK_RV rv = CKR_OK;
    if (kind == OPERATION_MESSAGE_DECRYPT) {
        rv = host_cipher_update(operation->cipher, params->pTag, operation->parameters.mac_len,
                                NULL);
    }
    if (rv == CKR_OK) {
        rv = host_cipher_final(operation->cipher, &last);
    }
    if (rv == CKR_OK && kind == OPERATION_MESSAGE_ENCRYPT) {
        memcpy(params->pTag, last.data, last.len);
    } else if (rv == CKR_OK) {
        output_give(&last, out, out_len);
    }
    octets_free(&last);
    return rv == CKR_ENCRYPTED_DATA_INVALID ? CKR_AEAD_DECRYPT_FAILED : rv;
}

CK_RV message_crypt(struct session *session, enum operation_kind kind, CK_VOID_PTR parameter,
                    CK_ULONG parameter_len, CK_BYTE_PTR associated, CK_ULONG associated_len,
                    CK_BYTE_PTR in, CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct operation *operation;
    CK_GCM_MESSAGE_PARAMS params = {.pIv = NULL};
    CK_RV rv = find(session, kind, false, &operation);
    if (rv == CKR_OK && (out_len == NULL || is_missing(in, len))) {
        rv = CKR_ARGUMENTS_BAD;
    }
    if (rv == CKR_OK) {
        rv = take_gcm(parameter, parameter_len, &params);
    }
    if (rv != CKR_OK || output_is_settled(out, out_len, len, &rv)) {
        return rv;
    }
    rv = begin_gcm(session, kind, operation, &params, associated, associated_len);
    if (rv == CKR_OK) {
        rv = host_cipher_update(operation->cipher, in, len, out);
        *out_len = len;
    }
    if (rv == CKR_OK) {
        rv = finish_gcm(kind, operation, &params, out, out_len);
    }
    end_message(operation);
    return rv;
}

CK_RV message_crypt_begin(struct session *session, enum operation_kind kind, CK_VOID_PTR parameter,
                          CK_ULONG parameter_len, CK_BYTE_PTR associated, CK_ULONG associated_len) {
    struct operation *operation;
    CK_GCM_MESSAGE_PARAMS params = {.pIv = NULL};
    CK_RV rv = find(session, kind, false, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    rv = take_gcm(parameter, parameter_len, &params);
    if (rv == CKR_OK) {
        rv = begin_gcm(session, kind, operation, &params, associated, associated_len);
    }
    if (rv == CKR_OK) {
        operation->is_in_message = true;
    } else {
        end_message(operation);
    }
    return rv;
}

CK_RV message_crypt_next(struct session *session, enum operation_kind kind, CK_VOID_PTR parameter,
                         CK_ULONG parameter_len, CK_BYTE_PTR in, CK_ULONG len, CK_BYTE_PTR out,
                         CK_ULONG_PTR out_len, CK_FLAGS flags) {
    struct operation *operation;
    CK_GCM_MESSAGE_PARAMS params = {.pIv = NULL};
    bool is_last = (flags & CKF_END_OF_MESSAGE) != 0, encrypts = kind == OPERATION_MESSAGE_ENCRYPT;
    CK_RV rv = find(session, kind, true, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (out_len == NULL || is_missing(in, len) || (flags & ~CKF_END_OF_MESSAGE) != 0) {
        rv = CKR_ARGUMENTS_BAD;
    } else {
        rv = take_gcm(parameter, parameter_len, &params);
    }
    if (rv == CKR_OK && params.ulTagBits / 8 != operation->parameters.mac_len) {
        rv = CKR_MECHANISM_PARAM_INVALID;
    }
    if (rv == CKR_OK) {
        size_t size = encrypts ? len : is_last ? host_cipher_gathered(operation->cipher) + len : 0;
        if (output_is_settled(out, out_len, size, &rv)) {
            return rv;
        }
        rv = host_cipher_update(operation->cipher, in, len, out);
        *out_len = encrypts ? len : 0;
    }
    if (rv == CKR_OK && is_last) {
        rv = finish_gcm(kind, operation, &params, out, out_len);
    }
    if (rv != CKR_OK || is_last) {
        end_message(operation);
    }
    return rv;
}

/* ---- signatures and MACs: their messages have no parameters ---- */

static CK_RV begin_signature(struct session *session, enum operation_kind kind,
                             CK_ULONG parameter_len, struct operation *operation) {
    struct key key;
    if (parameter_len > 0) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    CK_RV rv = operation_find_key(session, kind, operation, &key);
    return rv == CKR_OK ? operation_start(session, kind, operation, &key) : rv;
}

static void end_signature(struct operation *operation) {
    operation_stop(operation);
    operation->is_in_message = false;
}

CK_RV message_sign(struct session *session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                   CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    const enum operation_kind kind = OPERATION_MESSAGE_SIGN;
    struct operation *operation;
    (void)parameter;
    CK_RV rv = find(session, kind, false, &operation);
    if (rv == CKR_OK && (out_len == NULL || is_missing(data, len))) {
        rv = CKR_ARGUMENTS_BAD;
    }
    if (rv != CKR_OK || output_is_settled(out, out_len, operation->output_size, &rv)) {
        return rv;
    }
    rv = begin_signature(session, kind, parameter_len, operation);
    if (rv == CKR_OK) {
        rv = signature_make(session, kind, operation, data, len, out, out_len);
    }
    end_signature(operation);
    return rv;
}

CK_RV message_verify(struct session *session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                     CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR signature,
                     CK_ULONG signature_len) {
    const enum operation_kind kind = OPERATION_MESSAGE_VERIFY;
    struct operation *operation;
    (void)parameter;
    CK_RV rv = find(session, kind, false, &operation);
    if (rv == CKR_OK && is_missing(data, len)) {
        rv = CKR_ARGUMENTS_BAD;
    }
    if (rv != CKR_OK) {
        return rv;
    }
    rv = begin_signature(session, kind, parameter_len, operation);
    if (rv == CKR_OK) {
        rv = signature_check(session, kind, operation, data, len, signature, signature_len);
    }
    end_signature(operation);
    return rv;
}

CK_RV message_begin(struct session *session, enum operation_kind kind, CK_VOID_PTR parameter,
                    CK_ULONG parameter_len) {
    struct operation *operation;
    (void)parameter;
    CK_RV rv = find(session, kind, false, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    rv = begin_signature(session, kind, parameter_len, operation);
    if (rv == CKR_OK && !signature_has_parts(operation)) {
        rv = CKR_FUNCTION_NOT_SUPPORTED; /* a single-part mechanism */
    }
    operation->is_in_message = rv == CKR_OK;
    if (rv != CKR_OK) {
        operation_stop(operation);
    }
    return rv;
}

CK_RV message_sign_next(struct session *session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                        CK_BYTE_PTR part, CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    const enum operation_kind kind = OPERATION_MESSAGE_SIGN;
    struct operation *operation;
    bool is_last = out_len != NULL;
    (void)parameter;
    CK_RV rv = find(session, kind, true, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (parameter_len > 0 || is_missing(part, len)) {
        rv = parameter_len > 0 ? CKR_MECHANISM_PARAM_INVALID : CKR_ARGUMENTS_BAD;
    } else if (is_last && output_is_settled(out, out_len, operation->output_size, &rv)) {
        return rv;
    } else if (is_last) {
        rv = signature_make(session, kind, operation, part, len, out, out_len);
    } else {
        rv = operation_absorb(operation, part, len);
    }
    if (rv != CKR_OK || is_last) {
        end_signature(operation);
    }
    return rv;
}

CK_RV message_verify_next(struct session *session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                          CK_BYTE_PTR part, CK_ULONG len, CK_BYTE_PTR signature,
                          CK_ULONG signature_len) {
    const enum operation_kind kind = OPERATION_MESSAGE_VERIFY;
    struct operation *operation;
    bool is_last = signature != NULL;
    (void)parameter;
    CK_RV rv = find(session, kind, true, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    if (parameter_len > 0 || is_missing(part, len)) {
        rv = parameter_len > 0 ? CKR_MECHANISM_PARAM_INVALID : CKR_ARGUMENTS_BAD;
    } else if (is_last) {
        rv = signature_check(session, kind, operation, part, len, signature, signature_len);
    } else {
        rv = operation_absorb(operation, part, len);
    }
    if (rv != CKR_OK || is_last) {
        end_signature(operation);
    }
    return rv;
}
