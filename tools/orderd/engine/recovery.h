/* Key recovery (token.md, R157): an encryption key that the KMC keeps comes back to a key of its holder, once two have approved it. The
 * proof is that the key now opens what is encrypted to the old certificate. */
#ifndef TOOLS_ORDERD_ENGINE_RECOVERY_H
#define TOOLS_ORDERD_ENGINE_RECOVERY_H

#include "tools/orderd/engine/task.h"

/* Is there an escrowed key to give back to this holder? ORDER_NOTHING_TO_RECOVER. */
enum order_error recovery_may_order(struct db *db, const char *subject);

/* A reviewer approves: the first fixes which key it is (the form's recoverSerial; else the newest that is not in use on the order's own
 * key), each is told to the KMC. In the caller's transaction, as its last step but the transition: what the KMC has heard stays.
 * ORDER_NOTHING_TO_RECOVER. */
enum order_error recovery_approve(const struct engine *engine, struct db *db,
                                  const struct order *order, const char *approver);

/* The key in envelope. `recipient` (DER SubjectPublicKeyInfo, SM2; empty: the order's certificate's key) is a key made on the token for
 * this; `continuity` then the certificate's key's signature over CONTINUITY_PREFIX, the task's nonce, ":" and hex SHA-256 of it. The same
 * recipient again: the same answer. *out is {certificate, envelopedKey, challenge, nonce}. ORDER_RECOVERY_REFUSED: the KMC does not give
 * it out, or has given it to another recipient. */
enum order_error recovery_request(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const char *task,
                                  const struct octets *recipient, const struct octets *continuity,
                                  json_t **out);

/* The order's certificate's key has signed `proof` over RECOVERED_PREFIX, the nonce, ":" and the secret of the challenge. T19. In the
 * caller's transaction; repeatable. */
enum order_error recovery_confirm(const struct engine *engine, struct db *db,
                                  const struct task *task, struct order *order, const char *sha256,
                                  const struct octets *proof);

#endif
