/* Secret keys on the host: ciphers and MACs. */
#ifndef OPENUKEY_CRYPTOKI_HOST_SECRET_H
#define OPENUKEY_CRYPTOKI_HOST_SECRET_H

#include "module/cryptoki/host.h"
#include "module/cryptoki/mechanisms.h"
#include "module/formats/octets.h"

/* An encryption or decryption under way. What it will give is known before it is given, so that a caller can ask for room
 * first:
 *   - update gives all blocks that are certain. Decryption with padding keeps the last block back.
 *   - GCM decryption and key wrap keep everything back until it is whole: nothing is given that has not been verified. */
struct host_cipher;

/* `parameters` must live as long. CKR_KEY_SIZE_RANGE, CKR_MECHANISM_INVALID, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED. */
CK_RV host_cipher_new(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                      const struct mechanism_parameters *parameters, const uint8_t *key,
                      size_t key_len, bool encrypts, struct host_cipher **out);
/* Cleanses. Takes NULL. */
void host_cipher_free(struct host_cipher *cipher);
/* Another one in the same state, with parameters that are the same; NULL on failure. */
struct host_cipher *host_cipher_copy(const struct host_cipher *cipher,
                                     const struct mechanism_parameters *parameters);

/* The parameters have another place now. */
void host_cipher_moved(struct host_cipher *cipher, const struct mechanism_parameters *parameters);

/* Bytes that an update with so many will give. */
size_t host_cipher_update_size(const struct host_cipher *cipher, size_t len);
/* in and out may be the same or overlap. CKR_DATA_LEN_RANGE (the counter would come round). */
CK_RV host_cipher_update(struct host_cipher *cipher, const uint8_t *in, size_t len, uint8_t *out);

/* Bytes kept back until all is there. */
size_t host_cipher_gathered(const struct host_cipher *cipher);

/* The most that is still to come; exact when encrypting. */
size_t host_cipher_final_bound(const struct host_cipher *cipher);
/* What is still to come; the cipher stays as it is. *out is the caller's.
 * CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID. */
CK_RV host_cipher_final(const struct host_cipher *cipher, struct octets *out);

/* One message at once, with a cipher that nothing was given yet: update and final in one. *out is the caller's.
 * The cipher is used up. */
CK_RV host_cipher_once(struct host_cipher *cipher, const uint8_t *in, size_t len,
                       struct octets *out);
size_t host_cipher_once_bound(const struct host_cipher *cipher, size_t len);

/* ---- MACs: `algorithm` is a digest's name for HMAC, or HOST_CMAC (of AES) ---- */

#define HOST_CMAC "CMAC"

/* Bytes of a whole MAC, 0 if unknown. */
size_t host_mac_size(const char *algorithm);
/* NULL: no such MAC, or not with a key of this length. */
EVP_MAC_CTX *host_mac_new(OSSL_LIB_CTX *libctx, const char *algorithm, const uint8_t *key,
                          size_t key_len);
void host_mac_free(EVP_MAC_CTX *mac);
EVP_MAC_CTX *host_mac_copy(const EVP_MAC_CTX *mac);
CK_RV host_mac_update(EVP_MAC_CTX *mac, const uint8_t *data, size_t len);
/* out: EVP_MAX_MD_SIZE bytes. */
CK_RV host_mac_final(EVP_MAC_CTX *mac, uint8_t *out, size_t *len);

/* ---- random numbers ---- */

CK_RV host_random(OSSL_LIB_CTX *libctx, uint8_t *out, size_t len);

#endif
