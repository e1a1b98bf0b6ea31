/* How often something may happen: per account, phone and address, counted in the database so that a restart forgives nothing. */
#ifndef TOOLS_ORDERD_ENGINE_LIMIT_H
#define TOOLS_ORDERD_ENGINE_LIMIT_H

#include "tools/orderd/engine/error.h"
#include "tools/orderd/store/db.h"

struct limit {
    const char *what; /* "login", "otp" ... */
    int64_t times;    /* so often ... */
    int64_t seconds;  /* ... in so long */
};

/* Count one more for `who` (a keyed hash or an address, never a phone itself). ORDER_TOO_MANY when the window is full. Begins and
 * commits a transaction of its own, so that what fails afterwards is counted too. */
enum order_error limit_count(struct db *db, const struct limit *limit, const char *who,
                             int64_t now_ms);

/* Forget: it succeeded. */
enum order_error limit_clear(struct db *db, const struct limit *limit, const char *who);

/* Remove windows that have ended. */
enum order_error limit_sweep(struct db *db, int64_t now_ms);

#endif
