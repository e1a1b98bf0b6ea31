/* See fixture.h. */
#include "tests/unit/ca/fixture.h"

#include "module/formats/certificate_request.h"
#include "module/formats/sm2.h"

#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

const struct ca_options fixture_create = {.create = true, .now = JAN_2026};

struct octets fixture_csr(EVP_PKEY *key, const struct octets *subject) {
    unsigned char *spki = NULL;
    struct octets tbs, csr, signature;
    int spki_len = i2d_PUBKEY(key, &spki);
    assert_ok(certificate_request_build(subject->data, subject->len, spki, (size_t)spki_len, &tbs));
    if (sm2_key_is_sm2(key)) {
        assert_ok(sm2_sign(NULL, key, tbs.data, tbs.len, &signature));
    } else {
        unsigned char bytes[512];
        size_t len = sizeof bytes;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
        assert_int_equal(EVP_DigestSign(ctx, bytes, &len, tbs.data, tbs.len), 1);
        EVP_MD_CTX_free(ctx);
        assert_ok(octets_copy(&signature, bytes, len));
    }
    assert_ok(certificate_request_assemble(NULL, &tbs, signature.data, signature.len, &csr));
    OPENSSL_free(spki);
    octets_free(&tbs);
    octets_free(&signature);
    return csr;
}

EVP_PKEY *fixture_key(const char *type) {
    if (strcmp(type, "SM2") == 0)
        return bench_sm2_key();
    return strcmp(type, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(type);
}

void fixture_open(struct fixture *f, const struct ca_options *options, const char *type) {
    static const struct name_field fields[] = {{"C", "CN"}, {"O", "甲公司"}, {"CN", "甲公司"}};
    strcpy(f->directory, "/tmp/openukey-ca-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    assert_ca(ca_open(NULL, f->directory, options, &f->ca));
    f->key = fixture_key(type);
    assert_ok(name_from_fields(fields, 3, &f->subject));
    f->csr = fixture_csr(f->key, &f->subject);
    f->request = (struct ca_request){.csr = f->csr.data,
                                     .csr_len = f->csr.len,
                                     .subject = f->subject.data,
                                     .subject_len = f->subject.len,
                                     .not_before = JAN_2026 + 1,
                                     .not_after = JAN_2026 + 90 * DAY + 7,
                                     .crl_url = "http://127.0.0.1:8080/ca/crl"};
}

int fixture_make(void **state) {
    static struct fixture f;
    fixture_open(&f, &fixture_create, "SM2");
    f.request.encryption_pair = true;
    *state = &f;
    return 0;
}

int fixture_drop(void **state) {
    struct fixture *f = *state;
    ca_close(f->ca);
    EVP_PKEY_free(f->key);
    octets_free(&f->subject);
    octets_free(&f->csr);
    return nftw(f->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

struct certificate *fixture_certificate(const struct octets *der) {
    struct certificate *certificate = NULL;
    assert_ok(certificate_parse(NULL, der->data, der->len, &certificate));
    return certificate;
}

enum formats_error fixture_verify(struct ca *ca, const struct octets *leaf, int64_t at) {
    struct certificate *root = fixture_certificate(ca_root(ca));
    struct certificate *issuing = fixture_certificate(ca_issuing(ca));
    struct certificate *end = fixture_certificate(leaf);
    STACK_OF(X509) *intermediates = sk_X509_new_null();
    sk_X509_push(intermediates, issuing->x509);
    enum formats_error error =
        certificate_verify_chain(NULL, end->x509, intermediates, root->x509, at);
    sk_X509_free(intermediates);
    certificate_free(root);
    certificate_free(issuing);
    certificate_free(end);
    return error;
}
