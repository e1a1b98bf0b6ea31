/* What the reader says about itself: USB 2.0 chapter 9, CCID rev 1.1 chapter 5. */
#include "firmware-sim/ports/ccid.h"

#include <string.h>

#define LE16(v) (uint8_t)((v)&0xff), (uint8_t)((v) >> 8)
#define LE32(v) LE16((v)&0xffff), LE16((uint32_t)(v) >> 16)

enum {
    DEVICE = 1,
    CONFIGURATION = 2,
    STRING = 3,
    CLASS_CODE = 0x0B,
    CLASS_DESCRIPTOR = 0x21,
    CLASS_LENGTH = 54,
    CONFIGURATION_LENGTH = 9 + 9 + CLASS_LENGTH + 7 + 7,
    CLOCK_KHZ = 3580,
    BITS_PER_SECOND = 9600,
    /* automatic: parameters by ATR, activation, voltage, clock, baud rate, PPS; extended APDU level */
    FEATURES =
        0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000080 | 0x00040000
};

static const uint8_t device_descriptor[18] = {
    18,
    DEVICE,
    LE16(0x0200),
    0,
    0,
    0,
    CCID_PACKET,
    LE16(CCID_VENDOR),
    LE16(CCID_PRODUCT),
    LE16(CCID_RELEASE),
    1,
    2,
    3,
    1,
};

static const uint8_t configuration_descriptor[CONFIGURATION_LENGTH] = {
    /* configuration: one interface, bus powered, 100 mA */
    9,
    CONFIGURATION,
    LE16(CONFIGURATION_LENGTH),
    1,
    1,
    0,
    0x80,
    50,
    /* interface: bulk out and in */
    9,
    4,
    0,
    0,
    2,
    CLASS_CODE,
    0,
    0,
    0,
    /* smart card device class */
    CLASS_LENGTH,
    CLASS_DESCRIPTOR,
    LE16(0x0110),
    0 /* last slot */,
    7 /* 5, 3, 1.8 V */,
    LE32(3) /* T=0, T=1 */,
    LE32(CLOCK_KHZ),
    LE32(CLOCK_KHZ),
    0,
    LE32(BITS_PER_SECOND),
    LE32(BITS_PER_SECOND),
    0,
    LE32(254) /* IFSD */,
    LE32(0),
    LE32(0),
    LE32(FEATURES),
    LE32(CCID_MESSAGE_MAX),
    0xff,
    0xff,
    LE16(0) /* no LCD */,
    0 /* no PIN pad */,
    1 /* busy slots */,
    /* endpoints */
    7,
    5,
    CCID_BULK_OUT,
    2,
    LE16(CCID_PACKET),
    0,
    7,
    5,
    CCID_BULK_IN,
    2,
    LE16(CCID_PACKET),
    0,
};

static size_t put_string(unsigned index, uint8_t *out) {
    static const char *const texts[] = {NULL, "OpenUKey", "OpenUKey simulated USB key", "1"};
    if (index == 0) {
        memcpy(out, (const uint8_t[]){4, STRING, LE16(0x0409)}, 4);
        return 4;
    }
    if (index >= sizeof texts / sizeof texts[0])
        return 0;
    size_t len = strlen(texts[index]);
    out[0] = (uint8_t)(2 + 2 * len);
    out[1] = STRING;
    for (size_t i = 0; i < len; i++) {
        out[2 + 2 * i] = (uint8_t)texts[index][i];
        out[3 + 2 * i] = 0;
    }
    return out[0];
}

static size_t put_descriptor(unsigned type, unsigned index, uint8_t *out) {
    switch (type) {
    case DEVICE:
        memcpy(out, device_descriptor, sizeof device_descriptor);
        return sizeof device_descriptor;
    case CONFIGURATION:
        if (index != 0)
            return 0;
        memcpy(out, configuration_descriptor, sizeof configuration_descriptor);
        return sizeof configuration_descriptor;
    case STRING:
        return put_string(index, out);
    default:
        return 0;
    }
}

/* bmRequestType and bRequest, as one number. */
enum request {
    GET_STATUS_DEVICE = 0x8000,
    GET_STATUS_INTERFACE = 0x8100,
    GET_STATUS_ENDPOINT = 0x8200,
    CLEAR_FEATURE_ENDPOINT = 0x0201,
    GET_DESCRIPTOR = 0x8006,
    GET_CONFIGURATION = 0x8008,
    SET_CONFIGURATION = 0x0009,
    GET_INTERFACE = 0x810A,
    SET_INTERFACE = 0x010B,
    CCID_ABORT = 0x2101,
    CCID_GET_CLOCK_FREQUENCIES = 0xA102,
    CCID_GET_DATA_RATES = 0xA103
};

bool ccid_control(struct ccid *ccid, const uint8_t setup[8], uint8_t *out, size_t *len) {
    size_t wanted = (size_t)setup[6] | (size_t)setup[7] << 8, have = 0;
    *len = 0;
    switch ((enum request)(setup[0] << 8 | setup[1])) {
    case GET_STATUS_DEVICE:
    case GET_STATUS_INTERFACE:
    case GET_STATUS_ENDPOINT:
        memset(out, 0, 2);
        have = 2;
        break;
    case GET_DESCRIPTOR:
        have = put_descriptor(setup[3], setup[2], out);
        if (have == 0)
            return false;
        break;
    case GET_CONFIGURATION:
    case GET_INTERFACE:
        out[0] = setup[1] == 0x08;
        have = 1;
        break;
    case SET_CONFIGURATION:
        return setup[2] <= 1;
    case SET_INTERFACE:
        return setup[2] == 0;
    case CLEAR_FEATURE_ENDPOINT:
        return true;
    case CCID_GET_CLOCK_FREQUENCIES:
        memcpy(out, (const uint8_t[]){LE32(CLOCK_KHZ)}, 4);
        have = 4;
        break;
    case CCID_GET_DATA_RATES:
        memcpy(out, (const uint8_t[]){LE32(BITS_PER_SECOND)}, 4);
        have = 4;
        break;
    case CCID_ABORT: /* the other half comes through the bulk pipe */
        if (setup[2] != 0)
            return false;
        ccid->abort_control = true;
        ccid->abort_seq = setup[3];
        if (!ccid->abort_pipe)
            ccid->chaining = false;
        ccid->abort_pipe = false;
        return true;
    default:
        return false;
    }
    *len = have < wanted ? have : wanted;
    return true;
}
