/* A PKCS#11 module inside the test program (tokens_options.module NULL): up to two keys with containers and files like the GM
 * application's, on OpenSSL. It does what the test says: keys are plugged and pulled, also in the middle of any call. */
#ifndef TESTS_AGENT_KEY_MOCK_MODULE_H
#define TESTS_AGENT_KEY_MOCK_MODULE_H

#include <openssl/evp.h>
#include <pkcs11.h>
#include <stdbool.h>

#include "module/formats/octets.h"

enum { MOCK_KEYS = 2, MOCK_CONTAINERS = 6, MOCK_FILES = 6 };

struct mock_container {
    bool exists;
    char name[64];
    EVP_PKEY *sign, *encrypt; /* NULL: none */
    struct octets sign_certificate, encrypt_certificate;
};

struct mock_file {
    bool exists;
    char name[33];
    struct octets content;
};

/* One key; what it holds stays while it is pulled out. */
struct mock_key {
    bool is_plugged;
    char serial[33];
    char pin[17];
    unsigned tries, tries_max;
    bool is_logged_in;
    struct mock_container containers[MOCK_CONTAINERS];
    struct mock_file files[MOCK_FILES];
};

extern struct mock_key mock_keys[MOCK_KEYS];

/* Forget everything: keys unplugged and empty, no faults. */
void mock_reset(void);
/* An empty key of that serial with PIN 123456 in slot `slot`, plugged in. */
struct mock_key *mock_key_make(unsigned slot, const char *serial);
void mock_plug(struct mock_key *key);
void mock_pull(struct mock_key *key);

/* Pull slot 0's key at the `nth` call from now that touches the key (1 is the next), before it has done anything or after it has done
 * all. 0 never. */
void mock_pull_at(unsigned nth, bool is_after);
/* How many such calls there have been since. */
unsigned mock_calls(void);
/* Calls of `C_WaitForSlotEvent` that another thread waits in: returns once there is one. */
void mock_wait_for_watcher(void);

#endif
