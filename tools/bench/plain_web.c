/* plain-web CERTIFICATE KEY PORT: civetweb alone, with the options and TLS of agent/http/server.c, and one answer for every request: what
 * the agent's requests are measured beside. Ends with its standard input. */
#include <civetweb.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char **files; /* certificate, key */
static char body[600];     /* about what the agent says of itself */

static int init_ssl(void *tls_context, void *user_data) {
    (void)user_data;
    SSL_CTX *tls = tls_context;
    static const unsigned char id[] = "plain";
    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!aPSK") != 1 ||
        SSL_CTX_use_certificate_chain_file(tls, files[0]) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, files[1], SSL_FILETYPE_PEM) != 1) {
        return -1;
    }
    return SSL_CTX_set_session_id_context(tls, id, sizeof(id) - 1);
}

static int answer(struct mg_connection *conn) {
    mg_response_header_start(conn, 200);
    mg_response_header_add(conn, "Content-Type", "text/plain", -1);
    mg_response_header_add(conn, "Content-Length", "600", -1);
    mg_response_header_send(conn);
    mg_write(conn, body, sizeof(body));
    return 200;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: plain-web CERTIFICATE KEY PORT\n");
        return 2;
    }
    char listen[64];
    memset(body, 'x', sizeof(body));
    snprintf(listen, sizeof(listen), "127.0.0.1:%ss", argv[3]);
    files = (const char **)(argv + 1);
    const char *options[] = {"listening_ports",
                             listen,
                             "num_threads",
                             "96",
                             "request_timeout_ms",
                             "15000",
                             "enable_keep_alive",
                             "yes",
                             "keep_alive_timeout_ms",
                             "20000",
                             "tcp_nodelay",
                             "1",
                             "decode_url",
                             "no",
                             "max_request_size",
                             "16384",
                             "enable_auth_domain_check",
                             "no",
                             "ssl_protocol_version",
                             "4",
                             NULL};
    struct mg_callbacks callbacks = {.begin_request = answer, .init_ssl = init_ssl};
    mg_init_library(MG_FEATURES_TLS);
    struct mg_context *web = mg_start(&callbacks, NULL, options);
    if (web == NULL) {
        fprintf(stderr, "plain-web: cannot listen at %s\n", listen);
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    for (char c; read(STDIN_FILENO, &c, 1) > 0;) {
    }
    mg_stop(web);
    return 0;
}
