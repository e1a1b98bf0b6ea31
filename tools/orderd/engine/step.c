/* See step.h. */
#include "tools/orderd/engine/step.h"

#include "tools/orderd/engine/view.h"

#include <string.h>

size_t step_names(const struct issue_plan *plan, const char *names[STEPS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; plan->steps[i] != NULL && count < STEPS_MAX; i++) {
        bool seal = strcmp(plan->steps[i], "write-seal") == 0;
        bool pin = strcmp(plan->steps[i], "first-pin") == 0; /* of keys that are produced */
        if ((!seal || plan->has_seal) && (!pin || plan->way == WAY_OPERATOR)) {
            names[count++] = plan->steps[i];
        }
    }
    return count;
}

/* When each was reported; 0: not yet. */
static enum order_error read_times(struct db *db, const char *task, int64_t times[STEPS_MAX]) {
    struct db_rows *rows = NULL;
    memset(times, 0, STEPS_MAX * sizeof times[0]);
    enum db_result result =
        db_query(db, &rows, "SELECT position, at FROM task_steps WHERE task = $1", "t", task);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    while ((result = db_next(rows)) == DB_OK) {
        int64_t position = db_int(rows, 0);
        if (position >= 0 && position < STEPS_MAX) {
            times[position] = db_int(rows, 1);
        }
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_OK : order_error_of(result);
}

enum order_error step_list(struct db *db, const char *task, const struct issue_plan *plan,
                           json_t **out) {
    const char *names[STEPS_MAX];
    int64_t times[STEPS_MAX];
    size_t count = step_names(plan, names);
    enum order_error error = read_times(db, task, times);
    *out = NULL;
    if (error != ORDER_OK) {
        return error;
    }
    *out = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *at = times[i] != 0 ? view_time(times[i] / 1000) : NULL;
        json_array_append_new(*out, json_pack("{s:s,s:o*}", "step", names[i], "at", at));
    }
    return *out != NULL && json_array_size(*out) == count ? ORDER_OK : ORDER_INTERNAL;
}

enum order_error step_report(struct db *db, const char *task, const struct issue_plan *plan,
                             const char *step, int64_t now_ms) {
    const char *names[STEPS_MAX];
    int64_t times[STEPS_MAX];
    size_t count = step_names(plan, names);
    size_t at = 0;
    while (at < count && strcmp(names[at], step) != 0) {
        at++;
    }
    if (at == count) {
        return ORDER_STEP_UNKNOWN;
    }
    enum order_error error = read_times(db, task, times);
    for (size_t i = 0; error == ORDER_OK && i < at; i++) {
        error = times[i] == 0 ? ORDER_STEP_OUT_OF_ORDER : ORDER_OK;
    }
    return error == ORDER_OK
               ? order_error_of(db_run(db, NULL,
                                       "INSERT INTO task_steps (task, position, at) VALUES ($1, "
                                       "$2, $3) ON CONFLICT (task, position) DO NOTHING",
                                       "tii", task, (int64_t)at, now_ms))
               : error;
}

enum order_error step_forget(struct db *db, const char *task) {
    return order_error_of(db_run(db, NULL, "DELETE FROM task_steps WHERE task = $1", "t", task));
}
