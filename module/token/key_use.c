/* A private key at work, and the proof that it was this one. */
#include "module/token/key_use.h"

#include "module/formats/key_names.h"
#include "module/formats/sm2.h"
#include "module/log.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

enum { PKCS1_HEADER = 3 }; /* 00 01 ... 00 around the padding (RFC 8017, 9.2) */

/* out ^ e mod n; false if that cannot be. */
static bool rsa_public(const struct token_public_key *key, const uint8_t *out, size_t out_len,
                       uint8_t block[TOKEN_RSA_MAX]) {
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_bin2bn(key->modulus, (int)key->modulus_len, NULL);
    BIGNUM *x = BN_bin2bn(out, (int)out_len, NULL);
    BIGNUM *e = BN_new();
    bool done = ctx != NULL && n != NULL && x != NULL && e != NULL &&
                key->modulus_len <= TOKEN_RSA_MAX && BN_set_word(e, key->exponent) == 1 &&
                BN_is_odd(n) && BN_cmp(x, n) < 0 && BN_mod_exp(x, x, e, n, ctx) == 1 &&
                BN_bn2binpad(x, block, (int)key->modulus_len) == (int)key->modulus_len;
    BN_free(e);
    BN_clear_free(x);
    BN_free(n);
    BN_CTX_free(ctx);
    return done;
}

static bool rsa_proof(const struct token_public_key *key, bool is_padded, const uint8_t *in,
                      size_t in_len, const uint8_t *out, size_t out_len) {
    uint8_t block[TOKEN_RSA_MAX], expected[TOKEN_RSA_MAX];
    size_t size = key->modulus_len;
    if (key->algorithm != ALGORITHM_RSA || out_len != size || size > sizeof(block) ||
        !rsa_public(key, out, out_len, block)) {
        return false;
    }
    if (is_padded) {
        if (in_len + PKCS1_HEADER > size) {
            return false;
        }
        memset(expected, 0xFF, size);
        expected[0] = 0;
        expected[1] = 1;
        expected[size - in_len - 1] = 0;
    } else if (in_len != size) {
        return false;
    }
    memcpy(expected + size - in_len, in, in_len);
    bool same = CRYPTO_memcmp(block, expected, size) == 0;
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(expected, sizeof(expected));
    return same;
}

static bool sm2_proof(OSSL_LIB_CTX *libctx, const struct token_public_key *key, const uint8_t *e,
                      size_t e_len, const uint8_t *raw, size_t raw_len) {
    EVP_PKEY *pkey = NULL;
    struct octets der = {NULL, 0};
    if (key->algorithm != ALGORITHM_SM2 || e_len != SM3_SIZE || raw_len != SM2_RAW_SIGNATURE ||
        sm2_key_from_point(libctx, &key->point, &pkey) != FORMATS_OK) {
        return false;
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, pkey, NULL);
    bool good = ctx != NULL && sm2_signature_to_der(raw, &der) == FORMATS_OK &&
                EVP_PKEY_verify_init(ctx) == 1 &&
                EVP_PKEY_verify(ctx, der.data, der.len, e, e_len) == 1;
    octets_free(&der);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return good;
}

static bool ecdsa_proof(OSSL_LIB_CTX *libctx, const struct token_public_key *key,
                        const uint8_t *digest, size_t digest_len, const uint8_t *raw,
                        size_t raw_len) {
    const char *group = key->bits == 384 ? "P-384" : "P-256";
    size_t field = key->bits / 8;
    if (key->algorithm != ALGORITHM_EC || raw_len != 2 * field) {
        return false;
    }
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)key->ec_point,
                                          key->ec_point_len),
        OSSL_PARAM_construct_end()};
    unsigned char *der = NULL;
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *made = EVP_PKEY_CTX_new_from_name(libctx, KEY_NAME_EC, NULL);
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, (int)field, NULL), *s = BN_bin2bn(raw + field, (int)field, NULL);
    bool good = key->algorithm == ALGORITHM_EC && raw_len == 2 * field && made != NULL &&
                signature != NULL && r != NULL && s != NULL && EVP_PKEY_fromdata_init(made) == 1 &&
                EVP_PKEY_fromdata(made, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1;
    if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
        r = s = NULL; /* the signature's now */
    }
    EVP_PKEY_CTX *ctx = good ? EVP_PKEY_CTX_new_from_pkey(libctx, pkey, NULL) : NULL;
    int der_len = good ? i2d_ECDSA_SIG(signature, &der) : 0;
    good = ctx != NULL && der_len > 0 && EVP_PKEY_verify_init(ctx) == 1 &&
           EVP_PKEY_verify(ctx, der, (size_t)der_len, digest, digest_len) == 1;
    OPENSSL_free(der);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_CTX_free(made);
    EVP_PKEY_free(pkey);
    return good;
}

bool key_proof_is_possible(enum private_operation operation) {
    return operation == PRIVATE_RSA_PKCS1_SIGN || operation == PRIVATE_RSA_RAW ||
           operation == PRIVATE_SM2_SIGN || operation == PRIVATE_SM2_DECRYPT ||
           operation == PRIVATE_ECDSA;
}

bool key_proof(OSSL_LIB_CTX *libctx, const struct token_public_key *key,
               enum private_operation operation, const uint8_t *in, size_t in_len,
               const uint8_t *out, size_t out_len) {
    switch (operation) {
    case PRIVATE_RSA_PKCS1_SIGN:
        return rsa_proof(key, true, in, in_len, out, out_len);
    case PRIVATE_RSA_RAW:
        return rsa_proof(key, false, in, in_len, out, out_len);
    case PRIVATE_SM2_SIGN:
        return sm2_proof(libctx, key, in, in_len, out, out_len);
    case PRIVATE_ECDSA:
        return ecdsa_proof(libctx, key, in, in_len, out, out_len);
    case PRIVATE_SM2_DECRYPT:
        return key->algorithm == ALGORITHM_SM2; /* C3 holds for one key alone; the card checks it */
    default:
        return false;
    }
}

/* The card refused the data. So it would with a key that is not ours: a ciphertext can be larger than its modulus. */
static bool is_refusal(enum token_error err) {
    return err == TOKEN_BAD_DATA || err == TOKEN_DECRYPT_FAILED;
}

/* The card made something else of it than our key would, or `refused` it, and has just been looked at: which key is there? */
static enum token_error judge(struct token *token, struct key_entry *entry,
                              enum token_error refused) {
    struct token_public_key now;
    enum token_error err = token_read_public_key(token, &entry->key, &now);
    if (err != TOKEN_OK) {
        return err;
    }
    if (token_public_key_equal(&now, &entry->public_key)) {
        if (refused != TOKEN_OK) {
            return refused;
        }
        log_error("token %s: a private key's result is wrong", token->facts.serial);
        return TOKEN_DEVICE;
    }
    token_object_replaced(token, entry);
    return TOKEN_NOT_FOUND;
}

enum token_error token_use_key(struct token *token, struct key_entry *entry,
                               enum private_operation operation, const uint8_t *in, size_t in_len,
                               uint8_t *out, size_t out_size, size_t *out_len) {
    bool is_provable = key_proof_is_possible(operation);
    *out_len = 0;
    enum token_error err = token_enter(token);
    if (err == TOKEN_OK && !is_provable) {
        err = token_look(token);
    } else if (err == TOKEN_OK && token->unsure && !entry->public_key_seen) {
        const struct token_public_key *read_once;
        err = token_object_public_key(token, entry, &read_once);
    }
    for (int attempt = 0; err == TOKEN_OK; attempt++) {
        err = token_private_operation(token, &entry->key, operation, in, in_len, out, out_size,
                                      out_len);
        bool is_in_doubt =
            is_provable && entry->public_key_seen &&
            (token->unsure || !entry->public_key_known || entry->public_key_remembered);
        enum token_error refused = err;
        if (!is_in_doubt || (refused != TOKEN_OK && !is_refusal(refused))) {
            break;
        }
        if (refused == TOKEN_OK &&
            key_proof(token->libctx, &entry->public_key, operation, in, in_len, out, *out_len)) {
            entry->public_key_known = true;
            entry->public_key_remembered = false;
            break;
        }
        OPENSSL_cleanse(out, *out_len);
        *out_len = 0;
        entry->public_key_known = false; /* the next result is in doubt as well */
        log_info("token %s: another key answered: looking again", token->facts.serial);
        token->driver->forget(token);
        err = token_look(token);
        if (err == TOKEN_OK && attempt > 0) {
            err = judge(token, entry, refused);
        }
    }
    return err;
}
