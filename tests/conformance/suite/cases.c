/* The mechanisms that rules are checked with, and the calls of the five kinds in one form. */
#include "tests/conformance/suite/cases.h"

#include <stdio.h>
#include <string.h>

static CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
static CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
static CK_BYTE iv[16] = "0123456789abcde";
static CK_GCM_PARAMS gcm = {iv, 12, 96, NULL, 0, 128};

#define PARAMETER(value) &(value), sizeof(value)
#define NONE             NULL, 0

/* Bytes of data: 0 any. */
static const struct row {
    bool signs, encrypts, digests;
    CK_MECHANISM mechanism;
    CK_KEY_TYPE type;
    CK_ULONG data_len;
    bool has_parts, is_repeatable;
} rows[] = {
    {true, false, false, {CKM_RSA_PKCS, NONE}, CKK_RSA, 35, false, true},
    {true, false, false, {CKM_SHA256_RSA_PKCS, NONE}, CKK_RSA, 100, true, true},
    {true, false, false, {CKM_SHA1_RSA_PKCS, NONE}, CKK_RSA, 100, true, true},
    {true, false, false, {CKM_RSA_PKCS_PSS, PARAMETER(pss)}, CKK_RSA, 32, false, false},
    {true, false, false, {CKM_SHA256_RSA_PKCS_PSS, PARAMETER(pss)}, CKK_RSA, 100, true, false},
    {true, false, false, {CKM_ECDSA, NONE}, CKK_EC, 32, false, false},
    {true, false, false, {CKM_ECDSA_SHA256, NONE}, CKK_EC, 100, true, false},
    {true, false, false, {CKM_SM2, NONE}, CKK_SM2, 32, false, false},
    {true, false, false, {CKM_SM2_SM3, NONE}, CKK_SM2, 100, true, false},
    {true, false, false, {CKM_SHA256_HMAC, NONE}, CKK_GENERIC_SECRET, 100, true, true},
    {true, false, false, {CKM_AES_CMAC, NONE}, CKK_AES, 100, true, true},
    {false, true, false, {CKM_RSA_PKCS, NONE}, CKK_RSA, 40, false, false},
    {false, true, false, {CKM_RSA_PKCS_OAEP, PARAMETER(oaep)}, CKK_RSA, 40, false, false},
    {false, true, false, {CKM_SM2_ENCRYPT, NONE}, CKK_SM2, 40, false, false},
    {false, true, false, {CKM_AES_ECB, NONE}, CKK_AES, 64, true, true},
    {false, true, false, {CKM_AES_CBC, PARAMETER(iv)}, CKK_AES, 64, true, true},
    {false, true, false, {CKM_AES_CBC_PAD, PARAMETER(iv)}, CKK_AES, 61, true, true},
    {false, true, false, {CKM_AES_GCM, PARAMETER(gcm)}, CKK_AES, 61, true, true},
    {false, true, false, {CKM_SM4_ECB, NONE}, CKK_SM4, 64, true, true},
    {false, true, false, {CKM_SM4_CBC, PARAMETER(iv)}, CKK_SM4, 64, true, true},
    {false, false, true, {CKM_SHA_1, NONE}, 0, 100, true, true},
    {false, false, true, {CKM_SHA256, NONE}, 0, 100, true, true},
    {false, false, true, {CKM_SHA384, NONE}, 0, 100, true, true},
    {false, false, true, {CKM_SHA512, NONE}, 0, 100, true, true},
    {false, false, true, {CKM_SM3, NONE}, 0, 100, true, true},
};

static bool is_secret(CK_KEY_TYPE type) {
    return type == CKK_AES || type == CKK_SM4 || type == CKK_GENERIC_SECRET;
}

/* A session key with a value that may be public, or CK_INVALID_HANDLE. */
static CK_OBJECT_HANDLE secret(CK_SESSION_HANDLE session, CK_KEY_TYPE type) {
    CK_BYTE value[] = "0123456789abcdef0123456789abcdef";
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_ATTRIBUTE_TYPE one = type == CKK_GENERIC_SECRET ? CKA_SIGN : CKA_ENCRYPT;
    CK_ATTRIBUTE_TYPE other = type == CKK_GENERIC_SECRET ? CKA_VERIFY : CKA_DECRYPT;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class_secret),
                               ATTRIBUTE(CKA_KEY_TYPE, type),
                               ATTRIBUTE(CKA_TOKEN, no),
                               ATTRIBUTE(CKA_PRIVATE, no),
                               {CKA_VALUE, value, type == CKK_GENERIC_SECRET ? 32 : 16},
                               ATTRIBUTE(one, yes),
                               ATTRIBUTE(other, yes),
                               ATTRIBUTE(CKA_SIGN, yes),
                               ATTRIBUTE(CKA_VERIFY, yes)};
    CK_ULONG count = type == CKK_AES ? 9 : 7;
    return p11.C_CreateObject(session, template, count, &object) == CKR_OK ? object
                                                                           : CK_INVALID_HANDLE;
}

static bool find_keys(CK_SESSION_HANDLE session, const struct row *row, CK_OBJECT_HANDLE *forward,
                      CK_OBJECT_HANDLE *backward) {
    if (is_secret(row->type)) {
        *forward = *backward = secret(session, row->type);
        return *forward != CK_INVALID_HANDLE;
    }
    CK_OBJECT_HANDLE private_key =
        find_key(session, CKO_PRIVATE_KEY, row->type, row->signs ? CKA_SIGN : CKA_DECRYPT);
    CK_OBJECT_HANDLE public_key =
        private_key != CK_INVALID_HANDLE ? public_of(session, private_key) : CK_INVALID_HANDLE;
    *forward = row->signs ? private_key : public_key;
    *backward = row->signs ? public_key : private_key;
    return private_key != CK_INVALID_HANDLE && public_key != CK_INVALID_HANDLE;
}

static bool make(CK_SESSION_HANDLE session, enum kind kind, const struct row *row,
                 struct use *use) {
    static const CK_FLAGS flags[] = {CKF_ENCRYPT, CKF_DECRYPT, CKF_DIGEST, CKF_SIGN, CKF_VERIFY};
    CK_OBJECT_HANDLE forward = CK_INVALID_HANDLE, backward = CK_INVALID_HANDLE;
    bool fits = kind == DIGEST                   ? row->digests
                : kind == SIGN || kind == VERIFY ? row->signs
                                                 : row->encrypts;
    if (!fits || !has_mechanism(row->mechanism.mechanism, flags[kind])) {
        return false;
    }
    if (kind != DIGEST && !find_keys(session, row, &forward, &backward)) {
        return false;
    }
    memset(use, 0, sizeof(*use));
    use->kind = kind;
    use->mechanism = row->mechanism;
    use->key = kind == ENCRYPT || kind == SIGN ? forward : backward;
    use->in_len = row->data_len;
    use->has_parts = row->has_parts;
    use->is_repeatable = row->is_repeatable;
    for (CK_ULONG i = 0; i < use->in_len; i++) {
        use->in[i] = (CK_BYTE)(i + 1);
    }
    if (kind == DECRYPT || kind == VERIFY) {
        context_set(mechanism_name(row->mechanism.mechanism));
        CK_BYTE result[512];
        CK_ULONG len = sizeof(result);
        if (kind == DECRYPT) {
            OK(p11.C_EncryptInit(session, &use->mechanism, forward));
            OK(p11.C_Encrypt(session, use->in, use->in_len, result, &len));
            memcpy(use->out, use->in, use->in_len);
            use->out_len = use->in_len;
            memcpy(use->in, result, len);
            use->in_len = len;
            use->is_repeatable = true;
        } else {
            OK(p11.C_SignInit(session, &use->mechanism, forward));
            OK(p11.C_Sign(session, use->in, use->in_len, result, &len));
            memcpy(use->out, result, len);
            use->out_len = len;
        }
    }
    return true;
}

bool use_next(CK_SESSION_HANDLE session, enum kind kind, unsigned *next, struct use *use) {
    while (*next < COUNT(rows)) {
        if (make(session, kind, &rows[(*next)++], use)) {
            context_set(mechanism_name(use->mechanism.mechanism));
            return true;
        }
    }
    context_set("");
    return false;
}

static void name_call(const struct use *use, const char *step) {
    static const char *const kinds[] = {"Encrypt", "Decrypt", "Digest", "Sign", "Verify"};
    snprintf(last_call, sizeof(last_call), "C_%s%s", kinds[use->kind], step);
}

CK_RV use_init(CK_SESSION_HANDLE session, const struct use *use) {
    name_call(use, "Init");
    CK_MECHANISM mechanism = use->mechanism;
    switch (use->kind) {
    case ENCRYPT:
        return p11.C_EncryptInit(session, &mechanism, use->key);
    case DECRYPT:
        return p11.C_DecryptInit(session, &mechanism, use->key);
    case DIGEST:
        return p11.C_DigestInit(session, &mechanism);
    case SIGN:
        return p11.C_SignInit(session, &mechanism, use->key);
    case VERIFY:
        return p11.C_VerifyInit(session, &mechanism, use->key);
    }
    return CKR_GENERAL_ERROR;
}

CK_RV use_once(CK_SESSION_HANDLE session, const struct use *use, CK_BYTE *out, CK_ULONG *out_len) {
    name_call(use, "");
    CK_BYTE *in = (CK_BYTE *)use->in;
    switch (use->kind) {
    case ENCRYPT:
        return p11.C_Encrypt(session, in, use->in_len, out, out_len);
    case DECRYPT:
        return p11.C_Decrypt(session, in, use->in_len, out, out_len);
    case DIGEST:
        return p11.C_Digest(session, in, use->in_len, out, out_len);
    case SIGN:
        return p11.C_Sign(session, in, use->in_len, out, out_len);
    case VERIFY:
        return p11.C_Verify(session, in, use->in_len, out, *out_len);
    }
    return CKR_GENERAL_ERROR;
}

CK_RV use_update(CK_SESSION_HANDLE session, const struct use *use, CK_ULONG at, CK_ULONG len,
                 CK_BYTE *out, CK_ULONG *out_len) {
    name_call(use, "Update");
    CK_BYTE *in = (CK_BYTE *)use->in + at;
    switch (use->kind) {
    case ENCRYPT:
        return p11.C_EncryptUpdate(session, in, len, out, out_len);
    case DECRYPT:
        return p11.C_DecryptUpdate(session, in, len, out, out_len);
    default:
        *out_len = 0;
        return use->kind == DIGEST ? p11.C_DigestUpdate(session, in, len)
               : use->kind == SIGN ? p11.C_SignUpdate(session, in, len)
                                   : p11.C_VerifyUpdate(session, in, len);
    }
}

CK_RV use_final(CK_SESSION_HANDLE session, const struct use *use, CK_BYTE *out, CK_ULONG *out_len) {
    name_call(use, "Final");
    switch (use->kind) {
    case ENCRYPT:
        return p11.C_EncryptFinal(session, out, out_len);
    case DECRYPT:
        return p11.C_DecryptFinal(session, out, out_len);
    case DIGEST:
        return p11.C_DigestFinal(session, out, out_len);
    case SIGN:
        return p11.C_SignFinal(session, out, out_len);
    case VERIFY:
        return p11.C_VerifyFinal(session, out, *out_len);
    }
    return CKR_GENERAL_ERROR;
}

struct use_walk use_walk_begin(enum kind kind) {
    struct use_walk walk = {kind, 0, 0, 0};
    user_session();
    return walk;
}

bool use_walk_next(struct use_walk *walk, struct use *use, CK_SESSION_HANDLE *session) {
    static CK_SESSION_HANDLE last;
    if (walk->seen > 0) {
        OK(p11.C_CloseSession(last));
    }
    last = read_write();
    if (use_next(last, walk->kind, &walk->next, use)) {
        walk->seen++;
        *session = last;
        return true;
    }
    if (walk->seen == walk->skipped) {
        rule_not_applicable("the module has no mechanism and key for it");
    }
    return false;
}
