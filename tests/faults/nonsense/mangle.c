/* Responses made nonsense of, on their way from the simulator to the module. */
#include "tests/faults/nonsense/mangle.h"

#include "module/transport/transport.h"

#include <stdlib.h>
#include <string.h>

enum transport_error __real_sim_transport_open(const char *directory, struct transport **out);
enum transport_error __wrap_sim_transport_open(const char *directory, struct transport **out);

struct spoiler {
    struct transport base;
    struct transport *real;
};
struct spoiled_connection {
    struct connection base;
    struct connection *real;
    unsigned plugged; /* replugs when it was made */
};

static enum mangle kind;
static unsigned rate = 1, state, replugs;
static unsigned long spoilt, seen;

void mangle_set(enum mangle mangle, unsigned seed, unsigned one_in) {
    kind = mangle;
    state = seed;
    rate = one_in;
}

unsigned long mangle_count(void) {
    return spoilt;
}

unsigned long mangle_responses(void) {
    return seen;
}

void mangle_replug(void) {
    replugs++;
}

static size_t pick(size_t below) {
    state = state * 1664525U + 1013904223U;
    return (state >> 8) % below;
}

/* Bytes at random; the right length or another, mostly with 9000 behind them so that they are believed. */
static size_t randomize(uint8_t *response, size_t len, size_t size) {
    static const uint16_t words[] = {0x9000, 0x9000, 0x9000, 0x9000, 0x6110, 0x6100, 0x6C05,
                                     0x63C2, 0x6982, 0x6983, 0x6A88, 0x6A84, 0x6D00, 0x6F00};
    size_t data_len = len >= 2 ? len - 2 : 0;
    size_t choice = pick(4);
    if (choice == 0) {
        data_len = pick(size - 1);
    } else if (choice == 1) {
        data_len = pick(300);
    }
    size_t from = choice == 3 && data_len > 4 ? pick(4) : 0; /* a true beginning goes further */
    for (size_t i = from; i < data_len; i++) {
        response[i] = (uint8_t)pick(256);
    }
    uint16_t word =
        pick(8) == 0 ? (uint16_t)pick(0x10000) : words[pick(sizeof(words) / sizeof(words[0]))];
    response[data_len] = (uint8_t)(word >> 8);
    response[data_len + 1] = (uint8_t)word;
    return data_len + 2;
}

/* Cut short: anywhere, or before a status word that is as it was. */
static size_t truncate(uint8_t *response, size_t len) {
    size_t keep = pick(len);
    if (len >= 2 && keep + 2 < len && pick(4) != 0) {
        memmove(response + keep, response + len - 2, 2);
        keep += 2;
    }
    return keep;
}

static enum transport_error spoil_transmit(struct connection *base, const uint8_t *command,
                                           size_t command_len, uint8_t *response,
                                           size_t response_size, size_t *response_len,
                                           uint32_t timeout_ms) {
    struct spoiled_connection *connection = (struct spoiled_connection *)base;
    enum transport_error err =
        connection->plugged != replugs
            ? TRANSPORT_REMOVED
            : connection->real->ops->transmit(connection->real, command, command_len, response,
                                              response_size, response_len, timeout_ms);
    seen++;
    if (err == TRANSPORT_OK && kind != MANGLE_NOTHING && pick(rate) == 0) {
        spoilt++;
        *response_len = kind == MANGLE_RANDOM ? randomize(response, *response_len, response_size)
                                              : truncate(response, *response_len);
        if (*response_len < 2) {
            return TRANSPORT_IO; /* as every transport does */
        }
    }
    return err;
}

static enum transport_error spoil_begin(struct connection *base, uint32_t timeout_ms,
                                        struct transaction_start *start) {
    struct spoiled_connection *connection = (struct spoiled_connection *)base;
    return connection->plugged != replugs
               ? TRANSPORT_REMOVED
               : connection->real->ops->begin(connection->real, timeout_ms, start);
}

static enum transport_error spoil_end(struct connection *base) {
    struct connection *real = ((struct spoiled_connection *)base)->real;
    return real->ops->end(real);
}

static enum transport_error spoil_reset(struct connection *base, uint32_t timeout_ms) {
    struct connection *real = ((struct spoiled_connection *)base)->real;
    return real->ops->reset(real, timeout_ms);
}

static void spoil_disconnect(struct connection *base) {
    struct connection *real = ((struct spoiled_connection *)base)->real;
    real->ops->disconnect(real);
    free(base);
}

static enum transport_error spoil_connect(struct transport *base, const char *reader,
                                          uint32_t timeout_ms, struct connection **out) {
    struct transport *real = ((struct spoiler *)base)->real;
    struct spoiled_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        return TRANSPORT_MEMORY;
    }
    enum transport_error err = real->ops->connect(real, reader, timeout_ms, &connection->real);
    if (err != TRANSPORT_OK) {
        free(connection);
        return err;
    }
    connection->base = *connection->real;
    connection->base.ops = base->ops;
    connection->plugged = replugs;
    *out = &connection->base;
    return TRANSPORT_OK;
}

static enum transport_error spoil_list(struct transport *base, struct reader_list *list) {
    struct transport *real = ((struct spoiler *)base)->real;
    size_t first = list->count;
    enum transport_error err = real->ops->list(real, list);
    for (size_t i = first; i < list->count; i++) {
        list->items[i].events += replugs * 2;
    }
    return err;
}

static enum transport_error spoil_watch_open(struct transport *base, bool may_use_threads,
                                             struct transport_watch **watch, int *fd) {
    struct transport *real = ((struct spoiler *)base)->real;
    return real->ops->watch_open(real, may_use_threads, watch, fd);
}

static void spoil_close(struct transport *base) {
    struct transport *real = ((struct spoiler *)base)->real;
    real->ops->close(real);
    free(base);
}

enum transport_error __wrap_sim_transport_open(const char *directory, struct transport **out) {
    static struct transport_ops ops;
    struct spoiler *spoiler = calloc(1, sizeof(*spoiler));
    if (spoiler == NULL) {
        return TRANSPORT_MEMORY;
    }
    enum transport_error err = __real_sim_transport_open(directory, &spoiler->real);
    if (err != TRANSPORT_OK) {
        free(spoiler);
        return err;
    }
    ops = *spoiler->real->ops; /* a watch keeps its own table */
    ops.close = spoil_close;
    ops.list = spoil_list;
    ops.watch_open = spoil_watch_open;
    ops.connect = spoil_connect;
    ops.disconnect = spoil_disconnect;
    ops.begin = spoil_begin;
    ops.end = spoil_end;
    ops.transmit = spoil_transmit;
    ops.reset = spoil_reset;
    spoiler->base.ops = &ops;
    *out = &spoiler->base;
    return TRANSPORT_OK;
}
