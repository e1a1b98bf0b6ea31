/* Containers, keys, envelopes, certificates. */
#include "tests/unit/firmware-sim/card_bench.h"
#include "tests/unit/firmware-sim/openssl_sm.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

static struct bench bench;
static uint16_t app, container;
static struct sm2_point pub;

static int setup(void **state) {
    (void)state;
    bench_init(&bench, FACTORY_PAGES + 2 * 16);
    bench_ready(&bench, &app, &container, &pub);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    bench_free(&bench);
    return 0;
}

static void field_ids(struct field *f) {
    f->len = 0;
    field_u16(f, app);
    field_u16(f, container);
}

static uint16_t with_ids(uint8_t ins, uint8_t p1) {
    struct field f;
    field_ids(&f);
    return bench_gm(&bench, ins, p1, 0, f.bytes, f.len);
}

static void forget_user(void) {
    struct field f = {.len = 0};
    field_u16(&f, app);
    assert_int_equal(bench_gm(&bench, INS_CLEAR_SECURE_STATE, 0, 0, f.bytes, f.len), SW_OK);
}

/* A fresh encryption pair, made by the host. */
static void make_pair(uint8_t d[32], struct sm2_point *point) {
    assert_int_equal(sm2_keygen(&bench.card.rng, d, point), SM2_OK);
}

static void sm2_signatures_of_the_card_verify_under_openssl(void **state) {
    uint8_t e[32];
    struct sm2_signature sig;
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        RAND_bytes(e, sizeof e);
        assert_int_equal(bench_sign_digest(&bench, app, container, e, &sig), SW_OK);
        assert_true(openssl_sm2_verify(&pub, e, &sig));
        e[i] ^= 1;
        assert_false(openssl_sm2_verify(&pub, e, &sig));
    }
}

static void a_message_is_signed_with_z_of_the_given_identity(void **state) {
    struct field f;
    struct sm2_signature sig;
    uint8_t e[32];
    struct sm3 h;
    (void)state;
    field_ids(&f);
    field_u32(&f, 5);
    field_text(&f, "Alice");
    field_text(&f, "the message");
    assert_int_equal(bench_gm(&bench, INS_ECC_SIGN, 1, 0, f.bytes, f.len), SW_OK);
    assert_int_equal(bench.out_len, 68);
    memcpy(&sig, bench.out + 4, sizeof sig);
    sm2_z(&pub, (const uint8_t *)"Alice", 5, e);
    sm3_init(&h);
    sm3_update(&h, e, 32);
    sm3_update(&h, "the message", 11);
    sm3_final(&h, e);
    assert_true(openssl_sm2_verify(&pub, e, &sig));
}

static void the_card_verifies_what_openssl_signs_and_refuses_a_flipped_bit(void **state) {
    struct field f = {.len = 0};
    struct sm2_point point;
    struct sm2_signature sig;
    uint8_t d[32], e[32] = {1, 2, 3};
    (void)state;
    make_pair(d, &point);
    openssl_sm2_sign(d, &point, e, &sig);
    forget_user(); /* verification is free */
    field_u32(&f, 256);
    field_put(&f, &point, sizeof point);
    field_u32(&f, 32);
    field_put(&f, e, 32);
    field_put(&f, &sig, sizeof sig);
    assert_int_equal(bench_gm(&bench, INS_ECC_VERIFY, 0, 0, f.bytes, f.len), SW_OK);
    f.bytes[f.len - 1] ^= 1;
    assert_int_equal(bench_gm(&bench, INS_ECC_VERIFY, 0, 0, f.bytes, f.len), SW_VERIFY_FAILED);
    f.bytes[4] ^= 1;
    assert_int_equal(bench_gm(&bench, INS_ECC_VERIFY, 0, 0, f.bytes, f.len), SW_WRONG_DATA);
}

static void a_key_is_never_replaced_by_another(void **state) {
    (void)state;
    assert_int_equal(bench_gen_sm2(&bench, app, container, NULL), SW_CONDITIONS);
    assert_int_equal(bench_gen_rsa(&bench, app, container), SW_CONDITIONS);
}

static void using_or_changing_a_key_needs_the_user_pin(void **state) {
    struct field f;
    uint8_t e[32] = {0};
    (void)state;
    forget_user();
    assert_int_equal(bench_sign_digest(&bench, app, container, e, NULL), SW_SECURITY_STATUS);
    assert_int_equal(bench_gen_sm2(&bench, app, container, NULL), SW_SECURITY_STATUS);
    assert_int_equal(bench_gen_rsa(&bench, app, container), SW_SECURITY_STATUS);
    assert_int_equal(bench_import_cert(&bench, app, container, GM_KEY_SIGN, 1, 10),
                     SW_SECURITY_STATUS);
    assert_int_equal(with_ids(INS_VENDOR_RETIRE_SIGNING_KEY, 0), SW_SECURITY_STATUS);
    assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, "X", NULL),
                     SW_SECURITY_STATUS);
    assert_int_equal(bench_container(&bench, INS_DELETE_CONTAINER, app, "C", NULL),
                     SW_SECURITY_STATUS);
    envelope_make(&f, app, container, &pub, e, &pub);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len),
                     SW_SECURITY_STATUS);
    assert_int_equal(with_ids(INS_EXPORT_PUBLIC_KEY, 1), SW_OK); /* public things stay public */
    assert_memory_equal(bench.out + 4, &pub, sizeof pub);
}

static uint16_t decrypt(uint8_t usage, const struct sm2_point *to, const char *text) {
    struct field f;
    struct sm2_point c1;
    uint8_t c3[32], c2[64];
    openssl_sm2_encrypt(to, (const uint8_t *)text, strlen(text), &c1, c3, c2);
    field_ids(&f);
    field_u32(&f, 256);
    field_put(&f, &c1, sizeof c1);
    field_put(&f, c3, sizeof c3);
    field_u32(&f, (uint32_t)strlen(text));
    field_put(&f, c2, strlen(text));
    uint16_t sw = bench_gm(&bench, INS_VENDOR_SM2_DECRYPT, usage, 0, f.bytes, f.len);
    if (sw == SW_OK) {
        assert_int_equal(bench.out_len, 4 + strlen(text));
        assert_memory_equal(bench.out + 4, text, strlen(text));
    }
    return sw;
}

static void an_enveloped_key_is_unwrapped_and_decrypts(void **state) {
    struct field f;
    struct sm2_point enc;
    uint8_t d[32];
    (void)state;
    make_pair(d, &enc);
    assert_int_equal(decrypt(GM_KEY_ENC, &enc, "x"), SW_NO_KEY);
    envelope_make(&f, app, container, &pub, d, &enc);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
    assert_int_equal(decrypt(GM_KEY_ENC, &enc, "an old letter"), SW_OK);
    assert_int_equal(decrypt(GM_KEY_SIGN, &pub, "to the signing key"), SW_OK);
    assert_int_equal(decrypt(GM_KEY_SIGN, &enc, "to the other key"), SW_ASYM_DECRYPT);
    assert_int_equal(with_ids(INS_EXPORT_PUBLIC_KEY, 0), SW_OK);
    assert_memory_equal(bench.out + 4, &enc, sizeof enc);
    bench_power_cycle(&bench);
    assert_int_equal(bench_open_app(&bench, "APP", &app), SW_OK);
    assert_int_equal(decrypt(GM_KEY_ENC, &enc, "no pin"), SW_SECURITY_STATUS);
    assert_int_equal(bench_verify(&bench, app, GM_PIN_USER, USER_PIN), SW_OK);
    assert_int_equal(decrypt(GM_KEY_ENC, &enc, "after power off"), SW_OK);
}

static void an_envelope_whose_key_is_not_the_claimed_one_is_refused(void **state) {
    struct field f;
    struct sm2_point enc, other;
    uint8_t d[32], d2[32], before[32], after[32];
    (void)state;
    make_pair(d, &enc);
    make_pair(d2, &other);
    bench_digest(&bench, before);
    envelope_make(&f, app, container, &pub, d, &other);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len),
                     SW_VERIFY_FAILED);
    envelope_make(&f, app, container, &other, d, &enc); /* for another signing key */
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len),
                     SW_ASYM_DECRYPT);
    memset(d, 0, sizeof d);
    envelope_make(&f, app, container, &pub, d, &enc);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len),
                     SW_VERIFY_FAILED);
    bench_digest(&bench, after);
    assert_memory_equal(before, after, 32);
}

static void a_flipped_byte_anywhere_in_an_envelope_is_refused(void **state) {
    struct field f;
    struct sm2_point enc;
    uint8_t d[32], before[32], after[32];
    (void)state;
    make_pair(d, &enc);
    envelope_make(&f, app, container, &pub, d, &enc);
    bench_digest(&bench, before);
    size_t first_half = f.len - 64, second_half = f.len - 32;
    for (size_t at = 4; at < f.len; at++) {
        if (at >= first_half && at < second_half)
            continue; /* the 32 bytes that conventions differ on */
        f.bytes[at] ^= 0x40;
        assert_int_not_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len),
                             SW_OK);
        f.bytes[at] ^= 0x40;
    }
    bench_digest(&bench, after);
    assert_memory_equal(before, after, 32);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
}

static void repeating_an_import_is_harmless_and_a_certified_key_is_not_replaced(void **state) {
    struct field f;
    struct sm2_point enc, other;
    uint8_t d[32], d2[32], before[32], after[32];
    (void)state;
    make_pair(d, &enc);
    make_pair(d2, &other);
    envelope_make(&f, app, container, &pub, d2, &other);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
    envelope_make(&f, app, container, &pub, d, &enc); /* no certificate yet: may be replaced */
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
    assert_int_equal(bench_import_cert(&bench, app, container, GM_KEY_ENC, 0xee, 100), SW_OK);
    bench_digest(&bench, before);
    envelope_make(&f, app, container, &pub, d, &enc);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
    bench_digest(&bench, after);
    assert_memory_equal(before, after, 32);
    envelope_make(&f, app, container, &pub, d2, &other);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len),
                     SW_CONDITIONS);
    assert_int_equal(decrypt(GM_KEY_ENC, &enc, "still mine"), SW_OK);
}

static void a_certificate_needs_its_key_and_is_replaced_by_the_next(void **state) {
    (void)state;
    assert_int_equal(with_ids(INS_EXPORT_CERTIFICATE, GM_KEY_SIGN), SW_NO_CERT);
    assert_int_equal(bench_import_cert(&bench, app, container, GM_KEY_ENC, 1, 10), SW_NO_KEY);
    assert_int_equal(bench_import_cert(&bench, app, container, GM_KEY_SIGN, 0xaa, 2039), SW_OK);
    assert_int_equal(bench_import_cert(&bench, app, container, GM_KEY_SIGN, 0xbb, 1200), SW_OK);
    assert_int_equal(with_ids(INS_EXPORT_CERTIFICATE, GM_KEY_SIGN), SW_OK);
    assert_int_equal(bench.out_len, 4 + 1200);
    assert_int_equal(bench.out[0] | bench.out[1] << 8, 1200);
    assert_int_equal(bench.out[4], 0xbb);
}

static void retiring_destroys_the_signing_key_and_keeps_the_encryption_pair(void **state) {
    struct field f;
    struct sm2_point enc;
    uint8_t d[32], e[32] = {0};
    (void)state;
    make_pair(d, &enc);
    envelope_make(&f, app, container, &pub, d, &enc);
    assert_int_equal(bench_gm(&bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
    assert_int_equal(bench_import_cert(&bench, app, container, GM_KEY_SIGN, 1, 100), SW_OK);
    assert_int_equal(bench_import_cert(&bench, app, container, GM_KEY_ENC, 2, 100), SW_OK);
    assert_int_equal(with_ids(INS_VENDOR_RETIRE_SIGNING_KEY, 0), SW_OK);
    assert_int_equal(bench_sign_digest(&bench, app, container, e, NULL), SW_NO_KEY);
    assert_int_equal(with_ids(INS_EXPORT_CERTIFICATE, GM_KEY_SIGN), SW_NO_CERT);
    assert_int_equal(with_ids(INS_EXPORT_PUBLIC_KEY, GM_KEY_SIGN), SW_NO_KEY);
    assert_int_equal(with_ids(INS_EXPORT_CERTIFICATE, GM_KEY_ENC), SW_OK);
    assert_int_equal(decrypt(GM_KEY_ENC, &enc, "old mail"), SW_OK);
    assert_int_equal(with_ids(INS_VENDOR_RETIRE_SIGNING_KEY, 0), SW_NO_KEY);
    field_ids(&f);
    f.len = 2;
    field_text(&f, "C");
    assert_int_equal(bench_gm(&bench, INS_GET_CONTAINER_INFO, 0, 0, f.bytes, f.len), SW_OK);
    static const uint8_t info[11] = {GM_CONTAINER_ECC, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1};
    assert_memory_equal(bench.out, info, sizeof info);
}

static void a_deleted_containers_id_does_not_name_its_successor(void **state) {
    uint16_t next;
    uint8_t e[32] = {0};
    (void)state;
    assert_int_equal(bench_container(&bench, INS_DELETE_CONTAINER, app, "C", NULL), SW_OK);
    assert_int_equal(bench_sign_digest(&bench, app, container, e, NULL), SW_CONTAINER_ID);
    assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, "C", &next), SW_OK);
    assert_int_not_equal(next, container);
    assert_int_equal(bench_sign_digest(&bench, app, container, e, NULL), SW_CONTAINER_ID);
    assert_int_equal(bench_sign_digest(&bench, app, next, e, NULL), SW_NO_KEY);
}

static void sixteen_containers_fit_and_names_are_unique(void **state) {
    char name[65] = {0};
    uint16_t id;
    (void)state;
    assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, "C", &id),
                     SW_CONTAINER_EXISTS);
    for (unsigned i = 1; i < GM_CONTAINERS_MAX; i++) {
        memset(name, (int)('a' + i), 64);
        assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, name, &id), SW_OK);
    }
    assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, "one more", &id),
                     SW_NO_SPACE);
    struct field f = {.len = 0};
    field_u16(&f, app);
    assert_int_equal(bench_gm(&bench, INS_ENUM_CONTAINER, 0, 0, f.bytes, f.len), SW_OK);
    assert_int_equal(bench.out_len, 2 + 15 * 65 + 1);
    assert_int_equal(bench_container(&bench, INS_OPEN_CONTAINER, app, name, &id), SW_OK);
    assert_int_equal(bench_container(&bench, INS_OPEN_CONTAINER, app, "no such", &id),
                     SW_CONTAINER_NAME);
    assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, "", &id), SW_WRONG_LENGTH);
}

/* --- RSA --- */

/* The public key that GEN_RSA_KEY_PAIR answered. */
static EVP_PKEY *rsa_public(void) {
    EVP_PKEY *key = NULL;
    BIGNUM *n = BN_bin2bn(bench.out, 256, NULL), *e = BN_bin2bn(bench.out + 256, 4, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    assert_true(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e));
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_true(EVP_PKEY_fromdata_init(ctx) == 1 &&
                EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return key;
}

static bool rsa_verifies(EVP_PKEY *key, const EVP_MD *md, const void *data, size_t len) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
                EVP_DigestVerify(ctx, bench.out, bench.out_len, data, len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static void rsa_signs_messages_digests_and_raw_blocks_for_openssl(void **state) {
    static const char message[] = "a message";
    struct field f;
    uint8_t digest[32], block[256], back[256];
    size_t len = sizeof back;
    (void)state;
    assert_int_equal(bench_container(&bench, INS_CREATE_CONTAINER, app, "R", &container), SW_OK);
    assert_int_equal(bench_gen_rsa(&bench, app, container), SW_OK);
    EVP_PKEY *key = rsa_public();
    assert_int_equal(bench_gen_sm2(&bench, app, container, NULL), SW_CONDITIONS);

    static const struct {
        uint8_t p2;
        const EVP_MD *(*md)(void);
    } hashes[] = {{GM_HASH_SHA1, EVP_sha1}, {GM_HASH_SHA256, EVP_sha256}};
    for (size_t i = 0; i < 2; i++) {
        field_ids(&f);
        field_text(&f, message);
        assert_int_equal(bench_gm(&bench, INS_RSA_SIGN, 1, hashes[i].p2, f.bytes, f.len), SW_OK);
        assert_true(rsa_verifies(key, hashes[i].md(), message, strlen(message)));
        unsigned n;
        EVP_Digest(message, strlen(message), digest, &n, hashes[i].md(), NULL);
        field_ids(&f);
        field_put(&f, digest, n);
        assert_int_equal(bench_gm(&bench, INS_RSA_SIGN, 2, hashes[i].p2, f.bytes, f.len), SW_OK);
        assert_true(rsa_verifies(key, hashes[i].md(), message, strlen(message)));
        f.len--;
        assert_int_equal(bench_gm(&bench, INS_RSA_SIGN, 2, hashes[i].p2, f.bytes, f.len),
                         SW_WRONG_DATA);
    }
    /* any data, padded as it is */
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    field_ids(&f);
    field_text(&f, "not a digest");
    assert_int_equal(bench_gm(&bench, INS_RSA_SIGN, 2, 0, f.bytes, f.len), SW_OK);
    assert_true(EVP_PKEY_verify_recover_init(ctx) == 1 &&
                EVP_PKEY_verify_recover(ctx, back, &len, bench.out, 256) == 1);
    assert_int_equal(len, 12);
    assert_memory_equal(back, "not a digest", 12);
    field_ids(&f);
    while (f.len < 4 + 246)
        field_u8(&f, 1);
    assert_int_equal(bench_gm(&bench, INS_RSA_SIGN, 2, 0, f.bytes, f.len), SW_WRONG_DATA);
    assert_int_equal(bench_gm(&bench, INS_RSA_SIGN, 2, 0, f.bytes, f.len - 1), SW_OK);
    assert_int_equal(bench_gm(&bench, INS_RSA_SIGN, 1, 0, f.bytes, f.len), SW_WRONG_P1P2);
    assert_int_equal(bench_gm(&bench, INS_RSA_SIGN, 0, 3, f.bytes, f.len), SW_WRONG_P1P2);

    /* raw: what OpenSSL encrypts with OAEP comes back as a block that it unpads; here, an unpadded round trip */
    memset(block, 0x5a, sizeof block);
    block[0] = 0;
    field_ids(&f);
    field_put(&f, block, sizeof block);
    assert_int_equal(bench_gm(&bench, INS_VENDOR_RSA_PRIVATE, 1, 0, f.bytes, f.len), SW_OK);
    len = sizeof back;
    assert_true(EVP_PKEY_encrypt_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
                EVP_PKEY_encrypt(ctx, back, &len, bench.out, 256) == 1);
    assert_memory_equal(back, block, 256);
    memset(f.bytes + 4, 0xff, 256); /* not below n */
    assert_int_equal(bench_gm(&bench, INS_VENDOR_RSA_PRIVATE, 1, 0, f.bytes, f.len), SW_WRONG_DATA);
    assert_int_equal(bench_gm(&bench, INS_VENDOR_RSA_PRIVATE, 0, 0, f.bytes, f.len), SW_NO_KEY);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(sm2_signatures_of_the_card_verify_under_openssl),
        T(a_message_is_signed_with_z_of_the_given_identity),
        T(the_card_verifies_what_openssl_signs_and_refuses_a_flipped_bit),
        T(a_key_is_never_replaced_by_another),
        T(using_or_changing_a_key_needs_the_user_pin),
        T(an_enveloped_key_is_unwrapped_and_decrypts),
        T(an_envelope_whose_key_is_not_the_claimed_one_is_refused),
        T(a_flipped_byte_anywhere_in_an_envelope_is_refused),
        T(repeating_an_import_is_harmless_and_a_certified_key_is_not_replaced),
        T(a_certificate_needs_its_key_and_is_replaced_by_the_next),
        T(retiring_destroys_the_signing_key_and_keeps_the_encryption_pair),
        T(a_deleted_containers_id_does_not_name_its_successor),
        T(sixteen_containers_fit_and_names_are_unique),
        T(rsa_signs_messages_digests_and_raw_blocks_for_openssl),
    };
    return cmocka_run_group_tests_name("containers and keys", tests, NULL, NULL);
}
