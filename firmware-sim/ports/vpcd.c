/* A vpcd client. */
#include "firmware-sim/ports/vpcd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum vpcd_control { VPCD_POWER_OFF = 0, VPCD_POWER_ON = 1, VPCD_RESET = 2, VPCD_GET_ATR = 4 };
enum { HEAD = 2, RETRY_MS = 100, OUT_MAX = 2 * 65538 };

static struct vpcd_port *port_of(struct reader_user *user) {
    return (struct vpcd_port *)(void *)user;
}

static void port_ready(void *ctx, short revents);
static void port_attach(struct vpcd_port *port);

static void port_disconnect(struct vpcd_port *port) {
    if (port->state == VPCD_CLOSED)
        return;
    loop_unwatch(port->user.reader->loop, port->stream.fd);
    stream_close(&port->stream);
    port->state = VPCD_CLOSED;
    port->pending = false;
    /* what was waiting or held for the old connection goes with it */
    struct reader *reader = port->user.reader;
    reader_detach(&port->user);
    port_attach(port);
    if (reader->present)
        loop_timer_start(reader->loop, &port->retry, RETRY_MS);
}

static void port_watch(struct vpcd_port *port) {
    short events = POLLRDHUP;
    if (port->state == VPCD_CLOSED)
        return;
    if (!port->pending)
        events |= POLLIN;
    if (port->stream.out_len || port->state == VPCD_CONNECTING)
        events |= POLLOUT;
    if (!loop_watch(port->user.reader->loop, port->stream.fd, events, port_ready, port))
        port_disconnect(port);
}

static bool port_send(struct vpcd_port *port, const uint8_t *bytes, size_t len) {
    uint8_t head[HEAD] = {(uint8_t)(len >> 8), (uint8_t)len};
    return stream_send(&port->stream, head, sizeof head) && stream_send(&port->stream, bytes, len);
}

static size_t frame_len(const struct vpcd_port *port) {
    return (size_t)port->stream.in[0] << 8 | port->stream.in[1];
}

/* The frame at the head of the buffer, if it is whole. False if there is none, or the reader must give us a turn first. */
static bool port_frame(struct vpcd_port *port) {
    struct stream *s = &port->stream;
    if (port->state != VPCD_OPEN || port->pending || s->in_len < HEAD ||
        s->in_len < HEAD + frame_len(port))
        return false;
    size_t len = frame_len(port);
    if (len == 1 && s->in[HEAD] == VPCD_GET_ATR) {
        uint8_t atr[READER_ATR_MAX];
        size_t atr_len = reader_atr(port->user.reader, atr);
        stream_drop(s, HEAD + len);
        if (port_send(port, atr, atr_len))
            return true;
        port_disconnect(port);
        return false;
    }
    if (len == 0) {
        stream_drop(s, HEAD);
        return true;
    }
    port->pending = true;
    reader_begin(&port->user, READER_WAIT_FOREVER);
    return true;
}

static void port_process(struct vpcd_port *port) {
    if (port->parsing)
        return;
    port->parsing = true;
    while (port_frame(port))
        ;
    port->parsing = false;
    port_watch(port);
}

static void on_begun(struct reader_user *user, bool foreign) {
    struct vpcd_port *port = port_of(user);
    size_t len = frame_len(port);
    (void)foreign;  /* vpcd has no way to say it */
    if (len == 1) { /* power off, power on, reset: the card forgets what is volatile */
        stream_drop(&port->stream, HEAD + len);
        port->pending = false;
        reader_reset(user);
        reader_end(user);
        port_process(port);
        return;
    }
    reader_transmit(user, port->stream.in + HEAD, len);
}

static void on_answered(struct reader_user *user, const uint8_t *response, size_t len) {
    struct vpcd_port *port = port_of(user);
    stream_drop(&port->stream, HEAD + frame_len(port));
    port->pending = false;
    bool sent = port_send(port, response, len);
    reader_end(user);
    if (sent)
        port_process(port);
    else
        port_disconnect(port);
}

/* The card goes: on_changed closes the connection. */
static void on_refused(struct reader_user *user, enum simlink_error why) {
    (void)user;
    (void)why;
}

static void on_lost(struct reader_user *user) {
    (void)user;
}

static void port_connect(void *ctx) {
    struct vpcd_port *port = ctx;
    struct reader *reader = port->user.reader;
    int one = 1;
    if (port->state != VPCD_CLOSED || !reader->present)
        return;
    int fd = socket(port->address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (connect(fd, port->address->ai_addr, port->address->ai_addrlen) == 0 ||
                    errno == EINPROGRESS)) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (stream_open(&port->stream, fd, HEAD + 65535, OUT_MAX)) {
            port->stream.quick_ack = true;
            port->state = VPCD_CONNECTING;
            port_watch(port);
            return;
        }
    } else if (fd >= 0) {
        close(fd);
    }
    loop_timer_start(reader->loop, &port->retry, RETRY_MS);
}

static void on_changed(struct reader_user *user) {
    struct vpcd_port *port = port_of(user);
    loop_timer_stop(user->reader->loop, &port->retry);
    if (user->reader->present)
        port_connect(port);
    else
        port_disconnect(port);
}

static void port_ready(void *ctx, short revents) {
    struct vpcd_port *port = ctx;
    bool open = !(revents & (POLLERR | POLLHUP | POLLNVAL | POLLRDHUP));
    if (open && revents & POLLOUT && port->state == VPCD_CONNECTING) {
        int err = 0;
        socklen_t len = sizeof err;
        open = getsockopt(port->stream.fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0;
        port->state = VPCD_OPEN;
    }
    if (open && revents & POLLOUT)
        open = stream_flush(&port->stream);
    if (open && revents & POLLIN)
        open = stream_fill(&port->stream);
    if (open)
        port_process(port);
    else
        port_disconnect(port);
}

static void port_attach(struct vpcd_port *port) {
    static const struct reader_user_ops ops = {on_begun, on_refused, on_answered, on_lost,
                                               on_changed};
    struct reader *reader = port->user.reader;
    port->user.ops = &ops;
    port->user.port = "vpcd";
    reader_attach(reader, &port->user);
}

static bool resolve(struct vpcd_port *port, const char *target) {
    char host[256];
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const char *colon = strrchr(target, ':');
    size_t len = colon ? (size_t)(colon - target) : 0;
    if (len == 0 || len >= sizeof host)
        return false;
    memcpy(host, target, len);
    host[len] = 0;
    return getaddrinfo(host, colon + 1, &hints, &port->address) == 0;
}

bool vpcd_port_open(struct vpcd_port *port, struct reader *reader, const char *target) {
    memset(port, 0, sizeof *port);
    port->stream.fd = -1;
    port->user.reader = reader;
    port->retry = (struct loop_timer){.fire = port_connect, .ctx = port};
    if (!resolve(port, target))
        return false;
    port_attach(port);
    port_connect(port);
    return true;
}

void vpcd_port_close(struct vpcd_port *port) {
    port_disconnect(port);
    loop_timer_stop(port->user.reader->loop, &port->retry);
    reader_detach(&port->user);
    freeaddrinfo(port->address);
}
