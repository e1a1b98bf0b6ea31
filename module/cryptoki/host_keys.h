/* Public and private keys on the host: what the card leaves to it, and keys of the session. */
#ifndef OPENUKEY_CRYPTOKI_HOST_KEYS_H
#define OPENUKEY_CRYPTOKI_HOST_KEYS_H

#include "module/cryptoki/host.h"
#include "module/cryptoki/mechanisms.h"

/* A token's public key for OpenSSL; the caller's (EVP_PKEY_free). NULL when it is no key. */
EVP_PKEY *host_public_key(OSSL_LIB_CTX *libctx, const struct token_public_key *key);

/* A new EC key on a curve that OpenSSL knows by this name; the caller's. NULL when it cannot be. */
EVP_PKEY *host_generate_ec(OSSL_LIB_CTX *libctx, const char *curve);

/* The curve of an EC point on the token by the bits of its field; NULL: none that we know. */
const char *host_curve_name(uint32_t bits);

/* Bytes of a signature with this key: of the modulus, or of r || s. */
size_t host_signature_size(const EVP_PKEY *key);

/* Verifies a signature over `data` as the scheme takes it: the hash, or for mechanisms without digest the data itself.
 * CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, CKR_DATA_LEN_RANGE. */
CK_RV host_verify(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                  const struct mechanism_parameters *parameters, EVP_PKEY *key, const uint8_t *data,
                  size_t data_len, const uint8_t *signature, size_t signature_len);

/* What an RSA signature signs; out has room for the modulus. CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE. */
CK_RV host_recover(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism, EVP_PKEY *key,
                   const uint8_t *signature, size_t signature_len, uint8_t *out, size_t *out_len);

/* Encrypts to a public key. CKR_DATA_LEN_RANGE. */
CK_RV host_encrypt(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                   const struct mechanism_parameters *parameters, EVP_PKEY *key,
                   const uint8_t *data, size_t data_len, struct octets *out);
/* Bytes that host_encrypt makes of so many. */
size_t host_encrypted_size(const struct mechanism *mechanism, const EVP_PKEY *key, size_t len);

/* What a card does with its private keys (driver.h), with a private key of the session. TOKEN_UNSUPPORTED: not with this
 * kind of key; TOKEN_BAD_DATA, TOKEN_DECRYPT_FAILED. */
enum token_error host_private_operation(OSSL_LIB_CTX *libctx, EVP_PKEY *key,
                                        enum private_operation operation, const uint8_t *in,
                                        size_t in_len, uint8_t *out, size_t out_size,
                                        size_t *out_len);

#endif
