/* vendor-calls MODULE PIN SO-PIN: what only our vendor interface and C_CreateObject of a card's key can do, against whatever
 * card is there (in tests: the simulator, which was written from the card's description by itself). The service's side of
 * the remote unlock is done here with OpenSSL. Prints "ok NAME" for each thing seen; exit 1 with the place of the first
 * that is not so. */
#include "module/formats/sm2.h"
#include "pkcs11.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST_3_2 *p11;
static CK_OPENUKEY_FUNCTIONS *vendor;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;

static void expect_at(int line, CK_RV rv, CK_RV expected, const char *call) {
    if (rv != expected) {
        printf("line %d: %s: 0x%lX, not 0x%lX\n", line, call, rv, expected);
        exit(1);
    }
}
#define EXPECT(expected, call) expect_at(__LINE__, (call), (expected), #call)
#define OK(call)               EXPECT(CKR_OK, call)
#define HOLDS(condition)       expect_at(__LINE__, (condition) ? CKR_OK : 1, CKR_OK, #condition)

static void *interface(const char *name) {
    CK_INTERFACE *found;
    CK_UTF8CHAR copy[16];
    snprintf((char *)copy, sizeof(copy), "%s", name);
    OK(p11->C_GetInterface(copy, NULL, &found, 0));
    return found->pFunctionList;
}

static CK_OBJECT_HANDLE find(CK_OBJECT_CLASS object_class, const char *label,
                             CK_ATTRIBUTE_TYPE usage) {
    CK_BBOOL yes = CK_TRUE;
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &object_class, sizeof(object_class)},
                        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
                        {usage, &yes, sizeof(yes)}};
    OK(p11->C_FindObjectsInit(session, t, 3));
    OK(p11->C_FindObjects(session, &object, 1, &count));
    OK(p11->C_FindObjectsFinal(session));
    HOLDS(count == 1);
    return object;
}

static CK_RV sign(const char *label) {
    CK_MECHANISM mechanism = {CKM_SM2_SM3, NULL, 0};
    CK_BYTE message[] = "message", signature[64];
    CK_ULONG len = sizeof(signature);
    CK_RV rv = p11->C_SignInit(session, &mechanism, find(CKO_PRIVATE_KEY, label, CKA_SIGN));
    return rv != CKR_OK ? rv : p11->C_Sign(session, message, 7, signature, &len);
}

/* K = HMAC-SM3(unlock key, "OpenUKey unlock" || 00 || serial || challenge || order length || order) */
static void service(const CK_BYTE *key, const CK_OPENUKEY_UNLOCK_CHALLENGE *c, CK_BYTE out[32]) {
    CK_BYTE text[16 + 32 + 16 + 1 + 32] = "OpenUKey unlock";
    memcpy(text + 16, c->serial, 32);
    memcpy(text + 48, c->challenge, 16);
    text[64] = (CK_BYTE)c->ulOrderLen;
    memcpy(text + 65, c->order, c->ulOrderLen);
    HOLDS(HMAC(EVP_sm3(), key, 16, text, 65 + c->ulOrderLen, out, NULL) != NULL);
}

static void unlock_from_afar(CK_UTF8CHAR *pin) {
    CK_BYTE key[16] = "the unlock key", order[] = "case 12", response[32] = {0};
    CK_UTF8CHAR wrong[] = "000000", fresh[] = "fresh-pin", last[] = "last-pin";
    CK_OPENUKEY_UNLOCK_CHALLENGE challenge;
    CK_OPENUKEY_DEVICE_INFO info;
    EXPECT(CKR_FUNCTION_NOT_SUPPORTED, vendor->UnlockBegin(slot, order, 7, &challenge));
    OK(vendor->SetUnlockKey(slot, key, sizeof(key)));
    CK_RV rv = CKR_PIN_INCORRECT;
    for (int i = 0; i < 20 && rv == CKR_PIN_INCORRECT; i++) {
        rv = p11->C_Login(session, CKU_USER, wrong, 6);
    }
    HOLDS(rv == CKR_PIN_LOCKED);
    OK(vendor->UnlockBegin(slot, order, 7, &challenge));
    EXPECT(CKR_PIN_INCORRECT,
           vendor->UnlockFinish(slot, &challenge, response, 32, fresh, 9, CK_TRUE));
    service(key, &challenge, response);
    EXPECT(CKR_OPERATION_NOT_INITIALIZED,
           vendor->UnlockFinish(slot, &challenge, response, 32, fresh, 9, CK_TRUE));
    OK(vendor->UnlockBegin(slot, order, 7, &challenge));
    HOLDS(challenge.ulTriesLeft == 9);
    service(key, &challenge, response);
    OK(vendor->UnlockFinish(slot, &challenge, response, 32, fresh, 9, CK_TRUE));
    puts("ok remote unlock");

    OK(vendor->GetDeviceInfo(slot, &info));
    HOLDS((info.flags & CKF_OPENUKEY_USER_PIN_MUST_CHANGE) != 0 && info.userTries == info.userMax);
    OK(p11->C_Login(session, CKU_USER, fresh, 9));
    EXPECT(CKR_PIN_EXPIRED, sign("openukey-sm2"));
    OK(p11->C_SetPIN(session, fresh, 9, last, 8));
    OK(sign("openukey-sm2"));
    OK(vendor->GetDeviceInfo(slot, &info));
    HOLDS((info.flags & CKF_OPENUKEY_USER_PIN_MUST_CHANGE) == 0);
    OK(p11->C_SetPIN(session, last, 8, pin, strlen((char *)pin)));
    OK(p11->C_Logout(session));
    puts("ok must change");
}

static void given_by_the_officer(CK_UTF8CHAR *pin, CK_UTF8CHAR *so_pin) {
    CK_UTF8CHAR given[] = "given-pin";
    CK_TOKEN_INFO info;
    OK(p11->C_Login(session, CKU_SO, so_pin, strlen((char *)so_pin)));
    OK(vendor->InitPIN(session, given, 9, CK_TRUE));
    OK(p11->C_Logout(session));
    OK(p11->C_GetTokenInfo(slot, &info));
    HOLDS((info.flags & CKF_USER_PIN_TO_BE_CHANGED) != 0 &&
          (info.flags & CKF_USER_PIN_INITIALIZED) != 0);
    OK(p11->C_SetPIN(session, given, 9, pin, strlen((char *)pin)));
    OK(p11->C_GetTokenInfo(slot, &info));
    HOLDS((info.flags & CKF_USER_PIN_TO_BE_CHANGED) == 0);
    puts("ok officer's pin");
}

/* A new signing pair, and a key from outside as its encryption pair: it opens what OpenSSL encrypted to it. */
static void import_sm2(void) {
    static CK_BYTE curve[] = {0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D};
    CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE sm2 = CKK_SM2;
    CK_BBOOL yes = CK_TRUE;
    CK_BYTE d[32], id[] = {0xE0, 0x01}, label[] = "imported", plain[64], back[4];
    CK_ATTRIBUTE pair[] = {{CKA_TOKEN, &yes, 1}, {CKA_LABEL, label, 8}};
    CK_MECHANISM generate = {CKM_SM2_KEY_PAIR_GEN, NULL, 0}, encrypt = {CKM_SM2_ENCRYPT, NULL, 0};
    CK_OBJECT_HANDLE public_key, private_key, imported;
    EVP_PKEY *key = NULL;
    struct octets der = {NULL, 0}, raw = {NULL, 0};
    struct sm2_cipher cipher;
    HOLDS(sm2_key_generate(NULL, &key) == FORMATS_OK && sm2_key_scalar(key, d) == FORMATS_OK);
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &private_class, sizeof(private_class)},
                        {CKA_KEY_TYPE, &sm2, sizeof(sm2)},
                        {CKA_TOKEN, &yes, 1},
                        {CKA_LABEL, label, 8},
                        {CKA_ID, id, sizeof(id)},
                        {CKA_EC_PARAMS, curve, sizeof(curve)},
                        {CKA_VALUE, d, sizeof(d)},
                        {CKA_SIGN, &yes, 1}};
    EXPECT(CKR_TEMPLATE_INCONSISTENT, p11->C_CreateObject(session, t, 7, &imported));
    OK(p11->C_GenerateKeyPair(session, &generate, pair, 2, pair, 2, &public_key, &private_key));
    EXPECT(CKR_TEMPLATE_INCONSISTENT, p11->C_CreateObject(session, t, 8, &imported));
    EXPECT(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(session, t, 6, &imported));
    OK(p11->C_CreateObject(session, t, 7, &imported));
    CK_ATTRIBUTE read = {CKA_ID, back, sizeof(back)};
    OK(p11->C_GetAttributeValue(session, imported, &read, 1));
    HOLDS(read.ulValueLen == 2 && memcmp(back, id, 2) == 0);
    HOLDS(sm2_encrypt(NULL, key, "to the imported key", 19, &der) == FORMATS_OK);
    HOLDS(sm2_cipher_parse(der.data, der.len, &cipher) == FORMATS_OK &&
          sm2_cipher_to_raw(&cipher, &raw) == FORMATS_OK);
    CK_ULONG len = sizeof(plain);
    OK(p11->C_DecryptInit(session, &encrypt, imported));
    OK(p11->C_Decrypt(session, raw.data, raw.len, plain, &len));
    HOLDS(len == 19 && memcmp(plain, "to the imported key", 19) == 0);
    EXPECT(CKR_TEMPLATE_INCONSISTENT, p11->C_CreateObject(session, t, 7, &imported)); /* full */
    octets_free(&der);
    octets_free(&raw);
    EVP_PKEY_free(key);
    puts("ok sm2 import");
}

int main(int argc, char *argv[]) {
    if (argc != 4) {
        fprintf(stderr, "usage: vendor-calls MODULE PIN SO-PIN\n");
        return 2;
    }
    CK_UTF8CHAR *pin = (CK_UTF8CHAR *)argv[2], *so_pin = (CK_UTF8CHAR *)argv[3];
    void *module = dlopen(argv[1], RTLD_NOW);
    CK_C_GetFunctionList get_list;
    CK_FUNCTION_LIST *list;
    CK_ULONG count = 1;
    if (module == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    *(void **)&get_list = dlsym(module, "C_GetFunctionList");
    CK_C_GetInterface get_interface;
    *(void **)&get_interface = dlsym(module, "C_GetInterface");
    HOLDS(get_list != NULL && get_interface != NULL && get_list(&list) == CKR_OK);
    CK_INTERFACE *standard;
    OK(get_interface(NULL, NULL, &standard, 0));
    p11 = standard->pFunctionList;
    vendor = interface("OpenUKey");
    HOLDS(vendor->version.major == 1 && vendor->version.minor >= 1);
    OK(p11->C_Initialize(NULL));
    OK(p11->C_GetSlotList(CK_TRUE, &slot, &count));
    OK(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
    unlock_from_afar(pin);
    given_by_the_officer(pin, so_pin);
    OK(p11->C_Login(session, CKU_USER, pin, strlen(argv[2])));
    import_sm2();
    OK(p11->C_Finalize(NULL));
    dlclose(module);
    return 0;
}
