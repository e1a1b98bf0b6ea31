/* The standard's attribute tables (PKCS#11 3.2, chapter 4): which attribute belongs to which kind of object, what its
 * value looks like, and when a program may give, read and change it. */
#ifndef OPENUKEY_CRYPTOKI_ATTRIBUTE_RULES_H
#define OPENUKEY_CRYPTOKI_ATTRIBUTE_RULES_H

#include "module/cryptoki/templates.h"

/* Kinds of objects that programs can describe, as bits. EC is any curve, the SM2 one as well. */
enum described_kind {
    DESCRIBED_DATA = 1,
    DESCRIBED_CERTIFICATE = 2,
    DESCRIBED_RSA_PUBLIC = 4,
    DESCRIBED_EC_PUBLIC = 8,
    DESCRIBED_RSA_PRIVATE = 16,
    DESCRIBED_EC_PRIVATE = 32,
    DESCRIBED_SECRET = 64,
    DESCRIBED_PROFILE = 128, /* the token's own, never a program's */
    DESCRIBED_PUBLIC = DESCRIBED_RSA_PUBLIC | DESCRIBED_EC_PUBLIC,
    DESCRIBED_PRIVATE = DESCRIBED_RSA_PRIVATE | DESCRIBED_EC_PRIVATE,
    DESCRIBED_KEY = DESCRIBED_PUBLIC | DESCRIBED_PRIVATE | DESCRIBED_SECRET
};

enum value_shape {
    SHAPE_BOOL,
    SHAPE_ULONG,
    SHAPE_BYTES,
    SHAPE_DATE,      /* CK_DATE or nothing */
    SHAPE_MECHANISMS /* array of CK_MECHANISM_TYPE */
};

/* How an object comes into being. */
enum birth { BORN_CREATED, BORN_GENERATED, BORN_UNWRAPPED, BORN_DERIVED };

/* The footnotes of the tables (3.2, table 11). */
enum rule_flag {
    RULE_CREATE_MUST = 0x01,  /* 1: must be given to C_CreateObject */
    RULE_CREATE_NEVER = 0x02, /* 2: must not */
    RULE_MAKE_NEVER = 0x04,   /* 4, 6: must not be given to what generates, unwraps, derives */
    RULE_SECRET = 0x08,       /* 7: not revealed when sensitive or unextractable */
    RULE_MODIFIABLE = 0x10,   /* 8 */
    RULE_SO_SETS_TRUE = 0x20, /* 10 */
    RULE_STAYS_TRUE = 0x40,   /* 11 */
    RULE_STAYS_FALSE = 0x80,  /* 12 */
    RULE_COPY = 0x100,        /* may differ in a copy, though it cannot be modified */
    RULE_DEFAULT = 0x200 /* a missing one is false, zero or empty; others without it are absent */
};

struct attribute_rule {
    CK_ATTRIBUTE_TYPE type;
    unsigned kinds; /* bits of enum described_kind */
    enum value_shape shape;
    unsigned flags; /* bits of enum rule_flag */
};

/* The rule of an attribute for a kind, NULL if such objects do not have it. */
const struct attribute_rule *attribute_rule_find(CK_ATTRIBUTE_TYPE type, enum described_kind kind);

/* All rules, for what goes through the table. */
const struct attribute_rule *attribute_rules(size_t *count);

/* The value has the shape that the rule says. CKR_ATTRIBUTE_VALUE_INVALID. */
CK_RV attribute_rule_check_value(const struct attribute_rule *rule, const CK_ATTRIBUTE *attribute);

/* A template for a new object of this kind: no value pointer is missing, each attribute belongs to the kind, may be given
 * at this birth, has the right shape, and is not given twice with different values.
 * CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY,
 * CKR_TEMPLATE_INCONSISTENT; for BORN_CREATED CKR_TEMPLATE_INCOMPLETE. */
CK_RV attribute_rules_check(struct template t, enum described_kind kind, enum birth birth);

/* The kind that class and key type (of keys only) name; 0: none that this module has. */
unsigned described_kind_of(CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type);

#endif
