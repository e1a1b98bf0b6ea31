/* p11-nonsense --pin PIN [--runs N] [--first N] [--seed N] random|truncated
 *
 * The whole module in this program uses the key of openukey.conf, while the card's answers are spoilt on their way. What must hold:
 *  - every call comes back, with a return value of the standard's;
 *  - a length that is told fits what it is a length of;
 *  - a signature that is given out verifies under the public key that the module tells of, and a plaintext is the right one,
 *    unless the very answer that carried it was spoilt: what a card says in answer to that command, with 9000 behind it, is its
 *    answer. (The module checks results with the public key where it doubts the card's state, not always.)
 *  - when the nonsense ends, the key is used as if nothing had been (--forget: and the cache on disk is emptied: nonsense of
 *    the right shape goes there). */
#include "module/formats/sm2.h"
#include "pkcs11.h"
#include "tests/conformance/suite/judge.h"
#include "tests/faults/nonsense/mangle.h"

#include <dirent.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEYS = 16, OBJECTS = 64, RUN_SECONDS = 60 };

struct true_key {
    CK_KEY_TYPE type;
    CK_BYTE id[64];
    CK_ULONG id_len;
    bool signs, decrypts;
    EVP_PKEY *public;
};

static struct true_key keys[KEYS];
static size_t key_count;
static CK_ULONG object_count;
static const char *pin = "123456", *forget_dir;
static CK_FUNCTION_LIST *p11;
static CK_SLOT_ID slot;
static unsigned run, state;
static unsigned long signatures, plaintexts, errors;

_Noreturn __attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "p11-nonsense: run %u: ", run);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    _exit(1);
}

static size_t pick(size_t below) {
    state = state * 1103515245U + 12345U;
    return (state >> 8) % below;
}

/* Any return value of the standard's is allowed; true if it is CKR_OK. */
static bool is_ok(CK_RV rv) {
    if (rv >= 0x200) {
        wrong("0x%lX is no return value", rv);
    }
    errors += rv != CKR_OK;
    return rv == CKR_OK;
}

static CK_ULONG find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count,
                     CK_OBJECT_HANDLE *out, CK_ULONG max) {
    CK_ULONG found = 0;
    if (is_ok(p11->C_FindObjectsInit(session, template, count))) {
        if (!is_ok(p11->C_FindObjects(session, out, max, &found)) || found > max) {
            found = 0;
        }
        is_ok(p11->C_FindObjectsFinal(session));
    }
    return found;
}

static CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
                                 const struct true_key *key) {
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_ID, (CK_BYTE *)(uintptr_t)key->id, key->id_len}};
    return find(session, template, 2, &found, 1) == 1 ? found : CK_INVALID_HANDLE;
}

/* ---- uses of the key ---- */

static bool try_sign(CK_SESSION_HANDLE session, const struct true_key *key) {
    CK_BYTE data[32], signature[1024];
    CK_ULONG len = sizeof(signature);
    CK_MECHANISM mechanism = {key->type == CKK_RSA  ? CKM_RSA_PKCS
                              : key->type == CKK_EC ? CKM_ECDSA
                              : pick(2)             ? CKM_SM2
                                                    : CKM_SM2_SM3,
                              NULL, 0};
    CK_OBJECT_HANDLE handle = find_key(session, CKO_PRIVATE_KEY, key);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (CK_BYTE)pick(256);
    }
    if (handle == CK_INVALID_HANDLE || !is_ok(p11->C_SignInit(session, &mechanism, handle))) {
        return false;
    }
    unsigned long before = mangle_count();
    if (!is_ok(p11->C_Sign(session, data, sizeof(data), signature, &len))) {
        return false;
    }
    if (len > sizeof(signature)) {
        wrong("a signature has %lu bytes", len);
    }
    if (!judge_signature(key->public, &mechanism, data, sizeof(data), signature, len)) {
        if (mangle_count() != before) {
            return false;
        }
        /* the module may have been told another public key: then it must say so to us too */
        CK_OBJECT_HANDLE public = find_key(session, CKO_PUBLIC_KEY, key);
        EVP_PKEY *told = public != CK_INVALID_HANDLE ? judge_key(p11, session, public) : NULL;
        bool good =
            told != NULL && judge_signature(told, &mechanism, data, sizeof(data), signature, len);
        if (!good) {
            wrong("a signature by mechanism 0x%lX was given out that does not verify%s",
                  mechanism.mechanism, told != NULL ? "" : " (and no public key is told)");
        }
        EVP_PKEY_free(told);
    }
    signatures++;
    return true;
}

static bool encrypt(const struct true_key *key, const CK_BYTE *plain, size_t len, CK_BYTE *out,
                    size_t *out_len) {
    if (key->type == CKK_RSA) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->public, NULL);
        bool done = EVP_PKEY_encrypt_init(ctx) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
                    EVP_PKEY_encrypt(ctx, out, out_len, plain, len) == 1;
        EVP_PKEY_CTX_free(ctx);
        return done;
    }
    struct octets der = {NULL, 0}, raw = {NULL, 0};
    struct sm2_cipher cipher;
    bool done = sm2_encrypt(NULL, key->public, plain, len, &der) == FORMATS_OK &&
                sm2_cipher_parse(der.data, der.len, &cipher) == FORMATS_OK &&
                sm2_cipher_to_raw(&cipher, &raw) == FORMATS_OK && raw.len <= *out_len;
    if (done) {
        memcpy(out, raw.data, raw.len);
        *out_len = raw.len;
    }
    octets_free(&raw);
    octets_free(&der);
    return done;
}

static bool try_decrypt(CK_SESSION_HANDLE session, const struct true_key *key) {
    static const CK_BYTE plain[] = "a plaintext";
    CK_BYTE cipher[1024], out[1024];
    size_t cipher_len = sizeof(cipher);
    CK_ULONG len = sizeof(out);
    CK_MECHANISM mechanism = {key->type == CKK_RSA ? CKM_RSA_PKCS : CKM_SM2_ENCRYPT, NULL, 0};
    CK_OBJECT_HANDLE handle = find_key(session, CKO_PRIVATE_KEY, key);
    if (handle == CK_INVALID_HANDLE || !encrypt(key, plain, sizeof(plain), cipher, &cipher_len) ||
        !is_ok(p11->C_DecryptInit(session, &mechanism, handle))) {
        return false;
    }
    unsigned long before = mangle_count();
    if (!is_ok(p11->C_Decrypt(session, cipher, cipher_len, out, &len))) {
        return false;
    }
    if (len > sizeof(out)) {
        wrong("a plaintext has %lu bytes", len);
    }
    bool right = len == sizeof(plain) && memcmp(out, plain, sizeof(plain)) == 0;
    if (!right && (key->type == CKK_RSA || mangle_count() == before)) {
        wrong("a wrong plaintext was given out");
    }
    plaintexts += right;
    return right;
}

static void try_attributes(CK_SESSION_HANDLE session) {
    static const CK_ATTRIBUTE_TYPE types[] = {
        CKA_CLASS,         CKA_TOKEN,        CKA_PRIVATE,         CKA_LABEL,
        CKA_VALUE,         CKA_ID,           CKA_SUBJECT,         CKA_ISSUER,
        CKA_SERIAL_NUMBER, CKA_KEY_TYPE,     CKA_MODULUS,         CKA_EC_POINT,
        CKA_EC_PARAMS,     CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT, CKA_PUBLIC_KEY_INFO,
        CKA_CHECK_VALUE,   CKA_START_DATE,   CKA_UNIQUE_ID,       CKA_APPLICATION};
    CK_OBJECT_HANDLE all[OBJECTS];
    static CK_BYTE value[70000];
    CK_ULONG count = find(session, NULL, 0, all, OBJECTS);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_ATTRIBUTE read = {types[pick(sizeof(types) / sizeof(types[0]))], NULL, 0};
        if (!is_ok(p11->C_GetAttributeValue(session, all[i], &read, 1))) {
            continue;
        }
        read.pValue = value;
        CK_ULONG told = read.ulValueLen;
        read.ulValueLen = sizeof(value);
        if (is_ok(p11->C_GetAttributeValue(session, all[i], &read, 1)) &&
            (read.ulValueLen > sizeof(value) || (mangle_count() == 0 && told != read.ulValueLen))) {
            wrong("attribute 0x%lX has %lu bytes", read.type, read.ulValueLen);
        }
    }
}

static void try_data(CK_SESSION_HANDLE session) {
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_OBJECT_HANDLE made;
    CK_BYTE value[300] = "nonsense", back[300];
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_TOKEN, &yes, 1},
                               {CKA_PRIVATE, &no, 1},
                               {CKA_LABEL, (void *)(uintptr_t) "nonsense", 8},
                               {CKA_VALUE, value, 1 + pick(sizeof(value))}};
    CK_ATTRIBUTE read = {CKA_VALUE, back, sizeof(back)};
    if (is_ok(p11->C_CreateObject(session, template, 5, &made))) {
        is_ok(p11->C_GetAttributeValue(session, made, &read, 1));
        is_ok(p11->C_DestroyObject(session, made));
    }
}

static void try_rest(CK_SESSION_HANDLE session) {
    CK_TOKEN_INFO info;
    CK_BYTE random[40];
    CK_MECHANISM_INFO mechanism;
    is_ok(p11->C_GetTokenInfo(slot, &info));
    is_ok(p11->C_GenerateRandom(session, random, sizeof(random)));
    is_ok(p11->C_GetMechanismInfo(slot, CKM_RSA_PKCS, &mechanism));
    is_ok(p11->C_SetPIN(session, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin),
                        (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin)));
}

static void use(void) {
    CK_SESSION_HANDLE session;
    CK_ULONG count = 0;
    is_ok(p11->C_GetSlotList(CK_TRUE, NULL, &count));
    if (!is_ok(
            p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session))) {
        return;
    }
    is_ok(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin)));
    for (size_t i = 0, steps = 1 + pick(3); i < steps; i++) {
        const struct true_key *key = &keys[pick(key_count)];
        switch (pick(6)) {
        case 0:
            try_attributes(session);
            break;
        case 1:
            try_data(session);
            break;
        case 2:
            try_rest(session);
            break;
        case 3:
            if (key->decrypts) {
                try_decrypt(session, key);
            }
            break;
        default:
            if (key->signs) {
                try_sign(session, key);
            }
        }
    }
    is_ok(p11->C_CloseAllSessions(slot));
}

/* ---- and without nonsense ---- */

static void must(CK_RV rv, const char *what) {
    if (rv != CKR_OK) {
        wrong("%s without any nonsense: 0x%lX", what, rv);
    }
}

static CK_SESSION_HANDLE clean_session(void) {
    CK_SESSION_HANDLE session;
    CK_ULONG count = 0;
    mangle_set(MANGLE_NOTHING, 1, 1);
    mangle_replug();
    must(p11->C_GetSlotList(CK_TRUE, NULL, &count), "C_GetSlotList");
    must(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
         "C_OpenSession");
    must(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin)), "C_Login");
    return session;
}

static bool is_set(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_BBOOL value = CK_FALSE;
    CK_ATTRIBUTE attribute = {type, &value, 1};
    return p11->C_GetAttributeValue(session, object, &attribute, 1) == CKR_OK && value == CK_TRUE;
}

static void learn(void) {
    CK_OBJECT_HANDLE all[OBJECTS];
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)}};
    CK_SESSION_HANDLE session = clean_session();
    object_count = find(session, NULL, 0, all, OBJECTS);
    CK_ULONG count = find(session, template, 1, all, KEYS);
    for (CK_ULONG i = 0; i < count; i++) {
        struct true_key *key = &keys[key_count];
        CK_ATTRIBUTE read[] = {{CKA_KEY_TYPE, &key->type, sizeof(key->type)},
                               {CKA_ID, key->id, sizeof(key->id)}};
        must(p11->C_GetAttributeValue(session, all[i], read, 2), "C_GetAttributeValue");
        key->id_len = read[1].ulValueLen;
        key->signs =
            is_set(session, all[i], CKA_SIGN) && !is_set(session, all[i], CKA_ALWAYS_AUTHENTICATE);
        key->decrypts = is_set(session, all[i], CKA_DECRYPT) && key->type != CKK_EC;
        CK_OBJECT_HANDLE public = find_key(session, CKO_PUBLIC_KEY, key);
        key->public = public != CK_INVALID_HANDLE ? judge_key(p11, session, public) : NULL;
        key_count += key->public != NULL;
    }
    if (key_count == 0) {
        wrong("the key holds no key pair that OpenSSL knows");
    }
    must(p11->C_CloseAllSessions(slot), "C_CloseAllSessions");
}

/* What was remembered on disk may be nonsense of the right shape. */
static void forget(void) {
    DIR *dir = forget_dir != NULL ? opendir(forget_dir) : NULL;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void check_clean(void) {
    CK_OBJECT_HANDLE all[OBJECTS];
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE left[] = {{CKA_CLASS, &class, sizeof(class)},
                           {CKA_LABEL, (void *)(uintptr_t) "nonsense", 8}};
    forget();
    CK_SESSION_HANDLE session = clean_session();
    /* what a half-heard C_CreateObject left on the card */
    CK_ULONG count = find(session, left, 2, all, OBJECTS);
    for (CK_ULONG i = 0; i < count; i++) {
        must(p11->C_DestroyObject(session, all[i]), "C_DestroyObject");
    }
    count = find(session, NULL, 0, all, OBJECTS);
    if (count != object_count) {
        wrong("afterwards there are %lu objects, not %lu", count, object_count);
    }
    const struct true_key *key = &keys[run % key_count];
    CK_OBJECT_HANDLE public = find_key(session, CKO_PUBLIC_KEY, key);
    EVP_PKEY *told = public != CK_INVALID_HANDLE ? judge_key(p11, session, public) : NULL;
    if (told == NULL || EVP_PKEY_eq(told, key->public) != 1) {
        wrong("afterwards a public key is another one");
    }
    EVP_PKEY_free(told);
    if (key->signs && !try_sign(session, key)) {
        wrong("afterwards a key does not sign");
    }
    if (key->decrypts && !try_decrypt(session, key)) {
        wrong("afterwards a key does not decrypt");
    }
    must(p11->C_CloseAllSessions(slot), "C_CloseAllSessions");
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"pin", required_argument, NULL, 'p'},
                                            {"runs", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"first", required_argument, NULL, 'f'},
                                            {"forget", required_argument, NULL, 'F'},
                                            {"clean-every", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    unsigned runs = 1000, seed = 1, first = 1, clean_every = 3;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'p') {
            pin = optarg;
        } else if (option == 'n') {
            runs = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'c') {
            clean_every = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'F') {
            forget_dir = optarg;
        } else if (option == 'f') {
            first = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 's') {
            seed = (unsigned)strtoul(optarg, NULL, 10);
        } else {
            return 2;
        }
    }
    clean_every = clean_every > 0 ? clean_every : 1;
    bool random = argc - optind == 1 && strcmp(argv[optind], "random") == 0;
    if (!random && (argc - optind != 1 || strcmp(argv[optind], "truncated") != 0)) {
        fprintf(stderr,
                "usage: p11-nonsense [--pin PIN] [--runs N] [--first N] [--seed N] [--forget DIR]"
                " random|truncated\n");
        return 2;
    }
    CK_ULONG count = 1;
    must(C_GetFunctionList(&p11), "C_GetFunctionList");
    must(p11->C_Initialize(NULL), "C_Initialize");
    must(p11->C_GetSlotList(CK_TRUE, &slot, &count), "C_GetSlotList");
    learn();
    for (run = first; run <= runs; run++) {
        alarm(RUN_SECONDS); /* a hang is a failure */
        state = seed * 7919 + run;
        mangle_replug();
        mangle_set(random ? MANGLE_RANDOM : MANGLE_TRUNCATED, seed * 31337 + run,
                   1 + (unsigned)pick(30));
        use();
        if (run % clean_every == 0 || run == runs) {
            check_clean();
        }
    }
    alarm(0);
    must(p11->C_Finalize(NULL), "C_Finalize");
    for (size_t i = 0; i < key_count; i++) {
        EVP_PKEY_free(keys[i].public);
    }
    printf("{\"runs\":%u,\"responses\":%lu,\"spoilt\":%lu,\"signatures\":%lu,\"plaintexts\":%lu,"
           "\"errors\":%lu}\n",
           runs, mangle_responses(), mangle_count(), signatures, plaintexts, errors);
    return 0;
}
