/* NIST curves on mbedTLS. */
#include "firmware-sim/crypto/ec.h"

#include <mbedtls/asn1write.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/hmac_drbg.h>
#include <mbedtls/platform_util.h>
#include <string.h>

/* What every operation works with; freeing it cleanses it. */
struct work {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi d, r, s;
};

static const struct {
    mbedtls_ecp_group_id id;
    size_t size;
} curves[] = {
    [EC_P256] = {MBEDTLS_ECP_DP_SECP256R1, 32}, [EC_P384] = {MBEDTLS_ECP_DP_SECP384R1, 48}};

size_t ec_number_size(enum ec_curve curve) {
    return curves[curve].size;
}

size_t ec_point_size(enum ec_curve curve) {
    return 1 + 2 * curves[curve].size;
}

static enum ec_error work_start(struct work *w, enum ec_curve curve) {
    mbedtls_ecp_group_init(&w->group);
    mbedtls_ecp_point_init(&w->point);
    mbedtls_mpi_init(&w->d);
    mbedtls_mpi_init(&w->r);
    mbedtls_mpi_init(&w->s);
    return mbedtls_ecp_group_load(&w->group, curves[curve].id) == 0 ? EC_OK : EC_FAILED;
}

static void work_end(struct work *w) {
    mbedtls_ecp_group_free(&w->group);
    mbedtls_ecp_point_free(&w->point);
    mbedtls_mpi_free(&w->d);
    mbedtls_mpi_free(&w->r);
    mbedtls_mpi_free(&w->s);
}

static enum ec_error scalar_read(struct work *w, enum ec_curve curve, const uint8_t *d) {
    if (mbedtls_mpi_read_binary(&w->d, d, curves[curve].size) != 0)
        return EC_FAILED;
    return mbedtls_ecp_check_privkey(&w->group, &w->d) == 0 ? EC_OK : EC_BAD_KEY;
}

/* The public point of w->d. */
static enum ec_error public_write(struct work *w, struct drbg *rng, enum ec_curve curve,
                                  uint8_t *point) {
    size_t len;
    if (mbedtls_ecp_mul(&w->group, &w->point, &w->d, &w->group.G, drbg_mbedtls, rng) != 0 ||
        mbedtls_ecp_point_write_binary(&w->group, &w->point, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                       point, ec_point_size(curve)) != 0)
        return EC_FAILED;
    return EC_OK;
}

enum ec_error ec_generate(struct drbg *rng, enum ec_curve curve, uint8_t *d, uint8_t *point) {
    struct work w;
    size_t size = curves[curve].size;
    enum ec_error err = work_start(&w, curve);
    if (!err && (mbedtls_ecp_gen_privkey(&w.group, &w.d, drbg_mbedtls, rng) != 0 ||
                 mbedtls_mpi_write_binary(&w.d, d, size) != 0))
        err = EC_FAILED;
    if (!err)
        err = public_write(&w, rng, curve, point);
    if (err)
        mbedtls_platform_zeroize(d, size);
    work_end(&w);
    return err;
}

enum ec_error ec_public(struct drbg *rng, enum ec_curve curve, const uint8_t *d, uint8_t *point) {
    struct work w;
    enum ec_error err = work_start(&w, curve);
    if (!err)
        err = scalar_read(&w, curve, d);
    if (!err)
        err = public_write(&w, rng, curve, point);
    work_end(&w);
    return err;
}

static enum ec_error der_write(const struct work *w, uint8_t der[EC_DER_MAX], size_t *der_len) {
    uint8_t *start = der, *at = der + EC_DER_MAX;
    int s = mbedtls_asn1_write_mpi(&at, start, &w->s);
    int r = s < 0 ? s : mbedtls_asn1_write_mpi(&at, start, &w->r);
    size_t content = (size_t)(der + EC_DER_MAX - at);
    int len = r < 0 ? r : mbedtls_asn1_write_len(&at, start, content);
    int tag = len < 0 ? len
                      : mbedtls_asn1_write_tag(&at, start,
                                               MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    if (tag < 0)
        return EC_FAILED;
    *der_len = (size_t)(der + EC_DER_MAX - at);
    memmove(der, at, *der_len);
    return EC_OK;
}

enum ec_error ec_sign_with(ec_nonces *nonces, void *ctx, enum ec_curve curve, const uint8_t *d,
                           const uint8_t *digest, size_t digest_len, uint8_t der[EC_DER_MAX],
                           size_t *der_len) {
    struct work w;
    *der_len = 0;
    if (digest_len == 0 || digest_len > curves[curve].size)
        return EC_BAD_INPUT;
    enum ec_error err = work_start(&w, curve);
    if (!err)
        err = scalar_read(&w, curve, d);
    if (!err && mbedtls_ecdsa_sign(&w.group, &w.r, &w.s, &w.d, digest, digest_len, nonces, ctx))
        err = EC_FAILED;
    if (!err)
        err = der_write(&w, der, der_len);
    work_end(&w);
    return err;
}

enum ec_error ec_sign(struct drbg *rng, enum ec_curve curve, const uint8_t *d,
                      const uint8_t *digest, size_t digest_len, uint8_t der[EC_DER_MAX],
                      size_t *der_len) {
    uint8_t seed[3 * EC_NUMBER_MAX] = {0}; /* d, digest, random */
    mbedtls_hmac_drbg_context nonces;
    enum ec_error err = EC_FAILED;
    *der_len = 0;
    if (digest_len == 0 || digest_len > curves[curve].size)
        return EC_BAD_INPUT;
    mbedtls_hmac_drbg_init(&nonces);
    memcpy(seed, d, curves[curve].size);
    memcpy(seed + EC_NUMBER_MAX, digest, digest_len);
    if (drbg_fill(rng, seed + (size_t)2 * EC_NUMBER_MAX, EC_NUMBER_MAX) &&
        mbedtls_hmac_drbg_seed_buf(&nonces, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), seed,
                                   sizeof seed) == 0)
        err = ec_sign_with(mbedtls_hmac_drbg_random, &nonces, curve, d, digest, digest_len, der,
                           der_len);
    mbedtls_platform_zeroize(seed, sizeof seed);
    mbedtls_hmac_drbg_free(&nonces);
    return err;
}

enum ec_error ec_agree(struct drbg *rng, enum ec_curve curve, const uint8_t *d,
                       const uint8_t *point, uint8_t *x) {
    struct work w;
    enum ec_error err = work_start(&w, curve);
    if (!err)
        err = scalar_read(&w, curve, d);
    if (!err && (point[0] != 0x04 ||
                 mbedtls_ecp_point_read_binary(&w.group, &w.point, point, ec_point_size(curve)) ||
                 mbedtls_ecp_check_pubkey(&w.group, &w.point) != 0))
        err = EC_BAD_KEY;
    if (!err && (mbedtls_ecdh_compute_shared(&w.group, &w.r, &w.point, &w.d, drbg_mbedtls, rng) ||
                 mbedtls_mpi_write_binary(&w.r, x, curves[curve].size) != 0))
        err = EC_FAILED;
    work_end(&w);
    return err;
}
