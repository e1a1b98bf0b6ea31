/* Throwaway certificates and bytes for the tests of module/formats. */
#include "tests/unit/formats/bench.h"

#include "module/formats/sm2.h"

#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct octets bench_hex(const char *hex) {
    struct octets out;
    unsigned char *bytes = malloc(strlen(hex) / 2 + 1);
    size_t digits = 0;
    assert_non_null(bytes);
    for (const char *p = hex; *p != '\0'; p++) {
        static const char alphabet[] = "0123456789abcdef";
        if (*p == ' ')
            continue;
        const char *digit = strchr(alphabet, *p | 0x20);
        assert_non_null(digit);
        unsigned nibble = (unsigned)(digit - alphabet);
        unsigned high = digits % 2 == 0 ? 0 : bytes[digits / 2];
        bytes[digits / 2] = (unsigned char)(digits % 2 == 0 ? nibble << 4 : high | nibble);
        digits++;
    }
    assert_ok(octets_copy(&out, bytes, digits / 2));
    free(bytes);
    return out;
}

EVP_PKEY *bench_sm2_key(void) {
    EVP_PKEY *key = NULL;
    assert_ok(sm2_key_generate(NULL, &key));
    return key;
}

static void extend(X509 *x509, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

X509 *bench_certify(const struct bench_certificate *wanted) {
    X509 *x509 = X509_new();
    assert_non_null(x509);
    X509 *issuer = wanted->issuer != NULL ? wanted->issuer : x509;
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), wanted->serial != 0 ? wanted->serial : 1);
    X509_NAME *name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, (const unsigned char *)"CN", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               (const unsigned char *)wanted->common_name, -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(issuer));
    ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)wanted->not_before);
    ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)wanted->not_after);
    X509_set_pubkey(x509, wanted->key);
    if (wanted->is_ca)
        extend(x509, issuer, NID_basic_constraints, "critical,CA:TRUE");
    if (wanted->key_usage != NULL)
        extend(x509, issuer, NID_key_usage, wanted->key_usage);
    EVP_PKEY_CTX *pctx = NULL; /* X509_sign would sign with no identity */
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_sm2 = sm2_key_is_sm2(wanted->issuer_key);
    assert_int_equal(
        EVP_DigestSignInit(ctx, &pctx, is_sm2 ? EVP_sm3() : EVP_sha256(), NULL, wanted->issuer_key),
        1);
    if (is_sm2)
        assert_int_equal(EVP_PKEY_CTX_set1_id(pctx, SM2_DEFAULT_ID, (int)strlen(SM2_DEFAULT_ID)),
                         1);
    assert_true(X509_sign_ctx(x509, ctx) > 0);
    EVP_MD_CTX_free(ctx);
    return x509;
}

struct octets bench_x509_der(X509 *x509) {
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der);
    assert_true(len > 0);
    struct octets out;
    assert_ok(octets_copy(&out, der, (size_t)len));
    OPENSSL_free(der);
    return out;
}

EVP_PKEY *bench_key(const char *kind) {
    if (strcmp(kind, "SM2") == 0)
        return bench_sm2_key();
    EVP_PKEY *key = strcmp(kind, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(kind);
    assert_non_null(key);
    return key;
}

struct octets bench_sign(EVP_PKEY *key, bool pss, const struct octets *message) {
    struct octets out = {NULL, 0};
    unsigned char bytes[512];
    size_t len = sizeof bytes;
    if (sm2_key_is_sm2(key)) {
        assert_ok(sm2_sign(NULL, key, message->data, message->len, &out));
        return out;
    }
    EVP_PKEY_CTX *parameters = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *digest = EVP_PKEY_get_bits(key) == 384 ? EVP_sha384() : EVP_sha256();
    assert_int_equal(EVP_DigestSignInit(ctx, &parameters, digest, NULL, key), 1);
    if (pss) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 32), 1);
    }
    assert_int_equal(EVP_DigestSign(ctx, bytes, &len, message->data, message->len), 1);
    EVP_MD_CTX_free(ctx);
    assert_ok(octets_copy(&out, bytes, len));
    return out;
}
