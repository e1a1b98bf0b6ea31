/* A CA's directory as version 0.1.0 left it (earlier/, made by its soft-key): it is read, what was planned before goes on to the same
 * bytes, its escrow opens, and it gets what it lacked. */
#include "module/formats/certificate_request.h"
#include "tests/unit/ca/fixture.h"

#include <errno.h>
#include <ftw.h>
#include <libgen.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char SIGN_SERIAL[] = "439C70EC82A9208F07025F474588A127";
static const char ENCRYPT_SERIAL[] = "61671C5DA8ECDAB6E2B619DDAD9F53D7";
enum { JAN_2027 = JAN_2026 + 365 * DAY };

static char from[512];
static const char *to;

static int copy_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
    char target[768];
    char bytes[8192];
    (void)at;
    snprintf(target, sizeof target, "%s%s", to, path + strlen(from));
    if (type == FTW_D)
        return mkdir(target, 0700) == 0 || errno == EEXIST ? 0 : -1;
    FILE *in = fopen(path, "re");
    FILE *out = fopen(target, "we");
    size_t len = in != NULL ? fread(bytes, 1, sizeof bytes, in) : 0;
    bool done = out != NULL && len == (size_t)info->st_size && fwrite(bytes, 1, len, out) == len;
    if (in != NULL)
        fclose(in);
    return out != NULL && fclose(out) == 0 && done ? 0 : -1;
}

/* The directory, and the request that was certified with it. */
static int open_earlier(void **state) {
    static struct fixture f;
    static const struct name_field fields[] = {
        {"C", "CN"}, {"O", "甲公司"}, {"organizationIdentifier", "91430000X"}, {"CN", "甲公司"}};
    char here[] = __FILE__;
    char path[600];
    f = (struct fixture){.ca = NULL};
    snprintf(from, sizeof from, "%s/earlier", dirname(here));
    strcpy(f.directory, "/tmp/openukey-ca-XXXXXX");
    assert_non_null(mkdtemp(f.directory));
    to = f.directory;
    assert_int_equal(nftw(from, copy_entry, 8, FTW_PHYS), 0);
    assert_ca(ca_open(NULL, f.directory, NULL, &f.ca));
    snprintf(path, sizeof path, "%s/request.key", f.directory);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    f.key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    assert_ok(name_from_fields(fields, 4, &f.subject));
    f.csr = fixture_csr(f.key, &f.subject);
    f.request = (struct ca_request){.csr = f.csr.data,
                                    .csr_len = f.csr.len,
                                    .subject = f.subject.data,
                                    .subject_len = f.subject.len,
                                    .not_before = JAN_2026,
                                    .not_after = JAN_2027,
                                    .encryption_pair = true};
    *state = &f;
    return 0;
}

static void it_is_an_sm2_ca_whose_certificates_still_chain(void **state) {
    struct fixture *f = *state;
    struct ca_issued issued;
    assert_int_equal(ca_algorithm(f->ca), CA_SM2);
    assert_ca(ca_issued_find(f->ca, SIGN_SERIAL, &issued));
    assert_ok(fixture_verify(f->ca, &issued.sign_certificate, JAN_2026 + 2));
    assert_ok(fixture_verify(f->ca, &issued.encrypt_certificate, JAN_2026 + 2));
    ca_issued_free(&issued);
}

static void what_was_planned_before_goes_on_to_the_same_bytes(void **state) {
    struct fixture *f = *state;
    struct ca_issued issued, again;
    struct ca_plan plan;
    snprintf(plan.sign_serial, sizeof plan.sign_serial, "%s", SIGN_SERIAL);
    snprintf(plan.encrypt_serial, sizeof plan.encrypt_serial, "%s", ENCRYPT_SERIAL);
    f->request.crl_url = "https://new.example/ca/crl";
    assert_ca(ca_issued_find(f->ca, SIGN_SERIAL, &issued));
    assert_ca(ca_issue(f->ca, &f->request, &plan, &again));
    assert_true(octets_equal(&issued.sign_certificate, &again.sign_certificate));
    assert_true(octets_equal(&issued.enveloped_key, &again.enveloped_key));
    ca_issued_free(&issued);
    ca_issued_free(&again);
}

static void its_escrow_opens_to_two_approvers(void **state) {
    struct fixture *f = *state;
    struct octets envelope;
    const struct ca_recovery recovery = {"R1", ENCRYPT_SERIAL};
    assert_ca(ca_recovery_approve(f->ca, &recovery, "shen", JAN_2026));
    assert_ca(ca_recovery_approve(f->ca, &recovery, "zhou", JAN_2026));
    assert_ca(ca_recover(f->ca, &recovery, f->key, JAN_2026, &envelope));
    octets_free(&envelope);
}

static void it_gets_a_responder_when_it_is_opened_to_be_written_to(void **state) {
    struct fixture *f = *state;
    struct octets out, root;
    assert_ok(octets_copy(&root, ca_root(f->ca)->data, ca_root(f->ca)->len));
    assert_int_equal(ca_ocsp(f->ca, (const unsigned char *)"", 0, NULL, NULL, JAN_2026, &out),
                     CA_ABSENT);
    ca_close(f->ca);
    assert_ca(ca_open(NULL, f->directory, &fixture_create, &f->ca));
    assert_ca(ca_ocsp(f->ca, (const unsigned char *)"", 0, NULL, NULL, JAN_2026, &out));
    assert_true(octets_equal(&root, ca_root(f->ca)));
    octets_free(&out);
    octets_free(&root);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_earlier, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(it_is_an_sm2_ca_whose_certificates_still_chain),
        TEST(what_was_planned_before_goes_on_to_the_same_bytes),
        TEST(its_escrow_opens_to_two_approvers),
        TEST(it_gets_a_responder_when_it_is_opened_to_be_written_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
