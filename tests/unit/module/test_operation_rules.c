/* The rules of operations, call by call: what ends an operation and what does not; dual operations, messages, signatures
 * given first, saved states. */
#include "session_fixture.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static uint8_t secret[16] = {0x42}, iv[16] = {0x24};
static CK_BYTE text[80];
static CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0}, cbc = {CKM_AES_CBC, iv, 16};
static CK_MECHANISM hmac = {CKM_SHA256_HMAC, NULL, 0};
static CK_MECHANISM sha256_rsa = {CKM_SHA256_RSA_PKCS, NULL, 0}, rsa = {CKM_RSA_PKCS, NULL, 0};

static CK_OBJECT_HANDLE aes(void) {
    memset(text, 0x6B, sizeof(text));
    return fixture_secret_key(CKK_AES, secret, sizeof(secret));
}

static CK_OBJECT_HANDLE generic(void) {
    return fixture_secret_key(CKK_GENERIC_SECRET, secret, sizeof(secret));
}

static void an_error_of_a_cipher_ends_it_and_a_query_does_not(void **state) {
    (void)state;
    CK_BYTE out[96];
    CK_ULONG len = 0;
    CK_OBJECT_HANDLE key = aes();
    assert_rv(C_EncryptInit(session, &cbc, key), CKR_OK);
    assert_rv(C_EncryptInit(session, &cbc, key), CKR_OPERATION_ACTIVE);
    assert_rv(C_EncryptUpdate(session, text, 33, NULL, &len), CKR_OK);
    assert_int_equal(len, 32);
    len = 31;
    assert_rv(C_EncryptUpdate(session, text, 33, out, &len), CKR_BUFFER_TOO_SMALL);
    assert_rv(C_EncryptUpdate(session, text, 33, out, &len), CKR_OK);
    assert_rv(C_EncryptFinal(session, NULL, &len), CKR_OK); /* a query */
    assert_int_equal(len, 0);
    len = sizeof(out);
    assert_rv(C_EncryptFinal(session, out, &len), CKR_DATA_LEN_RANGE); /* one byte is left over */
    assert_rv(C_EncryptFinal(session, out, &len), CKR_OPERATION_NOT_INITIALIZED);

    assert_rv(C_EncryptInit(session, &cbc, key), CKR_OK);
    assert_rv(C_EncryptUpdate(session, text, 16, out, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(C_EncryptUpdate(session, text, 16, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_EncryptInit(session, &cbc, key), CKR_OK);
    len = sizeof(out);
    assert_rv(C_EncryptUpdate(session, text, 16, out, &len), CKR_OK);
    assert_rv(C_Encrypt(session, text, 16, out, &len), CKR_OPERATION_ACTIVE);
    assert_rv(C_EncryptFinal(session, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_DecryptInit(session, &cbc, key), CKR_OK);
    assert_rv(C_DecryptInit(session, NULL, 0), CKR_OK); /* cancels */
    assert_rv(C_DecryptInit(session, NULL, 0), CKR_ARGUMENTS_BAD);
    assert_rv(C_DecryptUpdate(session, text, 16, out, &len), CKR_OPERATION_NOT_INITIALIZED);
}

static void single_part_mechanisms_refuse_parts(void **state) {
    (void)state;
    CK_BYTE out[256];
    CK_ULONG len = sizeof(out);
    fixture_login();
    CK_OBJECT_HANDLE public_key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    assert_rv(C_EncryptInit(session, &rsa, public_key), CKR_OK);
    assert_rv(C_EncryptUpdate(session, text, 5, out, &len), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(C_Encrypt(session, text, 5, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_DecryptInit(session, &rsa, fixture_find(CKO_PRIVATE_KEY, "rsa")), CKR_OK);
    assert_rv(C_DecryptFinal(session, out, &len), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(C_VerifyInit(session, &rsa, public_key), CKR_OK);
    assert_rv(C_VerifyUpdate(session, text, 5), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(C_VerifyFinal(session, out, 256), CKR_OPERATION_NOT_INITIALIZED);
}

static void a_decryption_waits_for_a_larger_buffer_of_the_same_input(void **state) {
    (void)state;
    CK_BYTE one[256], two[256], out[256], hello[] = "hello", world[] = "world wide";
    CK_ULONG one_len = 256, two_len = 256, len = 1;
    fixture_login();
    CK_OBJECT_HANDLE public_key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    CK_OBJECT_HANDLE private_key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    assert_rv(C_EncryptInit(session, &rsa, public_key), CKR_OK);
    assert_rv(C_Encrypt(session, hello, 5, one, &one_len), CKR_OK);
    assert_rv(C_EncryptInit(session, &rsa, public_key), CKR_OK);
    assert_rv(C_Encrypt(session, world, 10, two, &two_len), CKR_OK);
    assert_rv(C_DecryptInit(session, &rsa, private_key), CKR_OK);
    assert_rv(C_Decrypt(session, one, one_len, out, &len), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(len, 5);
    len = sizeof(out); /* another ciphertext gives its own plaintext */
    assert_rv(C_Decrypt(session, two, two_len, out, &len), CKR_OK);
    assert_int_equal(len, 10);
    assert_memory_equal(out, world, 10);
    assert_int_equal(fake_card_count(INS_VENDOR_RSA_PRIVATE), 2);
}

static void session_cancel_ends_what_its_flags_name(void **state) {
    (void)state;
    CK_BYTE out[64];
    CK_ULONG len = sizeof(out);
    CK_OBJECT_HANDLE found;
    assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    assert_rv(C_SignInit(session, &hmac, generic()), CKR_OK);
    assert_rv(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    assert_rv(C_SessionCancel(session, CKF_SIGN | CKF_FIND_OBJECTS | CKF_ENCRYPT), CKR_OK);
    assert_rv(C_SignUpdate(session, text, 1), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_FindObjects(session, &found, 1, &len), CKR_OPERATION_NOT_INITIALIZED);
    len = sizeof(out);
    assert_rv(C_Digest(session, text, 1, out, &len), CKR_OK);
    assert_rv(C_SessionCancel(session, 0), CKR_OK);
}

static void a_key_is_digested_as_its_bytes(void **state) {
    (void)state;
    CK_BYTE out[32], expected[32], input[20];
    CK_ULONG len = sizeof(out);
    memset(input, 'a', 2);
    memcpy(input + 2, secret, 16);
    memset(input + 18, 'c', 2);
    EVP_Digest(input, sizeof(input), expected, NULL, EVP_sha256(), NULL);
    assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    assert_rv(C_DigestUpdate(session, input, 2), CKR_OK);
    assert_rv(C_DigestKey(session, generic()), CKR_OK);
    assert_rv(C_DigestUpdate(session, input + 18, 2), CKR_OK);
    assert_rv(C_DigestFinal(session, out, &len), CKR_OK);
    assert_memory_equal(out, expected, 32);
    assert_rv(C_DigestKey(session, generic()), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    assert_rv(C_DigestKey(session, fixture_find(CKO_PUBLIC_KEY, "rsa")), CKR_KEY_INDIGESTIBLE);
    assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    assert_rv(C_DigestKey(session, 9999), CKR_KEY_HANDLE_INVALID);
    assert_rv(C_DigestUpdate(session, text, 1), CKR_OPERATION_NOT_INITIALIZED);
}

static void every_digest_is_openssls(void **state) {
    (void)state;
    static const struct {
        CK_MECHANISM_TYPE type;
        const char *name;
    } digests[] = {{CKM_SHA_1, "SHA1"},        {CKM_SHA224, "SHA224"},
                   {CKM_SHA256, "SHA256"},     {CKM_SHA384, "SHA384"},
                   {CKM_SHA512, "SHA512"},     {CKM_SHA3_224, "SHA3-224"},
                   {CKM_SHA3_256, "SHA3-256"}, {CKM_SHA3_384, "SHA3-384"},
                   {CKM_SHA3_512, "SHA3-512"}, {CKM_SM3, "SM3"}};
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        CK_MECHANISM mechanism = {digests[i].type, NULL, 0};
        CK_BYTE out[64], expected[64];
        CK_ULONG len = 0;
        size_t expected_len = 0;
        memset(text, (int)i, sizeof(text));
        assert_int_equal(
            EVP_Q_digest(NULL, digests[i].name, NULL, text, sizeof(text), expected, &expected_len),
            1);
        assert_rv(C_DigestInit(session, &mechanism), CKR_OK);
        assert_rv(C_DigestUpdate(session, text, 7), CKR_OK);
        assert_rv(C_DigestUpdate(session, text + 7, sizeof(text) - 7), CKR_OK);
        assert_rv(C_DigestFinal(session, NULL, &len), CKR_OK);
        assert_int_equal(len, expected_len);
        assert_rv(C_DigestFinal(session, out, &len), CKR_OK);
        assert_memory_equal(out, expected, expected_len);
    }
}

static void dual_operations_are_the_two_in_one(void **state) {
    (void)state;
    CK_BYTE cipher[80], plain[80], hash[32], mac[32], expected[32], alone[80];
    CK_ULONG len, total = 0, hash_len = 32, mac_len = 32;
    CK_OBJECT_HANDLE key = aes(), mac_key = generic();
    assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    assert_rv(C_DigestEncryptUpdate(session, text, 80, cipher, &len),
              CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_EncryptInit(session, &cbc, key), CKR_OK);
    len = 0;
    assert_rv(C_DigestEncryptUpdate(session, text, 40, NULL, &len), CKR_OK);
    assert_int_equal(len, 32);
    len = 31; /* nothing is digested when there is no room */
    assert_rv(C_DigestEncryptUpdate(session, text, 40, cipher, &len), CKR_BUFFER_TOO_SMALL);
    assert_rv(C_DigestEncryptUpdate(session, text, 40, cipher, &len), CKR_OK);
    total = len;
    len = sizeof(cipher) - total;
    assert_rv(C_DigestEncryptUpdate(session, text + 40, 40, cipher + total, &len), CKR_OK);
    assert_int_equal(total + len, 80);
    len = 0;
    assert_rv(C_EncryptFinal(session, cipher + 80, &len), CKR_OK);
    assert_rv(C_DigestFinal(session, hash, &hash_len), CKR_OK);
    EVP_Digest(text, 80, expected, NULL, EVP_sha256(), NULL);
    assert_memory_equal(hash, expected, 32);
    len = sizeof(alone);
    assert_rv(C_EncryptInit(session, &cbc, key), CKR_OK);
    assert_rv(C_Encrypt(session, text, 80, alone, &len), CKR_OK);
    assert_memory_equal(cipher, alone, 80);

    assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    assert_rv(C_DecryptInit(session, &cbc, key), CKR_OK);
    len = sizeof(plain);
    assert_rv(C_DecryptDigestUpdate(session, cipher, 80, plain, &len), CKR_OK);
    assert_memory_equal(plain, text, 80);
    assert_rv(C_DigestFinal(session, hash, &hash_len), CKR_OK);
    assert_memory_equal(hash, expected, 32);
    len = 0;
    assert_rv(C_DecryptFinal(session, plain, &len), CKR_OK);

    memcpy(plain, text, 80); /* in place: the signature is over what was there before */
    assert_rv(C_SignInit(session, &hmac, mac_key), CKR_OK);
    assert_rv(C_EncryptInit(session, &cbc, key), CKR_OK);
    len = sizeof(plain);
    assert_rv(C_SignEncryptUpdate(session, plain, 80, plain, &len), CKR_OK);
    assert_memory_equal(plain, alone, 80);
    assert_rv(C_SignFinal(session, mac, &mac_len), CKR_OK);
    len = 0;
    assert_rv(C_EncryptFinal(session, cipher, &len), CKR_OK);
    assert_rv(C_VerifyInit(session, &hmac, mac_key), CKR_OK);
    assert_rv(C_DecryptInit(session, &cbc, key), CKR_OK);
    len = sizeof(plain);
    assert_rv(C_DecryptVerifyUpdate(session, alone, 80, plain, &len), CKR_OK);
    assert_rv(C_VerifyFinal(session, mac, mac_len), CKR_OK);
    len = 0;
    assert_rv(C_DecryptFinal(session, plain, &len), CKR_OK);
}

static void a_signature_given_first_is_verified(void **state) {
    (void)state;
    CK_BYTE signature[256];
    CK_ULONG len = sizeof(signature);
    fixture_login();
    CK_OBJECT_HANDLE public_key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    assert_rv(C_SignInit(session, &sha256_rsa, fixture_find(CKO_PRIVATE_KEY, "rsa")), CKR_OK);
    assert_rv(C_Sign(session, text, 20, signature, &len), CKR_OK);
    assert_rv(C_VerifySignatureInit(session, &sha256_rsa, public_key, signature, len), CKR_OK);
    assert_rv(C_VerifySignature(session, text, 20), CKR_OK);
    assert_rv(C_VerifySignature(session, text, 20), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_VerifySignatureInit(session, &sha256_rsa, public_key, signature, len), CKR_OK);
    assert_rv(C_VerifySignatureInit(session, &sha256_rsa, public_key, signature, len),
              CKR_OPERATION_ACTIVE);
    assert_rv(C_VerifySignatureUpdate(session, text, 5), CKR_OK);
    assert_rv(C_VerifySignatureUpdate(session, text + 5, 15), CKR_OK);
    assert_rv(C_VerifySignatureFinal(session), CKR_OK);
    assert_rv(C_VerifySignatureInit(session, &sha256_rsa, public_key, signature, len), CKR_OK);
    assert_rv(C_VerifySignature(session, text, 19), CKR_SIGNATURE_INVALID);
    assert_rv(C_VerifySignatureInit(session, &sha256_rsa, public_key, signature, len - 1),
              CKR_SIGNATURE_LEN_RANGE);
    assert_rv(C_VerifySignatureInit(session, &sha256_rsa, public_key, NULL, len),
              CKR_ARGUMENTS_BAD);
    assert_rv(C_VerifySignatureFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_VerifySignatureInit(session, &sha256_rsa, public_key, signature, len), CKR_OK);
    assert_rv(C_SessionCancel(session, CKF_VERIFY), CKR_OK);
    assert_rv(C_VerifySignatureUpdate(session, text, 5), CKR_OPERATION_NOT_INITIALIZED);
}

/* ---- messages ---- */

static CK_MECHANISM gcm = {CKM_AES_GCM, NULL, 0};

static CK_RV encrypt_message(CK_GCM_MESSAGE_PARAMS *params, CK_BYTE *in, CK_ULONG len,
                             CK_BYTE *out) {
    CK_ULONG out_len = len;
    CK_BYTE aad[] = "header";
    CK_RV rv = C_EncryptMessage(session, params, sizeof(*params), aad, 6, in, len, out, &out_len);
    assert_true(rv != CKR_OK || out_len == len);
    return rv;
}

static void gcm_messages_are_what_gcm_makes(void **state) {
    (void)state;
    CK_BYTE aad[] = "header", nonce[12] = {7}, tag[16], cipher[80], whole[96], plain[80];
    CK_ULONG len = sizeof(whole);
    CK_OBJECT_HANDLE key = aes();
    CK_GCM_PARAMS once = {nonce, 12, 96, aad, 6, 128};
    CK_MECHANISM one_shot = {CKM_AES_GCM, &once, sizeof(once)};
    CK_GCM_MESSAGE_PARAMS params = {nonce, 12, 0, CKG_NO_GENERATE, tag, 128};
    assert_rv(C_EncryptInit(session, &one_shot, key), CKR_OK);
    assert_rv(C_Encrypt(session, text, 80, whole, &len), CKR_OK);

    assert_rv(C_MessageEncryptInit(session, &gcm, key), CKR_OK);
    for (int again = 0; again < 2; again++) { /* the operation outlives its messages */
        assert_rv(encrypt_message(&params, text, 80, cipher), CKR_OK);
        assert_memory_equal(cipher, whole, 80);
        assert_memory_equal(tag, whole + 80, 16);
    }
    /* the same in parts */
    assert_rv(C_EncryptMessageBegin(session, &params, sizeof(params), aad, 6), CKR_OK);
    assert_rv(C_EncryptMessageBegin(session, &params, sizeof(params), aad, 6),
              CKR_OPERATION_ACTIVE);
    len = 9;
    assert_rv(C_EncryptMessageNext(session, &params, sizeof(params), text, 10, cipher, &len, 0),
              CKR_BUFFER_TOO_SMALL);
    assert_rv(C_EncryptMessageNext(session, &params, sizeof(params), text, 10, cipher, &len, 0),
              CKR_OK);
    len = 70;
    memset(tag, 0, sizeof(tag));
    assert_rv(C_EncryptMessageNext(session, &params, sizeof(params), text + 10, 70, cipher + 10,
                                   &len, CKF_END_OF_MESSAGE),
              CKR_OK);
    assert_memory_equal(cipher, whole, 80);
    assert_memory_equal(tag, whole + 80, 16);
    assert_rv(C_MessageEncryptFinal(session), CKR_OK);
    assert_rv(C_MessageEncryptFinal(session), CKR_OPERATION_NOT_INITIALIZED);

    assert_rv(C_MessageDecryptInit(session, &gcm, key), CKR_OK);
    len = sizeof(plain);
    assert_rv(C_DecryptMessage(session, &params, sizeof(params), aad, 6, cipher, 80, plain, &len),
              CKR_OK);
    assert_memory_equal(plain, text, 80);
    memset(plain, 0, sizeof(plain));
    assert_rv(C_DecryptMessageBegin(session, &params, sizeof(params), aad, 6), CKR_OK);
    len = sizeof(plain);
    assert_rv(C_DecryptMessageNext(session, &params, sizeof(params), cipher, 50, plain, &len, 0),
              CKR_OK);
    assert_int_equal(len, 0); /* not verified yet */
    assert_rv(C_DecryptMessageNext(session, &params, sizeof(params), cipher + 50, 30, NULL, &len,
                                   CKF_END_OF_MESSAGE),
              CKR_OK);
    assert_int_equal(len, 80);
    assert_rv(C_DecryptMessageNext(session, &params, sizeof(params), cipher + 50, 30, plain, &len,
                                   CKF_END_OF_MESSAGE),
              CKR_OK);
    assert_memory_equal(plain, text, 80);
    tag[3] ^= 1; /* a forged message ends itself, not the operation */
    len = sizeof(plain);
    assert_rv(C_DecryptMessage(session, &params, sizeof(params), aad, 6, cipher, 80, plain, &len),
              CKR_AEAD_DECRYPT_FAILED);
    tag[3] ^= 1;
    len = sizeof(plain);
    assert_rv(C_DecryptMessage(session, &params, sizeof(params), aad, 6, cipher, 80, plain, &len),
              CKR_OK);
    assert_rv(C_MessageDecryptFinal(session), CKR_OK);
}

static void generated_ivs_are_each_used_once(void **state) {
    (void)state;
    CK_BYTE nonce[12], first[12], tag[16], cipher[16];
    CK_GCM_MESSAGE_PARAMS params = {nonce, 12, 88, CKG_GENERATE_COUNTER, tag, 128};
    assert_rv(C_MessageEncryptInit(session, &gcm, aes()), CKR_OK);
    memset(nonce, 0xA5, sizeof(nonce));
    for (unsigned i = 0; i < 256; i++) {
        assert_rv(encrypt_message(&params, text, 16, cipher), CKR_OK);
        assert_int_equal(nonce[11], i);
        assert_int_equal(nonce[10], 0xA5); /* fixed */
    }
    assert_rv(encrypt_message(&params, text, 16, cipher), CKR_KEY_EXHAUSTED);
    params.ivGenerator = CKG_GENERATE_RANDOM;
    assert_rv(encrypt_message(&params, text, 16, cipher), CKR_MECHANISM_PARAM_INVALID);
    params.ulIvFixedBits = 0;
    assert_rv(encrypt_message(&params, text, 16, cipher), CKR_OK);
    memcpy(first, nonce, 12);
    assert_rv(encrypt_message(&params, text, 16, cipher), CKR_OK);
    assert_memory_not_equal(first, nonce, 12);
    assert_rv(C_MessageEncryptFinal(session), CKR_OK);

    assert_rv(C_MessageEncryptInit(session, &gcm, aes()), CKR_OK);
    params.ivGenerator = CKG_GENERATE_COUNTER_XOR;
    params.ulIvFixedBits = 32;
    memset(nonce, 0xF0, sizeof(nonce));
    assert_rv(encrypt_message(&params, text, 16, cipher), CKR_OK);
    assert_int_equal(nonce[11], 0xF0);
    memset(nonce, 0xF0, sizeof(nonce));
    assert_rv(encrypt_message(&params, text, 16, cipher), CKR_OK);
    assert_int_equal(nonce[11], 0xF1);
    params.ulTagBits = 100;
    assert_rv(encrypt_message(&params, text, 16, cipher), CKR_MECHANISM_PARAM_INVALID);
}

static void signed_messages_verify_one_by_one(void **state) {
    (void)state;
    CK_BYTE signature[256];
    CK_ULONG len = 0;
    fixture_login();
    CK_MECHANISM *mechanisms[] = {&sha256_rsa, &hmac};
    for (size_t i = 0; i < 2; i++) {
        CK_OBJECT_HANDLE mac_key = generic();
        CK_OBJECT_HANDLE signs = i == 0 ? fixture_find(CKO_PRIVATE_KEY, "rsa") : mac_key;
        CK_OBJECT_HANDLE verifies = i == 0 ? fixture_find(CKO_PUBLIC_KEY, "rsa") : mac_key;
        assert_rv(C_MessageSignInit(session, mechanisms[i], signs), CKR_OK);
        assert_rv(C_MessageVerifyInit(session, mechanisms[i], verifies), CKR_OK);
        for (CK_ULONG n = 1; n < 4; n++) {
            assert_rv(C_SignMessage(session, NULL, 0, text, n, NULL, &len), CKR_OK);
            assert_rv(C_SignMessage(session, NULL, 0, text, n, signature, &len), CKR_OK);
            assert_rv(C_VerifyMessage(session, NULL, 0, text, n, signature, len), CKR_OK);
            assert_rv(C_VerifyMessage(session, NULL, 0, text, n + 1, signature, len),
                      CKR_SIGNATURE_INVALID);
        }
        assert_rv(C_SignMessageBegin(session, NULL, 0), CKR_OK);
        assert_rv(C_SignMessageNext(session, NULL, 0, text, 10, NULL, NULL), CKR_OK);
        assert_rv(C_SignMessageNext(session, NULL, 0, text + 10, 10, signature, &len), CKR_OK);
        assert_rv(C_VerifyMessageBegin(session, NULL, 0), CKR_OK);
        assert_rv(C_VerifyMessageNext(session, NULL, 0, text, 15, NULL, 0), CKR_OK);
        assert_rv(C_VerifyMessageNext(session, NULL, 0, text + 15, 5, signature, len), CKR_OK);
        assert_rv(C_VerifyMessageNext(session, NULL, 0, text, 5, signature, len),
                  CKR_OPERATION_NOT_INITIALIZED);
        assert_rv(C_SignMessageBegin(session, text, 5), CKR_MECHANISM_PARAM_INVALID);
        assert_rv(C_MessageSignFinal(session), CKR_OK);
        assert_rv(C_MessageVerifyFinal(session), CKR_OK);
    }
    assert_rv(C_MessageSignInit(session, &rsa, fixture_find(CKO_PRIVATE_KEY, "rsa")), CKR_OK);
    assert_rv(C_SignMessageBegin(session, NULL, 0), CKR_FUNCTION_NOT_SUPPORTED);
    len = sizeof(signature);
    assert_rv(C_SignMessage(session, NULL, 0, text, 20, signature, &len), CKR_OK);
    assert_rv(C_MessageEncryptInit(session, &cbc, aes()), CKR_MECHANISM_INVALID);
}

/* ---- saved states ---- */

static void a_saved_state_goes_on_in_another_session(void **state) {
    (void)state;
    CK_BYTE saved[64], one[96], two[96], hash[32], other_hash[32];
    CK_ULONG saved_len = 0, len = 96, other_len = 96, hash_len = 32;
    CK_SESSION_HANDLE other;
    CK_OBJECT_HANDLE key = aes(), mac_key = generic();
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_OK);
    assert_rv(C_GetOperationState(session, NULL, &saved_len), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    assert_rv(C_DigestUpdate(session, text, 30), CKR_OK);
    assert_rv(C_EncryptInit(session, &cbc, key), CKR_OK);
    assert_rv(C_EncryptUpdate(session, text, 25, one, &len), CKR_OK);
    assert_rv(C_SignInit(session, &hmac, mac_key), CKR_OK);
    assert_rv(C_SignUpdate(session, text, 12), CKR_OK);
    assert_rv(C_GetOperationState(session, NULL, &saved_len), CKR_OK);
    saved_len--;
    assert_rv(C_GetOperationState(session, saved, &saved_len), CKR_BUFFER_TOO_SMALL);
    assert_rv(C_GetOperationState(session, saved, &saved_len), CKR_OK);
    for (int again = 0; again < 2; again++) { /* as often as wanted */
        assert_rv(C_SetOperationState(other, saved, saved_len, 0, 0), CKR_OK);
    }
    assert_rv(C_SetOperationState(other, saved, saved_len, key, mac_key), CKR_OK);
    assert_rv(C_SetOperationState(other, saved, saved_len, mac_key, 0), CKR_KEY_CHANGED);
    len = other_len = 96;
    assert_rv(C_EncryptUpdate(session, text, 39, one, &len), CKR_OK);
    assert_rv(C_EncryptUpdate(other, text, 39, two, &other_len), CKR_OK);
    assert_int_equal(len, 48);
    assert_int_equal(other_len, 48);
    assert_memory_equal(one, two, 48);
    assert_rv(C_DigestFinal(session, hash, &hash_len), CKR_OK);
    assert_rv(C_DigestFinal(other, other_hash, &hash_len), CKR_OK);
    assert_memory_equal(hash, other_hash, 32);
    assert_rv(C_SignFinal(session, hash, &hash_len), CKR_OK);
    assert_rv(C_SignFinal(other, other_hash, &hash_len), CKR_OK);
    assert_memory_equal(hash, other_hash, 32);
    saved[saved_len - 1] ^= 1;
    assert_rv(C_SetOperationState(other, saved, saved_len, 0, 0), CKR_SAVED_STATE_INVALID);
    assert_rv(C_SetOperationState(other, saved, 3, 0, 0), CKR_SAVED_STATE_INVALID);
    assert_rv(C_MessageEncryptInit(other, &gcm, key), CKR_OK);
    assert_rv(C_GetOperationState(other, saved, &saved_len), CKR_STATE_UNSAVEABLE);
}

static void states_with_private_objects_go_at_logout(void **state) {
    (void)state;
    CK_BYTE saved[64], out[256];
    CK_ULONG saved_len = sizeof(saved), len = sizeof(out);
    fixture_login();
    assert_rv(C_SignInit(session, &sha256_rsa, fixture_find(CKO_PRIVATE_KEY, "rsa")), CKR_OK);
    assert_rv(C_SignUpdate(session, text, 5), CKR_OK);
    assert_rv(C_GetOperationState(session, saved, &saved_len), CKR_OK);
    assert_rv(C_Logout(session), CKR_OK);
    assert_rv(C_SignFinal(session, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_SetOperationState(session, saved, saved_len, 0, 0), CKR_SAVED_STATE_INVALID);
}

static void only_so_many_states_are_kept(void **state) {
    (void)state;
    CK_BYTE first[64], saved[64];
    CK_ULONG len = sizeof(first);
    assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    assert_rv(C_GetOperationState(session, first, &len), CKR_OK);
    for (int i = 0; i < 63; i++) {
        len = sizeof(saved);
        assert_rv(C_GetOperationState(session, saved, &len), CKR_OK);
    }
    assert_rv(C_SetOperationState(session, first, len, 0, 0), CKR_OK);
    assert_rv(C_GetOperationState(session, saved, &len), CKR_OK);
    assert_rv(C_SetOperationState(session, first, len, 0, 0), CKR_SAVED_STATE_INVALID);
    assert_rv(C_SetOperationState(session, saved, len, 0, 0), CKR_OK);
}

static void mechanisms_say_what_the_card_does(void **state) {
    (void)state;
    CK_MECHANISM_INFO info;
    CK_ULONG count;
    assert_rv(C_GetMechanismInfo(0, CKM_RSA_PKCS_PSS, &info), CKR_OK);
    assert_true((info.flags & CKF_HW) != 0 && info.ulMinKeySize == 2048 &&
                info.ulMaxKeySize == 2048);
    assert_rv(C_GetMechanismInfo(0, CKM_SM2_ENCRYPT, &info), CKR_OK);
    assert_true((info.flags & CKF_HW) != 0);
    assert_rv(C_GetMechanismInfo(0, CKM_ECDSA_SHA256, &info), CKR_OK); /* not of a GM card */
    assert_true((info.flags & CKF_HW) == 0 && info.ulMaxKeySize == 521);
    assert_rv(C_GetMechanismInfo(0, CKM_AES_GCM, &info), CKR_OK);
    assert_true((info.flags & CKF_HW) == 0 && info.ulMinKeySize == 16 && info.ulMaxKeySize == 32);
    assert_rv(C_GetMechanismInfo(0, CKM_OPENUKEY_SM2_ENVELOPED_KEY, &info), CKR_OK);
    assert_true(info.flags & CKF_UNWRAP);
    fake_card_remove();
    assert_rv(C_GetSlotList(CK_FALSE, NULL, &count), CKR_OK); /* looks */
    assert_rv(C_GetMechanismInfo(0, CKM_AES_GCM, &info), CKR_TOKEN_NOT_PRESENT);
    assert_rv(C_GetMechanismList(0, NULL, &count), CKR_TOKEN_NOT_PRESENT);
}

static void a_card_without_raw_rsa_leaves_that_to_no_one(void **state) {
    (void)state;
    CK_MECHANISM_INFO info;
    CK_ULONG count;
    CK_RSA_PKCS_PSS_PARAMS params = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM pss = {CKM_SHA256_RSA_PKCS_PSS, &params, sizeof(params)};
    fake_card_remove();
    fake_card.has_vendor_ins = false;
    fake_card_insert();
    assert_rv(C_GetSlotList(CK_FALSE, NULL, &count), CKR_OK); /* looks */
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    assert_rv(C_GetMechanismInfo(0, CKM_RSA_PKCS_PSS, &info), CKR_OK);
    assert_true((info.flags & CKF_HW) == 0);
    assert_rv(C_GetMechanismInfo(0, CKM_SHA256_RSA_PKCS, &info), CKR_OK);
    assert_true((info.flags & CKF_HW) != 0);
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    assert_rv(C_SignInit(session, &pss, key), CKR_MECHANISM_INVALID);
    assert_rv(C_SignInit(session, &sha256_rsa, key), CKR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_error_of_a_cipher_ends_it_and_a_query_does_not),
        TEST(single_part_mechanisms_refuse_parts),
        TEST(a_decryption_waits_for_a_larger_buffer_of_the_same_input),
        TEST(session_cancel_ends_what_its_flags_name),
        TEST(a_key_is_digested_as_its_bytes),
        TEST(every_digest_is_openssls),
        TEST(dual_operations_are_the_two_in_one),
        TEST(a_signature_given_first_is_verified),
        TEST(gcm_messages_are_what_gcm_makes),
        TEST(generated_ivs_are_each_used_once),
        TEST(signed_messages_verify_one_by_one),
        TEST(a_saved_state_goes_on_in_another_session),
        TEST(states_with_private_objects_go_at_logout),
        TEST(only_so_many_states_are_kept),
        TEST(mechanisms_say_what_the_card_does),
        TEST(a_card_without_raw_rsa_leaves_that_to_no_one),
    };
    int failed = cmocka_run_group_tests_name("operation rules", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
