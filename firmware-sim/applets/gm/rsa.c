/* RSA commands. */
#include "firmware-sim/crypto/rsa.h"

#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>

/* P1 of RSA_SIGN */
enum { SIGN_MESSAGE = 1, SIGN_DIGEST = 2 };

const enum rsa_hash gm_rsa_hashes[4] = {[GM_HASH_NONE] = RSA_HASH_NONE,
                                        [GM_HASH_SM3] = RSA_HASH_SM3,
                                        [GM_HASH_SHA1] = RSA_HASH_SHA1,
                                        [GM_HASH_SHA256] = RSA_HASH_SHA256};

uint16_t gm_gen_rsa_key_pair(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP], slot = call->scope[SCOPE_CONTAINER];
    struct gm_key key = {.type = GM_CONTAINER_RSA};
    if (wire_u16(&call->in) != RSA_MODULUS * 8)
        return SW_WRONG_DATA;
    /* a key is never replaced, and one container holds one algorithm */
    if (gm_key_type(gm_store(gm), app, slot, GM_KEY_SIGN) != GM_CONTAINER_EMPTY ||
        gm_key_type(gm_store(gm), app, slot, GM_KEY_ENC) == GM_CONTAINER_ECC)
        return SW_CONDITIONS;
    if (rsa_generate(&gm->card->rng, &key.rsa) != RSA_OK)
        return SW_KEYGEN_FAILED;
    store_begin(gm_store(gm));
    gm_key_put(gm_store(gm), app, slot, GM_KEY_SIGN, &key);
    uint16_t sw = gm_commit(gm, STORE_PLAIN);
    wire_put(&call->out, key.rsa.n, RSA_MODULUS);
    wire_put(&call->out, key.rsa.e, RSA_EXPONENT);
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}

uint16_t gm_rsa_sign(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_key key;
    uint8_t digest[RSA_DIGEST_MAX];
    enum rsa_hash hash = gm_rsa_hashes[call->apdu->p2];
    size_t len = call->in.left;
    const uint8_t *data = wire_take(&call->in, len);

    if (call->apdu->p1 != SIGN_DIGEST && (call->apdu->p1 != SIGN_MESSAGE || hash == RSA_HASH_NONE))
        return SW_WRONG_P1P2;
    uint16_t sw = gm_read_key(gm, call, GM_KEY_SIGN, GM_CONTAINER_RSA, &key);
    if (sw == SW_OK && call->apdu->p1 == SIGN_MESSAGE) {
        len = rsa_digest(hash, data, len, digest);
        data = digest;
    }
    uint8_t *out = wire_room(&call->out, RSA_MODULUS);
    if (sw == SW_OK && out) {
        switch (rsa_pkcs1_sign(&gm->card->rng, &key.rsa, hash, data, len, out)) {
        case RSA_OK:
            break;
        case RSA_BAD_INPUT:
            sw = SW_WRONG_DATA;
            break;
        case RSA_FAILED:
        default:
            sw = SW_SIGN_FAILED;
        }
    }
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}

uint16_t gm_rsa_private(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_key key;
    const uint8_t *block = wire_take(&call->in, RSA_MODULUS);
    uint8_t *out = wire_room(&call->out, RSA_MODULUS);
    uint16_t sw = gm_read_key(gm, call, call->apdu->p1, GM_CONTAINER_RSA, &key);
    if (sw == SW_OK && block && out) {
        switch (rsa_private(&gm->card->rng, &key.rsa, block, out)) {
        case RSA_OK:
            break;
        case RSA_BAD_INPUT:
            sw = SW_WRONG_DATA;
            break;
        case RSA_FAILED:
        default:
            sw = SW_SIGN_FAILED;
        }
    }
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}
