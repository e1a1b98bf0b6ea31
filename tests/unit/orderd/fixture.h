/* What the order service's unit tests stand on: a folder of their own, a migrated database, an engine whose clock is set, and a holder
 * with a key and a certificate. */
#ifndef TESTS_UNIT_ORDERD_FIXTURE_H
#define TESTS_UNIT_ORDERD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/orderd/engine/application.h"
#include "tools/orderd/engine/engine.h"
#include "tools/orderd/engine/order.h"
#include "tools/orderd/engine/outbox.h"

struct fixture {
    char folder[64];
    char path[256]; /* of the database */
    struct db *db;
    struct engine engine;
    struct caller caller; /* the holder, logged in */
};

/* cmocka setup and teardown; the state is a struct fixture. */
int fixture_open(void **state);
int fixture_close(void **state);

/* The path of an empty database of this name for this fixture: a file in its folder, or, when the environment has a postgresql:// URL in
 * ORDERD_TEST_DATABASE, a schema of that database, made anew. */
void fixture_database(struct fixture *fixture, const char *name, char path[256]);

/* Unix seconds of an RFC 3339 time. */
int64_t at(const char *text);

/* Turn the engine's clock to this time. */
void fixture_turn(struct fixture *fixture, const char *time);

/* An order of the fixture's holder, in AWAIT_KEY, in a transaction of its own. */
struct order fixture_order(struct fixture *fixture);

/* Take outbox items, done with, until one is of this topic. */
void fixture_take(struct fixture *fixture, int64_t now_ms, const char *topic,
                  struct outbox_item *out);

/* One integer out of the database. */
int64_t fixture_count(struct fixture *fixture, const char *sql);

/* Run a statement without parameters; it must work. */
void fixture_sql(struct fixture *fixture, const char *sql);

#endif
