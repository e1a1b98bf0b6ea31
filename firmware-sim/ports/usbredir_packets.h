/* Numbers of the usbredir protocol, version 0.7, that both of its ends here need. */
#ifndef FIRMWARE_PORTS_USBREDIR_PACKETS_H
#define FIRMWARE_PORTS_USBREDIR_PACKETS_H

#include <stdint.h>

enum usbredir_type {
    UR_HELLO = 0, /* version text 64, capabilities4 */
    UR_DEVICE_CONNECT = 1,
    UR_DEVICE_DISCONNECT = 2,
    UR_RESET = 3,
    UR_INTERFACE_INFO = 4,
    UR_EP_INFO = 5,
    UR_SET_CONFIGURATION = 6,
    UR_GET_CONFIGURATION = 7,
    UR_CONFIGURATION_STATUS = 8,
    UR_SET_ALT_SETTING = 9,
    UR_GET_ALT_SETTING = 10,
    UR_ALT_SETTING_STATUS = 11,
    UR_START_INTERRUPT = 15,
    UR_INTERRUPT_STATUS = 17,
    UR_CANCEL_DATA = 21,
    UR_CONTROL = 100, /* endpoint1, request1, requestType1, status1, value2, index2, length2 */
    UR_BULK = 101     /* endpoint1, status1, length2, stream4, lengthHigh2 (UR_CAP_LONG_BULK) */
};

enum usbredir_status { UR_SUCCESS = 0, UR_CANCELLED = 1, UR_INVALID = 2, UR_STALL = 4 };

/* Bits of the capabilities. */
enum usbredir_capability {
    UR_CAP_DEVICE_VERSION = 1u << 1,
    UR_CAP_MAX_PACKET = 1u << 4,
    UR_CAP_WIDE_IDS = 1u << 5,
    UR_CAP_LONG_BULK = 1u << 6,
    UR_CAPS = UR_CAP_DEVICE_VERSION | UR_CAP_MAX_PACKET | UR_CAP_WIDE_IDS | UR_CAP_LONG_BULK
};

enum usbredir_size {
    UR_VERSION_TEXT = 64,
    UR_HELLO_SIZE = UR_VERSION_TEXT + 4,
    UR_CONTROL_HEAD = 10,
    UR_BULK_HEAD = 8,
    UR_BULK_LONG_HEAD = 10,
    UR_HEAD_MAX = 16,
    UR_PACKET_MAX = 70000 /* what we take of a packet's length */
};

static inline uint16_t ur_le16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t ur_le32(const uint8_t *p) {
    return (uint32_t)ur_le16(p) | (uint32_t)ur_le16(p + 2) << 16;
}

static inline void ur_put16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void ur_put32(uint8_t *p, uint32_t v) {
    ur_put16(p, (uint16_t)v);
    ur_put16(p + 2, (uint16_t)(v >> 16));
}

#endif
