/* Connections to one database, handed out one a thread: a request takes one and gives it back. */
#ifndef TOOLS_ORDERD_STORE_POOL_H
#define TOOLS_ORDERD_STORE_POOL_H

#include "tools/orderd/store/db.h"

struct db_pool;

/* A pool over the database `path` (as in db_open; copied). Returns NULL when memory is short. */
struct db_pool *db_pool_new(const char *path);

/* Close all idle connections and free the pool; every connection must have been given back. NULL is allowed. */
void db_pool_free(struct db_pool *pool);

/* Take a connection: an idle one or a new one. NULL when the database cannot be opened. */
struct db *db_pool_take(struct db_pool *pool);

/* Give a connection back; an open transaction is rolled back. NULL is allowed. */
void db_pool_give(struct db_pool *pool, struct db *db);

#endif
