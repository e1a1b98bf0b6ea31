/* A client as libp11 and pkcs11-tool are. */
#include "tools/bench/p11_client.h"

#include <dlfcn.h>
#include <err.h>
#include <string.h>

static void check(CK_RV rv, const char *call) {
    if (rv != CKR_OK) {
        errx(1, "%s: %#lx", call, rv);
    }
}

static void find_slot(struct p11_client *client) {
    CK_SLOT_ID slots[64];
    CK_ULONG count = sizeof(slots) / sizeof(slots[0]);
    check(client->p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        CK_SLOT_INFO info;
        check(client->p11->C_GetSlotInfo(slots[i], &info), "C_GetSlotInfo");
        const char *wanted = client->wish->slot;
        if (wanted == NULL || strncmp((char *)info.slotDescription, wanted, strlen(wanted)) == 0) {
            client->slot = slots[i];
            return;
        }
    }
    errx(1, "no such token");
}

static void find_key(struct p11_client *client) {
    const struct p11_wish *wish = client->wish;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[2] = {{CKA_CLASS, &class, sizeof(class)}};
    if (wish->label != NULL) {
        template[1] =
            (CK_ATTRIBUTE){CKA_LABEL, (void *)(uintptr_t)wish->label, strlen(wish->label)};
    } else {
        template[1] = (CK_ATTRIBUTE){CKA_ID, (void *)(uintptr_t)wish->id, wish->id_len};
    }
    CK_ULONG found = 0;
    check(client->p11->C_FindObjectsInit(client->session, template, 2), "C_FindObjectsInit");
    check(client->p11->C_FindObjects(client->session, &client->key, 1, &found), "C_FindObjects");
    check(client->p11->C_FindObjectsFinal(client->session), "C_FindObjectsFinal");
    if (found != 1) {
        errx(1, "no such key");
    }
}

void p11_client_open(struct p11_client *client, const struct p11_wish *wish) {
    *client = (struct p11_client){.wish = wish};
    client->library = dlopen(wish->module, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = NULL;
    if (client->library != NULL) {
        void *symbol = dlsym(client->library, "C_GetFunctionList");
        memcpy(&get, &symbol, sizeof(get));
    }
    if (get == NULL) {
        errx(1, "%s: %s", wish->module, dlerror());
        return;
    }
    check(get(&client->p11), "C_GetFunctionList");
    CK_C_INITIALIZE_ARGS threads = {.flags = CKF_OS_LOCKING_OK};
    check(client->p11->C_Initialize(&threads), "C_Initialize");
    find_slot(client);
    CK_TOKEN_INFO info;
    if (wish->asks_token_info) {
        check(client->p11->C_GetTokenInfo(client->slot, &info), "C_GetTokenInfo");
    }
    check(
        client->p11->C_OpenSession(client->slot, CKF_SERIAL_SESSION, NULL, NULL, &client->session),
        "C_OpenSession");
    check(client->p11->C_Login(client->session, CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)wish->pin,
                               strlen(wish->pin)),
          "C_Login");
    find_key(client);
}

void p11_client_join(struct p11_client *client, const struct p11_client *first) {
    *client = *first;
    check(
        client->p11->C_OpenSession(client->slot, CKF_SERIAL_SESSION, NULL, NULL, &client->session),
        "C_OpenSession");
}

void p11_client_sign(const struct p11_client *client) {
    CK_MECHANISM mechanism = {client->wish->mechanism, NULL, 0};
    CK_BYTE data[128], signature[512];
    CK_ULONG len = sizeof(signature);
    memset(data, 0x5A, sizeof(data));
    check(client->p11->C_SignInit(client->session, &mechanism, client->key), "C_SignInit");
    check(client->p11->C_Sign(client->session, data, client->wish->data_len, signature, &len),
          "C_Sign");
}

void p11_client_close(struct p11_client *client) {
    client->p11->C_Finalize(NULL);
    dlclose(client->library);
}
