/* SM2, SM3, SM4 of the card: the standards' examples, and OpenSSL as an independent check in both directions. */
#include "firmware-sim/crypto/drbg.h"
#include "firmware-sim/crypto/sm2.h"
#include "firmware-sim/crypto/sm2_curve.h"
#include "firmware-sim/crypto/sm3.h"
#include "firmware-sim/crypto/sm4.h"
#include "tests/unit/firmware-sim/openssl_sm.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static struct drbg rng;

static int entropy(void *ctx, unsigned char *out, size_t len) {
    (void)ctx;
    return RAND_bytes(out, (int)len) == 1 ? 0 : -1;
}

static void from_hex(const char *hex, uint8_t *out, size_t len) {
    size_t n = 0;
    assert_int_equal(OPENSSL_hexstr2buf_ex(out, len, &n, hex, 0), 1);
    assert_int_equal(n, len);
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *hex) {
    uint8_t want[64];
    assert_true(len <= sizeof want);
    from_hex(hex, want, len);
    assert_memory_equal(bytes, want, len);
}

static void sm3_gives_the_digests_of_gbt_32905(void **state) {
    uint8_t d[32], msg[64];
    (void)state;
    sm3("abc", 3, d);
    assert_hex(d, 32, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    for (unsigned i = 0; i < 64; i++)
        msg[i] = (uint8_t)('a' + i % 4);
    sm3(msg, 64, d);
    assert_hex(d, 32, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
}

static void sm3_agrees_with_openssl_at_every_length_and_split(void **state) {
    uint8_t msg[300], mine[32], theirs[32];
    (void)state;
    RAND_bytes(msg, sizeof msg);
    for (size_t len = 0; len < sizeof msg; len++) {
        size_t split = len ? msg[len] % len : 0;
        struct sm3 h;
        sm3_init(&h);
        sm3_update(&h, msg, split);
        sm3_update(&h, msg + split, len - split);
        sm3_final(&h, mine);
        assert_int_equal(EVP_Digest(msg, len, theirs, NULL, EVP_sm3(), NULL), 1);
        assert_memory_equal(mine, theirs, 32);
    }
}

static void hmac_sm3_agrees_with_openssl_for_short_and_long_keys(void **state) {
    uint8_t key[100], msg[77], mine[32], theirs[32];
    (void)state;
    RAND_bytes(key, sizeof key);
    RAND_bytes(msg, sizeof msg);
    for (size_t len = 1; len <= sizeof key; len += 9) {
        struct hmac_sm3 h;
        size_t n;
        hmac_sm3_init(&h, key, len);
        hmac_sm3_update(&h, msg, sizeof msg);
        hmac_sm3_final(&h, mine);
        assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SM3", NULL, key, len, msg, sizeof msg,
                                  theirs, sizeof theirs, &n));
        assert_memory_equal(mine, theirs, 32);
    }
}

static void sm4_gives_the_blocks_of_gbt_32907(void **state) {
    uint8_t key[16], block[16];
    struct sm4 ctx;
    (void)state;
    from_hex("0123456789abcdeffedcba9876543210", key, 16);
    memcpy(block, key, 16);
    sm4_set_encrypt_key(&ctx, key);
    sm4_block(&ctx, block, block);
    assert_hex(block, 16, "681edf34d206965e86b3e94f536e4246");
    for (unsigned i = 1; i < 1000000; i++)
        sm4_block(&ctx, block, block);
    assert_hex(block, 16, "595298c7c6fd271f0402f804c33d3f66");
    sm4_set_decrypt_key(&ctx, key);
    for (unsigned i = 0; i < 1000000; i++)
        sm4_block(&ctx, block, block);
    assert_memory_equal(block, key, 16);
}

static void sm4_ecb_agrees_with_openssl_both_ways(void **state) {
    uint8_t key[16], plain[160], mine[160], theirs[160];
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        RAND_bytes(key, sizeof key);
        RAND_bytes(plain, sizeof plain);
        sm4_ecb_encrypt(key, plain, sizeof plain, mine);
        openssl_sm4_ecb(key, plain, sizeof plain, theirs, true);
        assert_memory_equal(mine, theirs, sizeof mine);
        sm4_ecb_decrypt(key, mine, sizeof mine, mine);
        assert_memory_equal(mine, plain, sizeof plain);
    }
}

static void sm4_mac_is_the_last_block_of_cbc_over_padded_data(void **state) {
    uint8_t key[16], iv[16], msg[48], padded[64], cipher[64], mac[16];
    (void)state;
    RAND_bytes(key, sizeof key);
    RAND_bytes(iv, sizeof iv);
    RAND_bytes(msg, sizeof msg);
    for (size_t len = 0; len <= sizeof msg; len++) {
        struct sm4_mac ctx;
        size_t total = len / 16 * 16 + 16;
        memset(padded, 0, sizeof padded);
        memcpy(padded, msg, len);
        padded[len] = 0x80;
        openssl_sm4_cbc_encrypt(key, iv, padded, total, cipher);
        sm4_mac_init(&ctx, key, iv);
        sm4_mac_update(&ctx, msg, len / 2);
        sm4_mac_update(&ctx, msg + len / 2, len - len / 2);
        sm4_mac_final(&ctx, mac);
        assert_memory_equal(mac, cipher + total - 16, 16);
    }
}

/* --- SM2 --- */

static const char d_hex[] = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8";
static const char k_hex[] = "59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21";

static void example_key(uint8_t d[32], struct sm2_point *pub) {
    from_hex(d_hex, d, 32);
    assert_int_equal(sm2_public(&rng, d, pub), SM2_OK);
}

static void sm2_signs_the_example_of_gbt_32918_5(void **state) {
    uint8_t d[32], e[32], k[32];
    struct sm2_point pub;
    struct sm2_signature sig;
    struct sm3 h;
    (void)state;
    example_key(d, &pub);
    assert_hex(pub.x, 32, "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020");
    assert_hex(pub.y, 32, "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13");
    sm2_z(&pub, (const uint8_t *)"1234567812345678", 16, e);
    assert_hex(e, 32, "B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3");
    sm3_init(&h);
    sm3_update(&h, e, 32);
    sm3_update(&h, "message digest", 14);
    sm3_final(&h, e);
    assert_hex(e, 32, "F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640");
    from_hex(k_hex, k, 32);
    assert_int_equal(sm2_sign_with_nonce(&rng, d, e, k, &sig), SM2_OK);
    assert_hex(sig.r, 32, "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3");
    assert_hex(sig.s, 32, "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA");
    assert_int_equal(sm2_verify(&pub, e, &sig), SM2_OK);
}

static void sm2_decrypts_the_example_of_gbt_32918_5(void **state) {
    uint8_t d[32], c2[19], c3[32], plain[19];
    struct sm2_point pub, c1;
    (void)state;
    example_key(d, &pub);
    from_hex("04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73", c1.x, 32);
    from_hex("E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0", c1.y, 32);
    from_hex("21886CA989CA9C7D58087307CA93092D651EFA", c2, sizeof c2);
    from_hex("59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766", c3, 32);
    assert_int_equal(sm2_decrypt(&rng, d, &c1, c3, c2, sizeof c2, plain), SM2_OK);
    assert_memory_equal(plain, "encryption standard", 19);
    c2[3] ^= 1;
    assert_int_equal(sm2_decrypt(&rng, d, &c1, c3, c2, sizeof c2, plain), SM2_MISMATCH);
    c1.y[31] ^= 1;
    assert_int_equal(sm2_decrypt(&rng, d, &c1, c3, c2, sizeof c2, plain), SM2_BAD_INPUT);
}

static void sm2_signatures_verify_under_openssl_and_the_other_way(void **state) {
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        uint8_t d[32], e[32];
        struct sm2_point pub;
        struct sm2_signature sig;
        RAND_bytes(e, 32);
        assert_int_equal(sm2_keygen(&rng, d, &pub), SM2_OK);
        assert_int_equal(sm2_sign(&rng, d, e, &sig), SM2_OK);
        assert_true(openssl_sm2_verify(&pub, e, &sig));
        assert_int_equal(sm2_verify(&pub, e, &sig), SM2_OK);
        openssl_sm2_sign(d, &pub, e, &sig);
        assert_int_equal(sm2_verify(&pub, e, &sig), SM2_OK);
        sig.s[i % 32] ^= 1;
        assert_int_equal(sm2_verify(&pub, e, &sig), SM2_MISMATCH);
    }
}

static void sm2_decrypts_what_openssl_encrypts(void **state) {
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        uint8_t d[32], plain[100], c3[32], c2[100], back[100];
        struct sm2_point pub, c1;
        size_t len = 1 + i;
        RAND_bytes(plain, sizeof plain);
        assert_int_equal(sm2_keygen(&rng, d, &pub), SM2_OK);
        openssl_sm2_encrypt(&pub, plain, len, &c1, c3, c2);
        assert_int_equal(sm2_decrypt(&rng, d, &c1, c3, c2, len, back), SM2_OK);
        assert_memory_equal(back, plain, len);
    }
}

static void sm2_refuses_private_keys_outside_1_to_n_minus_2(void **state) {
    uint8_t d[32] = {0}, e[32] = {1};
    struct sm2_point pub;
    struct sm2_signature sig;
    (void)state;
    assert_int_equal(sm2_public(&rng, d, &pub), SM2_BAD_KEY);
    from_hex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54122", d, 32); /* n-1 */
    assert_int_equal(sm2_public(&rng, d, &pub), SM2_BAD_KEY);
    assert_int_equal(sm2_sign(&rng, d, e, &sig), SM2_BAD_KEY);
    d[31]--; /* n-2 */
    assert_int_equal(sm2_public(&rng, d, &pub), SM2_OK);
    assert_int_equal(sm2_sign(&rng, d, e, &sig), SM2_OK);
    assert_true(openssl_sm2_verify(&pub, e, &sig));
}

static void sm2_verify_refuses_zero_and_too_large_r_and_s(void **state) {
    uint8_t d[32], e[32] = {7};
    struct sm2_point pub;
    struct sm2_signature sig, bad;
    (void)state;
    example_key(d, &pub);
    assert_int_equal(sm2_sign(&rng, d, e, &sig), SM2_OK);
    bad = sig;
    memset(bad.r, 0, 32);
    assert_int_equal(sm2_verify(&pub, e, &bad), SM2_MISMATCH);
    bad = sig;
    memset(bad.s, 0xff, 32);
    assert_int_equal(sm2_verify(&pub, e, &bad), SM2_MISMATCH);
    pub.x[0] ^= 1;
    assert_int_equal(sm2_verify(&pub, e, &sig), SM2_BAD_KEY);
}

/* ctx: a byte to count on from. */
static int same_entropy(void *ctx, unsigned char *out, size_t len) {
    uint8_t *next = ctx;
    for (size_t i = 0; i < len; i++)
        out[i] = (*next)++;
    return 0;
}

/* A restored snapshot repeats the random numbers; two digests under one nonce would give the private key away. */
static void repeated_random_numbers_do_not_repeat_the_nonce_for_another_digest(void **state) {
    uint8_t d[32], e1[32] = {1}, e2[32] = {2};
    struct sm2_point pub;
    struct sm2_signature s1, s2;
    struct drbg a, b;
    uint8_t next_a = 0, next_b = 0;
    (void)state;
    example_key(d, &pub);
    assert_true(drbg_start(&a, same_entropy, &next_a));
    assert_true(drbg_start(&b, same_entropy, &next_b));
    assert_int_equal(sm2_sign(&a, d, e1, &s1), SM2_OK);
    assert_int_equal(sm2_sign(&b, d, e2, &s2), SM2_OK);
    /* r = e + x1: equal nonces would make r1 - e1 = r2 - e2 */
    mbedtls_mpi x1, x2, e;
    mbedtls_mpi_init(&x1);
    mbedtls_mpi_init(&x2);
    mbedtls_mpi_init(&e);
    mbedtls_mpi_read_binary(&x1, s1.r, 32);
    mbedtls_mpi_read_binary(&e, e1, 32);
    mbedtls_mpi_sub_mpi(&x1, &x1, &e);
    mbedtls_mpi_mod_mpi(&x1, &x1, &sm2_curve()->N);
    mbedtls_mpi_read_binary(&x2, s2.r, 32);
    mbedtls_mpi_read_binary(&e, e2, 32);
    mbedtls_mpi_sub_mpi(&x2, &x2, &e);
    mbedtls_mpi_mod_mpi(&x2, &x2, &sm2_curve()->N);
    assert_int_not_equal(mbedtls_mpi_cmp_mpi(&x1, &x2), 0);
    mbedtls_mpi_free(&x1);
    mbedtls_mpi_free(&x2);
    mbedtls_mpi_free(&e);
    drbg_stop(&a);
    drbg_stop(&b);
}

static void fast_reduction_agrees_with_division(void **state) {
    mbedtls_mpi a, b;
    const mbedtls_mpi *p = &sm2_curve()->P;
    (void)state;
    mbedtls_mpi_init(&a);
    mbedtls_mpi_init(&b);
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t bytes[64];
        RAND_bytes(bytes, sizeof bytes);
        if (i % 5 == 1)
            memset(bytes, 0xff, 32);
        if (i % 5 == 2)
            memset(bytes, 0xff, 64 - i % 32);
        if (i % 5 == 3)
            memset(bytes + 8, 0, 32);
        if (i % 5 == 4) { /* close to multiples of p */
            memset(bytes, 0, 32);
            bytes[31] = (uint8_t)(i >> 3);
        }
        assert_int_equal(mbedtls_mpi_read_binary(&a, bytes, sizeof bytes), 0);
        assert_int_equal(mbedtls_mpi_mod_mpi(&b, &a, p), 0);
        assert_int_equal(sm2_curve_reduce(&a), 0);
        unsigned steps = 0;
        for (; a.s < 0 && mbedtls_mpi_cmp_int(&a, 0) != 0; steps++)
            assert_int_equal(mbedtls_mpi_add_mpi(&a, &a, p), 0);
        for (; mbedtls_mpi_cmp_mpi(&a, p) >= 0; steps++)
            assert_int_equal(mbedtls_mpi_sub_abs(&a, &a, p), 0);
        assert_true(steps <= 2);
        assert_int_equal(mbedtls_mpi_cmp_mpi(&a, &b), 0);
    }
    mbedtls_mpi_free(&a);
    mbedtls_mpi_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sm3_gives_the_digests_of_gbt_32905),
        cmocka_unit_test(sm3_agrees_with_openssl_at_every_length_and_split),
        cmocka_unit_test(hmac_sm3_agrees_with_openssl_for_short_and_long_keys),
        cmocka_unit_test(sm4_gives_the_blocks_of_gbt_32907),
        cmocka_unit_test(sm4_ecb_agrees_with_openssl_both_ways),
        cmocka_unit_test(sm4_mac_is_the_last_block_of_cbc_over_padded_data),
        cmocka_unit_test(sm2_signs_the_example_of_gbt_32918_5),
        cmocka_unit_test(sm2_decrypts_the_example_of_gbt_32918_5),
        cmocka_unit_test(sm2_signatures_verify_under_openssl_and_the_other_way),
        cmocka_unit_test(sm2_decrypts_what_openssl_encrypts),
        cmocka_unit_test(sm2_refuses_private_keys_outside_1_to_n_minus_2),
        cmocka_unit_test(sm2_verify_refuses_zero_and_too_large_r_and_s),
        cmocka_unit_test(repeated_random_numbers_do_not_repeat_the_nonce_for_another_digest),
        cmocka_unit_test(fast_reduction_agrees_with_division),
    };
    if (!drbg_start(&rng, entropy, NULL))
        return 1;
    int failed = cmocka_run_group_tests_name("card crypto", tests, NULL, NULL);
    drbg_stop(&rng);
    sm2_curve_free();
    return failed;
}
