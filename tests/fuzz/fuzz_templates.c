/* Fuzzes what programs hand to the module: templates and mechanism parameters, over the whole module with a fake card behind it.
 *
 * An input is a list of calls; each takes its bytes from what is left. Every value lies in memory of exactly its length, so
 * that a read behind it is seen. Pointers inside are always good: a program that gives bad ones is beyond help. */
#include "pkcs11.h"
#include "tests/unit/module/fake_card.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEMPLATE_MAX = 10, OBJECTS_MAX = 32, CALLS_MAX = 40, BLOCKS_MAX = 400 };

static const uint8_t *at;
static size_t left;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE objects[OBJECTS_MAX];
static size_t object_count;
static void *blocks[BLOCKS_MAX];
static size_t block_count;

static void must(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "fuzz_templates: %s\n", what);
        abort();
    }
}

static uint8_t byte(void) {
    if (left == 0) {
        return 0;
    }
    left--;
    return *at++;
}

/* `len` bytes of the input (zeros behind its end) in memory of their own. */
static void *block(size_t len) {
    if (block_count == BLOCKS_MAX) {
        return NULL;
    }
    uint8_t *memory = malloc(len > 0 ? len : 1);
    if (memory == NULL) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        memory[i] = byte();
    }
    blocks[block_count++] = memory;
    return memory;
}

static const CK_ATTRIBUTE_TYPE types[] = {CKA_CLASS,
                                          CKA_TOKEN,
                                          CKA_PRIVATE,
                                          CKA_LABEL,
                                          CKA_UNIQUE_ID,
                                          CKA_APPLICATION,
                                          CKA_VALUE,
                                          CKA_OBJECT_ID,
                                          CKA_CERTIFICATE_TYPE,
                                          CKA_ISSUER,
                                          CKA_SERIAL_NUMBER,
                                          CKA_TRUSTED,
                                          CKA_CERTIFICATE_CATEGORY,
                                          CKA_URL,
                                          CKA_CHECK_VALUE,
                                          CKA_KEY_TYPE,
                                          CKA_SUBJECT,
                                          CKA_ID,
                                          CKA_SENSITIVE,
                                          CKA_ENCRYPT,
                                          CKA_DECRYPT,
                                          CKA_WRAP,
                                          CKA_UNWRAP,
                                          CKA_SIGN,
                                          CKA_SIGN_RECOVER,
                                          CKA_VERIFY,
                                          CKA_VERIFY_RECOVER,
                                          CKA_DERIVE,
                                          CKA_START_DATE,
                                          CKA_END_DATE,
                                          CKA_MODULUS,
                                          CKA_MODULUS_BITS,
                                          CKA_PUBLIC_EXPONENT,
                                          CKA_PRIVATE_EXPONENT,
                                          CKA_PRIME_1,
                                          CKA_PRIME_2,
                                          CKA_EXPONENT_1,
                                          CKA_EXPONENT_2,
                                          CKA_COEFFICIENT,
                                          CKA_PUBLIC_KEY_INFO,
                                          CKA_VALUE_LEN,
                                          CKA_EXTRACTABLE,
                                          CKA_LOCAL,
                                          CKA_NEVER_EXTRACTABLE,
                                          CKA_ALWAYS_SENSITIVE,
                                          CKA_KEY_GEN_MECHANISM,
                                          CKA_MODIFIABLE,
                                          CKA_COPYABLE,
                                          CKA_DESTROYABLE,
                                          CKA_EC_PARAMS,
                                          CKA_EC_POINT,
                                          CKA_ALWAYS_AUTHENTICATE,
                                          CKA_WRAP_WITH_TRUSTED};
static const CK_ATTRIBUTE_TYPE arrays[] = {CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE,
                                           CKA_DERIVE_TEMPLATE};
enum { TYPES = sizeof(types) / sizeof(types[0]), ARRAYS = sizeof(arrays) / sizeof(arrays[0]) };

/* Small numbers and known constants in a CK_ULONG make sense more often than any bytes. */
static void take_value(CK_ATTRIBUTE *attribute) {
    uint8_t form = byte();
    if (form < 0x60) {
        CK_ULONG value = form < 0x40 ? byte() : 0x80000000UL | (CK_ULONG)byte();
        attribute->ulValueLen = sizeof(value);
        attribute->pValue = block(0);
        if (attribute->pValue != NULL) {
            void *wide = realloc(blocks[block_count - 1], sizeof(value));
            if (wide == NULL) {
                abort();
            }
            memcpy(wide, &value, sizeof(value));
            blocks[block_count - 1] = wide;
            attribute->pValue = wide;
        }
    } else if (form < 0xA0) {
        attribute->ulValueLen = 1;
        attribute->pValue = block(1);
    } else if (form == 0xFF) {
        attribute->ulValueLen = byte();
        attribute->pValue = NULL;
    } else {
        attribute->ulValueLen = form < 0xC0 ? 16 : byte();
        attribute->pValue = block(attribute->ulValueLen);
    }
}

static CK_ULONG take_template(CK_ATTRIBUTE *template, bool nested) {
    CK_ULONG count = byte() % TEMPLATE_MAX;
    for (CK_ULONG i = 0; i < count; i++) {
        uint8_t type = byte();
        template[i] = (CK_ATTRIBUTE){types[type % TYPES], NULL, 0};
        if (type >= 0xF0 && !nested) {
            CK_ATTRIBUTE inner[TEMPLATE_MAX];
            CK_ULONG inner_count = take_template(inner, true);
            template[i].type = arrays[type % ARRAYS];
            template[i].ulValueLen = inner_count * sizeof(inner[0]);
            template[i].pValue = block(0);
            if (template[i].pValue != NULL && inner_count > 0) {
                void *wide = realloc(blocks[block_count - 1], template[i].ulValueLen);
                must(wide != NULL, "memory");
                blocks[block_count - 1] = template[i].pValue =
                    memcpy(wide, inner, template[i].ulValueLen);
            }
        } else {
            if (type >= 0xE8) {
                template[i].type = (CK_ULONG)byte() << 8 | byte();
            }
            take_value(&template[i]);
        }
        if (template[i].pValue == NULL && template[i].ulValueLen > 0 && block_count == BLOCKS_MAX) {
            template[i].ulValueLen = 0;
        }
    }
    return count;
}

/* A mechanism, with a parameter of the form that it takes or of none. */
static CK_MECHANISM take_mechanism(void) {
    static const CK_MECHANISM_TYPE plain[] = {CKM_RSA_PKCS,
                                              CKM_RSA_X_509,
                                              CKM_SHA256_RSA_PKCS,
                                              CKM_ECDSA,
                                              CKM_ECDSA_SHA256,
                                              CKM_SM2,
                                              CKM_SM2_ENCRYPT,
                                              CKM_SM3,
                                              CKM_SHA256,
                                              CKM_SHA256_HMAC,
                                              CKM_AES_ECB,
                                              CKM_AES_CBC,
                                              CKM_AES_CBC_PAD,
                                              CKM_AES_CMAC,
                                              CKM_AES_KEY_WRAP,
                                              CKM_AES_KEY_WRAP_KWP,
                                              CKM_SM4_ECB,
                                              CKM_SM4_CBC,
                                              CKM_AES_KEY_GEN,
                                              CKM_SM4_KEY_GEN,
                                              CKM_GENERIC_SECRET_KEY_GEN,
                                              CKM_EC_KEY_PAIR_GEN,
                                              CKM_SM2_KEY_PAIR_GEN};
    static CK_RSA_PKCS_OAEP_PARAMS oaep;
    static CK_RSA_PKCS_PSS_PARAMS pss;
    static CK_GCM_PARAMS gcm;
    static CK_ECDH1_DERIVE_PARAMS ecdh;
    static CK_OPENUKEY_SM2_PARAMS sm2;
    uint8_t which = byte();
    size_t len = byte() % 40;
    switch (which % 8) {
    case 0:
        oaep = (CK_RSA_PKCS_OAEP_PARAMS){byte() % 2 ? CKM_SHA256 : byte(), byte() % 6, byte() % 2,
                                         block(len), len};
        return (CK_MECHANISM){CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)};
    case 1:
        pss = (CK_RSA_PKCS_PSS_PARAMS){byte() % 2 ? CKM_SHA256 : byte(), byte() % 6, byte()};
        return (CK_MECHANISM){byte() % 2 ? CKM_RSA_PKCS_PSS : CKM_SHA256_RSA_PKCS_PSS, &pss,
                              sizeof(pss)};
    case 2:
        gcm = (CK_GCM_PARAMS){block(len), len, len * 8, block(len), len, byte()};
        return (CK_MECHANISM){CKM_AES_GCM, &gcm, sizeof(gcm)};
    case 3:
        ecdh = (CK_ECDH1_DERIVE_PARAMS){1 + byte() % 8, len, block(len), 65, block(65)};
        return (CK_MECHANISM){CKM_ECDH1_DERIVE, &ecdh, sizeof(ecdh)};
    case 4:
        sm2 = (CK_OPENUKEY_SM2_PARAMS){block(len), len};
        return (CK_MECHANISM){CKM_SM2_SM3, &sm2, sizeof(sm2)};
    default:
        len = which & 0x40 ? 16 : which & 0x80 ? len : 0;
        return (CK_MECHANISM){plain[byte() % (sizeof(plain) / sizeof(plain[0]))],
                              len > 0 ? block(len) : NULL, len};
    }
}

static CK_OBJECT_HANDLE take_object(void) {
    uint8_t which = byte();
    return object_count > 0 && which < 0xF0 ? objects[which % object_count] : which;
}

static void keep(CK_RV rv, CK_OBJECT_HANDLE object) {
    if (rv == CKR_OK) {
        must(object != CK_INVALID_HANDLE, "an object that was made has a handle");
        if (object_count < OBJECTS_MAX) {
            objects[object_count++] = object;
        }
    }
}

static void find(void) {
    CK_ATTRIBUTE template[TEMPLATE_MAX];
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count = take_template(template, false), n = 0;
    if (C_FindObjectsInit(session, template, count) == CKR_OK) {
        if (C_FindObjects(session, found, 8, &n) == CKR_OK) {
            must(n <= 8, "a search gives at most what was asked for");
            for (CK_ULONG i = 0; i < n; i++) {
                keep(CKR_OK, found[i]);
            }
        }
        C_FindObjectsFinal(session);
    }
}

static void get(void) {
    CK_ATTRIBUTE template[TEMPLATE_MAX];
    CK_ULONG count = take_template(template, false);
    for (CK_ULONG i = 0; i < count; i++) {
        if ((template[i].type & CKF_ARRAY_ATTRIBUTE) != 0) {
            template[i].pValue = NULL;
        }
    }
    C_GetAttributeValue(session, take_object(), template, count);
}

static void use_key(void) {
    CK_MECHANISM mechanism = take_mechanism();
    CK_OBJECT_HANDLE key = take_object();
    uint8_t kind = byte() % 5;
    CK_BYTE out[600];
    CK_ULONG len = byte(), out_len = sizeof(out);
    CK_BYTE *data = block(len);
    if (data == NULL) {
        return;
    }
    CK_RV rv = kind == 0   ? C_SignInit(session, &mechanism, key)
               : kind == 1 ? C_EncryptInit(session, &mechanism, key)
               : kind == 2 ? C_DecryptInit(session, &mechanism, key)
               : kind == 3 ? C_VerifyInit(session, &mechanism, key)
                           : C_DigestInit(session, &mechanism);
    if (rv != CKR_OK) {
        return;
    }
    rv = kind == 0   ? C_Sign(session, data, len, out, &out_len)
         : kind == 1 ? C_Encrypt(session, data, len, out, &out_len)
         : kind == 2 ? C_Decrypt(session, data, len, out, &out_len)
         : kind == 3 ? C_Verify(session, data, len, data, len)
                     : C_Digest(session, data, len, out, &out_len);
    must(rv != CKR_OK || out_len <= sizeof(out), "an output fits the room that was given");
}

static void call(void) {
    CK_ATTRIBUTE template[TEMPLATE_MAX], other[TEMPLATE_MAX];
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE, pair = CK_INVALID_HANDLE;
    CK_MECHANISM mechanism;
    CK_ULONG count, other_count, len;
    uint8_t *bytes;
    switch (byte() % 10) {
    case 0:
        find();
        break;
    case 1:
    case 2:
        count = take_template(template, false);
        keep(C_CreateObject(session, template, count, &made), made);
        break;
    case 3:
        count = take_template(template, false);
        keep(C_CopyObject(session, take_object(), template, count, &made), made);
        break;
    case 4:
        get();
        break;
    case 5:
        count = take_template(template, false);
        C_SetAttributeValue(session, take_object(), template, count);
        break;
    case 6:
        mechanism = take_mechanism();
        count = take_template(template, false);
        keep(C_GenerateKey(session, &mechanism, template, count, &made), made);
        break;
    case 7:
        mechanism = take_mechanism();
        count = take_template(template, false);
        other_count = take_template(other, false);
        if (mechanism.mechanism != CKM_RSA_PKCS_KEY_PAIR_GEN) {
            keep(C_GenerateKeyPair(session, &mechanism, template, count, other, other_count, &made,
                                   &pair),
                 made);
        }
        break;
    case 8:
        mechanism = take_mechanism();
        count = take_template(template, false);
        len = byte();
        bytes = block(len);
        if (bytes != NULL && len % 2 == 0) {
            keep(
                C_UnwrapKey(session, &mechanism, take_object(), bytes, len, template, count, &made),
                made);
        } else {
            keep(C_DeriveKey(session, &mechanism, take_object(), template, count, &made), made);
        }
        break;
    default:
        use_key();
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    CK_INTERFACE *interface = NULL;
    CK_UTF8CHAR name[] = "OpenUKey";
    (void)argc, (void)argv;
    setenv("OPENUKEY_CONF", "/nonexistent", 1);
    unsetenv("OPENUKEY_LOG");
    fake_card_reset();
    must(C_GetInterface(name, NULL, &interface, 0) == CKR_OK, "the vendor interface");
    const CK_OPENUKEY_FUNCTIONS *vendor = interface->pFunctionList;
    must(vendor->SetOption("pcsc", "off") == CKR_OK && vendor->SetOption("usb", "off") == CKR_OK &&
             vendor->SetOption("cache", "off") == CKR_OK &&
             vendor->SetOption("log", "error") == CKR_OK && C_Initialize(NULL) == CKR_OK,
         "the module starts");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CK_SLOT_ID slot;
    CK_ULONG count = 1;
    CK_UTF8CHAR pin[] = "123456";
    at = data;
    left = size;
    object_count = 0;
    must(C_GetSlotList(CK_TRUE, &slot, &count) == CKR_OK &&
             C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) ==
                 CKR_OK &&
             C_Login(session, CKU_USER, pin, 6) == CKR_OK,
         "a session opens and logs in");
    for (unsigned i = 0; i < CALLS_MAX && left > 0; i++) {
        call();
    }
    must(C_CloseAllSessions(slot) == CKR_OK, "all sessions close");
    while (block_count > 0) {
        free(blocks[--block_count]);
    }
    /* what the input did to the card is undone; its keys stay */
    memset(fake_card.files, 0, sizeof(fake_card.files));
    fake_card.certificate_len = 0;
    fake_card.change_counter++;
    return 0;
}
