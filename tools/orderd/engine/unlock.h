/* Unlocking a PIN from afar (token.md, R195-R198): the key makes a challenge, the service answers with a key that works once, and the
 * agent sets a new PIN with it. The service never learns the PIN and never gives the unlock key away. */
#ifndef TOOLS_ORDERD_ENGINE_UNLOCK_H
#define TOOLS_ORDERD_ENGINE_UNLOCK_H

#include "tools/orderd/engine/task.h"

enum unlock_limit {
    UNLOCK_ANSWER_SECONDS = 300,
    UNLOCK_ANSWERS_MAX = 5, /* until an operator lets it be tried again */
    UNLOCK_CHALLENGE_BYTES = 16,
    UNLOCK_ANSWER_BYTES = 32
};

/* What the task document says of it: {case, pin: CHOSEN or FIXED, mustChange}. NULL when there is no memory. */
json_t *unlock_terms(const struct engine *engine, const struct order *order);

/* Does the portal send a code for it? (S4 does, R196; S3 does not, R198.) */
bool unlock_wants_code(const struct engine *engine);

/* Can the unlock of this key be ordered? ORDER_UNLOCK_UNKNOWN when the service could not answer it. */
enum order_error unlock_may_order(struct db *db, const char *token);

/* Answer the challenge of the key in hand. The newest challenge again: the same answer, for its five minutes. *out is
 * {response: base64 of 32 bytes, nonce, expires}. ORDER_CHALLENGE_USED, ORDER_CHALLENGE_STALE, ORDER_WRONG_TOKEN,
 * ORDER_UNLOCK_UNKNOWN, ORDER_TASK_NOT_LEASED; ORDER_UNLOCK_TRIES, and the task has failed (T21). */
enum order_error unlock_answer(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *task, const char *serial,
                               const struct octets *challenge, json_t **out);

/* The PIN is set: the certificate's key has signed `proof` over PROOF_PREFIX and the newest answer's nonce. Where the PIN is fixed and
 * must be changed the key signs nothing yet, so there the agent's word is enough (proof empty) as long as the answer lives. T19. In the
 * caller's transaction; repeatable. */
enum order_error unlock_confirm(const struct engine *engine, struct db *db, const struct task *task,
                                struct order *order, const char *sha256,
                                const struct octets *proof);

#endif
