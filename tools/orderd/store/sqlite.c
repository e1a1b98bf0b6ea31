/* db.h over SQLite: the embedded default. Only this file knows sqlite3. */
#include "tools/orderd/store/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Statements are kept prepared: the service says the same few hundred texts again and again. One that is in use, or whose place is taken
 * by another text, is prepared for this once. */
enum { KEPT = 1024 };

struct kept {
    sqlite3_stmt *statement;
    bool in_use;
};

struct sqlite {
    struct db db; /* first: a struct db * is this */
    sqlite3 *handle;
    struct kept kept[KEPT];
};

struct sqlite_rows {
    struct db_rows rows; /* first, as above */
    sqlite3_stmt *statement;
    struct kept *place; /* NULL: not kept */
};

static struct sqlite *sqlite_of(struct db *db) {
    return (struct sqlite *)db;
}

static sqlite3_stmt *statement_of(struct db_rows *rows) {
    return ((struct sqlite_rows *)rows)->statement;
}

static enum db_result result_of(struct db *db, int rc) {
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
        return DB_OK;
    case SQLITE_DONE:
        return DB_DONE;
    default:
        break;
    }
    snprintf(db->message, sizeof db->message, "%s", sqlite3_errmsg(sqlite_of(db)->handle));
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return DB_CONSTRAINT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return DB_BUSY;
    default:
        return DB_FAILED;
    }
}

/* WAL needs only be set once a file, but another connection may be doing just that: ask again for a while. */
static int set_up(sqlite3 *handle) {
    sqlite3_busy_timeout(handle, 10000);
    int rc = SQLITE_OK;
    for (int attempt = 0; attempt < 50; attempt++) {
        rc = sqlite3_exec(handle, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if (rc != SQLITE_BUSY) {
            break;
        }
        sqlite3_sleep(20);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(handle, "PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL", NULL, NULL,
                          NULL);
    }
    return rc;
}

static bool is_memory(const char *path) {
    return strcmp(path, ":memory:") == 0;
}

enum db_result sqlite_open(const char *path, struct db **out) {
    /* The file is made here, so that it is never readable by others, not even for a moment. Never open one that is there: closing it
     * would drop the POSIX locks of this process's other connections. */
    int fd = is_memory(path) ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    } else if (!is_memory(path) && errno != EEXIST) {
        return DB_FAILED;
    }
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (sqlite == NULL) {
        return DB_FAILED;
    }
    sqlite->db.driver = &sqlite_driver;
    int rc =
        sqlite3_open_v2(path, &sqlite->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
    if (rc == SQLITE_OK) {
        rc = set_up(sqlite->handle);
    }
    enum db_result result = rc == SQLITE_OK ? DB_OK : result_of(&sqlite->db, rc);
    if (result != DB_OK) {
        db_close(&sqlite->db);
        return result;
    }
    *out = &sqlite->db;
    return DB_OK;
}

static void sqlite_close(struct db *db) {
    struct sqlite *sqlite = sqlite_of(db);
    for (size_t i = 0; i < KEPT; i++) {
        sqlite3_finalize(sqlite->kept[i].statement);
    }
    sqlite3_close(sqlite->handle);
    free(sqlite);
}

static enum db_result sqlite_script(struct db *db, const char *sql) {
    return result_of(db, sqlite3_exec(sqlite_of(db)->handle, sql, NULL, NULL, NULL));
}

static enum db_result sqlite_begin(struct db *db) {
    return db_run(db, NULL, "BEGIN IMMEDIATE", "");
}

static enum db_result sqlite_commit(struct db *db) {
    return db_run(db, NULL, "COMMIT", "");
}

static void sqlite_rollback(struct db *db) {
    sqlite3 *handle = sqlite_of(db)->handle;
    if (handle != NULL && sqlite3_get_autocommit(handle) == 0) {
        sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
    }
}

/* SQLite numbers $-parameters by first appearance, PostgreSQL by their digits: bind by name, so that both agree. */
static int bind_one(sqlite3_stmt *statement, int number, const struct db_value *value) {
    char name[16];
    snprintf(name, sizeof name, "$%d", number);
    int index = sqlite3_bind_parameter_index(statement, name);
    if (index == 0 || value->len > INT_MAX) {
        return SQLITE_RANGE;
    }
    if (value->type == 'i') {
        return sqlite3_bind_int64(statement, index, value->integer);
    }
    if (value->type == 't') {
        return sqlite3_bind_text(statement, index, value->bytes, -1, SQLITE_TRANSIENT);
    }
    if (value->bytes != NULL && value->len == 0) {
        return sqlite3_bind_zeroblob(statement, index, 0);
    }
    return sqlite3_bind_blob(statement, index, value->bytes, (int)value->len, SQLITE_TRANSIENT);
}

/* FNV-1a of the text. */
static size_t place_of(const char *sql) {
    uint32_t hash = 2166136261U;
    for (const unsigned char *at = (const unsigned char *)sql; *at != '\0'; at++) {
        hash = (hash ^ *at) * 16777619U;
    }
    return hash % KEPT;
}

/* A statement of this text, ready to be bound: the kept one, or a new one in its place, or one for this once. */
static int take(struct sqlite *sqlite, struct sqlite_rows *rows, const char *sql) {
    struct kept *place = &sqlite->kept[place_of(sql)];
    if (place->statement != NULL && !place->in_use &&
        strcmp(sqlite3_sql(place->statement), sql) == 0) {
        rows->statement = place->statement;
        rows->place = place;
        place->in_use = true;
        return SQLITE_OK;
    }
    int rc = sqlite3_prepare_v3(sqlite->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                &rows->statement, NULL);
    if (rc == SQLITE_OK && !place->in_use) {
        sqlite3_finalize(place->statement);
        *place = (struct kept){rows->statement, true};
        rows->place = place;
    }
    return rc;
}

/* What was bound may be a secret: it does not stay. */
static void give_back(struct sqlite_rows *rows) {
    if (rows->place == NULL) {
        sqlite3_finalize(rows->statement);
    } else {
        sqlite3_reset(rows->statement);
        sqlite3_clear_bindings(rows->statement);
        rows->place->in_use = false;
    }
}

static int prepare(struct db *db, struct sqlite_rows *rows, const char *sql,
                   const struct db_value *values, int count) {
    rows->rows.db = db;
    int rc = take(sqlite_of(db), rows, sql);
    for (int i = 0; rc == SQLITE_OK && i < count; i++) {
        rc = bind_one(rows->statement, i + 1, &values[i]);
    }
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(rows->statement) != count) {
        rc = SQLITE_RANGE;
    }
    return rc;
}

static enum db_result sqlite_run(struct db *db, int64_t *changes, const char *sql,
                                 const struct db_value *values, int count) {
    struct sqlite_rows rows = {.place = NULL};
    int rc = prepare(db, &rows, sql, values, count);
    if (rc == SQLITE_OK) {
        do {
            rc = sqlite3_step(rows.statement);
        } while (rc == SQLITE_ROW);
    }
    enum db_result result = result_of(db, rc);
    if (result == DB_DONE) {
        result = DB_OK;
        *changes = sqlite3_changes64(sqlite_of(db)->handle);
    }
    give_back(&rows);
    return result;
}

static enum db_result sqlite_query(struct db *db, struct db_rows **out, const char *sql,
                                   const struct db_value *values, int count) {
    struct sqlite_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL) {
        return DB_FAILED;
    }
    enum db_result result = result_of(db, prepare(db, rows, sql, values, count));
    if (result == DB_OK) {
        *out = &rows->rows;
    } else {
        db_end(&rows->rows);
    }
    return result;
}

static enum db_result sqlite_next(struct db_rows *rows) {
    return result_of(rows->db, sqlite3_step(statement_of(rows)));
}

static const char *sqlite_text(struct db_rows *rows, int column) {
    return (const char *)sqlite3_column_text(statement_of(rows), column);
}

static int64_t sqlite_int(struct db_rows *rows, int column) {
    return sqlite3_column_int64(statement_of(rows), column);
}

static const uint8_t *sqlite_bytes(struct db_rows *rows, int column, size_t *len) {
    const uint8_t *bytes = sqlite3_column_blob(statement_of(rows), column);
    *len = (size_t)sqlite3_column_bytes(statement_of(rows), column);
    return bytes;
}

static bool sqlite_is_null(struct db_rows *rows, int column) {
    return sqlite3_column_type(statement_of(rows), column) == SQLITE_NULL;
}

static void sqlite_end(struct db_rows *rows) {
    give_back((struct sqlite_rows *)rows);
    free(rows);
}

const struct db_driver sqlite_driver = {
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .run = sqlite_run,
    .script = sqlite_script,
    .query = sqlite_query,
    .next = sqlite_next,
    .text = sqlite_text,
    .integer = sqlite_int,
    .bytes = sqlite_bytes,
    .is_null = sqlite_is_null,
    .end = sqlite_end,
};
