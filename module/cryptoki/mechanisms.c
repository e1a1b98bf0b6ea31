/* The mechanism table and the readers of mechanism parameters. */
#include "module/cryptoki/mechanisms.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { OAEP_LABEL_MAX = 4096 };

static const struct {
    CK_MECHANISM_TYPE type;
    CK_RSA_PKCS_MGF_TYPE mgf;
    const char *name;
} digests[] = {
    {CKM_SHA_1, CKG_MGF1_SHA1, "SHA1"},      {CKM_SHA224, CKG_MGF1_SHA224, "SHA224"},
    {CKM_SHA256, CKG_MGF1_SHA256, "SHA256"}, {CKM_SHA384, CKG_MGF1_SHA384, "SHA384"},
    {CKM_SHA512, CKG_MGF1_SHA512, "SHA512"}, {CKM_SM3, 0, "SM3"},
};
enum { DIGESTS = sizeof(digests) / sizeof(digests[0]) };

const char *mechanism_digest_name(CK_MECHANISM_TYPE type) {
    for (size_t i = 0; i < DIGESTS; i++) {
        if (digests[i].type == type) {
            return digests[i].name;
        }
    }
    return NULL;
}

static const char *mgf_digest_name(CK_RSA_PKCS_MGF_TYPE mgf) {
    for (size_t i = 0; i < DIGESTS; i++) {
        if (digests[i].mgf == mgf && mgf != 0) {
            return digests[i].name;
        }
    }
    return NULL;
}

static CK_RV no_parameters(const struct mechanism *mechanism, const CK_MECHANISM *given,
                           struct mechanism_parameters *out) {
    (void)mechanism;
    (void)out;
    return given->ulParameterLen == 0 ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV pss_parameters(const struct mechanism *mechanism, const CK_MECHANISM *given,
                            struct mechanism_parameters *out) {
    if (given->pParameter == NULL || given->ulParameterLen != sizeof(CK_RSA_PKCS_PSS_PARAMS)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    CK_RSA_PKCS_PSS_PARAMS params;
    memcpy(&params, given->pParameter, sizeof(params));
    out->digest = mechanism_digest_name(params.hashAlg);
    out->mgf_digest = mgf_digest_name(params.mgf);
    out->salt_len = params.sLen;
    bool wrong_digest = out->digest == NULL ||
                        (mechanism->digest != NULL && strcmp(out->digest, mechanism->digest) != 0);
    return wrong_digest || out->mgf_digest == NULL || params.sLen > RSA2048_SIZE
               ? CKR_MECHANISM_PARAM_INVALID
               : CKR_OK;
}

static CK_RV copy_data(struct mechanism_parameters *out, const void *data, size_t len) {
    if (len > 0) {
        out->data = malloc(len);
        if (out->data == NULL) {
            return CKR_HOST_MEMORY;
        }
        memcpy(out->data, data, len);
        out->data_len = len;
    }
    return CKR_OK;
}

static CK_RV oaep_parameters(const struct mechanism *mechanism, const CK_MECHANISM *given,
                             struct mechanism_parameters *out) {
    (void)mechanism;
    if (given->pParameter == NULL || given->ulParameterLen != sizeof(CK_RSA_PKCS_OAEP_PARAMS)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    CK_RSA_PKCS_OAEP_PARAMS params;
    memcpy(&params, given->pParameter, sizeof(params));
    out->digest = mechanism_digest_name(params.hashAlg);
    out->mgf_digest = mgf_digest_name(params.mgf);
    /* source 0 with no data: several programs leave the field empty when there is no label */
    bool has_label = params.ulSourceDataLen > 0;
    bool bad_source = params.source != CKZ_DATA_SPECIFIED && (params.source != 0 || has_label);
    if (out->digest == NULL || out->mgf_digest == NULL || bad_source ||
        params.ulSourceDataLen > OAEP_LABEL_MAX || (has_label && params.pSourceData == NULL)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    return copy_data(out, params.pSourceData, params.ulSourceDataLen);
}

static CK_RV sm2_parameters(const struct mechanism *mechanism, const CK_MECHANISM *given,
                            struct mechanism_parameters *out) {
    (void)mechanism;
    if (given->ulParameterLen == 0) {
        return copy_data(out, SM2_DEFAULT_ID, strlen(SM2_DEFAULT_ID));
    }
    if (given->pParameter == NULL || given->ulParameterLen != sizeof(CK_OPENUKEY_SM2_PARAMS)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    CK_OPENUKEY_SM2_PARAMS params;
    memcpy(&params, given->pParameter, sizeof(params));
    if (params.ulIdLen > SM2_ID_MAX || (params.ulIdLen > 0 && params.pId == NULL)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    return copy_data(out, params.pId, params.ulIdLen);
}

#define RAW       (1U << PRIVATE_RSA_RAW)
#define PKCS1     (RAW | 1U << PRIVATE_RSA_PKCS1_SIGN)
#define SIGNS     (CKF_SIGN | CKF_VERIFY)
#define CRYPTS    (CKF_ENCRYPT | CKF_DECRYPT)
#define RSA       2048, 2048
#define SM2       256, 256
#define SM2_FLAGS (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)

/* CKF_HW: the part with the private key is done by the card; digests and everything with a public key by the host. */
static const struct mechanism table[] = {
    /* clang-format off */
    {CKM_RSA_PKCS_KEY_PAIR_GEN, SCHEME_KEY_PAIR, FAMILY_RSA, NULL, RSA, CKF_HW | CKF_GENERATE_KEY_PAIR, 0, no_parameters},
    {CKM_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, NULL, RSA, CKF_HW | SIGNS | CRYPTS, PKCS1, no_parameters},
    {CKM_SHA1_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA1", RSA, CKF_HW | SIGNS, PKCS1, no_parameters},
    {CKM_SHA256_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA256", RSA, CKF_HW | SIGNS, PKCS1, no_parameters},
    {CKM_SHA384_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA384", RSA, CKF_HW | SIGNS, PKCS1, no_parameters},
    {CKM_SHA512_RSA_PKCS, SCHEME_RSA_PKCS1, FAMILY_RSA, "SHA512", RSA, CKF_HW | SIGNS, PKCS1, no_parameters},
    {CKM_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, NULL, RSA, CKF_HW | SIGNS, RAW, pss_parameters},
    {CKM_SHA256_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA256", RSA, CKF_HW | SIGNS, RAW, pss_parameters},
    {CKM_SHA384_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA384", RSA, CKF_HW | SIGNS, RAW, pss_parameters},
    {CKM_SHA512_RSA_PKCS_PSS, SCHEME_RSA_PSS, FAMILY_RSA, "SHA512", RSA, CKF_HW | SIGNS, RAW, pss_parameters},
    {CKM_RSA_X_509, SCHEME_RSA_RAW, FAMILY_RSA, NULL, RSA, CKF_HW | SIGNS | CRYPTS, RAW, no_parameters},
    {CKM_RSA_PKCS_OAEP, SCHEME_RSA_OAEP, FAMILY_RSA, NULL, RSA, CKF_HW | CRYPTS, RAW, oaep_parameters},

    {CKM_SM2_KEY_PAIR_GEN, SCHEME_KEY_PAIR, FAMILY_SM2, NULL, SM2, CKF_HW | CKF_GENERATE_KEY_PAIR | SM2_FLAGS, 0, no_parameters},
    {CKM_SM2_SM3, SCHEME_SM2_SIGN, FAMILY_SM2, "SM3", SM2, CKF_HW | SIGNS | SM2_FLAGS, 1U << PRIVATE_SM2_SIGN, sm2_parameters},
    {CKM_SM2, SCHEME_SM2_SIGN, FAMILY_SM2, NULL, SM2, CKF_HW | SIGNS | SM2_FLAGS, 1U << PRIVATE_SM2_SIGN, no_parameters},
    {CKM_SM2_ENCRYPT, SCHEME_SM2_ENCRYPT, FAMILY_SM2, NULL, SM2, CKF_HW | CRYPTS | SM2_FLAGS, 1U << PRIVATE_SM2_DECRYPT, no_parameters},
    {CKM_OPENUKEY_SM2_ENVELOPED_KEY, SCHEME_SM2_ENVELOPE, FAMILY_SM2, NULL, SM2, CKF_HW | CKF_UNWRAP | SM2_FLAGS, 0, no_parameters},

    {CKM_SM3, SCHEME_DIGEST, FAMILY_NONE, "SM3", 0, 0, CKF_DIGEST, 0, no_parameters},
    {CKM_SHA_1, SCHEME_DIGEST, FAMILY_NONE, "SHA1", 0, 0, CKF_DIGEST, 0, no_parameters},
    {CKM_SHA224, SCHEME_DIGEST, FAMILY_NONE, "SHA224", 0, 0, CKF_DIGEST, 0, no_parameters},
    {CKM_SHA256, SCHEME_DIGEST, FAMILY_NONE, "SHA256", 0, 0, CKF_DIGEST, 0, no_parameters},
    {CKM_SHA384, SCHEME_DIGEST, FAMILY_NONE, "SHA384", 0, 0, CKF_DIGEST, 0, no_parameters},
    {CKM_SHA512, SCHEME_DIGEST, FAMILY_NONE, "SHA512", 0, 0, CKF_DIGEST, 0, no_parameters},
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

CK_RV mechanism_for(const CK_MECHANISM *given, CK_FLAGS flag, const struct mechanism **out,
                    struct mechanism_parameters *parameters) {
    *parameters = (struct mechanism_parameters){.digest = NULL};
    *out = NULL;
    if (given == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    const struct mechanism *mechanism = mechanism_find(given->mechanism);
    if (mechanism == NULL || (mechanism->flags & flag) == 0) {
        return CKR_MECHANISM_INVALID;
    }
    CK_RV rv = mechanism->read_parameters(mechanism, given, parameters);
    if (rv != CKR_OK) {
        mechanism_parameters_free(parameters);
        return rv;
    }
    *out = mechanism;
    return CKR_OK;
}

void mechanism_parameters_free(struct mechanism_parameters *parameters) {
    if (parameters->data != NULL) {
        OPENSSL_cleanse(parameters->data, parameters->data_len);
        free(parameters->data);
    }
    *parameters = (struct mechanism_parameters){.digest = NULL};
}

CK_RV mechanism_list(CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count) {
    if (count == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_ULONG room = *count;
    *count = MECHANISMS;
    if (list == NULL) {
        return CKR_OK;
    }
    if (room < MECHANISMS) {
        return CKR_BUFFER_TOO_SMALL;
    }
    for (size_t i = 0; i < MECHANISMS; i++) {
        list[i] = table[i].type;
    }
    return CKR_OK;
}

CK_RV mechanism_info(CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info) {
    const struct mechanism *mechanism = mechanism_find(type);
    if (info == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    if (mechanism == NULL) {
        return CKR_MECHANISM_INVALID;
    }
    *info = (CK_MECHANISM_INFO){mechanism->min_key, mechanism->max_key, mechanism->flags};
    return CKR_OK;
}
