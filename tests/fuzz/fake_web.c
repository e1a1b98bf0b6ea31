/* See fake_web.h. civetweb is compiled in here, as the Makefile compiles it, so that its sockets can be ours and its request loop can be
 * called. */
#define NO_SSL_DL
#define OPENSSL_API_3_0
#define USE_WEBSOCKET
#define USE_IPV6
#define NO_CGI
#define NO_FILES
#define NO_CACHING
#define STOP_FLAG_NEEDS_LOCK
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { FAKE_SOCKET = 1 << 20 }; /* beyond every descriptor of this program */

static struct {
    const uint8_t *data;
    size_t left;
    bool show;
    bool broke; /* a 500 was answered */
} wire;

/* ---- the socket ---- */

static int wire_poll(struct pollfd *list, nfds_t count, int timeout_ms) {
    if (count == 1 && list[0].fd == FAKE_SOCKET) {
        list[0].revents = list[0].events & (POLLIN | POLLOUT);
        return 1;
    }
    return poll(list, count, timeout_ms);
}

static SSL *tls; /* NULL: connections have none */

static ssize_t wire_take(void *to, size_t size) {
    size_t len = wire.left < size ? wire.left : size;
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)to)[i] = wire.data[i];
    }
    wire.data += len;
    wire.left -= len;
    return (ssize_t)len;
}

/* A client that opens a WebSocket waits for the answer, so what it sends next is never read together with its request. */
static ssize_t wire_recv(int fd, void *to, size_t size, int flags) {
    if (fd != FAKE_SOCKET) {
        return recv(fd, to, size, flags);
    }
    const uint8_t *end = tls != NULL ? memmem(wire.data, wire.left, "\r\n\r\n", 4) : NULL;
    size_t head = end != NULL ? (size_t)(end - wire.data) + 4 : size;
    return wire_take(to, head < size ? head : size);
}

static ssize_t wire_send(int fd, const void *from, size_t size, int flags) {
    if (fd != FAKE_SOCKET) {
        return send(fd, from, size, flags);
    }
    wire.broke = wire.broke || (size > 12 && memcmp(from, "HTTP/1.1 500", 12) == 0);
    if (wire.show) {
        fwrite(from, 1, size, stdout);
    }
    return (ssize_t)size;
}

/* A connection whose owner wants WebSockets has a TLS object, as they do without civetweb. It holds nothing: its reads and writes come
 * here (the linker's --wrap), in pieces of one byte and of all that is left. */
int __wrap_SSL_read(SSL *ssl, void *to, int size);
int __wrap_SSL_write(SSL *ssl, const void *from, int size);
int __wrap_SSL_get_error(const SSL *ssl, int result);
int __wrap_SSL_has_pending(const SSL *ssl);

int __wrap_SSL_read(SSL *ssl, void *to, int size) {
    (void)ssl;
    return (int)wire_take(to, wire.left % 3 == 0 ? 1 : (size_t)size);
}

int __wrap_SSL_write(SSL *ssl, const void *from, int size) {
    (void)ssl;
    return (int)wire_send(FAKE_SOCKET, from, (size_t)size, 0);
}

int __wrap_SSL_get_error(const SSL *ssl, int result) {
    (void)ssl;
    return result > 0 ? SSL_ERROR_NONE : SSL_ERROR_ZERO_RETURN;
}

int __wrap_SSL_has_pending(const SSL *ssl) {
    (void)ssl;
    return wire.left > 0;
}

#define poll     wire_poll
#define recv     wire_recv
#define send     wire_send
#define mg_start civetweb_start
#include <civetweb.c> /* NOLINT(bugprone-suspicious-include): its insides are what this is about */
#undef poll
#undef recv
#undef send
#undef mg_start

#include "agent/identity/identity.h"
#include "tests/fuzz/fake_web.h"

static struct mg_context *context;
static struct mg_workerTLS thread;

/* agent/http starts civetweb: remember what came of it. */
struct mg_context *mg_start(const struct mg_callbacks *callbacks, void *user, const char **options);

struct mg_context *mg_start(const struct mg_callbacks *callbacks, void *user,
                            const char **options) {
    context = civetweb_start(callbacks, user, options);
    return context;
}

/* civetweb shakes hands; the server's callback remembers the connection's TLS object meanwhile. */
static void shake_hands(void) {
    void (*told)(const SSL *ssl, int where, int result) =
        SSL_CTX_get_info_callback(context->dd.ssl_ctx);
    told(tls, SSL_CB_HANDSHAKE_START, 1);
}

void fake_web_start(const char *folder, const struct http_server_options *wanted) {
    static const char *const listen[] = {"127.0.0.1:0", NULL};
    static struct http_server *server;
    struct identity identity;
    if (identity_ensure(folder, "fuzz", time(NULL), &identity) != IDENTITY_OK) {
        abort();
    }
    struct http_server_options options = *wanted;
    options.listen = listen;
    options.certificate = identity.certificate;
    options.key = identity.key;
    options.threads = 1;
    if (http_server_start(&options, &server) != HTTP_OK) {
        abort();
    }
    thread.is_master = 0;
    thread.thread_idx = (unsigned)mg_atomic_inc(&thread_idx_max);
    pthread_setspecific(sTlsKey, &thread);
    if (options.websockets != NULL) {
        /* /dev/null can be read and written at any time, and nobody ever hangs up */
        tls = SSL_new(context->dd.ssl_ctx);
        if (tls == NULL || SSL_set_fd(tls, open("/dev/null", O_RDWR | O_CLOEXEC)) != 1) {
            abort();
        }
    }
}

/* What civetweb's worker does with a connection. */
bool fake_web_connection(const uint8_t *data, size_t size, bool show) {
    struct mg_connection *conn = mg_calloc(1, sizeof *conn);
    char *buffer = mg_malloc(context->max_request_size);
    if (conn == NULL || buffer == NULL) {
        abort();
    }
    wire.data = data;
    wire.left = size;
    wire.show = show;
    wire.broke = false;
    conn->phys_ctx = context;
    conn->dom_ctx = &context->dd;
    conn->buf = buffer;
    conn->buf_size = (int)context->max_request_size;
    conn->client.sock = FAKE_SOCKET;
    conn->request_info.user_data = context->user_data;
    conn->request_info.remote_port = 40000;
    conn->request_info.server_port = 8443;
    strcpy(conn->request_info.remote_addr, "127.0.0.1");
    pthread_mutex_init(&conn->mutex, &pthread_mutex_attr);
    if (tls != NULL) {
        shake_hands();
    }
    init_connection(conn);
    conn->connection_type = CONNECTION_TYPE_REQUEST;
    conn->protocol_type = PROTOCOL_TYPE_HTTP1;
    process_new_connection(conn);
    if (conn->request_info.local_uri != conn->request_info.local_uri_raw) {
        mg_free((void *)(uintptr_t)conn->request_info.local_uri);
    }
    pthread_mutex_destroy(&conn->mutex);
    mg_free(buffer);
    mg_free(conn);
    return !wire.broke;
}
