/* Curve constants and the reduction modulo p = 2^256 - 2^224 - 2^96 + 2^64 - 1. */
#include "firmware-sim/crypto/sm2_curve.h"

#include <stdint.h>
#include <string.h>

/* A 64-bit number as static limbs, least significant first, whatever the size of mbedTLS's limb. */
#if defined(MBEDTLS_HAVE_INT64)
#define LIMB64(hi, lo) ((mbedtls_mpi_uint)(hi) << 32 | (lo))
#else
#define LIMB64(hi, lo) (lo), (hi)
#endif

static const mbedtls_mpi_uint curve_p[] = {
    LIMB64(0xFFFFFFFFu, 0xFFFFFFFFu), LIMB64(0xFFFFFFFFu, 0x00000000u),
    LIMB64(0xFFFFFFFFu, 0xFFFFFFFFu), LIMB64(0xFFFFFFFEu, 0xFFFFFFFFu)};
static const mbedtls_mpi_uint curve_b[] = {
    LIMB64(0xDDBCBD41u, 0x4D940E93u), LIMB64(0xF39789F5u, 0x15AB8F92u),
    LIMB64(0x4D5A9E4Bu, 0xCF6509A7u), LIMB64(0x28E9FA9Eu, 0x9D9F5E34u)};
static const mbedtls_mpi_uint curve_n[] = {
    LIMB64(0x53BBF409u, 0x39D54123u), LIMB64(0x7203DF6Bu, 0x21C6052Bu),
    LIMB64(0xFFFFFFFFu, 0xFFFFFFFFu), LIMB64(0xFFFFFFFEu, 0xFFFFFFFFu)};
static const mbedtls_mpi_uint curve_gx[] = {
    LIMB64(0x715A4589u, 0x334C74C7u), LIMB64(0x8FE30BBFu, 0xF2660BE1u),
    LIMB64(0x5F990446u, 0x6A39C994u), LIMB64(0x32C4AE2Cu, 0x1F198119u)};
static const mbedtls_mpi_uint curve_gy[] = {
    LIMB64(0x02DF32E5u, 0x2139F0A0u), LIMB64(0xD0A9877Cu, 0xC62A4740u),
    LIMB64(0x59BDCEE3u, 0x6B692153u), LIMB64(0xBC3736A2u, 0xF4F6779Cu)};
static const mbedtls_mpi_uint one[] = {1};

/* mbedTLS only reads group constants, and with h == 1 never frees them; its type has no const. */
static mbedtls_mpi constant(const mbedtls_mpi_uint *limbs, size_t count) {
    mbedtls_mpi_uint *p;
    memcpy(&p, &limbs, sizeof p);
    return (mbedtls_mpi){.s = 1, .n = count, .p = p};
}

#define CONSTANT(limbs) constant(limbs, sizeof(limbs) / sizeof(limbs)[0])

static mbedtls_ecp_group group;

mbedtls_ecp_group *sm2_curve(void) {
    if (group.pbits == 0) {
        mbedtls_ecp_group_init(&group);
        group.id = MBEDTLS_ECP_DP_NONE;
        group.P = CONSTANT(curve_p); /* A stays empty: mbedTLS reads that as -3 */
        group.B = CONSTANT(curve_b);
        group.N = CONSTANT(curve_n);
        group.G.X = CONSTANT(curve_gx);
        group.G.Y = CONSTANT(curve_gy);
        group.G.Z = CONSTANT(one);
        group.pbits = group.nbits = 256;
        group.h = 1;
        group.modp = sm2_curve_reduce;
    }
    return &group;
}

void sm2_curve_free(void) {
    mbedtls_ecp_group_free(&group);
    memset(&group, 0, sizeof group);
}

/* The 32-bit words of a number, least significant first. */
enum { LIMB_WORDS = sizeof(mbedtls_mpi_uint) / 4 };

static int64_t word(const mbedtls_mpi *n, size_t i) {
    size_t limb = i / LIMB_WORDS;
    if (limb >= n->n)
        return 0;
    return (int64_t)((uint64_t)n->p[limb] >> (i % LIMB_WORDS * 32) & 0xFFFFFFFFu);
}

static void set_words(mbedtls_mpi *n, const int64_t *w, size_t count) {
    memset(n->p, 0, n->n * sizeof *n->p);
    for (size_t i = 0; i < count; i++)
        n->p[i / LIMB_WORDS] |= (mbedtls_mpi_uint)((uint64_t)w[i] << (i % LIMB_WORDS * 32));
}

/* carry * 2^256 = carry * (2^224 + 2^96 - 2^64 + 1) mod p, added in; then carries run up. Returns the new carry. */
static int64_t fold_carry(int64_t a[8], int64_t carry) {
    a[0] += carry;
    a[2] -= carry;
    a[3] += carry;
    a[7] += carry;
    carry = 0;
    for (unsigned i = 0; i < 8; i++) {
        a[i] += carry;
        carry = a[i] >> 32; /* arithmetic: rounds down, also below zero */
        a[i] &= 0xFFFFFFFF;
    }
    return carry;
}

int sm2_curve_reduce(mbedtls_mpi *n) {
    int64_t c[16], a[9];
    for (unsigned i = 0; i < 16; i++)
        c[i] = word(n, i);

    /* the words above 2^256, each replaced by what 2^(32 i) is modulo p */
    a[0] = c[0] + c[8] + c[9] + c[10] + c[11] + c[12] + 2 * (c[13] + c[14] + c[15]);
    a[1] = c[1] + c[9] + c[10] + c[11] + c[12] + c[13] + 2 * (c[14] + c[15]);
    a[2] = c[2] - c[8] - c[9] - c[13] - c[14];
    a[3] = c[3] + c[8] + c[11] + c[12] + 2 * c[13] + c[14] + c[15];
    a[4] = c[4] + c[9] + c[12] + c[13] + 2 * c[14] + c[15];
    a[5] = c[5] + c[10] + c[13] + c[14] + 2 * c[15];
    a[6] = c[6] + c[11] + c[14] + c[15];
    a[7] = c[7] + c[8] + c[9] + c[10] + c[11] + 2 * (c[12] + c[13] + c[14]) + 3 * c[15];

    /* |carry| <= 16 after the first pass, and one of -1 0 1 after the second; the third leaves 0 or, just above a multiple
     * of p, 1 or -1 again, which the ninth word or the sign then holds */
    int64_t carry = 0;
    for (unsigned pass = 0; pass < 3; pass++)
        carry = fold_carry(a, carry);

    int ret = mbedtls_mpi_grow(n, 8 / LIMB_WORDS + 1);
    if (ret)
        return ret;
    n->s = 1;
    if (carry >= 0) {
        a[8] = carry;
        set_words(n, a, 9);
        return 0;
    }
    /* below zero: the value is low - |carry| * 2^256; adding p |carry| times brings it near zero again */
    set_words(n, a, 8);
    mbedtls_mpi top;
    mbedtls_mpi_init(&top);
    ret = mbedtls_mpi_lset(&top, (mbedtls_mpi_sint)carry);
    if (!ret)
        ret = mbedtls_mpi_shift_l(&top, 256);
    if (!ret)
        ret = mbedtls_mpi_add_mpi(n, n, &top);
    mbedtls_mpi_free(&top);
    return ret;
}
