/* C_DeriveKey with ECDH, and key encapsulation with an ephemeral key: secret keys of the session from a common point. */
#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/key_creation.h"
#include "module/cryptoki/operation_rules.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <string.h>

enum { POINT_MAX = 1 + 2 * 66, FIELD_MAX = 66, SECRET_MAX = 512 };

/* The other side's point: as it is, or in a DER OCTET STRING (3.2, 6.3.18). */
static bool take_point(const uint8_t *data, size_t len, size_t field, const uint8_t **point) {
    size_t size = 1 + 2 * field, head = size < 128 ? 2 : 3;
    if (data != NULL && len == size + head && data[0] == 0x04 && data[head - 1] == size &&
        (head == 2 || data[1] == 0x81)) {
        data += head;
        len -= head;
    }
    *point = data;
    return data != NULL && len == size && data[0] == 0x04;
}

/* X9.63: hash(Z || counter || shared data), as long as wanted. */
static CK_RV kdf(OSSL_LIB_CTX *libctx, const struct mechanism_parameters *parameters,
                 const uint8_t *z, size_t z_len, uint8_t *out, size_t len) {
    uint8_t hash[EVP_MAX_MD_SIZE];
    CK_RV rv = CKR_OK;
    for (uint32_t counter = 1; len > 0 && rv == CKR_OK; counter++) {
        const uint8_t c[4] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16),
                              (uint8_t)(counter >> 8), (uint8_t)counter};
        size_t hash_len = 0;
        EVP_MD_CTX *md = host_digest_new(libctx, parameters->digest);
        rv = md == NULL ? CKR_FUNCTION_FAILED : host_digest_update(md, z, z_len);
        rv = rv == CKR_OK ? host_digest_update(md, c, sizeof(c)) : rv;
        rv = rv == CKR_OK ? host_digest_update(md, parameters->data, parameters->data_len) : rv;
        rv = rv == CKR_OK ? host_digest_final(md, hash, &hash_len) : rv;
        host_digest_free(md);
        size_t part = hash_len < len ? hash_len : len;
        if (rv == CKR_OK) {
            memcpy(out, hash, part);
            out += part;
            len -= part;
        }
    }
    OPENSSL_cleanse(hash, sizeof(hash));
    return rv;
}

/* Bytes of the key that the template asks for; 0: as many as there are. */
static CK_RV wanted_len(struct template t, size_t *len) {
    CK_ULONG type, given;
    CK_RV rv = template_check(t);
    rv = rv == CKR_OK ? template_ulong(t, CKA_KEY_TYPE, CKK_GENERIC_SECRET, &type) : rv;
    rv = rv == CKR_OK ? template_ulong(t, CKA_VALUE_LEN, 0, &given) : rv;
    if (rv != CKR_OK) {
        return rv;
    }
    *len = given == 0 && type == CKK_SM4 ? 16 : given;
    return given > SECRET_MAX ? CKR_KEY_SIZE_RANGE : CKR_OK;
}

/* The secret key from the common x coordinate: through the KDF, or cut from its leading end (3.2, 6.3.18). */
static CK_RV make(struct session *session, struct template t, const struct mechanism *mechanism,
                  const struct mechanism_parameters *parameters, const struct key *base,
                  const uint8_t *z, size_t z_len, CK_OBJECT_HANDLE_PTR out) {
    uint8_t value[SECRET_MAX];
    size_t len;
    CK_ULONG type;
    CK_RV rv = wanted_len(t, &len);
    rv = rv == CKR_OK ? template_ulong(t, CKA_KEY_TYPE, CKK_GENERIC_SECRET, &type) : rv;
    if (rv == CKR_OK && parameters->digest != NULL) {
        len = len > 0 ? len : host_digest_size(parameters->digest);
        rv = kdf(session->module->libctx, parameters, z, z_len, value, len);
    } else if (rv == CKR_OK) {
        len = len > 0 ? len : z_len;
        rv = len <= z_len ? CKR_OK : CKR_KEY_SIZE_RANGE;
        if (rv == CKR_OK) {
            memcpy(value, z + z_len - len, len);
        }
    }
    if (rv == CKR_OK) {
        rv =
            secret_key_make(session, t, BORN_DERIVED, mechanism->type, type, base, value, len, out);
        rv = rv == CKR_ATTRIBUTE_VALUE_INVALID ? CKR_KEY_SIZE_RANGE : rv;
    }
    OPENSSL_cleanse(value, sizeof(value));
    return rv;
}

static CK_RV agree(struct session *session, struct template t, const struct mechanism *mechanism,
                   const struct mechanism_parameters *parameters, const struct key *key,
                   const uint8_t *peer, size_t peer_len, CK_RV bad_peer, CK_OBJECT_HANDLE_PTR out) {
    uint8_t z[2 * FIELD_MAX];
    size_t z_len = 0;
    const uint8_t *point;
    if (!take_point(peer, peer_len, (key->size + 7) / 8, &point)) {
        return bad_peer;
    }
    CK_RV rv = key_private_operation(session, key, PRIVATE_ECDH, point,
                                     1 + 2 * ((key->size + 7) / 8), z, sizeof(z), &z_len);
    if (rv == CKR_DATA_INVALID || rv == CKR_DATA_LEN_RANGE) {
        rv = bad_peer; /* not a point of the curve */
    }
    if (rv == CKR_OK) {
        rv = make(session, t, mechanism, parameters, key, z, z_len, out);
    }
    OPENSSL_cleanse(z, sizeof(z));
    return rv;
}

CK_RV key_derive(struct session *session, CK_MECHANISM_PTR given, CK_OBJECT_HANDLE base_key,
                 struct template t, CK_OBJECT_HANDLE_PTR out) {
    const struct mechanism *mechanism;
    struct mechanism_parameters parameters;
    struct key key;
    if (out == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *out = CK_INVALID_HANDLE;
    CK_RV rv = mechanism_for(session_token(session), given, CKF_DERIVE, &mechanism, &parameters);
    if (rv != CKR_OK) {
        return rv;
    }
    rv = key_find_for(session, mechanism, base_key, CKA_DERIVE, &key);
    if (rv == CKR_OK && mechanism->scheme == SCHEME_SM2_AGREEMENT) {
        rv = sm2_agree(session, mechanism, given->pParameter, &key, t, out);
    } else if (rv == CKR_OK) {
        rv = agree(session, t, mechanism, &parameters, &key, parameters.peer, parameters.peer_len,
                   CKR_MECHANISM_PARAM_INVALID, out);
    }
    mechanism_parameters_free(&parameters);
    return rv;
}

/* ---- encapsulation: the ciphertext is the ephemeral public key ---- */

static CK_RV ephemeral_secret(OSSL_LIB_CTX *libctx, EVP_PKEY *peer, uint8_t point[POINT_MAX],
                              size_t *point_len, uint8_t *z, size_t *z_len) {
    char curve[64] = "";
    CK_RV rv = CKR_FUNCTION_FAILED;
    EVP_PKEY *own = EVP_PKEY_get_group_name(peer, curve, sizeof(curve), NULL) == 1
                        ? host_generate_ec(libctx, curve)
                        : NULL;
    EVP_PKEY_CTX *ctx = own != NULL ? EVP_PKEY_CTX_new_from_pkey(libctx, own, NULL) : NULL;
    if (ctx != NULL &&
        EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_MAX,
                                        point_len) == 1 &&
        EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
        EVP_PKEY_derive(ctx, z, z_len) == 1) {
        rv = CKR_OK;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(own);
    return rv;
}

CK_RV key_encapsulate(struct session *session, CK_MECHANISM_PTR given, CK_OBJECT_HANDLE public_key,
                      struct template t, CK_BYTE_PTR ciphertext, CK_ULONG_PTR ciphertext_len,
                      CK_OBJECT_HANDLE_PTR out) {
    const struct mechanism *mechanism;
    struct mechanism_parameters parameters;
    struct key key;
    EVP_PKEY *peer = NULL;
    uint8_t point[POINT_MAX], z[2 * FIELD_MAX];
    size_t point_len = 0, z_len = sizeof(z);
    if (out == NULL || ciphertext_len == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *out = CK_INVALID_HANDLE;
    CK_RV rv =
        mechanism_for(session_token(session), given, CKF_ENCAPSULATE, &mechanism, &parameters);
    if (rv != CKR_OK) {
        return rv;
    }
    rv = parameters.peer_len > 0
             ? CKR_MECHANISM_PARAM_INVALID
             : key_find_for(session, mechanism, public_key, CKA_ENCAPSULATE, &key);
    bool is_settled = rv == CKR_OK && output_is_settled(ciphertext, ciphertext_len,
                                                        1 + 2 * ((key.size + 7) / 8), &rv);
    if (rv == CKR_OK && !is_settled) {
        rv = key_pkey(session, &key, &peer);
        if (rv == CKR_OK) {
            rv = ephemeral_secret(session->module->libctx, peer, point, &point_len, z, &z_len);
        }
        if (rv == CKR_OK) {
            rv = make(session, t, mechanism, &parameters, NULL, z, z_len, out);
        }
        if (rv == CKR_OK) {
            output_give(&(struct octets){point, point_len}, ciphertext, ciphertext_len);
        }
    }
    OPENSSL_cleanse(z, sizeof(z));
    EVP_PKEY_free(peer);
    mechanism_parameters_free(&parameters);
    return rv;
}

CK_RV key_decapsulate(struct session *session, CK_MECHANISM_PTR given, CK_OBJECT_HANDLE private_key,
                      struct template t, CK_BYTE_PTR ciphertext, CK_ULONG ciphertext_len,
                      CK_OBJECT_HANDLE_PTR out) {
    const struct mechanism *mechanism;
    struct mechanism_parameters parameters;
    struct key key;
    if (out == NULL || ciphertext == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *out = CK_INVALID_HANDLE;
    CK_RV rv =
        mechanism_for(session_token(session), given, CKF_DECAPSULATE, &mechanism, &parameters);
    if (rv != CKR_OK) {
        return rv;
    }
    rv = parameters.peer_len > 0
             ? CKR_MECHANISM_PARAM_INVALID
             : key_find_for(session, mechanism, private_key, CKA_DECAPSULATE, &key);
    if (rv == CKR_OK) {
        rv = agree(session, t, mechanism, &parameters, &key, ciphertext, ciphertext_len,
                   CKR_ENCRYPTED_DATA_INVALID, out);
    }
    mechanism_parameters_free(&parameters);
    return rv;
}
