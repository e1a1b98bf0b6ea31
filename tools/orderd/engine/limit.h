/* How often something may happen: per account, phone and address, counted in the database so that a restart forgives nothing. */
#ifndef TOOLS_ORDERD_ENGINE_LIMIT_H
#define TOOLS_ORDERD_ENGINE_LIMIT_H

#include "tools/orderd/engine/error.h"
#include "tools/orderd/store/db.h"

#include <jansson.h>

/* The member of a refusal that says in how many seconds to come again (Retry-After). */
#define LIMIT_WAIT "retryAfter"

struct limit {
    const char *what; /* "login", "otp" ... */
    int64_t times;    /* so often ... */
    int64_t seconds;  /* ... in so long */
};

/* Count one more for `who` (a keyed hash or an address, never a phone itself). ORDER_TOO_MANY when the window is full; `extra` (may be
 * NULL) then receives LIMIT_WAIT. Begins and commits a transaction of its own, so that what fails afterwards is counted too. */
enum order_error limit_count(struct db *db, const struct limit *limit, const char *who,
                             int64_t now_ms, json_t *extra);

/* Tell in `extra` that `until_ms` must be waited for. */
void limit_tell(json_t *extra, int64_t now_ms, int64_t until_ms);

/* Forget: it succeeded. limit_take_back forgets the one that was counted last. */
enum order_error limit_clear(struct db *db, const struct limit *limit, const char *who);
enum order_error limit_take_back(struct db *db, const struct limit *limit, const char *who);

/* Remove windows that have ended. */
enum order_error limit_sweep(struct db *db, int64_t now_ms);

#endif
