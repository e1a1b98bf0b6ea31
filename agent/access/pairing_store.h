/* Which origins are paired for good: those that a person chose "always" for, and the configuration's. */
#ifndef AGENT_ACCESS_PAIRING_STORE_H
#define AGENT_ACCESS_PAIRING_STORE_H

#include "agent/access/origin.h"
#include "agent/config.h"

struct pairing_store;

/* Read STATE/pairings.json. A damaged file is set aside (pairings.json.damaged), said in the log, and nothing is paired. */
struct pairing_store *pairing_store_open(const struct agent_config *config);
void pairing_store_close(struct pairing_store *store);

/* The class of an origin as the header has it; NULL (missing) and malformed ones are ORIGIN_REFUSED. Thread-safe. */
enum origin_class pairing_store_class(struct pairing_store *store, const char *origin);

/* Remember an eligible origin for good; on disk when this returns 0. -1: not remembered. */
int pairing_store_add(struct pairing_store *store, const char *origin);

#endif
