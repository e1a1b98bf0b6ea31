/* Where the card's random numbers come from: the system, or, for reproducible tests, a seed. */
#ifndef FIRMWARE_PORTS_ENTROPY_H
#define FIRMWARE_PORTS_ENTROPY_H

#if !__STDC_HOSTED__
#error "random numbers from a seed are the simulator's alone: no firmware can be built with them"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENTROPY_SEED_MAX = 64 };

struct entropy {
    size_t seed_len; /* 0: the system's numbers */
    uint8_t seed[ENTROPY_SEED_MAX];
    uint32_t counter;
};

/* Takes a seed in hexadecimal; false if it is none. */
bool entropy_seed(struct entropy *entropy, const char *hex);

/* The shape of entropy_fn; ctx is a struct entropy. */
int entropy_read(void *ctx, unsigned char *out, size_t len);

#endif
