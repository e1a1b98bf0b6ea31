/* Who may ask: sessions bound to an origin, what each session's person has authorised, and the limits on asking. */
#ifndef AGENT_ACCESS_ACCESS_H
#define AGENT_ACCESS_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/access/origin.h"

#define ACCESS_TOKEN_TEXT_SIZE         44 /* 32 random bytes as base64url, and NUL */
#define ACCESS_MAX_SESSIONS            256
#define ACCESS_MAX_SESSIONS_PER_ORIGIN 16
#define ACCESS_TOKEN_ID_SIZE           33 /* a token's id (16 hex digits now), and NUL */

struct access;

/* A session as handlers see it: a copy, without the secret. */
struct access_session {
    uint64_t id; /* never used again for another session */
    char origin[ORIGIN_TEXT_SIZE];
};

/* Seconds since some fixed point, never backwards; injected so that tests turn the clock. */
typedef int64_t access_clock(void);

struct access_options {
    access_clock *clock;      /* NULL: clock_lasting */
    int64_t idle_seconds;     /* a session without request for that long ends; 0: 30 min */
    int64_t lifetime_seconds; /* and after that long in any case; 0: 12 h */
    unsigned rate_per_minute; /* requests per origin per minute; 0: 1200 */
    /* The last session that had verified this token's PIN has ended: log the token out. Called without locks held. */
    void (*token_logout)(void *context, const char *token_id);
    /* A session ended (idle, lifetime, revoked). May be NULL. Called without locks held. */
    void (*session_ended)(void *context, uint64_t session_id);
    void *context;
};

struct access *access_new(const struct access_options *options);
void access_free(struct access *access);

/* Start a session for a canonical origin; writes its token. An origin that has ACCESS_MAX_SESSIONS_PER_ORIGIN loses its
 * oldest one. -1 if randomness is out, or all origins together have ACCESS_MAX_SESSIONS. */
int access_session_start(struct access *access, const char *origin,
                         char token[ACCESS_TOKEN_TEXT_SIZE], struct access_session *session);

/* Find the session of `token`, used by `origin`. False for an unknown or ended one and for another origin's. Compares in
 * constant time; counts as use. */
bool access_session_find(struct access *access, const char *token, const char *origin,
                         struct access_session *session);

/* End one session, or all of an origin's. */
void access_session_end(struct access *access, uint64_t session_id);
void access_origin_end(struct access *access, const char *origin);

/* The origin number `index` (from 0) of those that have sessions now; false: there are not so many. */
bool access_origin_at(struct access *access, size_t index, char origin[ORIGIN_TEXT_SIZE]);

/* True if the origin has, or has had, a session of this agent: a person has agreed to it since the agent started. */
bool access_origin_is_known(struct access *access, const char *origin);

/* True while the session has not ended (does not count as use). */
bool access_session_is_alive(struct access *access, uint64_t session_id);

/* End what is over its time. To be called about once a second. */
void access_expire(struct access *access);

/* ---- PIN authorisation: Cryptoki's login is process-wide, so the agent itself remembers who verified what ---- */

/* The person of this session has typed the token's PIN, and it was right. */
void access_pin_record(struct access *access, uint64_t session_id, const char *token_id);
bool access_pin_is_verified(struct access *access, uint64_t session_id, const char *token_id);
/* The token is gone or was logged out: nobody has verified it any more (no token_logout call). */
void access_pin_forget(struct access *access, const char *token_id);
/* This session gives up its authorisation; token_logout follows if it was the last. */
void access_pin_drop(struct access *access, uint64_t session_id, const char *token_id);

/* ---- limits ---- */

/* An origin for which a wrong PIN was typed waits before the next try, twice as long each time (5 s, 10 s ... 15 min), until
 * a right one. The seconds that it still has to wait; 0: none. */
unsigned access_pin_wait(struct access *access, const char *origin);
void access_pin_tried(struct access *access, const char *origin, bool was_right);

/* Count a request under `key` (an origin, or a word and an origin for something rarer); false when it has had its share of
 * this minute: `per_minute`, or 0 for the option's. */
bool access_rate_take(struct access *access, const char *key, unsigned per_minute);

/* One interactive action at a time in the whole agent: false when another one is pending. */
bool access_action_begin(struct access *access);
void access_action_end(struct access *access);

#endif
