/* Self-tests with known answers: the standards' examples, computed by the card's own code. The quick ones run at every
 * power-up, each other before its algorithm's first use after it (FIPS 140-3 section 7.10; GM/T 0028 clause 7.10), all of them on
 * demand; the tests of the host and of the ARM image run the same table. */
#ifndef FIRMWARE_CRYPTO_KNOWN_ANSWERS_H
#define FIRMWARE_CRYPTO_KNOWN_ANSWERS_H

#include "firmware-sim/crypto/drbg.h"

#include <stdbool.h>

/* When a row runs. */
enum known_algorithm {
    KNOWN_AT_POWER_UP,
    KNOWN_SM2_VERIFICATION, /* before the first use of: */
    KNOWN_SM2_EXCHANGE,
    KNOWN_SM2_ENCRYPTION,
    KNOWN_P256,
    KNOWN_P384,
    KNOWN_RSA2048,
    KNOWN_RSA3072,
    KNOWN_RSA4096,
    KNOWN_ALL
};

struct known_answer {
    const char *name; /* the algorithm and where its answer is from */
    enum known_algorithm algorithm;
    /* True if the computed answer is the known one. rng blinds private operations. */
    bool (*holds)(struct drbg *rng);
};

extern const struct known_answer known_answers[];
extern const unsigned known_answer_count;

/* The first row of that algorithm (KNOWN_ALL: of any) that does not hold, or NULL if all do. */
const struct known_answer *known_answers_check(const struct known_answer *rows, unsigned count,
                                               enum known_algorithm algorithm, struct drbg *rng);

#endif
