/* See transition.h. */
#include "tools/orderd/engine/transition.h"

#include "tools/orderd/engine/event.h"

#include <stdio.h>
#include <string.h>

#define IN(state) (1u << (state))

/* What is done to the gates. */
enum gate_effect {
    EFFECT_NOTHING,
    EFFECT_DONE,  /* `gate`, which must be the first open one, is done */
    EFFECT_REOPEN /* `gate` and every later one that is done is open again */
};

struct transition_row {
    const char *name;
    unsigned from; /* set of IN(state) */
    enum gate_effect effect;
    enum gate gate;
    enum order_state to; /* STATE_COUNT: derived from the gates */
};

static const struct transition_row table[TRANSITION_COUNT] = {
    [T02_SUBMIT] = {"T02 submit", IN(STATE_DRAFT), EFFECT_DONE, GATE_FORM, STATE_COUNT},
    /* an edit after the confirmation makes it void: what was signed is no longer what is ordered */
    [T03_EDIT] = {"T03 edit", IN(STATE_DRAFT) | IN(STATE_AWAIT_CONFIRM) | IN(STATE_AWAIT_PAYMENT),
                  EFFECT_REOPEN, GATE_FORM, STATE_COUNT},
    [T06_CONFIRM] = {"T06 confirm", IN(STATE_AWAIT_CONFIRM), EFFECT_DONE, GATE_CONFIRM,
                     STATE_COUNT},
    [T07_PAID] = {"T07 payment_paid", IN(STATE_AWAIT_PAYMENT), EFFECT_DONE, GATE_PAY, STATE_COUNT},
    [T18_CLAIM] = {"T18 task_claim", IN(STATE_READY_TO_ISSUE), EFFECT_NOTHING, GATE_NONE,
                   STATE_ISSUING},
    [T19_DONE] = {"T19 task_done", IN(STATE_ISSUING) | IN(STATE_READY_TO_ISSUE), EFFECT_DONE,
                  GATE_ISSUE, STATE_COUNT},
    [T20_LEASE_OVER] = {"T20 lease_over", IN(STATE_ISSUING), EFFECT_NOTHING, GATE_NONE,
                        STATE_READY_TO_ISSUE},
    [T21_FAILED] = {"T21 task_failed", IN(STATE_ISSUING), EFFECT_NOTHING, GATE_NONE,
                    STATE_ISSUE_FAILED},
    [T22_CANCEL] = {"T22 cancel",
                    IN(STATE_DRAFT) | IN(STATE_AWAIT_VERIFY) | IN(STATE_AWAIT_KEY) |
                        IN(STATE_AWAIT_MATERIALS) | IN(STATE_AWAIT_CONFIRM) |
                        IN(STATE_AWAIT_PAYMENT) | IN(STATE_RETURNED),
                    EFFECT_NOTHING, GATE_NONE, STATE_CANCELLED},
    [T23_EXPIRE] = {"T23 ttl",
                    IN(STATE_DRAFT) | IN(STATE_AWAIT_VERIFY) | IN(STATE_AWAIT_KEY) |
                        IN(STATE_AWAIT_MATERIALS) | IN(STATE_AWAIT_CONFIRM) |
                        IN(STATE_AWAIT_PAYMENT),
                    EFFECT_NOTHING, GATE_NONE, STATE_EXPIRED},
    [T25_KEY_LOGIN] = {"T25 key_login", IN(STATE_AWAIT_KEY), EFFECT_DONE, GATE_KEY_LOGIN,
                       STATE_COUNT},
    [T27_RETRY] = {"T27 retry", IN(STATE_ISSUE_FAILED), EFFECT_NOTHING, GATE_NONE,
                   STATE_READY_TO_ISSUE},
};

static enum order_error append(const struct order *order, struct db *db, const char *actor,
                               const char *type, enum order_state from, json_t *data) {
    json_t *merged = data != NULL ? json_copy(data) : json_object();
    if (merged == NULL ||
        json_object_set_new(merged, "state", json_string(state_name(order->state))) != 0 ||
        json_object_set_new(merged, "version", json_integer((json_int_t)order->version)) != 0 ||
        (from != STATE_COUNT &&
         json_object_set_new(merged, "from", json_string(state_name(from))) != 0)) {
        json_decref(merged);
        return ORDER_INTERNAL;
    }
    struct event event = {order->id, actor, type, merged, order->updated_ms};
    enum order_error error = event_append(db, &event);
    json_decref(merged);
    return error;
}

static enum order_error insert_gates(struct db *db, const struct order *order) {
    enum order_error error = ORDER_OK;
    for (size_t i = 0; error == ORDER_OK && i < order->gate_count; i++) {
        error = order_error_of(db_run(
            db, NULL,
            "INSERT INTO order_gates (order_id, position, gate, status) VALUES ($1, $2, $3, $4)",
            "titt", order->id, (int64_t)i, gate_name(order->gates[i].gate),
            gate_status_name(order->gates[i].status)));
    }
    return error;
}

enum order_error order_insert(const struct engine *engine, struct db *db, struct order *order,
                              const char *actor) {
    const struct flow *flow = profile_flow(engine->profile, order->kind);
    if (flow == NULL) {
        return ORDER_KIND_UNKNOWN;
    }
    order->gate_count = flow->count;
    memcpy(order->gates, flow->gates, flow->count * sizeof flow->gates[0]);
    order->state = flow_state(order->gates, order->gate_count);
    order->version = 1;
    order->created_ms = engine_now_ms(engine);
    order->updated_ms = order->created_ms;
    if (!identifier_random(order->id)) {
        return ORDER_INTERNAL;
    }
    enum order_error error = public_number_next(db, order->created_ms / 1000,
                                                engine->profile->number_letter, order->number);
    if (error != ORDER_OK) {
        return error;
    }
    int64_t inserted = 0;
    error = order_error_of(db_run(
        db, &inserted,
        "INSERT INTO orders (id, public_no, profile, kind, lane, subject, certificate, token, "
        "state, "
        "version, is_open, years, amount_fen, created, updated) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, 1, $10, $11, $12, $12) "
        "ON CONFLICT (subject, profile, lane) WHERE is_open = 1 DO NOTHING",
        "tttttttttiii", order->id, order->number, engine->profile->id, kind_name(order->kind),
        kind_lane(order->kind), order->subject, order->certificate, order->token,
        state_name(order->state), order->years, order->amount_fen, order->created_ms));
    if (error == ORDER_OK && inserted == 0) {
        error = ORDER_OPEN_EXISTS;
    }
    if (error == ORDER_OK) {
        error = insert_gates(db, order);
    }
    return error == ORDER_OK ? append(order, db, actor, "T01 create", STATE_COUNT, NULL) : error;
}

bool transition_is_allowed(const struct order *order, enum transition transition) {
    return (table[transition].from & IN(order->state)) != 0;
}

static enum order_error write_gate(struct db *db, const struct order *order, size_t position,
                                   const char *evidence) {
    return order_error_of(db_run(
        db, NULL,
        "UPDATE order_gates SET status = $3, evidence = $4 WHERE order_id = $1 AND position = $2",
        "titt", order->id, (int64_t)position, gate_status_name(order->gates[position].status),
        evidence));
}

static enum order_error finish_gate(struct db *db, struct order *order, enum gate gate,
                                    const char *evidence) {
    for (size_t i = 0; i < order->gate_count; i++) {
        if (order->gates[i].status == GATE_OPEN || order->gates[i].status == GATE_FAILED) {
            if (order->gates[i].gate != gate) {
                break;
            }
            order->gates[i].status = GATE_DONE;
            return write_gate(db, order, i, evidence);
        }
    }
    return ORDER_WRONG_STATE;
}

static enum order_error reopen_gates(struct db *db, struct order *order, enum gate gate) {
    enum order_error error = ORDER_OK;
    bool reached = false;
    for (size_t i = 0; error == ORDER_OK && i < order->gate_count; i++) {
        reached = reached || order->gates[i].gate == gate;
        if (reached && order->gates[i].status == GATE_DONE) {
            order->gates[i].status = GATE_OPEN;
            error = write_gate(db, order, i, NULL);
        }
    }
    return error;
}

enum order_error transition_apply(const struct engine *engine, struct db *db, struct order *order,
                                  enum transition transition, const char *actor,
                                  const char *evidence, json_t *data) {
    const struct transition_row *row = &table[transition];
    enum order_state from = order->state;
    int64_t version = order->version;
    enum order_error error = ORDER_OK;

    if (!transition_is_allowed(order, transition)) {
        return ORDER_WRONG_STATE;
    }
    if (row->effect == EFFECT_DONE) {
        error = finish_gate(db, order, row->gate, evidence);
    } else if (row->effect == EFFECT_REOPEN) {
        error = reopen_gates(db, order, row->gate);
    }
    if (error != ORDER_OK) {
        return error;
    }
    order->state = row->to == STATE_COUNT ? flow_state(order->gates, order->gate_count) : row->to;
    order->version = version + 1;
    order->updated_ms = engine_now_ms(engine);
    int64_t changed = 0;
    error = order_error_of(db_run(
        db, &changed,
        "UPDATE orders SET state = $1, version = version + 1, is_open = $2, years = $3, "
        "amount_fen = $4, handler_name = $5, handler_phone = $6, handler_email = $7, "
        "updated = $8 WHERE id = $9 AND version = $10 AND state = $11",
        "tiiitttitit", state_name(order->state), (int64_t)(state_is_final(order->state) ? 0 : 1),
        order->years, order->amount_fen, order->handler.name, order->handler.phone,
        order->handler.email, order->updated_ms, order->id, version, state_name(from)));
    if (error == ORDER_OK && changed != 1) {
        error = ORDER_CONFLICT;
    }
    return error == ORDER_OK ? append(order, db, actor, row->name, from, data) : error;
}

enum order_error order_note(const struct engine *engine, struct db *db, const struct order *order,
                            const char *actor, const char *type, json_t *data) {
    struct event event = {order->id, actor, type, data, engine_now_ms(engine)};
    return event_append(db, &event);
}
