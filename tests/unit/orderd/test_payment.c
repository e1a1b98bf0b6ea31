/* Money: only a signed notice counts, once, for the right amount; what is not wanted goes back. */
#include "tests/unit/orderd/fixture.h"

#include "tools/orderd/engine/payment.h"
#include "tools/orderd/engine/transition.h"
#include "tools/orderd/third/payment_sim.h"

#include <stdio.h>
#include <string.h>

static struct payment_sim sim;
static struct payment_provider provider;

static int open_with_provider(void **state) {
    char path[128];
    fixture_open(state);
    struct fixture *fixture = *state;
    snprintf(path, sizeof path, "%s/sim.key", fixture->folder);
    assert_true(payment_sim_open(&sim, path, "https://portal.test"));
    provider = payment_sim_provider(&sim);
    fixture->engine.payments = &provider;
    return 0;
}

/* An order that waits for its payment, and the id of a payment asked for. */
static struct order order_to_pay(struct fixture *fixture, char payment[ID_SIZE]) {
    static const enum transition steps[] = {T25_KEY_LOGIN, T02_SUBMIT, T06_CONFIRM};
    struct order order = fixture_order(fixture);
    json_t *answer = NULL;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            transition_apply(&fixture->engine, fixture->db, &order, steps[i], "user", NULL, NULL),
            ORDER_OK);
    }
    assert_int_equal(payment_request(&fixture->engine, fixture->db, &fixture->caller, order.number,
                                     "ALIPAY", "k1", &answer),
                     ORDER_OK);
    snprintf(payment, ID_SIZE, "%s", json_string_value(json_object_get(answer, "id")));
    json_decref(answer);
    return order;
}

static enum order_error tell(struct fixture *fixture, const char *payment, const char *transaction,
                             int amount) {
    char body[256];
    char signature[SIM_SIGNATURE_SIZE];
    int len =
        snprintf(body, sizeof body,
                 "{\"payment\":\"%s\",\"transaction\":\"%s\",\"amountFen\":%d,\"result\":\"PAID\"}",
                 payment, transaction, amount);
    assert_true(payment_sim_sign(&sim, body, (size_t)len, signature));
    return payment_callback(&fixture->engine, fixture->db, body, (size_t)len, signature);
}

static void a_notice_pays_the_order_and_repeating_it_changes_nothing(void **state) {
    struct fixture *fixture = *state;
    char payment[ID_SIZE];
    struct order order = order_to_pay(fixture, payment);
    assert_int_equal(tell(fixture, payment, "111", 20000), ORDER_OK);
    assert_int_equal(order_load_id(fixture->db, order.id, &order), ORDER_OK);
    assert_int_equal(order.state, STATE_READY_TO_ISSUE);
    int64_t events = fixture_count(fixture, "SELECT COUNT(*) FROM events");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tell(fixture, payment, "111", 20000), ORDER_OK);
    }
    assert_int_equal(tell(fixture, payment, "222", 20000), ORDER_PAYMENT_MISMATCH);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM events"), events);
}

static void a_forged_notice_is_refused_whatever_it_says(void **state) {
    struct fixture *fixture = *state;
    char payment[ID_SIZE];
    char body[256];
    char signature[SIM_SIGNATURE_SIZE];
    struct order order = order_to_pay(fixture, payment);
    int len = snprintf(
        body, sizeof body,
        "{\"payment\":\"%s\",\"transaction\":\"1\",\"amountFen\":20000,\"result\":\"PAID\"}",
        payment);
    assert_true(payment_sim_sign(&sim, body, (size_t)len, signature));
    for (size_t i = 0; i < SIM_SIGNATURE_SIZE - 1; i++) {
        char wrong[SIM_SIGNATURE_SIZE];
        memcpy(wrong, signature, sizeof wrong);
        wrong[i] = wrong[i] == '0' ? '1' : '0';
        assert_int_equal(payment_callback(&fixture->engine, fixture->db, body, (size_t)len, wrong),
                         ORDER_CALLBACK_REFUSED);
    }
    assert_int_equal(payment_callback(&fixture->engine, fixture->db, body, (size_t)len, ""),
                     ORDER_CALLBACK_REFUSED);
    body[len - 3] = 'x';
    assert_int_equal(payment_callback(&fixture->engine, fixture->db, body, (size_t)len, signature),
                     ORDER_CALLBACK_REFUSED);
    assert_int_equal(order_load_id(fixture->db, order.id, &order), ORDER_OK);
    assert_int_equal(order.state, STATE_AWAIT_PAYMENT);
}

static void another_amount_or_payment_is_refused(void **state) {
    struct fixture *fixture = *state;
    char payment[ID_SIZE];
    order_to_pay(fixture, payment);
    assert_int_equal(tell(fixture, payment, "111", 19999), ORDER_PAYMENT_MISMATCH);
    assert_int_equal(tell(fixture, "nobody", "111", 20000), ORDER_PAYMENT_MISMATCH);
    assert_int_equal(tell(fixture, payment, "111", 20000), ORDER_OK);
}

static void
the_open_payment_of_a_channel_is_given_again_and_another_channel_closes_it(void **state) {
    struct fixture *fixture = *state;
    char payment[ID_SIZE];
    json_t *answer = NULL;
    struct order order = order_to_pay(fixture, payment);
    assert_int_equal(payment_request(&fixture->engine, fixture->db, &fixture->caller, order.number,
                                     "ALIPAY", "k2", &answer),
                     ORDER_OK);
    assert_string_equal(json_string_value(json_object_get(answer, "id")), payment);
    json_decref(answer);
    assert_int_equal(payment_request(&fixture->engine, fixture->db, &fixture->caller, order.number,
                                     "WECHAT", "k3", &answer),
                     ORDER_OK);
    json_decref(answer);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM payments WHERE state = 'CLOSED'"),
                     1);
    assert_int_equal(payment_request(&fixture->engine, fixture->db, &fixture->caller, order.number,
                                     "CASH", "k4", &answer),
                     ORDER_CHANNEL_UNKNOWN);
}

static void the_second_of_two_payments_goes_back(void **state) {
    struct fixture *fixture = *state;
    char payment[ID_SIZE];
    json_t *answer = NULL;
    struct order order = order_to_pay(fixture, payment);
    assert_int_equal(payment_request(&fixture->engine, fixture->db, &fixture->caller, order.number,
                                     "WECHAT", "k3", &answer),
                     ORDER_OK);
    char second[ID_SIZE];
    snprintf(second, sizeof second, "%s", json_string_value(json_object_get(answer, "id")));
    json_decref(answer);
    fixture_sql(fixture, "UPDATE sim_payments SET state = 'SETTLED'");
    assert_int_equal(tell(fixture, payment, "111", 20000), ORDER_OK);
    assert_int_equal(tell(fixture, second, "222", 20000), ORDER_OK);
    struct outbox_item item;
    int64_t later = engine_now_ms(&fixture->engine) + 1000;
    fixture_take(fixture, later, TOPIC_REFUND, &item);
    assert_string_equal(json_string_value(json_object_get(item.payload, "payment")), second);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(payment_refund(&fixture->engine, fixture->db, second), ORDER_OK);
    }
    assert_int_equal(outbox_done(fixture->db, item.id), ORDER_OK);
    outbox_item_clear(&item);
    assert_int_equal(
        fixture_count(fixture, "SELECT COUNT(*) FROM payments WHERE state = 'REFUNDED'"), 1);
    assert_int_equal(outbox_take(fixture->db, later + 1000000, &item), ORDER_NOT_FOUND);
}

static void an_item_that_was_not_delivered_comes_again_later(void **state) {
    struct fixture *fixture = *state;
    struct outbox_item item;
    json_t *payload = json_pack("{s:s}", "id", "x");
    assert_int_equal(outbox_put(fixture->db, "topic", payload, 1000), ORDER_OK);
    json_decref(payload);
    assert_int_equal(outbox_take(fixture->db, 999, &item), ORDER_NOT_FOUND);
    assert_int_equal(outbox_take(fixture->db, 1000, &item), ORDER_OK);
    assert_int_equal(item.attempts, 1);
    outbox_item_clear(&item);
    assert_int_equal(outbox_take(fixture->db, 1999, &item), ORDER_NOT_FOUND);
    assert_int_equal(outbox_take(fixture->db, 2000, &item), ORDER_OK);
    assert_int_equal(item.attempts, 2);
    outbox_item_clear(&item);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, open_with_provider, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(a_notice_pays_the_order_and_repeating_it_changes_nothing),
        WITH(a_forged_notice_is_refused_whatever_it_says),
        WITH(another_amount_or_payment_is_refused),
        WITH(the_open_payment_of_a_channel_is_given_again_and_another_channel_closes_it),
        WITH(the_second_of_two_payments_goes_back),
        WITH(an_item_that_was_not_delivered_comes_again_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
