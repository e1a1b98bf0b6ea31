/* The algorithms that the CA knows: their names, keys and signatures. */
#include "module/formats/sm2.h"
#include "tools/orderd/ca/ca_internal.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <string.h>

enum { RSA_BITS_MIN = 2048, RSA_BITS = 2048, RSA_BITS_STRONG = 3072, SIGNATURE_MAX = 1024 };

static const char *const names[CA_ALGORITHMS] = {
    [CA_ANY_ALGORITHM] = "any", [CA_SM2] = "SM2", [CA_P256] = "P-256", [CA_RSA] = "RSA-2048"};

const char *ca_algorithm_name(enum ca_algorithm algorithm) {
    return names[algorithm];
}

enum ca_algorithm ca_algorithm_find(const char *name) {
    for (enum ca_algorithm algorithm = CA_SM2; algorithm < CA_ALGORITHMS; algorithm++)
        if (strcmp(names[algorithm], name) == 0)
            return algorithm;
    return CA_ANY_ALGORITHM;
}

enum ca_algorithm ca_algorithm_of_key(const EVP_PKEY *key) {
    char group[32] = "";
    if (key == NULL)
        return CA_ANY_ALGORITHM;
    if (sm2_key_is_sm2(key))
        return CA_SM2;
    if (EVP_PKEY_is_a(key, "RSA"))
        return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN ? CA_RSA : CA_ANY_ALGORITHM;
    return EVP_PKEY_is_a(key, "EC") &&
                   EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
                   strcmp(group, SN_X9_62_prime256v1) == 0
               ? CA_P256
               : CA_ANY_ALGORITHM;
}

enum ca_error ca_key_generate(const struct ca *ca, bool strong, EVP_PKEY **out) {
    *out = NULL;
    switch (ca->algorithm) {
    case CA_SM2:
        return ca_error_of(sm2_key_generate(ca->libctx, out));
    case CA_P256:
        *out = EVP_PKEY_Q_keygen(ca->libctx, NULL, "EC", "P-256");
        break;
    case CA_RSA:
        *out = EVP_PKEY_Q_keygen(ca->libctx, NULL, "RSA",
                                 (size_t)(strong ? RSA_BITS_STRONG : RSA_BITS));
        break;
    default:
        return CA_ARGUMENT;
    }
    return *out != NULL ? CA_OK : CA_CRYPTO;
}

EVP_MD_CTX *ca_sign_context(const struct ca *ca, EVP_PKEY *key) {
    bool sm2 = sm2_key_is_sm2(key);
    EVP_PKEY_CTX *pctx = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL &&
        EVP_DigestSignInit_ex(ctx, &pctx, sm2 ? "SM3" : "SHA256", ca->libctx, NULL, key, NULL) ==
            1 &&
        (!sm2 || EVP_PKEY_CTX_set1_id(pctx, SM2_DEFAULT_ID, (int)strlen(SM2_DEFAULT_ID)) == 1))
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

enum ca_error ca_sign(const struct ca *ca, EVP_PKEY *key, const struct octets *data,
                      struct octets *out) {
    unsigned char signature[SIGNATURE_MAX];
    size_t len = sizeof signature;
    *out = (struct octets){NULL, 0};
    EVP_MD_CTX *ctx = ca_sign_context(ca, key);
    enum ca_error error =
        ctx != NULL && EVP_DigestSign(ctx, signature, &len, data->data, data->len) == 1
            ? ca_error_of(octets_copy(out, signature, len))
            : CA_CRYPTO;
    EVP_MD_CTX_free(ctx);
    return error;
}
