/* See transition.h. */
#include "tools/orderd/engine/transition.h"

#include "tools/orderd/engine/advance.h"
#include "tools/orderd/engine/event.h"

#include <stdio.h>
#include <string.h>

#define IN(state) (1u << (state))
#define G(gate)   GATES(GATE_##gate)

/* Sets that several rows need. */
enum state_set {
    EARLY = IN(STATE_DRAFT) | IN(STATE_AWAIT_VERIFY) | IN(STATE_AWAIT_KEY) |
            IN(STATE_AWAIT_MATERIALS) | IN(STATE_AWAIT_CONFIRM) | IN(STATE_AWAIT_PAYMENT),
    FORMS = G(AGREE) | G(FORM) | G(INVOICE_INFO) | G(DELIVERY),
    /* an operator gives up what cannot be done any more: the old certificate has ended, no key can be made */
    STUCK = IN(STATE_ISSUE_FAILED) | IN(STATE_READY_TO_ISSUE) | IN(STATE_APPROVED) |
            IN(STATE_PRODUCING),
    ON_KEY = G(PRODUCE) | G(SHIP) | G(ISSUE),
    CHECKS = G(VERIFY_ORG) | G(VERIFY_HANDLER) | G(VERIFY_PERSON)
};

struct transition_row {
    const char *name;
    unsigned from;       /* set of IN(state) */
    unsigned needs;      /* set of gates of which the next one must be one; 0: any */
    unsigned done;       /* the next gate is one of these, and is done now */
    bool run;            /* and so are those that follow it, as far as they are of the set */
    unsigned reopen;     /* done gates of this set are open again */
    unsigned ask;        /* gates of this set are open, even if they were waived */
    unsigned waive;      /* gates of this set are waived, if they are open */
    enum order_state to; /* STATE_COUNT: derived from the gates */
};

static const struct transition_row table[TRANSITION_COUNT] = {
    [T02_SUBMIT] = {"T02 submit", IN(STATE_DRAFT), .done = FORMS, .run = true, .to = STATE_COUNT},
    /* an edit after the confirmation makes it void: what was signed is no longer what is ordered */
    [T03_EDIT] = {"T03 edit",
                  IN(STATE_DRAFT) | IN(STATE_AWAIT_VERIFY) | IN(STATE_AWAIT_MATERIALS) |
                      IN(STATE_AWAIT_CONFIRM) | IN(STATE_AWAIT_PAYMENT),
                  .reopen = G(FORM) | G(INVOICE_INFO) | G(DELIVERY) | G(CONFIRM),
                  .to = STATE_COUNT},
    [T03_FILL] = {"T03 edit", IN(STATE_DRAFT) | IN(STATE_AWAIT_PAYMENT),
                  .reopen = G(INVOICE_INFO) | G(DELIVERY), .to = STATE_COUNT},
    [T03_REWORK] = {"T03 edit", IN(STATE_RETURNED),
                    .reopen = G(FORM) | G(INVOICE_INFO) | G(DELIVERY) | G(MATERIALS) | G(CONFIRM),
                    .to = STATE_COUNT},
    [T04_DOCUMENT] = {"T04 document", IN(STATE_AWAIT_MATERIALS), .needs = G(MATERIALS),
                      .to = STATE_COUNT},
    [T05_MATERIALS_DONE] = {"T05 materials_done", IN(STATE_AWAIT_MATERIALS), .done = G(MATERIALS),
                            .to = STATE_COUNT},
    [T06_CONFIRM] = {"T06 confirm", IN(STATE_AWAIT_CONFIRM), .done = G(CONFIRM), .to = STATE_COUNT},
    [T07_PAID] = {"T07 payment_paid", IN(STATE_AWAIT_PAYMENT), .done = G(PAY),
                  .waive = G(PAY_REVIEW), .to = STATE_COUNT},
    [T08_VOUCHER] = {"T08 voucher_uploaded", IN(STATE_AWAIT_PAYMENT), .done = G(PAY),
                     .ask = G(PAY_REVIEW), .to = STATE_COUNT},
    [T09_FINANCE_OK] = {"T09 finance_ok", IN(STATE_PAY_REVIEW), .done = G(PAY_REVIEW),
                        .to = STATE_COUNT},
    [T09_FINANCE_NO] = {"T09 finance_no", IN(STATE_PAY_REVIEW), .reopen = G(PAY),
                        .to = STATE_COUNT},
    [T10_APPROVE] = {"T10 approve", IN(STATE_IN_REVIEW), .done = G(REVIEW), .to = STATE_COUNT},
    [T11_RETURN] = {"T11 return", IN(STATE_IN_REVIEW), .to = STATE_RETURNED},
    [T12_REJECT] = {"T12 reject", IN(STATE_IN_REVIEW), .to = STATE_REJECTED},
    [T12_REJECT_REFUND] = {"T12 reject", IN(STATE_IN_REVIEW), .to = STATE_REFUNDING},
    [T13_PRODUCE] = {"T13 produce", IN(STATE_APPROVED), .needs = G(PRODUCE), .to = STATE_PRODUCING},
    [T13_PRODUCED] = {"T13 produced", IN(STATE_PRODUCING), .done = G(PRODUCE), .to = STATE_COUNT},
    [T14_SHIP] = {"T14 ship", IN(STATE_APPROVED) | IN(STATE_PRODUCING), .done = G(SHIP),
                  .to = STATE_COUNT},
    [T16_RECEIVE] = {"T16 receive", IN(STATE_SHIPPED), .done = G(RECEIVE), .to = STATE_COUNT},
    [T18_CLAIM] = {"T18 task_claim", IN(STATE_READY_TO_ISSUE), .needs = G(ISSUE),
                   .to = STATE_ISSUING},
    [T19_DONE] = {"T19 task_done", IN(STATE_ISSUING) | IN(STATE_READY_TO_ISSUE), .done = G(ISSUE),
                  .to = STATE_COUNT},
    [T20_LEASE_OVER] = {"T20 lease_over", IN(STATE_ISSUING), .to = STATE_READY_TO_ISSUE},
    [T21_FAILED] = {"T21 task_failed", IN(STATE_ISSUING), .to = STATE_ISSUE_FAILED},
    /* one that is ready: before a key has taken it up (R043, R196) */
    [T22_CANCEL] = {"T22 cancel", EARLY | IN(STATE_RETURNED) | IN(STATE_READY_TO_ISSUE),
                    .to = STATE_CANCELLED},
    [T22_CANCEL_REFUND] = {"T22 cancel",
                           EARLY | IN(STATE_AWAIT_PAPERS) | IN(STATE_PAY_REVIEW) |
                               IN(STATE_IN_REVIEW) | IN(STATE_RETURNED) | IN(STATE_READY_TO_ISSUE),
                           .to = STATE_REFUNDING},
    [T23_EXPIRE] = {"T23 ttl", EARLY, .to = STATE_EXPIRED},
    [T24_VERIFIED] = {"T24 verified", IN(STATE_AWAIT_VERIFY), .done = CHECKS, .to = STATE_COUNT},
    [T25_KEY_LOGIN] = {"T25 key_login", IN(STATE_AWAIT_KEY), .done = G(KEY_LOGIN),
                       .to = STATE_COUNT},
    [T26_APPLIED] = {"T26 applied", IN(STATE_READY_TO_ISSUE), .done = G(APPLY_CA),
                     .to = STATE_COUNT},
    [T26_REFUSED] = {"T26 refused", IN(STATE_READY_TO_ISSUE), .needs = G(APPLY_CA),
                     .to = STATE_REJECTED},
    [T27_RETRY] = {"T27 retry", IN(STATE_ISSUE_FAILED), .to = STATE_READY_TO_ISSUE},
    [T27_GIVE_UP] = {"T27 give_up", STUCK, .needs = ON_KEY, .to = STATE_REJECTED},
    [T27_GIVE_UP_REFUND] = {"T27 give_up", STUCK, .needs = ON_KEY, .to = STATE_REFUNDING},
    [T28_REFUNDED] = {"T28 refunded", IN(STATE_REFUNDING), .to = STATE_COUNT},
    [T29_PAPERS] = {"T29 papers", IN(STATE_AWAIT_PAPERS), .done = G(PAPERS), .to = STATE_COUNT},
    [T30_INVOICED] = {"T30 invoiced", IN(STATE_ISSUED), .done = G(INVOICE), .to = STATE_COUNT},
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

enum order_error order_insert(const struct engine *engine, struct db *db, const struct flow *flow,
                              struct order *order, const char *actor) {
    order->gate_count = flow->count;
    memcpy(order->gates, flow->gates, flow->count * sizeof flow->gates[0]);
    if (order->medium == MEDIUM_SOFT) {
        flow_waive(order->gates, order->gate_count, PARCEL_GATES);
    }
    order->state = flow_state(order->gates, order->gate_count);
    order->closing = STATE_COUNT;
    order->version = 1;
    order->created_ms = engine_now_ms(engine);
    order->updated_ms = order->created_ms;
    if (!identifier_random(order->id)) {
        return ORDER_INTERNAL;
    }
    enum order_error error =
        public_number_next(db, engine->profile, order->created_ms, order->number);
    if (error != ORDER_OK) {
        return error;
    }
    int64_t inserted = 0;
    error = order_error_of(db_run(
        db, &inserted,
        "INSERT INTO orders (id, public_no, profile, kind, lane, subject, account, certificate, "
        "token, source, linked, state, version, is_open, years, amount_fen, created, updated, "
        "medium) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, 1, $13, $14, $15, $15, $16) "
        "ON CONFLICT (subject, profile, lane) WHERE is_open = 1 DO NOTHING",
        "ttttttttttttiiit", order->id, order->number, engine->profile->id, kind_name(order->kind),
        kind_lane(order->kind), order->subject, order->account[0] != '\0' ? order->account : NULL,
        order->certificate, order->token, order->source, order->linked, state_name(order->state),
        order->years, order->amount_fen, order->created_ms, medium_name(order->medium)));
    if (error == ORDER_OK && inserted == 0) {
        error = ORDER_OPEN_EXISTS;
    }
    if (error == ORDER_OK) {
        error = insert_gates(db, order);
    }
    if (error == ORDER_OK) {
        error = append(order, db, actor, "T01 create", STATE_COUNT, NULL);
    }
    return error == ORDER_OK ? order_advanced(engine, db, order, STATE_COUNT) : error;
}

bool transition_is_allowed(const struct order *order, enum transition transition) {
    const struct transition_row *row = &table[transition];
    unsigned wanted = row->needs | row->done;
    enum gate next = order_next_gate(order);
    return (row->from & IN(order->state)) != 0 &&
           (wanted == 0 || (next != GATE_NONE && (wanted & GATES(next)) != 0));
}

static enum order_error set_gate(struct db *db, struct order *order, size_t position,
                                 enum gate_status status, const char *evidence) {
    order->gates[position].status = status;
    return order_error_of(db_run(
        db, NULL,
        "UPDATE order_gates SET status = $3, evidence = $4 WHERE order_id = $1 AND position = $2",
        "titt", order->id, (int64_t)position, gate_status_name(status), evidence));
}

static enum order_error finish_gates(struct db *db, struct order *order,
                                     const struct transition_row *row, const char *evidence) {
    enum order_error error = ORDER_OK;
    enum gate next = GATE_NONE;
    size_t at = 0;
    do {
        next = flow_next(order->gates, order->gate_count, &at);
        if (next == GATE_NONE || (row->done & GATES(next)) == 0) {
            break;
        }
        error = set_gate(db, order, at, GATE_DONE, evidence);
    } while (error == ORDER_OK && row->run);
    return error;
}

/* Everything else that the row does to gates. */
static enum order_error turn_gates(struct db *db, struct order *order,
                                   const struct transition_row *row) {
    enum order_error error = ORDER_OK;
    for (size_t i = 0; error == ORDER_OK && i < order->gate_count; i++) {
        unsigned gate = GATES(order->gates[i].gate);
        enum gate_status status = order->gates[i].status;
        bool opens = ((row->reopen & gate) != 0 && status == GATE_DONE) ||
                     ((row->ask & gate) != 0 && status != GATE_OPEN);
        if (opens) {
            error = set_gate(db, order, i, GATE_OPEN, NULL);
        } else if ((row->waive & gate) != 0 && status == GATE_OPEN) {
            error = set_gate(db, order, i, GATE_WAIVED, NULL);
        }
    }
    return error;
}

enum order_error transition_reopen(struct db *db, struct order *order, unsigned gates) {
    const struct transition_row row = {.reopen = gates};
    return turn_gates(db, order, &row);
}

static enum order_state state_after(const struct transition_row *row, const struct order *order) {
    if (row->to != STATE_COUNT) {
        return row->to;
    }
    return order->state == STATE_REFUNDING ? order->closing
                                           : flow_state(order->gates, order->gate_count);
}

/* Compare and swap: whoever loaded another version or state changes nothing. */
static enum order_error swap(struct db *db, const struct order *order, int64_t version,
                             enum order_state from) {
    int64_t changed = 0;
    enum order_error error = order_error_of(db_run(
        db, &changed,
        "UPDATE orders SET state = $1, version = version + 1, is_open = $2, years = $3, "
        "amount_fen = $4, certificate = $5, token = $6, closing = $7, updated = $8 "
        "WHERE id = $9 AND version = $10 AND state = $11",
        "tiiitttitit", state_name(order->state), (int64_t)(state_is_final(order->state) ? 0 : 1),
        order->years, order->amount_fen, order->certificate, order->token,
        order->closing == STATE_COUNT ? "" : state_name(order->closing), order->updated_ms,
        order->id, version, state_name(from)));
    return error == ORDER_OK && changed != 1 ? ORDER_CONFLICT : error;
}

enum order_error transition_apply(const struct engine *engine, struct db *db, struct order *order,
                                  enum transition transition, const char *actor,
                                  const char *evidence, json_t *data) {
    const struct transition_row *row = &table[transition];
    enum order_state from = order->state;
    int64_t version = order->version;

    if (!transition_is_allowed(order, transition)) {
        return ORDER_WRONG_STATE;
    }
    enum order_error error = row->done != 0 ? finish_gates(db, order, row, evidence) : ORDER_OK;
    if (error == ORDER_OK) {
        error = turn_gates(db, order, row);
    }
    if (error != ORDER_OK) {
        return error;
    }
    order->state = state_after(row, order);
    if (from == STATE_REFUNDING) {
        order->closing = STATE_COUNT;
    }
    order->version = version + 1;
    order->updated_ms = engine_now_ms(engine);
    error = swap(db, order, version, from);
    if (error == ORDER_OK) {
        error = append(order, db, actor, row->name, from, data);
    }
    return error == ORDER_OK ? order_advanced(engine, db, order, from) : error;
}

enum order_error order_note(const struct engine *engine, struct db *db, const struct order *order,
                            const char *actor, const char *type, json_t *data) {
    struct event event = {order->id, actor, type, data, engine_now_ms(engine)};
    return event_append(db, &event);
}
