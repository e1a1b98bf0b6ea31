/* SM2 commands. */
#include "firmware-sim/applets/gm/gm_internal.h"
#include "firmware-sim/crypto/equal.h"
#include "firmware-sim/crypto/sm2.h"
#include "firmware-sim/crypto/sm3.h"
#include "firmware-sim/crypto/sm4.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { SIGN_MESSAGE = 1, SIGN_DIGEST = 2 };
enum { ENVELOPE_VERSION = 1, ENVELOPE_PRIVATE = 64 };

bool gm_take_point(struct wire_reader *in, struct sm2_point *point) {
    uint32_t bits = wire_u32(in);
    wire_copy(in, point->x, SM2_NUMBER);
    wire_copy(in, point->y, SM2_NUMBER);
    return !in->bad && bits == SM2_BITS;
}

void gm_put_point(struct wire_writer *out, const struct sm2_point *point) {
    wire_put_u32(out, SM2_BITS);
    wire_put(out, point->x, SM2_NUMBER);
    wire_put(out, point->y, SM2_NUMBER);
}

bool gm_take_cipher(struct wire_reader *in, struct gm_cipher *cipher) {
    bool good = gm_take_point(in, &cipher->c1);
    wire_copy(in, cipher->c3, SM2_NUMBER);
    cipher->len = wire_u32(in);
    cipher->c2 = wire_take(in, cipher->len);
    return good && cipher->c2 && cipher->len > 0;
}

const uint8_t *gm_take_id(struct wire_reader *in, uint32_t *len) {
    *len = wire_u32(in);
    return *len <= GM_ID_MAX ? wire_take(in, *len) : NULL;
}

uint16_t gm_read_key(struct gm *gm, const struct call *call, unsigned usage,
                     enum gm_container_type type, struct gm_key *key) {
    if (gm_key_read(gm_store(gm), call->scope[SCOPE_APP], call->scope[SCOPE_CONTAINER], usage,
                    key) != STORE_OK)
        return SW_NO_KEY;
    return key->type == type ? SW_OK : SW_CONDITIONS;
}

uint16_t gm_gen_ecc_key_pair(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    unsigned app = call->scope[SCOPE_APP], slot = call->scope[SCOPE_CONTAINER];
    struct gm_key key = {.type = GM_CONTAINER_ECC};
    if (wire_u32(&call->in) != SM2_BITS)
        return SW_WRONG_DATA;
    /* a key is never replaced, and one container holds one algorithm */
    if (gm_key_type(gm_store(gm), app, slot, GM_KEY_SIGN) != GM_CONTAINER_EMPTY ||
        gm_key_type(gm_store(gm), app, slot, GM_KEY_ENC) == GM_CONTAINER_RSA)
        return SW_CONDITIONS;
    if (sm2_keygen(&gm->card->rng, key.ecc.d, &key.ecc.pub) != SM2_OK)
        return SW_KEYGEN_FAILED;
    store_begin(gm_store(gm));
    gm_key_put(gm_store(gm), app, slot, GM_KEY_SIGN, &key);
    uint16_t sw = gm_commit(gm, STORE_PLAIN);
    wire_put(&call->out, key.ecc.pub.x, SM2_NUMBER);
    wire_put(&call->out, key.ecc.pub.y, SM2_NUMBER);
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}

/* Opens the envelope: SM4 key under the signing key, d under the SM4 key, and d G must be the given point. */
static uint16_t open_envelope(struct gm *gm, const struct gm_key *sign,
                              const struct gm_cipher *cipher, const uint8_t *enc_private,
                              const struct sm2_point *pub, struct gm_key *enc) {
    uint8_t sym[SM4_KEY], plain[ENVELOPE_PRIVATE];
    struct sm2_point check;
    uint16_t sw = SW_OK;
    enc->type = GM_CONTAINER_ECC;
    if (sm2_decrypt(&gm->card->rng, sign->ecc.d, &cipher->c1, cipher->c3, cipher->c2, sizeof sym,
                    sym) != SM2_OK) {
        sw = SW_ASYM_DECRYPT;
        goto out;
    }
    /* 32 zero bytes || d, the zeros enciphered or not: both conventions leave d at the end */
    sm4_ecb_decrypt(sym, enc_private, sizeof plain, plain);
    memcpy(enc->ecc.d, plain + sizeof plain - SM2_NUMBER, SM2_NUMBER);
    enc->ecc.pub = *pub;
    if (sm2_public(&gm->card->rng, enc->ecc.d, &check) != SM2_OK ||
        !bytes_equal(&check, pub, sizeof check))
        sw = SW_VERIFY_FAILED;
out:
    mbedtls_platform_zeroize(sym, sizeof sym);
    mbedtls_platform_zeroize(plain, sizeof plain);
    return sw;
}

/* What IMPORT_ECC_KEY_PAIR carries, in the order of the layout. */
struct envelope {
    uint32_t version, sym_alg;
    struct gm_cipher cipher;
    struct sm2_point pub;
    const uint8_t *enc_private;
};

static void take_private(struct wire_reader *in, const uint8_t **enc_private) {
    uint32_t len = wire_u32(in);
    *enc_private = len == ENVELOPE_PRIVATE ? wire_take(in, len) : NULL;
}

static bool take_envelope(struct wire_reader *in, bool key_first, struct envelope *e) {
    bool good;
    e->version = wire_u32(in);
    e->sym_alg = wire_u32(in);
    if (key_first) {
        good = wire_u32(in) == SM2_BITS;
        take_private(in, &e->enc_private);
        wire_copy(in, e->pub.x, SM2_NUMBER);
        wire_copy(in, e->pub.y, SM2_NUMBER);
        good = gm_take_cipher(in, &e->cipher) && good;
    } else {
        good = gm_take_cipher(in, &e->cipher);
        good = gm_take_point(in, &e->pub) && good;
        take_private(in, &e->enc_private);
    }
    return good && e->enc_private && wire_done(in) && e->version == ENVELOPE_VERSION &&
           e->cipher.len == SM4_KEY;
}

uint16_t gm_import_ecc_key_pair(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_key sign, enc = {0};
    struct envelope e;
    if (!take_envelope(&call->in, gm_layout(gm)->envelope_key_first, &e))
        return SW_WRONG_DATA;
    if (e.sym_alg != GM_SM4_ECB)
        return SW_NOT_SUPPORTED;

    uint16_t sw = gm_read_key(gm, call, GM_KEY_SIGN, GM_CONTAINER_ECC, &sign);
    if (sw == SW_OK)
        sw = open_envelope(gm, &sign, &e.cipher, e.enc_private, &e.pub, &enc);
    if (sw == SW_OK)
        sw = gm_place_enc_key(gm, call, &enc);
    mbedtls_platform_zeroize(&sign, sizeof sign);
    mbedtls_platform_zeroize(&enc, sizeof enc);
    return sw;
}

/* e of a message: SM3(Z || M) with the given identity. */
static uint16_t digest_message(struct call *call, const struct gm_key *key, uint8_t e[SM2_NUMBER]) {
    uint32_t id_len;
    const uint8_t *id = gm_take_id(&call->in, &id_len);
    size_t len = call->in.left;
    struct sm3 h;
    if (!id)
        return SW_WRONG_DATA;
    sm2_z(&key->ecc.pub, id, id_len, e);
    sm3_init(&h);
    sm3_update(&h, e, SM2_NUMBER);
    sm3_update(&h, wire_take(&call->in, len), len);
    sm3_final(&h, e);
    return SW_OK;
}

uint16_t gm_ecc_sign(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_key key;
    struct sm2_signature sig;
    uint8_t e[SM2_NUMBER];
    if (call->apdu->p1 != SIGN_MESSAGE && call->apdu->p1 != SIGN_DIGEST)
        return SW_WRONG_P1P2;
    if (call->apdu->p1 == SIGN_DIGEST && call->in.left != SM2_NUMBER)
        return SW_WRONG_DATA;
    uint16_t sw = gm_read_key(gm, call, GM_KEY_SIGN, GM_CONTAINER_ECC, &key);
    if (sw == SW_OK && call->apdu->p1 == SIGN_DIGEST)
        wire_copy(&call->in, e, sizeof e);
    if (sw == SW_OK && call->apdu->p1 == SIGN_MESSAGE)
        sw = digest_message(call, &key, e);
    if (sw == SW_OK && sm2_sign(&gm->card->rng, key.ecc.d, e, &sig) != SM2_OK)
        sw = SW_SIGN_FAILED;
    mbedtls_platform_zeroize(&key, sizeof key);
    if (sw != SW_OK)
        return sw;
    wire_put_u32(&call->out, SM2_BITS);
    wire_put(&call->out, sig.r, sizeof sig.r);
    wire_put(&call->out, sig.s, sizeof sig.s);
    return SW_OK;
}

uint16_t gm_ecc_verify(struct applet *applet, struct call *call) {
    struct sm2_point pub;
    struct sm2_signature sig;
    uint8_t e[SM2_NUMBER];
    (void)applet;
    bool good = gm_take_point(&call->in, &pub);
    uint32_t len = wire_u32(&call->in);
    wire_copy(&call->in, e, sizeof e);
    wire_copy(&call->in, sig.r, sizeof sig.r);
    wire_copy(&call->in, sig.s, sizeof sig.s);
    if (!good || !wire_done(&call->in) || len != SM2_NUMBER)
        return SW_WRONG_DATA;
    switch (sm2_verify(&pub, e, &sig)) {
    case SM2_OK:
        return SW_OK;
    case SM2_BAD_KEY:
        return SW_WRONG_DATA;
    case SM2_MISMATCH:
        return SW_VERIFY_FAILED;
    default:
        return SW_INTERNAL;
    }
}

uint16_t gm_sm2_decrypt(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_key key;
    struct gm_cipher cipher = {0};
    if (!gm_take_cipher(&call->in, &cipher) || !wire_done(&call->in))
        return SW_WRONG_DATA;
    uint16_t sw = gm_read_key(gm, call, call->apdu->p1, GM_CONTAINER_ECC, &key);
    if (sw == SW_OK) {
        wire_put_u32(&call->out, cipher.len);
        uint8_t *plain = wire_room(&call->out, cipher.len);
        if (!plain || sm2_decrypt(&gm->card->rng, key.ecc.d, &cipher.c1, cipher.c3, cipher.c2,
                                  cipher.len, plain) != SM2_OK)
            sw = SW_ASYM_DECRYPT;
    }
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}
