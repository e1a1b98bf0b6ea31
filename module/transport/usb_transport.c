/* USB smart card readers without pcscd. A connection has its reader claimed; while readers are listed, one without a connection
 * is claimed for the moment in which it is asked for its card. */
#include "module/log.h"
#include "module/transport/deadline.h"
#include "module/transport/short_apdu.h"
#include "module/transport/usb_reader.h"

#include <fnmatch.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PCSCD_SOCKET "/run/pcscd/pcscd.comm"

enum {
    STATUS_MS = 2000,
    LIST_CLAIM_MS = 300, /* another process of ours may be listing as well */
    CONNECT_CLAIM_MS = 3000,
    CLAIM_RETRY_MS = 5,
    WATCH_MS = 500
};

struct usb_connection {
    struct connection base;
    struct usb_transport *transport;
    struct usb_slot *slot;
    pthread_mutex_t lock; /* the reader's: commands, and list() asking for its card */
    struct usb_reader *reader;
};

/* A reader that list() has met. It keeps its place when it is unplugged, so that its counts go on. */
struct usb_slot {
    struct usb_slot *next; /* by name */
    struct usb_place place;
    bool listed, present;
    uint32_t events;
    char complaint[96];            /* the last reason why it is not used: said once */
    struct usb_connection *holder; /* NULL: not claimed by us */
};

struct usb_transport {
    struct transport base;
    char pattern[TRANSPORT_READER_NAME];
    bool leave_to_pcscd;
    pthread_mutex_t lock; /* all below; taken before a connection's */
    const struct usb_library *usb;
    libusb_context *context;
    struct usb_slot *slots;
};

struct usb_watch {
    struct transport_watch base;
    int fd;
};

/* ---- claiming ---- */

/* Transport lock held. False: no libusb. */
static bool want_context(struct usb_transport *transport) {
    if (transport->context == NULL) {
        sigset_t all, before;
        transport->usb = usb_library_get();
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); /* libusb's thread must not take the host's */
        if (transport->usb == NULL || transport->usb->init(&transport->context) != LIBUSB_SUCCESS) {
            transport->context = NULL;
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return transport->context != NULL;
}

/* Says why a reader is not used, when the reason is another one than before. */
static void complain(struct usb_slot *slot, const char *reason) {
    if (strcmp(slot->complaint, reason) != 0) {
        if (reason[0] != '\0') {
            log_warn("%s is not used: %s", slot->place.name, reason);
        }
        snprintf(slot->complaint, sizeof(slot->complaint), "%s", reason);
    }
}

static enum transport_error claim(const struct usb_transport *transport,
                                  const struct usb_place *place, uint32_t timeout_ms,
                                  struct usb_reader **out, const char **reason) {
    uint64_t deadline = deadline_after(timeout_ms);
    for (;;) {
        enum transport_error err =
            usb_reader_open(transport->usb, transport->context, place, out, reason);
        if (err != TRANSPORT_BUSY || deadline_left(deadline) == 0) {
            return err;
        }
        poll(NULL, 0, CLAIM_RETRY_MS);
    }
}

/* ---- listing ---- */

static bool pcscd_is_there(void) {
    const char *other = secure_getenv("PCSCLITE_CSOCK_NAME");
    return access(other != NULL ? other : PCSCD_SOCKET, F_OK) == 0;
}

/* Transport lock held. */
static struct usb_slot *slot_for(struct usb_transport *transport, const char *name) {
    struct usb_slot **at = &transport->slots;
    while (*at != NULL && strcmp((*at)->place.name, name) < 0) {
        at = &(*at)->next;
    }
    if (*at != NULL && strcmp((*at)->place.name, name) == 0) {
        return *at;
    }
    struct usb_slot *slot = calloc(1, sizeof(*slot));
    if (slot != NULL) {
        snprintf(slot->place.name, sizeof(slot->place.name), "%s", name);
        slot->next = *at;
        *at = slot;
    }
    return slot;
}

static void note_presence(struct usb_slot *slot, bool present, bool changed) {
    if (present != slot->present || changed) {
        slot->events++;
    }
    slot->present = present;
}

/* Transport lock held. Asks the reader for its card, unless that one is at work for a connection just now. */
static void refresh(const struct usb_transport *transport, struct usb_slot *slot) {
    struct usb_reader *reader = NULL;
    bool present = false, changed = false;
    const char *reason = "";
    if (slot->holder != NULL) {
        if (pthread_mutex_trylock(&slot->holder->lock) != 0) {
            return;
        }
        if (usb_reader_status(slot->holder->reader, deadline_after(STATUS_MS), &present,
                              &changed) == TRANSPORT_OK) {
            note_presence(slot, present, changed);
        } else {
            note_presence(slot, false, false);
        }
        pthread_mutex_unlock(&slot->holder->lock);
        return;
    }
    enum transport_error err = claim(transport, &slot->place, LIST_CLAIM_MS, &reader, &reason);
    if (err == TRANSPORT_OK) {
        err = usb_reader_status(reader, deadline_after(STATUS_MS), &present, &changed);
        reason = err == TRANSPORT_OK ? "" : transport_error_text(err);
    }
    complain(slot, reason);
    usb_reader_close(reader);
    note_presence(slot, err == TRANSPORT_OK && present, false);
}

/* Transport lock held. */
static enum transport_error take_places(struct usb_transport *transport,
                                        const struct usb_places *places) {
    for (size_t i = 0; i < places->count; i++) {
        const struct usb_place *place = &places->items[i];
        if (fnmatch(transport->pattern, place->name, 0) != 0) {
            continue;
        }
        struct usb_slot *slot = slot_for(transport, place->name);
        if (slot == NULL) {
            return TRANSPORT_MEMORY;
        }
        if (slot->place.address != place->address || slot->place.bus != place->bus) {
            note_presence(slot, false, false); /* unplugged and plugged in meanwhile */
            slot->holder = NULL;               /* has the device that is gone */
            slot->place = *place;
        }
        slot->listed = true;
    }
    return TRANSPORT_OK;
}

static enum transport_error usb_list(struct transport *base, struct reader_list *list) {
    struct usb_transport *transport = (struct usb_transport *)base;
    struct usb_places places = {NULL, 0};
    enum transport_error err = TRANSPORT_OK;
    if (!transport->leave_to_pcscd || !pcscd_is_there()) {
        err = usb_places_read(&places);
    }
    pthread_mutex_lock(&transport->lock);
    for (struct usb_slot *slot = transport->slots; slot != NULL; slot = slot->next) {
        slot->listed = false;
    }
    if (err == TRANSPORT_OK && places.count > 0 && want_context(transport)) {
        err = take_places(transport, &places);
    }
    for (struct usb_slot *slot = transport->slots; slot != NULL; slot = slot->next) {
        if (slot->listed) {
            refresh(transport, slot);
            err = err != TRANSPORT_OK
                      ? err
                      : reader_list_add(list, slot->place.name, slot->present, slot->events);
        } else {
            note_presence(slot, false, false);
        }
    }
    pthread_mutex_unlock(&transport->lock);
    usb_places_free(&places);
    return err;
}

static enum transport_error usb_watch_open(struct transport *base, bool may_use_threads,
                                           struct transport_watch **out, int *fd) {
    (void)may_use_threads;
    const struct itimerspec often = {.it_interval = {.tv_nsec = WATCH_MS * 1000000L},
                                     .it_value = {.tv_nsec = WATCH_MS * 1000000L}};
    struct usb_watch *watch = calloc(1, sizeof(*watch));
    *out = NULL;
    *fd = -1;
    if (watch == NULL) {
        return TRANSPORT_MEMORY;
    }
    watch->base.ops = base->ops;
    watch->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (watch->fd < 0 || timerfd_settime(watch->fd, 0, &often, NULL) != 0) {
        if (watch->fd >= 0) {
            close(watch->fd);
        }
        free(watch);
        return TRANSPORT_MEMORY;
    }
    *fd = watch->fd;
    *out = &watch->base;
    return TRANSPORT_OK;
}

static void usb_watch_read(struct transport_watch *base) {
    uint64_t count;
    (void)!read(((struct usb_watch *)base)->fd, &count, sizeof(count));
}

static void usb_watch_close(struct transport_watch *base) {
    close(((struct usb_watch *)base)->fd);
    free(base);
}

/* ---- connections ---- */

static void usb_disconnect(struct connection *base) {
    struct usb_connection *connection = (struct usb_connection *)base;
    struct usb_transport *transport = connection->transport;
    pthread_mutex_lock(&transport->lock);
    if (connection->slot->holder == connection) {
        connection->slot->holder = NULL;
    }
    pthread_mutex_unlock(&transport->lock);
    usb_reader_close(connection->reader);
    pthread_mutex_destroy(&connection->lock);
    free(connection);
}

static enum transport_error usb_connect(struct transport *base, const char *name,
                                        uint32_t timeout_ms, struct connection **out) {
    struct usb_transport *transport = (struct usb_transport *)base;
    const char *reason = "";
    *out = NULL;
    struct usb_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        return TRANSPORT_MEMORY;
    }
    enum transport_error err = TRANSPORT_NO_READER;
    pthread_mutex_lock(&transport->lock);
    struct usb_slot *slot = transport->slots;
    while (slot != NULL && strcmp(slot->place.name, name) != 0) {
        slot = slot->next;
    }
    if (slot != NULL && slot->listed) {
        /* a holder that is still there has lost its reader to unplugging, or its card */
        slot->holder = NULL;
        err = claim(transport, &slot->place,
                    timeout_ms < CONNECT_CLAIM_MS ? timeout_ms : CONNECT_CLAIM_MS,
                    &connection->reader, &reason);
        complain(slot, reason);
    }
    if (err == TRANSPORT_OK) {
        err = usb_reader_power_on(connection->reader, deadline_after(timeout_ms), &reason);
        complain(slot, reason);
    }
    if (err == TRANSPORT_OK) {
        connection->base.ops = base->ops;
        connection->base.atr_len = usb_reader_atr(connection->reader, connection->base.atr);
        connection->transport = transport;
        connection->slot = slot;
        pthread_mutex_init(&connection->lock, NULL);
        slot->holder = connection;
        *out = &connection->base;
    } else {
        usb_reader_close(connection->reader);
        free(connection);
    }
    pthread_mutex_unlock(&transport->lock);
    return err;
}

/* Nobody else has the reader: nothing can have happened but a removal, which the first command finds. */
static enum transport_error usb_begin(struct connection *base, uint32_t timeout_ms,
                                      struct transaction_start *start) {
    (void)base;
    (void)timeout_ms;
    *start = (struct transaction_start){false, false};
    return TRANSPORT_OK;
}

static enum transport_error usb_end(struct connection *base) {
    (void)base;
    return TRANSPORT_OK;
}

struct command_context {
    struct usb_reader *reader;
    uint64_t deadline_ms;
};

static enum transport_error carry(void *state, const uint8_t *command, size_t command_len,
                                  uint8_t *response, size_t response_size, size_t *response_len) {
    const struct command_context *context = state;
    return usb_reader_transmit(context->reader, command, command_len, response, response_size,
                               response_len, context->deadline_ms);
}

static enum transport_error usb_transmit(struct connection *base, const uint8_t *command,
                                         size_t command_len, uint8_t *response,
                                         size_t response_size, size_t *response_len,
                                         uint32_t timeout_ms) {
    struct usb_connection *connection = (struct usb_connection *)base;
    struct command_context context = {connection->reader, deadline_after(timeout_ms)};
    pthread_mutex_lock(&connection->lock);
    enum transport_error err =
        usb_reader_is_short_only(connection->reader)
            ? short_apdu_transmit(carry, &context, command, command_len, response, response_size,
                                  response_len)
            : carry(&context, command, command_len, response, response_size, response_len);
    pthread_mutex_unlock(&connection->lock);
    return err;
}

static enum transport_error usb_reset(struct connection *base, uint32_t timeout_ms) {
    struct usb_connection *connection = (struct usb_connection *)base;
    const char *reason;
    pthread_mutex_lock(&connection->lock);
    enum transport_error err =
        usb_reader_power_on(connection->reader, deadline_after(timeout_ms), &reason);
    pthread_mutex_unlock(&connection->lock);
    return err;
}

/* ---- the transport ---- */

static void usb_close(struct transport *base) {
    struct usb_transport *transport = (struct usb_transport *)base;
    while (transport->slots != NULL) {
        struct usb_slot *next = transport->slots->next;
        free(transport->slots);
        transport->slots = next;
    }
    if (transport->context != NULL) {
        transport->usb->exit(transport->context);
    }
    pthread_mutex_destroy(&transport->lock);
    free(transport);
}

static const struct transport_ops usb_ops = {
    .name = "USB",
    .close = usb_close,
    .list = usb_list,
    .watch_open = usb_watch_open,
    .watch_read = usb_watch_read,
    .watch_close = usb_watch_close,
    .connect = usb_connect,
    .disconnect = usb_disconnect,
    .begin = usb_begin,
    .end = usb_end,
    .transmit = usb_transmit,
    .reset = usb_reset,
};

enum transport_error usb_transport_open(const char *reader_pattern, bool leave_to_pcscd,
                                        struct transport **out) {
    *out = NULL;
    struct usb_transport *transport = calloc(1, sizeof(*transport));
    if (transport == NULL) {
        return TRANSPORT_MEMORY;
    }
    transport->base.ops = &usb_ops;
    transport->leave_to_pcscd = leave_to_pcscd;
    snprintf(transport->pattern, sizeof(transport->pattern), "%s", reader_pattern);
    pthread_mutex_init(&transport->lock, NULL);
    *out = &transport->base;
    return TRANSPORT_OK;
}
