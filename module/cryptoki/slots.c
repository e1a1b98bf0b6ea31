/* Slots: found by listing readers; a slot's token is recognised when it is first needed. */
#include "module/cryptoki/slots.h"

#include "module/cryptoki/errors.h"
#include "module/cryptoki/sessions.h"
#include "module/transport/deadline.h"

#include <stdlib.h>
#include <string.h>

enum { TURN_MS = 100 };

static struct slot *find_by_reader(struct module *module, const struct transport *transport,
                                   const char *reader) {
    for (size_t i = 0; i < module->slot_count; i++) {
        if (module->slots[i]->transport == transport &&
            strcmp(module->slots[i]->reader, reader) == 0) {
            return module->slots[i];
        }
    }
    return NULL;
}

/* Registry held. */
static struct slot *add_slot(struct module *module, struct transport *transport,
                             const struct reader_state *reader) {
    struct slot **slots = realloc(module->slots, (module->slot_count + 1) * sizeof(struct slot *));
    struct slot *slot = calloc(1, sizeof(*slot));
    if (slots != NULL) {
        module->slots = slots;
    }
    if (slots == NULL || slot == NULL) {
        free(slot);
        return NULL;
    }
    slot->id = module->slot_count;
    slot->transport = transport;
    memcpy(slot->reader, reader->name, sizeof(slot->reader));
    pthread_mutex_init(&slot->lock, NULL);
    slot->events = reader->events;
    slot->reported_events =
        reader->present ? reader->events - 1 : reader->events; /* a key in it is news */
    slots[module->slot_count++] = slot;
    log_debug("slot %lu: %s", slot->id, slot->reader);
    return slot;
}

/* Registry held. */
static CK_RV take_list(struct module *module, struct transport *transport,
                       const struct reader_list *list) {
    for (size_t i = 0; i < module->slot_count; i++) {
        if (module->slots[i]->transport == transport) {
            module->slots[i]->is_listed = false;
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        struct slot *slot = find_by_reader(module, transport, list->items[i].name);
        if (slot == NULL) {
            slot = add_slot(module, transport, &list->items[i]);
        }
        if (slot == NULL) {
            return CKR_HOST_MEMORY;
        }
        slot->is_listed = true;
        slot->present = list->items[i].present;
        slot->events = list->items[i].events;
    }
    for (size_t i = 0; i < module->slot_count; i++) {
        struct slot *slot = module->slots[i];
        if (slot->transport == transport && !slot->is_listed && slot->present) {
            slot->present = false;
            slot->events++;
        }
    }
    return CKR_OK;
}

CK_RV slots_refresh(struct module *module) {
    CK_RV rv = CKR_OK;
    pthread_mutex_lock(&module->listing);
    for (size_t i = 0; i < module->transport_count && rv == CKR_OK; i++) {
        struct transport *transport = module->transports[i];
        struct reader_list list = {NULL, 0};
        enum transport_error err = transport->ops->list(transport, &list);
        if (err == TRANSPORT_OK) {
            pthread_mutex_lock(&module->registry);
            rv = take_list(module, transport, &list);
            pthread_mutex_unlock(&module->registry);
        } else {
            log_warn("listing %s readers: %s", transport->ops->name, transport_error_text(err));
            rv = err == TRANSPORT_MEMORY ? CKR_HOST_MEMORY : CKR_OK;
        }
        reader_list_free(&list);
    }
    pthread_mutex_unlock(&module->listing);
    return rv;
}

void slots_note_all(struct module *module) {
    pthread_mutex_lock(&module->registry);
    for (size_t i = 0; i < module->slot_count; i++) {
        module->slots[i]->reported_events = module->slots[i]->events;
    }
    pthread_mutex_unlock(&module->registry);
}

static struct slot *find_by_id(struct module *module, CK_SLOT_ID id) {
    pthread_mutex_lock(&module->registry);
    struct slot *slot = id < module->slot_count ? module->slots[id] : NULL;
    pthread_mutex_unlock(&module->registry);
    return slot;
}

static void drop_token(struct module *module, struct slot *slot) {
    sessions_close_all(module, slot);
    session_objects_drop_all(slot);
    token_free(slot->token);
    slot->token = NULL;
}

void slot_settle(struct module *module, struct slot *slot) {
    pthread_mutex_lock(&module->registry);
    uint32_t events = slot->events;
    pthread_mutex_unlock(&module->registry);
    if (slot->token != NULL && (slot->token->removed || slot->token_events != events)) {
        slot->token->removed = true;
        slot->token->in_transaction = false;
        drop_token(module, slot);
    }
}

void slot_acquire(struct slot *slot) {
    atomic_fetch_add(&slot->waiting, 1);
    pthread_mutex_lock(&slot->lock);
    atomic_fetch_sub(&slot->waiting, 1);
}

CK_RV slot_lock(struct module *module, CK_SLOT_ID id, struct slot **out) {
    *out = find_by_id(module, id);
    if (*out == NULL) {
        return CKR_SLOT_ID_INVALID;
    }
    slot_acquire(*out);
    slot_settle(module, *out);
    return CKR_OK;
}

void slot_unlock(struct slot *slot) {
    struct token *token = slot->token;
    if (token != NULL &&
        (atomic_load(&slot->waiting) == 0 || monotonic_ms() - token->entered_ms >= TURN_MS)) {
        token_leave(token);
    }
    pthread_mutex_unlock(&slot->lock);
}

CK_RV slot_token(struct module *module, struct slot *slot, struct token **out) {
    *out = slot->token;
    if (slot->token != NULL) {
        return CKR_OK;
    }
    CK_RV rv = slots_refresh(module);
    if (rv != CKR_OK) {
        return rv;
    }
    pthread_mutex_lock(&module->registry);
    bool present = slot->present;
    slot->token_events = slot->events;
    pthread_mutex_unlock(&module->registry);
    if (!present) {
        return CKR_TOKEN_NOT_PRESENT;
    }
    struct connection *connection;
    enum transport_error err =
        slot->transport->ops->connect(slot->transport, slot->reader, CARD_TIMEOUT_MS, &connection);
    if (err != TRANSPORT_OK) {
        log_info("%s: %s", slot->reader, transport_error_text(err));
        rv = rv_from_token(card_from_transport(err));
        return rv == CKR_DEVICE_REMOVED ? CKR_TOKEN_NOT_PRESENT : rv;
    }
    const struct token_settings settings = {.gm_layout = module->config.gm_layout,
                                            .short_apdus = module->config.short_apdus,
                                            .cache_dir = module->config.cache_dir};
    rv = rv_from_token(token_open(connection, module->libctx, &settings, &slot->token));
    *out = slot->token;
    if (rv == CKR_OK) {
        rv = session_objects_add_profiles(slot);
    }
    return rv == CKR_DEVICE_REMOVED ? CKR_TOKEN_NOT_PRESENT : rv;
}

void sessions_and_slots_free(struct module *module) {
    for (size_t i = 0; i < module->slot_count; i++) {
        struct slot *slot = module->slots[i];
        drop_token(module, slot);
        pthread_mutex_destroy(&slot->lock);
        free(slot);
    }
    free(module->slots);
    free(module->sessions);
}

CK_RV slot_list(struct module *module, CK_BBOOL token_present, CK_SLOT_ID_PTR slots,
                CK_ULONG_PTR count) {
    if (count == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = slots_refresh(module);
    if (rv != CKR_OK) {
        return rv;
    }
    CK_ULONG room = slots != NULL ? *count : 0;
    CK_ULONG found = 0;
    pthread_mutex_lock(&module->registry);
    for (size_t i = 0; i < module->slot_count; i++) {
        const struct slot *slot = module->slots[i];
        if (token_present ? slot->present : slot->is_listed || slot->present) {
            if (found < room) {
                slots[found] = slot->id;
            }
            found++;
        }
    }
    pthread_mutex_unlock(&module->registry);
    *count = found;
    return slots != NULL && found > room ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}

CK_RV slot_get_info(struct module *module, CK_SLOT_ID id, CK_SLOT_INFO_PTR info) {
    struct slot *slot = find_by_id(module, id);
    if (slot == NULL) {
        return CKR_SLOT_ID_INVALID;
    }
    if (info == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = slots_refresh(module);
    if (rv != CKR_OK) {
        return rv;
    }
    *info = (CK_SLOT_INFO){.flags = CKF_REMOVABLE_DEVICE | CKF_HW_SLOT};
    pthread_mutex_lock(&module->registry);
    info->flags |= slot->present ? CKF_TOKEN_PRESENT : 0;
    pthread_mutex_unlock(&module->registry);
    pad_text(info->slotDescription, sizeof(info->slotDescription), slot->reader);
    pad_text(info->manufacturerID, sizeof(info->manufacturerID), slot->transport->ops->name);
    return CKR_OK;
}
