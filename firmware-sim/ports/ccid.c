/* Bulk messages of a CCID. Numbers in parentheses are sections of the specification, rev 1.1. */
#include "firmware-sim/ports/ccid.h"

#include <string.h>

enum ccid_message {
    ICC_POWER_ON = 0x62,
    ICC_POWER_OFF = 0x63,
    GET_SLOT_STATUS = 0x65,
    XFR_BLOCK = 0x6F,
    GET_PARAMETERS = 0x6C,
    RESET_PARAMETERS = 0x6D,
    SET_PARAMETERS = 0x61,
    ESCAPE = 0x6B,
    ICC_CLOCK = 0x6E,
    T0_APDU = 0x6A,
    SECURE = 0x69,
    MECHANICAL = 0x71,
    ABORT = 0x72,
    SET_DATA_RATE = 0x73,

    DATA_BLOCK = 0x80,
    SLOT_STATUS = 0x81,
    PARAMETERS = 0x82,
    ESCAPE_ANSWER = 0x83,
    DATA_RATE = 0x84
};

/* Slot error register (6.2.6); 1 to 127: the offset of the field that is wrong. */
enum ccid_error {
    CMD_NOT_SUPPORTED = 0,
    BAD_LENGTH = 1,
    BAD_SLOT = 5,
    BAD_LEVEL = 8,
    BAD_PROTOCOL = 7,
    CMD_ABORTED = 0xFF,
    ICC_MUTE = 0xFE,
    SLOT_BUSY = 0xE0,
    XFR_OVERRUN = 0xFC
};

enum { FAILED = 0x40, TIME_EXTENSION = 0x80, PROTOCOL_T1 = 1 };

/* wLevelParameter of a block, bChainParameter of an answer. */
enum ccid_chain {
    CHAIN_WHOLE = 0,
    CHAIN_BEGINS = 1,
    CHAIN_ENDS = 2,
    CHAIN_GOES_ON = 3,
    CHAIN_EMPTY = 0x10 /* host: go on with your answer; reader: go on with your command */
};

/* T=1 parameters (6.2.3): Fi/Di, checksum LRC, guard time, waiting times, clock stop, IFSC, NAD. */
static const uint8_t default_protocol[7] = {0x11, 0x10, 0x00, 0x4D, 0x00, 0xFE, 0x00};

static uint32_t le32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void ccid_init(struct ccid *ccid, bool present) {
    memset(ccid, 0, sizeof *ccid);
    ccid->present = present;
    memcpy(ccid->protocol, default_protocol, sizeof ccid->protocol);
}

/* 0 active, 1 inactive, 2 absent (6.2.6) */
static uint8_t icc_status(const struct ccid *ccid) {
    return !ccid->present ? 2 : ccid->powered ? 0 : 1;
}

/* data may be NULL to leave len bytes of the reply as they are. */
static void make_reply(struct ccid *ccid, uint8_t type, const uint8_t *data, size_t len,
                       uint8_t last) {
    uint8_t *reply = ccid->reply;
    reply[0] = type;
    reply[1] = (uint8_t)len;
    reply[2] = (uint8_t)(len >> 8);
    reply[3] = reply[4] = 0;
    reply[5] = 0;
    reply[6] = ccid->seq;
    reply[7] = icc_status(ccid);
    reply[8] = 0;
    reply[9] = last;
    if (data && len)
        memcpy(reply + CCID_HEAD, data, len);
    ccid->reply_len = CCID_HEAD + len;
}

/* The answer that belongs to a message (6.1). */
static uint8_t answer_type(uint8_t message) {
    switch (message) {
    case ICC_POWER_ON:
    case XFR_BLOCK:
    case SECURE:
        return DATA_BLOCK;
    case GET_PARAMETERS:
    case RESET_PARAMETERS:
    case SET_PARAMETERS:
        return PARAMETERS;
    case ESCAPE:
        return ESCAPE_ANSWER;
    case SET_DATA_RATE:
        return DATA_RATE;
    default:
        return SLOT_STATUS;
    }
}

static enum ccid_action refuse(struct ccid *ccid, uint8_t message, uint8_t error) {
    make_reply(ccid, answer_type(message), NULL, 0, 0);
    ccid->reply[7] |= FAILED;
    ccid->reply[8] = error;
    return CCID_REPLY;
}

static enum ccid_action status(struct ccid *ccid) {
    make_reply(ccid, SLOT_STATUS, NULL, 0, 0);
    return CCID_REPLY;
}

static enum ccid_action parameters(struct ccid *ccid) {
    make_reply(ccid, PARAMETERS, ccid->protocol, sizeof ccid->protocol, PROTOCOL_T1);
    return CCID_REPLY;
}

static enum ccid_action set_parameters(struct ccid *ccid, const uint8_t *message, uint32_t len) {
    if (message[7] != PROTOCOL_T1)
        return refuse(ccid, message[0], BAD_PROTOCOL);
    if (len != sizeof ccid->protocol)
        return refuse(ccid, message[0], BAD_LENGTH);
    memcpy(ccid->protocol, message + CCID_HEAD, len);
    return parameters(ccid);
}

/* The next block of an answer (6.2.1). */
static void answer_block(struct ccid *ccid) {
    size_t left = ccid->answer_len - ccid->answer_sent, max = CCID_MESSAGE_MAX - CCID_HEAD;
    size_t len = left < max ? left : max;
    bool first = ccid->answer_sent == 0, last = len == left;
    uint8_t chain = first ? (last ? CHAIN_WHOLE : CHAIN_BEGINS) : last ? CHAIN_ENDS : CHAIN_GOES_ON;
    make_reply(ccid, DATA_BLOCK, ccid->apdu + ccid->answer_sent, len, chain);
    ccid->answer_sent += len;
    if (last)
        ccid->answer_len = ccid->answer_sent = 0;
}

/* A block of a command, or the wish for the next one of an answer (6.1.4). */
static enum ccid_action xfr_block(struct ccid *ccid, const uint8_t *message, uint32_t len) {
    unsigned level = message[8] | (unsigned)message[9] << 8;
    bool begins = level == CHAIN_WHOLE || level == CHAIN_BEGINS;
    if (!ccid->present || !ccid->powered)
        return refuse(ccid, message[0], ICC_MUTE);
    if (level == CHAIN_EMPTY) {
        if (len != 0)
            return refuse(ccid, message[0], BAD_LENGTH);
        if (ccid->answer_len == 0)
            return refuse(ccid, message[0], BAD_LEVEL);
        answer_block(ccid);
        return CCID_REPLY;
    }
    if (level > CHAIN_GOES_ON || begins == ccid->chaining) {
        ccid->chaining = false;
        return refuse(ccid, message[0], BAD_LEVEL);
    }
    if (begins)
        ccid->apdu_len = ccid->answer_len = ccid->answer_sent = 0;
    if (len > CCID_APDU_MAX - ccid->apdu_len) {
        ccid->chaining = false;
        return refuse(ccid, message[0], XFR_OVERRUN);
    }
    memcpy(ccid->apdu + ccid->apdu_len, message + CCID_HEAD, len);
    ccid->apdu_len += len;
    ccid->chaining = level == CHAIN_BEGINS || level == CHAIN_GOES_ON;
    if (ccid->chaining) {
        make_reply(ccid, DATA_BLOCK, NULL, 0, CHAIN_EMPTY);
        return CCID_REPLY;
    }
    if (ccid->apdu_len == 0)
        return refuse(ccid, message[0], BAD_LENGTH);
    return CCID_TRANSMIT;
}

/* Both halves of an abort name the same message (5.3.1). */
static enum ccid_action abort_message(struct ccid *ccid) {
    ccid->chaining = false;
    ccid->answer_len = ccid->answer_sent = 0;
    bool second = ccid->abort_control && ccid->abort_seq == ccid->seq;
    ccid->abort_pipe = !second;
    ccid->abort_seq = ccid->seq;
    ccid->abort_control = false;
    return status(ccid);
}

static enum ccid_action whole_message(struct ccid *ccid, const uint8_t *message, uint32_t len) {
    uint8_t type = message[0];
    ccid->seq = message[6];
    if (message[5] != 0)
        return refuse(ccid, type, BAD_SLOT);
    if (ccid->abort_control && type != ABORT)
        return refuse(ccid, type, CMD_ABORTED);
    if (len != 0 && type != XFR_BLOCK && type != SET_PARAMETERS && type != ESCAPE &&
        type != SECURE && type != SET_DATA_RATE)
        return refuse(ccid, type, BAD_LENGTH);
    switch (type) {
    case ICC_POWER_ON:
        ccid->chaining = false;
        ccid->answer_len = 0;
        if (!ccid->present)
            return refuse(ccid, type, ICC_MUTE);
        if (message[7] > 3) /* automatic, 5 V, 3 V, 1.8 V */
            return refuse(ccid, type, BAD_PROTOCOL);
        return CCID_POWER_ON;
    case ICC_POWER_OFF: {
        bool was_on = ccid->powered;
        ccid->powered = ccid->chaining = false;
        ccid->answer_len = 0;
        return was_on && ccid->present ? CCID_POWER_OFF : status(ccid);
    }
    case GET_SLOT_STATUS:
    case ICC_CLOCK:
        return status(ccid);
    case XFR_BLOCK:
        return xfr_block(ccid, message, len);
    case RESET_PARAMETERS:
        memcpy(ccid->protocol, default_protocol, sizeof ccid->protocol);
        return parameters(ccid);
    case GET_PARAMETERS:
        return parameters(ccid);
    case SET_PARAMETERS:
        return set_parameters(ccid, message, len);
    case ABORT:
        return abort_message(ccid);
    default:
        return refuse(ccid, type, CMD_NOT_SUPPORTED);
    }
}

/* A message while a command runs: the slot is busy. Only that one's answer may be made of apdu and seq. */
static enum ccid_action busy(struct ccid *ccid) {
    uint8_t seq = ccid->seq;
    ccid->seq = ccid->in[6];
    refuse(ccid, ccid->in[0], SLOT_BUSY);
    ccid->seq = seq;
    return CCID_REPLY;
}

/* The transfer does not bring what the header says. */
static enum ccid_action wrong_length(struct ccid *ccid) {
    ccid->in_len = 0;
    if (ccid->busy)
        return busy(ccid);
    ccid->seq = ccid->in[6];
    ccid->chaining = false;
    return refuse(ccid, ccid->in[0], BAD_LENGTH);
}

enum ccid_action ccid_bulk_out(struct ccid *ccid, const uint8_t *bytes, size_t len) {
    bool ends = len % CCID_PACKET != 0; /* a short packet ends a transfer (USB 2.0, 5.8.3) */
    bool skipping = ccid->skipping;
    ccid->skipping = skipping && !ends;
    if (skipping || (ccid->in_len == 0 && len < CCID_HEAD))
        return CCID_MORE;
    size_t room = sizeof ccid->in - ccid->in_len, n = len < room ? len : room;
    memcpy(ccid->in + ccid->in_len, bytes, n);
    ccid->in_len += n;
    uint32_t body = le32(ccid->in + 1);
    size_t whole = (size_t)CCID_HEAD + body;
    if (whole > sizeof ccid->in || n < len || ccid->in_len > whole) {
        ccid->skipping = !ends; /* the rest of the transfer is no message */
        return wrong_length(ccid);
    }
    if (ccid->in_len < whole)
        return ends ? wrong_length(ccid) : CCID_MORE;
    ccid->in_len = 0;
    if (ccid->busy)
        return busy(ccid);
    enum ccid_action action = whole_message(ccid, ccid->in, body);
    ccid->busy = action != CCID_REPLY;
    ccid->running = ccid->in[0];
    return action;
}

bool ccid_card_changed(struct ccid *ccid, bool present) {
    bool lost = ccid->busy && !present;
    ccid->present = present;
    if (present)
        return false;
    ccid->powered = ccid->chaining = ccid->busy = false;
    ccid->answer_len = ccid->answer_sent = 0;
    if (lost)
        refuse(ccid, ccid->running, ICC_MUTE);
    return lost;
}

void ccid_powered(struct ccid *ccid, const uint8_t *atr, size_t len) {
    ccid->powered = true;
    ccid->busy = false;
    make_reply(ccid, DATA_BLOCK, atr, len < CCID_ATR_MAX ? len : CCID_ATR_MAX, CHAIN_WHOLE);
}

void ccid_unpowered(struct ccid *ccid) {
    ccid->busy = false;
    status(ccid);
}

void ccid_answered(struct ccid *ccid, const uint8_t *response, size_t len) {
    ccid->busy = false;
    ccid->answer_len = len < CCID_APDU_MAX ? len : CCID_APDU_MAX;
    ccid->answer_sent = 0;
    memcpy(ccid->apdu, response, ccid->answer_len);
    answer_block(ccid);
}

void ccid_wait(struct ccid *ccid) {
    make_reply(ccid, answer_type(ccid->running), NULL, 0, CHAIN_WHOLE);
    ccid->reply[7] |= TIME_EXTENSION;
    ccid->reply[8] = 1; /* once more the waiting time */
}
