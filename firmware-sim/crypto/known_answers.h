/* Self-tests with known answers: the standards' examples, computed by the card's own code. The firmware runs the quick ones
 * at every power-up (FIPS 140-3 section 7.10; GM/T 0028 clause 7.10), all of them on demand; the tests of the host and of the
 * ARM image run the same table. */
#ifndef FIRMWARE_CRYPTO_KNOWN_ANSWERS_H
#define FIRMWARE_CRYPTO_KNOWN_ANSWERS_H

#include "firmware-sim/crypto/drbg.h"

#include <stdbool.h>

struct known_answer {
    const char *name; /* the algorithm and where its answer is from */
    bool quick;       /* runs at every power-up */
    /* True if the computed answer is the known one. rng blinds private operations. */
    bool (*holds)(struct drbg *rng);
};

extern const struct known_answer known_answers[];
extern const unsigned known_answer_count;

enum known_answer_choice { KNOWN_ANSWERS_QUICK, KNOWN_ANSWERS_ALL };

/* The first row that does not hold, or NULL if all chosen rows do. */
const struct known_answer *known_answers_check(const struct known_answer *rows, unsigned count,
                                               enum known_answer_choice choice, struct drbg *rng);

#endif
