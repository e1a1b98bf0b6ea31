/* One plugged key and the set of them, as the rooms of agent/token share them. */
#ifndef AGENT_TOKEN_PLUGGED_H
#define AGENT_TOKEN_PLUGGED_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/foreign/process.h"
#include "agent/token/cryptoki.h"

/* One module and its keys' watcher. */
struct token_source {
    struct tokens *tokens;
    struct cryptoki cryptoki;
    const char *name;               /* another maker's module: its name for people; NULL: ours */
    struct foreign_process process; /* the same: where it runs */
    bool has_watcher;
    pthread_t watcher;
    pthread_mutex_t scan_lock; /* one look at the slots at a time */
    atomic_bool scan_again;
};

struct token {
    struct token_source *owner;
    char id[TOKEN_ID_SIZE]; /* what never changes, readable without a lock */
    char reader[129];
    unsigned can; /* enum token_capability */
    atomic_uint references;
    atomic_bool present;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE
    presence; /* open from insertion to removal: keeps the login, and dies with the key */
    pthread_mutex_t lock; /* one call at a time; guards what follows */
    bool is_logged_in;
    bool is_held;        /* by a job */
    bool logout_waiting; /* for that job's end */
    struct token_certificates
        seen; /* as they were read last: to parse one takes longer than to read it */
    pthread_mutex_t facts_lock;
    struct token_facts facts; /* last read */
};

struct tokens {
    void (*changed)(void *context, struct token *token, bool is_inserted);
    void *context;
    atomic_bool stopping;
    pthread_cond_t stopped; /* `stopping` was set, under list_lock */
    size_t source_count;
    struct token_source *sources; /* ours is the first */
    pthread_mutex_t list_lock;    /* guards what follows */
    size_t count;
    struct token *list[TOKEN_MAX];
};

/* Lock the token and open a session; every success needs token_end(). */
enum token_error token_begin(struct token *token, bool is_writing, CK_SESSION_HANDLE *session);
/* Close the session and unlock. Looks at the slots again when `error` says that the key has gone. Returns `error`, or TOKEN_REMOVED
 * where it failed because of that. */
enum token_error token_end(struct token *token, CK_SESSION_HANDLE session, enum token_error error);

/* Private keys are invisible without login: without this, "not found" would be said for "not logged in". TOKEN_LOGIN_NEEDED. */
enum token_error token_require_login(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session);
/* The private key of that CKA_ID; TOKEN_NOT_FOUND. */
enum token_error token_private_key(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                   const struct token_key_id *id, CK_OBJECT_HANDLE *object);

/* The public key of that object as DER SubjectPublicKeyInfo: SM2, EC, RSA. */
enum token_error token_object_spki(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                   CK_OBJECT_HANDLE object, struct octets *spki);

/* Ask the module about the key in `slot`. */
enum token_error facts_read(const struct cryptoki *cryptoki, CK_SLOT_ID slot,
                            struct token_facts *facts);

/* The capabilities of the key in `slot`, by its module's mechanisms (enum token_capability). */
unsigned capabilities_read(const struct cryptoki *cryptoki, CK_SLOT_ID slot);
/* Remember what a key said of itself; what does not change (capabilities, module) stays. */
void token_set_facts(struct token *token, const struct token_facts *facts);

#endif
