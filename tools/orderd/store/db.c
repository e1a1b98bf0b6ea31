/* The calls of db.h, handed to the database's driver. */
#include "tools/orderd/store/driver.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { VALUES_MAX = 40 };

bool db_is_url(const char *path) {
    return strncmp(path, "postgresql://", 13) == 0;
}

enum db_result db_open(const char *path, struct db **out) {
    *out = NULL;
    return db_is_url(path) ? postgres_open(path, out) : sqlite_open(path, out);
}

void db_close(struct db *db) {
    if (db != NULL) {
        db_rollback(db);
        db->driver->close(db);
    }
}

const char *db_message(const struct db *db) {
    return db->message;
}

enum db_result db_begin(struct db *db) {
    return db->driver->begin(db);
}

enum db_result db_commit(struct db *db) {
    return db->driver->commit(db);
}

void db_rollback(struct db *db) {
    db->driver->rollback(db);
}

enum db_result db_script(struct db *db, const char *sql) {
    return db->driver->script(db, sql);
}

/* The parameters; how many, or -1 when `types` is not what db_run says. */
static int read_values(const char *types, va_list *list, struct db_value values[VALUES_MAX]) {
    size_t count = strlen(types);
    if (count > VALUES_MAX) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = (struct db_value){.type = types[i]};
        switch (types[i]) {
        case 'i':
            values[i].integer = va_arg(*list, int64_t);
            break;
        case 't':
            values[i].bytes = va_arg(*list, const char *);
            break;
        case 'b':
            values[i].bytes = va_arg(*list, const void *);
            values[i].len = va_arg(*list, size_t);
            break;
        default:
            return -1;
        }
    }
    return (int)count;
}

static enum db_result misused(struct db *db, const char *sql) {
    snprintf(db->message, sizeof db->message, "not so many or not such parameters: %s", sql);
    return DB_FAILED;
}

enum db_result db_run(struct db *db, int64_t *changes, const char *sql, const char *types, ...) {
    struct db_value values[VALUES_MAX];
    int64_t ignored = 0;
    int64_t *count_changes = changes != NULL ? changes : &ignored;
    va_list list;
    va_start(list, types);
    int count = read_values(types, &list, values);
    va_end(list);
    *count_changes = 0;
    return count < 0 ? misused(db, sql) : db->driver->run(db, count_changes, sql, values, count);
}

enum db_result db_query(struct db *db, struct db_rows **rows, const char *sql, const char *types,
                        ...) {
    struct db_value values[VALUES_MAX];
    va_list list;
    va_start(list, types);
    int count = read_values(types, &list, values);
    va_end(list);
    *rows = NULL;
    return count < 0 ? misused(db, sql) : db->driver->query(db, rows, sql, values, count);
}

enum db_result db_next(struct db_rows *rows) {
    return rows->db->driver->next(rows);
}

const char *db_text(struct db_rows *rows, int column) {
    const char *text = rows->db->driver->text(rows, column);
    return text != NULL ? text : "";
}

int64_t db_int(struct db_rows *rows, int column) {
    return rows->db->driver->integer(rows, column);
}

const uint8_t *db_bytes(struct db_rows *rows, int column, size_t *len) {
    return rows->db->driver->bytes(rows, column, len);
}

bool db_is_null(struct db_rows *rows, int column) {
    return rows->db->driver->is_null(rows, column);
}

void db_end(struct db_rows *rows) {
    if (rows != NULL) {
        rows->db->driver->end(rows);
    }
}
