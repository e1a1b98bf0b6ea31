/* What an account keeps to fill in again: the address book (R161) and invoice titles (R248). Entries of forms under seal. */
#ifndef TOOLS_ORDERD_ENGINE_CARD_H
#define TOOLS_ORDERD_ENGINE_CARD_H

#include "tools/orderd/engine/caller.h"
#include "tools/orderd/engine/idempotency.h"

#include <jansson.h>

enum card_kind { CARD_ADDRESS, CARD_INVOICE_TITLE };
enum card_limit { CARDS_MAX = 50 }; /* of each kind */

/* {cards: [{id, version, isDefault, fields: {...}}]}: the default one first, then the newest. They are few, so there are no pages. */
enum order_error card_list(const struct engine *engine, struct db *db, const struct caller *caller,
                           enum card_kind kind, json_t **out);

/* Keep one more: `body` is {fields, isDefault?}. A default one takes the place of the other. `extra` receives `errors` with
 * ORDER_FIELDS_INVALID; ORDER_LIST_FULL beyond CARDS_MAX. */
enum order_error card_add(const struct engine *engine, struct db *db, const struct caller *caller,
                          enum card_kind kind, const json_t *body,
                          const struct idempotency *idempotency, json_t **out, json_t *extra);

/* Put other entries in its place, if it has this version. */
enum order_error card_change(const struct engine *engine, struct db *db,
                             const struct caller *caller, enum card_kind kind, const char *id,
                             int64_t version, const json_t *body, json_t **out, json_t *extra);

enum order_error card_remove(struct db *db, const struct caller *caller, enum card_kind kind,
                             const char *id, int64_t version);

#endif
