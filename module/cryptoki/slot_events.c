/* C_WaitForSlotEvent: every transport's watch in one poll(), and a way out for C_Finalize. */
#include "module/cryptoki/slots.h"

#include <errno.h>
#include <poll.h>

/* The next slot whose news has not been told. */
static bool take_event(struct module *module, CK_SLOT_ID_PTR out) {
    bool found = false;
    pthread_mutex_lock(&module->registry);
    for (size_t i = 0; i < module->slot_count && !found; i++) {
        struct slot *slot = module->slots[i];
        if (slot->events != slot->reported_events) {
            slot->reported_events = slot->events;
            *out = slot->id;
            found = true;
        }
    }
    pthread_mutex_unlock(&module->registry);
    return found;
}

static CK_RV check(struct module *module, CK_SLOT_ID_PTR slot) {
    CK_RV rv = slots_refresh(module);
    if (rv != CKR_OK) {
        return rv;
    }
    return take_event(module, slot) ? CKR_OK : CKR_NO_EVENT;
}

struct watches {
    struct transport_watch *items[TRANSPORTS_MAX];
    size_t count;
    struct pollfd fds[TRANSPORTS_MAX + 1]; /* the last one: C_Finalize */
};

static CK_RV open_watches(struct module *module, struct watches *watches) {
    *watches = (struct watches){.count = 0};
    for (size_t i = 0; i < module->transport_count; i++) {
        struct transport *transport = module->transports[i];
        struct pollfd *p = &watches->fds[watches->count];
        if (transport->ops->watch_open(transport, module->may_use_threads,
                                       &watches->items[watches->count], &p->fd) != TRANSPORT_OK) {
            return CKR_HOST_MEMORY;
        }
        p->events = POLLIN;
        watches->count++;
    }
    watches->fds[watches->count] = (struct pollfd){.fd = module->cancel_fd, .events = POLLIN};
    return CKR_OK;
}

/* Waits until something may have changed. */
static CK_RV wait_once(struct watches *watches) {
    for (size_t i = 0; i <= watches->count; i++) {
        watches->fds[i].revents = 0;
    }
    if (poll(watches->fds, watches->count + 1, -1) < 0) {
        return errno == EINTR ? CKR_OK : CKR_GENERAL_ERROR;
    }
    if (watches->fds[watches->count].revents != 0) {
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    for (size_t i = 0; i < watches->count; i++) {
        if (watches->fds[i].revents != 0) {
            watches->items[i]->ops->watch_read(watches->items[i]);
        }
    }
    return CKR_OK;
}

CK_RV slot_wait_for_event(struct module *module, CK_FLAGS flags, CK_SLOT_ID_PTR slot,
                          CK_VOID_PTR reserved) {
    if (slot == NULL || reserved != NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    if ((flags & CKF_DONT_BLOCK) != 0) {
        return check(module, slot);
    }
    struct watches watches;
    CK_RV rv = open_watches(module, &watches);
    if (rv == CKR_OK) {
        rv = check(module, slot);
    }
    while (rv == CKR_NO_EVENT) {
        rv = wait_once(&watches);
        if (rv == CKR_OK) {
            rv = check(module, slot);
        }
    }
    for (size_t i = 0; i < watches.count; i++) {
        watches.items[i]->ops->watch_close(watches.items[i]);
    }
    return rv;
}
