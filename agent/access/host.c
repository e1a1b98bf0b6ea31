/* Exactly three names are ours. */
#include "agent/access/host.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

bool host_is_ours(const char *host, uint16_t port) {
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    char expected[32];
    for (size_t i = 0; host != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(expected, sizeof(expected), "%s:%u", names[i], (unsigned)port);
        if (strcmp(host, expected) == 0) {
            return true;
        }
    }
    return false;
}
