/* Random cases of the GM application's RSA-2048 against OpenSSL, in both directions; 300 of them, 10 000 with LONG=1. */
#include "firmware-sim/crypto/drbg.h"
#include "firmware-sim/crypto/rsa.h"
#include "tests/unit/firmware-sim/campaign.h"
#include "tests/unit/firmware-sim/openssl_rsa.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/rand.h>

enum { CASES_A_KEY = 1000 };

struct pair {
    EVP_PKEY *theirs;
    struct rsa_key key;
    struct rsa_public_key pub;
};

static struct drbg rng;

static int entropy(void *ctx, unsigned char *out, size_t len) {
    (void)ctx;
    return RAND_bytes(out, (int)len) == 1 ? 0 : -1;
}

static size_t below(size_t limit) {
    uint32_t n;
    RAND_bytes((unsigned char *)&n, sizeof n);
    return n % limit;
}

/* A key made by OpenSSL, or by the card. */
static void pair_make(struct pair *p, bool by_card) {
    uint8_t prime[2][RSA_PRIME];
    EVP_PKEY_free(p->theirs);
    if (by_card) {
        assert_int_equal(rsa_generate(&rng, &p->key), RSA_OK);
        memcpy(p->pub.n, p->key.n, sizeof p->pub.n);
        memcpy(p->pub.e, p->key.e, sizeof p->pub.e);
        p->theirs = openssl_rsa_private(&p->key);
        return;
    }
    p->theirs = openssl_rsa_generate();
    openssl_rsa_parts(p->theirs, p->pub.n, p->pub.e, prime[0], prime[1]);
    assert_int_equal(rsa_from_primes(&rng, prime[0], prime[1], p->pub.e, &p->key), RSA_OK);
    assert_memory_equal(p->key.n, p->pub.n, RSA_MODULUS);
}

static void sign_and_verify(const struct pair *p, unsigned i) {
    static const struct {
        enum rsa_hash hash;
        const EVP_MD *(*md)(void);
        size_t len;
    } hashes[] = {{RSA_HASH_SHA1, EVP_sha1, 20}, {RSA_HASH_SHA256, EVP_sha256, 32}};
    uint8_t digest[32], sig[RSA_MODULUS];
    const size_t which = i % 2, len = hashes[which].len;
    RAND_bytes(digest, sizeof digest);
    assert_int_equal(rsa_pkcs1_sign(&rng, &p->key, hashes[which].hash, digest, len, sig), RSA_OK);
    assert_true(openssl_rsa_verify(p->theirs, hashes[which].md(), digest, len, sig));
    openssl_rsa_sign(p->theirs, hashes[which].md(), digest, len, sig);
    assert_int_equal(rsa_pkcs1_verify(&p->pub, hashes[which].hash, digest, len, sig), RSA_OK);
    sig[i % RSA_MODULUS] ^= 1;
    assert_int_not_equal(rsa_pkcs1_verify(&p->pub, hashes[which].hash, digest, len, sig), RSA_OK);
}

static void encrypt_and_decrypt(const struct pair *p) {
    uint8_t plain[RSA_PKCS1_MAX], cipher[RSA_MODULUS], back[RSA_MODULUS];
    size_t n = 1 + below(RSA_PKCS1_MAX);
    RAND_bytes(plain, sizeof plain);
    assert_int_equal(rsa_pkcs1_encrypt(&rng, &p->pub, plain, n, cipher), RSA_OK);
    assert_int_equal(openssl_rsa_decrypt(p->theirs, cipher, back), n);
    assert_memory_equal(back, plain, n);
    openssl_rsa_encrypt(p->theirs, plain, n, cipher);
    assert_int_equal(rsa_pkcs1_decrypt(&rng, &p->key, cipher, back, n), RSA_OK);
    assert_memory_equal(back, plain, n);
    n = n < RSA_PKCS1_MAX ? n + 1 : n - 1; /* a length that it is not */
    assert_int_equal(rsa_pkcs1_decrypt(&rng, &p->key, cipher, back, n), RSA_BAD_INPUT);
}

static void rsa_agrees_both_ways(void **state) {
    const unsigned cases = campaign_cases(300);
    struct pair pair = {.theirs = NULL};
    unsigned keys = 0;
    (void)state;
    for (unsigned i = 0; i < cases; i++) {
        if (i % CASES_A_KEY == 0)
            pair_make(&pair, keys++ % 2);
        sign_and_verify(&pair, i);
        encrypt_and_decrypt(&pair);
        campaign_progress("RSA-2048", i, cases);
    }
    EVP_PKEY_free(pair.theirs);
    campaign_result("RSA-2048 signatures made and verified, encryption made and opened: %u random "
                    "cases over %u keys agree "
                    "with OpenSSL",
                    cases, keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rsa_agrees_both_ways)};
    if (!drbg_start(&rng, entropy, NULL))
        return 1;
    int failed = cmocka_run_group_tests_name("card RSA, random cases", tests, NULL, NULL);
    drbg_stop(&rng);
    return failed;
}
