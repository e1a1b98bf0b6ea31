/* What an applicant has filled in: a JSON object, member by field, sealed in the order's row. */
#ifndef TOOLS_ORDERD_ENGINE_FORM_H
#define TOOLS_ORDERD_ENGINE_FORM_H

#include "tools/orderd/engine/order.h"
#include "tools/orderd/text.h"

#include <jansson.h>

/* The order's form; an empty object when nothing has been filled in. *out is the caller's. */
enum order_error form_load(const struct engine *engine, struct db *db, const struct order *order,
                           json_t **out);

/* Store it; in the caller's transaction. A transition of the same transaction guards against another writer. */
enum order_error form_save(const struct engine *engine, struct db *db, const struct order *order,
                           const json_t *form);

/* A member's text, or "". */
const char *form_text(const json_t *form, const char *name);

/* Did the entry come from upstream? Then it is not edited here (R012). */
bool form_is_locked(const struct order *order, const char *name);

/* Take over what `patch` says, as far as the order's business has such fields; years and amount go into `order`. A NULL member empties
 * an entry. Every wrong member is appended to `errors`. */
enum order_error form_patch(const struct engine *engine, struct db *db, struct order *order,
                            enum subject_type subject, json_t *form, const json_t *patch,
                            enum language language, json_t *errors);

/* Is the field asked for after the order's confirmation? Then it is no part of what is confirmed. */
bool form_is_after_confirm(const struct engine *engine, const struct order *order,
                           enum subject_type subject, const char *name);

/* Append to `errors` what is missing or wrong in the fields of the given gates (a set of GATES). */
void form_check(const struct engine *engine, const struct order *order, enum subject_type subject,
                const json_t *form, unsigned gates, enum language language, json_t *errors);

/* The fields of the order's business: [{name, gate, required, type, terms?}]. */
json_t *form_fields(const struct engine *engine, const struct order *order,
                    enum subject_type subject);

#endif
