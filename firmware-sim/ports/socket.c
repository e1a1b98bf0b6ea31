/* One connection per host; frames in, frames out. */
#include "firmware-sim/ports/socket.h"

#include "firmware-sim/ports/listener.h"
#include "firmware-sim/ports/stream.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CONNS_MAX = 64, FRAME_HEAD = 4, OUT_MAX = 256 * 1024 };

struct socket_conn {
    struct reader_user user; /* first: callbacks get it */
    struct socket_port *port;
    struct stream stream;
    struct socket_conn *next;
    bool greeted; /* said HELLO: hears events */
    bool parsing; /* frames are being taken: callbacks leave that to whoever does */
    bool dead;
};

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_be32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static struct socket_conn *conn_of(struct reader_user *user) {
    return (struct socket_conn *)(void *)user;
}

static void conn_ready(void *ctx, short revents);

/* Closing waits for the loop, as we may be deep in a callback of this very connection. */
static void conn_fail(struct socket_conn *conn) {
    if (conn->dead)
        return;
    conn->dead = true;
    loop_unwatch(conn->port->reader->loop, conn->stream.fd);
    loop_timer_start(conn->port->reader->loop, &conn->port->reaper, 0);
}

/* While it waits or runs, a host has nothing to say but goodbye. */
static void conn_watch(struct socket_conn *conn) {
    short events = POLLRDHUP;
    if (conn->dead)
        return;
    if (conn->user.state != READER_WAITING && conn->user.state != READER_RUNNING)
        events |= POLLIN;
    if (conn->stream.out_len)
        events |= POLLOUT;
    if (!loop_watch(conn->port->reader->loop, conn->stream.fd, events, conn_ready, conn))
        conn_fail(conn);
}

static void conn_send(struct socket_conn *conn, enum simlink_type type, const void *payload,
                      size_t len) {
    uint8_t head[FRAME_HEAD + 1];
    put_be32(head, (uint32_t)len + 1);
    head[FRAME_HEAD] = (uint8_t)type;
    if (conn->dead)
        return;
    if (!stream_send(&conn->stream, head, sizeof head) ||
        (len && !stream_send(&conn->stream, payload, len)))
        conn_fail(conn);
}

static void conn_error(struct socket_conn *conn, enum simlink_error error) {
    uint8_t code = (uint8_t)error;
    conn_send(conn, SIM_ERROR, &code, 1);
}

static void conn_state(struct socket_conn *conn, enum simlink_type type) {
    const struct reader *reader = conn->port->reader;
    uint8_t payload[1 + 4 + READER_ATR_MAX] = {reader->present};
    put_be32(payload + 1, reader->generation);
    conn_send(conn, type, payload, 5 + (reader->present ? reader_atr(reader, payload + 5) : 0));
}

/* One frame. */
static void conn_frame(struct socket_conn *conn, uint8_t type, const uint8_t *payload, size_t len) {
    struct reader_user *user = &conn->user;
    bool turn = user->state == READER_TURN;
    switch (type) {
    case SIM_HELLO:
        if (len != 1 || payload[0] != SIMLINK_VERSION)
            break;
        conn->greeted = true;
        conn_state(conn, SIM_STATE);
        return;
    case SIM_BEGIN:
        if (len != 4 || user->state == READER_TURN)
            break;
        if (user->state == READER_LOST)
            reader_end(user);
        reader_begin(user, be32(payload));
        return;
    case SIM_END:
        if (len != 0 || user->state == READER_IDLE)
            break;
        reader_end(user);
        conn_state(conn, SIM_STATE);
        return;
    case SIM_APDU:
    case SIM_RESET:
        if (user->state == READER_LOST) {
            conn_error(conn, SIM_ERR_NO_CARD);
            return;
        }
        if (!turn || (type == SIM_RESET && len != 0))
            break;
        if (type == SIM_APDU) {
            reader_transmit(user, payload, len);
            return;
        }
        reader_reset(user);
        conn_state(conn, SIM_STATE);
        return;
    default:
        break;
    }
    conn_error(conn, SIM_ERR_PROTOCOL);
}

static void conn_process(struct socket_conn *conn) {
    struct stream *s = &conn->stream;
    if (conn->parsing)
        return;
    conn->parsing = true;
    while (!conn->dead && s->in_len >= FRAME_HEAD && conn->user.state != READER_WAITING &&
           conn->user.state != READER_RUNNING) {
        uint32_t len = be32(s->in);
        if (len == 0 || len > SIMLINK_MAX_FRAME) {
            conn_error(conn, SIM_ERR_PROTOCOL);
            conn_fail(conn);
            break;
        }
        if (s->in_len < FRAME_HEAD + len)
            break;
        conn_frame(conn, s->in[FRAME_HEAD], s->in + FRAME_HEAD + 1, len - 1);
        stream_drop(s, FRAME_HEAD + len);
    }
    conn->parsing = false;
    conn_watch(conn);
}

static void conn_ready(void *ctx, short revents) {
    struct socket_conn *conn = ctx;
    bool open = !(revents & (POLLERR | POLLHUP | POLLNVAL | POLLRDHUP));
    if (revents & POLLOUT)
        open = stream_flush(&conn->stream) && open;
    if (open && revents & POLLIN)
        open = stream_fill(&conn->stream);
    if (open)
        conn_process(conn);
    else
        conn_fail(conn);
}

static void on_begun(struct reader_user *user, bool foreign) {
    struct socket_conn *conn = conn_of(user);
    uint8_t payload[5];
    put_be32(payload, user->reader->generation);
    payload[4] = foreign;
    conn_send(conn, SIM_BEGUN, payload, sizeof payload);
    conn_process(conn);
}

static void on_refused(struct reader_user *user, enum simlink_error why) {
    conn_error(conn_of(user), why);
    conn_process(conn_of(user));
}

static void on_answered(struct reader_user *user, const uint8_t *response, size_t len) {
    conn_send(conn_of(user), SIM_RESPONSE, response, len);
    conn_process(conn_of(user));
}

static void on_lost(struct reader_user *user) {
    conn_error(conn_of(user), user->reader->power->failed ? SIM_ERR_POWER : SIM_ERR_NO_CARD);
    conn_process(conn_of(user));
}

static void on_changed(struct reader_user *user) {
    struct socket_conn *conn = conn_of(user);
    if (conn->greeted)
        conn_state(conn, SIM_EVENT);
    conn_watch(conn);
}

static const struct reader_user_ops user_ops = {on_begun, on_refused, on_answered, on_lost,
                                                on_changed};

static void on_connection(void *ctx, short revents) {
    struct socket_port *port = ctx;
    (void)revents;
    int fd = accept(port->fd, NULL, NULL);
    struct socket_conn *conn = fd >= 0 ? calloc(1, sizeof *conn) : NULL;
    if (!conn || port->count == CONNS_MAX) {
        struct stream refused;
        if (fd >= 0 && stream_open(&refused, fd, 1, 1))
            stream_close(&refused);
        free(conn);
        return;
    }
    conn->port = port;
    if (!stream_open(&conn->stream, fd, FRAME_HEAD + SIMLINK_MAX_FRAME, OUT_MAX)) {
        free(conn);
        return;
    }
    conn->user.ops = &user_ops;
    conn->user.port = "socket";
    conn->next = port->conns;
    port->conns = conn;
    port->count++;
    reader_attach(port->reader, &conn->user);
    conn_watch(conn);
}

static void conn_free(struct socket_conn *conn) {
    reader_detach(&conn->user);
    stream_close(&conn->stream);
    conn->port->count--;
    free(conn);
}

static void reap(void *ctx) {
    struct socket_port *port = ctx;
    for (struct socket_conn **at = &port->conns; *at;) {
        struct socket_conn *conn = *at;
        if (!conn->dead) {
            at = &conn->next;
            continue;
        }
        *at = conn->next;
        conn_free(conn);
    }
}

bool socket_port_open(struct socket_port *port, struct reader *reader, const char *path) {
    *port = (struct socket_port){.reader = reader, .path = path};
    port->reaper = (struct loop_timer){.fire = reap, .ctx = port};
    port->fd = listener_open(path);
    return port->fd >= 0 && loop_watch(reader->loop, port->fd, POLLIN, on_connection, port);
}

void socket_port_close(struct socket_port *port) {
    loop_unwatch(port->reader->loop, port->fd);
    listener_close(port->fd, port->path);
    loop_timer_stop(port->reader->loop, &port->reaper);
    for (struct socket_conn *conn = port->conns; conn; conn = conn->next)
        conn->dead = true; /* nothing is sent any more */
    for (struct socket_conn *conn = port->conns, *next; conn; conn = next) {
        next = conn->next;
        loop_unwatch(port->reader->loop, conn->stream.fd);
        conn_free(conn);
    }
    port->conns = NULL;
}
