/* C_WrapKey and C_UnwrapKey: keys of the session under secret and public keys. */
#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/host_secret.h"
#include "module/cryptoki/key_creation.h"
#include "module/cryptoki/operation_rules.h"
#include "module/cryptoki/private_use.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>

/* What the call says of the key that wraps, where the common code says it of a key. */
static CK_RV rv_of_wrapping_key(CK_RV rv) {
    switch (rv) {
    case CKR_KEY_HANDLE_INVALID:
        return CKR_WRAPPING_KEY_HANDLE_INVALID;
    case CKR_KEY_TYPE_INCONSISTENT:
        return CKR_WRAPPING_KEY_TYPE_INCONSISTENT;
    case CKR_KEY_SIZE_RANGE:
        return CKR_WRAPPING_KEY_SIZE_RANGE;
    default:
        return rv;
    }
}

static CK_RV rv_of_unwrapping_key(CK_RV rv) {
    switch (rv) {
    case CKR_KEY_HANDLE_INVALID:
        return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
    case CKR_KEY_TYPE_INCONSISTENT:
        return CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT;
    case CKR_KEY_SIZE_RANGE:
        return CKR_UNWRAPPING_KEY_SIZE_RANGE;
    default:
        return rv;
    }
}

static bool is_asymmetric(const struct mechanism *mechanism) {
    return mechanism->family == FAMILY_RSA || mechanism->family == FAMILY_SM2;
}

/* ---- wrapping ---- */

static CK_RV may_leave(const struct key *wrapping, const struct key *key) {
    if (key->object_class == CKO_PUBLIC_KEY) {
        return CKR_KEY_NOT_WRAPPABLE;
    }
    if (key->object == NULL || !session_object_is(key->object, CKA_EXTRACTABLE)) {
        return CKR_KEY_UNEXTRACTABLE;
    }
    bool is_trusted = wrapping->object != NULL && session_object_is(wrapping->object, CKA_TRUSTED);
    return session_object_is(key->object, CKA_WRAP_WITH_TRUSTED) && !is_trusted
               ? CKR_KEY_NOT_WRAPPABLE
               : CKR_OK;
}

/* The bytes that are wrapped: of a secret key its value, of a private key PrivateKeyInfo (PKCS #8). */
static CK_RV plaintext_of(struct session *session, const struct key *key, struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (key->object_class == CKO_SECRET_KEY) {
        size_t len;
        const uint8_t *value = key_secret(key, &len);
        return octets_copy(out, value, len) == FORMATS_OK ? CKR_OK : CKR_HOST_MEMORY;
    }
    EVP_PKEY *pkey;
    unsigned char *der = NULL;
    CK_RV rv = key_pkey(session, key, &pkey);
    if (rv != CKR_OK) {
        return rv;
    }
    if (!EVP_PKEY_is_a(pkey,
                       "RSA")) { /* the public key is not in it, and follows from the private one */
        EVP_PKEY_set_int_param(pkey, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 0);
    }
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
    rv = len > 0 && octets_copy(out, der, (size_t)len) == FORMATS_OK ? CKR_OK : CKR_FUNCTION_FAILED;
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(pkey);
    return rv;
}

static CK_RV wrap_with_public(struct session *session, const struct mechanism *mechanism,
                              const struct mechanism_parameters *parameters,
                              const struct key *wrapping, const struct octets *plain,
                              CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    EVP_PKEY *pkey;
    struct octets wrapped = {NULL, 0};
    CK_RV rv = key_pkey(session, wrapping, &pkey);
    if (rv != CKR_OK) {
        return rv;
    }
    if (!output_is_settled(out, out_len, host_encrypted_size(mechanism, pkey, plain->len), &rv)) {
        rv = host_encrypt(session->module->libctx, mechanism, parameters, pkey, plain->data,
                          plain->len, &wrapped);
        if (rv == CKR_OK) {
            output_give(&wrapped, out, out_len);
        }
    }
    octets_free(&wrapped);
    EVP_PKEY_free(pkey);
    return rv == CKR_DATA_LEN_RANGE ? CKR_KEY_SIZE_RANGE : rv;
}

static CK_RV wrap_with_secret(struct session *session, const struct mechanism *mechanism,
                              const struct mechanism_parameters *parameters,
                              const struct key *wrapping, const struct octets *plain,
                              CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    struct host_cipher *cipher;
    struct octets wrapped = {NULL, 0};
    size_t len;
    const uint8_t *secret = key_secret(wrapping, &len);
    CK_RV rv =
        host_cipher_new(session->module->libctx, mechanism, parameters, secret, len, true, &cipher);
    if (rv != CKR_OK) {
        return rv;
    }
    if (!output_is_settled(out, out_len, host_cipher_once_bound(cipher, plain->len), &rv)) {
        rv = host_cipher_once(cipher, plain->data, plain->len, &wrapped);
        if (rv == CKR_OK) {
            output_give(&wrapped, out, out_len);
        }
    }
    octets_free(&wrapped);
    host_cipher_free(cipher);
    return rv == CKR_DATA_LEN_RANGE ? CKR_KEY_SIZE_RANGE : rv;
}

CK_RV key_wrap(struct session *session, CK_MECHANISM_PTR given, CK_OBJECT_HANDLE wrapping_handle,
               CK_OBJECT_HANDLE handle, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    const struct mechanism *mechanism;
    struct mechanism_parameters parameters;
    struct key wrapping, key;
    struct octets plain = {NULL, 0};
    if (out_len == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = mechanism_for(session_token(session), given, CKF_WRAP, &mechanism, &parameters);
    if (rv != CKR_OK) {
        return rv;
    }
    rv = rv_of_wrapping_key(key_find_for(session, mechanism, wrapping_handle, CKA_WRAP, &wrapping));
    if (rv == CKR_OK) {
        rv = key_find(session, handle, &key);
    }
    if (rv == CKR_OK) {
        rv = may_leave(&wrapping, &key);
    }
    if (rv == CKR_OK && is_asymmetric(mechanism) && key.object_class != CKO_SECRET_KEY) {
        rv = CKR_KEY_NOT_WRAPPABLE;
    }
    if (rv == CKR_OK) {
        rv = plaintext_of(session, &key, &plain);
    }
    if (rv == CKR_OK) {
        rv = is_asymmetric(mechanism) ? wrap_with_public(session, mechanism, &parameters, &wrapping,
                                                         &plain, out, out_len)
                                      : wrap_with_secret(session, mechanism, &parameters, &wrapping,
                                                         &plain, out, out_len);
    }
    octets_free(&plain);
    mechanism_parameters_free(&parameters);
    return rv;
}

/* ---- unwrapping ---- */

static CK_RV open_wrapped(struct session *session, const struct mechanism *mechanism,
                          const struct mechanism_parameters *parameters, const struct key *key,
                          const uint8_t *wrapped, size_t len, struct octets *out) {
    struct host_cipher *cipher;
    size_t secret_len;
    CK_RV rv;
    if (is_asymmetric(mechanism)) {
        rv = private_decrypt(session, mechanism, parameters, key, wrapped, len, out);
    } else {
        const uint8_t *secret = key_secret(key, &secret_len);
        rv = host_cipher_new(session->module->libctx, mechanism, parameters, secret, secret_len,
                             false, &cipher);
        if (rv == CKR_OK) {
            rv = host_cipher_once(cipher, wrapped, len, out);
            host_cipher_free(cipher);
        }
    }
    return rv == CKR_ENCRYPTED_DATA_INVALID     ? CKR_WRAPPED_KEY_INVALID
           : rv == CKR_ENCRYPTED_DATA_LEN_RANGE ? CKR_WRAPPED_KEY_LEN_RANGE
                                                : rv;
}

static CK_RV make_private(struct session *session, struct template t, const struct octets *plain,
                          CK_OBJECT_HANDLE_PTR out) {
    const unsigned char *at = plain->data;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)plain->len);
    EVP_PKEY *pkey = info != NULL && at == plain->data + plain->len
                         ? EVP_PKCS82PKEY_ex(info, session->module->libctx, NULL)
                         : NULL;
    CK_RV rv = pkey == NULL ? CKR_WRAPPED_KEY_INVALID
                            : pair_key_make(session, t, BORN_UNWRAPPED, CK_UNAVAILABLE_INFORMATION,
                                            CKO_PRIVATE_KEY, pkey, out);
    EVP_PKEY_free(pkey);
    PKCS8_PRIV_KEY_INFO_free(info);
    return rv;
}

CK_RV key_unwrap(struct session *session, CK_MECHANISM_PTR given, CK_OBJECT_HANDLE unwrapping_key,
                 CK_BYTE_PTR wrapped, CK_ULONG wrapped_len, struct template t,
                 CK_OBJECT_HANDLE_PTR out) {
    const struct mechanism *mechanism;
    struct mechanism_parameters parameters;
    struct key key;
    struct octets plain = {NULL, 0};
    CK_ULONG object_class = CKO_SECRET_KEY;
    if (out == NULL || wrapped == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *out = CK_INVALID_HANDLE;
    CK_RV rv = mechanism_for(session_token(session), given, CKF_UNWRAP, &mechanism, &parameters);
    if (rv != CKR_OK) {
        return rv;
    }
    if (mechanism->scheme == SCHEME_SM2_ENVELOPE) {
        return rv_of_unwrapping_key(
            card_pair_unwrap(session, mechanism, unwrapping_key, wrapped, wrapped_len, t, out));
    }
    rv = template_check(t);
    rv =
        rv == CKR_OK ? template_ulong(t, CKA_CLASS, CK_UNAVAILABLE_INFORMATION, &object_class) : rv;
    if (rv == CKR_OK && object_class == CK_UNAVAILABLE_INFORMATION) {
        rv = CKR_TEMPLATE_INCOMPLETE;
    } else if (rv == CKR_OK && object_class != CKO_SECRET_KEY &&
               (object_class != CKO_PRIVATE_KEY || is_asymmetric(mechanism))) {
        rv = CKR_TEMPLATE_INCONSISTENT;
    }
    if (rv == CKR_OK) {
        rv = rv_of_unwrapping_key(
            key_find_for(session, mechanism, unwrapping_key, CKA_UNWRAP, &key));
    }
    if (rv == CKR_OK) {
        rv = open_wrapped(session, mechanism, &parameters, &key, wrapped, wrapped_len, &plain);
    }
    if (rv == CKR_OK && object_class == CKO_PRIVATE_KEY) {
        rv = make_private(session, t, &plain, out);
    } else if (rv == CKR_OK) {
        rv = secret_key_make(session, t, BORN_UNWRAPPED, mechanism->type,
                             CK_UNAVAILABLE_INFORMATION, NULL, plain.data, plain.len, out);
        /* bytes that are no such key, as if they had not come out whole */
        rv = rv == CKR_ATTRIBUTE_VALUE_INVALID ? CKR_WRAPPED_KEY_INVALID : rv;
    }
    octets_free(&plain);
    mechanism_parameters_free(&parameters);
    return rv;
}
