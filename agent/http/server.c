/* Starting and stopping the HTTPS server, its TLS, and the warden that cuts off slow connections. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/http/internal.h"

#define DEFAULT_THREADS    96
#define DEFAULT_TIMEOUT_MS 15000
#define KEEP_ALIVE_MS      20000
#define DEFAULT_MAX_BODY   ((size_t)1 << 20)

/* The TLS connection that this worker thread is accepting; civetweb tells the socket to nobody. */
static _Thread_local SSL *accepting;

int64_t http_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void http_log(const struct http_server *server, enum http_log_level level, const char *format,
              ...) {
    if (server->options.log == NULL) {
        return;
    }
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    server->options.log(level, line, server->options.context);
}

unsigned http_server_timeout_ms(const struct http_server *server) {
    return server->options.timeout_ms;
}

bool http_server_is_stopping(const struct http_server *server) {
    return atomic_load(&server->stopping);
}

/* ---- connections ---- */

static int connection_opened(const struct mg_connection *conn, void **data) {
    struct http_server *server = mg_get_user_data(mg_get_context(conn));
    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        *data = NULL;
        return 0;
    }
    connection->server = server;
    connection->ssl = accepting;
    connection->fd = accepting != NULL ? SSL_get_fd(accepting) : -1;
    pthread_mutex_lock(&server->mutex);
    connection->next = server->connections;
    if (connection->next != NULL) {
        connection->next->previous = connection;
    }
    server->connections = connection;
    pthread_mutex_unlock(&server->mutex);
    *data = connection;
    return 0;
}

/* A hundred threads that wait would each keep the stack of the deepest that they have been, with what stood there. Called near the
 * bottom of a worker's stack: what lies beyond this frame (and what it calls) is nobody's. */
static void give_back_stack(void) {
    enum { KEPT = 16384 };
    pthread_attr_t attributes;
    void *low = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return;
    }
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
        uintptr_t begin = ((uintptr_t)low + page - 1) & ~(page - 1);
        uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - KEPT) & ~(page - 1);
        if (end > begin && end < (uintptr_t)low + size) {
            madvise((void *)begin, end - begin, MADV_DONTNEED);
        }
    }
    pthread_attr_destroy(&attributes);
}

static void connection_closing(const struct mg_connection *conn) {
    struct http_connection *connection = mg_get_user_connection_data(conn);
    if (connection == NULL) {
        return;
    }
    mg_set_user_connection_data(conn, NULL);
    struct http_server *server = connection->server;
    pthread_mutex_lock(&server->mutex);
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        server->connections = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    pthread_mutex_unlock(&server->mutex);
    free(connection);
    give_back_stack();
}

void http_connection_set_deadline(struct http_connection *connection, int64_t after_ms) {
    pthread_mutex_lock(&connection->server->mutex);
    connection->deadline_ms = after_ms > 0 ? http_now_ms() + after_ms : 0;
    pthread_mutex_unlock(&connection->server->mutex);
}

/* A peer that drips its body byte by byte would hold a thread for ever. */
static void *warden_run(void *argument) {
    struct http_server *server = argument;
    pthread_mutex_lock(&server->mutex);
    while (!atomic_load(&server->stopping)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 1;
        pthread_cond_timedwait(&server->wake, &server->mutex, &until);
        int64_t now = http_now_ms();
        for (struct http_connection *c = server->connections; c != NULL; c = c->next) {
            if (c->deadline_ms != 0 && c->deadline_ms < now && c->fd >= 0) {
                shutdown(c->fd, SHUT_RDWR);
                c->deadline_ms = 0;
            }
        }
    }
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

/* ---- civetweb's callbacks ---- */

static int begin_request(struct mg_connection *conn) {
    const struct mg_request_info *info = mg_get_request_info(conn);
    struct http_connection *connection = info->conn_data;
    if (connection == NULL) {
        mg_disable_connection_keep_alive(conn);
        return -1;
    }
    struct http_request request = {
        .server = connection->server, .connection = connection, .conn = conn, .info = info};
    http_dispatch(&request);
    int status = request.status;
    http_request_clear(&request);
    return status > 0 ? status : 500;
}

/* What civetweb itself refuses (malformed requests): the same shape as all our errors, and nothing more. */
static int http_error(struct mg_connection *conn, int status, const char *message) {
    (void)message;
    const char *code = status == 413   ? "BODY_TOO_LARGE"
                       : status >= 500 ? "INTERNAL"
                                       : "BAD_REQUEST";
    const char *type = status == 413   ? "body-too-large"
                       : status >= 500 ? "internal"
                                       : "bad-request";
    char body[256];
    int len =
        snprintf(body, sizeof(body),
                 "{\"type\":\"urn:openukey:problem:%s\",\"title\":\"Bad request\",\"status\":%d,"
                 "\"code\":\"%s\",\"retryable\":false}",
                 type, status, code);
    mg_disable_connection_keep_alive(conn);
    mg_printf(
        conn,
        "HTTP/1.1 %d Refused\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n%s",
        status, len, body);
    return 0;
}

static int log_message(const struct mg_connection *conn, const char *message) {
    struct http_server *server = mg_get_user_data(mg_get_context(conn));
    if (server != NULL) {
        http_log(server, HTTP_LOG_DEBUG, "%s", message);
    }
    return 1;
}

/* Remember the connection's socket until connection_opened(), which runs next on this same thread. */
static void tls_info(const SSL *ssl, int where, int result) {
    (void)result;
    if ((where & SSL_CB_HANDSHAKE_START) != 0) {
        accepting = (SSL *)(uintptr_t)ssl;
    }
}

/* At each handshake: the newest identity. */
static int choose_identity(SSL *tls, void *context) {
    struct http_server *server = context;
    pthread_mutex_lock(&server->mutex);
    bool chosen = server->leaf == NULL || (SSL_use_certificate(tls, server->leaf) == 1 &&
                                           SSL_use_PrivateKey(tls, server->leaf_key) == 1);
    pthread_mutex_unlock(&server->mutex);
    return chosen;
}

bool http_server_set_identity(struct http_server *server, const char *certificate,
                              const char *key) {
    BIO *certificate_file = BIO_new_file(certificate, "r"), *key_file = BIO_new_file(key, "r");
    X509 *leaf =
        certificate_file != NULL ? PEM_read_bio_X509(certificate_file, NULL, NULL, NULL) : NULL;
    EVP_PKEY *leaf_key =
        key_file != NULL ? PEM_read_bio_PrivateKey(key_file, NULL, NULL, NULL) : NULL;
    bool fits = leaf != NULL && leaf_key != NULL && X509_check_private_key(leaf, leaf_key) == 1;
    BIO_free(certificate_file);
    BIO_free(key_file);
    ERR_clear_error();
    if (fits) {
        X509 *old = server->leaf;
        EVP_PKEY *old_key = server->leaf_key;
        pthread_mutex_lock(&server->mutex);
        server->leaf = leaf;
        server->leaf_key = leaf_key;
        pthread_mutex_unlock(&server->mutex);
        leaf = old;
        leaf_key = old_key;
    }
    X509_free(leaf);
    EVP_PKEY_free(leaf_key);
    return fits;
}

static int init_ssl(void *tls_context, void *user_data) {
    SSL_CTX *tls = tls_context;
    struct http_server *server = user_data;
    SSL_CTX_set_info_callback(tls, tls_info);
    SSL_CTX_set_cert_cb(tls, choose_identity, server);
    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!aPSK") != 1 ||
        SSL_CTX_use_certificate_chain_file(tls, server->certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, server->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(tls) != 1) {
        ERR_clear_error();
        return -1;
    }
    static const unsigned char id[] = "openukey";
    SSL_CTX_set_session_id_context(tls, id, sizeof(id) - 1);
    /* connections are many and mostly silent: no buffers meanwhile; sessions live in their tickets, not here */
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    return 1;
}

/* ---- start and stop ---- */

/* "ADDRESS:PORT" with a numeric address, IPv6 in brackets. */
static bool parse_address(const char *text, struct sockaddr_storage *storage, socklen_t *len) {
    char host[64];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof(host)) {
        return false;
    }
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != 0 || port > 65535) {
        return false;
    }
    memset(storage, 0, sizeof(*storage));
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    size_t host_len = strlen(host);
    if (host[0] == '[' && host[host_len - 1] == ']') {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;
        host[host_len - 1] = 0;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        *len = sizeof(*in6);
        return inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)storage;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    *len = sizeof(*in);
    return inet_pton(AF_INET, host, &in->sin_addr) == 1;
}

/* civetweb tells nobody why it could not bind: ask first. */
static enum http_error probe_address(const char *text) {
    struct sockaddr_storage address;
    socklen_t len;
    if (!parse_address(text, &address, &len)) {
        return HTTP_ERROR_ADDRESS;
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return HTTP_ERROR_ADDRESS;
    }
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address.ss_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    enum http_error error = HTTP_OK;
    if (bind(fd, (struct sockaddr *)&address, len) != 0) {
        error = errno == EADDRINUSE ? HTTP_ERROR_IN_USE : HTTP_ERROR_ADDRESS;
    } else if (listen(fd, 1) != 0) {
        error = HTTP_ERROR_IN_USE;
    }
    close(fd);
    return error;
}

static enum http_error join_addresses(const char *const *listen, char **joined) {
    size_t size = 1;
    for (size_t i = 0; listen[i] != NULL; i++) {
        enum http_error error = probe_address(listen[i]);
        if (error != HTTP_OK) {
            return error;
        }
        size += strlen(listen[i]) + 2;
    }
    char *text = calloc(1, size);
    size_t used = 0;
    if (text == NULL) {
        return HTTP_ERROR_START;
    }
    for (size_t i = 0; listen[i] != NULL; i++) {
        int len = snprintf(text + used, size - used, "%s%ss", i > 0 ? "," : "", listen[i]);
        used += len > 0 ? (size_t)len : 0;
    }
    *joined = text;
    return HTTP_OK;
}

static bool certificate_fits(const char *certificate, const char *key) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    bool fits = tls != NULL && SSL_CTX_use_certificate_chain_file(tls, certificate) == 1 &&
                SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1 &&
                SSL_CTX_check_private_key(tls) == 1;
    SSL_CTX_free(tls);
    ERR_clear_error();
    return fits;
}

static void server_free(struct http_server *server) {
    free(server->listen);
    free(server->certificate);
    free(server->key);
    X509_free(server->leaf);
    EVP_PKEY_free(server->leaf_key);
    pthread_cond_destroy(&server->wake);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

static void init_library(void) {
    mg_init_library(MG_FEATURES_TLS | MG_FEATURES_IPV6);
}

static struct mg_context *start_civetweb(struct http_server *server) {
    char threads[16], timeout[16], keep_alive[16];
    snprintf(threads, sizeof(threads), "%u", server->options.threads);
    snprintf(timeout, sizeof(timeout), "%u", server->options.timeout_ms);
    snprintf(keep_alive, sizeof(keep_alive), "%d", KEEP_ALIVE_MS);
    /* the three empty CORS options keep civetweb from answering preflights with "*" */
    const char *options[] = {"listening_ports",
                             server->listen,
                             "num_threads",
                             threads,
                             "request_timeout_ms",
                             timeout,
                             "enable_keep_alive",
                             "yes",
                             "keep_alive_timeout_ms",
                             keep_alive,
                             "tcp_nodelay",
                             "1",
                             "decode_url",
                             "no",
                             "max_request_size",
                             "16384",
                             "enable_auth_domain_check",
                             "no",
                             "enable_directory_listing",
                             "no",
                             "ssl_protocol_version",
                             "4",
                             "access_control_allow_origin",
                             "",
                             "access_control_allow_methods",
                             "",
                             "access_control_allow_headers",
                             "",
                             NULL};
    struct mg_callbacks callbacks = {.begin_request = begin_request,
                                     .http_error = http_error,
                                     .log_message = log_message,
                                     .init_ssl = init_ssl,
                                     .init_connection = connection_opened,
                                     .connection_close = connection_closing};
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    return mg_start(&callbacks, server, options);
}

enum http_error http_server_start(const struct http_server_options *options,
                                  struct http_server **out) {
    *out = NULL;
    if (!certificate_fits(options->certificate, options->key)) {
        return HTTP_ERROR_CERTIFICATE;
    }
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return HTTP_ERROR_START;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&server->mutex, NULL);
    server->options = *options;
    server->options.listen = NULL;
    server->options.certificate = server->options.key = NULL;
    server->certificate = strdup(options->certificate);
    server->key = strdup(options->key);
    if (options->threads == 0) {
        server->options.threads = DEFAULT_THREADS;
    }
    if (options->timeout_ms == 0) {
        server->options.timeout_ms = DEFAULT_TIMEOUT_MS;
    }
    if (options->max_body == 0) {
        server->options.max_body = DEFAULT_MAX_BODY;
    }
    enum http_error error = HTTP_ERROR_START;
    if (server->certificate == NULL || server->key == NULL) {
        goto out;
    }
    error = join_addresses(options->listen, &server->listen);
    if (error != HTTP_OK) {
        goto out;
    }
    error = HTTP_ERROR_START;
    server->civetweb = start_civetweb(server);
    if (server->civetweb == NULL) {
        goto out;
    }
    server->warden_runs = pthread_create(&server->warden, NULL, warden_run, server) == 0;
    if (!server->warden_runs) {
        http_server_stop(server);
        return HTTP_ERROR_START;
    }
    *out = server;
    return HTTP_OK;
out:
    server_free(server);
    return error;
}

/* civetweb's threads look at its stop flag every two seconds, or when something happens: make something happen. Connections that
 * wait for a request see its end; answers under way can still be sent. */
static void wake_connections(struct http_server *server) {
    pthread_mutex_lock(&server->mutex);
    for (struct http_connection *c = server->connections; c != NULL; c = c->next) {
        if (c->fd >= 0) {
            shutdown(c->fd, SHUT_RD);
        }
    }
    pthread_mutex_unlock(&server->mutex);
}

/* Connect to the listeners until the server has stopped. */
static void *nudge_run(void *argument) {
    struct http_server *server = argument;
    while (!atomic_load(&server->stopped)) {
        char list[512];
        char *rest = NULL;
        snprintf(list, sizeof(list), "%s", server->listen);
        for (char *text = strtok_r(list, ",", &rest); text != NULL;
             text = strtok_r(NULL, ",", &rest)) {
            struct sockaddr_storage address;
            socklen_t len;
            text[strlen(text) - 1] = 0; /* civetweb's 's' */
            int fd = parse_address(text, &address, &len)
                         ? socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
                         : -1;
            if (fd >= 0) {
                int begun = connect(fd, (struct sockaddr *)&address, len);
                (void)begun; /* that it was tried is enough */
                close(fd);
            }
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return NULL;
}

static void stop_civetweb(struct http_server *server) {
    pthread_t nudger;
    bool nudged = pthread_create(&nudger, NULL, nudge_run, server) == 0;
    mg_stop(server->civetweb);
    atomic_store(&server->stopped, true);
    if (nudged) {
        pthread_join(nudger, NULL);
    }
}

void http_server_stop(struct http_server *server) {
    if (server == NULL) {
        return;
    }
    pthread_mutex_lock(&server->mutex);
    atomic_store(&server->stopping, true);
    pthread_cond_broadcast(&server->wake);
    pthread_mutex_unlock(&server->mutex);
    if (server->warden_runs) {
        pthread_join(server->warden, NULL);
    }
    http_websocket_close_all(server);
    wake_connections(server);
    stop_civetweb(server);
    server_free(server);
}
