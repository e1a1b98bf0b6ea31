/* Beginning and ending operations, output buffers, keys of operations. */
#include "module/cryptoki/operation_rules.h"

#include "module/cryptoki/errors.h"
#include "module/cryptoki/host.h"

void operation_end(struct operation *operation) {
    mechanism_parameters_free(&operation->parameters);
    host_digest_free(operation->digest);
    octets_free(&operation->result);
    *operation = (struct operation){.mechanism = NULL};
}

CK_RV operation_begin(struct session *session, enum operation_kind kind, CK_MECHANISM_PTR mechanism,
                      CK_FLAGS flag, struct operation **out) {
    struct operation *operation = &session->operations[kind];
    *out = NULL;
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
    CK_RV rv = mechanism_for(mechanism, flag, &operation->mechanism, &operation->parameters);
    if (rv == CKR_OK) {
        *out = operation;
    }
    return rv;
}

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

bool output_is_settled(CK_BYTE_PTR out, CK_ULONG_PTR out_len, size_t needed, CK_RV *rv) {
    if (out != NULL && *out_len >= needed) {
        return false;
    }
    *rv = out == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
    *out_len = needed;
    return true;
}

CK_RV operation_key(struct session *session, const struct mechanism *mechanism,
                    CK_OBJECT_HANDLE handle, enum object_kind kind, CK_ATTRIBUTE_TYPE usage,
                    struct key_entry **out) {
    struct token *token = session_token(session);
    struct token_object object;
    *out = NULL;
    CK_RV rv = object_find(session, handle, &object);
    if (rv == CKR_OBJECT_HANDLE_INVALID || (rv == CKR_OK && object.kind != kind)) {
        return CKR_KEY_HANDLE_INVALID;
    }
    if (rv != CKR_OK) {
        return rv;
    }
    if (kind == OBJECT_PRIVATE_KEY && token->login != NORMAL_USER &&
        object.key->key.pin != KEY_PIN_NEVER) {
        return CKR_USER_NOT_LOGGED_IN;
    }
    bool is_sm2 = object.key->key.algorithm == ALGORITHM_SM2;
    if (mechanism->family != (is_sm2 ? FAMILY_SM2 : FAMILY_RSA)) {
        return CKR_KEY_TYPE_INCONSISTENT;
    }
    if (!key_is_for(token, &object, usage)) {
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    }
    const struct token_key_kind *kind_of_key =
        token_kind_find(&token->facts, object.key->key.algorithm, object.key->key.bits);
    if (kind == OBJECT_PRIVATE_KEY && mechanism->operations != 0 &&
        (kind_of_key == NULL || (kind_of_key->operations & mechanism->operations) == 0)) {
        return CKR_MECHANISM_INVALID;
    }
    *out = object.key;
    return CKR_OK;
}

CK_RV operation_start_digest(struct session *session, struct operation *operation,
                             struct key_entry *key) {
    const struct mechanism *mechanism = operation->mechanism;
    OSSL_LIB_CTX *libctx = session->module->libctx;
    if (mechanism->digest == NULL) {
        return CKR_OK;
    }
    if (mechanism->scheme != SCHEME_SM2_SIGN) {
        operation->digest = host_digest_new(libctx, mechanism->digest);
    } else {
        const struct token_public_key *public_key;
        CK_RV rv = rv_from_token(token_object_public_key(session_token(session), key, &public_key));
        if (rv != CKR_OK) {
            return rv;
        }
        operation->digest = host_sm2_digest_new(
            libctx, &public_key->point, operation->parameters.data, operation->parameters.data_len);
    }
    return operation->digest != NULL ? CKR_OK : CKR_FUNCTION_FAILED;
}
