/* Sequences of steps: running one, and making one that breaks something as short as it can be. */
#ifndef TESTS_UNIT_ORDERD_PROPERTY_SEQUENCE_H
#define TESTS_UNIT_ORDERD_PROPERTY_SEQUENCE_H

#include "tests/unit/orderd/property/act.h"

enum sequence_size { STEPS_MAX = 64 };

enum step_kind {
    STEP_GUIDED, /* the right thing, with one of the orders */
    STEP_WILD,   /* any request, right or wrong */
    STEP_REPEAT, /* one that succeeded comes again */
    STEP_KINDS
};

/* Everything else follows from `value`. */
struct step {
    enum step_kind kind;
    uint32_t value;
};

struct sequence {
    const struct profile *profile;
    size_t count;
    struct step steps[STEPS_MAX];
};

/* How far sequences come: what the test must not miss. */
struct tally {
    long steps, accepted, refused, repeated;
    long acts[ACT_COUNT];     /* accepted */
    long states[STATE_COUNT]; /* orders seen in */
    long ended[KIND_COUNT];   /* orders of this kind that were COMPLETED */
};

void sequence_make(uint64_t seed, struct sequence *out);

/* True when nothing broke; else world->broken says what. `thorough`: every order is brought to its end as well. `tally` may be NULL. */
bool sequence_run(struct world *world, const struct sequence *sequence, bool thorough,
                  struct tally *tally);

/* Leave out whatever can be left out while something still breaks. */
void sequence_shrink(struct world *world, struct sequence *sequence, bool thorough);

/* "PROFILE g:VALUE w:VALUE ...", and back. */
void sequence_print(const struct sequence *sequence, FILE *out);
bool sequence_parse(const char *text, struct sequence *out);

#endif
