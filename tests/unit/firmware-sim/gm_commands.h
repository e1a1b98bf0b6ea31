/* The commands of the GM application as a table: how a good one is made, what its answer must be, what refuses it. */
#ifndef TESTS_GM_COMMANDS_H
#define TESTS_GM_COMMANDS_H

#include "tests/unit/firmware-sim/gm_world.h"

struct request {
    uint8_t cla, ins, p1, p2;
    struct field data;
};

/* What is not as the command needs it. */
enum wrong {
    WRONG_PIN,
    WRONG_APP,
    WRONG_DEVICE,
    WRONG_CHALLENGE,
    WRONG_CONTAINER,
    WRONG_SESSION,
    WRONG_OPERATION,
    WRONG_NAME,
    WRONG_DATA_BIT,
    WRONG_NOTHING
};

struct row {
    const char *name;
    uint8_t ins;
    void (*build)(struct world *w, struct request *r); /* or: */
    void (*send)(struct world *w);
    int answer; /* bytes; -1: check looks */
    void (*check)(struct world *w, const struct request *r);
    enum wrong wrong;
    uint16_t wrong_sw;
    /* malformed: a byte less, a zero more, a byte changed; 0: not malformed so */
    uint16_t cut_sw, long_sw;
    unsigned bad_at;
    uint16_t bad_sw;
    bool p1p2_is_app;
};

extern const struct row object_rows[], crypto_rows[];
extern const unsigned object_rows_count, crypto_rows_count;

#endif
