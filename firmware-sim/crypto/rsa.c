/* RSA-2048: one size of rsa_parts.h, and padding of ours, so that one path signs digests and ready-made blocks. */
#include "firmware-sim/crypto/rsa.h"

#include "firmware-sim/crypto/sm3.h"

#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <string.h>

/* DigestInfo up to the digest (RFC 8017 clause 9.2 note 1; SM3's OID is 1.2.156.10197.1.401). */
struct digest_info {
    size_t digest_len, prefix_len;
    uint8_t prefix[19];
};

static const struct digest_info digest_infos[] = {
    [RSA_HASH_SM3] = {32,
                      18,
                      {0x30, 0x30, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83,
                       0x11, 0x05, 0x00, 0x04, 0x20}},
    [RSA_HASH_SHA1] = {20,
                       15,
                       {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05,
                        0x00, 0x04, 0x14}},
    [RSA_HASH_SHA256] = {32,
                         19,
                         {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
                          0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}},
};

enum rsa_error rsa_generate(struct drbg *rng, struct rsa_key *key) {
    return rsa_parts_generate(rng, rsa_key_parts(key), RSA_MODULUS);
}

enum rsa_error rsa_private(struct drbg *rng, const struct rsa_key *key,
                           const uint8_t in[RSA_MODULUS], uint8_t out[RSA_MODULUS]) {
    return rsa_parts_private(rng, (const uint8_t *)key, RSA_MODULUS, in, out);
}

enum rsa_error rsa_private_exponent(const struct rsa_key *key, uint8_t d[RSA_MODULUS]) {
    return rsa_parts_exponent((const uint8_t *)key, RSA_MODULUS, d);
}

enum rsa_error rsa_from_primes(struct drbg *rng, const uint8_t p[RSA_PRIME],
                               const uint8_t q[RSA_PRIME], const uint8_t e[RSA_EXPONENT],
                               struct rsa_key *key) {
    memset(key, 0, sizeof *key);
    memcpy(key->p, p, sizeof key->p);
    memcpy(key->q, q, sizeof key->q);
    memcpy(key->e, e, sizeof key->e);
    return rsa_parts_complete(rng, rsa_key_parts(key), RSA_MODULUS);
}

size_t rsa_digest(enum rsa_hash hash, const uint8_t *msg, size_t len, uint8_t out[RSA_DIGEST_MAX]) {
    switch (hash) {
    case RSA_HASH_SM3:
        sm3(msg, len, out);
        break;
    case RSA_HASH_SHA1:
        if (mbedtls_sha1_ret(msg, len, out) != 0)
            return 0;
        break;
    case RSA_HASH_SHA256:
        if (mbedtls_sha256_ret(msg, len, out, 0) != 0)
            return 0;
        break;
    case RSA_HASH_NONE:
    default:
        return 0;
    }
    return digest_infos[hash].digest_len;
}

enum rsa_error rsa_pkcs1_block(enum rsa_hash hash, const uint8_t *data, size_t len, uint8_t *block,
                               size_t modulus) {
    const uint8_t *prefix = NULL;
    size_t prefix_len = 0;
    if (hash != RSA_HASH_NONE) {
        const struct digest_info *info = &digest_infos[hash];
        if (len != info->digest_len)
            return RSA_BAD_INPUT;
        prefix = info->prefix;
        prefix_len = info->prefix_len;
    }
    if (len > modulus - RSA_PKCS1_OVERHEAD - prefix_len)
        return RSA_BAD_INPUT;
    size_t ones = modulus - 3 - prefix_len - len;
    memset(block, 0, modulus);
    block[1] = 0x01;
    memset(block + 2, 0xff, ones);
    if (prefix_len)
        memcpy(block + 3 + ones, prefix, prefix_len);
    if (len)
        memcpy(block + 3 + ones + prefix_len, data, len);
    return RSA_OK;
}

enum rsa_error rsa_pkcs1_sign(struct drbg *rng, const struct rsa_key *key, enum rsa_hash hash,
                              const uint8_t *data, size_t len, uint8_t sig[RSA_MODULUS]) {
    uint8_t block[RSA_MODULUS];
    enum rsa_error err = rsa_pkcs1_block(hash, data, len, block, sizeof block);
    return err ? err : rsa_private(rng, key, block, sig);
}
