/* The rules of operations (PKCS#11 3.2, 5.2 and 5.8 - 5.16), and that OpenSSL agrees with what comes out. */
#include "session_fixture.h"

#include "module/formats/sm2.h"

#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static CK_BYTE message[] = "an application to renew";
enum { MESSAGE_LEN = sizeof(message) - 1 };

static CK_MECHANISM sha256_rsa = {CKM_SHA256_RSA_PKCS, NULL, 0};
static CK_MECHANISM rsa_pkcs = {CKM_RSA_PKCS, NULL, 0};
static CK_MECHANISM sm2_sm3 = {CKM_SM2_SM3, NULL, 0};
static CK_MECHANISM sm3 = {CKM_SM3, NULL, 0};

static CK_OBJECT_HANDLE rsa_key(void) {
    fixture_login();
    return fixture_find(CKO_PRIVATE_KEY, "rsa");
}

static void private_key_signs_only_after_login(void **state) {
    (void)state;
    assert_int_equal(fixture_find(CKO_PRIVATE_KEY, "rsa"), CK_INVALID_HANDLE);
    CK_OBJECT_HANDLE key = rsa_key();
    assert_rv(C_Logout(session), CKR_OK);
    assert_rv(C_SignInit(session, &sha256_rsa, key), CKR_KEY_HANDLE_INVALID);
}

static void length_query_and_small_buffer_keep_the_operation(void **state) {
    (void)state;
    CK_BYTE signature[300];
    CK_ULONG len = 0;
    assert_rv(C_SignInit(session, &sha256_rsa, rsa_key()), CKR_OK);
    assert_rv(C_Sign(session, message, MESSAGE_LEN, NULL, &len), CKR_OK);
    assert_int_equal(len, 256);
    len = 255;
    assert_rv(C_Sign(session, message, MESSAGE_LEN, signature, &len), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(len, 256);
    len = sizeof(signature);
    assert_rv(C_Sign(session, message, MESSAGE_LEN, signature, &len), CKR_OK);
    assert_rv(C_Sign(session, message, MESSAGE_LEN, signature, &len),
              CKR_OPERATION_NOT_INITIALIZED);
}

static void final_with_small_buffer_keeps_the_operation(void **state) {
    (void)state;
    CK_BYTE signature[256];
    CK_ULONG len = 10;
    assert_rv(C_SignInit(session, &sha256_rsa, rsa_key()), CKR_OK);
    assert_rv(C_SignUpdate(session, message, 4), CKR_OK);
    assert_rv(C_SignFinal(session, signature, &len), CKR_BUFFER_TOO_SMALL);
    assert_rv(C_SignUpdate(session, message + 4, MESSAGE_LEN - 4), CKR_OK);
    len = sizeof(signature);
    assert_rv(C_SignFinal(session, signature, &len), CKR_OK);

    CK_OBJECT_HANDLE public_key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    assert_rv(C_VerifyInit(session, &sha256_rsa, public_key), CKR_OK);
    assert_rv(C_Verify(session, message, MESSAGE_LEN, signature, len), CKR_OK);
}

static void one_shot_after_update_fails_and_ends_the_operation(void **state) {
    (void)state;
    CK_BYTE out[256];
    CK_ULONG len = sizeof(out);
    assert_rv(C_SignInit(session, &sha256_rsa, rsa_key()), CKR_OK);
    assert_rv(C_SignUpdate(session, message, MESSAGE_LEN), CKR_OK);
    assert_rv(C_Sign(session, message, MESSAGE_LEN, out, &len), CKR_OPERATION_ACTIVE);
    assert_rv(C_SignFinal(session, out, &len), CKR_OPERATION_NOT_INITIALIZED);

    assert_rv(C_DigestInit(session, &sm3), CKR_OK);
    assert_rv(C_DigestUpdate(session, message, MESSAGE_LEN), CKR_OK);
    assert_rv(C_Digest(session, message, MESSAGE_LEN, out, &len), CKR_OPERATION_ACTIVE);
    assert_rv(C_DigestFinal(session, out, &len), CKR_OPERATION_NOT_INITIALIZED);
}

static void an_error_ends_the_operation(void **state) {
    (void)state;
    CK_BYTE out[256], too_long[246] = {0};
    CK_ULONG len = sizeof(out);
    CK_OBJECT_HANDLE key = rsa_key();
    assert_rv(C_SignInit(session, &rsa_pkcs, key), CKR_OK);
    assert_rv(C_Sign(session, too_long, sizeof(too_long), out, &len), CKR_DATA_LEN_RANGE);
    assert_rv(C_Sign(session, too_long, 20, out, &len), CKR_OPERATION_NOT_INITIALIZED);

    fake_card.fail_ins = INS_RSA_SIGN;
    fake_card.fail_sw = SW_SIGN_FAILED;
    fake_card.fail_count = 1;
    assert_rv(C_SignInit(session, &rsa_pkcs, key), CKR_OK);
    assert_rv(C_Sign(session, too_long, 20, out, &len), CKR_DATA_INVALID);
    assert_rv(C_Sign(session, too_long, 20, out, &len), CKR_OPERATION_NOT_INITIALIZED);

    assert_rv(C_SignInit(session, &rsa_pkcs, key), CKR_OK);
    assert_rv(C_SignUpdate(session, message, 4),
              CKR_FUNCTION_NOT_SUPPORTED); /* a single-part mechanism */
    assert_rv(C_SignFinal(session, out, &len), CKR_OPERATION_NOT_INITIALIZED);

    assert_rv(C_DigestInit(session, &sm3), CKR_OK);
    assert_rv(C_Digest(session, NULL, 5, out, &len), CKR_ARGUMENTS_BAD);
    assert_rv(C_Digest(session, message, 5, out, &len), CKR_OPERATION_NOT_INITIALIZED);
}

static void a_second_init_is_refused_until_cancelled(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = rsa_key();
    assert_rv(C_SignInit(session, &sha256_rsa, key), CKR_OK);
    assert_rv(C_SignInit(session, &sha256_rsa, key), CKR_OPERATION_ACTIVE);
    assert_rv(C_DigestInit(session, &sm3), CKR_OK); /* another kind */
    assert_rv(C_SignInit(session, NULL, 0), CKR_OK);
    assert_rv(C_SignInit(session, &sha256_rsa, key), CKR_OK);
}

static void rsa_signatures_verify_under_openssl(void **state) {
    (void)state;
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 20};
    CK_MECHANISM mechanisms[] = {sha256_rsa, {CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof(pss)}};
    CK_OBJECT_HANDLE key = rsa_key();
    for (size_t i = 0; i < 2; i++) {
        CK_BYTE signature[256];
        CK_ULONG len = sizeof(signature);
        assert_rv(C_SignInit(session, &mechanisms[i], key), CKR_OK);
        assert_rv(C_Sign(session, message, MESSAGE_LEN, signature, &len), CKR_OK);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *pctx;
        assert_int_equal(EVP_DigestVerifyInit(ctx, &pctx, EVP_sha256(), NULL, fake_card.rsa), 1);
        if (i == 1) {
            assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
            assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 20), 1);
        }
        assert_int_equal(EVP_DigestVerify(ctx, signature, len, message, MESSAGE_LEN), 1);
        signature[100] ^= 1;
        assert_int_not_equal(EVP_DigestVerify(ctx, signature, len, message, MESSAGE_LEN), 1);
        EVP_MD_CTX_free(ctx);
    }
}

static void sm2_signature_in_parts_verifies_under_openssl(void **state) {
    (void)state;
    CK_BYTE signature[64];
    CK_ULONG len = sizeof(signature);
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN);
    assert_rv(C_SignInit(session, &sm2_sm3, key), CKR_OK);
    assert_rv(C_SignUpdate(session, message, 3), CKR_OK);
    assert_rv(C_SignUpdate(session, message + 3, MESSAGE_LEN - 3), CKR_OK);
    assert_rv(C_SignFinal(session, signature, &len), CKR_OK);
    assert_int_equal(sm2_verify_raw(NULL, fake_card.sm2_sign, message, MESSAGE_LEN, signature),
                     FORMATS_OK);

    CK_OBJECT_HANDLE public_key = fixture_find_usage(CKO_PUBLIC_KEY, "sm2", CKA_VERIFY);
    assert_rv(C_VerifyInit(session, &sm2_sm3, public_key), CKR_OK);
    assert_rv(C_Verify(session, message, MESSAGE_LEN, signature, len), CKR_OK);
    signature[0] ^= 1;
    assert_rv(C_VerifyInit(session, &sm2_sm3, public_key), CKR_OK);
    assert_rv(C_Verify(session, message, MESSAGE_LEN, signature, len), CKR_SIGNATURE_INVALID);
    assert_rv(C_VerifyInit(session, &sm2_sm3, public_key), CKR_OK);
    assert_rv(C_Verify(session, message, MESSAGE_LEN, signature, 63), CKR_SIGNATURE_LEN_RANGE);
}

static void another_sm2_identity_gives_another_signature(void **state) {
    (void)state;
    CK_BYTE id[] = "ALICE123@YAHOO.COM", signature[64], e[32];
    CK_ULONG len = sizeof(signature);
    CK_OPENUKEY_SM2_PARAMS params = {id, sizeof(id) - 1};
    CK_MECHANISM mechanism = {CKM_SM2_SM3, &params, sizeof(params)}, raw = {CKM_SM2, NULL, 0};
    struct sm2_point point;
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN);
    assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
    assert_rv(C_Sign(session, message, MESSAGE_LEN, signature, &len), CKR_OK);
    assert_int_equal(sm2_key_point(fake_card.sm2_sign, &point), FORMATS_OK);
    assert_int_equal(sm2_message_digest(NULL, &point, id, sizeof(id) - 1, message, MESSAGE_LEN, e),
                     FORMATS_OK);
    CK_OBJECT_HANDLE public_key = fixture_find_usage(CKO_PUBLIC_KEY, "sm2", CKA_VERIFY);
    assert_rv(C_VerifyInit(session, &raw, public_key), CKR_OK);
    assert_rv(C_Verify(session, e, sizeof(e), signature, len), CKR_OK);
    assert_rv(C_VerifyInit(session, &sm2_sm3, public_key), CKR_OK);
    assert_rv(C_Verify(session, message, MESSAGE_LEN, signature, len), CKR_SIGNATURE_INVALID);
}

static void sm2_hash_must_have_32_bytes(void **state) {
    (void)state;
    CK_MECHANISM raw = {CKM_SM2, NULL, 0};
    CK_BYTE signature[64];
    CK_ULONG len = sizeof(signature);
    fixture_login();
    assert_rv(C_SignInit(session, &raw, fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN)),
              CKR_OK);
    assert_rv(C_Sign(session, message, 31, signature, &len), CKR_DATA_LEN_RANGE);
}

static void keys_do_only_what_they_are_for(void **state) {
    (void)state;
    CK_MECHANISM encrypt = {CKM_SM2_ENCRYPT, NULL, 0};
    fixture_login();
    CK_OBJECT_HANDLE signs = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN);
    CK_OBJECT_HANDLE decrypts = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_DECRYPT);
    assert_int_not_equal(signs, decrypts);
    assert_rv(C_DecryptInit(session, &encrypt, signs), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(C_SignInit(session, &sm2_sm3, decrypts), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(C_SignInit(session, &sha256_rsa, signs), CKR_KEY_TYPE_INCONSISTENT);
    assert_rv(C_SignInit(session, &sm3, signs), CKR_MECHANISM_INVALID);
    assert_rv(C_SignInit(session, &sha256_rsa, 9999), CKR_KEY_HANDLE_INVALID);
    assert_rv(C_SignInit(session, &sha256_rsa, fixture_find(CKO_PUBLIC_KEY, "rsa")),
              CKR_KEY_HANDLE_INVALID);
}

static void sm2_encryption_comes_back(void **state) {
    (void)state;
    CK_MECHANISM mechanism = {CKM_SM2_ENCRYPT, NULL, 0};
    CK_BYTE cipher[256], plain[64];
    CK_ULONG cipher_len = sizeof(cipher), len = 5;
    CK_OBJECT_HANDLE public_key = fixture_find_usage(CKO_PUBLIC_KEY, "sm2", CKA_ENCRYPT);
    assert_rv(C_EncryptInit(session, &mechanism, public_key), CKR_OK);
    assert_rv(C_Encrypt(session, message, MESSAGE_LEN, cipher, &cipher_len), CKR_OK);
    assert_int_equal(cipher_len, 97 + MESSAGE_LEN);
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_DECRYPT);
    assert_rv(C_DecryptInit(session, &mechanism, key), CKR_OK);
    assert_rv(C_Decrypt(session, cipher, cipher_len, plain, &len), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(len, MESSAGE_LEN);
    assert_rv(C_Decrypt(session, cipher, cipher_len, plain, &len), CKR_OK);
    assert_int_equal(fake_card_count(INS_VENDOR_SM2_DECRYPT), 1); /* not decrypted twice */
    assert_memory_equal(plain, message, MESSAGE_LEN);
    cipher[70] ^= 1;
    len = sizeof(plain);
    assert_rv(C_DecryptInit(session, &mechanism, key), CKR_OK);
    assert_rv(C_Decrypt(session, cipher, cipher_len, plain, &len), CKR_ENCRYPTED_DATA_INVALID);
}

static void rsa_decryption_takes_every_padding_off(void **state) {
    (void)state;
    CK_BYTE label[] = "label";
    CK_RSA_PKCS_OAEP_PARAMS plain_oaep = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
    CK_RSA_PKCS_OAEP_PARAMS labelled = {CKM_SHA256, CKG_MGF1_SHA384, CKZ_DATA_SPECIFIED, label, 5};
    CK_MECHANISM mechanisms[] = {rsa_pkcs,
                                 {CKM_RSA_PKCS_OAEP, &plain_oaep, sizeof(plain_oaep)},
                                 {CKM_RSA_PKCS_OAEP, &labelled, sizeof(labelled)}};
    CK_OBJECT_HANDLE key = rsa_key(), public_key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    for (size_t i = 0; i < 3; i++) {
        CK_BYTE cipher[256], plain[256];
        CK_ULONG cipher_len = sizeof(cipher), len = sizeof(plain);
        assert_rv(C_EncryptInit(session, &mechanisms[i], public_key), CKR_OK);
        assert_rv(C_Encrypt(session, message, MESSAGE_LEN, cipher, &cipher_len), CKR_OK);
        assert_rv(C_DecryptInit(session, &mechanisms[i], key), CKR_OK);
        assert_rv(C_Decrypt(session, cipher, cipher_len, plain, &len), CKR_OK);
        assert_int_equal(len, MESSAGE_LEN);
        assert_memory_equal(plain, message, MESSAGE_LEN);
        assert_rv(C_DecryptInit(session, &mechanisms[(i + 1) % 3], key),
                  CKR_OK); /* another padding */
        len = sizeof(plain);
        assert_rv(C_Decrypt(session, cipher, cipher_len, plain, &len), CKR_ENCRYPTED_DATA_INVALID);
        assert_rv(C_DecryptInit(session, &mechanisms[i], key), CKR_OK);
        assert_rv(C_Decrypt(session, cipher, 255, plain, &len), CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
}

static void bad_mechanism_parameters_are_refused(void **state) {
    (void)state;
    CK_RSA_PKCS_PSS_PARAMS wrong_hash = {CKM_SHA384, CKG_MGF1_SHA256, 32};
    CK_RSA_PKCS_PSS_PARAMS no_mgf = {CKM_SHA256, 77, 32};
    CK_MECHANISM bad[] = {
        {CKM_SHA256_RSA_PKCS_PSS, NULL, 0},
        {CKM_SHA256_RSA_PKCS_PSS, &wrong_hash, sizeof(wrong_hash)},
        {CKM_SHA256_RSA_PKCS_PSS, &no_mgf, sizeof(no_mgf)},
        {CKM_SHA256_RSA_PKCS_PSS, &no_mgf, 3},
        {CKM_SHA256_RSA_PKCS, &no_mgf, sizeof(no_mgf)},
        {CKM_SM2_SM3, &no_mgf, 1},
    };
    CK_OBJECT_HANDLE key = rsa_key();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_rv(C_SignInit(session, &bad[i], key), CKR_MECHANISM_PARAM_INVALID);
    }
    assert_rv(C_SignInit(session, &sha256_rsa, key), CKR_OK); /* nothing was left active */
}

static void sm3_digest_is_the_standards(void **state) {
    (void)state;
    /* GB/T 32905, A.1: "abc" */
    static const uint8_t expected[32] = {0x66, 0xC7, 0xF0, 0xF4, 0x62, 0xEE, 0xED, 0xD9,
                                         0xD1, 0xF2, 0xD4, 0x6B, 0xDC, 0x10, 0xE4, 0xE2,
                                         0x41, 0x67, 0xC4, 0x87, 0x5C, 0xF2, 0xF7, 0xA2,
                                         0x29, 0x7D, 0xA0, 0x2B, 0x8F, 0x4B, 0xA8, 0xE0};
    CK_BYTE data[] = "abc", out[32];
    CK_ULONG len = sizeof(out);
    assert_rv(C_DigestInit(session, &sm3), CKR_OK);
    assert_rv(C_Digest(session, data, 3, out, &len), CKR_OK);
    assert_memory_equal(out, expected, 32);
}

static void every_mechanism_listed_has_its_info(void **state) {
    (void)state;
    CK_ULONG count = 0;
    CK_MECHANISM_TYPE list[256];
    CK_MECHANISM_INFO info;
    assert_rv(C_GetMechanismList(0, NULL, &count), CKR_OK);
    assert_in_range(count, 1, 256);
    count--;
    assert_rv(C_GetMechanismList(0, list, &count), CKR_BUFFER_TOO_SMALL);
    assert_rv(C_GetMechanismList(0, list, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        assert_rv(C_GetMechanismInfo(0, list[i], &info), CKR_OK);
        assert_int_not_equal(info.flags, 0);
        for (CK_ULONG k = 0; k < i; k++) {
            assert_int_not_equal(list[i], list[k]);
        }
    }
    assert_rv(C_GetMechanismInfo(0, CKM_DES3_CBC, &info), CKR_MECHANISM_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(private_key_signs_only_after_login),
        TEST(length_query_and_small_buffer_keep_the_operation),
        TEST(final_with_small_buffer_keeps_the_operation),
        TEST(one_shot_after_update_fails_and_ends_the_operation),
        TEST(an_error_ends_the_operation),
        TEST(a_second_init_is_refused_until_cancelled),
        TEST(rsa_signatures_verify_under_openssl),
        TEST(sm2_signature_in_parts_verifies_under_openssl),
        TEST(another_sm2_identity_gives_another_signature),
        TEST(sm2_hash_must_have_32_bytes),
        TEST(keys_do_only_what_they_are_for),
        TEST(sm2_encryption_comes_back),
        TEST(rsa_decryption_takes_every_padding_off),
        TEST(bad_mechanism_parameters_are_refused),
        TEST(sm3_digest_is_the_standards),
        TEST(every_mechanism_listed_has_its_info),
    };
    int failed = cmocka_run_group_tests_name("operations", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
