/* The CA: what it issues verifies, what it is asked twice it answers once, what it keeps stays
 * private. */
#include "module/formats/certificate.h"
#include "module/formats/certificate_request.h"
#include "module/formats/seal.h"
#include "module/formats/sm2.h"
#include "module/formats/sm2_envelope.h"
#include "tests/unit/ca/fixture.h"
#include "tools/orderd/ca/ca.h"
#include "tools/orderd/seal_picture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_pair_of_certificates_is_issued_as_asked(void **state) {
    struct fixture *f = *state;
    struct ca_plan plan;
    struct ca_issued issued;
    struct sm2_envelope envelope;
    struct sm2_point point;
    EVP_PKEY *opened = NULL;
    assert_ca(ca_plan(f->ca, &f->request, &plan));
    assert_int_equal(strlen(plan.sign_serial), 32);
    assert_string_not_equal(plan.sign_serial, plan.encrypt_serial);
    assert_ca(ca_issue(f->ca, &f->request, &plan, &issued));
    struct certificate *sign = fixture_certificate(&issued.sign_certificate);
    struct certificate *encrypt = fixture_certificate(&issued.encrypt_certificate);
    assert_string_equal(sign->serial, plan.sign_serial);
    assert_string_equal(encrypt->serial, plan.encrypt_serial);
    assert_int_equal(sign->usage, CERTIFICATE_SIGN);
    assert_int_equal(encrypt->usage, CERTIFICATE_ENCRYPT);
    assert_true(certificate_is_pair(sign, encrypt));
    assert_int_equal(sign->not_before, JAN_2026 + 1);
    assert_int_equal(sign->not_after, JAN_2026 + 90 * DAY + 7);
    assert_true(octets_equal(&sign->subject.der, &f->subject));
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(sign->x509), f->key), 1);
    assert_ok(fixture_verify(f->ca, &issued.sign_certificate, JAN_2026 + DAY));
    assert_ok(fixture_verify(f->ca, &issued.encrypt_certificate, JAN_2026 + DAY));

    assert_ok(
        sm2_envelope_parse(NULL, issued.enveloped_key.data, issued.enveloped_key.len, &envelope));
    assert_ok(sm2_envelope_open(NULL, f->key, &envelope, &opened));
    assert_ok(sm2_key_point(X509_get0_pubkey(encrypt->x509), &point));
    assert_memory_equal(&point, &envelope.public_key, sizeof point);
    EVP_PKEY_free(opened);
    certificate_free(sign);
    certificate_free(encrypt);
    ca_issued_free(&issued);
}

static void the_same_plan_again_gives_the_same_bytes(void **state) {
    struct fixture *f = *state;
    struct ca_plan plan;
    struct ca_issued first, again, found;
    assert_ca(ca_plan(f->ca, &f->request, &plan));
    assert_int_equal(ca_issued_find(f->ca, plan.sign_serial, &found), CA_UNKNOWN);
    assert_ca(ca_issue(f->ca, &f->request, &plan, &first));
    ca_close(f->ca); /* as after a crash of the service */
    assert_ca(ca_open(NULL, f->directory, NULL, &f->ca));
    struct octets other_signature = fixture_csr(f->key, &f->subject);
    f->request.csr = other_signature.data; /* the same key, signed anew */
    f->request.csr_len = other_signature.len;
    assert_ca(ca_issue(f->ca, &f->request, &plan, &again));
    assert_ca(ca_issued_find(f->ca, plan.sign_serial, &found));
    assert_true(octets_equal(&first.sign_certificate, &again.sign_certificate));
    assert_true(octets_equal(&first.encrypt_certificate, &again.encrypt_certificate));
    assert_true(octets_equal(&first.enveloped_key, &again.enveloped_key));
    assert_true(octets_equal(&first.enveloped_key, &found.enveloped_key));
    ca_issued_free(&first);
    ca_issued_free(&again);
    ca_issued_free(&found);
    octets_free(&other_signature);
}

static void a_used_plan_is_refused_for_another_request(void **state) {
    struct fixture *f = *state;
    struct ca_plan plan;
    struct ca_issued issued;
    EVP_PKEY *other = bench_sm2_key();
    struct octets csr = fixture_csr(other, &f->subject);
    assert_ca(ca_plan(f->ca, &f->request, &plan));
    assert_ca(ca_issue(f->ca, &f->request, &plan, &issued));
    ca_issued_free(&issued);
    struct ca_request request = f->request;
    request.not_after++;
    assert_int_equal(ca_issue(f->ca, &request, &plan, &issued), CA_PLAN_MISMATCH);
    request = f->request;
    request.csr = csr.data;
    request.csr_len = csr.len;
    assert_int_equal(ca_issue(f->ca, &request, &plan, &issued), CA_PLAN_MISMATCH);
    assert_null(issued.sign_certificate.data);
    octets_free(&csr);
    EVP_PKEY_free(other);
}

/* The escrow is written before anything is signed: a plan cut off there goes on with the same
 * encryption key. */
static void a_plan_cut_off_after_the_escrow_goes_on_with_its_key(void **state) {
    struct fixture *f = *state;
    struct ca_plan plan;
    struct ca_issued issued;
    char path[256];
    assert_ca(ca_plan(f->ca, &f->request, &plan));
    assert_ca(ca_issue(f->ca, &f->request, &plan, &issued));
    struct certificate *before = fixture_certificate(&issued.encrypt_certificate);
    ca_issued_free(&issued);
    snprintf(path, sizeof path, "%s/issued/%s", f->directory, plan.sign_serial);
    assert_int_equal(unlink(path), 0);
    assert_ca(ca_issue(f->ca, &f->request, &plan, &issued));
    struct certificate *after = fixture_certificate(&issued.encrypt_certificate);
    assert_true(certificate_same_key(before, after));
    certificate_free(before);
    certificate_free(after);
    ca_issued_free(&issued);
}

static void an_rsa_key_gets_one_certificate_for_both_uses(void **state) {
    struct fixture *f = *state;
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    struct octets csr = fixture_csr(rsa, &f->subject);
    struct ca_request request = f->request;
    struct ca_plan plan;
    struct ca_issued issued;
    request.csr = csr.data;
    request.csr_len = csr.len;
    assert_int_equal(ca_plan(f->ca, &request, &plan), CA_BAD_KEY);
    request.encryption_pair = false;
    request.dual_use = true;
    assert_ca(ca_plan(f->ca, &request, &plan));
    assert_string_equal(plan.encrypt_serial, "");
    assert_ca(ca_issue(f->ca, &request, &plan, &issued));
    struct certificate *certificate = fixture_certificate(&issued.sign_certificate);
    assert_int_equal(certificate->usage, CERTIFICATE_BOTH);
    assert_int_equal(certificate->algorithm, CERTIFICATE_RSA);
    assert_null(issued.encrypt_certificate.data);
    assert_ok(fixture_verify(f->ca, &issued.sign_certificate, JAN_2026 + DAY));
    certificate_free(certificate);
    ca_issued_free(&issued);
    octets_free(&csr);
    EVP_PKEY_free(rsa);
}

static void bad_requests_are_refused_before_anything_is_planned(void **state) {
    struct fixture *f = *state;
    struct ca_plan plan;
    EVP_PKEY *small = EVP_RSA_gen(1024);
    struct octets csr = fixture_csr(small, &f->subject);
    struct ca_request request = f->request;
    request.csr = csr.data;
    request.csr_len = csr.len;
    request.encryption_pair = false;
    assert_int_equal(ca_plan(f->ca, &request, &plan), CA_BAD_KEY);
    request = f->request;
    request.not_after = request.not_before - 1;
    assert_int_equal(ca_plan(f->ca, &request, &plan), CA_ARGUMENT);
    f->csr.data[f->csr.len - 1] ^= 1;
    assert_int_equal(ca_plan(f->ca, &f->request, &plan), CA_BAD_REQUEST);
    request = f->request;
    request.subject_len--;
    assert_int_equal(ca_plan(f->ca, &request, &plan), CA_ARGUMENT);
    octets_free(&csr);
    EVP_PKEY_free(small);
}

static void a_crl_url_cannot_smuggle_configuration(void **state) {
    struct fixture *f = *state;
    struct ca_plan plan;
    struct ca_issued issued;
    f->request.crl_url = "http://x/,email:copy";
    assert_ca(ca_plan(f->ca, &f->request, &plan));
    assert_int_equal(ca_issue(f->ca, &f->request, &plan, &issued), CA_ARGUMENT);
}

static void the_crl_lists_the_revoked_and_is_signed(void **state) {
    struct fixture *f = *state;
    const struct ca_revoked revoked[] = {
        {"60A1", JAN_2026, CA_REASON_SUPERSEDED},
        {"5001", JAN_2026 + DAY, CA_REASON_HOLD},
        {"7F", JAN_2026 + DAY, CA_REASON_UNSPECIFIED},
    };
    struct octets der;
    struct certificate *issuing = fixture_certificate(ca_issuing(f->ca));
    assert_ca(ca_crl(f->ca, revoked, 3, 7, JAN_2026, JAN_2026 + 7 * DAY, &der));
    const unsigned char *p = der.data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.len);
    assert_non_null(crl);
    X509_REVOKED *entry = NULL;
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_INTEGER_set(serial, 0x60A1);
    assert_int_equal(X509_CRL_get0_by_serial(crl, &entry, serial), 1);
    ASN1_INTEGER_set(serial, 0x60A2);
    assert_int_equal(X509_CRL_get0_by_serial(crl, &entry, serial), 0);
    ASN1_INTEGER_free(serial);

    unsigned char *tbs = NULL;
    const ASN1_BIT_STRING *signature = NULL;
    int tbs_len = i2d_re_X509_CRL_tbs(crl, &tbs);
    X509_CRL_get0_signature(crl, &signature, NULL);
    assert_ok(certificate_verify_message(NULL, issuing, tbs, (size_t)tbs_len,
                                         ASN1_STRING_get0_data(signature),
                                         (size_t)ASN1_STRING_length(signature)));
    tbs[tbs_len / 2] ^= 1;
    assert_int_equal(certificate_verify_message(NULL, issuing, tbs, (size_t)tbs_len,
                                                ASN1_STRING_get0_data(signature),
                                                (size_t)ASN1_STRING_length(signature)),
                     FORMATS_SIGNATURE);
    OPENSSL_free(tbs);
    X509_CRL_free(crl);
    octets_free(&der);
    assert_ca(ca_crl(f->ca, NULL, 0, 8, JAN_2026, JAN_2026 + DAY, &der));
    octets_free(&der);
    certificate_free(issuing);
}

static void the_seal_maker_s_seal_checks_to_the_root(void **state) {
    struct fixture *f = *state;
    struct ca_plan plan;
    struct ca_issued issued;
    struct octets picture, der;
    struct seal *seal = NULL;
    char id[29];
    assert_ca(ca_plan(f->ca, &f->request, &plan));
    assert_ca(ca_issue(f->ca, &f->request, &plan, &issued));
    assert_true(seal_picture_png("甲公司", 48, 48, &picture));
    assert_memory_equal(picture.data, "\x89PNG\r\n\x1a\n", 8);
    assert_ca(ca_seal_id(f->ca, id));
    assert_int_equal(strlen(id), 28);
    assert_ca(ca_seal(f->ca,
                      &(struct ca_seal_request){.id = id,
                                                .type = SEAL_ORGANIZATION,
                                                .name = "甲公司",
                                                .width_mm = 48,
                                                .height_mm = 48,
                                                .picture = picture.data,
                                                .picture_len = picture.len,
                                                .certificates = &issued.sign_certificate,
                                                .certificate_count = 1,
                                                .created = JAN_2026,
                                                .valid_start = JAN_2026,
                                                .valid_end = JAN_2026 + DAY},
                      &der));
    assert_true(der.len < (size_t)48 * 1024);
    assert_ok(seal_parse(NULL, der.data, der.len, &seal));
    struct certificate *root = fixture_certificate(ca_root(f->ca));
    struct certificate *issuing = fixture_certificate(ca_issuing(f->ca));
    STACK_OF(X509) *intermediates = sk_X509_new_null();
    sk_X509_push(intermediates, issuing->x509);
    assert_ok(seal_check(seal, root->x509, intermediates, JAN_2026 + 5));
    assert_true(
        seal_lists_certificate(seal, issued.sign_certificate.data, issued.sign_certificate.len));
    sk_X509_free(intermediates);
    certificate_free(root);
    certificate_free(issuing);
    seal_free(seal);
    octets_free(&der);
    octets_free(&picture);
    ca_issued_free(&issued);
}

static void every_file_is_private(void **state) {
    struct fixture *f = *state;
    struct stat info;
    struct dirent *entry;
    DIR *directory = opendir(f->directory);
    int files = 0;
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, "..") == 0)
            continue;
        assert_int_equal(fstatat(dirfd(directory), entry->d_name, &info, 0), 0);
        assert_int_equal(info.st_mode & 0077, 0);
        assert_null(strstr(entry->d_name, ".new"));
        files++;
    }
    closedir(directory);
    assert_true(files > 8);
}

static void opening_again_changes_nothing(void **state) {
    struct fixture *f = *state;
    struct ca *again = NULL;
    assert_ca(ca_open(NULL, f->directory, &fixture_create, &again));
    assert_true(octets_equal(ca_root(f->ca), ca_root(again)));
    assert_true(octets_equal(ca_issuing(f->ca), ca_issuing(again)));
    assert_true(octets_equal(ca_seal_maker(f->ca), ca_seal_maker(again)));
    ca_close(again);
}

static void an_absent_or_damaged_ca_is_told_apart(void **state) {
    struct fixture *f = *state;
    struct ca *ca = NULL;
    char path[256];
    assert_int_equal(ca_open(NULL, "/nonexistent/ca", NULL, &ca), CA_ABSENT);
    assert_int_equal(ca_open(NULL, "/nonexistent/ca", &fixture_create, &ca), CA_STORE);
    assert_int_equal(errno, ENOENT);
    snprintf(path, sizeof path, "%s/issuing.key", f->directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ca_open(NULL, f->directory, &fixture_create, &ca), CA_CORRUPT);
    FILE *file = fopen(path, "w");
    fputs("no key", file);
    fclose(file);
    assert_int_equal(ca_open(NULL, f->directory, &fixture_create, &ca), CA_CORRUPT);
    assert_null(ca);
}

/* Two processes that begin at once make one CA. */
static void processes_that_start_together_make_one_ca(void **state) {
    struct fixture *f = *state;
    char directory[128];
    struct ca *ca = NULL;
    snprintf(directory, sizeof directory, "%s/second", f->directory);
    pid_t children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct ca *mine = NULL;
            _exit(ca_open(NULL, directory, &fixture_create, &mine) == CA_OK ? 0 : 1);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status = 1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_ca(ca_open(NULL, directory, NULL, &ca));
    assert_ok(fixture_verify(ca, ca_seal_maker(ca), JAN_2026));
    ca_close(ca);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pair_of_certificates_is_issued_as_asked, fixture_make,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(the_same_plan_again_gives_the_same_bytes, fixture_make,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(a_used_plan_is_refused_for_another_request, fixture_make,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(a_plan_cut_off_after_the_escrow_goes_on_with_its_key,
                                        fixture_make, fixture_drop),
        cmocka_unit_test_setup_teardown(an_rsa_key_gets_one_certificate_for_both_uses, fixture_make,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(bad_requests_are_refused_before_anything_is_planned,
                                        fixture_make, fixture_drop),
        cmocka_unit_test_setup_teardown(a_crl_url_cannot_smuggle_configuration, fixture_make,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(the_crl_lists_the_revoked_and_is_signed, fixture_make,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(the_seal_maker_s_seal_checks_to_the_root, fixture_make,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(every_file_is_private, fixture_make, fixture_drop),
        cmocka_unit_test_setup_teardown(opening_again_changes_nothing, fixture_make, fixture_drop),
        cmocka_unit_test_setup_teardown(an_absent_or_damaged_ca_is_told_apart, fixture_make,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(processes_that_start_together_make_one_ca, fixture_make,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
