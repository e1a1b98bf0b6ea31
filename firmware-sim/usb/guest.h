/* The guest's end of the usbredir protocol: finds the device behind a socket, sends it packets, hands out the answers. */
#ifndef FIRMWARE_USB_GUEST_H
#define FIRMWARE_USB_GUEST_H

#include "firmware-sim/ports/usbredir_packets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest {
    int fd;
    bool greeted;
    uint16_t vendor, product, release;
    size_t len;
    uint8_t in[2 * UR_PACKET_MAX];
};

/* A packet; data is behind the type's own header and belongs to the guest until the next call. */
struct guest_packet {
    uint32_t type;
    uint64_t id;
    uint8_t status;
    uint8_t *data;
    size_t data_len; /* of an answer without data: how much was taken */
};

/* Connects to the socket and waits for the device. False: has complained. */
bool guest_open(struct guest *guest, const char *path);
void guest_close(struct guest *guest);

/* False: the other end is gone. */
bool guest_control(struct guest *guest, uint64_t id, const uint8_t setup[8], const uint8_t *data,
                   size_t len);
bool guest_bulk(struct guest *guest, uint64_t id, uint8_t endpoint, const uint8_t *data,
                size_t len);
bool guest_send(struct guest *guest, enum usbredir_type type, uint64_t id);

/* Waits for and takes the next packet. False: the other end is gone. */
bool guest_next(struct guest *guest, struct guest_packet *packet);
/* True if guest_next would not wait: a whole packet is there. */
bool guest_has_packet(const struct guest *guest);
/* Reads once, without waiting. False: the other end is gone. */
bool guest_fill(struct guest *guest);

/* A descriptor by a control transfer, before anything else runs; its length, 0 without one. */
size_t guest_descriptor(struct guest *guest, uint8_t type, uint8_t index, uint8_t *out,
                        size_t size);

#endif
