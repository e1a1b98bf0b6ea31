/* Electronic seals: made and read, sample seals of another producer, and every change refused. */
#include "module/formats/certificate.h"
#include "module/formats/seal.h"
#include "module/formats/sm2.h"
#include "openukey/formats.h"
#include "tests/unit/formats/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char PICTURE[] = {0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3};

struct fixture {
    EVP_PKEY *root_key, *maker_key, *signer_key;
    X509 *root, *maker;
    struct octets maker_der, signer_der;
    struct seal_description description;
    struct octets info, der;
};

static struct octets sign_info(struct fixture *f, EVP_PKEY *key) {
    struct octets signature;
    assert_ok(sm2_sign(NULL, key, f->info.data, f->info.len, &signature));
    return signature;
}

static int make(void **state) {
    static struct fixture f;
    f.root_key = bench_sm2_key();
    f.maker_key = bench_sm2_key();
    f.signer_key = bench_sm2_key();
    f.root = bench_certify(&(struct bench_certificate){.common_name = "root",
                                                       .key = f.root_key,
                                                       .issuer_key = f.root_key,
                                                       .is_ca = true,
                                                       .key_usage = "keyCertSign",
                                                       .not_before = JAN_2026 - DAY,
                                                       .not_after = JAN_2026 + 400L * DAY});
    f.maker = bench_certify(&(struct bench_certificate){.common_name = "maker",
                                                        .key = f.maker_key,
                                                        .issuer = f.root,
                                                        .issuer_key = f.root_key,
                                                        .key_usage = "digitalSignature",
                                                        .not_before = JAN_2026 - DAY,
                                                        .not_after = JAN_2026 + 400L * DAY,
                                                        .serial = 2});
    X509 *signer = bench_certify(&(struct bench_certificate){.common_name = "甲公司",
                                                             .key = f.signer_key,
                                                             .issuer = f.root,
                                                             .issuer_key = f.root_key,
                                                             .not_before = JAN_2026,
                                                             .not_after = JAN_2026 + 90 * DAY,
                                                             .serial = 3});
    f.maker_der = bench_x509_der(f.maker);
    f.signer_der = bench_x509_der(signer);
    X509_free(signer);
    f.description = (struct seal_description){.id = "0123456789ABCDEF0123456789AB",
                                              .vendor = "OpenUKey",
                                              .type = SEAL_ORGANIZATION,
                                              .name = "甲公司",
                                              .created = JAN_2026,
                                              .valid_start = JAN_2026,
                                              .valid_end = JAN_2026 + 90 * DAY,
                                              .picture_type = "PNG",
                                              .picture = PICTURE,
                                              .picture_len = sizeof PICTURE,
                                              .width_mm = 48,
                                              .height_mm = 48,
                                              .certificates = &f.signer_der,
                                              .certificate_count = 1};
    assert_ok(seal_info_build(&f.description, &f.info));
    struct octets signature = sign_info(&f, f.maker_key);
    assert_ok(seal_assemble(NULL, &f.info, f.maker_der.data, f.maker_der.len, signature.data,
                            signature.len, &f.der));
    octets_free(&signature);
    *state = &f;
    return 0;
}

static int drop(void **state) {
    struct fixture *f = *state;
    EVP_PKEY_free(f->root_key);
    EVP_PKEY_free(f->maker_key);
    EVP_PKEY_free(f->signer_key);
    X509_free(f->root);
    X509_free(f->maker);
    octets_free(&f->maker_der);
    octets_free(&f->signer_der);
    octets_free(&f->info);
    octets_free(&f->der);
    return 0;
}

static void a_seal_reads_back_as_it_was_described(void **state) {
    struct fixture *f = *state;
    struct seal *seal = NULL;
    enum seal_signed how;
    assert_ok(seal_parse(NULL, f->der.data, f->der.len, &seal));
    assert_int_equal(seal->version, 4);
    assert_int_equal(seal->header_version, 4);
    assert_string_equal(seal->id, f->description.id);
    assert_string_equal(seal->vendor, "OpenUKey");
    assert_string_equal(seal->name, "甲公司");
    assert_int_equal(seal->type, SEAL_ORGANIZATION);
    assert_int_equal(seal->created, JAN_2026);
    assert_int_equal(seal->valid_start, JAN_2026);
    assert_int_equal(seal->valid_end, JAN_2026 + 90 * DAY);
    assert_string_equal(seal->picture_type, "PNG");
    assert_int_equal(seal->picture_len, sizeof PICTURE);
    assert_memory_equal(seal->picture, PICTURE, sizeof PICTURE);
    assert_int_equal(seal->width_mm, 48);
    assert_int_equal(seal->height_mm, 48);
    assert_int_equal(seal->certificate_count, 1);
    assert_true(octets_equal(&seal->signed_info, &f->info));
    assert_ok(seal_verify_signature(seal, &how));
    assert_int_equal(how, SEAL_SIGNED_INFO);
    seal_free(seal);
}

static void the_seal_lists_its_signer_and_nobody_else(void **state) {
    struct fixture *f = *state;
    struct seal *seal = NULL;
    assert_ok(seal_parse(NULL, f->der.data, f->der.len, &seal));
    assert_true(seal_lists_certificate(seal, f->signer_der.data, f->signer_der.len));
    assert_false(seal_lists_certificate(seal, f->maker_der.data, f->maker_der.len));
    assert_false(seal_lists_certificate(seal, f->signer_der.data, f->signer_der.len - 1));
    seal_free(seal);
}

static void the_check_names_what_is_wrong(void **state) {
    struct fixture *f = *state;
    struct seal *seal = NULL;
    EVP_PKEY *key = bench_sm2_key();
    X509 *other_root = bench_certify(&(struct bench_certificate){.common_name = "root",
                                                                 .key = key,
                                                                 .issuer_key = key,
                                                                 .is_ca = true,
                                                                 .not_before = JAN_2026 - DAY,
                                                                 .not_after = JAN_2026 + DAY});
    assert_ok(seal_parse(NULL, f->der.data, f->der.len, &seal));
    assert_ok(seal_check(seal, f->root, NULL, JAN_2026));
    assert_ok(seal_check(seal, f->root, NULL, JAN_2026 + 90 * DAY));
    assert_int_equal(seal_check(seal, f->root, NULL, JAN_2026 - 1), FORMATS_NOT_YET_VALID);
    assert_int_equal(seal_check(seal, f->root, NULL, JAN_2026 + 90 * DAY + 1), FORMATS_EXPIRED);
    assert_int_equal(seal_check(seal, other_root, NULL, JAN_2026), FORMATS_UNTRUSTED);
    assert_int_equal(seal_check(seal, f->root, NULL, JAN_2026 + 500L * DAY), FORMATS_UNTRUSTED);
    seal_free(seal);
    X509_free(other_root);
    EVP_PKEY_free(key);
}

static void no_flipped_byte_keeps_the_seal_valid(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < f->der.len; i++) {
        struct seal *seal = NULL;
        f->der.data[i] ^= 1;
        if (seal_parse(NULL, f->der.data, f->der.len, &seal) == FORMATS_OK)
            assert_int_not_equal(seal_check(seal, f->root, NULL, JAN_2026), FORMATS_OK);
        seal_free(seal);
        f->der.data[i] ^= 1;
    }
}

static void cut_seals_are_refused(void **state) {
    struct fixture *f = *state;
    struct seal *seal = NULL;
    for (size_t len = 0; len < f->der.len; len++)
        assert_int_equal(seal_parse(NULL, f->der.data, len, &seal), FORMATS_MALFORMED);
    assert_int_equal(seal_parse(NULL, f->der.data, SEAL_MAX + 1, &seal), FORMATS_TOO_LARGE);
    assert_null(seal);
}

static void a_signature_by_another_key_is_not_packed(void **state) {
    struct fixture *f = *state;
    struct octets out;
    struct octets signature = sign_info(f, f->signer_key);
    assert_int_equal(seal_assemble(NULL, &f->info, f->maker_der.data, f->maker_der.len,
                                   signature.data, signature.len, &out),
                     FORMATS_SIGNATURE);
    assert_null(out.data);
    octets_free(&signature);
}

static void unsound_descriptions_are_refused(void **state) {
    struct fixture *f = *state;
    struct octets info;
    struct seal_description d = f->description;
    d.id = "0123456789ABCDEF0123456789ABC"; /* 29 */
    assert_int_equal(seal_info_build(&d, &info), FORMATS_ARGUMENT);
    d = f->description;
    d.id = "甲";
    assert_int_equal(seal_info_build(&d, &info), FORMATS_ARGUMENT);
    d = f->description;
    d.type = 3;
    assert_int_equal(seal_info_build(&d, &info), FORMATS_ARGUMENT);
    d = f->description;
    d.certificate_count = 0;
    assert_int_equal(seal_info_build(&d, &info), FORMATS_ARGUMENT);
    d = f->description;
    d.valid_end = d.valid_start - 1;
    assert_int_equal(seal_info_build(&d, &info), FORMATS_ARGUMENT);
    d = f->description;
    d.width_mm = 0;
    assert_int_equal(seal_info_build(&d, &info), FORMATS_ARGUMENT);
}

/* --- seals of another producer, read from $OPENUKEY_SEAL_SAMPLES --- */

static struct octets sample(const char *name) {
    struct octets out = {NULL, 0};
    const char *folder = getenv("OPENUKEY_SEAL_SAMPLES");
    if (folder == NULL)
        skip();
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    unsigned char *bytes = malloc(SEAL_MAX);
    assert_non_null(bytes);
    size_t len = fread(bytes, 1, SEAL_MAX, file);
    fclose(file);
    assert_ok(octets_copy(&out, bytes, len));
    free(bytes);
    return out;
}

static void the_version_4_sample_verifies_over_its_info(void **state) {
    (void)state;
    struct octets der = sample("UserV4.esl");
    struct seal *seal = NULL;
    enum seal_signed how;
    struct certificate *maker = NULL;
    assert_ok(seal_parse(NULL, der.data, der.len, &seal));
    assert_int_equal(seal->version, 4);
    assert_string_equal(seal->name, "OFD R&W 测试用印章");
    assert_int_equal(seal->width_mm, 40);
    assert_int_equal(seal->certificate_count, 1);
    assert_ok(seal_verify_signature(seal, &how));
    assert_int_equal(how, SEAL_SIGNED_INFO);
    assert_ok(certificate_parse(NULL, seal->maker.data, seal->maker.len, &maker));
    assert_int_equal(maker->algorithm, CERTIFICATE_SM2);
    certificate_free(maker);
    size_t info_len = seal->signed_info.len;
    seal_free(seal);
    for (size_t i = 4; i < 4 + info_len; i += 97) { /* the info follows the outer header */
        der.data[i] ^= 1;
        if (seal_parse(NULL, der.data, der.len, &seal) == FORMATS_OK)
            assert_int_not_equal(seal_verify_signature(seal, NULL), FORMATS_OK);
        seal_free(seal);
        der.data[i] ^= 1;
    }
    octets_free(&der);
}

static void the_version_1_sample_verifies_over_three_parts(void **state) {
    (void)state;
    struct octets der = sample("UserV1.esl");
    struct seal *seal = NULL;
    enum seal_signed how;
    assert_ok(seal_parse(NULL, der.data, der.len, &seal));
    assert_int_equal(seal->version, 1);
    assert_string_equal(seal->id, "40C8CDD24DEF43388B86E62CCE1D6832");
    assert_ok(seal_verify_signature(seal, &how));
    assert_int_equal(how, SEAL_SIGNED_THREE_PARTS);
    seal_free(seal);
    octets_free(&der);
}

static void a_stamp_is_not_a_seal(void **state) {
    (void)state;
    struct octets der = sample("SignedValueV4.dat");
    struct seal *seal = NULL;
    assert_int_not_equal(seal_parse(NULL, der.data, der.len, &seal), FORMATS_OK);
    assert_null(seal);
    octets_free(&der);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_seal_reads_back_as_it_was_described, make, drop),
        cmocka_unit_test_setup_teardown(the_seal_lists_its_signer_and_nobody_else, make, drop),
        cmocka_unit_test_setup_teardown(the_check_names_what_is_wrong, make, drop),
        cmocka_unit_test_setup_teardown(no_flipped_byte_keeps_the_seal_valid, make, drop),
        cmocka_unit_test_setup_teardown(cut_seals_are_refused, make, drop),
        cmocka_unit_test_setup_teardown(a_signature_by_another_key_is_not_packed, make, drop),
        cmocka_unit_test_setup_teardown(unsound_descriptions_are_refused, make, drop),
        cmocka_unit_test(the_version_4_sample_verifies_over_its_info),
        cmocka_unit_test(the_version_1_sample_verifies_over_three_parts),
        cmocka_unit_test(a_stamp_is_not_a_seal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
