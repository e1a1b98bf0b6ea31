/* The standard's attribute tables, in one. */
#include "module/cryptoki/attribute_rules.h"

#include <string.h>

enum {
    ALL = DESCRIBED_DATA | DESCRIBED_CERTIFICATE | DESCRIBED_KEY | DESCRIBED_PROFILE,
    DATA = DESCRIBED_DATA,
    CERT = DESCRIBED_CERTIFICATE,
    KEY = DESCRIBED_KEY,
    PUBLIC = DESCRIBED_PUBLIC,
    PRIVATE = DESCRIBED_PRIVATE,
    SECRET = DESCRIBED_SECRET,
    RSA_PUBLIC = DESCRIBED_RSA_PUBLIC,
    RSA_PRIVATE = DESCRIBED_RSA_PRIVATE,
    EC_PUBLIC = DESCRIBED_EC_PUBLIC,
    EC_PRIVATE = DESCRIBED_EC_PRIVATE,

    MUST = RULE_CREATE_MUST,
    /* known only to the token */
    OURS = RULE_CREATE_NEVER | RULE_MAKE_NEVER,
    HIDDEN = RULE_SECRET | RULE_MAKE_NEVER,
    MODIFIABLE = RULE_MODIFIABLE,
    COPY = RULE_COPY,
    DEFAULT = RULE_DEFAULT
};

static const struct attribute_rule rules[] = {
    /* 4.3, 4.4 */
    {CKA_CLASS, ALL, SHAPE_ULONG, MUST},
    {CKA_TOKEN, ALL, SHAPE_BOOL, COPY | DEFAULT},
    {CKA_PRIVATE, ALL, SHAPE_BOOL, COPY},
    {CKA_MODIFIABLE, ALL, SHAPE_BOOL, COPY},
    {CKA_COPYABLE, ALL, SHAPE_BOOL, COPY | RULE_STAYS_FALSE},
    {CKA_DESTROYABLE, ALL, SHAPE_BOOL, COPY},
    {CKA_LABEL, ALL, SHAPE_BYTES, MODIFIABLE | DEFAULT},
    {CKA_UNIQUE_ID, ALL, SHAPE_BYTES, OURS},

    /* 4.14 */
    {CKA_PROFILE_ID, DESCRIBED_PROFILE, SHAPE_ULONG, OURS},

    /* 4.5 */
    {CKA_APPLICATION, DATA, SHAPE_BYTES, MODIFIABLE | DEFAULT},
    {CKA_OBJECT_ID, DATA, SHAPE_BYTES, MODIFIABLE | DEFAULT},
    {CKA_VALUE, DATA, SHAPE_BYTES, MODIFIABLE | DEFAULT},

    /* 4.6 */
    {CKA_CERTIFICATE_TYPE, CERT, SHAPE_ULONG, MUST},
    {CKA_TRUSTED, CERT, SHAPE_BOOL, RULE_SO_SETS_TRUE | DEFAULT},
    {CKA_CERTIFICATE_CATEGORY, CERT, SHAPE_ULONG, DEFAULT},
    {CKA_CHECK_VALUE, CERT, SHAPE_BYTES, 0},
    {CKA_START_DATE, CERT, SHAPE_DATE, DEFAULT},
    {CKA_END_DATE, CERT, SHAPE_DATE, DEFAULT},
    {CKA_PUBLIC_KEY_INFO, CERT, SHAPE_BYTES, DEFAULT},
    {CKA_SUBJECT, CERT, SHAPE_BYTES, MUST},
    {CKA_ID, CERT, SHAPE_BYTES, MODIFIABLE | DEFAULT},
    {CKA_ISSUER, CERT, SHAPE_BYTES, MODIFIABLE | DEFAULT},
    {CKA_SERIAL_NUMBER, CERT, SHAPE_BYTES, MODIFIABLE | DEFAULT},
    {CKA_VALUE, CERT, SHAPE_BYTES, MUST},
    {CKA_URL, CERT, SHAPE_BYTES, DEFAULT},
    {CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CERT, SHAPE_BYTES, DEFAULT},
    {CKA_HASH_OF_ISSUER_PUBLIC_KEY, CERT, SHAPE_BYTES, DEFAULT},
    {CKA_JAVA_MIDP_SECURITY_DOMAIN, CERT, SHAPE_ULONG, DEFAULT},
    {CKA_NAME_HASH_ALGORITHM, CERT, SHAPE_ULONG, 0},

    /* 4.7 */
    {CKA_KEY_TYPE, KEY, SHAPE_ULONG, MUST},
    {CKA_ID, KEY, SHAPE_BYTES, MODIFIABLE | DEFAULT},
    {CKA_START_DATE, KEY, SHAPE_DATE, MODIFIABLE | DEFAULT},
    {CKA_END_DATE, KEY, SHAPE_DATE, MODIFIABLE | DEFAULT},
    {CKA_DERIVE, KEY, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_LOCAL, KEY, SHAPE_BOOL, OURS},
    {CKA_KEY_GEN_MECHANISM, KEY, SHAPE_ULONG, OURS},
    {CKA_ALLOWED_MECHANISMS, KEY, SHAPE_MECHANISMS, DEFAULT},

    /* 4.8 */
    {CKA_SUBJECT, PUBLIC, SHAPE_BYTES, MODIFIABLE | DEFAULT},
    {CKA_ENCRYPT, PUBLIC | SECRET, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_VERIFY, PUBLIC | SECRET, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_VERIFY_RECOVER, PUBLIC, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_WRAP, PUBLIC | SECRET, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_ENCAPSULATE, PUBLIC, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_TRUSTED, PUBLIC | SECRET, SHAPE_BOOL, RULE_SO_SETS_TRUE | DEFAULT},
    {CKA_PUBLIC_KEY_INFO, PUBLIC, SHAPE_BYTES, 0},

    /* 4.9, 4.10 */
    {CKA_SUBJECT, PRIVATE, SHAPE_BYTES, MODIFIABLE | DEFAULT},
    {CKA_SENSITIVE, PRIVATE | SECRET, SHAPE_BOOL, MODIFIABLE | RULE_STAYS_TRUE},
    {CKA_DECRYPT, PRIVATE | SECRET, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_SIGN, PRIVATE | SECRET, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_SIGN_RECOVER, PRIVATE, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_UNWRAP, PRIVATE | SECRET, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_DECAPSULATE, PRIVATE, SHAPE_BOOL, MODIFIABLE | DEFAULT},
    {CKA_EXTRACTABLE, PRIVATE | SECRET, SHAPE_BOOL, MODIFIABLE | RULE_STAYS_FALSE},
    {CKA_ALWAYS_SENSITIVE, PRIVATE | SECRET, SHAPE_BOOL, OURS},
    {CKA_NEVER_EXTRACTABLE, PRIVATE | SECRET, SHAPE_BOOL, OURS},
    {CKA_WRAP_WITH_TRUSTED, PRIVATE | SECRET, SHAPE_BOOL, MODIFIABLE | RULE_STAYS_TRUE | DEFAULT},
    {CKA_ALWAYS_AUTHENTICATE, PRIVATE, SHAPE_BOOL, DEFAULT},
    {CKA_PUBLIC_KEY_INFO, PRIVATE, SHAPE_BYTES, MODIFIABLE | DEFAULT},
    {CKA_CHECK_VALUE, SECRET, SHAPE_BYTES, 0},
    {CKA_VALUE, SECRET, SHAPE_BYTES, MUST | HIDDEN},
    {CKA_VALUE_LEN, SECRET, SHAPE_ULONG, RULE_CREATE_NEVER},

    /* 6.1, 6.3 */
    {CKA_MODULUS, RSA_PUBLIC, SHAPE_BYTES, MUST | RULE_MAKE_NEVER},
    {CKA_MODULUS_BITS, RSA_PUBLIC, SHAPE_ULONG, RULE_CREATE_NEVER},
    {CKA_PUBLIC_EXPONENT, RSA_PUBLIC, SHAPE_BYTES, MUST},
    {CKA_MODULUS, RSA_PRIVATE, SHAPE_BYTES, MUST | RULE_MAKE_NEVER},
    {CKA_PUBLIC_EXPONENT, RSA_PRIVATE, SHAPE_BYTES, RULE_MAKE_NEVER},
    {CKA_PRIVATE_EXPONENT, RSA_PRIVATE, SHAPE_BYTES, MUST | HIDDEN},
    {CKA_PRIME_1, RSA_PRIVATE, SHAPE_BYTES, HIDDEN},
    {CKA_PRIME_2, RSA_PRIVATE, SHAPE_BYTES, HIDDEN},
    {CKA_EXPONENT_1, RSA_PRIVATE, SHAPE_BYTES, HIDDEN},
    {CKA_EXPONENT_2, RSA_PRIVATE, SHAPE_BYTES, HIDDEN},
    {CKA_COEFFICIENT, RSA_PRIVATE, SHAPE_BYTES, HIDDEN},
    {CKA_EC_PARAMS, EC_PUBLIC, SHAPE_BYTES, MUST},
    {CKA_EC_POINT, EC_PUBLIC, SHAPE_BYTES, MUST | RULE_MAKE_NEVER},
    {CKA_EC_PARAMS, EC_PRIVATE, SHAPE_BYTES, MUST | RULE_MAKE_NEVER},
    {CKA_EC_POINT, EC_PRIVATE, SHAPE_BYTES, RULE_MAKE_NEVER},
    {CKA_VALUE, EC_PRIVATE, SHAPE_BYTES, MUST | HIDDEN},
};
enum { RULES = sizeof(rules) / sizeof(rules[0]) };

const struct attribute_rule *attribute_rules(size_t *count) {
    *count = RULES;
    return rules;
}

const struct attribute_rule *attribute_rule_find(CK_ATTRIBUTE_TYPE type, enum described_kind kind) {
    for (size_t i = 0; i < RULES; i++) {
        if (rules[i].type == type && (rules[i].kinds & kind) != 0) {
            return &rules[i];
        }
    }
    return NULL;
}

static bool is_date(const CK_ATTRIBUTE *attribute) {
    const unsigned char *digits = attribute->pValue;
    for (size_t i = 0; i < attribute->ulValueLen; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return false;
        }
    }
    return attribute->ulValueLen == 0 || attribute->ulValueLen == sizeof(CK_DATE);
}

CK_RV attribute_rule_check_value(const struct attribute_rule *rule, const CK_ATTRIBUTE *attribute) {
    bool good = attribute->pValue != NULL || attribute->ulValueLen == 0;
    switch (rule->shape) {
    case SHAPE_BOOL:
        good = good && attribute->ulValueLen == sizeof(CK_BBOOL) &&
               *(const CK_BBOOL *)attribute->pValue <= CK_TRUE;
        break;
    case SHAPE_ULONG:
        good = good && attribute->ulValueLen == sizeof(CK_ULONG);
        break;
    case SHAPE_DATE:
        good = good && is_date(attribute);
        break;
    case SHAPE_MECHANISMS:
        good = good && attribute->ulValueLen % sizeof(CK_MECHANISM_TYPE) == 0;
        break;
    case SHAPE_BYTES:
        good = good && attribute->ulValueLen != CK_UNAVAILABLE_INFORMATION;
        break;
    }
    return good ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static bool is_contradicted(struct template t, CK_ULONG at) {
    const CK_ATTRIBUTE *first = template_find(t, t.items[at].type);
    const CK_ATTRIBUTE *a = &t.items[at];
    return first->ulValueLen != a->ulValueLen ||
           (a->ulValueLen > 0 && memcmp(first->pValue, a->pValue, a->ulValueLen) != 0);
}

CK_RV attribute_rules_check(struct template t, enum described_kind kind, enum birth birth) {
    const unsigned never = birth == BORN_CREATED ? RULE_CREATE_NEVER : RULE_MAKE_NEVER;
    CK_RV rv = template_check(t);
    for (CK_ULONG i = 0; i < t.count && rv == CKR_OK; i++) {
        const struct attribute_rule *rule = attribute_rule_find(t.items[i].type, kind);
        if (rule == NULL) {
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
        } else if ((rule->flags & never) != 0) {
            rv = CKR_ATTRIBUTE_READ_ONLY;
        } else {
            rv = attribute_rule_check_value(rule, &t.items[i]);
        }
        if (rv == CKR_OK && is_contradicted(t, i)) {
            rv = CKR_TEMPLATE_INCONSISTENT;
        }
    }
    for (size_t i = 0; i < RULES && rv == CKR_OK && birth == BORN_CREATED; i++) {
        bool needed = (rules[i].kinds & kind) != 0 && (rules[i].flags & RULE_CREATE_MUST) != 0;
        if (needed && template_find(t, rules[i].type) == NULL) {
            rv = CKR_TEMPLATE_INCOMPLETE;
        }
    }
    return rv;
}

unsigned described_kind_of(CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type) {
    const bool is_ec = key_type == CKK_EC || key_type == CKK_SM2;
    switch (object_class) {
    case CKO_DATA:
        return DESCRIBED_DATA;
    case CKO_CERTIFICATE:
        return DESCRIBED_CERTIFICATE;
    case CKO_PUBLIC_KEY:
        return is_ec ? DESCRIBED_EC_PUBLIC : key_type == CKK_RSA ? DESCRIBED_RSA_PUBLIC : 0;
    case CKO_PRIVATE_KEY:
        return is_ec ? DESCRIBED_EC_PRIVATE : key_type == CKK_RSA ? DESCRIBED_RSA_PRIVATE : 0;
    case CKO_SECRET_KEY:
        switch (key_type) {
        case CKK_GENERIC_SECRET:
        case CKK_AES:
        case CKK_SM4:
        case CKK_HKDF:
        case CKK_SHA_1_HMAC:
        case CKK_SHA256_HMAC:
        case CKK_SHA384_HMAC:
        case CKK_SHA512_HMAC:
            return DESCRIBED_SECRET;
        default:
            return 0;
        }
    default:
        return 0;
    }
}
