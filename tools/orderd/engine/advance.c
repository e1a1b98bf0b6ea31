/* See advance.h. */
#include "tools/orderd/engine/advance.h"

#include "tools/orderd/engine/download.h"
#include "tools/orderd/engine/outbox.h"
#include "tools/orderd/engine/payment.h"
#include "tools/orderd/engine/token.h"
#include "tools/orderd/engine/transition.h"

static enum order_error tell(const struct engine *engine, struct db *db, const struct order *order,
                             const char *topic) {
    json_t *payload = json_pack("{s:s,s:s}", "order", order->id, "state", state_name(order->state));
    enum order_error error =
        payload != NULL ? outbox_put(db, topic, payload, engine_now_ms(engine)) : ORDER_INTERNAL;
    json_decref(payload);
    return error;
}

/* The task may be claimed: an unlock is allowed to the key, once; a code is sent where one is asked for. */
static enum order_error ready(const struct engine *engine, struct db *db,
                              const struct order *order) {
    enum order_error error = order->kind == KIND_UNLOCK
                                 ? token_set_policy(db, order->token, POLICY_PIN_RESET, true)
                                 : ORDER_OK;
    return error == ORDER_OK && download_wants_code(engine, order)
               ? download_send(engine, db, order)
               : error;
}

/* R247: paid, and the portal writes the invoice at once. */
static bool invoice_is_due(const struct engine *engine, const struct order *order,
                           enum order_state from) {
    bool paid = false;
    if (engine->profile->invoice != INVOICE_ON_PAYMENT || order->amount_fen == 0 ||
        (from != STATE_AWAIT_PAYMENT && from != STATE_PAY_REVIEW)) {
        return false;
    }
    for (size_t i = 0; i < order->gate_count; i++) {
        if (order->gates[i].gate == GATE_PAY) {
            paid = order->gates[i].status == GATE_DONE;
        } else if (order->gates[i].gate == GATE_PAY_REVIEW && paid) {
            paid = order->gates[i].status != GATE_OPEN;
        }
    }
    return paid;
}

enum order_error order_advanced(const struct engine *engine, struct db *db, struct order *order,
                                enum order_state from) {
    enum order_error error = ORDER_OK;
    if (order->state == from) {
        return ORDER_OK;
    }
    if (from != STATE_COUNT) {
        error = tell(engine, db, order, TOPIC_NOTIFY);
    }
    if (error == ORDER_OK && invoice_is_due(engine, order, from)) {
        error = tell(engine, db, order, TOPIC_INVOICE);
    }
    if (error != ORDER_OK || state_is_final(order->state)) {
        return error;
    }
    switch (order_next_gate(order)) {
    case GATE_PAY:
        /* what costs nothing is paid already (R138) */
        return order->state == STATE_AWAIT_PAYMENT && order->amount_fen == 0
                   ? payment_free(engine, db, order)
                   : ORDER_OK;
    case GATE_APPLY_CA:
        return tell(engine, db, order, TOPIC_APPLY_CA);
    case GATE_ISSUE:
        /* not again when a claim has ended without the download */
        return order->state == STATE_READY_TO_ISSUE && from != STATE_ISSUING &&
                       from != STATE_ISSUE_FAILED
                   ? ready(engine, db, order)
                   : ORDER_OK;
    case GATE_INVOICE:
        return tell(engine, db, order, TOPIC_INVOICE);
    default:
        return ORDER_OK;
    }
}
