/* Finding a port. The SDK tries the same list, and asks who answers. */
#include "agent/port.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/http/json.h"
#include "agent/log.h"

#define ANY_PORT_TRIES  20
#define PROBE_TIMEOUT_S 2

/* ---- who holds a port ---- */

struct probe {
    char text[2048];
    size_t len;
};

static size_t on_data(char *data, size_t size, size_t count, void *context) {
    struct probe *probe = context;
    size_t len = size * count;
    if (len > sizeof(probe->text) - probe->len) {
        return 0;
    }
    memcpy(probe->text + probe->len, data, len);
    probe->len += len;
    return len;
}

/* An agent of ours says its name; one of another user says that we are not its user. Nothing secret is sent, so its
 * certificate, which we cannot know, need not verify. */
static bool holder_is_an_agent(uint16_t port) {
    struct probe probe = {.len = 0};
    char url[80];
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        return false;
    }
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/.well-known/openukey", (unsigned)port);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PROBE_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &probe);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    json_t *answer = code == CURLE_OK ? json_parse_strict(probe.text, probe.len, NULL, 0) : NULL;
    const char *name = json_member_string(answer, "name", 64),
               *problem = json_member_string(answer, "code", 64);
    bool is_agent = (name != NULL && strcmp(name, "openukey-agent") == 0) ||
                    (problem != NULL && strcmp(problem, "PEER_REFUSED") == 0);
    json_decref(answer);
    return is_agent;
}

/* ---- listening ---- */

static bool machine_has_ipv6(void) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

static uint16_t some_free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint16_t port = 0;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
        port = ntohs(address.sin_port);
    }
    if (fd >= 0) {
        close(fd);
    }
    return port;
}

static enum http_error listen_on(struct http_server_options *options, uint16_t port,
                                 struct http_server **server) {
    char v4[32], v6[32];
    snprintf(v4, sizeof(v4), "127.0.0.1:%u", (unsigned)port);
    snprintf(v6, sizeof(v6), "[::1]:%u", (unsigned)port);
    const char *addresses[] = {v4, machine_has_ipv6() ? v6 : NULL, NULL};
    options->listen = addresses;
    enum http_error error = http_server_start(options, server);
    options->listen = NULL;
    return error;
}

static enum http_error listen_anywhere(struct http_server_options *options,
                                       struct http_server **server, uint16_t *port) {
    enum http_error error = HTTP_ERROR_START;
    for (int i = 0; i < ANY_PORT_TRIES; i++) {
        *port = some_free_port();
        error = *port != 0 ? listen_on(options, *port, server) : HTTP_ERROR_START;
        if (error != HTTP_ERROR_IN_USE) {
            break;
        }
    }
    return error;
}

int port_listen(const struct agent_config *config, struct http_server_options *options,
                struct http_server **server, uint16_t *port) {
    *server = NULL;
    for (size_t i = 0; i < config->port_count; i++) {
        *port = config->ports[i];
        enum http_error error =
            *port == 0 ? listen_anywhere(options, server, port) : listen_on(options, *port, server);
        switch (error) {
        case HTTP_OK:
            return 0;
        case HTTP_ERROR_IN_USE:
            if (holder_is_an_agent(*port)) {
                log_info("agent", "port %u is held by another UKey agent: trying the next",
                         (unsigned)*port);
            } else {
                log_error("agent", "port %u is held by a program that is NOT a UKey agent",
                          (unsigned)*port);
            }
            break;
        case HTTP_ERROR_CERTIFICATE:
            log_error("agent", "the TLS certificate and key cannot be used");
            return -1;
        default:
            log_error("agent", "cannot listen on port %u", (unsigned)*port);
            return -1;
        }
    }
    log_error("agent", "none of the configured ports is free: pages cannot reach the UKey agent");
    return -1;
}
