/* A usbredir host with one device. */
#include "firmware-sim/ports/usbredir.h"

#include "firmware-sim/ports/listener.h"
#include "firmware-sim/ports/usbredir_packets.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { OUT_MAX = 256 * 1024, EXTENSION_MS = 500 };

/* Endpoints in the lists of EP_INFO: 0 to 15 out, 16 to 31 in. */
enum { EP_COUNT = 32, EP_BULK = 2, EP_NONE = 255, SPEED_FULL = 1 };

static struct usbredir_port *port_of(struct reader_user *user) {
    return (struct usbredir_port *)(void *)user;
}

static void port_ready(void *ctx, short revents);
static void port_attach(struct usbredir_port *port);

static void port_disconnect(struct usbredir_port *port) {
    if (!port->is_open)
        return;
    loop_unwatch(port->user.reader->loop, port->stream.fd);
    loop_timer_stop(port->user.reader->loop, &port->extension);
    stream_close(&port->stream);
    port->is_open = false;
    reader_detach(&port->user);
    port_attach(port);
}

static void port_watch(struct usbredir_port *port) {
    short events = POLLIN;
    if (!port->is_open)
        return;
    if (port->stream.out_len)
        events |= POLLOUT;
    if (!loop_watch(port->user.reader->loop, port->stream.fd, events, port_ready, port))
        port_disconnect(port);
}

static void packet_send(struct usbredir_port *port, enum usbredir_type type, uint64_t id,
                        const void *head, size_t head_len, const void *data, size_t len) {
    uint8_t start[UR_HEAD_MAX];
    if (!port->is_open)
        return;
    ur_put32(start, type);
    ur_put32(start + 4, (uint32_t)(head_len + len));
    ur_put32(start + 8, (uint32_t)id);
    ur_put32(start + 12, (uint32_t)(id >> 32));
    size_t start_len = port->wide_ids ? 16 : 12;
    if (!stream_send(&port->stream, start, start_len) ||
        !stream_send(&port->stream, head, head_len) ||
        (len && !stream_send(&port->stream, data, len)))
        port_disconnect(port);
}

static void bulk_send(struct usbredir_port *port, uint64_t id, uint8_t endpoint, uint8_t status,
                      const uint8_t *data, size_t len) {
    uint8_t head[UR_BULK_LONG_HEAD] = {endpoint, status};
    ur_put16(head + 2, (uint16_t)len);
    ur_put16(head + 8, (uint16_t)(len >> 16));
    packet_send(port, UR_BULK, id, head, port->long_bulk ? UR_BULK_LONG_HEAD : UR_BULK_HEAD, data,
                data ? len : 0);
}

/* Gives replies to those who wait for them. */
static void deliver(struct usbredir_port *port) {
    while (port->is_open && port->wishes && port->replies) {
        struct usbredir_wish wish = port->wish[0];
        size_t left = port->reply[0].len - port->reply[0].sent;
        size_t len = left < wish.len ? left : wish.len;
        const uint8_t *bytes = port->reply[0].bytes + port->reply[0].sent;
        port->wishes--;
        memmove(port->wish, port->wish + 1, port->wishes * sizeof port->wish[0]);
        bulk_send(port, wish.id, CCID_BULK_IN, UR_SUCCESS, bytes, len);
        port->reply[0].sent += len;
        if (len < left)
            continue;
        port->replies--;
        memmove(port->reply, port->reply + 1, port->replies * sizeof port->reply[0]);
    }
}

/* Puts what ccid has to say behind what it said before. A host that never reads loses the oldest. */
static void reply(struct usbredir_port *port) {
    if (port->replies == USBREDIR_REPLIES_MAX) {
        port->replies--;
        memmove(port->reply, port->reply + 1, port->replies * sizeof port->reply[0]);
    }
    port->reply[port->replies].len = port->ccid.reply_len;
    port->reply[port->replies].sent = 0;
    memcpy(port->reply[port->replies].bytes, port->ccid.reply, port->ccid.reply_len);
    port->replies++;
    deliver(port);
    port_watch(port);
}

static void extend(void *ctx) {
    struct usbredir_port *port = ctx;
    if (!port->ccid.busy)
        return;
    if (port->replies == 0) { /* the last one has been read */
        ccid_wait(&port->ccid);
        reply(port);
    }
    if (port->is_open)
        loop_timer_start(port->user.reader->loop, &port->extension, EXTENSION_MS);
}

/* --- what the device does --- */

static void act(struct usbredir_port *port, enum ccid_action action) {
    switch (action) {
    case CCID_MORE:
        break;
    case CCID_REPLY:
        reply(port);
        break;
    default:
        port->action = action;
        loop_timer_start(port->user.reader->loop, &port->extension, EXTENSION_MS);
        reader_begin(&port->user, READER_WAIT_FOREVER);
    }
}

static void done(struct usbredir_port *port) {
    port->action = CCID_MORE;
    loop_timer_stop(port->user.reader->loop, &port->extension);
    reader_end(&port->user);
    reply(port);
}

static void on_begun(struct reader_user *user, bool foreign) {
    struct usbredir_port *port = port_of(user);
    uint8_t atr[READER_ATR_MAX];
    (void)foreign; /* CCID has no way to say it */
    if (port->action == CCID_TRANSMIT) {
        reader_transmit(user, port->ccid.apdu, port->ccid.apdu_len);
        return;
    }
    reader_reset(user);
    if (port->action == CCID_POWER_ON)
        ccid_powered(&port->ccid, atr, reader_atr(user->reader, atr));
    else
        ccid_unpowered(&port->ccid);
    done(port);
}

static void on_answered(struct reader_user *user, const uint8_t *response, size_t len) {
    struct usbredir_port *port = port_of(user);
    ccid_answered(&port->ccid, response, len);
    done(port);
}

/* The card goes: on_changed answers. */
static void on_refused(struct reader_user *user, enum simlink_error why) {
    (void)user;
    (void)why;
}

static void on_lost(struct reader_user *user) {
    (void)user;
}

static void on_changed(struct reader_user *user) {
    struct usbredir_port *port = port_of(user);
    bool lost = ccid_card_changed(&port->ccid, user->reader->present);
    if (!port->is_open || !lost)
        return;
    port->action = CCID_MORE;
    loop_timer_stop(user->reader->loop, &port->extension);
    if (user->state == READER_LOST)
        reader_end(user);
    reply(port);
}

static void device_reset(struct usbredir_port *port) {
    loop_timer_stop(port->user.reader->loop, &port->extension);
    reader_detach(&port->user);
    port_attach(port);
    port->replies = 0;
}

/* --- packets --- */

static void hello_send(struct usbredir_port *port) {
    uint8_t hello[UR_HELLO_SIZE] = {0};
    snprintf((char *)hello, UR_VERSION_TEXT, "ukey-sim %s", OPENUKEY_VERSION);
    ur_put32(hello + UR_VERSION_TEXT, UR_CAPS);
    packet_send(port, UR_HELLO, 0, hello, sizeof hello, NULL, 0);
}

static void device_send(struct usbredir_port *port, uint32_t caps) {
    uint8_t interfaces[4 + 4 * 32] = {1}, endpoints[3 * EP_COUNT + 2 * EP_COUNT] = {0};
    uint8_t device[10] = {SPEED_FULL};
    interfaces[4 + 32] = 0x0B;
    memset(endpoints, EP_NONE, EP_COUNT);
    endpoints[0] = endpoints[16] = 0; /* control */
    endpoints[CCID_BULK_OUT] = endpoints[16 + (CCID_BULK_IN & 15)] = EP_BULK;
    uint8_t *sizes = endpoints + (size_t)3 * EP_COUNT;
    static const unsigned used[] = {0, 16, CCID_BULK_OUT, 16 + (CCID_BULK_IN & 15)};
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++)
        ur_put16(sizes + (size_t)2 * used[i], CCID_PACKET);
    ur_put16(device + 4, CCID_VENDOR);
    ur_put16(device + 6, CCID_PRODUCT);
    ur_put16(device + 8, CCID_RELEASE);
    packet_send(port, UR_INTERFACE_INFO, 0, interfaces, sizeof interfaces, NULL, 0);
    packet_send(port, UR_EP_INFO, 0, endpoints,
                sizeof endpoints - (caps & UR_CAP_MAX_PACKET ? 0 : 2 * EP_COUNT), NULL, 0);
    packet_send(port, UR_DEVICE_CONNECT, 0, device,
                sizeof device - (caps & UR_CAP_DEVICE_VERSION ? 0 : 2), NULL, 0);
}

static void on_control(struct usbredir_port *port, uint64_t id, const uint8_t *head) {
    const uint8_t setup[8] = {head[2], head[1], head[4], head[5],
                              head[6], head[7], head[8], head[9]};
    uint8_t answer[UR_CONTROL_HEAD], data[CCID_DESCRIPTOR_MAX];
    size_t len = 0;
    memcpy(answer, head, sizeof answer);
    answer[3] = ccid_control(&port->ccid, setup, data, &len) ? UR_SUCCESS : UR_STALL;
    ur_put16(answer + 8, (uint16_t)len);
    packet_send(port, UR_CONTROL, id, answer, sizeof answer, data, len);
}

static void on_bulk(struct usbredir_port *port, uint64_t id, const uint8_t *head, size_t len) {
    size_t head_len = port->long_bulk ? UR_BULK_LONG_HEAD : UR_BULK_HEAD;
    if (len < head_len)
        return;
    uint32_t wanted = ur_le16(head + 2) | (port->long_bulk ? (uint32_t)ur_le16(head + 8) << 16 : 0);
    if (head[0] == CCID_BULK_OUT && wanted == len - head_len) {
        bulk_send(port, id, CCID_BULK_OUT, UR_SUCCESS, NULL, wanted);
        act(port, ccid_bulk_out(&port->ccid, head + head_len, wanted));
    } else if (head[0] == CCID_BULK_IN && port->wishes < USBREDIR_WAITING_MAX) {
        port->wish[port->wishes++] = (struct usbredir_wish){id, wanted};
        deliver(port);
    } else {
        bulk_send(port, id, head[0], UR_INVALID, NULL, 0);
    }
}

static void on_cancel(struct usbredir_port *port, uint64_t id) {
    for (unsigned i = 0; i < port->wishes; i++) {
        if (port->wish[i].id != id)
            continue;
        port->wishes--;
        memmove(port->wish + i, port->wish + i + 1, (port->wishes - i) * sizeof port->wish[0]);
        bulk_send(port, id, CCID_BULK_IN, UR_CANCELLED, NULL, 0);
        return;
    }
}

static void on_hello(struct usbredir_port *port, const uint8_t *data, size_t len) {
    uint32_t caps = len >= UR_HELLO_SIZE ? ur_le32(data + UR_VERSION_TEXT) : 0;
    port->greeted = true;
    port->wide_ids = (caps & UR_CAP_WIDE_IDS) != 0;
    port->long_bulk = (caps & UR_CAP_LONG_BULK) != 0;
    device_send(port, caps);
}

static void on_packet(struct usbredir_port *port, uint32_t type, uint64_t id, const uint8_t *data,
                      size_t len) {
    switch (type) {
    case UR_RESET:
        device_reset(port);
        break;
    case UR_SET_CONFIGURATION:
    case UR_GET_CONFIGURATION: {
        const uint8_t status[2] = {len && data[0] > 1 ? UR_INVALID : UR_SUCCESS, 1};
        packet_send(port, UR_CONFIGURATION_STATUS, id, status, sizeof status, NULL, 0);
        break;
    }
    case UR_SET_ALT_SETTING:
    case UR_GET_ALT_SETTING: {
        const uint8_t interface = len ? data[0] : 0, alt = len > 1 ? data[1] : 0;
        const uint8_t status[3] = {interface || alt ? UR_INVALID : UR_SUCCESS, interface, 0};
        packet_send(port, UR_ALT_SETTING_STATUS, id, status, sizeof status, NULL, 0);
        break;
    }
    case UR_START_INTERRUPT: {
        const uint8_t status[2] = {UR_INVALID, len ? data[0] : 0};
        packet_send(port, UR_INTERRUPT_STATUS, id, status, sizeof status, NULL, 0);
        break;
    }
    case UR_CANCEL_DATA:
        on_cancel(port, id);
        break;
    case UR_CONTROL:
        if (len >= UR_CONTROL_HEAD)
            on_control(port, id, data);
        break;
    case UR_BULK:
        on_bulk(port, id, data, len);
        break;
    default: /* nothing that this device has */
        break;
    }
}

static void port_process(struct usbredir_port *port) {
    struct stream *s = &port->stream;
    if (port->parsing)
        return;
    port->parsing = true;
    for (;;) {
        size_t head = port->greeted && port->wide_ids ? 16 : 12;
        if (!port->is_open || s->in_len < head)
            break;
        uint32_t type = ur_le32(s->in), len = ur_le32(s->in + 4);
        uint64_t id = ur_le32(s->in + 8);
        if (head == 16)
            id |= (uint64_t)ur_le32(s->in + 12) << 32;
        if (len > UR_PACKET_MAX - head || (!port->greeted && type != UR_HELLO)) {
            port_disconnect(port);
            break;
        }
        if (s->in_len < head + len)
            break;
        if (type == UR_HELLO && !port->greeted)
            on_hello(port, s->in + head, len);
        else
            on_packet(port, type, id, s->in + head, len);
        if (port->is_open)
            stream_drop(s, head + len);
    }
    port->parsing = false;
    port_watch(port);
}

static void port_ready(void *ctx, short revents) {
    struct usbredir_port *port = ctx;
    bool open = !(revents & (POLLERR | POLLNVAL));
    if (open && revents & POLLOUT)
        open = stream_flush(&port->stream);
    if (open && revents & (POLLIN | POLLHUP))
        open = stream_fill(&port->stream);
    if (open)
        port_process(port);
    else
        port_disconnect(port);
}

static void on_connection(void *ctx, short revents) {
    struct usbredir_port *port = ctx;
    struct stream stream;
    (void)revents;
    int fd = accept(port->fd, NULL, NULL);
    if (fd < 0 || !stream_open(&stream, fd, UR_PACKET_MAX, OUT_MAX))
        return;
    if (port->is_open) { /* a device is in one place at a time */
        stream_close(&stream);
        return;
    }
    port->stream = stream;
    port->is_open = true;
    port->greeted = port->wide_ids = port->long_bulk = false;
    port->wishes = port->replies = 0;
    device_reset(port);
    hello_send(port);
    port_watch(port);
}

static void port_attach(struct usbredir_port *port) {
    static const struct reader_user_ops ops = {on_begun, on_refused, on_answered, on_lost,
                                               on_changed};
    struct reader *reader = port->user.reader;
    port->user.ops = &ops;
    port->user.port = "usb";
    port->action = CCID_MORE;
    ccid_init(&port->ccid, reader->present);
    reader_attach(reader, &port->user);
}

bool usbredir_port_open(struct usbredir_port *port, struct reader *reader, const char *path) {
    port->stream.fd = -1;
    port->path = path;
    port->user.reader = reader;
    port->extension = (struct loop_timer){.fire = extend, .ctx = port};
    port->fd = listener_open(path);
    if (port->fd < 0)
        return false;
    port_attach(port);
    if (loop_watch(reader->loop, port->fd, POLLIN, on_connection, port))
        return true;
    usbredir_port_close(port);
    return false;
}

void usbredir_port_close(struct usbredir_port *port) {
    port_disconnect(port);
    loop_unwatch(port->user.reader->loop, port->fd);
    listener_close(port->fd, port->path);
    reader_detach(&port->user);
}
