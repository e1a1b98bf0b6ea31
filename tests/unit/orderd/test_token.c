/* Keys' states and policies: what follows a certificate, and which key may be taken for a new one. */
#include "tests/unit/orderd/fixture.h"

#include "tools/orderd/engine/token.h"

#include <string.h>

static enum token_state key_state(struct fixture *fixture, const char *serial) {
    struct token_record token;
    assert_int_equal(token_find(fixture->db, serial, &token), ORDER_OK);
    return token.state;
}

static enum order_error take(struct fixture *fixture, const char *serial, const char *subject) {
    return token_take_blank(&fixture->engine, fixture->db, serial, subject);
}

static void a_key_follows_its_certificate_where_the_table_leads_and_else_stays(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        enum token_state to, is;
    } steps[] = {
        {TOKEN_SUSPENDED, TOKEN_SUSPENDED},  {TOKEN_ACTIVE, TOKEN_ACTIVE},
        {TOKEN_FORMATTED, TOKEN_ACTIVE},     {TOKEN_PERM_LOST, TOKEN_PERM_LOST},
        {TOKEN_TERMINATED, TOKEN_PERM_LOST}, {TOKEN_ACTIVE, TOKEN_PERM_LOST},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(token_follow(fixture->db, "T1", steps[i].to), ORDER_OK);
        assert_int_equal(key_state(fixture, "T1"), steps[i].is);
    }
    assert_int_equal(token_follow(fixture->db, "NONE", TOKEN_ACTIVE), ORDER_OK);
}

static void an_unknown_key_is_blank_and_comes_to_use_once(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(take(fixture, "NEW1", "s1"), ORDER_OK);
    assert_int_equal(key_state(fixture, "NEW1"), TOKEN_FORMATTED);
    assert_int_equal(token_put_to_use(fixture->db, "NEW1", "s1"), ORDER_OK);
    assert_int_equal(key_state(fixture, "NEW1"), TOKEN_ACTIVE);
    fixture_sql(fixture, "INSERT INTO subjects (id, type, name, credential_type, "
                         "credential_sealed, credential_hash, created) VALUES ('s2', 'ORG', "
                         "'Other', 'USCC', '', '2', 0)");
    assert_int_equal(token_put_to_use(fixture->db, "NEW1", "s2"), ORDER_WRONG_TOKEN);
    assert_int_equal(take(fixture, "NEW1", "s2"), ORDER_WRONG_TOKEN);
}

static void a_used_key_is_taken_again_only_empty_active_and_by_policy(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(take(fixture, "T1", "s1"), ORDER_WRONG_TOKEN); /* its certificate works */
    fixture_sql(fixture, "UPDATE certificates SET state = 'HELD'");
    assert_int_equal(take(fixture, "T1", "s1"), ORDER_WRONG_TOKEN);
    fixture_sql(fixture, "UPDATE certificates SET state = 'REVOKED'");
    assert_int_equal(take(fixture, "T1", "s1"), ORDER_OK);
    assert_int_equal(token_set_policy(fixture->db, "T1", POLICY_RE_ENROLL, false), ORDER_OK);
    assert_int_equal(take(fixture, "T1", "s1"), ORDER_WRONG_TOKEN);
    assert_int_equal(token_set_policy(fixture->db, "T1", POLICY_RE_ENROLL, true), ORDER_OK);
    assert_int_equal(token_follow(fixture->db, "T1", TOKEN_TERMINATED), ORDER_OK);
    assert_int_equal(take(fixture, "T1", "s1"), ORDER_WRONG_TOKEN);
}

static void a_renewal_wants_a_key_in_use_and_the_policy(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(token_may_renew(fixture->db, "T1"), ORDER_OK);
    assert_int_equal(token_set_policy(fixture->db, "T1", POLICY_RENEW, false), ORDER_OK);
    assert_int_equal(token_may_renew(fixture->db, "T1"), ORDER_TOKEN_STATE);
    assert_int_equal(token_set_policy(fixture->db, "T1", POLICY_RENEW, true), ORDER_OK);
    assert_int_equal(token_follow(fixture->db, "T1", TOKEN_SUSPENDED), ORDER_OK);
    assert_int_equal(token_may_renew(fixture->db, "T1"), ORDER_TOKEN_STATE);
    assert_int_equal(token_may_renew(fixture->db, "NONE"), ORDER_NOT_FOUND);
}

static void a_damaged_key_is_not_put_to_use(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(token_follow(fixture->db, "T1", TOKEN_DAMAGED), ORDER_OK);
    assert_int_equal(token_put_to_use(fixture->db, "T1", "s1"), ORDER_TOKEN_STATE);
    assert_int_equal(key_state(fixture, "T1"), TOKEN_DAMAGED);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(a_key_follows_its_certificate_where_the_table_leads_and_else_stays),
        WITH(an_unknown_key_is_blank_and_comes_to_use_once),
        WITH(a_used_key_is_taken_again_only_empty_active_and_by_policy),
        WITH(a_renewal_wants_a_key_in_use_and_the_policy),
        WITH(a_damaged_key_is_not_put_to_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
