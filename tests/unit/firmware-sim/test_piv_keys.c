/* PIV keys and the management key beside OpenSSL and the vectors of NIST. */
#include "firmware-sim/core/tlv.h"
#include "firmware-sim/crypto/ec.h"
#include "tests/unit/firmware-sim/piv_host.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdlib.h>

enum { PAGES = FACTORY_PAGES + 2 * 24, EC_CASES = 50, RSA_CASES = 10 };

static struct piv_bench bench;

static int setup(void **state) {
    (void)state;
    piv_bench_init(&bench, PAGES);
    piv_bench_manage(&bench);
    assert_int_equal(piv_bench_verify(&bench, PIV_TEST_PIN), SW_OK);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    piv_bench_free(&bench);
    return 0;
}

static void hex(const char *text, uint8_t *out) {
    for (size_t i = 0; text[2 * i]; i++) {
        const char byte[3] = {text[2 * i], text[2 * i + 1]};
        out[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
}

/* The card's private operations with the key in slot, judged with the public key. */
static void use_rsa(uint8_t slot, uint8_t algorithm, EVP_PKEY *key, unsigned cases) {
    size_t len = (size_t)EVP_PKEY_get_size(key);
    uint8_t block[512], back[512];
    for (unsigned i = 0; i < cases; i++) {
        RAND_bytes(block, (int)len);
        block[0] = 0;
        assert_int_equal(piv_bench_use(&bench, slot, algorithm, PIV_TAG_CHALLENGE, block, len),
                         SW_OK);
        assert_int_equal(bench.out_len, len);
        piv_host_rsa_raw(key, bench.out, back, len);
        assert_memory_equal(back, block, len);
    }
    memset(block, 0xFF, len); /* not below the modulus */
    assert_int_equal(piv_bench_use(&bench, slot, algorithm, PIV_TAG_CHALLENGE, block, len),
                     SW_WRONG_DATA);
    assert_int_equal(piv_bench_use(&bench, slot, algorithm, PIV_TAG_CHALLENGE, block, len - 1),
                     SW_WRONG_DATA);
    assert_int_equal(piv_bench_use(&bench, slot, algorithm, PIV_TAG_EXPONENTIATION, block, len),
                     SW_WRONG_DATA);
}

static void use_ec(uint8_t slot, uint8_t algorithm, EVP_PKEY *key, unsigned cases) {
    size_t size = algorithm == PIV_P256 ? 32 : 48, len;
    uint8_t digest[48], secret[48], point[97];
    for (unsigned i = 0; i < cases; i++) {
        size_t digest_len = i % 3 ? size : 1 + i % size;
        RAND_bytes(digest, sizeof digest);
        assert_int_equal(
            piv_bench_use(&bench, slot, algorithm, PIV_TAG_CHALLENGE, digest, digest_len), SW_OK);
        assert_true(piv_host_ecdsa_verifies(&bench, key, digest, digest_len));
        digest[0] ^= 1;
        assert_false(piv_host_ecdsa_verifies(&bench, key, digest, digest_len));

        EVP_PKEY *other = EVP_EC_gen(algorithm == PIV_P256 ? "P-256" : "P-384");
        assert_int_equal(EVP_PKEY_get_octet_string_param(other, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                         sizeof point, &len),
                         1);
        assert_int_equal(piv_bench_use(&bench, slot, algorithm, PIV_TAG_EXPONENTIATION, point, len),
                         SW_OK);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(other, NULL);
        len = sizeof secret;
        assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
        assert_int_equal(EVP_PKEY_derive_set_peer(ctx, key), 1);
        assert_int_equal(EVP_PKEY_derive(ctx, secret, &len), 1);
        assert_int_equal(bench.out_len, len);
        assert_memory_equal(bench.out, secret, len);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(other);
    }
    point[10] ^= 1; /* off the curve */
    assert_int_equal(
        piv_bench_use(&bench, slot, algorithm, PIV_TAG_EXPONENTIATION, point, 1 + 2 * size),
        SW_WRONG_DATA);
    point[10] ^= 1;
    point[0] = 0x02;
    assert_int_equal(
        piv_bench_use(&bench, slot, algorithm, PIV_TAG_EXPONENTIATION, point, 1 + size),
        SW_WRONG_DATA);
    memset(point, 0, sizeof point);
    assert_int_equal(piv_bench_use(&bench, slot, algorithm, PIV_TAG_EXPONENTIATION, point, 1),
                     SW_WRONG_DATA);
}

static void use(uint8_t slot, uint8_t algorithm, EVP_PKEY *key, unsigned cases) {
    if (algorithm == PIV_P256 || algorithm == PIV_P384)
        use_ec(slot, algorithm, key, cases);
    else
        use_rsa(slot, algorithm, key, cases);
}

static void generated_keys_of_every_algorithm_work_with_openssl(void **state) {
    static const struct {
        uint8_t slot, algorithm;
        unsigned cases;
    } all[] = {{PIV_AUTHENTICATION, PIV_P256, EC_CASES},
               {PIV_KEY_MANAGEMENT, PIV_P384, EC_CASES},
               {PIV_CARD_AUTHENTICATION, PIV_RSA2048, RSA_CASES},
               {PIV_RETIRED_FIRST, PIV_RSA3072, 5}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(piv_bench_generate(&bench, all[i].slot, all[i].algorithm), SW_OK);
        EVP_PKEY *key = piv_host_public_key(&bench, all[i].algorithm, PIV_TAG_PUBLIC_KEY);
        use(all[i].slot, all[i].algorithm, key, all[i].cases);
        EVP_PKEY_free(key);
    }
}

static void imported_keys_of_every_algorithm_work_with_openssl(void **state) {
    static const struct {
        uint8_t algorithm;
        unsigned bits;
    } all[] = {{PIV_P256, 0},
               {PIV_P384, 0},
               {PIV_RSA2048, 2048},
               {PIV_RSA3072, 3072},
               {PIV_RSA4096, 4096}};
    uint8_t data[5 * (256 + 4)];
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        uint8_t slot = (uint8_t)(PIV_RETIRED_LAST - i), algorithm = all[i].algorithm;
        EVP_PKEY *key = all[i].bits ? EVP_RSA_gen(all[i].bits)
                                    : EVP_EC_gen(algorithm == PIV_P256 ? "P-256" : "P-384");
        struct wire_writer w = wire_writer(data, sizeof data);
        size_t len;
        if (all[i].bits) {
            len = piv_host_rsa_parts(key, data, sizeof data);
        } else {
            piv_host_put_bn(&w, 6, key, OSSL_PKEY_PARAM_PRIV_KEY);
            len = w.len;
        }
        assert_int_equal(piv_bench_apdu(&bench, PIV_IMPORT_KEY, algorithm, slot, data, len), SW_OK);
        piv_bench_power_cycle(&bench);
        piv_bench_manage(&bench);
        assert_int_equal(piv_bench_verify(&bench, PIV_TEST_PIN), SW_OK);
        use(slot, algorithm, key, all[i].bits ? 3 : 20);
        /* and the card says the same public key */
        assert_int_equal(piv_bench_apdu(&bench, PIV_GET_METADATA, 0, slot, NULL, 0), SW_OK);
        struct wire_reader r = wire_reader(bench.out, bench.out_len), value;
        uint32_t tag;
        while (tlv_next(&r, &tag, &value) && tag != 4)
            ;
        assert_int_equal(tag, 4);
        size_t head = all[i].bits ? 4 : 2; /* public_key wants the whole element */
        bench.out_len = value.left + head;
        memmove(bench.out, value.p - head, bench.out_len);
        EVP_PKEY *said = piv_host_public_key(&bench, algorithm, 4);
        assert_int_equal(EVP_PKEY_eq(said, key), 1);
        EVP_PKEY_free(said);
        EVP_PKEY_free(key);
    }
}

static void an_rsa_key_whose_parts_do_not_fit_is_refused(void **state) {
    uint8_t data[5 * (256 + 4)], bad[sizeof data];
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    size_t len = piv_host_rsa_parts(key, data, sizeof data);
    for (size_t at = 10; at < len; at += 132) { /* each part, and its length */
        memcpy(bad, data, len);
        bad[at] ^= 2;
        assert_int_equal(
            piv_bench_apdu(&bench, PIV_IMPORT_KEY, PIV_RSA2048, PIV_SIGNATURE, bad, len),
            SW_WRONG_DATA);
    }
    assert_int_equal(piv_bench_apdu(&bench, PIV_IMPORT_KEY, PIV_RSA3072, PIV_SIGNATURE, data, len),
                     SW_WRONG_DATA);
    assert_int_equal(piv_bench_apdu(&bench, PIV_GET_METADATA, 0, PIV_SIGNATURE, NULL, 0),
                     SW_REFERENCE_NOT_FOUND);
    EVP_PKEY_free(key);
}

static void scalars_out_of_range_are_refused(void **state) {
    uint8_t scalar[2 + 32] = {6, 32};
    (void)state;
    assert_int_equal(piv_bench_apdu(&bench, PIV_IMPORT_KEY, PIV_P256, PIV_SIGNATURE, scalar, 34),
                     SW_WRONG_DATA);
    hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", scalar + 2); /* n */
    assert_int_equal(piv_bench_apdu(&bench, PIV_IMPORT_KEY, PIV_P256, PIV_SIGNATURE, scalar, 34),
                     SW_WRONG_DATA);
    scalar[33]--;
    assert_int_equal(piv_bench_apdu(&bench, PIV_IMPORT_KEY, PIV_P256, PIV_SIGNATURE, scalar, 34),
                     SW_OK);
}

/* NIST CAVP, ECC CDH primitive (SP 800-56A 5.7.1.2), count 0 of each curve. */
static void ecdh_gives_the_shared_secrets_of_nist(void **state) {
    static const struct {
        uint8_t algorithm;
        size_t size;
        const char *x, *y, *d, *z;
    } vectors[] = {
        {PIV_P256, 32, "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287",
         "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
         "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
         "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"},
        {PIV_P384, 48,
         "a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e"
         "0c50066",
         "ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766"
         "fc8437a",
         "3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774ad463b205da88cf699ab4d43c"
         "9cf98a1",
         "5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457e5621e766c40a2e3d4d6a04b2"
         "5e533f1"},
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t scalar[2 + 48], point[97] = {4}, z[48], size = (uint8_t)vectors[i].size;
        scalar[0] = 6;
        scalar[1] = size;
        hex(vectors[i].d, scalar + 2);
        hex(vectors[i].x, point + 1);
        hex(vectors[i].y, point + 1 + size);
        hex(vectors[i].z, z);
        assert_int_equal(piv_bench_apdu(&bench, PIV_IMPORT_KEY, vectors[i].algorithm,
                                        PIV_KEY_MANAGEMENT, scalar, 2U + size),
                         SW_OK);
        assert_int_equal(piv_bench_use(&bench, PIV_KEY_MANAGEMENT, vectors[i].algorithm,
                                       PIV_TAG_EXPONENTIATION, point, 1 + 2U * size),
                         SW_OK);
        assert_memory_equal(bench.out, z, size);
    }
}

static void set_management_key(uint8_t algorithm, const uint8_t *key, uint8_t len) {
    uint8_t data[3 + 32] = {algorithm, PIV_MANAGEMENT, len};
    memcpy(data + 3, key, len);
    assert_int_equal(piv_bench_apdu(&bench, PIV_SET_MANAGEMENT_KEY, 0xFF, 0xFF, data, 3U + len),
                     SW_OK);
}

/* FIPS 197 appendix C: what the card answers to the challenge 00112233..ff. */
static void the_management_key_encrypts_as_fips_197_says(void **state) {
    static const struct {
        uint8_t algorithm, len;
        const char *expected;
    } vectors[] = {{PIV_AES128, 16, "69c4e0d86a7b0430d8cdb78070b4c55a"},
                   {PIV_AES192, 24, "dda97ca4864cdfe06eaf70a0ec0d7191"},
                   {PIV_AES256, 32, "8ea2b7ca516745bfeafc49904b496089"}};
    uint8_t key[32], expected[16];
    (void)state;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    for (size_t i = 0; i < 3; i++) {
        set_management_key(vectors[i].algorithm, key, vectors[i].len);
        piv_bench_power_cycle(&bench);
        assert_int_equal(piv_bench_manage_with(&bench, vectors[i].algorithm, key), SW_OK);
        hex(vectors[i].expected, expected);
        assert_int_equal(bench.out_len, 4 + 16);
        assert_memory_equal(bench.out + 4, expected, 16);
    }
}

/* Both ways of authentication with random keys, and that a wrong key does not. */
static void every_management_algorithm_authenticates_both_ways(void **state) {
    static const struct {
        uint8_t algorithm, len;
    } all[] = {{PIV_3DES, 24}, {PIV_AES128, 16}, {PIV_AES192, 24}, {PIV_AES256, 32}};
    static const uint8_t ask[] = {0x7C, 2, PIV_TAG_CHALLENGE, 0};
    uint8_t key[32], wrong[32], answer[20] = {0x7C, 0, PIV_TAG_RESPONSE};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        uint8_t algorithm = all[i].algorithm, block = algorithm == PIV_3DES ? 8 : 16;
        RAND_bytes(key, sizeof key);
        memcpy(wrong, key, sizeof key);
        wrong[3] ^= 0x10;
        set_management_key(algorithm, key, all[i].len);
        for (unsigned right = 0; right < 2; right++) {
            piv_bench_power_cycle(&bench);
            assert_int_equal(piv_bench_manage_with(&bench, algorithm, right ? key : wrong),
                             right ? SW_OK : SW_SECURITY_STATUS);
            assert_int_equal(piv_bench_put(&bench, PIV_OBJECT_CERT_9A, "x", 1),
                             right ? SW_OK : SW_SECURITY_STATUS);
            piv_bench_power_cycle(&bench);
            assert_int_equal(piv_bench_apdu(&bench, PIV_GENERAL_AUTHENTICATE, algorithm,
                                            PIV_MANAGEMENT, ask, sizeof ask),
                             SW_OK);
            answer[1] = (uint8_t)(2 + block);
            answer[3] = block;
            piv_bench_block(algorithm, true, right ? key : wrong, bench.out + 4, answer + 4);
            assert_int_equal(piv_bench_apdu(&bench, PIV_GENERAL_AUTHENTICATE, algorithm,
                                            PIV_MANAGEMENT, answer, 4U + block),
                             right ? SW_OK : SW_SECURITY_STATUS);
            /* the same answer again: the challenge is used up */
            assert_int_equal(piv_bench_apdu(&bench, PIV_GENERAL_AUTHENTICATE, algorithm,
                                            PIV_MANAGEMENT, answer, 4U + block),
                             SW_CONDITIONS);
        }
        piv_bench_manage_with(&bench, algorithm, key);
    }
}

static int counting_entropy(void *ctx, unsigned char *out, size_t len) {
    uint8_t *next = ctx;
    for (size_t i = 0; i < len; i++)
        out[i] = (*next)++;
    return 0;
}

static void repeated_random_numbers_do_not_repeat_the_nonce_for_another_digest(void **state) {
    struct drbg a, b;
    uint8_t next_a = 0, next_b = 0, d[32] = {5}, e1[32] = {1}, e2[32] = {2};
    uint8_t s1[EC_DER_MAX], s2[EC_DER_MAX];
    size_t len1, len2;
    (void)state;
    assert_true(drbg_start(&a, counting_entropy, &next_a));
    assert_true(drbg_start(&b, counting_entropy, &next_b));
    assert_int_equal(ec_sign(&a, EC_P256, d, e1, 32, s1, &len1), EC_OK);
    assert_int_equal(ec_sign(&b, EC_P256, d, e2, 32, s2, &len2), EC_OK);
    assert_memory_not_equal(s1 + 5, s2 + 5, 30); /* r is the nonce's alone */
    drbg_stop(&a);
    drbg_stop(&b);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(generated_keys_of_every_algorithm_work_with_openssl),
        T(imported_keys_of_every_algorithm_work_with_openssl),
        T(an_rsa_key_whose_parts_do_not_fit_is_refused),
        T(scalars_out_of_range_are_refused),
        T(ecdh_gives_the_shared_secrets_of_nist),
        T(the_management_key_encrypts_as_fips_197_says),
        T(every_management_algorithm_authenticates_both_ways),
        T(repeated_random_numbers_do_not_repeat_the_nonce_for_another_digest),
    };
    return cmocka_run_group_tests_name("PIV keys", tests, NULL, NULL);
}
