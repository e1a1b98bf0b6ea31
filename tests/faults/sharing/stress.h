/* p11-stress: many threads of one program use tokens that come and go, and whatever comes out is checked. */
#ifndef OPENUKEY_TESTS_STRESS_H
#define OPENUKEY_TESTS_STRESS_H

#include "pkcs11.h"

#include <openssl/types.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { STRESS_KEYS = 8, STRESS_THREADS = 16, STRESS_ID = 64 };

/* A private key as it was found when all was calm. */
struct known_key {
    CK_KEY_TYPE type;
    bool signs, decrypts;
    CK_BYTE id[STRESS_ID];
    CK_ULONG id_len;
    EVP_PKEY *public; /* for OpenSSL */
};

struct stress_token {
    const char *label;
    CK_SLOT_ID slot;
    struct known_key keys[STRESS_KEYS];
    size_t key_count;
    atomic_ulong done; /* operations that came to an end, good or with an error that is allowed */
};

/* What threads do. Each returns CKR_OK, or how the token answered; what is wrong ends the program. */
enum task {
    TASK_SIGN,
    TASK_VERIFY,
    TASK_DECRYPT,
    TASK_FIND,
    TASK_DATA,
    TASK_SET,
    TASK_GENERATE,
    TASK_SESSIONS,
    TASK_DIGEST,
    TASK_LOGIN,
    TASKS
};
extern const char *const task_names[TASKS];

struct worker {
    struct stress_token *token;
    unsigned number;
    unsigned seed;
    CK_SESSION_HANDLE session; /* CK_INVALID_HANDLE: to be opened */
    unsigned long made;        /* so many names were used */
};

extern CK_FUNCTION_LIST *p11;
extern const char *stress_pin;
extern bool stress_quiet; /* no key pairs, no data objects: the token is only read */

/* Prints and ends the program: the result is wrong. */
_Noreturn void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

unsigned pick(struct worker *worker, unsigned below);

/* Opens and logs in where that is needed. */
CK_RV worker_ready(struct worker *worker);
/* The error is one that a token which comes and goes may give; what the worker holds is let go. */
bool worker_forgives(struct worker *worker, CK_RV rv);

CK_RV do_task(struct worker *worker, enum task task);

/* Reads the keys of a token. */
void token_learn(struct stress_token *token);

#endif
