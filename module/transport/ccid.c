/* The bulk messages and descriptors of a USB smart card reader, and the answer to reset. */
#include "module/transport/ccid.h"

#include <string.h>

static uint32_t read_le32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

enum { CLASS_DESCRIPTOR_TYPE = 0x21, LEVEL_SHIFT = 16, LEVEL_MASK = 7 };

static bool take_class_descriptor(const uint8_t *d, struct ccid_facts *out) {
    /* dwFeatures, bits 16 to 18: one of them, or none for the character level */
    static const int8_t levels[] = {CCID_LEVEL_CHARACTER,
                                    CCID_LEVEL_TPDU,
                                    CCID_LEVEL_SHORT_APDU,
                                    -1,
                                    CCID_LEVEL_APDU,
                                    -1,
                                    -1,
                                    -1};
    *out = (struct ccid_facts){.last_slot = d[4],
                               .voltages = d[5] & 7,
                               .max_ifsd = read_le32(d + 28),
                               .features = read_le32(d + 40),
                               .max_message = read_le32(d + 44)};
    int8_t level = levels[out->features >> LEVEL_SHIFT & LEVEL_MASK];
    if (level < 0 || out->max_message < CCID_MESSAGE_MIN) {
        return false;
    }
    out->level = (enum ccid_level)level;
    if (out->max_message > CCID_MESSAGE_LIMIT) {
        out->max_message = CCID_MESSAGE_LIMIT;
    }
    return true;
}

bool ccid_parse_descriptors(const uint8_t *bytes, size_t len, struct ccid_facts *out) {
    *out = (struct ccid_facts){0};
    for (size_t at = 0; len - at >= 2;) {
        size_t size = bytes[at];
        if (size < 2 || size > len - at) {
            return false;
        }
        if (bytes[at + 1] == CLASS_DESCRIPTOR_TYPE && size >= CCID_CLASS_DESCRIPTOR) {
            return take_class_descriptor(bytes + at, out);
        }
        at += size;
    }
    return false;
}

void ccid_put_header(uint8_t out[CCID_HEADER], enum ccid_type type, uint8_t slot, uint8_t sequence,
                     uint32_t len, const uint8_t own[3]) {
    out[0] = (uint8_t)type;
    out[1] = (uint8_t)len;
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)(len >> 16);
    out[4] = (uint8_t)(len >> 24);
    out[5] = slot;
    out[6] = sequence;
    memcpy(out + 7, own, 3);
}

bool ccid_parse_answer(const uint8_t *bytes, size_t len, struct ccid_answer *out) {
    *out = (struct ccid_answer){0};
    if (len < CCID_HEADER || read_le32(bytes + 1) > len - CCID_HEADER || (bytes[7] & 3) == 3 ||
        bytes[7] >> 6 == 3) {
        return false;
    }
    *out = (struct ccid_answer){
        .type = bytes[0],
        .slot = bytes[5],
        .sequence = bytes[6],
        .icc = (enum ccid_icc)(bytes[7] & 3),
        .command = (enum ccid_command)(bytes[7] >> 6),
        .error = bytes[8],
        .last = bytes[9],
        .data = bytes + CCID_HEADER,
        .len = read_le32(bytes + 1),
    };
    return true;
}

bool ccid_parse_notification(const uint8_t *bytes, size_t len, bool *present) {
    /* two bits for each slot: its state, and whether it has changed */
    if (len < 2 || bytes[0] != CCID_NOTIFY_SLOT_CHANGE) {
        return false;
    }
    *present = (bytes[1] & 1) != 0;
    return (bytes[1] & 2) != 0;
}

/* ---- answer to reset ---- */

enum {
    TS_DIRECT = 0x3B,
    TS_INVERSE = 0x3F,
    HAS_TA = 1,
    HAS_TB = 2,
    HAS_TC = 4,
    HAS_TD = 8,
    DEFAULT_IFSC = 32,
    DEFAULT_WAITING = 0x4D
};

/* One round of interface bytes; `round` 1 is TA1... False: cut short. */
static bool take_interface_bytes(const uint8_t *bytes, size_t len, size_t *at, unsigned round,
                                 unsigned has, uint8_t protocol, bool *t1_seen,
                                 struct ccid_atr *out) {
    for (unsigned bit = HAS_TA; bit <= HAS_TC; bit <<= 1) {
        if ((has & bit) == 0) {
            continue;
        }
        if (*at >= len) {
            return false;
        }
        uint8_t value = bytes[(*at)++];
        if (round == 1 && bit == HAS_TC) {
            out->guard_time = value;
        }
        /* the first TA, TB, TC for T=1 from round 3 on (ISO/IEC 7816-3, 11.4) */
        if (round > 2 && protocol == 1 && !*t1_seen) {
            if (bit == HAS_TA && value > 0 && value < 0xFF) {
                out->ifsc = value;
            } else if (bit == HAS_TB) {
                out->waiting = value;
            } else if (bit == HAS_TC) {
                out->has_crc = (value & 1) != 0;
            }
        }
    }
    if (round > 2 && protocol == 1) {
        *t1_seen = true;
    }
    return true;
}

bool ccid_parse_atr(const uint8_t *bytes, size_t len, struct ccid_atr *out) {
    *out = (struct ccid_atr){.ifsc = DEFAULT_IFSC, .waiting = DEFAULT_WAITING};
    if (len < 2 || len > CCID_ATR_SIZE || (bytes[0] != TS_DIRECT && bytes[0] != TS_INVERSE)) {
        return false;
    }
    size_t at = 2;
    unsigned has = bytes[1] >> 4;
    uint8_t protocol = 0;
    bool any = false, t1_seen = false;
    for (unsigned round = 1;; round++) {
        if (!take_interface_bytes(bytes, len, &at, round, has, protocol, &t1_seen, out)) {
            return false;
        }
        if ((has & HAS_TD) == 0) {
            break;
        }
        if (at >= len) {
            return false;
        }
        protocol = bytes[at] & 0x0F;
        has = bytes[at++] >> 4;
        out->has_t0 |= protocol == 0;
        out->has_t1 |= protocol == 1;
        if (!any) {
            out->first_protocol = protocol;
            any = true;
        }
    }
    if (!any) {
        out->has_t0 = true; /* none named: T=0 */
    }
    return len - at >= (size_t)(bytes[1] & 0x0F); /* the historical bytes */
}
