/* The wire between a host program and a simulated key over a unix stream socket: a reader with one slot.
 *
 * Frame: length4 (big-endian, counts what follows), type1, payload. The host sends one request and waits for its answer;
 * SIM_EVENT may arrive at any time, also between a request and its answer. A frame longer than SIMLINK_MAX_FRAME ends
 * the connection. One connection per host process thread of control; any number of connections per key. */
#ifndef OPENUKEY_SIMLINK_H
#define OPENUKEY_SIMLINK_H

/* tables, kept in columns by hand */
/* clang-format off */

enum simlink_size { SIMLINK_MAX_FRAME = 1 + 65544, SIMLINK_VERSION = 1 };

enum simlink_type {
    /* host -> key */
    SIM_HELLO = 0x01,   /* version1 -> SIM_STATE */
    SIM_BEGIN = 0x02,   /* timeoutMs4: exclusive transaction, as SCardBeginTransaction; waits its turn -> SIM_BEGUN or SIM_ERROR.
                           timeoutMs 0 does not wait, 0xFFFFFFFF waits for ever */
    SIM_END = 0x03,     /* end of the transaction -> SIM_STATE. Closing the connection ends it too */
    SIM_APDU = 0x04,    /* command APDU, inside a transaction -> SIM_RESPONSE or SIM_ERROR */
    SIM_RESET = 0x05,   /* warm reset, inside a transaction -> SIM_STATE */

    /* key -> host */
    SIM_STATE = 0x81,    /* present1, generation4, ATR */
    SIM_BEGUN = 0x82,    /* generation4, foreign1: 1 if another connection used or reset the card since our last transaction */
    SIM_RESPONSE = 0x83, /* response data, SW1 SW2 */
    SIM_EVENT = 0x84,    /* same payload as SIM_STATE: a key was inserted or removed */
    SIM_ERROR = 0x8F     /* code1 */
};
/* generation4 (big-endian) grows with every insertion and reset: an equal generation means the same powered card. */

enum simlink_error {
    SIM_ERR_PROTOCOL = 1,  /* bad frame, bad type, APDU outside a transaction */
    SIM_ERR_NO_CARD = 2,   /* nothing inserted, or removed meanwhile */
    SIM_ERR_TIMEOUT = 3,   /* another host holds the transaction */
    SIM_ERR_POWER = 4      /* the key lost power during the command */
};

/* clang-format on */

#endif
