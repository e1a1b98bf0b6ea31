/* Saving and restoring operations. */
#include "module/cryptoki/operation_state.h"

#include "module/cryptoki/host_secret.h"
#include "module/cryptoki/operation_rules.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t magic[8] = "OUKstat1";
enum { ID_SIZE = 16, STATE_SIZE = sizeof(magic) + ID_SIZE };

/* The kinds whose states are saved. */
static const enum operation_kind saved_kinds[] = {
    OPERATION_DIGEST, OPERATION_SIGN, OPERATION_VERIFY, OPERATION_ENCRYPT, OPERATION_DECRYPT};
enum { SAVED_KINDS = sizeof(saved_kinds) / sizeof(saved_kinds[0]) };

struct operation_state {
    uint8_t id[ID_SIZE];
    struct operation operations[SAVED_KINDS];
    struct operation_state *next; /* an older one */
};

static void state_free(struct operation_state *state) {
    for (size_t i = 0; state != NULL && i < SAVED_KINDS; i++) {
        operation_end(&state->operations[i]);
    }
    free(state);
}

void operation_states_drop_all(struct slot *slot) {
    while (slot->states != NULL) {
        struct operation_state *state = slot->states;
        slot->states = state->next;
        state_free(state);
    }
}

void operation_states_drop_private(struct slot *slot) {
    struct operation_state **at = &slot->states;
    while (*at != NULL) {
        struct operation_state *state = *at;
        bool is_private = false;
        for (size_t i = 0; i < SAVED_KINDS; i++) {
            is_private = is_private || state->operations[i].is_private;
        }
        if (is_private) {
            *at = state->next;
            state_free(state);
        } else {
            at = &state->next;
        }
    }
}

/* ---- copies ---- */

static CK_RV operation_copy(const struct operation *from, struct operation *to) {
    *to = (struct operation){.mechanism = NULL};
    if (from->mechanism == NULL) {
        return CKR_OK;
    }
    CK_RV rv = mechanism_parameters_copy(&from->parameters, &to->parameters);
    if (rv != CKR_OK) {
        return rv;
    }
    to->mechanism = from->mechanism;
    to->key = from->key;
    to->output_size = from->output_size;
    to->is_updated = from->is_updated;
    to->is_private = from->is_private;
    to->needs_login = from->needs_login;
    to->digest = from->digest != NULL ? host_digest_copy(from->digest) : NULL;
    to->mac = from->mac != NULL ? host_mac_copy(from->mac) : NULL;
    to->cipher = from->cipher != NULL ? host_cipher_copy(from->cipher, &to->parameters) : NULL;
    bool whole = (to->digest != NULL) == (from->digest != NULL) &&
                 (to->mac != NULL) == (from->mac != NULL) &&
                 (to->cipher != NULL) == (from->cipher != NULL);
    if (!whole) {
        operation_end(to);
    }
    return whole ? CKR_OK : CKR_STATE_UNSAVEABLE;
}

/* The cipher looks at its operation's parameters: they move together. */
static void operation_move(struct operation *from, struct operation *to) {
    operation_end(to);
    *to = *from;
    if (to->cipher != NULL) {
        host_cipher_moved(to->cipher, &to->parameters);
    }
    *from = (struct operation){.mechanism = NULL};
}

/* ---- saving ---- */

static CK_RV may_save(const struct session *session) {
    unsigned active = 0, saveable = 0;
    for (size_t i = 0; i < OPERATION_KINDS; i++) {
        active += session->operations[i].mechanism != NULL;
    }
    for (size_t i = 0; i < SAVED_KINDS; i++) {
        saveable += session->operations[saved_kinds[i]].mechanism != NULL;
    }
    return active == 0          ? CKR_OPERATION_NOT_INITIALIZED
           : active != saveable ? CKR_STATE_UNSAVEABLE
                                : CKR_OK;
}

static void keep(struct slot *slot, struct operation_state *state) {
    size_t count = 1;
    state->next = slot->states;
    slot->states = state;
    for (struct operation_state *at = state; at->next != NULL; at = at->next) {
        if (count++ == STATES_MAX) {
            state_free(at->next); /* the oldest, at the end of the list */
            at->next = NULL;
            break;
        }
    }
}

CK_RV operation_state_get(struct session *session, CK_BYTE_PTR out, CK_ULONG_PTR out_len) {
    if (out_len == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = may_save(session);
    if (rv != CKR_OK || output_is_settled(out, out_len, STATE_SIZE, &rv)) {
        return rv;
    }
    struct operation_state *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return CKR_HOST_MEMORY;
    }
    rv = host_random(session->module->libctx, state->id, sizeof(state->id));
    for (size_t i = 0; i < SAVED_KINDS && rv == CKR_OK; i++) {
        rv = operation_copy(&session->operations[saved_kinds[i]], &state->operations[i]);
    }
    if (rv != CKR_OK) {
        state_free(state);
        return rv;
    }
    keep(session->slot, state);
    memcpy(out, magic, sizeof(magic));
    memcpy(out + sizeof(magic), state->id, ID_SIZE);
    *out_len = STATE_SIZE;
    return CKR_OK;
}

/* ---- restoring ---- */

static struct operation_state *find(const struct slot *slot, const uint8_t *state, size_t len) {
    struct operation_state *at = slot->states;
    if (len != STATE_SIZE || memcmp(state, magic, sizeof(magic)) != 0) {
        return NULL;
    }
    while (at != NULL && CRYPTO_memcmp(at->id, state + sizeof(magic), ID_SIZE) != 0) {
        at = at->next;
    }
    return at;
}

/* A key that is given must be the one that the state has for this. */
static CK_RV check_key(const struct operation_state *state, CK_OBJECT_HANDLE given,
                       bool is_for_cipher) {
    if (given == CK_INVALID_HANDLE) {
        return CKR_OK;
    }
    CK_RV rv = CKR_KEY_NOT_NEEDED;
    for (size_t i = 0; i < SAVED_KINDS; i++) {
        bool is_cipher = saved_kinds[i] == OPERATION_ENCRYPT || saved_kinds[i] == OPERATION_DECRYPT;
        const struct operation *operation = &state->operations[i];
        if (operation->mechanism == NULL || saved_kinds[i] == OPERATION_DIGEST ||
            is_cipher != is_for_cipher) {
            continue;
        }
        if (operation->key == given) {
            return CKR_OK;
        }
        rv = CKR_KEY_CHANGED;
    }
    return rv;
}

CK_RV operation_state_set(struct session *session, CK_BYTE_PTR bytes, CK_ULONG len,
                          CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key) {
    struct operation restored[SAVED_KINDS] = {{.mechanism = NULL}};
    if (bytes == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    const struct operation_state *state = find(session->slot, bytes, len);
    CK_RV rv = state == NULL ? CKR_SAVED_STATE_INVALID : CKR_OK;
    rv = rv == CKR_OK ? check_key(state, encryption_key, true) : rv;
    rv = rv == CKR_OK ? check_key(state, authentication_key, false) : rv;
    for (size_t i = 0; i < SAVED_KINDS && rv == CKR_OK; i++) {
        rv = operation_copy(&state->operations[i], &restored[i]);
    }
    for (size_t i = 0; i < SAVED_KINDS; i++) {
        if (rv == CKR_OK) {
            operation_move(&restored[i], &session->operations[saved_kinds[i]]);
        } else {
            operation_end(&restored[i]);
        }
    }
    return rv;
}
