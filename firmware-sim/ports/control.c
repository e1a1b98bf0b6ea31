/* Lines in, lines out. */
#include "firmware-sim/ports/control.h"

#include "firmware-sim/ports/listener.h"
#include "firmware-sim/ports/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CONNS_MAX = 16, LINE_MAX_LEN = 4096, OUT_MAX = 16384, WORDS_MAX = 4 };

struct control_conn {
    struct reader_hold hold; /* first: its callback gets it */
    struct control_port *port;
    struct stream stream;
    struct control_conn *next;
    bool dead;
};

static void conn_fail(struct control_conn *conn) {
    if (conn->dead)
        return;
    conn->dead = true;
    loop_unwatch(conn->port->reader->loop, conn->stream.fd);
    loop_timer_start(conn->port->reader->loop, &conn->port->reaper, 0);
}

__attribute__((format(printf, 2, 3))) static void conn_print(struct control_conn *conn,
                                                             const char *format, ...) {
    char line[LINE_MAX_LEN + 64];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (conn->dead)
        return;
    if (len < 0 || (size_t)len >= sizeof line || !stream_send(&conn->stream, line, (size_t)len))
        conn_fail(conn);
}

static void on_held(struct reader_hold *hold) {
    conn_print((struct control_conn *)(void *)hold, "held %02X\n", hold->ins);
}

static void do_status(struct control_conn *conn, char **words, int count) {
    const struct control_port *port = conn->port;
    const struct reader *reader = port->reader;
    (void)words;
    (void)count;
    conn_print(conn, "ok present=%d generation=%" PRIu32 " hosts=%u held=%s seeded=%s\n",
               reader->present, reader->generation, *port->hosts,
               reader->command.user ? "yes" : "no", port->seeded ? "yes" : "no");
}

static void do_insert(struct control_conn *conn, char **words, int count) {
    uint32_t page;
    (void)words;
    (void)count;
    switch (reader_insert(conn->port->reader, &page)) {
    case CARD_OK:
        conn_print(conn, "ok\n");
        break;
    case CARD_DAMAGED:
        conn_print(conn, "error image damaged at page %" PRIu32 "\n", page);
        break;
    default:
        conn_print(conn, "error the card does not power up\n");
    }
}

static void do_remove(struct control_conn *conn, char **words, int count) {
    (void)words;
    (void)count;
    reader_remove(conn->port->reader);
    conn_print(conn, "ok\n");
}

static bool parse_number(const char *text, int base, unsigned long max, unsigned long *value) {
    char *end;
    errno = 0;
    *value = strtoul(text, &end, base);
    return errno == 0 && end != text && *end == 0 && *text != '-' && *value <= max;
}

static void do_hold(struct control_conn *conn, char **words, int count) {
    unsigned long ins, number = 1;
    bool after = count > 1 && strcmp(words[1], "after") == 0;
    if (count < 3 || (!after && strcmp(words[1], "before") != 0) ||
        !parse_number(words[2], 16, 0xff, &ins) ||
        (count > 3 && (!parse_number(words[3], 10, 1000000, &number) || number == 0))) {
        conn_print(conn, "error usage: hold before|after INS [N]\n");
        return;
    }
    reader_release(conn->port->reader, &conn->hold);
    conn->hold.ins = (uint8_t)ins;
    conn->hold.after = after;
    conn->hold.count = (unsigned)number;
    conn->hold.held = on_held;
    reader_hold(conn->port->reader, &conn->hold);
    conn_print(conn, "ok\n");
}

static void do_release(struct control_conn *conn, char **words, int count) {
    (void)words;
    (void)count;
    reader_release(conn->port->reader, &conn->hold);
    conn_print(conn, "ok\n");
}

static void do_trace(struct control_conn *conn, char **words, int count) {
    struct trace *trace = conn->port->reader->trace;
    (void)count;
    if (strcmp(words[1], "off") == 0) {
        trace_close(trace);
        conn_print(conn, "ok\n");
    } else if (trace_open(trace, words[1])) {
        conn_print(conn, "ok\n");
    } else {
        conn_print(conn, "error %s: %s\n", words[1], strerror(errno));
    }
}

static const struct verb {
    const char *name;
    int words_min, words_max;
    void (*run)(struct control_conn *conn, char **words, int count);
} verbs[] = {
    {"status", 1, 1, do_status}, {"insert", 1, 1, do_insert},   {"remove", 1, 1, do_remove},
    {"hold", 3, 4, do_hold},     {"release", 1, 1, do_release}, {"trace", 2, 2, do_trace},
};

static void conn_line(struct control_conn *conn, char *line) {
    char *words[WORDS_MAX + 1], *save = NULL;
    int count = 0;
    for (char *word = strtok_r(line, " \t\r", &save); word && count <= WORDS_MAX;
         word = strtok_r(NULL, " \t\r", &save))
        words[count++] = word;
    if (count == 0)
        return;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(words[0], verbs[i].name) != 0)
            continue;
        if (count < verbs[i].words_min || count > verbs[i].words_max)
            conn_print(conn, "error wrong number of words for %s\n", words[0]);
        else
            verbs[i].run(conn, words, count);
        return;
    }
    conn_print(conn, "error unknown verb (status insert remove hold release trace)\n");
}

static void conn_watch(struct control_conn *conn);

static void conn_ready(void *ctx, short revents) {
    struct control_conn *conn = ctx;
    struct stream *s = &conn->stream;
    bool open = !(revents & (POLLERR | POLLNVAL));
    if (open && revents & POLLOUT)
        open = stream_flush(s);
    if (open && revents & (POLLIN | POLLHUP))
        open = stream_fill(s); /* the end of the stream: what came before it is done still */
    uint8_t *end;
    while (!conn->dead && s->in_len && (end = memchr(s->in, '\n', s->in_len))) {
        char line[LINE_MAX_LEN];
        size_t len = (size_t)(end - s->in);
        memcpy(line, s->in, len);
        line[len] = 0;
        stream_drop(s, len + 1);
        conn_line(conn, line);
    }
    if (!open || s->in_len == s->in_max)
        conn_fail(conn);
    conn_watch(conn);
}

static void conn_watch(struct control_conn *conn) {
    short events = POLLIN;
    if (conn->dead)
        return;
    if (conn->stream.out_len)
        events |= POLLOUT;
    if (!loop_watch(conn->port->reader->loop, conn->stream.fd, events, conn_ready, conn))
        conn_fail(conn);
}

static void on_connection(void *ctx, short revents) {
    struct control_port *port = ctx;
    (void)revents;
    int fd = accept(port->fd, NULL, NULL);
    struct control_conn *conn = fd >= 0 ? calloc(1, sizeof *conn) : NULL;
    if (!conn || port->count == CONNS_MAX) {
        struct stream refused;
        if (fd >= 0 && stream_open(&refused, fd, 1, 1))
            stream_close(&refused);
        free(conn);
        return;
    }
    conn->port = port;
    if (!stream_open(&conn->stream, fd, LINE_MAX_LEN, OUT_MAX)) {
        free(conn);
        return;
    }
    conn->next = port->conns;
    port->conns = conn;
    port->count++;
    conn_watch(conn);
}

static void conn_free(struct control_conn *conn) {
    reader_release(conn->port->reader, &conn->hold);
    stream_close(&conn->stream);
    conn->port->count--;
    free(conn);
}

static void reap(void *ctx) {
    struct control_port *port = ctx;
    for (struct control_conn **at = &port->conns; *at;) {
        struct control_conn *conn = *at;
        if (!conn->dead) {
            at = &conn->next;
            continue;
        }
        *at = conn->next;
        conn_free(conn);
    }
}

bool control_port_open(struct control_port *port, struct reader *reader, const char *path) {
    port->reader = reader;
    port->path = path;
    port->reaper = (struct loop_timer){.fire = reap, .ctx = port};
    port->fd = listener_open(path);
    return port->fd >= 0 && loop_watch(reader->loop, port->fd, POLLIN, on_connection, port);
}

void control_port_close(struct control_port *port) {
    loop_unwatch(port->reader->loop, port->fd);
    listener_close(port->fd, port->path);
    loop_timer_stop(port->reader->loop, &port->reaper);
    for (struct control_conn *conn = port->conns, *next; conn; conn = next) {
        next = conn->next;
        conn->dead = true;
        loop_unwatch(port->reader->loop, conn->stream.fd);
        conn_free(conn);
    }
    port->conns = NULL;
}
