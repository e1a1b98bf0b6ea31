/* SM4 in ECB and CBC over a stream that comes in pieces (GB/T 17964), with or without PKCS#5 padding, and CBC-MAC of such a
 * stream. The key is the caller's and given again with every call, so that the state stays small. No allocation. */
#ifndef FIRMWARE_CRYPTO_SM4_MODE_H
#define FIRMWARE_CRYPTO_SM4_MODE_H

#include "firmware-sim/crypto/sm4.h"

#include <stdbool.h>

enum sm4_mode_kind { SM4_MODE_ECB, SM4_MODE_CBC, SM4_MODE_MAC };
enum sm4_direction { SM4_ENCRYPT, SM4_DECRYPT };

struct sm4_mode {
    uint8_t kind, direction;
    bool padded;
    uint8_t
        used; /* bytes waiting in block: 0..15, and 16 while a padded decryption holds its last block back */
    uint8_t chain[SM4_BLOCK], block[SM4_BLOCK];
};

/* iv: used by CBC and MAC. A MAC is an encryption whose blocks stay inside. */
void sm4_mode_init(struct sm4_mode *mode, enum sm4_mode_kind kind, enum sm4_direction direction,
                   bool padded, const uint8_t iv[SM4_BLOCK]);

/* Takes len bytes; writes the whole blocks that are sure now to out (at most len + SM4_BLOCK - 1 bytes, which may not overlap
 * in; none for a MAC) and returns their number. */
size_t sm4_mode_update(struct sm4_mode *mode, const uint8_t key[SM4_KEY], const uint8_t *in,
                       size_t len, uint8_t *out);

/* Writes what remains (at most SM4_BLOCK bytes; a MAC's is always a block), its length to *out_len, and cleanses mode. False,
 * and nothing written, if the data was not whole blocks and unpadded, or the padding is wrong. */
bool sm4_mode_final(struct sm4_mode *mode, const uint8_t key[SM4_KEY], uint8_t out[SM4_BLOCK],
                    size_t *out_len);

#endif
