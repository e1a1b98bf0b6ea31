/* The steps of a task on the key (order-domain.md 5): which they are, and which of them the agent has reported as done. A report is
 * repeatable and moves nothing: what counts is the confirmation; but a task that is taken up again goes on where it was. */
#ifndef TOOLS_ORDERD_ENGINE_STEP_H
#define TOOLS_ORDERD_ENGINE_STEP_H

#include "tools/orderd/engine/issue_plan.h"

#include <jansson.h>

enum { STEPS_MAX = 16 };

/* The names of the plan's steps, in order; returns how many. */
size_t step_names(const struct issue_plan *plan, const char *names[STEPS_MAX]);

/* [{step, at?}]: `at` where it has been reported. */
enum order_error step_list(struct db *db, const char *task, const struct issue_plan *plan,
                           json_t **out);

/* One step is done. Said again: nothing new. ORDER_STEP_UNKNOWN, ORDER_STEP_OUT_OF_ORDER. In the caller's transaction. */
enum order_error step_report(struct db *db, const char *task, const struct issue_plan *plan,
                             const char *step, int64_t now_ms);

/* The task begins anew, with another key. */
enum order_error step_forget(struct db *db, const char *task);

#endif
