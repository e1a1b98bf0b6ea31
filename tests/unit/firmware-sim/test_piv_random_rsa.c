/* Random cases of PIV's RSA against OpenSSL, signed and decrypted; 10 of each size, 10 000 with LONG=1. */
#include "tests/unit/firmware-sim/campaign.h"
#include "tests/unit/firmware-sim/piv_host.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/rand.h>
#include <openssl/rsa.h>

enum { PAGES = FACTORY_PAGES + 2 * 24, KEYS = 8, RSA_MAX = 512, PADDING_MIN = 11 };

struct size {
    const char *name;
    uint8_t algorithm;
    unsigned bits;
};

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

static EVP_PKEY *imported(const struct size *size, uint8_t slot) {
    uint8_t data[5 * (RSA_MAX / 2 + 4)];
    EVP_PKEY *key = EVP_RSA_gen(size->bits);
    size_t len = piv_host_rsa_parts(key, data, sizeof data);
    assert_int_equal(piv_bench_apdu(&bench, PIV_IMPORT_KEY, size->algorithm, slot, data, len),
                     SW_OK);
    return key;
}

/* The host pads a digest as PKCS#1 v1.5 says (RFC 8017 clause 9.2), the card signs, OpenSSL verifies. */
static void sign(const struct size *size, uint8_t slot, EVP_PKEY *key) {
    static const uint8_t info[19] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                     0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    const size_t len = size->bits / 8, tail = sizeof info + 32;
    uint8_t block[RSA_MAX];
    memset(block, 0xff, len);
    block[0] = 0;
    block[1] = 1;
    block[len - tail - 1] = 0;
    memcpy(block + len - tail, info, sizeof info);
    RAND_bytes(block + len - 32, 32);
    assert_int_equal(piv_bench_use(&bench, slot, size->algorithm, PIV_TAG_CHALLENGE, block, len),
                     SW_OK);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_verify(ctx, bench.out, bench.out_len, block + len - 32, 32), 1);
    block[len - 1] ^= 1;
    assert_int_not_equal(EVP_PKEY_verify(ctx, bench.out, bench.out_len, block + len - 32, 32), 1);
    EVP_PKEY_CTX_free(ctx);
}

/* OpenSSL encrypts with PKCS#1 v1.5, the card decrypts to 00 02, padding, 00, plain text (RFC 8017 clause 7.2). */
static void decrypt(const struct size *size, uint8_t slot, EVP_PKEY *key) {
    const size_t len = size->bits / 8;
    uint8_t plain[RSA_MAX], cipher[RSA_MAX];
    uint16_t random;
    size_t cipher_len = sizeof cipher;
    RAND_bytes((unsigned char *)&random, sizeof random);
    const size_t plain_len = 1 + random % (len - PADDING_MIN);
    RAND_bytes(plain, (int)plain_len);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, cipher, &cipher_len, plain, plain_len), 1);
    EVP_PKEY_CTX_free(ctx);
    assert_int_equal(
        piv_bench_use(&bench, slot, size->algorithm, PIV_TAG_CHALLENGE, cipher, cipher_len), SW_OK);
    assert_int_equal(bench.out_len, len);
    const uint8_t *end = memchr(bench.out + 2, 0, len - 2);
    assert_true(bench.out[0] == 0 && bench.out[1] == 2 && end);
    assert_int_equal(bench.out + len - (end + 1), plain_len);
    assert_memory_equal(end + 1, plain, plain_len);
}

static void size_agrees(const struct size *size) {
    const unsigned cases = campaign_cases(10), count = campaign_is_long() ? KEYS : 1;
    EVP_PKEY *keys[KEYS];
    for (unsigned k = 0; k < count; k++)
        keys[k] = imported(size, (uint8_t)(PIV_RETIRED_FIRST + k));
    for (unsigned i = 0; i < cases; i++) {
        sign(size, (uint8_t)(PIV_RETIRED_FIRST + i % count), keys[i % count]);
        decrypt(size, (uint8_t)(PIV_RETIRED_FIRST + i % count), keys[i % count]);
        campaign_progress(size->name, i, cases);
    }
    for (unsigned k = 0; k < count; k++)
        EVP_PKEY_free(keys[k]);
    campaign_result(
        "PIV %s: %u random signatures and %u decryptions over %u keys agree with OpenSSL",
        size->name, cases, cases, count);
}

static void rsa_2048_agrees(void **state) {
    static const struct size size = {"RSA-2048", PIV_RSA2048, 2048};
    (void)state;
    size_agrees(&size);
}

static void rsa_3072_agrees(void **state) {
    static const struct size size = {"RSA-3072", PIV_RSA3072, 3072};
    (void)state;
    size_agrees(&size);
}

static void rsa_4096_agrees(void **state) {
    static const struct size size = {"RSA-4096", PIV_RSA4096, 4096};
    (void)state;
    size_agrees(&size);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(rsa_2048_agrees), T(rsa_3072_agrees), T(rsa_4096_agrees)};
    return cmocka_run_group_tests_name("PIV RSA, random cases", tests, NULL, NULL);
}
