/* One stream to a simulated key: frames out, frames in, state kept. */
#include "module/transport/sim_link.h"

#include "module/transport/deadline.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    FRAME_HEADER = 4,
    BUFFER_SIZE = FRAME_HEADER + SIMLINK_MAX_FRAME,
    STATE_MIN = 5,
    CONNECT_RETRY_MS = 5
};

static uint32_t read_be32(const uint8_t *p) {
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): read from received bytes only */
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_be32(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

/* Waits until the stream allows `events`. */
static enum transport_error wait_for(const struct sim_link *link, short events,
                                     uint64_t deadline_ms) {
    struct pollfd p = {.fd = link->fd, .events = events};
    for (;;) {
        int n = poll(&p, 1, deadline_left(deadline_ms));
        if (n > 0) {
            return TRANSPORT_OK;
        }
        if (n == 0) {
            return TRANSPORT_TIMEOUT;
        }
        if (errno != EINTR) {
            return TRANSPORT_IO;
        }
    }
}

/* What has ended the stream: its other end is gone, and with it the reader, or something that is no fault of the key. */
static enum transport_error ended_by(int error) {
    return error == 0 || error == EPIPE || error == ECONNRESET ? TRANSPORT_NO_READER : TRANSPORT_IO;
}

static enum transport_error send_all(const struct sim_link *link, const uint8_t *data, size_t len,
                                     uint64_t deadline_ms) {
    while (len > 0) {
        ssize_t n = send(link->fd, data, len, MSG_NOSIGNAL);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return ended_by(errno);
        }
        enum transport_error err = wait_for(link, POLLOUT, deadline_ms);
        if (err != TRANSPORT_OK) {
            return err;
        }
    }
    return TRANSPORT_OK;
}

/* Takes what has arrived into the buffer. *got tells whether anything came; end of stream is TRANSPORT_NO_READER. */
static enum transport_error receive_some(struct sim_link *link, bool *got) {
    *got = false;
    ssize_t n = recv(link->fd, link->buffer + link->pending, BUFFER_SIZE - link->pending, 0);
    if (n > 0) {
        link->pending += (size_t)n;
        *got = true;
        return TRANSPORT_OK;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return TRANSPORT_OK;
    }
    return ended_by(n < 0 ? errno : 0);
}

/* Length of the first whole frame in the buffer (type and payload), 0 if there is none yet. */
static enum transport_error first_frame(const struct sim_link *link, size_t *frame_len) {
    *frame_len = 0;
    if (link->pending < FRAME_HEADER) {
        return TRANSPORT_OK;
    }
    uint32_t len = read_be32(link->buffer);
    if (len == 0 || len > SIMLINK_MAX_FRAME) {
        return TRANSPORT_IO;
    }
    if (link->pending >= FRAME_HEADER + (size_t)len) {
        *frame_len = len;
    }
    return TRANSPORT_OK;
}

static void drop_frame(struct sim_link *link, size_t frame_len) {
    size_t used = FRAME_HEADER + frame_len;
    link->pending -= used;
    memmove(link->buffer, link->buffer + used, link->pending);
}

static enum transport_error take_state(struct sim_link *link, const uint8_t *payload, size_t len) {
    if (len < STATE_MIN) {
        return TRANSPORT_IO;
    }
    bool present = payload[0] != 0;
    if (link->present && !present) {
        link->removals++;
    }
    link->present = present;
    link->generation = read_be32(payload + 1);
    link->atr_len = len - STATE_MIN < sizeof(link->atr) ? len - STATE_MIN : sizeof(link->atr);
    memcpy(link->atr, payload + STATE_MIN, link->atr_len);
    return TRANSPORT_OK;
}

static enum transport_error sim_error(const uint8_t *payload, size_t len) {
    switch (len > 0 ? payload[0] : 0) {
    case SIM_ERR_NO_CARD:
    case SIM_ERR_POWER:
        return TRANSPORT_REMOVED;
    case SIM_ERR_TIMEOUT:
        return TRANSPORT_BUSY;
    default:
        return TRANSPORT_IO;
    }
}

/* A frame that is no answer to what is being asked: news, or the answer to what was posted before. An error as the latter says
 * nothing that the next answer would not. */
static bool is_aside(struct sim_link *link, uint8_t type) {
    if (type == SIM_EVENT) {
        return true;
    }
    if (link->owed == 0 || (type != SIM_STATE && type != SIM_ERROR)) {
        return false;
    }
    link->owed--;
    return true;
}

static enum transport_error send_request(struct sim_link *link, uint8_t type,
                                         const uint8_t *payload, size_t payload_len,
                                         uint64_t deadline_ms) {
    if (link->fd < 0 || payload_len >= SIMLINK_MAX_FRAME) {
        return TRANSPORT_IO;
    }
    uint8_t *frame = malloc(FRAME_HEADER + 1 + payload_len);
    if (frame == NULL) {
        return TRANSPORT_MEMORY;
    }
    write_be32(frame, (uint32_t)payload_len + 1);
    frame[FRAME_HEADER] = type;
    if (payload_len > 0) {
        memcpy(frame + FRAME_HEADER + 1, payload, payload_len);
    }
    enum transport_error err = send_all(link, frame, FRAME_HEADER + 1 + payload_len, deadline_ms);
    explicit_bzero(frame, FRAME_HEADER + 1 + payload_len);
    free(frame);
    return err;
}

enum transport_error sim_link_post(struct sim_link *link, uint8_t type, uint64_t deadline_ms) {
    enum transport_error err = send_request(link, type, NULL, 0, deadline_ms);
    link->owed += err == TRANSPORT_OK ? 1 : 0;
    return err;
}

enum transport_error sim_link_request(struct sim_link *link, uint8_t type, const uint8_t *payload,
                                      size_t payload_len, uint8_t expected_type, uint8_t *answer,
                                      size_t answer_size, size_t *answer_len,
                                      uint64_t deadline_ms) {
    *answer_len = 0;
    enum transport_error err = send_request(link, type, payload, payload_len, deadline_ms);
    bool answered = false;
    while (err == TRANSPORT_OK && !answered) {
        size_t frame_len;
        err = first_frame(link, &frame_len);
        if (err != TRANSPORT_OK) {
            break;
        }
        if (frame_len == 0) {
            bool got;
            err = receive_some(link, &got);
            if (err == TRANSPORT_OK && !got) {
                err = wait_for(link, POLLIN, deadline_ms);
            }
            continue;
        }
        uint8_t got_type = link->buffer[FRAME_HEADER];
        const uint8_t *body = link->buffer + FRAME_HEADER + 1;
        size_t body_len = frame_len - 1;
        if (is_aside(link, got_type)) {
            err = got_type == SIM_ERROR ? TRANSPORT_OK : take_state(link, body, body_len);
        } else {
            answered = true;
            if (got_type == SIM_ERROR) {
                err = sim_error(body, body_len);
            } else if (got_type != expected_type || body_len > answer_size) {
                err = TRANSPORT_IO;
            } else {
                if (got_type == SIM_STATE) {
                    err = take_state(link, body, body_len);
                }
                if (body_len > 0) {
                    memcpy(answer, body, body_len);
                }
                *answer_len = body_len;
            }
        }
        drop_frame(link, frame_len);
    }
    return err;
}

enum transport_error sim_link_drain(struct sim_link *link) {
    enum transport_error err = link->fd < 0 ? TRANSPORT_IO : TRANSPORT_OK;
    bool got = true;
    while (err == TRANSPORT_OK && got) {
        size_t frame_len;
        err = first_frame(link, &frame_len);
        if (err == TRANSPORT_OK && frame_len == 0) {
            err = receive_some(link, &got);
        } else if (err == TRANSPORT_OK) {
            uint8_t type = link->buffer[FRAME_HEADER];
            if (!is_aside(link, type)) {
                err = TRANSPORT_IO;
            } else if (type != SIM_ERROR) {
                err = take_state(link, link->buffer + FRAME_HEADER + 1, frame_len - 1);
            }
            drop_frame(link, frame_len);
        }
    }
    return err;
}

static enum transport_error connect_socket(int fd, const char *path, uint64_t deadline_ms) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return TRANSPORT_NO_READER;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        /* EAGAIN: the simulator's queue of connections is full for a moment */
        if (errno != EAGAIN && errno != EINTR) {
            return TRANSPORT_NO_READER;
        }
        if (deadline_left(deadline_ms) == 0) {
            return TRANSPORT_TIMEOUT;
        }
        poll(NULL, 0, CONNECT_RETRY_MS);
    }
    return TRANSPORT_OK;
}

enum transport_error sim_link_open(struct sim_link *link, const char *path, uint64_t deadline_ms) {
    *link = (struct sim_link){.fd = -1};
    enum transport_error err = TRANSPORT_OK;
    link->buffer = malloc(BUFFER_SIZE);
    link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->buffer == NULL || link->fd < 0) {
        err = TRANSPORT_MEMORY;
    }
    if (err == TRANSPORT_OK) {
        err = connect_socket(link->fd, path, deadline_ms);
    }
    if (err == TRANSPORT_OK) {
        const uint8_t version = SIMLINK_VERSION;
        uint8_t state[64];
        size_t state_len;
        err = sim_link_request(link, SIM_HELLO, &version, 1, SIM_STATE, state, sizeof(state),
                               &state_len, deadline_ms);
    }
    if (err != TRANSPORT_OK) {
        sim_link_close(link);
    }
    return err;
}

void sim_link_close(struct sim_link *link) {
    if (link->fd >= 0) {
        /* a forked child may hold a copy of the descriptor: end the stream itself */
        shutdown(link->fd, SHUT_RDWR);
        close(link->fd);
    }
    if (link->buffer != NULL) {
        explicit_bzero(link->buffer, BUFFER_SIZE);
        free(link->buffer);
    }
    *link = (struct sim_link){.fd = -1};
}
