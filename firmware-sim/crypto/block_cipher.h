/* Single blocks under 3DES (SP 800-67) and AES (FIPS 197): what the PIV management key proves itself with. */
#ifndef FIRMWARE_CRYPTO_BLOCK_CIPHER_H
#define FIRMWARE_CRYPTO_BLOCK_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum block_cipher { BLOCK_3DES, BLOCK_AES128, BLOCK_AES192, BLOCK_AES256 };

enum { BLOCK_MAX = 16, BLOCK_KEY_MAX = 32 };

size_t block_key_size(enum block_cipher cipher);
size_t block_size(enum block_cipher cipher);

/* One block; in and out may be the same. False if mbedTLS fails. */
bool block_encrypt(enum block_cipher cipher, const uint8_t *key, const uint8_t *in, uint8_t *out);

#endif
