/* See payment.h. */
#include "tools/orderd/engine/payment.h"

#include "tools/orderd/engine/advance.h"

#include "tools/orderd/engine/transition.h"

#include <stdio.h>
#include <string.h>

struct payment_row {
    char id[ID_SIZE];
    char order[ID_SIZE];
    char channel[16];
    char state[16];
    char pay_url[512];
    char transaction[65];
    int64_t amount_fen;
};

#define PAYMENT_COLUMNS                                                                            \
    "SELECT id, order_id, channel, state, pay_url, provider_txn, amount_fen FROM payments "

static enum order_error read_payment(struct db_rows *rows, struct payment_row *out) {
    memset(out, 0, sizeof *out);
    enum db_result result = db_next(rows);
    if (result == DB_OK) {
        snprintf(out->id, sizeof out->id, "%s", db_text(rows, 0));
        snprintf(out->order, sizeof out->order, "%s", db_text(rows, 1));
        snprintf(out->channel, sizeof out->channel, "%s", db_text(rows, 2));
        snprintf(out->state, sizeof out->state, "%s", db_text(rows, 3));
        snprintf(out->pay_url, sizeof out->pay_url, "%s", db_text(rows, 4));
        snprintf(out->transaction, sizeof out->transaction, "%s", db_text(rows, 5));
        out->amount_fen = db_int(rows, 6);
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

static enum order_error load_payment(struct db *db, const char *id, struct payment_row *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, PAYMENT_COLUMNS "WHERE id = $1", "t", id);
    return result == DB_OK ? read_payment(rows, out) : order_error_of(result);
}

static enum order_error set_state(const struct engine *engine, struct db *db, const char *id,
                                  const char *from, const char *to) {
    int64_t changed = 0;
    enum order_error error = order_error_of(db_run(
        db, &changed, "UPDATE payments SET state = $3, updated = $4 WHERE id = $1 AND state = $2",
        "ttti", id, from, to, engine_now_ms(engine)));
    return error == ORDER_OK && changed != 1 ? ORDER_CONFLICT : error;
}

enum order_error payment_close_open(const struct engine *engine, struct db *db,
                                    const struct order *order) {
    return order_error_of(db_run(db, NULL,
                                 "UPDATE payments SET state = 'CLOSED', updated = $2 WHERE "
                                 "order_id = $1 AND state IN ('CREATED', 'PENDING')",
                                 "ti", order->id, engine_now_ms(engine)));
}

/* ---- asking ---- */

/* The channel of this name, or 0. */
static unsigned channel_of(const char *name) {
    return strcmp(name, "ALIPAY") == 0     ? CHANNEL_ALIPAY
           : strcmp(name, "WECHAT") == 0   ? CHANNEL_WECHAT
           : strcmp(name, "TRANSFER") == 0 ? CHANNEL_TRANSFER
                                           : 0;
}

static enum order_error find_open(struct db *db, const struct order *order, const char *channel,
                                  struct payment_row *out) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows,
                 PAYMENT_COLUMNS
                 "WHERE order_id = $1 AND channel = $2 AND amount_fen = $3 AND state = 'PENDING'",
                 "tti", order->id, channel, order->amount_fen);
    return result == DB_OK ? read_payment(rows, out) : order_error_of(result);
}

static enum order_error make_payment(const struct engine *engine, struct db *db,
                                     const struct order *order, const char *channel,
                                     enum language language, struct payment_row *out) {
    char title[96];
    text_fill(TEXT_PAY_ORDER, language, "number", order->number, title, sizeof title);
    memset(out, 0, sizeof *out);
    snprintf(out->channel, sizeof out->channel, "%s", channel);
    snprintf(out->state, sizeof out->state, "PENDING");
    out->amount_fen = order->amount_fen;
    if (!identifier_random(out->id)) {
        return ORDER_INTERNAL;
    }
    enum order_error error = payment_close_open(engine, db, order);
    if (error != ORDER_OK) {
        return error;
    }
    struct payment_request request = {out->id, channel, title, order->amount_fen,
                                      engine_now_ms(engine)};
    if (!engine->payments->create(engine->payments->context, db, &request, out->pay_url,
                                  sizeof out->pay_url)) {
        return ORDER_PROVIDER_FAILED;
    }
    error = order_error_of(db_run(db, NULL,
                                  "INSERT INTO payments (id, order_id, channel, provider, "
                                  "amount_fen, state, pay_url, created, "
                                  "updated) VALUES ($1, $2, $3, $4, $5, 'PENDING', $6, $7, $7)",
                                  "ttttiti", out->id, order->id, channel, engine->payments->name,
                                  order->amount_fen, out->pay_url, request.now_ms));
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:s,s:s,s:I}", "payment", out->id, "channel", channel,
                                 "amountFen", (json_int_t)order->amount_fen);
        error = order_note(engine, db, order, "user", "payment requested", data);
        json_decref(data);
    }
    return error;
}

static enum order_error request_in_transaction(const struct engine *engine, struct db *db,
                                               const struct caller *caller, const char *number,
                                               const char *channel, const char *key, json_t **out) {
    struct order order;
    struct payment_row payment = {.amount_fen = 0};
    char account[96];
    int64_t now_ms = engine_now_ms(engine);
    enum order_error error = caller_may_change(caller);
    if (error == ORDER_OK) {
        error = order_of_caller(db, caller, number, &order);
    }
    if (error != ORDER_OK) {
        return error;
    }
    /* a key belongs to one version of the order: after an edit the same key asks for a new payment */
    snprintf(account, sizeof account, "payment:%s:%lld", order.id, (long long)order.version);
    json_t *request = json_pack("{s:s}", "channel", channel);
    struct idempotency what = {account, key, request};
    error = idempotency_find(engine, db, &what, now_ms, out);
    if (error == ORDER_OK && *out == NULL) {
        error = transition_is_allowed(&order, T07_PAID) ? ORDER_OK : ORDER_WRONG_STATE;
        if (error == ORDER_OK) {
            error = find_open(db, &order, channel, &payment);
        }
        if (error == ORDER_NOT_FOUND) {
            error = make_payment(engine, db, &order, channel, caller->language, &payment);
        }
        if (error == ORDER_OK) {
            *out = json_pack("{s:s,s:s,s:I,s:s,s:s}", "id", payment.id, "channel", channel,
                             "amountFen", (json_int_t)payment.amount_fen, "state", payment.state,
                             "payUrl", payment.pay_url);
            error =
                *out != NULL ? idempotency_keep(engine, db, &what, *out, now_ms) : ORDER_INTERNAL;
        }
    }
    json_decref(request);
    return error;
}

enum order_error payment_request(const struct engine *engine, struct db *db,
                                 const struct caller *caller, const char *number,
                                 const char *channel, const char *key, json_t **out) {
    *out = NULL;
    if ((engine->profile->channels & channel_of(channel)) == 0 ||
        !engine->payments->serves(engine->payments->context, channel)) {
        return ORDER_CHANNEL_UNKNOWN;
    }
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = request_in_transaction(engine, db, caller, number, channel, key, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error != ORDER_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return error;
}

/* ---- what costs nothing ---- */

enum order_error payment_free(const struct engine *engine, struct db *db, struct order *order) {
    char id[ID_SIZE];
    if (!identifier_random(id)) {
        return ORDER_INTERNAL;
    }
    enum order_error error = order_error_of(
        db_run(db, NULL,
               "INSERT INTO payments (id, order_id, channel, provider, amount_fen, state, pay_url, "
               "created, updated) VALUES ($1, $2, 'FREE', '', 0, 'PAID', '', $3, $3)",
               "tti", id, order->id, engine_now_ms(engine)));
    return error == ORDER_OK ? transition_apply(engine, db, order, T07_PAID, "service", id, NULL)
                             : error;
}

/* The payment that was made, if there is one: ORDER_NOT_FOUND. */
static enum order_error find_paid(struct db *db, const struct order *order,
                                  struct payment_row *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows, PAYMENT_COLUMNS "WHERE order_id = $1 AND state = 'PAID' AND amount_fen > 0", "t",
        order->id);
    return result == DB_OK ? read_payment(rows, out) : order_error_of(result);
}

enum order_error payment_is_made(struct db *db, const struct order *order, bool *out) {
    struct payment_row payment = {.amount_fen = 0};
    enum order_error error = find_paid(db, order, &payment);
    *out = error == ORDER_OK;
    return error == ORDER_NOT_FOUND ? ORDER_OK : error;
}

/* ---- being paid ---- */

static enum order_error ask_refund(const struct engine *engine, struct db *db,
                                   const struct order *order, const struct payment_row *payment) {
    json_t *data = json_pack("{s:s,s:I}", "payment", payment->id, "amountFen",
                             (json_int_t)payment->amount_fen);
    enum order_error error = set_state(engine, db, payment->id, "PAID", "REFUNDING");
    /* a transfer goes back by hand: payment_refunded */
    if (error == ORDER_OK && strcmp(payment->channel, "TRANSFER") != 0) {
        error = outbox_put(db, TOPIC_REFUND, data, engine_now_ms(engine));
    }
    if (error == ORDER_OK) {
        error = order_note(engine, db, order, "provider", "refund asked for", data);
    }
    json_decref(data);
    return error;
}

static enum order_error take_money(const struct engine *engine, struct db *db,
                                   const struct payment_row *payment,
                                   const struct payment_notice *notice) {
    struct order order;
    enum order_error error = order_load_id(db, payment->order, &order);
    if (error != ORDER_OK) {
        return error;
    }
    enum db_result result =
        db_run(db, NULL,
               "UPDATE payments SET state = 'PAID', provider_txn = $2, updated = $3 WHERE id = $1",
               "tti", payment->id, notice->transaction, engine_now_ms(engine));
    if (result == DB_CONSTRAINT) {
        return ORDER_PAYMENT_MISMATCH; /* the transaction number belongs to another payment */
    }
    if (result != DB_OK) {
        return order_error_of(result);
    }
    if (!transition_is_allowed(&order, T07_PAID) || order.amount_fen != payment->amount_fen) {
        return ask_refund(engine, db, &order, payment);
    }
    json_t *data = json_pack("{s:s,s:s,s:I}", "payment", payment->id, "transaction",
                             notice->transaction, "amountFen", (json_int_t)notice->amount_fen);
    error = transition_apply(engine, db, &order, T07_PAID, "provider", payment->id, data);
    json_decref(data);
    return error;
}

static enum order_error notice_in_transaction(const struct engine *engine, struct db *db,
                                              const struct payment_notice *notice) {
    struct payment_row payment = {.amount_fen = 0};
    enum order_error error = load_payment(db, notice->id, &payment);
    if (error == ORDER_NOT_FOUND ||
        (error == ORDER_OK && payment.amount_fen != notice->amount_fen)) {
        return ORDER_PAYMENT_MISMATCH;
    }
    if (error != ORDER_OK) {
        return error;
    }
    if (payment.transaction[0] != '\0') {
        /* told before: harmless when it says the same */
        return strcmp(payment.transaction, notice->transaction) == 0 ? ORDER_OK
                                                                     : ORDER_PAYMENT_MISMATCH;
    }
    return take_money(engine, db, &payment, notice);
}

enum order_error payment_callback(const struct engine *engine, struct db *db, const char *body,
                                  size_t len, const char *signature) {
    struct payment_notice notice;
    if (!engine->payments->read_callback(engine->payments->context, body, len, signature,
                                         &notice)) {
        return ORDER_CALLBACK_REFUSED;
    }
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = notice_in_transaction(engine, db, &notice);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* ---- giving back ---- */

enum order_error payment_give_back(const struct engine *engine, struct db *db,
                                   const struct order *order) {
    struct payment_row payment = {.amount_fen = 0};
    enum order_error error = find_paid(db, order, &payment);
    return error == ORDER_OK ? ask_refund(engine, db, order, &payment) : error;
}

/* The money is back: in the caller's transaction. */
static enum order_error gone_back(const struct engine *engine, struct db *db,
                                  const struct payment_row *payment, struct order *order,
                                  const char *actor, const char *transaction) {
    enum order_error error = set_state(engine, db, payment->id, "REFUNDING", "REFUNDED");
    if (error != ORDER_OK) {
        return error;
    }
    json_t *data = json_pack("{s:s,s:I,s:s*}", "payment", payment->id, "amountFen",
                             (json_int_t)payment->amount_fen, "transaction", transaction);
    error = order->state == STATE_REFUNDING
                ? transition_apply(engine, db, order, T28_REFUNDED, actor, payment->id, data)
                : order_note(engine, db, order, actor, "payment refunded", data);
    json_decref(data);
    return error;
}

enum order_error payment_refunded(const struct engine *engine, struct db *db, struct order *order,
                                  const char *actor, const char *transaction) {
    struct payment_row payment = {.amount_fen = 0};
    struct db_rows *rows = NULL;
    enum order_error error = order_error_of(db_query(
        db, &rows,
        PAYMENT_COLUMNS "WHERE order_id = $1 AND channel = 'TRANSFER' AND state = 'REFUNDING'", "t",
        order->id));
    if (error == ORDER_OK) {
        error = read_payment(rows, &payment);
    }
    if (error == ORDER_NOT_FOUND) {
        return ORDER_WRONG_STATE;
    }
    return error == ORDER_OK ? gone_back(engine, db, &payment, order, actor, transaction) : error;
}

enum order_error payment_refund(const struct engine *engine, struct db *db, const char *id) {
    struct payment_row payment = {.amount_fen = 0};
    struct order order;
    enum order_error error = load_payment(db, id, &payment);
    if (error != ORDER_OK || strcmp(payment.state, "REFUNDED") == 0) {
        return error;
    }
    if (strcmp(payment.state, "REFUNDING") != 0) {
        return ORDER_WRONG_STATE;
    }
    if (!engine->payments->refund(engine->payments->context, db, id, payment.amount_fen)) {
        return ORDER_PAYMENT_MISMATCH;
    }
    error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_load_id(db, payment.order, &order);
    }
    if (error == ORDER_OK) {
        error = gone_back(engine, db, &payment, &order, "provider", NULL);
    }
    if (error == ORDER_OK && state_is_final(order.state) && order.state != STATE_COMPLETED) {
        json_t *payload = json_pack("{s:s}", "order", order.id);
        error = payload != NULL ? outbox_put(db, TOPIC_INVOICE_RED, payload, engine_now_ms(engine))
                                : ORDER_INTERNAL;
        json_decref(payload);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}
