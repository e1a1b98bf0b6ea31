/* See fixture.h. */
#include "tests/unit/orderd/fixture.h"

#include "module/formats/calendar.h"
#include "tools/orderd/engine/transition.h"
#include "tools/orderd/store/migrate.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int64_t at(const char *text) {
    int64_t time = 0;
    assert_true(calendar_parse_rfc3339(text, &time));
    return time;
}

void fixture_turn(struct fixture *fixture, const char *time) {
    fixture->engine.clock = clock_starting_at(at(time));
}

void fixture_sql(struct fixture *fixture, const char *sql) {
    if (db_script(fixture->db, sql) != DB_OK) {
        fail_msg("%s: %s", sql, db_message(fixture->db));
    }
}

void fixture_take(struct fixture *fixture, int64_t now_ms, const char *topic,
                  struct outbox_item *out) {
    assert_int_equal(outbox_take(fixture->db, now_ms, out), ORDER_OK);
    while (strcmp(out->topic, topic) != 0) {
        assert_int_equal(outbox_done(fixture->db, out->id), ORDER_OK);
        outbox_item_clear(out);
        assert_int_equal(outbox_take(fixture->db, now_ms, out), ORDER_OK);
    }
}

int64_t fixture_count(struct fixture *fixture, const char *sql) {
    struct db_rows *rows = NULL;
    assert_int_equal(db_query(fixture->db, &rows, sql, ""), DB_OK);
    assert_int_equal(db_next(rows), DB_OK);
    int64_t count = db_int(rows, 0);
    db_end(rows);
    return count;
}

void fixture_database(struct fixture *fixture, const char *name, char path[256]) {
    const char *url = getenv("ORDERD_TEST_DATABASE");
    char script[128];
    struct db *db = NULL;
    if (url == NULL) {
        snprintf(path, 256, "%s/%s.db", fixture->folder, name);
        return;
    }
    snprintf(script, sizeof script, "DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", name,
             name);
    assert_int_equal(db_open(url, &db), DB_OK);
    assert_int_equal(db_script(db, script), DB_OK);
    db_close(db);
    assert_true(snprintf(path, 256, "%s&options=-csearch_path%%3D%s", url, name) < 256);
}

int fixture_open(void **state) {
    static const char *const origins[] = {"https://portal.test", NULL};
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/openukey-unit-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    char vault[96];
    fixture_database(fixture, "orders", fixture->path);
    assert_int_equal(db_open(fixture->path, &fixture->db), DB_OK);
    assert_int_equal(migrate_run(fixture->db, orderd_sql_assets, 0, NULL), MIGRATE_OK);
    snprintf(vault, sizeof vault, "%s/vault.key", fixture->folder);
    fixture->engine.vault = vault_open(vault);
    assert_non_null(fixture->engine.vault);
    fixture->engine.profile = profile_find("default");
    fixture->engine.service = "urn:openukey:order-service:default";
    fixture->engine.origins = origins;
    fixture->engine.public_url = "https://portal.test";
    fixture_turn(fixture, "2026-03-01T10:00:00+08:00");
    fixture_sql(
        fixture,
        "INSERT INTO subjects (id, type, name, credential_type, credential_sealed, "
        "credential_hash, created) VALUES ('s1', 'ORG', 'Holder', 'USCC', '', '1', 0);"
        "INSERT INTO tokens (serial, manufacturer, label, subject, state, created) VALUES ('T1', "
        "'maker', 'label', 's1', 'ACTIVE', 0);"
        "INSERT INTO certificates (id, sha256, issuer, serial, subject, subject_dn, profile, "
        "algorithm, usage, not_before, not_after, token, state, created) VALUES ('c1', 'aa', "
        "'CA', '01', 's1', 'CN=Holder', 'default', 'SM2', 'SIGN', 0, 1774900000000, 'T1', "
        "'VALID', 0);");
    snprintf(fixture->caller.session.subject, sizeof fixture->caller.session.subject, "%s", "s1");
    snprintf(fixture->caller.session.certificate, sizeof fixture->caller.session.certificate, "%s",
             "c1");
    snprintf(fixture->caller.session.token, sizeof fixture->caller.session.token, "%s", "T1");
    fixture->caller.language = LANGUAGE_EN;
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

int fixture_close(void **state) {
    struct fixture *fixture = *state;
    db_close(fixture->db);
    vault_close(fixture->engine.vault);
    nftw(fixture->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

struct order fixture_order(struct fixture *fixture) {
    struct order order = {.kind = KIND_RENEW, .years = 1, .amount_fen = 20000};
    snprintf(order.subject, sizeof order.subject, "%s", fixture->caller.session.subject);
    snprintf(order.certificate, sizeof order.certificate, "%s",
             fixture->caller.session.certificate);
    snprintf(order.token, sizeof order.token, "%s", fixture->caller.session.token);
    assert_int_equal(db_begin(fixture->db), DB_OK);
    const struct flow *flow = profile_flow(fixture->engine.profile, KIND_RENEW, SUBJECT_ORG);
    assert_int_equal(order_insert(&fixture->engine, fixture->db, flow, &order, "user"), ORDER_OK);
    assert_int_equal(db_commit(fixture->db), DB_OK);
    return order;
}
