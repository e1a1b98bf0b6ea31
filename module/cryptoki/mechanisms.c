/* The mechanism table, and what it says with the token in the slot. */
#include "module/cryptoki/mechanisms.h"

#include "module/cryptoki/host_secret.h"

#include <string.h>

#define SIGNS    (CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY)
#define RECOVERS (CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER)
#define CRYPTS   (CKF_ENCRYPT | CKF_DECRYPT)
#define WRAPS    (CKF_WRAP | CKF_UNWRAP)
#define MESSAGES (CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE)
#define CAPSULES (CKF_ENCAPSULATE | CKF_DECAPSULATE)
#define ON_CURVE (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)

/* sizes: bits of keys on the host, bytes of secret keys */
#define RSA    1024, (CK_ULONG)8 * RSA_BLOCK_MAX
#define EC     256, 521
#define SM2    256, 256
#define AES    16, 32
#define SM4    16, 16
#define SECRET 1, 512
#define NO_KEY 0, 0

static const struct mechanism table[] = {
    /* clang-format off */
    {CKM_RSA_PKCS_KEY_PAIR_GEN, SCHEME_KEY_PAIR, FAMILY_RSA, NULL, RSA, CKF_GENERATE_KEY_PAIR, parameters_none},
    {CKM_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, NULL, RSA, SIGNS | RECOVERS | CRYPTS | WRAPS, parameters_none},
    {CKM_SHA1_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA1", RSA, SIGNS, parameters_none},
    {CKM_SHA224_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA224", RSA, SIGNS, parameters_none},
    {CKM_SHA256_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA256", RSA, SIGNS, parameters_none},
    {CKM_SHA384_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA384", RSA, SIGNS, parameters_none},
    {CKM_SHA512_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA512", RSA, SIGNS, parameters_none},
    {CKM_SHA3_224_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA3-224", RSA, SIGNS, parameters_none},
    {CKM_SHA3_256_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA3-256", RSA, SIGNS, parameters_none},
    {CKM_SHA3_384_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA3-384", RSA, SIGNS, parameters_none},
    {CKM_SHA3_512_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA3-512", RSA, SIGNS, parameters_none},
    {CKM_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, NULL, RSA, SIGNS, parameters_pss},
    {CKM_SHA1_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA1", RSA, SIGNS, parameters_pss},
    {CKM_SHA224_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA224", RSA, SIGNS, parameters_pss},
    {CKM_SHA256_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA256", RSA, SIGNS, parameters_pss},
    {CKM_SHA384_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA384", RSA, SIGNS, parameters_pss},
    {CKM_SHA512_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA512", RSA, SIGNS, parameters_pss},
    {CKM_SHA3_224_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA3-224", RSA, SIGNS, parameters_pss},
    {CKM_SHA3_256_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA3-256", RSA, SIGNS, parameters_pss},
    {CKM_SHA3_384_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA3-384", RSA, SIGNS, parameters_pss},
    {CKM_SHA3_512_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA3-512", RSA, SIGNS, parameters_pss},
    {CKM_RSA_PKCS_OAEP, SCHEME_RSA_OAEP, FAMILY_RSA, NULL, RSA, CRYPTS | WRAPS, parameters_oaep},
    {CKM_RSA_X_509, SCHEME_RSA_RAW, FAMILY_RSA, NULL, RSA, SIGNS | RECOVERS | CRYPTS, parameters_none},

    {CKM_EC_KEY_PAIR_GEN, SCHEME_KEY_PAIR, FAMILY_EC, NULL, EC, CKF_GENERATE_KEY_PAIR | ON_CURVE, parameters_none},
    {CKM_ECDSA, SCHEME_ECDSA, FAMILY_EC, NULL, EC, SIGNS | ON_CURVE, parameters_none},
    {CKM_ECDSA_SHA1, SCHEME_ECDSA, FAMILY_EC, "SHA1", EC, SIGNS | ON_CURVE, parameters_none},
    {CKM_ECDSA_SHA224, SCHEME_ECDSA, FAMILY_EC, "SHA224", EC, SIGNS | ON_CURVE, parameters_none},
    {CKM_ECDSA_SHA256, SCHEME_ECDSA, FAMILY_EC, "SHA256", EC, SIGNS | ON_CURVE, parameters_none},
    {CKM_ECDSA_SHA384, SCHEME_ECDSA, FAMILY_EC, "SHA384", EC, SIGNS | ON_CURVE, parameters_none},
    {CKM_ECDSA_SHA512, SCHEME_ECDSA, FAMILY_EC, "SHA512", EC, SIGNS | ON_CURVE, parameters_none},
    {CKM_ECDSA_SHA3_224, SCHEME_ECDSA, FAMILY_EC, "SHA3-224", EC, SIGNS | ON_CURVE, parameters_none},
    {CKM_ECDSA_SHA3_256, SCHEME_ECDSA, FAMILY_EC, "SHA3-256", EC, SIGNS | ON_CURVE, parameters_none},
    {CKM_ECDSA_SHA3_384, SCHEME_ECDSA, FAMILY_EC, "SHA3-384", EC, SIGNS | ON_CURVE, parameters_none},
    {CKM_ECDSA_SHA3_512, SCHEME_ECDSA, FAMILY_EC, "SHA3-512", EC, SIGNS | ON_CURVE, parameters_none},
    {CKM_ECDH1_DERIVE, SCHEME_ECDH, FAMILY_EC, NULL, EC, CKF_DERIVE | CAPSULES | ON_CURVE, parameters_ecdh},
    {CKM_ECDH1_COFACTOR_DERIVE, SCHEME_ECDH, FAMILY_EC, NULL, EC, CKF_DERIVE | CAPSULES | ON_CURVE, parameters_ecdh},

    {CKM_SM2_KEY_PAIR_GEN, SCHEME_KEY_PAIR, FAMILY_SM2, NULL, SM2, CKF_GENERATE_KEY_PAIR | ON_CURVE, parameters_none},
    {CKM_SM2_SM3, SCHEME_SM2_SIGN, FAMILY_SM2, "SM3", SM2, SIGNS | ON_CURVE, parameters_sm2},
    {CKM_SM2, SCHEME_SM2_SIGN, FAMILY_SM2, NULL, SM2, SIGNS | ON_CURVE, parameters_none},
    {CKM_SM2_ENCRYPT, SCHEME_SM2_ENCRYPT, FAMILY_SM2, NULL, SM2, CRYPTS | WRAPS | ON_CURVE, parameters_none},
    {CKM_OPENUKEY_SM2_AGREEMENT, SCHEME_SM2_AGREEMENT, FAMILY_SM2, NULL, SM2, CKF_DERIVE | ON_CURVE, parameters_agreement},
    {CKM_OPENUKEY_SM2_ENVELOPED_KEY, SCHEME_SM2_ENVELOPE, FAMILY_SM2, NULL, SM2, CKF_UNWRAP | ON_CURVE, parameters_none},

    {CKM_AES_KEY_GEN, SCHEME_KEY, FAMILY_AES, NULL, AES, CKF_GENERATE, parameters_none},
    {CKM_AES_ECB, SCHEME_CIPHER, FAMILY_AES, "ECB", AES, CRYPTS, parameters_none},
    {CKM_AES_CBC, SCHEME_CIPHER, FAMILY_AES, "CBC", AES, CRYPTS, parameters_iv16},
    {CKM_AES_CBC_PAD, SCHEME_CIPHER_PAD, FAMILY_AES, "CBC", AES, CRYPTS | WRAPS, parameters_iv16},
    {CKM_AES_CTR, SCHEME_CIPHER, FAMILY_AES, "CTR", AES, CRYPTS, parameters_ctr},
    {CKM_AES_GCM, SCHEME_GCM, FAMILY_AES, "GCM", AES, CRYPTS | WRAPS | MESSAGES, parameters_gcm},
    {CKM_AES_KEY_WRAP, SCHEME_KEY_WRAP, FAMILY_AES, "WRAP", AES, CRYPTS | WRAPS, parameters_wrap_iv},
    {CKM_AES_KEY_WRAP_KWP, SCHEME_KEY_WRAP, FAMILY_AES, "WRAP-PAD", AES, CRYPTS | WRAPS, parameters_wrap_iv},
    {CKM_AES_CMAC, SCHEME_MAC, FAMILY_AES, HOST_CMAC, AES, SIGNS, parameters_none},
    {CKM_AES_CMAC_GENERAL, SCHEME_MAC, FAMILY_AES, HOST_CMAC, AES, SIGNS, parameters_mac_len},

    {CKM_SM4_KEY_GEN, SCHEME_KEY, FAMILY_SM4, NULL, SM4, CKF_GENERATE, parameters_none},
    {CKM_SM4_ECB, SCHEME_CIPHER, FAMILY_SM4, "ECB", SM4, CRYPTS, parameters_none},
    {CKM_SM4_CBC, SCHEME_CIPHER, FAMILY_SM4, "CBC", SM4, CRYPTS, parameters_iv16},
    {CKM_OPENUKEY_SM4_CBC_PAD, SCHEME_CIPHER_PAD, FAMILY_SM4, "CBC", SM4, CRYPTS | WRAPS, parameters_iv16},
    {CKM_OPENUKEY_SM4_CTR, SCHEME_CIPHER, FAMILY_SM4, "CTR", SM4, CRYPTS, parameters_ctr},

    {CKM_GENERIC_SECRET_KEY_GEN, SCHEME_KEY, FAMILY_GENERIC, NULL, SECRET, CKF_GENERATE, parameters_none},
    {CKM_SHA_1_HMAC, SCHEME_MAC, FAMILY_GENERIC, "SHA1", SECRET, SIGNS, parameters_none},
    {CKM_SHA_1_HMAC_GENERAL, SCHEME_MAC, FAMILY_GENERIC, "SHA1", SECRET, SIGNS, parameters_mac_len},
    {CKM_SHA224_HMAC, SCHEME_MAC, FAMILY_GENERIC, "SHA224", SECRET, SIGNS, parameters_none},
    {CKM_SHA224_HMAC_GENERAL, SCHEME_MAC, FAMILY_GENERIC, "SHA224", SECRET, SIGNS, parameters_mac_len},
    {CKM_SHA256_HMAC, SCHEME_MAC, FAMILY_GENERIC, "SHA256", SECRET, SIGNS, parameters_none},
    {CKM_SHA256_HMAC_GENERAL, SCHEME_MAC, FAMILY_GENERIC, "SHA256", SECRET, SIGNS, parameters_mac_len},
    {CKM_SHA384_HMAC, SCHEME_MAC, FAMILY_GENERIC, "SHA384", SECRET, SIGNS, parameters_none},
    {CKM_SHA384_HMAC_GENERAL, SCHEME_MAC, FAMILY_GENERIC, "SHA384", SECRET, SIGNS, parameters_mac_len},
    {CKM_SHA512_HMAC, SCHEME_MAC, FAMILY_GENERIC, "SHA512", SECRET, SIGNS, parameters_none},
    {CKM_SHA512_HMAC_GENERAL, SCHEME_MAC, FAMILY_GENERIC, "SHA512", SECRET, SIGNS, parameters_mac_len},
    {CKM_SHA3_224_HMAC, SCHEME_MAC, FAMILY_GENERIC, "SHA3-224", SECRET, SIGNS, parameters_none},
    {CKM_SHA3_224_HMAC_GENERAL, SCHEME_MAC, FAMILY_GENERIC, "SHA3-224", SECRET, SIGNS, parameters_mac_len},
    {CKM_SHA3_256_HMAC, SCHEME_MAC, FAMILY_GENERIC, "SHA3-256", SECRET, SIGNS, parameters_none},
    {CKM_SHA3_256_HMAC_GENERAL, SCHEME_MAC, FAMILY_GENERIC, "SHA3-256", SECRET, SIGNS, parameters_mac_len},
    {CKM_SHA3_384_HMAC, SCHEME_MAC, FAMILY_GENERIC, "SHA3-384", SECRET, SIGNS, parameters_none},
    {CKM_SHA3_384_HMAC_GENERAL, SCHEME_MAC, FAMILY_GENERIC, "SHA3-384", SECRET, SIGNS, parameters_mac_len},
    {CKM_SHA3_512_HMAC, SCHEME_MAC, FAMILY_GENERIC, "SHA3-512", SECRET, SIGNS, parameters_none},
    {CKM_SHA3_512_HMAC_GENERAL, SCHEME_MAC, FAMILY_GENERIC, "SHA3-512", SECRET, SIGNS, parameters_mac_len},
    {CKM_OPENUKEY_SM3_HMAC, SCHEME_MAC, FAMILY_GENERIC, "SM3", SECRET, SIGNS, parameters_none},
    {CKM_OPENUKEY_SM3_HMAC_GENERAL, SCHEME_MAC, FAMILY_GENERIC, "SM3", SECRET, SIGNS, parameters_mac_len},

    {CKM_SHA_1, SCHEME_DIGEST, FAMILY_NONE, "SHA1", NO_KEY, CKF_DIGEST, parameters_none},
    {CKM_SHA224, SCHEME_DIGEST, FAMILY_NONE, "SHA224", NO_KEY, CKF_DIGEST, parameters_none},
    {CKM_SHA256, SCHEME_DIGEST, FAMILY_NONE, "SHA256", NO_KEY, CKF_DIGEST, parameters_none},
    {CKM_SHA384, SCHEME_DIGEST, FAMILY_NONE, "SHA384", NO_KEY, CKF_DIGEST, parameters_none},
    {CKM_SHA512, SCHEME_DIGEST, FAMILY_NONE, "SHA512", NO_KEY, CKF_DIGEST, parameters_none},
    {CKM_SHA3_224, SCHEME_DIGEST, FAMILY_NONE, "SHA3-224", NO_KEY, CKF_DIGEST, parameters_none},
    {CKM_SHA3_256, SCHEME_DIGEST, FAMILY_NONE, "SHA3-256", NO_KEY, CKF_DIGEST, parameters_none},
    {CKM_SHA3_384, SCHEME_DIGEST, FAMILY_NONE, "SHA3-384", NO_KEY, CKF_DIGEST, parameters_none},
    {CKM_SHA3_512, SCHEME_DIGEST, FAMILY_NONE, "SHA3-512", NO_KEY, CKF_DIGEST, parameters_none},
    {CKM_SM3, SCHEME_DIGEST, FAMILY_NONE, "SM3", NO_KEY, CKF_DIGEST, parameters_none},
    /* clang-format on */
};
enum { MECHANISMS = sizeof(table) / sizeof(table[0]) };

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type) {
    for (size_t i = 0; i < MECHANISMS; i++) {
        if (table[i].type == type) {
            return &table[i];
        }
    }
    return NULL;
}

bool mechanism_hashes(const struct mechanism *mechanism) {
    switch (mechanism->scheme) {
    case SCHEME_DIGEST:
    case SCHEME_RSA_PKCS1:
    case SCHEME_RSA_PSS:
    case SCHEME_ECDSA:
    case SCHEME_SM2_SIGN:
        return mechanism->algorithm != NULL;
    default:
        return false;
    }
}

static bool is_of_card(const struct mechanism *mechanism) {
    return mechanism->family == FAMILY_RSA || mechanism->family == FAMILY_EC ||
           mechanism->family == FAMILY_SM2;
}

static enum token_algorithm algorithm_of(enum key_family family) {
    return family == FAMILY_RSA  ? ALGORITHM_RSA
           : family == FAMILY_EC ? ALGORITHM_EC
                                 : ALGORITHM_SM2;
}

unsigned mechanism_card_operations(const struct mechanism *mechanism) {
    switch (mechanism->scheme) {
    case SCHEME_RSA_PKCS1:
        return 1U << PRIVATE_RSA_PKCS1_SIGN | 1U << PRIVATE_RSA_RAW;
    case SCHEME_RSA_PSS:
    case SCHEME_RSA_OAEP:
    case SCHEME_RSA_RAW:
        return 1U << PRIVATE_RSA_RAW;
    case SCHEME_ECDSA:
        return 1U << PRIVATE_ECDSA;
    case SCHEME_ECDH:
        return 1U << PRIVATE_ECDH;
    case SCHEME_SM2_SIGN:
        return 1U << PRIVATE_SM2_SIGN;
    case SCHEME_SM2_ENCRYPT:
        return 1U << PRIVATE_SM2_DECRYPT;
    default:
        return 0;
    }
}

/* True if the card does the private key's part; then the sizes are those of its keys. */
static bool card_does(const struct token *token, const struct mechanism *mechanism, CK_ULONG *min,
                      CK_ULONG *max) {
    bool does = false;
    if (!is_of_card(mechanism)) {
        return false;
    }
    for (size_t i = 0; i < token->facts.kind_count; i++) {
        const struct token_key_kind *kind = &token->facts.kinds[i];
        bool able = false;
        if (mechanism->scheme == SCHEME_KEY_PAIR) {
            able = kind->is_generated;
        } else if (mechanism->scheme == SCHEME_SM2_ENVELOPE) {
            able = token->driver->import_envelope != NULL;
        } else if (mechanism->scheme == SCHEME_SM2_AGREEMENT) {
            able = token->driver->agree != NULL;
        } else {
            able = (kind->operations & mechanism_card_operations(mechanism)) != 0;
        }
        if (able && kind->algorithm == algorithm_of(mechanism->family)) {
            *min = does && *min < kind->bits ? *min : kind->bits;
            *max = does && *max > kind->bits ? *max : kind->bits;
            does = true;
        }
    }
    return does;
}

/* What only a card can do is there only when it can. */
static bool is_available(const struct token *token, const struct mechanism *mechanism) {
    CK_ULONG min, max;
    bool is_of_card_alone =
        mechanism->scheme == SCHEME_SM2_ENVELOPE || mechanism->scheme == SCHEME_SM2_AGREEMENT;
    return !is_of_card_alone || card_does(token, mechanism, &min, &max);
}

CK_RV mechanism_for(const struct token *token, const CK_MECHANISM *given, CK_FLAGS flag,
                    const struct mechanism **out, struct mechanism_parameters *parameters) {
    *parameters = (struct mechanism_parameters){.digest = NULL};
    *out = NULL;
    if (given == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    const struct mechanism *mechanism = mechanism_find(given->mechanism);
    if (mechanism == NULL || (mechanism->flags & flag) == 0 || !is_available(token, mechanism)) {
        return CKR_MECHANISM_INVALID;
    }
    /* messages bring their own parameters */
    bool is_message = (flag & (CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT)) != 0;
    CK_RV rv = is_message ? CKR_OK : mechanism->read_parameters(mechanism, given, parameters);
    if (rv != CKR_OK) {
        mechanism_parameters_free(parameters);
        return rv;
    }
    *out = mechanism;
    return CKR_OK;
}

CK_RV mechanism_list(const struct token *token, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count) {
    if (count == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_ULONG room = *count, needed = 0;
    for (size_t i = 0; i < MECHANISMS; i++) {
        if (!is_available(token, &table[i])) {
            continue;
        }
        if (list != NULL && needed < room) {
            list[needed] = table[i].type;
        }
        needed++;
    }
    *count = needed;
    return list == NULL || needed <= room ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

CK_RV mechanism_info(const struct token *token, CK_MECHANISM_TYPE type,
                     CK_MECHANISM_INFO_PTR info) {
    const struct mechanism *mechanism = mechanism_find(type);
    if (info == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    if (mechanism == NULL || !is_available(token, mechanism)) {
        return CKR_MECHANISM_INVALID;
    }
    *info = (CK_MECHANISM_INFO){mechanism->min_key, mechanism->max_key, mechanism->flags};
    if (card_does(token, mechanism, &info->ulMinKeySize, &info->ulMaxKeySize)) {
        info->flags |= CKF_HW;
    }
    return CKR_OK;
}
