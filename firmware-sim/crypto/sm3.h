/* SM3 (GB/T 32905-2016) and HMAC-SM3. No allocation, no global state; time depends on lengths only. */
#ifndef FIRMWARE_CRYPTO_SM3_H
#define FIRMWARE_CRYPTO_SM3_H

#include <stddef.h>
#include <stdint.h>

enum sm3_size { SM3_BLOCK = 64, SM3_SIZE = 32 };

struct sm3 {
    uint32_t h[8];
    uint64_t total; /* bytes hashed so far */
    uint8_t block[SM3_BLOCK];
};

struct hmac_sm3 {
    struct sm3 inner, outer;
};

void sm3_init(struct sm3 *ctx);
void sm3_update(struct sm3 *ctx, const void *data, size_t len);
/* Writes the digest and cleanses ctx. */
void sm3_final(struct sm3 *ctx, uint8_t digest[SM3_SIZE]);
void sm3(const void *data, size_t len, uint8_t digest[SM3_SIZE]);

/* HMAC (GB/T 15852.2, ISO/IEC 9797-2 algorithm 2) over SM3; a key longer than a block is hashed first. */
void hmac_sm3_init(struct hmac_sm3 *ctx, const uint8_t *key, size_t key_len);
void hmac_sm3_update(struct hmac_sm3 *ctx, const void *data, size_t len);
void hmac_sm3_final(struct hmac_sm3 *ctx, uint8_t mac[SM3_SIZE]);

#endif
