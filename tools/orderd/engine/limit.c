/* See limit.h. */
#include "tools/orderd/engine/limit.h"

#include "tools/orderd/engine/identifier.h"

enum { SWEEP_AFTER_MS = 2 * 24 * 3600 * 1000 }; /* longer than any window */

void limit_tell(json_t *extra, int64_t now_ms, int64_t until_ms) {
    int64_t seconds = (until_ms - now_ms + 999) / 1000;
    if (extra != NULL) {
        json_object_set_new(extra, LIMIT_WAIT, json_integer(seconds > 0 ? seconds : 1));
    }
}

enum order_error limit_count(struct db *db, const struct limit *limit, const char *who,
                             int64_t now_ms, json_t *extra) {
    struct db_rows *rows = NULL;
    int64_t times = 0;
    int64_t since = 0;
    int64_t ended = now_ms - limit->seconds * 1000;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_error_of(
            db_query(db, &rows,
                     "INSERT INTO limits (what, who, since, times) VALUES ($1, $2, $3, 1) "
                     "ON CONFLICT (what, who) DO UPDATE SET "
                     "times = CASE WHEN limits.since <= $4 THEN 1 ELSE limits.times + 1 END, "
                     "since = CASE WHEN limits.since <= $4 THEN $3 ELSE limits.since END RETURNING "
                     "times, since",
                     "ttii", limit->what, who, now_ms, ended));
    }
    if (error == ORDER_OK) {
        enum db_result result = db_next(rows);
        times = result == DB_OK ? db_int(rows, 0) : 0;
        since = result == DB_OK ? db_int(rows, 1) : 0;
        error = order_error_of(result);
        db_end(rows);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error == ORDER_OK && times > limit->times) {
        limit_tell(extra, now_ms, since + limit->seconds * 1000);
        return ORDER_TOO_MANY;
    }
    return error;
}

enum order_error limit_clear(struct db *db, const struct limit *limit, const char *who) {
    return order_error_of(db_run(db, NULL, "DELETE FROM limits WHERE what = $1 AND who = $2", "tt",
                                 limit->what, who));
}

enum order_error limit_take_back(struct db *db, const struct limit *limit, const char *who) {
    return order_error_of(db_run(
        db, NULL, "UPDATE limits SET times = times - 1 WHERE what = $1 AND who = $2 AND times > 0",
        "tt", limit->what, who));
}

enum order_error limit_sweep(struct db *db, int64_t now_ms) {
    return order_error_of(
        db_run(db, NULL, "DELETE FROM limits WHERE since <= $1", "i", now_ms - SWEEP_AFTER_MS));
}
