/* An RSA encryption pair that arrives enveloped to the container's RSA signing key. */
#include "firmware-sim/applets/gm/gm_internal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* RSAPrivateKey of an RSA-2048 key takes about 1190 bytes, and a block of padding. */
enum { PRIVATE_MAX = 1232, DER_INTEGER = 0x02, DER_SEQUENCE = 0x30 };

/* Length of the element with that tag whose content comes next; 0, and the reader bad, if it is not there. */
static size_t take_header(struct wire_reader *in, uint8_t tag) {
    size_t len = 0;
    bool fits = wire_u8(in) == tag;
    uint8_t first = wire_u8(in);
    if (first < 0x80) {
        len = first;
    } else if (first == 0x81) {
        len = wire_u8(in);
    } else if (first == 0x82) {
        len = (size_t)wire_u8(in) << 8;
        len |= wire_u8(in);
    } else {
        fits = false;
    }
    in->bad |= !fits || len == 0 || len > in->left;
    return in->bad ? 0 : len;
}

/* A positive INTEGER of at most size bytes, right-aligned into out (NULL: nowhere). */
static void take_integer(struct wire_reader *in, uint8_t *out, size_t size) {
    size_t len = take_header(in, DER_INTEGER);
    const uint8_t *p = wire_take(in, len);
    while (p && len > size && *p == 0) {
        p++;
        len--;
    }
    if (!p || len > size) {
        in->bad = true;
    } else if (out) {
        memset(out, 0, size - len);
        memcpy(out + size - len, p, len);
    }
}

/* RSAPrivateKey (RFC 8017 appendix A.1.2): version, n, e, d, p, q; d and what follows q are computed instead. */
static bool parse_private(const uint8_t *der, size_t len, struct rsa_key *key) {
    struct wire_reader outer = wire_reader(der, len);
    size_t body_len = take_header(&outer, DER_SEQUENCE);
    size_t front = len - outer.left;
    const uint8_t *body = wire_take(&outer, body_len);
    struct wire_reader in = wire_reader(body, body ? body_len : 0);
    uint8_t version[1] = {0xFF};
    if (!body || len - front - body_len > SM4_BLOCK)
        return false;
    take_integer(&in, version, sizeof version);
    take_integer(&in, key->n, sizeof key->n);
    take_integer(&in, key->e, sizeof key->e);
    take_integer(&in, NULL, RSA_MODULUS);
    take_integer(&in, key->p, sizeof key->p);
    take_integer(&in, key->q, sizeof key->q);
    return !in.bad && version[0] == 0 && key->n[0] & 0x80;
}

/* The SM4 key that came under the container's signing key. */
static uint16_t open_wrap(struct gm *gm, const struct call *call, const uint8_t *wrap,
                          uint8_t sym[SM4_KEY]) {
    struct gm_key sign;
    uint16_t sw = gm_read_key(gm, call, GM_KEY_SIGN, GM_CONTAINER_RSA, &sign);
    if (sw == SW_OK && rsa_pkcs1_decrypt(&gm->card->rng, &sign.rsa, wrap, sym, SM4_KEY) != RSA_OK)
        sw = SW_ASYM_DECRYPT;
    mbedtls_platform_zeroize(&sign, sizeof sign);
    return sw;
}

static bool open_private(const uint8_t sym[SM4_KEY], const uint8_t *enc, size_t enc_len,
                         struct gm_key *pair) {
    uint8_t plain[PRIVATE_MAX];
    pair->type = GM_CONTAINER_RSA;
    sm4_ecb_decrypt(sym, enc, enc_len, plain);
    bool ok = parse_private(plain, enc_len, &pair->rsa);
    mbedtls_platform_zeroize(plain, sizeof plain);
    return ok;
}

uint16_t gm_import_rsa_key_pair(struct applet *applet, struct call *call) {
    struct gm *gm = gm_of(applet);
    struct gm_key pair = {0};
    uint8_t sym[SM4_KEY];
    uint32_t sym_alg = wire_u32(&call->in), wrap_len = wire_u32(&call->in);
    const uint8_t *wrap = wire_take(&call->in, RSA_MODULUS);
    uint32_t bits = wire_u32(&call->in), enc_len = wire_u32(&call->in);
    const uint8_t *enc = wire_take(&call->in, enc_len);
    if (!wrap || !enc || !wire_done(&call->in) || wrap_len != RSA_MODULUS ||
        bits != RSA_MODULUS * 8 || enc_len == 0 || enc_len > PRIVATE_MAX ||
        enc_len % SM4_BLOCK != 0)
        return SW_WRONG_DATA;
    if (sym_alg != GM_SM4_ECB)
        return SW_NOT_SUPPORTED;
    uint16_t sw = open_wrap(gm, call, wrap, sym);
    if (sw == SW_OK &&
        (!open_private(sym, enc, enc_len, &pair) ||
         rsa_parts_complete(&gm->card->rng, rsa_key_parts(&pair.rsa), RSA_MODULUS) != RSA_OK))
        sw = SW_VERIFY_FAILED;
    if (sw == SW_OK)
        sw = gm_place_enc_key(gm, call, &pair);
    mbedtls_platform_zeroize(sym, sizeof sym);
    mbedtls_platform_zeroize(&pair, sizeof pair);
    return sw;
}
