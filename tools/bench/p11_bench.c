/* p11-bench: how long a module takes from dlopen to the first signature, and how many it makes a second; or, with --raw, how
 * many the same commands give without any module. Prints "first-ms N" and "rate N". */
#include "tools/bench/p11_client.h"
#include "tools/bench/raw_client.h"

#include <err.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 8, APDUS_MAX = 8, APDU_SIZE = 2048 };

struct apdu {
    uint8_t bytes[APDU_SIZE];
    size_t len;
};

static struct {
    struct p11_wish wish;
    const char *socket;
    struct apdu apdus[APDUS_MAX]; /* all once, the last one again and again */
    size_t apdu_count;
    unsigned threads, signs;
    double seconds;
} options = {.wish = {.mechanism = CKM_RSA_PKCS, .data_len = 51}, .threads = 1, .signs = 1};

static atomic_bool is_over;
static atomic_ulong done;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t read_hex(const char *hex, uint8_t *out, size_t max) {
    size_t len = 0;
    while (hex[0] != '\0' && hex[1] != '\0' && len < max) {
        const char byte[3] = {hex[0], hex[1], '\0'};
        char *end;
        out[len++] = (uint8_t)strtoul(byte, &end, 16);
        if (*end != '\0') {
            errx(2, "not hexadecimal: %s", hex);
        }
        hex += 2;
    }
    if (*hex != '\0') {
        errx(2, "not hexadecimal, or too long");
    }
    return len;
}

static void *sign_on(void *argument) {
    struct p11_client client;
    p11_client_join(&client, argument);
    while (!is_over) {
        p11_client_sign(&client);
        done++;
    }
    return NULL;
}

/* Each thread has its own connection; a transaction a command, as any program that shares the key must have. */
static void *send_on(void *argument) {
    int fd = argument != NULL ? *(int *)argument : raw_client_open(options.socket);
    const struct apdu *last = &options.apdus[options.apdu_count - 1];
    while (!is_over) {
        raw_client_begin(fd);
        raw_client_send(fd, last->bytes, last->len);
        raw_client_end(fd);
        done++;
    }
    return NULL;
}

static void measure_rate(void *(*work)(void *), void *argument) {
    pthread_t threads[THREADS_MAX];
    double began = now();
    for (unsigned i = 0; i < options.threads; i++) {
        if (pthread_create(&threads[i], NULL, work, i == 0 || work == sign_on ? argument : NULL)) {
            errx(1, "no thread");
        }
    }
    usleep((useconds_t)(options.seconds * 1e6));
    is_over = true;
    for (unsigned i = 0; i < options.threads; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("rate %.1f\n", (double)done / (now() - began));
}

static void run_raw(void) {
    int fd = raw_client_open(options.socket);
    raw_client_begin(fd);
    for (size_t i = 0; i < options.apdu_count; i++) {
        raw_client_send(fd, options.apdus[i].bytes, options.apdus[i].len);
    }
    raw_client_end(fd);
    measure_rate(send_on, &fd);
    close(fd);
}

static void run_module(void) {
    struct p11_client client;
    double began = now();
    p11_client_open(&client, &options.wish);
    p11_client_sign(&client);
    printf("first-ms %.3f\n", (now() - began) * 1e3);
    for (unsigned i = 1; i < options.signs; i++) {
        p11_client_sign(&client);
    }
    if (options.seconds > 0) {
        measure_rate(sign_on, &client);
    }
    p11_client_close(&client);
}

static CK_MECHANISM_TYPE mechanism_of(const char *name, size_t *data_len) {
    static const struct {
        const char *name;
        CK_MECHANISM_TYPE type;
        size_t data_len;
    } known[] = {{"rsa", CKM_RSA_PKCS, 51}, {"ecdsa", CKM_ECDSA, 32}, {"sm2", CKM_SM2, 32}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            *data_len = known[i].data_len;
            return known[i].type;
        }
    }
    errx(2, "mechanism %s: rsa, ecdsa or sm2", name);
}

int main(int argc, char **argv) {
    static const struct option names[] = {{"module", required_argument, NULL, 'm'},
                                          {"slot", required_argument, NULL, 's'},
                                          {"pin", required_argument, NULL, 'p'},
                                          {"label", required_argument, NULL, 'l'},
                                          {"id", required_argument, NULL, 'i'},
                                          {"mechanism", required_argument, NULL, 'M'},
                                          {"token-info", no_argument, NULL, 'T'},
                                          {"sign", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 'S'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"raw", required_argument, NULL, 'r'},
                                          {"apdu", required_argument, NULL, 'a'},
                                          {NULL, 0, NULL, 0}};
    struct p11_wish *wish = &options.wish;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'm':
            wish->module = optarg;
            break;
        case 's':
            wish->slot = optarg;
            break;
        case 'p':
            wish->pin = optarg;
            break;
        case 'l':
            wish->label = optarg;
            break;
        case 'i':
            wish->id_len = read_hex(optarg, wish->id, sizeof(wish->id));
            break;
        case 'M':
            wish->mechanism = mechanism_of(optarg, &wish->data_len);
            break;
        case 'T':
            wish->asks_token_info = true;
            break;
        case 'n':
            options.signs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'S':
            options.seconds = strtod(optarg, NULL);
            break;
        case 't':
            options.threads = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            options.socket = optarg;
            break;
        case 'a':
            if (options.apdu_count < APDUS_MAX) {
                struct apdu *apdu = &options.apdus[options.apdu_count++];
                apdu->len = read_hex(optarg, apdu->bytes, sizeof(apdu->bytes));
            }
            break;
        default:
            return 2;
        }
    }
    bool is_raw = options.socket != NULL && options.apdu_count > 0;
    if (options.threads == 0 || options.threads > THREADS_MAX ||
        (!is_raw && (wish->module == NULL || wish->pin == NULL ||
                     (wish->label == NULL && wish->id_len == 0)))) {
        errx(2, "usage: p11-bench --module M --pin P (--label L | --id HEX) [--slot NAME] "
                "[--mechanism rsa|ecdsa|sm2]"
                " [--token-info] [--sign N] [--seconds S] [--threads N]\n"
                "       p11-bench --raw SOCKET --apdu HEX... --seconds S [--threads N]");
    }
    if (is_raw) {
        run_raw();
    } else {
        run_module();
    }
    return 0;
}
