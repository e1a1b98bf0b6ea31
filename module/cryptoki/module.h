/* The module as a whole: initialised or not, who is inside, the settings, transports, slots and sessions.
 *
 * Locks, in the order in which they are taken:
 *   1. slot->lock       one per slot; held for a whole call, also while its card works. No call takes two.
 *   2. module->listing  while readers are listed; never while holding it is a slot lock waited for.
 *   3. module->registry slot and session tables, presence; held for moments, nothing is waited for inside.
 * So a call on one token never waits for a call on another. C_Finalize holds none of them: it lets no new call in,
 * wakes the waiting ones and waits until the last has left. */
#ifndef OPENUKEY_CRYPTOKI_MODULE_H
#define OPENUKEY_CRYPTOKI_MODULE_H

#include "module/cryptoki/config.h"
#include "pkcs11.h"

#include <openssl/types.h>
#include <pthread.h>

enum { TRANSPORTS_MAX = 3 };

struct slot;
struct session;

struct module {
    struct config config;
    enum sm2_presentation sm2_objects; /* never SM2_AUTO */
    OSSL_LIB_CTX *libctx;
    struct transport *transports[TRANSPORTS_MAX];
    size_t transport_count;
    bool may_use_threads;
    struct module *ancestor; /* in a forked child: what the parent had inherited itself */
    int cancel_fd;           /* eventfd: readable when C_Finalize wants waiting calls to return */

    pthread_mutex_t listing;
    pthread_mutex_t registry;

    /* under registry */
    struct slot **slots;
    size_t slot_count;
    struct session **sessions; /* by rising handle */
    size_t session_count;
    CK_SESSION_HANDLE next_session;
};

CK_RV module_initialize(CK_VOID_PTR arguments);
CK_RV module_finalize(CK_VOID_PTR reserved);

/* The initialised module, counted as one more call inside; NULL when there is none. */
struct module *module_enter(void);
void module_leave(void);

/* True when C_Finalize has begun. */
bool module_is_finalizing(void);

/* The vendor interface's SetOption. */
CK_RV module_set_option(const char *name, const char *value);

/* A program asked for our vendor interface: it knows what SM2 keys are. */
void module_note_vendor_client(void);

CK_RV module_get_info(CK_INFO_PTR info);

/* Space-padded text field; cut at a whole UTF-8 character. */
void pad_text(CK_UTF8CHAR *field, size_t size, const char *text);

#endif
