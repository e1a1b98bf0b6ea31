/* Businesses that change nothing on a key: freeze, unfreeze, revoke, unbind (R220-R225, T26). The order's APPLY_CA gate puts the change
 * into the outbox; it is made once, in one transaction with the order's completion. */
#ifndef TOOLS_ORDERD_ENGINE_STANDING_H
#define TOOLS_ORDERD_ENGINE_STANDING_H

#include "tools/orderd/engine/order.h"

/* Do what the order asks for. Harmless when it has been done. An order whose certificate has meanwhile become another state is REJECTED. */
enum order_error standing_apply(const struct engine *engine, struct db *db, const char *order);

/* A certificate and its pair go from one state to another, with what hangs on them: the seal of a revoked one is revoked too, the key of
 * a held one is suspended. `reason` is RFC 5280's. In the caller's transaction; ORDER_CONFLICT when it is not in `from`. */
enum order_error standing_move(const struct engine *engine, struct db *db, const char *certificate,
                               const char *from, const char *to, int reason);

#endif
