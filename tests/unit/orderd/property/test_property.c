/* Invariants 1 to 11 of order-domain.md, kept by random sequences of requests, right and wrong ones, of everybody who may send any: all
 * portals, all kinds of business, several holders and accounts, time that jumps, requests and callbacks that come twice, versions that are
 * old, codes that are wrong, leases that end, third parties that fail.
 *
 *     test_orderd_property [--seed N] [--count N] [--database URL] [--replay 'PROFILE g:1 w:2 ...'] [--tally]
 *
 * 800 sequences, or 20000 with LONG=1 (make check-long). A sequence that breaks something is made as short as it can be and printed;
 * --replay runs it and tells what happens.
 *
 * That it can fail was seen by breaking the engine: is_open never cleared (red in sequence 2, 15 steps are left of it), a transition without
 * its event (sequence 1, 2 steps), any transition allowed from any state (sequence 17, 9 steps), a callback that comes twice taken twice
 * (sequence 9, 6 steps). */
#include "tests/unit/orderd/property/sequence.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COUNT_PLAIN = 800, COUNT_LONG = 20000, THOROUGH_EVERY = 4, COUNT_REACH = 5000 };

struct options {
    uint64_t seed;
    long count;
    const char *database;
    const char *replay;
    bool tally;
};
static struct options options = {.database = ":memory:"};

static void print_tally(const struct tally *tally) {
    printf("%ld requests: %ld accepted, %ld refused, %ld repeated\n", tally->steps, tally->accepted,
           tally->refused, tally->repeated);
    for (unsigned i = 0; i < ACT_COUNT; i++) {
        printf("  %-16s %ld\n", acts[i].name, tally->acts[i]);
    }
    for (unsigned i = 0; i < STATE_COUNT; i++) {
        printf("  %-16s %ld\n", state_name((enum order_state)i), tally->states[i]);
    }
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        printf("  %-16s %ld\n", kind_name((enum order_kind)i), tally->ended[i]);
    }
}

static void explain(struct world *world, struct sequence *sequence, bool thorough) {
    char broken[sizeof world->broken];
    snprintf(broken, sizeof broken, "%s", world->broken);
    printf("broken: %s\nshrinking %zu steps\n", broken, sequence->count);
    sequence_shrink(world, sequence, thorough);
    world->loud = true;
    (void)sequence_run(world, sequence, thorough, NULL);
    printf("broken: %s\nreplay with --replay: ", world->broken);
    sequence_print(sequence, stdout);
    world->loud = false;
}

/* A test that never comes far proves nothing. */
static void check_reach(const struct tally *tally) {
    for (unsigned i = 0; i < ACT_COUNT; i++) {
        if (tally->acts[i] == 0) {
            fail_msg("%s was never accepted", acts[i].name);
        }
    }
    for (unsigned i = 0; i < STATE_COUNT; i++) {
        if (tally->states[i] == 0) {
            fail_msg("no order came to %s", state_name((enum order_state)i));
        }
    }
}

static void random_sequences_keep_the_invariants(void **state) {
    struct world *world = *state;
    static struct tally tally;
    struct sequence sequence;
    printf("seed %" PRIu64 ", %ld sequences\n", options.seed, options.count);
    for (long i = 0; i < options.count; i++) {
        bool thorough = i % THOROUGH_EVERY == 0;
        sequence_make(options.seed + (uint64_t)i, &sequence);
        if (!sequence_run(world, &sequence, thorough, &tally)) {
            printf("sequence %ld of seed %" PRIu64 "\n", i, options.seed);
            fprintf(stderr, "sequence %ld of seed %" PRIu64 "\n", i, options.seed);
            explain(world, &sequence, thorough);
            fail_msg("an invariant is broken");
        }
    }
    if (options.tally) {
        print_tally(&tally);
    }
    if (options.count >= COUNT_REACH) {
        check_reach(&tally);
    }
}

static int replay(void) {
    struct sequence sequence;
    if (!sequence_parse(options.replay, &sequence)) {
        fprintf(stderr, "not a sequence: %s\n", options.replay);
        return 2;
    }
    struct world *world = world_open(options.database);
    world->loud = true;
    bool held = sequence_run(world, &sequence, true, NULL);
    printf("%s\n", held ? "nothing is broken" : world->broken);
    world_close(world);
    return held ? 0 : 1;
}

static int open_world(void **state) {
    *state = world_open(options.database);
    return 0;
}

static int close_world(void **state) {
    world_close(*state);
    return 0;
}

static bool read_options(int argc, char **argv) {
    options.seed = (uint64_t)time(NULL) * 1000003U;
    const char *is_long = getenv("LONG");
    options.count = is_long != NULL && strcmp(is_long, "0") != 0 ? COUNT_LONG : COUNT_PLAIN;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--tally") == 0) {
            options.tally = true;
            continue;
        }
        if (value == NULL) {
            return false;
        }
        if (strcmp(argv[i], "--seed") == 0) {
            options.seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--count") == 0) {
            options.count = strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--database") == 0) {
            options.database = argv[++i];
        } else if (strcmp(argv[i], "--replay") == 0) {
            options.replay = argv[++i];
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_sequences_keep_the_invariants),
    };
    if (!read_options(argc, argv)) {
        fprintf(stderr, "usage: test_orderd_property [--seed N] [--count N] [--database URL] "
                        "[--replay TEXT] [--tally]\n");
        return 2;
    }
    return options.replay != NULL ? replay()
                                  : cmocka_run_group_tests(tests, open_world, close_world);
}
