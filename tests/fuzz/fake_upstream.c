/* See fake_upstream.h. */
#include "tests/fuzz/fake_upstream.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#undef curl_easy_setopt

CURLcode __wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...);
CURLcode __real_curl_easy_setopt(CURL *curl, CURLoption option, ...);

_Static_assert(sizeof(long) == sizeof(void *) && sizeof(curl_off_t) == sizeof(void *),
               "an option's value is passed on without knowing its type");

static const uint8_t *answer;
static size_t answer_len;

void fake_upstream_answer(const uint8_t *data, size_t size) {
    answer = data;
    answer_len = size;
}

/* One end of a pair; at the other the answer waits already, and its end. What is asked goes nowhere. */
static curl_socket_t open_socket(void *context, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
    int ends[2];
    (void)context, (void)purpose, (void)address;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        abort();
    }
    const int size = 1 << 20;
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (answer_len > 0 && write(ends[1], answer, answer_len) != (ssize_t)answer_len) {
        abort();
    }
    shutdown(ends[1], SHUT_WR);
    /* it is closed with the next connection, as what is sent to a closed one fails */
    static int other = -1;
    if (other >= 0) {
        close(other);
    }
    other = ends[1];
    return ends[0];
}

/* libcurl calls this one: a pair is connected as it is. */
int connect(int socket, const struct sockaddr *address, socklen_t size) {
    int family = AF_UNSPEC;
    socklen_t family_size = sizeof family;
    getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &family_size);
    return family == AF_UNIX && address->sa_family != AF_UNIX
               ? 0
               : (int)syscall(SYS_connect, socket, address, size);
}

static CURLcode redirect(CURL *curl, const char *url) {
    char plain[9000];
    if (strncmp(url, "https://", 8) != 0 || strlen(url) >= sizeof plain) {
        abort(); /* nothing else is ever asked */
    }
    snprintf(plain, sizeof plain, "http%s", url + 5);
    __real_curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    __real_curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    return __real_curl_easy_setopt(curl, CURLOPT_URL, plain);
}

CURLcode __wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...) {
    va_list values;
    va_start(values, option);
    const void *value = va_arg(values, const void *); /* or a number of the same size */
    va_end(values);
    return option == CURLOPT_URL             ? redirect(curl, value)
           : option == CURLOPT_PROTOCOLS_STR ? __real_curl_easy_setopt(curl, option, "http")
                                             : __real_curl_easy_setopt(curl, option, value);
}
