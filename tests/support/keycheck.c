/* keycheck: proves through a PKCS#11 module that a certificate's private key is still there and works. For fault tests.
 *
 *   keycheck MODULE [--option NAME=VALUE]... [--pin PIN] list
 *   keycheck MODULE ... sign CERT_SHA256              signs on the token, verifies with OpenSSL against the certificate
 *   keycheck MODULE ... decrypt CERT_SHA256 [FILE]    without FILE: encrypts to the certificate, decrypts on the token;
 *                                                     FILE: a DER SM2Cipher, raw SM2 or RSA PKCS#1 v1.5 ciphertext
 *   keycheck MODULE ... beside CERT_SHA256 OTHER      signs with the first in a thread, meanwhile with the other: two
 *                                                     lines, in the order in which they end
 *   keycheck MODULE ... wait N                        prints a line when it waits, then one for each of N slot events
 * Prints one JSON object; exit 0 when all is well, 1 when the key does not do it, 2 for wrong usage. */
#include "module/formats/certificate.h"
#include "module/formats/sm2.h"
#include "pkcs11.h"

#include <dlfcn.h>
#include <jansson.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_SLOTS = 32,
    MAX_OBJECTS = 64,
    MAX_ID = 64,
    MESSAGE = 48,
    MAX_CIPHER = 4096,
    MAX_SIGNATURE = 512
};

struct check {
    CK_FUNCTION_LIST *p11;
    const char *pin;
    CK_SLOT_ID slots[MAX_SLOTS];
    CK_ULONG slot_count;
    CK_SESSION_HANDLE session;
    struct certificate *certificate;
    CK_BYTE id[MAX_ID];
    CK_ULONG id_len;
};

static int fail(const char *what, CK_RV rv) {
    json_t *out = json_pack("{s:b, s:s}", "ok", 0, "error", what);
    if (rv != CKR_OK) {
        char text[32];
        snprintf(text, sizeof(text), "0x%lX", rv);
        json_object_set_new(out, "rv", json_string(text));
    }
    json_dumpf(out, stdout, 0);
    putchar('\n');
    json_decref(out);
    return 1;
}

static int say(json_t *out) {
    json_dumpf(out, stdout, 0);
    putchar('\n');
    json_decref(out);
    return 0;
}

static void hex(const unsigned char *data, size_t len, char *out) {
    octets_to_hex(data, len, out);
}

/* One attribute of at most *len bytes. */
static CK_RV read_attribute(const struct check *check, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE_TYPE type, void *out, CK_ULONG *len) {
    CK_ATTRIBUTE a = {type, out, *len};
    CK_RV rv = check->p11->C_GetAttributeValue(check->session, object, &a, 1);
    *len = rv == CKR_OK ? a.ulValueLen : 0;
    return rv;
}

static CK_ULONG find(const struct check *check, CK_ATTRIBUTE *template, CK_ULONG count,
                     CK_OBJECT_HANDLE *out, CK_ULONG max) {
    CK_ULONG n = 0;
    if (check->p11->C_FindObjectsInit(check->session, template, count) == CKR_OK) {
        check->p11->C_FindObjects(check->session, out, max, &n);
        check->p11->C_FindObjectsFinal(check->session);
    }
    return n;
}

static struct certificate *read_certificate(const struct check *check, CK_OBJECT_HANDLE object) {
    static CK_BYTE der[CERTIFICATE_MAX];
    CK_ULONG len = sizeof(der);
    struct certificate *certificate = NULL;
    if (read_attribute(check, object, CKA_VALUE, der, &len) == CKR_OK) {
        certificate_parse(NULL, der, len, &certificate);
    }
    return certificate;
}

static CK_ULONG find_certificates(const struct check *check, CK_OBJECT_HANDLE *out) {
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)}};
    return find(check, template, 1, out, MAX_OBJECTS);
}

static json_t *describe_token(struct check *check, CK_SLOT_ID slot) {
    CK_TOKEN_INFO info;
    CK_RV rv = check->p11->C_GetTokenInfo(slot, &info);
    if (rv != CKR_OK || check->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL,
                                                  &check->session) != CKR_OK) {
        return NULL;
    }
    json_t *list = json_array();
    CK_OBJECT_HANDLE objects[MAX_OBJECTS];
    CK_ULONG count = find_certificates(check, objects);
    for (CK_ULONG i = 0; i < count; i++) {
        struct certificate *certificate = read_certificate(check, objects[i]);
        CK_BYTE id[MAX_ID];
        CK_ULONG id_len = sizeof(id);
        char id_hex[2 * MAX_ID + 1];
        if (certificate == NULL ||
            read_attribute(check, objects[i], CKA_ID, id, &id_len) != CKR_OK) {
            continue;
        }
        hex(id, id_len, id_hex);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "id", certificate->id,
                            "keyId", id_hex, "usage", certificate_usage_name(certificate->usage),
                            "algorithm", certificate_algorithm_name(certificate->algorithm),
                            "subject", certificate->subject.text, "serial", certificate->serial,
                            "notBefore", (json_int_t)certificate->not_before, "notAfter",
                            (json_int_t)certificate->not_after));
        certificate_free(certificate);
    }
    check->p11->C_CloseSession(check->session);
    return json_pack("{s:I, s:s%, s:s%, s:o}", "slot", (json_int_t)slot, "label",
                     (const char *)info.label, sizeof(info.label), "serial",
                     (const char *)info.serialNumber, sizeof(info.serialNumber), "certificates",
                     list);
}

static int do_list(struct check *check) {
    json_t *tokens = json_array();
    for (CK_ULONG i = 0; i < check->slot_count; i++) {
        json_t *token = describe_token(check, check->slots[i]);
        if (token != NULL) {
            json_array_append_new(tokens, token);
        }
    }
    return say(json_pack("{s:b, s:o}", "ok", 1, "tokens", tokens));
}

/* Opens a session on the token that has the certificate; logs in. */
static CK_RV find_certificate(struct check *check, const char *sha256) {
    for (CK_ULONG i = 0; i < check->slot_count; i++) {
        if (check->p11->C_OpenSession(check->slots[i], CKF_SERIAL_SESSION, NULL, NULL,
                                      &check->session) != CKR_OK) {
            continue;
        }
        CK_OBJECT_HANDLE objects[MAX_OBJECTS];
        CK_ULONG count = find_certificates(check, objects);
        for (CK_ULONG k = 0; k < count; k++) {
            struct certificate *certificate = read_certificate(check, objects[k]);
            if (certificate != NULL && strcmp(certificate->id, sha256) == 0) {
                check->certificate = certificate;
                check->id_len = sizeof(check->id);
                CK_RV rv = read_attribute(check, objects[k], CKA_ID, check->id, &check->id_len);
                if (rv == CKR_OK && check->pin != NULL) {
                    rv = check->p11->C_Login(check->session, CKU_USER,
                                             (CK_UTF8CHAR_PTR)(uintptr_t)check->pin,
                                             strlen(check->pin));
                }
                return rv;
            }
            certificate_free(certificate);
        }
        check->p11->C_CloseSession(check->session);
    }
    return CKR_OBJECT_HANDLE_INVALID;
}

static CK_OBJECT_HANDLE find_private_key(struct check *check) {
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_ID, check->id, check->id_len}};
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    return find(check, template, 2, &key, 1) == 1 ? key : CK_INVALID_HANDLE;
}

static int do_sign(struct check *check) {
    CK_BYTE message[MESSAGE], signature[MAX_SIGNATURE];
    CK_ULONG len = sizeof(signature);
    CK_OBJECT_HANDLE key = find_private_key(check);
    if (key == CK_INVALID_HANDLE) {
        return fail("no private key for the certificate", CKR_OK);
    }
    bool is_sm2 = check->certificate->algorithm == CERTIFICATE_SM2;
    CK_MECHANISM mechanism = {is_sm2 ? CKM_SM2_SM3 : CKM_SHA256_RSA_PKCS, NULL, 0};
    RAND_bytes(message, sizeof(message));
    CK_RV rv = check->p11->C_SignInit(check->session, &mechanism, key);
    if (rv == CKR_OK) {
        rv = check->p11->C_Sign(check->session, message, sizeof(message), signature, &len);
    }
    if (rv != CKR_OK) {
        return fail("signing failed", rv);
    }
    struct octets der = {NULL, 0};
    enum formats_error err =
        is_sm2
            ? len == SM2_RAW_SIGNATURE ? sm2_signature_to_der(signature, &der) : FORMATS_MALFORMED
            : octets_copy(&der, signature, len);
    if (err == FORMATS_OK) {
        err = certificate_verify_message(NULL, check->certificate, message, sizeof(message),
                                         der.data, der.len);
    }
    octets_free(&der);
    if (err != FORMATS_OK) {
        return fail("the signature does not verify under the certificate", CKR_OK);
    }
    return say(json_pack("{s:b, s:s, s:s}", "ok", 1, "operation", "sign", "certificate",
                         check->certificate->id));
}

/* A ciphertext as C_Decrypt takes it: DER SM2Cipher becomes raw, everything else stays. */
static CK_ULONG take_ciphertext(const struct check *check, const CK_BYTE *data, size_t len,
                                CK_BYTE out[MAX_CIPHER]) {
    struct sm2_cipher cipher;
    struct octets raw = {NULL, 0};
    if (check->certificate->algorithm == CERTIFICATE_SM2 &&
        sm2_cipher_parse(data, len, &cipher) == FORMATS_OK &&
        sm2_cipher_to_raw(&cipher, &raw) == FORMATS_OK && raw.len <= MAX_CIPHER) {
        len = raw.len;
        memcpy(out, raw.data, len);
    } else if (len <= MAX_CIPHER) {
        memcpy(out, data, len);
    } else {
        len = 0;
    }
    octets_free(&raw);
    return len;
}

static CK_ULONG encrypt_to_certificate(const struct check *check, const CK_BYTE *plain, size_t len,
                                       CK_BYTE out[MAX_CIPHER]) {
    EVP_PKEY *key = X509_get0_pubkey(check->certificate->x509);
    CK_ULONG n = 0;
    if (check->certificate->algorithm == CERTIFICATE_SM2) {
        struct octets der = {NULL, 0};
        struct sm2_point point;
        EVP_PKEY *sm2 = NULL;
        if (sm2_key_point(key, &point) == FORMATS_OK &&
            sm2_key_from_point(NULL, &point, &sm2) == FORMATS_OK &&
            sm2_encrypt(NULL, sm2, plain, len, &der) == FORMATS_OK) {
            n = take_ciphertext(check, der.data, der.len, out);
        }
        EVP_PKEY_free(sm2);
        octets_free(&der);
        return n;
    }
    size_t room = MAX_CIPHER;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_encrypt(ctx, out, &room, plain, len) == 1) {
        n = room;
    }
    EVP_PKEY_CTX_free(ctx);
    return n;
}

static int do_decrypt(struct check *check, const char *file) {
    CK_BYTE plain[MESSAGE], cipher[MAX_CIPHER], opened[MAX_CIPHER];
    CK_ULONG cipher_len, len = sizeof(opened);
    if (file != NULL) {
        CK_BYTE bytes[MAX_CIPHER];
        FILE *in = fopen(file, "rb");
        size_t n = in != NULL ? fread(bytes, 1, sizeof(bytes), in) : 0;
        if (in != NULL) {
            fclose(in);
        }
        cipher_len = take_ciphertext(check, bytes, n, cipher);
    } else {
        RAND_bytes(plain, sizeof(plain));
        cipher_len = encrypt_to_certificate(check, plain, sizeof(plain), cipher);
    }
    if (cipher_len == 0) {
        return fail("no ciphertext", CKR_OK);
    }
    CK_OBJECT_HANDLE key = find_private_key(check);
    if (key == CK_INVALID_HANDLE) {
        return fail("no private key for the certificate", CKR_OK);
    }
    bool is_sm2 = check->certificate->algorithm == CERTIFICATE_SM2;
    CK_MECHANISM mechanism = {is_sm2 ? CKM_SM2_ENCRYPT : CKM_RSA_PKCS, NULL, 0};
    CK_RV rv = check->p11->C_DecryptInit(check->session, &mechanism, key);
    if (rv == CKR_OK) {
        rv = check->p11->C_Decrypt(check->session, cipher, cipher_len, opened, &len);
    }
    if (rv != CKR_OK) {
        return fail("decryption failed", rv);
    }
    if (file == NULL && (len != sizeof(plain) || memcmp(opened, plain, len) != 0)) {
        return fail("decrypted something else", CKR_OK);
    }
    static char text[2 * MAX_CIPHER + 1];
    hex(opened, len, text);
    return say(json_pack("{s:b, s:s, s:s, s:s}", "ok", 1, "operation", "decrypt", "certificate",
                         check->certificate->id, "plain", text));
}

/* Loads the module; gives it the options; asks for its vendor interface, so that SM2 keys are shown as such. */
static CK_RV load(struct check *check, const char *module, char **options, int option_count) {
    void *library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "keycheck: %s\n", dlerror());
        return CKR_GENERAL_ERROR;
    }
    CK_C_GetFunctionList get_list;
    CK_C_GetInterface get_interface;
    *(void **)(&get_list) = dlsym(library, "C_GetFunctionList");
    *(void **)(&get_interface) = dlsym(library, "C_GetInterface");
    CK_INTERFACE *interface = NULL;
    CK_UTF8CHAR name[] = "OpenUKey";
    CK_RV rv = CKR_OK;
    if (get_interface != NULL && get_interface(name, NULL, &interface, 0) == CKR_OK) {
        const CK_OPENUKEY_FUNCTIONS *vendor = interface->pFunctionList;
        for (int i = 0; i < option_count && rv == CKR_OK; i++) {
            char *equals = strchr(options[i], '=');
            if (equals == NULL) {
                return CKR_ARGUMENTS_BAD;
            }
            *equals = '\0';
            rv = vendor->SetOption(options[i], equals + 1);
        }
    }
    if (rv == CKR_OK) {
        rv = get_list != NULL ? get_list(&check->p11) : CKR_GENERAL_ERROR;
    }
    if (rv == CKR_OK) {
        rv = check->p11->C_Initialize(NULL);
    }
    if (rv == CKR_OK) {
        check->slot_count = MAX_SLOTS;
        rv = check->p11->C_GetSlotList(CK_TRUE, check->slots, &check->slot_count);
    }
    return rv;
}

static void *sign_in_thread(void *check) {
    do_sign(check);
    fflush(stdout);
    return NULL;
}

/* Two tokens at once: neither may wait for the other. */
static int do_beside(struct check *first, const char *other) {
    struct check second = *first;
    pthread_t thread;
    second.certificate = NULL;
    CK_RV rv = find_certificate(&second, other);
    if (rv != CKR_OK) {
        return fail("no token has the other certificate", rv);
    }
    if (pthread_create(&thread, NULL, sign_in_thread, first) != 0) {
        return fail("no thread", CKR_OK);
    }
    int status = do_sign(&second);
    fflush(stdout);
    pthread_join(thread, NULL);
    certificate_free(second.certificate);
    return status;
}

/* Blocks in C_WaitForSlotEvent, N times. */
static int do_wait(const struct check *check, const char *times) {
    say(json_pack("{s:b}", "waiting", 1));
    fflush(stdout);
    for (long left = strtol(times, NULL, 10); left > 0; left--) {
        CK_SLOT_ID slot;
        CK_SLOT_INFO info;
        CK_RV rv = check->p11->C_WaitForSlotEvent(0, &slot, NULL);
        if (rv == CKR_OK) {
            rv = check->p11->C_GetSlotInfo(slot, &info);
        }
        if (rv != CKR_OK) {
            return fail("waiting failed", rv);
        }
        say(json_pack("{s:I, s:b}", "slot", (json_int_t)slot, "present",
                      (info.flags & CKF_TOKEN_PRESENT) != 0));
        fflush(stdout);
    }
    return 0;
}

static int usage(void) {
    fputs("usage: keycheck MODULE [--option NAME=VALUE]... [--pin PIN] list | sign CERT_SHA256 | "
          "decrypt CERT_SHA256 [FILE] | beside CERT_SHA256 OTHER | wait N\n",
          stderr);
    return 2;
}

int main(int argc, char **argv) {
    struct check check = {.pin = NULL};
    char *options[16];
    int option_count = 0, at = 2;
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        if (strcmp(argv[at], "--pin") == 0) {
            check.pin = argv[at + 1];
        } else if (strcmp(argv[at], "--option") == 0 && option_count < 16) {
            options[option_count++] = argv[at + 1];
        } else {
            return usage();
        }
    }
    if (at >= argc) {
        return usage();
    }
    const char *verb = argv[at++];
    const char *certificate = at < argc ? argv[at++] : NULL;
    const char *file = at < argc ? argv[at++] : NULL;
    bool lists = strcmp(verb, "list") == 0, signs = strcmp(verb, "sign") == 0,
         decrypts = strcmp(verb, "decrypt") == 0;
    bool waits = strcmp(verb, "wait") == 0, beside = strcmp(verb, "beside") == 0;
    if (at != argc || (lists ? certificate != NULL
                             : !(signs || decrypts || waits || (beside && file != NULL)) ||
                                   certificate == NULL)) {
        return usage();
    }
    CK_RV rv = load(&check, argv[1], options, option_count);
    int status;
    if (rv != CKR_OK) {
        status = fail("the module does not start", rv);
    } else if (lists) {
        status = do_list(&check);
    } else if (waits) {
        status = do_wait(&check, certificate);
    } else {
        rv = find_certificate(&check, certificate);
        status = rv != CKR_OK
                     ? fail(rv == CKR_OBJECT_HANDLE_INVALID ? "no token has this certificate"
                                                            : "login failed",
                            rv)
                 : signs  ? do_sign(&check)
                 : beside ? do_beside(&check, file)
                          : do_decrypt(&check, file);
    }
    if (check.p11 != NULL) {
        check.p11->C_Finalize(NULL);
    }
    certificate_free(check.certificate);
    return status;
}
