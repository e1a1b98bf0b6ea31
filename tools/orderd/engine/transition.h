/* The transitions of orders (order-domain.md 4, T01-T28): a table of what may happen from which state and to which gate, and the one
 * function that makes any of them happen: compare-and-swap on version and state, gates, event, all in the caller's transaction. */
#ifndef TOOLS_ORDERD_ENGINE_TRANSITION_H
#define TOOLS_ORDERD_ENGINE_TRANSITION_H

#include "tools/orderd/engine/order.h"

#include <jansson.h>

enum transition {
    T02_SUBMIT,
    T03_EDIT,
    T03_FILL,     /* an edit of what is asked for after the confirmation: it stands */
    T03_REWORK,   /* an edit after a return: documents are asked for again */
    T04_DOCUMENT, /* one more, one less, another */
    T05_MATERIALS_DONE,
    T06_CONFIRM,
    T07_PAID,
    T08_VOUCHER,
    T09_FINANCE_OK,
    T09_FINANCE_NO,
    T10_APPROVE,
    T11_RETURN,
    T12_REJECT,
    T12_REJECT_REFUND, /* money came: it goes back first */
    T13_PRODUCE,
    T13_PRODUCED,
    T14_SHIP,
    T16_RECEIVE,
    T18_CLAIM,
    T19_DONE,
    T20_LEASE_OVER,
    T21_FAILED,
    T22_CANCEL,
    T22_CANCEL_REFUND,
    T23_EXPIRE,
    T24_VERIFIED,
    T25_KEY_LOGIN,
    T26_APPLIED,
    T26_REFUSED, /* the certificate is no longer such that this could be done */
    T27_RETRY,
    T27_GIVE_UP,
    T27_GIVE_UP_REFUND,
    T28_REFUNDED,
    T29_PAPERS, /* the paper package is there (R102, R151) */
    T30_INVOICED,
    TRANSITION_COUNT
};

/* T01: write a new order with all the gates of `flow`, in the state they give, and its event. Fills order->id, number, state,
 * version, gates and times; the rest is the caller's. ORDER_OPEN_EXISTS when the database already has an open one in its lane. */
enum order_error order_insert(const struct engine *engine, struct db *db, const struct flow *flow,
                              struct order *order, const char *actor);

/* True when the transition may start from the order's present state and gate. */
bool transition_is_allowed(const struct order *order, enum transition transition);

/* Make the transition happen to `order` as it was loaded, and bring `order` up to date. Besides the state it writes years, amount,
 * certificate and token as they stand in `order`. `evidence` (may be NULL) is noted at the gate; `data` (may be NULL, borrowed) goes
 * into the event. Then what follows by itself is done (advance.h).
 * ORDER_WRONG_STATE when the table forbids it, ORDER_CONFLICT when the stored order is no longer the one that was loaded. */
enum order_error transition_apply(const struct engine *engine, struct db *db, struct order *order,
                                  enum transition transition, const char *actor,
                                  const char *evidence, json_t *data);

/* Open the done gates of the set `gates` again, beside a transition of the same transaction that gives the state. */
enum order_error transition_reopen(struct db *db, struct order *order, unsigned gates);

/* Record something that happened within a state: an event, and nothing else. */
enum order_error order_note(const struct engine *engine, struct db *db, const struct order *order,
                            const char *actor, const char *type, json_t *data);

#endif
