/* WebSockets (RFC 6455), served on the connection's own thread alone: a TLS object must not be read and written by two
 * threads at once, so senders only queue, and wake that thread. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/http/internal.h"

#define DEFAULT_MAX_MESSAGE ((size_t)64 * 1024)
#define MAX_QUEUED          256
#define PING_MS             30000
#define SILENCE_MS          75000
#define MAX_HEADER          14

enum opcode {
    OP_CONTINUATION = 0x0,
    OP_TEXT = 0x1,
    OP_CLOSE = 0x8,
    OP_PING = 0x9,
    OP_PONG = 0xA,
};

/* Status codes of RFC 6455, 7.4.1. */
enum {
    CLOSE_NORMAL = 1000,
    CLOSE_AWAY = 1001,
    CLOSE_PROTOCOL = 1002,
    CLOSE_TYPE = 1003,
    CLOSE_TEXT = 1007,
    CLOSE_SIZE = 1009
};

/* One frame to be sent. */
struct frame {
    struct frame *next;
    size_t len;
    unsigned char data[];
};

struct http_websocket {
    atomic_uint references;
    struct http_connection *connection;
    const struct http_websocket_route *route;
    pthread_mutex_t mutex; /* guards what follows, up to data */
    struct frame *first, *last;
    size_t queued;
    bool closing, closed;
    int wake_fd;
    void *data;
    /* the connection's thread only */
    size_t max_message;
    unsigned char *received;
    size_t received_len, received_size;
    char *message;
    size_t message_len;
    bool in_message;
    int64_t last_heard_ms, last_ping_ms, write_since_ms;
};

/* ---- references ---- */

struct http_websocket *http_websocket_keep(struct http_websocket *socket) {
    atomic_fetch_add(&socket->references, 1);
    return socket;
}

void http_websocket_release(struct http_websocket *socket) {
    if (socket == NULL || atomic_fetch_sub(&socket->references, 1) != 1) {
        return;
    }
    while (socket->first != NULL) {
        struct frame *next = socket->first->next;
        free(socket->first);
        socket->first = next;
    }
    if (socket->wake_fd >= 0) {
        close(socket->wake_fd);
    }
    free(socket->received);
    free(socket->message);
    pthread_mutex_destroy(&socket->mutex);
    free(socket);
}

void *http_websocket_data(const struct http_websocket *socket) {
    return socket->data;
}

void http_websocket_set_data(struct http_websocket *socket, void *data) {
    socket->data = data;
}

/* ---- sending ---- */

static void wake(struct http_websocket *socket) {
    uint64_t one = 1;
    ssize_t written = write(socket->wake_fd, &one, sizeof(one));
    (void)written; /* a full counter wakes as well */
}

/* Queue a frame; with the mutex held. */
static bool enqueue(struct http_websocket *socket, enum opcode opcode, const void *data,
                    size_t len) {
    struct frame *frame = malloc(sizeof(*frame) + MAX_HEADER + len);
    if (frame == NULL) {
        return false;
    }
    size_t used = 0;
    frame->next = NULL;
    frame->data[used++] = (unsigned char)(0x80 | opcode);
    if (len < 126) {
        frame->data[used++] = (unsigned char)len;
    } else {
        int bytes = len <= 0xFFFF ? 2 : 8;
        frame->data[used++] = bytes == 2 ? 126 : 127;
        for (int i = bytes - 1; i >= 0; i--) {
            frame->data[used++] = (unsigned char)((uint64_t)len >> (8 * i));
        }
    }
    if (len > 0) {
        memcpy(frame->data + used, data, len);
    }
    frame->len = used + len;
    if (socket->last != NULL) {
        socket->last->next = frame;
    } else {
        socket->first = frame;
    }
    socket->last = frame;
    socket->queued++;
    return true;
}

bool http_websocket_send(struct http_websocket *socket, const char *text, size_t len) {
    pthread_mutex_lock(&socket->mutex);
    bool open = !socket->closing && !socket->closed;
    if (open && (socket->queued >= MAX_QUEUED || !enqueue(socket, OP_TEXT, text, len))) {
        socket->closing = true;
        open = false;
    }
    wake(socket);
    pthread_mutex_unlock(&socket->mutex);
    return open;
}

void http_websocket_close(struct http_websocket *socket) {
    pthread_mutex_lock(&socket->mutex);
    socket->closing = true;
    wake(socket);
    pthread_mutex_unlock(&socket->mutex);
}

void http_websocket_close_all(struct http_server *server) {
    pthread_mutex_lock(&server->mutex);
    for (struct http_connection *c = server->connections; c != NULL; c = c->next) {
        if (c->ws != NULL) {
            http_websocket_close(c->ws);
        }
    }
    pthread_mutex_unlock(&server->mutex);
}

static void send_close(struct http_websocket *socket, unsigned code) {
    unsigned char payload[2] = {(unsigned char)(code >> 8), (unsigned char)code};
    pthread_mutex_lock(&socket->mutex);
    if (!socket->closing) {
        enqueue(socket, OP_CLOSE, payload, sizeof(payload));
    }
    socket->closing = true;
    pthread_mutex_unlock(&socket->mutex);
}

/* Send what is queued. False when the peer is gone; *blocked when it does not read. */
static bool flush(struct http_websocket *socket, bool *blocked) {
    *blocked = false;
    for (;;) {
        pthread_mutex_lock(&socket->mutex);
        struct frame *frame = socket->first;
        pthread_mutex_unlock(&socket->mutex);
        if (frame == NULL) {
            socket->write_since_ms = 0;
            return true;
        }
        ERR_clear_error();
        int sent = SSL_write(socket->connection->ssl, frame->data, (int)frame->len);
        if (sent <= 0) {
            int error = SSL_get_error(socket->connection->ssl, sent);
            if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) {
                return false;
            }
            *blocked = true;
            int64_t now = http_now_ms();
            if (socket->write_since_ms == 0) {
                socket->write_since_ms = now;
            }
            return now - socket->write_since_ms <
                   http_server_timeout_ms(socket->connection->server);
        }
        pthread_mutex_lock(&socket->mutex);
        socket->first = frame->next;
        if (socket->first == NULL) {
            socket->last = NULL;
        }
        socket->queued--;
        pthread_mutex_unlock(&socket->mutex);
        free(frame);
        socket->write_since_ms = 0;
    }
}

/* ---- receiving ---- */

static bool is_utf8(const char *text, size_t len) {
    json_t *string = json_stringn(text, len);
    json_decref(string);
    return string != NULL;
}

/* A data frame's payload. False ends the connection. */
static bool take_data(struct http_websocket *socket, enum opcode opcode, bool final,
                      const unsigned char *payload, size_t len) {
    if ((opcode == OP_CONTINUATION) != socket->in_message) {
        send_close(socket, CLOSE_PROTOCOL);
        return false;
    }
    if (len > socket->max_message - socket->message_len) {
        send_close(socket, CLOSE_SIZE);
        return false;
    }
    memcpy(socket->message + socket->message_len, payload, len);
    socket->message_len += len;
    socket->in_message = !final;
    if (!final) {
        return true;
    }
    size_t message_len = socket->message_len;
    socket->message_len = 0;
    socket->message[message_len] = 0;
    if (!is_utf8(socket->message, message_len)) {
        send_close(socket, CLOSE_TEXT);
        return false;
    }
    bool go_on = socket->route->message(socket, socket->message, message_len,
                                        socket->connection->server->options.context);
    OPENSSL_cleanse(socket->message, message_len); /* the first message holds the session */
    if (!go_on) {
        send_close(socket, CLOSE_NORMAL);
    }
    return go_on;
}

static bool take_frame(struct http_websocket *socket, unsigned first, unsigned char *payload,
                       size_t len) {
    enum opcode opcode = first & 0x0F;
    bool final = (first & 0x80) != 0;
    switch (opcode) {
    case OP_TEXT:
    case OP_CONTINUATION:
        return take_data(socket, opcode, final, payload, len);
    case OP_PING:
        pthread_mutex_lock(&socket->mutex);
        bool queued = socket->queued < MAX_QUEUED && enqueue(socket, OP_PONG, payload, len);
        pthread_mutex_unlock(&socket->mutex);
        return queued;
    case OP_PONG:
        return true;
    case OP_CLOSE:
        send_close(socket, CLOSE_NORMAL);
        return false;
    default:
        send_close(socket, CLOSE_TYPE);
        return false;
    }
}

/* Take the whole frames out of what was received. False ends the connection. */
static bool take_frames(struct http_websocket *socket) {
    for (;;) {
        unsigned char *in = socket->received;
        size_t have = socket->received_len;
        if (have < 2) {
            return true;
        }
        size_t header = 2;
        uint64_t len = in[1] & 0x7F;
        bool control = (in[0] & 0x08) != 0;
        /* reserved bits; unmasked; a control frame that is long or in pieces: RFC 6455, 5.2 and 5.5 */
        if ((in[0] & 0x70) != 0 || (in[1] & 0x80) == 0 ||
            (control && (len > 125 || (in[0] & 0x80) == 0))) {
            send_close(socket, CLOSE_PROTOCOL);
            return false;
        }
        if (len >= 126) {
            size_t bytes = len == 126 ? 2 : 8;
            if (have < 2 + bytes) {
                return true;
            }
            len = 0;
            for (size_t i = 0; i < bytes; i++) {
                len = len << 8 | in[2 + i];
            }
            header += bytes;
        }
        if (len > socket->max_message) {
            send_close(socket, CLOSE_SIZE);
            return false;
        }
        if (have < header + 4 + (size_t)len) {
            return true;
        }
        unsigned char *mask = in + header, *payload = mask + 4;
        for (size_t i = 0; i < len; i++) {
            payload[i] ^= mask[i & 3];
        }
        bool go_on = take_frame(socket, in[0], payload, (size_t)len);
        size_t used = header + 4 + (size_t)len;
        memmove(in, in + used, have - used);
        OPENSSL_cleanse(in + have - used, used);
        socket->received_len = have - used;
        if (!go_on) {
            return false;
        }
    }
}

/* Read what is there. False when the connection has ended. */
static bool receive(struct http_websocket *socket) {
    do {
        ERR_clear_error();
        int got = SSL_read(socket->connection->ssl, socket->received + socket->received_len,
                           (int)(socket->received_size - socket->received_len));
        if (got <= 0) {
            int error = SSL_get_error(socket->connection->ssl, got);
            return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        }
        socket->received_len += (size_t)got;
        socket->last_heard_ms = http_now_ms();
        if (!take_frames(socket)) {
            return false;
        }
    } while (SSL_has_pending(socket->connection->ssl) != 0);
    return true;
}

static bool keep_in_touch(struct http_websocket *socket) {
    int64_t now = http_now_ms();
    if (now - socket->last_heard_ms > SILENCE_MS) {
        return false;
    }
    if (now - socket->last_ping_ms > PING_MS) {
        socket->last_ping_ms = now;
        pthread_mutex_lock(&socket->mutex);
        enqueue(socket, OP_PING, NULL, 0);
        pthread_mutex_unlock(&socket->mutex);
    }
    return true;
}

static void serve(struct http_websocket *socket) {
    struct pollfd fds[2] = {{.fd = socket->connection->fd},
                            {.fd = socket->wake_fd, .events = POLLIN}};
    bool blocked = false;
    while (flush(socket, &blocked)) {
        pthread_mutex_lock(&socket->mutex);
        bool closing = socket->closing;
        pthread_mutex_unlock(&socket->mutex);
        if (closing && !blocked) {
            break;
        }
        fds[0].events = blocked ? POLLIN | POLLOUT : POLLIN;
        if (poll(fds, 2, 1000) < 0 && errno != EINTR) {
            break;
        }
        uint64_t count;
        if ((fds[1].revents & POLLIN) != 0 && read(socket->wake_fd, &count, sizeof(count)) < 0) {
            break;
        }
        if ((fds[0].revents & (POLLERR | POLLNVAL)) != 0) {
            return;
        }
        if ((fds[0].revents & (POLLIN | POLLHUP)) != 0 && !receive(socket)) {
            break;
        }
        if (!keep_in_touch(socket)) {
            break;
        }
    }
    send_close(socket, CLOSE_AWAY);
    flush(socket, &blocked);
}

/* ---- opening ---- */

static bool accept_key(const char *key, char accept[32]) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
    unsigned char text[24 + sizeof(guid)], digest[SHA_DIGEST_LENGTH];
    size_t digest_len = 0;
    if (strlen(key) != 24) {
        return false;
    }
    memcpy(text, key, 24);
    memcpy(text + 24, guid, sizeof(guid) - 1);
    if (EVP_Q_digest(NULL, "SHA1", NULL, text, 24 + sizeof(guid) - 1, digest, &digest_len) != 1) {
        return false;
    }
    EVP_EncodeBlock((unsigned char *)accept, digest, (int)digest_len);
    return true;
}

static struct http_websocket *socket_new(struct http_request *request) {
    struct http_websocket *socket = calloc(1, sizeof(*socket));
    if (socket == NULL) {
        return NULL;
    }
    atomic_init(&socket->references, 1);
    pthread_mutex_init(&socket->mutex, NULL);
    socket->connection = request->connection;
    socket->route = request->websocket;
    socket->data = request->data;
    socket->max_message = request->websocket->max_message != 0 ? request->websocket->max_message
                                                               : DEFAULT_MAX_MESSAGE;
    socket->received_size = socket->max_message + MAX_HEADER;
    socket->received = malloc(socket->received_size);
    socket->message = malloc(socket->max_message + 1);
    socket->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    socket->last_heard_ms = socket->last_ping_ms = http_now_ms();
    if (socket->received == NULL || socket->message == NULL || socket->wake_fd < 0) {
        http_websocket_release(socket);
        return NULL;
    }
    return socket;
}

static void set_current(struct http_connection *connection, struct http_websocket *socket) {
    pthread_mutex_lock(&connection->server->mutex);
    connection->ws = socket;
    pthread_mutex_unlock(&connection->server->mutex);
}

void http_websocket_serve(struct http_request *request) {
    const char *key = http_request_header(request, "Sec-WebSocket-Key");
    const char *version = http_request_header(request, "Sec-WebSocket-Version");
    char accept[32];
    if (key == NULL || version == NULL || strcmp(version, "13") != 0 || !accept_key(key, accept) ||
        request->connection->ssl == NULL) {
        http_respond_standard_problem(request, HTTP_PROBLEM_BAD_REQUEST, NULL);
        return;
    }
    struct http_websocket *socket = socket_new(request);
    if (socket == NULL) {
        http_respond_standard_problem(request, HTTP_PROBLEM_INTERNAL, NULL);
        return;
    }
    struct http_connection *connection = request->connection;
    void *context = request->server->options.context;
    mg_disable_connection_keep_alive(request->conn);
    request->status = 101;
    request->ended = true;
    set_current(connection, socket);
    int flags = fcntl(connection->fd, F_GETFL);
    if (mg_printf(
            request->conn,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: %s\r\n\r\n",
            accept) > 0 &&
        flags >= 0 && fcntl(connection->fd, F_SETFL, flags | O_NONBLOCK) == 0) {
        socket->route->opened(socket, context);
        if (http_server_is_stopping(request->server)) {
            http_websocket_close(socket);
        }
        serve(socket);
        pthread_mutex_lock(&socket->mutex);
        socket->closed = true;
        pthread_mutex_unlock(&socket->mutex);
        socket->route->closed(socket, context);
    }
    set_current(connection, NULL);
    http_websocket_release(socket);
}
