/* The KMC gives a key back to two approvers and not to one, to one recipient and not to another, and writes it down. */
#include "module/formats/sm2_envelope.h"
#include "tests/unit/ca/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pair was issued; its key is wanted back. */
struct lost {
    struct fixture *f;
    struct ca_plan plan;
    struct certificate *encrypt;
    struct ca_recovery recovery;
    EVP_PKEY *recipient;
};

static void lose(struct fixture *f, struct lost *out) {
    struct ca_issued issued;
    assert_ca(ca_plan(f->ca, &f->request, &out->plan));
    assert_ca(ca_issue(f->ca, &f->request, &out->plan, &issued));
    out->f = f;
    out->encrypt = fixture_certificate(&issued.encrypt_certificate);
    out->recovery = (struct ca_recovery){"20260301A0001", out->plan.encrypt_serial};
    out->recipient = bench_sm2_key();
    ca_issued_free(&issued);
}

static void forget(struct lost *lost) {
    certificate_free(lost->encrypt);
    EVP_PKEY_free(lost->recipient);
}

static enum ca_error recover(const struct lost *lost, int64_t now, struct octets *out) {
    return ca_recover(lost->f->ca, &lost->recovery, lost->recipient, now, out);
}

static enum ca_error approve(const struct lost *lost, const char *approver, int64_t now) {
    return ca_recovery_approve(lost->f->ca, &lost->recovery, approver, now);
}

static void two_different_approvers_get_the_key_to_the_recipient(void **state) {
    struct lost lost;
    struct octets got, again;
    struct sm2_envelope envelope;
    EVP_PKEY *opened = NULL;
    lose(*state, &lost);
    assert_ca(approve(&lost, "shen", JAN_2026));
    assert_ca(approve(&lost, "zhou", JAN_2026 + DAY));
    assert_ca(recover(&lost, JAN_2026 + 2 * DAY, &got));
    assert_ok(sm2_envelope_parse(NULL, got.data, got.len, &envelope));
    assert_ok(sm2_envelope_open(NULL, lost.recipient, &envelope, &opened));
    assert_int_equal(EVP_PKEY_eq(opened, X509_get0_pubkey(lost.encrypt->x509)), 1);
    /* after a crash, and long after */
    ca_close(lost.f->ca);
    assert_ca(ca_open(NULL, lost.f->directory, NULL, &lost.f->ca));
    assert_ca(recover(&lost, JAN_2026 + 900 * DAY, &again));
    assert_true(octets_equal(&got, &again));
    octets_free(&got);
    octets_free(&again);
    EVP_PKEY_free(opened);
    forget(&lost);
}

static void one_approver_is_not_two_however_often_he_approves(void **state) {
    struct lost lost;
    struct octets got;
    lose(*state, &lost);
    assert_int_equal(recover(&lost, JAN_2026, &got), CA_UNKNOWN);
    assert_ca(approve(&lost, "shen", JAN_2026));
    assert_ca(approve(&lost, "shen", JAN_2026 + 1));
    assert_int_equal(recover(&lost, JAN_2026 + 2, &got), CA_NOT_APPROVED);
    assert_null(got.data);
    forget(&lost);
}

static void an_approval_does_not_last(void **state) {
    struct lost lost;
    struct octets got;
    lose(*state, &lost);
    assert_ca(approve(&lost, "shen", JAN_2026));
    assert_ca(approve(&lost, "zhou", JAN_2026 + 30 * DAY));
    assert_int_equal(recover(&lost, JAN_2026 + 30 * DAY + 1, &got), CA_NOT_APPROVED);
    assert_int_equal(recover(&lost, JAN_2026 - 1, &got), CA_NOT_APPROVED);
    assert_ca(approve(&lost, "shen", JAN_2026 + 31 * DAY)); /* renewed */
    assert_ca(recover(&lost, JAN_2026 + 31 * DAY, &got));
    octets_free(&got);
    forget(&lost);
}

static void two_approvals_are_good_for_one_recipient_and_one_key(void **state) {
    struct lost lost, other;
    struct octets got;
    lose(*state, &lost);
    lose(*state, &other);
    assert_ca(approve(&lost, "shen", JAN_2026));
    assert_int_equal(approve(&other, "zhou", JAN_2026), CA_PLAN_MISMATCH);
    assert_ca(approve(&lost, "zhou", JAN_2026));
    assert_int_equal(recover(&other, JAN_2026, &got), CA_PLAN_MISMATCH);
    assert_ca(recover(&lost, JAN_2026, &got));
    octets_free(&got);
    struct lost thief = lost;
    thief.recipient = other.recipient;
    assert_int_equal(recover(&thief, JAN_2026, &got), CA_NOT_APPROVED);
    assert_int_equal(approve(&lost, "wang", JAN_2026), CA_PLAN_MISMATCH);
    assert_null(got.data);
    forget(&lost);
    forget(&other);
}

static void a_bad_request_is_refused(void **state) {
    struct lost lost;
    struct octets got;
    lose(*state, &lost);
    struct ca_recovery bad = {"../../etc/passwd", lost.plan.encrypt_serial};
    assert_int_equal(ca_recovery_approve(lost.f->ca, &bad, "shen", JAN_2026), CA_ARGUMENT);
    bad.reference = "";
    assert_int_equal(ca_recovery_approve(lost.f->ca, &bad, "shen", JAN_2026), CA_ARGUMENT);
    bad = (struct ca_recovery){"R1", lost.plan.sign_serial};
    assert_int_equal(ca_recovery_approve(lost.f->ca, &bad, "shen", JAN_2026), CA_UNKNOWN);
    bad.encrypt_serial = "../kmc.key";
    assert_int_equal(ca_recovery_approve(lost.f->ca, &bad, "shen", JAN_2026), CA_UNKNOWN);
    assert_int_equal(approve(&lost, "shen zhou", JAN_2026), CA_ARGUMENT);
    assert_ca(approve(&lost, "shen", JAN_2026));
    assert_ca(approve(&lost, "zhou", JAN_2026));
    EVP_PKEY *p256 = fixture_key("P-256");
    assert_int_equal(ca_recover(lost.f->ca, &lost.recovery, p256, JAN_2026, &got), CA_BAD_KEY);
    EVP_PKEY_free(p256);
    assert_ca(recover(&lost, JAN_2026, &got)); /* nothing was used up */
    octets_free(&got);
    forget(&lost);
}

static void a_moved_or_damaged_escrow_file_is_named_corrupt(void **state) {
    struct fixture *f = *state;
    struct lost lost, other;
    char from[256], to[256];
    lose(f, &lost);
    lose(f, &other);
    snprintf(from, sizeof from, "%s/escrow/%s", f->directory, lost.plan.encrypt_serial);
    snprintf(to, sizeof to, "%s/escrow/%s", f->directory, other.plan.encrypt_serial);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(approve(&other, "shen", JAN_2026), CA_CORRUPT);
    assert_int_equal(approve(&lost, "shen", JAN_2026), CA_UNKNOWN);
    forget(&lost);
    forget(&other);
}

static void every_approval_recovery_and_refusal_is_recorded_and_a_changed_line_shows(void **state) {
    struct lost lost;
    struct octets got;
    size_t lines = 9;
    char path[256], text[4096];
    lose(*state, &lost);
    assert_ca(ca_recovery_log_check(lost.f->ca, &lines));
    assert_int_equal(lines, 0);
    assert_ca(approve(&lost, "shen", JAN_2026));
    assert_int_equal(recover(&lost, JAN_2026, &got), CA_NOT_APPROVED);
    assert_ca(approve(&lost, "zhou", JAN_2026));
    assert_ca(recover(&lost, JAN_2026, &got));
    octets_free(&got);
    assert_ca(ca_recovery_log_check(lost.f->ca, &lines));
    assert_int_equal(lines, 4);
    snprintf(path, sizeof path, "%s/kmc.log", lost.f->directory);
    FILE *file = fopen(path, "r+");
    size_t len = fread(text, 1, sizeof text - 1, file);
    text[len] = '\0';
    assert_non_null(strstr(text, " refused 20260301A0001 "));
    /* a line that was being written when the power went was never answered, and gives way */
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    fputs("2026-01-01T00:00:00Z appro", file);
    fclose(file);
    assert_ca(ca_recovery_log_check(lost.f->ca, &lines));
    assert_int_equal(lines, 4);
    struct ca_recovery second = {"R2", lost.plan.encrypt_serial};
    assert_ca(ca_recovery_approve(lost.f->ca, &second, "shen", JAN_2026));
    assert_ca(ca_recovery_log_check(lost.f->ca, &lines));
    assert_int_equal(lines, 5);
    file = fopen(path, "r+");
    fseek(file, strstr(text, "shen") - text, SEEK_SET);
    fputs("chen", file);
    fclose(file);
    assert_int_equal(ca_recovery_log_check(lost.f->ca, &lines), CA_CORRUPT);
    forget(&lost);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(two_different_approvers_get_the_key_to_the_recipient),
        TEST(one_approver_is_not_two_however_often_he_approves),
        TEST(an_approval_does_not_last),
        TEST(two_approvals_are_good_for_one_recipient_and_one_key),
        TEST(a_bad_request_is_refused),
        TEST(a_moved_or_damaged_escrow_file_is_named_corrupt),
        TEST(every_approval_recovery_and_refusal_is_recorded_and_a_changed_line_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
