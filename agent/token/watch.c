/* Which keys are plugged in: a watcher for each module, and the set that they keep. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/foreign/registry.h"
#include "agent/foreign/remote.h"
#include "agent/log.h"
#include "agent/token/plugged.h"

enum {
    WATCH_POLL_MS = 500,    /* for modules that cannot wait */
    FOREIGN_POLL_MS = 2000, /* for those of other makers: they may speak with the key each time */
    FACTS_PATIENCE_S = 1,   /* then the facts of last time do */
    READER_COMPARED = 64,   /* characters of a reader's name: as many as CK_SLOT_INFO has */
};

static void rescan(struct token_source *source);

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
    token_certificates_free(&token->seen);
    free(token);
}

const char *token_id(const struct token *token) {
    return token->id;
}

bool token_can(const struct token *token, enum token_capability capability) {
    return (token->can & (unsigned)capability) != 0;
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

/* Some modules have no better word than "device error" for the call in which the key was pulled: its session knows. */
static enum token_error failed_or_removed(const struct token *token) {
    CK_SESSION_INFO info;
    CK_RV rv = token->owner->cryptoki.functions->C_GetSessionInfo(token->presence, &info);
    return rv == CKR_OK ? TOKEN_FAILED : TOKEN_REMOVED;
}

enum token_error token_end(struct token *token, CK_SESSION_HANDLE session, enum token_error error) {
    if (error == TOKEN_FAILED)
        error = failed_or_removed(token);
    if (session != CK_INVALID_HANDLE)
        token->owner->cryptoki.functions->C_CloseSession(session);
    if (error == TOKEN_LOGIN_NEEDED)
        token->is_logged_in = false;
    pthread_mutex_unlock(&token->lock);
    if (error == TOKEN_REMOVED && token_is_present(token))
        rescan(token->owner);
    return error;
}

void token_set_facts(struct token *token, const struct token_facts *facts) {
    struct token_facts now = *facts;
    pthread_mutex_lock(&token->facts_lock);
    now.can = token->can;
    memcpy(now.module, token->facts.module, sizeof now.module);
    token->facts = now;
    pthread_mutex_unlock(&token->facts_lock);
}

enum token_error token_read_facts(struct token *token, struct token_facts *facts) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FACTS_PATIENCE_S;
    enum token_error error = TOKEN_OK;
    /* a module of another maker may not answer for long: its watcher asks it every time it looks */
    if (token->owner->cryptoki.process) {
        error = token_is_present(token) ? TOKEN_OK : TOKEN_REMOVED;
    } else if (pthread_mutex_timedlock(&token->lock, &until) == 0) {
        struct token_facts now;
        error = token_is_present(token) ? facts_read(&token->owner->cryptoki, token->slot, &now)
                                        : TOKEN_REMOVED;
        if (!error && strcmp(now.id, token->id) != 0)
            error = TOKEN_REMOVED;
        if (!error)
            token_set_facts(token, &now);
        error = token_end(token, CK_INVALID_HANDLE, error);
    }
    pthread_mutex_lock(&token->facts_lock);
    *facts = token->facts;
    pthread_mutex_unlock(&token->facts_lock);
    return error;
}

static struct token *token_new(struct token_source *owner, CK_SLOT_ID slot,
                               const struct token_facts *facts) {
    struct token *token = calloc(1, sizeof *token);
    if (!token)
        return NULL;
    token->owner = owner;
    token->slot = slot;
    memcpy(token->id, facts->id, sizeof token->id);
    memcpy(token->reader, facts->reader, sizeof token->reader);
    token->facts = *facts;
    token->facts.can = token->can = capabilities_read(&owner->cryptoki, slot);
    if (owner->name)
        snprintf(token->facts.module, sizeof token->facts.module, "%s", owner->name);
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

/* A key that our module and another maker's see in the same reader is ours. The list_lock is held. */
static bool is_shadow_of(const struct token *token, const struct token *other) {
    return token->owner->name && !other->owner->name && other->reader[0] &&
           strncmp(token->reader, other->reader, READER_COMPARED) == 0;
}

static bool is_shadow(const struct tokens *tokens, const struct token *token) {
    for (size_t i = 0; i < tokens->count; i++) {
        if (is_shadow_of(token, tokens->list[i]))
            return true;
    }
    return false;
}

size_t tokens_list(struct tokens *tokens, struct token **list) {
    size_t count = 0;
    pthread_mutex_lock(&tokens->list_lock);
    for (size_t i = 0; i < tokens->count; i++) {
        if (!is_shadow(tokens, tokens->list[i]))
            list[count++] = token_keep(tokens->list[i]);
    }
    pthread_mutex_unlock(&tokens->list_lock);
    return count;
}

struct token *tokens_find(struct tokens *tokens, const char *id) {
    struct token *found = NULL;
    pthread_mutex_lock(&tokens->list_lock);
    for (size_t i = 0; i < tokens->count && !found; i++) {
        if (strcmp(token_id(tokens->list[i]), id) == 0 && !is_shadow(tokens, tokens->list[i]))
            found = token_keep(tokens->list[i]);
    }
    pthread_mutex_unlock(&tokens->list_lock);
    return found;
}

/* Tell that the key came or went; and, when it is one of ours, that the other makers' keys in its reader went or came. */
static void tell(struct tokens *tokens, struct token *token, bool is_inserted) {
    struct token *shadows[TOKEN_MAX];
    size_t count = 0;
    if (!tokens->changed)
        return;
    pthread_mutex_lock(&tokens->list_lock);
    bool is_hidden = is_shadow(tokens, token);
    for (size_t i = 0; i < tokens->count; i++) {
        if (is_shadow_of(tokens->list[i], token))
            shadows[count++] = token_keep(tokens->list[i]);
    }
    pthread_mutex_unlock(&tokens->list_lock);
    if (!is_hidden)
        tokens->changed(tokens->context, token, is_inserted);
    for (size_t i = 0; i < count; i++) {
        tokens->changed(tokens->context, shadows[i], !is_inserted);
        token_release(shadows[i]);
    }
}

static struct token *find_slot(const struct token_source *source, CK_SLOT_ID slot) {
    const struct tokens *tokens = source->tokens;
    for (size_t i = 0; i < tokens->count; i++) {
        if (tokens->list[i]->owner == source && tokens->list[i]->slot == slot)
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
        log_warn("token", "more than %d keys: the agent waits until some are pulled out",
                 TOKEN_MAX);
        token_release(token);
        return;
    }
    log_info("token", "key %s inserted in %s", token_id(token), token->reader);
    tell(tokens, token, true);
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
    token->owner->cryptoki.functions->C_CloseSession(token->presence);
    log_info("token", "key %s removed", token_id(token));
    tell(tokens, token, false);
    token_release(token);
}

/* True if it is the key that was there: same id, and its session has lived through. */
static bool is_same(const struct token *token, const struct token_facts *facts) {
    CK_SESSION_INFO info;
    return strcmp(token->id, facts->id) == 0 &&
           token->owner->cryptoki.functions->C_GetSessionInfo(token->presence, &info) == CKR_OK;
}

/* The keys of this module, as they are known. Only the holder of its scan_lock adds and drops them. */
static size_t known_keys(const struct token_source *source, struct token **known) {
    struct tokens *tokens = source->tokens;
    size_t count = 0;
    pthread_mutex_lock(&tokens->list_lock);
    for (size_t i = 0; i < tokens->count; i++) {
        if (tokens->list[i]->owner == source)
            known[count++] = tokens->list[i];
    }
    pthread_mutex_unlock(&tokens->list_lock);
    return count;
}

/* One look at every slot of a module. */
static void look(struct token_source *source) {
    struct tokens *tokens = source->tokens;
    const struct cryptoki *cryptoki = &source->cryptoki;
    CK_SLOT_ID slots[TOKEN_MAX];
    bool seen[TOKEN_MAX] = {false};
    CK_ULONG count = 0;
    CK_RV rv = cryptoki_slots(cryptoki, slots, &count);
    if (rv == CKR_BUFFER_TOO_SMALL)
        log_warn("token", "more than %d keys: the agent waits until some are pulled out",
                 TOKEN_MAX);
    if (rv == CKR_DEVICE_REMOVED && cryptoki->process)
        count = 0; /* its process has ended, and with it every session */
    else if (rv != CKR_OK)
        return;
    struct token *known[TOKEN_MAX];
    size_t known_count = known_keys(source, known);
    struct token_facts facts[TOKEN_MAX];
    for (CK_ULONG i = 0; i < count; i++)
        seen[i] = facts_read(cryptoki, slots[i], &facts[i]) == TOKEN_OK;
    for (size_t k = 0; k < known_count; k++) {
        bool is_here = false;
        for (CK_ULONG i = 0; i < count && !is_here; i++) {
            is_here = seen[i] && slots[i] == known[k]->slot && is_same(known[k], &facts[i]);
            if (is_here)
                token_set_facts(known[k], &facts[i]);
        }
        if (!is_here)
            drop(tokens, known[k]);
    }
    for (CK_ULONG i = 0; i < count; i++) {
        if (!seen[i] || find_slot(source, slots[i]))
            continue;
        struct token *token = token_new(source, slots[i], &facts[i]);
        if (token)
            add(tokens, token);
        else
            log_warn("token", "the key in %s cannot be opened", facts[i].reader);
    }
}

static void rescan(struct token_source *source) {
    atomic_store(&source->scan_again, true);
    while (atomic_load(&source->scan_again)) {
        /* whoever looks already will look once more */
        if (pthread_mutex_trylock(&source->scan_lock) != 0)
            return;
        while (atomic_exchange(&source->scan_again, false) &&
               !atomic_load(&source->tokens->stopping))
            look(source);
        pthread_mutex_unlock(&source->scan_lock);
    }
}

void tokens_rescan(struct tokens *tokens) {
    for (size_t i = 0; i < tokens->source_count; i++)
        rescan(&tokens->sources[i]);
}

/* ---- watching ---- */

/* Wait, but not when the agent ends. */
static void pause_ms(struct tokens *tokens, int64_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&tokens->list_lock);
    int late = 0;
    while (!atomic_load(&tokens->stopping) && late == 0)
        late = pthread_cond_timedwait(&tokens->stopped, &tokens->list_lock, &until);
    pthread_mutex_unlock(&tokens->list_lock);
}

/* Wait for something to happen in a slot of ours. False: the module cannot wait. */
static bool wait_for_event(const struct cryptoki *cryptoki) {
    CK_SLOT_ID slot = 0;
    /* a module without our interface may not end this call when it is finalised: it is asked, not waited for */
    return cryptoki->functions->C_WaitForSlotEvent(cryptoki->vendor ? 0 : CKF_DONT_BLOCK, &slot,
                                                   NULL) == CKR_OK;
}

static void *watch(void *data) {
    struct token_source *source = data;
    struct tokens *tokens = source->tokens;
    while (!atomic_load(&tokens->stopping)) {
        if (!wait_for_event(&source->cryptoki))
            pause_ms(tokens, WATCH_POLL_MS);
        rescan(source);
    }
    return NULL;
}

static void *watch_foreign(void *data) {
    struct token_source *source = data;
    struct tokens *tokens = source->tokens;
    while (!atomic_load(&tokens->stopping)) {
        foreign_process_start(&source->process);
        rescan(source);
        pause_ms(tokens, FOREIGN_POLL_MS);
    }
    return NULL;
}

static int start_watcher(struct token_source *source) {
    int error = pthread_create(&source->watcher, NULL,
                               source->cryptoki.process ? watch_foreign : watch, source);
    if (error)
        log_error("token", "cannot start the watcher: %s", strerror(error));
    source->has_watcher = error == 0;
    return error ? -1 : 0;
}

/* ---- opening and closing ---- */

/* A module of another maker that cannot be had is left out; the agent goes on. */
static void add_foreign(struct tokens *tokens, const char *host,
                        const struct foreign_module *module) {
    struct token_source *source = &tokens->sources[tokens->source_count];
    struct foreign_process *process = &source->process;
    if (foreign_process_init(process, host, module->path, module->name, module->answer_within_ms) !=
        0)
        return;
    if (cryptoki_connect(&source->cryptoki, process) != 0) {
        log_warn("foreign", "module %s is left out: there are more than %d", module->name,
                 REMOTE_MAX);
        foreign_process_free(process);
        source->cryptoki = (struct cryptoki){0};
        return;
    }
    source->name = process->name;
    source->tokens = tokens;
    pthread_mutex_init(&source->scan_lock, NULL);
    tokens->source_count++;
}

static void close_source(struct token_source *source) {
    cryptoki_unload(&source->cryptoki);
    if (source->name)
        foreign_process_free(&source->process);
    pthread_mutex_destroy(&source->scan_lock);
}

static struct tokens *tokens_new(size_t source_count) {
    struct tokens *tokens = calloc(1, sizeof *tokens);
    struct token_source *sources = calloc(source_count, sizeof *sources);
    if (!tokens || !sources) {
        free(sources);
        free(tokens);
        return NULL;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&tokens->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&tokens->list_lock, NULL);
    tokens->sources = sources;
    return tokens;
}

int tokens_open(const struct tokens_options *options, struct tokens **out) {
    *out = NULL;
    size_t foreign = options->foreign ? options->foreign->count : 0;
    struct tokens *tokens = tokens_new(1 + foreign);
    if (!tokens)
        return -1;
    struct token_source *own = &tokens->sources[0];
    own->tokens = tokens;
    pthread_mutex_init(&own->scan_lock, NULL);
    tokens->source_count = 1;
    if (cryptoki_load(&own->cryptoki, options->module, options->settings) != 0) {
        tokens_close(tokens);
        return -1;
    }
    rescan(own);
    tokens->changed = options->changed;
    tokens->context = options->context;
    for (size_t i = 0; i < foreign; i++)
        add_foreign(tokens, options->host, &options->foreign->list[i]);
    for (size_t i = 0; i < tokens->source_count; i++) {
        if (start_watcher(&tokens->sources[i]) != 0) {
            tokens_close(tokens);
            return -1;
        }
    }
    *out = tokens;
    return 0;
}

void tokens_close(struct tokens *tokens) {
    if (!tokens)
        return;
    pthread_mutex_lock(&tokens->list_lock);
    atomic_store(&tokens->stopping, true);
    pthread_cond_broadcast(&tokens->stopped);
    pthread_mutex_unlock(&tokens->list_lock);
    for (size_t i = 0; i < tokens->source_count; i++) {
        if (tokens->sources[i].cryptoki.functions)
            cryptoki_finalize(&tokens->sources[i].cryptoki);
    }
    for (size_t i = 0; i < tokens->source_count; i++) {
        if (tokens->sources[i].has_watcher)
            pthread_join(tokens->sources[i].watcher, NULL);
    }
    for (size_t i = 0; i < tokens->count; i++) {
        atomic_store(&tokens->list[i]->present, false);
        token_release(tokens->list[i]);
    }
    for (size_t i = 0; i < tokens->source_count; i++)
        close_source(&tokens->sources[i]);
    pthread_mutex_destroy(&tokens->list_lock);
    pthread_cond_destroy(&tokens->stopped);
    free(tokens->sources);
    free(tokens);
}
