/* What the session and limit rooms share; nobody else includes it. */
#ifndef AGENT_ACCESS_INTERNAL_H
#define AGENT_ACCESS_INTERNAL_H

#include <pthread.h>

#include "agent/access/access.h"

#define ACCESS_DIGEST_SIZE  32
#define ACCESS_MAX_VERIFIED 8
#define ACCESS_MAX_KNOWN    128
#define ACCESS_MAX_RATES    128
#define ACCESS_DEFAULT_RATE 1200

/* seconds after the second wrong PIN in a row, and at most */
#define ACCESS_PIN_WAIT     5
#define ACCESS_PIN_WAIT_MAX 900

struct session {
    uint64_t id; /* 0: free place */
    unsigned char
        digest[ACCESS_DIGEST_SIZE]; /* SHA-256 of the token's text: the token itself is not kept */
    char origin[ORIGIN_TEXT_SIZE];
    int64_t started, used;
    char verified[ACCESS_MAX_VERIFIED][ACCESS_TOKEN_ID_SIZE];
    size_t verified_count;
};

/* How much of a minute's share is used up. */
struct rate {
    char key[ORIGIN_TEXT_SIZE + 16];
    int64_t since;
    unsigned count;
};

/* Wrong PINs of an origin since the last right one. */
struct wrong_pins {
    char origin[ORIGIN_TEXT_SIZE];
    unsigned count;
    int64_t until; /* no try before that */
};

struct access {
    pthread_mutex_t mutex; /* guards everything below */
    struct access_options options;
    uint64_t last_id;
    struct session sessions[ACCESS_MAX_SESSIONS];
    char known[ACCESS_MAX_KNOWN][ORIGIN_TEXT_SIZE]; /* origins that have had a session */
    size_t next_known;
    struct rate rates[ACCESS_MAX_RATES];
    struct wrong_pins wrong_pins[ACCESS_MAX_RATES];
    bool action_pending;
};

#endif
