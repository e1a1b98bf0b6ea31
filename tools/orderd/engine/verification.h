/* Checking who somebody is (order-domain.md T24; R060-R073, R081): of the organisation, its handler, or the person; by the ways that the
 * portal offers; anew for each order, with the provider's number as evidence. */
#ifndef TOOLS_ORDERD_ENGINE_VERIFICATION_H
#define TOOLS_ORDERD_ENGINE_VERIFICATION_H

#include "tools/orderd/engine/caller.h"

#include <jansson.h>

enum verification_limit {
    VERIFICATION_SECONDS = 1800,      /* a face link */
    TRANSFER_SECONDS = 3 * 24 * 3600, /* a transfer may take its time */
    POSTSCRIPT_TRIES = 5
};

/* The ways in which the order's next check can be made: {party, methods: [{method, fields: [...]}]}. ORDER_WRONG_STATE when no check is
 * next. */
enum order_error verification_ways(const struct engine *engine, struct db *db,
                                   const struct caller *caller, const char *number, json_t **out);

/* Begin the check that is next. `fields` are those of the method; `link` sends a face link to the phone (R069) instead of showing it
 * (R070). *out is {id, party, method, state, url?, wrong?}; a check that passes at once moves the order on. `extra` receives `errors`
 * with ORDER_FIELDS_INVALID, where a check that failed names the wrong item (R067). */
enum order_error verification_begin(const struct engine *engine, struct db *db,
                                    const struct caller *caller, const char *number,
                                    const char *method, const json_t *fields, bool link,
                                    json_t **out, json_t *extra);

/* T03: entries that a check was about are others now (`before` and `after` are the order's forms): its gate is open again and what still
 * runs of it is void; in the caller's transaction, before its transition. An entry that was empty is not another one. *reopened is the
 * set of gates. */
enum order_error verification_reopen(struct db *db, struct order *order, const json_t *before,
                                     const json_t *after, unsigned *reopened);

/* How the check stands; asks the provider about a face. */
enum order_error verification_look(const struct engine *engine, struct db *db,
                                   const struct caller *caller, const char *number, const char *id,
                                   json_t **out);

/* R073: the postscript of the transfer. ORDER_CODE_WRONG after a wrong one; after the last try the check has failed. */
enum order_error verification_answer(const struct engine *engine, struct db *db,
                                     const struct caller *caller, const char *number,
                                     const char *id, const char *postscript, json_t **out);

#endif
