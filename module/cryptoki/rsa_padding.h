/* RSA paddings around a card's raw private operation (RFC 8017). */
#ifndef OPENUKEY_CRYPTOKI_RSA_PADDING_H
#define OPENUKEY_CRYPTOKI_RSA_PADDING_H

#include "pkcs11.h"

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

/* EMSA-PSS (9.1.1) of a hash into one block of the modulus' size.
 * CKR_DATA_LEN_RANGE: the hash has not its digest's length; CKR_KEY_SIZE_RANGE: hash and salt do not fit. */
CK_RV rsa_pss_encode(OSSL_LIB_CTX *libctx, const char *digest, const char *mgf_digest,
                     size_t salt_len, const uint8_t *hash, size_t hash_len, size_t modulus_bits,
                     uint8_t *block);

/* EMSA-PKCS1-v1_5 (9.2, steps 3 - 5) of a DigestInfo, or whatever stands in its place, into a block of k bytes; in place
 * if data is in block. CKR_DATA_LEN_RANGE: it leaves less than eight bytes of padding. */
CK_RV rsa_pkcs1_encode(const uint8_t *data, size_t len, uint8_t *block, size_t k);

/* EME-PKCS1-v1_5 (7.2.2 step 3) and EME-OAEP (7.1.2 step 3): the message in a decrypted block. Time does not depend on
 * where or why the padding is wrong. out has room for k bytes. CKR_ENCRYPTED_DATA_INVALID. */
CK_RV rsa_pkcs1_decode(const uint8_t *block, size_t k, uint8_t *out, size_t *out_len);
CK_RV rsa_oaep_decode(OSSL_LIB_CTX *libctx, const char *digest, const char *mgf_digest,
                      const uint8_t *label, size_t label_len, const uint8_t *block, size_t k,
                      uint8_t *out, size_t *out_len);

#endif
