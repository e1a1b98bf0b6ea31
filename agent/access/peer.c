/* Reading the kernel's socket tables (proc_net_tcp: addresses are 32-bit words in host order, in hexadecimal). */
#include "agent/access/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define END_SIZE 40 /* 32 hex digits, ':', 4 hex digits, NUL */

static void write_end(const void *address, size_t words, uint16_t port, char end[END_SIZE]) {
    uint32_t word;
    size_t len = 0;
    for (size_t i = 0; i < words; i++) {
        memcpy(&word, (const char *)address + 4 * i, 4);
        len += (size_t)snprintf(end + len, END_SIZE - len, "%08X", word);
    }
    snprintf(end + len, END_SIZE - len, ":%04X", port);
}

/* Look for the socket whose own end is `own` and whose other end is `other`. */
static bool search(const char *table, const char *own, const char *other, uid_t *uid) {
    enum { ESTABLISHED = 1, FIN_WAIT1 = 4, FIN_WAIT2 = 5 };
    FILE *file = fopen(table, "re");
    char line[512];
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        char local[END_SIZE], remote[END_SIZE];
        unsigned state = 0;
        unsigned long owner = 0, inode = 0;
        /* NOLINTNEXTLINE(cert-err34-c): the kernel's own text; what does not fit the pattern is skipped */
        if (sscanf(line, " %*u: %39[0-9A-F:] %39[0-9A-F:] %x %*x:%*x %*x:%*x %*x %lu %*u %lu",
                   local, remote, &state, &owner, &inode) != 5 ||
            strcmp(local, own) != 0 || strcmp(remote, other) != 0) {
            continue;
        }
        /* a socket without inode has lost its process, and shows uid 0 whoever it was */
        found = inode != 0 && (state == ESTABLISHED || state == FIN_WAIT1 || state == FIN_WAIT2);
        *uid = (uid_t)owner;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

bool peer_find_uid(const char *address, uint16_t port, uint16_t local_port, uid_t *uid) {
    char own[END_SIZE], other[END_SIZE];
    struct in_addr v4;
    struct in6_addr v6;
    *uid = (uid_t)-1;
    if (inet_pton(AF_INET, address, &v4) == 1) {
        struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};
        write_end(&v4, 1, port, own);
        write_end(&loopback, 1, local_port, other);
        if (search("/proc/net/tcp", own, other, uid)) {
            return true;
        }
        /* a client may reach 127.0.0.1 through an IPv6 socket: then its addresses are mapped ones */
        unsigned char mapped[16] = {[10] = 0xFF, [11] = 0xFF};
        memcpy(mapped + 12, &v4, 4);
        write_end(mapped, 4, port, own);
        memcpy(mapped + 12, &loopback, 4);
        write_end(mapped, 4, local_port, other);
        return search("/proc/net/tcp6", own, other, uid);
    }
    if (inet_pton(AF_INET6, address, &v6) == 1) {
        write_end(&v6, 4, port, own);
        write_end(&in6addr_loopback, 4, local_port, other);
        return search("/proc/net/tcp6", own, other, uid);
    }
    return false;
}
