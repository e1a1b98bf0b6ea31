/* The task that an agent carries out on the key (order-domain.md 5, T18-T21, T27): claimed with a lease, every step repeatable, the old
 * certificate VALID until the new one has signed. */
#ifndef TOOLS_ORDERD_ENGINE_TASK_H
#define TOOLS_ORDERD_ENGINE_TASK_H

#include "tools/orderd/engine/caller.h"
#include "tools/orderd/engine/issue_plan.h"
#include "tools/orderd/engine/transition.h"

#include "module/formats/octets.h"

enum task_limit { TASK_LEASE_SECONDS = 600 };

struct task {
    char id[ID_SIZE];
    char order[ID_SIZE];
    char token[65];
    char certificate[ID_SIZE];
    char state[8]; /* OPEN, LEASED, DONE, FAILED */
    char nonce[SECRET_SIZE];
    int64_t tries; /* of an unlock: answers given */
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

/* Where the task stands: {task, order, kind, state, lease (seconds left), steps: step_list}. For who carries it out, and whose order it
 * is. */
enum order_error task_look(const struct engine *engine, struct db *db, const struct caller *caller,
                           const char *id, json_t **out);

/* A step is done on the key (step.h); the lease lives on. *out as task_look. */
enum order_error task_step(const struct engine *engine, struct db *db, const struct caller *caller,
                           const char *id, const char *step, json_t **out);

/* T19: the new certificate (SHA-256 hex) is on the key and has signed `proof` (DER SM2Signature over PROOF_PREFIX and the nonce that came
 * with it): it becomes VALID, the old one goes (issue_plan.h), the order goes on, all at once. Of an unlock: unlock.h. *out is {state}.
 * Repeatable. */
enum order_error task_confirm(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *id, const char *sha256,
                              const struct octets *proof, json_t **out);

/* The agent gives up: for now (T20, the lease ends) or for good (T21, what was issued is revoked). `code` is the agent's reason,
 * UPPER_SNAKE. *out is {state}. */
enum order_error task_fail(const struct engine *engine, struct db *db, const struct caller *caller,
                           const char *id, const char *code, bool permanent, json_t **out);

/* T20 for every lease that is over. */
enum order_error task_sweep(const struct engine *engine, struct db *db, int *count);

/* T27, by an operator: a failed task may be claimed again. `caller` NULL: from the command line, at whatever version. */
enum order_error task_retry(const struct engine *engine, struct db *db, const struct caller *caller,
                            const char *number, int64_t version, struct order *out);

/* ---- what the businesses on a key share; all in the caller's transaction ---- */

/* The lease must live; an agent that still works renews it by this. ORDER_TASK_NOT_LEASED. */
enum order_error task_extend(const struct engine *engine, struct db *db, const struct task *task);

/* Has the key of this certificate (internal id) signed PROOF_PREFIX and the nonce? ORDER_PROOF_INVALID. */
enum order_error task_check_proof(struct db *db, const char *certificate, const char *nonce,
                                  const struct octets *proof);

/* T21: nothing of what was made may ever be used. `code` is the reason. */
enum order_error task_fail_for_good(const struct engine *engine, struct db *db,
                                    const struct task *task, struct order *order, const char *code);

/* The task is done: its codes are used up, the order is on its key and goes on by `transition`. */
enum order_error task_close(const struct engine *engine, struct db *db, const struct task *task,
                            struct order *order, enum transition transition, const char *evidence,
                            json_t *data);

/* The order ends without it (T22, T27): what was made for it must never work. Nothing to do when there is no task. ORDER_WRONG_STATE
 * when a key is in somebody's hands, or was made and works. */
enum order_error task_abandon(const struct engine *engine, struct db *db,
                              const struct order *order);

#endif
