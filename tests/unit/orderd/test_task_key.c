/* The keys that sign tasks: what is published when, who signs, and what is left of a key that was rolled over. */
#include "tests/unit/orderd/fixture.h"

#include "tools/orderd/engine/event.h"
#include "tools/orderd/engine/jws.h"
#include "tools/orderd/engine/task.h"
#include "tools/orderd/engine/task_key.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 8 };

/* The published key ids, in order. */
struct shown {
    size_t count;
    char kids[SHOWN_MAX][JWS_KID_SIZE];
};

static struct shown show(struct fixture *fixture) {
    struct shown shown = {.count = 0};
    json_t *set = NULL;
    assert_int_equal(task_key_publish(&fixture->engine, fixture->db, &set), ORDER_OK);
    const json_t *keys = json_object_get(set, "keys");
    shown.count = json_array_size(keys);
    assert_true(shown.count <= SHOWN_MAX);
    for (size_t i = 0; i < shown.count; i++) {
        const json_t *key = json_array_get(keys, i);
        assert_null(json_object_get(key, "d"));
        snprintf(shown.kids[i], JWS_KID_SIZE, "%s", json_string_value(json_object_get(key, "kid")));
        assert_int_equal(strlen(shown.kids[i]), JWS_KID_SIZE - 1);
    }
    json_decref(set);
    return shown;
}

static void roll(struct fixture *fixture) {
    assert_int_equal(task_key_roll(&fixture->engine, fixture->db, "operator"), ORDER_OK);
}

/* The key id in the header of what is signed now. */
static void assert_signed_by(struct fixture *fixture, const char *kid) {
    json_t *payload = json_pack("{s:s}", "task", "1");
    char *jws = NULL;
    unsigned char head[512] = "";
    assert_int_equal(task_key_sign(&fixture->engine, fixture->db, payload, &jws), ORDER_OK);
    size_t len = strcspn(jws, ".");
    char text[513];
    assert_true(len < sizeof text - 4);
    memcpy(text, jws, len);
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
    }
    while (len % 4 != 0) {
        text[len++] = '=';
    }
    assert_true(EVP_DecodeBlock(head, (const unsigned char *)text, (int)len) > 0);
    assert_non_null(strstr((const char *)head, kid));
    free(jws);
    json_decref(payload);
}

static int open_keys(void **state) {
    fixture_open(state);
    struct fixture *fixture = *state;
    fixture->engine.task_key_days = 365;
    assert_int_equal(task_key_ensure(&fixture->engine, fixture->db), ORDER_OK);
    return 0;
}

static void the_present_and_the_next_key_are_published_and_stay(void **state) {
    struct fixture *fixture = *state;
    struct shown first = show(fixture);
    assert_int_equal(first.count, 2);
    assert_string_not_equal(first.kids[0], first.kids[1]);
    assert_int_equal(task_key_ensure(&fixture->engine, fixture->db), ORDER_OK);
    struct shown again = show(fixture);
    assert_memory_equal(&first, &again, sizeof first);
    assert_signed_by(fixture, first.kids[0]);
}

static void the_next_key_takes_over_and_the_last_is_shown_while_its_tasks_live(void **state) {
    struct fixture *fixture = *state;
    struct shown before = show(fixture);
    roll(fixture);
    struct shown after = show(fixture);
    assert_int_equal(after.count, 3);
    assert_string_equal(after.kids[0], before.kids[1]);
    assert_string_not_equal(after.kids[1], before.kids[0]);
    assert_string_equal(after.kids[2], before.kids[0]);
    assert_signed_by(fixture, before.kids[1]);
    fixture_turn(fixture, "2026-03-01T10:09:50+08:00");
    assert_int_equal(show(fixture).count, 3);
    fixture_turn(fixture, "2026-03-01T10:10:01+08:00");
    assert_int_equal(show(fixture).count, 2);
}

static void of_a_last_key_no_private_half_is_left(void **state) {
    struct fixture *fixture = *state;
    roll(fixture);
    assert_int_equal(
        fixture_count(fixture,
                      "SELECT COUNT(*) FROM task_keys WHERE state = 'LAST' AND sealed = ''"),
        1);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM task_keys WHERE sealed <> ''"),
                     2);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM task_keys WHERE sealed LIKE "
                                            "'%PRIVATE%' OR jwk LIKE '%\"d\"%'"),
                     0);
}

static void a_row_moved_to_another_key_id_signs_nothing(void **state) {
    struct fixture *fixture = *state;
    json_t *payload = json_object();
    char *jws = NULL;
    fixture_sql(fixture,
                "UPDATE task_keys SET sealed = (SELECT sealed FROM task_keys WHERE state = "
                "'NEXT') WHERE state = 'PRESENT'");
    assert_int_equal(task_key_sign(&fixture->engine, fixture->db, payload, &jws), ORDER_INTERNAL);
    assert_null(jws);
    json_decref(payload);
}

static bool sweep(struct fixture *fixture) {
    bool rolled = true;
    assert_int_equal(task_key_sweep(&fixture->engine, fixture->db, &rolled), ORDER_OK);
    return rolled;
}

static void a_key_is_rolled_over_by_its_age_once(void **state) {
    struct fixture *fixture = *state;
    struct shown before = show(fixture);
    fixture_turn(fixture, "2027-03-01T09:59:00+08:00");
    assert_false(sweep(fixture));
    fixture_turn(fixture, "2027-03-01T10:00:01+08:00");
    assert_true(sweep(fixture));
    assert_false(sweep(fixture));
    assert_string_equal(show(fixture).kids[0], before.kids[1]);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM task_keys"), 3);
    fixture_turn(fixture, "2027-03-01T11:00:00+08:00");
    assert_false(sweep(fixture));
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM task_keys"), 2);
}

static void no_age_no_roll_over(void **state) {
    struct fixture *fixture = *state;
    fixture->engine.task_key_days = 0;
    fixture_turn(fixture, "2036-03-01T10:00:00+08:00");
    assert_false(sweep(fixture));
}

static void each_roll_over_is_an_event_with_both_key_ids(void **state) {
    struct fixture *fixture = *state;
    int64_t count = 0;
    roll(fixture);
    roll(fixture);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM events e JOIN task_keys k ON "
                                            "e.data LIKE '%\"from\":\"' || k.kid || '\"%' WHERE "
                                            "e.type = 'task key rolled over'"),
                     2);
    assert_int_equal(event_verify(fixture->db, &count), ORDER_OK);
    assert_int_equal(show(fixture).count, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_present_and_the_next_key_are_published_and_stay,
                                        open_keys, fixture_close),
        cmocka_unit_test_setup_teardown(
            the_next_key_takes_over_and_the_last_is_shown_while_its_tasks_live, open_keys,
            fixture_close),
        cmocka_unit_test_setup_teardown(of_a_last_key_no_private_half_is_left, open_keys,
                                        fixture_close),
        cmocka_unit_test_setup_teardown(a_row_moved_to_another_key_id_signs_nothing, open_keys,
                                        fixture_close),
        cmocka_unit_test_setup_teardown(a_key_is_rolled_over_by_its_age_once, open_keys,
                                        fixture_close),
        cmocka_unit_test_setup_teardown(no_age_no_roll_over, open_keys, fixture_close),
        cmocka_unit_test_setup_teardown(each_roll_over_is_an_event_with_both_key_ids, open_keys,
                                        fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
