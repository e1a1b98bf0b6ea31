/* The mechanisms: one table drives C_GetMechanismList, C_GetMechanismInfo, the checks of every Init, and dispatch. */
#ifndef OPENUKEY_CRYPTOKI_MECHANISMS_H
#define OPENUKEY_CRYPTOKI_MECHANISMS_H

#include "module/token/token.h"
#include "pkcs11.h"

#include <stdbool.h>
#include <stddef.h>

/* The kind of key that a mechanism works with. */
enum key_family {
    FAMILY_NONE,
    FAMILY_RSA,
    FAMILY_EC,
    FAMILY_SM2,
    FAMILY_AES,
    FAMILY_SM4,
    FAMILY_GENERIC /* generic secrets and the key types of the HMACs */
};

enum scheme {
    SCHEME_DIGEST,
    SCHEME_RSA_PKCS1,
    SCHEME_RSA_PSS,
    SCHEME_RSA_OAEP,
    SCHEME_RSA_RAW,
    SCHEME_ECDSA,
    SCHEME_ECDH,
    SCHEME_SM2_SIGN,
    SCHEME_SM2_ENCRYPT,
    SCHEME_SM2_ENVELOPE,
    SCHEME_SM2_AGREEMENT,
    SCHEME_CIPHER,     /* a block mode, or CTR; whole blocks or whatever the mode takes */
    SCHEME_CIPHER_PAD, /* the same with PKCS#7 padding */
    SCHEME_GCM,
    SCHEME_KEY_WRAP, /* RFC 3394 and RFC 5649 */
    SCHEME_MAC,
    SCHEME_KEY,
    SCHEME_KEY_PAIR
};

/* What a mechanism's parameter says, copied. */
struct mechanism_parameters {
    const char
        *digest; /* PSS: of the message; OAEP: of the label; ECDH: of the KDF, NULL for none */
    const char *mgf_digest; /* of MGF1 */
    size_t salt_len;
    size_t mac_len; /* MACs: bytes asked for; 0: all. GCM: bytes of the tag */
    unsigned counter_bits;
    uint8_t *iv; /* owned */
    size_t iv_len;
    uint8_t *data; /* OAEP label, SM2 identifier, GCM additional data, ECDH shared data; owned */
    size_t data_len;
    uint8_t *peer; /* ECDH: the other side's point; owned */
    size_t peer_len;
};

struct mechanism {
    CK_MECHANISM_TYPE type;
    enum scheme scheme;
    enum key_family family;
    /* OpenSSL's name of the digest over the message (NULL: the data is signed as it is), or of the cipher's mode, or of the
     * MAC's digest */
    const char *algorithm;
    CK_ULONG min_key, max_key; /* bits; bytes of secret keys; 0 for digests */
    CK_FLAGS flags;            /* all that can be done with a key that is able to */
    CK_RV(*read_parameters)
    (const struct mechanism *mechanism, const CK_MECHANISM *given,
     struct mechanism_parameters *out);
};

/* The table's row, NULL if there is none. */
const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type);

/* The row for an Init call that needs the capability `flag` (CKF_SIGN, ...), with its parameters read.
 * CKR_ARGUMENTS_BAD, CKR_MECHANISM_INVALID (also: not with this token), CKR_MECHANISM_PARAM_INVALID. Free the parameters. */
CK_RV mechanism_for(const struct token *token, const CK_MECHANISM *given, CK_FLAGS flag,
                    const struct mechanism **out, struct mechanism_parameters *parameters);
CK_RV mechanism_parameters_copy(const struct mechanism_parameters *from,
                                struct mechanism_parameters *to);
void mechanism_parameters_free(struct mechanism_parameters *parameters);

/* OpenSSL's name of a digest mechanism, NULL if unknown. */
const char *mechanism_digest_name(CK_MECHANISM_TYPE type);

/* True if the message is hashed before the key's part. */
bool mechanism_hashes(const struct mechanism *mechanism);

/* What a private key on the card must be able to do for it, as bits of enum private_operation; one of them is enough. */
unsigned mechanism_card_operations(const struct mechanism *mechanism);

/* With the token that is in the slot. */
CK_RV mechanism_list(const struct token *token, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count);
CK_RV mechanism_info(const struct token *token, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info);

/* ---- readers of parameters (mechanism_parameters.c), for the table ---- */

#define PARAMETER_READER(name)                                                                     \
    CK_RV name(const struct mechanism *mechanism, const CK_MECHANISM *given,                       \
               struct mechanism_parameters *out)
PARAMETER_READER(parameters_none);
PARAMETER_READER(parameters_pss);
PARAMETER_READER(parameters_oaep);
PARAMETER_READER(parameters_sm2);
PARAMETER_READER(parameters_ecdh);
PARAMETER_READER(parameters_agreement); /* its size alone: the call reads and writes it */
PARAMETER_READER(parameters_iv16);      /* 16 bytes */
PARAMETER_READER(parameters_ctr);
PARAMETER_READER(parameters_gcm);
PARAMETER_READER(parameters_wrap_iv); /* none, or the alternative initial value */
PARAMETER_READER(parameters_mac_len);

#endif
