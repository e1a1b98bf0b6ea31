/* The reader with the card in it: insertion, exclusive transactions, commands, and the points where a test holds one.
 *
 * A user is a host's way in (a socket connection, the link to vpcd). It begins a transaction (waiting its turn), sends
 * commands and resets, ends it; answers come through its callbacks, at once or, when a command is held, later. */
#ifndef FIRMWARE_PORTS_READER_H
#define FIRMWARE_PORTS_READER_H

#include "firmware-sim/core/card.h"
#include "firmware-sim/ports/flash_power.h"
#include "firmware-sim/ports/loop.h"
#include "firmware-sim/ports/trace.h"

#include <openukey/simlink.h>

struct reader_user;

/* Called back, each with the user. A callback may call the reader again, and may detach its user. */
struct reader_user_ops {
    void (*begun)(struct reader_user *user, bool foreign);
    void (*refused)(struct reader_user *user, enum simlink_error why);
    void (*answered)(struct reader_user *user, const uint8_t *response, size_t len);
    void (*lost)(struct reader_user *user);    /* the card went away under a held command */
    void (*changed)(struct reader_user *user); /* inserted or removed */
};

enum reader_user_state {
    READER_IDLE,
    READER_WAITING, /* for its turn */
    READER_TURN,    /* in its transaction */
    READER_RUNNING, /* in its transaction, a command is held or slow */
    READER_LOST     /* its transaction ended because the card went away; reader_end makes it idle */
};

struct reader_user {
    const struct reader_user_ops *ops;
    const char *port; /* for status and trace */
    struct reader *reader;
    struct reader_user *next; /* all users, in the order of waiting */
    enum reader_user_state state;
    uint64_t seen; /* reader's use count at the end of our last transaction */
    struct loop_timer timer;
};

/* A point at which the next fitting command stops until it is let go. */
struct reader_hold {
    bool armed, holding;
    bool after; /* after execution, before the answer */
    uint8_t ins;
    unsigned count; /* how many more such commands until it holds */
    void (*held)(struct reader_hold *hold);
    struct reader_hold *next;
};

/* What goes wrong with a command although the card is there. */
enum reader_fault_kind {
    FAULT_STATUS, /* not executed; the answer is the status word */
    FAULT_FLIP,   /* executed; a bit in the middle of the answer is wrong */
    FAULT_SHORT,  /* executed; the last byte of the answer is missing */
    FAULT_LONG,   /* executed; the answer has a byte too many */
    FAULT_EMPTY   /* executed; the answer is no bytes at all */
};

struct reader_fault {
    enum reader_fault_kind kind;
    int ins; /* -1: any */
    uint16_t status;
    unsigned times; /* how many more such commands; 0: free */
};

enum { READER_FAULTS_MAX = 16 };

struct reader_command {
    struct reader_user *user; /* NULL: none is held or slow */
    struct reader_hold *hold; /* NULL: slow */
    bool executed;
    size_t len;
    uint8_t bytes[65544]; /* the command; after execution the response */
};

struct reader {
    struct loop *loop;
    struct card *card;
    struct flash flash;
    struct flash_power *power; /* under flash */
    entropy_fn *entropy;
    void *entropy_ctx;
    struct trace *trace;

    bool present;
    uint32_t generation;
    uint64_t uses; /* commands and resets by anyone */
    struct reader_user *users, *turn;
    struct reader_hold *holds;
    struct reader_fault faults[READER_FAULTS_MAX];
    uint32_t slow_ms; /* each answer comes so much later */
    struct loop_timer slow;
    void (*cut)(
        void *ctx); /* NULL, or told when the power has failed as flash_power was armed to */
    void *cut_ctx;
    struct reader_command command;
};

enum { READER_ATR_MAX = 33, READER_WAIT_FOREVER = 0xFFFFFFFFu };

/* The answer to reset, READER_ATR_MAX bytes at most; returns its length. */
size_t reader_atr(const struct reader *reader, uint8_t atr[READER_ATR_MAX]);

/* Powers the card up; CARD_OK if it is in already. CARD_FLASH with power->failed: the power was cut while it did. */
enum card_error reader_insert(struct reader *reader, uint32_t *page);
/* Pulls the card: a held command is lost, transactions end. */
void reader_remove(struct reader *reader);

/* user->ops and user->port are set by the caller. */
void reader_attach(struct reader *reader, struct reader_user *user);
/* Ends the user's transaction or waiting; a command held for it is dropped. */
void reader_detach(struct reader_user *user);

/* From READER_IDLE: begun or refused follows, maybe before this returns. timeout 0 does not wait. */
void reader_begin(struct reader_user *user, uint32_t timeout_ms);
/* From READER_TURN or READER_LOST. */
void reader_end(struct reader_user *user);
/* From READER_TURN: answered or lost follows. */
void reader_transmit(struct reader_user *user, const uint8_t *command, size_t len);
/* From READER_TURN: warm reset; the generation grows. */
void reader_reset(struct reader_user *user);

/* hold: ins, after, count (1: the next), held are set by the caller. */
void reader_hold(struct reader *reader, struct reader_hold *hold);
/* Disarms, and lets a command go that is held there. */
void reader_release(struct reader *reader, struct reader_hold *hold);

/* Adds a fault for commands to come; of several that fit, the oldest happens. False if there are too many. */
bool reader_fault(struct reader *reader, const struct reader_fault *fault);
void reader_faults_clear(struct reader *reader);
unsigned reader_faults_count(const struct reader *reader);

#endif
