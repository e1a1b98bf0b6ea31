/* Sends APDUs to a simulated key's socket. */
#include "tools/bench/raw_client.h"

#include "openukey/simlink.h"

#include <err.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD = 5, FRAME_MAX = 8192 };

static void receive(int fd, uint8_t *to, size_t len) {
    while (len > 0) {
        ssize_t n = recv(fd, to, len, 0);
        if (n <= 0) {
            err(1, "recv");
        }
        to += n;
        len -= (size_t)n;
    }
}

/* One frame there, one back; the length of its payload. */
static size_t ask(int fd, uint8_t type, const uint8_t *payload, size_t len, uint8_t expected,
                  uint8_t *answer) {
    uint8_t frame[HEAD + FRAME_MAX] = {0, 0, (uint8_t)((len + 1) >> 8), (uint8_t)(len + 1), type};
    if (len > FRAME_MAX) {
        errx(1, "a command of %zu bytes", len);
    }
    if (len > 0) {
        memcpy(frame + HEAD, payload, len);
    }
    if (send(fd, frame, HEAD + len, MSG_NOSIGNAL) != (ssize_t)(HEAD + len)) {
        err(1, "send");
    }
    uint8_t head[HEAD];
    receive(fd, head, HEAD);
    size_t size = ((size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3]);
    if (size == 0 || size - 1 > FRAME_MAX || head[4] != expected) {
        errx(1, "answer %02X instead of %02X", head[4], expected);
    }
    receive(fd, answer, size - 1);
    return size - 1;
}

int raw_client_open(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint8_t answer[FRAME_MAX];
    const uint8_t version = SIMLINK_VERSION;
    if (strlen(path) >= sizeof(address.sun_path)) {
        errx(1, "%s: too long", path);
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        err(1, "%s", path);
    }
    ask(fd, SIM_HELLO, &version, 1, SIM_STATE, answer);
    return fd;
}

void raw_client_begin(int fd) {
    static const uint8_t for_ever[4] = {0xFF, 0xFF, 0xFF, 0xFF};
    uint8_t answer[FRAME_MAX];
    ask(fd, SIM_BEGIN, for_ever, sizeof(for_ever), SIM_BEGUN, answer);
}

void raw_client_end(int fd) {
    uint8_t answer[FRAME_MAX];
    ask(fd, SIM_END, NULL, 0, SIM_STATE, answer);
}

void raw_client_send(int fd, const uint8_t *apdu, size_t len) {
    uint8_t answer[FRAME_MAX];
    size_t n = ask(fd, SIM_APDU, apdu, len, SIM_RESPONSE, answer);
    if (n < 2 || answer[n - 2] != 0x90 || answer[n - 1] != 0x00) {
        errx(1, "the key answered %02X%02X", n < 2 ? 0 : answer[n - 2], n < 2 ? 0 : answer[n - 1]);
    }
}
