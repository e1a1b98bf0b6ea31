/* The mechanisms: one table drives C_GetMechanismList, C_GetMechanismInfo, the checks of every Init, and dispatch. */
#ifndef OPENUKEY_CRYPTOKI_MECHANISMS_H
#define OPENUKEY_CRYPTOKI_MECHANISMS_H

#include "module/token/driver.h"
#include "pkcs11.h"

#include <stdbool.h>
#include <stddef.h>

enum key_family { FAMILY_NONE, FAMILY_RSA, FAMILY_SM2 };

enum scheme {
    SCHEME_DIGEST,
    SCHEME_RSA_PKCS1,
    SCHEME_RSA_PSS,
    SCHEME_RSA_OAEP,
    SCHEME_RSA_RAW,
    SCHEME_SM2_SIGN,
    SCHEME_SM2_ENCRYPT,
    SCHEME_SM2_ENVELOPE,
    SCHEME_KEY_PAIR
};

/* What a mechanism's parameter says, copied. */
struct mechanism_parameters {
    const char *digest;     /* PSS: of the message; OAEP: of the label */
    const char *mgf_digest; /* of MGF1 */
    size_t salt_len;
    uint8_t *data; /* OAEP label, SM2 identifier; owned */
    size_t data_len;
};

struct mechanism {
    CK_MECHANISM_TYPE type;
    enum scheme scheme;
    enum key_family family;
    const char *
        digest; /* OpenSSL's name of the digest over the message; NULL: the data is signed as it is */
    CK_ULONG min_key, max_key; /* bits; 0 for digests */
    CK_FLAGS flags;
    unsigned
        operations; /* bits of enum private_operation: the card must do one of them; 0: needs none */
    CK_RV(*read_parameters)
    (const struct mechanism *mechanism, const CK_MECHANISM *given,
     struct mechanism_parameters *out);
};

/* The table's row, NULL if there is none. */
const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type);

/* The row for an Init call that needs the capability `flag` (CKF_SIGN, ...), with its parameters read.
 * CKR_ARGUMENTS_BAD, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID. Free the parameters. */
CK_RV mechanism_for(const CK_MECHANISM *given, CK_FLAGS flag, const struct mechanism **out,
                    struct mechanism_parameters *parameters);
void mechanism_parameters_free(struct mechanism_parameters *parameters);

/* OpenSSL's name of a digest mechanism, NULL if unknown. */
const char *mechanism_digest_name(CK_MECHANISM_TYPE type);

CK_RV mechanism_list(CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count);
CK_RV mechanism_info(CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info);

#endif
