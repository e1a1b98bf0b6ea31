/* 5.9, 5.11, 5.14, 5.16: many messages under one key. */
#include "tests/conformance/suite/cases.h"

#include <string.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

static CK_SESSION_HANDLE session;
static struct use use;

/* The per-message parameter of AES-GCM: the initialisation vector in, the tag out. */
struct gcm_message {
    CK_BYTE_PTR pIv;
    CK_ULONG ulIvLen;
    CK_ULONG ulIvFixedBits;
    CK_ULONG ivGenerator;
    CK_BYTE_PTR pTag;
    CK_ULONG ulTagBits;
};
static CK_BYTE iv[12] = "twelve bytes", tag[16];
static struct gcm_message gcm = {iv, 12, 0, 0, tag, 128};

static CK_OBJECT_HANDLE gcm_key(void) {
    NEED(C_MessageEncryptInit);
    session = user_session();
    CK_OBJECT_HANDLE key = make_secret(session, CKK_AES, true);
    if (!has_mechanism(CKM_AES_GCM, CKF_MESSAGE_ENCRYPT)) {
        rule_not_applicable("CKM_AES_GCM has no CKF_MESSAGE_ENCRYPT");
    }
    return key;
}
static CK_MECHANISM aes_gcm = {CKM_AES_GCM, NULL, 0};

CHECK(encrypt_roundtrip) {
    CK_BYTE aad[4] = "aad", text[21] = "a message of 20 bytes", out[64], back[64];
    CK_OBJECT_HANDLE key = gcm_key();
    OK(p11.C_MessageEncryptInit(session, &aes_gcm, key));
    for (CK_BYTE i = 0; i < 3; i++) {
        CK_ULONG len = sizeof(out), back_len = sizeof(back);
        iv[0] = i;
        OK(p11.C_EncryptMessage(session, &gcm, sizeof(gcm), aad, 4, text, 21, out, &len));
        CK_SESSION_HANDLE other = read_only();
        OK(p11.C_MessageDecryptInit(other, &aes_gcm, key));
        OK(p11.C_DecryptMessage(other, &gcm, sizeof(gcm), aad, 4, out, len, back, &back_len));
        HOLDS(back_len == 21 && memcmp(back, text, 21) == 0, "each message comes back");
        tag[3] ^= 1;
        back_len = sizeof(back);
        EXPECT(CKR_AEAD_DECRYPT_FAILED,
               p11.C_DecryptMessage(other, &gcm, sizeof(gcm), aad, 4, out, len, back, &back_len));
        OK(p11.C_MessageDecryptFinal(other));
        tag[3] ^= 1;
    }
    OK(p11.C_MessageEncryptFinal(session));
}
CHECK(encrypt_parts) {
    CK_BYTE aad[4] = "aad", text[21] = "a message of 20 bytes", whole[64], parts[64], whole_tag[16];
    CK_ULONG len = sizeof(whole), a = sizeof(parts), b;
    CK_OBJECT_HANDLE key = gcm_key();
    OK(p11.C_MessageEncryptInit(session, &aes_gcm, key));
    OK(p11.C_EncryptMessage(session, &gcm, sizeof(gcm), aad, 4, text, 21, whole, &len));
    memcpy(whole_tag, tag, 16);
    OK(p11.C_EncryptMessageBegin(session, &gcm, sizeof(gcm), aad, 4));
    OK(p11.C_EncryptMessageNext(session, &gcm, sizeof(gcm), text, 5, parts, &a, 0));
    b = sizeof(parts) - a;
    OK(p11.C_EncryptMessageNext(session, &gcm, sizeof(gcm), text + 5, 16, parts + a, &b,
                                CKF_END_OF_MESSAGE));
    HOLDS(a + b == len && memcmp(parts, whole, len) == 0 && memcmp(tag, whole_tag, 16) == 0,
          "in parts the message and its tag are the same");
}
CHECK(encrypt_none) {
    NEED(C_EncryptMessage);
    CK_BYTE text[4] = {0}, out[64];
    CK_ULONG len = sizeof(out);
    session = read_only();
    EXPECT(CKR_OPERATION_NOT_INITIALIZED,
           p11.C_EncryptMessage(session, &gcm, sizeof(gcm), NULL, 0, text, 4, out, &len));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_MessageEncryptFinal(session));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_MessageDecryptFinal(session));
}
CHECK(encrypt_twice) {
    CK_OBJECT_HANDLE key = gcm_key();
    OK(p11.C_MessageEncryptInit(session, &aes_gcm, key));
    EXPECT(CKR_OPERATION_ACTIVE, p11.C_MessageEncryptInit(session, &aes_gcm, key));
}

#define FOR_EACH_MESSAGE_SIGNER                                                                    \
    NEED(C_MessageSignInit);                                                                       \
    FOR_EACH_USE(SIGN, use, session)                                                               \
    if (!has_mechanism(use.mechanism.mechanism, CKF_MESSAGE_SIGN)) {                               \
        walk.skipped++;                                                                            \
        continue;                                                                                  \
    } else

CHECK(sign_many) {
    CK_BYTE signature[1024];
    FOR_EACH_MESSAGE_SIGNER {
        OK(p11.C_MessageSignInit(session, &use.mechanism, use.key));
        for (int i = 0; i < 3; i++) {
            CK_ULONG len = sizeof(signature), query = 0;
            use.in[0] = (CK_BYTE)i;
            OK(p11.C_SignMessage(session, NULL, 0, use.in, use.in_len, NULL, &query));
            OK(p11.C_SignMessage(session, NULL, 0, use.in, use.in_len, signature, &len));
            CK_SESSION_HANDLE other = read_only();
            CK_OBJECT_HANDLE key = attribute_ulong(session, use.key, CKA_CLASS) == CKO_PRIVATE_KEY
                                       ? public_of(session, use.key)
                                       : use.key;
            OK(p11.C_VerifyInit(other, &use.mechanism, key));
            OK(p11.C_Verify(other, use.in, use.in_len, signature, len));
            OK(p11.C_CloseSession(other));
        }
        OK(p11.C_MessageSignFinal(session));
    }
}
CHECK(verify_many) {
    CK_BYTE signature[1024];
    FOR_EACH_MESSAGE_SIGNER {
        CK_ULONG len = sizeof(signature);
        CK_OBJECT_HANDLE key = attribute_ulong(session, use.key, CKA_CLASS) == CKO_PRIVATE_KEY
                                   ? public_of(session, use.key)
                                   : use.key;
        OK(use_init(session, &use));
        OK(use_once(session, &use, signature, &len));
        OK(p11.C_MessageVerifyInit(session, &use.mechanism, key));
        OK(p11.C_VerifyMessage(session, NULL, 0, use.in, use.in_len, signature, len));
        signature[len / 2] ^= 1;
        EXPECT(CKR_SIGNATURE_INVALID,
               p11.C_VerifyMessage(session, NULL, 0, use.in, use.in_len, signature, len));
        signature[len / 2] ^= 1;
        OK(p11.C_VerifyMessage(session, NULL, 0, use.in, use.in_len, signature, len));
        OK(p11.C_MessageVerifyFinal(session));
    }
}
CHECK(sign_parts) {
    CK_BYTE signature[1024];
    FOR_EACH_MESSAGE_SIGNER {
        CK_ULONG len = sizeof(signature);
        if (!use.has_parts) {
            walk.skipped++;
            continue;
        }
        OK(p11.C_MessageSignInit(session, &use.mechanism, use.key));
        OK(p11.C_SignMessageBegin(session, NULL, 0));
        OK(p11.C_SignMessageNext(session, NULL, 0, use.in, 10, NULL, NULL));
        OK(p11.C_SignMessageNext(session, NULL, 0, use.in + 10, use.in_len - 10, signature, &len));
        CK_OBJECT_HANDLE key = attribute_ulong(session, use.key, CKA_CLASS) == CKO_PRIVATE_KEY
                                   ? public_of(session, use.key)
                                   : use.key;
        OK(p11.C_VerifyInit(session, &use.mechanism, key));
        OK(p11.C_Verify(session, use.in, use.in_len, signature, len));
    }
}
CHECK(sign_none) {
    NEED(C_SignMessage);
    CK_BYTE data[4] = {0}, out[64];
    CK_ULONG len = sizeof(out);
    session = read_only();
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_SignMessage(session, NULL, 0, data, 4, out, &len));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_MessageSignFinal(session));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_MessageVerifyFinal(session));
}

/* clang-format off */
static const struct rule table[] = {
    {"5.9.1", "C_MessageEncryptInit", "during another: CKR_OPERATION_ACTIVE", encrypt_twice, NULL},
    {"5.9.2", "C_EncryptMessage", "many messages; C_DecryptMessage (5.11.2) gives them back and finds changes", encrypt_roundtrip, NULL},
    {"5.9.4", "C_EncryptMessageNext", "in parts the result is the same", encrypt_parts, NULL},
    {"5.9.5", "C_MessageEncryptFinal", "without operation: CKR_OPERATION_NOT_INITIALIZED", encrypt_none, NULL},
    {"5.14.2", "C_SignMessage", "many messages, each verified", sign_many, NULL},
    {"5.14.4", "C_SignMessageNext", "in parts the signature is good", sign_parts, NULL},
    {"5.14.5", "C_MessageSignFinal", "without operation: CKR_OPERATION_NOT_INITIALIZED", sign_none, NULL},
    {"5.16.2", "C_VerifyMessage", "many messages; a wrong one does not end the operation", verify_many, NULL},
};
/* clang-format on */
RULE_LIST(message_rules, table);
