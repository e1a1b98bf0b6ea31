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

enum { CONNS_MAX = 16, LINE_MAX_LEN = 4096, OUT_MAX = 16384, WORDS_MAX = 8 };

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
    conn_print(conn,
               "ok present=%d generation=%" PRIu32 " hosts=%u held=%s seeded=%s writes=%" PRIu64
               " faults=%u slow=%" PRIu32 "\n",
               reader->present, reader->generation, *port->hosts,
               reader->command.user && reader->command.hold ? "yes" : "no",
               port->seeded ? "yes" : "no", reader->power->writes, reader_faults_count(reader),
               reader->slow_ms);
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
        conn_print(conn, conn->port->reader->power->failed
                             ? "error the power failed while the card powered up\n"
                             : "error the card does not power up\n");
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

static void on_cut(void *ctx) {
    conn_print(ctx, "power-cut\n");
}

static void do_power_cut(struct control_conn *conn, char **words, int count) {
    struct reader *reader = conn->port->reader;
    unsigned long writes;
    bool torn = count == 4 && strcmp(words[3], "--torn") == 0;
    if (count == 2 && strcmp(words[1], "off") == 0) {
        reader->power->armed = false;
        reader->cut = NULL;
    } else if (count >= 3 && (count == 3 || torn) && strcmp(words[1], "--after-writes") == 0 &&
               parse_number(words[2], 10, UINT32_MAX, &writes)) {
        flash_power_arm(reader->power, writes, torn);
        reader->cut = on_cut;
        reader->cut_ctx = conn;
    } else {
        conn_print(conn, "error usage: power-cut --after-writes N [--torn] | power-cut off\n");
        return;
    }
    conn_print(conn, "ok\n");
}

static void do_slow(struct control_conn *conn, char **words, int count) {
    unsigned long ms;
    (void)count;
    if (!parse_number(words[1], 10, 3600000, &ms)) {
        conn_print(conn, "error usage: slow MS\n");
        return;
    }
    conn->port->reader->slow_ms = (uint32_t)ms;
    conn_print(conn, "ok\n");
}

/* Takes "--on INS" and "--times K" from words on. */
static bool parse_fault(char **words, int count, struct reader_fault *fault) {
    fault->ins = -1;
    fault->times = 1;
    for (int i = 2; i + 1 < count; i += 2) {
        unsigned long value;
        if (strcmp(words[i], "--on") == 0 && parse_number(words[i + 1], 16, 0xff, &value))
            fault->ins = (int)value;
        else if (strcmp(words[i], "--times") == 0 &&
                 parse_number(words[i + 1], 10, 1000000000, &value) && value > 0)
            fault->times = (unsigned)value;
        else
            return false;
    }
    return count % 2 == 0;
}

static void add_fault(struct control_conn *conn, const struct reader_fault *fault) {
    if (reader_fault(conn->port->reader, fault))
        conn_print(conn, "ok\n");
    else
        conn_print(conn, "error too many faults are waiting\n");
}

static bool clears_faults(struct control_conn *conn, char **words, int count) {
    if (count != 2 || strcmp(words[1], "off") != 0)
        return false;
    reader_faults_clear(conn->port->reader);
    conn_print(conn, "ok\n");
    return true;
}

static void do_fail(struct control_conn *conn, char **words, int count) {
    struct reader_fault fault = {.kind = FAULT_STATUS};
    unsigned long status;
    if (clears_faults(conn, words, count))
        return;
    if (!parse_number(words[1], 16, 0xffff, &status) || strlen(words[1]) != 4 ||
        !parse_fault(words, count, &fault)) {
        conn_print(conn, "error usage: fail SW [--on INS] [--times K] | fail off\n");
        return;
    }
    fault.status = (uint16_t)status;
    add_fault(conn, &fault);
}

static void do_corrupt(struct control_conn *conn, char **words, int count) {
    static const struct {
        const char *name;
        enum reader_fault_kind kind;
    } kinds[] = {
        {"flip", FAULT_FLIP}, {"short", FAULT_SHORT}, {"long", FAULT_LONG}, {"empty", FAULT_EMPTY}};
    struct reader_fault fault;
    if (clears_faults(conn, words, count))
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(words[1], kinds[i].name) != 0 || !parse_fault(words, count, &fault))
            continue;
        fault.kind = kinds[i].kind;
        add_fault(conn, &fault);
        return;
    }
    conn_print(conn, "error usage: corrupt flip|short|long|empty [--on INS] [--times K] | "
                     "corrupt off\n");
}

static void on_replayed(void *ctx, const struct replay_result *result) {
    struct control_port *port = ctx;
    struct control_conn *conn = port->replayer;
    port->replayer = NULL;
    if (result->lost)
        conn_print(conn, "error the card went away after %u commands\n", result->sent);
    else
        conn_print(conn, "ok sent=%u redacted=%u other-status=%u other-data=%u first-other=%u\n",
                   result->sent, result->redacted, result->other_status, result->other_data,
                   result->first_other);
}

static void do_replay(struct control_conn *conn, char **words, int count) {
    struct control_port *port = conn->port;
    (void)count;
    if (!port->replay)
        port->replay = calloc(1, sizeof *port->replay);
    if (!port->replay || port->replayer) {
        conn_print(conn, "error another replay runs\n");
        return;
    }
    port->replayer = conn;
    if (replay_start(port->replay, port->reader, words[1], on_replayed, port))
        return;
    port->replayer = NULL;
    conn_print(conn, "error %s: %s\n", words[1], strerror(errno));
}

static void do_snapshot(struct control_conn *conn, char **words, int count) {
    (void)count;
    if (flash_file_save(conn->port->file, words[1]))
        conn_print(conn, "ok\n");
    else
        conn_print(conn, "error %s: %s\n", words[1], strerror(errno));
}

static void do_selftest(struct control_conn *conn, char **words, int count) {
    struct reader *reader = conn->port->reader;
    (void)words;
    (void)count;
    if (!reader->present) {
        conn_print(conn, "error no card\n");
        return;
    }
    const struct known_answer *failed = card_self_test(reader->card);
    if (failed)
        conn_print(conn,
                   "error %s does not hold; the card answers 6F00 until it is plugged in "
                   "again\n",
                   failed->name);
    else
        conn_print(conn, "ok %u known answers hold\n", reader->card->answer_count);
}

static const struct verb {
    const char *name;
    int words_min, words_max;
    void (*run)(struct control_conn *conn, char **words, int count);
} verbs[] = {
    {"status", 1, 1, do_status},     {"insert", 1, 1, do_insert},
    {"remove", 1, 1, do_remove},     {"hold", 3, 4, do_hold},
    {"release", 1, 1, do_release},   {"trace", 2, 2, do_trace},
    {"slow", 2, 2, do_slow},         {"power-cut", 2, 4, do_power_cut},
    {"fail", 2, 6, do_fail},         {"corrupt", 2, 6, do_corrupt},
    {"replay", 2, 2, do_replay},     {"snapshot", 2, 2, do_snapshot},
    {"selftest", 1, 1, do_selftest},
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
    conn_print(conn, "error unknown verb (status insert remove hold release power-cut slow fail "
                     "corrupt trace replay snapshot selftest)\n");
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
    struct control_port *port = conn->port;
    reader_release(port->reader, &conn->hold);
    if (port->reader->cut_ctx == conn)
        port->reader->cut = NULL;
    if (port->replayer == conn) {
        replay_stop(port->replay);
        port->replayer = NULL;
    }
    stream_close(&conn->stream);
    port->count--;
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
    free(port->replay);
    port->replay = NULL;
}
