/* Numbered, checksummed migrations: the embedded store/migrations/NNNN_name.sql files, each applied once, in order. */
#ifndef TOOLS_ORDERD_STORE_MIGRATE_H
#define TOOLS_ORDERD_STORE_MIGRATE_H

#include "agent/http/asset.h"
#include "tools/orderd/store/db.h"

enum migrate_result {
    MIGRATE_OK = 0,
    MIGRATE_CHANGED, /* an applied migration's text is not the one that this program carries */
    MIGRATE_AHEAD,   /* the database knows a migration that this program does not */
    MIGRATE_FAILED,  /* a statement failed; the whole migration was rolled back */
};

/* The migrations this program carries, ordered by number, ended by a NULL path. */
extern const struct http_asset orderd_sql_assets[];

/* Bring `db` up to date with `migrations` (ordered by path, as the build names them). Each migration is one transaction and
 * leaves a row with its SHA-256 in schema_migrations; a text changed after it was applied stops the program.
 * `applied` (may be NULL) receives how many were applied now. */
enum migrate_result migrate_run(struct db *db, const struct http_asset *migrations, int64_t now_ms,
                                int *applied);

#endif
