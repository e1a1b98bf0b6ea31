/* The key management centre: makes encryption pairs and keeps them, sealed with AES-256-GCM under
 * the KMC key and bound to the certificate's serial number. File: version 1, nonce 12, ciphertext
 * of d 32, tag 16. */
#include "module/formats/sm2_envelope.h"
#include "tools/orderd/ca/ca_internal.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

enum { SEALED_VERSION = 1, NONCE = 12, TAG = 16, SEALED = 1 + NONCE + SM2_SCALAR + TAG };

static enum ca_error seal_scalar(const struct ca *ca, const char *serial,
                                 const unsigned char d[SM2_SCALAR], unsigned char sealed[SEALED]) {
    int n = 0;
    enum ca_error error = CA_CRYPTO;
    unsigned char *nonce = sealed + 1;
    EVP_CIPHER *gcm = EVP_CIPHER_fetch(ca->libctx, "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    sealed[0] = SEALED_VERSION;
    if (gcm != NULL && ctx != NULL && RAND_bytes_ex(ca->libctx, nonce, NONCE, 0) == 1 &&
        EVP_EncryptInit_ex2(ctx, gcm, ca->kmc_key, nonce, NULL) == 1 &&
        EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)serial, (int)strlen(serial)) == 1 &&
        EVP_EncryptUpdate(ctx, nonce + NONCE, &n, d, SM2_SCALAR) == 1 &&
        EVP_EncryptFinal_ex(ctx, nonce + NONCE + SM2_SCALAR, &n) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, nonce + NONCE + SM2_SCALAR) == 1)
        error = CA_OK;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(gcm);
    return error;
}

static enum ca_error open_scalar(const struct ca *ca, const char *serial,
                                 const unsigned char sealed[SEALED], unsigned char d[SM2_SCALAR]) {
    int n = 0;
    enum ca_error error = CA_CORRUPT;
    const unsigned char *nonce = sealed + 1;
    unsigned char tag[TAG];
    unsigned char rest[16];
    memcpy(tag, nonce + NONCE + SM2_SCALAR, TAG);
    EVP_CIPHER *gcm = EVP_CIPHER_fetch(ca->libctx, "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (gcm == NULL || ctx == NULL ||
        EVP_DecryptInit_ex2(ctx, gcm, ca->kmc_key, nonce, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1)
        error = CA_CRYPTO;
    else if (sealed[0] == SEALED_VERSION &&
             EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)serial, (int)strlen(serial)) ==
                 1 &&
             EVP_DecryptUpdate(ctx, d, &n, nonce + NONCE, SM2_SCALAR) == 1 &&
             EVP_DecryptFinal_ex(ctx, rest, &n) == 1)
        error = CA_OK;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(gcm);
    return error;
}

static enum ca_error pair_make(const struct ca *ca, const char *serial, const char *name,
                               EVP_PKEY **out) {
    unsigned char d[SM2_SCALAR];
    unsigned char sealed[SEALED];
    enum ca_error error = ca_error_of(sm2_key_generate(ca->libctx, out));
    if (error == CA_OK)
        error = ca_error_of(sm2_key_scalar(*out, d));
    if (error == CA_OK)
        error = seal_scalar(ca, serial, d, sealed);
    if (error == CA_OK)
        error = ca_file_write(ca, name, &(struct octets){sealed, sizeof sealed});
    OPENSSL_cleanse(d, sizeof d);
    if (error != CA_OK) {
        EVP_PKEY_free(*out);
        *out = NULL;
    }
    return error;
}

enum ca_error ca_escrow_pair(const struct ca *ca, const char *serial, enum ca_escrow_want want,
                             EVP_PKEY **out) {
    *out = NULL;
    char name[64];
    unsigned char d[SM2_SCALAR];
    struct octets sealed;
    if (!ca_serial_is_sound(serial))
        return CA_UNKNOWN;
    snprintf(name, sizeof name, "escrow/%s", serial);
    enum ca_error error = ca_file_read(ca, name, &sealed);
    if (error == CA_UNKNOWN && want == CA_ESCROW_MAKE)
        return pair_make(ca, serial, name, out);
    if (error == CA_OK && sealed.len != SEALED)
        error = CA_CORRUPT;
    if (error == CA_OK)
        error = open_scalar(ca, serial, sealed.data, d);
    if (error == CA_OK)
        error = ca_error_of(sm2_key_from_scalar(ca->libctx, d, out));
    OPENSSL_cleanse(d, sizeof d);
    octets_free(&sealed);
    return error;
}

enum ca_error ca_escrow_envelope(const struct ca *ca, const char *serial, EVP_PKEY *recipient,
                                 struct octets *out) {
    *out = (struct octets){NULL, 0};
    EVP_PKEY *pair = NULL;
    enum ca_error error = ca_escrow_pair(ca, serial, CA_ESCROW_FIND, &pair);
    if (error == CA_OK && !sm2_key_is_sm2(recipient))
        error = CA_BAD_KEY;
    if (error == CA_OK)
        error = ca_error_of(sm2_envelope_make(ca->libctx, recipient, pair, out));
    EVP_PKEY_free(pair);
    return error;
}
