/* SM4 (GB/T 32907-2016): block, ECB, and CBC-MAC over a stream. No allocation. The S-box is one 256-byte table: on a
 * core with a data cache a lookup's time may depend on the byte; the card's own core has none. */
#ifndef FIRMWARE_CRYPTO_SM4_H
#define FIRMWARE_CRYPTO_SM4_H

#include <stddef.h>
#include <stdint.h>

enum sm4_size { SM4_BLOCK = 16, SM4_KEY = 16 };

/* The 32 round keys, in the order of use: encryption and decryption differ by that order alone (clause 7.2). */
struct sm4 {
    uint32_t rk[32];
};

void sm4_set_encrypt_key(struct sm4 *ctx, const uint8_t key[SM4_KEY]);
void sm4_set_decrypt_key(struct sm4 *ctx, const uint8_t key[SM4_KEY]);
void sm4_block(const struct sm4 *ctx, const uint8_t in[SM4_BLOCK], uint8_t out[SM4_BLOCK]);

/* ECB over len bytes, a multiple of SM4_BLOCK; in and out may be the same. The key is set and cleansed inside. */
void sm4_ecb_encrypt(const uint8_t key[SM4_KEY], const uint8_t *in, size_t len, uint8_t *out);
void sm4_ecb_decrypt(const uint8_t key[SM4_KEY], const uint8_t *in, size_t len, uint8_t *out);

/* CBC-MAC with an explicit IV. The final call pads with 0x80 and zeros up to the block (always at least the 0x80). */
struct sm4_mac {
    struct sm4 cipher;
    uint8_t chain[SM4_BLOCK];
    size_t used;
};

void sm4_mac_init(struct sm4_mac *ctx, const uint8_t key[SM4_KEY], const uint8_t iv[SM4_BLOCK]);
void sm4_mac_update(struct sm4_mac *ctx, const void *data, size_t len);
void sm4_mac_final(struct sm4_mac *ctx, uint8_t mac[SM4_BLOCK]); /* cleanses ctx */

#endif
