/* The bulk messages and descriptors of a USB smart card reader (USB Device Class: Smart Card, CCID, rev 1.1) and what an
 * answer to reset (ISO/IEC 7816-3, clause 8) says about the block protocol: pure functions over bytes from outside.
 * Numbers in comments are sections of the CCID specification. */
#ifndef OPENUKEY_TRANSPORT_CCID_H
#define OPENUKEY_TRANSPORT_CCID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ccid_size {
    CCID_HEADER = 10,
    CCID_CLASS_DESCRIPTOR = 54,
    CCID_ATR_SIZE = 33,
    CCID_SHORT_APDU = 261,
    CCID_MESSAGE_MIN = CCID_HEADER + 64,
    CCID_MESSAGE_LIMIT = CCID_HEADER + 65544 /* dwMaxCCIDMessageLength, 5.1 */
};

/* Messages to the reader (6.1) and from it (6.2, 6.3). */
enum ccid_type {
    CCID_SET_PARAMETERS = 0x61,
    CCID_POWER_ON = 0x62,
    CCID_POWER_OFF = 0x63,
    CCID_GET_SLOT_STATUS = 0x65,
    CCID_XFR_BLOCK = 0x6F,
    CCID_ABORT = 0x72,
    CCID_DATA_BLOCK = 0x80,
    CCID_SLOT_STATUS = 0x81,
    CCID_PARAMETERS = 0x82,
    CCID_NOTIFY_SLOT_CHANGE = 0x50
};

/* dwFeatures (5.1). */
enum ccid_feature {
    CCID_AUTO_PARAMETERS = 0x02, /* by the ATR */
    CCID_AUTO_VOLTAGE = 0x08,
    CCID_AUTO_PPS = 0xC0, /* the reader negotiates, or takes what is current */
    CCID_AUTO_IFSD = 0x400
};

enum ccid_level { CCID_LEVEL_CHARACTER, CCID_LEVEL_TPDU, CCID_LEVEL_SHORT_APDU, CCID_LEVEL_APDU };

struct ccid_facts {
    uint8_t last_slot;
    uint8_t voltages; /* bits: 5 V, 3 V, 1.8 V */
    uint32_t features;
    uint32_t max_message; /* with the header; within CCID_MESSAGE_MIN and CCID_MESSAGE_LIMIT */
    uint32_t max_ifsd;
    enum ccid_level level;
};

/* Looks for the class descriptor among descriptors of an interface, one after another. False: none, or one that no
 * reader of ours can have. */
bool ccid_parse_descriptors(const uint8_t *bytes, size_t len, struct ccid_facts *out);

/* wLevelParameter of a command's block, bChainParameter of an answer's (6.1.4, 6.2.1). */
enum ccid_chain {
    CCID_WHOLE = 0,
    CCID_BEGINS = 1,
    CCID_ENDS = 2,
    CCID_GOES_ON = 3,
    CCID_EMPTY = 0x10 /* go on */
};

/* A message's header: `len` bytes follow it; the last three bytes are the message's own. */
void ccid_put_header(uint8_t out[CCID_HEADER], enum ccid_type type, uint8_t slot, uint8_t sequence,
                     uint32_t len, const uint8_t own[3]);

enum ccid_icc { CCID_ICC_ACTIVE = 0, CCID_ICC_INACTIVE = 1, CCID_ICC_ABSENT = 2 };
enum ccid_command { CCID_DONE = 0, CCID_FAILED = 1, CCID_WANTS_TIME = 2 };

struct ccid_answer {
    uint8_t type, slot, sequence;
    enum ccid_icc icc;
    enum ccid_command command;
    uint8_t error; /* of CCID_FAILED (6.2.6) */
    uint8_t last;  /* bChainParameter, bProtocolNum, ... */
    const uint8_t *data;
    size_t len;
};

/* A message from the reader as it came; data points into it. False: shorter than it says, or not in order. */
bool ccid_parse_answer(const uint8_t *bytes, size_t len, struct ccid_answer *out);

/* A message of the interrupt pipe (6.3.1). True if it says that the first slot's card came or went. */
bool ccid_parse_notification(const uint8_t *bytes, size_t len, bool *present);

/* What matters of an answer to reset. */
struct ccid_atr {
    bool has_t0, has_t1;
    uint8_t first_protocol;
    uint8_t guard_time; /* TC1 */
    uint8_t ifsc;       /* 32 unless it says otherwise */
    uint8_t waiting;    /* BWI << 4 | CWI */
    bool has_crc;       /* instead of a longitudinal sum */
};

/* False: no answer to reset. */
bool ccid_parse_atr(const uint8_t *bytes, size_t len, struct ccid_atr *out);

#endif
