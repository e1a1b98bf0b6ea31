/* db.h over PostgreSQL. Only this file knows libpq.
 *
 * Writers wait for each other as they do with SQLite: whoever writes holds one advisory lock of the database until the end of its
 * transaction; a statement that writes and stands alone gets a transaction of its own. So what a transaction has read stays true until
 * it commits, and the engine needs to know of no isolation level. Readers wait for nobody. */
#include "tools/orderd/store/driver.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Types of PostgreSQL, by their numbers in pg_type, which never change. */
enum { TYPE_BYTEA = 17, TYPE_INT8 = 20, TYPE_TEXT = 25 };
enum { VALUES_MAX = 40, INTEGER_SIZE = 24 };

/* 10 s: as long as SQLite's busy timeout. */
static const char set_up_sql[] = "SET lock_timeout = '10s'; SET client_min_messages = warning; "
                                 "SET default_transaction_isolation = 'read committed'; "
                                 "SET standard_conforming_strings = on; SET bytea_output = hex";
/* The number is "orderd" in ASCII. */
static const char begin_sql[] = "BEGIN; SELECT pg_advisory_xact_lock(122537101324900)";

struct postgres {
    struct db db; /* first: a struct db * is this */
    PGconn *connection;
    bool in_transaction;
};

struct postgres_rows {
    struct db_rows rows; /* first, as above */
    PGresult *result;
    int row; /* -1: before the first */
    int columns;
    unsigned char *bytes[]; /* of this row, by column, once asked for */
};

static struct postgres *postgres_of(struct db *db) {
    return (struct postgres *)db;
}

static struct postgres_rows *rows_of(struct db_rows *rows) {
    return (struct postgres_rows *)rows;
}

static void note_message(struct db *db, const char *message) {
    snprintf(db->message, sizeof db->message, "%.*s", (int)strcspn(message, "\n"), message);
}

static bool is_good(const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* `result` may be NULL, which libpq gives when memory is out or the connection is lost. */
static enum db_result result_of(struct db *db, const PGresult *result) {
    if (is_good(result)) {
        return DB_OK;
    }
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    note_message(db, message != NULL ? message : PQerrorMessage(postgres_of(db)->connection));
    if (state == NULL) {
        return DB_FAILED;
    }
    if (strncmp(state, "23", 2) == 0) {
        return DB_CONSTRAINT;
    }
    /* lock_not_available, deadlock_detected, serialization_failure */
    if (strcmp(state, "55P03") == 0 || strcmp(state, "40P01") == 0 || strcmp(state, "40001") == 0) {
        return DB_BUSY;
    }
    return DB_FAILED;
}

static bool set_up(PGconn *connection) {
    const char *encoding = PQparameterStatus(connection, "server_encoding");
    if (PQstatus(connection) != CONNECTION_OK || encoding == NULL ||
        strcmp(encoding, "UTF8") != 0 || PQsetClientEncoding(connection, "UTF8") != 0) {
        return false;
    }
    PGresult *result = PQexec(connection, set_up_sql);
    bool good = is_good(result);
    PQclear(result);
    return good;
}

enum db_result postgres_open(const char *url, struct db **out) {
    struct postgres *postgres = calloc(1, sizeof *postgres);
    if (postgres == NULL) {
        return DB_FAILED;
    }
    postgres->db.driver = &postgres_driver;
    postgres->connection = PQconnectdb(url);
    if (!set_up(postgres->connection)) {
        db_close(&postgres->db);
        return DB_FAILED;
    }
    *out = &postgres->db;
    return DB_OK;
}

static void postgres_close(struct db *db) {
    PQfinish(postgres_of(db)->connection);
    free(db);
}

/* ---- saying statements ---- */

/* The highest $N in the text. */
static int parameters_in(const char *sql) {
    int highest = 0;
    for (const char *at = strchr(sql, '$'); at != NULL; at = strchr(at + 1, '$')) {
        int number = (int)strtol(at + 1, NULL, 10);
        highest = number > highest ? number : highest;
    }
    return highest;
}

static PGresult *say_once(PGconn *connection, const char *sql, const struct db_value *values,
                          int count) {
    Oid types[VALUES_MAX];
    const char *pointers[VALUES_MAX];
    int lengths[VALUES_MAX];
    int formats[VALUES_MAX];
    char integers[VALUES_MAX][INTEGER_SIZE];
    for (int i = 0; i < count; i++) {
        types[i] = values[i].type == 'i'   ? TYPE_INT8
                   : values[i].type == 't' ? TYPE_TEXT
                                           : TYPE_BYTEA;
        pointers[i] = values[i].bytes;
        lengths[i] = (int)values[i].len;
        formats[i] = values[i].type == 'b';
        if (values[i].type == 'i') {
            snprintf(integers[i], INTEGER_SIZE, "%lld", (long long)values[i].integer);
            pointers[i] = integers[i];
        }
    }
    return PQexecParams(connection, sql, count, types, pointers, lengths, formats, 0);
}

/* A connection that was lost (the server was started anew) is made again, outside of transactions, where nothing is lost with it: there
 * only BEGIN and queries are said, which may be said twice. */
static bool is_revived(struct postgres *postgres) {
    if (postgres->in_transaction || PQstatus(postgres->connection) != CONNECTION_BAD) {
        return false;
    }
    PQreset(postgres->connection);
    return set_up(postgres->connection);
}

/* The caller clears *result whatever comes back. */
static enum db_result say(struct db *db, PGresult **result, const char *sql,
                          const struct db_value *values, int count) {
    struct postgres *postgres = postgres_of(db);
    *result = NULL;
    if (count > VALUES_MAX || parameters_in(sql) != count) {
        note_message(db, "the statement has other parameters than were given");
        return DB_FAILED;
    }
    for (int i = 0; i < count; i++) {
        if (values[i].len > INT32_MAX) {
            note_message(db, "a value is too long");
            return DB_FAILED;
        }
    }
    *result = say_once(postgres->connection, sql, values, count);
    if (!is_good(*result) && is_revived(postgres)) {
        PQclear(*result);
        *result = say_once(postgres->connection, sql, values, count);
    }
    return result_of(db, *result);
}

/* ---- transactions ---- */

static enum db_result postgres_begin(struct db *db) {
    struct postgres *postgres = postgres_of(db);
    if (postgres->in_transaction) {
        note_message(db, "a transaction is open already");
        return DB_FAILED;
    }
    PGresult *result = PQexec(postgres->connection, begin_sql);
    if (!is_good(result) && is_revived(postgres)) {
        PQclear(result);
        result = PQexec(postgres->connection, begin_sql);
    }
    enum db_result outcome = result_of(db, result);
    PQclear(result);
    postgres->in_transaction = true;
    if (outcome != DB_OK) {
        db_rollback(db);
    }
    return outcome;
}

static enum db_result postgres_commit(struct db *db) {
    struct postgres *postgres = postgres_of(db);
    if (!postgres->in_transaction) {
        note_message(db, "no transaction is open");
        return DB_FAILED;
    }
    PGresult *result = PQexec(postgres->connection, "COMMIT");
    enum db_result outcome = result_of(db, result);
    /* where a statement had failed, COMMIT is answered by ROLLBACK */
    if (outcome == DB_OK && strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        note_message(db, "a statement of the transaction had failed");
        outcome = DB_FAILED;
    }
    PQclear(result);
    postgres->in_transaction = false;
    return outcome;
}

static void postgres_rollback(struct db *db) {
    struct postgres *postgres = postgres_of(db);
    if (postgres->in_transaction) {
        PQclear(PQexec(postgres->connection, "ROLLBACK"));
        postgres->in_transaction = false;
    }
}

/* Something that writes, alone: in a transaction of its own, unless one is open. sql with values, or (count < 0) a script. */
static enum db_result write_alone(struct db *db, PGresult **result, const char *sql,
                                  const struct db_value *values, int count) {
    struct postgres *postgres = postgres_of(db);
    bool alone = !postgres->in_transaction;
    enum db_result outcome = alone ? postgres_begin(db) : DB_OK;
    *result = NULL;
    if (outcome != DB_OK) {
        return outcome;
    }
    if (count < 0) {
        *result = PQexec(postgres->connection, sql);
        outcome = result_of(db, *result);
    } else {
        outcome = say(db, result, sql, values, count);
    }
    if (alone && outcome == DB_OK) {
        outcome = postgres_commit(db);
    } else if (alone) {
        postgres_rollback(db);
    }
    return outcome;
}

static enum db_result postgres_script(struct db *db, const char *sql) {
    PGresult *result = NULL;
    enum db_result outcome = write_alone(db, &result, sql, NULL, -1);
    PQclear(result);
    return outcome;
}

static enum db_result postgres_run(struct db *db, int64_t *changes, const char *sql,
                                   const struct db_value *values, int count) {
    PGresult *result = NULL;
    enum db_result outcome = write_alone(db, &result, sql, values, count);
    if (outcome == DB_OK) {
        *changes = strtoll(PQcmdTuples(result), NULL, 10);
    }
    PQclear(result);
    return outcome;
}

/* ---- results: all rows are here at once ---- */

static enum db_result postgres_query(struct db *db, struct db_rows **out, const char *sql,
                                     const struct db_value *values, int count) {
    PGresult *result = NULL;
    bool reads = strncasecmp(sql, "SELECT", 6) == 0;
    enum db_result outcome =
        reads ? say(db, &result, sql, values, count) : write_alone(db, &result, sql, values, count);
    if (outcome != DB_OK) {
        PQclear(result);
        return outcome;
    }
    size_t columns = (size_t)PQnfields(result);
    struct postgres_rows *rows = calloc(1, sizeof *rows + columns * sizeof rows->bytes[0]);
    if (rows == NULL) {
        PQclear(result);
        return DB_FAILED;
    }
    rows->rows.db = db;
    rows->result = result;
    rows->row = -1;
    rows->columns = (int)columns;
    *out = &rows->rows;
    return DB_OK;
}

static void forget_bytes(struct postgres_rows *rows) {
    for (int i = 0; i < rows->columns; i++) {
        PQfreemem(rows->bytes[i]);
        rows->bytes[i] = NULL;
    }
}

static enum db_result postgres_next(struct db_rows *rows) {
    struct postgres_rows *here = rows_of(rows);
    forget_bytes(here);
    if (here->row + 1 >= PQntuples(here->result)) {
        return DB_DONE;
    }
    here->row++;
    return DB_OK;
}

static bool postgres_is_null(struct db_rows *rows, int column) {
    const struct postgres_rows *here = rows_of(rows);
    return PQgetisnull(here->result, here->row, column) != 0;
}

static const char *postgres_text(struct db_rows *rows, int column) {
    const struct postgres_rows *here = rows_of(rows);
    return PQgetvalue(here->result, here->row, column);
}

/* A truth value is t or f here, and 1 or 0 for the engine. */
static int64_t postgres_int(struct db_rows *rows, int column) {
    const char *text = postgres_text(rows, column);
    return text != NULL && text[0] == 't' ? 1 : text != NULL ? strtoll(text, NULL, 10) : 0;
}

static const uint8_t *postgres_bytes(struct db_rows *rows, int column, size_t *len) {
    struct postgres_rows *here = rows_of(rows);
    *len = 0;
    if (column < 0 || column >= here->columns || postgres_is_null(rows, column)) {
        return NULL;
    }
    const char *text = postgres_text(rows, column);
    if (PQftype(here->result, column) != TYPE_BYTEA) {
        *len = strlen(text);
        return (const uint8_t *)text;
    }
    PQfreemem(here->bytes[column]);
    here->bytes[column] = PQunescapeBytea((const unsigned char *)text, len);
    return here->bytes[column];
}

static void postgres_end(struct db_rows *rows) {
    forget_bytes(rows_of(rows));
    PQclear(rows_of(rows)->result);
    free(rows);
}

const struct db_driver postgres_driver = {
    .close = postgres_close,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .run = postgres_run,
    .script = postgres_script,
    .query = postgres_query,
    .next = postgres_next,
    .text = postgres_text,
    .integer = postgres_int,
    .bytes = postgres_bytes,
    .is_null = postgres_is_null,
    .end = postgres_end,
};
