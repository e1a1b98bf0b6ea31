/* Cryptography on the host: OpenSSL 3 in a library context of our own, so that the program's OpenSSL is never touched.
 * Digests, everything with public keys, and the paddings around the card's raw RSA. */
#ifndef OPENUKEY_CRYPTOKI_HOST_H
#define OPENUKEY_CRYPTOKI_HOST_H

#include "module/cryptoki/mechanisms.h"
#include "module/token/driver.h"

#include <openssl/evp.h>

/* A new context with the default provider, whatever the program's configuration says; NULL on failure. */
OSSL_LIB_CTX *host_context_new(void);

/* Some programs call us from exit handlers after OpenSSL's own: then everything of OpenSSL's is gone already, and is
 * left alone. Both take NULL. */
void host_context_free(OSSL_LIB_CTX *libctx);
void host_digest_free(EVP_MD_CTX *digest);
bool host_is_alive(void);

/* A digest under way; NULL: no such digest. */
EVP_MD_CTX *host_digest_new(OSSL_LIB_CTX *libctx, const char *name);
/* Bytes of a digest by OpenSSL's name, 0 if unknown. */
size_t host_digest_size(const char *name);
CK_RV host_digest_update(EVP_MD_CTX *digest, const uint8_t *data, size_t len);
/* out: EVP_MAX_MD_SIZE bytes. */
CK_RV host_digest_final(EVP_MD_CTX *digest, uint8_t *out, size_t *len);

/* SM3 begun with Z = SM3(ENTL || ID || a || b || G || public key) (GB/T 32918.2, 5.5). */
EVP_MD_CTX *host_sm2_digest_new(OSSL_LIB_CTX *libctx, const struct sm2_point *key,
                                const uint8_t *id, size_t id_len);

/* DER DigestInfo of a hash. TOO short a buffer or an unknown digest: CKR_GENERAL_ERROR. */
CK_RV host_digest_info(const char *digest, const uint8_t *hash, size_t hash_len, uint8_t *out,
                       size_t out_size, size_t *out_len);

/* The key for OpenSSL; the caller's (EVP_PKEY_free). NULL when it is no key. */
EVP_PKEY *host_public_key(OSSL_LIB_CTX *libctx, const struct token_public_key *key);

/* Verifies a signature over `data` as the scheme takes it: the hash, or for mechanisms without digest the data itself.
 * CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, CKR_DATA_LEN_RANGE. */
CK_RV host_verify(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                  const struct mechanism_parameters *parameters, const struct token_public_key *key,
                  const uint8_t *data, size_t data_len, const uint8_t *signature,
                  size_t signature_len);

/* Encrypts to a public key. *out_len is the room in out, then the length. CKR_DATA_LEN_RANGE. */
CK_RV host_encrypt(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                   const struct mechanism_parameters *parameters,
                   const struct token_public_key *key, const uint8_t *data, size_t data_len,
                   uint8_t *out, size_t *out_len);

#endif
