/* 5.2 and what 5.8, 5.10, 5.12, 5.13 and 5.15 say alike: the life of an operation. Each rule is checked with every mechanism. */
#include "tests/conformance/suite/cases.h"

#include <string.h>

#define EACH(name)                                                                                 \
    static void name##_with(enum kind kind);                                                       \
    static void name(const struct rule *rule) {                                                    \
        name##_with(*(const enum kind *)rule->argument);                                           \
    }                                                                                              \
    static void name##_with(enum kind kind)

static CK_SESSION_HANDLE session;
static struct use use;

static bool has_output(enum kind kind) {
    return kind != VERIFY;
}
/* Something to put the output in, and for VERIFY the signature. */
static CK_BYTE buffer[1024];
static CK_ULONG fill(void) {
    memset(buffer, 0xEE, sizeof(buffer));
    if (use.kind == VERIFY) {
        memcpy(buffer, use.out, use.out_len);
        return use.out_len;
    }
    return sizeof(buffer);
}

EACH(once_works) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG len = fill();
        OK(use_init(session, &use));
        OK(use_once(session, &use, buffer, &len));
        HOLDS(kind != DECRYPT || (len == use.out_len && memcmp(buffer, use.out, len) == 0),
              "the plaintext comes back");
    }
}
EACH(once_ends) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG len = fill();
        OK(use_init(session, &use));
        OK(use_once(session, &use, buffer, &len));
        len = fill();
        EXPECT(CKR_OPERATION_NOT_INITIALIZED, use_once(session, &use, buffer, &len));
        OK(use_init(session, &use));
    }
}
EACH(once_length) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG query = 0, len = fill();
        OK(use_init(session, &use));
        OK(use_once(session, &use, NULL, &query));
        HOLDS(query > 0, "NULL asks for the length");
        OK(use_once(session, &use, NULL, &query));
        OK(use_once(session, &use, buffer, &len));
        HOLDS(len <= query, "the result is not longer than was told");
        HOLDS(kind == DECRYPT || use.kind == ENCRYPT || len == query,
              "the length of signatures and digests is told exactly");
    }
}
EACH(once_small) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG small = 1, len = fill();
        OK(use_init(session, &use));
        CK_RV rv = use_once(session, &use, buffer, &small);
        expect_rv(rv, CKR_BUFFER_TOO_SMALL, "use_once");
        HOLDS(small > 1, "the length that is needed is told");
        HOLDS(buffer[0] == 0xEE || buffer[1] == 0xEE, "nothing is written behind the buffer");
        OK(use_once(session, &use, buffer, &len));
    }
}
EACH(once_not_initialized) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG len = fill();
        EXPECT(CKR_OPERATION_NOT_INITIALIZED, use_once(session, &use, buffer, &len));
    }
}
EACH(once_bad_arguments) {
    FOR_EACH_USE(kind, use, session) {
        OK(use_init(session, &use));
        struct use null_in = use;
        CK_ULONG len = fill();
        (void)null_in;
        if (has_output(kind)) {
            EXPECT(CKR_ARGUMENTS_BAD, use_once(session, &use, buffer, NULL));
        } else {
            ONE_OF(use_once(session, &use, NULL, &len), CKR_ARGUMENTS_BAD, CKR_SIGNATURE_INVALID,
                   CKR_SIGNATURE_LEN_RANGE);
        }
    }
}
EACH(once_after_update) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG len = sizeof(buffer);
        if (!use.has_parts) {
            SKIP_USE;
        }
        OK(use_init(session, &use));
        OK(use_update(session, &use, 0, 16, buffer, &len));
        len = fill();
        ANY_ERROR(use_once(session, &use, buffer, &len));
    }
}
EACH(init_twice) {
    FOR_EACH_USE(kind, use, session) {
        OK(use_init(session, &use));
        EXPECT(CKR_OPERATION_ACTIVE, use_init(session, &use));
    }
}
EACH(init_cancel) {
    if (p11.C_SessionCancel == NULL) {
        rule_not_applicable("a NULL mechanism ends an operation since version 3.0");
    }
    FOR_EACH_USE(kind, use, session) {
        CK_RV rv = CKR_OK;
        OK(use_init(session, &use));
        switch (kind) {
        case ENCRYPT:
            rv = p11.C_EncryptInit(session, NULL, use.key);
            break;
        case DECRYPT:
            rv = p11.C_DecryptInit(session, NULL, use.key);
            break;
        case DIGEST:
            rv = p11.C_DigestInit(session, NULL);
            break;
        case SIGN:
            rv = p11.C_SignInit(session, NULL, use.key);
            break;
        case VERIFY:
            rv = p11.C_VerifyInit(session, NULL, use.key);
            break;
        }
        expect_rv(rv, CKR_OK, "use_init");
        OK(use_init(session, &use));
    }
}
EACH(init_mechanism) {
    FOR_EACH_USE(kind, use, session) {
        struct use other = use;
        other.mechanism.mechanism = 0x7FFFFFF0UL;
        EXPECT(CKR_MECHANISM_INVALID, use_init(session, &other));
        OK(use_init(session, &use));
    }
}
EACH(init_wrong_mechanism) {
    FOR_EACH_USE(kind, use, session) {
        struct use other = use;
        other.mechanism =
            (CK_MECHANISM){kind == DIGEST ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_SHA256, NULL, 0};
        ONE_OF(use_init(session, &other), CKR_MECHANISM_INVALID, CKR_KEY_TYPE_INCONSISTENT);
    }
}
EACH(init_key) {
    FOR_EACH_USE(kind, use, session) {
        struct use other = use;
        other.key = 0x7FFFFFF1;
        ONE_OF(use_init(session, &other), CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID);
        OK(use_init(session, &use));
    }
}
EACH(init_key_type) {
    FOR_EACH_USE(kind, use, session) {
        struct use other = use;
        other.key = make_data(session, false, false);
        ONE_OF(use_init(session, &other), CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT,
               CKR_OBJECT_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED);
    }
}
EACH(init_session) {
    FOR_EACH_USE(kind, use, session) {
        EXPECT(CKR_SESSION_HANDLE_INVALID, use_init(0x7FFFFFF1, &use));
    }
}
EACH(parts_equal_whole) {
    FOR_EACH_USE(kind, use, session) {
        CK_BYTE whole[1024];
        CK_ULONG whole_len = sizeof(whole), at = 0, done = 0, len;
        if (!use.has_parts || (kind != VERIFY && !use.is_repeatable)) {
            SKIP_USE;
        }
        if (kind != VERIFY) {
            OK(use_init(session, &use));
            OK(use_once(session, &use, whole, &whole_len));
        }
        OK(use_init(session, &use));
        for (CK_ULONG step = 1; at < use.in_len; step += 6) {
            CK_ULONG part = use.in_len - at < step ? use.in_len - at : step;
            len = sizeof(buffer) - done;
            OK(use_update(session, &use, at, part, buffer + done, &len));
            at += part;
            done += len;
        }
        if (kind == VERIFY) {
            len = fill();
            OK(use_final(session, &use, buffer, &len));
        } else {
            len = sizeof(buffer) - done;
            OK(use_final(session, &use, buffer + done, &len));
            HOLDS(done + len == whole_len && memcmp(buffer, whole, whole_len) == 0,
                  "in parts the result is the same");
        }
    }
}
EACH(parts_only_whole) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG len = sizeof(buffer);
        if (use.has_parts) {
            SKIP_USE;
        }
        OK(use_init(session, &use));
        CK_RV rv = use_update(session, &use, 0, 16, buffer, &len);
        if (rv == CKR_OK) {
            /* collected by the module: then it must be right in the end */
            continue;
        }
        len = fill();
        expect_rv(use_once(session, &use, buffer, &len), CKR_OPERATION_NOT_INITIALIZED, "use_once");
    }
}
EACH(update_not_initialized) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG len = sizeof(buffer);
        EXPECT(CKR_OPERATION_NOT_INITIALIZED, use_update(session, &use, 0, 16, buffer, &len));
    }
}
EACH(final_not_initialized) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG len = fill();
        EXPECT(CKR_OPERATION_NOT_INITIALIZED, use_final(session, &use, buffer, &len));
    }
}
EACH(final_ends) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG done = sizeof(buffer), len;
        if (!use.has_parts) {
            SKIP_USE;
        }
        OK(use_init(session, &use));
        OK(use_update(session, &use, 0, use.in_len, buffer, &done));
        len = fill();
        OK(use_final(session, &use, buffer, &len));
        len = fill();
        EXPECT(CKR_OPERATION_NOT_INITIALIZED, use_final(session, &use, buffer, &len));
    }
}
EACH(final_length) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG len = sizeof(buffer), query = 0;
        if (!use.has_parts) {
            SKIP_USE;
        }
        OK(use_init(session, &use));
        OK(use_update(session, &use, 0, use.in_len, buffer, &len));
        OK(use_final(session, &use, NULL, &query));
        if (query > 1) {
            CK_ULONG small = 1;
            CK_RV rv = use_final(session, &use, buffer, &small);
            HOLDS(rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && kind == DECRYPT) ||
                      (rv == CKR_OK && small <= 1),
                  "too little room: CKR_BUFFER_TOO_SMALL");
            if (rv == CKR_OK) {
                continue;
            }
        }
        len = sizeof(buffer);
        OK(use_final(session, &use, buffer, &len));
        HOLDS(len <= query, "the result is not longer than was told");
    }
}
EACH(two_sessions) {
    FOR_EACH_USE(kind, use, session) {
        CK_SESSION_HANDLE other = read_only();
        CK_ULONG len = fill();
        OK(use_init(session, &use));
        EXPECT(CKR_OPERATION_NOT_INITIALIZED, use_once(other, &use, buffer, &len));
        len = fill();
        OK(use_once(session, &use, buffer, &len));
        OK(p11.C_CloseSession(other));
    }
}
EACH(usage_flag) {
    static const CK_ATTRIBUTE_TYPE flags[] = {CKA_ENCRYPT, CKA_DECRYPT, 0, CKA_SIGN, CKA_VERIFY};
    FOR_EACH_USE(kind, use, session) {
        CK_ATTRIBUTE change = {flags[kind], &no, 1};
        if (p11.C_SetAttributeValue(session, use.key, &change, 1) != CKR_OK) {
            SKIP_USE;
        }
        CK_RV rv = use_init(session, &use);
        change.pValue = &yes;
        p11.C_SetAttributeValue(session, use.key, &change, 1);
        expect_rv(rv, CKR_KEY_FUNCTION_NOT_PERMITTED, "use_init");
    }
}
EACH(wrong_input) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG len = fill();
        OK(use_init(session, &use));
        if (kind == VERIFY) {
            buffer[use.out_len / 2] ^= 0x10;
            EXPECT(CKR_SIGNATURE_INVALID, use_once(session, &use, buffer, &len));
        } else {
            struct use broken = use;
            bool detects = use.mechanism.mechanism == CKM_RSA_PKCS_OAEP ||
                           use.mechanism.mechanism == CKM_SM2_ENCRYPT ||
                           use.mechanism.mechanism == CKM_AES_GCM;
            broken.in[use.in_len - 1] ^= 0x10;
            CK_RV rv = use_once(session, &broken, buffer, &len);
            HOLDS(!detects || rv != CKR_OK, "a changed ciphertext is found out");
            HOLDS(rv != CKR_OK || len != use.out_len || memcmp(buffer, use.out, len) != 0,
                  "a changed ciphertext gives another text or an error");
        }
        len = fill();
        EXPECT(CKR_OPERATION_NOT_INITIALIZED, use_once(session, &use, buffer, &len));
    }
}
EACH(wrong_length) {
    FOR_EACH_USE(kind, use, session) {
        CK_ULONG len = fill() - 1;
        OK(use_init(session, &use));
        if (kind == VERIFY) {
            ONE_OF(use_once(session, &use, buffer, &len), CKR_SIGNATURE_LEN_RANGE,
                   CKR_SIGNATURE_INVALID);
        } else {
            struct use broken = use;
            broken.in_len--;
            if (use.mechanism.mechanism == CKM_AES_GCM) {
                continue;
            }
            ONE_OF(use_once(session, &broken, buffer, &len), CKR_ENCRYPTED_DATA_LEN_RANGE,
                   CKR_ENCRYPTED_DATA_INVALID);
        }
        len = fill();
        EXPECT(CKR_OPERATION_NOT_INITIALIZED, use_once(session, &use, buffer, &len));
    }
}
EACH(input_length) {
    FOR_EACH_USE(kind, use, session) {
        struct use longer = use;
        CK_MECHANISM_TYPE type = use.mechanism.mechanism;
        CK_ULONG len = sizeof(buffer);
        if (type == CKM_RSA_PKCS || type == CKM_RSA_PKCS_OAEP) {
            longer.in_len = 512;
        } else if (type == CKM_AES_ECB || type == CKM_AES_CBC || type == CKM_SM4_ECB ||
                   type == CKM_SM4_CBC || type == CKM_SM2) {
            longer.in_len--;
        } else {
            SKIP_USE;
        }
        OK(use_init(session, &use));
        EXPECT(CKR_DATA_LEN_RANGE, use_once(session, &longer, buffer, &len));
        len = sizeof(buffer);
        EXPECT(CKR_OPERATION_NOT_INITIALIZED, use_once(session, &use, buffer, &len));
    }
}

static const enum kind kinds[] = {ENCRYPT, DECRYPT, DIGEST, SIGN, VERIFY};
#define COMMON(clause, Name, k)                                                                    \
    {clause ".1", "C_" Name "Init", "during another such operation: CKR_OPERATION_ACTIVE",         \
     init_twice, &kinds[k]},                                                                       \
        {clause ".1", "C_" Name "Init", "a NULL mechanism ends the operation", init_cancel,        \
         &kinds[k]},                                                                               \
        {clause ".1", "C_" Name "Init",                                                            \
         "unknown mechanism: CKR_MECHANISM_INVALID, nothing active", init_mechanism, &kinds[k]},   \
        {clause ".1", "C_" Name "Init", "a mechanism for something else is refused",               \
         init_wrong_mechanism, &kinds[k]},                                                         \
        {clause ".1", "C_" Name "Init", "no such session: CKR_SESSION_HANDLE_INVALID",             \
         init_session, &kinds[k]},                                                                 \
        {clause ".2", "C_" Name, "works with every mechanism of the list that there is a key for", \
         once_works, &kinds[k]},                                                                   \
        {clause ".2", "C_" Name, "ends the operation when it succeeds", once_ends, &kinds[k]},     \
        {clause ".2", "C_" Name, "without operation: CKR_OPERATION_NOT_INITIALIZED",               \
         once_not_initialized, &kinds[k]},                                                         \
        {clause ".2", "C_" Name, "NULL pointers: CKR_ARGUMENTS_BAD", once_bad_arguments,           \
         &kinds[k]},                                                                               \
        {clause ".2", "C_" Name, "after an Update fails", once_after_update, &kinds[k]},           \
        {clause ".3", "C_" Name "Update", "in parts the result is the same", parts_equal_whole,    \
         &kinds[k]},                                                                               \
        {clause ".3", "C_" Name "Update", "without operation: CKR_OPERATION_NOT_INITIALIZED",      \
         update_not_initialized, &kinds[k]},                                                       \
    {                                                                                              \
        clause, "C_" Name "...", "an operation is its session's own", two_sessions, &kinds[k]      \
    }
#define WITH_FINAL(final_clause, Name, k)                                                          \
    {final_clause, "C_" Name "Final", "ends the operation", final_ends, &kinds[k]}, {              \
        final_clause, "C_" Name "Final", "without operation: CKR_OPERATION_NOT_INITIALIZED",       \
            final_not_initialized, &kinds[k]                                                       \
    }
#define WITH_OUTPUT(clause, final_clause, Name, k)                                                 \
    {clause ".2", "C_" Name, "NULL asks for the length and does not end the operation (5.2)",      \
     once_length, &kinds[k]},                                                                      \
        {clause ".2", "C_" Name,                                                                   \
         "CKR_BUFFER_TOO_SMALL tells the length and does not end the operation (5.2)", once_small, \
         &kinds[k]},                                                                               \
    {                                                                                              \
        final_clause, "C_" Name "Final",                                                           \
            "NULL asks for the length, CKR_BUFFER_TOO_SMALL does not end (5.2)", final_length,     \
            &kinds[k]                                                                              \
    }
#define WITH_KEY(clause, Name, k)                                                                  \
    {clause ".1", "C_" Name "Init", "no such key: CKR_KEY_HANDLE_INVALID, nothing active",         \
     init_key, &kinds[k]},                                                                         \
        {clause ".1", "C_" Name "Init", "an object that is no key is refused", init_key_type,      \
         &kinds[k]},                                                                               \
        {clause ".1", "C_" Name "Init", "a key without the usage: CKR_KEY_FUNCTION_NOT_PERMITTED", \
         usage_flag, &kinds[k]},                                                                   \
    {                                                                                              \
        clause ".3", "C_" Name "Update",                                                           \
            "a mechanism without parts refuses it, which ends the operation", parts_only_whole,    \
            &kinds[k]                                                                              \
    }

/* clang-format off */
static const struct rule table[] = {
    COMMON("5.8", "Encrypt", ENCRYPT),
    WITH_FINAL("5.8.4", "Encrypt", ENCRYPT),
    WITH_OUTPUT("5.8", "5.8.4", "Encrypt", ENCRYPT),
    WITH_KEY("5.8", "Encrypt", ENCRYPT),
    {"5.8.2", "C_Encrypt", "data of a wrong length: CKR_DATA_LEN_RANGE, which ends the operation", input_length, &kinds[ENCRYPT]},
    COMMON("5.10", "Decrypt", DECRYPT),
    WITH_FINAL("5.10.4", "Decrypt", DECRYPT),
    WITH_OUTPUT("5.10", "5.10.4", "Decrypt", DECRYPT),
    WITH_KEY("5.10", "Decrypt", DECRYPT),
    {"5.10.2", "C_Decrypt", "a changed ciphertext never gives the old text; the operation has ended", wrong_input, &kinds[DECRYPT]},
    {"5.10.2", "C_Decrypt", "a ciphertext of a wrong length: CKR_ENCRYPTED_DATA_LEN_RANGE or _INVALID", wrong_length, &kinds[DECRYPT]},
    COMMON("5.12", "Digest", DIGEST),
    WITH_FINAL("5.12.5", "Digest", DIGEST),
    WITH_OUTPUT("5.12", "5.12.5", "Digest", DIGEST),
    COMMON("5.13", "Sign", SIGN),
    WITH_FINAL("5.13.4", "Sign", SIGN),
    WITH_OUTPUT("5.13", "5.13.4", "Sign", SIGN),
    WITH_KEY("5.13", "Sign", SIGN),
    {"5.13.2", "C_Sign", "data of a wrong length: CKR_DATA_LEN_RANGE, which ends the operation", input_length, &kinds[SIGN]},
    COMMON("5.15", "Verify", VERIFY),
    WITH_FINAL("5.15.4", "Verify", VERIFY),
    WITH_KEY("5.15", "Verify", VERIFY),
    {"5.15.2", "C_Verify", "a wrong signature: CKR_SIGNATURE_INVALID; the operation has ended", wrong_input, &kinds[VERIFY]},
    {"5.15.2", "C_Verify", "a signature of a wrong length: CKR_SIGNATURE_LEN_RANGE", wrong_length, &kinds[VERIFY]},
};
/* clang-format on */
RULE_LIST(operation_rules, table);
