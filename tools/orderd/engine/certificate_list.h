/* The certificates of whoever asks (R016, R220, R200-R202): with their key, their seal, and what business can be done with them. */
#ifndef TOOLS_ORDERD_ENGINE_CERTIFICATE_LIST_H
#define TOOLS_ORDERD_ENGINE_CERTIFICATE_LIST_H

#include "tools/orderd/engine/caller.h"

#include <jansson.h>

/* Each member NULL where it does not matter. */
struct certificate_filter {
    const char *state;   /* "VALID", "HELD", "REVOKED", "SUPERSEDED", "EXPIRED" */
    const char *expires; /* "soon": within the renewal window of the portal (R217) */
    const char *cursor;
};

/* One page, the newest first, of signing certificates: {certificates: [{id, serial, subject, notBefore, notAfter, state, algorithm,
 * usage, tokenSerial, medium, holder, order?, seal?, actions}], next?}. VALID with an end that has passed is shown as EXPIRED. */
enum order_error certificate_list(const struct engine *engine, struct db *db,
                                  const struct caller *caller,
                                  const struct certificate_filter *filter, json_t **out);

#endif
