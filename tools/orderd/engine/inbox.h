/* Messages in the portal (R015, R272): what an account was told, and what of it has been read. */
#ifndef TOOLS_ORDERD_ENGINE_INBOX_H
#define TOOLS_ORDERD_ENGINE_INBOX_H

#include "tools/orderd/engine/caller.h"

#include <jansson.h>

/* One page, the newest first: {messages: [{id, topic, order, text, read, created}], unread, next?}. */
enum order_error inbox_list(const struct engine *engine, struct db *db, const struct caller *caller,
                            bool unread_only, const char *cursor, json_t **out);

/* One message (`id`) or all of them (NULL) have been read: {unread}. Again is harmless. */
enum order_error inbox_read(struct db *db, const struct caller *caller, const char *id,
                            json_t **out);

#endif
