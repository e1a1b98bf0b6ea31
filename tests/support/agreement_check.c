/* usage: agreementcheck MODULE PIN. Agrees on keys with the SM2 encryption key of the first token, as initiator and as
 * responder, and compares with the same exchange in software. Prints "agreed" or says what is wrong. */
#include "module/formats/sm2.h"
#include "pkcs11.h"
#include "tests/unit/module/sm2_exchange.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST_3_2 *p11;

static void must(CK_RV rv, const char *what) {
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lX\n", what, rv);
        exit(1);
    }
}

static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
                             CK_ATTRIBUTE_TYPE usage) {
    CK_KEY_TYPE type = CKK_SM2;
    CK_BBOOL yes = CK_TRUE;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof(class)}, {CKA_KEY_TYPE, &type, sizeof(type)}, {usage, &yes, 1}};
    must(p11->C_FindObjectsInit(session, template, 3), "C_FindObjectsInit");
    must(p11->C_FindObjects(session, &key, 1, &count), "C_FindObjects");
    must(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    return key;
}

static void give(const struct sm2_point *point, CK_BYTE out[65]) {
    out[0] = 0x04;
    memcpy(out + 1, point->x, sizeof(point->x));
    memcpy(out + 33, point->y, sizeof(point->y));
}

static void take(const CK_BYTE *bytes, struct sm2_point *point) {
    memcpy(point->x, bytes + 1, sizeof(point->x));
    memcpy(point->y, bytes + 33, sizeof(point->y));
}

static CK_RV derive(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                    CK_OPENUKEY_SM2_AGREEMENT_PARAMS *params, uint8_t value[16]) {
    CK_MECHANISM mechanism = {CKM_OPENUKEY_SM2_AGREEMENT, params, sizeof(*params)};
    CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
    CK_ATTRIBUTE template[] = {{CKA_SENSITIVE, &no, 1}, {CKA_EXTRACTABLE, &yes, 1}};
    CK_OBJECT_HANDLE out;
    CK_RV rv = p11->C_DeriveKey(session, &mechanism, key, template, 2, &out);
    if (rv == CKR_OK && out != CK_INVALID_HANDLE) {
        CK_ATTRIBUTE attribute = {CKA_VALUE, value, 16};
        must(p11->C_GetAttributeValue(session, out, &attribute, 1), "CKA_VALUE");
    }
    return rv;
}

/* The card on one side, software on the other. */
static bool agrees(CK_SESSION_HANDLE session, bool card_begins) {
    static char card_id[] = "the card", other_id[] = "the other side";
    CK_BYTE point[70], static_point[65], ephemeral[65], own[65];
    uint8_t value[16] = {0}, expected[16] = {1};
    CK_ATTRIBUTE card_point = {CKA_EC_POINT, point, sizeof(point)};
    CK_OBJECT_HANDLE key = find(session, CKO_PRIVATE_KEY, CKA_DERIVE);
    struct sm2_exchange x = {.is_initiator = !card_begins, .own_id = other_id, .peer_id = card_id};
    EVP_PKEY *pair = NULL, *once = NULL;
    if (sm2_key_generate(NULL, &pair) != FORMATS_OK ||
        sm2_key_generate(NULL, &once) != FORMATS_OK) {
        return false;
    }
    sm2_exchange_own(&x, pair, once);
    give(&x.own, static_point);
    give(&x.own_ephemeral, ephemeral);
    must(p11->C_GetAttributeValue(session, find(session, CKO_PUBLIC_KEY, CKA_ENCRYPT), &card_point,
                                  1),
         "CKA_EC_POINT");
    take(point + 2, &x.peer);
    CK_OPENUKEY_SM2_AGREEMENT_PARAMS params = {
        .ulStep = card_begins ? CK_OPENUKEY_AGREEMENT_BEGIN : CK_OPENUKEY_AGREEMENT_RESPOND,
        .pOwnId = (CK_BYTE *)card_id,
        .ulOwnIdLen = strlen(card_id),
        .pPeerId = (CK_BYTE *)other_id,
        .ulPeerIdLen = strlen(other_id),
        .pPeerPoint = static_point,
        .pPeerEphemeral = ephemeral,
        .pOwnEphemeral = own};
    must(derive(session, key, &params, value), "C_DeriveKey");
    if (card_begins) {
        params.ulStep = CK_OPENUKEY_AGREEMENT_FINISH;
        must(derive(session, key, &params, value), "C_DeriveKey, second step");
    }
    take(own, &x.peer_ephemeral);
    bool good = sm2_exchange_key(&x, expected) && memcmp(value, expected, 16) == 0;
    EVP_PKEY_free(pair);
    EVP_PKEY_free(once);
    return good;
}

int main(int argc, char **argv) {
    CK_INTERFACE *interface;
    CK_SLOT_ID slot;
    CK_ULONG count = 1;
    CK_SESSION_HANDLE session;
    void *module = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
    void *symbol = module != NULL ? dlsym(module, "C_GetInterface") : NULL;
    CK_C_GetInterface get;
    if (symbol == NULL) {
        fprintf(stderr, "usage: agreementcheck MODULE PIN\n");
        return 2;
    }
    memcpy(&get, &symbol, sizeof(get));
    must(get((CK_UTF8CHAR_PTR) "PKCS 11", &(CK_VERSION){3, 2}, &interface, 0), "C_GetInterface");
    p11 = interface->pFunctionList;
    must(p11->C_Initialize(NULL), "C_Initialize");
    must(p11->C_GetSlotList(CK_TRUE, &slot, &count), "C_GetSlotList");
    must(p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
    must(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)argv[2], strlen(argv[2])), "C_Login");
    bool good = true;
    for (int begins = 0; begins < 2; begins++) {
        bool same = agrees(session, begins == 1);
        printf("%s: %s\n", begins == 1 ? "initiator" : "responder",
               same ? "agreed" : "another key");
        good = good && same;
    }
    must(p11->C_Finalize(NULL), "C_Finalize");
    return good ? 0 : 1;
}
