/* Numbers are eight bytes, byte strings a number and their bytes; a message has four bytes of length in front, all big-endian. */
#include "agent/foreign/wire.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { HEAD = 4, NUMBER = 8, FIRST_SIZE = 4096 };

void wire_reset(struct wire *wire) {
    if (wire->data)
        OPENSSL_cleanse(wire->data, wire->len);
    wire->len = wire->at = 0;
    wire->failed = false;
}

void wire_free(struct wire *wire) {
    wire_reset(wire);
    free(wire->data);
    *wire = (struct wire){0};
}

/* Room for `more` bytes behind what is there. What is moved is cleansed where it was. */
static bool reserve(struct wire *wire, size_t more) {
    if (wire->failed || more > WIRE_MAX - wire->len)
        wire->failed = true;
    if (wire->failed || more <= wire->size - wire->len)
        return !wire->failed;
    size_t size = wire->size ? wire->size : FIRST_SIZE;
    while (size < wire->len + more)
        size *= 2;
    unsigned char *grown = malloc(size);
    if (!grown) {
        wire->failed = true;
        return false;
    }
    if (wire->data) {
        memcpy(grown, wire->data, wire->len);
        OPENSSL_cleanse(wire->data, wire->len);
    }
    free(wire->data);
    wire->data = grown;
    wire->size = size;
    return true;
}

void wire_put_number(struct wire *wire, uint64_t number) {
    if (!reserve(wire, NUMBER))
        return;
    for (int i = 0; i < NUMBER; i++)
        wire->data[wire->len++] = (unsigned char)(number >> (8 * (NUMBER - 1 - i)));
}

void wire_put_bytes(struct wire *wire, const void *bytes, size_t len) {
    wire_put_number(wire, len);
    if (len == 0 || !reserve(wire, len))
        return;
    memcpy(wire->data + wire->len, bytes, len);
    wire->len += len;
}

uint64_t wire_take_number(struct wire *wire) {
    uint64_t number = 0;
    if (wire->failed || wire->len - wire->at < NUMBER) {
        wire->failed = true;
        return 0;
    }
    for (int i = 0; i < NUMBER; i++)
        number = number << 8 | wire->data[wire->at++];
    return number;
}

const unsigned char *wire_take_bytes(struct wire *wire, size_t max, size_t *len) {
    uint64_t announced = wire_take_number(wire);
    *len = 0;
    if (wire->failed || announced > max || announced > wire->len - wire->at) {
        wire->failed = true;
        return NULL;
    }
    const unsigned char *bytes = wire->data + wire->at;
    *len = (size_t)announced;
    wire->at += *len;
    return bytes;
}

bool wire_is_whole(const struct wire *wire) {
    return !wire->failed && wire->at == wire->len;
}

/* ---- the socket ---- */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait until the socket can do what `events` says, until `until` (-1: for ever). */
static enum wire_result wait_for(int socket, short events, int64_t until) {
    for (;;) {
        int64_t left = until < 0 ? -1 : until - now_ms();
        if (until >= 0 && left < 0)
            return WIRE_LATE;
        struct pollfd one = {.fd = socket, .events = events};
        int ready = poll(&one, 1, (int)left);
        if (ready > 0)
            return WIRE_OK; /* also for a hang-up: the call that follows says so */
        if (ready < 0 && errno != EINTR)
            return WIRE_CLOSED;
    }
}

static enum wire_result send_all(int socket, const unsigned char *bytes, size_t len,
                                 int64_t until) {
    while (len > 0) {
        enum wire_result result = wait_for(socket, POLLOUT, until);
        if (result != WIRE_OK)
            return result;
        ssize_t sent = send(socket, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return WIRE_CLOSED;
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        }
    }
    return WIRE_OK;
}

static enum wire_result receive_all(int socket, unsigned char *bytes, size_t len, int64_t until) {
    while (len > 0) {
        enum wire_result result = wait_for(socket, POLLIN, until);
        if (result != WIRE_OK)
            return result;
        ssize_t got = recv(socket, bytes, len, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return WIRE_CLOSED;
        if (got > 0) {
            bytes += got;
            len -= (size_t)got;
        }
    }
    return WIRE_OK;
}

enum wire_result wire_send(int socket, const struct wire *wire, int timeout_ms) {
    int64_t until = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    if (wire->failed)
        return WIRE_BROKEN;
    const unsigned char head[HEAD] = {(unsigned char)(wire->len >> 24),
                                      (unsigned char)(wire->len >> 16),
                                      (unsigned char)(wire->len >> 8), (unsigned char)wire->len};
    enum wire_result result = send_all(socket, head, HEAD, until);
    return result == WIRE_OK ? send_all(socket, wire->data, wire->len, until) : result;
}

enum wire_result wire_receive(int socket, struct wire *wire, int timeout_ms) {
    int64_t until = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    unsigned char head[HEAD];
    wire_reset(wire);
    enum wire_result result = receive_all(socket, head, HEAD, until);
    if (result != WIRE_OK)
        return result;
    size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (len > WIRE_MAX || !reserve(wire, len))
        return WIRE_BROKEN;
    wire->len = len;
    result = receive_all(socket, wire->data, len, until);
    if (result != WIRE_OK)
        wire_reset(wire);
    return result;
}
