/* See soft_file.h. */
#include "tools/orderd/engine/soft_file.h"

#include "module/formats/certificate_request.h"
#include "module/formats/sm2.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/pkcs12.h>
#include <string.h>

enum { REQUEST_SIGNATURE_MAX = 1024 };

bool passphrase_is_valid(const char *passphrase) {
    size_t len = strlen(passphrase);
    bool digit = false;
    bool letter = false;
    bool other = false;
    for (const char *at = passphrase; *at != '\0'; at++) {
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f) {
            return false;
        }
        digit = digit || isdigit((unsigned char)*at);
        letter = letter || isalpha((unsigned char)*at);
        other = other || ispunct((unsigned char)*at);
    }
    return len >= PASSPHRASE_MIN && len <= PASSPHRASE_MAX && digit + letter + other >= 2;
}

EVP_PKEY *soft_file_key(const char *algorithm) {
    EVP_PKEY *key = NULL;
    if (strcmp(algorithm, "RSA-2048") == 0) {
        return EVP_RSA_gen(2048);
    }
    if (strcmp(algorithm, "P-256") == 0) {
        return EVP_EC_gen("P-256");
    }
    return strcmp(algorithm, "SM2") == 0 && sm2_key_generate(NULL, &key) == FORMATS_OK ? key : NULL;
}

static bool sign(EVP_PKEY *key, const struct octets *message, struct octets *out) {
    unsigned char signature[REQUEST_SIGNATURE_MAX];
    size_t len = sizeof signature;
    if (sm2_key_is_sm2(key)) {
        return sm2_sign(NULL, key, message->data, message->len, out) == FORMATS_OK;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL &&
                EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(context, signature, &len, message->data, message->len) == 1 &&
                octets_copy(out, signature, len) == FORMATS_OK;
    EVP_MD_CTX_free(context);
    return good;
}

bool soft_file_request(EVP_PKEY *key, struct octets *out) {
    static const unsigned char no_name[] = {0x30, 0x00};
    struct octets info = {NULL, 0};
    struct octets signature = {NULL, 0};
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(key, &spki);
    *out = (struct octets){NULL, 0};
    bool good =
        len > 0 &&
        certificate_request_build(no_name, sizeof no_name, spki, (size_t)len, &info) ==
            FORMATS_OK &&
        sign(key, &info, &signature) &&
        certificate_request_assemble(NULL, &info, signature.data, signature.len, out) == FORMATS_OK;
    OPENSSL_free(spki);
    octets_free(&info);
    octets_free(&signature);
    return good;
}

static X509 *read_certificate(const struct octets *der) {
    const unsigned char *at = der->data;
    return d2i_X509(NULL, &at, (long)der->len);
}

static STACK_OF(X509) *read_chain(const struct octets *chain, size_t count) {
    STACK_OF(X509) *list = sk_X509_new_null();
    for (size_t i = 0; list != NULL && i < count; i++) {
        X509 *one = read_certificate(&chain[i]);
        if (one == NULL || sk_X509_push(list, one) == 0) {
            X509_free(one);
            sk_X509_pop_free(list, X509_free);
            return NULL;
        }
    }
    return list;
}

bool soft_file_make(EVP_PKEY *key, const struct octets *certificate, const struct octets *chain,
                    size_t chain_count, const char *name, const char *passphrase,
                    struct octets *out) {
    unsigned char *der = NULL;
    PKCS12 *file = NULL;
    X509 *own = read_certificate(certificate);
    STACK_OF(X509) *list = read_chain(chain, chain_count);
    int len = 0;
    *out = (struct octets){NULL, 0};
    if (own != NULL && list != NULL) {
        file = PKCS12_create(passphrase, name, key, own, list, NID_aes_256_cbc, NID_aes_256_cbc,
                             PKCS12_ROUNDS, PKCS12_ROUNDS, 0);
    }
    if (file != NULL) {
        len = i2d_PKCS12(file, &der);
    }
    bool good = len > 0 && octets_copy(out, der, (size_t)len) == FORMATS_OK;
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    PKCS12_free(file);
    sk_X509_pop_free(list, X509_free);
    X509_free(own);
    return good;
}
