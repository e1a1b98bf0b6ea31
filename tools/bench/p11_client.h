/* A client as libp11 and pkcs11-tool are: opens a module, a session, logs in, finds a private key, signs. */
#ifndef OPENUKEY_BENCH_P11_CLIENT_H
#define OPENUKEY_BENCH_P11_CLIENT_H

#include "pkcs11.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct p11_wish {
    const char *module;
    const char *
        slot; /* the token is in the first slot whose description begins so; NULL: in the first with a token */
    const char *pin;
    const char *label; /* of the private key; or */
    uint8_t id[64];
    size_t id_len;
    CK_MECHANISM_TYPE mechanism;
    size_t data_len;      /* what is signed: so many bytes */
    bool asks_token_info; /* C_GetTokenInfo before C_Login, as libp11 and pkcs11-tool do */
};

struct p11_client {
    const struct p11_wish *wish;
    void *library;
    CK_FUNCTION_LIST *p11;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_SLOT_ID slot;
};

/* From dlopen to the key; one more session of a client that is open. Both end the program with a message on failure. */
void p11_client_open(struct p11_client *client, const struct p11_wish *wish);
void p11_client_join(struct p11_client *client, const struct p11_client *first);
void p11_client_sign(const struct p11_client *client);
void p11_client_close(struct p11_client *client);

#endif
