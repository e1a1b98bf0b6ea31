/* The first PIN of a key that an operator produces (R170-R176): drawn by the service, sealed to the agent that sets it, told to the holder
 * once the key is made: in the postscript of another 0.01 yuan where the organisation was checked by a transfer, else by SMS to whoever was
 * checked, else to the handler. It is nowhere in clear, and gone from the store when it was told. */
#ifndef TOOLS_ORDERD_ENGINE_FIRST_PIN_H
#define TOOLS_ORDERD_ENGINE_FIRST_PIN_H

#include "tools/orderd/engine/task.h"

/* Outbox topic; payload {order}: tell the holder. */
#define TOPIC_FIRST_PIN "pin.tell"

/* For the key of a claimed task: the PIN, encrypted (DER SM2Cipher) to `recipient`, an SM2 key (DER SubjectPublicKeyInfo) that the agent has
 * made for this. Asked again: the same PIN, encrypted anew. *out is {sealedPin, mustChange}. ORDER_NOT_OFFERED where keys are not produced,
 * ORDER_CSR_INVALID when the recipient is no SM2 key. */
enum order_error first_pin_give(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *task,
                                const struct octets *recipient, json_t **out);

/* The key is made: its holder will be told, if it has a PIN of ours. In the caller's transaction. */
enum order_error first_pin_set(const struct engine *engine, struct db *db, const struct task *task,
                               const struct order *order);

/* Tell the holder, then forget it. Repeatable; `id` is the outbox item's. */
enum order_error first_pin_tell(const struct engine *engine, struct db *db, const char *id,
                                const char *order);

/* Forget it: the order ends without a key. In the caller's transaction. */
enum order_error first_pin_forget(struct db *db, const char *order);

/* R174: how it comes, never what it is: {way: TRANSFER, SMS or MAIL; state: WAITING or TOLD}. *out NULL when there is none. */
enum order_error first_pin_view(const struct engine *engine, struct db *db,
                                const struct order *order, json_t **out);

#endif
