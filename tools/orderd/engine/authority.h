/* The CA as the engine holds it: opened at start, and its list of revoked certificates. */
#ifndef TOOLS_ORDERD_ENGINE_AUTHORITY_H
#define TOOLS_ORDERD_ENGINE_AUTHORITY_H

#include "tools/orderd/ca/ca.h"
#include "tools/orderd/engine/engine.h"

/* At start: open the CA in `directory`, made if it is absent, and read its public certificates into the engine. */
enum order_error authority_load(struct engine *engine, const char *directory);

/* Close it again. */
void authority_unload(struct engine *engine);

/* The CRL now: every REVOKED or HELD certificate of the store. Numbers grow with each. *out is the caller's. */
enum order_error authority_crl(const struct engine *engine, struct db *db, struct octets *out);

#endif
