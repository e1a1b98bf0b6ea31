/* Transitions, events and idempotency: one change, one event, or nothing at all. */
#include "tests/unit/orderd/fixture.h"

#include "tools/orderd/engine/event.h"
#include "tools/orderd/engine/idempotency.h"
#include "tools/orderd/engine/session.h"
#include "tools/orderd/engine/transition.h"

#include <string.h>

static enum order_error apply(struct fixture *fixture, struct order *order,
                              enum transition transition) {
    assert_int_equal(db_begin(fixture->db), DB_OK);
    enum order_error error =
        transition_apply(&fixture->engine, fixture->db, order, transition, "user", NULL, NULL);
    if (error == ORDER_OK) {
        assert_int_equal(db_commit(fixture->db), DB_OK);
    }
    db_rollback(fixture->db);
    return error;
}

static void a_renewal_passes_its_gates_in_order_with_one_event_each(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        enum transition transition;
        enum order_state to;
    } steps[] = {{T25_KEY_LOGIN, STATE_DRAFT},       {T02_SUBMIT, STATE_AWAIT_CONFIRM},
                 {T06_CONFIRM, STATE_AWAIT_PAYMENT}, {T07_PAID, STATE_READY_TO_ISSUE},
                 {T18_CLAIM, STATE_ISSUING},         {T20_LEASE_OVER, STATE_READY_TO_ISSUE},
                 {T18_CLAIM, STATE_ISSUING},         {T21_FAILED, STATE_ISSUE_FAILED},
                 {T27_RETRY, STATE_READY_TO_ISSUE},  {T18_CLAIM, STATE_ISSUING},
                 {T19_DONE, STATE_COMPLETED}};
    struct order order = fixture_order(fixture);
    assert_int_equal(order.state, STATE_AWAIT_KEY);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct order stored;
        assert_int_equal(apply(fixture, &order, steps[i].transition), ORDER_OK);
        assert_int_equal(order.state, steps[i].to);
        assert_int_equal(order_load_id(fixture->db, order.id, &stored), ORDER_OK);
        assert_int_equal(stored.state, steps[i].to);
        assert_int_equal(stored.version, (int64_t)i + 2);
        assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM events"), (int64_t)i + 2);
    }
    assert_int_equal(fixture_count(fixture, "SELECT is_open FROM orders"), 0);
}

static void a_transition_from_the_wrong_state_changes_nothing(void **state) {
    struct fixture *fixture = *state;
    struct order order = fixture_order(fixture);
    for (unsigned i = 0; i < TRANSITION_COUNT; i++) {
        struct order copy = order;
        bool allowed =
            i == T25_KEY_LOGIN || i == T22_CANCEL || i == T22_CANCEL_REFUND || i == T23_EXPIRE;
        assert_int_equal(transition_is_allowed(&order, (enum transition)i), allowed);
        if (!allowed) {
            assert_int_equal(apply(fixture, &copy, (enum transition)i), ORDER_WRONG_STATE);
        }
    }
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM events"), 1);
    assert_int_equal(fixture_count(fixture, "SELECT version FROM orders"), 1);
}

static void of_two_writers_with_the_same_version_one_loses_and_leaves_nothing(void **state) {
    struct fixture *fixture = *state;
    struct order mine = fixture_order(fixture);
    struct order theirs = mine;
    assert_int_equal(apply(fixture, &mine, T25_KEY_LOGIN), ORDER_OK);
    assert_int_equal(apply(fixture, &theirs, T22_CANCEL), ORDER_CONFLICT);
    struct order stored;
    assert_int_equal(order_load_id(fixture->db, mine.id, &stored), ORDER_OK);
    assert_int_equal(stored.state, STATE_DRAFT);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM events"), 2);
}

static void an_edit_after_the_confirmation_asks_for_it_again(void **state) {
    struct fixture *fixture = *state;
    struct order order = fixture_order(fixture);
    assert_int_equal(apply(fixture, &order, T25_KEY_LOGIN), ORDER_OK);
    assert_int_equal(apply(fixture, &order, T02_SUBMIT), ORDER_OK);
    assert_int_equal(apply(fixture, &order, T06_CONFIRM), ORDER_OK);
    assert_int_equal(apply(fixture, &order, T03_EDIT), ORDER_OK);
    assert_int_equal(order.state, STATE_DRAFT);
    assert_int_equal(apply(fixture, &order, T02_SUBMIT), ORDER_OK);
    assert_int_equal(order.state, STATE_AWAIT_CONFIRM);
}

static void a_holder_has_one_open_order_in_a_lane(void **state) {
    struct fixture *fixture = *state;
    struct order first = fixture_order(fixture);
    struct order second = first;
    const struct flow *flow = profile_flow(fixture->engine.profile, KIND_RENEW, SUBJECT_ORG);
    assert_int_equal(db_begin(fixture->db), DB_OK);
    assert_int_equal(order_insert(&fixture->engine, fixture->db, flow, &second, "user"),
                     ORDER_OPEN_EXISTS);
    db_rollback(fixture->db);
    assert_int_equal(apply(fixture, &first, T22_CANCEL), ORDER_OK);
    fixture_order(fixture);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM orders"), 2);
}

static void an_unpaid_order_expires_after_its_idle_days_and_not_before(void **state) {
    struct fixture *fixture = *state;
    int count = -1;
    fixture_order(fixture);
    fixture_turn(fixture, "2026-03-31T09:59:00+08:00");
    assert_int_equal(application_expire_idle(&fixture->engine, fixture->db, &count), ORDER_OK);
    assert_int_equal(count, 0);
    fixture_turn(fixture, "2026-03-31T10:01:00+08:00");
    assert_int_equal(application_expire_idle(&fixture->engine, fixture->db, &count), ORDER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM orders WHERE state = 'EXPIRED'"),
                     1);
}

/* ---- events ---- */

static void make_events(struct fixture *fixture) {
    struct order order = fixture_order(fixture);
    assert_int_equal(apply(fixture, &order, T25_KEY_LOGIN), ORDER_OK);
    assert_int_equal(apply(fixture, &order, T02_SUBMIT), ORDER_OK);
    assert_int_equal(apply(fixture, &order, T22_CANCEL), ORDER_OK);
}

static void an_untouched_chain_verifies(void **state) {
    struct fixture *fixture = *state;
    int64_t count = -1;
    assert_int_equal(event_verify(fixture->db, &count), ORDER_OK);
    assert_int_equal(count, 0);
    make_events(fixture);
    assert_int_equal(event_verify(fixture->db, &count), ORDER_OK);
    assert_int_equal(count, 4);
}

static void a_changed_event_is_found_whatever_was_changed(void **state) {
    struct fixture *fixture = *state;
    static const char *const changes[] = {
        "UPDATE events SET data = '{\"state\":\"DRAFT\"}' WHERE seq = 2",
        "UPDATE events SET actor = 'operator' WHERE seq = 2",
        "UPDATE events SET type = 'T06 confirm' WHERE seq = 2",
        "UPDATE events SET at = at + 1 WHERE seq = 2",
        "UPDATE events SET order_id = 'other' WHERE seq = 2",
        "UPDATE events SET hash = prev_hash WHERE seq = 2",
        "DELETE FROM events WHERE seq = 2",
    };
    make_events(fixture);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        int64_t count = 0;
        assert_int_equal(db_begin(fixture->db), DB_OK);
        fixture_sql(fixture, changes[i]);
        assert_int_equal(event_verify(fixture->db, &count), ORDER_CONFLICT);
        assert_int_equal(count, 2);
        db_rollback(fixture->db);
    }
}

static void a_cut_tail_is_found(void **state) {
    struct fixture *fixture = *state;
    int64_t count = 0;
    make_events(fixture);
    fixture_sql(fixture, "DELETE FROM events WHERE seq = 4");
    assert_int_equal(event_verify(fixture->db, &count), ORDER_CONFLICT);
    assert_int_equal(count, 4);
}

/* ---- idempotency and nonces ---- */

static void a_key_is_answered_from_memory_and_only_for_the_same_request(void **state) {
    struct fixture *fixture = *state;
    json_t *request = json_pack("{s:s}", "a", "b");
    json_t *other = json_pack("{s:s}", "a", "c");
    json_t *response = json_pack("{s:i}", "no", 7);
    json_t *found = NULL;
    struct idempotency what = {"s1", "key", request};
    assert_int_equal(idempotency_find(&fixture->engine, fixture->db, &what, 1000, &found),
                     ORDER_OK);
    assert_null(found);
    assert_int_equal(idempotency_keep(&fixture->engine, fixture->db, &what, response, 1000),
                     ORDER_OK);
    assert_int_equal(idempotency_find(&fixture->engine, fixture->db, &what, 2000, &found),
                     ORDER_OK);
    assert_true(json_equal(found, response));
    json_decref(found);
    what.request = other;
    assert_int_equal(idempotency_find(&fixture->engine, fixture->db, &what, 2000, &found),
                     ORDER_IDEMPOTENCY_REUSED);
    what.account = "s2";
    assert_int_equal(idempotency_find(&fixture->engine, fixture->db, &what, 2000, &found),
                     ORDER_OK);
    assert_null(found);
    what = (struct idempotency){"s1", "key", other};
    int64_t day_after = 1000 + (int64_t)25 * 3600 * 1000;
    assert_int_equal(idempotency_find(&fixture->engine, fixture->db, &what, day_after, &found),
                     ORDER_OK);
    assert_null(found);
    json_decref(request);
    json_decref(other);
    json_decref(response);
}

static void a_nonce_works_once_for_its_purpose_and_until_its_end(void **state) {
    struct fixture *fixture = *state;
    char nonce[SECRET_SIZE];
    char target[16];
    assert_int_equal(nonce_make(fixture->db, "login", "x", 1000, 300, nonce), ORDER_OK);
    assert_int_equal(nonce_use(fixture->db, nonce, "confirm", 1000, target, sizeof target),
                     ORDER_NONCE_INVALID);
    assert_int_equal(nonce_use(fixture->db, nonce, "login", 300999, target, sizeof target),
                     ORDER_OK);
    assert_string_equal(target, "x");
    assert_int_equal(nonce_use(fixture->db, nonce, "login", 1000, target, sizeof target),
                     ORDER_NONCE_INVALID);
    assert_int_equal(nonce_make(fixture->db, "login", "x", 1000, 300, nonce), ORDER_OK);
    assert_int_equal(nonce_use(fixture->db, nonce, "login", 301000, target, sizeof target),
                     ORDER_NONCE_INVALID);
}

static void a_session_token_is_not_in_the_store_and_ends(void **state) {
    struct fixture *fixture = *state;
    char secret[SECRET_SIZE];
    struct session found;
    assert_int_equal(session_open(fixture->db, &fixture->caller.session, 1000, secret), ORDER_OK);
    assert_int_equal(strlen(secret), SECRET_SIZE - 1);
    assert_int_equal(session_find(fixture->db, secret, 2000, &found), ORDER_OK);
    assert_string_equal(found.certificate, "c1");
    struct db_rows *rows = NULL;
    assert_int_equal(db_query(fixture->db, &rows, "SELECT token_hash FROM sessions", ""), DB_OK);
    assert_int_equal(db_next(rows), DB_OK);
    assert_string_not_equal(db_text(rows, 0), secret);
    db_end(rows);
    secret[0] = secret[0] == 'A' ? 'B' : 'A';
    assert_int_equal(session_find(fixture->db, secret, 2000, &found), ORDER_SESSION_INVALID);
    assert_int_equal(session_open(fixture->db, &fixture->caller.session, 1000, secret), ORDER_OK);
    assert_int_equal(
        session_find(fixture->db, secret, 1000 + (int64_t)SESSION_SECONDS * 1000, &found),
        ORDER_SESSION_INVALID);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(a_renewal_passes_its_gates_in_order_with_one_event_each),
        WITH(a_transition_from_the_wrong_state_changes_nothing),
        WITH(of_two_writers_with_the_same_version_one_loses_and_leaves_nothing),
        WITH(an_edit_after_the_confirmation_asks_for_it_again),
        WITH(a_holder_has_one_open_order_in_a_lane),
        WITH(an_unpaid_order_expires_after_its_idle_days_and_not_before),
        WITH(an_untouched_chain_verifies),
        WITH(a_changed_event_is_found_whatever_was_changed),
        WITH(a_cut_tail_is_found),
        WITH(a_key_is_answered_from_memory_and_only_for_the_same_request),
        WITH(a_nonce_works_once_for_its_purpose_and_until_its_end),
        WITH(a_session_token_is_not_in_the_store_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
