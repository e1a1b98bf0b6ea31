/* SM2 and SM3 against the vectors of GB/T 32918.5 and GB/T 32905, and against tampering. */
#include "module/formats/sm2.h"
#include "tests/unit/formats/bench.h"

#include <string.h>

static const char SCALAR[] = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8";
static const char POINT_X[] = "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020";
static const char POINT_Y[] = "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13";
static const char SIGNATURE[] = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
                                "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA";
static const char MESSAGE[] = "message digest";

static EVP_PKEY *standard_key(void) {
    struct octets d = bench_hex(SCALAR);
    EVP_PKEY *key = NULL;
    assert_ok(sm2_key_from_scalar(NULL, d.data, &key));
    octets_free(&d);
    return key;
}

static struct sm2_point standard_point(void) {
    struct sm2_point point;
    struct octets x = bench_hex(POINT_X);
    struct octets y = bench_hex(POINT_Y);
    memcpy(point.x, x.data, SM2_SCALAR);
    memcpy(point.y, y.data, SM2_SCALAR);
    octets_free(&x);
    octets_free(&y);
    return point;
}

static void sm3_of_abc_is_the_standard_s(void **state) {
    (void)state;
    unsigned char digest[SM3_SIZE];
    struct octets expected =
        bench_hex("66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0");
    assert_ok(sm3_digest(NULL, "abc", 3, digest));
    assert_memory_equal(digest, expected.data, SM3_SIZE);
    octets_free(&expected);
}

static void the_public_point_follows_from_the_scalar(void **state) {
    (void)state;
    struct sm2_point expected = standard_point();
    struct sm2_point point;
    EVP_PKEY *key = standard_key();
    assert_ok(sm2_key_point(key, &point));
    assert_memory_equal(&point, &expected, sizeof point);
    EVP_PKEY_free(key);
}

static void the_message_digest_folds_in_z(void **state) {
    (void)state;
    unsigned char e[SM3_SIZE];
    struct sm2_point point = standard_point();
    struct octets expected =
        bench_hex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640");
    assert_ok(sm2_message_digest(NULL, &point, NULL, 0, MESSAGE, strlen(MESSAGE), e));
    assert_memory_equal(e, expected.data, SM3_SIZE);
    octets_free(&expected);
}

static void the_standard_s_signature_verifies_and_no_flipped_bit_does(void **state) {
    (void)state;
    struct sm2_point point = standard_point();
    EVP_PKEY *key = NULL;
    assert_ok(sm2_key_from_point(NULL, &point, &key));
    struct octets signature = bench_hex(SIGNATURE);
    assert_ok(sm2_verify_raw(NULL, key, MESSAGE, strlen(MESSAGE), signature.data));
    assert_int_equal(sm2_verify_raw(NULL, key, "message digesT", strlen(MESSAGE), signature.data),
                     FORMATS_SIGNATURE);
    for (size_t i = 0; i < signature.len; i++) {
        signature.data[i] ^= 1;
        assert_int_equal(sm2_verify_raw(NULL, key, MESSAGE, strlen(MESSAGE), signature.data),
                         FORMATS_SIGNATURE);
        signature.data[i] ^= 1;
    }
    octets_free(&signature);
    EVP_PKEY_free(key);
}

static void own_signatures_verify_and_go_through_raw_and_back(void **state) {
    (void)state;
    EVP_PKEY *key = bench_sm2_key();
    for (int i = 0; i < 50; i++) {
        struct octets der;
        struct octets again;
        unsigned char raw[SM2_RAW_SIGNATURE];
        assert_ok(sm2_sign(NULL, key, MESSAGE, strlen(MESSAGE), &der));
        assert_ok(sm2_verify(NULL, key, MESSAGE, strlen(MESSAGE), der.data, der.len));
        assert_ok(sm2_signature_from_der(der.data, der.len, raw));
        assert_ok(sm2_signature_to_der(raw, &again));
        assert_true(octets_equal(&der, &again));
        octets_free(&der);
        octets_free(&again);
    }
    EVP_PKEY_free(key);
}

static void malformed_signatures_are_told_from_wrong_ones(void **state) {
    (void)state;
    static const char *const malformed[] = {
        "",
        "30",
        "3006020101020100",     /* s = 0 */
        "3006020100020101",     /* r = 0 */
        "3006020181020101",     /* r negative */
        "300702020001020101",   /* r not minimal */
        "300602010102010100",   /* trailing byte */
        "30800201010201010000", /* BER */
    };
    EVP_PKEY *key = bench_sm2_key();
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        struct octets der = bench_hex(malformed[i]);
        assert_int_equal(sm2_verify(NULL, key, "m", 1, der.data, der.len), FORMATS_MALFORMED);
        octets_free(&der);
    }
    EVP_PKEY_free(key);
}

static void a_point_off_the_curve_is_no_key(void **state) {
    (void)state;
    struct sm2_point point = standard_point();
    EVP_PKEY *key = NULL;
    point.y[31] ^= 1;
    assert_int_equal(sm2_key_from_point(NULL, &point, &key), FORMATS_KEY);
    assert_null(key);
    memset(&point, 0, sizeof point);
    assert_int_equal(sm2_key_from_point(NULL, &point, &key), FORMATS_KEY);
}

static void a_scalar_out_of_range_is_no_key(void **state) {
    (void)state;
    static const char *const scalars[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54122", /* n - 1 */
        "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123", /* n */
    };
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        EVP_PKEY *key = NULL;
        struct octets d = bench_hex(scalars[i]);
        assert_int_equal(sm2_key_from_scalar(NULL, d.data, &key), FORMATS_KEY);
        assert_null(key);
        octets_free(&d);
    }
}

static void a_public_key_goes_through_spki_and_back(void **state) {
    (void)state;
    struct sm2_point point = standard_point();
    struct sm2_point again;
    struct octets spki;
    EVP_PKEY *key = NULL;
    assert_ok(sm2_point_to_spki(&point, &spki));
    assert_ok(sm2_point_from_spki(NULL, spki.data, spki.len, &again));
    assert_memory_equal(&point, &again, sizeof point);
    spki.data[30] ^= 1;
    assert_int_not_equal(sm2_key_from_spki(NULL, spki.data, spki.len, &key), FORMATS_OK);
    octets_free(&spki);

    EVP_PKEY *p256 = EVP_EC_gen("P-256");
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(p256, &der);
    assert_int_equal(sm2_key_from_spki(NULL, der, (size_t)len, &key), FORMATS_UNSUPPORTED);
    assert_null(key);
    OPENSSL_free(der);
    EVP_PKEY_free(p256);
}

/* GB/T 32918.5, encryption of "encryption standard". */
static void the_standard_s_ciphertext_opens(void **state) {
    (void)state;
    struct octets raw =
        bench_hex("04 04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
                  "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
                  "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
                  "21886CA989CA9C7D58087307CA93092D651EFA");
    struct sm2_cipher cipher;
    struct octets der;
    struct octets plain;
    struct octets again;
    EVP_PKEY *key = standard_key();
    assert_ok(sm2_cipher_from_raw(raw.data, raw.len, &cipher));
    assert_ok(sm2_cipher_to_der(&cipher, &der));
    assert_ok(sm2_decrypt(NULL, key, der.data, der.len, &plain));
    assert_int_equal(plain.len, 19);
    assert_memory_equal(plain.data, "encryption standard", 19);
    assert_ok(sm2_cipher_parse(der.data, der.len, &cipher));
    assert_ok(sm2_cipher_to_raw(&cipher, &again));
    assert_true(octets_equal(&raw, &again));
    octets_free(&raw);
    octets_free(&again);
    octets_free(&der);
    octets_free(&plain);
    EVP_PKEY_free(key);
}

static void encryption_opens_only_with_the_key_and_untouched(void **state) {
    (void)state;
    EVP_PKEY *key = bench_sm2_key();
    EVP_PKEY *other = bench_sm2_key();
    struct octets der;
    struct octets plain;
    for (int i = 0; i < 40; i++) { /* coordinates with and without the high bit */
        assert_ok(sm2_encrypt(NULL, key, "sixteen byte key", 16, &der));
        assert_ok(sm2_decrypt(NULL, key, der.data, der.len, &plain));
        assert_memory_equal(plain.data, "sixteen byte key", 16);
        octets_free(&plain);
        octets_free(&der);
    }
    assert_ok(sm2_encrypt(NULL, key, "sixteen byte key", 16, &der));
    assert_int_equal(sm2_decrypt(NULL, other, der.data, der.len, &plain), FORMATS_KEY);
    der.data[der.len - 1] ^= 1;
    assert_int_equal(sm2_decrypt(NULL, key, der.data, der.len, &plain), FORMATS_KEY);
    assert_null(plain.data);
    octets_free(&der);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* A real CA writes coordinates as 32 raw bytes under INTEGER's tag. */
static void a_negative_looking_coordinate_is_read_as_unsigned(void **state) {
    (void)state;
    struct octets der =
        bench_hex("304F 0220 F4EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
                  "0220 00F8F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
                  "0420 59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
                  "0401 21");
    der.data[1] = (unsigned char)(der.len - 2);
    struct sm2_cipher cipher;
    assert_ok(sm2_cipher_parse(der.data, der.len, &cipher));
    assert_int_equal(cipher.c1.x[0], 0xF4);
    assert_int_equal(cipher.c1.y[0], 0x00);
    assert_int_equal(cipher.c1.y[1], 0xF8);
    assert_int_equal(cipher.cipher[0], 0x21);
    octets_free(&der);
}

static void malformed_ciphertexts_are_refused(void **state) {
    (void)state;
    struct sm2_cipher cipher;
    struct octets der;
    EVP_PKEY *key = bench_sm2_key();
    assert_ok(sm2_encrypt(NULL, key, "m", 1, &der));
    for (size_t len = 0; len < der.len; len++)
        assert_int_not_equal(sm2_cipher_parse(der.data, len, &cipher), FORMATS_OK);
    assert_int_equal(sm2_cipher_from_raw(der.data, 97, &cipher), FORMATS_MALFORMED);
    octets_free(&der);
    EVP_PKEY_free(key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sm3_of_abc_is_the_standard_s),
        cmocka_unit_test(the_public_point_follows_from_the_scalar),
        cmocka_unit_test(the_message_digest_folds_in_z),
        cmocka_unit_test(the_standard_s_signature_verifies_and_no_flipped_bit_does),
        cmocka_unit_test(own_signatures_verify_and_go_through_raw_and_back),
        cmocka_unit_test(malformed_signatures_are_told_from_wrong_ones),
        cmocka_unit_test(a_point_off_the_curve_is_no_key),
        cmocka_unit_test(a_scalar_out_of_range_is_no_key),
        cmocka_unit_test(a_public_key_goes_through_spki_and_back),
        cmocka_unit_test(the_standard_s_ciphertext_opens),
        cmocka_unit_test(encryption_opens_only_with_the_key_and_untouched),
        cmocka_unit_test(a_negative_looking_coordinate_is_read_as_unsigned),
        cmocka_unit_test(malformed_ciphertexts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
