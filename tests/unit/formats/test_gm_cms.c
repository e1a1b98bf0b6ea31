/* GM SignedData: made in two steps, read back, and refused when anything in it changes. */
#include "module/formats/gm_cms.h"
#include "module/formats/sm2.h"
#include "tests/unit/formats/bench.h"

#include <string.h>

static const char CONTENT[] = "{\"origin\":\"https://portal.example\",\"type\":\"statement\"}";
enum { CONTENT_LEN = sizeof CONTENT - 1 };

struct fixture {
    EVP_PKEY *key;
    X509 *x509;
    struct octets certificate;
    struct octets to_be_signed;
    struct octets signature;
};

static int make(void **state) {
    static struct fixture f;
    f.key = bench_sm2_key();
    f.x509 = bench_certify(&(struct bench_certificate){.common_name = "甲公司",
                                                       .key = f.key,
                                                       .issuer_key = f.key,
                                                       .key_usage = "digitalSignature",
                                                       .not_before = JAN_2026,
                                                       .not_after = JAN_2026 + 90 * DAY});
    f.certificate = bench_x509_der(f.x509);
    assert_ok(gm_cms_attributes(NULL, CONTENT, CONTENT_LEN, JAN_2026 + 5, &f.to_be_signed));
    assert_ok(sm2_sign(NULL, f.key, f.to_be_signed.data, f.to_be_signed.len, &f.signature));
    *state = &f;
    return 0;
}

static int drop(void **state) {
    struct fixture *f = *state;
    EVP_PKEY_free(f->key);
    X509_free(f->x509);
    octets_free(&f->certificate);
    octets_free(&f->to_be_signed);
    octets_free(&f->signature);
    return 0;
}

static struct octets assemble(const struct fixture *f, bool detached) {
    struct octets out;
    assert_ok(gm_cms_assemble(NULL, f->certificate.data, f->certificate.len, CONTENT, CONTENT_LEN,
                              detached, &f->to_be_signed, f->signature.data, f->signature.len,
                              &out));
    return out;
}

static void what_is_signed_is_a_set_of_attributes(void **state) {
    struct fixture *f = *state;
    assert_int_equal(f->to_be_signed.data[0], 0x31);
}

static void an_attached_message_gives_back_all_its_parts(void **state) {
    struct fixture *f = *state;
    struct octets der = assemble(f, false);
    struct gm_cms *cms = NULL;
    size_t len = 0;
    int64_t time = 0;
    assert_ok(gm_cms_parse(NULL, der.data, der.len, &cms));
    assert_ok(gm_cms_verify(cms, NULL, 0, NULL));
    assert_ok(gm_cms_verify(cms, CONTENT, CONTENT_LEN, f->x509));
    assert_memory_equal(gm_cms_content(cms, &len), CONTENT, CONTENT_LEN);
    assert_int_equal(len, CONTENT_LEN);
    assert_true(octets_equal(gm_cms_signed_bytes(cms), &f->to_be_signed));
    assert_memory_equal(gm_cms_signature(cms, &len), f->signature.data, f->signature.len);
    assert_int_equal(len, f->signature.len);
    assert_int_equal(X509_cmp(gm_cms_signer(cms), f->x509), 0);
    assert_true(gm_cms_signing_time(cms, &time));
    assert_int_equal(time, JAN_2026 + 5);
    gm_cms_free(cms);
    octets_free(&der);
}

static void a_detached_message_needs_its_content(void **state) {
    struct fixture *f = *state;
    struct octets der = assemble(f, true);
    struct gm_cms *cms = NULL;
    size_t len = 0;
    assert_ok(gm_cms_parse(NULL, der.data, der.len, &cms));
    assert_null(gm_cms_content(cms, &len));
    assert_int_equal(gm_cms_verify(cms, NULL, 0, NULL), FORMATS_ARGUMENT);
    assert_ok(gm_cms_verify(cms, CONTENT, CONTENT_LEN, NULL));
    assert_int_equal(gm_cms_verify(cms, CONTENT, CONTENT_LEN - 1, NULL), FORMATS_MISMATCH);
    gm_cms_free(cms);
    octets_free(&der);
}

static void another_signer_s_certificate_is_refused(void **state) {
    struct fixture *f = *state;
    EVP_PKEY *key = bench_sm2_key();
    X509 *same_name = bench_certify(&(struct bench_certificate){.common_name = "甲公司",
                                                                .key = key,
                                                                .issuer_key = key,
                                                                .not_before = JAN_2026,
                                                                .not_after = JAN_2026 + DAY});
    X509 *other_name = bench_certify(&(struct bench_certificate){.common_name = "乙公司",
                                                                 .key = f->key,
                                                                 .issuer_key = f->key,
                                                                 .not_before = JAN_2026,
                                                                 .not_after = JAN_2026 + DAY});
    struct octets der = assemble(f, false);
    struct gm_cms *cms = NULL;
    assert_ok(gm_cms_parse(NULL, der.data, der.len, &cms));
    assert_int_equal(gm_cms_verify(cms, NULL, 0, same_name), FORMATS_SIGNATURE);
    assert_int_equal(gm_cms_verify(cms, NULL, 0, other_name), FORMATS_MISMATCH);
    gm_cms_free(cms);
    octets_free(&der);
    X509_free(same_name);
    X509_free(other_name);
    EVP_PKEY_free(key);
}

static void a_signature_by_another_key_is_not_packed(void **state) {
    struct fixture *f = *state;
    EVP_PKEY *key = bench_sm2_key();
    struct octets wrong, out;
    assert_ok(sm2_sign(NULL, key, f->to_be_signed.data, f->to_be_signed.len, &wrong));
    assert_int_equal(gm_cms_assemble(NULL, f->certificate.data, f->certificate.len, CONTENT,
                                     CONTENT_LEN, false, &f->to_be_signed, wrong.data, wrong.len,
                                     &out),
                     FORMATS_SIGNATURE);
    assert_null(out.data);
    assert_int_equal(gm_cms_assemble(NULL, f->certificate.data, f->certificate.len, "other", 5,
                                     false, &f->to_be_signed, f->signature.data, f->signature.len,
                                     &out),
                     FORMATS_MISMATCH);
    octets_free(&wrong);
    EVP_PKEY_free(key);
}

/* With the signer's certificate given from outside, so that bytes of the embedded one count too
 * only where they are read. */
static void no_flipped_byte_verifies_as_another_message(void **state) {
    struct fixture *f = *state;
    struct octets der = assemble(f, false);
    for (size_t i = 0; i < der.len; i++) {
        struct gm_cms *cms = NULL;
        size_t len = 0;
        der.data[i] ^= 1;
        if (gm_cms_parse(NULL, der.data, der.len, &cms) == FORMATS_OK &&
            gm_cms_verify(cms, NULL, 0, f->x509) == FORMATS_OK) {
            /* only bytes outside what is signed: the embedded certificate, digestAlgorithms, the
             * algorithm's alias */
            assert_memory_equal(gm_cms_content(cms, &len), CONTENT, CONTENT_LEN);
            assert_true(octets_equal(gm_cms_signed_bytes(cms), &f->to_be_signed));
        }
        gm_cms_free(cms);
        der.data[i] ^= 1;
    }
    octets_free(&der);
}

static void cut_and_lengthened_messages_are_refused(void **state) {
    struct fixture *f = *state;
    struct octets der = assemble(f, false);
    struct gm_cms *cms = NULL;
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(gm_cms_parse(NULL, der.data, len, &cms), FORMATS_MALFORMED);
    assert_null(cms);
    octets_free(&der);
}

static void pkcs7_identifiers_are_not_gm_ones(void **state) {
    (void)state;
    struct octets der = bench_hex("3080 0609 2A864886F70D010702 A080 0000 0000");
    struct octets strict = bench_hex("300B 0609 2A864886F70D010702");
    struct gm_cms *cms = NULL;
    assert_int_equal(gm_cms_parse(NULL, der.data, der.len, &cms), FORMATS_MALFORMED);
    assert_int_equal(gm_cms_parse(NULL, strict.data, strict.len, &cms), FORMATS_UNSUPPORTED);
    octets_free(&der);
    octets_free(&strict);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_signed_is_a_set_of_attributes, make, drop),
        cmocka_unit_test_setup_teardown(an_attached_message_gives_back_all_its_parts, make, drop),
        cmocka_unit_test_setup_teardown(a_detached_message_needs_its_content, make, drop),
        cmocka_unit_test_setup_teardown(another_signer_s_certificate_is_refused, make, drop),
        cmocka_unit_test_setup_teardown(a_signature_by_another_key_is_not_packed, make, drop),
        cmocka_unit_test_setup_teardown(no_flipped_byte_verifies_as_another_message, make, drop),
        cmocka_unit_test_setup_teardown(cut_and_lengthened_messages_are_refused, make, drop),
        cmocka_unit_test(pkcs7_identifiers_are_not_gm_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
