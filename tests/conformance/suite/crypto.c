/* 5.12 - 5.17: what digests, signatures, recovery and dual operations have of their own. */
#include "tests/conformance/suite/cases.h"
#include "tests/conformance/suite/judge.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

static CK_SESSION_HANDLE session;
static struct use use;

/* ---- digests ---- */

CHECK(digest_known) {
    CK_BYTE out[64];
    unsigned char expected[EVP_MAX_MD_SIZE];
    FOR_EACH_USE(DIGEST, use, session) {
        CK_ULONG len = sizeof(out);
        unsigned expected_len = 0;
        CK_MECHANISM_TYPE type = use.mechanism.mechanism;
        const EVP_MD *md = type == CKM_SHA_1    ? EVP_sha1()
                           : type == CKM_SHA256 ? EVP_sha256()
                           : type == CKM_SHA384 ? EVP_sha384()
                           : type == CKM_SHA512 ? EVP_sha512()
                                                : EVP_sm3();
        OK(use_init(session, &use));
        OK(use_once(session, &use, out, &len));
        EVP_Digest(use.in, use.in_len, expected, &expected_len, md, NULL);
        HOLDS(len == expected_len && memcmp(out, expected, len) == 0,
              "the digest is what OpenSSL computes");
    }
}
CHECK(digest_empty) {
    CK_BYTE out[64];
    FOR_EACH_USE(DIGEST, use, session) {
        CK_ULONG len = sizeof(out);
        OK(use_init(session, &use));
        use.in_len = 0;
        OK(use_once(session, &use, out, &len));
        len = sizeof(out);
        OK(use_init(session, &use));
        OK(use_final(session, &use, out, &len));
    }
}
CHECK(digest_key) {
    CK_BYTE out[32], expected[32];
    CK_ULONG len = 32;
    unsigned n = 0;
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
    session = user_session();
    CK_OBJECT_HANDLE key = make_secret(session, CKK_GENERIC_SECRET, true);
    OK(p11.C_DigestInit(session, &mechanism));
    OK(p11.C_DigestKey(session, key));
    OK(p11.C_DigestFinal(session, out, &len));
    EVP_Digest("0123456789abcdef0123456789abcdef", 32, expected, &n, EVP_sha256(), NULL);
    HOLDS(len == 32 && memcmp(out, expected, 32) == 0, "the key's value is digested");
}
CHECK(digest_key_private) {
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
    CK_OBJECT_HANDLE all[64];
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_private)};
    CK_ULONG count = find_all(user_session(), template, 1, all, COUNT(all));
    if (count == 0) {
        rule_not_applicable("no private key");
    }
    for (CK_ULONG i = 0; i < count; i++) {
        session = read_write();
        OK(p11.C_DigestInit(session, &mechanism));
        ONE_OF(p11.C_DigestKey(session, all[i]), CKR_KEY_INDIGESTIBLE, CKR_KEY_HANDLE_INVALID);
    }
}
CHECK(digest_key_none) {
    session = user_session();
    EXPECT(CKR_OPERATION_NOT_INITIALIZED,
           p11.C_DigestKey(session, make_secret(session, CKK_GENERIC_SECRET, true)));
}

/* ---- signatures ---- */

CHECK(signature_good) {
    unsigned judged = 0;
    CK_BYTE out[1024];
    FOR_EACH_USE(SIGN, use, session) {
        CK_ULONG len = sizeof(out);
        CK_BYTE data[512];
        CK_ULONG data_len = use.in_len;
        memcpy(data, use.in, data_len);
        if (attribute_ulong(session, use.key, CKA_CLASS) != CKO_PRIVATE_KEY) {
            SKIP_USE;
        }
        OK(use_init(session, &use));
        OK(use_once(session, &use, out, &len));
        EVP_PKEY *key = judge_key((CK_FUNCTION_LIST *)&p11, session, public_of(session, use.key));
        HOLDS(key != NULL, "OpenSSL understands the public key");
        bool good = judge_signature(key, &use.mechanism, data, data_len, out, len);
        bool wrong = judge_signature(key, &use.mechanism, data, data_len - 1, out, len);
        EVP_PKEY_free(key);
        HOLDS(good && !wrong, "OpenSSL verifies the signature");
        judged++;
    }
}
CHECK(signature_public_session) {
    session = user_session();
    CK_OBJECT_HANDLE key = any_object(session, CKO_PRIVATE_KEY);
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    OK(p11.C_Logout(session));
    ONE_OF(p11.C_SignInit(session, &mechanism, key), CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN,
           CKR_OBJECT_HANDLE_INVALID);
}
CHECK(signature_key_type) {
    session = user_session();
    CK_OBJECT_HANDLE rsa = find_key(session, CKO_PRIVATE_KEY, CKK_RSA, CKA_SIGN);
    CK_OBJECT_HANDLE ec = find_key(session, CKO_PRIVATE_KEY, CKK_EC, CKA_SIGN);
    CK_OBJECT_HANDLE sm2 = find_key(session, CKO_PRIVATE_KEY, CKK_SM2, CKA_SIGN);
    CK_MECHANISM for_rsa = {CKM_RSA_PKCS, NULL, 0},
                 for_curve = {sm2 != CK_INVALID_HANDLE ? CKM_SM2 : CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE curve = sm2 != CK_INVALID_HANDLE ? sm2 : ec;
    if (rsa == CK_INVALID_HANDLE || curve == CK_INVALID_HANDLE) {
        rule_not_applicable("it takes keys of two types");
    }
    EXPECT(CKR_KEY_TYPE_INCONSISTENT, p11.C_SignInit(session, &for_rsa, curve));
    EXPECT(CKR_KEY_TYPE_INCONSISTENT, p11.C_SignInit(session, &for_curve, rsa));
}
CHECK(signature_parameter) {
    CK_BYTE junk[3] = {1, 2, 3};
    FOR_EACH_USE(SIGN, use, session) {
        if (use.mechanism.ulParameterLen == 0) {
            SKIP_USE;
        }
        struct use other = use;
        other.mechanism.pParameter = junk;
        other.mechanism.ulParameterLen = sizeof(junk);
        ONE_OF(use_init(session, &other), CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD);
        other.mechanism.pParameter = NULL;
        other.mechanism.ulParameterLen = 0;
        ONE_OF(use_init(session, &other), CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD);
    }
}
CHECK(sign_and_verify_together) {
    CK_BYTE out[1024];
    FOR_EACH_USE(SIGN, use, session) {
        CK_MECHANISM digest = {CKM_SHA256, NULL, 0};
        CK_ULONG len = sizeof(out);
        if (!has_mechanism(CKM_SHA256, CKF_DIGEST)) {
            SKIP_USE;
        }
        OK(p11.C_DigestInit(session, &digest));
        CK_RV rv = use_init(session, &use);
        if (rv == CKR_OPERATION_ACTIVE) {
            rule_not_applicable("the module keeps one operation at a time");
        }
        OK(rv);
        OK(use_once(session, &use, out, &len));
        OK(p11.C_DigestUpdate(session, use.in, 4));
    }
}
static void always_authenticate_key(CK_OBJECT_HANDLE *key, CK_MECHANISM *mechanism) {
    session = user_session();
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_private),
                               ATTRIBUTE(CKA_ALWAYS_AUTHENTICATE, yes), ATTRIBUTE(CKA_SIGN, yes)};
    if (find_all(session, template, 3, key, 1) == 0) {
        rule_not_applicable("no key with CKA_ALWAYS_AUTHENTICATE");
    }
    CK_KEY_TYPE type = attribute_ulong(session, *key, CKA_KEY_TYPE);
    *mechanism = (CK_MECHANISM){type == CKK_RSA  ? CKM_RSA_PKCS
                                : type == CKK_EC ? CKM_ECDSA
                                                 : CKM_SM2,
                                NULL, 0};
}
CHECK(always_authenticate) {
    CK_OBJECT_HANDLE key;
    CK_MECHANISM mechanism;
    CK_BYTE data[32] = {3}, out[1024];
    CK_ULONG len = sizeof(out);
    CK_UTF8CHAR pin[64];
    always_authenticate_key(&key, &mechanism);
    CK_ULONG pin_len = (CK_ULONG)snprintf((char *)pin, sizeof(pin), "%s", setting.pin);
    OK(p11.C_SignInit(session, &mechanism, key));
    EXPECT(CKR_USER_NOT_LOGGED_IN, p11.C_Sign(session, data, 32, out, &len));
    OK(p11.C_SignInit(session, &mechanism, key));
    OK(p11.C_Login(session, CKU_CONTEXT_SPECIFIC, pin, pin_len));
    len = sizeof(out);
    OK(p11.C_Sign(session, data, 32, out, &len));
    OK(p11.C_SignInit(session, &mechanism, key));
    len = sizeof(out);
    EXPECT(CKR_USER_NOT_LOGGED_IN, p11.C_Sign(session, data, 32, out, &len));
}
CHECK(always_authenticate_wrong) {
    CK_OBJECT_HANDLE key;
    CK_MECHANISM mechanism;
    CK_UTF8CHAR pin[64];
    always_authenticate_key(&key, &mechanism);
    CK_ULONG pin_len = (CK_ULONG)snprintf((char *)pin, sizeof(pin), "%s", setting.pin);
    pin[pin_len - 1] ^= 1;
    OK(p11.C_SignInit(session, &mechanism, key));
    EXPECT(CKR_PIN_INCORRECT, p11.C_Login(session, CKU_CONTEXT_SPECIFIC, pin, pin_len));
    pin[pin_len - 1] ^= 1;
    p11.C_Login(session, CKU_CONTEXT_SPECIFIC, pin, pin_len);
    HOLDS(state_of(session) == CKS_RW_USER_FUNCTIONS || state_of(session) == CKS_RW_PUBLIC_SESSION,
          "the session is in a known state");
}

/* ---- recovery ---- */

static CK_OBJECT_HANDLE recover_key(void) {
    session = user_session();
    CK_OBJECT_HANDLE key = find_key(session, CKO_PRIVATE_KEY, CKK_RSA, CKA_SIGN_RECOVER);
    if (key == CK_INVALID_HANDLE || !has_mechanism(CKM_RSA_PKCS, CKF_SIGN_RECOVER)) {
        rule_not_applicable("no RSA key with CKA_SIGN_RECOVER");
    }
    return key;
}
static CK_MECHANISM rsa_pkcs = {CKM_RSA_PKCS, NULL, 0};

CHECK(recover_roundtrip) {
    CK_BYTE data[20] = "recover me", signature[1024], out[1024];
    CK_ULONG len = sizeof(signature), out_len = 0;
    CK_OBJECT_HANDLE key = recover_key();
    OK(p11.C_SignRecoverInit(session, &rsa_pkcs, key));
    OK(p11.C_SignRecover(session, data, 20, signature, &len));
    OK(p11.C_VerifyRecoverInit(session, &rsa_pkcs, public_of(session, key)));
    OK(p11.C_VerifyRecover(session, signature, len, NULL, &out_len));
    HOLDS(out_len >= 20, "NULL asks for the length");
    out_len = 2;
    EXPECT(CKR_BUFFER_TOO_SMALL, p11.C_VerifyRecover(session, signature, len, out, &out_len));
    out_len = sizeof(out);
    OK(p11.C_VerifyRecover(session, signature, len, out, &out_len));
    HOLDS(out_len == 20 && memcmp(out, data, 20) == 0, "the data comes back");
    EXPECT(CKR_OPERATION_NOT_INITIALIZED,
           p11.C_VerifyRecover(session, signature, len, out, &out_len));
}
CHECK(recover_sign_rules) {
    CK_BYTE data[300] = {1}, signature[1024];
    CK_ULONG len = 0;
    CK_OBJECT_HANDLE key = recover_key();
    OK(p11.C_SignRecoverInit(session, &rsa_pkcs, key));
    EXPECT(CKR_OPERATION_ACTIVE, p11.C_SignRecoverInit(session, &rsa_pkcs, key));
    OK(p11.C_SignRecover(session, data, 20, NULL, &len));
    len = 1;
    EXPECT(CKR_BUFFER_TOO_SMALL, p11.C_SignRecover(session, data, 20, signature, &len));
    len = sizeof(signature);
    OK(p11.C_SignRecover(session, data, 20, signature, &len));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_SignRecover(session, data, 20, signature, &len));
    len = sizeof(signature);
    OK(p11.C_SignRecoverInit(session, &rsa_pkcs, key));
    EXPECT(CKR_DATA_LEN_RANGE, p11.C_SignRecover(session, data, 300, signature, &len));
}
CHECK(recover_wrong) {
    CK_BYTE data[20] = "recover me", signature[1024], out[1024];
    CK_ULONG len = sizeof(signature), out_len = sizeof(out);
    CK_OBJECT_HANDLE key = recover_key();
    OK(p11.C_SignRecoverInit(session, &rsa_pkcs, key));
    OK(p11.C_SignRecover(session, data, 20, signature, &len));
    signature[len / 2] ^= 4;
    OK(p11.C_VerifyRecoverInit(session, &rsa_pkcs, public_of(session, key)));
    EXPECT(CKR_SIGNATURE_INVALID, p11.C_VerifyRecover(session, signature, len, out, &out_len));
    OK(p11.C_VerifyRecoverInit(session, &rsa_pkcs, public_of(session, key)));
    ONE_OF(p11.C_VerifyRecover(session, signature, len - 1, out, &out_len), CKR_SIGNATURE_LEN_RANGE,
           CKR_SIGNATURE_INVALID);
}

/* ---- two operations in one call ---- */

static CK_OBJECT_HANDLE dual_key(CK_MECHANISM *cipher) {
    static CK_BYTE iv[16];
    session = user_session();
    if ((token_info().flags & CKF_DUAL_CRYPTO_OPERATIONS) == 0) {
        rule_not_applicable("the token has no CKF_DUAL_CRYPTO_OPERATIONS");
    }
    *cipher = (CK_MECHANISM){CKM_AES_CBC, iv, sizeof(iv)};
    CK_OBJECT_HANDLE key = make_secret(session, CKK_AES, true);
    if (!has_mechanism(CKM_AES_CBC, CKF_ENCRYPT) || !has_mechanism(CKM_SHA256, CKF_DIGEST)) {
        rule_not_applicable("no CKM_AES_CBC and CKM_SHA256");
    }
    return key;
}
CHECK(dual_digest_encrypt) {
    CK_MECHANISM cipher, digest = {CKM_SHA256, NULL, 0};
    CK_BYTE data[32] = "two operations, one call, 32 byt", out[64], back[64], one[32], two[32];
    CK_ULONG len = sizeof(out), n = 0, one_len = 32, two_len = 32, back_len = sizeof(back);
    CK_OBJECT_HANDLE key = dual_key(&cipher);
    OK(p11.C_DigestInit(session, &digest));
    OK(p11.C_EncryptInit(session, &cipher, key));
    OK(p11.C_DigestEncryptUpdate(session, data, 32, out, &len));
    n = sizeof(out) - len;
    OK(p11.C_EncryptFinal(session, out + len, &n));
    HOLDS(len + n == 32, "all is encrypted");
    OK(p11.C_DigestFinal(session, one, &one_len));
    OK(p11.C_DigestInit(session, &digest));
    OK(p11.C_DecryptInit(session, &cipher, key));
    OK(p11.C_DecryptDigestUpdate(session, out, 32, back, &back_len));
    n = sizeof(back) - back_len;
    OK(p11.C_DecryptFinal(session, back + back_len, &n));
    OK(p11.C_DigestFinal(session, two, &two_len));
    HOLDS(memcmp(back, data, 32) == 0, "the plaintext comes back");
    HOLDS(memcmp(one, two, 32) == 0, "both digests are of the plaintext");
}
CHECK(dual_sign_encrypt) {
    CK_MECHANISM cipher, mac = {CKM_SHA256_HMAC, NULL, 0};
    CK_BYTE data[32] = "two operations, one call, 32 byt", out[64], back[64], tag[32];
    CK_ULONG len = sizeof(out), n = sizeof(out), tag_len = 32, back_len = sizeof(back);
    CK_OBJECT_HANDLE key = dual_key(&cipher);
    CK_OBJECT_HANDLE mac_key = make_secret(session, CKK_GENERIC_SECRET, true);
    if (!has_mechanism(CKM_SHA256_HMAC, CKF_SIGN)) {
        rule_not_applicable("no CKM_SHA256_HMAC");
    }
    OK(p11.C_SignInit(session, &mac, mac_key));
    OK(p11.C_EncryptInit(session, &cipher, key));
    OK(p11.C_SignEncryptUpdate(session, data, 32, out, &len));
    n -= len;
    OK(p11.C_EncryptFinal(session, out + len, &n));
    OK(p11.C_SignFinal(session, tag, &tag_len));
    OK(p11.C_VerifyInit(session, &mac, mac_key));
    OK(p11.C_DecryptInit(session, &cipher, key));
    OK(p11.C_DecryptVerifyUpdate(session, out, 32, back, &back_len));
    n = sizeof(back) - back_len;
    OK(p11.C_DecryptFinal(session, back + back_len, &n));
    OK(p11.C_VerifyFinal(session, tag, tag_len));
    HOLDS(memcmp(back, data, 32) == 0, "the plaintext comes back");
}
CHECK(dual_not_initialized) {
    CK_MECHANISM cipher, digest = {CKM_SHA256, NULL, 0};
    CK_BYTE data[16] = {0}, out[64];
    CK_ULONG len = sizeof(out);
    CK_OBJECT_HANDLE key = dual_key(&cipher);
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_DigestEncryptUpdate(session, data, 16, out, &len));
    OK(p11.C_DigestInit(session, &digest));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_DigestEncryptUpdate(session, data, 16, out, &len));
    OK(p11.C_EncryptInit(session, &cipher, key));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_SignEncryptUpdate(session, data, 16, out, &len));
}
CHECK(dual_small) {
    CK_MECHANISM cipher, digest = {CKM_SHA256, NULL, 0};
    CK_BYTE data[32] = {7}, out[64], one[32], expected[32];
    CK_ULONG len = 0, n, one_len = 32;
    unsigned md_len = 0;
    CK_OBJECT_HANDLE key = dual_key(&cipher);
    OK(p11.C_DigestInit(session, &digest));
    OK(p11.C_EncryptInit(session, &cipher, key));
    OK(p11.C_DigestEncryptUpdate(session, data, 32, NULL, &len));
    len = 1;
    EXPECT(CKR_BUFFER_TOO_SMALL, p11.C_DigestEncryptUpdate(session, data, 32, out, &len));
    len = sizeof(out);
    OK(p11.C_DigestEncryptUpdate(session, data, 32, out, &len));
    n = sizeof(out) - len;
    OK(p11.C_EncryptFinal(session, out + len, &n));
    OK(p11.C_DigestFinal(session, one, &one_len));
    EVP_Digest(data, 32, expected, &md_len, EVP_sha256(), NULL);
    HOLDS(memcmp(one, expected, 32) == 0, "asking for lengths does not digest twice");
}

/* clang-format off */
static const struct rule digests[] = {
    {"5.12.2", "C_Digest", "is what OpenSSL computes", digest_known, NULL},
    {"5.12.2", "C_Digest", "digests nothing, too", digest_empty, NULL},
    {"5.12.4", "C_DigestKey", "digests the value of a secret key", digest_key, NULL},
    {"5.12.4", "C_DigestKey", "a private key: CKR_KEY_INDIGESTIBLE", digest_key_private, NULL},
    {"5.12.4", "C_DigestKey", "without operation: CKR_OPERATION_NOT_INITIALIZED", digest_key_none, NULL},
};
/* clang-format on */
RULE_LIST(digest_rules, digests);
/* clang-format off */
static const struct rule signs[] = {
    {"5.13.2", "C_Sign", "OpenSSL verifies the signature with the public key object", signature_good, NULL},
    {"5.13.1", "C_SignInit", "a private key is not usable after the logout", signature_public_session, NULL},
    {"5.13.1", "C_SignInit", "key and mechanism of different types: CKR_KEY_TYPE_INCONSISTENT", signature_key_type, NULL},
    {"5.13.1", "C_SignInit", "a parameter that makes no sense: CKR_MECHANISM_PARAM_INVALID", signature_parameter, NULL},
    {"5.13.1", "C_SignInit", "a digest and a signature live side by side", sign_and_verify_together, NULL},
    {"4.9", "CKA_ALWAYS_AUTHENTICATE", "each use wants the PIN by CKU_CONTEXT_SPECIFIC", always_authenticate, NULL},
    {"4.9", "CKA_ALWAYS_AUTHENTICATE", "a wrong PIN there: CKR_PIN_INCORRECT", always_authenticate_wrong, NULL},
};
/* clang-format on */
RULE_LIST(sign_rules, signs);
/* clang-format off */
static const struct rule recovers[] = {
    {"5.15.6", "C_VerifyRecover", "gives the data back, asks for lengths as 5.2 says", recover_roundtrip, NULL},
    {"5.13.6", "C_SignRecover", "follows the rules of operations; CKR_DATA_LEN_RANGE", recover_sign_rules, NULL},
    {"5.15.6", "C_VerifyRecover", "a wrong signature: CKR_SIGNATURE_INVALID", recover_wrong, NULL},
};
/* clang-format on */
RULE_LIST(recover_rules, recovers);
/* clang-format off */
static const struct rule duals[] = {
    {"5.17.1", "C_DigestEncryptUpdate", "does what both would do; C_DecryptDigestUpdate undoes it (5.17.2)", dual_digest_encrypt, NULL},
    {"5.17.3", "C_SignEncryptUpdate", "does what both would do; C_DecryptVerifyUpdate undoes it (5.17.4)", dual_sign_encrypt, NULL},
    {"5.17.1", "C_DigestEncryptUpdate", "both operations must be active: CKR_OPERATION_NOT_INITIALIZED", dual_not_initialized, NULL},
    {"5.17.1", "C_DigestEncryptUpdate", "asking for lengths does nothing to either operation", dual_small, NULL},
};
/* clang-format on */
RULE_LIST(dual_rules, duals);
