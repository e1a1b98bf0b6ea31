/* RSA with keys that the host gives, or is given: generate, verify, public and private operation. Nothing is kept. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { OPERATION_PUBLIC = 0, SIGN_MESSAGE = 1, SIGN_DIGEST = 2 };

bool gm_take_rsa_public(struct wire_reader *in, struct rsa_public_key *key) {
    uint32_t bits = wire_u32(in);
    wire_copy(in, key->n, sizeof key->n);
    wire_copy(in, key->e, sizeof key->e);
    return !in->bad && bits == RSA_MODULUS * 8;
}

uint16_t gm_gen_ext_rsa_key(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct rsa_key key;
    if (wire_u16(&call->in) != RSA_MODULUS * 8)
        return SW_WRONG_DATA;
    if (rsa_generate(&gm->card->rng, &key) != RSA_OK)
        return SW_KEYGEN_FAILED;
    wire_put(&call->out, key.n, sizeof key.n);
    wire_put(&call->out, key.e, sizeof key.e);
    uint8_t *d = wire_room(&call->out, RSA_MODULUS);
    uint16_t sw = d && rsa_private_exponent(&key, d) == RSA_OK ? SW_OK : SW_KEYGEN_FAILED;
    wire_put(&call->out, key.p, sizeof key.p);
    wire_put(&call->out, key.q, sizeof key.q);
    wire_put(&call->out, key.dp, sizeof key.dp);
    wire_put(&call->out, key.dq, sizeof key.dq);
    wire_put(&call->out, key.qinv, sizeof key.qinv);
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}

uint16_t gm_rsa_verify(struct applet *applet, struct call *call) {
    struct rsa_public_key key;
    uint8_t digest[RSA_DIGEST_MAX];
    enum rsa_hash hash = gm_rsa_hashes[call->apdu->p2];
    (void)applet;
    if (call->apdu->p1 != SIGN_DIGEST && (call->apdu->p1 != SIGN_MESSAGE || hash == RSA_HASH_NONE))
        return SW_WRONG_P1P2;
    bool good = gm_take_rsa_public(&call->in, &key);
    size_t len = wire_u32(&call->in);
    const uint8_t *data = wire_take(&call->in, len);
    uint32_t sig_len = wire_u32(&call->in);
    const uint8_t *sig = wire_take(&call->in, RSA_MODULUS);
    if (!good || !data || !sig || sig_len != RSA_MODULUS || !wire_done(&call->in))
        return SW_WRONG_DATA;
    if (call->apdu->p1 == SIGN_MESSAGE) {
        len = rsa_digest(hash, data, len, digest);
        data = digest;
    }
    switch (rsa_pkcs1_verify(&key, hash, data, len, sig)) {
    case RSA_OK:
        return SW_OK;
    case RSA_BAD_INPUT:
        return SW_WRONG_DATA;
    case RSA_FAILED:
    default:
        return SW_VERIFY_FAILED;
    }
}

static uint16_t operation_sw(enum rsa_error err) {
    return err == RSA_OK ? SW_OK : SW_WRONG_DATA;
}

/* A private key whose parts do not belong together is found by the check of the result. */
uint16_t gm_ext_rsa_operation(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct rsa_public_key pub;
    struct rsa_key key;
    bool private = call->apdu->p1 != OPERATION_PUBLIC;
    bool good = gm_take_rsa_public(&call->in, &pub);
    if (private) {
        memcpy(key.n, pub.n, sizeof key.n);
        memcpy(key.e, pub.e, sizeof key.e);
        wire_take(&call->in, RSA_MODULUS); /* d follows from the others */
        wire_copy(&call->in, key.p, sizeof key.p);
        wire_copy(&call->in, key.q, sizeof key.q);
        wire_copy(&call->in, key.dp, sizeof key.dp);
        wire_copy(&call->in, key.dq, sizeof key.dq);
        wire_copy(&call->in, key.qinv, sizeof key.qinv);
    }
    uint32_t len = wire_u32(&call->in);
    const uint8_t *block = wire_take(&call->in, RSA_MODULUS);
    uint8_t *out = wire_room(&call->out, RSA_MODULUS);
    uint16_t sw = SW_WRONG_DATA;
    if (good && block && out && len == RSA_MODULUS && wire_done(&call->in))
        sw = operation_sw(private ? rsa_private(&gm->card->rng, &key, block, out)
                                  : rsa_public(&pub, block, out));
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}
