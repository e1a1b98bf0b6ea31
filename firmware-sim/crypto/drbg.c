/* CTR_DRBG of mbedTLS with requests of any length. */
#include "firmware-sim/crypto/drbg.h"

#include <string.h>

bool drbg_start(struct drbg *rng, entropy_fn *entropy, void *entropy_ctx) {
    static const unsigned char personal[] = "OpenUKey card";
    mbedtls_ctr_drbg_init(&rng->ctr);
    return mbedtls_ctr_drbg_seed(&rng->ctr, entropy, entropy_ctx, personal, sizeof personal) == 0;
}

void drbg_stop(struct drbg *rng) {
    mbedtls_ctr_drbg_free(&rng->ctr);
}

int drbg_mbedtls(void *rng, unsigned char *out, size_t len) {
    struct drbg *self = rng;
    for (size_t done = 0; done < len;) {
        size_t n =
            len - done < MBEDTLS_CTR_DRBG_MAX_REQUEST ? len - done : MBEDTLS_CTR_DRBG_MAX_REQUEST;
        int err = mbedtls_ctr_drbg_random(&self->ctr, out + done, n);
        if (err) {
            memset(out, 0, len);
            return err;
        }
        done += n;
    }
    return 0;
}

bool drbg_fill(struct drbg *rng, void *out, size_t len) {
    return drbg_mbedtls(rng, out, len) == 0;
}
