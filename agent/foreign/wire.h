/* What the agent and a module's host say to each other: one message is a checked sequence of numbers and byte strings, sent with its
 * length in front over a socket. Either side may be broken: nothing that is read is believed before it has been measured. */
#ifndef AGENT_FOREIGN_WIRE_H
#define AGENT_FOREIGN_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAX ((size_t)1 << 20) /* bytes of one message */

/* A message being written or read. After an error (too long, too short, out of memory) `failed` stays set, writing changes nothing
 * and reading gives zeros; so a sequence is checked once, at its end. */
struct wire {
    unsigned char *data;
    size_t len, size; /* used and allocated */
    size_t at;        /* where reading goes on */
    bool failed;
};

enum wire_result {
    WIRE_OK,
    WIRE_CLOSED, /* the other side has ended, or the socket is broken */
    WIRE_LATE,   /* not in time */
    WIRE_BROKEN, /* longer than WIRE_MAX, or no memory */
};

/* Forget everything, cleansing it first: a message may hold a PIN. The memory is kept for the next message. */
void wire_reset(struct wire *wire);
/* wire_reset() and free. */
void wire_free(struct wire *wire);

void wire_put_number(struct wire *wire, uint64_t number);
void wire_put_bytes(struct wire *wire, const void *bytes, size_t len);

uint64_t wire_take_number(struct wire *wire);
/* The next byte string, at most `max` bytes of it (longer: failed). It lies in the message: valid until the next wire_reset(). */
const unsigned char *wire_take_bytes(struct wire *wire, size_t max, size_t *len);
/* Everything was there and nothing is left. */
bool wire_is_whole(const struct wire *wire);

/* Send or receive one message, at most `timeout_ms` in all (-1: for ever). wire_receive() resets the message first. */
enum wire_result wire_send(int socket, const struct wire *wire, int timeout_ms);
enum wire_result wire_receive(int socket, struct wire *wire, int timeout_ms);

#endif
