/* Keys made by mechanisms: generation, wrapping, derivation, encapsulation; what OpenSSL says of them. */
#include "session_fixture.h"

#include "module/formats/sm2.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY, private_class = CKO_PRIVATE_KEY;
static CK_KEY_TYPE aes_type = CKK_AES, generic_type = CKK_GENERIC_SECRET;

static CK_BYTE p256[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
static CK_BYTE p384[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22};
static CK_BYTE p521[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23};

#define ATTRIBUTE(type, value)                                                                     \
    { type, &(value), sizeof(value) }

static CK_ULONG read_value(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out,
                           CK_ULONG room) {
    CK_ATTRIBUTE attribute = {type, out, room};
    assert_rv(C_GetAttributeValue(session, object, &attribute, 1), CKR_OK);
    return attribute.ulValueLen;
}

static CK_BBOOL is(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_BBOOL value = 2;
    read_value(object, type, &value, sizeof(value));
    return value;
}

/* A pair of the session on a curve, or an RSA one. */
static void session_pair(CK_MECHANISM_TYPE type, CK_BYTE *curve, CK_ULONG curve_len, CK_ULONG bits,
                         CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key) {
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_VERIFY, yes),
                             bits > 0 ? (CK_ATTRIBUTE)ATTRIBUTE(CKA_MODULUS_BITS, bits)
                                      : (CK_ATTRIBUTE){CKA_EC_PARAMS, curve, curve_len},
                             ATTRIBUTE(CKA_DERIVE, no)};
    CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_TOKEN, no),        ATTRIBUTE(CKA_PRIVATE, no),
                              ATTRIBUTE(CKA_SIGN, yes),        ATTRIBUTE(CKA_DERIVE, yes),
                              ATTRIBUTE(CKA_EXTRACTABLE, yes), ATTRIBUTE(CKA_SENSITIVE, no)};
    CK_ATTRIBUTE rsa_private[] = {ATTRIBUTE(CKA_TOKEN, no),    ATTRIBUTE(CKA_PRIVATE, no),
                                  ATTRIBUTE(CKA_SIGN, yes),    ATTRIBUTE(CKA_SIGN_RECOVER, yes),
                                  ATTRIBUTE(CKA_DECRYPT, yes), ATTRIBUTE(CKA_UNWRAP, yes)};
    CK_ATTRIBUTE rsa_public[] = {public[0],
                                 ATTRIBUTE(CKA_VERIFY, yes),
                                 public[2],
                                 ATTRIBUTE(CKA_VERIFY_RECOVER, yes),
                                 ATTRIBUTE(CKA_ENCRYPT, yes),
                                 ATTRIBUTE(CKA_WRAP, yes)};
    assert_rv(C_GenerateKeyPair(session, &mechanism, bits > 0 ? rsa_public : public,
                                bits > 0 ? 6 : 4, bits > 0 ? rsa_private : private, 6, public_key,
                                private_key),
              CKR_OK);
}

static void secret_keys_are_made_as_asked(void **state) {
    (void)state;
    static const struct {
        CK_MECHANISM_TYPE type;
        CK_ULONG len;
        CK_KEY_TYPE key_type;
    } cases[] = {{CKM_AES_KEY_GEN, 16, CKK_AES},
                 {CKM_AES_KEY_GEN, 24, CKK_AES},
                 {CKM_AES_KEY_GEN, 32, CKK_AES},
                 {CKM_SM4_KEY_GEN, 16, CKK_SM4},
                 {CKM_GENERIC_SECRET_KEY_GEN, 64, CKK_GENERIC_SECRET}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CK_MECHANISM mechanism = {cases[i].type, NULL, 0};
        CK_ULONG len = cases[i].len;
        CK_OBJECT_HANDLE a, b;
        CK_KEY_TYPE type = 0;
        uint8_t one[64], two[64];
        CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_VALUE_LEN, len), ATTRIBUTE(CKA_TOKEN, no),
                                   ATTRIBUTE(CKA_SENSITIVE, no), ATTRIBUTE(CKA_EXTRACTABLE, yes)};
        assert_rv(C_GenerateKey(session, &mechanism, template, 4, &a), CKR_OK);
        assert_rv(C_GenerateKey(session, &mechanism, template, 4, &b), CKR_OK);
        assert_int_equal(read_value(a, CKA_VALUE, one, sizeof(one)), len);
        assert_int_equal(read_value(b, CKA_VALUE, two, sizeof(two)), len);
        assert_memory_not_equal(one, two, len);
        read_value(a, CKA_KEY_TYPE, &type, sizeof(type));
        assert_int_equal(type, cases[i].key_type);
        assert_int_equal(is(a, CKA_LOCAL), CK_TRUE);
    }
}

static void lengths_that_no_key_has_are_refused(void **state) {
    (void)state;
    CK_MECHANISM aes = {CKM_AES_KEY_GEN, NULL, 0}, generic = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
    CK_ULONG seventeen = 17, none = 0, huge = 513;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE odd[] = {ATTRIBUTE(CKA_VALUE_LEN, seventeen)};
    CK_ATTRIBUTE empty[] = {ATTRIBUTE(CKA_VALUE_LEN, none)};
    CK_ATTRIBUTE large[] = {ATTRIBUTE(CKA_VALUE_LEN, huge)};
    CK_ATTRIBUTE on_token[] = {ATTRIBUTE(CKA_VALUE_LEN, seventeen), ATTRIBUTE(CKA_TOKEN, yes)};
    assert_rv(C_GenerateKey(session, &aes, odd, 1, &key), CKR_KEY_SIZE_RANGE);
    assert_rv(C_GenerateKey(session, &aes, NULL, 0, &key), CKR_TEMPLATE_INCOMPLETE);
    assert_rv(C_GenerateKey(session, &generic, empty, 1, &key), CKR_KEY_SIZE_RANGE);
    assert_rv(C_GenerateKey(session, &generic, large, 1, &key), CKR_KEY_SIZE_RANGE);
    assert_rv(C_GenerateKey(session, &generic, on_token, 2, &key), CKR_TEMPLATE_INCONSISTENT);
    assert_rv(C_GenerateKey(session, &aes, NULL, 0, NULL), CKR_ARGUMENTS_BAD);
}

static void pairs_of_the_session_sign_and_verify(void **state) {
    (void)state;
    static struct {
        CK_MECHANISM_TYPE type, sign;
        CK_BYTE *curve;
        CK_ULONG curve_len, bits, signature;
    } cases[] = {{CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA256, p256, sizeof(p256), 0, 64},
                 {CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA3_384, p384, sizeof(p384), 0, 96},
                 {CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA512, p521, sizeof(p521), 0, 132},
                 {CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA512, p256, sizeof(p256), 0, 64},
                 {CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA224_RSA_PKCS, NULL, 0, 1024, 128},
                 {CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA3_512_RSA_PKCS, NULL, 0, 1032, 129},
                 {CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_X_509, NULL, 0, 1024, 128}};
    CK_BYTE data[] = "signed by a key of the session";
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CK_OBJECT_HANDLE public_key, private_key;
        CK_MECHANISM sign = {cases[i].sign, NULL, 0};
        CK_BYTE signature[600];
        CK_ULONG len = sizeof(signature);
        session_pair(cases[i].type, cases[i].curve, cases[i].curve_len, cases[i].bits, &public_key,
                     &private_key);
        assert_rv(C_SignInit(session, &sign, private_key), CKR_OK);
        assert_rv(C_Sign(session, data, sizeof(data), signature, &len), CKR_OK);
        assert_int_equal(len, cases[i].signature);
        assert_rv(C_VerifyInit(session, &sign, public_key), CKR_OK);
        assert_rv(C_Verify(session, data, sizeof(data), signature, len), CKR_OK);
        data[0] ^= 1;
        assert_rv(C_VerifyInit(session, &sign, public_key), CKR_OK);
        assert_rv(C_Verify(session, data, sizeof(data), signature, len), CKR_SIGNATURE_INVALID);
        data[0] ^= 1;
    }
}

static void every_pss_and_pkcs1_hash_verifies(void **state) {
    (void)state;
    static const struct {
        CK_MECHANISM_TYPE pkcs, pss, hash;
        CK_RSA_PKCS_MGF_TYPE mgf;
        CK_ULONG salt;
    } hashes[] = {
        {CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, CKG_MGF1_SHA1, 20},
        {CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28},
        {CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 0},
        {CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48},
        {CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA256, 62},
        {CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_224, CKG_MGF1_SHA3_224, 28},
        {CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256, CKG_MGF1_SHA3_256, 32},
        {CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_384, CKG_MGF1_SHA3_384, 48},
        {CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS, CKM_SHA3_512, CKG_MGF1_SHA3_512, 62},
    };
    CK_OBJECT_HANDLE public_key, private_key;
    CK_BYTE data[] = "hash me", signature[128];
    session_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0, 1024, &public_key, &private_key);
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        CK_RSA_PKCS_PSS_PARAMS params = {hashes[i].hash, hashes[i].mgf, hashes[i].salt};
        CK_MECHANISM both[] = {{hashes[i].pkcs, NULL, 0}, {hashes[i].pss, &params, sizeof(params)}};
        for (size_t k = 0; k < 2; k++) {
            CK_ULONG len = sizeof(signature);
            assert_rv(C_SignInit(session, &both[k], private_key), CKR_OK);
            assert_rv(C_SignUpdate(session, data, 3), CKR_OK);
            assert_rv(C_SignUpdate(session, data + 3, sizeof(data) - 3), CKR_OK);
            assert_rv(C_SignFinal(session, signature, &len), CKR_OK);
            assert_rv(C_VerifyInit(session, &both[k], public_key), CKR_OK);
            assert_rv(C_Verify(session, data, sizeof(data), signature, len), CKR_OK);
            signature[5] ^= 1;
            assert_rv(C_VerifyInit(session, &both[k], public_key), CKR_OK);
            assert_rv(C_Verify(session, data, sizeof(data), signature, len), CKR_SIGNATURE_INVALID);
        }
    }
    CK_RSA_PKCS_PSS_PARAMS too_long = {CKM_SHA512, CKG_MGF1_SHA512, 63};
    CK_MECHANISM pss = {CKM_SHA512_RSA_PKCS_PSS, &too_long, sizeof(too_long)};
    CK_ULONG len = sizeof(signature);
    assert_rv(C_SignInit(session, &pss, private_key), CKR_OK);
    assert_rv(C_Sign(session, data, 3, signature, &len), CKR_KEY_SIZE_RANGE);
}

static void an_ecdsa_signature_verifies_under_openssl(void **state) {
    (void)state;
    CK_OBJECT_HANDLE public_key, private_key;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[64], raw[96], point[120], spki[200];
    CK_ULONG len = sizeof(raw);
    memset(digest, 0x9B, sizeof(digest));
    session_pair(CKM_EC_KEY_PAIR_GEN, p384, sizeof(p384), 0, &public_key, &private_key);
    assert_rv(C_SignInit(session, &ecdsa, private_key), CKR_OK);
    assert_rv(C_Sign(session, digest, sizeof(digest), raw, &len),
              CKR_OK); /* longer than the field */
    assert_int_equal(read_value(public_key, CKA_EC_POINT, point, sizeof(point)), 99);
    const unsigned char *at = spki;
    CK_ULONG spki_len = read_value(public_key, CKA_PUBLIC_KEY_INFO, spki, sizeof(spki));
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)spki_len);
    assert_non_null(pkey);
    uint8_t der[120] = {0x30, 0, 0x02};
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, 48, NULL), BN_bin2bn(raw + 48, 48, NULL));
    unsigned char *place = der;
    int der_len = i2d_ECDSA_SIG(sig, &place);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
    assert_int_equal(EVP_PKEY_verify(ctx, der, (size_t)der_len, digest, sizeof(digest)), 1);
    digest[0] ^= 1;
    assert_int_not_equal(EVP_PKEY_verify(ctx, der, (size_t)der_len, digest, sizeof(digest)), 1);
    EVP_PKEY_CTX_free(ctx);
    ECDSA_SIG_free(sig);
    EVP_PKEY_free(pkey);
    assert_rv(C_VerifyInit(session, &ecdsa, public_key), CKR_OK);
    assert_rv(C_Verify(session, digest, sizeof(digest), raw, len - 1), CKR_SIGNATURE_LEN_RANGE);
}

static void curves_and_sizes_that_we_lack_are_refused(void **state) {
    (void)state;
    CK_BYTE secp256k1[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A};
    CK_ULONG small = 512, uneven = 2048;
    CK_BYTE even[] = {0x02};
    CK_MECHANISM ec = {CKM_EC_KEY_PAIR_GEN, NULL, 0}, rsa = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE a, b;
    CK_ATTRIBUTE curve[] = {ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_EC_PARAMS, secp256k1)};
    CK_ATTRIBUTE bits[] = {ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_MODULUS_BITS, small)};
    CK_ATTRIBUTE exponent[] = {ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_MODULUS_BITS, uneven),
                               ATTRIBUTE(CKA_PUBLIC_EXPONENT, even)};
    CK_ATTRIBUTE of_session[] = {ATTRIBUTE(CKA_TOKEN, no)};
    CK_ATTRIBUTE on_card[] = {ATTRIBUTE(CKA_TOKEN, yes), ATTRIBUTE(CKA_EC_PARAMS, p256)};
    CK_ATTRIBUTE stays[] = {ATTRIBUTE(CKA_TOKEN, yes)};
    fixture_login();
    assert_rv(C_GenerateKeyPair(session, &ec, curve, 2, of_session, 1, &a, &b),
              CKR_CURVE_NOT_SUPPORTED);
    assert_rv(C_GenerateKeyPair(session, &ec, curve, 1, of_session, 1, &a, &b),
              CKR_TEMPLATE_INCOMPLETE);
    assert_rv(C_GenerateKeyPair(session, &rsa, bits, 2, of_session, 1, &a, &b), CKR_KEY_SIZE_RANGE);
    assert_rv(C_GenerateKeyPair(session, &rsa, exponent, 3, of_session, 1, &a, &b),
              CKR_ATTRIBUTE_VALUE_INVALID);
    assert_rv(C_GenerateKeyPair(session, &ec, on_card, 2, of_session, 1, &a, &b),
              CKR_TEMPLATE_INCONSISTENT);
    assert_rv(C_GenerateKeyPair(session, &ec, on_card, 2, stays, 1, &a, &b),
              CKR_MECHANISM_INVALID); /* a GM card has no such keys */
}

static CK_OBJECT_HANDLE unwrap(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE with, CK_BYTE *wrapped,
                               CK_ULONG len, CK_KEY_TYPE *type) {
    CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE(CKA_CLASS, secret_class), {CKA_KEY_TYPE, type, sizeof(*type)},
        ATTRIBUTE(CKA_TOKEN, no),           ATTRIBUTE(CKA_PRIVATE, no),
        ATTRIBUTE(CKA_SENSITIVE, no),       ATTRIBUTE(CKA_EXTRACTABLE, yes)};
    assert_rv(C_UnwrapKey(session, mechanism, with, wrapped, len, template, 6, &out), CKR_OK);
    return out;
}

static void every_wrapping_brings_the_key_back(void **state) {
    (void)state;
    uint8_t kek[32], value[32], iv[16] = {3}, back[64];
    memset(kek, 0x11, sizeof(kek));
    memset(value, 0x99, sizeof(value));
    CK_GCM_PARAMS gcm = {iv, 12, 96, kek, 4, 128};
    CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};
    fixture_login();
    const struct {
        CK_MECHANISM mechanism;
        CK_OBJECT_HANDLE wraps, unwraps;
        CK_ULONG len;
    } cases[] = {
        {{CKM_AES_KEY_WRAP, NULL, 0}, 0, 0, 40},
        {{CKM_AES_KEY_WRAP_KWP, NULL, 0}, 0, 0, 40},
        {{CKM_AES_CBC_PAD, iv, 16}, 0, 0, 48},
        {{CKM_AES_GCM, &gcm, sizeof(gcm)}, 0, 0, 48},
        {{CKM_RSA_PKCS, NULL, 0},
         fixture_find(CKO_PUBLIC_KEY, "rsa"),
         fixture_find(CKO_PRIVATE_KEY, "rsa"),
         256},
        {{CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)},
         fixture_find(CKO_PUBLIC_KEY, "rsa"),
         fixture_find(CKO_PRIVATE_KEY, "rsa"),
         256},
        {{CKM_SM2_ENCRYPT, NULL, 0},
         fixture_find_usage(CKO_PUBLIC_KEY, "sm2", CKA_WRAP),
         fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_DECRYPT),
         97 + 32},
    };
    CK_OBJECT_HANDLE aes = fixture_secret_key(CKK_AES, kek, sizeof(kek));
    CK_OBJECT_HANDLE key = fixture_secret_key(CKK_GENERIC_SECRET, value, sizeof(value));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CK_MECHANISM mechanism = cases[i].mechanism;
        CK_OBJECT_HANDLE with = cases[i].wraps != 0 ? cases[i].wraps : aes;
        CK_BYTE wrapped[512];
        CK_ULONG len = 0;
        assert_rv(C_WrapKey(session, &mechanism, with, key, NULL, &len), CKR_OK);
        assert_int_equal(len, cases[i].len);
        len--;
        assert_rv(C_WrapKey(session, &mechanism, with, key, wrapped, &len), CKR_BUFFER_TOO_SMALL);
        assert_rv(C_WrapKey(session, &mechanism, with, key, wrapped, &len), CKR_OK);
        with = cases[i].unwraps != 0 ? cases[i].unwraps : aes;
        CK_OBJECT_HANDLE again = unwrap(&mechanism, with, wrapped, len, &generic_type);
        assert_int_equal(read_value(again, CKA_VALUE, back, sizeof(back)), sizeof(value));
        assert_memory_equal(back, value, sizeof(value));
        assert_int_equal(is(again, CKA_LOCAL), CK_FALSE);
        wrapped[20] ^= 4;
        CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, secret_class),
                                   ATTRIBUTE(CKA_KEY_TYPE, aes_type), ATTRIBUTE(CKA_TOKEN, no)};
        CK_RV rv = C_UnwrapKey(session, &mechanism, with, wrapped, len, template, 3, &again);
        if (mechanism.mechanism != CKM_AES_CBC_PAD) { /* which authenticates nothing */
            assert_rv(rv, CKR_WRAPPED_KEY_INVALID);
        }
        assert_rv(C_UnwrapKey(session, &mechanism, with, wrapped, 7, template, 3, &again),
                  CKR_WRAPPED_KEY_LEN_RANGE);
    }
}

static void a_private_key_of_the_session_can_be_wrapped(void **state) {
    (void)state;
    uint8_t kek[16] = {8}, iv[16] = {3};
    CK_MECHANISM wraps[] = {{CKM_AES_CBC_PAD, iv, 16}, {CKM_AES_KEY_WRAP_KWP, NULL, 0}};
    CK_MECHANISM sign = {CKM_ECDSA_SHA256, NULL, 0};
    CK_OBJECT_HANDLE aes = fixture_secret_key(CKK_AES, kek, sizeof(kek)), public_key, private_key;
    session_pair(CKM_EC_KEY_PAIR_GEN, p256, sizeof(p256), 0, &public_key, &private_key);
    for (size_t i = 0; i < 2; i++) {
        CK_BYTE wrapped[400], signature[64], data[] = "x";
        CK_ULONG len = sizeof(wrapped), signature_len = sizeof(signature);
        CK_KEY_TYPE ec = CKK_EC, rsa = CKK_RSA;
        CK_OBJECT_HANDLE back;
        CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, private_class), ATTRIBUTE(CKA_KEY_TYPE, ec),
                                   ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_PRIVATE, no),
                                   ATTRIBUTE(CKA_SIGN, yes)};
        assert_rv(C_WrapKey(session, &wraps[i], aes, private_key, wrapped, &len), CKR_OK);
        assert_rv(C_UnwrapKey(session, &wraps[i], aes, wrapped, len, template, 5, &back), CKR_OK);
        assert_rv(C_SignInit(session, &sign, back), CKR_OK);
        assert_rv(C_Sign(session, data, 1, signature, &signature_len), CKR_OK);
        assert_rv(C_VerifyInit(session, &sign, public_key), CKR_OK);
        assert_rv(C_Verify(session, data, 1, signature, signature_len), CKR_OK);
        template[1].pValue = &rsa;
        assert_rv(C_UnwrapKey(session, &wraps[i], aes, wrapped, len, template, 5, &back),
                  CKR_TEMPLATE_INCONSISTENT);
    }
}

static void keys_that_must_stay_are_not_wrapped(void **state) {
    (void)state;
    uint8_t kek[16] = {8}, value[16] = {1};
    CK_MECHANISM wrap = {CKM_AES_KEY_WRAP, NULL, 0};
    CK_BYTE wrapped[400];
    CK_ULONG len = sizeof(wrapped);
    CK_OBJECT_HANDLE stays, trusted_only, aes = fixture_secret_key(CKK_AES, kek, sizeof(kek));
    CK_ATTRIBUTE unextractable[] = {ATTRIBUTE(CKA_CLASS, secret_class),
                                    ATTRIBUTE(CKA_KEY_TYPE, aes_type), ATTRIBUTE(CKA_VALUE, value),
                                    ATTRIBUTE(CKA_PRIVATE, no), ATTRIBUTE(CKA_EXTRACTABLE, no)};
    CK_ATTRIBUTE only[] = {ATTRIBUTE(CKA_CLASS, secret_class), ATTRIBUTE(CKA_KEY_TYPE, aes_type),
                           ATTRIBUTE(CKA_VALUE, value), ATTRIBUTE(CKA_PRIVATE, no),
                           ATTRIBUTE(CKA_WRAP_WITH_TRUSTED, yes)};
    assert_rv(C_CreateObject(session, unextractable, 5, &stays), CKR_OK);
    assert_rv(C_CreateObject(session, only, 5, &trusted_only), CKR_OK);
    assert_rv(C_WrapKey(session, &wrap, aes, stays, wrapped, &len), CKR_KEY_UNEXTRACTABLE);
    assert_rv(C_WrapKey(session, &wrap, aes, trusted_only, wrapped, &len), CKR_KEY_NOT_WRAPPABLE);
    assert_rv(C_WrapKey(session, &wrap, aes, fixture_find(CKO_PUBLIC_KEY, "rsa"), wrapped, &len),
              CKR_KEY_NOT_WRAPPABLE);
    assert_rv(C_WrapKey(session, &wrap, aes, 9999, wrapped, &len), CKR_KEY_HANDLE_INVALID);
    assert_rv(C_WrapKey(session, &wrap, 9999, aes, wrapped, &len), CKR_WRAPPING_KEY_HANDLE_INVALID);
    fixture_login();
    assert_rv(C_WrapKey(session, &wrap, aes, fixture_find(CKO_PRIVATE_KEY, "rsa"), wrapped, &len),
              CKR_KEY_UNEXTRACTABLE);
    CK_OBJECT_HANDLE generic = fixture_secret_key(CKK_GENERIC_SECRET, value, 16), out;
    assert_rv(C_WrapKey(session, &wrap, generic, aes, wrapped, &len),
              CKR_WRAPPING_KEY_TYPE_INCONSISTENT);
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, secret_class),
                               ATTRIBUTE(CKA_KEY_TYPE, aes_type)};
    assert_rv(C_UnwrapKey(session, &wrap, generic, wrapped, 24, template, 2, &out),
              CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
    assert_rv(C_UnwrapKey(session, &wrap, 9999, wrapped, 24, template, 2, &out),
              CKR_UNWRAPPING_KEY_HANDLE_INVALID);
}

/* NIST CAVS, "ECC CDH primitive" P-256, COUNT = 0. */
static const char *const cdh_peer =
    "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
    "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac";
static const char *const cdh_d = "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534";
static const char *const cdh_z = "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b";

static CK_OBJECT_HANDLE cdh_key(void) {
    uint8_t d[32];
    CK_KEY_TYPE ec = CKK_EC;
    CK_OBJECT_HANDLE key;
    fixture_hex(cdh_d, d);
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, private_class), ATTRIBUTE(CKA_KEY_TYPE, ec),
                               ATTRIBUTE(CKA_EC_PARAMS, p256),      ATTRIBUTE(CKA_VALUE, d),
                               ATTRIBUTE(CKA_PRIVATE, no),          ATTRIBUTE(CKA_DERIVE, yes)};
    assert_rv(C_CreateObject(session, template, 6, &key), CKR_OK);
    return key;
}

static CK_RV derive(CK_ECDH1_DERIVE_PARAMS *params, CK_OBJECT_HANDLE key, CK_ULONG len,
                    uint8_t *value, CK_ULONG *value_len) {
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, params, sizeof(*params)};
    CK_OBJECT_HANDLE out;
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE(CKA_CLASS, secret_class), ATTRIBUTE(CKA_KEY_TYPE, generic_type),
        ATTRIBUTE(CKA_TOKEN, no),           ATTRIBUTE(CKA_PRIVATE, no),
        ATTRIBUTE(CKA_SENSITIVE, no),       ATTRIBUTE(CKA_EXTRACTABLE, yes),
        ATTRIBUTE(CKA_VALUE_LEN, len)};
    CK_RV rv = C_DeriveKey(session, &mechanism, key, template, len > 0 ? 7 : 6, &out);
    if (rv == CKR_OK) {
        *value_len = read_value(out, CKA_VALUE, value, *value_len);
    }
    return rv;
}

static void ecdh_gives_nists_secret_and_what_is_cut_of_it(void **state) {
    (void)state;
    uint8_t peer[67], z[32], value[128], shared[] = {'i', 'n', 'f', 'o'};
    CK_ULONG len = sizeof(value);
    CK_OBJECT_HANDLE key = cdh_key();
    peer[0] = 0x04; /* OCTET STRING */
    peer[1] = 65;
    fixture_hex(cdh_peer, peer + 2);
    fixture_hex(cdh_z, z);
    CK_ECDH1_DERIVE_PARAMS params = {CKD_NULL, 0, NULL, 65, peer + 2};
    assert_rv(derive(&params, key, 0, value, &len), CKR_OK);
    assert_int_equal(len, 32);
    assert_memory_equal(value, z, 32);
    params.pPublicData = peer; /* in DER */
    params.ulPublicDataLen = 67;
    len = sizeof(value);
    assert_rv(derive(&params, key, 20, value, &len), CKR_OK);
    assert_int_equal(len, 20);
    assert_memory_equal(value, z + 12, 20); /* cut from its leading end */
    len = sizeof(value);
    assert_rv(derive(&params, key, 33, value, &len), CKR_KEY_SIZE_RANGE);

    params = (CK_ECDH1_DERIVE_PARAMS){CKD_SHA256_KDF, 4, shared, 65, peer + 2};
    len = sizeof(value);
    assert_rv(derive(&params, key, 40, value, &len), CKR_OK);
    uint8_t input[40], expected[64];
    memcpy(input, z, 32);
    memcpy(input + 36, shared, 4);
    for (uint8_t i = 0; i < 2; i++) { /* X9.63 */
        memcpy(input + 32, (const uint8_t[]){0, 0, 0, (uint8_t)(i + 1)}, 4);
        EVP_Digest(input, 40, expected + (size_t)32 * i, NULL, EVP_sha256(), NULL);
    }
    assert_int_equal(len, 40);
    assert_memory_equal(value, expected, 40);

    peer[40] ^= 1; /* not on the curve */
    assert_rv(derive(&params, key, 16, value, &len), CKR_MECHANISM_PARAM_INVALID);
    params.ulPublicDataLen = 64;
    assert_rv(derive(&params, key, 16, value, &len), CKR_MECHANISM_PARAM_INVALID);
    params.kdf = 0x99;
    assert_rv(derive(&params, key, 16, value, &len), CKR_MECHANISM_PARAM_INVALID);
}

static void an_encapsulated_key_is_the_decapsulated_one(void **state) {
    (void)state;
    CK_OBJECT_HANDLE public_key, private_key, sent, received;
    CK_ECDH1_DERIVE_PARAMS params = {CKD_SHA384_KDF, 0, NULL, 0, NULL};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof(params)};
    CK_ULONG bytes = 32, len = 0;
    CK_BYTE ciphertext[200];
    uint8_t one[32], two[32];
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE(CKA_CLASS, secret_class), ATTRIBUTE(CKA_KEY_TYPE, aes_type),
        ATTRIBUTE(CKA_TOKEN, no),           ATTRIBUTE(CKA_VALUE_LEN, bytes),
        ATTRIBUTE(CKA_SENSITIVE, no),       ATTRIBUTE(CKA_EXTRACTABLE, yes)};
    CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_EC_PARAMS, p521),
                             ATTRIBUTE(CKA_ENCAPSULATE, yes)};
    CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_PRIVATE, no),
                              ATTRIBUTE(CKA_DECAPSULATE, yes)};
    CK_MECHANISM generate = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    assert_rv(
        C_GenerateKeyPair(session, &generate, public, 3, private, 3, &public_key, &private_key),
        CKR_OK);
    assert_rv(C_EncapsulateKey(session, &mechanism, public_key, template, 6, NULL, &len, &sent),
              CKR_OK);
    assert_int_equal(len, 133);
    len = 132;
    assert_rv(
        C_EncapsulateKey(session, &mechanism, public_key, template, 6, ciphertext, &len, &sent),
        CKR_BUFFER_TOO_SMALL);
    assert_rv(
        C_EncapsulateKey(session, &mechanism, public_key, template, 6, ciphertext, &len, &sent),
        CKR_OK);
    assert_rv(
        C_DecapsulateKey(session, &mechanism, private_key, template, 6, ciphertext, len, &received),
        CKR_OK);
    assert_int_equal(read_value(sent, CKA_VALUE, one, 32), 32);
    assert_int_equal(read_value(received, CKA_VALUE, two, 32), 32);
    assert_memory_equal(one, two, 32);
    ciphertext[50] ^= 1;
    assert_rv(
        C_DecapsulateKey(session, &mechanism, private_key, template, 6, ciphertext, len, &received),
        CKR_ENCRYPTED_DATA_INVALID);
    assert_rv(
        C_EncapsulateKey(session, &mechanism, private_key, template, 6, ciphertext, &len, &sent),
        CKR_KEY_HANDLE_INVALID);
}

static void recovery_gives_the_data_back(void **state) {
    (void)state;
    CK_MECHANISM_TYPE types[] = {CKM_RSA_PKCS, CKM_RSA_X_509};
    CK_BYTE data[] = "recovered", signature[256], out[256];
    fixture_login();
    CK_OBJECT_HANDLE private_key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE public_key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    for (size_t i = 0; i < 2; i++) {
        CK_MECHANISM mechanism = {types[i], NULL, 0};
        CK_ULONG len = 0, out_len = 0;
        assert_rv(C_SignRecoverInit(session, &mechanism, private_key), CKR_OK);
        assert_rv(C_SignRecover(session, data, 9, NULL, &len), CKR_OK);
        assert_rv(C_SignRecover(session, data, 9, signature, &len), CKR_OK);
        assert_int_equal(len, 256);
        assert_rv(C_VerifyRecoverInit(session, &mechanism, public_key), CKR_OK);
        assert_rv(C_VerifyRecover(session, signature, len, NULL, &out_len), CKR_OK);
        assert_int_equal(out_len, i == 0 ? 9 : 256);
        out_len--;
        assert_rv(C_VerifyRecover(session, signature, len, out, &out_len), CKR_BUFFER_TOO_SMALL);
        assert_rv(C_VerifyRecover(session, signature, len, out, &out_len), CKR_OK);
        assert_memory_equal(out + out_len - 9, data, 9);
        signature[0] ^= 1;
        out_len = sizeof(out);
        assert_rv(C_VerifyRecoverInit(session, &mechanism, public_key), CKR_OK);
        CK_RV rv = C_VerifyRecover(session, signature, len, out, &out_len);
        assert_true(rv == CKR_SIGNATURE_INVALID || (i == 1 && rv == CKR_OK));
        assert_rv(C_VerifyRecoverInit(session, &mechanism, public_key), CKR_OK);
        assert_rv(C_VerifyRecover(session, signature, 255, out, &out_len), CKR_SIGNATURE_LEN_RANGE);
        assert_rv(C_VerifyRecover(session, signature, 255, out, &out_len),
                  CKR_OPERATION_NOT_INITIALIZED);
    }
    CK_MECHANISM hashing = {CKM_SHA256_RSA_PKCS, NULL, 0};
    assert_rv(C_SignRecoverInit(session, &hashing, private_key), CKR_MECHANISM_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(secret_keys_are_made_as_asked),
        TEST(lengths_that_no_key_has_are_refused),
        TEST(pairs_of_the_session_sign_and_verify),
        TEST(every_pss_and_pkcs1_hash_verifies),
        TEST(an_ecdsa_signature_verifies_under_openssl),
        TEST(curves_and_sizes_that_we_lack_are_refused),
        TEST(every_wrapping_brings_the_key_back),
        TEST(a_private_key_of_the_session_can_be_wrapped),
        TEST(keys_that_must_stay_are_not_wrapped),
        TEST(ecdh_gives_nists_secret_and_what_is_cut_of_it),
        TEST(an_encapsulated_key_is_the_decapsulated_one),
        TEST(recovery_gives_the_data_back),
    };
    int failed = cmocka_run_group_tests_name("key making", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
