/* The tasks of p11-stress, and how each of them is checked. */
#include "module/formats/sm2.h"
#include "tests/conformance/suite/judge.h"
#include "tests/faults/sharing/stress.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ATTRIBUTE(type, variable)                                                                  \
    { (type), &(variable), sizeof(variable) }
#define TRY(call)                                                                                  \
    do {                                                                                           \
        CK_RV try_rv = (call);                                                                     \
        if (try_rv != CKR_OK)                                                                      \
            return try_rv;                                                                         \
    } while (0)

const char *const task_names[TASKS] = {"sign", "verify",   "decrypt",  "find",   "data",
                                       "set",  "generate", "sessions", "digest", "login"};

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

/* A name that no other thread and no other program uses. */
static void fresh_name(struct worker *worker, char name[32]) {
    snprintf(name, 32, "stress-%x-%u-%lu", (unsigned)getpid(), worker->number, worker->made++);
}

static CK_RV find_one(struct worker *worker, CK_ATTRIBUTE *template, CK_ULONG count,
                      CK_OBJECT_HANDLE *out) {
    CK_ULONG found = 0;
    *out = CK_INVALID_HANDLE;
    TRY(p11->C_FindObjectsInit(worker->session, template, count));
    CK_RV rv = p11->C_FindObjects(worker->session, out, 1, &found);
    CK_RV ended = p11->C_FindObjectsFinal(worker->session);
    TRY(rv);
    TRY(ended);
    return found == 1 ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}

static CK_RV find_key(struct worker *worker, const struct known_key *key, CK_OBJECT_CLASS class,
                      CK_OBJECT_HANDLE *out) {
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class),
                               {CKA_ID, (CK_BYTE *)(uintptr_t)key->id, key->id_len}};
    return find_one(worker, template, 2, out);
}

/* One of the token's keys that signs (or decrypts); NULL if it has none. */
static const struct known_key *pick_key(struct worker *worker, bool signs) {
    const struct stress_token *token = worker->token;
    size_t start = pick(worker, STRESS_KEYS);
    for (size_t i = 0; i < token->key_count; i++) {
        const struct known_key *key = &token->keys[(start + i) % token->key_count];
        if (signs ? key->signs : key->decrypts) {
            return key;
        }
    }
    return NULL;
}

static CK_MECHANISM signature_mechanism(struct worker *worker, const struct known_key *key,
                                        CK_ULONG *len) {
    static CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    static const CK_MECHANISM rsa[] = {{CKM_RSA_PKCS, NULL, 0},
                                       {CKM_SHA256_RSA_PKCS, NULL, 0},
                                       {CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof(pss)}};
    static const CK_MECHANISM ec[] = {{CKM_ECDSA, NULL, 0}, {CKM_ECDSA_SHA256, NULL, 0}};
    static const CK_MECHANISM sm2[] = {{CKM_SM2, NULL, 0}, {CKM_SM2_SM3, NULL, 0}};
    CK_MECHANISM mechanism = key->type == CKK_RSA  ? rsa[pick(worker, 3)]
                             : key->type == CKK_EC ? ec[pick(worker, 2)]
                                                   : sm2[pick(worker, 2)];
    bool short_data = mechanism.mechanism == CKM_RSA_PKCS || mechanism.mechanism == CKM_ECDSA ||
                      mechanism.mechanism == CKM_SM2;
    *len = short_data ? 32 : 1 + pick(worker, 600);
    return mechanism;
}

static void random_bytes(struct worker *worker, CK_BYTE *out, CK_ULONG len) {
    for (CK_ULONG i = 0; i < len; i++) {
        out[i] = (CK_BYTE)pick(worker, 256);
    }
}

static CK_RV sign(struct worker *worker, const struct known_key *key, CK_MECHANISM *mechanism,
                  CK_BYTE *data, CK_ULONG len, CK_BYTE *signature, CK_ULONG *signature_len) {
    CK_OBJECT_HANDLE handle;
    TRY(find_key(worker, key, CKO_PRIVATE_KEY, &handle));
    TRY(p11->C_SignInit(worker->session, mechanism, handle));
    TRY(p11->C_Sign(worker->session, data, len, signature, signature_len));
    if (!judge_signature(key->public, mechanism, data, len, signature, *signature_len)) {
        wrong("a signature by mechanism 0x%lX does not verify", mechanism->mechanism);
    }
    return CKR_OK;
}

static CK_RV task_sign(struct worker *worker) {
    CK_BYTE data[601], signature[512];
    CK_ULONG len, signature_len = sizeof(signature);
    const struct known_key *key = pick_key(worker, true);
    CK_MECHANISM mechanism = signature_mechanism(worker, key, &len);
    random_bytes(worker, data, len);
    return sign(worker, key, &mechanism, data, len, signature, &signature_len);
}

static CK_RV task_verify(struct worker *worker) {
    CK_BYTE data[601], signature[512];
    CK_ULONG len, signature_len = sizeof(signature);
    CK_OBJECT_HANDLE public;
    const struct known_key *key = pick_key(worker, true);
    CK_MECHANISM mechanism = signature_mechanism(worker, key, &len);
    random_bytes(worker, data, len);
    TRY(sign(worker, key, &mechanism, data, len, signature, &signature_len));
    TRY(find_key(worker, key, CKO_PUBLIC_KEY, &public));
    TRY(p11->C_VerifyInit(worker->session, &mechanism, public));
    CK_RV rv = p11->C_Verify(worker->session, data, len, signature, signature_len);
    if (rv == CKR_SIGNATURE_INVALID) {
        wrong("the module refuses a good signature");
    }
    TRY(rv);
    signature[pick(worker, (unsigned)signature_len)] ^= 0x20;
    TRY(p11->C_VerifyInit(worker->session, &mechanism, public));
    rv = p11->C_Verify(worker->session, data, len, signature, signature_len);
    if (rv == CKR_OK) {
        wrong("the module takes a bad signature");
    }
    return rv == CKR_SIGNATURE_INVALID ? CKR_OK : rv;
}

static bool encrypt(const struct known_key *key, const CK_BYTE *plain, CK_ULONG len, CK_BYTE *out,
                    size_t *out_len) {
    bool done = false;
    if (key->type == CKK_RSA) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->public, NULL);
        done = EVP_PKEY_encrypt_init(ctx) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
               EVP_PKEY_encrypt(ctx, out, out_len, plain, len) == 1;
        EVP_PKEY_CTX_free(ctx);
        return done;
    }
    struct octets der = {NULL, 0}, raw = {NULL, 0};
    struct sm2_cipher cipher;
    if (sm2_encrypt(NULL, key->public, plain, len, &der) == FORMATS_OK &&
        sm2_cipher_parse(der.data, der.len, &cipher) == FORMATS_OK &&
        sm2_cipher_to_raw(&cipher, &raw) == FORMATS_OK && raw.len <= *out_len) {
        memcpy(out, raw.data, raw.len);
        *out_len = raw.len;
        done = true;
    }
    octets_free(&raw);
    octets_free(&der);
    return done;
}

static CK_RV task_decrypt(struct worker *worker) {
    CK_BYTE plain[64], cipher[512], out[512];
    CK_ULONG len = 1 + pick(worker, 60), out_len = sizeof(out);
    size_t cipher_len = sizeof(cipher);
    CK_OBJECT_HANDLE handle;
    const struct known_key *key = pick_key(worker, false);
    if (key == NULL) {
        return CKR_OK;
    }
    CK_MECHANISM mechanism = {key->type == CKK_RSA ? CKM_RSA_PKCS : CKM_SM2_ENCRYPT, NULL, 0};
    random_bytes(worker, plain, len);
    if (!encrypt(key, plain, len, cipher, &cipher_len)) {
        wrong("OpenSSL does not encrypt");
    }
    TRY(find_key(worker, key, CKO_PRIVATE_KEY, &handle));
    TRY(p11->C_DecryptInit(worker->session, &mechanism, handle));
    TRY(p11->C_Decrypt(worker->session, cipher, cipher_len, out, &out_len));
    if (out_len != len || memcmp(out, plain, len) != 0) {
        wrong("a plaintext is not what was encrypted");
    }
    return CKR_OK;
}

static CK_RV task_find(struct worker *worker) {
    CK_OBJECT_HANDLE all[128];
    CK_ULONG count = 0;
    TRY(p11->C_FindObjectsInit(worker->session, NULL, 0));
    CK_RV rv = p11->C_FindObjects(worker->session, all, 128, &count);
    CK_RV ended = p11->C_FindObjectsFinal(worker->session);
    TRY(rv);
    TRY(ended);
    for (size_t k = 0; k < worker->token->key_count; k++) {
        const struct known_key *key = &worker->token->keys[k];
        CK_OBJECT_HANDLE handle;
        CK_KEY_TYPE type = ~0UL;
        CK_ATTRIBUTE value = ATTRIBUTE(CKA_KEY_TYPE, type);
        TRY(find_key(worker, key, CKO_PUBLIC_KEY, &handle));
        TRY(p11->C_GetAttributeValue(worker->session, handle, &value, 1));
        EVP_PKEY *now = judge_key(p11, worker->session, handle);
        if (now != NULL && (type != key->type || EVP_PKEY_eq(now, key->public) != 1)) {
            wrong("a public key has changed");
        }
        EVP_PKEY_free(now);
    }
    return CKR_OK;
}

/* Removes what an earlier task could not. */
static CK_RV tidy_up(struct worker *worker) {
    CK_OBJECT_HANDLE all[128];
    CK_ULONG count = 0;
    char label[64] = "", mine[32];
    TRY(p11->C_FindObjectsInit(worker->session, NULL, 0));
    CK_RV rv = p11->C_FindObjects(worker->session, all, 128, &count);
    p11->C_FindObjectsFinal(worker->session);
    TRY(rv);
    snprintf(mine, sizeof(mine), "stress-%x-%u-", (unsigned)getpid(), worker->number);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_ATTRIBUTE read = {CKA_LABEL, label, sizeof(label)};
        if (p11->C_GetAttributeValue(worker->session, all[i], &read, 1) == CKR_OK &&
            read.ulValueLen > strlen(mine) && memcmp(label, mine, strlen(mine)) == 0) {
            p11->C_DestroyObject(worker->session, all[i]);
        }
    }
    return CKR_OK;
}

static CK_RV task_data(struct worker *worker) {
    char name[32];
    CK_BYTE value[300], back[300], rest[8];
    CK_ULONG len = 1 + pick(worker, sizeof(value));
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE, found;
    CK_BBOOL *token = pick(worker, 2) ? &yes : &no;
    fresh_name(worker, name);
    random_bytes(worker, value, len);
    CK_ATTRIBUTE template[] = {{CKA_LABEL, name, strlen(name)},
                               ATTRIBUTE(CKA_CLASS, class),
                               {CKA_TOKEN, token, 1},
                               ATTRIBUTE(CKA_PRIVATE, no),
                               {CKA_VALUE, value, len}};
    CK_ATTRIBUTE read = {CKA_VALUE, back, sizeof(back)};
    CK_RV rv = p11->C_CreateObject(worker->session, template, 5, &made);
    if (rv == CKR_DEVICE_MEMORY) {
        return tidy_up(worker); /* removals left objects behind */
    }
    TRY(rv);
    TRY(find_one(worker, template, 2, &found));
    TRY(p11->C_GetAttributeValue(worker->session, found, &read, 1));
    if (found != made || read.ulValueLen != len || memcmp(back, value, len) != 0) {
        wrong("a data object is not what was written (%lu bytes of %lu)", read.ulValueLen, len);
    }
    TRY(p11->C_DestroyObject(worker->session, made));
    read.pValue = rest;
    read.ulValueLen = sizeof(rest);
    rv = p11->C_GetAttributeValue(worker->session, made, &read, 1);
    if (rv == CKR_OK) {
        wrong("a destroyed object still answers");
    }
    return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_OK : rv;
}

static CK_RV task_set(struct worker *worker) {
    char name[32], other[32];
    CK_BYTE back[64];
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    fresh_name(worker, name);
    fresh_name(worker, other);
    CK_ATTRIBUTE template[] = {{CKA_LABEL, name, strlen(name)},
                               ATTRIBUTE(CKA_CLASS, class),
                               ATTRIBUTE(CKA_TOKEN, no),
                               ATTRIBUTE(CKA_PRIVATE, no),
                               {CKA_VALUE, name, strlen(name)}};
    CK_ATTRIBUTE change = {CKA_LABEL, other, strlen(other)};
    CK_ATTRIBUTE read = {CKA_LABEL, back, sizeof(back)};
    TRY(p11->C_CreateObject(worker->session, template, 5, &made));
    TRY(p11->C_SetAttributeValue(worker->session, made, &change, 1));
    TRY(p11->C_GetAttributeValue(worker->session, made, &read, 1));
    if (read.ulValueLen != strlen(other) || memcmp(back, other, strlen(other)) != 0) {
        wrong("a label is not what was set");
    }
    return p11->C_DestroyObject(worker->session, made);
}

static CK_RV task_generate(struct worker *worker) {
    char name[32];
    CK_BYTE data[32], signature[128];
    CK_ULONG len = sizeof(signature);
    CK_OBJECT_HANDLE public, private;
    CK_MECHANISM_INFO info;
    CK_MECHANISM make = {CKM_SM2_KEY_PAIR_GEN, NULL, 0}, use = {CKM_SM2, NULL, 0};
    if (p11->C_GetMechanismInfo(worker->token->slot, make.mechanism, &info) != CKR_OK) {
        return CKR_OK;
    }
    fresh_name(worker, name);
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_TOKEN, yes), {CKA_LABEL, name, strlen(name)}};
    CK_RV rv =
        p11->C_GenerateKeyPair(worker->session, &make, template, 2, template, 2, &public, &private);
    if (rv == CKR_DEVICE_MEMORY) {
        return tidy_up(worker);
    }
    TRY(rv);
    random_bytes(worker, data, sizeof(data));
    EVP_PKEY *key = judge_key(p11, worker->session, public);
    rv = p11->C_SignInit(worker->session, &use, private);
    if (rv == CKR_OK) {
        rv = p11->C_Sign(worker->session, data, 32, signature, &len);
    }
    if (rv == CKR_OK && key != NULL && !judge_signature(key, &use, data, 32, signature, len)) {
        wrong("a new key's signature does not verify");
    }
    EVP_PKEY_free(key);
    TRY(rv);
    return p11->C_DestroyObject(worker->session, private);
}

static CK_RV task_sessions(struct worker *worker) {
    CK_SESSION_HANDLE sessions[5];
    CK_SESSION_INFO info;
    CK_RV rv = CKR_OK;
    unsigned opened = 0;
    while (opened < 5 && rv == CKR_OK) {
        rv = p11->C_OpenSession(worker->token->slot,
                                CKF_SERIAL_SESSION | (opened % 2 ? CKF_RW_SESSION : 0), NULL, NULL,
                                &sessions[opened]);
        opened += rv == CKR_OK;
    }
    for (unsigned i = 0; i < opened; i++) {
        CK_RV told = p11->C_GetSessionInfo(sessions[i], &info);
        if (told == CKR_OK && info.slotID != worker->token->slot) {
            wrong("a session is of another slot");
        }
        CK_RV closed = p11->C_CloseSession(sessions[i]);
        rv = rv != CKR_OK ? rv : closed;
    }
    return rv;
}

static CK_RV task_digest(struct worker *worker) {
    CK_BYTE data[601], out[32], expected[EVP_MAX_MD_SIZE];
    CK_ULONG len = pick(worker, 600), out_len = sizeof(out), half = len / 2;
    unsigned expected_len;
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
    random_bytes(worker, data, len);
    TRY(p11->C_DigestInit(worker->session, &mechanism));
    TRY(p11->C_DigestUpdate(worker->session, data, half));
    TRY(p11->C_DigestUpdate(worker->session, data + half, len - half));
    TRY(p11->C_DigestFinal(worker->session, out, &out_len));
    EVP_Digest(data, len, expected, &expected_len, EVP_sha256(), NULL);
    if (out_len != 32 || memcmp(out, expected, 32) != 0) {
        wrong("a digest is wrong");
    }
    return CKR_OK;
}

static CK_RV task_login(struct worker *worker) {
    CK_SESSION_INFO info;
    if (pick(worker, 4) == 0) {
        TRY(p11->C_Logout(worker->session));
    }
    TRY(worker_ready(worker));
    return p11->C_GetSessionInfo(worker->session, &info);
}

CK_RV do_task(struct worker *worker, enum task task) {
    static CK_RV (*const tasks[TASKS])(struct worker *) = {
        task_sign, task_verify,   task_decrypt,  task_find,   task_data,
        task_set,  task_generate, task_sessions, task_digest, task_login};
    CK_RV rv = worker_ready(worker);
    return rv == CKR_OK ? tasks[task](worker) : rv;
}
