/* Readers of pcscd. Listing and each connection have their own context, so that none waits for another.
 *
 * pcscd tells of resets and removals, but not whether another program used the card between two of our transactions:
 * begin() always says maybe_used. */
#include "module/transport/deadline.h"
#include "module/transport/pcsc_caller.h"
#include "module/transport/pcsc_library.h"
#include "module/transport/pcsc_watch.h"
#include "module/transport/transport.h"
#include "openukey/apdu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pcsc_transport {
    struct transport base;
    struct pcsc_monitor *monitor;
    bool may_use_threads;
};

/* What a connection's calls work on; it lives as long as the last of them. */
struct pcsc_calls {
    const struct pcsc_library *pcsc;
    SCARDCONTEXT context;
    SCARDHANDLE card;
    char reader[TRANSPORT_READER_NAME];
    DWORD protocol;
    bool is_connected;
    uint8_t atr[TRANSPORT_ATR_MAX];
    DWORD atr_len;
    DWORD initialization; /* of a reconnection */
    DWORD command_len, response_len;
    uint8_t command[APDU_MAX_COMMAND], response[APDU_MAX_RESPONSE];
};

struct pcsc_connection {
    struct connection base;
    struct pcsc_calls *calls; /* touched only while none of them is under way */
    struct pcsc_caller *caller;
    bool was_reset; /* learnt outside begin(), to be told by the next one */
    bool is_broken; /* a command did not end in time */
};

enum {
    PROTOCOLS = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
    BEGIN_ATTEMPTS = 3,
    NOTICE_REMOVAL_MS = 1500,
    END_MS = 5000
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

/* ---- calls, on their own thread ---- */

static LONG call_connect(void *state) {
    struct pcsc_calls *c = state;
    LONG rv = c->pcsc->establish_context(SCARD_SCOPE_SYSTEM, NULL, NULL, &c->context);
    if (rv == SCARD_S_SUCCESS) {
        rv = c->pcsc->connect(c->context, c->reader, SCARD_SHARE_SHARED, PROTOCOLS, &c->card,
                              &c->protocol);
        c->is_connected = rv == SCARD_S_SUCCESS;
        DWORD name_len = 0, ignored_state, ignored_protocol;
        c->atr_len = sizeof(c->atr);
        if (rv == SCARD_S_SUCCESS &&
            c->pcsc->status(c->card, NULL, &name_len, &ignored_state, &ignored_protocol, c->atr,
                            &c->atr_len) != SCARD_S_SUCCESS) {
            c->atr_len = 0;
        }
        if (rv != SCARD_S_SUCCESS) {
            c->pcsc->release_context(c->context);
        }
    }
    return rv;
}

static LONG call_disconnect(void *state) {
    struct pcsc_calls *c = state;
    if (c->is_connected) {
        c->pcsc->disconnect(c->card, SCARD_LEAVE_CARD);
        c->pcsc->release_context(c->context);
        c->is_connected = false;
    }
    return SCARD_S_SUCCESS;
}

static LONG call_begin(void *state) {
    struct pcsc_calls *c = state;
    return c->pcsc->begin_transaction(c->card);
}

static LONG call_end(void *state) {
    struct pcsc_calls *c = state;
    return c->pcsc->end_transaction(c->card, SCARD_LEAVE_CARD);
}

static LONG call_reconnect(void *state) {
    struct pcsc_calls *c = state;
    return c->pcsc->reconnect(c->card, SCARD_SHARE_SHARED, PROTOCOLS, c->initialization,
                              &c->protocol);
}

static LONG call_transmit(void *state) {
    struct pcsc_calls *c = state;
    const SCARD_IO_REQUEST *pci =
        c->protocol == SCARD_PROTOCOL_T0 ? c->pcsc->pci_t0 : c->pcsc->pci_t1;
    c->response_len = sizeof(c->response);
    LONG rv = c->pcsc->transmit(c->card, pci, c->command, c->command_len, NULL, c->response,
                                &c->response_len);
    explicit_bzero(c->command, c->command_len);
    return rv;
}

static void free_calls(void *state) {
    explicit_bzero(state, sizeof(struct pcsc_calls));
    free(state);
}

/* ---- connections ---- */

static void pcsc_disconnect(struct connection *base) {
    struct pcsc_connection *connection = (struct pcsc_connection *)base;
    pcsc_caller_free(connection->caller, call_disconnect, deadline_after(END_MS));
    free(connection);
}

static enum transport_error pcsc_connect(struct transport *base, const char *reader,
                                         uint32_t timeout_ms, struct connection **out) {
    *out = NULL;
    const struct pcsc_library *pcsc = pcsc_library_get();
    if (pcsc == NULL) {
        return TRANSPORT_NO_READER;
    }
    struct pcsc_connection *connection = calloc(1, sizeof(*connection));
    struct pcsc_calls *calls = calloc(1, sizeof(*calls));
    struct pcsc_caller *caller = NULL;
    if (connection != NULL && calls != NULL) {
        caller =
            pcsc_caller_new(((struct pcsc_transport *)base)->may_use_threads, calls, free_calls);
    }
    if (caller == NULL) {
        free(connection);
        free(calls);
        return TRANSPORT_MEMORY;
    }
    connection->base.ops = base->ops;
    connection->calls = calls;
    connection->caller = caller;
    calls->pcsc = pcsc;
    snprintf(calls->reader, sizeof(calls->reader), "%s", reader);
    LONG rv = SCARD_S_SUCCESS;
    bool is_done =
        pcsc_caller_run(caller, call_connect, call_disconnect, deadline_after(timeout_ms), &rv);
    if (!is_done || rv != SCARD_S_SUCCESS) {
        pcsc_disconnect(&connection->base);
        return is_done ? from_pcsc(rv) : TRANSPORT_TIMEOUT;
    }
    memcpy(connection->base.atr, calls->atr, calls->atr_len);
    connection->base.atr_len = calls->atr_len;
    *out = &connection->base;
    return TRANSPORT_OK;
}

/* SCardBeginTransaction waits as long as another program holds the card. */
static enum transport_error pcsc_begin(struct connection *base, uint32_t timeout_ms,
                                       struct transaction_start *start) {
    struct pcsc_connection *connection = (struct pcsc_connection *)base;
    uint64_t deadline = deadline_after(timeout_ms);
    *start = (struct transaction_start){.was_reset = connection->was_reset, .maybe_used = true};
    if (connection->is_broken) {
        return TRANSPORT_REMOVED;
    }
    LONG rv = SCARD_S_SUCCESS;
    if (!pcsc_caller_run(connection->caller, call_begin, call_end, deadline, &rv)) {
        return TRANSPORT_BUSY;
    }
    for (int i = 0; rv == SCARD_W_RESET_CARD && i < BEGIN_ATTEMPTS; i++) {
        start->was_reset = true;
        connection->was_reset = true; /* should this go wrong, the next one tells it */
        connection->calls->initialization = SCARD_LEAVE_CARD;
        if (!pcsc_caller_run(connection->caller, call_reconnect, NULL, deadline, &rv)) {
            connection->is_broken = true;
            return TRANSPORT_TIMEOUT;
        }
        if (rv == SCARD_S_SUCCESS &&
            !pcsc_caller_run(connection->caller, call_begin, call_end, deadline, &rv)) {
            return TRANSPORT_BUSY;
        }
    }
    if (rv == SCARD_S_SUCCESS) {
        connection->was_reset = false;
    }
    return from_pcsc(rv);
}

static enum transport_error pcsc_end(struct connection *base) {
    struct pcsc_connection *connection = (struct pcsc_connection *)base;
    LONG rv = SCARD_S_SUCCESS;
    if (connection->is_broken) {
        return TRANSPORT_REMOVED;
    }
    if (!pcsc_caller_run(connection->caller, call_end, NULL, deadline_after(END_MS), &rv)) {
        connection->is_broken = true;
        return TRANSPORT_TIMEOUT;
    }
    connection->was_reset |= rv == SCARD_W_RESET_CARD;
    return from_pcsc(rv);
}

/* A command cut short by pulling the card first looks like a failure of the reader: pcscd notices removals when it next
 * polls. True if it does so within a moment. */
static bool has_been_removed(const struct pcsc_calls *calls) {
    SCARD_READERSTATE state = {.szReader = calls->reader, .dwCurrentState = SCARD_STATE_UNAWARE};
    uint64_t deadline = deadline_after(NOTICE_REMOVAL_MS);
    LONG rv = SCARD_S_SUCCESS;
    while (rv == SCARD_S_SUCCESS) {
        rv = calls->pcsc->get_status_change(calls->context, (DWORD)deadline_left(deadline), &state,
                                            1);
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
    struct pcsc_connection *connection = (struct pcsc_connection *)base;
    struct pcsc_calls *calls = connection->calls;
    *response_len = 0;
    if (connection->is_broken) {
        return TRANSPORT_REMOVED;
    }
    if (command_len > sizeof(calls->command)) {
        return TRANSPORT_IO;
    }
    memcpy(calls->command, command, command_len);
    calls->command_len = (DWORD)command_len;
    LONG rv = SCARD_S_SUCCESS;
    if (!pcsc_caller_run(connection->caller, call_transmit, NULL, deadline_after(timeout_ms),
                         &rv)) {
        connection->is_broken = true;
        return TRANSPORT_TIMEOUT;
    }
    enum transport_error err = from_pcsc(rv);
    if (rv == SCARD_W_RESET_CARD) {
        connection->was_reset = true;
        return TRANSPORT_IO;
    }
    if (err == TRANSPORT_OK && (calls->response_len < 2 || calls->response_len > response_size)) {
        err = TRANSPORT_IO;
    }
    if (err == TRANSPORT_OK) {
        memcpy(response, calls->response, calls->response_len);
        *response_len = calls->response_len;
    } else if (err == TRANSPORT_IO && has_been_removed(calls)) {
        err = TRANSPORT_REMOVED;
    }
    explicit_bzero(calls->response, sizeof(calls->response));
    return err;
}

static enum transport_error pcsc_reset(struct connection *base, uint32_t timeout_ms) {
    struct pcsc_connection *connection = (struct pcsc_connection *)base;
    LONG rv = SCARD_S_SUCCESS;
    if (connection->is_broken) {
        return TRANSPORT_REMOVED;
    }
    connection->calls->initialization = SCARD_RESET_CARD;
    if (!pcsc_caller_run(connection->caller, call_reconnect, NULL, deadline_after(timeout_ms),
                         &rv)) {
        connection->is_broken = true;
        return TRANSPORT_TIMEOUT;
    }
    return from_pcsc(rv);
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

enum transport_error pcsc_transport_open(const char *reader_pattern, bool may_use_threads,
                                         struct transport **out) {
    *out = NULL;
    struct pcsc_transport *transport = calloc(1, sizeof(*transport));
    if (transport == NULL) {
        return TRANSPORT_MEMORY;
    }
    transport->base.ops = &pcsc_ops;
    transport->may_use_threads = may_use_threads;
    transport->monitor = pcsc_monitor_new(reader_pattern);
    if (transport->monitor == NULL) {
        free(transport);
        return TRANSPORT_MEMORY;
    }
    *out = &transport->base;
    return TRANSPORT_OK;
}
