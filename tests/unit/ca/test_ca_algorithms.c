/* The same CA with each algorithm: its chain, certificates, CRL and seals hold, one changed byte and they do not; one directory holds
 * one CA. */
#include "module/formats/seal.h"
#include "tests/unit/ca/fixture.h"
#include "tools/orderd/seal_picture.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int make_of(void **state, enum ca_algorithm algorithm, const char *type) {
    static struct fixture f;
    const struct ca_options options = {.create = true, .now = JAN_2026, .algorithm = algorithm};
    fixture_open(&f, &options, type);
    *state = &f;
    return 0;
}

static int make_sm2(void **state) {
    return make_of(state, CA_SM2, "SM2");
}
static int make_p256(void **state) {
    return make_of(state, CA_P256, "P-256");
}
static int make_rsa(void **state) {
    return make_of(state, CA_RSA, "RSA");
}

static struct octets issue(struct fixture *f) {
    struct ca_plan plan;
    struct ca_issued issued;
    assert_ca(ca_plan(f->ca, &f->request, &plan));
    assert_ca(ca_issue(f->ca, &f->request, &plan, &issued));
    assert_null(issued.encrypt_certificate.data);
    return issued.sign_certificate;
}

static void every_certificate_chains_to_the_root_and_one_byte_breaks_it(void **state) {
    struct fixture *f = *state;
    struct octets certificate = issue(f);
    assert_ok(fixture_verify(f->ca, &certificate, JAN_2026 + 2));
    assert_ok(fixture_verify(f->ca, ca_seal_maker(f->ca), JAN_2026 + 2));
    certificate.data[certificate.len - 1] ^= 1;
    assert_int_equal(fixture_verify(f->ca, &certificate, JAN_2026 + 2), FORMATS_SIGNATURE);
    struct certificate *root = fixture_certificate(ca_root(f->ca));
    struct certificate *leaf = fixture_certificate(&certificate);
    assert_int_equal(ca_algorithm_of_key(X509_get0_pubkey(root->x509)), ca_algorithm(f->ca));
    assert_int_equal(ca_algorithm_of_key(X509_get0_pubkey(leaf->x509)), ca_algorithm(f->ca));
    assert_int_equal(root->key_bits, ca_algorithm(f->ca) == CA_RSA ? 3072 : 256);
    assert_int_equal(leaf->usage, CERTIFICATE_SIGN);
    certificate_free(root);
    certificate_free(leaf);
    octets_free(&certificate);
}

/* OpenSSL's X509_CRL knows no identity: SM2's CRL is asked of openssl pkeyutl in orderd-authority.test.mjs. */
static void the_crl_is_signed_and_one_byte_breaks_it(void **state) {
    struct fixture *f = *state;
    struct octets der;
    const struct ca_revoked revoked = {"0A", JAN_2026, CA_REASON_HOLD};
    struct certificate *issuing = fixture_certificate(ca_issuing(f->ca));
    assert_ca(ca_crl(f->ca, &revoked, 1, 1, JAN_2026, JAN_2026 + DAY, &der));
    for (int broken = 0; broken < 2; broken++) {
        const unsigned char *p = der.data;
        der.data[der.len - 1] ^= (unsigned char)broken;
        X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.len);
        assert_non_null(crl);
        assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(issuing->x509)) == 1, broken == 0);
        X509_CRL_free(crl);
    }
    certificate_free(issuing);
    octets_free(&der);
}

/* An organisation's and a person's. */
static void its_seals_check_to_the_root_and_one_byte_breaks_them(void **state) {
    struct fixture *f = *state;
    struct octets certificate = issue(f);
    struct octets picture, der;
    char id[29];
    assert_true(seal_picture_png("甲公司", 48, 48, &picture));
    for (int type = SEAL_ORGANIZATION; type <= SEAL_PERSONAL; type++) {
        assert_ca(ca_seal_id(f->ca, id));
        const struct ca_seal_request request = {.id = id,
                                                .type = type,
                                                .name = "甲公司",
                                                .width_mm = 48,
                                                .height_mm = 48,
                                                .picture = picture.data,
                                                .picture_len = picture.len,
                                                .certificates = &certificate,
                                                .certificate_count = 1,
                                                .created = JAN_2026,
                                                .valid_start = JAN_2026,
                                                .valid_end = JAN_2026 + 90 * DAY};
        assert_ca(ca_seal(f->ca, &request, &der));
        struct certificate *root = fixture_certificate(ca_root(f->ca));
        struct certificate *issuing = fixture_certificate(ca_issuing(f->ca));
        STACK_OF(X509) *intermediates = sk_X509_new_null();
        sk_X509_push(intermediates, issuing->x509);
        struct seal *seal = NULL;
        assert_ok(seal_parse(NULL, der.data, der.len, &seal));
        assert_int_equal(seal->version, 4);
        assert_int_equal(seal->type, type);
        assert_ok(seal_check(seal, root->x509, intermediates, JAN_2026 + 2));
        seal_free(seal);
        der.data[der.len - 1] ^= 1;
        assert_ok(seal_parse(NULL, der.data, der.len, &seal));
        assert_int_not_equal(seal_check(seal, root->x509, intermediates, JAN_2026 + 2), FORMATS_OK);
        seal_free(seal);
        sk_X509_free(intermediates);
        certificate_free(root);
        certificate_free(issuing);
        octets_free(&der);
    }
    octets_free(&picture);
    octets_free(&certificate);
}

static void a_certificate_says_where_its_standing_is_found(void **state) {
    struct fixture *f = *state;
    f->request.crl_url = "http://ca.example/ca/crl";
    f->request.ocsp_url = "http://ca.example/ca/ocsp";
    f->request.issuer_url = "http://ca.example/ca/issuing.crt";
    struct octets der = issue(f);
    struct certificate *certificate = fixture_certificate(&der);
    STACK_OF(OPENSSL_STRING) *ocsp = X509_get1_ocsp(certificate->x509);
    assert_int_equal(sk_OPENSSL_STRING_num(ocsp), 1);
    assert_string_equal(sk_OPENSSL_STRING_value(ocsp, 0), f->request.ocsp_url);
    X509_email_free(ocsp);
    AUTHORITY_INFO_ACCESS *access =
        X509_get_ext_d2i(certificate->x509, NID_info_access, NULL, NULL);
    assert_int_equal(sk_ACCESS_DESCRIPTION_num(access), 2);
    AUTHORITY_INFO_ACCESS_free(access);
    assert_non_null(memmem(der.data, der.len, f->request.crl_url, strlen(f->request.crl_url)));
    assert_non_null(memmem(der.data, der.len, f->request.issuer_url, 32));
    certificate_free(certificate);
    octets_free(&der);
}

static void a_service_that_moved_between_plan_and_issue_goes_on(void **state) {
    struct fixture *f = *state;
    struct ca_plan plan;
    struct ca_issued issued, again;
    assert_ca(ca_plan(f->ca, &f->request, &plan));
    assert_ca(ca_issue(f->ca, &f->request, &plan, &issued));
    f->request.crl_url = "http://elsewhere.example/crl";
    assert_ca(ca_issue(f->ca, &f->request, &plan, &again));
    assert_true(octets_equal(&issued.sign_certificate, &again.sign_certificate));
    ca_issued_free(&issued);
    ca_issued_free(&again);
}

static void another_algorithm_than_the_directory_s_is_refused(void **state) {
    struct fixture *f = *state;
    struct ca *ca = NULL;
    for (enum ca_algorithm other = CA_SM2; other < CA_ALGORITHMS; other++) {
        const struct ca_options options = {.create = true, .now = JAN_2026, .algorithm = other};
        enum ca_error error = ca_open(NULL, f->directory, &options, &ca);
        assert_int_equal(error, other == ca_algorithm(f->ca) ? CA_OK : CA_OTHER_ALGORITHM);
        ca_close(ca);
        ca = NULL;
    }
    assert_ca(ca_open(NULL, f->directory, NULL, &ca));
    assert_int_equal(ca_algorithm(ca), ca_algorithm(f->ca));
    ca_close(ca);
}

static void keys_from_two_cas_in_one_directory_are_damage(void **state) {
    struct fixture *f = *state;
    struct fixture other = {.ca = NULL};
    struct ca *ca = NULL;
    char from[256], to[256];
    const struct ca_options options = {.create = true, .now = JAN_2026, .algorithm = CA_SM2};
    void *second = &other;
    fixture_open(&other, &options, "SM2");
    snprintf(from, sizeof from, "%s/issuing.key", other.directory);
    snprintf(to, sizeof to, "%s/issuing.key", f->directory);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(ca_open(NULL, f->directory, NULL, &ca), CA_CORRUPT);
    assert_int_equal(fixture_drop(&second), 0);
}

static void algorithms_are_known_by_their_names(void **state) {
    (void)state;
    assert_int_equal(ca_algorithm_find("SM2"), CA_SM2);
    assert_int_equal(ca_algorithm_find("P-256"), CA_P256);
    assert_int_equal(ca_algorithm_find("RSA-2048"), CA_RSA);
    assert_int_equal(ca_algorithm_find("any"), CA_ANY_ALGORITHM);
    assert_int_equal(ca_algorithm_find("P-384"), CA_ANY_ALGORITHM);
    EVP_PKEY *other = fixture_key("P-384");
    assert_int_equal(ca_algorithm_of_key(other), CA_ANY_ALGORITHM);
    EVP_PKEY_free(other);
}

int main(void) {
#define EACH(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, make_sm2, fixture_drop),                                 \
        cmocka_unit_test_setup_teardown(name, make_p256, fixture_drop),                            \
        cmocka_unit_test_setup_teardown(name, make_rsa, fixture_drop)
    const struct CMUnitTest tests[] = {
        EACH(every_certificate_chains_to_the_root_and_one_byte_breaks_it),
        EACH(its_seals_check_to_the_root_and_one_byte_breaks_them),
        EACH(another_algorithm_than_the_directory_s_is_refused),
        cmocka_unit_test_setup_teardown(the_crl_is_signed_and_one_byte_breaks_it, make_p256,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(the_crl_is_signed_and_one_byte_breaks_it, make_rsa,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(a_certificate_says_where_its_standing_is_found, make_p256,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(a_service_that_moved_between_plan_and_issue_goes_on,
                                        make_p256, fixture_drop),
        cmocka_unit_test_setup_teardown(keys_from_two_cas_in_one_directory_are_damage, make_p256,
                                        fixture_drop),
        cmocka_unit_test(algorithms_are_known_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
