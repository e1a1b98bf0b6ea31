/* States follow from gates; names go both ways; the catalogue is complete; public numbers have their form. */
#include "tests/unit/orderd/fixture.h"

#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/identifier.h"
#include "tools/orderd/text.h"

#include <string.h>

static void the_state_is_that_of_the_first_open_gate(void **state) {
    (void)state;
    static const enum order_state expected[] = {STATE_AWAIT_KEY,      STATE_DRAFT,
                                                STATE_AWAIT_CONFIRM,  STATE_AWAIT_PAYMENT,
                                                STATE_READY_TO_ISSUE, STATE_COMPLETED};
    const struct flow *flow = profile_flow(profile_find("default"), KIND_RENEW, SUBJECT_ORG);
    struct flow_gate gates[FLOW_GATES_MAX];
    memcpy(gates, flow->gates, sizeof gates);
    for (size_t done = 0; done < 6; done++) {
        size_t at = 0;
        assert_int_equal(flow_state(gates, flow->count), expected[done]);
        if (flow_next(gates, flow->count, &at) != GATE_NONE) {
            gates[at].status = GATE_DONE;
        }
    }
}

static void a_waived_gate_is_passed_and_a_failed_one_is_not(void **state) {
    (void)state;
    struct flow_gate gates[] = {{GATE_PAY, GATE_WAIVED}, {GATE_REVIEW, GATE_FAILED}};
    assert_int_equal(flow_state(gates, 2), STATE_IN_REVIEW);
    assert_int_equal(flow_state(gates, 1), STATE_COMPLETED);
    assert_int_equal(flow_state(gates, 0), STATE_COMPLETED);
}

static void an_invoice_is_waited_for_only_where_policy_says_so(void **state) {
    (void)state;
    struct flow_gate asked[] = {{GATE_ISSUE, GATE_DONE}, {GATE_INVOICE, GATE_OPEN}};
    assert_int_equal(flow_state(asked, 2), STATE_ISSUED);
}

static void exactly_four_states_are_final(void **state) {
    (void)state;
    int count = 0;
    for (unsigned i = 0; i < STATE_COUNT; i++) {
        count += state_is_final((enum order_state)i) ? 1 : 0;
    }
    assert_int_equal(count, 4);
    assert_true(state_is_final(STATE_COMPLETED));
    assert_false(state_is_final(STATE_ISSUE_FAILED));
}

static void names_go_both_ways(void **state) {
    (void)state;
    enum gate_status status = GATE_OPEN;
    for (unsigned i = 0; i < STATE_COUNT; i++) {
        assert_int_equal(state_of(state_name((enum order_state)i)), i);
    }
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        assert_int_equal(gate_of(gate_name((enum gate)i)), i);
    }
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        assert_int_equal(kind_of(kind_name((enum order_kind)i)), i);
    }
    assert_true(gate_status_of("WAIVED", &status));
    assert_int_equal(status, GATE_WAIVED);
    assert_false(gate_status_of("LATER", &status));
    assert_int_equal(state_of("NOWHERE"), STATE_COUNT);
}

static void a_term_that_is_not_sold_has_no_price(void **state) {
    (void)state;
    const struct profile *profile = profile_find("default");
    assert_true(profile_price(profile, KIND_RENEW, SUBJECT_ORG, 1) > 0);
    assert_int_equal(profile_price(profile, KIND_RENEW, SUBJECT_ORG, 0), -1);
    assert_int_equal(profile_price(profile, KIND_RENEW, SUBJECT_ORG, 9), -1);
    assert_int_equal(profile_price(profile, KIND_UNLOCK, SUBJECT_ORG, 1), -1);
    assert_null(profile_find("nobody's"));
}

static void every_text_is_there_in_both_languages(void **state) {
    (void)state;
    for (unsigned language = 0; language < LANGUAGE_COUNT; language++) {
        enum language spoken = (enum language)language;
        for (unsigned i = 0; i < TEXT_COUNT; i++) {
            assert_non_null(text_get((enum text)i, spoken));
            assert_true(text_get((enum text)i, spoken)[0] != '\0');
        }
        for (unsigned i = 0; i < STATE_COUNT; i++) {
            assert_non_null(text_state((enum order_state)i, spoken));
        }
        for (unsigned i = 1; i < ORDER_ERRORS; i++) {
            assert_non_null(text_error_title((enum order_error)i, spoken));
            assert_non_null(text_error_detail((enum order_error)i, spoken));
        }
    }
}

static void a_text_is_cut_at_a_whole_character(void **state) {
    (void)state;
    char out[16];
    text_fill(TEXT_YEARS_VALUE, LANGUAGE_ZH, "years", "3", out, sizeof out);
    assert_string_equal(out, "3 年");
    text_fill(TEXT_YEARS_VALUE, LANGUAGE_ZH, "years", "3", out, 5);
    assert_string_equal(out, "3 ");
    char yuan[24];
    text_yuan(20005, yuan);
    assert_string_equal(yuan, "200.05");
}

static void a_public_number_is_date_letter_and_four_digits(void **state) {
    (void)state;
    char number[PUBLIC_NUMBER_SIZE];
    int64_t day = at("2023-04-22T23:59:59+08:00") * 1000;
    assert_true(public_number_format(NUMBER_LETTER, day, 'A', 7, number));
    assert_string_equal(number, "20230422A0007");
    assert_true(public_number_format(NUMBER_LETTER, day + 1000, 'A', 9999, number));
    assert_string_equal(number, "20230423A9999");
    assert_true(public_number_format(NUMBER_LETTER, day, 'A', 10000, number));
    assert_string_equal(number, "20230422B0001");
    assert_true(public_number_format(NUMBER_LETTER, day, 'A', (int64_t)26 * 9999, number));
    assert_string_equal(number, "20230422Z9999");
    assert_false(public_number_format(NUMBER_LETTER, day, 'A', (int64_t)26 * 9999 + 1, number));
    assert_false(public_number_format(NUMBER_LETTER, day, 'A', 0, number));
}

static void other_portals_number_as_their_manuals_show(void **state) {
    (void)state;
    char number[PUBLIC_NUMBER_SIZE];
    /* R260: made at 14:55:29; R261 */
    int64_t made = at("2021-05-24T14:55:29+08:00") * 1000;
    assert_true(public_number_format(NUMBER_UO, made, 'A', 682882, number));
    assert_string_equal(number, "UO202105241455682882");
    assert_false(public_number_format(NUMBER_UO, made, 'A', 1000000, number));
    made = at("2018-07-03T09:00:00+08:00") * 1000;
    assert_true(public_number_format(NUMBER_RECEIPT, made, 'A', 664191532, number));
    assert_string_equal(number, "20180703000664191532");
}

static void numbers_of_a_day_do_not_repeat_and_begin_anew_the_next_day(void **state) {
    struct fixture *fixture = *state;
    char number[PUBLIC_NUMBER_SIZE];
    const struct profile *profile = fixture->engine.profile;
    int64_t day = at("2026-03-01T10:00:00+08:00") * 1000;
    assert_int_equal(public_number_next(fixture->db, profile, day, number), ORDER_OK);
    assert_string_equal(number, "20260301A0001");
    assert_int_equal(public_number_next(fixture->db, profile, day, number), ORDER_OK);
    assert_string_equal(number, "20260301A0002");
    assert_int_equal(public_number_next(fixture->db, profile, day + 86400000, number), ORDER_OK);
    assert_string_equal(number, "20260302A0001");
}

/* ---- the profiles ---- */

/* Every flow that a portal offers can be walked: it is sold, its gates come in a possible order, what it asks for is known. */
static void every_flow_of_every_portal_is_whole(void **state) {
    (void)state;
    int flows = 0;
    for (size_t p = 0; profiles[p] != NULL; p++) {
        for (size_t i = 0; i < profiles[p]->flow_count; i++, flows++) {
            const struct flow *flow = &profiles[p]->flows[i];
            unsigned seen = 0;
            int years[8];
            assert_true(flow->count > 0 && flow->count <= FLOW_GATES_MAX);
            for (size_t g = 0; g < flow->count; g++) {
                assert_true(flow->gates[g].gate < GATE_COUNT);
                assert_false(seen & GATES(flow->gates[g].gate));
                seen |= GATES(flow->gates[g].gate);
            }
            /* an uncounted last row would be AGREE by its zeros */
            assert_true(flow->count == FLOW_GATES_MAX || flow->gates[flow->count].gate == 0);
            assert_true(profile_terms(profiles[p], flow->kind, flow->subjects, years, 8) > 0);
            assert_true((seen & GATES(GATE_CONFIRM)) == 0 ||
                        profile_confirms(profiles[p], flow->kind) != 0);
            assert_true((seen & GATES(GATE_VERIFY_ORG)) == 0 ||
                        profiles[p]->methods[PARTY_ORG] != 0);
            assert_true((seen & GATES(GATE_VERIFY_HANDLER)) == 0 ||
                        profiles[p]->methods[PARTY_HANDLER] != 0);
            assert_true((seen & GATES(GATE_VERIFY_PERSON)) == 0 ||
                        profiles[p]->methods[PARTY_PERSON] != 0);
            /* something comes of it in the end */
            assert_true(seen & (GATES(GATE_ISSUE) | GATES(GATE_PRODUCE) | GATES(GATE_APPLY_CA)));
        }
    }
    assert_int_equal(flows, 37);
}

static void every_field_of_every_portal_is_in_the_catalogue(void **state) {
    (void)state;
    for (size_t p = 0; profiles[p] != NULL; p++) {
        for (size_t i = 0; i < profiles[p]->field_count; i++) {
            const struct field_rule *rule = &profiles[p]->fields[i];
            if (field_find(rule->field) == NULL) {
                fail_msg("%s: no field %s", profiles[p]->id, rule->field);
            }
            /* it is asked for at a gate that the business has */
            for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
                enum subject_type type =
                    (rule->subjects & SUBJECT_ORG) != 0 ? SUBJECT_ORG : SUBJECT_PERSON;
                const struct flow *flow = profile_flow(profiles[p], (enum order_kind)kind, type);
                if ((rule->kinds & KINDS(kind)) == 0 || flow == NULL) {
                    continue;
                }
                if (!flow_has(flow->gates, flow->count, rule->gate)) {
                    fail_msg("%s: %s of %s is asked for at a gate that is not there",
                             profiles[p]->id, rule->field, kind_name((enum order_kind)kind));
                }
            }
        }
    }
}

static void a_produced_key_is_in_production_until_it_is_sent(void **state) {
    (void)state;
    struct flow_gate gates[] = {{GATE_PRODUCE, GATE_OPEN}, {GATE_SHIP, GATE_OPEN}};
    assert_int_equal(flow_state(gates, 2), STATE_APPROVED);
    gates[0].status = GATE_DONE;
    assert_int_equal(flow_state(gates, 2), STATE_PRODUCING);
    struct flow_gate blank[] = {{GATE_SHIP, GATE_OPEN}, {GATE_ISSUE, GATE_OPEN}};
    assert_int_equal(flow_state(blank, 2), STATE_APPROVED);
}

/* ---- fields ---- */

static void check_digits_are_checked(void **state) {
    (void)state;
    assert_true(identity_number_is_valid("11010519491231002X"));
    assert_false(identity_number_is_valid("110105194912310021"));
    assert_false(identity_number_is_valid("11010519491231002"));
    assert_true(social_credit_code_is_valid("91350100M000100Y43"));
    assert_false(social_credit_code_is_valid("91350100M000100Y44"));
    assert_false(social_credit_code_is_valid("91350100M000100Y4I"));
    assert_false(credential_is_valid(true, "ID", "11010519491231002X"));
    assert_true(credential_is_valid(false, "PASSPORT", "E12345678"));
}

static void others_see_names_and_phones_masked(void **state) {
    (void)state;
    char out[64];
    mask_phone("15112340305", out, sizeof out);
    assert_string_equal(out, "151****0305");
    mask_name("测试", out, sizeof out);
    assert_string_equal(out, "测*");
    mask_email("someone@example.com", out, sizeof out);
    assert_string_equal(out, "s***@example.com");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_that_of_the_first_open_gate),
        cmocka_unit_test(a_waived_gate_is_passed_and_a_failed_one_is_not),
        cmocka_unit_test(an_invoice_is_waited_for_only_where_policy_says_so),
        cmocka_unit_test(exactly_four_states_are_final),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(a_term_that_is_not_sold_has_no_price),
        cmocka_unit_test(every_text_is_there_in_both_languages),
        cmocka_unit_test(a_text_is_cut_at_a_whole_character),
        cmocka_unit_test(a_public_number_is_date_letter_and_four_digits),
        cmocka_unit_test(other_portals_number_as_their_manuals_show),
        cmocka_unit_test(every_flow_of_every_portal_is_whole),
        cmocka_unit_test(every_field_of_every_portal_is_in_the_catalogue),
        cmocka_unit_test(a_produced_key_is_in_production_until_it_is_sent),
        cmocka_unit_test(check_digits_are_checked),
        cmocka_unit_test(others_see_names_and_phones_masked),
        cmocka_unit_test_setup_teardown(numbers_of_a_day_do_not_repeat_and_begin_anew_the_next_day,
                                        fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
