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

struct db {
    sqlite3 *handle;
    char message[256];
};

struct db_rows {
    struct db *db;
    sqlite3_stmt *statement;
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

enum db_result db_open(const char *path, struct db **out) {
    *out = NULL;
    /* The file is made here, so that it is never readable by others, not even for a moment. Never open one that is there: closing it
     * would drop the POSIX locks of this process's other connections. */
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    } else if (errno != EEXIST) {
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
    return db_script(db, "BEGIN IMMEDIATE");
}

enum db_result db_commit(struct db *db) {
    return db_script(db, "COMMIT");
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

static int prepare(struct db *db, sqlite3_stmt **statement, const char *sql, const char *types,
                   va_list *values) {
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, statement, NULL);
    for (int i = 0; rc == SQLITE_OK && types[i] != '\0'; i++) {
        rc = bind_one(*statement, i + 1, types[i], values);
    }
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(*statement) != (int)strlen(types)) {
        rc = SQLITE_RANGE;
    }
    return rc;
}

enum db_result db_run(struct db *db, int64_t *changes, const char *sql, const char *types, ...) {
    if (changes != NULL) {
        *changes = 0;
    }
    sqlite3_stmt *statement = NULL;
    va_list values;
    va_start(values, types);
    int rc = prepare(db, &statement, sql, types, &values);
    va_end(values);
    if (rc == SQLITE_OK) {
        do {
            rc = sqlite3_step(statement);
        } while (rc == SQLITE_ROW);
    }
    enum db_result result = result_of(db, rc);
    if (result == DB_DONE) {
        result = DB_OK;
        if (changes != NULL) {
            *changes = sqlite3_changes64(db->handle);
        }
    }
    sqlite3_finalize(statement);
    return result;
}

enum db_result db_query(struct db *db, struct db_rows **rows, const char *sql, const char *types,
                        ...) {
    *rows = NULL;
    sqlite3_stmt *statement = NULL;
    va_list values;
    va_start(values, types);
    int rc = prepare(db, &statement, sql, types, &values);
    va_end(values);
    enum db_result result = result_of(db, rc);
    if (result == DB_OK) {
        *rows = calloc(1, sizeof **rows);
        if (*rows == NULL) {
            result = DB_FAILED;
        }
    }
    if (result != DB_OK) {
        sqlite3_finalize(statement);
        return result;
    }
    (*rows)->db = db;
    (*rows)->statement = statement;
    return DB_OK;
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
    sqlite3_finalize(rows->statement);
    free(rows);
}
