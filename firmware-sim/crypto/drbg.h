/* The card's random numbers: CTR_DRBG (SP 800-90A, AES-256) over an entropy source that the port gives. */
#ifndef FIRMWARE_CRYPTO_DRBG_H
#define FIRMWARE_CRYPTO_DRBG_H

#include <mbedtls/ctr_drbg.h>
#include <stdbool.h>
#include <stddef.h>

/* Fills out with len bytes of full entropy; returns 0, or anything else on failure. */
typedef int entropy_fn(void *ctx, unsigned char *out, size_t len);

struct drbg {
    mbedtls_ctr_drbg_context ctr;
};

/* Seeds at power-up; reseeds by itself. False when the source fails. */
bool drbg_start(struct drbg *rng, entropy_fn *entropy, void *entropy_ctx);
void drbg_stop(struct drbg *rng);

/* Any number of bytes. False on failure; then out is zeros. */
bool drbg_fill(struct drbg *rng, void *out, size_t len);

/* The same with the shape of mbedTLS's f_rng; rng is a struct drbg *. */
int drbg_mbedtls(void *rng, unsigned char *out, size_t len);

#endif
