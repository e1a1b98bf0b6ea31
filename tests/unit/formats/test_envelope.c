/* Envelopes as OpenSSL makes them for RSA keys and as GM/T 0010 has them for SM2 keys: found, opened, refused. */
#include "module/formats/envelope.h"
#include "module/formats/sm2.h"
#include "tests/unit/formats/bench.h"

#include <openssl/cms.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static const char TEXT[] = "the plaintext of an envelope, longer than one block";
static EVP_PKEY *rsa, *sm2;
static X509 *rsa_x509, *sm2_x509;

static X509 *certify(EVP_PKEY *key, long serial) {
    return bench_certify(&(struct bench_certificate){.common_name = "甲公司",
                                                     .key = key,
                                                     .issuer_key = key,
                                                     .key_usage = "keyEncipherment",
                                                     .not_before = JAN_2026,
                                                     .not_after = JAN_2026 + DAY,
                                                     .serial = serial});
}

static int make(void **state) {
    (void)state;
    rsa = bench_key("RSA");
    sm2 = bench_sm2_key();
    rsa_x509 = certify(rsa, 1);
    sm2_x509 = certify(sm2, 2);
    return 0;
}

static int drop(void **state) {
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(sm2);
    X509_free(rsa_x509);
    X509_free(sm2_x509);
    return 0;
}

/* What OpenSSL makes; `oaep`: the digest, NULL for PKCS#1 v1.5. */
static struct octets encrypt(const EVP_CIPHER *cipher, const EVP_MD *oaep, unsigned flags) {
    BIO *in = BIO_new_mem_buf(TEXT, (int)strlen(TEXT));
    CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, cipher, CMS_BINARY | CMS_PARTIAL);
    CMS_RecipientInfo *recipient =
        CMS_add1_recipient_cert(cms, rsa_x509, flags | (oaep != NULL ? CMS_KEY_PARAM : 0));
    assert_non_null(recipient);
    if (oaep != NULL) {
        EVP_PKEY_CTX *parameters = CMS_RecipientInfo_get0_pkey_ctx(recipient);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_OAEP_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(parameters, oaep), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, oaep), 1);
    }
    assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
    unsigned char *der = NULL;
    int len = i2d_CMS_ContentInfo(cms, &der);
    struct octets out;
    assert_true(len > 0);
    assert_ok(octets_copy(&out, der, (size_t)len));
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    return out;
}

/* What the token does. */
static struct octets unwrap_rsa(enum envelope_way way, const struct octets *encrypted) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(rsa, NULL);
    unsigned char key[512];
    size_t len = sizeof key;
    const EVP_MD *digest = way == ENVELOPE_OAEP_SHA256 ? EVP_sha256() : EVP_sha1();
    assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
    if (way != ENVELOPE_RSA_PKCS1) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, digest), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest), 1);
    }
    assert_int_equal(EVP_PKEY_decrypt(ctx, key, &len, encrypted->data, encrypted->len), 1);
    EVP_PKEY_CTX_free(ctx);
    struct octets out;
    assert_ok(octets_copy(&out, key, len));
    return out;
}

static void envelopes_of_openssl_are_opened(void **state) {
    (void)state;
    const struct {
        const EVP_CIPHER *cipher;
        const EVP_MD *oaep;
        unsigned flags;
        enum envelope_way way;
    } cases[] = {
        {EVP_aes_128_cbc(), NULL, 0, ENVELOPE_RSA_PKCS1},
        {EVP_aes_256_cbc(), NULL, 0, ENVELOPE_RSA_PKCS1},
        {EVP_aes_192_cbc(), EVP_sha1(), 0, ENVELOPE_OAEP_SHA1},
        {EVP_aes_256_cbc(), EVP_sha256(), 0, ENVELOPE_OAEP_SHA256},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct octets der = encrypt(cases[i].cipher, cases[i].oaep, cases[i].flags);
        struct octets wrapped, key, plain;
        struct envelope *envelope = NULL;
        enum envelope_way way;
        assert_ok(envelope_parse(der.data, der.len, &envelope));
        assert_false(envelope_find(envelope, sm2_x509, &way, &wrapped));
        assert_true(envelope_find(envelope, rsa_x509, &way, &wrapped));
        assert_int_equal(way, cases[i].way);
        key = unwrap_rsa(way, &wrapped);
        assert_ok(envelope_open(NULL, envelope, &key, &plain));
        assert_int_equal(plain.len, strlen(TEXT));
        assert_memory_equal(plain.data, TEXT, plain.len);
        octets_free(&plain);
        /* a key of the wrong size is as good as a wrong one */
        key.len--;
        assert_int_equal(envelope_open(NULL, envelope, &key, &plain), FORMATS_KEY);
        key.len++;
        octets_free(&key);
        envelope_free(envelope);
        octets_free(&der);
    }
}

static struct octets der_of(unsigned char tag, const struct octets *parts, size_t count) {
    size_t len = 0;
    unsigned char *data = malloc(2048);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(data + 4 + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    size_t head = len < 0x80 ? 2 : len < 0x100 ? 3 : 4;
    memmove(data + head, data + 4, len);
    data[0] = tag;
    data[1] = head == 2 ? (unsigned char)len : head == 3 ? 0x81 : 0x82;
    if (head == 3)
        data[2] = (unsigned char)len;
    if (head == 4) {
        data[2] = (unsigned char)(len >> 8);
        data[3] = (unsigned char)len;
    }
    return (struct octets){data, head + len};
}

/* der_of() that takes its parts over. */
static struct octets built(unsigned char tag, struct octets *parts, size_t count) {
    struct octets out = der_of(tag, parts, count);
    for (size_t i = 0; i < count; i++)
        octets_free(&parts[i]);
    return out;
}

/* GM/T 0010 envelopedData: SM4-CBC for the content, SM2 for the key. */
static struct octets gm_envelope(void) {
    static const unsigned char key[16] = "0123456789abcde";
    static const unsigned char iv[16] = "fedcba987654321";
    unsigned char cipher[128];
    int first = 0, last = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex2(ctx, EVP_sm4_cbc(), key, iv, NULL), 1);
    EVP_EncryptUpdate(ctx, cipher, &first, (const unsigned char *)TEXT, (int)strlen(TEXT));
    EVP_EncryptFinal_ex(ctx, cipher + first, &last);
    EVP_CIPHER_CTX_free(ctx);
    const struct octets content = {cipher, (size_t)(first + last)},
                        iv_bytes = {(unsigned char *)iv, 16};
    struct octets wrapped;
    assert_ok(sm2_encrypt(NULL, sm2, key, sizeof key, &wrapped));
    unsigned char *name = NULL;
    int name_len = i2d_X509_NAME(X509_get_issuer_name(sm2_x509), &name);
    const struct octets issuer = {name, (size_t)name_len};
    struct octets who[] = {der_of(0x31, NULL, 0), bench_hex("020102")};
    octets_free(&who[0]);
    assert_ok(octets_copy(&who[0], issuer.data, issuer.len));
    OPENSSL_free(name);
    struct octets algorithm[] = {bench_hex("06092A811CCF5501822D03")};
    struct octets recipient[] = {bench_hex("020101"), built(0x30, who, 2),
                                 built(0x30, algorithm, 1), built(0x04, &wrapped, 1)};
    struct octets recipients[] = {built(0x30, recipient, 4)};
    struct octets sm4[] = {bench_hex("06092A811CCF5501680200"), der_of(0x04, &iv_bytes, 1)};
    octets_free(&sm4[0]);
    sm4[0] = bench_hex("06082A811CCF55016802"); /* .104.2 */
    struct octets encrypted[] = {bench_hex("060A2A811CCF550601040201"), built(0x30, sm4, 2),
                                 der_of(0x80, &content, 1)};
    struct octets data[] = {bench_hex("020101"), built(0x31, recipients, 1),
                            built(0x30, encrypted, 3)};
    struct octets inner[] = {built(0x30, data, 3)};
    struct octets outer[] = {bench_hex("060A2A811CCF550601040203"), built(0xA0, inner, 1)};
    return built(0x30, outer, 2);
}

static void gm_envelopes_are_opened(void **state) {
    (void)state;
    struct octets der = gm_envelope(), wrapped, key, plain;
    struct envelope *envelope = NULL;
    enum envelope_way way;
    assert_ok(envelope_parse(der.data, der.len, &envelope));
    assert_false(envelope_find(envelope, rsa_x509, &way, &wrapped));
    assert_true(envelope_find(envelope, sm2_x509, &way, &wrapped));
    assert_int_equal(way, ENVELOPE_SM2);
    assert_ok(sm2_decrypt(NULL, sm2, wrapped.data, wrapped.len, &key));
    assert_ok(envelope_open(NULL, envelope, &key, &plain));
    assert_int_equal(plain.len, strlen(TEXT));
    assert_memory_equal(plain.data, TEXT, plain.len);
    octets_free(&plain);
    octets_free(&key);
    envelope_free(envelope);
    octets_free(&der);
}

static void cut_and_changed_envelopes_do_no_harm(void **state) {
    (void)state;
    struct octets der = gm_envelope();
    for (size_t i = 0; i < der.len; i++) {
        struct envelope *envelope = NULL;
        struct octets wrapped;
        enum envelope_way way;
        assert_int_not_equal(envelope_parse(der.data, i, &envelope), FORMATS_OK);
        der.data[i] ^= 1;
        if (envelope_parse(der.data, der.len, &envelope) == FORMATS_OK)
            envelope_find(envelope, sm2_x509, &way, &wrapped);
        envelope_free(envelope);
        der.data[i] ^= 1;
    }
    octets_free(&der);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelopes_of_openssl_are_opened),
        cmocka_unit_test(gm_envelopes_are_opened),
        cmocka_unit_test(cut_and_changed_envelopes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
