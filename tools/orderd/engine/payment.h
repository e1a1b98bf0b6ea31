/* Money (order-domain.md 6): asking for it, and believing the provider's callback alone (R140). */
#ifndef TOOLS_ORDERD_ENGINE_PAYMENT_H
#define TOOLS_ORDERD_ENGINE_PAYMENT_H

#include "tools/orderd/engine/caller.h"
#include "tools/orderd/engine/idempotency.h"
#include "tools/orderd/engine/outbox.h"

/* Outbox topic: money that came for an order that does not want it (any more) goes back. Payload {payment}. */
#define TOPIC_REFUND "payment.refund"

/* Ask the provider for a payment of what the order costs. The open payment of the same channel and amount is given again; one of
 * another channel is closed. *out is {id, channel, amountFen, state, payUrl}. */
enum order_error payment_request(const struct engine *engine, struct db *db,
                                 const struct caller *caller, const char *number,
                                 const char *channel, const char *key, json_t **out);

/* A callback of the provider: `signature` is checked before anything is read. A repeated callback is ORDER_OK and changes nothing.
 * Money for an order that no longer waits for it is refunded. */
enum order_error payment_callback(const struct engine *engine, struct db *db, const char *body,
                                  size_t len, const char *signature);

/* Close the order's payments that nobody has paid; in the caller's transaction. */
enum order_error payment_close_open(const struct engine *engine, struct db *db,
                                    const struct order *order);

/* Has money come for this order, and not gone back? What costs nothing does not count. */
enum order_error payment_is_made(struct db *db, const struct order *order, bool *out);

/* T07 of an order that costs nothing; in the caller's transaction. */
enum order_error payment_free(const struct engine *engine, struct db *db, struct order *order);

/* The order's money goes back: ask for the refund of what was paid; in the caller's transaction, order in REFUNDING. */
enum order_error payment_give_back(const struct engine *engine, struct db *db,
                                   const struct order *order);

/* T28 of a transfer: finance has sent the money back, `transaction` is the bank's number. In the caller's transaction; ORDER_WRONG_STATE
 * when no transfer is to go back. */
enum order_error payment_refunded(const struct engine *engine, struct db *db, struct order *order,
                                  const char *actor, const char *transaction);

/* Do one refund of the outbox; idempotent. An order that waits for it is closed then (T28). */
enum order_error payment_refund(const struct engine *engine, struct db *db, const char *id);

#endif
