/* Readers of pcscd. Listing and each connection have their own context, so that none waits for another.
 *
 * pcscd tells of resets and removals, but not whether another program used the card between two of our transactions:
 * begin() always says maybe_used. SCardBeginTransaction and SCardTransmit take no deadline; pcscd's own apply. */
#include "module/transport/deadline.h"
#include "module/transport/pcsc_library.h"
#include "module/transport/pcsc_watch.h"
#include "module/transport/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pcsc_transport {
    struct transport base;
    struct pcsc_monitor *monitor;
};

struct pcsc_connection {
    struct connection base;
    const struct pcsc_library *pcsc;
    SCARDCONTEXT context;
    SCARDHANDLE card;
    char reader[TRANSPORT_READER_NAME];
    DWORD protocol;
    bool was_reset; /* learnt outside begin(), to be told by the next one */
};

enum {
    PROTOCOLS = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
    BEGIN_ATTEMPTS = 3,
    NOTICE_REMOVAL_MS = 1500
};

static enum transport_error from_pcsc(LONG rv) {
    switch (rv) {
    case SCARD_S_SUCCESS:
        return TRANSPORT_OK;
    case SCARD_E_NO_MEMORY:
        return TRANSPORT_MEMORY;
    case SCARD_E_UNKNOWN_READER:
    case SCARD_E_NO_READERS_AVAILABLE:
    case SCARD_E_NO_SERVICE:
    case SCARD_E_SERVICE_STOPPED:
        return TRANSPORT_NO_READER;
    case SCARD_E_NO_SMARTCARD:
    case SCARD_W_REMOVED_CARD:
    case SCARD_E_READER_UNAVAILABLE:
    case SCARD_W_UNPOWERED_CARD:
    case SCARD_W_UNRESPONSIVE_CARD:
    case SCARD_E_INVALID_HANDLE:
        return TRANSPORT_REMOVED;
    case SCARD_E_TIMEOUT:
        return TRANSPORT_TIMEOUT;
    case SCARD_E_SHARING_VIOLATION:
        return TRANSPORT_BUSY;
    default:
        return TRANSPORT_IO;
    }
}

static enum transport_error pcsc_list(struct transport *base, struct reader_list *list) {
    return pcsc_monitor_list(((struct pcsc_transport *)base)->monitor, list);
}

static enum transport_error pcsc_watch_open(struct transport *base, bool may_use_threads,
                                            struct transport_watch **watch, int *fd) {
    return pcsc_watch_new(((struct pcsc_transport *)base)->monitor, base->ops, may_use_threads,
                          watch, fd);
}

static void pcsc_disconnect(struct connection *base) {
    struct pcsc_connection *connection = (struct pcsc_connection *)base;
    connection->pcsc->disconnect(connection->card, SCARD_LEAVE_CARD);
    connection->pcsc->release_context(connection->context);
    free(connection);
}

static enum transport_error pcsc_connect(struct transport *base, const char *reader,
                                         uint32_t timeout_ms, struct connection **out) {
    (void)timeout_ms;
    *out = NULL;
    const struct pcsc_library *pcsc = pcsc_library_get();
    if (pcsc == NULL) {
        return TRANSPORT_NO_READER;
    }
    struct pcsc_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        return TRANSPORT_MEMORY;
    }
    connection->base.ops = base->ops;
    connection->pcsc = pcsc;
    snprintf(connection->reader, sizeof(connection->reader), "%s", reader);
    LONG rv = pcsc->establish_context(SCARD_SCOPE_SYSTEM, NULL, NULL, &connection->context);
    if (rv == SCARD_S_SUCCESS) {
        rv = pcsc->connect(connection->context, reader, SCARD_SHARE_SHARED, PROTOCOLS,
                           &connection->card, &connection->protocol);
        if (rv != SCARD_S_SUCCESS) {
            pcsc->release_context(connection->context);
        }
    }
    if (rv != SCARD_S_SUCCESS) {
        free(connection);
        return from_pcsc(rv);
    }
    DWORD name_len = 0, state, protocol, atr_len = sizeof(connection->base.atr);
    if (pcsc->status(connection->card, NULL, &name_len, &state, &protocol, connection->base.atr,
                     &atr_len) == SCARD_S_SUCCESS) {
        connection->base.atr_len = atr_len;
    }
    *out = &connection->base;
    return TRANSPORT_OK;
}

static enum transport_error pcsc_begin(struct connection *base, uint32_t timeout_ms,
                                       struct transaction_start *start) {
    (void)timeout_ms;
    struct pcsc_connection *connection = (struct pcsc_connection *)base;
    const struct pcsc_library *pcsc = connection->pcsc;
    *start = (struct transaction_start){.was_reset = connection->was_reset, .maybe_used = true};
    LONG rv = pcsc->begin_transaction(connection->card);
    for (int i = 0; rv == SCARD_W_RESET_CARD && i < BEGIN_ATTEMPTS; i++) {
        start->was_reset = true;
        rv = pcsc->reconnect(connection->card, SCARD_SHARE_SHARED, PROTOCOLS, SCARD_LEAVE_CARD,
                             &connection->protocol);
        if (rv == SCARD_S_SUCCESS) {
            rv = pcsc->begin_transaction(connection->card);
        }
    }
    connection->was_reset = rv != SCARD_S_SUCCESS && start->was_reset;
    return from_pcsc(rv);
}

static enum transport_error pcsc_end(struct connection *base) {
    struct pcsc_connection *connection = (struct pcsc_connection *)base;
    return from_pcsc(connection->pcsc->end_transaction(connection->card, SCARD_LEAVE_CARD));
}

/* A command cut short by pulling the card first looks like a failure of the reader: pcscd notices removals when it next
 * polls. True if it does so within a moment. */
static bool has_been_removed(struct pcsc_connection *connection) {
    SCARD_READERSTATE state = {.szReader = connection->reader,
                               .dwCurrentState = SCARD_STATE_UNAWARE};
    uint64_t deadline = deadline_after(NOTICE_REMOVAL_MS);
    LONG rv = SCARD_S_SUCCESS;
    while (rv == SCARD_S_SUCCESS) {
        rv = connection->pcsc->get_status_change(connection->context,
                                                 (DWORD)deadline_left(deadline), &state, 1);
        if (rv == SCARD_S_SUCCESS && (state.dwEventState & SCARD_STATE_PRESENT) == 0) {
            return true;
        }
        state.dwCurrentState = state.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
    }
    return rv != SCARD_E_TIMEOUT; /* the reader or the daemon is gone */
}

static enum transport_error pcsc_transmit(struct connection *base, const uint8_t *command,
                                          size_t command_len, uint8_t *response,
                                          size_t response_size, size_t *response_len,
                                          uint32_t timeout_ms) {
    (void)timeout_ms;
    struct pcsc_connection *connection = (struct pcsc_connection *)base;
    const SCARD_IO_REQUEST *pci = connection->protocol == SCARD_PROTOCOL_T0
                                      ? connection->pcsc->pci_t0
                                      : connection->pcsc->pci_t1;
    DWORD len = (DWORD)response_size;
    *response_len = 0;
    LONG rv = connection->pcsc->transmit(connection->card, pci, command, (DWORD)command_len, NULL,
                                         response, &len);
    enum transport_error err = from_pcsc(rv);
    if (err == TRANSPORT_OK && (len < 2 || len > response_size)) {
        err = TRANSPORT_IO;
    }
    if (err != TRANSPORT_OK) {
        return err == TRANSPORT_IO && has_been_removed(connection) ? TRANSPORT_REMOVED : err;
    }
    *response_len = len;
    return TRANSPORT_OK;
}

static enum transport_error pcsc_reset(struct connection *base, uint32_t timeout_ms) {
    (void)timeout_ms;
    struct pcsc_connection *connection = (struct pcsc_connection *)base;
    return from_pcsc(connection->pcsc->reconnect(connection->card, SCARD_SHARE_SHARED, PROTOCOLS,
                                                 SCARD_RESET_CARD, &connection->protocol));
}

static void pcsc_close(struct transport *base) {
    struct pcsc_transport *transport = (struct pcsc_transport *)base;
    pcsc_monitor_free(transport->monitor);
    free(transport);
}

static const struct transport_ops pcsc_ops = {
    .name = "PC/SC",
    .close = pcsc_close,
    .list = pcsc_list,
    .watch_open = pcsc_watch_open,
    .watch_read = pcsc_watch_read,
    .watch_close = pcsc_watch_free,
    .connect = pcsc_connect,
    .disconnect = pcsc_disconnect,
    .begin = pcsc_begin,
    .end = pcsc_end,
    .transmit = pcsc_transmit,
    .reset = pcsc_reset,
};

enum transport_error pcsc_transport_open(const char *reader_pattern, struct transport **out) {
    *out = NULL;
    struct pcsc_transport *transport = calloc(1, sizeof(*transport));
    if (transport == NULL) {
        return TRANSPORT_MEMORY;
    }
    transport->base.ops = &pcsc_ops;
    transport->monitor = pcsc_monitor_new(reader_pattern);
    if (transport->monitor == NULL) {
        free(transport);
        return TRANSPORT_MEMORY;
    }
    *out = &transport->base;
    return TRANSPORT_OK;
}
