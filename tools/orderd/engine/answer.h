/* The security question (R032): its answer is known to nobody here, only a slow hash of it; it is normalised first, so that blanks and
 * letter case do not matter. It proves little and is never enough alone. */
#ifndef TOOLS_ORDERD_ENGINE_ANSWER_H
#define TOOLS_ORDERD_ENGINE_ANSWER_H

#include "tools/orderd/engine/order.h"
#include "tools/orderd/text.h"

#include <jansson.h>

/* True for the field that holds the answer: its value in a form is a hash, or a mark that it was right. */
bool answer_is_field(const char *name);

enum answer_limit { ANSWER_TRIES = 5, ANSWER_SECONDS = 3600 };

/* An answer is going to be compared with the subject's: count it. ORDER_TOO_MANY after ANSWER_TRIES in ANSWER_SECONDS without the right
 * one, whoever tries and by however many orders; `extra` says how long to wait. Outside any transaction. Of NEW nothing is compared. */
enum order_error answer_count(const struct engine *engine, struct db *db, const struct order *order,
                              json_t *extra);

/* An answer was typed into the form of `order`. Of NEW: its hash is put into the form. Of later business: it is compared with the
 * subject's; a wrong one is appended to `errors`. Slow on purpose. */
enum order_error answer_take(struct db *db, const struct order *order, const char *answer,
                             json_t *form, enum language language, json_t *errors);

/* The order is approved: the subject's question and answer are those of the form; nothing happens when it has none. */
enum order_error answer_keep(struct db *db, const struct order *order, const json_t *form);

/* Hash a secret for storing, and compare one with what is stored (passwords too): PBKDF2-HMAC-SHA-256. */
enum order_error slow_hash(const char *secret, char out[160]);
bool slow_hash_matches(const char *secret, const char *hash);

#endif
