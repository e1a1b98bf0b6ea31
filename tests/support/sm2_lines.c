/* sm2-lines: verifies many SM2 signatures with OpenSSL alone. Each line of standard input is three hexadecimal words: DER
 * SubjectPublicKeyInfo, message, DER signature; each line of the answer is "good" or "bad". */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char id[] = "1234567812345678";

static unsigned char *bytes_of(const char *hex, size_t *len) {
    long count = 0;
    unsigned char *bytes = hex != NULL ? OPENSSL_hexstr2buf(hex, &count) : NULL;
    *len = (size_t)count;
    return bytes;
}

static int verify(const char *spki_hex, const char *message_hex, const char *signature_hex) {
    size_t spki_len, message_len, signature_len;
    unsigned char *spki = bytes_of(spki_hex, &spki_len);
    unsigned char *message = bytes_of(message_hex, &message_len);
    unsigned char *signature = bytes_of(signature_hex, &signature_len);
    const unsigned char *at = spki;
    EVP_PKEY *key = spki != NULL ? d2i_PUBKEY(NULL, &at, (long)spki_len) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = key != NULL ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    int good = 0;
    if (ctx != NULL && parameters != NULL && message != NULL && signature != NULL) {
        EVP_MD_CTX_set_pkey_ctx(ctx, parameters);
        good = EVP_PKEY_CTX_set1_id(parameters, id, strlen(id)) == 1 &&
               EVP_DigestVerifyInit(ctx, NULL, EVP_sm3(), NULL, key) == 1 &&
               EVP_DigestVerify(ctx, signature, signature_len, message, message_len) == 1;
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_CTX_free(parameters);
    EVP_PKEY_free(key);
    OPENSSL_free(spki);
    OPENSSL_free(message);
    OPENSSL_free(signature);
    return good;
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        char *rest = NULL;
        const char *spki = strtok_r(line, " \n", &rest);
        const char *message = strtok_r(NULL, " \n", &rest);
        const char *signature = strtok_r(NULL, " \n", &rest);
        puts(verify(spki, message, signature) ? "good" : "bad");
    }
    free(line);
    return 0;
}
