/* Random cases of the card's SM2, SM3 and SM4 against OpenSSL, in both directions; 300 of each, 10 000 with LONG=1. And the
 * standard's examples of encryption and key exchange. */
#include "firmware-sim/crypto/drbg.h"
#include "firmware-sim/crypto/sm2.h"
#include "firmware-sim/crypto/sm2_curve.h"
#include "firmware-sim/crypto/sm3.h"
#include "firmware-sim/crypto/sm4_mode.h"
#include "tests/unit/firmware-sim/campaign.h"
#include "tests/unit/firmware-sim/openssl_sm.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum { MESSAGE = 700 };

static struct drbg rng;
static unsigned cases;

static int entropy(void *ctx, unsigned char *out, size_t len) {
    (void)ctx;
    return RAND_bytes(out, (int)len) == 1 ? 0 : -1;
}

static size_t below(size_t limit) {
    uint32_t n;
    RAND_bytes((unsigned char *)&n, sizeof n);
    return n % limit;
}

static void report(const char *what) {
    campaign_result("%s: %u random cases agree with OpenSSL", what, cases);
}

static void from_hex(const char *hex, uint8_t *out, size_t len) {
    size_t n = 0;
    assert_int_equal(OPENSSL_hexstr2buf_ex(out, len, &n, hex, 0), 1);
    assert_int_equal(n, len);
}

/* --- the standard's examples --- */

static void sm2_encrypts_the_example_of_gbt_32918_5(void **state) {
    uint8_t d[32], k[32], c2[19], c3[32], want[32];
    struct sm2_point pub, c1;
    (void)state;
    from_hex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8", d, 32);
    from_hex("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21", k, 32);
    assert_int_equal(sm2_public(&rng, d, &pub), SM2_OK);
    assert_int_equal(sm2_encrypt_with_nonce(&rng, &pub, (const uint8_t *)"encryption standard", 19,
                                            k, &c1, c3, c2),
                     SM2_OK);
    from_hex("04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73", want, 32);
    assert_memory_equal(c1.x, want, 32);
    from_hex("E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0", want, 32);
    assert_memory_equal(c1.y, want, 32);
    from_hex("59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766", want, 32);
    assert_memory_equal(c3, want, 32);
    from_hex("21886CA989CA9C7D58087307CA93092D651EFA", want, 19);
    assert_memory_equal(c2, want, 19);
}

static void sm2_exchanges_the_key_of_gbt_32918_5(void **state) {
    uint8_t da[32], db[32], ra[32], rb[32], za[32], zb[32], key[16], want[16];
    struct sm2_point pa, pb, pra, prb;
    (void)state;
    from_hex("81EB26E941BB5AF16DF116495F90695272AE2CD63D6C4AE1678418BE48230029", da, 32);
    from_hex("785129917D45A9EA5437A59356B82338EAADDA6CEB199088F14AE10DEFA229B5", db, 32);
    from_hex("D4DE15474DB74D06491C440D305E012400990F3E390C7E87153C12DB2EA60BB3", ra, 32);
    from_hex("7E07124814B309489125EAED101113164EBF0F3458C5BD88335C1F9D596243D6", rb, 32);
    from_hex("6C89347354DE2484C60B4AB1FDE4C6E5", want, 16);
    assert_int_equal(sm2_public(&rng, da, &pa), SM2_OK);
    assert_int_equal(sm2_public(&rng, db, &pb), SM2_OK);
    assert_int_equal(sm2_public(&rng, ra, &pra), SM2_OK);
    assert_int_equal(sm2_public(&rng, rb, &prb), SM2_OK);
    sm2_z(&pa, (const uint8_t *)"1234567812345678", 16, za);
    sm2_z(&pb, (const uint8_t *)"1234567812345678", 16, zb);
    struct sm2_exchange a = {true, da, ra, &pra, &pb, &prb, za, zb};
    assert_int_equal(sm2_exchange_key(&rng, &a, key, 16), SM2_OK);
    assert_memory_equal(key, want, 16);
    struct sm2_exchange b = {false, db, rb, &prb, &pa, &pra, za, zb};
    assert_int_equal(sm2_exchange_key(&rng, &b, key, 16), SM2_OK);
    assert_memory_equal(key, want, 16);
    prb.y[7] ^= 1;
    assert_int_equal(sm2_exchange_key(&rng, &a, key, 16), SM2_BAD_KEY);
}

/* --- random --- */

static void sm3_agrees(void **state) {
    uint8_t msg[MESSAGE], mine[32], theirs[32];
    (void)state;
    for (unsigned i = 0; i < cases; i++) {
        size_t len = below(sizeof msg), split = below(len + 1);
        struct sm3 h;
        RAND_bytes(msg, sizeof msg);
        sm3_init(&h);
        sm3_update(&h, msg, split);
        sm3_update(&h, msg + split, len - split);
        sm3_final(&h, mine);
        assert_int_equal(EVP_Digest(msg, len, theirs, NULL, EVP_sm3(), NULL), 1);
        assert_memory_equal(mine, theirs, 32);
    }
    report("SM3");
}

/* In pieces of random length. */
static size_t run_mode(enum sm4_mode_kind kind, enum sm4_direction direction, bool padded,
                       const uint8_t key[16], const uint8_t iv[16], const uint8_t *in, size_t len,
                       uint8_t *out) {
    struct sm4_mode mode;
    size_t written = 0, last;
    sm4_mode_init(&mode, kind, direction, padded, iv);
    for (size_t at = 0, n; at < len; at += n) {
        n = 1 + below(len - at);
        written += sm4_mode_update(&mode, key, in + at, n, out + written);
    }
    assert_true(sm4_mode_final(&mode, key, out + written, &last));
    return written + last;
}

static void sm4_ecb_and_cbc_agree_both_ways_in_pieces(void **state) {
    uint8_t key[16], iv[16], plain[MESSAGE], mine[MESSAGE + 32], theirs[MESSAGE + 32],
        back[MESSAGE + 32];
    size_t mine_len, theirs_len;
    (void)state;
    for (unsigned i = 0; i < cases; i++) {
        bool padded = i % 2;
        size_t len = below(sizeof plain);
        if (!padded)
            len = len / 16 * 16;
        RAND_bytes(key, sizeof key);
        RAND_bytes(iv, sizeof iv);
        RAND_bytes(plain, sizeof plain);
        mine_len = run_mode(SM4_MODE_CBC, SM4_ENCRYPT, padded, key, iv, plain, len, mine);
        openssl_sm4_cbc(key, iv, padded, plain, len, theirs, &theirs_len, true);
        assert_int_equal(mine_len, theirs_len);
        assert_memory_equal(mine, theirs, mine_len);
        assert_int_equal(
            run_mode(SM4_MODE_CBC, SM4_DECRYPT, padded, key, iv, theirs, theirs_len, back), len);
        assert_memory_equal(back, plain, len);

        len = len / 16 * 16;
        openssl_sm4_ecb(key, plain, len, theirs, true);
        assert_int_equal(run_mode(SM4_MODE_ECB, SM4_ENCRYPT, false, key, iv, plain, len, mine),
                         len);
        assert_memory_equal(mine, theirs, len);
        assert_int_equal(run_mode(SM4_MODE_ECB, SM4_DECRYPT, false, key, iv, theirs, len, back),
                         len);
        assert_memory_equal(back, plain, len);
    }
    report("SM4-ECB, SM4-CBC, encrypted and decrypted");
}

static void sm4_mac_agrees(void **state) {
    uint8_t key[16], iv[16], plain[MESSAGE], mine[16], theirs[MESSAGE + 32];
    size_t theirs_len;
    (void)state;
    for (unsigned i = 0; i < cases; i++) {
        bool padded = i % 2;
        size_t len = 16 + below(sizeof plain - 16);
        if (!padded)
            len = len / 16 * 16;
        RAND_bytes(key, sizeof key);
        RAND_bytes(iv, sizeof iv);
        RAND_bytes(plain, sizeof plain);
        assert_int_equal(run_mode(SM4_MODE_MAC, SM4_ENCRYPT, padded, key, iv, plain, len, mine),
                         16);
        openssl_sm4_cbc(key, iv, padded, plain, len, theirs, &theirs_len, true);
        assert_memory_equal(mine, theirs + theirs_len - 16, 16);
    }
    report("SM4-MAC");
}

static void wrong_padding_and_torn_blocks_are_refused(void **state) {
    uint8_t key[16] = {1}, iv[16] = {2}, cipher[32], out[64];
    size_t len;
    struct sm4_mode mode;
    (void)state;
    for (unsigned pad = 0; pad < 256; pad++) { /* the last block of every value */
        uint8_t plain[32];
        memset(plain, (int)pad, sizeof plain);
        openssl_sm4_cbc(key, iv, false, plain, sizeof plain, cipher, &len, true);
        sm4_mode_init(&mode, SM4_MODE_CBC, SM4_DECRYPT, true, iv);
        sm4_mode_update(&mode, key, cipher, sizeof cipher, out);
        assert_int_equal(sm4_mode_final(&mode, key, out, &len), pad >= 1 && pad <= 16);
    }
    for (size_t n = 1; n < 33; n++) {
        sm4_mode_init(&mode, SM4_MODE_ECB, SM4_DECRYPT, false, iv);
        sm4_mode_update(&mode, key, cipher, n < 32 ? n : 0, out);
        assert_int_equal(sm4_mode_final(&mode, key, out, &len), n % 16 == 0);
    }
    sm4_mode_init(&mode, SM4_MODE_CBC, SM4_DECRYPT, true, iv);
    assert_false(sm4_mode_final(&mode, key, out, &len)); /* nothing has no padding */
}

static void sm2_signatures_agree_both_ways(void **state) {
    (void)state;
    for (unsigned i = 0; i < cases; i++) {
        uint8_t d[32], e[32];
        struct sm2_point pub;
        struct sm2_signature sig;
        RAND_bytes(e, 32);
        if (i % 2)
            assert_int_equal(sm2_keygen(&rng, d, &pub), SM2_OK);
        else
            openssl_sm2_keygen(d, &pub);
        assert_int_equal(sm2_sign(&rng, d, e, &sig), SM2_OK);
        assert_true(openssl_sm2_verify(&pub, e, &sig));
        openssl_sm2_sign(d, &pub, e, &sig);
        assert_int_equal(sm2_verify(&pub, e, &sig), SM2_OK);
        sig.r[i % 32] ^= (uint8_t)(1 << i % 8);
        assert_int_equal(sm2_verify(&pub, e, &sig), SM2_MISMATCH);
        assert_false(openssl_sm2_verify(&pub, e, &sig));
        campaign_progress("SM2 signatures", i, cases);
    }
    report("SM2 signatures, made and verified");
}

static void sm2_encryption_agrees_both_ways(void **state) {
    (void)state;
    for (unsigned i = 0; i < cases; i++) {
        uint8_t d[32], plain[300], c3[32], c2[300], back[300];
        struct sm2_point pub, c1;
        size_t len = 1 + below(sizeof plain);
        RAND_bytes(plain, sizeof plain);
        openssl_sm2_keygen(d, &pub);
        assert_int_equal(sm2_encrypt(&rng, &pub, plain, len, &c1, c3, c2), SM2_OK);
        assert_true(openssl_sm2_decrypt(d, &pub, &c1, c3, c2, len, back));
        assert_memory_equal(back, plain, len);
        openssl_sm2_encrypt(&pub, plain, len, &c1, c3, c2);
        assert_int_equal(sm2_decrypt(&rng, d, &c1, c3, c2, len, back), SM2_OK);
        assert_memory_equal(back, plain, len);
        campaign_progress("SM2 encryption", i, cases);
    }
    report("SM2 encryption, made and opened");
}

static void sm2_key_exchange_agrees_on_either_side(void **state) {
    (void)state;
    for (unsigned i = 0; i < cases; i++) {
        uint8_t d[2][32], r[2][32], z[2][32], mine[16], theirs[16];
        struct sm2_point p[2], pr[2];
        bool initiator = i % 2; /* side 0 is the card */
        for (unsigned side = 0; side < 2; side++) {
            openssl_sm2_keygen(d[side], &p[side]);
            openssl_sm2_keygen(r[side], &pr[side]);
            openssl_sm2_z(&p[side], side ? "ALICE123@YAHOO.COM" : "1234567812345678", z[side]);
        }
        const uint8_t *za = initiator ? z[0] : z[1], *zb = initiator ? z[1] : z[0];
        struct sm2_exchange x = {initiator, d[0], r[0], &pr[0], &p[1], &pr[1], za, zb};
        assert_int_equal(sm2_exchange_key(&rng, &x, mine, 16), SM2_OK);
        openssl_sm2_exchange(d[1], r[1], &pr[1], &p[0], &pr[0], za, zb, theirs);
        assert_memory_equal(mine, theirs, 16);
        campaign_progress("SM2 key exchange", i, cases);
    }
    report("SM2 key exchange");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sm2_encrypts_the_example_of_gbt_32918_5),
        cmocka_unit_test(sm2_exchanges_the_key_of_gbt_32918_5),
        cmocka_unit_test(sm3_agrees),
        cmocka_unit_test(sm4_ecb_and_cbc_agree_both_ways_in_pieces),
        cmocka_unit_test(sm4_mac_agrees),
        cmocka_unit_test(wrong_padding_and_torn_blocks_are_refused),
        cmocka_unit_test(sm2_signatures_agree_both_ways),
        cmocka_unit_test(sm2_encryption_agrees_both_ways),
        cmocka_unit_test(sm2_key_exchange_agrees_on_either_side),
    };
    cases = campaign_cases(300);
    if (!drbg_start(&rng, entropy, NULL))
        return 1;
    int failed = cmocka_run_group_tests_name("card crypto, random cases", tests, NULL, NULL);
    drbg_stop(&rng);
    sm2_curve_free();
    return failed;
}
