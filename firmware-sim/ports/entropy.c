/* getrandom(2), or SM3 over seed and counter. */
#include "firmware-sim/ports/entropy.h"

#include "firmware-sim/crypto/sm3.h"

#include <string.h>
#include <sys/random.h>

static int digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool entropy_seed(struct entropy *entropy, const char *hex) {
    size_t len = strlen(hex);
    if (len == 0 || len % 2 || len / 2 > ENTROPY_SEED_MAX)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        int high = digit(hex[i]), low = digit(hex[i + 1]);
        if (high < 0 || low < 0)
            return false;
        entropy->seed[i / 2] = (uint8_t)(high << 4 | low);
    }
    entropy->seed_len = len / 2;
    entropy->counter = 0;
    return true;
}

int entropy_read(void *ctx, unsigned char *out, size_t len) {
    struct entropy *entropy = ctx;
    for (size_t done = 0; done < len;) {
        size_t n = len - done < SM3_SIZE ? len - done : SM3_SIZE;
        if (entropy->seed_len) {
            uint8_t block[SM3_SIZE],
                counter[4] = {(uint8_t)(entropy->counter >> 24), (uint8_t)(entropy->counter >> 16),
                              (uint8_t)(entropy->counter >> 8), (uint8_t)entropy->counter};
            struct sm3 h;
            entropy->counter++;
            sm3_init(&h);
            sm3_update(&h, entropy->seed, entropy->seed_len);
            sm3_update(&h, counter, sizeof counter);
            sm3_final(&h, block);
            memcpy(out + done, block, n);
        } else if (getrandom(out + done, n, 0) != (ssize_t)n) {
            return -1;
        }
        done += n;
    }
    return 0;
}
