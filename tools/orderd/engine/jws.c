/* See jws.h. */
#include "tools/orderd/engine/jws.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COORDINATE = 32 };

/* base64url without padding (RFC 7515 2); the caller frees. */
static char *base64url(const void *data, size_t len) {
    if (len > INT_MAX / 2) {
        return NULL;
    }
    char *text = malloc((len + 2) / 3 * 4 + 1);
    if (text == NULL) {
        return NULL;
    }
    int size = EVP_EncodeBlock((unsigned char *)text, data, (int)len);
    while (size > 0 && text[size - 1] == '=') {
        size--;
    }
    text[size] = '\0';
    for (int i = 0; i < size; i++) {
        text[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    }
    return text;
}

static char *coordinate(EVP_PKEY *key, const char *name) {
    unsigned char bytes[COORDINATE];
    BIGNUM *number = NULL;
    char *text = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
        BN_bn2binpad(number, bytes, COORDINATE) == COORDINATE) {
        text = base64url(bytes, COORDINATE);
    }
    BN_free(number);
    return text;
}

/* RFC 7638: SHA-256 of {"crv","kty","x","y"} in that order, without blanks. */
static bool thumbprint(EVP_PKEY *key, char kid[JWS_KID_SIZE]) {
    char *x = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
    char *y = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
    char text[256];
    unsigned char digest[32];
    bool made = false;
    if (x != NULL && y != NULL) {
        int len = snprintf(text, sizeof text,
                           "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
        made = len > 0 && EVP_Digest(text, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1;
    }
    if (made) {
        char *print = base64url(digest, sizeof digest);
        made = print != NULL && strlen(print) < JWS_KID_SIZE;
        if (made) {
            memcpy(kid, print, strlen(print) + 1);
        }
        free(print);
    }
    free(x);
    free(y);
    return made;
}

bool jws_key_make(EVP_PKEY **out, char kid[JWS_KID_SIZE]) {
    *out = EVP_EC_gen("P-256");
    if (*out == NULL || !thumbprint(*out, kid)) {
        EVP_PKEY_free(*out);
        *out = NULL;
    }
    return *out != NULL;
}

bool jws_key_read(const char *pem, EVP_PKEY **out, char kid[JWS_KID_SIZE]) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    *out = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (*out != NULL && !thumbprint(*out, kid)) {
        EVP_PKEY_free(*out);
        *out = NULL;
    }
    return *out != NULL;
}

bool jws_key_write(EVP_PKEY *key, char **pem) {
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    *pem = NULL;
    if (bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long len = BIO_get_mem_data(bio, &text);
        *pem = len > 0 ? strndup(text, (size_t)len) : NULL;
    }
    BIO_free(bio);
    return *pem != NULL;
}

json_t *jws_key_public(EVP_PKEY *key, const char *kid) {
    char *x = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
    char *y = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
    json_t *jwk = NULL;
    if (x != NULL && y != NULL) {
        jwk = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "kty", "EC", "crv", "P-256", "x", x, "y",
                        y, "kid", kid, "use", "sig", "alg", "ES256");
    }
    free(x);
    free(y);
    return jwk;
}

/* ECDSA with SHA-256 over `text`, as the 64 bytes r || s (RFC 7518 3.4). */
static bool sign_raw(EVP_PKEY *key, const char *text, unsigned char raw[2 * COORDINATE]) {
    unsigned char der[80];
    size_t der_len = sizeof der;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ECDSA_SIG *signature = NULL;
    bool made =
        context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(context, der, &der_len, (const unsigned char *)text, strlen(text)) == 1;
    if (made) {
        const unsigned char *at = der;
        signature = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
        made =
            signature != NULL &&
            BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, COORDINATE) == COORDINATE &&
            BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + COORDINATE, COORDINATE) == COORDINATE;
    }
    ECDSA_SIG_free(signature);
    EVP_MD_CTX_free(context);
    return made;
}

/* base64url(json(object)); the caller frees. */
static char *encoded(const json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    char *result = text != NULL ? base64url(text, strlen(text)) : NULL;
    free(text);
    return result;
}

bool jws_sign(EVP_PKEY *key, const char *kid, const json_t *payload, char **out) {
    unsigned char raw[2 * COORDINATE];
    json_t *header = json_pack("{s:s,s:s,s:s}", "alg", "ES256", "kid", kid, "typ", "JWT");
    char *head = header != NULL ? encoded(header) : NULL;
    char *body = encoded(payload);
    char *input = NULL;
    char *signature = NULL;
    *out = NULL;
    if (head != NULL && body != NULL && asprintf(&input, "%s.%s", head, body) < 0) {
        input = NULL;
    }
    if (input != NULL && sign_raw(key, input, raw)) {
        signature = base64url(raw, sizeof raw);
    }
    if (signature != NULL && asprintf(out, "%s.%s", input, signature) < 0) {
        *out = NULL;
    }
    free(signature);
    free(input);
    free(head);
    free(body);
    json_decref(header);
    return *out != NULL;
}
