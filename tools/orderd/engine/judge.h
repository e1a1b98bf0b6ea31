/* What every judgement of staff shares: who may judge which order, the note of it, and the way out of an order that is refused. */
#ifndef TOOLS_ORDERD_ENGINE_JUDGE_H
#define TOOLS_ORDERD_ENGINE_JUDGE_H

#include "tools/orderd/engine/caller.h"
#include "tools/orderd/engine/transition.h"

/* The order of this number in this version, for staff of `role` who did not make it. */
enum order_error order_to_judge(struct db *db, const struct caller *caller, enum role role,
                                const char *number, int64_t version, struct order *out);

/* Write the judgement down; in the caller's transaction. */
enum order_error review_note(const struct engine *engine, struct db *db,
                             const struct caller *caller, const struct order *order,
                             const char *part, const char *decision, const char *reason);

/* Refuse the order: by `refund` when money came, which goes back, else by `plain`. */
enum order_error order_reject(const struct engine *engine, struct db *db,
                              const struct caller *caller, struct order *order,
                              enum transition plain, enum transition refund);

#endif
