/* The card's random numbers: CTR_DRBG (SP 800-90A, AES-256) over an entropy source that the port gives and whose output is
 * watched (SP 800-90B section 4.4): the repetition count test and the adaptive proportion test, on every byte. */
#ifndef FIRMWARE_CRYPTO_DRBG_H
#define FIRMWARE_CRYPTO_DRBG_H

#include <mbedtls/ctr_drbg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills out with len bytes of full entropy; returns 0, or anything else on failure. */
typedef int entropy_fn(void *ctx, unsigned char *out, size_t len);

/* The health tests of a source that claims 8 bits of entropy a byte, with a false alarm in 2^40 bytes (the rarest that
 * section 4.4 allows): cutoff 1 + 40 / 8, and 1 + critbinom(512, 2^-8, 1 - 2^-40). */
enum entropy_health_size {
    HEALTH_REPETITIONS = 6,
    HEALTH_WINDOW = 512,
    HEALTH_PROPORTION = 19,
    HEALTH_START = 1024 /* bytes watched and thrown away at power-up (section 4.3) */
};

struct entropy_health {
    bool failed; /* stays so until the next power-up */
    bool begun;
    uint8_t last, counted; /* the previous byte; the window's first byte, which is counted */
    uint16_t repetitions, seen, proportion;
};

/* Takes raw bytes in; false from the first failure on. */
bool entropy_health_watch(struct entropy_health *health, const uint8_t *bytes, size_t len);

struct drbg {
    mbedtls_ctr_drbg_context ctr;
    entropy_fn *entropy;
    void *entropy_ctx;
    struct entropy_health health;
};

/* Tests the source and seeds, at power-up; reseeds by itself. False when the source fails or is not healthy. rng may not move. */
bool drbg_start(struct drbg *rng, entropy_fn *entropy, void *entropy_ctx);
void drbg_stop(struct drbg *rng);

/* Any number of bytes. False on failure, and always after a failure of the health tests; then out is zeros. */
bool drbg_fill(struct drbg *rng, void *out, size_t len);

/* The same with the shape of mbedTLS's f_rng; rng is a struct drbg *. */
int drbg_mbedtls(void *rng, unsigned char *out, size_t len);

#endif
