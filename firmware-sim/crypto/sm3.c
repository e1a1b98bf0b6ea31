/* SM3 as GB/T 32905-2016 clause 5 gives it, and HMAC on top. */
#include "firmware-sim/crypto/sm3.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* T(j) <<< j of clause 4.2. */
static const uint32_t round_constant[64] = {
    0x79cc4519u, 0xf3988a32u, 0xe7311465u, 0xce6228cbu, 0x9cc45197u, 0x3988a32fu, 0x7311465eu,
    0xe6228cbcu, 0xcc451979u, 0x988a32f3u, 0x311465e7u, 0x6228cbceu, 0xc451979cu, 0x88a32f39u,
    0x11465e73u, 0x228cbce6u, 0x9d8a7a87u, 0x3b14f50fu, 0x7629ea1eu, 0xec53d43cu, 0xd8a7a879u,
    0xb14f50f3u, 0x629ea1e7u, 0xc53d43ceu, 0x8a7a879du, 0x14f50f3bu, 0x29ea1e76u, 0x53d43cecu,
    0xa7a879d8u, 0x4f50f3b1u, 0x9ea1e762u, 0x3d43cec5u, 0x7a879d8au, 0xf50f3b14u, 0xea1e7629u,
    0xd43cec53u, 0xa879d8a7u, 0x50f3b14fu, 0xa1e7629eu, 0x43cec53du, 0x879d8a7au, 0x0f3b14f5u,
    0x1e7629eau, 0x3cec53d4u, 0x79d8a7a8u, 0xf3b14f50u, 0xe7629ea1u, 0xcec53d43u, 0x9d8a7a87u,
    0x3b14f50fu, 0x7629ea1eu, 0xec53d43cu, 0xd8a7a879u, 0xb14f50f3u, 0x629ea1e7u, 0xc53d43ceu,
    0x8a7a879du, 0x14f50f3bu, 0x29ea1e76u, 0x53d43cecu, 0xa7a879d8u, 0x4f50f3b1u, 0x9ea1e762u,
    0x3d43cec5u};

static uint32_t rotate(uint32_t x, unsigned n) {
    return x << n | x >> (32 - n);
}

static uint32_t load(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* The permutations P0 and P1 of clause 4.4. */
static uint32_t p0(uint32_t x) {
    return x ^ rotate(x, 9) ^ rotate(x, 17);
}

static uint32_t p1(uint32_t x) {
    return x ^ rotate(x, 15) ^ rotate(x, 23);
}

/* One round of clause 5.3.3. The registers are not moved along: the caller names them one further each time, which after
 * four rounds is where it began. */
static inline void round_at(unsigned j, const uint32_t *w, uint32_t a, uint32_t *b, uint32_t c,
                            uint32_t *d, uint32_t e, uint32_t *f, uint32_t g, uint32_t *h) {
    uint32_t a12 = rotate(a, 12), ss1 = rotate(a12 + e + round_constant[j], 7);
    uint32_t ff = j < 16 ? a ^ *b ^ c : (a & *b) | ((a | *b) & c);
    uint32_t gg = j < 16 ? e ^ *f ^ g : ((*f ^ g) & e) ^ g;
    *d = ff + *d + (ss1 ^ a12) + (w[j] ^ w[j + 4]);
    *b = rotate(*b, 9);
    *h = p0(gg + *h + ss1 + w[j]);
    *f = rotate(*f, 19);
}

/* The compression function CF of clause 5.3.2 and 5.3.3. A round needs the message four words ahead: expanding it beside the
 * rounds keeps a processor busy that can do both. */
static void compress(uint32_t h[8], const uint8_t *block) {
    uint32_t w[68], a = h[0], b = h[1], c = h[2], d = h[3];
    uint32_t e = h[4], f = h[5], g = h[6], k = h[7];
    for (size_t j = 0; j < 16; j++)
        w[j] = load(block + 4 * j);
    for (unsigned j = 0; j < 64; j += 4) {
        for (unsigned i = j + 4; i < j + 8; i++)
            if (i >= 16)
                w[i] = p1(w[i - 16] ^ w[i - 9] ^ rotate(w[i - 3], 15)) ^ rotate(w[i - 13], 7) ^
                       w[i - 6];
        round_at(j, w, a, &b, c, &d, e, &f, g, &k);
        round_at(j + 1, w, d, &a, b, &c, k, &e, f, &g);
        round_at(j + 2, w, c, &d, a, &b, g, &k, e, &f);
        round_at(j + 3, w, b, &c, d, &a, f, &g, k, &e);
    }
    h[0] ^= a;
    h[1] ^= b;
    h[2] ^= c;
    h[3] ^= d;
    h[4] ^= e;
    h[5] ^= f;
    h[6] ^= g;
    h[7] ^= k;
}

void sm3_init(struct sm3 *ctx) {
    static const uint32_t iv[8] = {0x7380166fu, 0x4914b2b9u, 0x172442d7u, 0xda8a0600u,
                                   0xa96f30bcu, 0x163138aau, 0xe38dee4du, 0xb0fb0e4eu};
    memcpy(ctx->h, iv, sizeof ctx->h);
    ctx->total = 0;
}

void sm3_update(struct sm3 *ctx, const void *data, size_t len) {
    const uint8_t *p = data;
    size_t used = (size_t)(ctx->total % SM3_BLOCK);
    if (len == 0)
        return;
    ctx->total += len;
    if (used) {
        size_t n = SM3_BLOCK - used < len ? SM3_BLOCK - used : len;
        memcpy(ctx->block + used, p, n);
        p += n;
        len -= n;
        if (used + n < SM3_BLOCK)
            return;
        compress(ctx->h, ctx->block);
    }
    for (; len >= SM3_BLOCK; p += SM3_BLOCK, len -= SM3_BLOCK)
        compress(ctx->h, p);
    memcpy(ctx->block, p, len);
}

void sm3_final(struct sm3 *ctx, uint8_t digest[SM3_SIZE]) {
    uint64_t bits = ctx->total * 8;
    uint8_t tail[SM3_BLOCK + 8] = {0x80};
    size_t used = (size_t)(ctx->total % SM3_BLOCK);
    size_t pad = (used < 56 ? 56 : 120) - used;
    store(tail + pad, (uint32_t)(bits >> 32));
    store(tail + pad + 4, (uint32_t)bits);
    sm3_update(ctx, tail, pad + 8);
    for (size_t i = 0; i < 8; i++)
        store(digest + 4 * i, ctx->h[i]);
    mbedtls_platform_zeroize(ctx, sizeof *ctx);
}

void sm3(const void *data, size_t len, uint8_t digest[SM3_SIZE]) {
    struct sm3 ctx;
    sm3_init(&ctx);
    sm3_update(&ctx, data, len);
    sm3_final(&ctx, digest);
}

void hmac_sm3_init(struct hmac_sm3 *ctx, const uint8_t *key, size_t key_len) {
    uint8_t pad[SM3_BLOCK] = {0};
    if (key_len > SM3_BLOCK)
        sm3(key, key_len, pad);
    else if (key_len)
        memcpy(pad, key, key_len);
    for (size_t i = 0; i < SM3_BLOCK; i++)
        pad[i] ^= 0x36;
    sm3_init(&ctx->inner);
    sm3_update(&ctx->inner, pad, SM3_BLOCK);
    for (size_t i = 0; i < SM3_BLOCK; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    sm3_init(&ctx->outer);
    sm3_update(&ctx->outer, pad, SM3_BLOCK);
    mbedtls_platform_zeroize(pad, sizeof pad);
}

void hmac_sm3_update(struct hmac_sm3 *ctx, const void *data, size_t len) {
    sm3_update(&ctx->inner, data, len);
}

void hmac_sm3_final(struct hmac_sm3 *ctx, uint8_t mac[SM3_SIZE]) {
    uint8_t digest[SM3_SIZE];
    sm3_final(&ctx->inner, digest);
    sm3_update(&ctx->outer, digest, SM3_SIZE);
    sm3_final(&ctx->outer, mac);
    mbedtls_platform_zeroize(digest, sizeof digest);
}
