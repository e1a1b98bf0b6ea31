/* 5.18: making, wrapping and deriving keys; 5.19: random numbers. */
#include "tests/conformance/suite/suite.h"

#include <string.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

/* ---- C_GenerateKey ---- */

static CK_MECHANISM aes_gen = {CKM_AES_KEY_GEN, NULL, 0};
static CK_ULONG sixteen = 16;

static void need_aes_gen(void) {
    if (!has_mechanism(CKM_AES_KEY_GEN, CKF_GENERATE)) {
        rule_not_applicable("no CKM_AES_KEY_GEN");
    }
}
CHECK(generate_local) {
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_VALUE_LEN, sixteen), ATTRIBUTE(CKA_TOKEN, no),
                               ATTRIBUTE(CKA_SENSITIVE, yes), ATTRIBUTE(CKA_EXTRACTABLE, no)};
    need_aes_gen();
    CK_SESSION_HANDLE session = user_session();
    OK(p11.C_GenerateKey(session, &aes_gen, template, 4, &key));
    HOLDS(attribute_ulong(session, key, CKA_CLASS) == CKO_SECRET_KEY &&
              attribute_ulong(session, key, CKA_KEY_TYPE) == CKK_AES,
          "class and type follow from the mechanism");
    HOLDS(attribute_bool(session, key, CKA_LOCAL), "CKA_LOCAL is CK_TRUE");
    HOLDS(attribute_ulong(session, key, CKA_KEY_GEN_MECHANISM) == CKM_AES_KEY_GEN,
          "CKA_KEY_GEN_MECHANISM is the mechanism");
    HOLDS(attribute_bool(session, key, CKA_ALWAYS_SENSITIVE) &&
              attribute_bool(session, key, CKA_NEVER_EXTRACTABLE),
          "it was always sensitive and never extractable");
}
CHECK(generate_differ) {
    CK_OBJECT_HANDLE a, b;
    CK_BYTE x[32], y[32];
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_VALUE_LEN, sixteen), ATTRIBUTE(CKA_TOKEN, no),
                               ATTRIBUTE(CKA_SENSITIVE, no), ATTRIBUTE(CKA_EXTRACTABLE, yes)};
    need_aes_gen();
    CK_SESSION_HANDLE session = user_session();
    OK(p11.C_GenerateKey(session, &aes_gen, template, 4, &a));
    OK(p11.C_GenerateKey(session, &aes_gen, template, 4, &b));
    HOLDS(attribute_bytes(session, a, CKA_VALUE, x, 32) == 16 &&
              attribute_bytes(session, b, CKA_VALUE, y, 32) == 16 && memcmp(x, y, 16) != 0,
          "two keys differ and have the length that was asked for");
}
CHECK(generate_incomplete) {
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_TOKEN, no)};
    need_aes_gen();
    EXPECT(CKR_TEMPLATE_INCOMPLETE, p11.C_GenerateKey(user_session(), &aes_gen, template, 1, &key));
}
CHECK(generate_inconsistent) {
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE class[] = {ATTRIBUTE(CKA_VALUE_LEN, sixteen), ATTRIBUTE(CKA_TOKEN, no),
                            ATTRIBUTE(CKA_CLASS, class_private)};
    CK_ATTRIBUTE type[] = {ATTRIBUTE(CKA_VALUE_LEN, sixteen), ATTRIBUTE(CKA_TOKEN, no),
                           ATTRIBUTE(CKA_KEY_TYPE, type_rsa)};
    need_aes_gen();
    CK_SESSION_HANDLE session = user_session();
    EXPECT(CKR_TEMPLATE_INCONSISTENT, p11.C_GenerateKey(session, &aes_gen, class, 3, &key));
    EXPECT(CKR_TEMPLATE_INCONSISTENT, p11.C_GenerateKey(session, &aes_gen, type, 3, &key));
}
CHECK(generate_length) {
    CK_OBJECT_HANDLE key;
    CK_ULONG seven = 7;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_VALUE_LEN, seven), ATTRIBUTE(CKA_TOKEN, no)};
    need_aes_gen();
    ONE_OF(p11.C_GenerateKey(user_session(), &aes_gen, template, 2, &key),
           CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE, CKR_TEMPLATE_INCONSISTENT);
}
CHECK(generate_mechanism) {
    CK_OBJECT_HANDLE key;
    CK_MECHANISM bad = {0x7FFFFFF0UL, NULL, 0};
    EXPECT(CKR_MECHANISM_INVALID, p11.C_GenerateKey(user_session(), &bad, NULL, 0, &key));
}
CHECK(generate_read_only) {
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_VALUE_LEN, sixteen), ATTRIBUTE(CKA_TOKEN, yes)};
    need_aes_gen();
    CK_SESSION_HANDLE session = read_only();
    login_user(session);
    EXPECT(CKR_SESSION_READ_ONLY, p11.C_GenerateKey(session, &aes_gen, template, 2, &key));
}

/* ---- C_GenerateKeyPair ---- */

static CK_ULONG bits = 2048;
static CK_BYTE exponent[] = {1, 0, 1};

/* A mechanism for pairs on the token: done by the token itself where CKF_HW tells such ones from others. */
static CK_MECHANISM pair_mechanism(CK_ATTRIBUTE *public, CK_ULONG *count, CK_KEY_TYPE *type) {
    static CK_BYTE p256[] = {0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};
    static const CK_MECHANISM_TYPE types[] = {CKM_SM2_KEY_PAIR_GEN, CKM_EC_KEY_PAIR_GEN,
                                              CKM_RSA_PKCS_KEY_PAIR_GEN};
    CK_MECHANISM mechanism = {CK_UNAVAILABLE_INFORMATION, NULL, 0};
    for (size_t i = 0; i < 2 * COUNT(types) && mechanism.mechanism == CK_UNAVAILABLE_INFORMATION;
         i++) {
        CK_FLAGS hardware = i < COUNT(types) ? CKF_HW : 0;
        if (has_mechanism(types[i % COUNT(types)], CKF_GENERATE_KEY_PAIR | hardware)) {
            mechanism.mechanism = types[i % COUNT(types)];
        }
    }
    switch (mechanism.mechanism) {
    case CKM_SM2_KEY_PAIR_GEN:
        *type = CKK_SM2;
        *count = 0;
        break;
    case CKM_EC_KEY_PAIR_GEN:
        public
        [0] = (CK_ATTRIBUTE){CKA_EC_PARAMS, p256, sizeof(p256)};
        *type = CKK_EC;
        *count = 1;
        break;
    case CKM_RSA_PKCS_KEY_PAIR_GEN:
        public
        [0] = (CK_ATTRIBUTE)ATTRIBUTE(CKA_MODULUS_BITS, bits);
        public[1] = (CK_ATTRIBUTE)ATTRIBUTE(CKA_PUBLIC_EXPONENT, exponent);
        *type = CKK_RSA;
        *count = 2;
        break;
    default:
        rule_not_applicable("the token makes no key pairs");
    }
    return mechanism;
}
CHECK(pair_made) {
    CK_ATTRIBUTE public[4], private[] = {ATTRIBUTE(CKA_TOKEN, yes), ATTRIBUTE(CKA_SIGN, yes),
                                         TEXT(CKA_LABEL, "made here")};
    CK_ULONG count;
    CK_KEY_TYPE type;
    CK_OBJECT_HANDLE pub = 0, priv = 0;
    CK_BYTE data[32] = {5}, signature[512];
    CK_ULONG len = sizeof(signature);
    CK_SESSION_HANDLE session = user_session();
    CK_MECHANISM mechanism = pair_mechanism(public, &count, &type);
    public[count++] = (CK_ATTRIBUTE)ATTRIBUTE(CKA_TOKEN, yes);
    CK_RV made = p11.C_GenerateKeyPair(session, &mechanism, public, count, private, 3, &pub, &priv);
    if (made == CKR_USER_NOT_LOGGED_IN) {
        rule_not_applicable("the token makes key pairs for the officer alone");
    }
    expect_rv(made, CKR_OK, "C_GenerateKeyPair(");
    HOLDS(attribute_ulong(session, pub, CKA_CLASS) == CKO_PUBLIC_KEY &&
              attribute_ulong(session, priv, CKA_CLASS) == CKO_PRIVATE_KEY,
          "the public key is the first handle, the private key the second");
    HOLDS(attribute_ulong(session, pub, CKA_KEY_TYPE) == type &&
              attribute_ulong(session, priv, CKA_KEY_TYPE) == type,
          "types follow from the mechanism");
    HOLDS(attribute_bool(session, pub, CKA_LOCAL) && attribute_bool(session, priv, CKA_LOCAL),
          "CKA_LOCAL is CK_TRUE on both");
    HOLDS(attribute_ulong(session, priv, CKA_KEY_GEN_MECHANISM) == mechanism.mechanism,
          "CKA_KEY_GEN_MECHANISM is the mechanism");
    CK_MECHANISM sign = {type == CKK_RSA  ? CKM_RSA_PKCS
                         : type == CKK_EC ? CKM_ECDSA
                                          : CKM_SM2,
                         NULL, 0};
    OK(p11.C_SignInit(session, &sign, priv));
    OK(p11.C_Sign(session, data, 32, signature, &len));
    OK(p11.C_VerifyInit(session, &sign, pub));
    CK_RV rv = p11.C_Verify(session, data, 32, signature, len);
    OK(p11.C_DestroyObject(session, priv));
    p11.C_DestroyObject(session, pub);
    expect_rv(rv, CKR_OK, "C_Verify(");
}
CHECK(pair_inconsistent) {
    CK_ATTRIBUTE public[4],
        private[] = {ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_CLASS, class_secret)};
    CK_ATTRIBUTE other[] = {ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_KEY_TYPE, type_aes)};
    CK_ULONG count;
    CK_KEY_TYPE type;
    CK_OBJECT_HANDLE pub, priv;
    CK_SESSION_HANDLE session = user_session();
    CK_MECHANISM mechanism = pair_mechanism(public, &count, &type);
    EXPECT(CKR_TEMPLATE_INCONSISTENT,
           p11.C_GenerateKeyPair(session, &mechanism, public, count, private, 2, &pub, &priv));
    EXPECT(CKR_TEMPLATE_INCONSISTENT,
           p11.C_GenerateKeyPair(session, &mechanism, public, count, other, 2, &pub, &priv));
}
CHECK(pair_fails_whole) {
    CK_ATTRIBUTE public[4],
        private[] = {ATTRIBUTE(CKA_TOKEN, yes), ATTRIBUTE(CKA_CLASS, class_secret)};
    CK_OBJECT_HANDLE all[512];
    CK_ULONG count;
    CK_KEY_TYPE type;
    CK_OBJECT_HANDLE pub, priv;
    CK_SESSION_HANDLE session = user_session();
    CK_MECHANISM mechanism = pair_mechanism(public, &count, &type);
    CK_ULONG before = find_all(session, NULL, 0, all, 512);
    ANY_ERROR(p11.C_GenerateKeyPair(session, &mechanism, public, count, private, 2, &pub, &priv));
    HOLDS(find_all(session, NULL, 0, all, 512) == before, "a failure makes no key at all");
}
CHECK(pair_read_only) {
    CK_ATTRIBUTE public[4], private[] = {ATTRIBUTE(CKA_TOKEN, yes)};
    CK_ULONG count;
    CK_KEY_TYPE type;
    CK_OBJECT_HANDLE pub, priv;
    CK_SESSION_HANDLE session = read_only();
    login_user(session);
    CK_MECHANISM mechanism = pair_mechanism(public, &count, &type);
    public[count++] = (CK_ATTRIBUTE)ATTRIBUTE(CKA_TOKEN, yes);
    EXPECT(CKR_SESSION_READ_ONLY,
           p11.C_GenerateKeyPair(session, &mechanism, public, count, private, 1, &pub, &priv));
}
CHECK(pair_public_session) {
    CK_ATTRIBUTE public[4], private[] = {ATTRIBUTE(CKA_TOKEN, yes)};
    CK_ULONG count;
    CK_KEY_TYPE type;
    CK_OBJECT_HANDLE pub, priv;
    CK_SESSION_HANDLE session = read_write();
    CK_MECHANISM mechanism = pair_mechanism(public, &count, &type);
    public[count++] = (CK_ATTRIBUTE)ATTRIBUTE(CKA_TOKEN, yes);
    EXPECT(CKR_USER_NOT_LOGGED_IN,
           p11.C_GenerateKeyPair(session, &mechanism, public, count, private, 1, &pub, &priv));
}
CHECK(pair_mechanism_unknown) {
    CK_OBJECT_HANDLE pub, priv;
    CK_MECHANISM bad = {0x7FFFFFF0UL, NULL, 0};
    EXPECT(CKR_MECHANISM_INVALID,
           p11.C_GenerateKeyPair(user_session(), &bad, NULL, 0, NULL, 0, &pub, &priv));
}

/* ---- wrapping ---- */

static CK_MECHANISM wrap = {CKM_AES_KEY_WRAP, NULL, 0};

static CK_SESSION_HANDLE wrapping(CK_OBJECT_HANDLE *with, CK_OBJECT_HANDLE *what,
                                  bool extractable) {
    CK_SESSION_HANDLE session = user_session();
    if (!has_mechanism(CKM_AES_KEY_WRAP, CKF_WRAP)) {
        rule_not_applicable("no CKM_AES_KEY_WRAP");
    }
    *with = make_secret(session, CKK_AES, false);
    *what = make_secret(session, CKK_GENERIC_SECRET, extractable);
    return session;
}
CHECK(wrap_roundtrip) {
    CK_OBJECT_HANDLE with, what, back;
    CK_BYTE wrapped[128], value[64];
    CK_ULONG len = 0;
    CK_SESSION_HANDLE session = wrapping(&with, &what, true);
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_secret),
                               ATTRIBUTE(CKA_KEY_TYPE, type_generic), ATTRIBUTE(CKA_TOKEN, no),
                               ATTRIBUTE(CKA_SENSITIVE, no), ATTRIBUTE(CKA_EXTRACTABLE, yes)};
    OK(p11.C_WrapKey(session, &wrap, with, what, NULL, &len));
    HOLDS(len >= 40 && len <= sizeof(wrapped), "NULL asks for the length");
    CK_ULONG small = 3;
    EXPECT(CKR_BUFFER_TOO_SMALL, p11.C_WrapKey(session, &wrap, with, what, wrapped, &small));
    OK(p11.C_WrapKey(session, &wrap, with, what, wrapped, &len));
    OK(p11.C_UnwrapKey(session, &wrap, with, wrapped, len, template, 5, &back));
    HOLDS(attribute_bytes(session, back, CKA_VALUE, value, 64) == 32 &&
              memcmp(value, "0123456789abcdef0123456789abcdef", 32) == 0,
          "the key comes back");
    HOLDS(!attribute_bool(session, back, CKA_LOCAL) &&
              !attribute_bool(session, back, CKA_ALWAYS_SENSITIVE) &&
              !attribute_bool(session, back, CKA_NEVER_EXTRACTABLE),
          "an unwrapped key is not local, was not always sensitive nor never extractable");
    wrapped[7] ^= 1;
    ONE_OF(p11.C_UnwrapKey(session, &wrap, with, wrapped, len, template, 5, &back),
           CKR_WRAPPED_KEY_INVALID, CKR_ENCRYPTED_DATA_INVALID);
    ONE_OF(p11.C_UnwrapKey(session, &wrap, with, wrapped, len - 3, template, 5, &back),
           CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID);
}
CHECK(wrap_unextractable) {
    CK_OBJECT_HANDLE with, what;
    CK_BYTE wrapped[128];
    CK_ULONG len = sizeof(wrapped);
    CK_SESSION_HANDLE session = wrapping(&with, &what, false);
    EXPECT(CKR_KEY_UNEXTRACTABLE, p11.C_WrapKey(session, &wrap, with, what, wrapped, &len));
}
CHECK(wrap_token_private) {
    CK_OBJECT_HANDLE with, what;
    CK_BYTE wrapped[4096];
    CK_ULONG len = sizeof(wrapped);
    CK_SESSION_HANDLE session = wrapping(&with, &what, true);
    CK_OBJECT_HANDLE key = any_object(session, CKO_PRIVATE_KEY);
    if (attribute_bool(session, key, CKA_EXTRACTABLE)) {
        rule_not_applicable("the token's private key is extractable");
    }
    EXPECT(CKR_KEY_UNEXTRACTABLE, p11.C_WrapKey(session, &wrap, with, key, wrapped, &len));
}
CHECK(wrap_bad_handles) {
    CK_OBJECT_HANDLE with, what;
    CK_BYTE wrapped[128];
    CK_ULONG len = sizeof(wrapped);
    CK_SESSION_HANDLE session = wrapping(&with, &what, true);
    EXPECT(CKR_KEY_HANDLE_INVALID, p11.C_WrapKey(session, &wrap, with, 0x7FFFFFF1, wrapped, &len));
    ONE_OF(p11.C_WrapKey(session, &wrap, 0x7FFFFFF1, what, wrapped, &len),
           CKR_WRAPPING_KEY_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID);
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_secret),
                               ATTRIBUTE(CKA_KEY_TYPE, type_generic), ATTRIBUTE(CKA_TOKEN, no)};
    ONE_OF(p11.C_UnwrapKey(session, &wrap, 0x7FFFFFF1, wrapped, 40, template, 3, &what),
           CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID);
}
CHECK(derive_ecdh) {
    CK_BYTE point[128];
    CK_OBJECT_HANDLE key, derived;
    CK_SESSION_HANDLE session = user_session();
    if (!has_mechanism(CKM_ECDH1_DERIVE, CKF_DERIVE)) {
        rule_not_applicable("no CKM_ECDH1_DERIVE");
    }
    key = find_key(session, CKO_PRIVATE_KEY, CKK_EC, CKA_DERIVE);
    if (key == CK_INVALID_HANDLE) {
        rule_not_applicable("no EC key with CKA_DERIVE");
    }
    CK_ULONG len = attribute_bytes(session, public_of(session, key), CKA_EC_POINT, point, 128);
    CK_ECDH1_DERIVE_PARAMS parameters = {CKD_NULL, 0, NULL, len - 2, point + 2};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &parameters, sizeof(parameters)};
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_secret),
                               ATTRIBUTE(CKA_KEY_TYPE, type_generic), ATTRIBUTE(CKA_TOKEN, no),
                               ATTRIBUTE(CKA_SENSITIVE, no), ATTRIBUTE(CKA_EXTRACTABLE, yes)};
    OK(p11.C_DeriveKey(session, &mechanism, key, template, 5, &derived));
    HOLDS(!attribute_bool(session, derived, CKA_LOCAL), "a derived key is not local");
    HOLDS(attribute_bytes(session, derived, CKA_VALUE, point, 128) == 32,
          "the shared secret has the length of the field");
    parameters.pPublicData = point;
    parameters.ulPublicDataLen = 11;
    ONE_OF(p11.C_DeriveKey(session, &mechanism, key, template, 5, &derived),
           CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD);
}

/* ---- random numbers ---- */

CHECK(random_differs) {
    CK_BYTE a[32] = {0}, b[32] = {0};
    CK_SESSION_HANDLE session = read_only();
    CK_RV rv = p11.C_GenerateRandom(session, a, 32);
    if (rv == CKR_RANDOM_NO_RNG) {
        HOLDS((token_info().flags & CKF_RNG) == 0, "CKF_RNG tells the generator");
        rule_not_applicable("the token has no random numbers");
    }
    OK(rv);
    OK(p11.C_GenerateRandom(session, b, 32));
    HOLDS(memcmp(a, b, 32) != 0, "random numbers differ");
    HOLDS((token_info().flags & CKF_RNG) != 0, "CKF_RNG tells the generator");
}
CHECK(random_lengths) {
    static CK_BYTE bytes[10000];
    CK_SESSION_HANDLE session = read_only();
    OK(p11.C_GenerateRandom(session, bytes, 1));
    OK(p11.C_GenerateRandom(session, bytes, sizeof(bytes)));
    CK_ULONG zeros = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        zeros += bytes[i] == 0;
    }
    HOLDS(zeros < 200, "all of it is filled");
}
CHECK(random_bad) {
    CK_BYTE bytes[4];
    CK_SESSION_HANDLE session = read_only();
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_GenerateRandom(CK_INVALID_HANDLE, bytes, 4));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_GenerateRandom(session, NULL, 4));
}
CHECK(seed) {
    CK_BYTE bytes[16] = {1};
    ONE_OF(p11.C_SeedRandom(read_only(), bytes, 16), CKR_OK, CKR_RANDOM_SEED_NOT_SUPPORTED,
           CKR_RANDOM_NO_RNG);
}
CHECK(seed_bad) {
    CK_BYTE bytes[16] = {1};
    initialize();
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_SeedRandom(CK_INVALID_HANDLE, bytes, 16));
}

/* clang-format off */
static const struct rule keys[] = {
    {"5.18.1", "C_GenerateKey", "local, typed by its mechanism, always sensitive if made so", generate_local, NULL},
    {"5.18.1", "C_GenerateKey", "keys differ and have the length asked for", generate_differ, NULL},
    {"5.18.1", "C_GenerateKey", "without CKA_VALUE_LEN: CKR_TEMPLATE_INCOMPLETE", generate_incomplete, NULL},
    {"5.18.1", "C_GenerateKey", "class or type against the mechanism: CKR_TEMPLATE_INCONSISTENT", generate_inconsistent, NULL},
    {"5.18.1", "C_GenerateKey", "an AES key of 7 bytes fails", generate_length, NULL},
    {"5.18.1", "C_GenerateKey", "unknown mechanism: CKR_MECHANISM_INVALID", generate_mechanism, NULL},
    {"5.18.1", "C_GenerateKey", "no token key by a read-only session: CKR_SESSION_READ_ONLY", generate_read_only, NULL},
    {"5.18.2", "C_GenerateKeyPair", "makes a pair that signs and verifies; local, typed, in the right order", pair_made, NULL},
    {"5.18.2", "C_GenerateKeyPair", "class or type against the mechanism: CKR_TEMPLATE_INCONSISTENT", pair_inconsistent, NULL},
    {"5.18.2", "C_GenerateKeyPair", "a failure leaves neither key", pair_fails_whole, NULL},
    {"5.18.2", "C_GenerateKeyPair", "no token keys by a read-only session: CKR_SESSION_READ_ONLY", pair_read_only, NULL},
    {"5.18.2", "C_GenerateKeyPair", "without the user: CKR_USER_NOT_LOGGED_IN", pair_public_session, NULL},
    {"5.18.2", "C_GenerateKeyPair", "unknown mechanism: CKR_MECHANISM_INVALID", pair_mechanism_unknown, NULL},
    {"5.18.3", "C_WrapKey", "wraps, asks for lengths as 5.2 says; C_UnwrapKey (5.18.4) gives the key back, changes are found", wrap_roundtrip, NULL},
    {"5.18.3", "C_WrapKey", "CKA_EXTRACTABLE is CK_FALSE: CKR_KEY_UNEXTRACTABLE", wrap_unextractable, NULL},
    {"5.18.3", "C_WrapKey", "the token's private keys stay in the token: CKR_KEY_UNEXTRACTABLE", wrap_token_private, NULL},
    {"5.18.3", "C_WrapKey", "no such keys are told, by C_UnwrapKey too", wrap_bad_handles, NULL},
    {"5.18.5", "C_DeriveKey", "ECDH: a secret of the field's length, not local; a bad point is refused", derive_ecdh, NULL},
};
/* clang-format on */
RULE_LIST(key_rules, keys);
/* clang-format off */
static const struct rule randoms[] = {
    {"5.19.1", "C_SeedRandom", "taken, or CKR_RANDOM_SEED_NOT_SUPPORTED", seed, NULL},
    {"5.19.1", "C_SeedRandom", "no such session: CKR_SESSION_HANDLE_INVALID", seed_bad, NULL},
    {"5.19.2", "C_GenerateRandom", "differs each time; CKF_RNG tells it", random_differs, NULL},
    {"5.19.2", "C_GenerateRandom", "any length from 1 on", random_lengths, NULL},
    {"5.19.2", "C_GenerateRandom", "bad session and NULL are told", random_bad, NULL},
};
/* clang-format on */
RULE_LIST(random_rules, randoms);
