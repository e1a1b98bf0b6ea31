/* See worker.h. */
#include "tools/orderd/third/worker.h"

#include "agent/log.h"
#include "tools/orderd/engine/advance.h"
#include "tools/orderd/engine/application.h"
#include "tools/orderd/engine/first_pin.h"
#include "tools/orderd/engine/handover.h"
#include "tools/orderd/engine/invoice.h"
#include "tools/orderd/engine/limit.h"
#include "tools/orderd/engine/message.h"
#include "tools/orderd/engine/outbox.h"
#include "tools/orderd/engine/payment.h"
#include "tools/orderd/engine/query.h"
#include "tools/orderd/engine/review.h"
#include "tools/orderd/engine/session.h"
#include "tools/orderd/engine/standing.h"
#include "tools/orderd/engine/task.h"
#include "tools/orderd/engine/task_key.h"
#include "tools/orderd/third/http_post.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TICK_MS = 1000, SWEEP_TICKS = 30, CALLBACK_TIMEOUT_MS = 10000 };

struct worker {
    struct worker_options options;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    bool woken;
};

/* ---- deliveries ---- */

/* True when the item is delivered, or never can be. */
typedef bool deliver(struct worker *worker, struct db *db, const struct outbox_item *item);

static const char *payload_text(const struct outbox_item *item, const char *name) {
    const char *text = json_string_value(json_object_get(item->payload, name));
    return text != NULL ? text : "";
}

static bool deliver_callback(struct worker *worker, struct db *db, const struct outbox_item *item) {
    char body[SIM_BODY_SIZE];
    char signature[SIM_SIGNATURE_SIZE];
    char header[sizeof SIM_SIGNATURE_HEADER + SIM_SIGNATURE_SIZE + 4];
    if (worker->options.sim == NULL) {
        return true;
    }
    if (payment_sim_notice(worker->options.sim, db, payload_text(item, "id"), body, signature) !=
        ORDER_OK) {
        return false;
    }
    snprintf(header, sizeof header, SIM_SIGNATURE_HEADER ": %s", signature);
    struct http_post post = {
        .url = worker->options.callback_url,
        .ca = worker->options.callback_ca,
        .header = header,
        .body = body,
        .len = strlen(body),
        .timeout_ms = CALLBACK_TIMEOUT_MS,
    };
    long status = http_post(&post);
    if (status != 200) {
        log_warn("payment", "the callback was answered with %ld, attempt %lld", status,
                 (long long)item->attempts);
    }
    /* a 4xx is final: the merchant has refused it */
    return status >= 200 && status < 500 && status != 429;
}

static bool deliver_refund(struct worker *worker, struct db *db, const struct outbox_item *item) {
    enum order_error error =
        payment_refund(worker->options.engine, db, payload_text(item, "payment"));
    if (error != ORDER_OK) {
        log_warn("payment", "a refund was not done, attempt %lld", (long long)item->attempts);
    }
    return error == ORDER_OK;
}

static bool deliver_message(struct worker *worker, struct db *db, const struct outbox_item *item) {
    return message_deliver(worker->options.engine, db, item->id, item->payload) == ORDER_OK;
}

static bool deliver_notice(struct worker *worker, struct db *db, const struct outbox_item *item) {
    return message_notify(worker->options.engine, db, item->id, item->payload) == ORDER_OK;
}

static bool deliver_query(struct worker *worker, struct db *db, const struct outbox_item *item) {
    return query_send(worker->options.engine, db, item->id, item->payload) == ORDER_OK;
}

static bool deliver_change(struct worker *worker, struct db *db, const struct outbox_item *item) {
    enum order_error error =
        standing_apply(worker->options.engine, db, payload_text(item, "order"));
    if (error != ORDER_OK) {
        log_warn("ca", "a change was not made, attempt %lld", (long long)item->attempts);
    }
    return error == ORDER_OK;
}

static bool deliver_invoice(struct worker *worker, struct db *db, const struct outbox_item *item) {
    return invoice_issue(worker->options.engine, db, payload_text(item, "order")) == ORDER_OK;
}

static bool deliver_first_pin(struct worker *worker, struct db *db,
                              const struct outbox_item *item) {
    return first_pin_tell(worker->options.engine, db, item->id, payload_text(item, "order")) ==
           ORDER_OK;
}

static bool deliver_reversal(struct worker *worker, struct db *db, const struct outbox_item *item) {
    return invoice_reverse(worker->options.engine, db, payload_text(item, "order")) == ORDER_OK;
}

static const struct {
    const char *topic;
    deliver *deliver;
} topics[] = {
    {TOPIC_MESSAGE, deliver_message},       {TOPIC_NOTIFY, deliver_notice},
    {TOPIC_QUERY, deliver_query},           {TOPIC_APPLY_CA, deliver_change},
    {TOPIC_INVOICE, deliver_invoice},       {TOPIC_FIRST_PIN, deliver_first_pin},
    {TOPIC_SIM_CALLBACK, deliver_callback}, {TOPIC_REFUND, deliver_refund},
    {TOPIC_INVOICE_RED, deliver_reversal},
};

static bool deliver_item(struct worker *worker, struct db *db, const struct outbox_item *item) {
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        if (strcmp(topics[i].topic, item->topic) == 0) {
            return topics[i].deliver(worker, db, item);
        }
    }
    log_error("outbox", "nobody delivers %s", item->topic);
    return false;
}

static void announce(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static bool is_stopping(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    bool stopping = worker->stopping;
    pthread_mutex_unlock(&worker->lock);
    return stopping;
}

static void deliver_due(struct worker *worker, struct db *db) {
    struct outbox_item item;
    while (!is_stopping(worker) &&
           outbox_take(db, engine_now_ms(worker->options.engine), &item) == ORDER_OK) {
        if (deliver_item(worker, db, &item) && outbox_done(db, item.id) != ORDER_OK) {
            log_error("outbox", "a delivery could not be noted; it will be repeated");
        }
        outbox_item_clear(&item);
        announce(worker);
    }
}

/* ---- what time ends ---- */

static void sweep(struct worker *worker, struct db *db) {
    const struct engine *engine = worker->options.engine;
    int leases = 0;
    int idle = 0;
    int parcels = 0;
    bool rolled = false;
    if (task_sweep(engine, db, &leases) != ORDER_OK ||
        application_expire_idle(engine, db, &idle) != ORDER_OK ||
        receipt_sweep(engine, db, &parcels) != ORDER_OK ||
        task_key_sweep(engine, db, &rolled) != ORDER_OK ||
        session_sweep(db, engine_now_ms(engine)) != ORDER_OK ||
        handover_sweep(db, engine_now_ms(engine)) != ORDER_OK ||
        limit_sweep(db, engine_now_ms(engine)) != ORDER_OK) {
        log_warn("sweep", "not everything could be swept: %s", db_message(db));
    }
    if (leases > 0 || idle > 0) {
        log_info("sweep", "%d leases over, %d idle orders ended", leases, idle);
    }
    if (rolled) {
        log_info("sweep", "the key that signs tasks was rolled over");
    }
}

/* ---- the thread ---- */

static void until(int ms, struct timespec *deadline) {
    clock_gettime(CLOCK_MONOTONIC, deadline);
    deadline->tv_sec += ms / 1000;
    deadline->tv_nsec += (long)(ms % 1000) * 1000000L;
    if (deadline->tv_nsec >= 1000000000L) {
        deadline->tv_sec++;
        deadline->tv_nsec -= 1000000000L;
    }
}

/* Sleep until woken or a tick has passed. False when the thread must end. */
static bool rest(struct worker *worker) {
    struct timespec deadline;
    int waited = 0;
    until(TICK_MS, &deadline);
    pthread_mutex_lock(&worker->lock);
    while (!worker->woken && !worker->stopping && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&worker->changed, &worker->lock, &deadline);
    }
    worker->woken = false;
    bool go_on = !worker->stopping;
    pthread_mutex_unlock(&worker->lock);
    return go_on;
}

static void *run(void *context) {
    struct worker *worker = context;
    unsigned tick = 0;
    do {
        struct db *db = db_pool_take(worker->options.pool);
        if (db == NULL) {
            log_error("worker", "the database cannot be opened");
            continue;
        }
        deliver_due(worker, db);
        if (tick++ % SWEEP_TICKS == 0) {
            sweep(worker, db);
        }
        db_pool_give(worker->options.pool, db);
    } while (rest(worker));
    return NULL;
}

struct worker *worker_start(const struct worker_options *options) {
    pthread_condattr_t attributes;
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        return NULL;
    }
    worker->options = *options;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&worker->thread, NULL, run, worker) != 0) {
        pthread_cond_destroy(&worker->changed);
        pthread_mutex_destroy(&worker->lock);
        free(worker);
        return NULL;
    }
    return worker;
}

void worker_wake(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    worker->woken = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

/* Is no notice of this payment waiting any more? */
static bool is_settled(struct worker *worker, const char *payment) {
    struct db_rows *rows = NULL;
    char payload[80];
    bool settled = false;
    struct db *db = db_pool_take(worker->options.pool);
    snprintf(payload, sizeof payload, "{\"id\":\"%s\"}", payment);
    if (db != NULL &&
        db_query(db, &rows,
                 "SELECT 1 FROM outbox WHERE topic = $1 AND payload = $2 AND done = 0 LIMIT 1",
                 "tt", TOPIC_SIM_CALLBACK, payload) == DB_OK) {
        settled = db_next(rows) == DB_DONE;
    }
    db_end(rows);
    db_pool_give(worker->options.pool, db);
    return settled;
}

bool worker_wait_settled(struct worker *worker, const char *payment, int timeout_ms) {
    struct timespec deadline;
    int waited = 0;
    until(timeout_ms, &deadline);
    worker_wake(worker);
    bool settled = is_settled(worker, payment);
    while (!settled && waited != ETIMEDOUT) {
        struct timespec step;
        until(
            100,
            &step); /* an announcement between the question and the wait must not be lost for long */
        pthread_mutex_lock(&worker->lock);
        bool stopping = worker->stopping;
        if (!stopping) {
            pthread_cond_timedwait(&worker->changed, &worker->lock, &step);
        }
        pthread_mutex_unlock(&worker->lock);
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (stopping || now.tv_sec > deadline.tv_sec ||
            (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec)) {
            waited = ETIMEDOUT;
        }
        settled = is_settled(worker, payment);
    }
    return settled;
}

void worker_stop(struct worker *worker) {
    if (worker == NULL) {
        return;
    }
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}
