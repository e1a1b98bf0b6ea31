/* Slots: one per reader ever seen, with the token in it. */
#ifndef OPENUKEY_CRYPTOKI_SLOTS_H
#define OPENUKEY_CRYPTOKI_SLOTS_H

#include "module/cryptoki/module.h"
#include "module/cryptoki/session_objects.h"
#include "module/token/token.h"

#include <stdatomic.h>

struct slot {
    CK_SLOT_ID id;
    struct transport *transport;
    char reader[TRANSPORT_READER_NAME];

    /* under registry */
    bool is_listed; /* the reader is there */
    bool present;
    uint32_t events;          /* as the transport counts */
    uint32_t reported_events; /* what C_WaitForSlotEvent has told */

    atomic_uint waiting; /* threads that want the lock */
    pthread_mutex_t lock;
    /* under lock */
    struct token *token; /* NULL until needed */
    uint32_t token_events;
    struct session_object_list session_objects;
    struct operation_state *states; /* operation_state.h */
};

/* Lists all readers; new ones become slots, presence is brought up to date. */
CK_RV slots_refresh(struct module *module);

/* Everything so far counts as told to C_WaitForSlotEvent. */
void slots_note_all(struct module *module);

/* Takes a slot's lock, and is seen to wait for it. */
void slot_acquire(struct slot *slot);

/* Locks a slot and settles it: a token that was removed is gone, and its sessions with it. CKR_SLOT_ID_INVALID. */
CK_RV slot_lock(struct module *module, CK_SLOT_ID id, struct slot **out);
void slot_settle(struct module *module, struct slot *slot);
/* Ends the token's transaction and unlocks. With a thread of ours waiting for the slot the transaction goes on for it: no
 * longer than TURN_MS in all, so that other programs have their turn. */
void slot_unlock(struct slot *slot);

/* The token in a locked slot, recognised if it is not yet. CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED, ... */
CK_RV slot_token(struct module *module, struct slot *slot, struct token **out);

/* Closes sessions, tokens, slots: nobody is inside. */
void sessions_and_slots_free(struct module *module);

/* What the calls of these names do. */
CK_RV slot_list(struct module *module, CK_BBOOL token_present, CK_SLOT_ID_PTR slots,
                CK_ULONG_PTR count);
CK_RV slot_get_info(struct module *module, CK_SLOT_ID id, CK_SLOT_INFO_PTR info);
CK_RV slot_get_token_info(struct module *module, struct slot *slot, CK_TOKEN_INFO_PTR info);
CK_RV slot_wait_for_event(struct module *module, CK_FLAGS flags, CK_SLOT_ID_PTR slot,
                          CK_VOID_PTR reserved);
CK_RV slot_get_device_info(struct module *module, struct slot *slot, CK_OPENUKEY_DEVICE_INFO *info);

#endif
