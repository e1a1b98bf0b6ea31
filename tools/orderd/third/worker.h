/* The thread that delivers the outbox and looks after what time ends: leases, sessions, idle orders. */
#ifndef TOOLS_ORDERD_THIRD_WORKER_H
#define TOOLS_ORDERD_THIRD_WORKER_H

#include "tools/orderd/engine/engine.h"
#include "tools/orderd/store/pool.h"
#include "tools/orderd/third/payment_sim.h"

struct worker;

struct worker_options {
    struct engine *engine;
    struct db_pool *pool;
    const struct payment_sim *sim; /* NULL when there are no simulators */
    const char *callback_url;      /* where the simulated provider calls back */
    const char *callback_ca;       /* PEM file to trust for it, or NULL */
};

/* Start the thread. NULL when it cannot be started. The options' pointers must outlive it. */
struct worker *worker_start(const struct worker_options *options);

/* Something is in the outbox: do not wait for the next tick. */
void worker_wake(struct worker *worker);

/* Wait until the simulated notice of this payment has been delivered, at most `timeout_ms`. True when it has. */
bool worker_wait_settled(struct worker *worker, const char *payment, int timeout_ms);

/* End the thread and free it; NULL is allowed. */
void worker_stop(struct worker *worker);

#endif
