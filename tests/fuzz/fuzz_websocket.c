/* Fuzzes the reading of WebSocket frames: first byte: which address; then what a client sends after it has been let in. The owner echoes, so
 * that what went through is known: whole texts that are UTF-8 and no longer than allowed. */
#include "tests/fuzz/fake_web.h"

#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { SHORT_MAX = 64, LONG_MAX_BYTES = 70000 };

static char folder[64];
static bool show;
static unsigned open_sockets;

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static bool let_in(struct http_request *request) {
    (void)request;
    return true;
}

static void opened(struct http_websocket *socket, void *context) {
    (void)context;
    open_sockets++;
    http_websocket_keep(socket);
}

static bool echo(struct http_websocket *socket, const char *text, size_t len, size_t max) {
    json_t *string = json_stringn(text, len);
    check(string != NULL && len <= max && text[len] == '\0' && open_sockets == 1);
    json_decref(string);
    return http_websocket_send(socket, text, len) && (len == 0 || text[0] != 'q');
}

static bool short_message(struct http_websocket *socket, const char *text, size_t len,
                          void *context) {
    (void)context;
    return echo(socket, text, len, SHORT_MAX);
}

static bool long_message(struct http_websocket *socket, const char *text, size_t len,
                         void *context) {
    (void)context;
    return echo(socket, text, len, LONG_MAX_BYTES);
}

static void closed(struct http_websocket *socket, void *context) {
    (void)context;
    open_sockets--;
    check(!http_websocket_send(socket, "x", 1)); /* it is over */
    http_websocket_release(socket);
}

static const struct http_route no_routes[] = {{0}};
static const struct http_websocket_route sockets[] = {
    {"/short", let_in, opened, short_message, closed, SHORT_MAX},
    {"/long", let_in, opened, long_message, closed, LONG_MAX_BYTES},
    {0}};

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status, (void)type, (void)at;
    return remove(path);
}

static void remove_folder(void) {
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static const struct http_route *const routes[] = {no_routes, NULL};
    static const struct http_websocket_route *const websockets[] = {sockets, NULL};
    (void)argc, (void)argv;
    show = getenv("OPENUKEY_FUZZ_TALK") != NULL;
    snprintf(folder, sizeof folder, "%s/openukey-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    check(mkdtemp(folder) != NULL);
    atexit(remove_folder);
    fake_web_start(folder,
                   &(struct http_server_options){.routes = routes, .websockets = websockets});
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const paths[] = {"/short", "/long"};
    char head[200];
    if (size < 1) {
        return 0;
    }
    int len = snprintf(head, sizeof head,
                       "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
                       paths[data[0] % 2], "AAAAAAAAAAAAAAAAAAAAAA==");
    size_t head_len = (size_t)len;
    uint8_t *bytes = malloc(head_len + size - 1);
    check(bytes != NULL);
    memcpy(bytes, head, head_len);
    memcpy(bytes + head_len, data + 1, size - 1);
    check(fake_web_connection(bytes, head_len + size - 1, show));
    check(open_sockets == 0);
    free(bytes);
    return 0;
}
