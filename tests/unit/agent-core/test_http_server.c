/* The web plumbing over a real TLS connection: what it answers, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/http/http.h"
#include "agent/identity/identity.h"

static char folder[64];
static struct identity identity;
static struct http_server *server;
static uint16_t port;
static SSL_CTX *tls;

/* ---- the server under test ---- */

static void echo(struct http_request *request) {
    http_respond_json(request, 200,
                      json_pack("{s:s, s:s, s:O}", "method", http_request_method(request), "path",
                                http_request_path(request), "body", http_request_json(request)));
}

static void show(struct http_request *request) {
    const char *q = http_request_query_value(request, "q");
    http_respond_json(request, 200,
                      json_pack("{s:s, s:s?, s:i, s:s?}", "id", http_request_param(request, "id"),
                                "q", q, "hosts", (int)http_request_header_count(request, "Host"),
                                "x", http_request_header(request, "x-test")));
}

static void stream(struct http_request *request) {
    http_respond_begin(request, 200, "text/plain", -1);
    for (int i = 0; i < 3; i++) {
        http_respond_write(request, "piece ", 6);
    }
    http_respond_end(request);
}

static void raw(struct http_request *request) {
    size_t len;
    const char *body = http_request_body(request, &len);
    http_respond(request, 200, "application/octet-stream", body, len);
}

/* Takes the body in small pieces and says how much there was. */
static void count(struct http_request *request) {
    char piece[7];
    long got, all = 0;
    while ((got = http_request_read(request, piece, sizeof(piece))) > 0) {
        all += got;
    }
    if (got == 0) {
        http_respond_json(request, 200, json_pack("{s:i}", "bytes", (int)all));
    }
}

/* Answers without looking at the body. */
static void ignore(struct http_request *request) {
    http_respond_empty(request, 204);
}

static void forget(struct http_request *request) {
    (void)request;
}

static void inject(struct http_request *request) {
    http_response_header(request, "X-Bad", "a\r\nSet-Cookie: b=c");
    http_response_header(request, "X-Good", "yes");
    http_respond_empty(request, 204);
}

static const unsigned char page[] = "<p>hello";
static const struct http_asset assets[] = {
    {"/index.html", "text/html; charset=utf-8", page, page + sizeof(page) - 1}, {0}};

static void asset(struct http_request *request) {
    char path[64];
    snprintf(path, sizeof(path), "/%s", http_request_param(request, "path"));
    http_respond_asset(request, assets, path);
}

static const struct http_route first_table[] = {
    {"POST", "/echo", echo, .body = HTTP_BODY_JSON, .max_body = 100},
    {"GET", "/show/{id}", show, .body = HTTP_BODY_NONE},
    {0},
};
static const struct http_route second_table[] = {
    {"GET", "/stream", stream, .body = HTTP_BODY_NONE},
    {"*", "/raw/{path...}", raw, .body = HTTP_BODY_RAW, .max_body = 5000},
    {"GET", "/forget", forget, .body = HTTP_BODY_NONE},
    {"PUT", "/count", count, .body = HTTP_BODY_STREAM, .max_body = 100},
    {"PUT", "/ignore", ignore, .body = HTTP_BODY_STREAM, .max_body = 100},
    {"GET", "/inject", inject, .body = HTTP_BODY_NONE},
    {"GET", "/web/{path...}", asset, .body = HTTP_BODY_NONE},
    {"DELETE", "/show/{id}", show, .body = HTTP_BODY_NONE},
    {0},
};

static uint16_t free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    getsockname(fd, (struct sockaddr *)&address, &len);
    close(fd);
    return ntohs(address.sin_port);
}

static int setup(void **state) {
    (void)state;
    static const struct http_route *const tables[] = {first_table, second_table, NULL};
    static char address[32];
    const char *listen[] = {address, NULL};
    strcpy(folder, "/tmp/openukey-http-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(identity_ensure(folder, "test", time(NULL), &identity), IDENTITY_OK);
    struct http_server_options options = {.listen = listen,
                                          .certificate = identity.certificate,
                                          .key = identity.key,
                                          .threads = 4,
                                          .timeout_ms = 1000,
                                          .routes = tables};
    enum http_error error = HTTP_ERROR_IN_USE;
    for (int i = 0; i < 20 && error == HTTP_ERROR_IN_USE; i++) {
        port = free_port();
        snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)port);
        error = http_server_start(&options, &server);
    }
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_load_verify_file(tls, identity.ca);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    return error == HTTP_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    http_server_stop(server);
    SSL_CTX_free(tls);
    unlink(identity.ca);
    unlink(identity.certificate);
    unlink(identity.key);
    return rmdir(folder);
}

/* ---- the client ---- */

struct client {
    int fd;
    SSL *ssl;
};

static bool try_open(struct client *client, int max_version) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    client->ssl = SSL_new(tls);
    SSL_set1_host(client->ssl, "localhost");
    if (max_version != 0) {
        SSL_set_security_level(client->ssl, 0);
        SSL_set_min_proto_version(client->ssl, 0);
        SSL_set_max_proto_version(client->ssl, max_version);
    }
    SSL_set_fd(client->ssl, client->fd);
    return SSL_connect(client->ssl) == 1;
}

static void close_client(struct client *client) {
    SSL_free(client->ssl);
    close(client->fd);
}

static void send_text(struct client *client, const char *text) {
    assert_int_equal(SSL_write(client->ssl, text, (int)strlen(text)), (int)strlen(text));
}

/* Read until `until` has come or the connection ends. */
static const char *receive(struct client *client, const char *until) {
    static char answer[20000];
    size_t len = 0;
    answer[0] = 0;
    while (len < sizeof(answer) - 1 && (until == NULL || strstr(answer, until) == NULL)) {
        int got = SSL_read(client->ssl, answer + len, (int)(sizeof(answer) - 1 - len));
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        answer[len] = 0;
    }
    return answer;
}

/* One request on its own connection; the answer until its end. */
static const char *ask(const char *request) {
    struct client client;
    assert_true(try_open(&client, 0));
    send_text(&client, request);
    const char *answer = receive(&client, NULL);
    close_client(&client);
    return answer;
}

#define HOST "Host: localhost\r\nConnection: close\r\n"

static void assert_status(const char *answer, int status, const char *holds) {
    char line[32];
    snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    if (strncmp(answer, line, strlen(line)) != 0 ||
        (holds != NULL && strstr(answer, holds) == NULL)) {
        fail_msg("expected %d with %s, got: %s", status, holds != NULL ? holds : "anything",
                 answer);
    }
}

/* ---- the tests ---- */

static void a_route_answers_with_its_parameters(void **state) {
    (void)state;
    const char *answer =
        ask("GET /show/a%20%E4%BD%A0?q=1%202&z=3 HTTP/1.1\r\nX-Test: v\r\n" HOST "\r\n");
    assert_status(answer, 200, "\"id\":\"a \xE4\xBD\xA0\"");
    assert_non_null(strstr(answer, "\"q\":\"1 2\""));
    assert_non_null(strstr(answer, "\"hosts\":1"));
    assert_non_null(strstr(answer, "\"x\":\"v\""));
    assert_status(ask("GET /show/x?q=1&q=2 HTTP/1.1\r\n" HOST "\r\n"), 200, "\"q\":null");
    assert_status(ask("GET /show/x?q=%zz HTTP/1.1\r\nHost: evil\r\n" HOST "\r\n"), 200,
                  "\"hosts\":2");
}

static void every_answer_forbids_framing_sniffing_and_caching(void **state) {
    (void)state;
    const char *answer = ask("GET /show/1 HTTP/1.1\r\n" HOST "\r\n");
    static const char *const headers[] = {
        "Cache-Control: no-store", "X-Frame-Options: DENY", "X-Content-Type-Options: nosniff",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'"};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_non_null(strstr(answer, headers[i]));
    }
}

static void unknown_paths_and_methods_are_problems(void **state) {
    (void)state;
    assert_status(ask("GET /nothing HTTP/1.1\r\n" HOST "\r\n"), 404,
                  "urn:openukey:problem:not-found");
    assert_status(ask("GET /show/.. HTTP/1.1\r\n" HOST "\r\n"), 404, NULL);
    assert_status(ask("GET /show/%2e%2e HTTP/1.1\r\n" HOST "\r\n"), 404, NULL);
    assert_status(ask("GET /show/a%00 HTTP/1.1\r\n" HOST "\r\n"), 404, NULL);
    const char *answer = ask("PUT /show/1 HTTP/1.1\r\n" HOST "\r\n");
    assert_status(answer, 405, "\"code\":\"METHOD_NOT_ALLOWED\"");
    assert_non_null(strstr(answer, "Allow: GET, DELETE\r\n"));
    assert_non_null(strstr(answer, "Content-Type: application/problem+json"));
    assert_status(ask("OPTIONS /show/1 HTTP/1.1\r\nOrigin: "
                      "https://x.cn\r\nAccess-Control-Request-Method: GET\r\n" HOST "\r\n"),
                  405, NULL);
    assert_null(strstr(ask("OPTIONS /show/1 HTTP/1.1\r\nOrigin: "
                           "https://x.cn\r\nAccess-Control-Request-Method: GET\r\n" HOST "\r\n"),
                       "Access-Control-Allow"));
}

static void problems_speak_the_persons_language(void **state) {
    (void)state;
    assert_status(ask("GET /nothing HTTP/1.1\r\n" HOST "\r\n"), 404,
                  "\xE6\x9C\xAA\xE6\x89\xBE\xE5\x88\xB0");
    assert_status(ask("GET /nothing HTTP/1.1\r\nAccept-Language: zh-TW\r\n" HOST "\r\n"), 404,
                  "Content-Language: zh-CN");
    assert_status(ask("GET /nothing HTTP/1.1\r\nAccept-Language: de, zh\r\n" HOST "\r\n"), 404,
                  "Not found");
}

static void json_routes_take_one_strict_json_object(void **state) {
    (void)state;
#define POST(type, len, body)                                                                      \
    "POST /echo HTTP/1.1\r\n" HOST "Content-Type: " type "\r\nContent-Length: " len "\r\n\r"       \
    "\n" body
    assert_status(ask(POST("application/json", "7", "{\"a\":1}")), 200, "\"body\":{\"a\":1}");
    assert_status(ask(POST("application/json; charset=utf-8", "7", "{\"a\":1}")), 200, NULL);
    assert_status(ask(POST("application/json", "0", "")), 200, "\"body\":{}");
    assert_status(ask(POST("text/plain", "7", "{\"a\":1}")), 415, "UNSUPPORTED_MEDIA_TYPE");
    assert_status(ask(POST("application/jsonx", "7", "{\"a\":1}")), 415, NULL);
    assert_status(ask(POST("application/json\r\nContent-Type: text/plain", "7", "{\"a\":1}")), 415,
                  NULL);
    assert_status(ask("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}"), 415, NULL);
    assert_status(ask(POST("application/json", "13", "{\"a\":1,\"a\":2}")), 400, "BAD_REQUEST");
    assert_status(ask(POST("application/json", "2", "[]")), 400, NULL);
    assert_status(ask(POST("application/json", "1", "{")), 400, NULL);
    assert_status(ask(POST("application/json", "x", "{}")), 411, NULL);
    assert_status(ask(POST("application/json", "999999999999", "{}")), 413, "BODY_TOO_LARGE");
    assert_status(ask(POST("application/json", "101", "{}")), 413, NULL);
}

static void a_body_that_never_comes_is_not_waited_for_for_ever(void **state) {
    (void)state;
    assert_status(ask(POST("application/json", "50", "{}")), 400, NULL);
}

static void chunked_bodies_are_read_and_limited(void **state) {
    (void)state;
#define CHUNKED(path)                                                                              \
    "POST " path " HTTP/1.1\r\n" HOST                                                              \
    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert_status(ask(CHUNKED("/echo") "3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"), 200,
                  "\"body\":{\"a\":1}");
    char big[700];
    snprintf(big, sizeof(big), "%sc8\r\n%200s\r\n0\r\n\r\n", CHUNKED("/echo"), "");
    assert_status(ask(big), 413, NULL);
}

static void raw_routes_take_bytes_and_unclean_paths(void **state) {
    (void)state;
    assert_status(ask("PUT /raw/../x HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 200,
                  "\r\n\r\nabc");
    char large[6000];
    int head = snprintf(large, sizeof(large),
                        "PUT /raw/x HTTP/1.1\r\n" HOST "Content-Length: 4900\r\n\r\n");
    memset(large + head, 'z', 4900);
    large[head + 4900] = 0;
    assert_status(ask(large), 200, "Content-Length: 4900");
}

static void streamed_bodies_are_counted_and_limited(void **state) {
    (void)state;
#define STREAM(path, head) "PUT " path " HTTP/1.1\r\n" HOST head
#define OCTETS             "Content-Type: application/octet-stream\r\n"
    assert_status(ask(STREAM("/count", OCTETS "Content-Length: 10\r\n\r\n0123456789")), 200,
                  "{\"bytes\":10}");
    assert_status(
        ask(STREAM("/count", OCTETS
                   "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n9\r\ndefghijkl\r\n0\r\n\r\n")),
        200, "{\"bytes\":12}");
    assert_status(ask(STREAM("/count", OCTETS "Content-Length: 0\r\n\r\n")), 200, "{\"bytes\":0}");
    assert_status(ask(STREAM("/count", "Content-Length: 1\r\n\r\na")), 415, NULL);
    assert_status(ask(STREAM("/count", "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\na")),
                  415, NULL);
    assert_status(ask(STREAM("/count", OCTETS "Content-Length: 101\r\n\r\na")), 413, NULL);
    char big[700];
    snprintf(big, sizeof(big), "%sc8\r\n%200s\r\n0\r\n\r\n",
             STREAM("/count", OCTETS "Transfer-Encoding: chunked\r\n\r\n"), "");
    assert_status(ask(big), 413, "BODY_TOO_LARGE");
    assert_status(ask(STREAM("/count", OCTETS "Content-Length: 10\r\n\r\n012")), 400, NULL);
}

static void a_streamed_body_that_was_left_unread_ends_the_connection(void **state) {
    (void)state;
    assert_status(ask(STREAM("/ignore", OCTETS "Content-Length: 3\r\n\r\nabc")), 204,
                  "Connection: close");
}

static void a_long_answer_comes_in_chunks(void **state) {
    (void)state;
    assert_status(ask("GET /stream HTTP/1.1\r\n" HOST "\r\n"), 200,
                  "6\r\npiece \r\n6\r\npiece \r\n6\r\npiece \r\n0\r\n\r\n");
}

static void head_is_get_without_body(void **state) {
    (void)state;
    const char *answer = ask("HEAD /show/1 HTTP/1.1\r\n" HOST "\r\n");
    assert_status(answer, 200, "Content-Length: ");
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void one_connection_serves_many_requests(void **state) {
    (void)state;
    struct client client;
    assert_true(try_open(&client, 0));
    for (int i = 0; i < 50; i++) {
        send_text(&client, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                           "application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
        const char *answer = receive(&client, "\"body\":{\"a\":1}}");
        assert_status(answer, 200, "Connection: keep-alive");
    }
    /* an answer that leaves a body unread ends the connection: the rest must not be taken for a request */
    send_text(&client, "POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\nGET "
                       "/show/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    const char *answer = receive(&client, NULL);
    assert_status(answer, 404, "Connection: close");
    assert_null(strstr(answer, "HTTP/1.1 200"));
    close_client(&client);
}

static void a_handler_that_forgets_to_answer_makes_a_500(void **state) {
    (void)state;
    assert_status(ask("GET /forget HTTP/1.1\r\n" HOST "\r\n"), 500, "\"code\":\"INTERNAL\"");
}

static void a_header_cannot_be_broken_into_two(void **state) {
    (void)state;
    const char *answer = ask("GET /inject HTTP/1.1\r\n" HOST "\r\n");
    assert_status(answer, 204, "X-Good: yes");
    assert_null(strstr(answer, "Set-Cookie"));
    assert_null(strstr(answer, "Content-Length"));
}

static void assets_come_with_type_and_etag(void **state) {
    (void)state;
    char request[200];
    const char *answer = ask("GET /web/index.html HTTP/1.1\r\n" HOST "\r\n");
    assert_status(answer, 200, "Content-Type: text/html; charset=utf-8");
    assert_non_null(strstr(answer, "\r\n\r\n<p>hello"));
    const char *etag = strstr(answer, "ETag: ") + 6;
    snprintf(request, sizeof(request),
             "GET /web/index.html HTTP/1.1\r\nIf-None-Match: %.18s\r\n" HOST "\r\n", etag);
    assert_status(ask(request), 304, NULL);
    assert_status(ask("GET /web/other.html HTTP/1.1\r\n" HOST "\r\n"), 404, NULL);
    assert_status(ask("GET /web/../index.html HTTP/1.1\r\n" HOST "\r\n"), 404, NULL);
}

static void malformed_requests_are_refused_and_nothing_breaks(void **state) {
    (void)state;
    static const char *const bad[] = {"nonsense\r\n\r\n",
                                      "GET /show/1\r\n\r\n",
                                      "GET  HTTP/1.1\r\n\r\n",
                                      "GET https://evil.test/ HTTP/1.1\r\n" HOST "\r\n",
                                      "GET /show/1 HTTP/3.0\r\n" HOST "\r\n",
                                      "GET * HTTP/1.1\r\n" HOST "\r\n",
                                      "\r\n\r\n\r\n",
                                      "\x16\x03\x01"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *answer = ask(bad[i]);
        if (strstr(answer, "HTTP/1.1 200") != NULL) {
            fail_msg("answered 200 to %s", bad[i]);
        }
    }
    char many[20000];
    int len = snprintf(many, sizeof(many), "GET /show/1 HTTP/1.1\r\n");
    for (int i = 0; i < 70; i++) {
        len += snprintf(many + len, sizeof(many) - (size_t)len, "X-Filler: 1\r\n");
    }
    snprintf(many + len, sizeof(many) - (size_t)len, HOST "\r\n");
    assert_status(ask(many), 400, NULL);
    memset(many + 22, 'x', 17000);
    many[17022] = 0;
    assert_status(ask(many), 400, NULL);
    assert_status(ask("GET /show/1 HTTP/1.1\r\n" HOST "\r\n"), 200, NULL);
}

static void tls_1_1_is_refused(void **state) {
    (void)state;
    struct client client;
    assert_false(try_open(&client, TLS1_1_VERSION));
    close_client(&client);
    assert_true(try_open(&client, TLS1_2_VERSION));
    close_client(&client);
}

static void a_port_in_use_and_a_wrong_key_are_told_apart(void **state) {
    (void)state;
    static const struct http_route *const tables[] = {first_table, NULL};
    char address[32];
    struct http_server *other = NULL;
    snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)port);
    const char *taken[] = {address, NULL}, *foreign[] = {"192.0.2.1:4433", NULL},
               *nonsense[] = {"localhost", NULL};
    struct http_server_options options = {.listen = taken,
                                          .certificate = identity.certificate,
                                          .key = identity.key,
                                          .routes = tables};
    assert_int_equal(http_server_start(&options, &other), HTTP_ERROR_IN_USE);
    options.listen = foreign;
    assert_int_equal(http_server_start(&options, &other), HTTP_ERROR_ADDRESS);
    options.listen = nonsense;
    assert_int_equal(http_server_start(&options, &other), HTTP_ERROR_ADDRESS);
    options.key = identity.ca;
    assert_int_equal(http_server_start(&options, &other), HTTP_ERROR_CERTIFICATE);
    assert_null(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_answers_with_its_parameters),
        cmocka_unit_test(every_answer_forbids_framing_sniffing_and_caching),
        cmocka_unit_test(unknown_paths_and_methods_are_problems),
        cmocka_unit_test(problems_speak_the_persons_language),
        cmocka_unit_test(json_routes_take_one_strict_json_object),
        cmocka_unit_test(a_body_that_never_comes_is_not_waited_for_for_ever),
        cmocka_unit_test(chunked_bodies_are_read_and_limited),
        cmocka_unit_test(raw_routes_take_bytes_and_unclean_paths),
        cmocka_unit_test(streamed_bodies_are_counted_and_limited),
        cmocka_unit_test(a_streamed_body_that_was_left_unread_ends_the_connection),
        cmocka_unit_test(a_long_answer_comes_in_chunks),
        cmocka_unit_test(head_is_get_without_body),
        cmocka_unit_test(one_connection_serves_many_requests),
        cmocka_unit_test(a_handler_that_forgets_to_answer_makes_a_500),
        cmocka_unit_test(a_header_cannot_be_broken_into_two),
        cmocka_unit_test(assets_come_with_type_and_etag),
        cmocka_unit_test(malformed_requests_are_refused_and_nothing_breaks),
        cmocka_unit_test(tls_1_1_is_refused),
        cmocka_unit_test(a_port_in_use_and_a_wrong_key_are_told_apart),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
