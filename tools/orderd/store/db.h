/* The database behind the order service: the few calls the engine needs, over SQLite or PostgreSQL.
 * SQL text is written for both: parameters are $1, $2, ...; times are milliseconds in BIGINT; bytes are BYTEA. */
#ifndef TOOLS_ORDERD_STORE_DB_H
#define TOOLS_ORDERD_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;      /* one connection; used by one thread at a time */
struct db_rows; /* the open result of one query */

enum db_result {
    DB_OK = 0, /* done; for db_next: a row is there */
    DB_DONE,   /* no further row */
    DB_CONSTRAINT, /* a constraint refused the statement; an open transaction can then only be rolled back */
    DB_BUSY,   /* another writer held the database longer than the busy timeout */
    DB_FAILED, /* anything else; db_message says what */
};

/* Open the database file `path` (made if absent, mode 0600), with foreign keys, WAL and a busy timeout of 10 s.
 * ":memory:" is a database of this connection alone, gone with it. A path that begins with postgresql:// is a database (UTF8) of a
 * PostgreSQL server, 13 or later, as libpq understands it.
 * On DB_OK the caller owns *out and ends it with db_close. */
enum db_result db_open(const char *path, struct db **out);

/* Does this path name a database of a server? */
bool db_is_url(const char *path);

/* Close; NULL is allowed. An open transaction is rolled back. */
void db_close(struct db *db);

/* What went wrong last on this connection: for the log, never for a client. */
const char *db_message(const struct db *db);

/* Begin a transaction that will write: other writers wait from here on. */
enum db_result db_begin(struct db *db);
enum db_result db_commit(struct db *db);

/* Roll back. Harmless when no transaction is open, so that an `out:` path may always call it. */
void db_rollback(struct db *db);

/* Run one statement that gives no rows. `types` has one letter a parameter $1, $2, ... in order:
 *   t  const char *            text, NULL is SQL NULL
 *   i  int64_t                 integer
 *   b  const void *, size_t    bytes, NULL is SQL NULL
 * `changes` (may be NULL) receives the number of rows written. */
enum db_result db_run(struct db *db, int64_t *changes, const char *sql, const char *types, ...);

/* Run a script of several statements without parameters (a migration). */
enum db_result db_script(struct db *db, const char *sql);

/* Start a query. On DB_OK the caller owns *rows and ends it with db_end. Parameters as in db_run. */
enum db_result db_query(struct db *db, struct db_rows **rows, const char *sql, const char *types,
                        ...);

/* Step to the next row: DB_OK (a row is there), DB_DONE, or an error. */
enum db_result db_next(struct db_rows *rows);

/* Column values of the present row, columns counted from 0. Pointers live until the next db_next or db_end.
 * db_text gives "" for NULL. */
const char *db_text(struct db_rows *rows, int column);
int64_t db_int(struct db_rows *rows, int column);
const uint8_t *db_bytes(struct db_rows *rows, int column, size_t *len);
bool db_is_null(struct db_rows *rows, int column);

/* End a query; NULL is allowed. */
void db_end(struct db_rows *rows);

#endif
