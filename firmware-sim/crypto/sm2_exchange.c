/* SM2 key exchange (GB/T 32918.3 clause 6.1), either side, without the optional confirmation. */
#include "firmware-sim/crypto/sm2_internal.h"
#include "firmware-sim/crypto/sm3.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* x' = 2^w + (x mod 2^w) with w = 127: the lower half of x, its highest bit set. */
static int reduced_x(mbedtls_mpi *out, const struct sm2_point *p) {
    uint8_t half[SM2_NUMBER / 2];
    memcpy(half, p->x + SM2_NUMBER / 2, sizeof half);
    half[0] |= 0x80;
    return mbedtls_mpi_read_binary(out, half, sizeof half);
}

/* KDF(xU || yU || ZA || ZB) of at most one digest. */
static void derive(const struct sm2_point *u, const struct sm2_exchange *x, uint8_t *key,
                   size_t len) {
    static const uint8_t counter[4] = {0, 0, 0, 1};
    uint8_t digest[SM3_SIZE];
    struct sm3 h;
    sm3_init(&h);
    sm3_update(&h, u, sizeof *u);
    sm3_update(&h, x->z_initiator, SM2_NUMBER);
    sm3_update(&h, x->z_responder, SM2_NUMBER);
    sm3_update(&h, counter, sizeof counter);
    sm3_final(&h, digest);
    memcpy(key, digest, len);
    mbedtls_platform_zeroize(digest, sizeof digest);
}

enum sm2_error sm2_exchange_key(struct drbg *rng, const struct sm2_exchange *x, uint8_t *key,
                                size_t key_len) {
    mbedtls_ecp_group *curve = sm2_curve();
    struct sm2_point u = {0};
    mbedtls_ecp_point peer, peer_r;
    mbedtls_mpi t, r, own, other, one;
    memset(key, 0, key_len);
    if (key_len == 0 || key_len > SM3_SIZE)
        return SM2_BAD_INPUT;
    if (sm2_check_point(x->peer) != SM2_OK || sm2_check_point(x->peer_r) != SM2_OK)
        return SM2_BAD_KEY;
    mbedtls_ecp_point_init(&peer);
    mbedtls_ecp_point_init(&peer_r);
    mbedtls_mpi_init(&t);
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&own);
    mbedtls_mpi_init(&other);
    mbedtls_mpi_init(&one);

    enum sm2_error err = sm2_scalar_read(&t, x->d);
    if (!err)
        err = sm2_scalar_read(&r, x->r);
    if (err)
        goto out;
    /* t = d + x' r mod n; U = t (P + x' R) of the other side */
    TRY(reduced_x(&own, x->own_r));
    TRY(mbedtls_mpi_mul_mpi(&r, &r, &own));
    TRY(mbedtls_mpi_add_mpi(&t, &t, &r));
    TRY(mbedtls_mpi_mod_mpi(&t, &t, &curve->N));
    TRY(reduced_x(&other, x->peer_r));
    TRY(mbedtls_mpi_lset(&one, 1));
    TRY(sm2_point_read(&peer, x->peer));
    TRY(sm2_point_read(&peer_r, x->peer_r));
    TRY(mbedtls_ecp_muladd(curve, &peer, &one, &peer, &other, &peer_r));
    if (mbedtls_ecp_is_zero(&peer) || mbedtls_mpi_cmp_int(&t, 0) == 0) {
        err = SM2_BAD_INPUT;
        goto out;
    }
    TRY(mbedtls_ecp_mul(curve, &peer, &t, &peer, drbg_mbedtls, rng));
    TRY(sm2_point_write(&peer, &u));
    derive(&u, x, key, key_len);
out:
    mbedtls_platform_zeroize(&u, sizeof u);
    mbedtls_ecp_point_free(&peer);
    mbedtls_ecp_point_free(&peer_r);
    mbedtls_mpi_free(&t);
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&own);
    mbedtls_mpi_free(&other);
    mbedtls_mpi_free(&one);
    return err;
}
