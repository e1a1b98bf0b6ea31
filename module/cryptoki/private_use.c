/* Paddings around private keys: put on before a signature, taken off after a decryption. */
#include "module/cryptoki/private_use.h"

#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/rsa_padding.h"
#include "module/cryptoki/sessions.h"

#include <openssl/crypto.h>
#include <string.h>

enum { PKCS1_OVERHEAD = 11 };

/* The block that the key signs, and what it does with it. */
static CK_RV prepare(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                     const struct mechanism_parameters *parameters, const struct key *key,
                     const uint8_t *data, size_t len, uint8_t block[RSA_BLOCK_MAX],
                     size_t *block_len, enum private_operation *what) {
    size_t k = (key->size + 7) / 8; /* of the modulus, or the field */
    switch (mechanism->scheme) {
    case SCHEME_RSA_PKCS1:
        *what = PRIVATE_RSA_PKCS1_SIGN;
        if (mechanism->algorithm != NULL) {
            CK_RV rv =
                host_digest_info(mechanism->algorithm, data, len, block, RSA_BLOCK_MAX, block_len);
            return rv == CKR_OK && *block_len + PKCS1_OVERHEAD > k ? CKR_KEY_SIZE_RANGE : rv;
        }
        *block_len = len;
        break;
    case SCHEME_RSA_PSS:
        *what = PRIVATE_RSA_RAW;
        *block_len = k;
        return rsa_pss_encode(libctx, parameters->digest, parameters->mgf_digest,
                              parameters->salt_len, data, len, key->size, block);
    case SCHEME_RSA_RAW:
        *what = PRIVATE_RSA_RAW;
        *block_len = k;
        break;
    case SCHEME_ECDSA:
        *what = PRIVATE_ECDSA;
        len =
            len < k
                ? len
                : k; /* its leftmost bits (FIPS 186-5, 6.4.1); the fields here have whole bytes or 521 bits */
        *block_len = len;
        break;
    case SCHEME_SM2_SIGN:
        *what = PRIVATE_SM2_SIGN;
        *block_len = SM3_SIZE;
        break;
    default:
        return CKR_MECHANISM_INVALID;
    }
    bool is_pkcs1 = mechanism->scheme == SCHEME_RSA_PKCS1;
    if (len > *block_len || len > RSA_BLOCK_MAX || (is_pkcs1 && len + PKCS1_OVERHEAD > k) ||
        (mechanism->scheme == SCHEME_SM2_SIGN && len != SM3_SIZE)) {
        return CKR_DATA_LEN_RANGE;
    }
    memset(block, 0, *block_len - len);
    if (len > 0) {
        memcpy(block + *block_len - len, data, len);
    }
    return CKR_OK;
}

CK_RV private_sign(struct session *session, const struct mechanism *mechanism,
                   const struct mechanism_parameters *parameters, const struct key *key,
                   const uint8_t *data, size_t len, uint8_t *out, size_t *out_len) {
    uint8_t block[RSA_BLOCK_MAX];
    size_t block_len = 0;
    enum private_operation what = PRIVATE_RSA_RAW;
    *out_len = 0;
    CK_RV rv = prepare(session->module->libctx, mechanism, parameters, key, data, len, block,
                       &block_len, &what);
    if (rv == CKR_OK && what == PRIVATE_RSA_PKCS1_SIGN && !key_can(session, key, what)) {
        what = PRIVATE_RSA_RAW; /* a card that leaves the padding to us */
        rv = rsa_pkcs1_encode(block, block_len, block, (key->size + 7) / 8);
        block_len = (key->size + 7) / 8;
    }
    return rv != CKR_OK ? rv
                        : key_private_operation(session, key, what, block, block_len, out,
                                                RSA_BLOCK_MAX, out_len);
}

size_t private_decrypted_bound(const struct mechanism *mechanism, const struct key *key,
                               size_t len) {
    if (mechanism->scheme == SCHEME_SM2_ENCRYPT) {
        return len > SM2_RAW_CIPHER_OVERHEAD ? len - SM2_RAW_CIPHER_OVERHEAD : 0;
    }
    return (key->size + 7) / 8;
}

CK_RV private_decrypt(struct session *session, const struct mechanism *mechanism,
                      const struct mechanism_parameters *parameters, const struct key *key,
                      const uint8_t *data, size_t len, struct octets *out) {
    bool is_sm2 = mechanism->scheme == SCHEME_SM2_ENCRYPT;
    *out = (struct octets){NULL, 0};
    if (is_sm2 ? len <= SM2_RAW_CIPHER_OVERHEAD || len > APDU_MAX_DATA
               : len != (key->size + 7) / 8) {
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    }
    uint8_t opened[APDU_MAX_DATA], plain[APDU_MAX_DATA];
    size_t opened_len = 0, plain_len = 0;
    CK_RV rv = key_private_operation(session, key, is_sm2 ? PRIVATE_SM2_DECRYPT : PRIVATE_RSA_RAW,
                                     data, len, opened, sizeof(opened), &opened_len);
    if (rv == CKR_DATA_INVALID || rv == CKR_DATA_LEN_RANGE) {
        rv = CKR_ENCRYPTED_DATA_INVALID; /* not below the modulus, or a point not on the curve */
    }
    if (rv == CKR_OK && mechanism->scheme == SCHEME_RSA_PKCS1) {
        rv = rsa_pkcs1_decode(opened, opened_len, plain, &plain_len);
    } else if (rv == CKR_OK && mechanism->scheme == SCHEME_RSA_OAEP) {
        rv = rsa_oaep_decode(session->module->libctx, parameters->digest, parameters->mgf_digest,
                             parameters->data, parameters->data_len, opened, opened_len, plain,
                             &plain_len);
    } else if (rv == CKR_OK) {
        memcpy(plain, opened, opened_len);
        plain_len = opened_len;
    }
    if (rv == CKR_OK && octets_copy(out, plain, plain_len) != FORMATS_OK) {
        rv = CKR_HOST_MEMORY;
    }
    OPENSSL_cleanse(opened, sizeof(opened));
    OPENSSL_cleanse(plain, sizeof(plain));
    return rv;
}
