/* SM2 on mbedTLS's point arithmetic. */
#include "firmware-sim/crypto/sm2.h"

#include "firmware-sim/crypto/equal.h"
#include "firmware-sim/crypto/sm2_curve.h"
#include "firmware-sim/crypto/sm2_internal.h"
#include "firmware-sim/crypto/sm3.h"

#include <mbedtls/hmac_drbg.h>
#include <mbedtls/platform_util.h>
#include <string.h>

int sm2_point_read(mbedtls_ecp_point *p, const struct sm2_point *in) {
    int ret = mbedtls_mpi_read_binary(&p->X, in->x, SM2_NUMBER);
    if (!ret)
        ret = mbedtls_mpi_read_binary(&p->Y, in->y, SM2_NUMBER);
    if (!ret)
        ret = mbedtls_mpi_lset(&p->Z, 1);
    return ret;
}

int sm2_point_write(const mbedtls_ecp_point *p, struct sm2_point *out) {
    int ret = mbedtls_mpi_write_binary(&p->X, out->x, SM2_NUMBER);
    return ret ? ret : mbedtls_mpi_write_binary(&p->Y, out->y, SM2_NUMBER);
}

enum sm2_error sm2_scalar_read(mbedtls_mpi *d, const uint8_t in[SM2_NUMBER]) {
    enum sm2_error err = SM2_OK;
    mbedtls_mpi top;
    mbedtls_mpi_init(&top);
    TRY(mbedtls_mpi_read_binary(d, in, SM2_NUMBER));
    TRY(mbedtls_mpi_sub_int(&top, &sm2_curve()->N, 1));
    if (mbedtls_mpi_cmp_int(d, 1) < 0 || mbedtls_mpi_cmp_mpi(d, &top) >= 0)
        err = SM2_BAD_KEY;
out:
    mbedtls_mpi_free(&top);
    return err;
}

enum sm2_error sm2_base_multiply(struct drbg *rng, const mbedtls_mpi *k, struct sm2_point *out) {
    enum sm2_error err = SM2_OK;
    mbedtls_ecp_group *curve = sm2_curve();
    mbedtls_ecp_point q;
    mbedtls_ecp_point_init(&q);
    TRY(mbedtls_ecp_mul(curve, &q, k, &curve->G, drbg_mbedtls, rng));
    TRY(sm2_point_write(&q, out));
out:
    mbedtls_ecp_point_free(&q);
    return err;
}

enum sm2_error sm2_public(struct drbg *rng, const uint8_t d[SM2_NUMBER], struct sm2_point *pub) {
    mbedtls_mpi k;
    mbedtls_mpi_init(&k);
    memset(pub, 0, sizeof *pub);
    enum sm2_error err = sm2_scalar_read(&k, d);
    if (!err)
        err = sm2_base_multiply(rng, &k, pub);
    mbedtls_mpi_free(&k);
    return err;
}

enum sm2_error sm2_keygen(struct drbg *rng, uint8_t d[SM2_NUMBER], struct sm2_point *pub) {
    enum sm2_error err;
    do {
        if (!drbg_fill(rng, d, SM2_NUMBER))
            return SM2_FAILED;
        err = sm2_public(rng, d, pub);
    } while (err == SM2_BAD_KEY); /* once in 2^32: above n-2 */
    if (err)
        mbedtls_platform_zeroize(d, SM2_NUMBER);
    return err;
}

enum sm2_error sm2_check_point(const struct sm2_point *pub) {
    enum sm2_error err = SM2_OK;
    mbedtls_ecp_point q;
    mbedtls_ecp_point_init(&q);
    TRY(sm2_point_read(&q, pub));
    if (mbedtls_ecp_check_pubkey(sm2_curve(), &q) != 0)
        err = SM2_BAD_KEY;
out:
    mbedtls_ecp_point_free(&q);
    return err;
}

void sm2_z(const struct sm2_point *pub, const uint8_t *id, size_t id_len, uint8_t z[SM2_NUMBER]) {
    /* a || b || xG || yG */
    static const uint8_t curve[4][SM2_NUMBER] = {
        {0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
         0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00,
         0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFC},
        {0x28, 0xE9, 0xFA, 0x9E, 0x9D, 0x9F, 0x5E, 0x34, 0x4D, 0x5A, 0x9E,
         0x4B, 0xCF, 0x65, 0x09, 0xA7, 0xF3, 0x97, 0x89, 0xF5, 0x15, 0xAB,
         0x8F, 0x92, 0xDD, 0xBC, 0xBD, 0x41, 0x4D, 0x94, 0x0E, 0x93},
        {0x32, 0xC4, 0xAE, 0x2C, 0x1F, 0x19, 0x81, 0x19, 0x5F, 0x99, 0x04,
         0x46, 0x6A, 0x39, 0xC9, 0x94, 0x8F, 0xE3, 0x0B, 0xBF, 0xF2, 0x66,
         0x0B, 0xE1, 0x71, 0x5A, 0x45, 0x89, 0x33, 0x4C, 0x74, 0xC7},
        {0xBC, 0x37, 0x36, 0xA2, 0xF4, 0xF6, 0x77, 0x9C, 0x59, 0xBD, 0xCE,
         0xE3, 0x6B, 0x69, 0x21, 0x53, 0xD0, 0xA9, 0x87, 0x7C, 0xC6, 0x2A,
         0x47, 0x40, 0x02, 0xDF, 0x32, 0xE5, 0x21, 0x39, 0xF0, 0xA0}};
    uint8_t entl[2] = {(uint8_t)(id_len * 8 >> 8), (uint8_t)(id_len * 8)};
    struct sm3 h;
    sm3_init(&h);
    sm3_update(&h, entl, sizeof entl);
    sm3_update(&h, id, id_len);
    sm3_update(&h, curve, sizeof curve);
    sm3_update(&h, pub->x, SM2_NUMBER);
    sm3_update(&h, pub->y, SM2_NUMBER);
    sm3_final(&h, z);
}

/* One attempt of clause 6.1, steps A4 to A6, with the nonce k. s = (1+d)^-1 (k - r d) is computed as
 * (t (1+d))^-1 t (k + r) - r with a random t, so that the inversion sees a blinded number. */
static enum sm2_error sign_once(struct drbg *rng, const mbedtls_mpi *d, const mbedtls_mpi *k,
                                const uint8_t e[SM2_NUMBER], struct sm2_signature *sig) {
    enum sm2_error err = SM2_OK;
    const mbedtls_mpi *n = &sm2_curve()->N;
    struct sm2_point p;
    mbedtls_mpi r, s, t, u;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    mbedtls_mpi_init(&t);
    mbedtls_mpi_init(&u);

    if ((err = sm2_base_multiply(rng, k, &p)))
        goto out;
    TRY(mbedtls_mpi_read_binary(&r, e, SM2_NUMBER));
    TRY(mbedtls_mpi_read_binary(&u, p.x, SM2_NUMBER));
    TRY(mbedtls_mpi_add_mpi(&r, &r, &u));
    TRY(mbedtls_mpi_mod_mpi(&r, &r, n));
    TRY(mbedtls_mpi_add_mpi(&u, &r, k)); /* u = k + r; r = 0 and r + k = n want another k */
    if (mbedtls_mpi_cmp_int(&r, 0) == 0 || mbedtls_mpi_cmp_mpi(&u, n) == 0) {
        err = SM2_BAD_INPUT;
        goto out;
    }
    TRY(mbedtls_ecp_gen_privkey(sm2_curve(), &t, drbg_mbedtls, rng));
    TRY(mbedtls_mpi_mul_mpi(&u, &u, &t));
    TRY(mbedtls_mpi_mod_mpi(&u, &u, n));
    TRY(mbedtls_mpi_add_int(&s, d, 1));
    TRY(mbedtls_mpi_mul_mpi(&s, &s, &t));
    TRY(mbedtls_mpi_mod_mpi(&s, &s, n));
    TRY(mbedtls_mpi_inv_mod(&s, &s, n));
    TRY(mbedtls_mpi_mul_mpi(&s, &s, &u));
    TRY(mbedtls_mpi_sub_mpi(&s, &s, &r));
    TRY(mbedtls_mpi_mod_mpi(&s, &s, n));
    if (mbedtls_mpi_cmp_int(&s, 0) == 0) {
        err = SM2_BAD_INPUT;
        goto out;
    }
    TRY(mbedtls_mpi_write_binary(&r, sig->r, SM2_NUMBER));
    TRY(mbedtls_mpi_write_binary(&s, sig->s, SM2_NUMBER));
out:
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&s);
    mbedtls_mpi_free(&t);
    mbedtls_mpi_free(&u);
    return err;
}

enum sm2_error sm2_sign_with_nonce(struct drbg *rng, const uint8_t d[SM2_NUMBER],
                                   const uint8_t e[SM2_NUMBER], const uint8_t k[SM2_NUMBER],
                                   struct sm2_signature *sig) {
    mbedtls_mpi key, nonce;
    mbedtls_mpi_init(&key);
    mbedtls_mpi_init(&nonce);
    enum sm2_error err = sm2_scalar_read(&key, d);
    if (!err && mbedtls_mpi_read_binary(&nonce, k, SM2_NUMBER) != 0)
        err = SM2_FAILED;
    if (!err && sign_once(rng, &key, &nonce, e, sig) != SM2_OK)
        err = SM2_FAILED;
    mbedtls_mpi_free(&key);
    mbedtls_mpi_free(&nonce);
    return err;
}

enum sm2_error sm2_sign(struct drbg *rng, const uint8_t d[SM2_NUMBER], const uint8_t e[SM2_NUMBER],
                        struct sm2_signature *sig) {
    struct {
        uint8_t d[SM2_NUMBER], e[SM2_NUMBER], random[SM2_NUMBER];
    } seed;
    mbedtls_hmac_drbg_context nonces;
    mbedtls_mpi key, k;
    mbedtls_hmac_drbg_init(&nonces);
    mbedtls_mpi_init(&key);
    mbedtls_mpi_init(&k);
    memset(sig, 0, sizeof *sig);

    enum sm2_error err = sm2_scalar_read(&key, d);
    if (err)
        goto out;
    memcpy(seed.d, d, SM2_NUMBER);
    memcpy(seed.e, e, SM2_NUMBER);
    if (!drbg_fill(rng, seed.random, SM2_NUMBER)) {
        err = SM2_FAILED;
        goto out;
    }
    TRY(mbedtls_hmac_drbg_seed_buf(&nonces, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256),
                                   (const unsigned char *)&seed, sizeof seed));
    do {
        TRY(mbedtls_ecp_gen_privkey(sm2_curve(), &k, mbedtls_hmac_drbg_random, &nonces));
        err = sign_once(rng, &key, &k, e, sig);
    } while (err == SM2_BAD_INPUT);
out:
    mbedtls_platform_zeroize(&seed, sizeof seed);
    mbedtls_hmac_drbg_free(&nonces);
    mbedtls_mpi_free(&key);
    mbedtls_mpi_free(&k);
    if (err)
        memset(sig, 0, sizeof *sig);
    return err;
}

/* Clause 7.1. Public data only. */
enum sm2_error sm2_verify(const struct sm2_point *pub, const uint8_t e[SM2_NUMBER],
                          const struct sm2_signature *sig) {
    enum sm2_error err = sm2_check_point(pub);
    if (err)
        return err;
    mbedtls_ecp_group *curve = sm2_curve();
    const mbedtls_mpi *n = &curve->N;
    mbedtls_ecp_point q, p;
    mbedtls_mpi r, s, t;
    mbedtls_ecp_point_init(&q);
    mbedtls_ecp_point_init(&p);
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    mbedtls_mpi_init(&t);

    TRY(sm2_point_read(&q, pub));
    TRY(mbedtls_mpi_read_binary(&r, sig->r, SM2_NUMBER));
    TRY(mbedtls_mpi_read_binary(&s, sig->s, SM2_NUMBER));
    if (mbedtls_mpi_cmp_int(&r, 1) < 0 || mbedtls_mpi_cmp_mpi(&r, n) >= 0 ||
        mbedtls_mpi_cmp_int(&s, 1) < 0 || mbedtls_mpi_cmp_mpi(&s, n) >= 0) {
        err = SM2_MISMATCH;
        goto out;
    }
    TRY(mbedtls_mpi_add_mpi(&t, &r, &s));
    TRY(mbedtls_mpi_mod_mpi(&t, &t, n));
    if (mbedtls_mpi_cmp_int(&t, 0) == 0) {
        err = SM2_MISMATCH;
        goto out;
    }
    TRY(mbedtls_ecp_muladd(curve, &p, &s, &curve->G, &t, &q));
    if (mbedtls_ecp_is_zero(&p)) {
        err = SM2_MISMATCH;
        goto out;
    }
    TRY(mbedtls_mpi_read_binary(&t, e, SM2_NUMBER));
    TRY(mbedtls_mpi_add_mpi(&t, &t, &p.X));
    TRY(mbedtls_mpi_mod_mpi(&t, &t, n));
    if (mbedtls_mpi_cmp_mpi(&t, &r) != 0)
        err = SM2_MISMATCH;
out:
    mbedtls_ecp_point_free(&q);
    mbedtls_ecp_point_free(&p);
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&s);
    mbedtls_mpi_free(&t);
    return err;
}

bool sm2_kdf_xor(const struct sm2_point *shared, const uint8_t *in, size_t len, uint8_t *out) {
    uint8_t stream[SM3_SIZE], any = 0;
    uint32_t counter = 1;
    for (size_t done = 0; done < len; counter++) {
        uint8_t ct[4] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16),
                         (uint8_t)(counter >> 8), (uint8_t)counter};
        struct sm3 h;
        sm3_init(&h);
        sm3_update(&h, shared, sizeof *shared);
        sm3_update(&h, ct, sizeof ct);
        sm3_final(&h, stream);
        for (size_t i = 0; i < SM3_SIZE && done < len; i++, done++) {
            any |= stream[i];
            out[done] = in[done] ^ stream[i];
        }
    }
    mbedtls_platform_zeroize(stream, sizeof stream);
    return any != 0;
}

enum sm2_error sm2_decrypt(struct drbg *rng, const uint8_t d[SM2_NUMBER],
                           const struct sm2_point *c1, const uint8_t c3[SM2_NUMBER],
                           const uint8_t *c2, size_t len, uint8_t *plain) {
    struct sm2_point shared;
    uint8_t hash[SM3_SIZE];
    mbedtls_ecp_point p;
    mbedtls_mpi k;
    struct sm3 h;
    if (len == 0 || sm2_check_point(c1) != SM2_OK)
        return SM2_BAD_INPUT;
    mbedtls_ecp_point_init(&p);
    mbedtls_mpi_init(&k);
    enum sm2_error err = sm2_scalar_read(&k, d);
    if (err)
        goto out;
    TRY(sm2_point_read(&p,
                       c1)); /* cofactor 1: a point of the curve other than infinity has order n */
    TRY(mbedtls_ecp_mul(sm2_curve(), &p, &k, &p, drbg_mbedtls, rng));
    TRY(sm2_point_write(&p, &shared));

    if (!sm2_kdf_xor(&shared, c2, len, plain)) {
        err = SM2_MISMATCH;
        goto out;
    }
    sm3_init(&h);
    sm3_update(&h, shared.x, SM2_NUMBER);
    sm3_update(&h, plain, len);
    sm3_update(&h, shared.y, SM2_NUMBER);
    sm3_final(&h, hash);
    if (!bytes_equal(hash, c3, SM3_SIZE))
        err = SM2_MISMATCH;
out:
    if (err)
        mbedtls_platform_zeroize(plain, len);
    mbedtls_platform_zeroize(&shared, sizeof shared);
    mbedtls_ecp_point_free(&p);
    mbedtls_mpi_free(&k);
    return err;
}
