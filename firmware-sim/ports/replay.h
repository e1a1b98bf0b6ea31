/* Sends the commands of a trace to the card once more, and compares the answers. */
#ifndef FIRMWARE_PORTS_REPLAY_H
#define FIRMWARE_PORTS_REPLAY_H

#include "firmware-sim/ports/reader.h"

#include <stdio.h>

enum { REPLAY_BYTES = 65544 };

struct replay_result {
    unsigned sent;
    unsigned redacted;     /* commands whose data the trace does not have: not sent */
    unsigned other_status; /* answered with another status word than in the trace */
    unsigned other_data;   /* same status word, other data (random numbers, ids, signatures) */
    unsigned first_other;  /* line of the first other status word; 0: none */
    bool lost;             /* the card went away */
};

struct replay {
    struct reader_user user; /* first: callbacks get it */
    FILE *file;              /* NULL: none runs */
    bool sending, answered;  /* tells an answer that comes at once from a later one */
    unsigned line;
    struct replay_result result;
    char *text; /* of getline */
    size_t text_size;
    size_t command_len, response_len;
    uint8_t command[REPLAY_BYTES], response[REPLAY_BYTES];
    bool response_redacted;
    void (*finished)(void *ctx, const struct replay_result *result);
    void *ctx;
};

/* Starts; finished follows, maybe before this returns. False with errno if the file cannot be read. replay must be zeroed
 * before its first use. */
bool replay_start(struct replay *replay, struct reader *reader, const char *path,
                  void (*finished)(void *, const struct replay_result *), void *ctx);
/* Gives up; finished is not called. */
void replay_stop(struct replay *replay);

#endif
