/* Digests: SM3, with or without Z of a public key and identity before the data, SHA-1, SHA-256. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

static bool start(struct gm_digest *digest, uint8_t alg) {
    bool good = true;
    switch (alg) {
    case GM_HASH_SM3:
        sm3_init(&digest->sm3);
        break;
    case GM_HASH_SHA1:
        mbedtls_sha1_init(&digest->sha1);
        good = mbedtls_sha1_starts_ret(&digest->sha1) == 0;
        break;
    case GM_HASH_SHA256:
        mbedtls_sha256_init(&digest->sha256);
        good = mbedtls_sha256_starts_ret(&digest->sha256, 0) == 0;
        break;
    default:
        return false;
    }
    digest->alg = good ? alg : GM_HASH_NONE;
    return good;
}

static bool update(struct gm_digest *digest, const uint8_t *data, size_t len) {
    switch (digest->alg) {
    case GM_HASH_SM3:
        sm3_update(&digest->sm3, data, len);
        return true;
    case GM_HASH_SHA1:
        return mbedtls_sha1_update_ret(&digest->sha1, data, len) == 0;
    default:
        return mbedtls_sha256_update_ret(&digest->sha256, data, len) == 0;
    }
}

/* The digest's size, 0 on failure. */
static size_t finish(struct gm_digest *digest, uint8_t out[RSA_DIGEST_MAX]) {
    switch (digest->alg) {
    case GM_HASH_SM3:
        sm3_final(&digest->sm3, out);
        return SM3_SIZE;
    case GM_HASH_SHA1:
        return mbedtls_sha1_finish_ret(&digest->sha1, out) == 0 ? 20 : 0;
    default:
        return mbedtls_sha256_finish_ret(&digest->sha256, out) == 0 ? 32 : 0;
    }
}

uint16_t gm_digest_init(struct applet *applet, struct call *call) {
    struct gm_digest *digest = &gm_of(applet)->state.digest;
    struct sm2_point pub;
    uint8_t z[SM2_NUMBER];
    bool folds_z = call->in.left != 0;
    mbedtls_platform_zeroize(digest, sizeof *digest);
    if (call->apdu->p2 < GM_HASH_SM3 || call->apdu->p2 > GM_HASH_SHA256)
        return SW_NOT_SUPPORTED;
    if (folds_z) {
        uint32_t len;
        bool good = gm_take_point(&call->in, &pub);
        const uint8_t *id = gm_take_id(&call->in, &len);
        if (!good || !id || !wire_done(&call->in) || call->apdu->p2 != GM_HASH_SM3 ||
            sm2_check_point(&pub) != SM2_OK)
            return SW_WRONG_DATA;
        sm2_z(&pub, id, len, z);
    }
    if (!start(digest, call->apdu->p2) || (folds_z && !update(digest, z, sizeof z)))
        return SW_INTERNAL;
    return SW_OK;
}

uint16_t gm_digest_update(struct applet *applet, struct call *call) {
    struct gm_digest *digest = &gm_of(applet)->state.digest;
    size_t len = call->in.left;
    if (digest->alg == GM_HASH_NONE)
        return SW_CONDITIONS;
    return update(digest, wire_take(&call->in, len), len) ? SW_OK : SW_INTERNAL;
}

uint16_t gm_digest_final(struct applet *applet, struct call *call) {
    struct gm_digest *digest = &gm_of(applet)->state.digest;
    uint8_t out[RSA_DIGEST_MAX];
    uint16_t sw = call->in.left ? gm_digest_update(applet, call) : SW_OK;
    if (digest->alg == GM_HASH_NONE)
        return SW_CONDITIONS;
    size_t len = finish(digest, out);
    wire_put_u32(&call->out, (uint32_t)len);
    wire_put(&call->out, out, len);
    mbedtls_platform_zeroize(digest, sizeof *digest);
    return sw == SW_OK && len == 0 ? SW_INTERNAL : sw;
}
