/* 3DES and AES on mbedTLS. */
#include "firmware-sim/crypto/block_cipher.h"

#include <mbedtls/aes.h>
#include <mbedtls/des.h>

static const struct {
    size_t key, block;
} sizes[] = {
    [BLOCK_3DES] = {24, 8},
    [BLOCK_AES128] = {16, 16},
    [BLOCK_AES192] = {24, 16},
    [BLOCK_AES256] = {32, 16},
};

size_t block_key_size(enum block_cipher cipher) {
    return sizes[cipher].key;
}

size_t block_size(enum block_cipher cipher) {
    return sizes[cipher].block;
}

static bool encrypt_3des(const uint8_t *key, const uint8_t *in, uint8_t *out) {
    mbedtls_des3_context des;
    mbedtls_des3_init(&des);
    bool ok =
        mbedtls_des3_set3key_enc(&des, key) == 0 && mbedtls_des3_crypt_ecb(&des, in, out) == 0;
    mbedtls_des3_free(&des);
    return ok;
}

bool block_encrypt(enum block_cipher cipher, const uint8_t *key, const uint8_t *in, uint8_t *out) {
    mbedtls_aes_context aes;
    if (cipher == BLOCK_3DES)
        return encrypt_3des(key, in, out);
    mbedtls_aes_init(&aes);
    bool ok = mbedtls_aes_setkey_enc(&aes, key, (unsigned)sizes[cipher].key * 8) == 0 &&
              mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, in, out) == 0;
    mbedtls_aes_free(&aes);
    return ok;
}
