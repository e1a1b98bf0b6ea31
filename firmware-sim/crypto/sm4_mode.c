/* Blocks in, blocks out. */
#include "firmware-sim/crypto/sm4_mode.h"

#include <mbedtls/platform_util.h>
#include <string.h>

void sm4_mode_init(struct sm4_mode *mode, enum sm4_mode_kind kind, enum sm4_direction direction,
                   bool padded, const uint8_t iv[SM4_BLOCK]) {
    memset(mode, 0, sizeof *mode);
    mode->kind = (uint8_t)kind;
    mode->direction = (uint8_t)direction;
    mode->padded = padded;
    if (kind != SM4_MODE_ECB)
        memcpy(mode->chain, iv, SM4_BLOCK);
}

static void set_key(const struct sm4_mode *mode, struct sm4 *cipher, const uint8_t *key) {
    if (mode->direction == SM4_DECRYPT)
        sm4_set_decrypt_key(cipher, key);
    else
        sm4_set_encrypt_key(cipher, key);
}

/* One block from mode->block to out. */
static void step(struct sm4_mode *mode, const struct sm4 *cipher, uint8_t out[SM4_BLOCK]) {
    bool chained = mode->kind != SM4_MODE_ECB;
    uint8_t in[SM4_BLOCK];
    memcpy(in, mode->block, SM4_BLOCK);
    if (chained && mode->direction == SM4_ENCRYPT)
        for (unsigned i = 0; i < SM4_BLOCK; i++)
            in[i] ^= mode->chain[i];
    sm4_block(cipher, in, out);
    if (chained && mode->direction == SM4_DECRYPT) {
        for (unsigned i = 0; i < SM4_BLOCK; i++)
            out[i] ^= mode->chain[i];
        memcpy(mode->chain, in, SM4_BLOCK);
    } else if (chained) {
        memcpy(mode->chain, out, SM4_BLOCK);
    }
    mode->used = 0;
}

size_t sm4_mode_update(struct sm4_mode *mode, const uint8_t key[SM4_KEY], const uint8_t *in,
                       size_t len, uint8_t *out) {
    bool hold = mode->padded && mode->direction == SM4_DECRYPT;
    struct sm4 cipher;
    size_t written = 0;
    set_key(mode, &cipher, key);
    for (size_t i = 0; i < len; i++) {
        uint8_t block[SM4_BLOCK];
        if (mode->used == SM4_BLOCK) { /* held back, and now known not to be the last */
            step(mode, &cipher, out + written);
            written += SM4_BLOCK;
        }
        mode->block[mode->used++] = in[i];
        if (mode->used < SM4_BLOCK || hold)
            continue;
        step(mode, &cipher, mode->kind == SM4_MODE_MAC ? block : out + written);
        written += mode->kind == SM4_MODE_MAC ? 0 : SM4_BLOCK;
    }
    mbedtls_platform_zeroize(&cipher, sizeof cipher);
    return written;
}

/* PKCS#5 padding of a deciphered block: its length, looked at in constant time; 0 if it is wrong. */
static size_t padding_length(const uint8_t block[SM4_BLOCK]) {
    unsigned pad = block[SM4_BLOCK - 1], bad = (unsigned)(pad == 0) | (unsigned)(pad > SM4_BLOCK);
    for (unsigned i = 0; i < SM4_BLOCK; i++)
        bad |= (unsigned)(i + pad >= SM4_BLOCK) & (unsigned)(block[i] != pad);
    return bad ? 0 : pad;
}

bool sm4_mode_final(struct sm4_mode *mode, const uint8_t key[SM4_KEY], uint8_t out[SM4_BLOCK],
                    size_t *out_len) {
    struct sm4 cipher;
    uint8_t block[SM4_BLOCK];
    bool good = true;
    *out_len = 0;
    set_key(mode, &cipher, key);
    if (mode->padded && mode->direction == SM4_DECRYPT) {
        size_t pad = 0;
        if (mode->used == SM4_BLOCK) {
            step(mode, &cipher, block);
            pad = padding_length(block);
        }
        good = pad != 0;
        *out_len = good ? SM4_BLOCK - pad : 0;
    } else if (mode->padded) {
        memset(mode->block + mode->used, SM4_BLOCK - mode->used, SM4_BLOCK - mode->used);
        step(mode, &cipher, block);
        *out_len = SM4_BLOCK;
    } else {
        good = mode->used == 0;
    }
    if (good && mode->kind == SM4_MODE_MAC) {
        memcpy(block, mode->chain, SM4_BLOCK);
        *out_len = SM4_BLOCK;
    }
    if (good)
        memcpy(out, block, *out_len);
    mbedtls_platform_zeroize(block, sizeof block);
    mbedtls_platform_zeroize(&cipher, sizeof cipher);
    mbedtls_platform_zeroize(mode, sizeof *mode);
    return good;
}
