/* Readers that are simulated keys: each *.sock in one directory. Listing keeps one link per key; each connection has its own. */
#include "module/transport/deadline.h"
#include "module/transport/sim_link.h"
#include "module/transport/sim_watch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READER_PREFIX "OpenUKey simulator "

enum { LIST_TIMEOUT_MS = 2000, END_TIMEOUT_MS = 5000 };

/* A key that list() has met. It keeps its place when its simulator ends, so that a new one continues its counts. */
struct sim_reader {
    struct sim_reader *next;
    char name[TRANSPORT_READER_NAME];
    char path[SIM_PATH_MAX];
    struct sim_link link;
    bool present;
    uint32_t seen_removals;
    uint32_t events;
    bool listed; /* its socket is there, in the listing going on */
};

struct sim_transport {
    struct transport base;
    char directory[SIM_PATH_MAX];
    struct sim_reader *readers; /* by name */
};

struct sim_connection {
    struct connection base;
    struct sim_link link;
    uint32_t removals_at_connect;
    uint32_t generation; /* of the card when we last held it */
    bool broken;
};

static const struct transport_ops sim_ops;

/* After that a stream is out of step or ended: it is never used again. */
static bool breaks_stream(enum transport_error error) {
    return error == TRANSPORT_IO || error == TRANSPORT_TIMEOUT || error == TRANSPORT_NO_READER;
}

static struct sim_reader *reader_for(struct sim_transport *transport, const char *path) {
    const char *base = strrchr(path, '/') + 1;
    char name[TRANSPORT_READER_NAME];
    snprintf(name, sizeof(name), READER_PREFIX "%.*s", (int)(strlen(base) - strlen(".sock")), base);
    struct sim_reader **at = &transport->readers;
    while (*at != NULL && strcmp((*at)->name, name) < 0) {
        at = &(*at)->next;
    }
    if (*at != NULL && strcmp((*at)->name, name) == 0) {
        return *at;
    }
    struct sim_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return NULL;
    }
    memcpy(reader->name, name, sizeof(name));
    snprintf(reader->path, sizeof(reader->path), "%s", path);
    reader->link.fd = -1;
    reader->next = *at;
    *at = reader;
    return reader;
}

/* Asks the key for its state; counts what happened since the last time. */
static void reader_refresh(struct sim_reader *reader) {
    uint64_t deadline = deadline_after(LIST_TIMEOUT_MS);
    enum transport_error err = TRANSPORT_IO;
    if (reader->link.fd >= 0) {
        const uint8_t version = SIMLINK_VERSION;
        uint8_t state[64];
        size_t state_len;
        err = sim_link_request(&reader->link, SIM_HELLO, &version, 1, SIM_STATE, state,
                               sizeof(state), &state_len, deadline);
    }
    if (err != TRANSPORT_OK) {
        /* first time, or the simulator ended: a simulator started anew is another insertion */
        if (reader->present) {
            reader->events++;
        }
        reader->present = false;
        reader->seen_removals = 0;
        sim_link_close(&reader->link);
        err = sim_link_open(&reader->link, reader->path, deadline);
    }
    bool present = err == TRANSPORT_OK && reader->link.present;
    uint32_t removals = err == TRANSPORT_OK ? reader->link.removals : 0;
    if (removals != reader->seen_removals || present != reader->present) {
        reader->events++;
    }
    reader->seen_removals = removals;
    reader->present = present;
}

static enum transport_error sim_list(struct transport *base, struct reader_list *list) {
    struct sim_transport *transport = (struct sim_transport *)base;
    for (struct sim_reader *reader = transport->readers; reader != NULL; reader = reader->next) {
        reader->listed = false;
    }
    struct sim_paths paths;
    enum transport_error err = sim_paths_read(&paths, transport->directory);
    for (size_t i = 0; err == TRANSPORT_OK && i < paths.count; i++) {
        struct sim_reader *reader = reader_for(transport, paths.items[i]);
        if (reader == NULL) {
            err = TRANSPORT_MEMORY;
            break;
        }
        reader->listed = true;
        reader_refresh(reader);
    }
    sim_paths_free(&paths);
    for (struct sim_reader *reader = transport->readers; err == TRANSPORT_OK && reader != NULL;
         reader = reader->next) {
        if (!reader->listed && reader->present) {
            reader->present = false;
            reader->events++;
        }
        if (!reader->listed) {
            sim_link_close(&reader->link);
        } else if (reader->link.fd >= 0) {
            err = reader_list_add(list, reader->name, reader->present, reader->events);
        }
    }
    return err;
}

static enum transport_error sim_watch_open(struct transport *base, bool may_use_threads,
                                           struct transport_watch **watch, int *fd) {
    (void)may_use_threads;
    return sim_watch_new(((struct sim_transport *)base)->directory, base->ops, watch, fd);
}

static enum transport_error sim_connect(struct transport *base, const char *reader_name,
                                        uint32_t timeout_ms, struct connection **out) {
    struct sim_transport *transport = (struct sim_transport *)base;
    *out = NULL;
    if (strncmp(reader_name, READER_PREFIX, strlen(READER_PREFIX)) != 0) {
        return TRANSPORT_NO_READER;
    }
    char path[SIM_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s.sock", transport->directory,
                     reader_name + strlen(READER_PREFIX));
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return TRANSPORT_NO_READER;
    }
    struct sim_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        return TRANSPORT_MEMORY;
    }
    connection->base.ops = base->ops;
    enum transport_error err = sim_link_open(&connection->link, path, deadline_after(timeout_ms));
    if (err == TRANSPORT_OK && !connection->link.present) {
        err = TRANSPORT_REMOVED;
    }
    if (err != TRANSPORT_OK) {
        sim_link_close(&connection->link);
        free(connection);
        return err;
    }
    connection->removals_at_connect = connection->link.removals;
    connection->generation = connection->link.generation;
    memcpy(connection->base.atr, connection->link.atr, connection->link.atr_len);
    connection->base.atr_len = connection->link.atr_len;
    *out = &connection->base;
    return TRANSPORT_OK;
}

static void sim_disconnect(struct connection *base) {
    struct sim_connection *connection = (struct sim_connection *)base;
    sim_link_close(&connection->link);
    free(connection);
}

/* One request on a connection. */
static enum transport_error exchange(struct sim_connection *connection, uint8_t type,
                                     const uint8_t *payload, size_t payload_len, uint8_t expected,
                                     uint8_t *answer, size_t answer_size, size_t *answer_len,
                                     uint32_t timeout_ms) {
    *answer_len = 0;
    if (connection->broken) {
        return TRANSPORT_REMOVED;
    }
    enum transport_error err =
        sim_link_request(&connection->link, type, payload, payload_len, expected, answer,
                         answer_size, answer_len, deadline_after(timeout_ms));
    if (breaks_stream(err)) {
        connection->broken = true;
    }
    if (connection->link.removals != connection->removals_at_connect) {
        err = TRANSPORT_REMOVED; /* the card in there now, if any, is not the one we knew */
    }
    return err;
}

static enum transport_error sim_begin(struct connection *base, uint32_t timeout_ms,
                                      struct transaction_start *start) {
    struct sim_connection *connection = (struct sim_connection *)base;
    const uint8_t wait_ms[4] = {(uint8_t)(timeout_ms >> 24), (uint8_t)(timeout_ms >> 16),
                                (uint8_t)(timeout_ms >> 8), (uint8_t)timeout_ms};
    uint8_t begun[16];
    size_t begun_len;
    *start = (struct transaction_start){false, false};
    /* the simulator counts the time; ours is a margin over it */
    enum transport_error err =
        exchange(connection, SIM_BEGIN, wait_ms, sizeof(wait_ms), SIM_BEGUN, begun, sizeof(begun),
                 &begun_len, timeout_ms + LIST_TIMEOUT_MS);
    if (err != TRANSPORT_OK) {
        return err;
    }
    if (begun_len < 5) {
        connection->broken = true;
        return TRANSPORT_IO;
    }
    uint32_t generation =
        (uint32_t)begun[0] << 24 | (uint32_t)begun[1] << 16 | (uint32_t)begun[2] << 8 | begun[3];
    start->was_reset = generation != connection->generation;
    connection->generation = generation;
    start->maybe_used = begun[4] != 0;
    return TRANSPORT_OK;
}

/* Not waited for: what the key says to it is learnt with the next transaction. */
static enum transport_error sim_end(struct connection *base) {
    struct sim_connection *connection = (struct sim_connection *)base;
    if (connection->broken) {
        return TRANSPORT_REMOVED;
    }
    enum transport_error err =
        sim_link_post(&connection->link, SIM_END, deadline_after(END_TIMEOUT_MS));
    if (breaks_stream(err)) {
        connection->broken = true;
    }
    return err;
}

static enum transport_error sim_transmit(struct connection *base, const uint8_t *command,
                                         size_t command_len, uint8_t *response,
                                         size_t response_size, size_t *response_len,
                                         uint32_t timeout_ms) {
    enum transport_error err =
        exchange((struct sim_connection *)base, SIM_APDU, command, command_len, SIM_RESPONSE,
                 response, response_size, response_len, timeout_ms);
    if (err == TRANSPORT_OK && *response_len < 2) {
        ((struct sim_connection *)base)->broken = true;
        err = TRANSPORT_IO;
    }
    return err;
}

static enum transport_error sim_reset(struct connection *base, uint32_t timeout_ms) {
    struct sim_connection *connection = (struct sim_connection *)base;
    uint8_t state[64];
    size_t state_len;
    enum transport_error err = exchange(connection, SIM_RESET, NULL, 0, SIM_STATE, state,
                                        sizeof(state), &state_len, timeout_ms);
    connection->generation = connection->link.generation;
    return err;
}

static void sim_close(struct transport *base) {
    struct sim_transport *transport = (struct sim_transport *)base;
    while (transport->readers != NULL) {
        struct sim_reader *next = transport->readers->next;
        sim_link_close(&transport->readers->link);
        free(transport->readers);
        transport->readers = next;
    }
    free(transport);
}

static const struct transport_ops sim_ops = {
    .name = "simulator",
    .close = sim_close,
    .list = sim_list,
    .watch_open = sim_watch_open,
    .watch_read = sim_watch_read,
    .watch_close = sim_watch_free,
    .connect = sim_connect,
    .disconnect = sim_disconnect,
    .begin = sim_begin,
    .end = sim_end,
    .transmit = sim_transmit,
    .reset = sim_reset,
};

enum transport_error sim_transport_open(const char *directory, struct transport **out) {
    *out = NULL;
    struct sim_transport *transport = calloc(1, sizeof(*transport));
    if (transport == NULL) {
        return TRANSPORT_MEMORY;
    }
    int n = snprintf(transport->directory, sizeof(transport->directory), "%s", directory);
    if (n < 0 || (size_t)n >= sizeof(transport->directory)) {
        free(transport);
        return TRANSPORT_NO_READER;
    }
    transport->base.ops = &sim_ops;
    *out = &transport->base;
    return TRANSPORT_OK;
}
