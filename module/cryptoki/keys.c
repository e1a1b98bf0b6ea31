/* Finding the key of an operation, and using it where it is. */
#include "module/cryptoki/keys.h"

#include "module/cryptoki/errors.h"
#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/sessions.h"
#include "module/token/key_use.h"

#include <string.h>

/* DER OBJECT IDENTIFIER 1.2.156.10197.1.301 */
static const uint8_t sm2_curve_oid[] = {0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D};

static enum key_family family_of_type(CK_KEY_TYPE type) {
    switch (type) {
    case CKK_RSA:
        return FAMILY_RSA;
    case CKK_EC:
        return FAMILY_EC;
    case CKK_SM2:
        return FAMILY_SM2;
    case CKK_AES:
        return FAMILY_AES;
    case CKK_SM4:
        return FAMILY_SM4;
    case CKK_GENERIC_SECRET:
    case CKK_SHA_1_HMAC:
    case CKK_SHA224_HMAC:
    case CKK_SHA256_HMAC:
    case CKK_SHA384_HMAC:
    case CKK_SHA512_HMAC:
    case CKK_SHA3_224_HMAC:
    case CKK_SHA3_256_HMAC:
    case CKK_SHA3_384_HMAC:
    case CKK_SHA3_512_HMAC:
        return FAMILY_GENERIC;
    default:
        return FAMILY_NONE;
    }
}

bool key_type_fits(enum key_family family, CK_KEY_TYPE given) {
    /* SM2 keys are EC keys to some programs, by their curve */
    return family_of_type(given) == family || (family == FAMILY_SM2 && given == CKK_EC);
}

static const uint8_t *attribute(const struct session_object *object, CK_ATTRIBUTE_TYPE type,
                                size_t *len) {
    const CK_ATTRIBUTE *found = session_object_attribute(object, type);
    *len = found != NULL ? found->ulValueLen : 0;
    return found != NULL ? found->pValue : NULL;
}

static CK_RV describe_session_key(struct session *session, struct key *key) {
    const struct session_object *object = key->object;
    size_t len;
    key->type = object->key_type;
    key->family = family_of_type(object->key_type);
    if (object->kind == DESCRIBED_SECRET) {
        key->object_class = CKO_SECRET_KEY;
        attribute(object, CKA_VALUE, &len);
        key->size = len;
        return CKR_OK;
    }
    key->object_class = (object->kind & DESCRIBED_PRIVATE) != 0 ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
    if (key->family == FAMILY_EC) {
        const uint8_t *curve = attribute(object, CKA_EC_PARAMS, &len);
        if (len == sizeof(sm2_curve_oid) && memcmp(curve, sm2_curve_oid, len) == 0) {
            key->family = FAMILY_SM2;
        }
    }
    EVP_PKEY *pkey = session_object_pkey(session->module->libctx, object);
    key->size = pkey != NULL ? (CK_ULONG)EVP_PKEY_get_bits(pkey) : 0;
    EVP_PKEY_free(pkey);
    return pkey != NULL ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV describe_token_key(const struct session *session, enum object_kind kind,
                                struct key *key) {
    static const enum key_family families[] = {
        [ALGORITHM_RSA] = FAMILY_RSA, [ALGORITHM_SM2] = FAMILY_SM2, [ALGORITHM_EC] = FAMILY_EC};
    static const CK_KEY_TYPE types[] = {
        [ALGORITHM_RSA] = CKK_RSA, [ALGORITHM_SM2] = CKK_SM2, [ALGORITHM_EC] = CKK_EC};
    const struct token_key *on_card = &key->entry->key;
    key->object_class = kind == OBJECT_PRIVATE_KEY ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
    key->family = families[on_card->algorithm];
    key->type = types[on_card->algorithm];
    key->size = on_card->bits;
    bool is_closed = kind == OBJECT_PRIVATE_KEY && on_card->pin != KEY_PIN_NEVER &&
                     session_token(session)->login != NORMAL_USER;
    return is_closed ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

CK_RV key_find(struct session *session, CK_OBJECT_HANDLE handle, struct key *out) {
    *out = (struct key){.handle = handle};
    if (is_session_object(handle)) {
        out->object = session_object_find(session, handle);
        return out->object == NULL || (out->object->kind & DESCRIBED_KEY) == 0
                   ? CKR_KEY_HANDLE_INVALID
                   : describe_session_key(session, out);
    }
    struct token_object object;
    CK_RV rv = object_find(session, handle, &object);
    if (rv == CKR_OBJECT_HANDLE_INVALID || (rv == CKR_OK && (object.kind & OBJECT_KEYS) == 0)) {
        return CKR_KEY_HANDLE_INVALID;
    }
    if (rv != CKR_OK) {
        return rv;
    }
    out->entry = object.key;
    return describe_token_key(session, object.kind, out);
}

/* The class of keys that do this. */
static CK_OBJECT_CLASS class_for(const struct mechanism *mechanism, CK_ATTRIBUTE_TYPE usage) {
    if (mechanism->family != FAMILY_RSA && mechanism->family != FAMILY_EC &&
        mechanism->family != FAMILY_SM2) {
        return CKO_SECRET_KEY;
    }
    return usage == CKA_VERIFY || usage == CKA_VERIFY_RECOVER || usage == CKA_ENCRYPT ||
                   usage == CKA_WRAP || usage == CKA_ENCAPSULATE
               ? CKO_PUBLIC_KEY
               : CKO_PRIVATE_KEY;
}

/* A key type of one HMAC is for that one. */
static bool is_of_this_mac(const struct mechanism *mechanism, CK_KEY_TYPE type) {
    static const struct {
        CK_KEY_TYPE type;
        const char *digest;
    } macs[] = {
        {CKK_SHA_1_HMAC, "SHA1"},        {CKK_SHA224_HMAC, "SHA224"},
        {CKK_SHA256_HMAC, "SHA256"},     {CKK_SHA384_HMAC, "SHA384"},
        {CKK_SHA512_HMAC, "SHA512"},     {CKK_SHA3_224_HMAC, "SHA3-224"},
        {CKK_SHA3_256_HMAC, "SHA3-256"}, {CKK_SHA3_384_HMAC, "SHA3-384"},
        {CKK_SHA3_512_HMAC, "SHA3-512"},
    };
    for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
        if (macs[i].type == type) {
            return strcmp(macs[i].digest, mechanism->algorithm) == 0;
        }
    }
    return true;
}

/* What the card does with keys like this one, as bits of enum private_operation. */
static unsigned card_operations(const struct session *session, const struct key *key) {
    const struct token_key *on_card = &key->entry->key;
    const struct token_key_kind *kind =
        token_kind_find(&session_token(session)->facts, on_card->algorithm, on_card->bits);
    return kind != NULL ? kind->operations : 0;
}

bool key_can(const struct session *session, const struct key *key,
             enum private_operation operation) {
    return key->entry == NULL || (card_operations(session, key) & 1U << operation) != 0;
}

/* May a key on the token do it, and can the card? */
static CK_RV check_token_key(const struct session *session, const struct mechanism *mechanism,
                             CK_ATTRIBUTE_TYPE usage, const struct key *key) {
    const struct token *token = session_token(session);
    const struct token_key *on_card = &key->entry->key;
    const struct token_object object = {.handle = key->handle, .key = key->entry};
    bool permitted;
    if (usage ==
        CKA_UNWRAP) { /* the envelope is for one kind of key, everything else for another */
        permitted = (on_card->uses &
                     (mechanism->scheme == SCHEME_SM2_ENVELOPE ? KEY_UNWRAPS : KEY_DECRYPTS)) != 0;
    } else {
        permitted = key_is_for(token, &object, usage);
    }
    if (!permitted) {
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    }
    unsigned operations = mechanism_card_operations(mechanism);
    return key->object_class == CKO_PRIVATE_KEY && operations != 0 &&
                   (card_operations(session, key) & operations) == 0
               ? CKR_MECHANISM_INVALID
               : CKR_OK;
}

static CK_RV check_session_key(const struct mechanism *mechanism, CK_ATTRIBUTE_TYPE usage,
                               const struct key *key) {
    bool permitted = session_object_is(key->object, usage);
    if (usage == CKA_ENCAPSULATE || usage == CKA_DECAPSULATE) {
        permitted = permitted || session_object_is(key->object, CKA_DERIVE);
    }
    if (!permitted) {
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    }
    return session_object_allows(key->object, mechanism->type) ? CKR_OK : CKR_MECHANISM_INVALID;
}

CK_RV key_find_for(struct session *session, const struct mechanism *mechanism,
                   CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_TYPE usage, struct key *out) {
    CK_RV rv = key_find(session, handle, out);
    if (rv != CKR_OK) {
        return rv;
    }
    bool is_mac = mechanism->scheme == SCHEME_MAC && mechanism->family == FAMILY_GENERIC;
    if (out->family != mechanism->family || (is_mac && !is_of_this_mac(mechanism, out->type))) {
        return CKR_KEY_TYPE_INCONSISTENT;
    }
    if (out->object_class != class_for(mechanism, usage)) {
        return CKR_KEY_HANDLE_INVALID;
    }
    if (out->size < mechanism->min_key || out->size > mechanism->max_key) {
        return CKR_KEY_SIZE_RANGE;
    }
    return out->entry != NULL ? check_token_key(session, mechanism, usage, out)
                              : check_session_key(mechanism, usage, out);
}

bool key_is_private_object(const struct key *key) {
    return key->entry != NULL ? key->object_class == CKO_PRIVATE_KEY
                              : session_object_is(key->object, CKA_PRIVATE);
}

bool key_is_always_authenticated(const struct key *key) {
    return key->entry != NULL && key->object_class == CKO_PRIVATE_KEY &&
           key->entry->key.pin == KEY_PIN_ALWAYS;
}

CK_RV key_pkey(struct session *session, const struct key *key, EVP_PKEY **out) {
    OSSL_LIB_CTX *libctx = session->module->libctx;
    const struct token_public_key *public_key;
    *out = NULL;
    if (!host_is_alive()) {
        return CKR_FUNCTION_FAILED;
    }
    if (key->object != NULL) {
        *out = session_object_pkey(libctx, key->object);
    } else {
        CK_RV rv =
            rv_from_token(token_object_public_key(session_token(session), key->entry, &public_key));
        if (rv != CKR_OK) {
            return rv;
        }
        *out = host_public_key(libctx, public_key);
    }
    return *out != NULL ? CKR_OK : CKR_FUNCTION_FAILED;
}

const uint8_t *key_secret(const struct key *key, size_t *len) {
    return attribute(key->object, CKA_VALUE, len);
}

CK_RV key_private_operation(struct session *session, const struct key *key,
                            enum private_operation operation, const uint8_t *in, size_t in_len,
                            uint8_t *out, size_t out_size, size_t *out_len) {
    enum token_error err;
    *out_len = 0;
    if (key->entry != NULL) {
        err = token_use_key(session_token(session), key->entry, operation, in, in_len, out,
                            out_size, out_len);
    } else {
        EVP_PKEY *pkey;
        CK_RV rv = key_pkey(session, key, &pkey);
        if (rv != CKR_OK) {
            return rv;
        }
        err = host_private_operation(session->module->libctx, pkey, operation, in, in_len, out,
                                     out_size, out_len);
        EVP_PKEY_free(pkey);
    }
    return err == TOKEN_NOT_FOUND ? CKR_KEY_HANDLE_INVALID : rv_from_token(err);
}
