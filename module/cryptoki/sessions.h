/* Sessions, as many as a program opens. A session belongs to the token that was in its slot when it was opened. */
#ifndef OPENUKEY_CRYPTOKI_SESSIONS_H
#define OPENUKEY_CRYPTOKI_SESSIONS_H

#include "module/cryptoki/operations.h"
#include "module/cryptoki/slots.h"

struct session {
    CK_SESSION_HANDLE handle;
    struct module *module;
    struct slot *slot; /* slot->token is not NULL as long as the session lives */
    CK_FLAGS flags;
    bool is_read_write;
    CK_NOTIFY
    notify; /* the program's; nothing that we have to tell is told by callback (CKN_SURRENDER needs parallel
                       * functions, which no version since 2.0 has) */
    void *application;

    /* C_FindObjectsInit ... Final */
    bool is_finding;
    CK_OBJECT_HANDLE *found;
    CK_ULONG found_count, found_next;

    struct operation operations[OPERATION_KINDS];
};

static inline struct token *session_token(const struct session *session) {
    return session->slot->token;
}

/* Finds the session and locks its slot. CKR_SESSION_HANDLE_INVALID. */
CK_RV session_lock(struct module *module, CK_SESSION_HANDLE handle, struct session **out);

/* Slot locked. */
CK_RV session_open(struct module *module, struct slot *slot, CK_FLAGS flags, void *application,
                   CK_NOTIFY notify, CK_SESSION_HANDLE_PTR out);
/* Closing a token's last session logs out. */
CK_RV session_close(struct session *session);
CK_RV sessions_close_all(struct module *module, struct slot *slot);
CK_RV session_get_info(const struct session *session, CK_SESSION_INFO_PTR info);
CK_RV session_get_validation_flags(CK_SESSION_VALIDATION_FLAGS_TYPE type, CK_FLAGS_PTR flags);
/* The user is logged out, by whatever way: operations with private keys end, private session objects are destroyed, handles
 * of private token objects become invalid (PKCS#11 3.2, 5.6.9). */
void sessions_forget_private(struct slot *slot, struct module *module);

/* How many sessions a slot has, and whether one of them is read-only. */
void sessions_count(struct module *module, const struct slot *slot, CK_ULONG *all,
                    CK_ULONG *read_write);

#endif
