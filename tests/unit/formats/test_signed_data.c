/* SignedData of both syntaxes with every kind of key: made in two steps, read back, judged by OpenSSL's CMS too, and refused
 * when any byte of it changes. */
#include "module/formats/der.h"
#include "module/formats/signed_data.h"
#include "openukey/formats.h"
#include "tests/unit/formats/bench.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static const char TEXT[] = "{\"origin\":\"https://portal.example\",\"type\":\"statement\"}";
static const struct octets CONTENT = {(unsigned char *)TEXT, sizeof TEXT - 1};

struct fixture {
    enum signature_scheme scheme;
    const char *kind;
    EVP_PKEY *key;
    X509 *x509;
    struct octets certificate;
    unsigned char digest[SCHEME_DIGEST_MAX];
    struct octets to_be_signed;
    struct octets signature;
};

static struct fixture fixtures[SCHEME_COUNT] = {
    [SCHEME_SM2] = {.kind = "SM2"},     [SCHEME_RSA_PKCS1] = {.kind = "RSA"},
    [SCHEME_RSA_PSS] = {.kind = "RSA"}, [SCHEME_P256] = {.kind = "P-256"},
    [SCHEME_P384] = {.kind = "P-384"},
};

static X509 *certify(EVP_PKEY *key, const char *name) {
    return bench_certify(&(struct bench_certificate){.common_name = name,
                                                     .key = key,
                                                     .issuer_key = key,
                                                     .key_usage = "digitalSignature",
                                                     .not_before = JAN_2026,
                                                     .not_after = JAN_2026 + 90 * DAY});
}

static int make(void **state) {
    (void)state;
    for (enum signature_scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        struct fixture *f = &fixtures[scheme];
        const struct signed_facts facts = {.scheme = scheme,
                                           .signing_time = JAN_2026 + 5,
                                           .nonce = "0123-4567",
                                           .origin = "https://portal.example"};
        f->scheme = scheme;
        f->key = bench_key(f->kind);
        f->x509 = certify(f->key, "甲公司");
        f->certificate = bench_x509_der(f->x509);
        assert_ok(signature_digest(NULL, scheme, CONTENT.data, CONTENT.len, f->digest));
        assert_ok(signed_data_attributes(NULL, &facts, f->certificate.data, f->certificate.len,
                                         f->digest, &f->to_be_signed));
        f->signature = bench_sign(f->key, scheme == SCHEME_RSA_PSS, &f->to_be_signed);
    }
    return 0;
}

static int drop(void **state) {
    (void)state;
    for (enum signature_scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        struct fixture *f = &fixtures[scheme];
        EVP_PKEY_free(f->key);
        X509_free(f->x509);
        octets_free(&f->certificate);
        octets_free(&f->to_be_signed);
        octets_free(&f->signature);
    }
    return 0;
}

static enum formats_error assemble(const struct fixture *f, const struct octets *content,
                                   struct octets *out) {
    return signed_data_assemble(NULL, f->scheme, f->certificate.data, f->certificate.len, content,
                                &f->to_be_signed, &f->signature, out);
}

/* Ours: the message is whole and by its signer. */
static enum formats_error judge(const struct octets *der, const unsigned char *digest) {
    struct signed_data *message = NULL;
    enum formats_error error = signed_data_parse(NULL, der->data, der->len, &message);
    if (error == FORMATS_OK)
        error = signed_data_verify(message, digest);
    signed_data_free(message);
    return error;
}

/* Theirs: OpenSSL's CMS with the signer's certificate as the trusted one. */
static bool openssl_accepts(const struct fixture *f, const struct octets *der,
                            const struct octets *detached) {
    const unsigned char *at = der->data;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der->len);
    X509_STORE *store = X509_STORE_new();
    BIO *out = BIO_new(BIO_s_mem());
    BIO *in = detached != NULL ? BIO_new_mem_buf(detached->data, (int)detached->len) : NULL;
    X509_STORE_add_cert(store, f->x509);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), JAN_2026 + DAY);
    X509_VERIFY_PARAM_set_purpose(X509_STORE_get0_param(store), X509_PURPOSE_ANY);
    char *text = NULL;
    bool accepts = cms != NULL && at == der->data + der->len &&
                   CMS_verify(cms, NULL, store, in, out, CMS_BINARY | CMS_CADES) == 1 &&
                   BIO_get_mem_data(out, &text) == (long)CONTENT.len &&
                   memcmp(text, CONTENT.data, CONTENT.len) == 0;
    CMS_ContentInfo_free(cms);
    X509_STORE_free(store);
    BIO_free(out);
    BIO_free(in);
    ERR_clear_error();
    return accepts;
}

static void a_message_gives_back_all_its_parts(void **state) {
    (void)state;
    for (enum signature_scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        const struct fixture *f = &fixtures[scheme];
        struct octets der;
        struct signed_data *message = NULL;
        assert_ok(assemble(f, &CONTENT, &der));
        assert_ok(signed_data_parse(NULL, der.data, der.len, &message));
        assert_ok(signed_data_verify(message, NULL));
        assert_ok(signed_data_verify(message, f->digest));
        assert_int_equal(message->scheme, scheme);
        assert_int_equal(message->is_gm, scheme == SCHEME_SM2);
        assert_true(octets_equal(&message->content, &CONTENT));
        assert_true(octets_equal(&message->signed_bytes, &f->to_be_signed));
        assert_int_equal(f->to_be_signed.data[0], 0x31);
        assert_true(octets_equal(&message->signature, &f->signature));
        assert_int_equal(X509_cmp(message->signer, f->x509), 0);
        assert_true(message->has_time && message->names_certificate);
        assert_int_equal(message->signing_time, JAN_2026 + 5);
        assert_string_equal(message->nonce, "0123-4567");
        assert_string_equal(message->origin, "https://portal.example");
        signed_data_free(message);
        octets_free(&der);
    }
}

static void a_detached_message_needs_the_digest_of_its_content(void **state) {
    (void)state;
    for (enum signature_scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        const struct fixture *f = &fixtures[scheme];
        struct octets der;
        unsigned char other[SCHEME_DIGEST_MAX];
        assert_ok(assemble(f, NULL, &der));
        memcpy(other, f->digest, sizeof other);
        other[0] ^= 1;
        assert_int_equal(judge(&der, NULL), FORMATS_ARGUMENT);
        assert_int_equal(judge(&der, other), FORMATS_MISMATCH);
        assert_ok(judge(&der, f->digest));
        octets_free(&der);
    }
}

static void openssl_verifies_cms_attached_and_detached(void **state) {
    (void)state;
    for (enum signature_scheme scheme = SCHEME_RSA_PKCS1; scheme < SCHEME_COUNT; scheme++) {
        const struct fixture *f = &fixtures[scheme];
        struct octets attached, detached;
        assert_ok(assemble(f, &CONTENT, &attached));
        assert_ok(assemble(f, NULL, &detached));
        assert_true(openssl_accepts(f, &attached, NULL));
        assert_true(openssl_accepts(f, &detached, &CONTENT));
        assert_false(openssl_accepts(f, &detached, &f->certificate));
        octets_free(&attached);
        octets_free(&detached);
    }
}

/* What OpenSSL signs is read too. */
static void messages_of_openssl_are_read(void **state) {
    (void)state;
    for (enum signature_scheme scheme = SCHEME_RSA_PKCS1; scheme <= SCHEME_P256; scheme++) {
        const struct fixture *f = &fixtures[scheme];
        BIO *in = BIO_new_mem_buf(CONTENT.data, (int)CONTENT.len);
        CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, CMS_BINARY | CMS_PARTIAL);
        CMS_SignerInfo *signer =
            CMS_add1_signer(cms, f->x509, f->key, EVP_sha256(),
                            CMS_CADES | (scheme == SCHEME_RSA_PSS ? CMS_KEY_PARAM : 0));
        if (scheme == SCHEME_RSA_PSS) {
            EVP_PKEY_CTX *parameters = CMS_SignerInfo_get0_pkey_ctx(signer);
            assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
            assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 32), 1);
        }
        assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
        unsigned char *bytes = NULL;
        int len = i2d_CMS_ContentInfo(cms, &bytes);
        struct octets der = {bytes, (size_t)len};
        assert_true(len > 0);
        assert_ok(judge(&der, f->digest));
        OPENSSL_free(bytes);
        CMS_ContentInfo_free(cms);
        BIO_free(in);
    }
}

/* Does the first (or last) such run of bytes hold byte i? */
static bool is_within(const struct octets *der, size_t i, const char *hex, bool last) {
    struct octets wanted = bench_hex(hex);
    size_t found = der->len;
    for (size_t at = 0; at + wanted.len <= der->len; at++)
        if (memcmp(der->data + at, wanted.data, wanted.len) == 0 && (last || found == der->len))
            found = at;
    bool holds = i >= found && i < found + wanted.len;
    octets_free(&wanted);
    return holds;
}

/* Where OpenSSL 3.0's CMS_verify() does not look, although RFC 5652 says what must stand there: the two version numbers, the
 * content's type (it does not compare it with the signed attribute), the tag of an algorithm's NULL parameters, and the
 * signature's algorithm when the key is an EC key. */
static bool openssl_ignores(const struct octets *der, size_t i) {
    return is_within(der, i, "2A864886F70D010701", false) ||
           is_within(der, i, "2A8648CE3D040302", true) ||
           is_within(der, i, "2A8648CE3D040303", true) ||
           (i > 2 && memcmp(der->data + i - 2, "\x02\x01\x01", 3) == 0) ||
           (i + 1 < der->len && memcmp(der->data + i, "\x05\x00", 2) == 0);
}

/* Every byte (two of its bits, with LONG=1 all): ours refuses, and OpenSSL too but for those. */
static void no_flipped_byte_is_accepted(void **state) {
    (void)state;
    bool is_long = getenv("LONG") != NULL;
    for (enum signature_scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        const struct fixture *f = &fixtures[scheme];
        struct octets der;
        size_t theirs = 0;
        assert_ok(assemble(f, &CONTENT, &der));
        for (size_t i = 0; i < der.len; i++) {
            bool is_ignored = openssl_ignores(&der, i);
            for (int bit = 0; bit < 8; bit++) {
                if (!is_long && bit != 0 && bit != 5) /* 5: upper and lower case */
                    continue;
                der.data[i] ^= (unsigned char)(1 << bit);
                if (judge(&der, NULL) == FORMATS_OK)
                    fail_msg("%s: byte %zu, bit %d", signature_scheme_facts(scheme)->name, i, bit);
                if (bit == 0 && scheme != SCHEME_SM2 && openssl_accepts(f, &der, NULL)) {
                    if (!is_ignored)
                        fail_msg("%s: openssl takes byte %zu changed", f->kind, i);
                    theirs++;
                }
                der.data[i] ^= (unsigned char)(1 << bit);
            }
        }
        print_message(
            "campaign: %s: %zu bytes, each changed: refused; openssl takes %zu bytes' changes\n",
            signature_scheme_facts(scheme)->name, der.len, theirs);
        octets_free(&der);
    }
}

/* Two signature algorithms' identifiers that differ in one byte: RFC 6211 tells them apart. */
static void no_changed_byte_of_an_algorithm_is_accepted(void **state) {
    (void)state;
    const struct fixture *f = &fixtures[SCHEME_RSA_PKCS1];
    static const unsigned char rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B};
    struct octets der;
    assert_ok(assemble(f, &CONTENT, &der));
    size_t found = 0;
    for (size_t i = 0; i + sizeof rsa < der.len; i++) {
        if (memcmp(der.data + i, rsa, sizeof rsa) != 0)
            continue;
        found++;
        der.data[i + sizeof rsa - 1] = 0x01; /* rsaEncryption */
        assert_int_not_equal(judge(&der, NULL), FORMATS_OK);
        der.data[i + sizeof rsa - 1] = 0x0B;
    }
    assert_int_equal(found,
                     4); /* twice in the certificate, in the attribute, in front of the signature */
    octets_free(&der);
}

static void another_key_or_content_is_not_packed(void **state) {
    (void)state;
    for (enum signature_scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        const struct fixture *f = &fixtures[scheme];
        EVP_PKEY *key = bench_key(f->kind);
        struct fixture wrong = *f;
        const struct octets other = {(unsigned char *)"other", 5};
        struct octets out;
        wrong.signature = bench_sign(key, scheme == SCHEME_RSA_PSS, &f->to_be_signed);
        assert_int_equal(assemble(&wrong, &CONTENT, &out), FORMATS_SIGNATURE);
        assert_null(out.data);
        assert_int_equal(assemble(f, &other, &out), FORMATS_MISMATCH);
        octets_free(&wrong.signature);
        EVP_PKEY_free(key);
    }
}

static void a_certificate_that_is_not_the_signed_one_is_not_packed(void **state) {
    (void)state;
    struct fixture wrong = fixtures[SCHEME_SM2];
    X509 *renewed =
        certify(wrong.key, "甲公司"); /* same key, name and serial number, another signature */
    struct octets out;
    wrong.certificate = bench_x509_der(renewed);
    assert_int_equal(assemble(&wrong, &CONTENT, &out), FORMATS_MISMATCH);
    octets_free(&wrong.certificate);
    X509_free(renewed);
}

static void cut_messages_are_refused(void **state) {
    (void)state;
    struct octets der;
    struct signed_data *message = NULL;
    assert_ok(assemble(&fixtures[SCHEME_SM2], &CONTENT, &der));
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(signed_data_parse(NULL, der.data, len, &message), FORMATS_MALFORMED);
    octets_free(&der);
}

static void ber_and_other_types_are_refused(void **state) {
    (void)state;
    struct octets ber = bench_hex("3080 0609 2A864886F70D010702 A080 0000 0000");
    struct octets data = bench_hex("300B 0609 2A864886F70D010701");
    struct signed_data *message = NULL;
    assert_int_equal(signed_data_parse(NULL, ber.data, ber.len, &message), FORMATS_MALFORMED);
    assert_int_equal(signed_data_parse(NULL, data.data, data.len, &message), FORMATS_UNSUPPORTED);
    octets_free(&ber);
    octets_free(&data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_gives_back_all_its_parts),
        cmocka_unit_test(a_detached_message_needs_the_digest_of_its_content),
        cmocka_unit_test(openssl_verifies_cms_attached_and_detached),
        cmocka_unit_test(messages_of_openssl_are_read),
        cmocka_unit_test(no_flipped_byte_is_accepted),
        cmocka_unit_test(no_changed_byte_of_an_algorithm_is_accepted),
        cmocka_unit_test(another_key_or_content_is_not_packed),
        cmocka_unit_test(a_certificate_that_is_not_the_signed_one_is_not_packed),
        cmocka_unit_test(cut_messages_are_refused),
        cmocka_unit_test(ber_and_other_types_are_refused),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
