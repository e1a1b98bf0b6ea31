/* The task that an agent carries out on the key (order-domain.md 5, T18-T21, T27): claimed with a lease, every step repeatable, the old
 * certificate VALID until the new one has signed. */
#ifndef TOOLS_ORDERD_ENGINE_TASK_H
#define TOOLS_ORDERD_ENGINE_TASK_H

#include "tools/orderd/engine/caller.h"

#include "module/formats/octets.h"

enum task_limit { TASK_LEASE_SECONDS = 600 };

struct task {
    char id[ID_SIZE];
    char order[ID_SIZE];
    char token[65];
    char certificate[ID_SIZE];
    char state[8]; /* OPEN, LEASED, DONE, FAILED */
    char nonce[SECRET_SIZE];
    int64_t lease_until_ms;
};

/* The caller's task of this id. ORDER_NOT_FOUND also for others' tasks. */
enum order_error task_load(struct db *db, const struct caller *caller, const char *id,
                           struct task *task, struct order *order);

/* T18: claim the task of a paid order with the key in hand. Claiming again renews the lease and gives the same task and nonce.
 * *out is {task: JWS, lease: seconds}. ORDER_WRONG_TOKEN: another key or certificate than the order's. */
enum order_error task_claim(const struct engine *engine, struct db *db, const struct caller *caller,
                            const char *number, const char *serial, const char *sha256,
                            json_t **out);

/* T19: the new certificate (SHA-256 hex) is on the key and has signed `proof` (DER SM2Signature over PROOF_PREFIX and the nonce that came
 * with it): it becomes VALID, the old one SUPERSEDED, the order goes on, all at once. *out is {state}. Repeatable. */
enum order_error task_confirm(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *id, const char *sha256,
                              const struct octets *proof, json_t **out);

/* The agent gives up: for now (T20, the lease ends) or for good (T21, what was issued is revoked). `code` is the agent's reason,
 * UPPER_SNAKE. *out is {state}. */
enum order_error task_fail(const struct engine *engine, struct db *db, const struct caller *caller,
                           const char *id, const char *code, bool permanent, json_t **out);

/* T20 for every lease that is over. */
enum order_error task_sweep(const struct engine *engine, struct db *db, int *count);

/* T27, by an operator: a failed task may be claimed again. */
enum order_error task_retry(const struct engine *engine, struct db *db, const char *number);

#endif
