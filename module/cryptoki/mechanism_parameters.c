/* The readers of mechanism parameters: everything is checked and copied, so that no operation looks at a program's memory
 * after its Init. */
#include "module/cryptoki/host_secret.h"
#include "module/cryptoki/mechanisms.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
    OAEP_LABEL_MAX = 4096,
    SHARED_DATA_MAX = 4096,
    POINT_MAX = 256,
    AAD_MAX = 1 << 24,
    GCM_IV_MAX = 128, /* bytes; OpenSSL's limit */
    BLOCK = 16
};

static const struct {
    CK_MECHANISM_TYPE type;
    CK_RSA_PKCS_MGF_TYPE mgf;
    CK_EC_KDF_TYPE kdf;
    const char *name;
} digests[] = {
    {CKM_SHA_1, CKG_MGF1_SHA1, CKD_SHA1_KDF, "SHA1"},
    {CKM_SHA224, CKG_MGF1_SHA224, CKD_SHA224_KDF, "SHA224"},
    {CKM_SHA256, CKG_MGF1_SHA256, CKD_SHA256_KDF, "SHA256"},
    {CKM_SHA384, CKG_MGF1_SHA384, CKD_SHA384_KDF, "SHA384"},
    {CKM_SHA512, CKG_MGF1_SHA512, CKD_SHA512_KDF, "SHA512"},
    {CKM_SHA3_224, CKG_MGF1_SHA3_224, CKD_SHA3_224_KDF, "SHA3-224"},
    {CKM_SHA3_256, CKG_MGF1_SHA3_256, CKD_SHA3_256_KDF, "SHA3-256"},
    {CKM_SHA3_384, CKG_MGF1_SHA3_384, CKD_SHA3_384_KDF, "SHA3-384"},
    {CKM_SHA3_512, CKG_MGF1_SHA3_512, CKD_SHA3_512_KDF, "SHA3-512"},
    {CKM_SM3, 0, 0, "SM3"},
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

static const char *kdf_digest_name(CK_EC_KDF_TYPE kdf) {
    for (size_t i = 0; i < DIGESTS; i++) {
        if (digests[i].kdf == kdf && kdf != 0) {
            return digests[i].name;
        }
    }
    return NULL;
}

/* The parameter as the struct that it must be. */
static CK_RV take(const CK_MECHANISM *given, void *out, size_t size) {
    if (given->pParameter == NULL || given->ulParameterLen != size) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    memcpy(out, given->pParameter, size);
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

static void discard(uint8_t *data, size_t len) {
    if (data != NULL) {
        OPENSSL_cleanse(data, len);
        free(data);
    }
}

void mechanism_parameters_free(struct mechanism_parameters *parameters) {
    discard(parameters->iv, parameters->iv_len);
    discard(parameters->data, parameters->data_len);
    discard(parameters->peer, parameters->peer_len);
    *parameters = (struct mechanism_parameters){.digest = NULL};
}

CK_RV mechanism_parameters_copy(const struct mechanism_parameters *from,
                                struct mechanism_parameters *to) {
    *to = *from;
    to->iv = to->data = to->peer = NULL;
    CK_RV rv = copy(from->iv, from->iv_len, &to->iv, &to->iv_len);
    rv = rv == CKR_OK ? copy(from->data, from->data_len, &to->data, &to->data_len) : rv;
    rv = rv == CKR_OK ? copy(from->peer, from->peer_len, &to->peer, &to->peer_len) : rv;
    if (rv != CKR_OK) {
        mechanism_parameters_free(to);
    }
    return rv;
}

PARAMETER_READER(parameters_none) {
    (void)mechanism;
    (void)out;
    return given->ulParameterLen == 0 ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

PARAMETER_READER(parameters_pss) {
    CK_RSA_PKCS_PSS_PARAMS params;
    CK_RV rv = take(given, &params, sizeof(params));
    if (rv != CKR_OK) {
        return rv;
    }
    out->digest = mechanism_digest_name(params.hashAlg);
    out->mgf_digest = mgf_digest_name(params.mgf);
    out->salt_len = params.sLen;
    bool wrong_digest = out->digest == NULL || (mechanism->algorithm != NULL &&
                                                strcmp(out->digest, mechanism->algorithm) != 0);
    return wrong_digest || out->mgf_digest == NULL || params.sLen > RSA_BLOCK_MAX
               ? CKR_MECHANISM_PARAM_INVALID
               : CKR_OK;
}

PARAMETER_READER(parameters_oaep) {
    (void)mechanism;
    CK_RSA_PKCS_OAEP_PARAMS params;
    CK_RV rv = take(given, &params, sizeof(params));
    if (rv != CKR_OK) {
        return rv;
    }
    out->digest = mechanism_digest_name(params.hashAlg);
    out->mgf_digest = mgf_digest_name(params.mgf);
    /* source 0 with no data: several programs leave the field empty when there is no label */
    bool has_label = params.ulSourceDataLen > 0;
    bool bad_source = params.source != CKZ_DATA_SPECIFIED && (params.source != 0 || has_label);
    if (out->digest == NULL || out->mgf_digest == NULL || bad_source ||
        params.ulSourceDataLen > OAEP_LABEL_MAX || (has_label && params.pSourceData == NULL)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    return copy(params.pSourceData, params.ulSourceDataLen, &out->data, &out->data_len);
}

PARAMETER_READER(parameters_sm2) {
    (void)mechanism;
    if (given->ulParameterLen == 0) {
        return copy(SM2_DEFAULT_ID, strlen(SM2_DEFAULT_ID), &out->data, &out->data_len);
    }
    CK_OPENUKEY_SM2_PARAMS params;
    CK_RV rv = take(given, &params, sizeof(params));
    if (rv != CKR_OK || params.ulIdLen > SM2_ID_MAX || (params.ulIdLen > 0 && params.pId == NULL)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    return copy(params.pId, params.ulIdLen, &out->data, &out->data_len);
}

PARAMETER_READER(parameters_ecdh) {
    (void)mechanism;
    CK_ECDH1_DERIVE_PARAMS params;
    CK_RV rv = take(given, &params, sizeof(params));
    if (rv != CKR_OK) {
        return rv;
    }
    out->digest = kdf_digest_name(params.kdf);
    bool has_shared = params.ulSharedDataLen > 0;
    bool bad_kdf = out->digest == NULL && (params.kdf != CKD_NULL || has_shared);
    if (bad_kdf || params.ulSharedDataLen > SHARED_DATA_MAX || params.ulPublicDataLen > POINT_MAX ||
        (has_shared && params.pSharedData == NULL) ||
        (params.ulPublicDataLen > 0 && params.pPublicData == NULL)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    rv = copy(params.pSharedData, params.ulSharedDataLen, &out->data, &out->data_len);
    return rv != CKR_OK
               ? rv
               : copy(params.pPublicData, params.ulPublicDataLen, &out->peer, &out->peer_len);
}

PARAMETER_READER(parameters_agreement) {
    (void)mechanism;
    (void)out;
    CK_OPENUKEY_SM2_AGREEMENT_PARAMS params;
    return take(given, &params, sizeof(params));
}

PARAMETER_READER(parameters_iv16) {
    (void)mechanism;
    if (given->pParameter == NULL || given->ulParameterLen != BLOCK) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    return copy(given->pParameter, BLOCK, &out->iv, &out->iv_len);
}

PARAMETER_READER(parameters_ctr) {
    (void)mechanism;
    CK_AES_CTR_PARAMS params;
    CK_RV rv = take(given, &params, sizeof(params));
    if (rv != CKR_OK || params.ulCounterBits == 0 || params.ulCounterBits > (CK_ULONG)8 * BLOCK) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    out->counter_bits = (unsigned)params.ulCounterBits;
    return copy(params.cb, BLOCK, &out->iv, &out->iv_len);
}

PARAMETER_READER(parameters_gcm) {
    (void)mechanism;
    CK_GCM_PARAMS params;
    CK_RV rv = take(given, &params, sizeof(params));
    if (rv != CKR_OK) {
        return rv;
    }
    bool bad_tag = params.ulTagBits % 8 != 0 || params.ulTagBits > 128 ||
                   (params.ulTagBits < 96 && params.ulTagBits != 64 && params.ulTagBits != 32);
    if (bad_tag || params.pIv == NULL || params.ulIvLen == 0 || params.ulIvLen > GCM_IV_MAX ||
        params.ulAADLen > AAD_MAX || (params.ulAADLen > 0 && params.pAAD == NULL)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    out->mac_len = params.ulTagBits / 8;
    rv = copy(params.pIv, params.ulIvLen, &out->iv, &out->iv_len);
    return rv != CKR_OK ? rv : copy(params.pAAD, params.ulAADLen, &out->data, &out->data_len);
}

PARAMETER_READER(parameters_wrap_iv) {
    size_t len = mechanism->type == CKM_AES_KEY_WRAP ? 8 : 4;
    if (given->ulParameterLen == 0) {
        return CKR_OK;
    }
    if (given->pParameter == NULL || given->ulParameterLen != len) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    return copy(given->pParameter, len, &out->iv, &out->iv_len);
}

PARAMETER_READER(parameters_mac_len) {
    CK_MAC_GENERAL_PARAMS len;
    CK_RV rv = take(given, &len, sizeof(len));
    if (rv != CKR_OK || len == 0 || len > host_mac_size(mechanism->algorithm)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    out->mac_len = len;
    return CKR_OK;
}
