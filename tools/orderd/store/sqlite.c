/* db.h over SQLite: the embedded default. Only this file knows sqlite3. */
#include "tools/orderd/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
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

struct db {
    sqlite3 *handle;
    struct kept kept[KEPT];
    char message[256];
};

struct db_rows {
    struct db *db;
    sqlite3_stmt *statement;
    struct kept *place; /* NULL: not kept */
};

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
    snprintf(db->message, sizeof db->message, "%s", sqlite3_errmsg(db->handle));
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

enum db_result db_open(const char *path, struct db **out) {
    *out = NULL;
    /* The file is made here, so that it is never readable by others, not even for a moment. Never open one that is there: closing it
     * would drop the POSIX locks of this process's other connections. */
    int fd = is_memory(path) ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    } else if (!is_memory(path) && errno != EEXIST) {
        return DB_FAILED;
    }
    struct db *db = calloc(1, sizeof *db);
    if (db == NULL) {
        return DB_FAILED;
    }
    int rc =
        sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
    if (rc == SQLITE_OK) {
        rc = set_up(db->handle);
    }
    enum db_result result = rc == SQLITE_OK ? DB_OK : result_of(db, rc);
    if (result != DB_OK) {
        db_close(db);
        return result;
    }
    *out = db;
    return DB_OK;
}

void db_close(struct db *db) {
    if (db == NULL) {
        return;
    }
    db_rollback(db);
    for (size_t i = 0; i < KEPT; i++) {
        sqlite3_finalize(db->kept[i].statement);
    }
    sqlite3_close(db->handle);
    free(db);
}

const char *db_message(const struct db *db) {
    return db->message;
}

enum db_result db_script(struct db *db, const char *sql) {
    return result_of(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

enum db_result db_begin(struct db *db) {
    return db_run(db, NULL, "BEGIN IMMEDIATE", "");
}

enum db_result db_commit(struct db *db) {
    return db_run(db, NULL, "COMMIT", "");
}

void db_rollback(struct db *db) {
    if (db->handle != NULL && sqlite3_get_autocommit(db->handle) == 0) {
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
}

/* SQLite numbers $-parameters by first appearance, PostgreSQL by their digits: bind by name, so that both agree. */
static int bind_one(sqlite3_stmt *statement, int number, char type, va_list *values) {
    char name[16];
    snprintf(name, sizeof name, "$%d", number);
    int index = sqlite3_bind_parameter_index(statement, name);
    if (type == 'i') {
        int64_t value = va_arg(*values, int64_t);
        return index == 0 ? SQLITE_RANGE : sqlite3_bind_int64(statement, index, value);
    }
    if (type == 't') {
        const char *value = va_arg(*values, const char *);
        return index == 0 ? SQLITE_RANGE
                          : sqlite3_bind_text(statement, index, value, -1, SQLITE_TRANSIENT);
    }
    if (type == 'b') {
        const void *value = va_arg(*values, const void *);
        size_t len = va_arg(*values, size_t);
        if (index == 0 || len > INT_MAX) {
            return SQLITE_RANGE;
        }
        if (value != NULL && len == 0) {
            return sqlite3_bind_zeroblob(statement, index, 0);
        }
        return sqlite3_bind_blob(statement, index, value, (int)len, SQLITE_TRANSIENT);
    }
    return SQLITE_MISUSE;
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
static int take(struct db *db, struct db_rows *rows, const char *sql) {
    struct kept *place = &db->kept[place_of(sql)];
    rows->db = db;
    if (place->statement != NULL && !place->in_use &&
        strcmp(sqlite3_sql(place->statement), sql) == 0) {
        rows->statement = place->statement;
        rows->place = place;
        place->in_use = true;
        return SQLITE_OK;
    }
    int rc =
        sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &rows->statement, NULL);
    if (rc == SQLITE_OK && !place->in_use) {
        sqlite3_finalize(place->statement);
        *place = (struct kept){rows->statement, true};
        rows->place = place;
    }
    return rc;
}

/* What was bound may be a secret: it does not stay. */
static void give_back(struct db_rows *rows) {
    if (rows->place == NULL) {
        sqlite3_finalize(rows->statement);
    } else {
        sqlite3_reset(rows->statement);
        sqlite3_clear_bindings(rows->statement);
        rows->place->in_use = false;
    }
}

static int prepare(struct db *db, struct db_rows *rows, const char *sql, const char *types,
                   va_list *values) {
    int rc = take(db, rows, sql);
    for (int i = 0; rc == SQLITE_OK && types[i] != '\0'; i++) {
        rc = bind_one(rows->statement, i + 1, types[i], values);
    }
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(rows->statement) != (int)strlen(types)) {
        rc = SQLITE_RANGE;
    }
    return rc;
}

enum db_result db_run(struct db *db, int64_t *changes, const char *sql, const char *types, ...) {
    if (changes != NULL) {
        *changes = 0;
    }
    struct db_rows rows = {.place = NULL};
    va_list values;
    va_start(values, types);
    int rc = prepare(db, &rows, sql, types, &values);
    va_end(values);
    if (rc == SQLITE_OK) {
        do {
            rc = sqlite3_step(rows.statement);
        } while (rc == SQLITE_ROW);
    }
    enum db_result result = result_of(db, rc);
    if (result == DB_DONE) {
        result = DB_OK;
        if (changes != NULL) {
            *changes = sqlite3_changes64(db->handle);
        }
    }
    give_back(&rows);
    return result;
}

enum db_result db_query(struct db *db, struct db_rows **rows, const char *sql, const char *types,
                        ...) {
    *rows = calloc(1, sizeof **rows);
    if (*rows == NULL) {
        return DB_FAILED;
    }
    va_list values;
    va_start(values, types);
    int rc = prepare(db, *rows, sql, types, &values);
    va_end(values);
    enum db_result result = result_of(db, rc);
    if (result != DB_OK) {
        db_end(*rows);
        *rows = NULL;
    }
    return result;
}

enum db_result db_next(struct db_rows *rows) {
    return result_of(rows->db, sqlite3_step(rows->statement));
}

const char *db_text(struct db_rows *rows, int column) {
    const unsigned char *text = sqlite3_column_text(rows->statement, column);
    return text == NULL ? "" : (const char *)text;
}

int64_t db_int(struct db_rows *rows, int column) {
    return sqlite3_column_int64(rows->statement, column);
}

const uint8_t *db_bytes(struct db_rows *rows, int column, size_t *len) {
    const uint8_t *bytes = sqlite3_column_blob(rows->statement, column);
    *len = (size_t)sqlite3_column_bytes(rows->statement, column);
    return bytes;
}

bool db_is_null(struct db_rows *rows, int column) {
    return sqlite3_column_type(rows->statement, column) == SQLITE_NULL;
}

void db_end(struct db_rows *rows) {
    if (rows == NULL) {
        return;
    }
    give_back(rows);
    free(rows);
}
