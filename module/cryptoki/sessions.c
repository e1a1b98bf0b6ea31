/* The session table: rising handles in one sorted array. */
#include "module/cryptoki/sessions.h"

#include "module/cryptoki/operation_state.h"

#include "module/token/token_objects.h"

#include <stdlib.h>
#include <string.h>

/* Registry held. The place of the handle, or where it would be. */
static size_t position(const struct module *module, CK_SESSION_HANDLE handle) {
    size_t low = 0, high = module->session_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (module->sessions[middle]->handle < handle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct session *look_up(struct module *module, CK_SESSION_HANDLE handle,
                               struct slot **slot) {
    struct session *session = NULL;
    *slot = NULL;
    pthread_mutex_lock(&module->registry);
    size_t at = position(module, handle);
    if (at < module->session_count && module->sessions[at]->handle == handle) {
        session = module->sessions[at];
        *slot = session->slot;
    }
    pthread_mutex_unlock(&module->registry);
    return session;
}

CK_RV session_lock(struct module *module, CK_SESSION_HANDLE handle, struct session **out) {
    struct slot *slot, *same;
    *out = NULL;
    if (look_up(module, handle, &slot) == NULL) {
        return CKR_SESSION_HANDLE_INVALID;
    }
    /* sessions are closed under their slot's lock only: what is found now stays */
    slot_acquire(slot);
    slot_settle(module, slot);
    *out = look_up(module, handle, &same);
    if (*out == NULL) {
        slot_unlock(slot);
        return CKR_SESSION_HANDLE_INVALID;
    }
    return CKR_OK;
}

CK_RV session_open(struct module *module, struct slot *slot, CK_FLAGS flags, void *application,
                   CK_NOTIFY notify, CK_SESSION_HANDLE_PTR out) {
    if (out == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *out = CK_INVALID_HANDLE;
    if ((flags & CKF_SERIAL_SESSION) == 0) {
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    }
    if ((flags & CKF_ASYNC_SESSION) != 0) {
        return CKR_SESSION_ASYNC_NOT_SUPPORTED;
    }
    struct token *token;
    CK_RV rv = slot_token(module, slot, &token);
    if (rv != CKR_OK) {
        return rv;
    }
    bool is_read_write = (flags & CKF_RW_SESSION) != 0;
    if (!is_read_write && token->login == SECURITY_OFFICER) {
        return CKR_SESSION_READ_WRITE_SO_EXISTS;
    }
    struct session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        return CKR_HOST_MEMORY;
    }
    session->module = module;
    session->slot = slot;
    session->flags = flags & (CKF_SERIAL_SESSION | CKF_RW_SESSION);
    session->is_read_write = is_read_write;
    session->notify = notify;
    session->application = application;
    pthread_mutex_lock(&module->registry);
    struct session **sessions =
        realloc(module->sessions, (module->session_count + 1) * sizeof(struct session *));
    if (sessions != NULL) {
        module->sessions = sessions;
        session->handle = module->next_session++;
        sessions[module->session_count++] = session;
    }
    pthread_mutex_unlock(&module->registry);
    if (sessions == NULL) {
        free(session);
        return CKR_HOST_MEMORY;
    }
    *out = session->handle;
    return CKR_OK; /* cppcheck-suppress memleak; the registry has it */
}

static void session_free(struct session *session) {
    session_objects_drop_owner(session->slot, session->handle);
    for (size_t i = 0; i < OPERATION_KINDS; i++) {
        operation_end(&session->operations[i]);
    }
    free(session->found);
    free(session);
}

void sessions_count(struct module *module, const struct slot *slot, CK_ULONG *all,
                    CK_ULONG *read_write) {
    *all = 0;
    *read_write = 0;
    pthread_mutex_lock(&module->registry);
    for (size_t i = 0; i < module->session_count; i++) {
        if (module->sessions[i]->slot == slot) {
            ++*all;
            *read_write += module->sessions[i]->is_read_write;
        }
    }
    pthread_mutex_unlock(&module->registry);
}

static void logout_without_sessions(struct module *module, struct slot *slot) {
    CK_ULONG all, read_write;
    sessions_count(module, slot, &all, &read_write);
    if (all == 0) {
        operation_states_drop_all(slot);
    }
    if (all == 0 && slot->token != NULL && slot->token->login != NOBODY) {
        token_logout(slot->token);
    }
}

CK_RV session_close(struct session *session) {
    struct module *module = session->module;
    struct slot *slot = session->slot;
    pthread_mutex_lock(&module->registry);
    size_t at = position(module, session->handle);
    memmove(module->sessions + at, module->sessions + at + 1,
            (--module->session_count - at) * sizeof(struct session *));
    pthread_mutex_unlock(&module->registry);
    session_free(session);
    logout_without_sessions(module, slot);
    return CKR_OK;
}

CK_RV sessions_close_all(struct module *module, struct slot *slot) {
    struct session *closed = NULL;
    do {
        closed = NULL;
        pthread_mutex_lock(&module->registry);
        for (size_t i = module->session_count; i > 0 && closed == NULL; i--) {
            if (module->sessions[i - 1]->slot == slot) {
                closed = module->sessions[i - 1];
                memmove(module->sessions + i - 1, module->sessions + i,
                        (module->session_count - i) * sizeof(struct session *));
                module->session_count--;
            }
        }
        pthread_mutex_unlock(&module->registry);
        if (closed != NULL) {
            session_free(closed);
        }
    } while (closed != NULL);
    logout_without_sessions(module, slot);
    return CKR_OK;
}

void sessions_forget_private(struct slot *slot, struct module *module) {
    pthread_mutex_lock(&module->registry);
    for (size_t i = 0; i < module->session_count; i++) {
        if (module->sessions[i]->slot == slot) {
            operations_end_private(module->sessions[i]);
        }
    }
    pthread_mutex_unlock(&module->registry);
    operation_states_drop_private(slot);
    session_objects_drop_private(slot);
    token_objects_renumber_private(slot->token->objects);
}

CK_RV session_get_validation_flags(CK_SESSION_VALIDATION_FLAGS_TYPE type, CK_FLAGS_PTR flags) {
    if (flags == NULL || type != CKS_LAST_VALIDATION_OK) {
        return CKR_ARGUMENTS_BAD;
    }
    *flags = 0; /* there are no validation objects: nothing counts as validated */
    return CKR_OK;
}

CK_RV session_get_info(const struct session *session, CK_SESSION_INFO_PTR info) {
    if (info == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *info = (CK_SESSION_INFO){.slotID = session->slot->id, .flags = session->flags};
    switch (session_token(session)->login) {
    case NOBODY:
        info->state = session->is_read_write ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
        break;
    case NORMAL_USER:
        info->state = session->is_read_write ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
        break;
    case SECURITY_OFFICER:
        info->state = CKS_RW_SO_FUNCTIONS;
        break;
    }
    return CKR_OK;
}
