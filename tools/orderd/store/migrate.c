/* Applies the embedded migrations and refuses a database whose history is not ours. */
#include "tools/orderd/store/migrate.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static bool checksum(const struct http_asset *migration, char out[65]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    size_t size = (size_t)(migration->end - migration->data);
    if (EVP_Digest(migration->data, size, digest, &len, EVP_sha256(), NULL) != 1) {
        return false;
    }
    for (unsigned int i = 0; i < 32; i++) {
        snprintf(out + (size_t)i * 2, 3, "%02x", digest[i]);
    }
    return true;
}

/* Look the migration up by name: *known says whether it was applied; MIGRATE_CHANGED if with another text. */
static enum migrate_result look_up(struct db *db, const char *name, const char *sum, bool *known) {
    struct db_rows *rows = NULL;
    enum migrate_result result = MIGRATE_FAILED;
    *known = false;
    if (db_query(db, &rows, "SELECT checksum FROM schema_migrations WHERE name = $1", "t", name) !=
        DB_OK) {
        return MIGRATE_FAILED;
    }
    switch (db_next(rows)) {
    case DB_OK:
        *known = true;
        result = strcmp(db_text(rows, 0), sum) == 0 ? MIGRATE_OK : MIGRATE_CHANGED;
        break;
    case DB_DONE:
        result = MIGRATE_OK;
        break;
    default:
        break;
    }
    db_end(rows);
    return result;
}

static enum migrate_result apply(struct db *db, const struct http_asset *migration,
                                 const char *name, const char *sum, int64_t now_ms) {
    if (db_script(db, (const char *)migration->data) != DB_OK ||
        db_run(db, NULL,
               "INSERT INTO schema_migrations (name, checksum, applied) VALUES ($1, $2, $3)", "tti",
               name, sum, now_ms) != DB_OK) {
        return MIGRATE_FAILED;
    }
    return MIGRATE_OK;
}

static enum migrate_result count_applied(struct db *db, int64_t *count) {
    struct db_rows *rows = NULL;
    if (db_query(db, &rows, "SELECT COUNT(*) FROM schema_migrations", "") != DB_OK) {
        return MIGRATE_FAILED;
    }
    enum db_result next = db_next(rows);
    *count = next == DB_OK ? db_int(rows, 0) : 0;
    db_end(rows);
    return next == DB_OK ? MIGRATE_OK : MIGRATE_FAILED;
}

enum migrate_result migrate_run(struct db *db, const struct http_asset *migrations, int64_t now_ms,
                                int *applied) {
    int done = 0;
    int64_t carried = 0;
    int64_t recorded = 0;
    enum migrate_result result = MIGRATE_FAILED;
    if (db_script(db, "CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, "
                      "checksum TEXT NOT NULL, applied BIGINT NOT NULL)") != DB_OK) {
        return MIGRATE_FAILED;
    }
    for (const struct http_asset *m = migrations; m->path != NULL; m++) {
        const char *name = m->path + (m->path[0] == '/');
        char sum[65];
        bool known = false;
        /* the look-up is inside the transaction: two programs that start together apply a migration once */
        if (!checksum(m, sum) || db_begin(db) != DB_OK) {
            return MIGRATE_FAILED;
        }
        result = look_up(db, name, sum, &known);
        if (result == MIGRATE_OK && !known) {
            result = apply(db, m, name, sum, now_ms);
            done++;
        }
        if (result != MIGRATE_OK || db_commit(db) != DB_OK) {
            db_rollback(db);
            return result == MIGRATE_OK ? MIGRATE_FAILED : result;
        }
        carried++;
    }
    result = count_applied(db, &recorded);
    if (result == MIGRATE_OK && recorded > carried) {
        result = MIGRATE_AHEAD;
    }
    if (applied != NULL) {
        *applied = done;
    }
    return result;
}
