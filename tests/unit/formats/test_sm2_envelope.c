/* SM2EnvelopedKey: what the KMC makes opens with the recipient's key only; what real CAs write is
 * read. */
#include "module/formats/sm2_envelope.h"
#include "tests/unit/formats/bench.h"

#include <string.h>

struct fixture {
    EVP_PKEY *recipient;
    EVP_PKEY *pair;
    struct octets der;
};

static int make(void **state) {
    static struct fixture fixture;
    fixture.recipient = bench_sm2_key();
    fixture.pair = bench_sm2_key();
    assert_ok(sm2_envelope_make(NULL, fixture.recipient, fixture.pair, &fixture.der));
    *state = &fixture;
    return 0;
}

static int drop(void **state) {
    struct fixture *fixture = *state;
    EVP_PKEY_free(fixture->recipient);
    EVP_PKEY_free(fixture->pair);
    octets_free(&fixture->der);
    return 0;
}

static void an_envelope_opens_to_the_same_pair(void **state) {
    struct fixture *f = *state;
    struct sm2_envelope envelope;
    EVP_PKEY *opened = NULL;
    unsigned char d[SM2_SCALAR], e[SM2_SCALAR];
    assert_ok(sm2_envelope_parse(NULL, f->der.data, f->der.len, &envelope));
    assert_ok(sm2_envelope_open(NULL, f->recipient, &envelope, &opened));
    assert_ok(sm2_key_scalar(f->pair, d));
    assert_ok(sm2_key_scalar(opened, e));
    assert_memory_equal(d, e, SM2_SCALAR);
    EVP_PKEY_free(opened);
}

static void another_key_does_not_open_it(void **state) {
    struct fixture *f = *state;
    struct sm2_envelope envelope;
    EVP_PKEY *opened = NULL;
    assert_ok(sm2_envelope_parse(NULL, f->der.data, f->der.len, &envelope));
    assert_int_equal(sm2_envelope_open(NULL, f->pair, &envelope, &opened), FORMATS_KEY);
    assert_null(opened);
}

static void a_flipped_byte_never_opens_to_a_wrong_key(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < f->der.len; i++) {
        struct sm2_envelope envelope;
        EVP_PKEY *opened = NULL;
        f->der.data[i] ^= 1;
        if (sm2_envelope_parse(NULL, f->der.data, f->der.len, &envelope) == FORMATS_OK)
            assert_int_not_equal(sm2_envelope_open(NULL, f->recipient, &envelope, &opened),
                                 FORMATS_OK);
        assert_null(opened);
        f->der.data[i] ^= 1;
    }
}

static void a_cut_or_lengthened_envelope_is_refused(void **state) {
    struct fixture *f = *state;
    struct sm2_envelope envelope;
    unsigned char longer[SM2_ENVELOPE_MAX];
    for (size_t len = 0; len < f->der.len; len++)
        assert_int_equal(sm2_envelope_parse(NULL, f->der.data, len, &envelope), FORMATS_MALFORMED);
    memcpy(longer, f->der.data, f->der.len);
    longer[f->der.len] = 0;
    assert_int_equal(sm2_envelope_parse(NULL, longer, f->der.len + 1, &envelope),
                     FORMATS_MALFORMED);
}

/* A SEQUENCE of three runs of bytes; the caller frees. */
static struct octets sequence(const unsigned char *a, size_t a_len, const unsigned char *b,
                              size_t b_len, const unsigned char *c, size_t c_len) {
    unsigned char der[SM2_ENVELOPE_MAX];
    size_t len = a_len + b_len + c_len;
    size_t at = 0;
    assert_in_range(len, 128, sizeof der - 4);
    der[at++] = 0x30;
    der[at++] = len > 255 ? 0x82 : 0x81;
    if (len > 255)
        der[at++] = (unsigned char)(len >> 8);
    der[at++] = (unsigned char)len;
    memcpy(der + at, a, a_len);
    memcpy(der + at + a_len, b, b_len);
    memcpy(der + at + a_len + b_len, c, c_len);
    struct octets out;
    assert_ok(octets_copy(&out, der, at + len));
    return out;
}

enum {
    ALGORITHM_LEN = 12, /* SEQUENCE { OID SM4-ECB } as we write it */
    PRIVATE_LEN = 35    /* BIT STRING of 32 bytes, the last field */
};

static size_t content_offset(const struct octets *der) {
    return der->data[1] == 0x82 ? 4 : 3;
}

static void assert_opens(struct fixture *f, const struct octets *der) {
    struct sm2_envelope envelope;
    EVP_PKEY *opened = NULL;
    assert_ok(sm2_envelope_parse(NULL, der->data, der->len, &envelope));
    assert_ok(sm2_envelope_open(NULL, f->recipient, &envelope, &opened));
    EVP_PKEY_free(opened);
}

static void plain_sm4_with_null_parameters_is_read(void **state) {
    struct fixture *f = *state;
    static const unsigned char sm4_null[] = {0x30, 0x0B, 0x06, 0x07, 0x2A, 0x81, 0x1C,
                                             0xCF, 0x55, 0x01, 0x68, 0x05, 0x00};
    size_t rest = content_offset(&f->der) + ALGORITHM_LEN;
    struct octets der = sequence(sm4_null, sizeof sm4_null, f->der.data + rest, f->der.len - rest,
                                 (const unsigned char *)"", 0);
    assert_opens(f, &der);
    octets_free(&der);
}

static void another_symmetric_algorithm_is_named_unsupported(void **state) {
    struct fixture *f = *state;
    struct sm2_envelope envelope;
    size_t at = content_offset(&f->der) + ALGORITHM_LEN - 1;
    f->der.data[at] = 0x02; /* SM4-CBC */
    assert_int_equal(sm2_envelope_parse(NULL, f->der.data, f->der.len, &envelope),
                     FORMATS_UNSUPPORTED);
}

/* Convention (a): 32 zero bytes and d, all encrypted. */
static void sixty_four_bytes_of_encrypted_private_key_are_read(void **state) {
    struct fixture *f = *state;
    struct sm2_envelope envelope;
    struct octets cipher_der, sym;
    unsigned char plain[64] = {0};
    unsigned char field[3 + 64] = {0x03, 0x41, 0x00};
    int n = 0;
    assert_ok(sm2_envelope_parse(NULL, f->der.data, f->der.len, &envelope));
    struct sm2_cipher cipher = {.c1 = envelope.c1, .cipher = envelope.cipher, .cipher_len = 16};
    memcpy(cipher.c3, envelope.c3, SM3_SIZE);
    assert_ok(sm2_cipher_to_der(&cipher, &cipher_der));
    assert_ok(sm2_decrypt(NULL, f->recipient, cipher_der.data, cipher_der.len, &sym));
    assert_ok(sm2_key_scalar(f->pair, plain + 32));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_sm4_ecb(), NULL, sym.data, NULL), 1);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    assert_int_equal(EVP_EncryptUpdate(ctx, field + 3, &n, plain, sizeof plain), 1);
    assert_int_equal(n, 64);
    EVP_CIPHER_CTX_free(ctx);
    size_t at = content_offset(&f->der);
    struct octets der =
        sequence(f->der.data + at, ALGORITHM_LEN, f->der.data + at + ALGORITHM_LEN,
                 f->der.len - at - ALGORITHM_LEN - PRIVATE_LEN, field, sizeof field);
    assert_opens(f, &der);
    octets_free(&der);
    octets_free(&cipher_der);
    octets_free(&sym);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_envelope_opens_to_the_same_pair, make, drop),
        cmocka_unit_test_setup_teardown(another_key_does_not_open_it, make, drop),
        cmocka_unit_test_setup_teardown(a_flipped_byte_never_opens_to_a_wrong_key, make, drop),
        cmocka_unit_test_setup_teardown(a_cut_or_lengthened_envelope_is_refused, make, drop),
        cmocka_unit_test_setup_teardown(plain_sm4_with_null_parameters_is_read, make, drop),
        cmocka_unit_test_setup_teardown(another_symmetric_algorithm_is_named_unsupported, make,
                                        drop),
        cmocka_unit_test_setup_teardown(sixty_four_bytes_of_encrypted_private_key_are_read, make,
                                        drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
