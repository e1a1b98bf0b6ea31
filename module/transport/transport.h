/* The way to a reader and the card in it. One table of functions per kind of way; the token layer knows only this header.
 *
 * A transport finds readers and makes connections; a connection carries commands inside exclusive transactions.
 * A connection is used by one thread at a time; different connections never wait for each other. A transport's list()
 * may be called by one thread at a time, beside any use of its connections and watches. */
#ifndef OPENUKEY_TRANSPORT_TRANSPORT_H
#define OPENUKEY_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum transport_error {
    TRANSPORT_OK = 0,
    TRANSPORT_MEMORY,
    TRANSPORT_NO_READER, /* the reader is not there (any more) */
    TRANSPORT_REMOVED,   /* no card, or another card than the one this connection was made to */
    TRANSPORT_TIMEOUT,   /* the deadline passed; the connection is of no further use */
    TRANSPORT_BUSY,      /* another program holds the card and did not let go in time */
    TRANSPORT_IO         /* the way itself is broken, or the other end breaks the protocol */
};

enum { TRANSPORT_READER_NAME = 129, TRANSPORT_ATR_MAX = 33 };

/* A reader as list() found it. */
struct reader_state {
    char name[TRANSPORT_READER_NAME];
    bool present;
    uint32_t events; /* another number after every insertion and removal */
};

struct reader_list {
    struct reader_state *items;
    size_t count;
};

/* What begin() learnt about the time since this connection's last transaction. */
struct transaction_start {
    bool was_reset;  /* the card was reset: its security state and open objects are gone */
    bool maybe_used; /* another program used the card, or nobody can tell */
};

struct transport;
struct connection;
struct transport_watch;

struct transport_ops {
    const char *name;

    /* Ends the transport; all its connections and watches are gone before. */
    void (*close)(struct transport *transport);

    /* Appends the readers to `list`. No service, no directory, no reader: TRANSPORT_OK and nothing appended. */
    enum transport_error (*list)(struct transport *transport, struct reader_list *list);

    /* Watches for changes of what list() tells, from this moment on. *fd becomes readable when something may have
     * changed; then watch_read() makes it unreadable again, and list() tells what. With may_use_threads false the
     * watch may be readable at intervals instead. */
    enum transport_error (*watch_open)(struct transport *transport, bool may_use_threads,
                                       struct transport_watch **watch, int *fd);
    void (*watch_read)(struct transport_watch *watch);
    void (*watch_close)(struct transport_watch *watch);

    /* Powers and shares the card. *out is the caller's (disconnect). */
    enum transport_error (*connect)(struct transport *transport, const char *reader,
                                    uint32_t timeout_ms, struct connection **out);
    void (*disconnect)(struct connection *connection);

    /* Exclusive use, until end(). */
    enum transport_error (*begin)(struct connection *connection, uint32_t timeout_ms,
                                  struct transaction_start *start);
    enum transport_error (*end)(struct connection *connection);

    /* One command and its response (data, SW1, SW2), inside a transaction. A response longer than response_size is
     * TRANSPORT_IO. */
    enum transport_error (*transmit)(struct connection *connection, const uint8_t *command,
                                     size_t command_len, uint8_t *response, size_t response_size,
                                     size_t *response_len, uint32_t timeout_ms);

    /* Warm reset, inside a transaction. */
    enum transport_error (*reset)(struct connection *connection, uint32_t timeout_ms);
};

/* First member of every implementation's own structure. */
struct transport {
    const struct transport_ops *ops;
};
struct connection {
    const struct transport_ops *ops;
    uint8_t atr[TRANSPORT_ATR_MAX]; /* of the card at connect(); it costs no command */
    size_t atr_len;                 /* 0: not known */
};
struct transport_watch {
    const struct transport_ops *ops;
};

/* Short English text for logs. */
const char *transport_error_text(enum transport_error error);

/* Appends one reader; a name that does not fit is cut. For the implementations of list(). */
enum transport_error reader_list_add(struct reader_list *list, const char *name, bool present,
                                     uint32_t events);
void reader_list_free(struct reader_list *list);

/* Simulated keys: each *.sock in `directory` is a reader (include/openukey/simlink.h). The directory need not exist
 * yet. A directory that others can write to is not used. *out is the caller's. */
enum transport_error sim_transport_open(const char *directory, struct transport **out);

/* USB smart card readers without pcscd, through libusb, which is loaded when there is such a reader. With leave_to_pcscd, none are
 * used while pcscd's socket is there. Readers whose name does not match the shell pattern are left alone. A reader is claimed while
 * its card is connected, and for moments while readers are listed; one that another program holds is an empty reader.
 * libusb starts a thread of its own. *out is the caller's. */
enum transport_error usb_transport_open(const char *reader_pattern, bool leave_to_pcscd,
                                        struct transport **out);

/* PC/SC through pcsclite, loaded when first needed: no library or no daemon means no readers. Readers whose name does
 * not match the shell pattern are left alone. With may_use_threads false, a call to pcscd lasts as long as pcscd pleases.
 * *out is the caller's. */
enum transport_error pcsc_transport_open(const char *reader_pattern, bool may_use_threads,
                                         struct transport **out);

#endif
