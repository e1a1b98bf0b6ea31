/* Beginning and ending operations, their keys, output buffers. */
#include "module/cryptoki/operation_rules.h"

#include "module/cryptoki/errors.h"
#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/host_secret.h"

#include <string.h>

/* What an operation of each kind asks of the mechanism and the key, and the flag by which C_SessionCancel calls it. */
static const struct {
    CK_FLAGS capability;
    CK_ATTRIBUTE_TYPE usage;
    CK_FLAGS cancelled_by;
} kinds[OPERATION_KINDS] = {
    [OPERATION_DIGEST] = {CKF_DIGEST, 0, CKF_DIGEST},
    [OPERATION_SIGN] = {CKF_SIGN, CKA_SIGN, CKF_SIGN},
    [OPERATION_SIGN_RECOVER] = {CKF_SIGN_RECOVER, CKA_SIGN_RECOVER, CKF_SIGN_RECOVER},
    [OPERATION_VERIFY] = {CKF_VERIFY, CKA_VERIFY, CKF_VERIFY},
    [OPERATION_VERIFY_RECOVER] = {CKF_VERIFY_RECOVER, CKA_VERIFY_RECOVER, CKF_VERIFY_RECOVER},
    [OPERATION_VERIFY_SIGNATURE] = {CKF_VERIFY, CKA_VERIFY, CKF_VERIFY},
    [OPERATION_ENCRYPT] = {CKF_ENCRYPT, CKA_ENCRYPT, CKF_ENCRYPT},
    [OPERATION_DECRYPT] = {CKF_DECRYPT, CKA_DECRYPT, CKF_DECRYPT},
    [OPERATION_MESSAGE_ENCRYPT] = {CKF_MESSAGE_ENCRYPT, CKA_ENCRYPT, CKF_MESSAGE_ENCRYPT},
    [OPERATION_MESSAGE_DECRYPT] = {CKF_MESSAGE_DECRYPT, CKA_DECRYPT, CKF_MESSAGE_DECRYPT},
    [OPERATION_MESSAGE_SIGN] = {CKF_MESSAGE_SIGN, CKA_SIGN, CKF_MESSAGE_SIGN},
    [OPERATION_MESSAGE_VERIFY] = {CKF_MESSAGE_VERIFY, CKA_VERIFY, CKF_MESSAGE_VERIFY},
};

void operation_stop(struct operation *operation) {
    host_digest_free(operation->digest);
    host_mac_free(operation->mac);
    host_cipher_free(operation->cipher);
    operation->digest = NULL;
    operation->mac = NULL;
    operation->cipher = NULL;
}

void operation_end(struct operation *operation) {
    operation_stop(operation); /* the cipher looks at the parameters */
    mechanism_parameters_free(&operation->parameters);
    octets_free(&operation->input);
    octets_free(&operation->result);
    octets_free(&operation->signature);
    *operation = (struct operation){.mechanism = NULL};
}

/* ---- beginning ---- */

static CK_RV start_digest(struct session *session, struct operation *operation,
                          const struct key *key) {
    OSSL_LIB_CTX *libctx = session->module->libctx;
    const struct mechanism *mechanism = operation->mechanism;
    if (mechanism->scheme != SCHEME_SM2_SIGN) {
        operation->digest = host_digest_new(libctx, mechanism->algorithm);
        return operation->digest != NULL ? CKR_OK : CKR_FUNCTION_FAILED;
    }
    EVP_PKEY *pkey; /* Z has the public key */
    struct sm2_point point;
    CK_RV rv = key_pkey(session, key, &pkey);
    if (rv != CKR_OK) {
        return rv;
    }
    if (sm2_key_point(pkey, &point) == FORMATS_OK) {
        operation->digest = host_sm2_digest_new(libctx, &point, operation->parameters.data,
                                                operation->parameters.data_len);
    }
    EVP_PKEY_free(pkey);
    return operation->digest != NULL ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* Bytes of what a signing or verifying key makes. */
static CK_RV signature_size(struct session *session, struct operation *operation,
                            const struct key *key) {
    (void)session;
    switch (operation->mechanism->scheme) {
    case SCHEME_ECDSA:
    case SCHEME_SM2_SIGN:
        operation->output_size = 2 * ((key->size + 7) / 8);
        return CKR_OK;
    case SCHEME_RSA_PKCS1:
    case SCHEME_RSA_PSS:
    case SCHEME_RSA_OAEP:
    case SCHEME_RSA_RAW:
        operation->output_size = (key->size + 7) / 8;
        return operation->output_size <= RSA_BLOCK_MAX ? CKR_OK : CKR_KEY_SIZE_RANGE;
    default:
        return CKR_OK;
    }
}

CK_RV operation_start(struct session *session, enum operation_kind kind,
                      struct operation *operation, const struct key *key) {
    const struct mechanism *mechanism = operation->mechanism;
    OSSL_LIB_CTX *libctx = session->module->libctx;
    size_t len;
    if (mechanism_hashes(mechanism)) {
        operation->output_size = host_digest_size(mechanism->algorithm);
        CK_RV rv = start_digest(session, operation, key);
        return rv == CKR_OK && key != NULL ? signature_size(session, operation, key) : rv;
    }
    if (key == NULL) {
        return CKR_KEY_HANDLE_INVALID;
    }
    switch (mechanism->scheme) {
    case SCHEME_MAC: {
        const uint8_t *secret = key_secret(key, &len);
        operation->mac = host_mac_new(libctx, mechanism->algorithm, secret, len);
        operation->output_size = operation->parameters.mac_len > 0
                                     ? operation->parameters.mac_len
                                     : host_mac_size(mechanism->algorithm);
        return operation->mac != NULL ? CKR_OK : CKR_KEY_SIZE_RANGE;
    }
    case SCHEME_CIPHER:
    case SCHEME_CIPHER_PAD:
    case SCHEME_GCM:
    case SCHEME_KEY_WRAP: {
        const uint8_t *secret = key_secret(key, &len);
        bool encrypts = kind == OPERATION_ENCRYPT || kind == OPERATION_MESSAGE_ENCRYPT;
        return host_cipher_new(libctx, mechanism, &operation->parameters, secret, len, encrypts,
                               &operation->cipher);
    }
    default:
        return signature_size(session, operation, key);
    }
}

/* Messages bring their IVs, so that their ciphers begin with them. */
static bool starts_at_init(enum operation_kind kind) {
    return kind < OPERATION_MESSAGE_ENCRYPT;
}

CK_RV operation_init(struct session *session, enum operation_kind kind, CK_MECHANISM_PTR mechanism,
                     CK_OBJECT_HANDLE handle) {
    struct operation *operation = &session->operations[kind];
    if (mechanism == NULL) {
        if (operation->mechanism == NULL) {
            return CKR_ARGUMENTS_BAD;
        }
        operation_end(operation); /* 3.0: Init without mechanism cancels */
        return CKR_OK;
    }
    if (operation->mechanism != NULL) {
        return CKR_OPERATION_ACTIVE;
    }
    CK_RV rv = mechanism_for(session_token(session), mechanism, kinds[kind].capability,
                             &operation->mechanism, &operation->parameters);
    if (rv != CKR_OK) {
        return rv;
    }
    if (kind == OPERATION_DIGEST) {
        rv = operation_start(session, kind, operation, NULL);
    } else {
        struct key key;
        rv = key_find_for(session, operation->mechanism, handle, kinds[kind].usage, &key);
        if (rv == CKR_OK) {
            operation->key = handle;
            operation->is_private = key_is_private_object(&key);
            operation->needs_login = key_is_always_authenticated(&key);
            rv = starts_at_init(kind) ? operation_start(session, kind, operation, &key)
                                      : signature_size(session, operation, &key);
        }
    }
    if (rv != CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

/* ---- the calls between ---- */

CK_RV operation_one_shot(struct session *session, enum operation_kind kind,
                         struct operation **out) {
    struct operation *operation = &session->operations[kind];
    *out = operation;
    if (operation->mechanism == NULL) {
        return CKR_OPERATION_NOT_INITIALIZED;
    }
    if (operation->is_updated) {
        operation_end(operation);
        return CKR_OPERATION_ACTIVE;
    }
    return CKR_OK;
}

CK_RV operation_multi_part(struct session *session, enum operation_kind kind,
                           struct operation **out) {
    *out = &session->operations[kind];
    return (*out)->mechanism == NULL ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK;
}

CK_RV operation_absorb(struct operation *operation, const uint8_t *part, size_t len) {
    if (operation->digest != NULL) {
        return host_digest_update(operation->digest, part, len);
    }
    return operation->mac != NULL ? host_mac_update(operation->mac, part, len)
                                  : CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV operation_update(struct session *session, enum operation_kind kind, CK_BYTE_PTR part,
                       CK_ULONG len) {
    struct operation *operation;
    CK_RV rv = operation_multi_part(session, kind, &operation);
    if (rv != CKR_OK) {
        return rv;
    }
    operation->is_updated = true;
    rv = is_missing(part, len) ? CKR_ARGUMENTS_BAD : operation_absorb(operation, part, len);
    if (rv != CKR_OK) {
        operation_end(operation);
    }
    return rv;
}

CK_RV operation_find_key(struct session *session, enum operation_kind kind,
                         const struct operation *operation, struct key *out) {
    CK_RV rv = CKR_OK;
    if (operation->is_private && !is_session_object(operation->key)) {
        /* first: it may find that the key is another one now */
        rv = rv_from_token(token_enter(session_token(session)));
    }
    return rv != CKR_OK ? rv
                        : key_find_for(session, operation->mechanism, operation->key,
                                       kinds[kind].usage, out);
}

CK_RV operation_key(struct session *session, enum operation_kind kind, struct operation *operation,
                    struct key *out) {
    CK_RV rv = operation_find_key(session, kind, operation, out);
    if (rv == CKR_OK && operation->needs_login && !operation->is_logged_in) {
        rv = CKR_USER_NOT_LOGGED_IN;
    }
    operation->is_logged_in = false; /* good for one use */
    return rv;
}

struct operation *operation_awaiting_login(struct session *session) {
    for (size_t i = 0; i < OPERATION_KINDS; i++) {
        struct operation *operation = &session->operations[i];
        if (operation->mechanism != NULL && operation->needs_login && !operation->is_logged_in) {
            return operation;
        }
    }
    return NULL;
}

/* ---- output ---- */

bool output_is_settled(CK_BYTE_PTR out, CK_ULONG_PTR out_len, size_t needed, CK_RV *rv) {
    if (out != NULL && *out_len >= needed) {
        return false;
    }
    *rv = out == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
    *out_len = needed;
    return true;
}

void output_give(const struct octets *octets, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    if (octets->len > 0) {
        memcpy(out, octets->data, octets->len);
    }
    *out_len = octets->len;
}

/* ---- ending ---- */

CK_RV operations_cancel(struct session *session, CK_FLAGS flags) {
    for (size_t i = 0; i < OPERATION_KINDS; i++) {
        if ((flags & kinds[i].cancelled_by) != 0) {
            operation_end(&session->operations[i]);
        }
    }
    if ((flags & CKF_FIND_OBJECTS) != 0 && session->is_finding) {
        find_final(session);
    }
    return CKR_OK;
}

void operations_end_private(struct session *session) {
    for (size_t i = 0; i < OPERATION_KINDS; i++) {
        if (session->operations[i].is_private) {
            operation_end(&session->operations[i]);
        }
    }
}
