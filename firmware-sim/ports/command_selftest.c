/* ukey-sim selftest: every known answer of the card, as TAP. */
#include "firmware-sim/crypto/known_answers.h"
#include "firmware-sim/crypto/sm2_curve.h"
#include "firmware-sim/ports/commands.h"
#include "firmware-sim/ports/entropy.h"
#include "firmware-sim/ports/options.h"

#include <stdlib.h>
#include <time.h>

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int command_selftest(int argc, char **argv) {
    struct entropy system = {.seed_len = 0};
    static struct drbg rng;
    int status = EXIT_SUCCESS;
    if (argc)
        return usage_error(MSG_TOO_MANY_ARGUMENTS, argv[0]);
    if (!drbg_start(&rng, entropy_read, &system))
        return failure(MSG_NO_RANDOM, NULL, NULL);
    for (unsigned i = 0; i < known_answer_count; i++) {
        const struct known_answer *row = &known_answers[i];
        double start = now_ms();
        bool holds = row->holds(&rng);
        printf("%sok %u - %s # %.2f ms, %s\n", holds ? "" : "not ", i + 1, row->name,
               now_ms() - start,
               row->algorithm == KNOWN_AT_POWER_UP ? "at power-up" : "before first use");
        if (!holds)
            status = EXIT_FAILURE;
    }
    printf("1..%u\n", known_answer_count);
    drbg_stop(&rng);
    sm2_curve_free();
    return fflush(stdout) == 0 ? status : system_failure("stdout");
}
