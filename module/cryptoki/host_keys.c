/* Public and private keys on OpenSSL. */
#include "module/cryptoki/host_keys.h"

#include "module/formats/key_names.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

enum { FIELD_MAX = 66 }; /* bytes of the largest field: P-521 */

static EVP_PKEY *rsa_public_key(OSSL_LIB_CTX *libctx, const struct token_public_key *key) {
    EVP_PKEY *out = NULL;
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(key->modulus, (int)key->modulus_len, NULL);
    BIGNUM *e = BN_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, KEY_NAME_RSA, NULL);
    if (builder != NULL && n != NULL && e != NULL && ctx != NULL &&
        BN_set_word(e, key->exponent) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
        (params = OSSL_PARAM_BLD_to_param(builder)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &out, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        out = NULL;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    return out;
}

const char *host_curve_name(uint32_t bits) {
    return bits == 256 ? "P-256" : bits == 384 ? "P-384" : bits == 521 ? "P-521" : NULL;
}

static EVP_PKEY *ec_key_from_point(OSSL_LIB_CTX *libctx, const char *curve, const uint8_t *point,
                                   size_t len) {
    EVP_PKEY *out = NULL;
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, KEY_NAME_EC, NULL);
    if (builder != NULL && ctx != NULL && curve != NULL && len > 0 &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, len) == 1 &&
        (params = OSSL_PARAM_BLD_to_param(builder)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &out, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        out = NULL;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    return out;
}

EVP_PKEY *host_generate_ec(OSSL_LIB_CTX *libctx, const char *curve) {
    EVP_PKEY *out = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, KEY_NAME_EC, NULL);
    if (ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
        EVP_PKEY_CTX_set_group_name(ctx, curve) == 1 && EVP_PKEY_generate(ctx, &out) != 1) {
        out = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return out;
}

EVP_PKEY *host_public_key(OSSL_LIB_CTX *libctx, const struct token_public_key *key) {
    EVP_PKEY *out = NULL;
    switch (key->algorithm) {
    case ALGORITHM_RSA:
        return rsa_public_key(libctx, key);
    case ALGORITHM_EC:
        return ec_key_from_point(libctx, host_curve_name(key->bits), key->ec_point,
                                 key->ec_point_len);
    case ALGORITHM_SM2:
        return sm2_key_from_point(libctx, &key->point, &out) == FORMATS_OK ? out : NULL;
    }
    return NULL;
}

static size_t field_size(const EVP_PKEY *key) {
    return ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
}

size_t host_signature_size(const EVP_PKEY *key) {
    return EVP_PKEY_is_a(key, "RSA") ? (size_t)EVP_PKEY_get_size(key) : 2 * field_size(key);
}

/* ---- signatures ---- */

static bool set_text(EVP_PKEY_CTX *ctx, const char *name, const char *value) {
    char copy[32];
    strncpy(copy, value, sizeof(copy) - 1);
    copy[sizeof(copy) - 1] = '\0';
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(name, copy, 0),
                                 OSSL_PARAM_construct_end()};
    return EVP_PKEY_CTX_set_params(ctx, params) == 1;
}

/* r || s, each of the field's size, as DER. */
static bool signature_to_der(const uint8_t *raw, size_t field, struct octets *der) {
    unsigned char *bytes = NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, (int)field, NULL);
    BIGNUM *s = BN_bin2bn(raw + field, (int)field, NULL);
    int len = 0;
    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; /* sig has them */
        len = i2d_ECDSA_SIG(sig, &bytes);
    }
    bool done = len > 0 && octets_copy(der, bytes, (size_t)len) == FORMATS_OK;
    OPENSSL_free(bytes);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return done;
}

static bool signature_from_der(const uint8_t *der, size_t len, size_t field, uint8_t *raw) {
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool done = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)field) == (int)field &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + field, (int)field) == (int)field;
    ECDSA_SIG_free(sig);
    return done;
}

static CK_RV verify_rs(EVP_PKEY_CTX *ctx, const uint8_t *data, size_t data_len,
                       const uint8_t *signature, size_t signature_len) {
    struct octets der = {NULL, 0};
    bool good = signature_to_der(signature, signature_len / 2, &der) &&
                EVP_PKEY_verify_init(ctx) == 1 &&
                EVP_PKEY_verify(ctx, der.data, der.len, data, data_len) == 1;
    octets_free(&der);
    return good ? CKR_OK : CKR_SIGNATURE_INVALID;
}

static bool recover(EVP_PKEY_CTX *ctx, int padding, const uint8_t *signature, size_t signature_len,
                    uint8_t *out, size_t *out_len) {
    *out_len = RSA_BLOCK_MAX;
    return EVP_PKEY_verify_recover_init(ctx) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1 &&
           EVP_PKEY_verify_recover(ctx, out, out_len, signature, signature_len) == 1;
}

static CK_RV verify_rsa_raw(EVP_PKEY_CTX *ctx, const uint8_t *data, size_t data_len,
                            const uint8_t *signature, size_t signature_len) {
    static const uint8_t zeros[RSA_BLOCK_MAX];
    uint8_t block[RSA_BLOCK_MAX];
    size_t block_len;
    if (data_len > signature_len) {
        return CKR_DATA_LEN_RANGE;
    }
    if (!recover(ctx, RSA_NO_PADDING, signature, signature_len, block, &block_len) ||
        block_len != signature_len) {
        return CKR_SIGNATURE_INVALID;
    }
    size_t padding = block_len - data_len;
    bool same = memcmp(block, zeros, padding) == 0 &&
                (data_len == 0 || memcmp(block + padding, data, data_len) == 0);
    return same ? CKR_OK : CKR_SIGNATURE_INVALID;
}

static bool set_rsa_signature(EVP_PKEY_CTX *ctx, const struct mechanism *mechanism,
                              const struct mechanism_parameters *parameters) {
    if (mechanism->scheme == SCHEME_RSA_PSS) {
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               set_text(ctx, OSSL_SIGNATURE_PARAM_DIGEST, parameters->digest) &&
               set_text(ctx, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, parameters->mgf_digest) &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)parameters->salt_len) == 1;
    }
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
           (mechanism->algorithm == NULL ||
            set_text(ctx, OSSL_SIGNATURE_PARAM_DIGEST, mechanism->algorithm));
}

/* The data is as long as the scheme can have signed. */
static bool data_fits(const struct mechanism *mechanism,
                      const struct mechanism_parameters *parameters, size_t data_len,
                      size_t signature_len) {
    switch (mechanism->scheme) {
    case SCHEME_SM2_SIGN:
        return data_len == SM3_SIZE;
    case SCHEME_RSA_PSS:
        return data_len == host_digest_size(parameters->digest);
    case SCHEME_RSA_PKCS1:
        return data_len + 11 <= signature_len;
    default:
        return true;
    }
}

CK_RV host_verify(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                  const struct mechanism_parameters *parameters, EVP_PKEY *key, const uint8_t *data,
                  size_t data_len, const uint8_t *signature, size_t signature_len) {
    if (signature_len != host_signature_size(key) || signature_len > RSA_BLOCK_MAX) {
        return CKR_SIGNATURE_LEN_RANGE;
    }
    if (!data_fits(mechanism, parameters, data_len, signature_len)) {
        return CKR_DATA_LEN_RANGE;
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (ctx != NULL &&
        (mechanism->scheme == SCHEME_SM2_SIGN || mechanism->scheme == SCHEME_ECDSA)) {
        rv = verify_rs(ctx, data, data_len, signature, signature_len);
    } else if (ctx != NULL && mechanism->scheme == SCHEME_RSA_RAW) {
        rv = verify_rsa_raw(ctx, data, data_len, signature, signature_len);
    } else if (ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
               set_rsa_signature(ctx, mechanism, parameters)) {
        rv = EVP_PKEY_verify(ctx, signature, signature_len, data, data_len) == 1
                 ? CKR_OK
                 : CKR_SIGNATURE_INVALID;
    }
    EVP_PKEY_CTX_free(ctx);
    return rv;
}

CK_RV host_recover(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism, EVP_PKEY *key,
                   const uint8_t *signature, size_t signature_len, uint8_t *out, size_t *out_len) {
    *out_len = 0;
    if (signature_len != host_signature_size(key) || signature_len > RSA_BLOCK_MAX) {
        return CKR_SIGNATURE_LEN_RANGE;
    }
    uint8_t block[RSA_BLOCK_MAX];
    size_t len = 0;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    int padding = mechanism->scheme == SCHEME_RSA_RAW ? RSA_NO_PADDING : RSA_PKCS1_PADDING;
    bool done = ctx != NULL && recover(ctx, padding, signature, signature_len, block, &len) &&
                len <= signature_len;
    EVP_PKEY_CTX_free(ctx);
    if (!done) {
        return CKR_SIGNATURE_INVALID;
    }
    memcpy(out, block, len);
    *out_len = len;
    return CKR_OK;
}

/* ---- encryption ---- */

static CK_RV sm2_encrypt_raw(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const uint8_t *data,
                             size_t data_len, struct octets *out) {
    struct octets der = {NULL, 0};
    struct sm2_cipher cipher;
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (data_len == 0 || data_len > SM2_PLAIN_MAX) {
        return CKR_DATA_LEN_RANGE;
    }
    if (sm2_encrypt(libctx, key, data, data_len, &der) == FORMATS_OK &&
        sm2_cipher_parse(der.data, der.len, &cipher) == FORMATS_OK &&
        sm2_cipher_to_raw(&cipher, out) == FORMATS_OK) {
        rv = CKR_OK;
    }
    octets_free(&der);
    return rv;
}

static bool set_rsa_encryption(EVP_PKEY_CTX *ctx, const struct mechanism *mechanism,
                               const struct mechanism_parameters *parameters) {
    if (mechanism->scheme != SCHEME_RSA_OAEP) {
        int padding = mechanism->scheme == SCHEME_RSA_RAW ? RSA_NO_PADDING : RSA_PKCS1_PADDING;
        return EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1;
    }
    if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
        !set_text(ctx, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, parameters->digest) ||
        !set_text(ctx, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, parameters->mgf_digest)) {
        return false;
    }
    if (parameters->data_len == 0) {
        return true;
    }
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, parameters->data,
                                          parameters->data_len),
        OSSL_PARAM_construct_end()};
    return EVP_PKEY_CTX_set_params(ctx, params) == 1;
}

size_t host_encrypted_size(const struct mechanism *mechanism, const EVP_PKEY *key, size_t len) {
    return mechanism->scheme == SCHEME_SM2_ENCRYPT ? len + SM2_RAW_CIPHER_OVERHEAD
                                                   : (size_t)EVP_PKEY_get_size(key);
}

CK_RV host_encrypt(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                   const struct mechanism_parameters *parameters, EVP_PKEY *key,
                   const uint8_t *data, size_t data_len, struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (mechanism->scheme == SCHEME_SM2_ENCRYPT) {
        return sm2_encrypt_raw(libctx, key, data, data_len, out);
    }
    uint8_t block[RSA_BLOCK_MAX] = {0}, cipher[RSA_BLOCK_MAX];
    size_t k = (size_t)EVP_PKEY_get_size(key), cipher_len = sizeof(cipher);
    if (k > sizeof(block) || data_len > k) {
        return CKR_DATA_LEN_RANGE;
    }
    if (mechanism->scheme == SCHEME_RSA_RAW) {
        if (data_len > 0) {
            memcpy(block + k - data_len, data, data_len);
        }
        data = block;
        data_len = k;
    }
    CK_RV rv = CKR_FUNCTION_FAILED;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    if (ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
        set_rsa_encryption(ctx, mechanism, parameters)) {
        bool is_block = mechanism->scheme == SCHEME_RSA_RAW; /* not below the modulus, then */
        rv = EVP_PKEY_encrypt(ctx, cipher, &cipher_len, data, data_len) == 1 ? CKR_OK
             : is_block                                                      ? CKR_DATA_INVALID
                                                                             : CKR_DATA_LEN_RANGE;
    }
    EVP_PKEY_CTX_free(ctx);
    OPENSSL_cleanse(block, sizeof(block));
    if (rv == CKR_OK && octets_copy(out, cipher, cipher_len) != FORMATS_OK) {
        rv = CKR_HOST_MEMORY;
    }
    return rv;
}

/* ---- private keys of the session ---- */

static enum token_error rsa_private(EVP_PKEY_CTX *ctx, bool pads, const uint8_t *in, size_t in_len,
                                    uint8_t *out, size_t *out_len) {
    bool done = pads ? EVP_PKEY_sign_init(ctx) == 1 &&
                           EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
                           EVP_PKEY_sign(ctx, out, out_len, in, in_len) == 1
                     : EVP_PKEY_decrypt_init(ctx) == 1 &&
                           EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
                           EVP_PKEY_decrypt(ctx, out, out_len, in, in_len) == 1;
    return done ? TOKEN_OK : TOKEN_BAD_DATA;
}

static enum token_error sign_rs(EVP_PKEY_CTX *ctx, size_t field, const uint8_t *in, size_t in_len,
                                uint8_t *out, size_t *out_len) {
    uint8_t der[2 * FIELD_MAX + 16];
    size_t der_len = sizeof(der);
    if (EVP_PKEY_sign_init(ctx) != 1 || EVP_PKEY_sign(ctx, der, &der_len, in, in_len) != 1 ||
        !signature_from_der(der, der_len, field, out)) {
        return TOKEN_BAD_DATA;
    }
    *out_len = 2 * field;
    return TOKEN_OK;
}

static enum token_error sm2_open(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const uint8_t *in,
                                 size_t in_len, uint8_t *out, size_t out_size, size_t *out_len) {
    struct sm2_cipher cipher;
    struct octets der = {NULL, 0}, plain = {NULL, 0};
    enum token_error err = TOKEN_DECRYPT_FAILED;
    if (sm2_cipher_from_raw(in, in_len, &cipher) == FORMATS_OK &&
        sm2_cipher_to_der(&cipher, &der) == FORMATS_OK &&
        sm2_decrypt(libctx, key, der.data, der.len, &plain) == FORMATS_OK &&
        plain.len <= out_size) {
        memcpy(out, plain.data, plain.len);
        *out_len = plain.len;
        err = TOKEN_OK;
    }
    octets_free(&plain);
    octets_free(&der);
    return err;
}

static enum token_error ecdh(OSSL_LIB_CTX *libctx, EVP_PKEY_CTX *ctx, const EVP_PKEY *key,
                             const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len) {
    char curve[64] = "";
    EVP_PKEY *peer = NULL;
    if (EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1) {
        peer = ec_key_from_point(libctx, curve, in, in_len);
    }
    bool done = peer != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
                EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, out, out_len) == 1;
    EVP_PKEY_free(peer);
    return done ? TOKEN_OK : TOKEN_BAD_DATA;
}

enum token_error host_private_operation(OSSL_LIB_CTX *libctx, EVP_PKEY *key,
                                        enum private_operation operation, const uint8_t *in,
                                        size_t in_len, uint8_t *out, size_t out_size,
                                        size_t *out_len) {
    *out_len = out_size;
    size_t most = EVP_PKEY_is_a(key, "RSA") ? (size_t)EVP_PKEY_get_size(key) : 2 * field_size(key);
    if (out_size < most && operation != PRIVATE_SM2_DECRYPT) {
        return TOKEN_ARGUMENT;
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    enum token_error err = ctx == NULL ? TOKEN_MEMORY : TOKEN_UNSUPPORTED;
    bool is_rsa = EVP_PKEY_is_a(key, "RSA"), is_sm2 = EVP_PKEY_is_a(key, "SM2");
    if (ctx == NULL) {
        return err;
    }
    switch (operation) {
    case PRIVATE_RSA_PKCS1_SIGN:
    case PRIVATE_RSA_RAW:
        if (is_rsa) {
            err = rsa_private(ctx, operation == PRIVATE_RSA_PKCS1_SIGN, in, in_len, out, out_len);
        }
        break;
    case PRIVATE_SM2_SIGN:
    case PRIVATE_ECDSA:
        if (!is_rsa && is_sm2 == (operation == PRIVATE_SM2_SIGN)) {
            err = sign_rs(ctx, field_size(key), in, in_len, out, out_len);
        }
        break;
    case PRIVATE_SM2_DECRYPT:
        if (is_sm2) {
            err = sm2_open(libctx, key, in, in_len, out, out_size, out_len);
        }
        break;
    case PRIVATE_ECDH:
        if (!is_rsa && !is_sm2) {
            err = ecdh(libctx, ctx, key, in, in_len, out, out_len);
        }
        break;
    }
    EVP_PKEY_CTX_free(ctx);
    if (err != TOKEN_OK) {
        *out_len = 0;
    }
    return err;
}
