/* Comparison of secrets. */
#ifndef FIRMWARE_CRYPTO_EQUAL_H
#define FIRMWARE_CRYPTO_EQUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if the len bytes are equal; the time depends on len only. */
static inline bool bytes_equal(const void *a, const void *b, size_t len) {
    const volatile uint8_t *x = a, *y = b;
    uint8_t diff = 0;
    for (size_t i = 0; i < len; i++)
        diff = (uint8_t)(diff | (x[i] ^ y[i]));
    return diff == 0;
}

#endif
