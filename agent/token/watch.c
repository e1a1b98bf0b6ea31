/* Which keys are plugged in: the watcher, and the set that it keeps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/log.h"
#include "agent/token/plugged.h"

enum {
    WATCH_POLL_MS = 500,  /* for modules that cannot wait */
    FACTS_PATIENCE_S = 1, /* then the facts of last time do */
};

/* ---- one key ---- */

struct token *token_keep(struct token *token) {
    atomic_fetch_add(&token->references, 1);
    return token;
}

void token_release(struct token *token) {
    if (!token || atomic_fetch_sub(&token->references, 1) != 1)
        return;
    pthread_mutex_destroy(&token->lock);
    pthread_mutex_destroy(&token->facts_lock);
    free(token);
}

const char *token_id(const struct token *token) {
    return token->facts.id; /* never changes */
}

bool token_is_present(const struct token *token) {
    return atomic_load(&token->present);
}

enum token_error token_begin(struct token *token, bool is_writing, CK_SESSION_HANDLE *session) {
    *session = CK_INVALID_HANDLE;
    pthread_mutex_lock(&token->lock);
    enum token_error error = TOKEN_REMOVED;
    if (token_is_present(token)) {
        CK_FLAGS flags = CKF_SERIAL_SESSION | (is_writing ? CKF_RW_SESSION : 0);
        CK_RV rv = token->owner->cryptoki.functions->C_OpenSession(token->slot, flags, NULL, NULL,
                                                                   session);
        /* the presence session knows whether this is still the same key */
        CK_SESSION_INFO info;
        if (rv == CKR_OK)
            rv = token->owner->cryptoki.functions->C_GetSessionInfo(token->presence, &info);
        error = rv == CKR_OK ? TOKEN_OK : cryptoki_error(rv, "C_OpenSession");
    }
    return error ? token_end(token, *session, error) : TOKEN_OK;
}

enum token_error token_end(struct token *token, CK_SESSION_HANDLE session, enum token_error error) {
    if (session != CK_INVALID_HANDLE)
        token->owner->cryptoki.functions->C_CloseSession(session);
    if (error == TOKEN_LOGIN_NEEDED)
        token->is_logged_in = false;
    pthread_mutex_unlock(&token->lock);
    if (error == TOKEN_REMOVED && token_is_present(token))
        tokens_rescan(token->owner);
    return error;
}

enum token_error token_read_facts(struct token *token, struct token_facts *facts) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FACTS_PATIENCE_S;
    enum token_error error = TOKEN_OK;
    if (pthread_mutex_timedlock(&token->lock, &until) == 0) {
        struct token_facts now;
        error = token_is_present(token) ? facts_read(&token->owner->cryptoki, token->slot, &now)
                                        : TOKEN_REMOVED;
        if (!error && strcmp(now.id, token->facts.id) != 0)
            error = TOKEN_REMOVED;
        if (!error) {
            pthread_mutex_lock(&token->facts_lock);
            token->facts = now;
            pthread_mutex_unlock(&token->facts_lock);
        }
        token_end(token, CK_INVALID_HANDLE, error);
    }
    pthread_mutex_lock(&token->facts_lock);
    *facts = token->facts;
    pthread_mutex_unlock(&token->facts_lock);
    return error;
}

static struct token *token_new(struct tokens *owner, CK_SLOT_ID slot,
                               const struct token_facts *facts) {
    struct token *token = calloc(1, sizeof *token);
    if (!token)
        return NULL;
    token->owner = owner;
    token->slot = slot;
    token->facts = *facts;
    atomic_init(&token->references, 1);
    atomic_init(&token->present, true);
    pthread_mutex_init(&token->lock, NULL);
    pthread_mutex_init(&token->facts_lock, NULL);
    if (owner->cryptoki.functions->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL,
                                                 &token->presence) != CKR_OK) {
        token_release(token);
        return NULL;
    }
    return token;
}

/* ---- the set ---- */

size_t tokens_list(struct tokens *tokens, struct token **list) {
    pthread_mutex_lock(&tokens->list_lock);
    size_t count = tokens->count;
    for (size_t i = 0; i < count; i++)
        list[i] = token_keep(tokens->list[i]);
    pthread_mutex_unlock(&tokens->list_lock);
    return count;
}

struct token *tokens_find(struct tokens *tokens, const char *id) {
    struct token *found = NULL;
    pthread_mutex_lock(&tokens->list_lock);
    for (size_t i = 0; i < tokens->count && !found; i++) {
        if (strcmp(token_id(tokens->list[i]), id) == 0)
            found = token_keep(tokens->list[i]);
    }
    pthread_mutex_unlock(&tokens->list_lock);
    return found;
}

static struct token *find_slot(struct tokens *tokens, CK_SLOT_ID slot) {
    for (size_t i = 0; i < tokens->count; i++) {
        if (tokens->list[i]->slot == slot)
            return tokens->list[i];
    }
    return NULL;
}

/* Add a key that has been found; the set keeps the reference. */
static void add(struct tokens *tokens, struct token *token) {
    pthread_mutex_lock(&tokens->list_lock);
    bool fits = tokens->count < TOKEN_MAX;
    if (fits)
        tokens->list[tokens->count++] = token;
    pthread_mutex_unlock(&tokens->list_lock);
    if (!fits) {
        token_release(token);
        return;
    }
    log_info("token", "key %s inserted in %s", token_id(token), token->facts.reader);
    if (tokens->changed)
        tokens->changed(tokens->context, token, true);
}

static void drop(struct tokens *tokens, struct token *token) {
    pthread_mutex_lock(&tokens->list_lock);
    size_t kept = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        if (tokens->list[i] != token)
            tokens->list[kept++] = tokens->list[i];
    }
    tokens->count = kept;
    pthread_mutex_unlock(&tokens->list_lock);
    atomic_store(&token->present, false);
    tokens->cryptoki.functions->C_CloseSession(token->presence);
    log_info("token", "key %s removed", token_id(token));
    if (tokens->changed)
        tokens->changed(tokens->context, token, false);
    token_release(token);
}

/* True if it is the key that was there: same id, and its session has lived through. */
static bool is_same(const struct tokens *tokens, const struct token *token,
                    const struct token_facts *facts) {
    CK_SESSION_INFO info;
    return strcmp(token->facts.id, facts->id) == 0 &&
           tokens->cryptoki.functions->C_GetSessionInfo(token->presence, &info) == CKR_OK;
}

/* One look at every slot. Only the holder of scan_lock changes the list, so reading it here needs no list_lock. */
static void look(struct tokens *tokens) {
    const CK_FUNCTION_LIST *f = tokens->cryptoki.functions;
    CK_SLOT_ID slots[TOKEN_MAX];
    bool seen[TOKEN_MAX] = {false};
    CK_ULONG count = 0;
    /* the first call lets the module notice readers that came and went (PKCS#11 5.5) */
    if (f->C_GetSlotList(CK_FALSE, NULL, &count) != CKR_OK)
        return;
    count = TOKEN_MAX;
    CK_RV rv = f->C_GetSlotList(CK_TRUE, slots, &count);
    if (rv == CKR_BUFFER_TOO_SMALL)
        log_warn("token", "more than %d keys: the agent waits until some are pulled out",
                 TOKEN_MAX);
    if (rv != CKR_OK)
        return;
    struct token *known[TOKEN_MAX];
    size_t known_count = tokens->count;
    for (size_t k = 0; k < known_count; k++)
        known[k] = tokens->list[k];
    struct token_facts facts[TOKEN_MAX];
    for (CK_ULONG i = 0; i < count; i++) {
        seen[i] = facts_read(&tokens->cryptoki, slots[i], &facts[i]) == TOKEN_OK;
    }
    for (size_t k = 0; k < known_count; k++) {
        bool is_here = false;
        for (CK_ULONG i = 0; i < count; i++)
            is_here |=
                seen[i] && slots[i] == known[k]->slot && is_same(tokens, known[k], &facts[i]);
        if (!is_here)
            drop(tokens, known[k]);
    }
    for (CK_ULONG i = 0; i < count; i++) {
        if (!seen[i] || find_slot(tokens, slots[i]))
            continue;
        struct token *token = token_new(tokens, slots[i], &facts[i]);
        if (token)
            add(tokens, token);
        else
            log_warn("token", "the key in %s cannot be opened", facts[i].reader);
    }
}

void tokens_rescan(struct tokens *tokens) {
    atomic_store(&tokens->scan_again, true);
    while (atomic_load(&tokens->scan_again)) {
        /* whoever looks already will look once more */
        if (pthread_mutex_trylock(&tokens->scan_lock) != 0)
            return;
        while (atomic_exchange(&tokens->scan_again, false) && !atomic_load(&tokens->stopping))
            look(tokens);
        pthread_mutex_unlock(&tokens->scan_lock);
    }
}

/* Wait for something to happen in a slot. False: the module cannot wait. */
static bool wait_for_event(struct tokens *tokens) {
    CK_SLOT_ID slot = 0;
    /* a module of another maker may not end this call when it is finalised: it is asked, not waited for */
    CK_RV rv = tokens->cryptoki.functions->C_WaitForSlotEvent(
        tokens->cryptoki.vendor ? 0 : CKF_DONT_BLOCK, &slot, NULL);
    return rv == CKR_OK;
}

static void *watch(void *data) {
    struct tokens *tokens = data;
    while (!atomic_load(&tokens->stopping)) {
        if (!wait_for_event(tokens)) {
            const struct timespec pause = {0, WATCH_POLL_MS * 1000000L};
            if (atomic_load(&tokens->stopping))
                break;
            nanosleep(&pause, NULL);
        }
        tokens_rescan(tokens);
    }
    return NULL;
}

int tokens_open(const struct tokens_options *options, struct tokens **out) {
    *out = NULL;
    struct tokens *tokens = calloc(1, sizeof *tokens);
    if (!tokens)
        return -1;
    if (cryptoki_load(&tokens->cryptoki, options->module, options->settings) != 0) {
        free(tokens);
        return -1;
    }
    pthread_mutex_init(&tokens->scan_lock, NULL);
    pthread_mutex_init(&tokens->list_lock, NULL);
    tokens_rescan(tokens);
    tokens->changed = options->changed;
    tokens->context = options->context;
    int error = pthread_create(&tokens->watcher, NULL, watch, tokens);
    if (error) {
        log_error("token", "cannot start the watcher: %s", strerror(error));
        cryptoki_finalize(&tokens->cryptoki);
        cryptoki_unload(&tokens->cryptoki);
        free(tokens);
        return -1;
    }
    *out = tokens;
    return 0;
}

void tokens_close(struct tokens *tokens) {
    if (!tokens)
        return;
    atomic_store(&tokens->stopping, true);
    cryptoki_finalize(&tokens->cryptoki);
    pthread_join(tokens->watcher, NULL);
    for (size_t i = 0; i < tokens->count; i++) {
        atomic_store(&tokens->list[i]->present, false);
        token_release(tokens->list[i]);
    }
    pthread_mutex_destroy(&tokens->scan_lock);
    pthread_mutex_destroy(&tokens->list_lock);
    cryptoki_unload(&tokens->cryptoki);
    free(tokens);
}
