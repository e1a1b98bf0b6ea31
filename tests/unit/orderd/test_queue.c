/* Staff's queue: everybody waits in it once, the longest waiting first, however many there are. */
#include "tests/unit/orderd/fixture.h"

#include "tools/orderd/engine/page.h"
#include "tools/orderd/engine/review.h"

#include <stdlib.h>
#include <string.h>

enum { WAITING = 2 * PAGE_ROWS + 7 };

/* Orders W1, W2, ... that wait for an operator; three at a time since the same moment. */
static int open_queue(void **state) {
    char sql[600];
    fixture_open(state);
    struct fixture *fixture = *state;
    fixture->caller.session.kind = SESSION_ACCOUNT;
    fixture->caller.session.role = ROLE_OPERATOR;
    for (int i = 0; i < WAITING; i++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO orders (id, public_no, profile, kind, lane, subject, state, version, "
                 "is_open, years, amount_fen, created, updated) VALUES ('w%03d', 'W%03d', "
                 "'default', 'NEW', 'L%d', 's1', 'APPROVED', 1, 1, 1, 0, 0, %d)",
                 i, i, i, 1000 + i / 3);
        fixture_sql(fixture, sql);
    }
    return 0;
}

/* Read a page; its numbers are the ones from `first` on, and so many. */
static size_t read_page(struct fixture *fixture, char cursor[80], size_t first) {
    json_t *body = NULL;
    assert_int_equal(review_queue(&fixture->engine, fixture->db, &fixture->caller,
                                  cursor[0] != '\0' ? cursor : NULL, &body),
                     ORDER_OK);
    const json_t *orders = json_object_get(body, "orders");
    size_t count = json_array_size(orders);
    for (size_t i = 0; i < count; i++) {
        char number[16];
        snprintf(number, sizeof number, "W%03zu", first + i);
        assert_string_equal(json_string_value(json_object_get(json_array_get(orders, i), "no")),
                            number);
    }
    const char *next = json_string_value(json_object_get(body, "next"));
    snprintf(cursor, 80, "%s", next != NULL ? next : "");
    json_decref(body);
    return count;
}

static void the_pages_together_are_everything_once_and_in_order(void **state) {
    struct fixture *fixture = *state;
    char cursor[80] = "";
    size_t seen = 0;
    do {
        size_t count = read_page(fixture, cursor, seen);
        assert_true(count > 0 && count <= PAGE_ROWS);
        seen += count;
    } while (cursor[0] != '\0');
    assert_int_equal(seen, WAITING);
}

static void an_order_that_is_done_meanwhile_does_not_shift_the_others(void **state) {
    struct fixture *fixture = *state;
    char cursor[80] = "";
    size_t seen = read_page(fixture, cursor, 0);
    fixture_sql(fixture, "UPDATE orders SET state = 'SHIPPED', updated = 9000 WHERE public_no IN "
                         "('W001', 'W049')");
    assert_int_equal(read_page(fixture, cursor, seen), PAGE_ROWS);
}

static void what_is_no_cursor_and_who_is_no_staff_is_refused(void **state) {
    struct fixture *fixture = *state;
    json_t *body = NULL;
    assert_int_equal(review_queue(&fixture->engine, fixture->db, &fixture->caller, "W001", &body),
                     ORDER_BAD_REQUEST);
    fixture->caller.session.role = ROLE_USER;
    assert_int_equal(review_queue(&fixture->engine, fixture->db, &fixture->caller, NULL, &body),
                     ORDER_FORBIDDEN);
    assert_null(body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_pages_together_are_everything_once_and_in_order,
                                        open_queue, fixture_close),
        cmocka_unit_test_setup_teardown(an_order_that_is_done_meanwhile_does_not_shift_the_others,
                                        open_queue, fixture_close),
        cmocka_unit_test_setup_teardown(what_is_no_cursor_and_who_is_no_staff_is_refused,
                                        open_queue, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
