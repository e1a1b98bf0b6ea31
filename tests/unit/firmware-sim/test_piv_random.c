/* Random cases of PIV's elliptic curves and management keys against OpenSSL; 200 of each, 10 000 with LONG=1. */
#include "firmware-sim/core/tlv.h"
#include "tests/unit/firmware-sim/campaign.h"
#include "tests/unit/firmware-sim/piv_host.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rand.h>

enum { PAGES = FACTORY_PAGES + 2 * 24, CASES_A_KEY = 500, CASES_A_MANAGEMENT_KEY = 100 };

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

struct curve {
    const char *name;
    uint8_t algorithm;
    size_t size;
};

/* A key made by OpenSSL and imported, or by the card. */
static EVP_PKEY *new_key(const struct curve *curve, bool by_card) {
    uint8_t data[2 + 48];
    struct wire_writer w = wire_writer(data, sizeof data);
    if (by_card) {
        assert_int_equal(piv_bench_generate(&bench, PIV_KEY_MANAGEMENT, curve->algorithm), SW_OK);
        return piv_host_public_key(&bench, curve->algorithm, PIV_TAG_PUBLIC_KEY);
    }
    EVP_PKEY *key = EVP_EC_gen(curve->name);
    BIGNUM *d = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d), 1);
    tlv_put_head(&w, 6, curve->size);
    assert_int_equal(BN_bn2binpad(d, wire_room(&w, curve->size), (int)curve->size), curve->size);
    BN_clear_free(d);
    assert_int_equal(
        piv_bench_apdu(&bench, PIV_IMPORT_KEY, curve->algorithm, PIV_KEY_MANAGEMENT, data, w.len),
        SW_OK);
    return key;
}

static void sign(const struct curve *curve, EVP_PKEY *key, unsigned i) {
    uint8_t digest[48];
    size_t len = i % 3 ? curve->size : 1 + i % curve->size;
    RAND_bytes(digest, sizeof digest);
    assert_int_equal(
        piv_bench_use(&bench, PIV_KEY_MANAGEMENT, curve->algorithm, PIV_TAG_CHALLENGE, digest, len),
        SW_OK);
    assert_true(piv_host_ecdsa_verifies(&bench, key, digest, len));
    digest[i % len] ^= (uint8_t)(1 << i % 8);
    assert_false(piv_host_ecdsa_verifies(&bench, key, digest, len));
}

/* With another's key, which both sides know half of. */
static void agree(const struct curve *curve, EVP_PKEY *key) {
    uint8_t secret[48], point[97];
    size_t len;
    EVP_PKEY *other = EVP_EC_gen(curve->name);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(other, NULL);
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(other, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len),
        1);
    assert_int_equal(piv_bench_use(&bench, PIV_KEY_MANAGEMENT, curve->algorithm,
                                   PIV_TAG_EXPONENTIATION, point, len),
                     SW_OK);
    len = sizeof secret;
    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(ctx, key), 1);
    assert_int_equal(EVP_PKEY_derive(ctx, secret, &len), 1);
    assert_int_equal(len, curve->size);
    assert_int_equal(bench.out_len, len);
    assert_memory_equal(bench.out, secret, len);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
}

static void curve_agrees(const struct curve *curve) {
    const unsigned cases = campaign_cases(200);
    EVP_PKEY *key = NULL;
    unsigned keys = 0;
    for (unsigned i = 0; i < cases; i++) {
        if (i % CASES_A_KEY == 0) {
            EVP_PKEY_free(key);
            key = new_key(curve, keys++ % 2);
        }
        sign(curve, key, i);
        agree(curve, key);
        campaign_progress(curve->name, i, cases);
    }
    EVP_PKEY_free(key);
    campaign_result(
        "PIV %s: %u random signatures and %u agreements over %u keys agree with OpenSSL",
        curve->name, cases, cases, keys);
}

static void p256_agrees(void **state) {
    static const struct curve p256 = {"P-256", PIV_P256, 32};
    (void)state;
    curve_agrees(&p256);
}

static void p384_agrees(void **state) {
    static const struct curve p384 = {"P-384", PIV_P384, 48};
    (void)state;
    curve_agrees(&p384);
}

/* --- management keys --- */

static const struct management {
    const char *name;
    uint8_t algorithm, len, block;
} managements[] = {{"3DES", PIV_3DES, 24, 8},
                   {"AES-128", PIV_AES128, 16, 16},
                   {"AES-192", PIV_AES192, 24, 16},
                   {"AES-256", PIV_AES256, 32, 16}};

static void new_management_key(const struct management *m, uint8_t key[32]) {
    uint8_t data[3 + 32] = {m->algorithm, PIV_MANAGEMENT, m->len};
    RAND_bytes(key, 32);
    memcpy(data + 3, key, m->len);
    assert_int_equal(piv_bench_apdu(&bench, PIV_SET_MANAGEMENT_KEY, 0xFF, 0xFF, data, 3U + m->len),
                     SW_OK);
}

/* One element of the last answer's template. */
static const uint8_t *element(uint8_t tag, uint8_t len) {
    assert_int_equal(bench.out_len, 4U + len);
    assert_int_equal(bench.out[2], tag);
    assert_int_equal(bench.out[3], len);
    return bench.out + 4;
}

static uint16_t authenticate(const struct management *m, const uint8_t *data, size_t len) {
    return piv_bench_apdu(&bench, PIV_GENERAL_AUTHENTICATE, m->algorithm, PIV_MANAGEMENT, data,
                          len);
}

/* The card enciphers a witness of its own, and then a challenge of ours. */
static void mutually(const struct management *m, const uint8_t *key) {
    static const uint8_t ask[] = {0x7C, 2, PIV_TAG_WITNESS, 0};
    uint8_t data[40], challenge[16], expected[16], witness[16];
    struct wire_writer w = wire_writer(data, sizeof data);
    RAND_bytes(challenge, sizeof challenge);
    assert_int_equal(authenticate(m, ask, sizeof ask), SW_OK);
    piv_bench_block(m->algorithm, false, key, element(PIV_TAG_WITNESS, m->block), witness);
    tlv_put_head(&w, PIV_TAG_AUTHENTICATION, (size_t)2 * (2U + m->block));
    tlv_put(&w, PIV_TAG_WITNESS, witness, m->block);
    tlv_put(&w, PIV_TAG_CHALLENGE, challenge, m->block);
    assert_int_equal(authenticate(m, data, w.len), SW_OK);
    piv_bench_block(m->algorithm, true, key, challenge, expected);
    assert_memory_equal(element(PIV_TAG_RESPONSE, m->block), expected, m->block);
}

/* We encipher a challenge of the card; with a bit wrong it notices. */
static void externally(const struct management *m, const uint8_t *key, bool right) {
    static const uint8_t ask[] = {0x7C, 2, PIV_TAG_CHALLENGE, 0};
    uint8_t data[20], response[16];
    struct wire_writer w = wire_writer(data, sizeof data);
    assert_int_equal(authenticate(m, ask, sizeof ask), SW_OK);
    piv_bench_block(m->algorithm, true, key, element(PIV_TAG_CHALLENGE, m->block), response);
    response[m->block - 1] ^= right ? 0 : 1;
    tlv_put_head(&w, PIV_TAG_AUTHENTICATION, 2U + m->block);
    tlv_put(&w, PIV_TAG_RESPONSE, response, m->block);
    assert_int_equal(authenticate(m, data, w.len), right ? SW_OK : SW_SECURITY_STATUS);
}

static void management_keys_agree(void **state) {
    const unsigned cases = campaign_cases(200);
    uint8_t key[32];
    (void)state;
    for (size_t n = 0; n < sizeof managements / sizeof managements[0]; n++) {
        const struct management *m = &managements[n];
        for (unsigned i = 0; i < cases; i++) {
            if (i % CASES_A_MANAGEMENT_KEY == 0)
                new_management_key(m, key);
            externally(m, key, false);
            externally(m, key, true);
            mutually(m, key);
            campaign_progress(m->name, i, cases);
        }
        campaign_result("PIV management key, %s: %u random mutual and %u external authentications "
                        "agree with OpenSSL",
                        m->name, cases, cases);
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(p256_agrees), T(p384_agrees), T(management_keys_agree)};
    return cmocka_run_group_tests_name("PIV, random cases", tests, NULL, NULL);
}
