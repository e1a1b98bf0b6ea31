/* The code that lets its holder download to a key that came blank (R181, R182, R263): mailed to the handler when the order is ready,
 * good for 30 days and until the download is confirmed; a new one makes the earlier void. */
#ifndef TOOLS_ORDERD_ENGINE_DOWNLOAD_H
#define TOOLS_ORDERD_ENGINE_DOWNLOAD_H

#include "tools/orderd/engine/caller.h"

/* Mail the first code; in the caller's transaction. Nothing is sent when the order has no address. */
enum order_error download_send(const struct engine *engine, struct db *db,
                               const struct order *order);

/* Mail another one, asked for from `address`. Transactions of its own. `email` (64 bytes) receives where it went to, masked.
 * ORDER_WRONG_STATE when nothing is to be downloaded. */
enum order_error download_send_again(const struct engine *engine, struct db *db,
                                     const struct caller *caller, const char *number,
                                     const char *address, char email[64], int64_t *expires_ms,
                                     json_t *extra);

/* Outside any transaction: a wrong code counts. ORDER_CODE_WRONG. */
enum order_error download_check(const struct engine *engine, struct db *db,
                                const struct order *order, const char *code);

#endif
