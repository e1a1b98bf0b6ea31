/* Which origins are paired or refused for good: by a person ("always", "never"), by the configuration, by the policy. */
#ifndef AGENT_ACCESS_PAIRING_STORE_H
#define AGENT_ACCESS_PAIRING_STORE_H

#include <jansson.h>

#include "agent/access/origin.h"
#include "agent/access/policy.h"
#include "agent/config.h"

struct pairing_store;

enum pairing_decision {
    PAIRING_ALWAYS,
    PAIRING_NEVER,
    PAIRING_REVOKED, /* a running agent ends the origin's sessions and forgets it */
};

/* Read STATE/pairings.json. A damaged file is set aside (pairings.json.damaged), said in the log, and nothing is paired. The
 * configuration and the policy are borrowed. */
struct pairing_store *pairing_store_open(const struct agent_config *config, struct policy *policy);
void pairing_store_close(struct pairing_store *store);

/* Read the file again, where other programs write too (ukey-agent origins), and take the lists of `config` from now on. */
void pairing_store_reload(struct pairing_store *store, const struct agent_config *config);

/* The class of an origin as the header has it; NULL (missing) and malformed ones are ORIGIN_REFUSED. What refuses wins: the
 * policy, the configuration, the person. A policy whose `pairing` is never is not widened by anybody else. Thread-safe. */
enum origin_class pairing_store_class(struct pairing_store *store, const char *origin);

/* Remember a decision about an eligible origin for good; on disk when this returns 0. -1: not remembered. */
int pairing_store_decide(struct pairing_store *store, const char *origin,
                         enum pairing_decision decision);
/* Forget what a person decided about it. 1: there was something, 0: there was nothing, -1: cannot be written. */
int pairing_store_forget(struct pairing_store *store, const char *origin);
/* One origin that is marked PAIRING_REVOKED: it is forgotten and its name written. False: there is none. */
bool pairing_store_next_revoked(struct pairing_store *store, char origin[ORIGIN_TEXT_SIZE]);

/* What persons decided: {origin: {"decision": "always|never|revoked", "since": time}}. New reference. */
json_t *pairing_store_list(struct pairing_store *store);

#endif
