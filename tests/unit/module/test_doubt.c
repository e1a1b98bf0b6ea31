/* Where nobody can tell whether another program used the card between two calls (PC/SC): few commands, and never a result of
 * the wrong key. */
#include "session_fixture.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static CK_BYTE message[] = "message";

static CK_RV sign(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key) {
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_BYTE signature[256];
    CK_ULONG len = sizeof(signature);
    fake_card.maybe_used = true;
    CK_RV rv = C_SignInit(session, &mechanism, key);
    fake_card.maybe_used = true;
    return rv != CKR_OK ? rv : C_Sign(session, message, sizeof(message), signature, &len);
}

static unsigned commands_of_a_signature(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key) {
    assert_rv(sign(type, key), CKR_OK);
    unsigned before = fake_card.commands;
    assert_rv(sign(type, key), CKR_OK);
    return fake_card.commands - before;
}

static void a_further_signature_costs_one_command_in_doubt_too(void **state) {
    (void)state;
    fixture_login();
    CK_OBJECT_HANDLE rsa = fixture_find(CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE sm2 = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN);
    assert_int_equal(commands_of_a_signature(CKM_SHA256_RSA_PKCS, rsa), 1);
    assert_int_equal(commands_of_a_signature(CKM_RSA_X_509, rsa), 1);
    assert_int_equal(commands_of_a_signature(CKM_SM2_SM3, sm2), 1);
}

static void a_listing_in_doubt_costs_one_command(void **state) {
    (void)state;
    fixture_login();
    fixture_count(CKO_PRIVATE_KEY);
    unsigned before = fake_card.commands;
    fake_card.maybe_used = true;
    fixture_count(CKO_PRIVATE_KEY);
    assert_int_equal(fake_card.commands - before, 1);
}

static EVP_PKEY *original;

/* Another program makes a new key pair in the same container: the card's own names stay good. */
static void replace_rsa(void) {
    original = fake_card.rsa;
    fake_card.rsa = EVP_RSA_gen(2048);
    assert_non_null(fake_card.rsa);
}

static void restore_rsa(void) {
    EVP_PKEY_free(fake_card.rsa);
    fake_card.rsa = original;
}

static void a_replaced_key_never_signs_under_the_old_handle(void **state) {
    (void)state;
    for (int with_counter = 0; with_counter < 2; with_counter++) {
        fixture_login();
        CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
        assert_rv(sign(CKM_SHA256_RSA_PKCS, key), CKR_OK);
        replace_rsa();
        fake_card.change_counter += (uint32_t)with_counter;
        CK_RV rv = sign(CKM_SHA256_RSA_PKCS, key);
        CK_OBJECT_HANDLE now = fixture_find(CKO_PRIVATE_KEY, "rsa");
        CK_RV again = sign(CKM_SHA256_RSA_PKCS, now);
        restore_rsa();
        fake_card.change_counter++;
        assert_rv(rv, CKR_KEY_HANDLE_INVALID);
        assert_int_not_equal(now, key);
        assert_rv(again, CKR_OK);
        assert_rv(sign(CKM_SHA256_RSA_PKCS, now), CKR_KEY_HANDLE_INVALID);
        assert_rv(C_Logout(session), CKR_OK);
    }
}

static void a_replaced_key_never_decrypts_under_the_old_handle(void **state) {
    (void)state;
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    CK_BYTE cipher[256], plain[256];
    CK_ULONG cipher_len = sizeof(cipher), len = sizeof(plain);
    fixture_login();
    CK_OBJECT_HANDLE public_key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    assert_rv(C_EncryptInit(session, &mechanism, public_key), CKR_OK);
    assert_rv(C_Encrypt(session, message, sizeof(message), cipher, &cipher_len), CKR_OK);
    replace_rsa();
    fake_card.maybe_used = true;
    CK_RV rv = C_DecryptInit(session, &mechanism, key);
    if (rv == CKR_OK) {
        rv = C_Decrypt(session, cipher, cipher_len, plain, &len);
    }
    restore_rsa();
    assert_rv(rv, CKR_KEY_HANDLE_INVALID);
}

static void attributes_of_a_replaced_key_are_not_given_under_the_old_handle(void **state) {
    (void)state;
    CK_BYTE modulus[256];
    CK_ATTRIBUTE template = {CKA_MODULUS, modulus, sizeof(modulus)};
    CK_OBJECT_HANDLE key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    assert_rv(C_GetAttributeValue(session, key, &template, 1), CKR_OK);
    replace_rsa();
    fake_card.change_counter++;
    fake_card.maybe_used = true;
    fixture_count(CKO_DATA); /* finds the change */
    CK_RV rv = C_GetAttributeValue(session, key, &template, 1);
    restore_rsa();
    assert_rv(rv, CKR_OBJECT_HANDLE_INVALID);
}

static void flip_a_bit(struct fake_card *card, uint8_t *response, size_t *len, size_t size) {
    (void)card;
    (void)size;
    if (*len == 258) {
        response[100] ^= 1;
    }
}

static void a_wrong_signature_is_never_given_out_in_doubt(void **state) {
    (void)state;
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    assert_rv(sign(CKM_SHA256_RSA_PKCS, key), CKR_OK);
    fake_card.mangle = flip_a_bit;
    CK_RV rv = sign(CKM_SHA256_RSA_PKCS, key);
    fake_card.mangle = NULL;
    assert_rv(rv, CKR_DEVICE_ERROR);
    assert_rv(sign(CKM_SHA256_RSA_PKCS, key), CKR_OK);
}

static void another_programs_logout_is_healed_without_asking(void **state) {
    (void)state;
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    assert_rv(sign(CKM_SHA256_RSA_PKCS, key), CKR_OK);
    fake_card.user_verified = false;
    fake_card.application_open = false;
    assert_rv(sign(CKM_SHA256_RSA_PKCS, key), CKR_OK);
    fake_card.user_verified = false;
    fake_card.so_verified = true; /* the security officer's login is not the user's */
    assert_rv(sign(CKM_SHA256_RSA_PKCS, key), CKR_OK);
    assert_true(fake_card.user_verified);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_further_signature_costs_one_command_in_doubt_too),
        TEST(a_listing_in_doubt_costs_one_command),
        TEST(a_replaced_key_never_signs_under_the_old_handle),
        TEST(a_replaced_key_never_decrypts_under_the_old_handle),
        TEST(attributes_of_a_replaced_key_are_not_given_under_the_old_handle),
        TEST(a_wrong_signature_is_never_given_out_in_doubt),
        TEST(another_programs_logout_is_healed_without_asking),
    };
    int failed = cmocka_run_group_tests_name("doubt", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
