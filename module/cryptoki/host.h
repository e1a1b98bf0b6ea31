/* Cryptography on the host: OpenSSL 3 in a library context of our own, so that the program's OpenSSL is never touched.
 * Here the context and the digests; host_keys.h has public and private keys, host_secret.h ciphers and MACs. */
#ifndef OPENUKEY_CRYPTOKI_HOST_H
#define OPENUKEY_CRYPTOKI_HOST_H

#include "module/formats/sm2.h"
#include "pkcs11.h"

#include <openssl/evp.h>

enum { RSA_BLOCK_MAX = 512 }; /* bytes of the largest modulus that anything here works with */

/* A new context with the default provider, whatever the program's configuration says; NULL on failure. */
OSSL_LIB_CTX *host_context_new(void);

/* Some programs call us from exit handlers after OpenSSL's own: then everything of OpenSSL's is gone already, and is
 * left alone. Both take NULL. */
void host_context_free(OSSL_LIB_CTX *libctx);
void host_digest_free(EVP_MD_CTX *digest);
bool host_is_alive(void);

/* A digest under way; NULL: no such digest. */
EVP_MD_CTX *host_digest_new(OSSL_LIB_CTX *libctx, const char *name);
/* Another digest in the same state; NULL on failure. */
EVP_MD_CTX *host_digest_copy(const EVP_MD_CTX *digest);
/* Bytes of a digest by OpenSSL's name, 0 if unknown. */
size_t host_digest_size(const char *name);
CK_RV host_digest_update(EVP_MD_CTX *digest, const uint8_t *data, size_t len);
/* out: EVP_MAX_MD_SIZE bytes. */
CK_RV host_digest_final(EVP_MD_CTX *digest, uint8_t *out, size_t *len);

/* SM3 begun with Z (sm2_identity_digest). */
EVP_MD_CTX *host_sm2_digest_new(OSSL_LIB_CTX *libctx, const struct sm2_point *key,
                                const uint8_t *id, size_t id_len);

/* DER DigestInfo of a hash. TOO short a buffer or an unknown digest: CKR_GENERAL_ERROR. */
CK_RV host_digest_info(const char *digest, const uint8_t *hash, size_t hash_len, uint8_t *out,
                       size_t out_size, size_t *out_len);

#endif
