/* The task that an agent carries out on the key (order-domain.md 5, T18-T21, T27): claimed with a lease, every step repeatable, the old
 * certificate VALID until the new one has signed. */
#ifndef TOOLS_ORDERD_ENGINE_TASK_H
#define TOOLS_ORDERD_ENGINE_TASK_H

#include "tools/orderd/engine/caller.h"
#include "tools/orderd/engine/issue_plan.h"

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

/* What the agent shows when it claims; NULL: it has none. */
struct claim {
    const char *number; /* of the order */
    const char *serial; /* of the key in hand */
    const char *sha256; /* of the certificate on it that the order is about */
    const char *code;   /* the download authorisation code (download.h) */
};

/* The order, if the caller may carry its task out: the key that it is about, the applicant of one that is downloaded to a blank key, an
 * operator where keys are produced. ORDER_NOT_FOUND for others' orders, ORDER_FORBIDDEN in another way than the order's. */
enum order_error task_order(struct db *db, const struct caller *caller, const char *number,
                            struct order *out);

/* The caller's task of this id. ORDER_NOT_FOUND also for others' tasks. */
enum order_error task_load(struct db *db, const struct caller *caller, const char *id,
                           struct task *task, struct order *order);

/* T18, T13: claim the task of an order that is ready, with the key in hand. Claiming again renews the lease and gives the same task and
 * nonce. *out is {task: JWS, lease: seconds}. ORDER_WRONG_TOKEN: not the order's key or certificate; of a blank one, that it is somebody
 * else's, in use, or another than the one the task was claimed with and not given back. ORDER_CODE_WRONG: see download.h. */
enum order_error task_claim(const struct engine *engine, struct db *db, const struct caller *caller,
                            const struct claim *claim, json_t **out);

/* T19: the new certificate (SHA-256 hex) is on the key and has signed `proof` (DER SM2Signature over PROOF_PREFIX and the nonce that came
 * with it): it becomes VALID, the old one goes (issue_plan.h), the order goes on, all at once. *out is {state}. Repeatable. */
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
