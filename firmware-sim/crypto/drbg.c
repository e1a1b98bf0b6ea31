/* CTR_DRBG of mbedTLS with requests of any length, and the health tests of what feeds it. */
#include "firmware-sim/crypto/drbg.h"

#include <mbedtls/platform_util.h>
#include <string.h>

static void watch_byte(struct entropy_health *health, uint8_t byte) {
    /* section 4.4.1 */
    health->repetitions =
        health->begun && byte == health->last ? (uint16_t)(health->repetitions + 1) : 1;
    health->begun = true;
    health->last = byte;
    /* section 4.4.2: the window's first byte, counted in the whole window */
    if (health->seen == 0) {
        health->counted = byte;
        health->proportion = 0;
    }
    health->proportion = (uint16_t)(health->proportion + (byte == health->counted));
    health->seen = (uint16_t)((health->seen + 1) % HEALTH_WINDOW);
    health->failed |=
        health->repetitions >= HEALTH_REPETITIONS || health->proportion >= HEALTH_PROPORTION;
}

bool entropy_health_watch(struct entropy_health *health, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        watch_byte(health, bytes[i]);
    return !health->failed;
}

/* The generator's source: the port's, watched. */
static int watched_entropy(void *ctx, unsigned char *out, size_t len) {
    struct drbg *rng = ctx;
    if (rng->entropy(rng->entropy_ctx, out, len) == 0 &&
        entropy_health_watch(&rng->health, out, len))
        return 0;
    mbedtls_platform_zeroize(out, len);
    return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
}

bool drbg_start(struct drbg *rng, entropy_fn *entropy, void *entropy_ctx) {
    static const unsigned char personal[] = "OpenUKey card";
    unsigned char first[64];
    int err = 0;
    *rng = (struct drbg){.entropy = entropy, .entropy_ctx = entropy_ctx};
    mbedtls_ctr_drbg_init(&rng->ctr);
    for (size_t done = 0; done < HEALTH_START && !err; done += sizeof first)
        err = watched_entropy(rng, first, sizeof first);
    mbedtls_platform_zeroize(first, sizeof first);
    if (!err)
        err = mbedtls_ctr_drbg_seed(&rng->ctr, watched_entropy, rng, personal, sizeof personal);
    rng->health.failed |= err != 0;
    return !err;
}

void drbg_stop(struct drbg *rng) {
    mbedtls_ctr_drbg_free(&rng->ctr);
    mbedtls_platform_zeroize(rng, sizeof *rng);
}

int drbg_mbedtls(void *rng, unsigned char *out, size_t len) {
    struct drbg *self = rng;
    int err = self->health.failed ? MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED : 0;
    for (size_t done = 0; done < len && !err;) {
        size_t n =
            len - done < MBEDTLS_CTR_DRBG_MAX_REQUEST ? len - done : MBEDTLS_CTR_DRBG_MAX_REQUEST;
        err = mbedtls_ctr_drbg_random(&self->ctr, out + done, n);
        done += n;
    }
    if (err)
        mbedtls_platform_zeroize(out, len);
    return err;
}

bool drbg_fill(struct drbg *rng, void *out, size_t len) {
    return drbg_mbedtls(rng, out, len) == 0;
}
