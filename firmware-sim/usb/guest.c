/* usbredir, guest's side. */
#include "firmware-sim/usb/guest.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAIT_MS = 10000 };

static bool send_all(int fd, const void *bytes, size_t len) {
    const uint8_t *p = bytes;
    while (len) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool packet_send(struct guest *guest, enum usbredir_type type, uint64_t id, const void *head,
                        size_t head_len, const void *data, size_t len) {
    uint8_t start[UR_HEAD_MAX];
    ur_put32(start, type);
    ur_put32(start + 4, (uint32_t)(head_len + len));
    ur_put32(start + 8, (uint32_t)id);
    ur_put32(start + 12, (uint32_t)(id >> 32));
    return send_all(guest->fd, start, guest->greeted ? 16 : 12) &&
           send_all(guest->fd, head, head_len) && send_all(guest->fd, data, len);
}

bool guest_send(struct guest *guest, enum usbredir_type type, uint64_t id) {
    return packet_send(guest, type, id, NULL, 0, NULL, 0);
}

bool guest_control(struct guest *guest, uint64_t id, const uint8_t setup[8], const uint8_t *data,
                   size_t len) {
    const uint8_t head[UR_CONTROL_HEAD] = {setup[0] & 0x80, setup[1], setup[0], 0,        setup[2],
                                           setup[3],        setup[4], setup[5], setup[6], setup[7]};
    return packet_send(guest, UR_CONTROL, id, head, sizeof head, data, len);
}

bool guest_bulk(struct guest *guest, uint64_t id, uint8_t endpoint, const uint8_t *data,
                size_t len) {
    uint8_t head[UR_BULK_LONG_HEAD] = {endpoint};
    ur_put16(head + 2, (uint16_t)len);
    ur_put16(head + 8, (uint16_t)(len >> 16));
    return packet_send(guest, UR_BULK, id, head, sizeof head, data, data ? len : 0);
}

static size_t head_len(const struct guest *guest) {
    return guest->greeted ? 16 : 12;
}

bool guest_has_packet(const struct guest *guest) {
    return guest->len >= head_len(guest) && guest->len - head_len(guest) >= ur_le32(guest->in + 4);
}

bool guest_fill(struct guest *guest) {
    ssize_t n =
        recv(guest->fd, guest->in + guest->len, sizeof guest->in - guest->len, MSG_DONTWAIT);
    if (n > 0)
        guest->len += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Drops the packet that was taken last: it stays until then at the end of the buffer's first packet. */
static void take(struct guest *guest, struct guest_packet *packet) {
    static uint8_t body[UR_PACKET_MAX];
    size_t head = head_len(guest), len = ur_le32(guest->in + 4);
    *packet = (struct guest_packet){.type = ur_le32(guest->in), .id = ur_le32(guest->in + 8)};
    if (head == 16)
        packet->id |= (uint64_t)ur_le32(guest->in + 12) << 32;
    if (len > sizeof body)
        len = sizeof body;
    memcpy(body, guest->in + head, len);
    guest->len -= head + len;
    memmove(guest->in, guest->in + head + len, guest->len);
    size_t own = packet->type == UR_CONTROL ? UR_CONTROL_HEAD
                 : packet->type == UR_BULK  ? UR_BULK_LONG_HEAD
                                            : 0;
    if (own > len)
        own = len;
    packet->data = body + own;
    packet->data_len = len - own;
    if (own == UR_CONTROL_HEAD && packet->type == UR_CONTROL)
        packet->status = body[3];
    if (packet->type == UR_BULK && own) {
        packet->status = body[1];
        if (packet->data_len == 0)
            packet->data_len = ur_le16(body + 2) | (size_t)ur_le16(body + 8) << 16;
    }
}

bool guest_next(struct guest *guest, struct guest_packet *packet) {
    while (!guest_has_packet(guest)) {
        struct pollfd p = {.fd = guest->fd, .events = POLLIN};
        if (guest->len == sizeof guest->in || poll(&p, 1, WAIT_MS) != 1 || !guest_fill(guest))
            return false;
    }
    take(guest, packet);
    return true;
}

/* Hello both ways, then everything up to the device. */
static bool greet(struct guest *guest) {
    uint8_t hello[UR_HELLO_SIZE] = {0};
    struct guest_packet packet;
    snprintf((char *)hello, UR_VERSION_TEXT, "ukey-sim-usb %s", OPENUKEY_VERSION);
    ur_put32(hello + UR_VERSION_TEXT, UR_CAPS);
    if (!packet_send(guest, UR_HELLO, 0, hello, sizeof hello, NULL, 0) ||
        !guest_next(guest, &packet) || packet.type != UR_HELLO || packet.data_len < UR_HELLO_SIZE ||
        (ur_le32(packet.data + UR_VERSION_TEXT) & UR_CAPS) != UR_CAPS)
        return false;
    guest->greeted = true;
    do {
        if (!guest_next(guest, &packet))
            return false;
    } while (packet.type != UR_DEVICE_CONNECT);
    if (packet.data_len < 10)
        return false;
    guest->vendor = ur_le16(packet.data + 4);
    guest->product = ur_le16(packet.data + 6);
    guest->release = ur_le16(packet.data + 8);
    return true;
}

bool guest_open(struct guest *guest, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(guest, 0, sizeof *guest);
    guest->fd = -1;
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        goto fail;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    guest->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (guest->fd < 0 || connect(guest->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        goto fail;
    errno = EPROTO;
    if (greet(guest))
        return true;
fail:
    fprintf(stderr, "ukey-sim-usb: %s: %s\n", path, strerror(errno));
    guest_close(guest);
    return false;
}

void guest_close(struct guest *guest) {
    if (guest->fd >= 0)
        close(guest->fd);
    guest->fd = -1;
}

size_t guest_descriptor(struct guest *guest, uint8_t type, uint8_t index, uint8_t *out,
                        size_t size) {
    const uint8_t setup[8] = {0x80,
                              6,
                              index,
                              type,
                              type == 3 && index ? 9 : 0,
                              type == 3 && index ? 4 : 0,
                              (uint8_t)size,
                              (uint8_t)(size >> 8)};
    struct guest_packet packet;
    if (!guest_control(guest, 0, setup, NULL, 0) || !guest_next(guest, &packet) ||
        packet.type != UR_CONTROL || packet.status != UR_SUCCESS || packet.data_len > size)
        return 0;
    memcpy(out, packet.data, packet.data_len);
    return packet.data_len;
}
