/* What db.c asks of a database: one table of functions for each kind. Only the files of store/ know of it.
 *
 * All of them are as their counterparts in db.h; values are read from the variable arguments, outputs are never NULL. */
#ifndef TOOLS_ORDERD_STORE_DRIVER_H
#define TOOLS_ORDERD_STORE_DRIVER_H

#include "tools/orderd/store/db.h"

/* One parameter. `type`: as in db_run. bytes NULL is SQL NULL; a text ends with NUL, its len is 0. */
struct db_value {
    char type;
    int64_t integer;
    const void *bytes;
    size_t len;
};

struct db_driver {
    void (*close)(struct db *db); /* no transaction is open */
    enum db_result (*begin)(struct db *db);
    enum db_result (*commit)(struct db *db);
    void (*rollback)(struct db *db);
    enum db_result (*run)(struct db *db, int64_t *changes, const char *sql,
                          const struct db_value *values, int count);
    enum db_result (*script)(struct db *db, const char *sql);
    enum db_result (*query)(struct db *db, struct db_rows **rows, const char *sql,
                            const struct db_value *values, int count);
    enum db_result (*next)(struct db_rows *rows);
    const char *(*text)(struct db_rows *rows, int column); /* NULL for NULL */
    int64_t (*integer)(struct db_rows *rows, int column);
    const uint8_t *(*bytes)(struct db_rows *rows, int column, size_t *len);
    bool (*is_null)(struct db_rows *rows, int column);
    void (*end)(struct db_rows *rows);
};

/* The beginning of every driver's connection and result. */
struct db {
    const struct db_driver *driver;
    char message[256];
};
struct db_rows {
    struct db *db;
};

extern const struct db_driver sqlite_driver;
extern const struct db_driver postgres_driver;

/* db_open for a file, and for a postgresql:// URL. *out is NULL before. */
enum db_result sqlite_open(const char *path, struct db **out);
enum db_result postgres_open(const char *url, struct db **out);

#endif
