/* Keys, signatures and templates of the host. */
#include "tests/unit/firmware-sim/piv_host.h"

#include "firmware-sim/core/tlv.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

EVP_PKEY *piv_host_public_key(const struct piv_bench *b, uint8_t algorithm, uint32_t tag) {
    struct wire_reader r = wire_reader(b->out, b->out_len);
    struct wire_reader inner = tlv_take(&r, tag);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    bool rsa = algorithm != PIV_P256 && algorithm != PIV_P384;
    BIGNUM *n = NULL, *e = NULL;
    if (rsa) {
        struct wire_reader modulus = tlv_take(&inner, PIV_TAG_MODULUS);
        struct wire_reader exponent = tlv_take(&inner, PIV_TAG_EXPONENT);
        n = BN_bin2bn(modulus.p, (int)modulus.left, NULL);
        e = BN_bin2bn(exponent.p, (int)exponent.left, NULL);
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n);
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e);
    } else {
        struct wire_reader point = tlv_take(&inner, PIV_TAG_POINT);
        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
                                        algorithm == PIV_P256 ? "P-256" : "P-384", 0);
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.left);
    }
    assert_true(!r.bad && wire_done(&inner));
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, rsa ? "RSA" : "EC", NULL);
    EVP_PKEY *key = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(n);
    BN_free(e);
    return key;
}

void piv_host_rsa_raw(EVP_PKEY *key, const uint8_t *in, uint8_t *out, size_t len) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &len, in, len), 1);
    EVP_PKEY_CTX_free(ctx);
}

bool piv_host_ecdsa_verifies(const struct piv_bench *b, EVP_PKEY *key, const uint8_t *digest,
                             size_t digest_len) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
    bool ok = EVP_PKEY_verify(ctx, b->out, b->out_len, digest, digest_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

void piv_host_put_bn(struct wire_writer *w, uint32_t tag, const EVP_PKEY *key, const char *name) {
    uint8_t bytes[512];
    BIGNUM *bn = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &bn), 1);
    int len = BN_bn2bin(bn, bytes);
    BN_free(bn);
    tlv_put(w, tag, bytes, (size_t)len);
}

size_t piv_host_rsa_parts(const EVP_PKEY *key, uint8_t *data, size_t size) {
    static const char *const names[] = {
        OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    struct wire_writer w = wire_writer(data, size);
    for (unsigned i = 0; i < 5; i++)
        piv_host_put_bn(&w, 1 + i, key, names[i]);
    assert_false(w.bad);
    return w.len;
}
