/* A USB smart card reader with one slot, as the USB Device Class specification for CCID (rev 1.1) has it: descriptors,
 * control requests and bulk messages as pure functions; a port moves the bytes and runs the commands.
 *
 * Exchange level: extended APDU; an APDU longer than a message comes and goes in a chain of blocks (6.1.4, 6.2.1). */
#ifndef FIRMWARE_PORTS_CCID_H
#define FIRMWARE_PORTS_CCID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ccid_size {
    CCID_HEAD = 10,
    CCID_MESSAGE_MAX = CCID_HEAD + 1024, /* dwMaxCCIDMessageLength */
    CCID_APDU_MAX = 65544,
    CCID_ATR_MAX = 33,
    CCID_DESCRIPTOR_MAX = 128
};

/* Identity on the bus: a pair that libccid knows. Pipes. */
enum ccid_usb {
    CCID_VENDOR = 0x20A0,
    CCID_PRODUCT = 0x42D4,
    CCID_RELEASE = 0x0100,
    CCID_BULK_OUT = 0x02,
    CCID_BULK_IN = 0x83,
    CCID_PACKET = 64
};

/* What the port has to do after ccid_bulk_out. */
enum ccid_action {
    CCID_MORE,      /* nothing: the message is not complete */
    CCID_REPLY,     /* send reply */
    CCID_POWER_ON,  /* reset the card, then ccid_powered */
    CCID_POWER_OFF, /* reset the card, then ccid_unpowered */
    CCID_TRANSMIT /* run apdu, apdu_len; then ccid_answered. Until then ccid_wait may be sent again and again */
};

/* All members are for reading; zeroed by ccid_init. */
struct ccid {
    bool present, powered;
    bool busy;       /* a message is being carried out: */
    uint8_t running; /* this one */

    size_t in_len; /* of the message that is coming */
    bool skipping; /* the rest of a refused transfer */
    uint8_t in[CCID_MESSAGE_MAX];

    bool chaining; /* more blocks of a command are to come */
    size_t apdu_len, answer_len, answer_sent;
    uint8_t apdu[CCID_APDU_MAX]; /* the command; then the answer */

    bool abort_pipe, abort_control; /* half of an abort has come (5.3.1) */
    uint8_t abort_seq;
    uint8_t seq; /* of the message being answered */
    uint8_t protocol[7];

    size_t reply_len;
    uint8_t reply[CCID_MESSAGE_MAX];
};

/* A new device on the bus, or one that was reset. */
void ccid_init(struct ccid *ccid, bool present);
/* The card came or went. The port drops a running command itself, and sends the reply if true is returned. */
bool ccid_card_changed(struct ccid *ccid, bool present);

/* Bytes of the bulk-out pipe: a transfer, or packets of one in a row (all but the last a multiple of CCID_PACKET). A
 * transfer that is not what its header says is answered with an error; one shorter than a header is dropped. */
enum ccid_action ccid_bulk_out(struct ccid *ccid, const uint8_t *bytes, size_t len);

/* Each makes a reply. ccid_wait asks the host for more time, again and again while a message is being carried out. */
void ccid_powered(struct ccid *ccid, const uint8_t *atr, size_t len);
void ccid_unpowered(struct ccid *ccid);
void ccid_answered(struct ccid *ccid, const uint8_t *response, size_t len);
void ccid_wait(struct ccid *ccid);

/* A control request (USB 2.0, 9.3): setup packet and, for host-to-device, nothing more. Writes at most
 * CCID_DESCRIPTOR_MAX bytes, cut to wLength. False: stall. */
bool ccid_control(struct ccid *ccid, const uint8_t setup[8], uint8_t *out, size_t *len);

#endif
