/* ECDSA's known answers, and its nonces': NIST CAVP SigGen of FIPS 186-3 (CAVS 11.2), the first vector of [P-256,SHA-256] and [P-384,SHA-384]. */
#include "firmware-sim/crypto/ec.h"
#include "firmware-sim/crypto/known_answers_internal.h"

#include <mbedtls/hmac_drbg.h>

struct vector {
    enum ec_curve curve;
    const char *digest; /* of Msg */
    const char *d, *x, *y, *k, *r, *s;
};

static const struct vector p256 = {
    .curve = EC_P256,
    .digest = "44acf6b7e36c1342c2c5897204fe09504e1e2efb1a900377dbc4e7a6a133ec56",
    .d = "519b423d715f8b581f4fa8ee59f4771a5b44c8130b4e3eacca54a56dda72b464",
    .x = "1ccbe91c075fc7f4f033bfa248db8fccd3565de94bbfb12f3c59ff46c271bf83",
    .y = "ce4014c68811f9a21a1fdb2c0e6113e06db7ca93b7404e78dc7ccd5ca89a4ca9",
    .k = "94a1bbb14b906a61a280f245f9e93c7f3b4a6247824f5d33b9670787642a68de",
    .r = "f3ac8061b514795b8843e3d6629527ed2afd6b1f6a555a7acabb5e6f79c8c2ac",
    .s = "8bf77819ca05a6b2786c76262bf7371cef97b218e96f175a3ccdda2acc058903",
};

static const struct vector p384 = {
    .curve = EC_P384,
    .digest = "31a452d6164d904bb5724c878280231eae705c29ce9d4bc7d58e020e1085f17eebcc1a38f0ed0bf2"
              "b344d81fbd896825",
    .d = "201b432d8df14324182d6261db3e4b3f46a8284482d52e370da41e6cbdf45ec2952f5db7ccbce3bc"
         "29449f4fb080ac97",
    .x = "c2b47944fb5de342d03285880177ca5f7d0f2fcad7678cce4229d6e1932fcac11bfc3c3e97d942a3"
         "c56bf34123013dbf",
    .y = "37257906a8223866eda0743c519616a76a758ae58aee81c5fd35fbf3a855b7754a36d4a0672df95d"
         "6c44a81cf7620c2d",
    .k = "dcedabf85978e090f733c6e16646fa34df9ded6e5ce28c6676a00f58a25283db8885e16ce5bf97f9"
         "17c81e1f25c9c771",
    .r = "50835a9251bad008106177ef004b091a1e4235cd0da84fff54542b0ed755c1d6f251609d14ecf18f"
         "9e1ddfe69b946e32",
    .s = "0475f3d30c6463b646e8d3bf2455830314611cbde404be518b14464fdb195fdcc92eb222e61f426a"
         "4a592c00a6a89721",
};

/* The vector's nonce whenever asked; so the blinding factors are that number too. */
static int nonce(void *ctx, unsigned char *out, size_t len) {
    const struct vector *v = ctx;
    uint8_t k[EC_NUMBER_MAX];
    size_t size = ec_number_size(v->curve);
    known_unhex(v->k, k, size);
    for (size_t i = 0; i < len; i++)
        out[i] = k[i % size];
    return 0;
}

/* An INTEGER of that number at the front of *der. */
static bool take_integer(const uint8_t **der, const uint8_t *end, size_t size, const char *hex) {
    const uint8_t *p = *der;
    if (end - p < 2 || p[0] != 0x02 || end - p < 2 + p[1])
        return false;
    size_t zeros = p[1] > size ? p[1] - size : 0; /* no leading zero digits in these vectors */
    *der = p + 2 + p[1];
    return zeros <= 1 && p[1] == size + zeros && known_is(p + 2 + zeros, size, hex);
}

static bool holds(const struct vector *v, struct drbg *rng) {
    uint8_t d[EC_NUMBER_MAX], digest[EC_NUMBER_MAX], point[EC_POINT_MAX], der[EC_DER_MAX];
    size_t size = ec_number_size(v->curve), len;
    known_unhex(v->d, d, size);
    known_unhex(v->digest, digest, size);
    if (ec_public(rng, v->curve, d, point) != EC_OK || !known_is(point + 1, size, v->x) ||
        !known_is(point + 1 + size, size, v->y) ||
        ec_sign_with(nonce, (void *)v, v->curve, d, digest, size, der, &len) != EC_OK)
        return false;
    const uint8_t *next = der + 2;
    return take_integer(&next, der + len, size, v->r) &&
           take_integer(&next, der + len, size, v->s) && next == der + len;
}

bool known_p256(struct drbg *rng) {
    return holds(&p256, rng);
}

bool known_p384(struct drbg *rng) {
    return holds(&p384, rng);
}

/* The generator that hedged nonces come from. RFC 6979 seeds it with the key and the digest alone: annex A.2.5, "sample". */
bool known_hmac_drbg(struct drbg *rng) {
    uint8_t seed[64], k[32];
    mbedtls_hmac_drbg_context nonces;
    (void)rng;
    known_unhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721", seed, 32);
    known_unhex("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf", seed + 32, 32);
    mbedtls_hmac_drbg_init(&nonces);
    bool ok =
        mbedtls_hmac_drbg_seed_buf(&nonces, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), seed,
                                   sizeof seed) == 0 &&
        mbedtls_hmac_drbg_random(&nonces, k, sizeof k) == 0 &&
        known_is(k, sizeof k, "a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60");
    mbedtls_hmac_drbg_free(&nonces);
    return ok;
}
