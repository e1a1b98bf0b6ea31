/* Who is at the other end, on real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/access/peer.h"

/* A listener on a loopback address, and a connection to it. */
struct ends {
    int listener, client, accepted;
    uint16_t client_port, listener_port;
};

static uint16_t port_of(int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in in; /* the port is at the same place in both */
        struct sockaddr_in6 in6;
    } address = {.in6 = {0}};
    socklen_t len = sizeof(address);
    assert_int_equal(getsockname(fd, &address.any, &len), 0);
    return ntohs(address.in.sin_port);
}

static void listen_v4(struct ends *ends) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ends->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(ends->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(ends->listener, 4), 0);
    ends->listener_port = port_of(ends->listener);
}

static void close_all(struct ends *ends) {
    close(ends->client);
    close(ends->accepted);
    close(ends->listener);
}

static void connect_v4(struct ends *ends) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(ends->listener_port)};
    ends->client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(ends->client, (struct sockaddr *)&address, sizeof(address)), 0);
    ends->accepted = accept(ends->listener, NULL, NULL);
    ends->client_port = port_of(ends->client);
}

static void the_owner_of_an_ipv4_connection_is_found(void **state) {
    (void)state;
    struct ends ends;
    uid_t uid;
    listen_v4(&ends);
    connect_v4(&ends);
    assert_true(peer_find_uid("127.0.0.1", ends.client_port, ends.listener_port, &uid));
    assert_int_equal(uid, geteuid());
    close_all(&ends);
}

static void the_owner_of_an_ipv6_connection_is_found(void **state) {
    (void)state;
    struct ends ends;
    uid_t uid;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    ends.listener = socket(AF_INET6, SOCK_STREAM, 0);
    if (ends.listener < 0 ||
        bind(ends.listener, (struct sockaddr *)&address, sizeof(address)) != 0) {
        skip();
    }
    assert_int_equal(listen(ends.listener, 4), 0);
    ends.listener_port = port_of(ends.listener);
    address.sin6_port = htons(ends.listener_port);
    ends.client = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(connect(ends.client, (struct sockaddr *)&address, sizeof(address)), 0);
    ends.accepted = accept(ends.listener, NULL, NULL);
    ends.client_port = port_of(ends.client);
    assert_true(peer_find_uid("::1", ends.client_port, ends.listener_port, &uid));
    assert_int_equal(uid, geteuid());
    close_all(&ends);
}

static void a_client_that_maps_ipv4_into_ipv6_is_found(void **state) {
    (void)state;
    struct ends ends;
    uid_t uid;
    listen_v4(&ends);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(ends.listener_port)};
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr);
    ends.client = socket(AF_INET6, SOCK_STREAM, 0);
    if (ends.client < 0) {
        skip();
    }
    assert_int_equal(connect(ends.client, (struct sockaddr *)&address, sizeof(address)), 0);
    ends.accepted = accept(ends.listener, NULL, NULL);
    ends.client_port = port_of(ends.client);
    assert_true(peer_find_uid("127.0.0.1", ends.client_port, ends.listener_port, &uid));
    assert_int_equal(uid, geteuid());
    close_all(&ends);
}

static void another_users_connection_shows_that_user(void **state) {
    (void)state;
    struct ends ends;
    uid_t uid;
    if (geteuid() != 0) {
        skip();
    }
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    listen_v4(&ends);
    pid_t child = fork();
    if (child == 0) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                      .sin_port = htons(ends.listener_port)};
        if (setuid(65534) != 0) {
            _exit(1);
        }
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        char end;
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
            close(ready[1]);
            _exit(read(ready[0], &end, 1) < 0);
        }
        _exit(1);
    }
    struct sockaddr_in from = {0};
    socklen_t len = sizeof(from);
    ends.accepted = accept(ends.listener, (struct sockaddr *)&from, &len);
    assert_true(peer_find_uid("127.0.0.1", ntohs(from.sin_port), ends.listener_port, &uid));
    assert_int_equal(uid, 65534);
    close(ready[0]);
    close(ready[1]);
    close(ends.accepted);
    close(ends.listener);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
}

static void an_end_that_has_no_process_any_more_is_not_taken_for_root(void **state) {
    (void)state;
    struct ends ends;
    uid_t uid;
    listen_v4(&ends);
    connect_v4(&ends);
    close(ends.client); /* FIN_WAIT2: the kernel shows it with uid 0 and no inode */
    assert_false(peer_find_uid("127.0.0.1", ends.client_port, ends.listener_port, &uid));
    close(ends.accepted);
    close(ends.listener);
}

static void what_is_not_there_is_not_found(void **state) {
    (void)state;
    struct ends ends;
    uid_t uid;
    listen_v4(&ends);
    connect_v4(&ends);
    assert_false(
        peer_find_uid("127.0.0.1", ends.client_port, (uint16_t)(ends.listener_port ^ 1), &uid));
    assert_false(peer_find_uid("::1", ends.client_port, ends.listener_port, &uid));
    assert_false(peer_find_uid("nonsense", ends.client_port, ends.listener_port, &uid));
    assert_int_equal(uid, (uid_t)-1);
    close_all(&ends);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_of_an_ipv4_connection_is_found),
        cmocka_unit_test(the_owner_of_an_ipv6_connection_is_found),
        cmocka_unit_test(a_client_that_maps_ipv4_into_ipv6_is_found),
        cmocka_unit_test(another_users_connection_shows_that_user),
        cmocka_unit_test(an_end_that_has_no_process_any_more_is_not_taken_for_root),
        cmocka_unit_test(what_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
