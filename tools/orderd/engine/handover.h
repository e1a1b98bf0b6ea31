/* People whom a registration platform hands over (R008, R012): logged in without a password of ours, with what the platform says of them and
 * their subject. That stands in the forms of their orders and is not edited here: it is put right upstream, and the request begun
 * anew. */
#ifndef TOOLS_ORDERD_ENGINE_HANDOVER_H
#define TOOLS_ORDERD_ENGINE_HANDOVER_H

#include "tools/orderd/engine/account.h"

enum handover_limit {
    HANDOVER_SECONDS = 300, /* the longest life of a token */
    HANDOVER_SKEW = 60,     /* by how much the platform's clock may be ahead */
    HANDOVERS_HOUR = 60     /* refused ones from one address in an hour */
};

/* Log in with a token, from `address`. It counts once, for this service only and while it lives: else ORDER_HANDOVER_REFUSED, which does
 * not say why. The account is that of the platform's user; a new one is made, or linked by the phone where the platform has verified
 * it; ORDER_ACCOUNT_EXISTS when it has not. ORDER_NAME_MISMATCH when the subject's credential is registered under another name. */
enum order_error handover_login(const struct engine *engine, struct db *db, const char *token,
                                const char *address, struct account_login *out, json_t *extra);

/* The account that is logged in is this platform's user from now on. */
enum order_error handover_link(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *token, const char *address,
                               json_t *extra);

/* A new order of this account: what came from upstream is filled in and locked. In the caller's transaction. */
enum order_error handover_fill(const struct engine *engine, struct db *db,
                               const struct caller *caller, enum subject_type type,
                               struct order *order);

/* Forget used tokens that have ended. */
enum order_error handover_sweep(struct db *db, int64_t now_ms);

#endif
