/* Certificates, chains and requests: what people see, what verifies, what does not. */
#include "module/formats/calendar.h"
#include "module/formats/certificate.h"
#include "module/formats/certificate_request.h"
#include "module/formats/sm2.h"
#include "tests/unit/formats/bench.h"

#include <string.h>

struct fixture {
    EVP_PKEY *root_key, *issuing_key, *leaf_key;
    X509 *root, *issuing, *leaf;
    STACK_OF(X509) *intermediates;
};

static int make(void **state) {
    static struct fixture f;
    f.root_key = bench_sm2_key();
    f.issuing_key = bench_sm2_key();
    f.leaf_key = bench_sm2_key();
    f.root = bench_certify(&(struct bench_certificate){.common_name = "root",
                                                       .key = f.root_key,
                                                       .issuer_key = f.root_key,
                                                       .is_ca = true,
                                                       .not_before = JAN_2026 - 10 * DAY,
                                                       .not_after = JAN_2026 + 400L * DAY});
    f.issuing = bench_certify(&(struct bench_certificate){.common_name = "issuing",
                                                          .key = f.issuing_key,
                                                          .issuer = f.root,
                                                          .issuer_key = f.root_key,
                                                          .is_ca = true,
                                                          .not_before = JAN_2026 - 10 * DAY,
                                                          .not_after = JAN_2026 + 300L * DAY,
                                                          .serial = 2});
    f.leaf = bench_certify(
        &(struct bench_certificate){.common_name = "甲公司",
                                    .key = f.leaf_key,
                                    .issuer = f.issuing,
                                    .issuer_key = f.issuing_key,
                                    .key_usage = "critical,digitalSignature,nonRepudiation",
                                    .not_before = JAN_2026,
                                    .not_after = JAN_2026 + 90 * DAY,
                                    .serial = 0x1234});
    f.intermediates = sk_X509_new_null();
    sk_X509_push(f.intermediates, f.issuing);
    *state = &f;
    return 0;
}

static int drop(void **state) {
    struct fixture *f = *state;
    EVP_PKEY_free(f->root_key);
    EVP_PKEY_free(f->issuing_key);
    EVP_PKEY_free(f->leaf_key);
    X509_free(f->root);
    X509_free(f->issuing);
    X509_free(f->leaf);
    sk_X509_free(f->intermediates);
    return 0;
}

static struct certificate *parse(X509 *x509) {
    struct octets der = bench_x509_der(x509);
    struct certificate *certificate = NULL;
    assert_ok(certificate_parse(NULL, der.data, der.len, &certificate));
    octets_free(&der);
    return certificate;
}

static void a_certificate_says_who_and_what_for(void **state) {
    struct fixture *f = *state;
    struct certificate *c = parse(f->leaf);
    assert_string_equal(c->subject.common_name, "甲公司");
    assert_string_equal(c->subject.country, "CN");
    assert_string_equal(c->subject.organization, "");
    assert_string_equal(c->subject.text, "CN=甲公司,C=CN");
    assert_string_equal(c->issuer.common_name, "issuing");
    assert_string_equal(c->serial, "1234");
    assert_int_equal(c->usage, CERTIFICATE_SIGN);
    assert_int_equal(c->algorithm, CERTIFICATE_SM2);
    assert_int_equal(c->key_bits, 256);
    assert_false(c->is_ca);
    assert_int_equal(c->not_before, JAN_2026);
    assert_int_equal(c->not_after, JAN_2026 + 90 * DAY);
    assert_int_equal(strlen(c->id), 64);
    certificate_free(c);
}

static void a_certificate_goes_through_pem_and_back(void **state) {
    struct fixture *f = *state;
    struct octets pem;
    struct certificate *c = parse(f->leaf);
    struct certificate *again = NULL;
    assert_ok(certificate_to_pem(c->der.data, c->der.len, &pem));
    assert_int_equal(pem.data[pem.len], 0);
    assert_ok(certificate_parse_pem(NULL, (const char *)pem.data, pem.len, &again));
    assert_string_equal(c->id, again->id);
    octets_free(&pem);
    certificate_free(c);
    certificate_free(again);
}

static void cut_certificates_are_refused(void **state) {
    struct fixture *f = *state;
    struct certificate *c = NULL;
    struct octets der = bench_x509_der(f->leaf);
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(certificate_parse(NULL, der.data, len, &c), FORMATS_MALFORMED);
    assert_null(c);
    octets_free(&der);
}

static void days_left_are_shanghai_calendar_days(void **state) {
    struct fixture *f = *state;
    struct certificate *c = parse(f->leaf);
    int64_t last_midnight = calendar_end_of_day(c->not_after) + 1 - DAY; /* 00:00 of the last day */
    assert_int_equal(certificate_days_left(c, last_midnight), 0);
    assert_int_equal(certificate_days_left(c, last_midnight - 1), 1);
    assert_int_equal(certificate_days_left(c, last_midnight + DAY), -1);
    certificate_free(c);
}

static void a_chain_verifies_only_to_its_root_and_in_its_time(void **state) {
    struct fixture *f = *state;
    EVP_PKEY *key = bench_sm2_key();
    X509 *impostor = bench_certify(&(struct bench_certificate){.common_name = "root",
                                                               .key = key,
                                                               .issuer_key = key,
                                                               .is_ca = true,
                                                               .not_before = JAN_2026 - DAY,
                                                               .not_after = JAN_2026 + 90 * DAY});
    assert_ok(certificate_verify_chain(NULL, f->leaf, f->intermediates, f->root, JAN_2026 + DAY));
    assert_ok(certificate_verify_chain(NULL, f->issuing, NULL, f->root, JAN_2026));
    assert_int_equal(certificate_verify_chain(NULL, f->leaf, NULL, f->root, JAN_2026),
                     FORMATS_UNTRUSTED);
    assert_int_not_equal(
        certificate_verify_chain(NULL, f->leaf, f->intermediates, impostor, JAN_2026), FORMATS_OK);
    assert_int_equal(
        certificate_verify_chain(NULL, f->leaf, f->intermediates, f->root, JAN_2026 - 1),
        FORMATS_NOT_YET_VALID);
    assert_int_equal(
        certificate_verify_chain(NULL, f->leaf, f->intermediates, f->root, JAN_2026 + 90 * DAY + 1),
        FORMATS_EXPIRED);
    X509_free(impostor);
    EVP_PKEY_free(key);
}

static void a_certificate_issued_by_a_leaf_is_untrusted(void **state) {
    struct fixture *f = *state;
    X509 *child = bench_certify(&(struct bench_certificate){.common_name = "child",
                                                            .key = f->root_key,
                                                            .issuer = f->leaf,
                                                            .issuer_key = f->leaf_key,
                                                            .not_before = JAN_2026,
                                                            .not_after = JAN_2026 + DAY});
    sk_X509_push(f->intermediates, f->leaf);
    assert_int_equal(certificate_verify_chain(NULL, child, f->intermediates, f->root, JAN_2026),
                     FORMATS_UNTRUSTED);
    X509_free(child);
}

static void no_flipped_byte_of_a_certificate_verifies(void **state) {
    struct fixture *f = *state;
    struct octets der = bench_x509_der(f->leaf);
    for (size_t i = 0; i < der.len; i++) {
        struct certificate *c = NULL;
        der.data[i] ^= 1;
        if (certificate_parse(NULL, der.data, der.len, &c) == FORMATS_OK)
            assert_int_not_equal(
                certificate_verify_chain(NULL, c->x509, f->intermediates, f->root, JAN_2026 + DAY),
                FORMATS_OK);
        certificate_free(c);
        der.data[i] ^= 1;
    }
    octets_free(&der);
}

static void sign_and_encryption_certificates_are_a_pair(void **state) {
    struct fixture *f = *state;
    struct bench_certificate wanted = {.common_name = "甲公司",
                                       .key = f->root_key,
                                       .issuer = f->issuing,
                                       .issuer_key = f->issuing_key,
                                       .key_usage = "keyEncipherment,dataEncipherment,keyAgreement",
                                       .not_before = JAN_2026,
                                       .not_after = JAN_2026 + 90 * DAY};
    X509 *encrypt = bench_certify(&wanted);
    wanted.not_after += DAY;
    X509 *later = bench_certify(&wanted);
    struct certificate *a = parse(f->leaf);
    struct certificate *b = parse(encrypt);
    struct certificate *c = parse(later);
    assert_int_equal(b->usage, CERTIFICATE_ENCRYPT);
    assert_true(certificate_is_pair(a, b));
    assert_true(certificate_is_pair(b, a));
    assert_false(certificate_is_pair(a, a));
    assert_false(certificate_is_pair(a, c));
    assert_false(certificate_same_key(a, b));
    assert_true(certificate_same_key(b, c));
    certificate_free(a);
    certificate_free(b);
    certificate_free(c);
    X509_free(encrypt);
    X509_free(later);
}

/* --- names and requests --- */

static const struct name_field SUBJECT[] = {
    {"C", "CN"},
    {"O", "甲公司"},
    {"organizationIdentifier", "91110000MA01ABCD2X"},
    {"CN", "甲公司"},
};

static struct octets subject_der(void) {
    struct octets der;
    assert_ok(name_from_fields(SUBJECT, sizeof SUBJECT / sizeof *SUBJECT, &der));
    return der;
}

static struct octets spki_of(const EVP_PKEY *key) {
    unsigned char *der = NULL;
    struct octets out;
    int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0);
    assert_ok(octets_copy(&out, der, (size_t)len));
    OPENSSL_free(der);
    return out;
}

static void names_that_do_not_fit_are_refused(void **state) {
    (void)state;
    static const struct name_field bad[] = {
        {"C", "CHN"},   {"C", ""},   {"CN", ""},         {"XX", "x"},
        {"CN", "a\nb"}, {"C", "中"}, {"CN", "\xff\xfe"}, {"serialNumber", "_"},
    };
    struct octets der;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(name_from_fields(&bad[i], 1, &der), FORMATS_ARGUMENT);
}

static void an_sm2_request_proves_possession_and_no_flipped_byte_does(void **state) {
    struct fixture *f = *state;
    struct octets subject = subject_der();
    struct octets spki = spki_of(f->leaf_key);
    struct octets tbs, signature, csr;
    struct certificate_request *request = NULL;
    assert_ok(certificate_request_build(subject.data, subject.len, spki.data, spki.len, &tbs));
    assert_ok(sm2_sign(NULL, f->leaf_key, tbs.data, tbs.len, &signature));
    assert_ok(certificate_request_assemble(NULL, &tbs, signature.data, signature.len, &csr));
    assert_ok(certificate_request_parse(NULL, csr.data, csr.len, &request));
    assert_true(octets_equal(&request->subject, &subject));
    assert_true(octets_equal(&request->spki, &spki));
    certificate_request_free(request);
    for (size_t i = 0; i < csr.len; i++) {
        csr.data[i] ^= 1;
        assert_int_not_equal(certificate_request_parse(NULL, csr.data, csr.len, &request),
                             FORMATS_OK);
        csr.data[i] ^= 1;
    }
    octets_free(&csr);
    octets_free(&signature);
    assert_ok(sm2_sign(NULL, f->root_key, tbs.data, tbs.len, &signature));
    assert_int_equal(certificate_request_assemble(NULL, &tbs, signature.data, signature.len, &csr),
                     FORMATS_SIGNATURE);
    octets_free(&signature);
    octets_free(&tbs);
    octets_free(&spki);
    octets_free(&subject);
}

static void an_rsa_request_is_signed_with_sha256(void **state) {
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    struct octets subject = subject_der();
    struct octets spki = spki_of(key);
    struct octets tbs, csr;
    unsigned char signature[256];
    size_t signature_len = sizeof signature;
    struct certificate_request *request = NULL;
    assert_ok(certificate_request_build(subject.data, subject.len, spki.data, spki.len, &tbs));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &signature_len, tbs.data, tbs.len), 1);
    EVP_MD_CTX_free(ctx);
    assert_ok(certificate_request_assemble(NULL, &tbs, signature, signature_len, &csr));
    assert_ok(certificate_request_parse(NULL, csr.data, csr.len, &request));
    assert_true(EVP_PKEY_is_a(request->key, "RSA"));
    certificate_request_free(request);
    signature[7] ^= 1;
    octets_free(&csr);
    assert_int_equal(certificate_request_assemble(NULL, &tbs, signature, signature_len, &csr),
                     FORMATS_SIGNATURE);
    octets_free(&tbs);
    octets_free(&spki);
    octets_free(&subject);
    EVP_PKEY_free(key);
}

static void everything_works_in_a_library_context_of_its_own(void **state) {
    struct fixture *f = *state;
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    struct octets der = bench_x509_der(f->leaf);
    struct certificate *c = NULL;
    struct octets signature;
    assert_ok(certificate_parse(libctx, der.data, der.len, &c));
    assert_int_equal(c->algorithm, CERTIFICATE_SM2);
    assert_ok(certificate_verify_chain(libctx, c->x509, f->intermediates, f->root, JAN_2026 + DAY));
    assert_ok(sm2_sign(NULL, f->leaf_key, "m", 1, &signature));
    assert_ok(certificate_verify_message(libctx, c, "m", 1, signature.data, signature.len));
    assert_int_equal(certificate_verify_message(libctx, c, "n", 1, signature.data, signature.len),
                     FORMATS_SIGNATURE);
    octets_free(&signature);
    octets_free(&der);
    certificate_free(c);
    OSSL_LIB_CTX_free(libctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_certificate_says_who_and_what_for, make, drop),
        cmocka_unit_test_setup_teardown(a_certificate_goes_through_pem_and_back, make, drop),
        cmocka_unit_test_setup_teardown(cut_certificates_are_refused, make, drop),
        cmocka_unit_test_setup_teardown(days_left_are_shanghai_calendar_days, make, drop),
        cmocka_unit_test_setup_teardown(a_chain_verifies_only_to_its_root_and_in_its_time, make,
                                        drop),
        cmocka_unit_test_setup_teardown(a_certificate_issued_by_a_leaf_is_untrusted, make, drop),
        cmocka_unit_test_setup_teardown(no_flipped_byte_of_a_certificate_verifies, make, drop),
        cmocka_unit_test_setup_teardown(sign_and_encryption_certificates_are_a_pair, make, drop),
        cmocka_unit_test(names_that_do_not_fit_are_refused),
        cmocka_unit_test_setup_teardown(an_sm2_request_proves_possession_and_no_flipped_byte_does,
                                        make, drop),
        cmocka_unit_test(an_rsa_request_is_signed_with_sha256),
        cmocka_unit_test_setup_teardown(everything_works_in_a_library_context_of_its_own, make,
                                        drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
