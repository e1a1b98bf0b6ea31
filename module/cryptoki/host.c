/* OpenSSL in a context of our own: digests and public keys. */
#include "module/cryptoki/host.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

OSSL_LIB_CTX *host_context_new(void) {
    return OSSL_LIB_CTX_new(); /* reads no openssl.cnf; the default provider is its fallback */
}

bool host_is_alive(void) {
    return OPENSSL_init_crypto(0, NULL) == 1; /* 0 after OPENSSL_cleanup() */
}

void host_context_free(OSSL_LIB_CTX *libctx) {
    if (libctx != NULL && host_is_alive()) {
        OSSL_LIB_CTX_free(libctx);
    }
}

void host_digest_free(EVP_MD_CTX *digest) {
    if (digest != NULL && host_is_alive()) {
        EVP_MD_CTX_free(digest);
    }
}

EVP_MD_CTX *host_digest_new(OSSL_LIB_CTX *libctx, const char *name) {
    if (!host_is_alive()) {
        return NULL;
    }
    EVP_MD *md = EVP_MD_fetch(libctx, name, NULL);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (md == NULL || digest == NULL || EVP_DigestInit_ex2(digest, md, NULL) != 1) {
        EVP_MD_CTX_free(digest);
        digest = NULL;
    }
    EVP_MD_free(md);
    return digest;
}

CK_RV host_digest_update(EVP_MD_CTX *digest, const uint8_t *data, size_t len) {
    return len == 0 || EVP_DigestUpdate(digest, data, len) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_RV host_digest_final(EVP_MD_CTX *digest, uint8_t *out, size_t *len) {
    unsigned n = 0;
    if (EVP_DigestFinal_ex(digest, out, &n) != 1) {
        return CKR_FUNCTION_FAILED;
    }
    *len = n;
    return CKR_OK;
}

EVP_MD_CTX *host_sm2_digest_new(OSSL_LIB_CTX *libctx, const struct sm2_point *key,
                                const uint8_t *id, size_t id_len) {
    static const uint8_t nothing[1] = {0}; /* an identity of no bytes is not the default one */
    EVP_MD_CTX *digest = NULL;
    if (host_is_alive()) {
        sm2_message_digest_begin(libctx, key, id != NULL ? id : nothing, id_len, &digest);
    }
    return digest;
}

/* What stands before the hash in DER DigestInfo (RFC 8017, 9.2 note 1). */
static const struct {
    const char *digest;
    uint8_t size;
    uint8_t prefix_len;
    uint8_t prefix[19];
} digest_infos[] = {
    {"SHA1",
     20,
     15,
     {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14}},
    {"SHA224",
     28,
     19,
     {0x30, 0x2D, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04,
      0x05, 0x00, 0x04, 0x1C}},
    {"SHA256",
     32,
     19,
     {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
      0x05, 0x00, 0x04, 0x20}},
    {"SHA384",
     48,
     19,
     {0x30, 0x41, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02,
      0x05, 0x00, 0x04, 0x30}},
    {"SHA512",
     64,
     19,
     {0x30, 0x51, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03,
      0x05, 0x00, 0x04, 0x40}},
    {"SM3", 32, 0, {0}}, /* no DigestInfo in use with RSA here */
};
enum { DIGEST_INFOS = sizeof(digest_infos) / sizeof(digest_infos[0]) };

size_t host_digest_size(const char *name) {
    for (size_t i = 0; i < DIGEST_INFOS; i++) {
        if (strcmp(digest_infos[i].digest, name) == 0) {
            return digest_infos[i].size;
        }
    }
    return 0;
}

CK_RV host_digest_info(const char *digest, const uint8_t *hash, size_t hash_len, uint8_t *out,
                       size_t out_size, size_t *out_len) {
    for (size_t i = 0; i < DIGEST_INFOS; i++) {
        size_t prefix_len = digest_infos[i].prefix_len;
        if (strcmp(digest_infos[i].digest, digest) == 0 && prefix_len > 0 &&
            digest_infos[i].size == hash_len && prefix_len + hash_len <= out_size) {
            memcpy(out, digest_infos[i].prefix, prefix_len);
            memcpy(out + prefix_len, hash, hash_len);
            *out_len = prefix_len + hash_len;
            return CKR_OK;
        }
    }
    return CKR_GENERAL_ERROR;
}

static EVP_PKEY *rsa_public_key(OSSL_LIB_CTX *libctx, const struct token_public_key *key) {
    EVP_PKEY *out = NULL;
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(key->modulus, (int)key->modulus_len, NULL);
    BIGNUM *e = BN_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "RSA", NULL);
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

EVP_PKEY *host_public_key(OSSL_LIB_CTX *libctx, const struct token_public_key *key) {
    EVP_PKEY *out = NULL;
    if (key->algorithm == ALGORITHM_RSA) {
        return rsa_public_key(libctx, key);
    }
    return sm2_key_from_point(libctx, &key->point, &out) == FORMATS_OK ? out : NULL;
}

static bool set_text(EVP_PKEY_CTX *ctx, const char *name, const char *value) {
    char copy[32];
    strncpy(copy, value, sizeof(copy) - 1);
    copy[sizeof(copy) - 1] = '\0';
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(name, copy, 0),
                                 OSSL_PARAM_construct_end()};
    return EVP_PKEY_CTX_set_params(ctx, params) == 1;
}

static CK_RV verify_recovered(EVP_PKEY_CTX *ctx, const uint8_t *data, size_t data_len,
                              const uint8_t *signature, size_t signature_len) {
    uint8_t block[RSA2048_SIZE];
    size_t block_len = sizeof(block);
    if (data_len > sizeof(block)) {
        return CKR_DATA_LEN_RANGE;
    }
    if (EVP_PKEY_verify_recover_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1 ||
        EVP_PKEY_verify_recover(ctx, block, &block_len, signature, signature_len) != 1 ||
        block_len != sizeof(block)) {
        return CKR_SIGNATURE_INVALID;
    }
    static const uint8_t zeros[RSA2048_SIZE];
    size_t padding = sizeof(block) - data_len;
    bool same = memcmp(block, zeros, padding) == 0 && memcmp(block + padding, data, data_len) == 0;
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
           (mechanism->digest == NULL ||
            set_text(ctx, OSSL_SIGNATURE_PARAM_DIGEST, mechanism->digest));
}

CK_RV host_verify(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                  const struct mechanism_parameters *parameters, const struct token_public_key *key,
                  const uint8_t *data, size_t data_len, const uint8_t *signature,
                  size_t signature_len) {
    bool is_sm2 = mechanism->family == FAMILY_SM2;
    if (signature_len != (is_sm2 ? SM2_RAW_SIGNATURE : key->modulus_len)) {
        return CKR_SIGNATURE_LEN_RANGE;
    }
    if (is_sm2 && data_len != SM3_SIZE) {
        return CKR_DATA_LEN_RANGE;
    }
    EVP_PKEY *pkey = host_public_key(libctx, key);
    EVP_PKEY_CTX *ctx = pkey != NULL ? EVP_PKEY_CTX_new_from_pkey(libctx, pkey, NULL) : NULL;
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (ctx != NULL && is_sm2) {
        struct octets der = {NULL, 0};
        rv = sm2_signature_to_der(signature, &der) == FORMATS_OK &&
                     EVP_PKEY_verify_init(ctx) == 1 &&
                     EVP_PKEY_verify(ctx, der.data, der.len, data, data_len) == 1
                 ? CKR_OK
                 : CKR_SIGNATURE_INVALID;
        octets_free(&der);
    } else if (ctx != NULL && mechanism->scheme == SCHEME_RSA_RAW) {
        rv = verify_recovered(ctx, data, data_len, signature, signature_len);
    } else if (ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
               set_rsa_signature(ctx, mechanism, parameters)) {
        rv = EVP_PKEY_verify(ctx, signature, signature_len, data, data_len) == 1
                 ? CKR_OK
                 : CKR_SIGNATURE_INVALID;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return rv;
}

static CK_RV sm2_encrypt_raw(OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, const uint8_t *data,
                             size_t data_len, uint8_t *out, size_t *out_len) {
    struct octets der = {NULL, 0}, raw = {NULL, 0};
    struct sm2_cipher cipher;
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (sm2_encrypt(libctx, pkey, data, data_len, &der) == FORMATS_OK &&
        sm2_cipher_parse(der.data, der.len, &cipher) == FORMATS_OK &&
        sm2_cipher_to_raw(&cipher, &raw) == FORMATS_OK && raw.len <= *out_len) {
        memcpy(out, raw.data, raw.len);
        *out_len = raw.len;
        rv = CKR_OK;
    }
    octets_free(&raw);
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

CK_RV host_encrypt(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                   const struct mechanism_parameters *parameters,
                   const struct token_public_key *key, const uint8_t *data, size_t data_len,
                   uint8_t *out, size_t *out_len) {
    EVP_PKEY *pkey = host_public_key(libctx, key);
    if (pkey == NULL) {
        return CKR_FUNCTION_FAILED;
    }
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (mechanism->family == FAMILY_SM2) {
        rv = data_len == 0 || data_len > SM2_PLAIN_MAX
                 ? CKR_DATA_LEN_RANGE
                 : sm2_encrypt_raw(libctx, pkey, data, data_len, out, out_len);
    } else {
        uint8_t block[RSA2048_SIZE] = {0};
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, pkey, NULL);
        if (mechanism->scheme == SCHEME_RSA_RAW && data_len <= sizeof(block)) {
            memcpy(block + sizeof(block) - data_len, data, data_len);
            data = block;
            data_len = sizeof(block);
        }
        if (ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
            set_rsa_encryption(ctx, mechanism, parameters)) {
            rv = EVP_PKEY_encrypt(ctx, out, out_len, data, data_len) == 1 ? CKR_OK
                                                                          : CKR_DATA_LEN_RANGE;
        }
        EVP_PKEY_CTX_free(ctx);
        OPENSSL_cleanse(block, sizeof(block));
    }
    EVP_PKEY_free(pkey);
    return rv;
}
