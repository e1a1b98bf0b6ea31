/* The code that lets its holder carry a task out: the download to a key that came blank (R181, R182, R263), mailed to the handler when
 * the order is ready, good for 30 days; the unlock of a PIN (R196), by SMS, good for a day. Until the task is confirmed; a new one makes
 * the earlier void. */
#ifndef TOOLS_ORDERD_ENGINE_DOWNLOAD_H
#define TOOLS_ORDERD_ENGINE_DOWNLOAD_H

#include "tools/orderd/engine/caller.h"

/* Is the order's task claimed with such a code? */
bool download_wants_code(const struct engine *engine, const struct order *order);

/* Send the first code; in the caller's transaction. Nothing is sent when the order has no address. */
enum order_error download_send(const struct engine *engine, struct db *db,
                               const struct order *order);

/* Send another one, asked for from `address`. Transactions of its own. `to` (64 bytes) receives where it went to, masked.
 * ORDER_WRONG_STATE when nothing is to be downloaded. */
enum order_error download_send_again(const struct engine *engine, struct db *db,
                                     const struct caller *caller, const char *number,
                                     const char *address, char to[64], int64_t *expires_ms,
                                     json_t *extra);

/* What the code allowed is done. In the caller's transaction. */
enum order_error download_use_up(struct db *db, const struct order *order);

/* Outside any transaction: a wrong code counts. ORDER_CODE_WRONG. */
enum order_error download_check(const struct engine *engine, struct db *db,
                                const struct order *order, const char *code);

#endif
