/* db.h, the pool and the migrations. */
#include "tests/unit/orderd/fixture.h"

#include "tools/orderd/store/migrate.h"
#include "tools/orderd/store/pool.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void parameters_are_bound_by_number_not_by_appearance(void **state) {
    struct fixture *fixture = *state;
    struct db_rows *rows = NULL;
    size_t len = 9;
    assert_int_equal(db_query(fixture->db, &rows, "SELECT $2, $1, $3, $4, $1", "tibt", "one",
                              (int64_t)2, "x\0y", (size_t)3, (const char *)NULL),
                     DB_OK);
    assert_int_equal(db_next(rows), DB_OK);
    assert_int_equal(db_int(rows, 0), 2);
    assert_string_equal(db_text(rows, 1), "one");
    assert_memory_equal(db_bytes(rows, 2, &len), "x\0y", 3);
    assert_int_equal(len, 3);
    assert_true(db_is_null(rows, 3));
    assert_string_equal(db_text(rows, 3), "");
    assert_string_equal(db_text(rows, 4), "one");
    assert_int_equal(db_next(rows), DB_DONE);
    db_end(rows);
}

static void a_statement_with_other_parameters_than_given_is_refused(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(db_run(fixture->db, NULL, "DELETE FROM outbox WHERE id = $1", ""), DB_FAILED);
    assert_int_equal(db_run(fixture->db, NULL, "DELETE FROM outbox WHERE id = $1", "tt", "a", "b"),
                     DB_FAILED);
    assert_int_equal(db_run(fixture->db, NULL, "DELETE FROM nowhere", ""), DB_FAILED);
}

static void foreign_keys_and_unique_rows_are_kept(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(db_script(fixture->db,
                               "INSERT INTO tokens (serial, manufacturer, label, subject, state, "
                               "created) VALUES ('T2', '', '', 'nobody', 'ACTIVE', 0)"),
                     DB_CONSTRAINT);
    assert_int_equal(
        db_script(fixture->db,
                  "INSERT INTO subjects (id, type, name, credential_type, credential_sealed, "
                  "credential_hash, created) VALUES ('s2', 'ORG', 'x', 'USCC', '', '1', 0)"),
        DB_CONSTRAINT);
}

static void rolling_back_undoes_everything_and_is_harmless_twice(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(db_begin(fixture->db), DB_OK);
    fixture_sql(fixture, "DELETE FROM certificates");
    db_rollback(fixture->db);
    db_rollback(fixture->db);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM certificates"), 1);
}

static void the_database_is_for_its_owner_alone(void **state) {
    struct fixture *fixture = *state;
    struct stat status;
    if (db_is_url(fixture->path)) {
        skip();
    }
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

/* Opening a second connection once closed a descriptor of the same file, which drops a process's POSIX locks: another program then took
 * itself for the last user and removed the WAL under us. */
static void what_is_written_after_another_program_looked_in_is_not_lost(void **state) {
    struct fixture *fixture = *state;
    struct db *second = NULL;
    assert_int_equal(db_open(fixture->path, &second), DB_OK);
    for (int round = 0; round < 3; round++) {
        pid_t child = fork();
        if (child == 0) {
            struct db *other = NULL;
            _exit(db_open(fixture->path, &other) == DB_OK ? (db_close(other), 0) : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        fixture_sql(fixture, round == 0 ? "UPDATE subjects SET created = 1"
                                        : "UPDATE subjects SET created = created + 1");
    }
    struct db *third = NULL;
    struct db_rows *rows = NULL;
    assert_int_equal(db_open(fixture->path, &third), DB_OK);
    assert_int_equal(db_query(third, &rows, "SELECT created FROM subjects", ""), DB_OK);
    assert_int_equal(db_next(rows), DB_OK);
    assert_int_equal(db_int(rows, 0), 3);
    db_end(rows);
    db_close(third);
    db_close(second);
}

static void a_pool_gives_back_clean_connections(void **state) {
    struct fixture *fixture = *state;
    struct db_pool *pool = db_pool_new(fixture->path);
    struct db *first = db_pool_take(pool);
    assert_non_null(first);
    assert_int_equal(db_begin(first), DB_OK);
    db_pool_give(pool, first);
    struct db *again = db_pool_take(pool);
    assert_ptr_equal(again, first);
    assert_int_equal(db_begin(again), DB_OK);
    db_pool_give(pool, again);
    db_pool_free(pool);
}

/* Take the number in subjects.created and put back one more, in a transaction of its own. */
static bool counts_one(struct db *db) {
    struct db_rows *rows = NULL;
    int64_t changes = 0;
    bool good =
        db_begin(db) == DB_OK &&
        db_query(db, &rows, "SELECT created FROM subjects WHERE id = $1", "t", "s1") == DB_OK &&
        db_next(rows) == DB_OK;
    int64_t number = good ? db_int(rows, 0) : 0;
    db_end(rows);
    return good &&
           db_run(db, &changes, "UPDATE subjects SET created = $2 WHERE id = $1", "ti", "s1",
                  number + 1) == DB_OK &&
           changes == 1 && db_commit(db) == DB_OK;
}

static void what_a_transaction_has_read_stays_true_until_it_commits(void **state) {
    enum { WRITERS = 4, ROUNDS = 25 };
    struct fixture *fixture = *state;
    pid_t writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            struct db *db = NULL;
            bool good = db_open(fixture->path, &db) == DB_OK;
            for (int round = 0; good && round < ROUNDS; round++) {
                good = counts_one(db);
            }
            db_close(db);
            _exit(good ? 0 : 1);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 0;
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(fixture_count(fixture, "SELECT created FROM subjects"), WRITERS * ROUNDS);
}

static void after_a_refused_statement_the_transaction_can_be_rolled_back(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(db_begin(fixture->db), DB_OK);
    fixture_sql(fixture, "UPDATE subjects SET created = 7");
    assert_int_equal(db_run(fixture->db, NULL, "UPDATE tokens SET subject = $1", "t", "nobody"),
                     DB_CONSTRAINT);
    db_rollback(fixture->db);
    assert_int_equal(fixture_count(fixture, "SELECT created FROM subjects"), 0);
    assert_int_equal(db_begin(fixture->db), DB_OK);
    assert_int_equal(db_commit(fixture->db), DB_OK);
}

/* ---- a server's connections can be cut ---- */

/* By a query, which waits for no writer. */
static void cut(struct fixture *fixture) {
    struct db *other = NULL;
    struct db_rows *rows = NULL;
    assert_int_equal(db_open(fixture->path, &other), DB_OK);
    assert_int_equal(db_query(other, &rows,
                              "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE "
                              "datname = current_database() AND pid <> pg_backend_pid() AND "
                              "backend_type = 'client backend'",
                              ""),
                     DB_OK);
    assert_int_equal(db_next(rows), DB_OK);
    assert_int_equal(db_int(rows, 0), 1);
    db_end(rows);
    db_close(other);
}

static void a_connection_that_was_cut_is_made_again(void **state) {
    struct fixture *fixture = *state;
    if (!db_is_url(fixture->path)) {
        skip();
    }
    cut(fixture);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM certificates"), 1);
    cut(fixture);
    fixture_sql(fixture, "UPDATE subjects SET created = 1");
    cut(fixture);
    assert_int_equal(db_begin(fixture->db), DB_OK);
    assert_int_equal(db_commit(fixture->db), DB_OK);
}

static void a_transaction_whose_connection_was_cut_is_lost_as_a_whole(void **state) {
    struct fixture *fixture = *state;
    if (!db_is_url(fixture->path)) {
        skip();
    }
    assert_int_equal(db_begin(fixture->db), DB_OK);
    fixture_sql(fixture, "UPDATE subjects SET created = 1");
    cut(fixture);
    assert_int_equal(db_run(fixture->db, NULL, "UPDATE tokens SET created = 1", ""), DB_FAILED);
    assert_int_equal(db_run(fixture->db, NULL, "UPDATE tokens SET created = 1", ""), DB_FAILED);
    assert_int_equal(db_commit(fixture->db), DB_FAILED);
    db_rollback(fixture->db);
    assert_int_equal(fixture_count(fixture, "SELECT created FROM subjects"), 0);
    assert_int_equal(fixture_count(fixture, "SELECT created FROM tokens"), 0);
}

/* ---- migrations ---- */

/* An empty database beside the fixture's own. */
static struct db *empty_database(struct fixture *fixture) {
    struct db *db = NULL;
    char path[256];
    fixture_database(fixture, "empty", path);
    assert_int_equal(db_open(path, &db), DB_OK);
    return db;
}

static struct http_asset asset(const char *path, const char *text) {
    const unsigned char *data = (const unsigned char *)text;
    return (struct http_asset){path, "text/plain", data, data + strlen(text)};
}

static void a_migration_is_applied_once(void **state) {
    struct fixture *fixture = *state;
    int applied = -1;
    assert_int_equal(migrate_run(fixture->db, orderd_sql_assets, 5, &applied), MIGRATE_OK);
    assert_int_equal(applied, 0);
}

static void a_changed_migration_stops_the_program(void **state) {
    struct db *db = empty_database(*state);
    int applied = 0;
    struct http_asset first[] = {asset("/0001_a.sql", "CREATE TABLE a (x BIGINT)"),
                                 {NULL, NULL, NULL, NULL}};
    struct http_asset changed[] = {asset("/0001_a.sql", "CREATE TABLE a (x BIGINT) "),
                                   {NULL, NULL, NULL, NULL}};
    assert_int_equal(migrate_run(db, first, 0, &applied), MIGRATE_OK);
    assert_int_equal(applied, 1);
    assert_int_equal(migrate_run(db, changed, 0, &applied), MIGRATE_CHANGED);
    db_close(db);
}

static void a_database_of_a_newer_program_is_left_alone(void **state) {
    struct db *db = empty_database(*state);
    struct http_asset newer[] = {asset("/0001_a.sql", "CREATE TABLE a (x BIGINT)"),
                                 asset("/0002_b.sql", "CREATE TABLE b (x BIGINT)"),
                                 {NULL, NULL, NULL, NULL}};
    struct http_asset older[] = {newer[0], {NULL, NULL, NULL, NULL}};
    assert_int_equal(migrate_run(db, newer, 0, NULL), MIGRATE_OK);
    assert_int_equal(migrate_run(db, older, 0, NULL), MIGRATE_AHEAD);
    db_close(db);
}

static void a_migration_that_fails_leaves_nothing(void **state) {
    struct db *db = empty_database(*state);
    struct http_asset broken[] = {
        asset("/0001_a.sql", "CREATE TABLE a (x BIGINT); INSERT INTO nowhere VALUES (1)"),
        {NULL, NULL, NULL, NULL}};
    struct http_asset mended[] = {asset("/0001_a.sql", "CREATE TABLE a (x BIGINT)"),
                                  {NULL, NULL, NULL, NULL}};
    assert_int_equal(migrate_run(db, broken, 0, NULL), MIGRATE_FAILED);
    assert_int_equal(migrate_run(db, mended, 0, NULL), MIGRATE_OK);
    db_close(db);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(parameters_are_bound_by_number_not_by_appearance),
        WITH(a_statement_with_other_parameters_than_given_is_refused),
        WITH(foreign_keys_and_unique_rows_are_kept),
        WITH(rolling_back_undoes_everything_and_is_harmless_twice),
        WITH(the_database_is_for_its_owner_alone),
        WITH(what_is_written_after_another_program_looked_in_is_not_lost),
        WITH(a_pool_gives_back_clean_connections),
        WITH(what_a_transaction_has_read_stays_true_until_it_commits),
        WITH(after_a_refused_statement_the_transaction_can_be_rolled_back),
        WITH(a_connection_that_was_cut_is_made_again),
        WITH(a_transaction_whose_connection_was_cut_is_lost_as_a_whole),
        WITH(a_migration_is_applied_once),
        WITH(a_changed_migration_stops_the_program),
        WITH(a_database_of_a_newer_program_is_left_alone),
        WITH(a_migration_that_fails_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
