/* RSA with public keys, and PKCS#1 v1.5 encryption. */
#include "firmware-sim/crypto/rsa.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/rsa.h>
#include <string.h>

enum rsa_error rsa_public(const struct rsa_public_key *key, const uint8_t in[RSA_MODULUS],
                          uint8_t out[RSA_MODULUS]) {
    enum rsa_error err = RSA_FAILED;
    mbedtls_rsa_context ctx;
    if (memcmp(in, key->n, RSA_MODULUS) >= 0)
        return RSA_BAD_INPUT;
    mbedtls_rsa_init(&ctx, MBEDTLS_RSA_PKCS_V15, 0);
    if (mbedtls_rsa_import_raw(&ctx, key->n, sizeof key->n, NULL, 0, NULL, 0, NULL, 0, key->e,
                               sizeof key->e) != 0 ||
        mbedtls_rsa_complete(&ctx) != 0 || mbedtls_rsa_get_len(&ctx) != RSA_MODULUS ||
        mbedtls_rsa_check_pubkey(&ctx) != 0)
        err = RSA_BAD_INPUT;
    else if (mbedtls_rsa_public(&ctx, in, out) == 0)
        err = RSA_OK;
    mbedtls_rsa_free(&ctx);
    return err;
}

enum rsa_error rsa_pkcs1_verify(const struct rsa_public_key *key, enum rsa_hash hash,
                                const uint8_t *data, size_t len, const uint8_t sig[RSA_MODULUS]) {
    uint8_t want[RSA_MODULUS], got[RSA_MODULUS];
    enum rsa_error err = rsa_pkcs1_block(hash, data, len, want, sizeof want);
    if (!err)
        err = rsa_public(key, sig, got);
    if (!err && memcmp(want, got, sizeof want) != 0)
        err = RSA_FAILED;
    return err;
}

enum rsa_error rsa_pkcs1_encrypt(struct drbg *rng, const struct rsa_public_key *key,
                                 const uint8_t *plain, size_t len, uint8_t cipher[RSA_MODULUS]) {
    uint8_t block[RSA_MODULUS] = {0x00, 0x02};
    if (len > RSA_PKCS1_MAX)
        return RSA_BAD_INPUT;
    size_t pad = RSA_MODULUS - 3 - len;
    enum rsa_error err = drbg_fill(rng, block + 2, pad) ? RSA_OK : RSA_FAILED;
    for (size_t i = 2; i < 2 + pad && !err; i++)
        while (block[i] == 0 && !err) /* padding holds no zero */
            err = drbg_fill(rng, &block[i], 1) ? RSA_OK : RSA_FAILED;
    block[2 + pad] = 0;
    memcpy(block + 3 + pad, plain, len);
    if (!err)
        err = rsa_public(key, block, cipher);
    mbedtls_platform_zeroize(block, sizeof block);
    return err;
}

enum rsa_error rsa_pkcs1_decrypt(struct drbg *rng, const struct rsa_key *key,
                                 const uint8_t cipher[RSA_MODULUS], uint8_t *plain, size_t len) {
    uint8_t block[RSA_MODULUS];
    memset(plain, 0, len);
    if (len > RSA_PKCS1_MAX)
        return RSA_BAD_INPUT;
    enum rsa_error err = rsa_private(rng, key, cipher, block);
    if (err)
        return err;
    /* the length is known: where the zero has to stand too */
    size_t zero = RSA_MODULUS - len - 1;
    unsigned bad = block[0] | (unsigned)(block[1] ^ 2) | block[zero];
    for (size_t i = 2; i < zero; i++)
        bad |= (unsigned)(block[i] == 0);
    if (bad)
        err = RSA_BAD_INPUT;
    else
        memcpy(plain, block + zero + 1, len);
    mbedtls_platform_zeroize(block, sizeof block);
    return err;
}
